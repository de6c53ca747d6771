"""Loop nests of linear algebra and stencils, written with the IR builder: the named programs of the affine tests."""

import numpy as np

from gradscribe.transpiler.ir.builder import build_body
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.index import At
from gradscribe.transpiler.ir.nodes import Function, Var
from gradscribe.transpiler.ir.types import array
from gradscribe.transpiler.primitives import arithmetic, checks, logic, reductions  # noqa: F401  (operators)
from gradscribe.transpiler.primitives.elementary import sqrt
from gradscribe.transpiler.primitives.regions import for_loop
from gradscribe.transpiler.primitives.structure import index, update


def at(*positions):
    return tuple(At(Dim.of(p)) for p in positions)


def load(a, *positions):
    return index(a, at=at(*positions))


def store(a, value, *positions):
    return update(a, value, at=at(*positions))


def nest(lo, hi, arrays, body, **options):
    """A loop that carries `arrays`; `body(i, *arrays)` returns them."""
    return for_loop(lo, hi, arrays, body, **options)


def function(name, params, body):
    return Function(name, build_body(params, body))


def matrix(name, n):
    return Var(array(np.float64, n, n), name)


def vector(name, n):
    return Var(array(np.float64, n), name)


def cholesky():
    """Left-looking, in place, lower triangle."""
    n = Symbol("n")

    def row(i, a):
        def column(j, a):
            def product(k, a):
                return (store(a, load(a, i, j) - load(a, i, k) * load(a, j, k), i, j),)

            (a,) = nest(0, j, [a], product)
            return (store(a, load(a, i, j) / load(a, j, j), i, j),)

        (a,) = nest(0, i, [a], column)

        def diagonal(k, a):
            t = load(a, i, k)
            return (store(a, load(a, i, i) - t * t, i, i),)

        (a,) = nest(0, i, [a], diagonal)
        return (store(a, sqrt(load(a, i, i)), i, i),)

    return function("cholesky", [matrix("a", n)], lambda a: nest(0, n, [a], row))


def cholesky_right():
    """Right-looking, in place."""
    n = Symbol("n")

    def pivot(k, a):
        a = store(a, sqrt(load(a, k, k)), k, k)

        def scale(i, a):
            return (store(a, load(a, i, k) / load(a, k, k), i, k),)

        (a,) = nest(Dim.of(k) + 1, n, [a], scale)

        def row(i, a):
            def column(j, a):
                return (store(a, load(a, i, j) - load(a, i, k) * load(a, j, k), i, j),)

            return nest(Dim.of(k) + 1, Dim.of(i) + 1, [a], column)

        return nest(Dim.of(k) + 1, n, [a], row)

    return function("cholesky_right", [matrix("a", n)], lambda a: nest(0, n, [a], pivot))


def lu():
    """Doolittle, in place."""
    n = Symbol("n")

    def row(i, a):
        def lower(j, a):
            def product(k, a):
                return (store(a, load(a, i, j) - load(a, i, k) * load(a, k, j), i, j),)

            (a,) = nest(0, j, [a], product)
            return (store(a, load(a, i, j) / load(a, j, j), i, j),)

        (a,) = nest(0, i, [a], lower)

        def upper(j, a):
            def product(k, a):
                return (store(a, load(a, i, j) - load(a, i, k) * load(a, k, j), i, j),)

            return nest(0, i, [a], product)

        return nest(i, n, [a], upper)

    return function("lu", [matrix("a", n)], lambda a: nest(0, n, [a], row))


def trisolv():
    n = Symbol("n")

    def body(low, x, b):
        def row(i, x):
            x = store(x, load(b, i), i)
            (x,) = nest(0, i, [x], lambda j, x: (store(x, load(x, i) - load(low, i, j) * load(x, j), i),))
            return (store(x, load(x, i) / load(low, i, i), i),)

        return nest(0, n, [x], row)

    return function("trisolv", [matrix("low", n), vector("x", n), vector("b", n)], body)


def back_substitution():
    """Upward loop: direction -1."""
    n = Symbol("n")

    def body(up, x):
        def row(i, x):
            inner = lambda j, x: (store(x, load(x, i) - load(up, i, j) * load(x, j), i),)
            (x,) = nest(Dim.of(i) + 1, n, [x], inner)
            return (store(x, load(x, i) / load(up, i, i), i),)

        return nest(0, n, [x], row, direction=-1)

    return function("back_substitution", [matrix("up", n), vector("x", n)], body)


