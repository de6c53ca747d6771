"""The one place where a flat program becomes something that runs, or text.

In: a `Function` (or `Staged`), a backend name. Out: a callable of the flat parameters that returns the tuple of flat
results; the text of a module. Establishes: an error in running text carries the user's line.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gradscribe.transpiler import tree
from gradscribe.transpiler.api.composing import with_results
from gradscribe.transpiler.api.leaves import is_marker
from gradscribe.transpiler.api.settings import settings
from gradscribe.transpiler.backends.execute import execute, index_message, raising_line, user_span
from gradscribe.transpiler.backends.load import compile_native
from gradscribe.transpiler.backends.numpy_source import Source, numpy_module
from gradscribe.transpiler.errors import (
    GradscribeError,
    IndexRangeError,
    UnsupportedSyntax,
    in_users_names,
    internal_error,
    reporting,
)
from gradscribe.transpiler.ir.nodes import Function, Var
from gradscribe.transpiler.ir.staged import ArgumentIdentity, ResultLeaf, Staged
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.passes.check_numbers import check_numbers
from gradscribe.transpiler.passes.inline_custom import without_custom_calls

Backend = Literal["native", "python"]
Executable = Callable[..., tuple[Any, ...]]
BACKENDS = ("native", "python")


@dataclass(frozen=True)
class NumberChecks:
    """Whether operations are asked if they made a NaN, or an infinity."""

    nans: bool = False
    infs: bool = False


def number_checks() -> NumberChecks:
    """What the settings ask for now."""
    return NumberChecks(settings.check_nans, settings.check_infs)


def executable(
    function: Function,
    backend: Backend,
    identities: Mapping[int, int] | None = None,
    numbers: NumberChecks = NumberChecks(),
) -> Executable:
    """Make `function` run. `identities`: flat result -> the flat parameter whose array holds it afterwards; these
    parameters are written, the others only read. `numbers`: what is checked after every operation."""
    identities = identities or {}
    function = without_custom_calls(function)
    if numbers.nans or numbers.infs:
        with reporting("adding checks of numbers", function.span):
            function = check_numbers(function, nans=numbers.nans, infs=numbers.infs)
    donated = sorted(set(identities.values()))
    if backend == "native":
        with reporting("compiling native code", function.span):
            return compile_native(function, donated=donated, identities=identities)
    template = tuple(ResultLeaf(k) for k in range(len(function.results)))
    with reporting("writing the NumPy source", function.span):
        module = numpy_module(
            function,
            name=identifier(function.name),
            donated=[function.params[k] for k in donated],
            identities=identities,
            result_template=template,
            checks=False,
        )
        return located(module)


def located(module: Source) -> Executable:
    """The function of a module; its errors carry the user's line, and an index out of range is an `IndexRangeError`."""
    function = execute(module.text, module.name, module.outside)
    lines = module.text.splitlines()

    def run(*values: Any) -> tuple[Any, ...]:
        try:
            found: tuple[Any, ...] = function(*values)
            return found
        except GradscribeError as error:
            error.span = error.span or user_span(error, function, module.spans)
            raise
        except Exception as error:
            span, line = user_span(error, function, module.spans), raising_line(error, function)
            if span is None or line is None:
                raise
            if type(error) is NameError:  # the text mentions what it has not got
                raise internal_error(span, "running the NumPy source", error) from error
            if type(error) is IndexError and not lines[line - 1].lstrip().startswith("raise "):  # NumPy's
                raise IndexRangeError(span, index_message(error, function)) from None
            error.add_note("\n".join([f"at {span.location}", *span.excerpt()]))
            raise

    return run


# ---- text ----


def identifier(name: str) -> str:
    """A function's name as an identifier: `<lambda>` becomes `lambda_`."""
    name = re.sub(r"\W", "_", name.replace("<lambda>", "lambda_"))
    return f"{name}_" if keyword.iskeyword(name) or name == "_" else name


def module_of(staged: Staged, title: str, name: str = "") -> Source:
    """A staged call as a standalone NumPy module: arguments flat, the return value a tree."""
    function, template = _explicit(staged)
    function = without_custom_calls(function)
    identities = {m.position: m.parameter for m in staged.mutations}
    with reporting("writing the NumPy source", function.span):
        module = numpy_module(
            function,
            name=identifier(name or function.name),
            header=header_of(staged, title),
            donated=[function.params[k] for k in sorted(set(identities.values()))],
            identities=identities,
            result_template=template,
        )
    if module.missing:
        raise UnsupportedSyntax(
            function.span,
            f"text that stands alone cannot import `{', '.join(module.missing)}`",
            "define it at the top of a module",
        )
    return module


def header_of(staged: Staged, title: str) -> list[str]:
    """Comment lines: what this is, where it comes from, what the arguments are, what it relies on."""
    function = staged.function
    lines = [f"{title}, written by gradscribe."]
    if function.span is not None:
        lines.append(f"From {function.span.location.rsplit(':', 1)[0]}.")
    for var, parameter in zip(function.params, staged.parameters, strict=True):
        lines.append(_parameter_line(var, parameter.path))
    if staged.statics:
        lines += ["Written for:", *(f"  {path} = {value}" for path, value in staged.statics)]
    assumed = [guard.message for guard in function.guards if not guard.requirement]
    if assumed:
        lines += ["Valid only where:", *(f"  {message}" for message in assumed)]
    return lines


def _parameter_line(var: Var, path: str) -> str:
    """`w: f64[n, d]`, `steps: int`, and where a parameter stands in a tree: `params_w: f64[d], params['w']`."""
    kind = in_users_names(repr(var.type))
    if isinstance(var.type, ArrayType) and var.type.weak:
        kind = {"f": "float", "i": "int", "b": "bool", "c": "complex"}[var.dtype.kind]
    return f"  {var.hint or '_'}: {kind}" + (f", {path}" if path != var.hint else "")


def _explicit(staged: Staged) -> tuple[Function, Any]:
    """The function with a flat result for every returned argument, and its result tree in tuples, lists and dicts."""
    function = staged.function
    results = list(function.results)

    def place(node: Any) -> Any:
        if isinstance(node, ArgumentIdentity):
            if node.position is not None:
                return ResultLeaf(node.position)
            results.append(function.params[node.parameter])
            return ResultLeaf(len(results) - 1)
        if is_marker(node) or (kind := tree.kind_of(type(node))) is None or node is None:
            return node
        children, static = kind.take(node)
        built = [place(child) for child in children]
        if kind.form == "dict":
            return dict(zip(static, built, strict=True))
        return built if kind.form == "list" else tuple(built)

    template = place(staged.result)
    hints = function.result_hints and (*function.result_hints, *[""] * (len(results) - len(function.results)))
    return with_results(function, results, hints), template
