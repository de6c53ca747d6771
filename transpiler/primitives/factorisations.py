"""Gaussian elimination with partial pivoting and the Cholesky factorisation, as loops: `np.linalg` for native code.

In: a matrix or a stack of matrices. Out: what NumPy's function gives. Singular and indefinite matrices raise
`numpy.linalg.LinAlgError` as in NumPy. Source: Golub & Van Loan, Matrix Computations, algorithms 3.4.1 and 4.2.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim, DimLike
from gradscribe.transpiler.ir.index import At, Index, Slice, whole
from gradscribe.transpiler.ir.nodes import Literal, Operand, Var
from gradscribe.transpiler.primitives.allocation import dim_value, empty, eye, zeros
from gradscribe.transpiler.primitives.arithmetic import equal, not_equal, select
from gradscribe.transpiler.primitives.checks import check
from gradscribe.transpiler.primitives.conversion import convert
from gradscribe.transpiler.primitives.elementary import log, sqrt
from gradscribe.transpiler.primitives.piecewise import absolute, sign
from gradscribe.transpiler.primitives.regions import for_loop
from gradscribe.transpiler.primitives.structure import index, reshape, update

Arrays = Sequence[Operand]


def _load(x: Operand, *at: DimLike) -> Operand:
    element: Operand = index(x, at=_position(x, *at))
    return element


def _store(x: Operand, value: Any, *at: DimLike) -> Operand:
    stored: Operand = update(x, value, at=_position(x, *at))
    return stored


def _position(x: Operand, *at: DimLike) -> Index:
    """An element, or a row where fewer positions than axes are given."""
    return (*(At(Dim.of(k)) for k in at), *whole(x.shape[len(at) :]))


def _tail(x: Operand, row: DimLike, start: Dim) -> Index:
    """Row `row` from column `start` on."""
    return At(Dim.of(row)), Slice(start, x.shape[1] - start)


def _refuse_unless(condition: Operand, message: str) -> None:
    emit(check, (condition,), {"message": message, "error": np.linalg.LinAlgError})


def _over_stack(
    one: Callable[..., Operand], operands: Arrays, shape: tuple[Dim, ...], dtype: Any, rank: int
) -> Operand:
    """`one` applied matrix by matrix: to the last `rank` axes of the first operand, and what goes with them."""
    if operands[0].rank == rank:
        return one(*operands)

    def body(k: Var, out: Operand) -> Arrays:
        parts = [_load(x, k) for x in operands]
        return (_store(out, _over_stack(one, parts, shape[1:], dtype, rank), k),)

    (out,) = for_loop(0, shape[0], [empty(shape=shape, dtype=dtype)], body)
    return out


def _pivot(a: Operand, k: Var) -> Operand:
    """The row at or below k with the largest element in column k."""

    def body(i: Var, best: Operand) -> Arrays:
        assert isinstance(best, Var)
        larger = absolute(_load(a, i, k)) > absolute(_load(a, best, k))
        return (select(larger, i, best),)

    (best,) = for_loop(Dim.of(k) + 1, a.shape[0], [emit(dim_value, (), {"dim": Dim.of(k)})[0]], body, hints=["pivot"])
    return best


def _swapped(x: Operand, p: Operand, q: Operand) -> Operand:
    assert isinstance(p, Var) and isinstance(q, Var)
    upper, lower = _load(x, p), _load(x, q)
    return _store(_store(x, lower, p), upper, q)


def _eliminated(a: Operand, b: Operand | None, regular: bool) -> tuple[Operand, Operand | None, Operand]:
    """Upper triangular form of a, b carried along, and the sign of the row exchanges."""
    n = a.shape[0]
    one = Literal(a.dtype.type(1))

    def column(k: Var, a: Operand, parity: Operand, *rest: Operand) -> Arrays:
        p = _pivot(a, k)
        parity = select(not_equal(p, k), -parity, parity)
        a, rest = _swapped(a, k, p), tuple(_swapped(b, k, p) for b in rest)
        pivot = _load(a, k, k)
        if regular:
            _refuse_unless(not_equal(pivot, 0.0), "Singular matrix")
        divisor = select(equal(pivot, 0.0), 1.0, pivot)  # below a zero pivot the column is zero already

        def row(i: Var, a: Operand, *rest: Operand) -> Arrays:
            factor = _load(a, i, k) / divisor
            here, there = _tail(a, i, Dim.of(k)), _tail(a, k, Dim.of(k))
            lowered = update(a, index(a, at=here) - factor * index(a, at=there), at=here)
            return (lowered, *(_store(b, _load(b, i) - factor * _load(b, k), i) for b in rest))

        a, *others = for_loop(Dim.of(k) + 1, n, [a, *rest], row)
        return (a, parity, *others)

    a, parity, *others = for_loop(0, n, [a, one, *([] if b is None else [b])], column)
    return a, others[0] if others else None, parity


def _solve_one(a: Operand, b: Operand) -> Operand:
    columns = b if b.rank == 2 else reshape(b, shape=(*b.shape, Dim.of(1)))
    upper, right, _ = _eliminated(a, columns, True)
    assert right is not None

    def back(k: Var, x: Operand) -> Arrays:
        def known(j: Var, x: Operand) -> Arrays:
            return (_store(x, _load(x, k) - _load(upper, k, j) * _load(x, j), k),)

        (x,) = for_loop(Dim.of(k) + 1, a.shape[0], [x], known)
        return (_store(x, _load(x, k) / _load(upper, k, k), k),)

    (x,) = for_loop(0, a.shape[0], [right], back, direction=-1)
    return x if b.rank == 2 else reshape(x, shape=b.shape)


def _in(dtype: Any, *operands: Operand) -> list[Operand]:
    return [x if x.dtype == dtype else convert(x, dtype=dtype) for x in operands]


def _float(*operands: Operand) -> Any:
    dtype = np.result_type(*(x.dtype for x in operands))
    return dtype if dtype.kind in "fc" else np.dtype(np.float64)


def solve_by_elimination(a: Operand, b: Operand) -> Operand:
    dtype = _float(a, b)
    return _over_stack(_solve_one, _in(dtype, a, b), b.shape, dtype, 2)


def inverse_by_elimination(a: Operand) -> Operand:
    dtype, n = _float(a), a.shape[-1]

    def one(x: Operand) -> Operand:
        return _solve_one(x, eye(rows=n, columns=n, k=0, dtype=dtype))

    return _over_stack(one, _in(dtype, a), a.shape, dtype, 2)


def _of_diagonal(first: Callable[[Operand], Operand], step: Callable[[Operand, Operand], Operand]) -> Any:
    """A number gathered from the diagonal of the eliminated matrix, from the sign of the exchanges on."""

    def expand(a: Operand) -> Operand:
        dtype = _float(a)

        def one(x: Operand) -> Operand:
            upper, _, parity = _eliminated(x, None, False)

            def body(k: Var, acc: Operand) -> Arrays:
                return (step(acc, _load(upper, k, k)),)

            (total,) = for_loop(0, x.shape[0], [first(parity)], body)
            return total

        return _over_stack(one, _in(dtype, a), a.shape[:-2], dtype, 2)

    return expand


determinant_by_elimination = _of_diagonal(lambda parity: parity, lambda acc, d: acc * d)
determinant_sign_by_elimination = _of_diagonal(lambda parity: parity, lambda acc, d: acc * sign(d))
log_determinant_by_elimination = _of_diagonal(
    lambda parity: Literal(parity.dtype.type(0)), lambda acc, d: acc + log(absolute(d))
)


def _cholesky_one(a: Operand) -> Operand:
    def row(i: Var, factor: Operand) -> Arrays:
        def rest(factor: Operand, j: Var) -> Operand:
            """a_ij minus the product of rows i and j so far."""

            def body(k: Var, s: Operand) -> Arrays:
                return (s - _load(factor, i, k) * _load(factor, j, k),)

            (s,) = for_loop(0, Dim.of(j), [_load(a, i, j)], body)
            return s

        def below(j: Var, factor: Operand) -> Arrays:
            return (_store(factor, rest(factor, j) / _load(factor, j, j), i, j),)

        (factor,) = for_loop(0, Dim.of(i), [factor], below)
        square = rest(factor, i)
        _refuse_unless(square > 0.0, "Matrix is not positive definite")
        return (_store(factor, sqrt(square), i, i),)

    (factor,) = for_loop(0, a.shape[0], [zeros(shape=a.shape, dtype=a.dtype)], row)
    return factor


def cholesky_by_rows(a: Operand) -> Operand:
    dtype = _float(a)
    return _over_stack(_cholesky_one, _in(dtype, a), a.shape, dtype, 2)
