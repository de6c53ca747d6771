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
from gradscribe.transpiler.backends.folding import Folding, fold
from gradscribe.transpiler.backends.layout import broken
from gradscribe.transpiler.backends.module_facts import ModuleFacts, module_facts
from gradscribe.transpiler.backends.names import assign_names
from gradscribe.transpiler.backends.statements import Line, Statements
from gradscribe.transpiler.backends.storage import assign_storage
from gradscribe.transpiler.backends.storage_check import check_storage
from gradscribe.transpiler.errors import Span
from gradscribe.transpiler.ir.dims import Symbol
from gradscribe.transpiler.ir.nodes import Eqn, Function, Operand, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import eqn_reads
from gradscribe.transpiler.primitives.arithmetic import add, multiply, negative, subtract
from gradscribe.transpiler.primitives.checks import wrap_index

ResultWriter = Callable[[list[ast.expr]], ast.expr | None]
_NEVER_RAISING = (add, subtract, multiply, negative)


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
    module: ModuleFacts | None = None,
    results: ResultWriter = flat_results,
    checks: bool = True,
    donated: Collection[Var] = (),
    backward_from: int | None = None,
) -> Written:
    """The text of a bufferized function. `backward_from` counts its top-level equations."""
    folding = fold(function, dialect.inline_arrays, _forward_values(function, backward_from))
    storage = assign_storage(function, folding)
    symbols = list(binding_places(function))
    module = module or module_facts(function, name, dialect.reserved)
    reserved = dialect.reserved | {name, *module.outside, *module.names.values()}
    for _ in range(2):
        names = assign_names(function, storage, symbols, reserved)
        check_storage(function, folding, names, donated)
        exprs = Expressions(function, folding, names, dialect, module, name in module.names.values())
        statements = Statements(function, exprs, module.outside)
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
        place = _raising_span(function, folding)
        end = [Line(1, text, place, False) for text in broken("return ", returned, "", 4, bare_tuple=True)]
    elif not body and not guards:
        end = [Line(1, "    pass")]
    mark = None if backward_at is None else len(start) + backward_at
    return Written((*start, *body, *end), mark)


def _forward_values(function: Function, backward_from: int | None) -> set[Var]:
    """Results that the forward part computes: they get their line, and a name, there."""
    forward = {r for eqn in function.region.eqns[: backward_from or 0] for r in eqn.results}
    values = [x for x in function.results if isinstance(x, Var) and x in forward]
    for x in values:
        x.hint = x.hint or "value"
    return set(values)


def _raising_span(function: Function, folding: Folding) -> Span | None:
    """The place of the first operation that may raise in the returned expression: on Python numbers, or a checked
    index."""
    waiting: list[Operand] = list(reversed(function.results))
    found: list[Eqn] = []
    while waiting:
        x = waiting.pop()
        if isinstance(x, Var) and folding.is_inline(x) and x.definition is not None:
            waiting += reversed(list(eqn_reads(x.definition, with_types=False)))
            if x.definition.operation is wrap_index:
                found.append(x.definition)
            elif isinstance(x.type, ArrayType) and x.type.weak and x.definition.operation not in _NEVER_RAISING:
                found.append(x.definition)
    return found[-1].span if found else None


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
