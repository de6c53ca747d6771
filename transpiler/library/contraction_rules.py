"""Products of vectors, matrices and tensors: `@`, dot, einsum and their relatives, all through the one contraction."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import ShapeError, UnsupportedSyntax
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.index import At, whole
from gradscribe.transpiler.ir.nodes import OPERATORS, Operand
from gradscribe.transpiler.library.arguments import (
    common,
    data,
    one_axis,
    refuse_given,
    reshaped,
    static_int,
    static_value,
    strong,
)
from gradscribe.transpiler.library.diagonal_rules import diagonal
from gradscribe.transpiler.library.shape_rules import ravel, stack
from gradscribe.transpiler.primitives.complex_numbers import conjugated
from gradscribe.transpiler.primitives.contraction import contract
from gradscribe.transpiler.primitives.reductions import reduce_sum
from gradscribe.transpiler.primitives.structure import index, permute

Rule = Callable[..., Any]
_LETTERS = "ijklmnopqrstuvwxyzabcdefgh"


def _arrays(*values: Any) -> list[Operand]:
    return [strong(data(x)) for x in values]


def _vectors(*values: Any) -> list[Operand]:
    return [ravel(x) for x in values]


def matmul(x1: Any, x2: Any) -> Any:
    """`x1 @ x2`: leading axes are stacks and broadcast."""
    x, y = _arrays(x1, x2)
    if not x.rank or not y.rank:
        raise ShapeError(current_span(), "a scalar is not an operand of `@`", "use `*`")
    if x.rank == 1 or y.rank == 1:
        batch = _LETTERS[: max(x.rank, y.rank) - 2] if max(x.rank, y.rank) > 2 else ""
        a = "X" if x.rank == 1 else f"{batch}YX"
        b = "X" if y.rank == 1 else f"{batch}XZ"
        return contract(x, y, a, b, batch + ("Y" if x.rank > 1 else "") + ("Z" if y.rank > 1 else ""))
    count = max(x.rank, y.rank) - 2
    letters = _LETTERS[:count]
    a, x = _stack_letters(x, y, letters)
    b, y = _stack_letters(y, x, letters)
    out = "".join(letter for letter in letters if letter in a + b)
    product = contract(x, y, a + "YX", b + "XZ", out + "YZ")
    if len(out) < count:  # an axis that is 1 in both
        shape = [Dim.of(1)] * count
        for k, letter in enumerate(letters):
            if letter in out:
                shape[k] = product.shape[out.index(letter)]
        product = reshaped(product, (*shape, *product.shape[-2:]))
    return product


def _stack_letters(x: Operand, other: Operand, letters: str) -> tuple[str, Operand]:
    """Letters of the leading axes of x without those of size 1, and x without these axes."""
    own = letters[len(letters) - (x.rank - 2) :]
    kept = [k for k in range(x.rank - 2) if equalities().normalize(x.shape[k]) != 1]
    shape = (*(x.shape[k] for k in kept), *x.shape[-2:])
    return "".join(own[k] for k in kept), reshaped(x, shape)


def dot(a: Any, b: Any, out: Any = None) -> Any:
    refuse_given("np.dot", out=(out, None))
    x, y = _arrays(a, b)
    if not x.rank or not y.rank:
        return OPERATORS["multiply"](x, y)
    left, right = _LETTERS[: x.rank - 1], _LETTERS[x.rank : x.rank + y.rank - 1]
    if y.rank == 1:
        return contract(x, y, left + "X", "X", left)
    return contract(x, y, left + "X", f"{right[:-1]}X{right[-1]}", left + right)


def inner(a: Any, b: Any) -> Any:
    x, y = _arrays(a, b)
    if not x.rank or not y.rank:
        return OPERATORS["multiply"](x, y)
    left, right = _LETTERS[: x.rank - 1], _LETTERS[x.rank : x.rank + y.rank - 1]
    return contract(x, y, left + "X", right + "X", left + right)


def outer(a: Any, b: Any, out: Any = None) -> Any:
    refuse_given("np.outer", out=(out, None))
    x, y = _vectors(a, b)
    return contract(x, y, "i", "j", "ij")


def vdot(a: Any, b: Any) -> Any:
    x, y = _vectors(a, b)
    return contract(conjugated(x), y, "i", "i", "")


def vecdot(x1: Any, x2: Any, axis: Any = -1) -> Any:
    x, y = _arrays(x1, x2)
    if static_int(axis, "axis") != -1 or x.rank != y.rank:
        raise UnsupportedSyntax(current_span(), "`np.vecdot` with an axis or broadcasting")
    letters = _LETTERS[: x.rank]
    return contract(conjugated(x), y, letters, letters, letters[:-1])


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    x, y = _arrays(a, b)
    axes = static_value(axes, "axes")
    if isinstance(axes, (tuple, list)):
        axes_x, axes_y = (list(w) if isinstance(w, (tuple, list)) else [w] for w in axes)
    else:
        count = static_int(axes, "axes")
        axes_x, axes_y = list(range(x.rank - count, x.rank)), list(range(count))
    axes_x = [one_axis(k, x.rank, "np.tensordot") for k in axes_x]
    axes_y = [one_axis(k, y.rank, "np.tensordot") for k in axes_y]
    if len(axes_x) != len(axes_y):
        raise ShapeError(current_span(), "`np.tensordot` contracts as many axes of either operand")
    fresh = iter(_LETTERS)
    word_x = [next(fresh) for _ in range(x.rank)]
    word_y = [next(fresh) for _ in range(y.rank)]
    for p, q in zip(axes_x, axes_y, strict=True):
        word_y[q] = word_x[p]
    free = [c for k, c in enumerate(word_x) if k not in axes_x] + [c for k, c in enumerate(word_y) if k not in axes_y]
    return contract(x, y, "".join(word_x), "".join(word_y), "".join(free))


def trace(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1, dtype: Any = None, out: Any = None) -> Any:
    refuse_given("np.trace", dtype=(dtype, None), out=(out, None))
    entries = diagonal(a, offset, axis1, axis2)
    return reduce_sum(entries, axes=(entries.rank - 1,))


def kron(a: Any, b: Any) -> Any:
    x, y = _arrays(a, b)
    rank = max(x.rank, y.rank)
    x = reshaped(x, (Dim.of(1),) * (rank - x.rank) + x.shape)
    y = reshaped(y, (Dim.of(1),) * (rank - y.rank) + y.shape)
    spread_x = [d for size in x.shape for d in (size, Dim.of(1))]
    spread_y = [d for size in y.shape for d in (Dim.of(1), size)]
    product = OPERATORS["multiply"](reshaped(x, spread_x), reshaped(y, spread_y))
    return reshaped(product, [m * n for m, n in zip(x.shape, y.shape, strict=True)])


def cross(a: Any, b: Any, axisa: Any = -1, axisb: Any = -1, axisc: Any = -1, axis: Any = None) -> Any:
    """Vectors of three components in the last axis."""
    refuse_given("np.cross", axisa=(axisa, -1), axisb=(axisb, -1), axisc=(axisc, -1), axis=(axis, None))
    x, y = common(_arrays(a, b))
    for operand in (x, y):
        equalities().require(operand.shape[-1], Dim.of(3), "np.cross")

    def component(operand: Operand, k: int) -> Operand:
        at = (*whole(operand.shape[:-1]), At(Dim.of(k)))
        return emit(index, (operand,), {"at": at})[0]

    (x0, x1, x2), (y0, y1, y2) = ([component(w, k) for k in range(3)] for w in (x, y))
    parts: list[Any] = [x1 * y2 - x2 * y1, x2 * y0 - x0 * y2, x0 * y1 - x1 * y0]
    return stack(parts, -1)


def multi_dot(arrays: Any, *, out: Any = None) -> Any:
    """The product from left to right (NumPy chooses the cheapest order; values agree up to rounding)."""
    refuse_given("np.linalg.multi_dot", out=(out, None))
    result, *rest = arrays
    for x in rest:
        result = dot(result, x)
    return result


def polyval(p: Any, x: Any) -> Any:
    """Horner's scheme; the number of coefficients has to be static."""
    coefficients = list(p) if isinstance(p, (list, tuple)) else strong(data(p))
    points = strong(data(x))
    if not isinstance(coefficients, list):
        count = static_int(coefficients.shape[0], "the number of coefficients")
        coefficients = [emit(index, (coefficients,), {"at": (At(Dim.of(k)),)})[0] for k in range(count)]
    result: Any = OPERATORS["multiply"](points, 0)
    for k, c in enumerate(coefficients):
        result = data(c) + (result * points if k else result)
    return result


