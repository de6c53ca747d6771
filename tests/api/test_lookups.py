"""What a version found in classes, objects, defaults and captured containers is looked up again at each call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradscribe as gs

BACKENDS = ("python", "native")
X = 3.0


class Base:
    def scaled(self, x):
        return x * 2.0


class Model(Base):
    bias = None
    rate = 2.0

    def __init__(self):
        self.v = 2.0

    @property
    def twice(self):
        return self.v * 2.0

    @staticmethod
    def fixed(x):
        return x * 2.0

    @classmethod
    def shared(cls, x):
        return x * 3.0

    def scaled(self, x):
        return super().scaled(x) + self.v * x

    def __call__(self, x):
        return x * 4.0

    def __getitem__(self, k):
        return self.v * k

    def __len__(self):
        return 3

    def __add__(self, y):
        return self.v + y


def copied(cls: type) -> type:
    """A class of its own for each test, since tests change it. `super()` needs the original bases."""
    return type(cls.__name__, (cls,), {})


def agrees(f: Callable[[float], Any], calls: tuple[Callable[..., Any], ...]) -> None:
    value = f(X)
    step = 1e-6
    slope = (f(X + step) - f(X - step)) / (2 * step)
    for call in calls:
        found, derivative = call(X)
        np.testing.assert_allclose(found, value, rtol=1e-12)
        np.testing.assert_allclose(derivative, slope, rtol=1e-6)


def versions(f: Callable[[float], Any], backend: str) -> tuple[Callable[..., Any], ...]:
    return gs.value_and_grad(f), gs.jit(gs.value_and_grad(f), backend=backend)


REPLACED: dict[str, tuple[Callable[[Any, float], Any], str, Any]] = {
    "method": (lambda o, x: o.scaled(x), "scaled", lambda self, x: x * self.v * 7.0),
    "property": (lambda o, x: o.twice * x, "twice", property(lambda self: self.v * 9.0)),
    "static": (lambda o, x: o.fixed(x), "fixed", staticmethod(lambda x: x * 20.0)),
    "class": (lambda o, x: o.shared(x), "shared", classmethod(lambda cls, x: x * 30.0)),
    "static of the class": (lambda o, x: type(o).fixed(x), "fixed", staticmethod(lambda x: x * 20.0)),
    "call": (lambda o, x: o(x), "__call__", lambda self, x: x * 40.0),
    "item": (lambda o, x: o[2] * x, "__getitem__", lambda self, k: self.v * k * 7.0),
    "len": (lambda o, x: len(o) * x, "__len__", lambda self: 9),
    "operator": (lambda o, x: (o + x) * x, "__add__", lambda self, y: self.v * y),
    "value": (lambda o, x: o.rate * x, "rate", 5.0),
    "none": (lambda o, x: x if o.bias is None else x * o.bias, "bias", 5.0),
    "new": (lambda o, x: x * o.extra if hasattr(o, "extra") else x, "extra", 6.0),
    "new, by getattr": (lambda o, x: x * getattr(o, "extra", 10.0), "extra", 6.0),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("what", REPLACED)
def test_what_a_class_says_is_looked_up_at_each_call(what: str, backend: str) -> None:
    use, name, other = REPLACED[what]
    cls = copied(Model)
    model = cls()

    def f(x):
        return use(model, x)

    calls = versions(f, backend)
    agrees(f, calls)
    before = f(X)
    setattr(cls, name, other)
    assert f(X) != before
    agrees(f, calls)
    delattr(cls, name)
    agrees(f, calls)


IN_FRONT: dict[str, tuple[Callable[[Any, float], Any], str, Any]] = {
    "method": (lambda o, x: o.scaled(x), "scaled", lambda x: x * 7.0),
    "value": (lambda o, x: o.rate * x, "rate", 5.0),
    "none": (lambda o, x: x if o.bias is None else x * o.bias, "bias", 5.0),
    "new": (lambda o, x: x * o.extra if hasattr(o, "extra") else x, "extra", 6.0),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("what", IN_FRONT)
def test_an_attribute_set_in_front_of_the_class_is_seen(what: str, backend: str) -> None:
    use, name, other = IN_FRONT[what]
    model = Model()

    def f(x):
        return use(model, x)

    calls = versions(f, backend)
    agrees(f, calls)
    before = f(X)
    setattr(model, name, other)
    assert f(X) != before
    agrees(f, calls)
    delattr(model, name)
    agrees(f, calls)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_method_behind_super_is_looked_up(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model()

    def f(x):
        return model.scaled(x)

    calls = versions(f, backend)
    agrees(f, calls)
    monkeypatch.setattr(Base, "scaled", lambda self, x: x * 50.0)
    assert f(X) == 156.0
    agrees(f, calls)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_object_of_another_class_now(backend: str) -> None:
    first, second = copied(Model), copied(Model)
    second.scaled = lambda self, x: x * self.v * 11.0  # type: ignore[attr-defined]
    model = first()

    def f(x):
        return model.scaled(x)

    calls = versions(f, backend)
    agrees(f, calls)
    model.__class__ = second
    assert f(X) == 66.0
    agrees(f, calls)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_initialiser_that_was_replaced(backend: str) -> None:
    cls = copied(Model)

    def f(x):
        return cls().v * x

    def start(self):
        self.v = 9.0

    calls = versions(f, backend)
    agrees(f, calls)
    cls.__init__ = start  # type: ignore[misc]
    assert f(X) == 27.0
    agrees(f, calls)


@pytest.mark.parametrize("backend", BACKENDS)
def test_defaults_and_sets_that_changed_in_place(backend: str) -> None:
    kinds = {"a"}

    def weighted(x, weights=[1.0, 2.0], *, named={"a": 1.0}, scale=2.0):  # noqa: B006
        total = 0.0
        for w in weights:
            total = total + w * x
        for name in named:
            total = total + named[name] * x
        return total * scale * (10.0 if "b" in kinds else 1.0)

    def f(x):
        return weighted(x)

    calls = versions(f, backend)
    named: Any = weighted.__kwdefaults__
    changes: list[Callable[[], Any]] = [
        lambda: weighted.__defaults__[0].append(5.0),  # type: ignore[index]
        lambda: weighted.__defaults__[0].__setitem__(0, 9.0),  # type: ignore[index]
        lambda: named["named"].update(b=4.0),
        lambda: named.update(scale=7.0),
        lambda: kinds.add("b"),
    ]
    agrees(f, calls)
    for change in changes:
        before = f(X)
        change()
        assert f(X) != before
        agrees(f, calls)


def test_a_rule_defined_again() -> None:
    @gs.custom_jvp
    def forward(x):
        return x * 2.0

    @gs.custom_vjp
    def reverse(x):
        return x * 2.0

    forward.defjvp(lambda p, t: (p[0] * 2.0, t[0] * 3.0))
    reverse.defvjp(lambda x: (x * 2.0, None), lambda _, g: (g * 3.0,))
    slopes = gs.grad(lambda x: forward(x)), gs.grad(lambda x: reverse(x))
    assert [slope(1.0) for slope in slopes] == [3.0, 3.0]
    forward.defjvp(lambda p, t: (p[0] * 2.0, t[0] * 100.0))
    reverse.defvjp(lambda x: (x * 2.0, None), lambda _, g: (g * 100.0,))
    assert [slope(1.0) for slope in slopes] == [100.0, 100.0]
