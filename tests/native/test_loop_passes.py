"""What the passes on loop-level IR establish: elements in scalars, small workspaces, no allocation inside loops."""

import numpy as np
from tests.native.kernels_by_hand import at, cholesky, softmax

from gradscribe.transpiler.backends.load import compile_native
from gradscribe.transpiler.ir.builder import build_body, emit
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.index import Slice
from gradscribe.transpiler.ir.nodes import Function, Literal, Var
from gradscribe.transpiler.ir.types import array
from gradscribe.transpiler.ir.verify import verify
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.passes.lower.lowering import lower
from gradscribe.transpiler.passes.lower.operations import accumulate
from gradscribe.transpiler.primitives.allocation import empty
from gradscribe.transpiler.primitives.elementary import exp, tanh
from gradscribe.transpiler.primitives.reductions import reduce_sum
from gradscribe.transpiler.primitives.regions import for_loop, loop
from gradscribe.transpiler.primitives.sorting import argmax, argsort, sort
from gradscribe.transpiler.primitives.structure import index, reshape, update

N, M = Symbol("n"), Symbol("m")
V = Var(array(np.float64, N), "v")
X = Var(array(np.float64, N, M), "x")


def function(params, body):
    return Function("f", build_body(params, body))


def lowered(f, *args):
    verify(f)
    result = lower(f)
    verify(result)
    for expected, got in zip(evaluate(f, *args), evaluate(result, *args), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)
    return result


def innermost(f):
    """Loops that contain no loop."""
    return [
        e
        for e in inner_eqns(f.region)
        if e.operation is loop and not any(i.operation is loop for i in inner_eqns(e.regions[-1]))
    ]


def operations(eqn):
    return [e.operation for e in eqn.regions[-1].eqns]


def test_element_of_the_inner_product_of_cholesky_is_a_scalar(rng):
    m = rng.random((6, 6))
    result = lowered(cholesky(), m @ m.T + 6 * np.eye(6))
    for eqn in innermost(result):
        assert update not in operations(eqn)
        assert accumulate in operations(eqn)


def test_element_that_may_be_read_elsewhere_stays_in_memory(rng):
    """v[0] += v[k] for k from 0: the first step reads the element itself."""

    def body(v):
        step = lambda k, v: (update(v, index(v, at=at(0)) + index(v, at=at(k)), at=at(0)),)
        return for_loop(0, N, [v], step)

    result = lowered(function([V], body), rng.random(5))
    (eqn,) = innermost(result)
    assert update in operations(eqn)


def test_element_of_a_loop_that_never_runs_is_not_touched(rng):
    def body(v):
        step = lambda k, v: (update(v, index(v, at=at(0)) + index(v, at=at(Dim.of(k) + 1)), at=at(0)),)
        return for_loop(0, Dim.of(N) - 2, [v], step)

    for size in (2, 3, 5):
        lowered(function([V], body), rng.random(size))


def test_compensated_sum_of_the_user_keeps_its_order():
    """Kahan's running sum is read besides being added to: it is no free accumulator."""

    def body(v):
        def step(k, total, lost):
            y = index(v, at=at(k)) - lost
            new = total + y
            return new, (new - total) - y

        zero = Literal(np.float64(0.0))
        return for_loop(0, N, [zero, zero], step)[:1]

    f = function([V], body)
    (eqn,) = innermost(lower(f))
    assert accumulate not in operations(eqn)
    v = np.array([1.0] + [1e-16] * 1000)
    total = compile_native(f)(v)[0]
    assert total == evaluate(f, v)[0] == 1.0 + 1e-13


def test_rows_of_intermediate_values_are_contracted(rng):
    result = lowered(softmax(), rng.random((3, 4)))
    shapes = [e.params["shape"] for e in inner_eqns(result.region) if e.operation is empty]
    m = result.params[0].type.shape[1]
    assert (m,) in shapes
    assert len([s for s in shapes if len(s) == 2]) == 1  # the result


def test_workspace_of_a_time_loop_is_allocated_once(rng):
    inner = Slice(Dim.of(0), Dim.of(N) - 1)

    def body(v):
        def step(t, v):
            shifted = tanh(index(v, at=(Slice(Dim.of(1), Dim.of(N) - 1),)))
            return (update(v, shifted * reduce_sum(shifted, axes=(0,)), at=(inner,)),)

        return for_loop(0, 3, [v], step)

    result = lowered(function([V], body), rng.random(6))
    (time,) = [e for e in result.region.eqns if e.operation is loop]
    assert not any(e.operation is empty for e in inner_eqns(time.regions[-1]))
    assert any(e.operation is empty for e in result.region.eqns)


def test_values_needed_across_iterations_are_not_contracted(rng):
    """Every row needs the sums of all rows: the matrix of exponentials must stay."""

    def body(x):
        e = exp(x)
        return (e / reshape(reduce_sum(e, axes=(0,)), shape=(Dim.of(1), Dim.of(M))),)

    result = lowered(function([X], body), rng.random((3, 4)))
    shapes = [e.params["shape"] for e in inner_eqns(result.region) if e.operation is empty]
    assert shapes.count((Dim.of(N), Dim.of(M))) == 2


def test_extrema_and_sorting_with_ties_and_nan(rng):
    def body(x):
        places = [emit(argmax, (x,), {"axis": a})[0] for a in (0, 1)]
        ordered = [emit(sort, (x,), {"axis": a})[0] for a in (0, 1)]
        return [*places, *ordered, emit(argsort, (x,), {"axis": 0, "kind": "stable"})[0]]

    f = function([X], body)
    native = compile_native(f)
    some = rng.integers(0, 3, (5, 4)).astype(float)
    with_nan = some.copy()
    with_nan[[1, 3], [2, 0]] = np.nan
    for x in (some, with_nan, -some):
        lowered(f, x)
        for expected, got in zip(evaluate(f, x), native(x), strict=True):
            np.testing.assert_array_equal(got, expected)
