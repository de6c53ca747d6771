"""Functions and methods of arrays that are about memory: views, copies, writes in place; the rest goes to the NumPy
table.

In: an array function or method and its arguments. Out: a handle, a value, or nothing. Establishes: what NumPy returns
as a view is a view here (read off the rule's own equations: permute, reshape, index, broadcast); what NumPy may
return as a view is a value that may overlap.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradscribe.transpiler.frontend.python_errors import PythonError
from gradscribe.transpiler.frontend.steps import BroadcastStep, DiagonalStep
from gradscribe.transpiler.frontend.table import BUILTINS, METHODS
from gradscribe.transpiler.frontend.values import (
    Array,
    ArrayMethod,
    Flat,
    List,
    describe,
    is_number,
    number_type,
    simplest,
)
from gradscribe.transpiler.frontend.writers import WRITERS, Writers
from gradscribe.transpiler.ir.builder import current_span, open_block
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import Take, whole
from gradscribe.transpiler.ir.nodes import Eqn, Operand, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.library.arguments import strong

# Functions whose result is a view of (or is) their first argument.
VIEW_NAMES = (
    "reshape", "ravel", "transpose", "permute_dims", "matrix_transpose", "swapaxes", "moveaxis", "rollaxis",
    "expand_dims", "squeeze", "broadcast_to", "split", "array_split", "hsplit", "vsplit", "dsplit", "flip", "flipud",
    "fliplr", "rot90", "atleast_1d", "atleast_2d", "atleast_3d", "asarray", "asanyarray", "ascontiguousarray",
    "diagonal", "diag", "real", "imag",
)  # fmt: skip
VIEWS = {getattr(np, name): None for name in VIEW_NAMES if hasattr(np, name)}
VIEW_METHODS = ("reshape", "ravel", "transpose", "swapaxes", "squeeze", "diagonal")
_MOVES = ("permute", "reshape", "index", "broadcast_to", "real", "imag")
_READ_ONLY = {np.diagonal: None, np.diag: None}
# What is a view, or surely none; what is a view where the array lies in C order without gaps, else a copy.
_VIEW_OR_COPY = dict.fromkeys((np.diagonal, np.diag, np.einsum, np.asarray, np.asanyarray, np.imag))
_PACKED = {np.ravel: None, np.ascontiguousarray: None}
# Functions that make an array without axes, which can be written, where NumPy's others make a number.
MAKERS: frozenset[Any] = frozenset((
    np.array, np.asarray, np.asanyarray, np.copy, np.zeros, np.ones, np.empty, np.full,
    np.zeros_like, np.ones_like, np.empty_like, np.full_like,
))  # fmt: skip
# Functions whose result may be a view, not writable where it surely is one.
MAY_SHARE: dict[Any, bool] = {
    np.einsum: True, np.broadcast_arrays: False,
    np.nan_to_num: True, np.require: True,
}  # fmt: skip

# Attributes that describe memory, which values do not have.
_MEMORY = ("strides", "base", "flags", "data", "ctypes", "device")


@dataclass(frozen=True, eq=False)
class Chain:
    """The equations between an array and a view of it."""

    steps: tuple[Any, ...]


class Arrays(Writers):
    """Attributes, methods and functions of arrays."""

    def is_array_like(self, owner: Any) -> bool:
        return isinstance(owner, (Array, Operand))

    def own_function(self, function: Any) -> Callable[..., Any] | None:
        if _in(function, OWN_ARRAY_FUNCTIONS):
            return getattr(self, OWN_ARRAY_FUNCTIONS[function])
        owner = getattr(function, "__self__", None)
        if isinstance(owner, np.ufunc):
            return lambda *args, **kwargs: self.ufunc_method(owner, function.__name__, list(args), kwargs)
        return super().own_function(function)

    # ---- attributes ----
    def array_attribute(self, owner: Any, name: str) -> Any:
        shape = tuple(simplest(self.solver.normalize(d)) for d in owner.shape)
        if name == "shape":
            return shape
        if name == "ndim":
            return len(shape)
        if name == "size":
            return simplest(self.solver.normalize(owner.type.size()))
        if name == "dtype":
            return owner.dtype
        if name == "itemsize":
            return owner.dtype.itemsize
        if name in ("T", "mT") and isinstance(owner, Array):
            axes = tuple(range(owner.rank))
            axes = axes[::-1] if name == "T" else (*axes[:-2], axes[-1], axes[-2])
            return dataclasses.replace(self.views.permuted(owner, axes))
        if name == "T":
            return owner
        if name == "flat" and isinstance(owner, Array):
            return Flat(self.views.flat(owner))
        if name in ("real", "imag"):
            return self.call(getattr(np, name), [owner], {})
        if name == "nbytes":
            return simplest(self.solver.normalize(owner.type.size() * owner.dtype.itemsize))
        if name in _MEMORY:
            self.refuse(f"`{name}` of an array is about its memory and is not accepted", "ask outside and pass it in")
        kind = self.python_type(owner)
        if not hasattr(kind, name):
            self.fail(PythonError, f"AttributeError: '{kind.__name__}' object has no attribute '{name}'")
        if not hasattr(np.ndarray, name):
            self.refuse(f"`{name}` of {describe(owner)} is not accepted")
        return ArrayMethod(owner, name)

    # ---- methods ----
    def array_method(self, owner: Any, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        special = getattr(self, f"method_{name}", None)
        if special is not None:
            return special(owner, *args, **kwargs)
        rule = METHODS.get(name)
        if rule is None:
            self.refuse(f"the array method `{name}` is not supported")
        if name in VIEW_METHODS and isinstance(owner, Array):
            made = self._viewed(getattr(np, name), rule, owner, args, kwargs)
            return dataclasses.replace(made) if made is owner else made  # NumPy makes a new object
        function = getattr(np, name, None)
        return self._apply(function, rule, [owner, *args], kwargs)

    def method_copy(self, owner: Any, order: Any = "C") -> Any:
        return self.views.fresh(self.operand(owner)) if isinstance(owner, Array) else owner

    def method_flatten(self, owner: Any) -> Any:
        flat = self._viewed(np.ravel, METHODS["ravel"], owner, [], {})
        return self.views.fresh(self.operand(flat))

    def method_item(self, owner: Any, *index: Any) -> Any:
        if isinstance(owner, Array):
            if not index:
                for d in owner.shape:
                    self.require_equal(d, Dim.of(1), "item")
                index = (0,) * owner.rank
            elif len(index) == 1 and owner.rank > 1:
                owner, index = self._viewed(np.ravel, METHODS["ravel"], owner, [], {}), index
            owner = self.get_item(owner, index)
        kind = {"f": float, "i": int, "u": int, "b": bool}.get(number_type(owner).dtype.kind)
        if kind is None:
            self.refuse("`item` of a complex scalar is not accepted")
        return self.apply_rule(BUILTINS[kind], [owner], {})

    def method_astype(self, owner: Any, dtype: Any, **options: Any) -> Any:
        copies = options.pop("copy", True)
        if isinstance(owner, Array) and copies is False and np.dtype(dtype) == owner.dtype:
            return owner
        return self.apply_rule(METHODS["astype"], [owner, dtype], options)

    def method_tolist(self, owner: Any) -> Any:
        if not isinstance(owner, Array):
            return self.method_item(owner)
        return List.of(self.method_tolist(row) for row in self.items(owner))

    # ---- functions of the table ----
    def _apply(self, function: Any, rule: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if _in(function, VIEWS) and args and isinstance(args[0], Array):
            return self._viewed(function, rule, args[0], args[1:], kwargs)
        if function is np.einsum and len(args) == 2 and isinstance(args[1], Array) and not kwargs:
            return self._viewed(function, lambda x, subscripts: rule(subscripts, x), args[1], args[:1], {})
        result = self.applied(function, rule, args, dict(kwargs), _order_of(function))
        if _in(function, MAKERS) and is_number(result):
            result = self.views.fresh(strong(self.operand(result)))
        if _in(function, MAY_SHARE) and _may_be_view(function, args):
            for shared in (a for a in args if isinstance(a, Array)):
                for made in result if isinstance(result, tuple) else (result,):
                    if isinstance(made, Array):
                        made.box.writable = made.box.writable and MAY_SHARE[function]
                        made.box.order = None
                        self.store.may_share(made.box, shared.box, current_span())
        return List.of(result) if isinstance(result, list) else result

    # ---- views ----
    def _viewed(
        self, function: Any, rule: Callable[..., Any], x: Array, args: list[Any], kwargs: dict[str, Any]
    ) -> Any:
        """The rule's result as views of x where its equations only move elements; else as values that may overlap x."""
        shape = tuple(self.solver.normalize(d) for d in x.shape)

        def chains(*rest: Any, **options: Any) -> Any:
            proxy = Var(ArrayType(x.dtype, shape), "x")
            with open_block(nested=False):
                result = rule(proxy, *rest, **options)
            many = isinstance(result, (list, tuple))
            return [many, [_chain_to(r, proxy) for r in (result if many else [result])]]

        many, found = self.apply_rule(chains, args, kwargs)
        if function in _PACKED and not many:
            (chain,) = found
            if chain is not None:
                return self.views.packed_in_order(x, self._follow(x, chain, True).shape)
        if all(chain is not None for chain in found):
            views = [self._follow(x, chain, function not in _READ_ONLY) for chain in found]
            return List.of(views) if many else views[0]
        result = self.apply_rule(rule, [x, *args], kwargs)
        if function is np.imag and isinstance(result, Array):  # of real numbers: zeros of their own
            result.box.writable = False
        if function in _VIEW_OR_COPY:
            return result
        for made in result if isinstance(result, (list, tuple)) else (result,):
            if isinstance(made, Array):
                self.store.may_share(made.box, x.box, current_span())
        return List.of(result) if isinstance(result, list) else result

    def _follow(self, x: Array, chain: Chain, writable: bool) -> Array:
        handle = Array(x.box, x.chain, x.type)
        for eqn in chain.steps:
            name, params = eqn.operation.name, eqn.params
            if name == "permute":
                handle = self.views.permuted(handle, params["axes"])
            elif name == "reshape":
                handle = self.views.reshaped(handle, params["shape"])
            elif name == "broadcast_to":
                handle = self.views.stepped(handle, BroadcastStep(params["shape"]), params["shape"])
            elif name in ("real", "imag"):
                handle = self.views.part(handle, name)
            elif len(eqn.operands) == 1:
                handle = self.views.indexed(handle, params["at"])
            else:
                row, column = (t.params["start"] for t in _definitions(eqn.operands[1:]))
                length = eqn.result.shape[-1]
                step = DiagonalStep(row, column, length, writable)
                handle = self.views.stepped(handle, step, (*handle.shape[:-2], length))
        return handle

    # ---- questions ----
    def call_shape(self, x: Any) -> Any:
        return self.array_attribute(x, "shape") if self.is_array_like(x) else self._shape_of_other(x)

    def _shape_of_other(self, x: Any) -> Any:
        return () if is_number(x) else self.array_attribute(self.as_array(x), "shape")

    def call_ndim(self, x: Any) -> Any:
        return len(self.call_shape(x))

    def call_size(self, x: Any, axis: Any = None) -> Any:
        shape = self.call_shape(x)
        if axis is not None:
            return shape[self.static_int(axis, "the axis must be static")]
        total = Dim.of(1)
        for d in shape:
            total = total * d
        return simplest(total)

    def call_may_share_memory(self, a: Any, b: Any) -> Any:
        self.refuse("questions about shared memory are not accepted")


