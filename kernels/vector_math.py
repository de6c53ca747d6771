"""Elementary functions of float64 and float32 scalars that vectorise when a loop around them does.

In: a float scalar (integers are converted to float64). Out: a scalar of the same float type.
Each name works in CPython, where it is the NumPy or SciPy function, and inside `njit`, where it is one of two things:

* `exp`, `log`, `tanh`: a polynomial, inlined (measured on AVX-512: faster than libmvec and within 1.4 units in the last
  place against its 3 to 4, and the result does not depend on an element's position in the loop);
* the others: a call of the C function marked, at the call, with the vector variants it has (LLVM's
  `vector-function-abi-variant` attribute). The loop vectoriser then calls the variant, e.g. `_ZGVeN8v_sin` for eight
  float64 lanes; no global compiler option is involved. Without libmvec the same calls stay scalar.

libmvec promises 4 units in the last place. A loop's last few elements are computed by the scalar functions, which are
more accurate: so a result may differ in the last bits with an element's position. Whatever decides a branch must
therefore be saved, not recomputed.

Source: the vector function ABI for x86-64, https://sourceware.org/glibc/wiki/libmvec.
"""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special
from llvmlite import ir

from gradscribe.kernels.lowering import CodeGenerator, Signature, lower, same_float
from gradscribe.kernels.polynomials import POLYNOMIALS, compile_as_polynomial
from gradscribe.kernels.vector_library import VectorVariant, vector_variants


def exp(x: Any) -> Any:
    """e to the power x."""
    return np.exp(x)


def exp2(x: Any) -> Any:
    """2 to the power x."""
    return np.exp2(x)


def expm1(x: Any) -> Any:
    """exp(x) - 1, accurate for small x."""
    return np.expm1(x)


def log(x: Any) -> Any:
    """Natural logarithm; NaN for negative x, -inf for zero."""
    return np.log(x)


def log1p(x: Any) -> Any:
    """log(1 + x), accurate for small x."""
    return np.log1p(x)


def log2(x: Any) -> Any:
    """Logarithm to base 2."""
    return np.log2(x)


def log10(x: Any) -> Any:
    """Logarithm to base 10."""
    return np.log10(x)


def sin(x: Any) -> Any:
    """Sine of x radians."""
    return np.sin(x)


def cos(x: Any) -> Any:
    """Cosine of x radians."""
    return np.cos(x)


def tan(x: Any) -> Any:
    """Tangent of x radians."""
    return np.tan(x)


def arcsin(x: Any) -> Any:
    """Inverse sine; NaN outside [-1, 1]."""
    return np.arcsin(x)


def arccos(x: Any) -> Any:
    """Inverse cosine; NaN outside [-1, 1]."""
    return np.arccos(x)


def arctan(x: Any) -> Any:
    """Inverse tangent."""
    return np.arctan(x)


def sinh(x: Any) -> Any:
    """Hyperbolic sine."""
    return np.sinh(x)


def cosh(x: Any) -> Any:
    """Hyperbolic cosine."""
    return np.cosh(x)


def tanh(x: Any) -> Any:
    """Hyperbolic tangent."""
    return np.tanh(x)


def arcsinh(x: Any) -> Any:
    """Inverse hyperbolic sine."""
    return np.arcsinh(x)


def arccosh(x: Any) -> Any:
    """Inverse hyperbolic cosine; NaN below 1."""
    return np.arccosh(x)


def arctanh(x: Any) -> Any:
    """Inverse hyperbolic tangent; NaN outside [-1, 1]."""
    return np.arctanh(x)


def erf(x: Any) -> Any:
    """Error function."""
    return scipy.special.erf(x)


def erfc(x: Any) -> Any:
    """1 - erf(x), accurate for large x."""
    return scipy.special.erfc(x)


def cbrt(x: Any) -> Any:
    """Cube root, real for negative x."""
    return np.cbrt(x)


def pow(x: Any, y: Any) -> Any:
    """x to the power y in floating point; NaN for negative x and fractional y. Integers: see `integer_power`."""
    kind = np.float32 if isinstance(x, np.float32) and isinstance(y, np.float32) else np.float64
    return np.power(kind(x), kind(y))


def atan2(y: Any, x: Any) -> Any:
    """Angle of the point (x, y), in [-pi, pi]."""
    return np.arctan2(y, x)


