"""The reference semantics: run IR on NumPy, checking every value against its symbolic type.

In: a `Function` and NumPy arguments. Out: its results. Assumes a verified function. Raises `GuardFailed` for entry
guards and whatever a check equation raises. Never writes to its arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import GradscribeError
from gradscribe.transpiler.ir.dims import Atom, Dim, Symbol
from gradscribe.transpiler.ir.index import At, Slice, Take, as_numpy
from gradscribe.transpiler.ir.nodes import Eqn, Function, Literal, Operand, Region, Var, remembered
from gradscribe.transpiler.ir.types import ArrayType, Type
from gradscribe.transpiler.ir.walk import param_dims


class GuardFailed(GradscribeError):
    """A fact that the program relies on does not hold for these arguments."""


class TypeMismatch(AssertionError):
    """A value does not have the type the compiler gave it: a bug of gradscribe, never of the user."""


Environment = dict[Any, Any]

_PYTHON_SCALARS: dict[str, Callable[[Any], Any]] = {"b": bool, "i": int, "u": int, "f": float, "c": complex}


def _lookup(env: Environment) -> Callable[[Atom], int]:
    return lambda atom: int(env[atom])


def evaluate_dim(dim: Dim, env: Environment) -> int:
    return dim.evaluate(_lookup(env))


def _resolve(value: Any, env: Environment, takes: tuple[Any, ...]) -> Any:
    """Static params with their dims turned into ints, and indices into Python indices."""
    if isinstance(value, Dim):
        return evaluate_dim(value, env)
    if isinstance(value, tuple) and value and all(isinstance(c, (At, Slice, Take)) for c in value):
        return as_numpy(value, lambda d: evaluate_dim(d, env), takes)
    if isinstance(value, tuple):
        return tuple(_resolve(item, env, takes) for item in value)
    return value


@remembered
def _fixed_params(eqn: Eqn) -> dict[str, Any] | None:
    """The params as `_resolve` makes them, where neither sizes nor index operands have a part in that."""
    values = list(eqn.params.values())
    if any(dim.constant is None for value in values for dim in param_dims(value)):
        return None
    if any(isinstance(component, Take) for value in values if isinstance(value, tuple) for component in value):
        return None
    return {key: _resolve(value, {}, ()) for key, value in eqn.params.items()}


def conform(value: Any, type: Type) -> Any:
    """Give a scalar result the Python or NumPy scalar kind its type says."""
    if isinstance(value, np.ndarray) or not isinstance(type, ArrayType) or type.shape:
        return value
    return _PYTHON_SCALARS[type.dtype.kind](value) if type.weak else type.dtype.type(value)


def check_type(value: Any, type: Type, env: Environment, what: Callable[[], str]) -> None:
    """`what` says whose value it is, for the message."""
    if not isinstance(type, ArrayType):
        return
    shape = type.fixed_shape
    if shape is None:
        shape = tuple(evaluate_dim(d, env) for d in type.shape)
    found = () if isinstance(value, (float, int)) else np.shape(value)
    if found != shape:
        raise TypeMismatch(f"{what()}: type {type} means shape {shape}, value has {found}")
    if not type.weak and getattr(value, "dtype", None) != type.dtype:
        raise TypeMismatch(f"{what()}: type {type}, value has dtype {getattr(value, 'dtype', value.__class__)}")


class RegionRunner:
    """A region as a Python callable: what region operations get to run."""

    def __init__(self, region: Region, env: Environment) -> None:
        self.region = region
        self.env = env

    def __call__(self, *args: Any) -> tuple[Any, ...]:
        for param, value in zip(self.region.params, args, strict=True):
            self.env[param] = conform(value, param.type)
        for param in self.region.params:
            check_type(self.env[param], param.type, self.env, lambda: f"parameter {param}")  # noqa: B023
        run_eqns(self.region.eqns, self.env)
        return tuple(read(x, self.env) for x in self.region.results)


def read(operand: Operand, env: Environment) -> Any:
    return operand.value if isinstance(operand, Literal) else env[operand]


def run_eqns(eqns: Sequence[Eqn], env: Environment) -> None:
    for eqn in eqns:
        operands = tuple([read(x, env) for x in eqn.operands])
        params = _fixed_params(eqn)
        if params is None:
            takes = operands[2:] if eqn.operation.name in ("update", "update_add") else operands[1:]
            params = {k: _resolve(v, env, takes) for k, v in eqn.params.items()}
        regions = tuple([RegionRunner(r, env) for r in eqn.regions])
        results = eqn.operation.evaluate(operands, params, regions)
        for var, value in zip(eqn.results, results, strict=True):
            env[var] = conform(value, var.type)
        for var in eqn.results:
            check_type(
                env[var],
                var.type,
                env,
                lambda: f"{eqn.operation.name} at {eqn.span} -> {var}",  # noqa: B023
            )


def bind_symbols(params: Sequence[Var], args: Sequence[Any], env: Environment) -> None:
    """Bind every symbol to the size of the first axis that is exactly that symbol."""
    for param, value in zip(params, args, strict=True):
        env[param] = value
        for axis, dim in enumerate(param.type.dims()):
            atom = dim.single_atom
            if isinstance(atom, Symbol):
                env.setdefault(atom, np.shape(value)[axis])


def evaluate(function: Function, *args: Any) -> tuple[Any, ...]:
    """Run `function` on `args` (scalars and NumPy arrays, never written); returns its flat results."""
    env: Environment = {}
    bind_symbols(function.params, args, env)
    for guard in function.guards:
        value = evaluate_dim(guard.dim, env)
        if (guard.kind == "eq" and value != 0) or (guard.kind == "ge" and value < 0):
            raise GuardFailed(guard.span, guard.message)
    with np.errstate(all="ignore"):
        return RegionRunner(function.region, env)(*args)
