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
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NoReturn

import numba
import numpy as np

import gradscribe.kernels as kernels
from gradscribe.transpiler.backends.caller_outputs import Output
from gradscribe.transpiler.backends.entry_dims import EntryDims
from gradscribe.transpiler.backends.loop_checks import Failure
from gradscribe.transpiler.backends.loop_source import LoopModule, write_loop_module
from gradscribe.transpiler.backends.loop_statements import RESERVED
from gradscribe.transpiler.backends.native_cache import compiled
from gradscribe.transpiler.errors import DTypeError, GradscribeError, IndexRangeError, IntegerRangeError, ShapeError
from gradscribe.transpiler.ir.callees import reached_callees
from gradscribe.transpiler.ir.nodes import Function, region_vars
from gradscribe.transpiler.ir.types import ArrayType, StackType
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.passes.lower.lowering import lower

_KERNELS = frozenset(kernels.__all__)
_PYTHON_BACKEND = 'use `gs.jit(..., backend="python")`'
_compiling = threading.RLock()
_BY_KIND = {kernels.status.INDEX: IndexRangeError, kernels.status.SHAPE: ShapeError}


def numba_type(type: ArrayType) -> Any:
    """The Numba type of a parameter: a scalar, or a C-contiguous array."""
    scalar = numba.from_dtype(type.dtype)
    return numba.types.Array(scalar, type.rank, "C") if type.shape else scalar


