"""Carried dependences: named loops, and random nests whose independent loops are run the other way round."""

import numpy as np
import pytest
from nest_programs import PROGRAMS, at, function, load, matrix, nest, store, vector
from random_nests import RandomNest, arguments

from gradscribe.transpiler.ir.builder import build_body
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.nodes import Function, Var
from gradscribe.transpiler.ir.types import array
from gradscribe.transpiler.ir.walk import clone_function, inner_eqns
from gradscribe.transpiler.passes.affine.dependences import Dependence, Dependences
from gradscribe.transpiler.primitives.regions import cond, for_loop, is_counted, loop, while_loop
from gradscribe.transpiler.primitives.structure import dim_value, update_add

NONE, SUM, SOME = Dependence.NONE, Dependence.ACCUMULATION, Dependence.POSSIBLE


def loops_of(program):
    return [e for e in inner_eqns(program.region) if e.operation is loop]


def carried(program):
    dependences = Dependences(program)
    return [dependences.carried_by(e) for e in loops_of(program)]


# Loops in program order, outer before inner.
EXPECTED = {
    "cholesky": [SOME, SOME, SOME, SOME],
    "cholesky_right": [SOME, NONE, NONE, NONE],
    "lu": [SOME, SOME, SOME, NONE, SOME],
    "trisolv": [SOME, SOME],
    "back_substitution": [SOME, SOME],
    "seidel_nonlinear": [SOME, SOME, SOME],
    "durbin": [SOME, SUM, NONE, NONE],
    "gramschmidt": [SOME, SUM, NONE, NONE, SOME, NONE],
    "thomas": [SOME, SOME],
}


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_named_programs(name):
    assert carried(PROGRAMS[name]()) == EXPECTED[name]


def test_scatter_is_an_accumulation():
    n = Symbol("n")
    params = [vector("x", n), vector("y", n), Var(array(np.int64, n), "k")]
    body = lambda x, y, k: nest(0, n, [x], lambda i, x: (update_add(x, load(y, i), at=at(load_index(k, i))),))
    assert carried(function("f", params, body)) == [SUM]


def load_index(k, i):
    return load(k, i)


def test_reading_what_is_added_to_is_a_dependence():
    n = Symbol("n")
    body = lambda x: nest(0, n, [x], lambda i, x: (update_add(x, load(x, 0), at=at(i)),))
    assert carried(function("f", [vector("x", n)], body)) == [SOME]


def test_partial_sum_that_is_looked_at():
    n = Symbol("n")

    def body(x, y):
        s, y = for_loop(0, n, [0.0, y], lambda i, s, y: (s + load(x, i), store(y, s, i)), types=None)
        return y, s

    program = Function("f", build_body([vector("x", n), vector("y", n)], body))
    assert carried(program) == [SOME]


def test_swap_exit_and_while_are_dependences():
    n = Symbol("n")
    params = lambda: [vector("x", n), vector("y", n)]
    swap = function("f", params(), lambda x, y: nest(0, n, [x, y], lambda i, x, y: (y, store(x, 0.5, i))))
    assert carried(swap) == [SOME]

    def leaving(i, x):
        code = cond(load(x, i) > 0.5, lambda: (dim_value(dim=Dim.of(1)),), lambda: (dim_value(dim=Dim.of(0)),))
        return (*code, store(x, 0.5, i))

    exits = function("f", params(), lambda x, y: for_loop(0, n, [x], leaving, exits=True)[1:])
    assert carried(exits) == [SOME]


def test_condition_of_an_inner_while_reads_the_array():
    n = Symbol("n")

    def body(x):
        def step(i, x):
            _, x = while_loop(
                [dim_value(dim=Dim.of(0)), x], lambda k, x: load(x, 0) > 0.5, lambda k, x: (k, store(x, 0.25, i))
            )
            return (x,)

        return nest(0, n, [x], step)

    assert carried(function("f", [vector("x", n)], body))[0] is SOME


def test_interchange():
    n = Symbol("n")

    def pair(subscripts):
        def body(m):
            inner = lambda i, j, m: (store(m, load(m, *subscripts(Dim.of(i), Dim.of(j))) * 0.5, i, j),)
            return nest(1, n, [m], lambda i, m: nest(1, Dim.of(n) - 1, [m], lambda j, m: inner(i, j, m)))

        program = function("f", [matrix("m", n)], body)
        outer, inner = loops_of(program)
        return Dependences(program).may_interchange(outer, inner)

    assert pair(lambda i, j: (i - 1, j))
    assert pair(lambda i, j: (i - 1, j - 1))
    assert pair(lambda i, j: (i, j - 1))
    assert not pair(lambda i, j: (i - 1, j + 1))  # direction (<, >)
    assert pair(lambda i, j: (i, j))


def reversed_loop(program, number):
    """The program with one loop run the other way round."""
    other = clone_function(program)
    eqn = loops_of(other)[number]
    eqn.params["direction"] = -eqn.params["direction"]
    return other


@pytest.mark.parametrize("first", range(0, 120, 40))
def test_independent_loops_run_backwards(first):
    independent = 0
    for seed in range(first, first + 40):
        nest = RandomNest(seed)
        found = carried(nest.function)
        for number, (eqn, verdict) in enumerate(zip(loops_of(nest.function), found)):
            if verdict is SOME or not is_counted(eqn):
                continue
            independent += 1
            for size in (2, 4):
                args = arguments(nest, size, seed)
                there = evaluate(nest.function, *args)
                back = evaluate(reversed_loop(nest.function, number), *args)
                for a, b in zip(there, back):
                    if verdict is NONE:
                        np.testing.assert_array_equal(a, b, err_msg=f"seed {seed} loop {number}")
                    else:
                        np.testing.assert_allclose(a, b, rtol=1e-12, err_msg=f"seed {seed} loop {number}")
    assert independent > 10
