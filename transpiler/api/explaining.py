"""`explain`: what the compiler did with a program, and why.

In: a function (transformed or not) and arguments, examples or abstract. Out: an `Explanation`, printed: what reverse
mode saves, re-reads and recomputes; which array operations were fused into which loop nests; what calls BLAS or another
kernel; which arrays the native program makes, with their bytes. Nothing is run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from gradscribe.transpiler.api.inspection import known_sizes, staged_for
from gradscribe.transpiler.api.transformed import name_of
from gradscribe.transpiler.ir.dims import Atom, Dim, Symbol
from gradscribe.transpiler.ir.index import At, Component, Slice
from gradscribe.transpiler.ir.nodes import Eqn, Function, Operand, Var
from gradscribe.transpiler.ir.staged import Staged
from gradscribe.transpiler.ir.types import ArrayType, StackType
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.passes.inline_custom import without_custom_calls
from gradscribe.transpiler.passes.lower.describe import Allocation, Description, Nest, describe_loops
from gradscribe.transpiler.passes.lower.lowering import lower
from gradscribe.transpiler.passes.simplify import simplify
from gradscribe.transpiler.primitives.primitive import Elementwise, Reduction
from gradscribe.transpiler.primitives.structure import index
from gradscribe.transpiler.transforms.residuals import ResidualPlan, Tape, recorded_plans

_KINDS = {
    "slot": "one value",
    "array": "an array with a place for each trip",
    "stack": "a tape that grows, since the number of trips is data",
}


@dataclass(frozen=True)
class Saved:
    """A forward value that the reverse sweep gets from a tape. `bytes` is None where the size is data."""

    name: str
    line: int | None
    tape: str
    shape: str
    bytes: int | None
    why: str


@dataclass(frozen=True)
class Explanation:
    """What `explain` found.

    `saved`, `reread`, `recomputed`: for each reverse transformation, the forward values inside loops and branches that
    its reverse sweep reads. `array_operations`: elementwise operations and reductions before fusion; `nests`, `calls`,
    `allocations`: what the native program is made of; `temporary_bytes` and `result_bytes`: of those of its arrays
    whose size is known from the arguments, each counted once."""

    title: str
    saved: tuple[Saved, ...]
    reread: tuple[str, ...]
    recomputed: tuple[str, ...]
    array_operations: int
    loops: Description
    temporary_bytes: int
    result_bytes: int
    text: str

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        nests, saved = len(self.loops.nests), len(self.saved)
        return f"<Explanation of {self.title}: {saved} saved values, {nests} loop nests>"


def explain(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Explanation:
    """Print what is saved for reverse mode and why, what was fused, what calls BLAS, and the arrays that are made.

    Args:
        fun: a function or a transformed function.
        args, kwargs: example arguments, or abstract ones: `gs.F64["n d"]`. With examples, sizes come in bytes.

    Returns the `Explanation` that it prints. Example: `gs.explain(gs.grad(loss), w, x, y)`
    """
    with recorded_plans() as plans:
        staged, leaves = staged_for(fun, args, kwargs)
    sizes = _Sizes(staged, leaves)
    function = without_custom_calls(staged.function)
    before = sum(isinstance(e.operation, (Elementwise, Reduction)) and _is_array(e.results[0]) for e in _eqns(function))
    loops = describe_loops(lower(function))
    saved, reread, recomputed = _of_plans(plans, sizes)
    arrays = [(a, sizes.bytes_of(a.type)) for a in loops.allocations]
    temporary = sum(count or 0 for a, count in arrays if not a.returned)
    result = sum(count or 0 for a, count in arrays if a.returned)
    title = name_of(fun)
    lines = [title]
    if plans:
        lines += _section("saved for reverse mode", [_saved_line(s) for s in saved], "nothing")
        lines += _section("read again from arrays that still hold it", reread)
        lines += _section("recomputed", [", ".join(recomputed)] if recomputed else [])
    fused = f"{_count(before, 'array operation')}, {_count(len(loops.nests), 'loop nest')}"
    lines += _section(f"loops ({fused})", [_nest_line(n) for n in loops.nests], "none")
    calls = [f"{c.operation}, line {c.line}: {_shape(c.result)}" for c in loops.calls]
    lines += _section("calls of BLAS, LAPACK and other kernels on whole arrays", calls)
    lines += _section("arrays made", [_array_line(a, count) for a, count in arrays], "none")
    lines.append(f"  temporary {_bytes(temporary)}, results {_bytes(result)}, where sizes are known from the arguments")
    explanation = Explanation(
        title, tuple(saved), tuple(reread), tuple(recomputed), before, loops, temporary, result, "\n".join(lines)
    )
    print(explanation)
    return explanation


class _Sizes:
    """Sizes that the arguments tell, by name: plans are those of programs on the way, with values of their own."""

    def __init__(self, staged: Staged, leaves: list[Any]) -> None:
        sizes = known_sizes(staged, leaves)
        self.symbols = {atom.name: size for atom, size in sizes.items() if isinstance(atom, Symbol)}
        self.integers = {atom.hint: size for atom, size in sizes.items() if isinstance(atom, Var)}

    def value(self, dim: Dim) -> int | None:
        def known(atom: Atom) -> int:
            names = self.symbols if isinstance(atom, Symbol) else self.integers
            return names[atom.name if isinstance(atom, Symbol) else atom.hint if isinstance(atom, Var) else ""]

        try:
            return dim.evaluate(known)
        except KeyError:
            return None

    def bytes_of(self, type: ArrayType, trips: tuple[Dim, ...] = ()) -> int | None:
        total = type.dtype.itemsize
        for dim in (*trips, *type.shape):
            size = self.value(dim)
            if size is None:
                return None
            total *= max(size, 0)
        return total


def _of_plans(plans: list[ResidualPlan], sizes: _Sizes) -> tuple[list[Saved], list[str], list[str]]:
    saved, reread, recomputed = [], list[str](), list[str]()
    for plan in plans:
        for var, tape in plan.tapes.items():
            saved.append(_saved(plan, var, tape, sizes))
        for var, source in plan.rereads.items():
            at = ", ".join(map(_subscript, source.at))
            reread.append(f"{_name(var)}{_at_line(var)}: {source.array.hint or 't'}[{at}]")
        for var in plan.needed:
            had = any(var in way for way in (plan.tapes, plan.rereads, plan.flags))
            if not had and var in plan.homes.home and not plan.is_given(var) and var.type.is_float:
                recomputed.append(f"{_name(var)}{_at_line(var)}")
    return saved, list(dict.fromkeys(reread)), list(dict.fromkeys(recomputed))


def _saved(plan: ResidualPlan, var: Var, tape: Tape, sizes: _Sizes) -> Saved:
    trips = tuple(eqn.params["hi"] - eqn.params["lo"] for eqn, _ in tape.loops()) if tape.kind == "array" else ()
    type = var.type
    count = None if tape.kind == "stack" or isinstance(type, StackType) else sizes.bytes_of(type, trips)
    shape = "a tape" if isinstance(type, StackType) else _shape(ArrayType(type.dtype, (*trips, *type.shape)))
    return Saved(var.hint or "t", _line(var), tape.kind, shape, count, plan.reasons[var])


def _line(var: Var) -> int | None:
    return None if var.definition is None or var.definition.span is None else var.definition.span.line


def _name(var: Var) -> str:
    if var.hint or var.definition is None:
        return var.hint or "a value"
    return "an element" if var.definition.operation is index else f"`{var.definition.operation.name}`"


def _at_line(var: Var) -> str:
    line = _line(var)
    return "" if line is None else f" of line {line}"


def _dim(dim: Dim) -> str:
    """A size over the names that the user gave."""
    return repr(dim.substitute(lambda atom: Dim.of(Symbol(atom.hint or "t")) if isinstance(atom, Var) else None))


def _subscript(component: Component) -> str:
    if isinstance(component, At):
        return _dim(component.position)
    assert isinstance(component, Slice)  # what is re-read has no index arrays
    stop = _dim(component.start + component.length * component.step)
    return f"{_dim(component.start)}:{stop}" + ("" if component.step == 1 else f":{component.step}")


def _shape(type: ArrayType) -> str:
    sizes = ", ".join(map(_dim, type.shape))
    return repr(ArrayType(type.dtype)) + (f"[{sizes}]" if type.shape else "")


def _bytes(count: int | None) -> str:
    return "of a size that is data" if count is None else f"{count:,} bytes"


def _saved_line(saved: Saved) -> str:
    where = "" if saved.line is None else f" of line {saved.line}"
    return f"{saved.name}{where}: {saved.shape}, {_bytes(saved.bytes)}, {_KINDS[saved.tape]}; {saved.why}"


def _nest_line(nest: Nest) -> str:
    lines = f"line{'s' * (len(nest.lines) > 1)} {', '.join(map(str, nest.lines))}" if nest.lines else "no line"
    trips = " x ".join(map(_dim, nest.trips))
    over = f"over {trips}, " if trips else ""
    order = "iterations are independent" if nest.independent else "iterations in order"
    return f"{lines}: {over}{nest.depth} deep, {order}"


def _array_line(array: Allocation, count: int | None) -> str:
    where = "" if array.line is None else f", line {array.line}"
    again = " in every trip" if array.loops else ""
    return f"{array.name or 't'}: {_shape(array.type)}, {_bytes(count)}{where}{again}{', returned' * array.returned}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _section(title: str, lines: list[str], otherwise: str = "") -> list[str]:
    if not lines and not otherwise:
        return []
    return [f"{title}:", *(f"  {line}" for line in lines or [otherwise])]


def _is_array(x: Operand) -> bool:
    return isinstance(x.type, ArrayType) and bool(x.type.shape)


def _eqns(function: Function) -> Iterator[Eqn]:
    return (e for e in inner_eqns(simplify(function).region) if e.results)
