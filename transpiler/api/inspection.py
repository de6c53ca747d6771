"""Looking at what was made: `source`, `ir`, `eval_shape`.

In: a function (transformed or not) and arguments, examples or abstract (`F64["n d"]`). Out: text, or shapes and
dtypes; nothing is run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import gradscribe.kernels as kernels
from gradscribe.transpiler import tree
from gradscribe.transpiler.api.annotations import abstract, is_spec
from gradscribe.transpiler.api.composing import as_value, result_leaves
from gradscribe.transpiler.api.dispatch import readable_paths
from gradscribe.transpiler.api.executables import module_of
from gradscribe.transpiler.api.leaves import admit, flatten
from gradscribe.transpiler.api.transformed import Transformed, name_of, stage_in_process
from gradscribe.transpiler.backends.loop_source import write_loop_module
from gradscribe.transpiler.errors import ShapeError
from gradscribe.transpiler.ir.dims import Atom, Dim, Symbol
from gradscribe.transpiler.ir.printer import print_function
from gradscribe.transpiler.ir.staged import ArgumentLeaf, Staged, StaticLeaf
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.library.specs import ShapeDtype
from gradscribe.transpiler.passes.inline_custom import without_custom_calls
from gradscribe.transpiler.passes.lower.lowering import lower
from gradscribe.transpiler.passes.simplify import simplify

LEVELS = ("numpy", "ir", "loops")


def staged_for(fun: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Staged, list[Any]]:
    """The staged call for example or abstract arguments, and the leaves of its arguments without static ones."""
    call: tuple[tuple[Any, ...], dict[str, Any]] = abstract((tuple(args), dict(kwargs)))
    positional, named = call
    if isinstance(fun, Transformed):
        static = dict(fun.kind.static(fun, positional, named))
        positional = tuple(_static(value) if k in static else value for k, value in enumerate(positional))
        named = {name: _static(value) if name in static else value for name, value in named.items()}
    leaves, definition = flatten((positional, named))
    leaves = [admit(leaf, path) for leaf, path in zip(leaves, readable_paths(definition), strict=True)]
    positional, named = tree.unflatten(definition, leaves)
    return stage_in_process(fun, positional, named)[0], [leaf for leaf in leaves if not isinstance(leaf, StaticLeaf)]


def _static(value: Any) -> StaticLeaf:
    return value if isinstance(value, StaticLeaf) else StaticLeaf(value)


def source(fun: Callable[..., Any], *args: Any, level: str = "numpy", **kwargs: Any) -> str:
    """The program that runs when `fun` is called with such arguments, as text.

    Args:
        fun: a function or a transformed function.
        args, kwargs: example arguments, or abstract ones: `gs.F64["n d"]`.
        level: "numpy" (a standalone module that needs NumPy alone), "ir", or "loops" (what is compiled).

    Example: `print(gs.source(gs.grad(loss), w, b, x, y))`
    """
    if level not in LEVELS:
        raise ValueError(f"level is one of {', '.join(LEVELS)}, not {level!r}")
    return text_of(staged_for(fun, args, kwargs)[0], level, name_of(fun))


def text_of(staged: Staged, level: str, title: str, name: str = "") -> str:
    """A staged call as text."""
    if level == "ir":
        return print_function(simplify(staged.function)) + "\n"
    if level == "loops":
        identities = {m.position: m.parameter for m in staged.mutations}
        lowered = lower(without_custom_calls(staged.function))
        return write_loop_module(lowered, sorted(set(identities.values())), identities, frozenset(kernels.__all__)).text
    return module_of(staged, title, name).text


def ir(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """The program as IR text: values with dtypes and symbolic shapes, one equation a line. Arguments as in `source`."""
    return source(fun, *args, level="ir", **kwargs)


def known_sizes(staged: Staged, leaves: Sequence[Any]) -> dict[Atom, int]:
    """What example arguments and captured values tell: the sizes of axes, and the integers among the parameters."""
    sizes: dict[Atom, int] = {}
    for parameter, var in zip(staged.parameters, staged.function.params, strict=True):
        value: Any = (
            leaves[parameter.leaf] if isinstance(parameter, ArgumentLeaf) else parameter.read and parameter.read()
        )
        if not is_spec(value) and isinstance(var.type, ArrayType):
            for dim, size in zip(var.type.shape, np.shape(value)):
                if isinstance(dim.single_atom, Symbol):
                    sizes.setdefault(dim.single_atom, size)
            if not var.type.shape and var.dtype.kind in "iu":
                sizes[var] = int(value)
    return sizes


def eval_shape(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The result of `fun(*args, **kwargs)` with a `ShapeDtype` in place of each array or number; nothing is computed.

    Raises ShapeError for a result whose size depends on data. Example: `gs.eval_shape(np.outer, x, y).shape`
    """
    staged, leaves = staged_for(fun, args, kwargs)
    staged = as_value(staged)
    staged, outs, definition = result_leaves(staged, staged.result)
    sizes = known_sizes(staged, leaves)

    def known(dim: Dim) -> int:
        try:
            return dim.evaluate(sizes.__getitem__)
        except KeyError:
            raise ShapeError(
                staged.function.span, f"the size {dim} of a result is known only when the function runs"
            ) from None

    types = [staged.function.results[out.position].type for out in outs]
    found = [ShapeDtype(tuple(map(known, t.shape)), t.dtype) for t in types if isinstance(t, ArrayType)]
    return tree.unflatten(definition, found)
