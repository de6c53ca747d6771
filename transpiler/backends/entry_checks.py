"""The first lines of an emitted function: sizes of arguments, and the checks of what the text relies on.

In: a function, names, and the symbols its body mentions. Out: statements. Establishes: every symbol is the size of
the first argument axis that is exactly that symbol; an argument of another shape or dtype, or a broken guard, raises
before anything is computed."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence

from gradscribe.transpiler.backends.dialect import call, expression
from gradscribe.transpiler.backends.expressions import Expressions
from gradscribe.transpiler.backends.layout import broken, write
from gradscribe.transpiler.backends.statements import Line
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.nodes import Function, Guard, Region, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import inner_eqns, param_dims

_ORDER = {"eq": (ast.NotEq(), "!="), "ge": (ast.Lt(), "<")}


def binding_places(function: Function) -> dict[Symbol, tuple[Var, int]]:
    """For every symbol the first argument axis that is exactly it."""
    places: dict[Symbol, tuple[Var, int]] = {}
    for p in function.params:
        for axis, dim in enumerate(p.type.dims()):
            atom = dim.single_atom
            if isinstance(atom, Symbol):
                places.setdefault(atom, (p, axis))
    return places


def _line(text: str, depth: int = 1) -> Line:
    return Line(depth, " " * 4 * depth + text)


def size_lines(function: Function, write_dims: Expressions, used: Collection[Symbol]) -> list[Line]:
    """`n, d = x.shape`, or `n = x.shape[0]` where only some of the sizes are mentioned."""
    places = binding_places(function)
    lines: list[Line] = []
    for p in function.params:
        dims = p.type.dims()
        mine = [s for s, (owner, _) in places.items() if owner is p and s in used]
        name = write_dims.names.of(p)
        if len(mine) > 1 and len(mine) == len(dims):
            lines.append(_line(f"{', '.join(write_dims.names.symbols[s] for s in mine)} = {name}.shape"))
        else:
            lines += [_line(f"{write_dims.names.symbols[s]} = {name}.shape[{places[s][1]}]") for s in mine]
    return lines


def check_lines(function: Function, exprs: Expressions) -> list[Line]:
    """Checks of shapes, dtypes, sizes and guards. They mention symbols, so they are written before `size_lines` are."""
    lines: list[Line] = []
    places = binding_places(function)
    mentioned = set(exprs.symbols)
    compound = {s for d in _dims(function.region) if d.single_atom is None for s in d.leaves() if isinstance(s, Symbol)}
    for p in function.params:
        if not isinstance(p.type, ArrayType):
            continue
        name = exprs.names.of(p)
        if not p.type.shape:
            if p.type.is_float:
                lines += _raise(
                    f"np.ndim({name}) != 0",
                    "ValueError",
                    f"{name}: expected a number, got shape %s",
                    [f"np.shape({name})"],
                )
            continue
        fresh = [
            isinstance(d.single_atom, Symbol) and places[d.single_atom] == (p, k) for k, d in enumerate(p.type.shape)
        ]
        rank = p.type.rank
        if all(fresh):
            test = f"{name}.ndim != {rank} or {name}.dtype != {_dtype(p.type)}"
            expected = f"{name}: expected {rank}-d {p.type.dtype.name}, got %d-d %s"
            lines += _raise(test, "TypeError", expected, [f"{name}.ndim", f"{name}.dtype"])
        else:
            lines += _shape_check(name, p.type, exprs)
            test = f"{name}.dtype != {_dtype(p.type)}"
            lines += _raise(test, "TypeError", f"{name}: expected {p.type.dtype.name}, got %s", [f"{name}.dtype"])
        for axis, d in enumerate(p.type.shape):
            s = d.single_atom
            if fresh[axis] and isinstance(s, Symbol) and s in compound and s in mentioned and s.lower > 1:
                size = write(exprs.dim(d))
                expected = f"{name}: axis {axis} needs at least {s.lower} entries, got %d"
                lines += _raise(f"{size} < {s.lower}", "ValueError", expected, [size])
    for guard in function.guards:
        lines += _guard(guard, exprs)
    return lines


def _dtype(type: ArrayType) -> str:
    return f"np.{type.dtype.name.replace('bool', 'bool_')}"


def _raise(test: str, error: str, message: str, values: Sequence[str]) -> list[Line]:
    """`if test: raise error(message % values)`."""
    text: ast.expr = ast.Constant(value=message)
    if values:
        parts = [expression(v) for v in values]
        alone = len(parts) == 1 and not values[0].startswith("np.shape")  # a tuple would be taken apart
        text = ast.BinOp(left=text, op=ast.Mod(), right=parts[0] if alone else ast.Tuple(elts=parts))
    raised = broken("raise ", call(error, text), "", 8)
    return [_line(f"if {test}:"), *(Line(2, line) for line in raised)]


def _shape_check(name: str, type: ArrayType, exprs: Expressions) -> list[Line]:
    """`if w.shape != (n,)`."""
    pattern = ", ".join(str(d.constant) if d.constant is not None else "%d" for d in type.shape)
    pattern = f"({pattern},)" if len(type.shape) == 1 else f"({pattern})"
    values = [write(exprs.dim(d)) for d in type.shape if d.constant is None]
    shape = [*values, f"{name}.shape"]
    if not values:  # a shape alone would be taken apart by %
        shape = [f"({name}.shape,)"]
    test = f"{name}.shape != {write(exprs.shape(type.shape))}"
    return _raise(test, "ValueError", f"{name}: expected shape {pattern}, got %s", shape)


def _guard(guard: Guard, exprs: Expressions) -> list[Line]:
    """`if left != right: raise`, negative terms on the right-hand side."""
    left = Dim({m: c for m, c in guard.dim.terms.items() if c > 0})
    right = Dim({m: -c for m, c in guard.dim.terms.items() if c < 0})
    sign = _ORDER[guard.kind][1]
    test = f"{write(exprs.dim(left), 6)} {sign} {write(exprs.dim(right), 6)}"
    return _raise(test, "ValueError", guard.message, [])


def _dims(region: Region) -> Iterator[Dim]:
    for eqn in inner_eqns(region):
        for value in eqn.params.values():
            yield from param_dims(value)
