"""Functions with rules of their own: `custom_jvp`, `custom_vjp`, `custom_vmap`, as in JAX.

Objects of these classes stand in the place of the function. Called from plain Python they are the function. In a staged
program the frontend makes a `custom_call` of a call and stages the rules beside it.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Rule = Callable[..., Any]
_RULES = frozenset(("rule", "partial_rules", "forward", "backward"))


class CustomFunction:
    """A function with rules."""

    kind = "custom"

    def __init__(self, fun: Rule, nondiff_argnums: Sequence[int] = ()) -> None:
        if not callable(fun):
            raise TypeError(f"{self.kind} takes a function, got {fun!r}")
        functools.update_wrapper(self, fun)
        self.__gradscribe_transformed__ = True  # of the object: calling the class makes one
        self.fun = fun
        self.nondiff_argnums = tuple(nondiff_argnums)
        self.definitions = 0  # how often rules were set

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name in _RULES:
            self.definitions += 1

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self.fun(*args, **kwargs)

    def __get__(self, owner: Any, owner_type: Any = None) -> Any:
        return self if owner is None else types.MethodType(self, owner)

    def __repr__(self) -> str:
        return f"gradscribe.{self.kind}({getattr(self, '__qualname__', self.fun)})"

    def __reduce__(self) -> Any:
        return getattr(self, "__qualname__", "")  # a decorator's object pickles by name, as the function would


@dataclass(frozen=True)
class SymbolicZero:
    """A tangent that is zero whatever the data: what rules declared with `symbolic_zeros=True` get for one."""

    shape: tuple[int, ...]
    dtype: Any


@dataclass(frozen=True)
class CustomVJPPrimal:
    """What the forward rule of `custom_vjp` gets for a leaf, with `symbolic_zeros=True`: the value, and whether a
    derivative is taken with respect to it."""

    value: Any
    perturbed: bool


class custom_jvp(CustomFunction):
    """A function whose derivative you give: `@gs.custom_jvp`, then `@f.defjvp`.

    The rule takes tuples of primals and tangents and returns the pair (value, tangent of the value). It must be linear
    in the tangents, so that reverse mode can transpose it. Tangents have the structure, shapes and dtypes of the
    primals; those of integers are zeros of float64. The rule is ordinary code: it may call the function itself, loop,
    write in place, and is differentiated again for second derivatives.

    Args:
        fun: the function. Without a derivative being taken, its body runs in the place of the call.
        nondiff_argnums: positions of arguments that the rule gets in front, as they are; no derivative goes through
            them (NoRule where one would).

    Raises: UnsupportedSyntax at a call without a rule; NoRule where a derivative goes through what the function
    captures.

    Example:
        @gs.custom_jvp
        def log1pexp(x):
            return np.log1p(np.exp(x))

        @log1pexp.defjvp
        def log1pexp_jvp(primals, tangents):
            (x,), (dx,) = primals, tangents
            return log1pexp(x), dx * (1.0 - 1.0 / (1.0 + np.exp(x)))
    """

    kind = "custom_jvp"
    symbolic_zeros = False
    rule: Rule | None = None
    partial_rules: tuple[Rule | None, ...] | None = None

    def defjvp(self, jvp: Rule, symbolic_zeros: bool = False) -> Rule:
        """Set the rule `jvp(*nondiff, primals, tangents) -> (value, tangent)`; returns it. With `symbolic_zeros`, a
        tangent that is zero whatever the data is a `SymbolicZero`."""
        self.rule, self.partial_rules, self.symbolic_zeros = jvp, None, symbolic_zeros
        return jvp

    def defjvps(self, *jvps: Rule | None) -> None:
        """Set one rule for each argument, `jvp(tangent, value, *primals)`, or None for no derivative; they add up."""
        self.rule, self.partial_rules = None, jvps


class custom_vjp(CustomFunction):
    """A function whose pullback you give: `@gs.custom_vjp`, then `f.defvjp(fwd, bwd)`.

    `fwd` takes the arguments of the function and returns (value, residuals), any tree. `bwd(*nondiff, residuals,
    cotangent)` returns a tuple: for each differentiable argument a cotangent of its structure, or None for zero.
    Residuals may be numbers, arrays, containers of them, and anything static. Forward mode refuses the function, as in
    JAX; forward mode around reverse mode (`hessian`) takes it.

    Args:
        fun: the function. Without a derivative being taken, its body runs in the place of the call.
        nondiff_argnums: positions of arguments that `bwd` gets in front.

    Raises: UnsupportedSyntax at a call without a rule; ShapeError or DTypeError where `bwd` returns what is no
    cotangent; NoRule in forward mode, and where a derivative goes through what the function captures.

    Example:
        @gs.custom_vjp
        def clipped(x):
            return x

        clipped.defvjp(lambda x: (x, None), lambda _, g: (np.clip(g, -1.0, 1.0),))
    """

    kind = "custom_vjp"
    symbolic_zeros = False
    forward: Rule | None = None
    backward: Rule | None = None

    def defvjp(self, fwd: Rule, bwd: Rule, symbolic_zeros: bool = False) -> None:
        """Set the rule. With `symbolic_zeros`, `fwd` gets a `CustomVJPPrimal` for each leaf of a differentiable
        argument, which says whether a derivative is taken with respect to it; cotangents are always arrays."""
        self.forward, self.backward, self.symbolic_zeros = fwd, bwd, symbolic_zeros


class custom_derivatives(custom_jvp):
    """A function with a rule for each mode, where the one cannot be had from the other; for rules of our own."""

    kind = "custom_derivatives"
    forward: Rule | None = None
    backward: Rule | None = None

    def define(self, jvp: Rule, fwd: Rule, bwd: Rule | None) -> None:
        """Set the rules; without `bwd` there is none for reverse mode."""
        self.rule, self.forward, self.backward = jvp, fwd, bwd


class custom_vmap(CustomFunction):
    """A function whose batching you give: `@gs.custom_vmap`, then `@f.def_vmap`.

    `rule(axis_size, in_batched, *args)` gets the size of the batch, for each argument a tree of truth values saying
    which leaves have the batch axis in front, and the arguments; it returns (result, tree of truth values for the
    result). Inside the rule, functions of this kind are batched as they are written. Derivatives go through the body of
    the function.

    Example:
        @gs.custom_vmap
        def dot(x, y):
            return np.dot(x, y)

        @dot.def_vmap
        def dot_rule(axis_size, in_batched, x, y):
            return np.sum(x * y, axis=-1), True
    """

    kind = "custom_vmap"
    rule: Rule | None = None

    def def_vmap(self, vmap_rule: Rule) -> Rule:
        """Set the rule; returns it."""
        self.rule = vmap_rule
        return vmap_rule


def on_cotangent(x: Any, function: Callable[[Any], Any]) -> Any:
    """The value of `x`; in reverse mode its cotangent goes through `function`: to print it, clip it, scale it.

    Args:
        x: a number, an array, or a tree of them.
        function: cotangent of x -> what takes its place, of the same structure; ordinary code.

    Example: `h = gs.on_cotangent(h, lambda g: np.clip(g, -1.0, 1.0))`
    """
    return x


def closure_convert(fun: Callable[..., Any], *example_args: Any) -> tuple[Callable[..., Any], list[Any]]:
    """(converted, values): `converted(*args, *values)` is `fun(*args)`, and `values` are the floating numbers and
    arrays that `fun` reads of the staged program around it. Rules with which derivatives go through what a function
    captures are written so, as with JAX's function of this name.

    From plain Python, nothing is around: `values` is empty.

    Example: `f, consts = gs.closure_convert(lambda x: w * x, x)` gives `consts` with w in it.
    """
    count = len(example_args)
    return (lambda *args: fun(*args[:count])), []


def call_python(function: Callable[..., Any], result: Any, *args: Any) -> Any:
    """`function(*args)`, run by Python in a staged program too; `callback` is the public form."""
    return function(*args)
