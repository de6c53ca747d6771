"""Functions and methods of arrays that are about memory: views, copies, writes in place; the rest goes to the NumPy
table.

In: an array function or method and its arguments. Out: a handle, a value, or nothing. Establishes: what NumPy returns
as a view is a view here (read off the rule's own equations: permute, reshape, index, broadcast); what NumPy may
return as a view is a value that may overlap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradscribe.transpiler.frontend.calls import Calls
from gradscribe.transpiler.frontend.operators import PythonError
from gradscribe.transpiler.frontend.table import BUILTINS, METHODS, NUMPY_RULES
from gradscribe.transpiler.frontend.values import (
    Array,
    ArrayMethod,
    BroadcastStep,
    List,
    is_number,
    number_type,
    simplest,
)
from gradscribe.transpiler.ir.builder import current_span, emit, open_block
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import Take
from gradscribe.transpiler.ir.nodes import Operand, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.primitives.primitive import PRIMITIVES

# Functions whose result is a view of (or is) their first argument.
VIEW_NAMES = (
    "reshape", "ravel", "transpose", "permute_dims", "matrix_transpose", "swapaxes", "moveaxis", "rollaxis",
    "expand_dims", "squeeze", "broadcast_to", "split", "array_split", "hsplit", "vsplit", "dsplit", "flip", "flipud",
    "fliplr", "rot90", "atleast_1d", "atleast_2d", "atleast_3d", "asarray", "asanyarray", "ascontiguousarray",
)  # fmt: skip
VIEWS = {getattr(np, name): None for name in VIEW_NAMES if hasattr(np, name)}
VIEW_METHODS = ("reshape", "ravel", "transpose", "swapaxes", "squeeze")
# Functions whose result may be a view, not writable where it surely is one.
MAY_SHARE: dict[Any, bool] = {
    np.diagonal: False, np.diag: False, np.real: True, np.imag: True, np.einsum: True, np.broadcast_arrays: False,
    np.nan_to_num: True, np.require: True,
}  # fmt: skip
_REDUCE: dict[Any, Any] = {
    np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min, np.logical_and: np.all,
    np.logical_or: np.any,
}  # fmt: skip
_ACCUMULATE: dict[Any, Any] = {np.add: np.cumsum, np.multiply: np.cumprod}


@dataclass(frozen=True, eq=False)
class Chain:
    """The equations between an array and a view of it."""

    steps: tuple[Any, ...]


class Arrays(Calls):
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
            return self.views.permuted(owner, axes[::-1] if name == "T" else (*axes[:-2], axes[-1], axes[-2]))
        if name == "T":
            return owner
        if name in ("real", "imag"):
            return self.call(getattr(np, name), [owner], {})
        if not hasattr(np.ndarray, name):
            self.fail(PythonError, f"AttributeError: 'numpy.ndarray' object has no attribute '{name}'")
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
            return self._viewed(rule, owner, args, kwargs)
        function = getattr(np, name, None)
        return self._apply(function, rule, [owner, *args], kwargs)

    def method_copy(self, owner: Any, order: Any = "C") -> Any:
        return self.views.fresh(self.operand(owner)) if isinstance(owner, Array) else owner

    def method_flatten(self, owner: Any) -> Any:
        flat = self._viewed(METHODS["ravel"], owner, [], {})
        return self.views.fresh(self.operand(flat))

    def method_fill(self, owner: Array, value: Any) -> None:
        self.set_array_item(owner, Ellipsis, value)

    def method_item(self, owner: Any, *index: Any) -> Any:
        if isinstance(owner, Array):
            if not index:
                for d in owner.shape:
                    self.require_equal(d, Dim.of(1), "item")
                index = (0,) * owner.rank
            elif len(index) == 1 and owner.rank > 1:
                owner, index = self._viewed(METHODS["ravel"], owner, [], {}), index
            owner = self.get_item(owner, index)
        kind = {"f": float, "i": int, "u": int, "b": bool}.get(number_type(owner).dtype.kind)
        if kind is None:
            self.refuse("`item` of a complex scalar is not accepted")
        return self.apply_rule(BUILTINS[kind], [owner], {})

    def method_sort(self, owner: Array, axis: Any = -1) -> None:
        self.write_array(owner, self.apply_rule(NUMPY_RULES[np.sort], [owner], {"axis": axis}))

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
        out = kwargs.pop("out", None) if "out" in kwargs else None
        if out is not None:
            return self._written_out(function, rule, args, kwargs, out)
        if _in(function, VIEWS) and args and isinstance(args[0], Array):
            return self._viewed(rule, args[0], args[1:], kwargs)
        result = self.apply_rule(rule, args, kwargs, _order_of(function))
        if _in(function, MAY_SHARE) and _may_be_view(function, args):
            for shared in (a for a in args if isinstance(a, Array)):
                for made in result if isinstance(result, tuple) else (result,):
                    if isinstance(made, Array):
                        made.box.writable = made.box.writable and MAY_SHARE[function]
                        made.box.order = None
                        self.store.may_share(made.box, shared.box, current_span())
        return List.of(result) if isinstance(result, list) else result

    def _written_out(self, function: Any, rule: Any, args: list[Any], kwargs: dict[str, Any], out: Any) -> Any:
        target = out[0] if isinstance(out, tuple) and len(out) == 1 else out
        if not isinstance(target, Array):
            self.refuse("`out` has to be an array")
        result = self.operand(self.apply_rule(rule, args, kwargs))
        if result.rank != target.rank:
            self.fail(PythonError, "ValueError: `out` has the wrong number of axes")
        for a, b in zip(result.shape, target.shape, strict=True):
            self.require_equal(a, b, "out")
        self.views.write(target, self.in_place_cast(result, target.type))
        return target

    def write_array(self, target: Array, value: Any) -> None:
        self.views.write(target, self.assigned(value, target.type))

    # ---- views ----
    def _viewed(self, rule: Callable[..., Any], x: Array, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """The rule's result as views of x where its equations only move elements; else as values that may overlap x."""
        shape = tuple(self.solver.normalize(d) for d in x.shape)

        def chains(*rest: Any, **options: Any) -> Any:
            proxy = Var(ArrayType(x.dtype, shape), "x")
            with open_block(nested=False):
                result = rule(proxy, *rest, **options)
            many = isinstance(result, (list, tuple))
            return [many, [_chain_to(r, proxy) for r in (result if many else [result])]]

        many, found = self.apply_rule(chains, args, kwargs)
        if all(chain is not None for chain in found):
            views = [self._follow(x, chain) for chain in found]
            return List.of(views) if many else views[0]
        result = self.apply_rule(rule, [x, *args], kwargs)
        for made in result if isinstance(result, (list, tuple)) else (result,):
            if isinstance(made, Array):
                self.store.may_share(made.box, x.box, current_span())
        return List.of(result) if isinstance(result, list) else result

    def _follow(self, x: Array, chain: Chain) -> Array:
        handle = Array(x.box, x.chain, x.type)
        for eqn in chain.steps:
            name, params = eqn.operation.name, eqn.params
            if name == "permute":
                handle = self.views.permuted(handle, params["axes"])
            elif name == "reshape":
                handle = self.views.reshaped(handle, params["shape"])
            elif name == "broadcast_to":
                handle = self.views.stepped(handle, BroadcastStep(params["shape"]), params["shape"])
            else:
                handle = self.views.indexed(handle, params["at"])
        return handle

    # ---- writes by function ----
    def ufunc_method(self, ufunc: Any, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if name == "at" and ufunc in (np.add, np.subtract):
            x, index, value = args
            s = self.subscript(x, index)
            data = self.assigned(value, x.type)
            self._put(x, s, -data if ufunc is np.subtract else data, accumulate=True)
            return None
        if name == "reduce" and ufunc in _REDUCE:
            return self.call(_REDUCE[ufunc], args, {"axis": 0, **kwargs} if len(args) == 1 else kwargs)
        if name == "accumulate" and ufunc in _ACCUMULATE:
            return self.call(_ACCUMULATE[ufunc], args, {"axis": 0, **kwargs} if len(args) == 1 else kwargs)
        if name == "outer" and len(args) == 2 and all(isinstance(a, Array) for a in args):
            left = self.views.reshaped(args[0], (*args[0].shape, *(Dim.of(1),) * args[1].rank))
            return self.call(ufunc, [left, args[1]], kwargs)
        return self.refuse(f"`{ufunc.__name__}.{name}` is not supported")

    def call_copyto(self, target: Any, source: Any) -> None:
        self.set_array_item(target, Ellipsis, source)

    def call_fill_diagonal(self, target: Array, value: Any) -> None:
        if target.rank != 2 or isinstance(value, Array):
            self.refuse("np.fill_diagonal is accepted for a matrix and a number")
        rows, columns = (self.solver.normalize(d) for d in target.shape)
        length = rows if self.solver.nonnegative(columns - rows) else columns
        count = emit(PRIMITIVES["arange"], (), {"start": Dim.of(0), "length": length, "step": 1})[0]
        self.views.write_at(target, (Take(0), Take(1)), (count, count), self.assigned(value, target.type))

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
    """The equations from the proxy to the result, if they only move elements of it."""
    steps: list[Any] = []
    while result is not proxy:
        eqn = result.definition if isinstance(result, Var) else None
        if eqn is None or eqn.operation.name not in ("permute", "reshape", "index", "broadcast_to"):
            return None
        if len(eqn.operands) != 1:
            return None
        steps.append(eqn)
        result = eqn.operands[0]
    return Chain(tuple(reversed(steps)))


def _order_of(function: Any) -> Any:
    """What is known of the layout of a function's results."""
    if isinstance(function, np.ufunc) and function.signature is None:
        return "elementwise"
    module = getattr(function, "__module__", None) or ""
    unknown = module.startswith(("numpy.linalg", "numpy.fft", "scipy")) or function is np.einsum
    return None if unknown else "operands"


def _in(function: Any, table: dict[Any, Any]) -> bool:
    try:
        return function in table
    except TypeError:
        return False


def _may_be_view(function: Any, args: list[Any]) -> bool:
    arrays = [a for a in args if isinstance(a, Array)]
    if function is np.diag:
        return bool(arrays) and arrays[0].rank == 2
    if function is np.einsum:
        return len(arrays) == 1
    return True


OWN_ARRAY_FUNCTIONS: dict[Any, str] = {
    np.copyto: "call_copyto", np.fill_diagonal: "call_fill_diagonal", np.shape: "call_shape", np.ndim: "call_ndim",
    np.size: "call_size", np.may_share_memory: "call_may_share_memory", np.shares_memory: "call_may_share_memory",
}  # fmt: skip