def hypot(x: Any, y: Any) -> Any:
    """sqrt(x*x + y*y) without overflow."""
    return np.hypot(x, y)


_C_NAMES: tuple[tuple[Callable[..., Any], str, int], ...] = (
    (exp, "exp", 1), (exp2, "exp2", 1), (expm1, "expm1", 1), (log, "log", 1), (log1p, "log1p", 1), (log2, "log2", 1),
    (log10, "log10", 1), (sin, "sin", 1), (cos, "cos", 1), (tan, "tan", 1), (arcsin, "asin", 1), (arccos, "acos", 1),
    (arctan, "atan", 1), (sinh, "sinh", 1), (cosh, "cosh", 1), (tanh, "tanh", 1), (arcsinh, "asinh", 1),
    (arccosh, "acosh", 1), (arctanh, "atanh", 1), (erf, "erf", 1), (erfc, "erfc", 1), (cbrt, "cbrt", 1),
    (pow, "pow", 2), (atan2, "atan2", 2), (hypot, "hypot", 2),
)  # fmt: skip


def _call(name64: str, arity: int) -> CodeGenerator:
    """Code generator: a call, carrying its vector variants, of the C function `name64` (`name64 + "f"` for float32)."""

    def generate(context: Any, builder: Any, sig: Signature, values: tuple[Any, ...]) -> Any:
        bits = sig.return_type.bitwidth
        name = name64 if bits == 64 else name64 + "f"
        kind = context.get_value_type(sig.return_type)
        callee = _declare(builder.module, name, ir.FunctionType(kind, [kind] * arity))
        call = builder.call(callee, values)
        attributes = ["nounwind", "willreturn", "memory(none)"]
        variants = vector_variants(name, arity, bits)
        if variants:
            _keep_declared(builder.module, kind, arity, variants)
            # mangled name of the mapping and, in brackets, the symbol to call: here they coincide
            mapping = ",".join(f"{variant.symbol}({variant.symbol})" for variant in variants)
            attributes.append(f'"vector-function-abi-variant"="{mapping}"')
        for attribute in attributes:
            set.add(call.attributes, attribute)  # AttributeSet.add knows a fixed list and refuses these
        return call

    return generate


def _declare(module: ir.Module, name: str, kind: ir.FunctionType) -> ir.Function:
    existing = module.globals.get(name)
    return ir.Function(module, kind, name) if existing is None else existing


def _keep_declared(module: ir.Module, kind: ir.Type, arity: int, variants: tuple[VectorVariant, ...]) -> None:
    """Declare the variants and list them in @llvm.compiler.used, so that they still exist when loops are vectorised."""
    used = "llvm.compiler.used"
    pointer = ir.IntType(8).as_pointer()
    listed = list(module.globals[used].initializer.constant) if used in module.globals else []
    known = {str(constant) for constant in listed}
    for variant in variants:
        vector = ir.VectorType(kind, variant.lanes)
        function = _declare(module, variant.symbol, ir.FunctionType(vector, [vector] * arity))
        constant = function.bitcast(pointer)
        if str(constant) not in known:
            known.add(str(constant))
            listed.append(constant)
    if used in module.globals:  # llvmlite's globals cannot be resized: take the old one out, write a longer one
        del module.globals[used]
        module.scope._useset.discard(used)
    array = ir.ArrayType(pointer, len(listed))
    variable = ir.GlobalVariable(module, array, used)
    variable.linkage = "appending"
    variable.section = "llvm.metadata"
    variable.initializer = ir.Constant(array, listed)


def _register() -> str:
    """Register every function, once; return the description of what they compile to."""
    scalar: list[str] = []
    for function, name, arity in _C_NAMES:
        if name in POLYNOMIALS:
            compile_as_polynomial(function, name)
            continue
        scalar += [
            c_name for c_name, bits in ((name, 64), (name + "f", 32)) if not vector_variants(c_name, arity, bits)
        ]
        lower(function, same_float, _call(name, arity))
    if not scalar:
        return "libmvec"
    if len(scalar) == 2 * (len(_C_NAMES) - len(POLYNOMIALS)):
        return "scalar"
    return "libmvec-without-" + hashlib.sha256(",".join(scalar).encode()).hexdigest()[:12]


MATH_BACKEND: str = _register()
"""What the functions compile to on this machine, for cache keys: code compiled for one backend is wrong for another."""
