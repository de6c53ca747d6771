"""Linear maps and what derivatives make of them: `linear_transpose`, `hvp`.

In: a function and arguments. Out: functions. Establishes: what is transposed is linear as far as its derivative tells:
nothing of the transposed program depends on the point where it was derived.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from gradscribe.transpiler import tree
from gradscribe.transpiler.api.composing import compact
from gradscribe.transpiler.api.forward import jvp
from gradscribe.transpiler.api.gradients import grad
from gradscribe.transpiler.api.implicit import text
from gradscribe.transpiler.api.reverse import PULL
from gradscribe.transpiler.api.transformed import Kind, Stage, Transformed, define, refuse_static, transform
from gradscribe.transpiler.errors import NoRule
from gradscribe.transpiler.ir.nodes import Var
from gradscribe.transpiler.ir.staged import Staged
from gradscribe.transpiler.transforms.lane_dependence import lane_dependent


def _stage(transformed: Transformed, args: tuple[Any, ...], kwargs: dict[str, Any], stage: Stage) -> Staged:
    """The pullback at the point given, if it does not depend on the point."""
    primals, _ = args
    staged = compact(PULL.stage(transformed, args, kwargs, stage))
    count = len(tree.leaves(primals))
    function = staged.function
    points = [
        p for p, place in zip(function.params, staged.parameters, strict=True) if getattr(place, "leaf", count) < count
    ]
    dependent = lane_dependent(function.region, points)
    if any(isinstance(r, Var) and r in dependent for r in function.results):
        raise NoRule(
            function.span,
            f"`{function.name.removesuffix('_vjp')}` is not linear in its arguments",
            "linear_transpose takes linear functions; vjp gives the transposed derivative of others",
        )
    return replace(staged, function=function)


LINEAR_TRANSPOSE = define(Kind("linear_transpose", _stage))


@text
def linear_transpose(fun: Callable[..., Any], *primals: Any) -> Callable[[Any], Any]:
    """The transposed of a linear function (of an affine one, of its linear part): cotangent of the result -> a tuple,
    one cotangent for each argument.

    Args:
        fun: a function that is linear in its arguments, together.
        primals: arguments of the right structure, shapes and dtypes; their values do not matter.

    Raises NoRule for a function that is not linear. Complex maps are transposed without conjugation, as in JAX.

    Example: `(w,) = gs.linear_transpose(lambda v: A @ v, v)(u)` is `A.T @ u`.
    """
    made = transposing(fun)
    return functools.partial(made, primals)


def transposing(fun: Callable[..., Any]) -> Transformed:
    """The function (arguments, cotangent) -> cotangents of the arguments."""
    refuse_static(fun, "linear_transpose")
    return transform(LINEAR_TRANSPOSE, fun, {"argnums": None, "value": False})


@text
def hvp(fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], argnums: Any = 0) -> Any:
    """The Hessian of a scalar function times a vector, without the Hessian: forward mode around `grad`.

    Args:
        fun: a function with a scalar result.
        primals, tangents: tuples of arguments and of directions, as `jvp` takes them.
        argnums: which arguments the gradient is for, as in `grad`.

    Example: `gs.hvp(loss, (w,), (v,))` is `gs.hessian(loss)(w) @ v`.
    """
    return jvp(grad(fun, argnums), primals, tangents)[1]
