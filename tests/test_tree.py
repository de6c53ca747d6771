"""Trees: structure, order of leaves, paths, exactness, and generated code against the generic one."""

import dataclasses
import pickle
import subprocess
import sys
from collections import OrderedDict, defaultdict, namedtuple
from enum import StrEnum
from functools import cached_property
from timeit import repeat

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradscribe.transpiler import tree
from gradscribe.transpiler.flatteners import GENERATED_SIZE_LIMIT, StructureMismatch, flattener, unflattener

Pair = namedtuple("Pair", "left right")


class NamedPair(Pair):
    __slots__ = ()

    def swap(self):
        return NamedPair(self.right, self.left)


@dataclasses.dataclass
class Layer:
    w: object
    b: object
    name: str = dataclasses.field(default="dense", metadata={"static": True})


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    x: object
    y: object

    def __post_init__(self):
        if self.x is None:
            raise ValueError("x is required")


@dataclasses.dataclass(slots=True)
class HalfSlotted(Layer):
    extra: object = None


@dataclasses.dataclass
class Memo:
    x: float

    @cached_property
    def double(self):
        return 2 * self.x


class Mode(StrEnum):
    fast = "fast"


class Interval:
    def __init__(self, lo, hi, unit):
        self.lo, self.hi, self.unit = lo, hi, unit

    def __eq__(self, other):
        return isinstance(other, Interval) and vars(self) == vars(other)

    __hash__ = None


tree.register_node(Interval, lambda v: ((v.lo, v.hi), v.unit), lambda unit, children: Interval(*children, unit))

leaf_values = st.one_of(st.integers(-3, 3), st.floats(-1, 1), st.booleans(), st.just("text"), st.just(np.float32(2)))
static_values = st.sampled_from([1, 1.0, True, 0.0, -0.0, "m", ("m", 1), ("m", True)])
keys = st.sampled_from(["a", "b", "fast", Mode.fast, np.str_("a")])
number_keys = st.sampled_from([0, 1, 1.0, True, 2, 0.0, -0.0])


def containers(inner):
    return st.one_of(
        st.none(),
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(keys, inner, max_size=3),
        st.dictionaries(number_keys, inner, max_size=3),
        st.dictionaries(keys, inner, max_size=3).map(OrderedDict),
        st.dictionaries(keys, inner, max_size=2).map(lambda d: defaultdict(list, d)),
        st.builds(Pair, inner, inner),
        st.builds(NamedPair, inner, inner),
        st.builds(Layer, inner, inner, static_values),
        st.builds(HalfSlotted, inner, inner, static_values, inner),
        st.builds(Frozen, leaf_values, inner),
        st.builds(Interval, inner, inner, static_values),
    )


trees = st.recursive(leaf_values, containers, max_leaves=8)


def shape_of(value):
    """Types all the way down, independent of the module under test."""
    if isinstance(value, dict):
        return type(value), [(key, type(key), str(key), shape_of(value[key])) for key in value]
    if isinstance(value, (list, tuple)):
        return type(value), [shape_of(item) for item in value]
    if dataclasses.is_dataclass(value):
        return type(value), [(f.name, shape_of(getattr(value, f.name))) for f in dataclasses.fields(value)]
    if isinstance(value, Interval):
        return Interval, shape_of(value.lo), shape_of(value.hi), value.unit
    return type(value)


@given(trees)
def test_round_trip(value):
    leaves, definition = tree.flatten(value)
    assert definition.leaf_count == len(leaves) == len(definition.paths())
    for rebuilt in (definition.unflatten(leaves), unflattener(definition)(leaves)):
        assert rebuilt == value
        assert tree.structure(rebuilt) == definition
    if not isinstance(value, dict):  # dicts come back with sorted keys
        assert type(rebuilt) is type(value)


@given(trees, trees)
def test_generated_flattener_accepts_exactly_its_structure(a, b):
    definition = tree.structure(a)
    assert flattener(definition)(a) == tuple(tree.leaves(a))
    if tree.structure(b) == definition:
        assert flattener(definition)(b) == tuple(tree.leaves(b))
    else:
        with pytest.raises(StructureMismatch):
            flattener(definition)(b)


