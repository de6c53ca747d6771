"""Calls of Python's functions on iterables: zip, map, sum and their kin, and itertools.

In: values of the interpreter. Out: a `Sequence` where items can be had by position, a `Generator` of
`python_iterators` where they come one by one, or the number that was asked for.
"""

from __future__ import annotations

import functools
import itertools
import operator
from typing import Any

import numpy as np

from gradscribe.transpiler.frontend import python_iterators
from gradscribe.transpiler.frontend.python_errors import PythonError
from gradscribe.transpiler.frontend.python_queues import Deque
from gradscribe.transpiler.frontend.statements import Statements
from gradscribe.transpiler.frontend.table import BUILTINS
from gradscribe.transpiler.frontend.values import (
    FORM,
    Array,
    Generator,
    List,
    Object,
    Sequence,
    Slice,
    is_data,
    is_number,
    number_type,
)
from gradscribe.transpiler.ir.types import ArrayType

_NONE = object()


class IteratorFunctions(Statements):
    """Functions on iterables."""

    def generated(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        return self.call(self.library(function), list(args), kwargs)

    def indexable(self, value: Any) -> Any:
        """Something with a length and items by position: what comes one by one is collected."""
        if isinstance(value, Generator):
            return self.collected(value)
        if isinstance(value, (Array, List, tuple, Sequence)):
            return value
        return self.sequence(value)

    def call_zip(self, *args: Any, strict: Any = False) -> Any:
        values = [self.iterable(a) for a in args]
        streams = [k for k, a in enumerate(values) if isinstance(a, Generator)]
        if not streams:
            return self.zipped(values, strict)
        if len(streams) > 1 or strict is not False:
            what = "two generators" if len(streams) > 1 else "a generator, with `strict`,"
            self.refuse(f"`zip` of {what} is not accepted", "make lists of them: `list(...)`")
        k = streams[0]
        return self.generated(python_iterators.zipped, tuple(values[:k]), values[k], tuple(values[k + 1 :]))

    def call_enumerate(self, value: Any, start: Any = 0) -> Any:
        iterable = self.iterable(value)
        if isinstance(iterable, Generator):
            return self.generated(python_iterators.enumerated, iterable, start)
        return self.enumerated(iterable, start)

    def call_map(self, function: Any, *iterables: Any) -> Any:
        if len(iterables) == 1:
            return self.generated(python_iterators.mapped, function, iterables[0])
        return self.generated(python_iterators.starmap, function, self.call_zip(*iterables))

    def call_filter(self, function: Any, iterable: Any) -> Any:
        return self.generated(python_iterators.filtered, function, iterable)

    def call_next(self, value: Any, *default: Any) -> Any:
        if not isinstance(value, Generator):
            self.refuse("`next` is accepted of generators only", "index, or iterate with `for`")
        return self.generated(python_iterators.next_of, value, *default)

    def call_iter(self, value: Any) -> Any:
        return value if isinstance(value, Generator) else self.generated(python_iterators.chain, value)

    def call_fromiter(self, iterable: Any, dtype: Any, count: Any = -1) -> Any:
        if count != -1:
            self.refuse("`count` of np.fromiter is not accepted", "cut the iterable: itertools.islice")
        return self.call(np.array, [self.call(list, [iterable], {})], {"dtype": dtype})

    # ---- one value out of many ----
    def unfolded(self, value: Any) -> Any:
        """What an object with `__iter__` goes over; a deque is the list that it is."""
        if not isinstance(value, Object):
            return value
        if value.cls is Deque:
            return self.iterated(value)
        return self.iterable(value) if hasattr(value.cls, "__iter__") else value

    def call_sum(self, value: Any, start: Any = 0) -> Any:
        value = self.unfolded(value)
        if isinstance(value, Array):
            return self.apply_rule(BUILTINS[sum], [value, start], {})
        if isinstance(value, Generator):
            return self.generated(python_iterators.total_of, value, start)
        if isinstance(value, List) and value.grows and isinstance(value.slots[FORM], ArrayType):
            return self._as_items(value, self.apply_rule(BUILTINS[sum], [self.stacked(value), start], {}))
        total = start
        for item in self.items(value):
            total = self.binary("Add", total, item)
        return total

    def call_max(self, *values: Any, **options: Any) -> Any:
        return self._extremum(max, values, options)

    def call_min(self, *values: Any, **options: Any) -> Any:
        return self._extremum(min, values, options)

    def _extremum(self, rule: Any, values: tuple[Any, ...], options: dict[str, Any]) -> Any:
        name = rule.__name__
        values = tuple(map(self.unfolded, values)) if len(values) == 1 else values
        key = options.pop("key", None)
        if key is not None:
            above = operator.gt if rule is max else operator.lt
            items = values[0] if len(values) == 1 else values
            return self.generated(python_iterators.extremum_by, items, key, above, name, *options.values())
        if len(values) == 1 and isinstance(values[0], Generator) and not options.keys() - {"default"}:
            return self.generated(python_iterators.extremum_of, values[0], rule, name, *options.values())
        if len(values) == 1 and isinstance(values[0], List) and values[0].grows and self.holds_numbers(values[0]):
            if not options:
                return self._as_items(values[0], self.call(getattr(np, name), [self.stacked(values[0])], {}))
            if not options.keys() - {"default"}:
                return self.generated(python_iterators.extremum_of, values[0], rule, name, *options.values())
        items = self.items(values[0]) if len(values) == 1 else list(values)
        if "default" in options:
            default = options.pop("default")
            if not items:
                return default
        if options:
            self.fail(PythonError, f"TypeError: {name}() got an unexpected keyword argument")
        if not items:
            self.fail(PythonError, f"ValueError: {name}() iterable argument is empty")
        if any(isinstance(v, Array) for v in items):
            self.refuse(f"`{name}` of arrays is ambiguous", f"use np.{name}imum, or np.{name} for all elements")
        if not any(map(is_data, items)):
            return self.python(rule, items)
        result = items[0]
        for item in items[1:]:
            result = self.apply_rule(BUILTINS[rule], [result, item], {})
        return result

    def _as_items(self, of: List, result: Any) -> Any:
        """A reduction of a list in buffers: of Python numbers it is a Python number."""
        form = of.slots[FORM]
        if form.weak and is_number(result) and not number_type(result).weak:
            kind = {"f": float, "i": int, "b": bool, "c": complex}[number_type(result).dtype.kind]
            return self.apply_rule(BUILTINS[kind], [result], {})
        return result

    def call_any(self, value: Any) -> Any:
        value = self.unfolded(value)
        if isinstance(value, Generator):
            return self.generated(python_iterators.any_of, value)
        return self._fold_truth(value, "BitOr", True)

    def call_all(self, value: Any) -> Any:
        value = self.unfolded(value)
        if isinstance(value, Generator):
            return self.generated(python_iterators.all_of, value)
        return self._fold_truth(value, "BitAnd", False)

    def _fold_truth(self, value: Any, op: str, decisive: bool) -> Any:
        if isinstance(value, List) and value.grows and self.holds_numbers(value):
            found = self.call(np.any if decisive else np.all, [self.stacked(value)], {})
            return self.apply_rule(BUILTINS[bool], [found], {})
        result: Any = not decisive
        for item in self.items(value):
            truth = self.truth(item)
            if truth is decisive:
                return decisive
            if isinstance(truth, bool):
                continue
            result = truth if isinstance(result, bool) else self.binary(op, result, truth)
        return result

    def call_reduce(self, function: Any, iterable: Any, initial: Any = _NONE) -> Any:
        iterable = self.unfolded(iterable)
        if isinstance(iterable, Generator):
            return self.generated(python_iterators.reduced, function, iterable, *[initial][: initial is not _NONE])
        items = self.items(iterable)
        if not items and initial is _NONE:
            self.fail(PythonError, "TypeError: reduce() of empty iterable with no initial value")
        result = items.pop(0) if initial is _NONE else initial
        for item in items:
            result = self.call(function, [result, item], {})
        return result

    # ---- itertools ----
    def call_product(self, *iterables: Any, repeat: Any = 1) -> Any:
        pools = [self.indexable(i) for i in iterables]
        return self.generated(python_iterators.product, *pools * self.static_int(repeat, "`repeat` must be static"))

    def call_ndindex(self, *shape: Any) -> Any:
        sizes = self.items(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, List)) else shape
        return self.generated(python_iterators.product, *[self.range_of([n]) for n in sizes])

    def call_ndenumerate(self, array: Any) -> Any:
        return self.generated(python_iterators.ndenumerate, self.as_array(array))

    def call_chain(self, *iterables: Any) -> Any:
        return self.generated(python_iterators.chain, *iterables)

    def call_chain_from_iterable(self, iterables: Any) -> Any:
        return self.generated(python_iterators.chain_from_iterable, iterables)

    def call_starmap(self, function: Any, iterable: Any) -> Any:
        return self.generated(python_iterators.starmap, function, iterable)

    def call_filterfalse(self, function: Any, iterable: Any) -> Any:
        return self.generated(python_iterators.filterfalse, function, iterable)

    def call_takewhile(self, function: Any, iterable: Any) -> Any:
        return self.generated(python_iterators.takewhile, function, iterable)

    def call_dropwhile(self, function: Any, iterable: Any) -> Any:
        return self.generated(python_iterators.dropwhile, function, iterable)

    def call_compress(self, data: Any, selectors: Any) -> Any:
        return self.generated(python_iterators.compress, data, selectors)

    def call_count(self, start: Any = 0, step: Any = 1) -> Any:
        return self.generated(python_iterators.count, start, step)

    def call_cycle(self, iterable: Any) -> Any:
        found = self.iterable(iterable)
        if isinstance(found, Generator):
            return self.generated(python_iterators.cycle_of_generated, found)
        return self.generated(python_iterators.cycle, self.indexable(iterable))

    def call_repeat(self, item: Any, times: Any = None) -> Any:
        return self.generated(python_iterators.repeat, item, times)

    def call_pairwise(self, iterable: Any) -> Any:
        found = self.iterable(iterable)
        if isinstance(found, Generator):
            return self.generated(python_iterators.pairwise_of_generated, found)
        return self.generated(python_iterators.pairwise, self.indexable(iterable))

    def call_accumulate(self, iterable: Any, func: Any = None, *, initial: Any = None) -> Any:
        found = self.iterable(iterable)
        if isinstance(found, Generator) or initial is not None:
            return self.generated(python_iterators.accumulate, found, func, initial=initial)
        return self.generated(python_iterators.accumulated_items, found, func)

    def call_islice(self, iterable: Any, *bounds: Any) -> Any:
        start, stop, step = (None, *bounds, None) if len(bounds) == 1 else (*bounds, None)[:3]
        found = self.iterable(iterable)
        if isinstance(iterable, (Array, List, tuple)):
            return self.get_item(iterable, Slice(start, stop, step))
        if isinstance(found, Sequence) and start in (None, 0) and step in (None, 1) and stop is not None:
            zipped = self.zipped([self.range_of([stop]), found], False)
            return Sequence(zipped.length, lambda k: zipped.item(k)[1], zipped.static)
        start, step = 0 if start is None else start, 1 if step is None else step
        return self.generated(python_iterators.islice, found, start, stop, step)

    def call_combinations(self, iterable: Any, r: Any) -> Any:
        return self._choices(python_iterators.combinations, iterable, r)

    def call_combinations_with_replacement(self, iterable: Any, r: Any) -> Any:
        return self._choices(python_iterators.combinations_with_replacement, iterable, r)

    def call_permutations(self, iterable: Any, r: Any = None) -> Any:
        pool = self.indexable(iterable)
        return self._choices(python_iterators.permutations, pool, self.call_len(pool) if r is None else r)

    def _choices(self, function: Any, iterable: Any, r: Any) -> Any:
        how_many = self.static_int(r, "how many items are chosen must be static")
        return self.generated(function, self.indexable(iterable), how_many)

    def call_zip_longest(self, *iterables: Any, fillvalue: Any = None) -> Any:
        if any(isinstance(self.unfolded(i), Generator) for i in iterables):
            self.refuse("`itertools.zip_longest` of a generator is not accepted", "make a list of it: `list(...)`")
        return self.generated(python_iterators.zip_longest, *map(self.indexable, iterables), fillvalue=fillvalue)

    def call_len(self, value: Any) -> Any:
        raise NotImplementedError


ITERATOR_FUNCTIONS: dict[Any, str] = {
    zip: "call_zip", enumerate: "call_enumerate", map: "call_map", filter: "call_filter", sum: "call_sum",
    max: "call_max", min: "call_min", any: "call_any", all: "call_all", next: "call_next", iter: "call_iter",
    functools.reduce: "call_reduce", np.ndindex: "call_ndindex", np.ndenumerate: "call_ndenumerate",
    np.fromiter: "call_fromiter",
    itertools.chain.from_iterable: "call_chain_from_iterable",
    **{
        getattr(itertools, name): f"call_{name}"
        for name in (
            "product", "chain", "starmap", "filterfalse", "takewhile", "dropwhile", "compress", "count", "cycle",
            "repeat", "pairwise", "accumulate", "islice", "combinations", "combinations_with_replacement",
            "permutations", "zip_longest",
        )
    },
}  # fmt: skip
