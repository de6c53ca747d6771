"""Loops over one kernel, compiled as generated code is, for the tests of the kernels."""

import re
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from gradscribe.kernels import OPTIONS


def compiled(function: Callable[..., Any]) -> Any:
    """`function` compiled with the options of generated code."""
    return numba.njit(**OPTIONS)(function)


def compiled_call(kernel: Callable[..., Any], arity: int) -> Any:
    """A compiled function that calls a kernel once."""
    return compiled({1: lambda a: kernel(a), 2: lambda a, b: kernel(a, b)}[arity])


def compiled_loop(kernel: Callable[..., Any], arity: int) -> Any:
    """A compiled loop `out[i] = kernel(x[i])` or `out[i] = kernel(x[i], y[i])`."""

    def unary(x, out):
        for i in range(x.size):
            out[i] = kernel(x[i])

    def binary(x, y, out):
        for i in range(x.size):
            out[i] = kernel(x[i], y[i])

    return compiled(unary if arity == 1 else binary)


def assembly(loop: Any) -> str:
    """The machine code of the last signature a loop was compiled for."""
    return list(loop.inspect_asm().values())[-1]


def vector_calls(loop: Any) -> set[str]:
    """The libmvec functions a loop calls."""
    return set(re.findall(r"_ZGV[a-z]N\d+v+_\w+", assembly(loop)))


def vector_instructions(loop: Any, mnemonic: str) -> list[str]:
    """The instructions of a loop that begin with `mnemonic` and work on 256- or 512-bit registers."""
    pattern = rf"\b{mnemonic}\w*[^\n]*%[yz]mm"
    return re.findall(pattern, assembly(loop))


def units_in_last_place(value: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """The distance of finite `value` from `exact` (longdouble), in spacings of value's type at that point."""
    rounded = exact.astype(value.dtype)
    return np.abs(value.astype(np.longdouble) - exact) / np.spacing(np.abs(rounded)).astype(np.longdouble)