@given(trees)
def test_definitions_are_values(value):
    definition = tree.structure(value)
    copy = pickle.loads(pickle.dumps(definition))
    assert copy == definition and hash(copy) == hash(definition) and copy.leaf_count == definition.leaf_count


@given(trees)
def test_round_trip_keeps_types(value):
    leaves, definition = tree.flatten(value)
    sorted_once = definition.unflatten(leaves)
    assert shape_of(unflattener(definition)(leaves)) == shape_of(sorted_once)
    assert shape_of(definition.unflatten(tree.leaves(sorted_once))) == shape_of(sorted_once)


def test_leaves_come_in_sorted_key_order_and_none_has_no_leaves():
    assert tree.leaves({"w": [1, 2], "b": None, "a": (3,)}) == [3, 1, 2]
    assert tree.leaves(OrderedDict(w=1, a=2)) == [1, 2]
    assert tree.leaves(None) == []


def test_agrees_with_jax_on_order_and_paths():
    jax = pytest.importorskip("jax")
    value = {"w": [1, (2, None)], "b": Pair(3, {"z": 4, "y": 5}), "c": OrderedDict(q=6, p=[])}
    assert tree.leaves(value) == jax.tree.leaves(value)
    theirs = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_flatten_with_path(value)[0]]
    assert tree.paths(value) == theirs


def test_paths_are_python():
    params = {"w": [Layer(1, Pair(2, 3))], 7: Interval(4, 5, "m")}
    with pytest.raises(TypeError, match="sortable"):
        tree.paths(params)
    del params[7]
    found = tree.paths(params, "params")
    assert found == ["params['w'][0].w", "params['w'][0].b.left", "params['w'][0].b.right"]
    assert [eval(path, {"params": params}) for path in found] == tree.leaves(params)


def test_repr():
    value = {"w": [1, (2,)], "b": None, "l": Layer(1, Pair(2, 3))}
    assert repr(tree.structure(value)) == (
        "TreeDef({'b': None, 'l': Layer(('dense',), w=*, b=Pair(left=*, right=*)), 'w': [*, (*,)]})"
    )


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (Layer(0, 0, 1), Layer(0, 0, True)),
        (Layer(0, 0, 1), Layer(0, 0, 1.0)),
        (Layer(0, 0, 0.0), Layer(0, 0, -0.0)),
        (Layer(0, 0, (1, 2)), Layer(0, 0, (1, 2.0))),
        ({1: 0}, {True: 0}),
        ([0], (0,)),
        ({"fast": 0}, {Mode.fast: 0}),
        (Layer(0, 0, "fast"), Layer(0, 0, Mode.fast)),
        ({"fast": 0}, {np.str_("fast"): 0}),
        (OrderedDict(a=0, b=0), OrderedDict(b=0, a=0)),
        (None, 0),
        (Pair(0, 0), NamedPair(0, 0)),
    ],
)
def test_structures_that_python_equality_would_confuse_differ(a, b):
    assert tree.structure(a) != tree.structure(b)
    with pytest.raises(StructureMismatch):
        flattener(tree.structure(a))(b)


def test_map_takes_subtrees_of_the_rest():
    assert tree.map(lambda x, y: (x, y), {"a": 1, "b": [2]}, {"a": (3, 4), "b": [None]}) == {
        "a": (1, (3, 4)),
        "b": [(2, None)],
    }


@pytest.mark.parametrize(
    ("other", "place"),
    [
        ({"a": 1, "b": [2, 3]}, r"tree\['b'\]: expected \[\*\], got \[\*, \*\]"),
        ({"a": 1, "b": (2,)}, r"tree\['b'\]: expected \[\*\], got tuple"),
        ({"a": 1}, r"tree: expected \{'a': \*, 'b': \*\}, got \{'a': \*\}"),
    ],
)
def test_mismatch_names_the_place(other, place):
    with pytest.raises(ValueError, match=place):
        tree.map(lambda x, y: x, {"a": 1, "b": [2]}, other)