def seidel_nonlinear():
    n, t = Symbol("n"), Symbol("t")
    steps = Var(array(np.float64, t), "steps")

    def body(a, steps):
        def sweep(_, a):
            def row(i, a):
                def column(j, a):
                    i_, j_ = Dim.of(i), Dim.of(j)
                    total = None
                    for p, q in [(i_ - 1, j_), (i_, j_ - 1), (i_, j_), (i_, j_ + 1), (i_ + 1, j_)]:
                        x = load(a, p, q)
                        total = x * x if total is None else total + x * x
                    return (store(a, 0.1 * total, i, j),)

                return nest(1, Dim.of(n) - 1, [a], column)

            return nest(1, Dim.of(n) - 1, [a], row)

        return nest(0, t, [a], sweep)

    return function("seidel_nonlinear", [matrix("a", n), steps], body)


def durbin():
    n = Symbol("n")

    def body(r, y, z):
        y = store(y, -load(r, 0), 0)

        def step(k, y, z, alpha, beta):
            beta = (1.0 - alpha * alpha) * beta
            k_ = Dim.of(k)
            (total,) = for_loop(0, k, [0.0 * alpha], lambda i, s: (s + load(r, k_ - i - 1) * load(y, i),))
            alpha = -(load(r, k) + total) / beta
            (z,) = nest(0, k, [z], lambda i, z: (store(z, load(y, i) + alpha * load(y, k_ - i - 1), i),))
            (y,) = nest(0, k, [y], lambda i, y: (store(y, load(z, i), i),))
            return store(y, alpha, k), z, alpha, beta

        alpha = -load(r, 0)
        y, z, _, _ = for_loop(1, n, [y, z, alpha, alpha * 0.0 + 1.0], step)
        return y, z

    return function("durbin", [vector("r", n), vector("y", n), vector("z", n)], body)


def gramschmidt():
    m, n = Symbol("m"), Symbol("n")
    a, q = Var(array(np.float64, m, n), "a"), Var(array(np.float64, m, n), "q")

    def body(a, q, r):
        def column(k, a, q, r):
            zero = load(r, k, k) * 0.0
            (norm,) = for_loop(0, m, [zero], lambda i, s: (s + load(a, i, k) * load(a, i, k),))
            r = store(r, sqrt(norm), k, k)
            (q,) = nest(0, m, [q], lambda i, q: (store(q, load(a, i, k) / load(r, k, k), i, k),))

            def later(j, a, r):
                r = store(r, zero, k, j)
                (r,) = nest(0, m, [r], lambda i, r: (store(r, load(r, k, j) + load(q, i, k) * load(a, i, j), k, j),))
                (a,) = nest(0, m, [a], lambda i, a: (store(a, load(a, i, j) - load(q, i, k) * load(r, k, j), i, j),))
                return a, r

            a, r = nest(Dim.of(k) + 1, n, [a, r], later)
            return a, q, r

        return nest(0, n, [a, q, r], column)

    return function("gramschmidt", [a, q, matrix("r", n)], body)


def thomas():
    n = Symbol("n")

    def body(a, b, c, d):
        def forward(i, c, d):
            i_ = Dim.of(i)
            w = 1.0 / (load(b, i) - load(a, i) * load(c, i_ - 1))
            c = store(c, load(c, i) * w, i)
            return c, store(d, (load(d, i) - load(a, i) * load(d, i_ - 1)) * w, i)

        c, d = nest(1, n, [c, d], forward)
        backward = lambda i, d: (store(d, load(d, i) - load(c, i) * load(d, Dim.of(i) + 1), i),)
        (d,) = nest(0, Dim.of(n) - 1, [d], backward, direction=-1)
        return c, d

    return function("thomas", [vector(name, n) for name in "abcd"], body)


PROGRAMS = {
    f.__name__: f
    for f in (
        cholesky, cholesky_right, lu, trisolv, back_substitution, seidel_nonlinear, durbin, gramschmidt, thomas,
    )
}


def arguments(program, sizes, seed=0):
    """Well-conditioned arguments: matrices get a heavy diagonal."""
    rng = np.random.default_rng(seed)
    out = []
    for param in program.params:
        shape = tuple(d.evaluate(lambda s: sizes[s.name]) for d in param.type.shape)
        x = rng.uniform(0.2, 0.9, size=shape)
        if len(shape) == 2 and shape[0] == shape[1]:
            x = x @ x.T + shape[0] * np.eye(shape[0])
        out.append(x if param.hint != "b" else x + 3)
    return out
