"""Random IR programs, built with the builder: loops, branches, writes, forks of old versions, views, swaps, stacks,
exits.

`ir_program(seed)` gives a verified function and arguments for it; equal seeds give equal programs. Values stay
bounded (every arithmetic result goes through a sine), so that programs of any depth can be compared exactly."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.builder import build_body, naming
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.index import At, Index, Slice, Take, whole
from gradscribe.transpiler.ir.nodes import Function, Literal, Operand, Var
from gradscribe.transpiler.ir.types import FLOAT64, INT64, ArrayType, array
from gradscribe.transpiler.primitives import reductions  # noqa: F401  (fills the table of reductions)
from gradscribe.transpiler.primitives.allocation import dim_value, zeros
from gradscribe.transpiler.primitives.arithmetic import add, less, multiply, select, subtract
from gradscribe.transpiler.primitives.checks import wrap_index
from gradscribe.transpiler.primitives.elementary import sin
from gradscribe.transpiler.primitives.reductions import reduce_sum
from gradscribe.transpiler.primitives.regions import cond, for_loop, while_loop
from gradscribe.transpiler.primitives.stacks import stack_new, stack_pop, stack_push
from gradscribe.transpiler.primitives.structure import broadcast_to, copy, index, permute, reshape, update, update_add

HINTS = ("", "", "", "x", "x", "y", "A", "B", "t", "x_bar", "A_bar", "x2", "sum", "lambda")
SIZE = 4


class Scope:
    """Values that can be read at one place; `live` is copied on entering a region."""

    def __init__(self, values: list[Operand], positions: list[Dim]) -> None:
        self.values = values
        self.positions = positions

    def inner(self, extra: list[Operand], position: Dim | None = None) -> Scope:
        return Scope([*self.values, *extra], [*self.positions, *([position] if position is not None else [])])


class Builder:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.n = Symbol("n")
        self.budget = self.random.randint(6, 40)

    # ---- choosing ----
    def hint(self) -> str:
        return self.random.choice(HINTS)

    def pick(self, scope: Scope, fits: Callable[[Any], bool]) -> Any:
        """A value that fits; late ones more often, old ones sometimes (forks)."""
        found = [x for x in scope.values if fits(x)]
        if not found:
            return None
        return found[-1 - min(int(self.random.expovariate(0.5)), len(found) - 1)]

    def scalar(self, scope: Scope) -> Operand:
        x = self.pick(scope, lambda v: is_float(v, 0))
        return x if x is not None and self.random.random() < 0.85 else Literal(self.random.choice([0.5, -1.5, 2.0]))

    def array(self, scope: Scope, rank: int | None = None) -> Any:
        return self.pick(scope, lambda v: is_float(v, rank) and v.rank > 0)

    def position(self, scope: Scope) -> Dim:
        return self.random.choice([*scope.positions, *scope.positions, Dim.of(0), Dim.of(1), Dim.of(self.n) - 1])

    def component(self, scope: Scope, size: Dim) -> At | Slice:
        if size != Dim.of(self.n):
            return Slice(Dim.of(0), size)
        full = Dim.of(self.n)
        slices = [
            Slice(Dim.of(0), full), Slice(Dim.of(1), full - 1), Slice(Dim.of(0), full - 1), Slice(Dim.of(1), full - 2),
            Slice(full - 1, full, -1), Slice(Dim.of(0), (full + 1) // 2, 2), Slice(full - 2, full - 1, -1),
        ]  # fmt: skip
        if scope.positions:
            i = self.random.choice(scope.positions)
            if i.single_atom is not None:
                slices += [Slice(Dim.of(0), i), Slice(i, full - i)]
        return self.random.choice([At(self.position(scope)), At(self.position(scope)), self.random.choice(slices)])

    def index(self, scope: Scope, x: Operand) -> Index:
        return tuple(self.component(scope, d) for d in x.shape)

    # ---- statements ----
    def block(self, scope: Scope, depth: int) -> None:
        for _ in range(self.random.randint(1, 5)):
            if self.budget <= 0:
                return
            self.budget -= 1
            with naming(self.hint()):
                made = self.statement(scope, depth)
            scope.values += [x for x in made if x is not None]

    def statement(self, scope: Scope, depth: int) -> list[Any]:
        choices = [
            self.arithmetic,
            self.arithmetic,
            self.read,
            self.read,
            self.write,
            self.write,
            self.write,
            self.reshaped,
        ]
        choices += [self.reduce, self.allocate, self.gathered, self.chosen]
        if depth < 3:
            choices += [
                self.counted,
                self.counted,
                self.conditional,
                self.conditional,
                self.uncounted,
                self.leaving,
                self.taped,
            ]
        return self.random.choice(choices)(scope, depth)

    def arithmetic(self, scope: Scope, depth: int) -> list[Any]:
        x = self.pick(scope, lambda v: is_float(v))
        if x is None:
            return []
        y = (
            self.pick(scope, lambda v: is_float(v) and v.shape == x.shape)
            if self.random.random() < 0.7
            else self.scalar(scope)
        )
        operation = self.random.choice([add, subtract, multiply])
        total = operation(x, y) if self.random.random() < 0.5 else operation(y, x)
        return [sin(total) if self.random.random() < 0.6 else multiply(total, 0.25)]

    def read(self, scope: Scope, depth: int) -> list[Any]:
        x = self.array(scope)
        return [] if x is None else [index(x, at=self.index(scope, x))]

    def write(self, scope: Scope, depth: int) -> list[Any]:
        x = self.array(scope)
        if x is None:
            return []
        at = self.index(scope, x)
        shape = tuple(c.length for c in at if isinstance(c, Slice))
        kind = self.random.random()
        value: Any = self.pick(scope, lambda v: is_float(v) and v.shape == shape) if kind < 0.6 else None
        if kind > 0.85:
            value = multiply(index(x, at=at), 0.5) if kind < 0.95 else Literal(0.0)
        value = self.scalar(scope) if value is None else value
        operation = self.random.choice([update, update, update_add])
        return [operation(x, value, at=at)]

    def reshaped(self, scope: Scope, depth: int) -> list[Any]:
        x = self.array(scope)
        if x is None:
            return []
        kind = self.random.randrange(4)
        if kind == 0:
            return [permute(x, axes=tuple(reversed(range(x.rank))))]
        if kind == 1 and x.rank == 1:
            return [reshape(x, shape=(x.shape[0], Dim.of(1)))]
        if kind == 2:
            return [broadcast_to(self.scalar(scope), shape=(Dim.of(self.n),))]
        return [copy(x)]

    def reduce(self, scope: Scope, depth: int) -> list[Any]:
        x = self.array(scope)
        return [] if x is None else [sin(reduce_sum(x, axes=(self.random.randrange(x.rank),)))]

    def allocate(self, scope: Scope, depth: int) -> list[Any]:
        n = Dim.of(self.n)
        return [zeros(shape=self.random.choice([(n,), (n, n)]), dtype=FLOAT64)]

    def gathered(self, scope: Scope, depth: int) -> list[Any]:
        keys = self.pick(scope, lambda v: isinstance(v, Var) and v.dtype == INT64 and v.rank == 1)
        x = self.pick(scope, lambda v: is_float(v) and v.rank > 0 and v.shape[0] == Dim.of(self.n))
        if keys is None or x is None:
            return []
        rest = whole(x.shape[1:])
        kind = self.random.randrange(4)
        if kind == 0:
            return [index(x, keys, at=(Take(0), *rest))]
        if kind == 1:
            return [update_add(x, self.scalar(scope), keys, at=(Take(0), *rest))]
        loaded = wrap_index(index(keys, at=(At(self.position(scope)),)), size=Dim.of(self.n))
        if kind == 2:
            scope.positions.append(Dim.of(loaded))
            return [update(x, self.scalar(scope), at=(At(Dim.of(loaded)), *rest))]
        return [index(x, at=(At(Dim.of(loaded)), *rest)), sin(multiply(dim_value(dim=Dim.of(loaded) + 1), 0.5))]

    def chosen(self, scope: Scope, depth: int) -> list[Any]:
        x = self.pick(scope, lambda v: is_float(v))
        y = self.pick(scope, lambda v: is_float(v) and v.shape == x.shape)
        return [select(less(x, y), y, self.scalar(scope))]

    # ---- regions ----
    def carried(self, scope: Scope) -> list[Operand]:
        """Initial values of carries; one value may be carried twice."""
        return [x for x in (self.pick(scope, is_float) for _ in range(self.random.randint(1, 4))) if isinstance(x, Var)]

    def returned(self, scope: Scope, carries: list[Any]) -> list[Operand]:
        """For every carry some value of its type: a late one, another carry (rotation), or one from outside."""
        out = []
        for c in carries:
            out.append(self.pick(scope, lambda v, c=c: is_float(v) and v.shape == c.shape))  # type: ignore[misc]
        return out

    def range(self, scope: Scope) -> tuple[Dim, Dim]:
        n = Dim.of(self.n)
        ranges = [(Dim.of(0), n), (Dim.of(1), n), (Dim.of(0), n - 1), (Dim.of(2), n), (Dim.of(0), Dim.of(0))]
        keys = self.pick(scope, lambda v: isinstance(v, Var) and v.dtype == INT64 and v.rank == 1)
        if keys is not None and self.random.random() < 0.3:  # bounds that are data, and dead once the loop has started
            loaded = Dim.of(wrap_index(index(keys, at=(At(self.position(scope)),)), size=n))
            return self.random.choice([(Dim.of(0), loaded), (loaded, n)])
        ranges += [r for i in scope.positions[-2:] for r in ((Dim.of(0), i), (i, n))]
        return self.random.choice(ranges)

    def counted(self, scope: Scope, depth: int) -> list[Any]:
        lo, hi = self.range(scope)
        inits = self.carried(scope)

        def body(i: Var, *carries: Var) -> list[Operand]:
            inside = scope.inner(list(carries), Dim.of(i))
            self.block(inside, depth + 1)
            return self.returned(inside, list(carries))

        return list(
            for_loop(lo, hi, inits, body, direction=self.random.choice([1, -1]), index_hint=self.random.choice("ijk"))
        )

    def conditional(self, scope: Scope, depth: int) -> list[Any]:
        carries = self.carried(scope)

        def branch() -> list[Operand]:
            inside = scope.inner([])
            self.block(inside, depth + 1)
            return self.returned(inside, carries)

        hints = [self.hint() for _ in carries]
        return list(cond(less(self.scalar(scope), self.scalar(scope)), branch, branch, hints=hints))

    def uncounted(self, scope: Scope, depth: int) -> list[Any]:
        inits = self.carried(scope)
        limit = self.random.choice([0, 2, 3])

        def condition(count: Var, *carries: Var) -> Operand:
            return less(count, limit)

        def body(count: Var, *carries: Var) -> list[Operand]:
            inside = scope.inner(list(carries))
            self.block(inside, depth + 1)
            return [add(count, 1), *self.returned(inside, list(carries))]

        _, *results = while_loop([Literal(0), *inits], condition, body, hints=["count", *(self.hint() for _ in inits)])
        return results

    def leaving(self, scope: Scope, depth: int) -> list[Any]:
        """A loop with an exit: the code is decided by a branch that ends the body."""
        lo, hi = self.range(scope)
        inits = self.carried(scope)

        def body(i: Var, *carries: Var) -> list[Operand]:
            inside = scope.inner(list(carries), Dim.of(i))
            self.block(inside, depth + 1)

            def branch(code: int) -> Callable[[], list[Operand]]:
                def path() -> list[Operand]:
                    here = inside.inner([])
                    self.block(here, depth + 1)
                    if code == 0 and self.random.random() < 0.3:
                        return list(cond(less(self.scalar(here), 0.1), nested(here, 2), nested(here, 0)))
                    return [Literal(code), *self.returned(here, list(carries))]

                return path

            def nested(here: Scope, code: int) -> Callable[[], list[Operand]]:
                return lambda: [Literal(code), *self.returned(here, list(carries))]

            codes = self.random.choice([(1, 0), (0, 1), (0, 0), (1, 2)])
            results = cond(less(self.scalar(inside), self.scalar(inside)), branch(codes[0]), branch(codes[1]))
            return list(results)

        code, *results = for_loop(lo, hi, inits, body, exits=True)
        return [*results, multiply(code, 0.5)] if self.random.random() < 0.5 else list(results)

    def taped(self, scope: Scope, depth: int) -> list[Any]:
        """Values of one loop pushed on a stack and popped by the reversed loop."""
        first = (
            self.array(scope)
            if self.random.random() < 0.5
            else self.pick(scope, lambda v: is_float(v, 0) and isinstance(v, Var))
        )
        if first is None:
            return []
        stack = stack_new(dtype=FLOAT64, element_rank=first.rank)

        def forward(i: Var, x: Var, tape: Var) -> list[Operand]:
            inside = scope.inner([x], Dim.of(i))
            self.block(inside, depth + 2)
            (y,) = self.returned(inside, [x])
            saved = self.random.choice([x, y])
            return [y, stack_push(tape, saved)]

        def backward(i: Var, total: Var, tape: Var) -> list[Operand]:
            tape, saved = stack_pop(tape, shape=first.shape)
            inside = scope.inner([total, saved], Dim.of(i))
            self.block(inside, depth + 2)
            (y,) = self.returned(inside, [total])
            return [sin(add(y, saved)), tape]

        y, stack = for_loop(0, Dim.of(self.n), [first, stack], forward, hints=["x", "tape"])
        total, _ = for_loop(0, Dim.of(self.n), [y, stack], backward, direction=-1, hints=["total", "tape"])
        return [y, total]


def is_float(v: Any, rank: int | None = None) -> bool:
    return isinstance(v.type, ArrayType) and v.dtype == FLOAT64 and not v.type.weak and (rank is None or v.rank == rank)


def ir_program(seed: int) -> tuple[Function, list[Any]]:
    """A random function and arguments for it."""
    builder = Builder(seed)
    n = builder.n
    params = [
        Var(array(np.float64, n), "A"), Var(array(np.float64, n), "x"), Var(array(np.float64, n, n), "M"),
        Var(array(np.float64), "s"), Var(array(np.int64, n), "keys"),
    ]  # fmt: skip

    def body(*params: Var) -> list[Operand]:
        scope = Scope(list(params), [])
        while builder.budget > 0:
            builder.block(scope, 0)
        wanted = builder.random.randint(1, 4)
        found = [v for v in scope.values if is_float(v)]
        return [found[-1 - min(int(builder.random.expovariate(0.4)), len(found) - 1)] for _ in range(wanted)]

    function = Function("program", build_body(params, body), result_hints=())
    rng = np.random.default_rng(seed)
    arguments = [
        rng.uniform(-1, 1, SIZE),
        rng.uniform(-1, 1, SIZE),
        rng.uniform(-1, 1, (SIZE, SIZE)),
        np.float64(rng.uniform(-1, 1)),
        rng.integers(-SIZE, SIZE, SIZE),
    ]
    return function, arguments