def test_broadcast_prefix():
    definition = tree.structure(([1, {"a": 2, "b": 3}], 4, None))
    assert tree.broadcast_prefix((0, None, None), definition) == [0, 0, 0, None]
    assert tree.broadcast_prefix(([1, {"a": None, "b": 0}], 2, 0), definition) == [1, None, 0, 2]
    with pytest.raises(ValueError, match=r"in_axes\[0\]"):
        tree.broadcast_prefix(([0], 0, 0), definition, "in_axes")


def test_is_leaf_stops_the_descent():
    assert tree.leaves([(1, 2), [3]], is_leaf=lambda v: isinstance(v, tuple)) == [(1, 2), 3]


def test_wrong_number_of_leaves():
    definition = tree.structure([1, 2])
    for build in (definition.unflatten, unflattener(definition)):
        for leaves in ([1], [1, 2, 3]):
            with pytest.raises(ValueError):
                build(leaves)


def test_attributes_beside_the_fields_are_refused_and_cached_properties_dropped():
    memo = Memo(1.0)
    definition = tree.structure(memo)
    assert memo.double == 2.0
    assert tree.structure(memo) == definition and flattener(definition)(memo) == (1.0,)
    assert "double" not in vars(unflattener(definition)([5.0]))
    memo.stray = 1
    for take in (tree.flatten, flattener(definition)):
        with pytest.raises(TypeError, match=r"Memo\.stray"):
            take(memo)


def test_undecorated_subclass_of_a_dataclass_is_a_leaf():
    class Child(Layer):
        pass

    child = Child(1, 2)
    assert tree.leaves(child) == [child]


def test_registering_late_reaches_flatteners_already_written():
    class Late:
        pass

    value = [Late()]
    definition = tree.structure(value)
    assert flattener(definition)(value) == (value[0],)
    tree.register_node(Late, lambda v: ((), ()), lambda static, children: Late())
    assert tree.leaves(value) == []
    with pytest.raises(StructureMismatch):
        flattener(definition)(value)
    with pytest.raises(ValueError, match="already"):
        tree.register_node(Late, lambda v: ((), ()), lambda static, children: Late())


def test_unhashable_static_data_is_refused():
    with pytest.raises(TypeError, match="static data of Layer must be hashable"):
        tree.structure(Layer(1, 2, np.zeros(2)))


def test_large_and_deep_trees():
    wide = list(range(GENERATED_SIZE_LIMIT + 1))
    definition = tree.structure(wide)
    assert flattener(definition)(wide) == tuple(wide) and unflattener(definition)(wide) == wide
    with pytest.raises(StructureMismatch):
        flattener(definition)(wide[1:])
    deep = 1
    for _ in range(150):
        deep = (deep,)
    definition = tree.structure(deep)
    assert flattener(definition)(deep) == (1,) and unflattener(definition)([1]) == deep


def test_pickled_definitions_are_equal_under_another_hash_seed():
    code = (
        "import pickle, sys; from gradscribe.transpiler import tree;"
        "d = pickle.loads(sys.stdin.buffer.read()); e = tree.structure({'w': [1, 2], 'b': None});"
        "assert d == e and hash(d) == hash(e)"
    )
    pickled = pickle.dumps(tree.structure({"w": [1, 2], "b": None}))
    environment = {"PYTHONHASHSEED": "7", "PYTHONPATH": ":".join(sys.path)}
    subprocess.run([sys.executable, "-c", code], input=pickled, env=environment, check=True)


def test_generated_flattener_is_much_faster():
    value = ({f"layer{i}": {"w": 1.0, "b": 2.0} for i in range(6)}, [1.0, 2.0], None)
    definition = tree.structure(value)
    fast = flattener(definition)
    generic = min(repeat(lambda: tree.flatten(value), number=200, repeat=5))
    generated = min(repeat(lambda: fast(value), number=200, repeat=5))
    assert generated * 5 < generic  # about 14 on an idle machine
