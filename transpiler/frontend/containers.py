"""The methods of lists, dicts, sets and tuples.

In: a container, the name of a method, arguments. Out: its result, the container changed through the store. A set is a
`Dict` of class `set` whose values mean nothing. Establishes: whether a key is there may depend on data; what has to
know all keys refuses that.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.frontend import python_iterators
from gradscribe.transpiler.frontend.branches import branch
from gradscribe.transpiler.frontend.higher_order import HigherOrder
from gradscribe.transpiler.frontend.python_errors import PythonError
from gradscribe.transpiler.frontend.table import array_from
from gradscribe.transpiler.frontend.values import (
    FORM,
    LENGTH,
    MISSING,
    Dict,
    Items,
    List,
    Maybe,
    Poison,
    describe,
    is_data,
    is_integer,
    number_type,
)
from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.primitives.primitive import PRIMITIVES

# Methods of lists that know of buffers.
_OF_BUFFERS = ("append", "extend", "pop", "copy", "index", "count", "insert", "remove", "reverse", "sort", "clear")


class Containers(HigherOrder):
    """Container methods."""

    # ---- containers ----
    def container_method(self, owner: Any, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        kind = "list" if isinstance(owner, List) else "tuple" if isinstance(owner, tuple) else "dict"
        if isinstance(owner, Dict) and owner.cls is set:
            kind = "set"
        method = getattr(self, f"{kind}_{name.strip('_')}", None)
        if method is None:
            self.refuse(f"`{kind}.{name}` is not accepted")
        if not isinstance(owner, tuple):
            self.store.check_readable(owner)
        if isinstance(owner, List) and name not in _OF_BUFFERS:
            self.listed(owner)
        return method(owner, *args, **kwargs)

    def list_append(self, owner: List, item: Any) -> None:
        self.append(owner, item)

    def list_extend(self, owner: List, items: Any) -> None:
        self.extend(owner, items)

    def list_pop(self, owner: List, index: Any = -1) -> Any:
        if owner.grows and is_integer(index) and index == -1:
            return self.pop_last(owner)
        if self._stays_in_buffers(owner, index):
            return self.generated(python_iterators.popped_at, owner, index)
        self.listed(owner)
        k = self.static_int(index, "the position in a list must be static")
        count = len(owner.slots)
        value = self.get_item(owner, k)
        for j in range(k % count, count - 1):
            self.store.write(owner, j, owner.slots[j + 1])
        self.store.write(owner, count - 1, MISSING)
        return value

    def _stays_in_buffers(self, owner: List, index: Any) -> bool:
        """Is an item taken out of buffers, or put into them? Where the place is data, the list is put into some."""
        if not owner.grows and self.data_position(index):
            self.in_buffers(owner)
        return owner.grows

    def list_insert(self, owner: List, index: Any, item: Any) -> None:
        if self._stays_in_buffers(owner, index):
            self.generated(python_iterators.inserted_at, owner, index, item)
            return
        self.listed(owner)
        items = [owner.slots[k] for k in owner.slots]
        items.insert(self.static_int(index, "the position in a list must be static"), item)
        for k, value in enumerate(items):
            self.store.write(owner, k, value)

    def list_reverse(self, owner: List) -> None:
        if owner.grows:
            self.generated(python_iterators.turned_round, owner)
            return
        for k, value in enumerate(list(reversed(list(owner.slots.values())))):
            self.store.write(owner, k, value)

    def list_clear(self, owner: List) -> None:
        if owner.grows:
            self.store.write(owner, LENGTH, 0)
            return
        for k in list(reversed(owner.slots)):
            self.store.write(owner, k, MISSING)

    def list_copy(self, owner: List) -> Any:
        return self.call(list, [owner], {})

    def list_index(self, owner: Any, item: Any) -> Any:
        missing = f"ValueError: {describe(item)} is not in the list"
        if isinstance(owner, List) and owner.grows:
            return self.generated(python_iterators.position_in, owner, item)
        tests: list[tuple[int, Any]] = []
        for k, other in enumerate(self.items(owner)):
            equal = True if other is item else self.truth(self.binary("Eq", item, other))
            if equal is not False:
                tests.append((k, equal))
            if equal is True:
                break
        if not tests:
            self.fail(PythonError, missing)
        if tests[-1][1] is not True:
            found = functools.reduce(PRIMITIVES["logical_or"], [test for _, test in tests])
            emit(PRIMITIVES["check"], (found,), {"message": "the value is not in the list", "error": ValueError})
        place: Any = tests[-1][0]
        for k, test in reversed(tests[:-1]):
            place = PRIMITIVES["select"](test, k, place)
        return self.boxed(place)

    def list_count(self, owner: Any, item: Any) -> Any:
        if isinstance(owner, List) and owner.grows:
            return self.generated(python_iterators.count_in, owner, item)
        total: Any = 0
        for other in self.items(owner):
            total = self.binary("Add", total, self.boxed(self.truth(self.binary("Eq", item, other))))
        return total

    tuple_index = list_index
    tuple_count = list_count

    def list_remove(self, owner: List, item: Any) -> None:
        self.list_pop(owner, self.list_index(owner, item))

    def sorted_by(self, value: Any, keys: list[Any] | None, key: Any, reverse: bool) -> Any:
        """`sorted` by keys that data decides; of a list in buffers, or an array, `keys` are not known yet."""
        items = value if keys is not None else self.generated(python_iterators.listed, value)
        made = List.of(keys) if keys is not None else self.generated(python_iterators.list_mapped, key, items)
        order = self.generated(python_iterators.order_of, made, reverse)
        if not items.grows:
            forms = [self.form_of(self.slot(items, k)) for k in items.slots]
            form: Any = self.common_form(forms)
            columns = zip(*(self._leaves(self.slot(items, k), form) for k in items.slots), strict=True)
            leaves = [self.apply_rule(array_from, [List.of(column)], {}, order=()) for column in columns]
        else:
            form, leaves = items.slots[FORM], self.leaves_of(items)
        rows = [self.get_item(leaf, order) for leaf in leaves]
        result = self.list_of(form, rows, self.solver.normalize(Dim.of(self.call(len, [items], {}))))
        if isinstance(result.slots[LENGTH], int):
            self.listed(result)
        return result

    def list_sort(self, owner: List, **options: Any) -> None:
        made = self.call(sorted, [owner], options)
        if owner.grows:
            self.generated(python_iterators.overwritten, owner, made)
        else:
            self.replace_items(owner, self.items(made))

    def replace_items(self, owner: List, items: list[Any]) -> None:
        """The list holds these from now on."""
        for k, value in enumerate(items):
            self.store.write(owner, k, value)
        for k in range(len(owner.slots) - 1, len(items) - 1, -1):
            self.store.write(owner, k, MISSING)

    def sorted_numbers(self, value: Any, reverse: bool) -> List:
        """`sorted` of numbers that data decides."""
        numbers = self.stacked(value) if isinstance(value, List) and value.grows else value
        weak = isinstance(value, List) and (
            value.slots[FORM].weak if value.grows else all(number_type(v).weak for v in value.slots.values())
        )
        found = self.call(np.sort, [numbers], {})
        if reverse:
            found = self.call(np.flip, [found], {})
        form = ArrayType(found.dtype, (), weak)
        made = self.list_of(form, [self.views.fresh(self.operand(found))], self.solver.normalize(found.shape[0]))
        if isinstance(made.slots[LENGTH], int):
            self.listed(made)
        return made

    def tuple_replace(self, owner: Any, **fields: Any) -> Any:
        names = type(owner)._fields
        return tuple.__new__(type(owner), [fields.get(n, v) for n, v in zip(names, owner, strict=True)])

    def tuple_asdict(self, owner: Any) -> Any:
        return Dict(dict(zip(type(owner)._fields, owner, strict=True)))

    # ---- dicts and sets ----
    def keys_of(self, owner: Dict) -> list[Any]:
        """The keys, where they do not depend on data."""
        for key, value in owner.slots.items():
            if isinstance(value, Maybe):
                self.refuse(
                    f"whether {key!r} is a key here depends on data",
                    "give the key a value on every path, or ask for it alone: `key in d`, `d.get(key, ...)`",
                )
        return list(owner.slots)

    def count_of_keys(self, owner: Dict) -> Any:
        """How many keys there are, which data may decide."""
        total: Any = 0
        for key in owner.slots:
            total = self.binary("Add", total, self.call(int, [self.boxed(self.present(owner, key))], {}))
        return total

    def present(self, owner: Any, key: Any) -> Any:
        """Whether a slot is there: a bool, or a boolean operand."""
        value = owner.slots.get(key, MISSING)
        if isinstance(value, Poison):
            self.refuse_poison(f"`[{key!r}]`", value)
        return value.flag if isinstance(value, Maybe) else value is not MISSING

    def _or_else(self, owner: Dict, key: Any, otherwise: Any) -> Any:
        """The entry, or what the thunk answers where there is none."""
        there = self.truth(self.present(owner, key))
        if isinstance(there, bool):
            return self.get_item(owner, key) if there else otherwise()
        return self.whole(branch(self, there, lambda: owner.slots[key].value, otherwise))

    def dict_get(self, owner: Dict, key: Any, default: Any = None) -> Any:
        return self._or_else(owner, self.static_key(key), lambda: default)

    def missing_or_there(self, owner: Dict, key: Any) -> Any:
        """The entry of a `defaultdict` or `Counter` where data decides whether it is there."""
        if owner.factory is None:
            return self._or_else(owner, key, lambda: 0)
        value = self._or_else(owner, key, lambda: self.call(owner.factory, [], {}))
        self.store.write(owner, key, value)
        return value

    def dict_keys(self, owner: Dict) -> Any:
        return self._seen(owner, lambda key: key)

    def dict_values(self, owner: Dict) -> Any:
        return self._seen(owner, lambda key: self.get_item(owner, key))

    def dict_items(self, owner: Dict) -> Any:
        return self._seen(owner, lambda key: (key, self.get_item(owner, key)))

    def _seen(self, owner: Dict, item: Callable[[Any], Any]) -> Items:
        seen = Items(item(key) for key in self.keys_of(owner))
        seen.live = self.items_of_dict(owner, item)
        return seen

    def dict_copy(self, owner: Dict) -> Any:
        return Dict(dict(owner.slots), cls=owner.cls, factory=owner.factory)

    def dict_clear(self, owner: Dict) -> None:
        for key in list(owner.slots):
            self.store.write(owner, key, MISSING)

    def dict_update(self, owner: Dict, *args: Any, **kwargs: Any) -> None:
        for other in args:
            self._update(owner, other)
        self._update(owner, kwargs)

    def _update(self, owner: Dict, other: Any) -> None:
        if isinstance(other, Dict):
            pairs = [(k, self.slot(other, k)) for k in self.keys_of(other)]
        elif isinstance(other, dict):
            pairs = list(other.items())
        else:
            pairs = [tuple(self.items(pair)) for pair in self.items(other)]
        for key, value in pairs:
            self.store.write(owner, self.static_key(key), value)

    def dict_pop(self, owner: Dict, key: Any, *default: Any) -> Any:
        key = self.static_key(key)
        value = self._or_else(owner, key, lambda: default[0]) if default else self.get_item(owner, key)
        if key in owner.slots:
            self.store.write(owner, key, MISSING)
        return value

    def dict_popitem(self, owner: Dict) -> Any:
        keys = self.keys_of(owner)
        if not keys:
            self.fail(PythonError, "KeyError: 'popitem(): dictionary is empty'")
        return keys[-1], self.dict_pop(owner, keys[-1])

    def call_fromkeys(self, keys: Any, value: Any = None) -> Any:
        """`dict.fromkeys`."""
        return Dict({self.static_key(key): value for key in self.items(keys)})

    def dict_setdefault(self, owner: Dict, key: Any, default: Any = None) -> Any:
        key = self.static_key(key)
        value = self._or_else(owner, key, lambda: default)
        self.store.write(owner, key, value)
        return value

    def set_of(self, items: Any) -> Dict:
        """A set of static values."""
        values = list(items)
        if any(map(is_data, values)):
            self.refuse("a set of data is not accepted", "use a list")
        return Dict(dict.fromkeys(values, True), cls=set)

    def set_add(self, owner: Dict, item: Any) -> None:
        self.store.write(owner, self.static_key(item), True)

    def set_discard(self, owner: Dict, item: Any) -> None:
        if self.static_key(item) in owner.slots:
            self.store.write(owner, item, MISSING)

    def set_remove(self, owner: Dict, item: Any) -> None:
        self.get_item(owner, item)
        self.set_discard(owner, item)

    def set_update(self, owner: Dict, *others: Any) -> None:
        for other in others:
            for item in self.items(other):
                self.set_add(owner, item)

    def set_copy(self, owner: Dict) -> Any:
        return self.dict_copy(owner)

    def set_union(self, owner: Dict, *others: Any) -> Any:
        return self._combined(set.union, owner, others)

    def set_intersection(self, owner: Dict, *others: Any) -> Any:
        return self._combined(set.intersection, owner, others)

    def set_difference(self, owner: Dict, *others: Any) -> Any:
        return self._combined(set.difference, owner, others)

    def set_symmetric_difference(self, owner: Dict, *others: Any) -> Any:
        return self._combined(set.symmetric_difference, owner, others)

    def set_issubset(self, owner: Dict, other: Any) -> Any:
        return set(self.keys_of(owner)) <= set(self.items(other))

    def set_issuperset(self, owner: Dict, other: Any) -> Any:
        return set(self.keys_of(owner)) >= set(self.items(other))

    def set_isdisjoint(self, owner: Dict, other: Any) -> Any:
        return set(self.keys_of(owner)).isdisjoint(self.items(other))

    def _combined(self, function: Any, owner: Dict, others: Any) -> Dict:
        return self.set_of(self.python(function, set(self.keys_of(owner)), *map(self.items, others)))
