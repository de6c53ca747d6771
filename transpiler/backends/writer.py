"""A bufferized function as the lines of a `def`.

In: a `Function` whose copies are explicit, a dialect. Out: `Written`: lines with the user's spans. Runs folding,
storage classes, the storage check and naming; writes the body twice, because only the text shows which sizes it
mentions and so need a name."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from gradscribe.transpiler.backends.dialect import NumPyDialect
from gradscribe.transpiler.backends.entry_checks import binding_places, check_lines, size_lines
from gradscribe.transpiler.backends.expressions import Expressions
from gradscribe.transpiler.backends.folding import fold
from gradscribe.transpiler.backends.layout import broken
from gradscribe.transpiler.backends.names import assign_names
from gradscribe.transpiler.backends.statements import Line, Statements
from gradscribe.transpiler.backends.storage import assign_storage
from gradscribe.transpiler.backends.storage_check import check_storage
from gradscribe.transpiler.ir.dims import Symbol
from gradscribe.transpiler.ir.nodes import Function, Var

ResultWriter = Callable[[list[ast.expr]], ast.expr | None]


@dataclass(frozen=True)
class Written:
    """The lines of one function; `backward_at` is the line before which the backward part starts."""

    lines: tuple[Line, ...]
    backward_at: int | None = None


def flat_results(values: list[ast.expr]) -> ast.expr | None:
    """`return a`, `return a, b`: the results as they are."""
    if not values:
        return None
    return values[0] if len(values) == 1 else ast.Tuple(elts=values)


def write_function(
    function: Function,
    name: str,
    dialect: NumPyDialect,
    *,
    results: ResultWriter = flat_results,
    checks: bool = True,
    donated: Collection[Var] = (),
    backward_from: int | None = None,
) -> Written:
    """The text of a bufferized function. `backward_from` counts its top-level equations."""
    folding = fold(function, dialect.inline_arrays)
    storage = assign_storage(function, folding)
    symbols = list(binding_places(function))
    reserved = dialect.reserved | {name}
    for _ in range(2):
        names = assign_names(function, storage, symbols, reserved)
        check_storage(function, folding, names, donated)
        exprs = Expressions(function, folding, names, dialect)
        statements = Statements(function, exprs)
        body, backward_at = _body(function, statements, backward_from)
        values = [exprs.value(x) for x in function.results]
        returned = results(values)
        guards = check_lines(function, exprs) if checks else []
        symbols = [s for s in symbols if s in exprs.symbols]
    used: dict[Symbol, None] = exprs.symbols
    params = ", ".join(names.of(p) for p in function.params)
    start = [Line(0, text, function.span if k == 0 else None) for k, text in enumerate(_signature(name, params))]
    start += size_lines(function, exprs, used) + guards
    end: list[Line] = []
    if returned is not None:
        end = [Line(1, text) for text in broken("return ", returned, "", 4, bare_tuple=True)]
    elif not body and not guards:
        end = [Line(1, "    pass")]
    mark = None if backward_at is None else len(start) + backward_at
    return Written((*start, *body, *end), mark)


def _body(function: Function, statements: Statements, backward_from: int | None) -> tuple[list[Line], int | None]:
    eqns = function.region.eqns
    if backward_from is None:
        return statements.block(eqns, 1), None
    forward = statements.block(eqns[:backward_from], 1)
    return forward + statements.block(eqns[backward_from:], 1), len(forward)


def _signature(name: str, params: str) -> list[str]:
    text = f"def {name}({params}):"
    if len(text) <= 100:
        return [text]
    lines = [f"def {name}("]
    row = "   "
    for p in params.split(", "):
        if len(row) + len(p) + 2 > 88:
            lines.append(row)
            row = "   "
        row += f" {p},"
    return [*lines, row, "):"]


__all__: list[Any] = ["ResultWriter", "Written", "flat_results", "write_function"]
