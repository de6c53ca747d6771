"""Re-reading values from the last version of their array: named programs, and every trap as a program of its own.

Each "yes" is also run: the value of every execution must be found where the oracle says.
"""

import numpy as np
import pytest
from nest_programs import PROGRAMS, arguments, at, function, load, matrix, nest, store, vector
from run_trace import run

from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.index import At, Slice, Take
from gradscribe.transpiler.ir.nodes import Var, region_vars
from gradscribe.transpiler.ir.types import array
from gradscribe.transpiler.ir.verify import verify
from gradscribe.transpiler.passes.affine.overwrites import ArrayHistory
from gradscribe.transpiler.passes.affine.rereads import RereadOracle
from gradscribe.transpiler.primitives.checks import wrap_index
from gradscribe.transpiler.primitives.regions import cond, for_loop, while_loop
from gradscribe.transpiler.primitives.structure import copy, dim_value, index, update, update_add, zeros

SIZES = ({"n": 5, "m": 6, "t": 3}, {"n": 2, "m": 2, "t": 2}, {"n": 3, "m": 4, "t": 2})


def is_load(var):
    return var.definition is not None and var.definition.operation is index


def check(program, args_of=None):
    """Ask for every value inside the loops, run every yes, return the hints of loads and stores (as "+"/"-" + hint)."""
    verify(program)
    oracle = RereadOracle(program)
    inner = [v for v in region_vars(program.region) if oracle.layout.home[v][0] is not program.region]
    claims = [(v, r.array, r.at) for v in inner if (r := oracle.reread(v)) is not None]
    for sizes in SIZES:
        args = (args_of or (lambda s: arguments(program, s)))(sizes)
        for claim, (holds, _) in zip(claims, run(program, args, claims)):
            assert holds, claim
    found = {claim[0] for claim in claims}
    return {v.hint: v in found for v in inner if v.hint and is_load(v)}, oracle


# ---- named programs ----

# Loads whose element is overwritten later, by their order in the program; all others are proved to be readable. In the
# triangular factorisations and solves these are the running sums, which no derivative needs: they have no tape.
LOST = {
    "cholesky": [0, 3, 6, 7],
    "cholesky_right": [0, 1, 3],
    "lu": [0, 3, 5],
    "trisolv": [1, 4],
    "back_substitution": [0, 3],
    "seidel_nonlinear": [0, 1, 2, 3, 4],
    "durbin": [1, 3, 4, 5],
    "gramschmidt": [4, 6, 7],
    "thomas": [5, 6],
}


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_named_programs(name):
    program = PROGRAMS[name]()
    _, oracle = check(program)
    loads = [v for v in region_vars(program.region) if is_load(v) and oracle.layout.home[v][0] is not program.region]
    assert [k for k, v in enumerate(loads) if oracle.reread(v) is None] == LOST[name]


@pytest.mark.parametrize("name", ["cholesky", "cholesky_right", "lu", "trisolv", "back_substitution"])
def test_factorisations_need_no_tape(name):
    """Every value that a partial derivative mentions (factors, divisors, quotients, roots) can be read again."""
    program = PROGRAMS[name]()
    oracle = RereadOracle(program)
    needed = []
    for var in region_vars(program.region):
        eqn = var.definition
        if eqn is not None and eqn.operation.name == "multiply":
            needed += eqn.operands
        if eqn is not None and eqn.operation.name == "divide":
            needed += [eqn.operands[1], var]
        if eqn is not None and eqn.operation.name == "sqrt":
            needed.append(var)
    assert len(needed) >= 4
    assert [v for v in needed if oracle.reread(v) is None] == []


# ---- traps ----


def n_and(*names):
    n = Symbol("n")
    return n, [vector(name, n) for name in names]


def named(value, hint):
    value.hint = hint
    return value


def test_conditional_overwrite_is_an_overwrite():
    n, params = n_and("x", "y", "c")

    def body(x, y, c):
        (x,) = nest(0, n, [x], lambda i, x: (store(x, load(y, i) * 2.0, i),))
        (y,) = nest(0, n, [y], lambda i, y: (store(y, named(load(x, i), "kept") * named(load(y, i), "first"), i),))
        (y,) = nest(0, n, [y], lambda i, y: (store(y, named(load(y, i), "lost") * 2.0, i),))

        def rewrite(i, y):
            return cond(load(c, i) > 0.5, lambda: (store(y, named(load(y, i), "inside") * 0.5, i),), lambda: (y,))

        (y,) = nest(0, n, [y], rewrite)
        (y,) = nest(0, n, [y], lambda i, y: (store(y, named(load(y, i), "again") * 0.5, i),))
        (z,) = nest(0, n, [x], lambda i, x: cond(load(c, i) > 0.5, lambda: (store(x, 0.5, i),), lambda: (x,)))
        return z, y

    found, _ = check(function("f", params, body))
    assert found == {"kept": False, "first": True, "lost": False, "inside": False, "again": False}