class NativeFunction:
    """A compiled program. Call it with one NumPy array or scalar per flat parameter; it returns the tuple of flat
    results.

    `source` is the loop text that was compiled; `compiled(*params, *outputs, status)` is it, for arguments of exactly
    the types it was compiled for. Arrays that are not C-contiguous, or read-only, are copied; donated ones are written
    back. Raises what the program raises, at the user's line."""

    def __init__(self, module: LoopModule, compiled: Callable[..., Any]) -> None:
        self.module = module
        self.compiled = compiled
        self._allocate = _allocator(module)
        self._finish = tuple(t.dtype.type if not t.shape and not t.weak else None for t in module.results)
        self._integers = tuple(k for k, t in enumerate(module.params) if not t.shape and t.dtype.kind in "iub")
        self._returns_all = all(kind == "result" and place == k for k, (kind, place) in enumerate(module.returned))

    @property
    def source(self) -> str:
        return self.module.text

    def __call__(self, *args: Any) -> tuple[Any, ...]:
        if not self.module.sites:
            return self._call(args)
        with kernels.telling(self._hear):
            return self._call(args)

    def _hear(self, site: int, slots: Any) -> None:
        """What the program calls back for: printing, raising with a message, a function of the user's."""
        place = self.module.sites[site]
        values = kernels.read_slots(slots, [(t.dtype, t.rank) for t in place.types])
        values = [v.item() if t.weak else v for v, t in zip(values, place.types, strict=True)]
        results = place.operation.evaluate(tuple(values[: len(values) - place.outputs]), place.params, ())
        if place.outputs:
            kernels.fill_slots(slots, [(t.dtype, t.rank) for t in place.types], results)

    def _call(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        status = kernels.new_status()
        for k in self._integers:
            if isinstance(args[k], (float, complex, np.inexact)):
                raise DTypeError(None, f"argument {k} must be an integer, not {args[k]!r}")
        try:
            outputs = self._allocate(args)
            out = self.compiled(*args, *outputs, status)
        except (TypeError, AttributeError, IndexError):
            outputs, out = self._call_prepared(args, status)
        except OverflowError:  # Numba's, of an argument
            self._refuse_large_integers(args)
            raise
        if status[0]:
            self.raise_failure(status)
        results = [x if kind is None else kind(x) for x, kind in zip(out, self._finish, strict=True)]
        if self._returns_all:
            return tuple(results)
        places = {"result": results, "output": outputs, "parameter": args}
        return tuple(places[where][place] for where, place in self.module.returned)

    def _refuse_large_integers(self, args: tuple[Any, ...]) -> None:
        for k in self._integers:
            if isinstance(args[k], int) and not -(2**63) <= args[k] < 2**63:
                raise IntegerRangeError(None, f"argument {k}: {args[k]} does not fit the 64 bits of a Python int here")

    def _call_prepared(self, args: tuple[Any, ...], status: np.ndarray) -> tuple[Any, Any]:
        """Outputs and results of the call with arguments brought to the layout that was compiled for."""
        if len(args) != len(self.module.params):
            raise TypeError(f"{self.module.name} takes {len(self.module.params)} flat arguments, got {len(args)}")
        ready = [_prepared(x, t, k) for k, (x, t) in enumerate(zip(args, self.module.params, strict=True))]
        outputs = self._allocate(ready)
        out = self.compiled(*ready, *outputs, status)
        for k in self.module.donated:
            if ready[k] is not args[k]:
                np.copyto(args[k], ready[k])
        return outputs, out

    def raise_failure(self, status: np.ndarray) -> NoReturn:
        """Raise what a status record says."""
        failure: Failure = self.module.failures[int(status[1])]
        if int(status[0]) == kernels.status.RAISED:
            raised = kernels.waiting_error()
            assert raised is not None
            raise _located(raised, failure)
        if failure.error is not None and issubclass(failure.error, GradscribeError):
            raise failure.error(failure.span, failure.message)
        if failure.error is not None:
            raise _located(failure.error(failure.message), failure)
        found = kernels.failure(status)
        assert found is not None
        error, message = found
        if failure.axis is not None:
            message = message.replace("for axis with", f"for axis {failure.axis} with")
        if int(status[0]) in _BY_KIND:
            raise _BY_KIND[int(status[0])](failure.span, message)
        raise _located(error(message), failure)


def _allocator(module: LoopModule) -> Callable[[Sequence[Any]], tuple[np.ndarray, ...]]:
    """A function from the arguments to the arrays that the program fills. (Where sizes are wrong the program says so
    before it fills anything: a negative size is zero here.)"""
    if not module.outputs:
        return lambda p: ()
    writer = EntryDims(module.params, "p[{}].shape[{}]".format)
    items = [allocation_text(output, writer, f"d{k}", clip=True) for k, output in enumerate(module.outputs)]
    namespace: dict[str, Any] = {f"d{k}": output.type.dtype for k, output in enumerate(module.outputs)}
    namespace |= {"empty": np.empty, "zeros": np.zeros}
    exec(compile(f"def allocate(p): return ({', '.join(items)},)", f"<arrays of {module.name}>", "exec"), namespace)
    allocate: Callable[[Sequence[Any]], tuple[np.ndarray, ...]] = namespace["allocate"]
    return allocate


def allocation_text(output: Output, writer: EntryDims, dtype: str, clip: bool) -> str:
    """The call that allocates an output; `clip`: sizes may turn out negative."""
    sizes = [writer.dim(dim) for dim in output.type.shape]
    if clip:
        sizes = [f"max({size}, 0)" for size in sizes]
    shape = sizes[0] if len(sizes) == 1 else f"({', '.join(sizes)})"
    return f"{'zeros' if output.zeros else 'empty'}({shape}, {dtype})"


def _located(error: BaseException, failure: Failure) -> BaseException:
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
    for each in (function, *(callee.function for callee in reached_callees(function.region))):
        _refuse_dtypes(each)
    lowered = lower(function)
    name = _identifier(name or function.name)
    if name != lowered.name:
        lowered = Function(name, lowered.region, lowered.guards, lowered.result_hints, lowered.span)
    module = write_loop_module(lowered, donated, identities, _KERNELS)
    try:
        return load_native(module)
    except numba.core.errors.TypingError as error:
        dtypes = dict.fromkeys(x.type.dtype.name for x in region_vars(function.region) if x.type.dtype.kind == "c")
        if not dtypes:
            raise
        message = f"compiled code has not all of this arithmetic for {' and '.join(dtypes)}"
        raise DTypeError(function.span, message, _PYTHON_BACKEND) from error


def _refuse_dtypes(function: Function) -> None:
    """DTypeError where a value has a dtype that compiled code has no arithmetic for."""
    places = {r: eqn.span for eqn in inner_eqns(function.region) for r in eqn.results}
    for x in region_vars(function.region):
        if isinstance(x.type, (ArrayType, StackType)) and x.type.dtype == np.float16:
            raise DTypeError(
                places.get(x) or function.span,
                f"native code does not compute in {x.type.dtype}" + (f" (`{x.hint}`)" if x.hint else ""),
                f"convert to float32, or {_PYTHON_BACKEND}",
            )


def _identifier(name: str) -> str:
    """A function's name as a name of the generated module: `<lambda>` becomes `lambda_`."""
    text = re.sub(r"\W", "_", name.replace("<lambda>", "lambda_"))
    taken = keyword.iskeyword(text) or text in RESERVED or text in _KERNELS or not text.strip("_")
    return f"{text}_" if taken else text


def load_native(module: LoopModule) -> NativeFunction:
    """Compile a printed module, or find its machine code in the cache."""
    arrays = [*module.params, *(output.type for output in module.outputs)]
    signature = (*map(numba_type, arrays), numba.types.Array(numba.int64, 1, "C"))
    with _compiling:
        entry = compiled(module.text, module.name, signature, module.cacheable)
    return NativeFunction(module, entry)
