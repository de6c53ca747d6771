"""Lowering keeps meaning: the lowered program run by the evaluator equals the array-level one; and it has the form it
promises."""

import numpy as np
import pytest
from tests.fuzz.ir_programs import random_case
from tests.native.array_programs import random_array_program
from tests.native.kernels_by_hand import jacobi_adjoint, jacobi_forward, softmax

from gradscribe.transpiler.ir.builder import build_body, emit
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.index import At, Slice
from gradscribe.transpiler.ir.nodes import Function, Operand, Var
from gradscribe.transpiler.ir.types import array
from gradscribe.transpiler.ir.verify import verify
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.passes.bufferize import bufferize
from gradscribe.transpiler.passes.lower.contractions import matmul
from gradscribe.transpiler.passes.lower.lowering import lower
from gradscribe.transpiler.passes.ownership import WRITES
from gradscribe.transpiler.primitives.allocation import empty, zeros
from gradscribe.transpiler.primitives.arithmetic import equal
from gradscribe.transpiler.primitives.contraction import contract
from gradscribe.transpiler.primitives.conversion import copy
from gradscribe.transpiler.primitives.elementary import exp, tanh
from gradscribe.transpiler.primitives.primitive import PRIMITIVES, Elementwise, Reduction
from gradscribe.transpiler.primitives.reductions import reduce_max, reduce_sum
from gradscribe.transpiler.primitives.regions import loop
from gradscribe.transpiler.primitives.structure import index, permute, reshape, update, update_add

N, M = Symbol("n"), Symbol("m")


def lowered(function, *args, tolerance=1e-9):
    """The lowered program, after it was found equal to the original on `args`."""
    verify(function)
    result = lower(function)
    verify(result)
    for expected, got in zip(evaluate(function, *args), evaluate(result, *args), strict=True):
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=1e-12)
        assert np.asarray(got).dtype == np.asarray(expected).dtype
    return result


def count(function, operation):
    return sum(e.operation is operation for e in inner_eqns(function.region))


def matrix(*names, dtype=np.float64):
    return [Var(array(dtype, N, M), name) for name in names]


@pytest.mark.parametrize("block", range(4))
def test_random_array_programs(block):
    for seed in range(25 * block, 25 * block + 25):
        case = random_array_program(seed)
        lowered(case.function, *case.args)


@pytest.mark.parametrize("block", range(2))
def test_random_structured_programs(block):
    for seed in range(20 * block, 20 * block + 20):
        case = random_case(seed)
        lowered(case.function, *case.args)


def test_only_scalars_loops_and_allocations_are_left():
    for seed in range(30):
        case = random_array_program(seed)
        for eqn in inner_eqns(lower(case.function).region):
            if eqn.operation is index or eqn.operation in WRITES:
                assert all(isinstance(c, At) for c in eqn.params["at"])
            assert not isinstance(eqn.operation, Reduction)
            if isinstance(eqn.operation, Elementwise):
                assert all(not x.type.dims() for x in eqn.operands)


def test_scalar_equations_have_one_dtype(rng):
    x, y = matrix("x", "y", dtype=np.float32)
    f = Function("f", build_body([x, y], lambda x, y: (tanh(x * 0.5 + y**2) / 3,)))
    result = lowered(f, rng.random((3, 4)).astype(np.float32), rng.random((3, 4)).astype(np.float32), tolerance=1e-6)
    for eqn in inner_eqns(result.region):
        if isinstance(eqn.operation, Elementwise):
            assert {x.dtype.name for x in eqn.operands} == {"float32"}, eqn


def test_shared_expression_is_computed_once_in_one_nest(rng):
    (x,) = matrix("x")

    def body(x):
        y = tanh(x)
        return reduce_sum(y, axes=(0, 1)), reduce_sum(y * y, axes=(0,)), y * 2.0

    result = lowered(Function("f", build_body([x], body)), rng.random((3, 4)))
    assert count(result, tanh) == 1
    assert count(result, loop) == 2  # one nest of two loops
    assert count(result, empty) == 1  # tanh(x) itself is never stored


def test_softmax_is_one_loop_over_rows(rng):
    result = lowered(softmax(), rng.random((3, 4)))
    outer = [e for e in result.region.eqns if e.operation is loop]
    assert len(outer) == 1
    assert count(result, exp) == 1
    assert count(result, reduce_max) == 0


def test_in_place_expression_reads_the_carry_and_needs_no_copy(rng):
    (x,) = matrix("x")
    at = (Slice(Dim.of(1), Dim.of(N) - 1), Slice(Dim.of(0), Dim.of(M)))
    f = Function("f", build_body([x], lambda x: (update(x, index(x, at=at) * 2.0 + 1.0, at=at),)))
    result = lowered(f, rng.random((3, 4)))
    assert bufferize(result, result.params).copies == 0


def test_shifted_read_stores_the_slice_and_not_the_array(rng):
    (x,) = matrix("x")
    rows = lambda k: (Slice(Dim.of(k), Dim.of(N) - 1), Slice(Dim.of(0), Dim.of(M)))
    f = Function("f", build_body([x], lambda x: (update(x, index(x, at=rows(0)), at=rows(1)),)))
    result = lowered(f, rng.random((4, 3)))
    assert bufferize(result, result.params).copies == 0
    (workspace,) = [e for e in inner_eqns(result.region) if e.operation is empty]
    assert workspace.params["shape"] == (Dim.of(N) - 1, Dim.of(M))


def test_swap_of_two_rows_is_one_loop_without_copies(rng):
    (x,) = matrix("x")
    row = lambda k: (At(Dim.of(k)), Slice(Dim.of(0), Dim.of(M)))

    def swap(x):
        first = index(x, at=row(0))
        y = update(x, index(x, at=row(1)), at=row(0))
        return (update(y, first, at=row(1)),)

    result = lowered(Function("swap", build_body([x], swap)), rng.random((3, 4)))
    assert bufferize(result, result.params).copies == 0
    assert count(result, empty) == 0
    assert count(result, loop) == 1