def test_wrapped_subscript_is_any_subscript():
    """x[i - 1] is x[n - 1] at i = 0, which the loop overwrites; the bare affine test would miss it."""
    n, params = n_and("x")

    def body(x):
        def step(i, x):
            k = wrap_index(dim_value(dim=Dim.of(i) - 1), size=Dim.of(n))
            wrapped = named(load(x, k), "wrapped")
            return (store(x, wrapped * 0.5 + load(x, i), i),)

        (x,) = nest(0, n, [x], step)
        return nest(0, n, [x], step)

    found, _ = check(function("f", params, body))
    assert not found["wrapped"]


def test_wrapped_subscript_that_cannot_be_negative():
    n, params = n_and("x")

    def body(x):
        def step(i, x):
            k = wrap_index(dim_value(dim=Dim.of(i) - 1), size=Dim.of(n))
            return (store(x, named(load(x, k), "before") * 0.5, i),)

        return nest(1, n, [x], step)

    assert check(function("f", params, body))[0]["before"]


def test_fork_is_not_on_the_lineage():
    n, params = n_and("x", "y")

    def body(x, y):
        def step(i, x, y):
            side = store(x, load(y, i) * 3.0, i)
            forked = named(load(side, i), "forked")
            return store(x, 0.25, i), store(y, forked * forked, i)

        return nest(0, n, [x, y], step)

    assert not check(function("f", params, body))[0]["forked"]


def test_old_version_read_after_its_overwrite():
    n, params = n_and("x", "y")

    def body(x, y):
        def step(i, x, y):
            old = x
            x = store(x, 0.25, i)
            return x, store(y, named(load(old, i), "old") * 2.0, i)

        x, y = nest(0, n, [x, y], step)
        return nest(0, n, [x, y], step)

    assert not check(function("f", params, body))[0]["old"]


def test_statement_overwriting_its_own_operand():
    n, params = n_and("x")
    square = lambda hint: lambda i, x: (store(x, named(load(x, i), hint) * load(x, i), i),)

    def body(x):
        (x,) = nest(0, n, [x], square("first"))
        return nest(0, n, [x], square("second"))

    found, oracle = check(function("f", params, body))
    assert found == {"first": True, "second": False}
    first = next(v for v in oracle.layout.home if v.hint == "first")
    assert oracle.reread(first).array is oracle.layout.root.params[0]  # nobody had written it yet: the caller's array


def test_swap_breaks_the_chain():
    n, params = n_and("x", "y")

    def body(x, y):
        def step(t, x, y):
            fill = lambda i, y: (store(y, named(load(x, i), "swapped") * 0.5, i),)
            (y,) = nest(0, n, [y], fill)
            return y, x

        return nest(0, 3, [x, y], step)

    assert not check(function("f", params, body))[0]["swapped"]


def test_zero_trip_loops():
    n, params = n_and("x", "y")

    def body(x, y):
        (x,) = nest(0, n, [x], lambda i, x: (store(x, load(y, i), i),))
        (y,) = nest(0, n, [y], lambda i, y: (store(y, named(load(x, i), "kept") * 2.0, i),))
        (x,) = nest(3, 3, [x], lambda i, x: (store(x, 0.5, i),))
        (x,) = nest(Dim.of(n), n, [x], lambda i, x: (store(x, 0.5, 0),))
        return x, y

    assert check(function("f", params, body))[0]["kept"]


def test_data_subscript_writes_anywhere():
    n = Symbol("n")
    params = [vector("x", n), vector("y", n), Var(array(np.int64, n), "k")]

    def body(x, y, k):
        def step(i, x, y):
            y = store(y, named(load(x, i), "lost") * named(load(y, i), "own"), i)
            where = wrap_index(load(k, i), size=Dim.of(n))
            y = store(y, named(load(params[0], where), "gathered"), i)
            return store(x, 0.5, where), y

        x, y = nest(0, n, [x, y], step)
        return x, y

    rng = np.random.default_rng(0)
    args = lambda s: [rng.uniform(size=s["n"]), rng.uniform(size=s["n"]), rng.integers(0, s["n"], s["n"])]
    found, _ = check(function("f", params, body), args)
    assert not found["lost"]
    assert found["gathered"]  # read at a data subscript, from an array that stays as it is
    assert found["own"]  # from the caller's y: step i is the first to write element i


