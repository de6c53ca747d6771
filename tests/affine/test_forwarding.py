"""Forwarded loads: the program computes the same bits, and the loads that can be proved are gone."""

import numpy as np
import pytest
from nest_programs import PROGRAMS, arguments, at, function, load, nest, store, vector
from random_nests import RandomNest
from random_nests import arguments as random_arguments

from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.verify import verify
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.passes.affine.forwarding import forward_loads
from gradscribe.transpiler.passes.simplify import simplify
from gradscribe.transpiler.primitives.regions import cond
from gradscribe.transpiler.primitives.structure import index, update_add
from gradscribe.transpiler.transforms.vjp import vjp


def loads(program):
    return sum(e.operation is index for e in inner_eqns(program.region))


def forwarded(program, args):
    """The forwarded program; checked against the original, which must stay as it was."""
    before = evaluate(program, *args)
    out = forward_loads(program)
    verify(program)
    verify(out)
    for a, b, c in zip(before, evaluate(out, *args), evaluate(program, *args)):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
    return out


def two_vectors(body):
    n = Symbol("n")
    program = function("f", [vector("x", n), vector("y", n)], lambda x, y: body(n, x, y))
    rng = np.random.default_rng(0)
    return loads(program) - loads(forwarded(program, [rng.uniform(size=5), rng.uniform(size=5)]))


def test_through_a_triangular_loop():
    """y[i] = v; for k < i: y[k] += y[i]: every y[i] is v."""

    def body(n, x, y):
        def row(i, y):
            y = store(y, load(x, i) * 2.0, i)
            (y,) = nest(0, i, [y], lambda k, y: (update_add(y, load(y, i), at=at(k)),))
            return (store(y, load(y, i) * 0.5, i),)

        return nest(0, n, [y], row)

    assert two_vectors(body) == 2


@pytest.mark.parametrize("upper, gone", [(lambda i, n: Dim.of(i) + 1, 1), (lambda i, n: Dim.of(n), 0)])
def test_a_loop_that_reaches_the_element_stops_it(upper, gone):
    """The iteration k == i writes y[i] after it has loaded it; iterations after that see another value."""

    def body(n, x, y):
        def row(i, y):
            y = store(y, load(x, i) * 2.0, i)
            return nest(0, upper(i, n), [y], lambda k, y: (update_add(y, load(y, i), at=at(k)),))

        return nest(0, n, [y], row)

    assert two_vectors(body) == gone


def test_branches():
    def body(n, x, y):
        def row(i, y):
            y = store(y, load(x, i) * 2.0, i)
            (y,) = cond(load(x, i) > 0.5, lambda: (store(y, 0.25, 0),), lambda: (y,))
            return (store(y, load(y, i) * 0.5, i),)

        return nest(1, n, [y], row)

    assert two_vectors(body) == 1  # i >= 1, the branch writes element 0

    def unsure(n, x, y):
        def row(i, y):
            y = store(y, load(x, i) * 2.0, i)
            (y,) = cond(load(x, i) > 0.5, lambda: (store(y, 0.25, 0),), lambda: (y,))
            return (store(y, load(y, i) * 0.5, i),)

        return nest(0, n, [y], row)

    assert two_vectors(unsure) == 0


def test_not_from_an_earlier_iteration():
    """x[i - 1] was stored by the iteration before: another execution of the stored value."""

    def body(n, x, y):
        step = lambda i, x: (store(x, load(x, Dim.of(i) - 1) * 0.5, i),)
        return nest(1, n, [x], step)

    assert two_vectors(body) == 0


@pytest.mark.parametrize("seed", range(60))
def test_random_nests(seed):
    nest = RandomNest(seed)
    forwarded(nest.function, random_arguments(nest, 3, seed))


def test_random_nests_do_forward():
    gone = 0
    for seed in range(60):
        program = RandomNest(seed).function
        gone += loads(program) - loads(forward_loads(program))
    assert gone > 10


@pytest.mark.parametrize("name", ["cholesky", "lu", "trisolv"])
def test_adjoints_lose_loads(name):
    program = PROGRAMS[name]()
    adjoint = simplify(vjp(program, range(len(program.params))).fused)
    args = arguments(program, {"n": 5, "m": 6, "t": 3})
    rng = np.random.default_rng(0)
    cotangents = [rng.normal(size=x.shape) for x in evaluate(program, *args)]
    assert loads(forwarded(adjoint, [*args, *cotangents])) < loads(adjoint)