# ---- einsum ----


def einsum(subscripts: Any, *operands: Any, out: Any = None, optimize: Any = False, **options: Any) -> Any:
    """Two operands are one contraction; more are contracted from left to right."""
    refuse_given("np.einsum", out=(out, None))
    text = static_value(subscripts, "the subscripts of `np.einsum`")
    if not isinstance(text, str) or any(value is not None for value in options.values()):
        raise UnsupportedSyntax(current_span(), "`np.einsum` takes its subscripts as a string and no options")
    arrays = common(_arrays(*operands))
    words, result = _subscripts(text.replace(" ", ""), arrays)
    pairs = [_without_repeats(x, word) for x, word in zip(arrays, words, strict=True)]
    while len(pairs) > 1:
        (x, a), (y, b), *rest = pairs
        needed = result + "".join(word for _, word in rest)
        left = "".join(dict.fromkeys(letter for letter in a + b if letter in needed))
        merged = result if not rest else left
        pairs = [(contract(x, y, a, b, merged), merged), *rest]
    ((x, word),) = pairs
    axes = tuple(k for k, letter in enumerate(word) if letter not in result)
    if axes:
        x, word = reduce_sum(x, axes=axes), "".join(letter for letter in word if letter in result)
    order = tuple(word.index(letter) for letter in result)
    return x if order == tuple(range(len(order))) else permute(x, axes=order)


