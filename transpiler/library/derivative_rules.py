"""`stop_gradient` and `checkpoint_name`, functions of ours that programs call like those of NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.nodes import Var
from gradscribe.transpiler.primitives import barriers


def stop_gradient(x: Any) -> Any:
    """The value of `x`; to derivatives it is a constant.

    Args:
        x: a number or an array (for trees: `gs.tree.map(gs.stop_gradient, params)`). Outside transformed functions it
            comes back as it is.

    Example: `gs.grad(lambda x: x * gs.stop_gradient(x))(3.0)` is 3.0.
    """
    return x


def _stopped(x: Any) -> Any:
    return emit(barriers.stop_gradient, (x,))[0] if isinstance(x, Var) and x.type.is_float else x


def checkpoint_name(x: Any, name: str) -> Any:
    """The value of `x`, with a name that policies of `gs.checkpoint` know it by.

    Args:
        x: a number or an array. Outside transformed functions it comes back as it is.
        name: any string.

    Example: `h = gs.checkpoint_name(np.tanh(x @ w), "hidden")`
    """
    return x


def _named(x: Any, name: str) -> Any:
    return emit(barriers.checkpoint_name, (x,), {"name": name})[0] if isinstance(x, Var) and x.type.is_float else x


DERIVATIVE_RULES: dict[Any, Callable[..., Any]] = {stop_gradient: _stopped, checkpoint_name: _named}
