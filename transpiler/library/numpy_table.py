"""The table of what gradscribe knows of NumPy, SciPy, `math` and the builtins: callable -> rule.

A rule is called inside an open block with the arguments of the user's call: operands for data, `Dim`s for ints, static
values as they are. It emits equations and returns an operand, a `Dim`, a static value or a tuple or list of them.
Results are fresh values: views, aliasing and writes are the business of the interpreter that calls the rule.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.library.complex_rules import COMPLEX_RULES, conjugate
from gradscribe.transpiler.library.contraction_rules import CONTRACTION_RULES
from gradscribe.transpiler.library.convolution_rules import CONVOLUTION_RULES
from gradscribe.transpiler.library.counting_rules import COUNTING_RULES
from gradscribe.transpiler.library.creation_rules import CREATION_RULES, astype, copy
from gradscribe.transpiler.library.derivative_rules import DERIVATIVE_RULES
from gradscribe.transpiler.library.diagonal_rules import DIAGONAL_RULES
from gradscribe.transpiler.library.elementwise_rules import MATH_RULES, NUMPY_UFUNCS, clip, round_to
from gradscribe.transpiler.library.fourier_rules import FOURIER_RULES
from gradscribe.transpiler.library.linear_algebra_rules import LINEAR_ALGEBRA_RULES
from gradscribe.transpiler.library.mask_rules import MASK_RULES
from gradscribe.transpiler.library.norm_rules import NORM_RULES
from gradscribe.transpiler.library.operator_rules import BINARY, BUILTINS, UNARY
from gradscribe.transpiler.library.polynomial_rules import POLYNOMIAL_RULES
from gradscribe.transpiler.library.position_rules import POSITION_RULES
from gradscribe.transpiler.library.reduction_rules import REDUCTION_RULES
from gradscribe.transpiler.library.selection_rules import SELECTION_RULES
from gradscribe.transpiler.library.shape_rules import SHAPE_RULES, ravel, reshape, transpose
from gradscribe.transpiler.library.special_rules import SPECIAL_RULES
from gradscribe.transpiler.library.splitting_rules import SPLITTING_RULES
from gradscribe.transpiler.library.statistics_rules import STATISTICS_RULES

Rule = Callable[..., Any]

NUMPY_RULES: dict[Any, Rule] = {
    **NUMPY_UFUNCS,
    **REDUCTION_RULES,
    **CONTRACTION_RULES,
    **CONVOLUTION_RULES,
    **STATISTICS_RULES,
    **COUNTING_RULES,
    **POLYNOMIAL_RULES,
    **SHAPE_RULES,
    **SPLITTING_RULES,
    **DIAGONAL_RULES,
    **CREATION_RULES,
    **POSITION_RULES,
    **SELECTION_RULES,
    **MASK_RULES,
    **LINEAR_ALGEBRA_RULES,
    **NORM_RULES,
    **COMPLEX_RULES,
    **FOURIER_RULES,
    **SPECIAL_RULES,
    **MATH_RULES,
    **BUILTINS,
    **DERIVATIVE_RULES,
}

_AS_METHODS = (
    "sum", "prod", "max", "min", "any", "all", "mean", "var", "std", "argmax", "argmin", "cumsum", "cumprod", "ptp",
    "dot", "trace", "swapaxes", "squeeze", "diagonal", "repeat", "take", "argsort", "searchsorted", "nonzero",
)  # fmt: skip

METHODS: dict[str, Rule] = {
    **{name: NUMPY_RULES[getattr(np, name)] for name in _AS_METHODS},
    "reshape": reshape,
    "transpose": transpose,
    "ravel": ravel,
    "flatten": ravel,
    "astype": astype,
    "copy": copy,
    "compress": lambda a, condition, axis=None, out=None: NUMPY_RULES[np.compress](condition, a, axis, out),
    "clip": clip,
    "round": round_to,
    "conj": conjugate,
    "conjugate": conjugate,
}


def _name(function: Any) -> str:
    module = getattr(function, "__module__", None) or ("numpy" if isinstance(function, np.ufunc) else "")
    return f"{module}.{getattr(function, '__name__', '')}".removeprefix("builtins.")


def nearest_names(function: Any) -> list[str]:
    """Names of known functions that resemble the name of `function`, for "did you mean".

    Example: `nearest_names(np.nanstd)` holds "numpy.std"."""
    names = {_name(known): None for known in NUMPY_RULES}
    tails: dict[str, str] = {}
    for name in names:  # NumPy's functions come first in the table, and win over builtins of the same name
        tails.setdefault(name.rpartition(".")[2], name)
    close = difflib.get_close_matches(_name(function).rpartition(".")[2], tails, n=3, cutoff=0.6)
    return [tails[tail] for tail in close]


__all__ = ["BINARY", "METHODS", "NUMPY_RULES", "UNARY", "nearest_names"]
