"""NumPy's functions and methods that write into an array they are given: `out=`, `where=`, `ufunc.at`, `np.put` and
their kin, `x.flat`.

In: a function and its arguments. Out: nothing, or the array that was written. Establishes: what is written has been
computed from values read before, as NumPy does where memory overlaps; values are cast by the rule of each function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.frontend.calls import Calls
from gradscribe.transpiler.frontend.python_errors import PythonError
from gradscribe.transpiler.frontend.table import NUMPY_RULES, harmless, put_positions, repeated_to, updated_in_turn
from gradscribe.transpiler.frontend.values import Array, Flat, List, describe
from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import At, Take
from gradscribe.transpiler.ir.nodes import Operand
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.primitives.primitive import PRIMITIVES
from gradscribe.transpiler.primitives.repeated_positions import are_distinct

_REDUCE: dict[Any, Any] = {
    np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min, np.logical_and: np.all,
    np.logical_or: np.any,
}  # fmt: skip
_ACCUMULATE: dict[Any, Any] = {np.add: np.cumsum, np.multiply: np.cumprod}
# Reductions that compute in the dtype of `out`.
_IN_DTYPE_OF_OUT = dict.fromkeys((np.sum, np.prod, np.cumsum, np.cumprod, np.mean, np.trace))
_EXACT_OUT = dict.fromkeys((np.dot, np.take))  # these do not cast


class Writers(Calls):
    """Writing by function."""

    # ---- out= and where= ----
    def applied(self, function: Any, rule: Any, args: list[Any], kwargs: dict[str, Any], order: Any) -> Any:
        """A rule called with `out` and, for ufuncs, `where` and positional outputs taken care of."""
        out = kwargs.pop("out", None)
        if isinstance(function, np.ufunc):
            if len(args) > function.nin:
                args, out = args[: function.nin], tuple(args[function.nin :])
            where = kwargs.pop("where", True)
            if where is not True:
                return self._where_computed(function, rule, args, kwargs, out, where)
        if out is None:
            return self.apply_rule(rule, args, kwargs, order)
        targets = out if isinstance(out, tuple) else (out,)
        for target in targets:
            self._check_out(target)
        if function in _IN_DTYPE_OF_OUT and "dtype" not in kwargs:
            kwargs = {**kwargs, "dtype": targets[0].dtype}
        result = self.apply_rule(rule, args, kwargs, order)
        results = result if isinstance(result, tuple) else (result,)
        if len(targets) > len(results):
            self.fail(PythonError, "ValueError: more arrays in `out` than results")
        written = [
            made if target is None else self._written_out(function, target, made)
            for made, target in zip(results, (*targets, *(None,) * (len(results) - len(targets))), strict=True)
        ]
        return tuple(written) if isinstance(result, tuple) else written[0]

    def _check_out(self, target: Any) -> None:
        if target is not None and not isinstance(target, Array):
            self.refuse(f"`out` has to be an array, not {describe(target)}", "use the result of the call instead")

    def _written_out(self, function: Any, target: Array, result: Any) -> Array:
        value = self.operand(result)
        if function in _EXACT_OUT and value.dtype != target.dtype:
            self.fail(PythonError, f"ValueError: `out` has to have the dtype {value.dtype}, not {target.dtype}")
        stretches = isinstance(function, np.ufunc) and function.signature is None and value.rank <= target.rank
        if not stretches:
            if value.rank != target.rank:
                self.fail(PythonError, "ValueError: `out` has the wrong number of axes")
            for a, b in zip(value.shape, target.shape, strict=True):
                self.require_equal(a, b, "out")
        self.store_in(target, self.in_place_cast(value, target.type))
        return target

    def _where_computed(
        self, function: Any, rule: Any, args: list[Any], kwargs: dict[str, Any], out: Any, where: Any
    ) -> Any:
        """A ufunc under a mask: elsewhere nothing is computed, and `out` keeps what it holds."""
        target = out[0] if isinstance(out, tuple) and len(out) == 1 else out
        if target is None:
            self.refuse(
                "`where` without `out` leaves elements that hold anything",
                "pass out=, for example out=np.zeros_like(x)",
            )
        self._check_out(target)
        if isinstance(target, tuple):
            self.refuse("`where` is accepted for functions with one result")
        mask = self.as_array(where) if isinstance(where, (List, tuple, np.ndarray)) else where
        inside = self.operand(mask)
        if inside.dtype.kind != "b":
            self.fail(PythonError, "TypeError: `where` has to be a boolean array")
        safe = [self.apply_rule(lambda a: harmless(function, a, inside), [self.masked(a)], {}) for a in args]
        computed = self.in_place_cast(self.operand(self.apply_rule(rule, safe, kwargs)), target.type)
        old = self.operand(target)
        self.store_in(target, self.apply_value(lambda: PRIMITIVES["select"](inside, computed, old)))
        return target

    def masked(self, value: Any) -> Any:
        return self.as_array(value) if isinstance(value, (List, tuple, np.ndarray)) else value

    def apply_value(self, compute: Callable[[], Operand]) -> Operand:
        """An operand computed by equations whose sizes may turn out to be equal only at run time."""
        return self.operand(self.apply_rule(compute, [], {}))

    def store_in(self, target: Array, value: Operand) -> None:
        """target[...] = value, of target's dtype."""
        self.apply_rule(lambda: self.views.write(target, self.views.settled(value)), [], {})

    # ---- methods ----
    def method_fill(self, owner: Array, value: Any) -> None:
        self.set_array_item(owner, Ellipsis, value)

    def method_sort(self, owner: Array, axis: Any = -1, **options: Any) -> None:
        sorted_ = self.apply_rule(NUMPY_RULES[np.sort], [owner], {"axis": axis, **options})
        self.store_in(owner, self.operand(sorted_))

    def method_put(self, owner: Array, indices: Any, values: Any, mode: Any = "raise") -> None:
        self.call_put(owner, indices, values, mode)

    def method_choose(self, owner: Any, *choices: Any, **options: Any) -> Any:
        return self.call(np.choose, [owner, choices[0] if len(choices) == 1 else choices], options)

    # ---- ufunc methods ----
    def ufunc_method(self, ufunc: Any, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if name == "at" and not kwargs and len(args) == ufunc.nin + 1 and ufunc.nout == 1:
            return self._at(ufunc, *args)
        if name == "reduce" and ufunc in _REDUCE:
            return self.call(_REDUCE[ufunc], args, {"axis": 0, **kwargs} if len(args) == 1 else kwargs)
        if name == "accumulate" and ufunc in _ACCUMULATE:
            return self.call(_ACCUMULATE[ufunc], args, {"axis": 0, **kwargs} if len(args) == 1 else kwargs)
        if name == "outer" and len(args) == 2 and all(isinstance(a, Array) for a in args):
            left = self.views.reshaped(args[0], (*args[0].shape, *(Dim.of(1),) * args[1].rank))
            return self.call(ufunc, [left, args[1]], kwargs)
        return self.refuse(f"`{ufunc.__name__}.{name}` is not supported")

    def _at(self, ufunc: Any, target: Any, index: Any, *values: Any) -> None:
        """`ufunc.at`: a place that is named several times is updated as often."""
        if not isinstance(target, Array):
            self.fail(PythonError, "TypeError: first operand must be array")
        x, s = self.subscript(target, index)
        rule = NUMPY_RULES.get(ufunc)
        if s.mask is not None or rule is None:
            what = "through a mask" if rule is not None else ""
            self.refuse(f"`{ufunc.__name__}.at` {what} is not supported".replace("  ", " "), "write a loop")
        if x.dtype.kind == "b":
            self.refuse(f"`{ufunc.__name__}.at` on booleans is not supported", "write a loop")
        data = [self.operand(self.masked(v)) for v in values]
        if ufunc in (np.add, np.subtract) and _result(x, data[0]) == x.dtype:
            value = self.assigned(self.boxed(data[0]), x.type)
            self._put(x, s, -value if ufunc is np.subtract else value, accumulate=True)
            return

        def compute(*operands: Operand) -> Operand:
            made = self.operand(self.boxed(rule(*operands)))
            return made if made.dtype == x.dtype else emit(PRIMITIVES["convert"], (made,), {"dtype": x.dtype})[0]

        def updated() -> Operand:
            value = self.operand(x)
            given = [self._without_new_axes(v, s.new_axes, _rank(s)) if s.new_axes and v.rank else v for v in data]
            if s.takes and not are_distinct(s.takes):
                return updated_in_turn(compute, value, given[0] if given else None, s.at, *s.takes)
            old = emit(PRIMITIVES["index"], (value, *s.takes), {"at": s.at})[0]
            return emit(PRIMITIVES["update"], (value, compute(old, *given), *s.takes), {"at": s.at})[0]

        self.store_in(x, self.apply_value(updated))

    # ---- functions ----
    def call_copyto(self, dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
        if not isinstance(dst, Array):
            self.fail(PythonError, f"TypeError: copyto() argument 1 must be an array, not {describe(dst)}")
        data = self.operand(self.masked(src))
        value = self.assigned(self.boxed(data), dst.type) if casting == "unsafe" else self._cast(data, dst, casting)
        if where is True:
            self._check_no_wider(value, dst)
            self.store_in(dst, value)
            return
        self._write_where(dst, self.operand(self.masked(where)), value)

    def _cast(self, data: Operand, target: Array, casting: Any) -> Operand:
        given = data.type
        assert isinstance(given, ArrayType)
        kinds = "biufc".index(given.dtype.kind), "biufc".index(target.dtype.kind)
        if (given.weak and kinds[0] <= kinds[1]) or np.can_cast(given.dtype, target.dtype, casting):
            return self.assigned(self.boxed(data), target.type)
        return self.fail(PythonError, f"TypeError: cannot cast {given.dtype} to {target.dtype} by the rule '{casting}'")

    def _check_no_wider(self, value: Operand, target: Array) -> None:
        for d in value.shape[: max(value.rank - target.rank, 0)]:
            self.require_equal(d, Dim.of(1), "assignment")

    def _write_where(self, target: Array, mask: Operand, value: Operand) -> None:
        def chosen() -> Operand:
            inside = mask if mask.dtype.kind == "b" else PRIMITIVES["not_equal"](mask, 0)
            merged: Operand = PRIMITIVES["select"](inside, value, self.operand(target))
            return merged

        self.store_in(target, self.apply_value(chosen))

    def call_putmask(self, a: Any, mask: Any, values: Any) -> None:
        """Where the mask holds, the element of `values` at the same place in C order, `values` repeated."""
        if not isinstance(a, Array):
            self.fail(PythonError, "TypeError: putmask: first argument must be an array")
        data = self.operand(self.masked(values))
        if isinstance(data.type, ArrayType) and data.type.weak:
            value = self.assigned(self.boxed(data), a.type)
        else:
            value = self._cast(data, a, "safe")
        inside = self.operand(self.masked(mask))
        if inside.rank != a.rank:
            self.fail(PythonError, "ValueError: putmask: mask and data must be the same size")
        for d, size in zip(inside.shape, a.shape, strict=True):
            self.require_equal(d, size, "putmask")
        if value.rank and not self.same_shape(value.shape, a.shape):
            whole = self._repeated(value, a.type.size())
            value = emit(PRIMITIVES["reshape"], (whole,), {"shape": a.shape})[0] if whole.rank else whole
        self._write_where(a, inside, value)

    def same_shape(self, a: Sequence[Dim], b: Sequence[Dim]) -> bool:
        return len(a) == len(b) and all(self.solver.assume_equal(x, y) for x, y in zip(a, b, strict=True))

    def _repeated(self, value: Operand, length: Dim) -> Operand:
        """Values in C order, as many as `length`; whether they are as many already is decided by the example."""
        count = self.solver.normalize(length)
        assert isinstance(value.type, ArrayType)
        if value.rank:
            self.solver.assume_equal(self.solver.normalize(value.type.size()), count)
        return self.apply_value(lambda: repeated_to(value, self.solver.normalize(count)))

    def call_put(self, a: Any, ind: Any, v: Any, mode: Any = "raise") -> None:
        """a.flat[ind] = v, v repeated."""
        if not isinstance(a, Array):
            self.fail(PythonError, f"TypeError: argument 1 must be numpy.ndarray, not {describe(a)}")
        vector = self.views.flat(a)
        value = self.assigned(self.boxed(self.operand(self.masked(v))), a.type)
        places = self.apply_rule(put_positions, [ind, vector.shape[0], mode], {})
        count = places.shape[0]
        self.set_array_item(vector, places, self.boxed(self._repeated(value, count)))

    def call_put_along_axis(self, arr: Any, indices: Any, values: Any, axis: Any = -1) -> None:
        if not isinstance(arr, Array):
            self.fail(PythonError, "TypeError: np.put_along_axis writes into an array")
        if axis is None:
            arr, axis = self.views.flat(arr), 0
        k = self.static_int(axis, "the axis must be static") % max(arr.rank, 1)
        places = self.masked(indices)
        if not isinstance(places, Array) or places.rank != arr.rank:
            self.fail(PythonError, "ValueError: `indices` and `arr` must have the same number of dimensions")
        lanes: list[Any] = []
        for j, d in enumerate(arr.shape):
            shape = tuple(d if i == j else Dim.of(1) for i in range(arr.rank))
            count = emit(PRIMITIVES["arange"], (), {"start": Dim.of(0), "length": d, "step": 1})[0]
            lane = count if arr.rank == 1 else emit(PRIMITIVES["reshape"], (count,), {"shape": shape})[0]
            lanes.append(places if j == k else self.boxed(lane))
        self.set_array_item(arr, tuple(lanes), self.masked(values))

    def call_fill_diagonal(self, a: Any, val: Any, wrap: Any = False) -> None:
        if not isinstance(a, Array) or a.rank < 2:
            self.fail(PythonError, "ValueError: array must be at least 2-d")
        if wrap is not False:
            self.refuse("`np.fill_diagonal` with wrap is not supported", "write the second diagonal by itself")
        sizes = [self.solver.normalize(d) for d in a.shape]
        if a.rank == 2:
            length = sizes[0] if self.solver.nonnegative(sizes[1] - sizes[0]) else sizes[1]
        else:
            length = sizes[0]
            for d in sizes[1:]:
                self.require_equal(length, d, "np.fill_diagonal")
        value = self.assigned(self.boxed(self.operand(self.masked(val))), a.type)
        count = emit(PRIMITIVES["arange"], (), {"start": Dim.of(0), "length": length, "step": 1})[0]
        at, takes = tuple(Take(k) for k in range(a.rank)), (count,) * a.rank
        values = self._repeated(value, length)
        self.apply_rule(lambda: self.views.write_at(a, at, takes, self.views.settled(values)), [], {})

    # ---- flat ----
    def flat_item(self, flat: Flat, index: Any) -> Any:
        """`x.flat[index]`: an element, or a copy of several."""
        if isinstance(index, tuple):
            self.refuse("x.flat takes one index")
        found = self.get_array_item(flat.view, index)
        return self.views.fresh(self.views.read(found)) if isinstance(found, Array) else found

    def set_flat_item(self, flat: Flat, index: Any, value: Any) -> None:
        """`x.flat[index] = value`, values repeated."""
        view = flat.view
        data = self.assigned(self.boxed(self.operand(self.masked(value))), view.type)
        if data.rank:
            x, s = self.subscript(view, index)
            if s.mask is not None or s.new_axes or x is not view:
                self.refuse("x.flat written through a mask is not accepted", "write to x itself")
            if isinstance(s.at[0], At):
                self.fail(PythonError, "ValueError: Error setting single item of array.")
            length = s.takes[0].type.size() if s.takes else s.at[0].length  # type: ignore[union-attr]
            data = self._repeated(data, length)
            if s.takes and s.takes[0].rank != 1 and data.rank:
                data = emit(PRIMITIVES["reshape"], (data,), {"shape": s.takes[0].shape})[0]
        self.set_array_item(view, index, self.boxed(data))


def _result(x: Array, value: Operand) -> np.dtype[Any]:
    given = value.type
    assert isinstance(given, ArrayType)
    dummy = given.dtype.type(1).item() if given.weak else given.dtype.type(1)
    return np.result_type(x.dtype.type(1), dummy)


def _rank(s: Any) -> int:
    return sum(not isinstance(c, At) for c in s.at) + len(s.new_axes)


WRITERS: dict[Any, str] = {
    np.copyto: "call_copyto", np.fill_diagonal: "call_fill_diagonal", np.put: "call_put",
    np.putmask: "call_putmask", np.put_along_axis: "call_put_along_axis",
}  # fmt: skip
