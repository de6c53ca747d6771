"""`gs.tree` against `jax.tree`: the same functions give the same trees, paths and refusals."""

from __future__ import annotations

import dataclasses
import operator
from collections import OrderedDict, defaultdict, namedtuple

import numpy as np
import pytest

import gradscribe as gs

jax = pytest.importorskip("jax")
Pair = namedtuple("Pair", "first second")


class Registered:
    def __init__(self, a, b):
        self.a, self.b = a, b

    def __eq__(self, other):
        return (self.a, self.b) == (other.a, other.b)


class WithFields:
    def __init__(self, a, b):
        self.a, self.b = a, b

    def __eq__(self, other):
        return (self.a, self.b) == (other.a, other.b)


gs.tree.register_node(Registered, lambda r: ((r.a, r.b), ()), lambda _, children: Registered(*children))
jax.tree_util.register_pytree_node(Registered, lambda r: ((r.a, r.b), ()), lambda _, children: Registered(*children))
gs.tree.register_dataclass(WithFields, data_fields=["a"], meta_fields=["b"])


@dataclasses.dataclass
class Layer:
    w: object
    name: str = dataclasses.field(metadata={"static": True}, default="layer")


TREES = {
    "leaf": 1.5,
    "none": None,
    "nested": {"b": [1, (2, None)], "a": Pair(3, {"z": 4})},
    "empty": {"a": [], "b": (), "c": {}},
    "ordered": OrderedDict([("z", 1), ("a", [2, 3])]),
    "default": defaultdict(list, {"k": [1, 2]}),
    "registered": [Registered({"x": 1}, (2, 3)), None],
}


@pytest.mark.parametrize("name", TREES)
def test_functions_of_one_tree(name):
    value = TREES[name]
    ours, theirs = gs.tree, jax.tree
    assert ours.leaves(value) == theirs.leaves(value)
    assert ours.map(lambda x: x * 2, value) == theirs.map(lambda x: x * 2, value)
    assert ours.map(lambda x, y: x - y, value, value) == theirs.map(lambda x, y: x - y, value, value)
    assert ours.reduce(operator.add, value, 0) == theirs.reduce(operator.add, value, 0)
    assert ours.all(value) == theirs.all(value)
    leaves, definition = ours.flatten(value)
    assert ours.unflatten(definition, leaves) == value and ours.structure(value) == definition
    show = lambda path, leaf: f"{path}: {leaf}"
    found = ours.map_with_path(lambda path, x: show(ours.keystr(path), x), value)
    assert found == theirs.map_with_path(lambda path, x: show(jax.tree_util.keystr(path), x), value)
    pairs = [(ours.keystr(path), leaf) for path, leaf in ours.leaves_with_path(value)]
    assert pairs == [(jax.tree_util.keystr(path), leaf) for path, leaf in theirs.leaves_with_path(value)]
    assert ours.flatten_with_path(value)[1] == definition
    for ours_path, theirs_path in zip(ours.leaves_with_path(value), theirs.leaves_with_path(value), strict=True):
        assert [type(k).__name__ for k in ours_path[0]] == [type(k).__name__ for k in theirs_path[0]]
    is_leaf = lambda x: isinstance(x, (list, tuple))
    assert ours.leaves(value, is_leaf=is_leaf) == theirs.leaves(value, is_leaf=is_leaf)
    assert ours.map(len, {"a": [1, 2]}, is_leaf=is_leaf) == {"a": 2}


def test_transpose_and_broadcast():
    rows = [Pair(1, {"k": 2}), Pair(3, {"k": 4})]
    for tree in (gs.tree, jax.tree):
        outer, inner = tree.structure([0, 0]), tree.structure(Pair(0, {"k": 0}))
        assert tree.transpose(outer, inner, rows) == Pair([1, 3], {"k": [2, 4]})
        assert tree.transpose(outer, None, rows) == Pair([1, 3], {"k": [2, 4]})
        assert tree.broadcast({"a": 1, "b": (2, 3)}, {"a": [0, 0], "b": (0, [0])}) == {"a": [1, 1], "b": (2, [3])}


REFUSED = {
    "other structure": lambda tree: tree.map(operator.add, {"a": 1}, {"b": 1}),
    "other length": lambda tree: tree.map(operator.add, [1, 2], [1]),
    "too few leaves": lambda tree: tree.unflatten(tree.structure([1, 2]), [1]),
    "too many leaves": lambda tree: tree.unflatten(tree.structure([1, 2]), [1, 2, 3]),
    "nothing to reduce": lambda tree: tree.reduce(operator.add, {}),
    "transposed wrongly": lambda tree: tree.transpose(tree.structure([0]), tree.structure((0, 0)), [(1, 2, 3)]),
    "keys without order": lambda tree: tree.leaves({1: 2, "a": 3}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_both_refuse(name):
    for tree in (gs.tree, jax.tree):
        with pytest.raises((ValueError, TypeError)):
            REFUSED[name](tree)


def test_fields_of_classes():
    value = WithFields([1, 2], "static")
    assert gs.tree.map(lambda x: x + 1, value) == WithFields([2, 3], "static")
    assert gs.tree.keystr(gs.tree.leaves_with_path(value)[1][0]) == ".a[1]"
    assert gs.tree.map(lambda x: 2 * x, Layer(3)) == Layer(6)
    gradient = gs.grad(lambda v: np.sum(v.a[0] ** 2) + v.a[1])(WithFields([np.ones(2), 1.0], "static"))
    np.testing.assert_array_equal(gradient.a[0], 2 * np.ones(2))


def test_inside_staged_functions():
    def f(params):
        doubled = gs.tree.map_with_path(lambda path, x: x * (2.0 if path[0].key == "w" else 1.0), params)
        total = gs.tree.reduce(lambda a, b: a + np.sum(b**2), doubled, 0.0)
        turned = gs.tree.transpose(gs.tree.structure([0, 0]), None, [(params["w"], 1.0), (params["b"], 2.0)])
        return total + np.sum(turned[0][0]) * turned[1][1] + len(gs.tree.leaves_with_path(params))

    params = {"w": np.arange(3.0), "b": np.array([0.5])}
    gradient = gs.grad(f)(params)
    np.testing.assert_allclose(gradient["w"], 8 * params["w"] + 2.0)
    np.testing.assert_allclose(gradient["b"], 2 * params["b"])
