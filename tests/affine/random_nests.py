"""Random structured programs over arrays: affine loop nests with forks, swaps, branches, whiles and data subscripts.

Subscripts are built from the loop indices in scope with an offset that keeps them inside the axes; the arrays are
larger than the loops so that coupled and reversed subscripts fit.
"""

import random

import numpy as np

from gradscribe.transpiler.ir.builder import build_body
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.index import At, Slice
from gradscribe.transpiler.ir.nodes import Function, Var
from gradscribe.transpiler.ir.types import INT64, array
from gradscribe.transpiler.primitives import arithmetic, logic, reductions  # noqa: F401  (operators)
from gradscribe.transpiler.primitives.checks import wrap_index
from gradscribe.transpiler.primitives.elementary import sin
from gradscribe.transpiler.primitives.regions import cond, for_loop, while_loop
from gradscribe.transpiler.primitives.structure import copy, dim_value, index, update, update_add, zeros

REACH = 3  # a subscript is at most this many loop indices away from its offset on either side


class RandomNest:
    """One program. `arrays` of the state are a 1-d `x`, `y` and a 2-d `m`; `idx` is an integer array, never written."""

    def __init__(self, seed, affine_only=False):
        self.random = random.Random(seed)
        self.n = Symbol("n")
        self.affine_only = affine_only
        self.extent = 2 * REACH * Dim.of(self.n) + 12
        self.written = []
        self.budget = self.random.randint(3, 9)
        params = [
            Var(array(np.float64, self.extent), "x"), Var(array(np.float64, self.extent), "y"),
            Var(array(np.float64, self.extent, self.extent), "m"), Var(array(np.int64, self.n), "idx"),
        ]
        self.function = Function(f"nest{seed}", build_body(params, self.program))

    def program(self, x, y, m, idx):
        self.idx = idx
        arrays = [x, y, m]
        if self.random.random() < 0.3:
            arrays[self.random.randrange(2)] = zeros(shape=(self.extent,), dtype=np.dtype(np.float64))
        for _ in range(self.random.randint(1, 3)):
            arrays = self.statement(arrays, [], 0)
        return arrays

    # ---- subscripts ----
    def position(self, counters):
        """An affine form of the counters with every value in [0, extent - 4)."""
        chosen = [c for c in counters if self.random.random() < 0.7][-2:]
        total = Dim.of(self.random.randint(0, 3))
        for c in chosen:
            a = self.random.choice([1, 1, 1, 2, -1]) if len(chosen) == 1 else self.random.choice([1, 1, -1])
            total = total + (a * Dim.of(c) if a > 0 else Dim.of(self.n) - 1 - Dim.of(c))
        if not chosen and self.random.random() < 0.3:
            total = total + Dim.of(self.n)
        return total

    def component(self, counters):
        kind = self.random.random()
        if kind < 0.12:
            lengths = [Dim.of(self.n), Dim.of(3), Dim.of(0)] + [Dim.of(c) for c in counters[-1:]]
            step = self.random.choice([1, 1, 2])
            return Slice(self.position(counters), self.random.choice(lengths), step)
        if kind < 0.2 and counters and not self.affine_only:
            i = index(self.idx, at=(At(Dim.of(counters[0])),))
            return At(Dim.of(wrap_index(i, size=self.extent)))
        if kind < 0.25 and not self.affine_only:
            shifted = dim_value(dim=self.position(counters) - 2)
            return At(Dim.of(wrap_index(shifted, size=self.extent)))
        return At(self.position(counters))

    def where(self, array_, counters):
        return tuple(self.component(counters) for _ in array_.shape)

    # ---- statements ----
    def block(self, arrays, counters, depth):
        for _ in range(self.random.randint(1, 3)):
            arrays = self.statement(arrays, counters, depth)
        return arrays

    def statement(self, arrays, counters, depth):
        self.budget -= 1
        r = self.random.random()
        if depth < 3 and self.budget > 0 and r < (0.95 if depth == 0 else 0.35):
            return self.counted(arrays, counters, depth)
        if r < 0.43 and depth < 3 and self.budget > 0 and not self.affine_only:
            return self.branch(arrays, counters, depth)
        if r < 0.48 and depth < 3 and self.budget > 0 and not self.affine_only:
            return self.repeat(arrays, counters, depth)
        return self.write(arrays, counters)

    def counted(self, arrays, counters, depth):
        n = Dim.of(self.n)
        lows = [Dim.of(0), Dim.of(0), Dim.of(1), *(Dim.of(c) for c in counters), *(Dim.of(c) + 1 for c in counters)]
        highs = [n, n, n - 1, *(Dim.of(c) for c in counters), *(Dim.of(c) + 1 for c in counters), Dim.of(0)]
        swaps = self.random.random() < 0.1

        def body(i, *inner):
            out = self.block(list(inner), [*counters, i], depth + 1)
            return (out[1], out[0], out[2]) if swaps else out

        lo, hi = self.random.choice(lows), self.random.choice(highs)
        return list(for_loop(lo, hi, arrays, body, direction=self.random.choice([1, 1, -1])))

    def branch(self, arrays, counters, depth):
        test = index(arrays[0], at=(At(self.position(counters)),)) > 0.5
        one_sided = self.random.random() < 0.5
        then = lambda: self.block(list(arrays), counters, depth + 1)
        otherwise = (lambda: list(arrays)) if one_sided else then
        return list(cond(test, then, otherwise))

    def repeat(self, arrays, counters, depth):
        """A while loop over a carried integer that it increases by one."""
        start = self.random.choice([0, 1])

        def body(k, *inner):
            out = self.block(list(inner), [*counters, k], depth + 1)
            return (dim_value(dim=Dim.of(k) + 1), *out)

        inits = [dim_value(dim=Dim.of(start)), *arrays]
        results = while_loop(inits, lambda k, *_: k < dim_value(dim=Dim.of(self.n)), body)
        assert results[0].type.dtype == INT64
        return list(results[1:])

    def write(self, arrays, counters):
        """array[...] = combination of loads; sometimes from or onto an old version, sometimes through a copy."""
        target = self.random.randrange(3)
        at = self.where(arrays[target], counters)
        old = list(arrays)
        value = None
        for _ in range(self.random.randint(1, 2)):
            source = self.random.randrange(3)
            here = at if source == target and self.random.random() < 0.4 else self.recent(source, counters)
            if here is None:
                found = self.where(arrays[source], counters)
                here = tuple(c if isinstance(c, At) else At(self.position(counters)) for c in found)
            term = index(arrays[source], at=here) * self.random.choice([0.3, 0.5, -0.7]) + self.random.random()
            if value is None or term.rank > value.rank:
                value = term
            elif value.rank == 0:
                value = self.random.choice([lambda a, b: a + b, lambda a, b: sin(a * b)])(value, term)
        operation = update if self.random.random() < 0.75 else update_add
        arrays = list(arrays)
        arrays[target] = operation(arrays[target], value if self.fits(value, at) else 0.25, at=at)
        self.written.append((target, at))
        if self.random.random() < 0.1:  # read the version that was just superseded
            stale = index(old[target], at=tuple(At(self.position(counters)) for _ in at))
            arrays[0] = update_add(arrays[0], stale * 0.1, at=(At(self.position(counters)),))
        if self.random.random() < 0.06:  # fork: go on from the old version
            arrays[target] = update(old[target], 0.125, at=tuple(At(self.position(counters)) for _ in at))
        if self.random.random() < 0.05:
            arrays[target] = copy(arrays[target])
        return arrays

    def recent(self, source, counters):
        """A place written before whose subscripts mean the same here."""
        visible = {*counters, self.n}
        known = [
            at for k, at in self.written
            if k == source and all(isinstance(c, At) and set(c.position.leaves()) <= visible for c in at)
        ]
        return self.random.choice(known[-3:]) if known and self.random.random() < 0.3 else None

    def fits(self, value, at):
        return value.rank == 0 or value.shape == tuple(c.length for c in at if isinstance(c, Slice))


def arguments(nest, size, seed):
    rng = np.random.default_rng(seed)
    extent = 2 * REACH * size + 12
    return [
        rng.uniform(0.1, 0.9, extent), rng.uniform(0.1, 0.9, extent), rng.uniform(0.1, 0.9, (extent, extent)),
        rng.integers(0, extent, size),
    ]
