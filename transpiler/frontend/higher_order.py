"""Functions that take or make functions: functools, and the callables of `operator`.

In: functions of the interpreted program, or static ones. Out: values that can be called. A cached function is called
anew for data (its results are equal), and must change nothing, or the cache would be seen.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Callable
from typing import Any

from gradscribe.transpiler.frontend.iterator_functions import IteratorFunctions
from gradscribe.transpiler.frontend.operators import PYTHON
from gradscribe.transpiler.frontend.trying import all_eqns
from gradscribe.transpiler.frontend.values import Array, Cached, Closure, Container, Partial, is_data
from gradscribe.transpiler.ir.builder import current_block
from gradscribe.transpiler.ir.dims import next_serial
from gradscribe.transpiler.ir.nodes import Effect

_AUGMENTED = {
    operator.iadd: "Add", operator.isub: "Sub", operator.imul: "Mult", operator.itruediv: "Div",
    operator.ipow: "Pow", operator.ifloordiv: "FloorDiv", operator.imod: "Mod", operator.imatmul: "MatMult",
}  # fmt: skip
_BINARY = {function: name for name, function in PYTHON.items() if name not in ("USub", "UAdd", "Invert")}
_UNARY = {PYTHON[name]: name for name in ("USub", "UAdd", "Invert")} | {operator.not_: "Not"}
_COMPARED = {operator.is_: "Is", operator.is_not: "IsNot"}
_GETTERS = (operator.itemgetter, operator.attrgetter, operator.methodcaller)


class HigherOrder(IteratorFunctions):
    """Functions about functions."""

    def call_partial(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        return Partial(function, args, kwargs)

    def call_update_wrapper(self, wrapper: Any, wrapped: Any, *names: Any, **options: Any) -> Any:
        name = wrapped.name if isinstance(wrapped, Closure) else getattr(wrapped, "__name__", None)
        return dataclasses.replace(wrapper, name=name) if isinstance(wrapper, Closure) and name else wrapper

    # ---- caches ----
    def call_cache(self, function: Any) -> Any:
        return Cached(function)

    def call_lru_cache(self, maxsize: Any = 128, typed: Any = False) -> Any:
        """With a function: it, cached; with options: what caches a function."""
        return Cached(maxsize) if isinstance(maxsize, Closure) else functools.cache

    def call_cached(self, cached: Cached, args: list[Any], kwargs: dict[str, Any]) -> Any:
        key = (tuple(args), tuple(kwargs.items()))
        static = not is_data(args) and not is_data(list(kwargs.values()))
        if static and key in cached.results:
            return cached.results[key]
        birth, start, block = next_serial(), self.store.here(), current_block()
        first = len(block.eqns)
        result = self.call(cached.function, args, kwargs)
        changed = any(cell.serial < birth for cell, _ in self.store.changed(start))
        printed = any(e.operation.effect not in (Effect.PURE, Effect.CHECK) for e in all_eqns(block.eqns[first:]))
        if changed or printed:
            self.refuse("a cached function that changes or prints something is not accepted", "leave the cache out")
        if any(isinstance(part, (Array, Container)) for part in (result if isinstance(result, tuple) else (result,))):
            self.refuse("a cached function that returns an array or container is not accepted", "leave the cache out")
        if static and not is_data(result):
            cached.results[key] = result
        return result

    # ---- operator ----
    def operator_function(self, function: Any) -> Callable[..., Any] | None:
        """The interpreter's version of a callable of `operator`."""
        if isinstance(function, _GETTERS):
            return functools.partial(self._getter, function)
        for table, run in (
            (_AUGMENTED, self._augmented_call), (_BINARY, self.binary), (_COMPARED, self.compare), (_UNARY, self.unary)
        ):  # fmt: skip
            if function in table:
                return functools.partial(run, table[function])
        return None

    def _augmented_call(self, op: str, a: Any, b: Any) -> Any:
        return self._augmented(op, a, lambda: b)

    def _getter(self, getter: Any, owner: Any) -> Any:
        kind, (first, *rest) = getter.__reduce__()[:2]
        if kind is operator.itemgetter:
            found = [self.get_item(owner, key) for key in (first, *rest)]
        elif kind is operator.attrgetter:
            found = [functools.reduce(self.get_attribute, name.split("."), owner) for name in (first, *rest)]
        else:  # a method with arguments; keywords come as a partial
            named = kind.keywords if isinstance(kind, functools.partial) else {}
            name = kind.args[0] if isinstance(kind, functools.partial) else first
            args = [first, *rest] if isinstance(kind, functools.partial) else rest
            return self.call(self.get_attribute(owner, name), args, named)
        return found[0] if not rest else tuple(found)

    def call_contains(self, container: Any, item: Any) -> Any:
        return self.compare("In", item, container)

    def call_truth(self, value: Any) -> Any:
        return self.truth(value)

    def call_absolute(self, value: Any) -> Any:
        return self.call(abs, [value], {})

    def call_index(self, value: Any) -> Any:
        return value if not is_data(value) else self.as_dim(value)

    def call_getitem(self, owner: Any, key: Any) -> Any:
        return self.get_item(owner, key)

    def call_setitem(self, owner: Any, key: Any, value: Any) -> None:
        self.set_item(owner, key, value)

    def call_concat(self, a: Any, b: Any) -> Any:
        return self.binary("Add", a, b)

    def get_attribute(self, owner: Any, name: str) -> Any:
        raise NotImplementedError


HIGHER_ORDER: dict[Any, str] = {
    functools.partial: "call_partial", functools.update_wrapper: "call_update_wrapper", functools.cache: "call_cache",
    functools.lru_cache: "call_lru_cache", operator.contains: "call_contains", operator.truth: "call_truth",
    operator.index: "call_index", operator.getitem: "call_getitem", operator.setitem: "call_setitem",
    operator.abs: "call_absolute", operator.concat: "call_concat", operator.iconcat: "call_concat",
}  # fmt: skip
