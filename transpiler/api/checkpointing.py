"""`checkpoint`: the function itself; its derivative computes again what it does not save.

In: a function and a policy. Out: a function that behaves like it. Under reverse mode a call of it saves its arguments
and what the policy allows, and runs once more in the backward part. Policies have JAX's names and are found in
`gs.checkpoint_policies`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from gradscribe.transpiler.api.jitting import stage_with_static, static_of_options
from gradscribe.transpiler.api.transformed import Kind, Stage, Transformed, decorate, define
from gradscribe.transpiler.ir.staged import Staged
from gradscribe.transpiler.transforms.checkpoint import checkpointed as by_name


def _stage(transformed: Transformed, args: tuple[Any, ...], kwargs: dict[str, Any], stage: Stage) -> Staged:
    staged = stage_with_static(transformed, args, kwargs, stage)
    return replace(staged, function=by_name(staged.function, transformed.options["policy"]))


CHECKPOINT = define(Kind("checkpoint", _stage, writes=True, static=static_of_options))


def checkpoint(
    fun: Callable[..., Any] | None = None,
    *,
    policy: Any = None,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    prevent_cse: bool = True,
) -> Any:
    """The function itself; differentiated in reverse, a call of it saves its arguments and is run again.

    Args:
        fun: the function; without it, `checkpoint` is a decorator with arguments.
        policy: what may be saved besides the arguments, one of `gs.checkpoint_policies`; None saves nothing.
        static_argnums, static_argnames: as in `jit`.
        prevent_cse: accepted for JAX's sake: what is computed again is a function of its own, so nothing in it is ever
            shared with the forward part.

    What the function prints or calls back is seen once. Arrays that it writes are written. In native code, what is
    computed again may differ from the first time in the last bit.

    Example: `gs.grad(lambda w, x: np.sum(gs.checkpoint(layer)(w, x) ** 2))`
    """
    numbers = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
    names = (static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames)
    if policy is not None and not callable(policy):
        raise TypeError(f"policy is one of gs.checkpoint_policies, not {policy!r}")
    return decorate(CHECKPOINT, fun, {"policy": policy, "static_argnums": numbers, "static_argnames": names})
