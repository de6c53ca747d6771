"""Random array-level programs for the lowering: expressions over slices, broadcasts, permutations and reductions,
written to arrays.

In: a seed. Out: a verified `Function` and arguments. Values are shared on purpose (used once, twice, in a loop, by a
result), arrays are overwritten while slices of them are still needed, runs of additions go to shifted boxes, and
small sizes make boxes overlap.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.builder import build_body, emit
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.index import At, Slice, Take
from gradscribe.transpiler.ir.nodes import Function, Operand, Var
from gradscribe.transpiler.ir.types import array
from gradscribe.transpiler.primitives.allocation import arange, full, zeros
from gradscribe.transpiler.primitives.arithmetic import less, select
from gradscribe.transpiler.primitives.checks import wrap_index
from gradscribe.transpiler.primitives.contraction import contract
from gradscribe.transpiler.primitives.conversion import convert, copy
from gradscribe.transpiler.primitives.elementary import exp, sin, tanh
from gradscribe.transpiler.primitives.joining import concatenate
from gradscribe.transpiler.primitives.piecewise import maximum
from gradscribe.transpiler.primitives.reductions import reduce_max, reduce_sum
from gradscribe.transpiler.primitives.regions import cond, for_loop
from gradscribe.transpiler.primitives.structure import broadcast_to, index, permute, reshape, update, update_add


@dataclass(frozen=True)
class ArrayProgram:
    seed: int
    function: Function
    args: tuple[Any, ...]


class _Writer:
    def __init__(self, seed: int, dtype: Any) -> None:
        self.rng = random.Random(seed)
        self.dtype = np.dtype(dtype)
        self.n, self.m = Symbol("n"), Symbol("m")
        self.values: list[Operand] = []
        self.places: Var | None = None
        self.row: Dim | None = None  # a valid row inside a loop

    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    # ---- expressions: arrays of a given shape ----
    def shapes(self) -> list[tuple[Dim, ...]]:
        n, m = Dim.of(self.n), Dim.of(self.m)
        return [(n, m), (n, m), (m,), (n,), (n, m - 1), (n - 1, m), (m - 1,), (n, Dim.of(1))]

    def leaf(self, shape: tuple[Dim, ...]) -> Operand:
        """A value of this shape, or a slice, row, column or transposition of another."""
        options = [v for v in self.values if v.shape == shape] * 2
        options += [v for v in self.values if self.sliceable(v, shape) or v.shape == tuple(reversed(shape))]
        options += [v for v in self.values if len(shape) == 1 and v.rank == 2 and shape[0] in v.shape]
        if not options:
            return broadcast_to(self.scalar(), shape=shape)
        v = self.rng.choice(options)
        if v.shape == shape:
            return v
        if len(shape) == 1 and v.rank == 2:
            axis = v.shape.index(shape[0])
            other = At(
                self.row
                if self.row is not None and axis == 1 and v.shape[0] == Dim.of(self.n)
                else Dim.of(self.rng.randint(0, 0))
            )
            keep = Slice(Dim.of(0), shape[0])
            if self.chance(0.2):
                keep = Slice(shape[0] - 1, shape[0], -1)
            return index(v, at=(other, keep) if axis == 1 else (keep, other))
        if self.sliceable(v, shape):
            return index(v, at=self.piece(v, shape))
        return permute(v, axes=(1, 0))

    def sliceable(self, v: Operand, shape: tuple[Dim, ...]) -> bool:
        return v.rank == len(shape) and all((a - b).constant in (0, 1) for a, b in zip(v.shape, shape, strict=True))

    def piece(self, v: Operand, shape: Sequence[Dim]) -> tuple[Slice, ...]:
        return tuple(
            Slice(Dim.of(self.rng.randint(0, (a - b).constant or 0)), b) for a, b in zip(v.shape, shape, strict=True)
        )

    def scalar(self) -> Operand:
        options = [v for v in self.values if not v.shape]
        return self.rng.choice(options) * round(self.rng.uniform(-1, 1), 2)

    def expression(self, shape: tuple[Dim, ...], depth: int) -> Operand:
        r = self.rng.random()
        if depth == 0 or r < 0.2:
            return self.leaf(shape)
        x = self.expression(shape, depth - 1)
        if r < 0.35:
            return self.rng.choice([sin, tanh])(x)
        if r < 0.42:
            return x * self.scalar()
        if r < 0.52 and len(shape) == 2:
            return x - self.stretched(shape, depth - 1)
        if r < 0.57:
            return select(less(x, 0.1), x, self.expression(shape, depth - 1))
        if r < 0.62:
            return maximum(x, self.leaf(shape))
        if r < 0.68 and self.places is not None and len(shape) == 2:
            return index(x, self.places, at=(Take(0), Slice(Dim.of(0), shape[1]))) if shape[0] == Dim.of(self.n) else x
        y = self.expression(shape, depth - 1)
        return x * y if r < 0.8 else x + y if self.chance(0.5) else x - y

    def stretched(self, shape: tuple[Dim, ...], depth: int) -> Operand:
        """Something that broadcasts to `shape`: a row, a column, or a reduction of a matrix."""
        if self.chance(0.4):
            return self.expression(shape[1:], depth)
        column = (shape[0], Dim.of(1))
        reduce = self.rng.choice([reduce_sum, reduce_max])
        return reshape(reduce(self.expression(shape, depth), axes=(1,)), shape=column) * 0.25

    # ---- statements ----
    def statement(self, depth: int) -> None:
        r = self.rng.random()
        shape = self.rng.choice(self.shapes())
        if r < 0.2:
            self.values.append(self.expression(shape, 3))
        elif r < 0.32:
            axes = self.rng.choice([(0,), (1,), (0, 1)])
            x = reduce_sum(self.expression(self.shapes()[0], 2), axes=axes)
            self.values.append(tanh(x) if x.rank == 0 else x * 0.1)
        elif r < 0.55:
            self.write()
        elif r < 0.67:
            self.shifted_additions()
        elif r < 0.72:
            self.values.append(
                self.rng.choice([copy, lambda x: exp(-(x * x))])(self.rng.choice([v for v in self.values if v.rank]))
            )
        elif r < 0.78:
            n, m = Dim.of(self.n), Dim.of(self.m)
            product = contract(self.expression((n, m), 1), self.expression((m,), 1), "ij", "j", "i")
            self.values.append(reduce_sum(product, axes=(0,)) * 0.1)
        elif r < 0.82:
            self.values.append(self.rng.choice([self.ramp, self.joined, self.flat])())
        elif r < 0.9 and depth:
            self.loop(depth - 1)
        elif depth:
            self.branch(depth - 1)

    def ramp(self) -> Operand:
        x = emit(arange, (), {"start": Dim.of(1), "length": Dim.of(self.m), "step": 2})[0]
        return convert(x, dtype=self.dtype) * 0.1

    def joined(self) -> Operand:
        n, m = Dim.of(self.n), Dim.of(self.m)
        return concatenate(self.expression((m,), 1), self.expression((n,), 1), axis=0)

    def flat(self) -> Operand:
        n, m = Dim.of(self.n), Dim.of(self.m)
        return reshape(self.expression((n, m), 2), shape=(n * m,)) * 0.5

    def write(self) -> None:
        """A slice of a value overwritten or added to, often with an expression in the value itself."""
        k = self.rng.choice([k for k, v in enumerate(self.values) if v.rank and v.dtype == self.dtype])
        x = self.values[k]
        at = []
        for d in x.shape:
            cut = self.rng.choice([0, 0, 1]) if d != 1 else 0
            at.append(Slice(Dim.of(self.rng.randint(0, cut)), d - cut))
        shape = tuple(c.length for c in at)
        operation = self.rng.choice([update, update, update_add])
        if self.chance(0.25):
            v: Operand = self.scalar()
        elif len(shape) <= 2 and all(s in [d for t in self.shapes() for d in t] for s in shape):
            v = self.expression(shape, 2)
        else:
            v = index(x, at=tuple(at)) * 0.5
        (new,) = emit(operation, (x, v), {"at": tuple(at)})
        if self.chance(0.7):
            self.values[k] = new
        else:
            self.values.append(new)  # the old version lives on

    def shifted_additions(self) -> None:
        n, m = Dim.of(self.n), Dim.of(self.m)
        targets = [k for k, v in enumerate(self.values) if v.shape == (n, m)]
        k, cut = self.rng.choice(targets), (self.rng.choice([0, 1, 2]), self.rng.choice([0, 1, 2]))
        lengths = (n - min(cut[0], 2), m - min(cut[1], 2))
        source = zeros(shape=lengths, dtype=self.dtype) + self.scalar()
        if self.chance(0.8):
            v = self.expression((n, m), 2)
            source = index(v, at=tuple(Slice(Dim.of(0), d) for d in lengths))
        x = self.values[k]
        for _ in range(self.rng.randint(2, 4)):
            at = tuple(Slice(Dim.of(self.rng.randint(0, c)), d) for c, d in zip(cut, lengths, strict=True))
            (x,) = emit(update_add, (x, source * 0.5 if self.chance(0.3) else source), {"at": at})
        self.values[k] = x

    # ---- control ----
    def loop(self, depth: int) -> None:
        carried = [k for k, v in enumerate(self.values) if v.rank and self.chance(0.5)][:3]
        if not carried:
            return

        def body(i: Var, *arrays: Var) -> list[Operand]:
            saved, row = list(self.values), self.row
            for k, x in zip(carried, arrays, strict=True):
                self.values[k] = x
            self.row = Dim.of(i)
            for _ in range(self.rng.randint(1, 3)):
                self.statement(depth)
            out = [self.values[k] for k in carried]
            self.values, self.row = saved, row
            return out

        high = self.rng.choice([Dim.of(self.n), Dim.of(2)])
        out = for_loop(0, high, [self.values[k] for k in carried], body, direction=self.rng.choice([1, -1]))
        for k, x in zip(carried, out, strict=True):
            self.values[k] = x

    def branch(self, depth: int) -> None:
        k = self.rng.choice([k for k, v in enumerate(self.values) if v.rank])
        condition = less(self.scalar(), 0.05)

        def side(wanted: bool) -> list[Operand]:
            saved = list(self.values)
            if wanted:
                for _ in range(2):
                    self.statement(depth)
            out = self.values[k]
            self.values = saved
            return [out]

        if condition.rank == 0 and not self.values[k].dtype.kind == "b":
            (self.values[k],) = cond(condition, lambda: side(True), lambda: side(self.chance(0.5)))


def random_array_program(seed: int, statements: int = 10, dtype: Any = np.float64) -> ArrayProgram:
    """Program number `seed`, with sizes 2 to 5."""
    writer = _Writer(seed, dtype)
    n, m = writer.n, writer.m
    params = [
        Var(array(dtype, n, m), "x"),
        Var(array(dtype, n, m), "y"),
        Var(array(dtype, m), "w"),
        Var(array(dtype), "s"),
    ]
    places = Var(array(np.int64, n), "places")
    if writer.chance(0.5):
        params.append(places)

    def body(*_: Var) -> list[Operand]:
        writer.values = list(params[:4])
        writer.values.append(full(writer.scalar(), shape=(Dim.of(n),), dtype=np.dtype(dtype)))
        if len(params) == 5:
            writer.places = wrap_index(places, size=Dim.of(n)) if writer.chance(0.5) else places
        for _ in range(statements):
            writer.statement(2)
        return [v for v in writer.values if writer.chance(0.5)] or writer.values[-1:]

    function = Function(f"arrays_{seed}", build_body(params, body))
    rng = np.random.default_rng(seed)
    rows, columns = (int(k) for k in rng.integers(2, 6, 2))
    shapes = [(rows, columns), (rows, columns), (columns,)]
    args: list[Any] = [rng.uniform(-1, 1, s).astype(dtype) for s in shapes] + [np.dtype(dtype).type(rng.uniform(-1, 1))]
    if len(params) == 5:
        args.append(rng.integers(0, rows, rows))
    return ArrayProgram(seed, function, tuple(args))