def _subscripts(text: str, arrays: list[Operand]) -> tuple[list[str], str]:
    """One word per operand and the result's word; ellipses are spelled out, an implicit result is NumPy's."""
    left, arrow, result = text.partition("->")
    words = left.split(",")
    if len(words) != len(arrays):
        raise ShapeError(current_span(), f"`np.einsum({text!r})` names {len(words)} operands, {len(arrays)} are given")
    used = set(text)
    spare = "".join(c for c in itertools.chain(_LETTERS, _LETTERS.upper()) if c not in used)
    widths = [x.rank - len(w.replace("...", "")) if "..." in w else 0 for w, x in zip(words, arrays, strict=True)]
    widest = max(widths, default=0)
    words = [
        w.replace("...", spare[widest - n : widest]) if "..." in w else w for w, n in zip(words, widths, strict=True)
    ]
    everything = "".join(words)
    if arrow:
        result = result.replace("...", spare[:widest])
    else:
        once = sorted(c for c in everything if everything.count(c) == 1 and c not in spare[:widest])
        result = spare[:widest] + "".join(once)
    for word, x in zip(words, arrays, strict=True):
        if len(word) != x.rank:
            raise ShapeError(current_span(), f"`np.einsum`: {word!r} does not name the {x.rank} axes of its operand")
    if any(c not in everything for c in result):
        raise ShapeError(current_span(), f"`np.einsum`: the result {result!r} has a letter that no operand has")
    return words, result


def _without_repeats(x: Operand, word: str) -> tuple[Operand, str]:
    """The diagonal where a letter stands twice in one operand."""
    for letter in dict.fromkeys(word):
        while word.count(letter) > 1:
            p = word.index(letter)
            q = word.index(letter, p + 1)
            x = diagonal(x, 0, p, q)
            word = "".join(c for k, c in enumerate(word) if k not in (p, q)) + letter
    return x, word


CONTRACTION_RULES: dict[Any, Rule] = {
    np.matmul: matmul,
    np.dot: dot,
    np.inner: inner,
    np.outer: outer,
    np.vdot: vdot,
    np.vecdot: vecdot,
    np.tensordot: tensordot,
    np.einsum: einsum,
    np.trace: trace,
    np.kron: kron,
    np.cross: cross,
    np.polyval: polyval,
    np.linalg.multi_dot: multi_dot,
    np.linalg.outer: outer,
    np.linalg.matmul: matmul,
    np.linalg.vecdot: lambda x1, x2, /, *, axis=-1: vecdot(x1, x2, axis),
    np.linalg.tensordot: lambda x1, x2, /, *, axes=2: tensordot(x1, x2, axes),
}
