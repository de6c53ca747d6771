"""Objects that are no trees (members of an Enum, markers, instances of plain classes) are what they were inside
transformed functions that are called in a program."""

from __future__ import annotations

import enum

import numpy as np
import pytest

import gradscribe as gs


class Method(enum.Enum):
    EULER = 1
    MIDPOINT = 2

    @property
    def order(self):
        return self.value * 1.0

    def step(self, y):
        return y - 0.1 * y if self is Method.EULER else y - 0.1 * (y - 0.05 * y)


class Flags(enum.IntFlag):
    SQUARED = 1
    SCALED = 2


class Marker:
    pass


class Spring:
    def __init__(self, k):
        self.k = k

    def energy(self, y):
        return self.k * y * y


FIRST, SECOND = Marker(), Marker()


def by_identity(y, chosen):
    return y * y if chosen is Method.EULER or chosen is FIRST else 3.0 * y


def by_equality(y, chosen):
    return y * y if chosen == Method.EULER or chosen == FIRST else 3.0 * y


def by_membership(y, chosen):
    return y * y if chosen in {Method.EULER} else 3.0 * y


def by_match(y, method):
    match method:
        case Method.EULER:
            return y * y
        case Method.MIDPOINT:
            return y**3


def by_key(y, method):
    return {Method.EULER: y * y, Method.MIDPOINT: y**3}[method]


def methods_of_a_member(y, method):
    return method.step(y) ** 2 * method.order


def method_of_an_object(y, spring):
    return spring.energy(y)


def flags(y, chosen):
    y = y * y if chosen & Flags.SQUARED else y
    return y * Flags.SCALED if chosen & Flags.SCALED else y


CASES = [
    *((function, member) for function in (by_identity, by_equality, by_membership) for member in Method),
    *((function, marker) for function in (by_identity, by_equality) for marker in (FIRST, SECOND)),
    *((function, member) for function in (by_match, by_key, methods_of_a_member) for member in Method),
    (method_of_an_object, Spring(2.0)),
    (flags, Flags.SQUARED),
    (flags, Flags.SCALED),
    (flags, Flags.SQUARED | Flags.SCALED),
]

WAYS = {
    "plain": lambda f, y, thing: gs.grad(f)(y, thing),
    "argument": lambda f, y, thing: gs.jit(lambda y, thing: gs.grad(f)(y, thing), backend="python")(y, thing),
    "captured": lambda f, y, thing: gs.jvp(lambda y: gs.grad(f)(y, thing), (y,), (1.0,))[0],
    "checkpoint": lambda f, y, thing: gs.grad(lambda y: gs.checkpoint(f)(y, thing))(y),
    "vmap": lambda f, y, thing: gs.grad(lambda y: gs.vmap(f, in_axes=(0, None))(np.array([y, y]), thing)[0])(y),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("function, thing", CASES)
def test_an_object_is_the_same_inside(function, thing, way):
    h = 1e-5
    expected = (function(2.0 + h, thing) - function(2.0 - h, thing)) / (2 * h)
    assert abs(WAYS[way](function, 2.0, thing) - expected) < 1e-8


def test_entries_are_written_where_they_were():
    """Keys that come and go around a dict do not change which one inside it is written."""

    def update(settings, x):
        settings["inner"]["x"] = x
        del settings["inner"]["gone"]
        settings["a"] = 2.0 * x
        del settings["b"]
        settings["list"][0].append(x)
        settings["list"].insert(0, [x])

    given = {"b": {"gone": 1.0}, "inner": {"gone": 2.0}, "list": [[1.0]], "other": {"gone": 3.0}}
    expected = {"a": 6.0, "inner": {"x": 3.0}, "list": [[3.0], [1.0, 3.0]], "other": {"gone": 3.0}}
    gs.jit(update, backend="python")(given, 3.0)
    assert given == expected
