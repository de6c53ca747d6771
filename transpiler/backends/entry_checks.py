"""The first lines of an emitted function: sizes of arguments, and the checks of what the text relies on.

In: a function, names, and the symbols its body mentions. Out: statements. Establishes: every symbol is the size of the first argument axis
that is exactly that symbol; an argument of another shape or dtype, or a broken guard, raises before anything is computed.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

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
    """Checks of shapes, dtypes, sizes and guards; mentions symbols, so it is written before `size_lines` are."""
    lines: list[Line] = []
    places = binding_places(function)
    compound = {s for d in _dims(function.region) if d.single_atom is None for s in d.leaves() if isinstance(s, Symbol)}
    for p in function.params:
        if not isinstance(p.type, ArrayType) or not p.type.shape:
            continue
        name = exprs.names.of(p)
        fresh = [isinstance(d.single_atom, Symbol) and places[d.single_atom] == (p, k) for k, d in enumerate(p.type.shape)]
        if not all(fresh):
            lines += _shape_check(name, p.type, fresh, exprs)
        dtype = f"np.{p.type.dtype.name.replace('bool', 'bool_')}"
        lines.append(_line(f"if {name}.dtype != {dtype}:"))
        lines.append(_line(f'raise TypeError("{name}: expected {p.type.dtype.name}, got %s" % {name}.dtype)', 2))
        for axis, d in enumerate(p.type.shape):
            symbol = d.single_atom
            if fresh[axis] and isinstance(symbol, Symbol) and symbol in compound and symbol.lower > 1:
                size = write(exprs.dim(d))
                lines.append(_line(f"if {size} < {symbol.lower}:"))
                lines.append(_line(f'raise ValueError("{name}: axis {axis} needs at least {symbol.lower} entries, got %d" % {size})', 2))
    for guard in function.guards:
        lines += _guard(guard, exprs)
    return lines


def _shape_check(name: str, type: ArrayType, fresh: list[bool], exprs: Expressions) -> list[Line]:
    """`w.shape != (n,)`; sizes that this argument itself defines are compared by rank and axis."""
    if any(fresh):
        conditions = [f"{name}.shape[{k}] != {write(exprs.dim(d), 6)}" for k, d in enumerate(type.shape) if not fresh[k]]
        test = " or ".join([f"{name}.ndim != {len(type.shape)}", *conditions])
    else:
        test = f"{name}.shape != {write(exprs.shape(type.shape))}"
    pattern = ", ".join(str(d.constant) if d.constant is not None else "%d" for d in type.shape)
    pattern = f"({pattern},)" if len(type.shape) == 1 else f"({pattern})"
    values = [exprs.dim(d) for d in type.shape if d.constant is None]
    shape: list[ast.expr] = [expression(f"{name}.shape")]
    message = ast.BinOp(
        left=ast.Constant(value=f"{name}: expected shape {pattern}, got %s"), op=ast.Mod(), right=ast.Tuple(elts=values + shape)
    )
    raised = broken("raise ", call("ValueError", message), "", 8)
    return [_line(f"if {test}:"), *(Line(2, text) for text in raised)]


def _guard(guard: Guard, exprs: Expressions) -> list[Line]:
    """`if left != right: raise`, negative terms on the right-hand side."""
    left = Dim({m: c for m, c in guard.dim.terms.items() if c > 0})
    right = Dim({m: -c for m, c in guard.dim.terms.items() if c < 0})
    sign = _ORDER[guard.kind][1]
    test = f"{write(exprs.dim(left), 6)} {sign} {write(exprs.dim(right), 6)}"
    raised = broken("raise ", call("ValueError", ast.Constant(value=guard.message)), "", 8)
    return [_line(f"if {test}:"), *(Line(2, text) for text in raised)]


def _dims(region: Region) -> Iterator[Dim]:
    for eqn in inner_eqns(region):
        for value in eqn.params.values():
            yield from param_dims(value)