@pytest.mark.parametrize("direction", [1, -1])
def test_direction(direction):
    """x[i] = f(x[i + 1]): upwards the neighbour is overwritten afterwards, downwards it is final."""
    n, params = n_and("x")

    def body(x):
        (x,) = nest(0, n, [x], lambda i, x: (store(x, load(x, i) * 0.5, i),))
        step = lambda i, x: (store(x, named(load(x, Dim.of(i) + 1), "neighbour") * 0.5, i),)
        return nest(0, Dim.of(n) - 1, [x], step, direction=direction)

    assert check(function("f", params, body))[0]["neighbour"] == (direction < 0)


def test_triangular_nest():
    n = Symbol("n")

    def body(m):
        (m,) = nest(0, n, [m], lambda i, m: (store(m, 0.3, i, i),))

        def row(i, m):
            lower = lambda j, m: (store(m, named(load(m, j, i), "upper") * named(load(m, j, j), "diagonal"), i, j),)
            (m,) = nest(0, i, [m], lower)
            return (m,)

        return nest(0, n, [m], row)

    found, _ = check(function("f", [matrix("m", n)], body))
    assert found == {"upper": True, "diagonal": True}


def test_nested_whiles_count_along():
    """Carried integers that grow by a constant are affine: x[i] is written once, in order."""
    n, params = n_and("x", "y")

    def body(x, y):
        limit = dim_value(dim=Dim.of(n))

        def outer(i, x, y):
            before = lambda i: load(x, i)

            def inner(j, x, y):
                y = store(y, named(load(x, j), "earlier") + named(load(y, i), "sum"), i)
                return dim_value(dim=Dim.of(j) + 1), x, y

            x = store(x, before(i) * 0.5, i)
            _, x, y = while_loop([dim_value(dim=Dim.of(0)), x, y], lambda j, *_: j <= i, inner)
            return dim_value(dim=Dim.of(i) + 1), x, y

        _, x, y = while_loop([dim_value(dim=Dim.of(0)), x, y], lambda i, *_: i < limit, outer)
        return x, y

    found, _ = check(function("f", params, body))
    assert not found["sum"]
    # the condition of the inner loop is data: j <= i is not known, x[j] might be written later
    assert not found["earlier"]


def test_while_writes_each_element_once():
    n, params = n_and("x", "y")

    def body(x, y):
        limit = dim_value(dim=Dim.of(n))

        def step(i, x, y):
            x = store(x, load(y, i) * 0.5, i)
            y = store(y, named(load(x, i), "fresh") * 2.0, i)
            return dim_value(dim=Dim.of(i) + 1), x, y

        _, x, y = while_loop([dim_value(dim=Dim.of(0)), x, y], lambda i, *_: i < limit, step)
        return x, y

    assert check(function("f", params, body))[0]["fresh"]


def test_slices_with_steps():
    n, params = n_and("x")
    half = Dim.of(n) // 2

    def body(x):
        def step(i, x):
            odd = named(index(x, at=(Slice(Dim.of(1), half, 2),)), "odd")
            x = update(x, odd * 0.5, at=(Slice(Dim.of(0), half, 2),))
            even = named(index(x, at=(Slice(Dim.of(0), half, 2),)), "even")
            return (update_add(x, even, at=(Slice(Dim.of(0), half, 2),)),)

        return nest(0, n, [x], step)

    assert check(function("f", params, body))[0] == {"odd": True, "even": False}


def test_stored_value_with_takes_is_not_claimed():
    n = Symbol("n")
    params = [vector("x", n), vector("y", n), Var(array(np.int64, n), "k")]

    def body(x, y, k):
        def step(i, x):
            return (update(x, named(y * load(y, i), "stored"), k, at=(Take(0),)),)

        return nest(0, 1, [x], step)

    program = function("f", params, body)
    oracle = RereadOracle(program)
    stored = next(v for v in oracle.layout.home if v.hint == "stored")
    assert oracle.reread(stored) is None


def test_row_of_a_matrix():
    n = Symbol("n")

    def body(m, x):
        def step(i, x):
            row = index(m, at=(At(Dim.of(i)), Slice(Dim.of(0), Dim.of(n))))
            return (store(x, named(load(row, i), "element"), i),)

        return nest(0, n, [x], step)

    found, oracle = check(function("f", [matrix("m", n), vector("x", n)], body))
    assert found["element"]
    element = next(v for v in oracle.layout.home if v.hint == "element")
    assert len(oracle.reread(element).at) == 2


