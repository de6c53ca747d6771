"""Elements kept in scalars, loops turned upwards, sums with accumulators: the program stays the same."""

import numpy as np
import pytest
from nest_programs import PROGRAMS, arguments, at, function, load, matrix, nest, store, vector
from random_nests import RandomNest
from random_nests import arguments as random_arguments

from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.verify import verify
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.passes.ascend import run_upwards
from gradscribe.transpiler.passes.lower.operations import accumulate
from gradscribe.transpiler.passes.promote import promote_elements
from gradscribe.transpiler.passes.reassociate import reassociate_sums
from gradscribe.transpiler.passes.simplify import simplify
from gradscribe.transpiler.passes.tune import tune_loops
from gradscribe.transpiler.primitives.checks import check
from gradscribe.transpiler.primitives.regions import cond, loop, while_loop
from gradscribe.transpiler.primitives.structure import dim_value, index, update, update_add
from gradscribe.transpiler.transforms.vjp import vjp

N = Symbol("n")


def innermost(program):
    """Loads and writes of arrays in loops without loops inside."""
    found = []
    for eqn in inner_eqns(program.region):
        if eqn.operation is loop and not any(e.operation is loop for e in inner_eqns(eqn.regions[-1])):
            found += [e for e in inner_eqns(eqn.regions[-1]) if e.operation in (index, update, update_add)]
    return len(found)


