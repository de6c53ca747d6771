"""Random differentiable programs, built directly as IR.

In: a seed. Out: a verified `Function` over float vectors, a matrix, scalars and an index array, with arguments for
it. Programs have counted loops in both directions, triangular bounds, `while` loops with a trip count that depends on
data, exits, branches on data, in-place chains (single elements, rows, slices, data-dependent positions), old versions
that live on (forks), buffer swaps and reductions. Values stay bounded: what is written goes through bounded functions
or small factors.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.builder import build_body, emit
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.index import At, Slice, Take
from gradscribe.transpiler.ir.nodes import Function, Literal, Operand, Var
from gradscribe.transpiler.ir.types import ArrayType, array
from gradscribe.transpiler.primitives.allocation import dim_value, zeros
from gradscribe.transpiler.primitives.arithmetic import add, equal, less, select
from gradscribe.transpiler.primitives.checks import wrap_index
from gradscribe.transpiler.primitives.elementary import exp, sin, sqrt, tanh
from gradscribe.transpiler.primitives.logic import logical_and
from gradscribe.transpiler.primitives.reductions import reduce_sum
from gradscribe.transpiler.primitives.regions import cond, for_loop, while_loop
from gradscribe.transpiler.primitives.structure import index, update, update_add

State = dict[str, Operand]
VECTOR, MATRIX, SCALAR = "vector", "matrix", "scalar"


@dataclass(frozen=True)
class Case:
    """A program and arguments for it; `wrt` are some of its float parameters, `results` those that take a cotangent."""

    seed: int
    function: Function
    args: tuple[Any, ...]
    wrt: tuple[int, ...]
    results: tuple[int, ...]


class Generator:
    """Writes statements on a state of named values; regions get a copy of the state."""

    def __init__(self, seed: int, size: int) -> None:
        self.rng = random.Random(seed)
        self.budget = size
        self.n = Symbol("n")
        self.k: Var | None = None  # the index array
        self.kinds: dict[str, str] = {}
        self.trips = 0

    # ---- choices ----
    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    def name(self, kind: str, state: State) -> str:
        return self.rng.choice([n for n in state if self.kinds[n] == kind])

    def position(self, indices: Sequence[tuple[Var, int]]) -> Dim:
        """A place in [0, n): a constant, n - 1, an index plus what fits, or a loaded integer."""
        n = Dim.of(self.n)
        options: list[Callable[[], Dim]] = [
            lambda: Dim.of(self.rng.choice([0, 1])),
            lambda: n - self.rng.choice([1, 2]),
        ]
        for i, slack in indices:
            options += [lambda i=i, slack=slack: Dim.of(i) + self.rng.randint(0, slack)] * 3
            options += [lambda i=i: n - 1 - Dim.of(i)]
        if self.k is not None:
            options.append(self.loaded)
        return self.rng.choice(options)()

    def loaded(self) -> Dim:
        """A position that is data: an element of the index array (valid by construction, checked all the same)."""
        at = (At(Dim.of(self.rng.choice([0, 1]))),)
        (value,) = emit(index, (self.k,), {"at": at})
        return Dim.of(emit(wrap_index, (value,), {"size": Dim.of(self.n)})[0])

    # ---- expressions ----
    def scalar(self, state: State, indices: Any, depth: int = 2) -> Operand:
        r = self.rng.random()
        if depth == 0 or r < 0.3:
            leaf = self.rng.random()
            if leaf < 0.35:
                return state[self.name(SCALAR, state)]
            if leaf < 0.75:
                return self.load(state, indices)
            if leaf < 0.85 and indices:
                return emit(dim_value, (), {"dim": Dim.of(self.rng.choice(indices)[0])})[0] * 0.1
            return Literal(round(self.rng.uniform(-1.5, 1.5), 2))
        x = self.scalar(state, indices, depth - 1)
        if r < 0.45:
            return self.rng.choice([sin, tanh])(x)
        if r < 0.5:
            return sqrt(1.0 + x * x)
        y = self.scalar(state, indices, depth - 1)
        if r < 0.65:
            return x * y
        if r < 0.75:
            return x / (2.0 + y * y)
        if r < 0.8:
            return select(x < y, x * 0.5, y) if self.chance(0.5) else select(less(x, 0.2), x, x * y)
        return x + y if self.chance(0.6) else x - y

    def load(self, state: State, indices: Any) -> Operand:
        if self.chance(0.3) and MATRIX in self.kinds.values():
            m = state[self.name(MATRIX, state)]
            return emit(index, (m,), {"at": (At(self.position(indices)), At(self.position(indices)))})[0]
        v = state[self.name(VECTOR, state)]
        return emit(index, (v,), {"at": (At(self.position(indices)),)})[0]

    def row(self, state: State, indices: Any, at: Slice, depth: int = 2) -> Operand:
        """A vector of the length of `at`, made of slices of vectors and of rows or columns of the matrix."""
        r = self.rng.random()
        if depth == 0 or r < 0.35:
            shift = self.rng.choice([0, 0, 1]) if at.length != Dim.of(self.n) and at.start == 0 else 0
            piece = Slice(at.start + shift, at.length, at.step)
            if self.chance(0.25) and MATRIX in self.kinds.values():
                m = state[self.name(MATRIX, state)]
                other = At(self.position(indices))
                where = (other, piece) if self.chance(0.6) else (piece, other)
                return emit(index, (m,), {"at": where})[0]
            return emit(index, (state[self.name(VECTOR, state)],), {"at": (piece,)})[0]
        x = self.row(state, indices, at, depth - 1)
        if r < 0.5:
            return self.rng.choice([sin, tanh])(x)
        if r < 0.65:
            return x * self.scalar(state, indices, 1)
        y = self.row(state, indices, at, depth - 1)
        if r < 0.8:
            return x * y
        return x + y if self.chance(0.6) else x - y

    def bounded(self, x: Operand) -> Operand:
        return self.rng.choice([sin, tanh])(x) if self.chance(0.7) else tanh(x) * exp(-(x * x))

    # ---- statements ----
    def block(self, state: State, indices: Any, depth: int) -> None:
        for _ in range(self.rng.randint(1, 3)):
            if self.budget <= 0:
                return
            self.budget -= 1
            self.statement(state, indices, depth)

    def statement(self, state: State, indices: Any, depth: int) -> None:
        r = self.rng.random()
        if depth > 0 and r < 0.22:
            self.counted(state, indices, depth - 1)
        elif depth > 0 and r < 0.32:
            self.repeated(state, indices, depth - 1)
        elif depth > 0 and r < 0.45:
            self.branch(state, indices, depth - 1)
        elif indices and r < 0.49:
            self.scratch(state, indices)
        elif r < 0.55:
            state[self.name(SCALAR, state)] = self.bounded(self.scalar(state, indices))
        elif r < 0.75:
            self.write_element(state, indices)
        elif r < 0.86:
            self.write_slice(state, indices)
        elif r < 0.9:
            v = state[self.name(VECTOR, state)]
            state[self.name(SCALAR, state)] = self.bounded(
                reduce_sum(v * self.row(state, indices, self.all(), 1), axes=(0,))
            )
        elif r < 0.95:
            kind = self.rng.choice([VECTOR, SCALAR, VECTOR, MATRIX])
            a, b = self.name(kind, state), self.name(kind, state)
            state[a], state[b] = state[b], state[a]
        elif r < 0.965:
            self.gather_or_scatter(state, indices)
        elif r < 0.98:
            kind = self.rng.choice([VECTOR, SCALAR, MATRIX])
            state[self.name(kind, state)] = state[self.name(kind, state)]  # an old version lives on beside the new one
        else:
            (state[self.name(VECTOR, state)],) = emit(
                zeros, (), {"shape": (Dim.of(self.n),), "dtype": np.dtype(np.float64)}
            )

    def all(self) -> Slice:
        return Slice(Dim.of(0), Dim.of(self.n))

    def write_element(self, state: State, indices: Any) -> None:
        value = self.scalar(state, indices)
        kind = MATRIX if self.chance(0.3) else VECTOR
        target = self.name(kind, state)
        at = tuple(At(self.position(indices)) for _ in range(2 if kind == MATRIX else 1))
        if self.chance(0.3):
            (state[target],) = emit(update_add, (state[target], 0.3 * self.bounded(value)), {"at": at})
        else:
            if self.chance(0.4):  # the new value depends on the old element
                value = value * emit(index, (state[target],), {"at": at})[0] + 0.1
            (state[target],) = emit(update, (state[target], self.bounded(value)), {"at": at})

    def write_slice(self, state: State, indices: Any) -> None:
        n = Dim.of(self.n)
        at = self.rng.choice([self.all(), Slice(Dim.of(1), n - 1), Slice(Dim.of(0), n - 1), Slice(Dim.of(0), n - 1)])
        if self.chance(0.15):
            at = Slice(n - 1, n, -1)
        value = self.bounded(self.row(state, indices, at))
        operation = update_add if self.chance(0.25) else update
        if operation is update_add:
            value = value * 0.3
        if self.chance(0.3):
            target = self.name(MATRIX, state)
            other = At(self.position(indices))
            where: tuple[Any, ...] = (other, at) if self.chance(0.6) else (at, other)
        else:
            target, where = self.name(VECTOR, state), (at,)
            if at == self.all() and operation is update and self.chance(0.5):
                state[target] = value
                return
        if operation is update and self.chance(0.2):
            value = self.scalar(state, indices, 1)
            value = self.bounded(value)
        (state[target],) = emit(operation, (state[target], value), {"at": where})

    def gather_or_scatter(self, state: State, indices: Any) -> None:
        """Elements at the places in the index array (which may be equal) read, added to, or read into a sum."""
        target = self.name(VECTOR, state)
        if self.k is None:
            (state[target],) = emit(
                update, (state[target], self.bounded(self.scalar(state, indices))), {"at": (At(Dim.of(1)),)}
            )
            return
        source = state[self.name(VECTOR, state)]
        (picked,) = emit(index, (source, self.k), {"at": (Take(0),)})
        if self.chance(0.3):
            m = state[self.name(MATRIX, state)]
            (row,) = emit(index, (m, self.k), {"at": (Take(0), At(self.position(indices)))})
            picked = picked * row
        if self.chance(0.6):
            (state[target],) = emit(update_add, (state[target], 0.3 * self.bounded(picked), self.k), {"at": (Take(0),)})
        else:
            state[self.name(SCALAR, state)] = self.bounded(reduce_sum(picked, axes=(0,)))

    def scratch(self, state: State, indices: Any) -> None:
        """A work array whose size is a loop index (perhaps 0), filled by a loop and summed."""
        i, _ = self.rng.choice(indices)
        size = Dim.of(i)
        (work,) = emit(zeros, (), {"shape": (size,), "dtype": np.dtype(np.float64)})
        source, factor = state[self.name(VECTOR, state)], self.scalar(state, indices, 1)
        twice = self.chance(0.5)

        def fill(j: Var, work: Var) -> list[Operand]:
            (x,) = emit(index, (source,), {"at": (At(Dim.of(j)),)})
            if twice:
                x = x * emit(index, (work,), {"at": (At(size - 1 - Dim.of(j)),)})[0] + x
            return [emit(update, (work, sin(x * factor)), {"at": (At(Dim.of(j)),)})[0]]

        (work,) = for_loop(0, size, [work], fill, direction=self.rng.choice([1, -1]))
        state[self.name(SCALAR, state)] = self.bounded(reduce_sum(work * work, axes=(0,)))

    # ---- control ----
    def carried(self, state: State) -> list[str]:
        """Names a loop carries; the others it can only read."""
        names = [n for n in state if self.chance(0.75)]
        if not any(self.kinds[n] == SCALAR for n in names):
            names.append(self.name(SCALAR, state))
        return names

    def inner(self, state: State, names: Sequence[str], values: Sequence[Operand]) -> State:
        return {**state, **dict(zip(names, values, strict=True))}

    def run(self, state: State, names: Sequence[str], indices: Any, depth: int) -> list[Operand]:
        """A body that may write only `names`."""
        before = dict(state)
        self.block(state, indices, depth)
        for name in state:
            if name not in names:
                state[name] = before[name]
        return [self.strong(state[n]) for n in names]

    def strong(self, x: Operand) -> Operand:
        """A float64 array element, whatever the mixture of literals it came from."""
        if isinstance(x, Literal):
            return Literal(np.float64(x.value))
        if isinstance(x.type, ArrayType) and x.type.weak:
            return add(x, Literal(np.float64(0.0)))
        return x

    def counted(self, state: State, indices: Any, depth: int) -> None:
        n = Dim.of(self.n)
        ranges = [
            (Dim.of(0), n, 0),
            (Dim.of(0), n - 1, 1),
            (Dim.of(1), n, 0),
            (Dim.of(0), Dim.of(2), 0),
            (Dim.of(1), n - 1, 1),
        ]
        if self.k is not None:
            ranges += [(Dim.of(0), self.loaded(), 1)]
        for i, _ in indices:
            ranges += [(Dim.of(0), Dim.of(i), 1), (Dim.of(i), n, 0)]
        lo, hi, slack = self.rng.choice(ranges)
        names = self.carried(state)
        exits = self.chance(0.25)
        direction = self.rng.choice([1, 1, -1])

        def body(i: Var, *carries: Var) -> list[Operand]:
            inside = self.inner(state, names, carries)
            out = self.run(inside, names, [*indices, (i, slack)], depth)
            if not exits:
                return out
            code = select(self.scalar(inside, [*indices, (i, slack)], 1) > 0.9, 1, 0)
            return [code, *out]

        inits = [self.strong(state[n]) for n in names]
        out = for_loop(lo, hi, inits, body, direction=direction, exits=exits, hints=names)
        self.after(state, names, out, exits)

    def after(self, state: State, names: Sequence[str], out: Sequence[Var], exits: bool) -> None:
        code = out[0] if exits else None
        state.update(zip(names, out[1:] if exits else out, strict=True))
        if code is not None and self.chance(0.6):
            name = self.name(SCALAR, state)
            (state[name],) = cond(
                equal(code, 1),
                lambda: (self.strong(sin(state[name] * 2.0)),),
                lambda: (self.strong(state[name] * 0.7),),
            )

    def repeated(self, state: State, indices: Any, depth: int) -> None:
        """A while loop that ends on data, after at most a few trips."""
        names = self.carried(state)
        witness = next(n for n in names if self.kinds[n] == SCALAR)
        limit = self.rng.randint(1, 4)
        exits = self.chance(0.2)

        def test(count: Var, *carries: Var) -> Operand:
            x = carries[names.index(witness)]
            threshold = round(self.rng.uniform(0.1, 0.9), 2)
            return logical_and(less(count, limit), less(x * x, threshold))

        def body(count: Var, *carries: Var) -> list[Operand]:
            inside = self.inner(state, names, carries)
            out = self.run(inside, names, indices, depth)
            k = names.index(witness)
            out[k] = self.strong(out[k] + 0.17)
            code = [select(self.scalar(inside, indices, 1) > 0.8, 1, 0)] if exits else []
            return [*code, add(count, 1), *out]

        inits = [Literal(0), *(self.strong(state[n]) for n in names)]
        out = while_loop(inits, test, body, exits=exits, hints=["count", *names])
        code, rest = (out[:1], out[2:]) if exits else ((), out[1:])
        self.after(state, names, (*code, *rest), exits)

    def branch(self, state: State, indices: Any, depth: int) -> None:
        names = self.carried(state)
        predicate = self.scalar(state, indices, 1) < self.scalar(state, indices, 1)
        if isinstance(predicate, Literal):
            return
        out = cond(
            predicate,
            lambda: self.run(dict(state), names, indices, depth),
            lambda: (
                self.run(dict(state), names, indices, depth)
                if self.chance(0.6)
                else [self.strong(state[n]) for n in names]
            ),
            hints=names,
        )
        state.update(zip(names, out, strict=True))


class Nests(Generator):
    """In-place sweeps: nests of counted loops whose statements read and write elements of a few arrays nonlinearly,
    some of them under a branch. Nearly every value the reverse sweep needs may or may not still stand in its
    array."""

    def statement(self, state: State, indices: Any, depth: int) -> None:
        r = self.rng.random()
        if depth > 0 and (len(indices) < 1 or r < 0.3):
            self.counted(state, indices, depth - 1)
        elif depth > 0 and r < 0.42:
            self.branch(state, indices, depth - 1)
        elif r < 0.46 and indices:
            self.repeated(state, indices, 0)
        elif r < 0.5:
            self.write_slice(state, indices)
        elif r < 0.54:
            a, b = self.name(VECTOR, state), self.name(VECTOR, state)
            state[a], state[b] = state[b], state[a]
        else:
            self.write_element(state, indices)

    def carried(self, state: State) -> list[str]:
        return list(state)

    def position(self, indices: Sequence[tuple[Var, int]]) -> Dim:
        if indices and self.chance(0.85):
            i, slack = self.rng.choice(indices)
            return Dim.of(i) + self.rng.randint(0, slack)
        return super().position(indices)

    def write_element(self, state: State, indices: Any) -> None:
        """x[p] = g(x[p], y[q], x[r]) with partials that need some of the operands, some the result."""
        kind = MATRIX if self.chance(0.4) else VECTOR
        target = self.name(kind, state)
        at = tuple(At(self.position(indices)) for _ in range(2 if kind == MATRIX else 1))
        old = emit(index, (state[target],), {"at": at})[0]
        x, y = self.load(state, indices), self.load(state, indices)
        form = self.rng.randrange(6)
        if form == 0:
            value = old - 0.5 * x * y
        elif form == 1:
            value = old / (1.5 + x * x)
        elif form == 2:
            value = sqrt(1.0 + old * old + x * x) * 0.7
        elif form == 3:
            value = sin(old) * x
        elif form == 4:
            value = x * y * 0.5 + 0.1
        else:
            (state[target],) = emit(update_add, (state[target], 0.3 * sin(x * y)), {"at": at})
            return
        (state[target],) = emit(update, (state[target], value if form != 0 else sin(value)), {"at": at})


def random_case(seed: int, size: int = 14, style: type[Generator] = Generator) -> Case:
    """The program number `seed` and arguments of size n = 3, 4 or 5."""
    generator = style(seed, size)
    n = generator.n
    params = {
        "a": Var(array(np.float64, n), "a"),
        "b": Var(array(np.float64, n), "b"),
        "m": Var(array(np.float64, n, n), "m"),
        "s": Var(array(np.float64), "s"),
        "t": Var(ArrayType(np.dtype(np.float64), (), generator.chance(0.3)), "t"),
    }
    generator.kinds = {"a": VECTOR, "b": VECTOR, "m": MATRIX, "s": SCALAR, "t": SCALAR, "c": VECTOR, "u": SCALAR}
    k = Var(array(np.int64, 2), "k")
    generator.k = k if generator.chance(0.6) else None
    names: list[str] = []

    def body(*_: Var) -> list[Operand]:
        state: State = dict(params)
        state["c"] = state["a"] if generator.chance(0.5) else sin(state["b"])
        state["u"] = Literal(0.25)
        while generator.budget > 0:
            generator.block(state, [], 3)
        names.extend(generator.rng.sample(sorted(state), generator.rng.randint(1, 4)))
        return [generator.strong(state[x]) for x in names]

    region = build_body([*params.values(), k], body)
    function = Function(f"program_{seed}", region, (), tuple(names))
    rng = np.random.default_rng(seed)
    size = int(rng.integers(3, 6))
    args = (
        rng.uniform(-1, 1, size), rng.uniform(-1, 1, size), rng.uniform(-1, 1, (size, size)),
        np.float64(rng.uniform(-1, 1)), rng.uniform(-1, 1), rng.integers(0, size, 2),
    )  # fmt: skip
    args = (*args[:4], float(args[4]) if params["t"].type.weak else np.float64(args[4]), args[5])
    wrt = [k for k in range(5) if generator.chance(0.75)] or [0]
    results = [k for k in range(len(names)) if generator.chance(0.75)] or [0]
    return Case(seed, function, args, tuple(wrt), tuple(results))
