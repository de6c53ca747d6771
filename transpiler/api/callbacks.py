"""`callback`: Python functions that gradscribe does not read, called for their results, with rules if they have any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradscribe.transpiler.api.implicit import text
from gradscribe.transpiler.library.custom_rules import call_python, custom_jvp, custom_vjp, custom_vmap

Rule = Callable[..., Any]


@text
def callback(
    function: Callable[..., Any],
    result: Any,
    *args: Any,
    jvp: Rule | None = None,
    vjp: tuple[Rule, Rule] | None = None,
    vmap: Rule | None = None,
) -> Any:
    """`function(*args)`, run by Python: code that is not accepted, or that nobody has the source of. Natively too.

    Args:
        function: a function defined outside; it gets arrays and numbers as NumPy has them, must not write to them, and
            is taken to be pure: it may be called again, or not at all where its result is not used.
        result: what it returns, by shape and dtype: an array like it, a number, a `ShapeDtype` or a tuple of these.
        args: arrays and numbers.
        jvp: a rule (primals, tangents) -> (value, tangent), as `custom_jvp` takes it.
        vjp: two rules (fwd, bwd), as `custom_vjp` takes them. One of jvp and vjp at most.
        vmap: a rule (axis_size, in_batched, *args) -> (result, batched), as `custom_vmap` takes it; without it, lanes
            are called one after the other.

    Raises NoRule where a derivative goes through it without a rule; ValueError or TypeError where the result is not
    what was promised.

    Example: `gs.callback(table, v, v, jvp=lambda p, t: (gs.callback(table, p[0], p[0]), slope(p[0]) * t[0]))`
    """
    called = lambda *values: call_python(function, result, *values)
    if jvp is not None and vjp is not None:
        raise ValueError("gs.callback takes jvp or vjp, not both")
    if jvp is not None:
        forward = custom_jvp(called)
        forward.defjvp(jvp)
        return forward(*args)
    if vjp is not None:
        reverse = custom_vjp(called)
        reverse.defvjp(vjp[0], vjp[1])
        return reverse(*args)
    if vmap is not None:
        batched = custom_vmap(called)
        batched.def_vmap(vmap)
        return batched(*args)
    return called(*args)