def unchanged_bits(program, args, rewrite=promote_elements):
    """The rewritten program; the same bits come out, and the original is left as it was."""
    before = evaluate(program, *args)
    out = rewrite(program)
    verify(program)
    verify(out)
    for a, b, c in zip(before, evaluate(out, *args), evaluate(program, *args), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
    return out


def promoted(body, size=5):
    """How many accesses leave the innermost loops of a program over x[n], y[n], m[n, n]."""
    program = function("f", [vector("x", N), vector("y", N), matrix("m", N)], body)
    rng = np.random.default_rng(0)
    args = [rng.uniform(0.1, 0.9, size) for _ in range(2)] + [rng.uniform(0.1, 0.9, (size, size))]
    return innermost(program) - innermost(unchanged_bits(program, args))


def test_a_row_sum():
    def body(x, y, m):
        def row(i, y):
            return nest(0, N, [y], lambda k, y: (update_add(y, load(m, i, k) * load(x, k), at=at(i)),))

        return nest(0, N, [y], row)

    assert promoted(body) == 1


@pytest.mark.parametrize("upper, gone", [(lambda i: Dim.of(i), 2), (lambda i: Dim.of(i) + 1, 0)])
def test_the_element_must_be_apart_from_the_others(upper, gone):
    """y[i] = y[i] * 0.5 + y[k] for k below i, or up to i itself."""

    def body(x, y, m):
        def row(i, y):
            step = lambda k, y: (store(y, load(y, i) * 0.5 + load(y, k), i),)
            return nest(0, upper(i), [y], step)

        return nest(0, N, [y], row)

    assert promoted(body) == gone


@pytest.mark.parametrize("offset, gone", [(0, 1), (1, 0)])
def test_an_element_that_does_not_exist_is_not_loaded(offset, gone):
    """for k < n - 1 - i: y[i + 1] += x[k]: for the last i the loop is empty and y[i + 1] is no element."""

    def body(x, y, m):
        def row(i, y):
            step = lambda k, y: (update_add(y, load(x, k), at=at(Dim.of(i) + offset)),)
            return nest(0, N - Dim.of(i) - 1, [y], step)

        return nest(0, N, [y], row)

    assert promoted(body) == gone


def test_downwards_conditional_and_old_versions():
    """for i downwards: for k downwards: if x[k] > .5: y[i] *= .7 (else nothing); y[i] += the element before that."""

    def body(x, y, m):
        def row(i, y):
            def step(k, y):
                old = y
                (y,) = cond(load(x, k) > 0.5, lambda: (store(y, load(y, i) * 0.7, i),), lambda: (y,))
                return (update_add(y, load(old, i) * 0.25, at=at(i)),)

            return nest(0, N, [y], step, direction=-1)

        return nest(0, N, [y], row, direction=-1)

    assert promoted(body) == 4


def test_an_array_that_is_handed_on_twice_is_looked_at():
    """Every iteration's y is also the x of the next one."""

    def body(x, y, m):
        def step(i, x, y):
            y = update_add(y, load(m, 0, 0), at=at(1))
            return y, y

        return nest(0, N, [x, y], step)

    assert promoted(body) == 1  # m[0, 0]


def test_through_inner_loops_of_both_kinds():
    """y[0] is written in a while and in a counted loop inside the loop that carries it."""

    def body(x, y, m):
        def outer(i, y):
            (y,) = nest(0, Dim.of(i), [y], lambda k, y: (store(y, load(y, 0) * 0.5 + load(x, k), 0),))
            again = lambda k, y: (dim_value(dim=Dim.of(k) + 1), update_add(y, load(y, 0), at=at(0)))
            below = lambda k, y: k < dim_value(dim=Dim.of(2))
            return while_loop([dim_value(dim=Dim.of(0)), y], below, again)[1:]

        return nest(0, N, [y], outer)

    assert promoted(body) == 4


def test_two_elements_that_may_be_one():
    """m[i, j] and m[j, i] meet on the diagonal."""

    def body(x, y, m):
        def row(i, m):
            def column(j, m):
                step = lambda k, m: (store(m, load(m, j, i) + load(x, k), i, j),)
                return nest(0, N, [m], step)

            return nest(0, N, [m], column)

        return nest(0, N, [m], row)

    assert promoted(body) == 0


def test_invariant_loads_leave_only_when_they_surely_run():
    def body(x, y, m):
        def row(i, y):
            def step(k, y):
                y = store(y, load(m, i, i) * load(x, k), k)
                return cond(load(x, k) > 0.5, lambda: (store(y, load(m, i, 0), k),), lambda: (y,))

            return nest(0, N, [y], step)

        return nest(0, N, [y], row)

    assert promoted(body) == 1  # m[i, i]; the load of m[i, 0] in the branch may never be needed


SIZES = {"n": 5, "m": 6, "t": 3}


def adjoint_and_arguments(name):
    program = PROGRAMS[name]()
    args = arguments(program, SIZES)
    rng = np.random.default_rng(0)
    cotangents = [rng.normal(size=x.shape) for x in evaluate(program, *args)]
    return simplify(vjp(program, range(len(program.params))).fused), [*args, *cotangents]


def close(program, args):
    """The program after all of this; the same but for the rounding of sums."""
    out = tune_loops(program)
    verify(out)
    for a, b in zip(evaluate(program, *args), evaluate(out, *args), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-12)
    return out


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_named_programs(name):
    program = PROGRAMS[name]()
    unchanged_bits(program, arguments(program, SIZES))
    close(program, arguments(program, SIZES))


@pytest.mark.parametrize("name", ["cholesky", "cholesky_right", "lu", "trisolv", "durbin"])
def test_their_adjoints(name):
    program, args = adjoint_and_arguments(name)
    unchanged_bits(program, args)
    close(program, args)


def test_innermost_loops_of_the_adjoint_of_cholesky():
    """The seed is in a scalar: what is left are two rows and one row forward, one row and two rows and their cotangents
    back, and all of it runs upwards."""
    program, args = adjoint_and_arguments("cholesky")
    out = close(program, args)
    assert innermost(out) == 2 + 1 + 2 + 4
    assert directions(out).count(-1) == 2


@pytest.mark.parametrize("block", range(4))
def test_random_nests(block):
    for seed in range(40 * block, 40 * block + 40):
        case = RandomNest(seed, affine_only=seed % 2 == 0)
        for size in (2, 3):
            args = random_arguments(case, size, seed)
            out = unchanged_bits(case.function, args)
            tuned = tune_loops(out)
            verify(tuned)
            for a, b in zip(evaluate(out, *args), evaluate(tuned, *args), strict=True):
                np.testing.assert_allclose(b, a, rtol=1e-13, atol=1e-13)


# ---- directions and sums ----


def directions(program):
    return [e.params["direction"] for e in inner_eqns(program.region) if e.operation is loop]


def one_loop(body, **options):
    return function(
        "f", [vector("x", N), vector("y", N)], lambda x, y: nest(1, N, [y], lambda i, y: body(i, x, y), **options)
    )


@pytest.mark.parametrize(
    "body, turned",
    [
        (lambda i, x, y: (store(y, load(y, i) * load(x, i), i),), True),
        (lambda i, x, y: (store(y, load(y, Dim.of(i) - 1) * load(x, i), i),), False),
        (lambda i, x, y: (update_add(y, load(x, i), at=at(0)),), False),
    ],
)
def test_loops_run_upwards_where_nothing_is_carried(body, turned):
    program = one_loop(body, direction=-1)
    rng = np.random.default_rng(0)
    out = unchanged_bits(program, [rng.uniform(size=6), rng.uniform(size=6)], run_upwards)
    assert directions(out) == [1 if turned else -1]


def test_checks_keep_their_order():
    """Which check fails first is seen outside."""

    def body(i, x, y):
        check(load(x, i) > 0.0, message="negative", error=ValueError)
        return (store(y, load(x, i), i),)

    assert directions(run_upwards(one_loop(body, direction=-1))) == [-1]


@pytest.mark.parametrize(
    "step, accumulates",
    [
        (lambda s, v: s + v, True),
        (lambda s, v: v + s, True),
        (lambda s, v: s - v, True),
        (lambda s, v: v - s, False),
        (lambda s, v: s * v, False),
        (lambda s, v: s + s * v, False),
    ],
)
def test_sums_accumulate(step, accumulates):
    def program(x):
        total = load(x, 0) * 0.0
        return nest(0, N, [total], lambda i, s: (step(s, load(x, i)),))

    before = function("f", [vector("x", N)], program)
    out = reassociate_sums(before)
    verify(out)
    x = np.random.default_rng(0).uniform(size=7)
    np.testing.assert_allclose(evaluate(out, x), evaluate(before, x), rtol=1e-14)
    assert any(e.operation is accumulate for e in inner_eqns(out.region)) == accumulates


def test_partial_sums_that_are_looked_at_keep_their_order():
    """A running sum: y[i] = s."""

    def program(x, y):
        def step(i, s, y):
            s = s + load(x, i)
            return s, store(y, s, i)

        return nest(0, N, [load(x, 0) * 0.0, y], step)

    before = function("f", [vector("x", N), vector("y", N)], program)
    assert not any(e.operation is accumulate for e in inner_eqns(reassociate_sums(before).region))
