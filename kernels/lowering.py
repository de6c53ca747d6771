"""Plain Python functions that Numba replaces by LLVM instructions.

In: a Python function, a rule from argument types to a signature, and a code generator.
Out: nothing; the function is registered with Numba's typing and lowering.
Establishes: the same name works in CPython (its Python body runs) and inside `njit` (the code generator runs), so the
source of a generated loop can be executed and stepped through without compiling it. Compared with
`numba.extending.overload` there is no second function to type and compile at each use.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.typing import signature
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import lower_builtin

Signature = Any
SignatureRule = Callable[..., Signature | None]
CodeGenerator = Callable[[Any, Any, Signature, tuple[Any, ...]], Any]


def lower(python_function: Callable[..., Any], signature_of: SignatureRule, generate: CodeGenerator) -> None:
    """Register `generate` as what `python_function` compiles to.

    `signature_of(*argument_types)` gives the signature, whose argument types Numba casts to, or None to refuse.
    `generate(context, builder, signature, values)` gives the LLVM value of the result.
    """

    def generic(_template: Any, args: tuple[Any, ...], kws: dict[str, Any]) -> Signature | None:
        return None if kws else signature_of(*args)

    template = type(
        f"{python_function.__name__}_typing", (AbstractTemplate,), {"key": python_function, "generic": generic}
    )
    infer_global(python_function)(template)
    lower_builtin(python_function, types.VarArg(types.Any))(generate)


def is_real(kind: types.Type) -> bool:
    """Whether a Numba type is a real scalar: float, integer or boolean."""
    return isinstance(kind, (types.Float, types.Integer, types.Boolean))


def is_number(kind: types.Type) -> bool:
    """Whether a Numba type is a scalar that a complex number can hold."""
    return is_real(kind) or isinstance(kind, types.Complex)


def common_float(*kinds: types.Type) -> types.Type | None:
    """The float type for real scalars: float32 if all are float32, else float64; None for other operands."""
    if not all(is_real(kind) for kind in kinds):
        return None
    return types.float32 if all(kind == types.float32 for kind in kinds) else types.float64


def common_real(*kinds: types.Type) -> types.Type | None:
    """The common type of real scalars: a float type if any is float, else the widest integer type, else boolean.

    Signed and unsigned integers mixed give int64 (NumPy gives float64 for uint64 with int64: convert explicitly).
    """
    if not all(is_real(kind) for kind in kinds):
        return None
    if any(isinstance(kind, types.Float) for kind in kinds):
        return common_float(*kinds)
    integers = [kind for kind in kinds if isinstance(kind, types.Integer)]
    if not integers:
        return types.boolean
    if any(kind.signed != integers[0].signed for kind in integers):
        return types.int64
    bits = max(kind.bitwidth for kind in integers)
    return types.Integer.from_bitwidth(bits, integers[0].signed)


def same_float(*kinds: types.Type) -> Signature | None:
    """Signature rule: floats in, the common float type out."""
    kind = common_float(*kinds)
    return None if kind is None else signature(kind, *[kind] * len(kinds))


def same_real(*kinds: types.Type) -> Signature | None:
    """Signature rule: real scalars in, their common type out."""
    kind = common_real(*kinds)
    return None if kind is None else signature(kind, *[kind] * len(kinds))


def llvm_intrinsic(name: str) -> CodeGenerator:
    """Code generator: a call of the overloaded LLVM intrinsic `name` on operands of one type."""

    def generate(context: Any, builder: Any, sig: Signature, values: tuple[Any, ...]) -> Any:
        kind = context.get_value_type(sig.return_type)
        function = builder.module.declare_intrinsic(name, [kind], ir.FunctionType(kind, [kind] * len(values)))
        return builder.call(function, values)

    return generate
