"""gradscribe takes plain NumPy functions and writes new Python: derivatives, batched versions, native code.

This is the face: every public name, and nothing else. `import gradscribe` stays light. The names that need the compiler
are looked up in `_LAZY` on first use, so that Numba is imported when something is transformed, not before.
"""

import importlib

from gradscribe.transpiler import tree as tree
from gradscribe.transpiler.errors import (
    AliasError,
    CollectiveError,
    DeviceError,
    DTypeError,
    GradscribeError,
    IndexRangeError,
    IntegerRangeError,
    InternalError,
    NoRule,
    NotDifferentiable,
    NotFiniteError,
    ReadOnlyError,
    ShapeError,
    UnsupportedSyntax,
)

__version__ = "0.1.0"

# public name -> the module that defines it (or, for a submodule, the module itself under its full name)
_API = "gradscribe.transpiler.api"
_COLLECTIVES = "gradscribe.transpiler.library.collective_rules"
_LAZY: dict[str, str] = {
    "Bool": f"{_API}.annotations",
    "C64": f"{_API}.annotations",
    "C128": f"{_API}.annotations",
    "CustomVJPPrimal": "gradscribe.transpiler.library.custom_rules",
    "F32": f"{_API}.annotations",
    "F64": f"{_API}.annotations",
    "I32": f"{_API}.annotations",
    "I64": f"{_API}.annotations",
    "Pullback": f"{_API}.reverse",
    "ShapeDtype": "gradscribe.transpiler.library.specs",
    "SymbolicZero": "gradscribe.transpiler.library.custom_rules",
    "all_gather": _COLLECTIVES,
    "all_to_all": _COLLECTIVES,
    "axis_index": _COLLECTIVES,
    "axis_size": _COLLECTIVES,
    "checkpoint": f"{_API}.checkpointing",
    "checkpoint_name": "gradscribe.transpiler.library.derivative_rules",
    "checkpointed": "gradscribe.transpiler.library.checkpointed_loops",
    "checkpoint_policies": "gradscribe.transpiler.library.checkpoint_policies",
    "callback": f"{_API}.callbacks",
    "check_grads": f"{_API}.checking",
    "closure_convert": "gradscribe.transpiler.library.custom_rules",
    "config": f"{_API}.settings",
    "custom_fixed_point": f"{_API}.implicit",
    "custom_jvp": "gradscribe.transpiler.library.custom_rules",
    "custom_linear_solve": f"{_API}.implicit",
    "custom_root": f"{_API}.implicit",
    "custom_vjp": "gradscribe.transpiler.library.custom_rules",
    "custom_vmap": "gradscribe.transpiler.library.custom_rules",
    "debug": "gradscribe.transpiler.library.debug",
    "eval_shape": f"{_API}.inspection",
    "explain": f"{_API}.explaining",
    "functional_grad": f"{_API}.functional",
    "grad": f"{_API}.gradients",
    "dense_solve": f"{_API}.implicit",
    "hessian": f"{_API}.jacobians",
    "hvp": f"{_API}.linear_maps",
    "implicit_diff": f"{_API}.implicit",
    "ir": f"{_API}.inspection",
    "jacfwd": f"{_API}.jacobians",
    "jacrev": f"{_API}.jacobians",
    "jet": f"{_API}.curves",
    "jit": f"{_API}.jitting",
    "jvp": f"{_API}.forward",
    "linear_transpose": f"{_API}.linear_maps",
    "linearize": f"{_API}.forward",
    "on_cotangent": "gradscribe.transpiler.library.custom_rules",
    "pmax": _COLLECTIVES,
    "pmean": _COLLECTIVES,
    "pmin": _COLLECTIVES,
    "ppermute": _COLLECTIVES,
    "psum": _COLLECTIVES,
    "psum_scatter": _COLLECTIVES,
    "quadrature_weights": "gradscribe.transpiler.library.quadrature",
    "random": "gradscribe.transpiler.library.random",
    "source": f"{_API}.inspection",
    "sparse_hessian": f"{_API}.sparse",
    "sparse_jacobian": f"{_API}.sparse",
    "sparsity": f"{_API}.sparse",
    "stop_gradient": "gradscribe.transpiler.library.derivative_rules",
    "taylor": f"{_API}.curves",
    "value_and_grad": f"{_API}.gradients",
    "vjp": f"{_API}.reverse",
    "vmap": f"{_API}.batching",
}

__all__ = [
    "AliasError",
    "CollectiveError",
    "DTypeError",
    "DeviceError",
    "GradscribeError",
    "IndexRangeError",
    "IntegerRangeError",
    "InternalError",
    "NoRule",
    "NotDifferentiable",
    "NotFiniteError",
    "ReadOnlyError",
    "ShapeError",
    "UnsupportedSyntax",
    "tree",
    *_LAZY,
]


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module 'gradscribe' has no attribute {name!r}")
    module = importlib.import_module(_LAZY[name])
    value = module if _LAZY[name].endswith(f".{name}") else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