@pytest.mark.parametrize("size", [2, 3, 4, 5, 8])
def test_gather_of_a_stencil_adjoint(size, rng):
    result = lowered(jacobi_adjoint(), 3, rng.random((size, size)), rng.random((size, size)))
    assert bufferize(result, result.params[1:]).copies == 0
    assert count(result, empty) == count(result, zeros) == 0


def test_jacobi_has_two_nests_and_no_array_of_its_own(rng):
    result = lowered(jacobi_forward(), 3, rng.random((6, 6)), rng.random((6, 6)))
    assert count(result, loop) == 5
    assert count(result, empty) == 0


def test_contractions_become_products_of_matrices(rng):
    x, y = Var(array(np.float64, N, M), "x"), Var(array(np.float64, N, M), "y")
    f = Function(
        "f", build_body([x, y], lambda x, y: (contract(x, y, "ij", "kj", "ik"), contract(x, y, "ij", "ik", "kj")))
    )
    result = lowered(f, rng.random((3, 4)), rng.random((3, 4)))
    products = [e for e in inner_eqns(result.region) if e.operation is matmul]
    assert [(e.params["trans_x"], e.params["trans_y"]) for e in products] == [(False, True), (True, False)]


def test_contraction_of_tensors(rng):
    x = Var(array(np.float64, N, M, 20), "x")
    y = Var(array(np.float64, 20, M, 30), "y")
    f = Function(
        "f", build_body([x, y], lambda x, y: (contract(x, y, "ijk", "kjl", "il"), contract(x, y, "ijk", "kjl", "jli")))
    )
    lowered(f, rng.random((3, 4, 20)), rng.random((20, 4, 30)))


def test_results_share_no_memory_with_one_another_or_the_arguments(rng):
    (x,) = matrix("x")

    def body(x):
        y = copy(x)
        return y, x, copy(y)

    result = lowered(Function("f", build_body([x], body)), rng.random((3, 4)))
    assert count(result, copy) == 2
    assert result.results[1] is result.params[0]


def test_reduction_along_the_first_axis_runs_by_rows(rng):
    (x,) = matrix("x")
    result = lowered(Function("f", build_body([x], lambda x: (reduce_sum(x, axes=(0,)),))), rng.random((3, 4)))
    (outer,) = [e for e in result.region.eqns if e.operation is loop]
    assert outer.params["hi"] == Dim.of(N)


def test_expansions_cover_every_sample_of_the_table():
    """Every primitive lowers, or says that it has no native form."""
    checked = 0
    for name, primitive in list(PRIMITIVES.items()):
        for k, sample in enumerate(primitive.samples):
            for dtype in (np.dtype(np.float64), np.dtype(np.float32)):
                generator = np.random.default_rng(k)
                args = [make(generator, dtype) for make in sample.operands]
                params = {key: _as_dims(key, value) for key, value in sample.params.items()}
                operands = [Var(array(np.asarray(a).dtype, *np.shape(a))) for a in args]
                region = build_body(operands, lambda *v, p=primitive, facts=params: emit(p, v, facts))
                lowered(Function(name, region), *args, tolerance=1e-5 if dtype == np.float32 else 1e-12)
                checked += 1
    assert checked > 300


def _as_dims(key, value):
    if key == "shape":
        return tuple(Dim.of(d) for d in value)
    return Dim.of(value) if key in ("start", "length", "dim", "rows", "columns", "size") else value


def test_additions_keep_their_order(rng):
    """A gather adds the terms of one element in the order of the statements: equal to the last bit."""
    x, v = Var(array(np.float64, N), "x"), Var(array(np.float64, N), "v")
    short = Dim.of(N) - 2

    def body(x, v):
        part = index(v, at=(Slice(Dim.of(0), short),))
        for start in (2, 0, 1):
            x = update_add(x, part, at=(Slice(Dim.of(start), short),))
        return (x,)

    f = Function("f", build_body([x, v], body))
    args = rng.random(9) * 1e10, rng.random(9)
    np.testing.assert_array_equal(evaluate(f, *args)[0], evaluate(lower(f), *args)[0])


def test_transposed_and_reshaped_reads_are_not_stored(rng):
    (x,) = matrix("x")

    def body(x):
        column = reshape(index(x, at=(Slice(Dim.of(0), Dim.of(N)), At(Dim.of(0)))), shape=(Dim.of(N), Dim.of(1)))
        return (permute(x - column, axes=(1, 0)),)

    result = lowered(Function("f", build_body([x], body)), rng.random((3, 4)))
    assert count(result, empty) == 1


def test_what_a_maximum_is_compared_with_is_stored_once() -> None:
    """Recomputed in a second loop, a * b + c may be contracted differently and equal no maximum."""
    n = Symbol("n")
    a, b, c = (Var(array(np.float64, n, n), name) for name in "abc")

    def body(a: Var, b: Var, c: Var) -> list[Operand]:
        x = a * b + c
        largest = reduce_max(x, axes=(1,))
        column = PRIMITIVES["reshape"](largest, shape=(Dim.of(n), Dim.of(1)))
        ties = PRIMITIVES["convert"](emit(equal, (x, column))[0], dtype=np.dtype(float))
        return [largest, reduce_sum(ties, axes=(0, 1))]

    result = lower(Function("ties", build_body([a, b, c], body)))
    added = [e for e in inner_eqns(result.region) if e.operation is PRIMITIVES["add"] and e.results[0].rank == 0]
    assert len(added) == 1