def test_within_an_enclosing_region():
    """An array made in each iteration is gone at the root, and still there at the end of the iteration."""
    n, params = n_and("x", "y")

    def body(x, y):
        def step(t, y):
            w = zeros(shape=(Dim.of(n),), dtype=np.dtype(np.float64))
            (w,) = nest(0, n, [w], lambda i, w: (store(w, load(x, i) * load(y, t), i),))

            def use(i, y):
                return (store(y, named(load(w, i), "made") * 2.0, i),)

            (y,) = nest(0, n, [y], use)
            (w,) = nest(0, t, [w], lambda i, w: (store(w, named(load(w, i), "lost") * 2.0, i),))
            return (update_add(y, load(w, 0), at=at(0)),)

        return nest(0, n, [y], step)

    found, oracle = check(function("f", params, body))
    assert not found["made"]
    outer = oracle.layout.root.eqns[0].regions[0]
    made = next(v for v in oracle.layout.home if v.hint == "made")
    assert oracle.reread(made, within=outer) is None  # w[i] for i < t is overwritten before the iteration ends
    program = function("g", params, lambda x, y: body_without_rewrite(n, x, y))
    oracle = RereadOracle(program)
    made = next(v for v in oracle.layout.home if v.hint == "made")
    outer = oracle.layout.root.eqns[0].regions[0]
    assert oracle.reread(made) is None
    found = oracle.reread(made, within=outer)
    assert found is not None and oracle.layout.home[found.array][0] is outer


def body_without_rewrite(n, x, y):
    def step(t, y):
        w = zeros(shape=(Dim.of(n),), dtype=np.dtype(np.float64))
        (w,) = nest(0, n, [w], lambda i, w: (store(w, load(x, i) * load(y, t), i),))
        return nest(0, n, [y], lambda i, y: (store(y, named(load(w, i), "made") * 2.0, i),))

    return nest(0, n, [y], step)


def test_history_of_versions():
    n, params = n_and("x", "y")

    def body(x, y):
        (x,) = nest(0, n, [copy(x)], lambda i, x: (store(x, load(y, i), i),))
        (z,) = cond(load(y, 0) > 0.5, lambda: (store(x, 0.5, 0),), lambda: (x,))
        return z, y

    program = function("f", params, body)
    history = ArrayHistory(program)
    z = program.results[0]
    body_region = program.region.eqns[1].regions[0]
    stored = body_region.results[0]
    assert history.final_version(stored) is z
    assert history.final_version(body_region.params[1]) is z
    assert history.final_version(program.params[1]) is program.params[1]
    assert history.still_holds(stored.definition) is None  # the branch may overwrite element 0


def test_exits_do_not_hide_writes():
    n, params = n_and("x", "y")

    def body(x, y):
        def step(i, x, y):
            y = store(y, named(load(x, i), "value") * 2.0, i)
            x = store(x, load(y, i), Dim.of(n) - 1 - Dim.of(i))
            code = cond(load(y, i) > 0.9, lambda: (dim_value(dim=Dim.of(1)),), lambda: (dim_value(dim=Dim.of(0)),))
            return (*code, x, y)

        _, x, y = for_loop(0, n, [x, y], step, exits=True)
        return x, y

    assert not check(function("f", params, body))[0]["value"]


def test_what_was_added_to_zero():
    n, params = n_and("x", "y")

    def body(x, y):
        made = lambda: zeros(shape=(Dim.of(n),), dtype=np.dtype(np.float64))

        def added(hint, at_of):
            def step(i, z):
                value = named(load(x, i) * load(y, i), hint)
                z = update_add(z, value, at=at(at_of(i)))
                return (z,)

            return nest(0, n, [made()], step)[0]

        def again(i, z):
            return (update_add(z, named(load(x, i) - load(y, i), "second"), at=at(i)),)

        (twice,) = nest(0, n, [added("overwritten", lambda i: Dim.of(i))], again)
        return added("once", lambda i: Dim.of(i)), twice, added("same place", lambda i: Dim.of(0))

    program = function("f", params, body)
    oracle = RereadOracle(program)
    answers = {v.hint: oracle.reread(v) is not None for v in oracle.layout.home if v.hint in
               ("once", "overwritten", "second", "same place")}
    assert answers == {"once": True, "overwritten": False, "second": False, "same place": False}
    check(program)