def _chain_to(result: Any, proxy: Var) -> Chain | None:
    """The equations from the proxy to the result, if they only move elements of it, or take their parts."""
    steps: list[Any] = []
    while result is not proxy:
        eqn = result.definition if isinstance(result, Var) else None
        if eqn is None or eqn.operation.name not in _MOVES:
            return None
        if len(eqn.operands) != 1 and not _is_diagonal(eqn):
            return None
        steps.append(eqn)
        result = eqn.operands[0]
    return Chain(tuple(reversed(steps)))


def _is_diagonal(eqn: Eqn) -> bool:
    """Reads the diagonal of the last two axes."""
    base, *takes = eqn.operands
    counts = _definitions(takes)
    if len(counts) != 2 or any(e.operation.name != "arange" or e.params["step"] != 1 for e in counts):
        return False
    return bool(eqn.params["at"] == (*whole(base.shape[:-2]), Take(0), Take(1)))


def _definitions(operands: Sequence[Operand]) -> list[Eqn]:
    return [x.definition for x in operands if isinstance(x, Var) and x.definition is not None]


def _order_of(function: Any) -> Any:
    """What is known of the layout of a function's results."""
    if isinstance(function, np.ufunc) and function.signature is None:
        return "elementwise"
    module = getattr(function, "__module__", None) or ""
    unknown = module.startswith(("numpy.linalg", "numpy.fft", "scipy")) or function is np.einsum
    return None if unknown else "operands"


def _in(function: Any, table: Container[Any]) -> bool:
    try:
        return function in table
    except TypeError:
        return False


def _may_be_view(function: Any, args: list[Any]) -> bool:
    arrays = [a for a in args if isinstance(a, Array)]
    if function is np.einsum:
        return len(arrays) == 1
    return True


OWN_ARRAY_FUNCTIONS: dict[Any, str] = {
    **WRITERS, np.shape: "call_shape", np.ndim: "call_ndim", np.size: "call_size",
    np.may_share_memory: "call_may_share_memory", np.shares_memory: "call_may_share_memory",
}  # fmt: skip
