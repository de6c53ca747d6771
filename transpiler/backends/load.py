"""Native code from IR: lower, print loops, compile (or find in the disk cache), and wrap into a callable on flat
NumPy arguments.

In: an array-level `Function`. Out: `NativeFunction`: flat arguments in, flat results out. Establishes: arguments are
never written unless they are donated, whatever their layout; an error inside is raised as the exception NumPy or
Python would raise, at the user's line.
"""

from __future__ import annotations

import keyword
import re
import threading
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numba
import numpy as np

import gradscribe.kernels as kernels
from gradscribe.transpiler.backends.loop_source import RESERVED, Failure, LoopModule, write_loop_module
from gradscribe.transpiler.backends.native_cache import compiled
from gradscribe.transpiler.errors import DTypeError, GradscribeError, IndexRangeError, ShapeError
from gradscribe.transpiler.ir.nodes import Function
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.passes.lower.lowering import lower

_KERNELS = frozenset(kernels.__all__)
_compiling = threading.RLock()
_BY_KIND = {kernels.status.INDEX: IndexRangeError, kernels.status.SHAPE: ShapeError}


def numba_type(type: ArrayType) -> Any:
    """The Numba type of a parameter: a scalar, or a C-contiguous array."""
    scalar = numba.from_dtype(type.dtype)
    return numba.types.Array(scalar, type.rank, "C") if type.shape else scalar


class NativeFunction:
    """A compiled program. Call it with one NumPy array or scalar per flat parameter; it returns the tuple of flat
    results.

    `source` is the loop text that was compiled. Arrays that are not C-contiguous, or read-only, are copied; donated
    ones are written back. Raises what the program raises, at the user's line."""

    def __init__(self, module: LoopModule, entry: Callable[..., Any]) -> None:
        self.module = module
        self._entry = entry
        self._finish = tuple(t.dtype.type if not t.shape and not t.weak else None for t in module.results)
        self._integers = tuple(k for k, t in enumerate(module.params) if not t.shape and t.dtype.kind in "iub")
        self._returns_all = all(kind == "result" and place == k for k, (kind, place) in enumerate(module.returned))

    @property
    def source(self) -> str:
        return self.module.text

    def __call__(self, *args: Any) -> tuple[Any, ...]:
        status = np.zeros(4, np.int64)
        for k in self._integers:
            if isinstance(args[k], (float, complex, np.inexact)):
                raise DTypeError(None, f"argument {k} must be an integer, not {args[k]!r}")
        try:
            out = self._entry(*args, status)
        except TypeError:
            out = self._call_prepared(args, status)
        if status[0]:
            self._raise(status)
        results = [x if kind is None else kind(x) for x, kind in zip(out, self._finish, strict=True)]
        if self._returns_all:
            return tuple(results)
        return tuple(results[place] if where == "result" else args[place] for where, place in self.module.returned)

    def _call_prepared(self, args: tuple[Any, ...], status: np.ndarray) -> Any:
        """The call with arguments brought to the layout that was compiled for."""
        if len(args) != len(self.module.params):
            raise TypeError(f"{self.module.name} takes {len(self.module.params)} flat arguments, got {len(args)}")
        ready = [_prepared(x, t, k) for k, (x, t) in enumerate(zip(args, self.module.params, strict=True))]
        out = self._entry(*ready, status)
        for k in self.module.donated:
            if ready[k] is not args[k]:
                np.copyto(args[k], ready[k])
        return out

    def _raise(self, status: np.ndarray) -> None:
        failure: Failure = self.module.failures[int(status[1])]
        if failure.error is not None and issubclass(failure.error, GradscribeError):
            raise failure.error(failure.span, failure.message)
        if failure.error is not None:
            raise _located(failure.error(failure.message), failure)
        found = kernels.failure(status)
        assert found is not None
        error, message = found
        if int(status[0]) in _BY_KIND:
            raise _BY_KIND[int(status[0])](failure.span, message)
        raise _located(error(message), failure)


def _located(error: Exception, failure: Failure) -> Exception:
    if failure.span is not None:
        error.add_note("\n".join([f"at {failure.span.location}", *failure.span.excerpt()]))
    return error


def _prepared(x: Any, type: ArrayType, position: int) -> Any:
    if not type.shape:
        return x[()] if isinstance(x, np.ndarray) and x.ndim == 0 else x
    array = np.asarray(x)
    if array.dtype != type.dtype or array.ndim != type.rank:
        expected = f"{type.dtype.name} array with {type.rank} axes"
        raise DTypeError(None, f"argument {position}: expected a {expected}, got {array.dtype.name} with {array.ndim}")
    array = np.ascontiguousarray(array)
    return array if array.flags.writeable else array.copy()


def compile_native(
    function: Function,
    *,
    donated: Collection[int] = (),
    identities: Mapping[int, int] | None = None,
    name: str = "",
) -> NativeFunction:
    """Compile an array-level function.

    `donated` are positions of parameters that the program may overwrite; `identities` maps positions of results to
    positions of donated parameters whose final value they are. Thread-safe; equal programs share machine code through
    the disk cache."""
    lowered = lower(function)
    name = _identifier(name or function.name)
    if name != lowered.name:
        lowered = Function(name, lowered.region, lowered.guards, lowered.result_hints, lowered.span)
    module = write_loop_module(lowered, donated, identities, _KERNELS)
    return load_native(module)


def _identifier(name: str) -> str:
    """A function's name as a name of the generated module: `<lambda>` becomes `lambda_`."""
    text = re.sub(r"\W", "_", name.replace("<lambda>", "lambda_"))
    taken = keyword.iskeyword(text) or text in RESERVED or text in _KERNELS or not text.strip("_")
    return f"{text}_" if taken else text


def load_native(module: LoopModule) -> NativeFunction:
    """Compile a printed module, or find its machine code in the cache."""
    signature = (*map(numba_type, module.params), numba.types.Array(numba.int64, 1, "C"))
    with _compiling:
        entry = compiled(module.text, module.name, signature)
    return NativeFunction(module, entry)
