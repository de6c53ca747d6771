"""Containers and objects as state: dicts, sets, namedtuples, dataclasses, classes, and Python's functions on them."""

from __future__ import annotations

import collections.abc
import copy
import dataclasses
import functools
import numbers
from typing import NamedTuple

import numpy as np

from language.registry import program

X = np.array([0.3, -0.7, 1.2, 0.05, -1.1])


@program({"w": X, "b": np.float64(0.5)}, X)
def dicts(p, x):
    q = dict(p)
    q["w2"] = q["w"] * 2
    q.update(b2=q["b"] + 1, c=1.0)
    q.setdefault("w", 0.0)
    q.setdefault("z", q["b"])
    del q["c"]
    t = q.pop("b2")
    s = 0.0
    for k, v in q.items():
        s += np.sum(v) * len(k)
    for v in q.values():
        s = s + np.sum(v)
    q |= {"y": x}
    return s * t + len(q.keys()) + (q | {"w": x})["w"].sum() + q.get("none", 2.0) + ("w" in q)


@program({"w": X, "b": np.float64(0.5)}, [X, X * 2])
def containers_of_the_caller(p, arrays):
    p["w"] = p["w"] * arrays[0]
    p["n"] = arrays[1].sum()
    arrays[0] = arrays[0] * p["b"]
    arrays[1] *= 2
    arrays.append(p["w"] + 1)
    return p["n"] * arrays[-1].sum()


@program(X)
def keys_under_a_condition(x):
    d, seen = {"a": x[0]}, {1}
    if x[1] > 0:
        d["b"] = x[1]
        seen.add(2)
    total = d.get("b", x[2]) + 3.0 * x[3] if "b" in d or 2 in seen else d.get("b", 2.0 * x[2])
    return total + d.pop("b", x[4]) * x[0]


@program(X)
def sets(x):
    s = {1, 2}
    s.add(3)
    t = s | {5}
    k = 0.0
    if 3 in t and 9 not in t:
        k = 2.0
    for v in sorted(t - {1}):
        k += v
    return x * k * len(t) * len(s & {1, 7})


class Pair(NamedTuple):
    a: np.ndarray
    b: float


@program(Pair(X, np.float64(2.0)))
def namedtuples(p):
    q = p._replace(a=p.a * p.b)
    for i in range(len(p.a)):
        q = q._replace(b=q.b + q.a[i])
    return q


@dataclasses.dataclass
class State:
    x: np.ndarray
    v: np.ndarray

    def step(self, dt):
        self.x = self.x + dt * self.v
        self.v = self.v - dt * np.sin(self.x)

    @property
    def energy(self):
        return np.sum(self.v**2) - np.sum(np.cos(self.x))


@program(State(X, X * 2), 0.1)
def dataclasses_as_state(state, dt):
    other = State(state.v, state.x)
    for _ in range(len(state.x)):
        state.step(dt)
        other = dataclasses.replace(other, x=other.x * dt, v=other.v + other.x)
    return state.energy * other.energy, other


class Model:
    scale = 2.0

    def __init__(self, w):
        self.w = w

    def value(self, x):
        return self.scale * self.w * x

    @staticmethod
    def square(x):
        return x * x

    @classmethod
    def scaled(cls, w):
        return cls(w * cls.scale)

    def __call__(self, x):
        return self.value(x) + self.square(x)


class Shifted(Model):
    scale = 3.0

    def __init__(self, w, shift):
        super().__init__(w)
        self.shift = shift

    def value(self, x):
        return super().value(x) + self.shift


@program(X, 0.5)
def classes(x, shift):
    return Shifted(x * 2, shift)(x) + Model.scaled(shift)(x)


class Vector:
    def __init__(self, a, b):
        self.a, self.b = a, b

    def __add__(self, other):
        return Vector(self.a + other.a, self.b + other.b)

    def __sub__(self, other):
        return Vector(self.a - other.a, self.b - other.b)

    def __mul__(self, k):
        return Vector(self.a * k, self.b * k)

    __rmul__ = __mul__

    def __neg__(self):
        return self * -1.0

    def __iadd__(self, other):
        self.a = self.a + other.a
        self.b = self.b + other.b
        return self

    def __matmul__(self, other):
        return self.a * other.a + self.b * other.b

    def __getitem__(self, k):
        return self.a if k == 0 else self.b

    def __setitem__(self, k, value):
        if k == 0:
            self.a = value
        else:
            self.b = value

    def __len__(self):
        return 2

    def __iter__(self):
        return iter((self.a, self.b))

    def __abs__(self):
        return np.sqrt(self @ self)

    def __lt__(self, other):
        return self.a < other.a

    def __contains__(self, k):
        return k == 3


@program(X)
def operators_of_a_class(x):
    v, w = Vector(x[0], x[1]), Vector(x[2], x[3])
    v = v + w * 2.0 - 0.5 * w
    v += 2.0 * w
    v[0] = v[1] * v[0]
    v = -v
    a, b = v
    s = 2.0 * w.a if v < w else 3.0
    return v[0] + v[1] * len(v) + abs(w) * a * b + s + (3 in v) + sum(q for q in w)


@program(X)
def objects_through_loops_and_branches(x):
    v, best, total = Vector(0.0, 1.0), None, 0
    for t in range(len(x)):
        if x[t] > 0:
            v = Vector(x[t], x[t] * v.a + 0.1)
        else:
            v.b = v.b * 2.0
        total = total + x[t]
        if best is None or x[t] > best:
            best = x[t]
    return v.a * v.b, best, total


@program(X)
def lists_of_known_length(x):
    xs = [x[0], x[1]]
    xs.insert(0, x[2])
    xs.extend((x[3], 1.0))
    xs.reverse()
    ys = xs.copy()
    ys.pop(0)
    zs = (xs[1:3] + ys[::2]) * 2
    xs[1:2] = [x[4], x[4]]
    del xs[0], xs[4:6]
    a, *b = xs
    low, *_, high = sorted([x[0], x[1], x[2]])
    return sum(zs) + [3, 1, 2].index(1) + [1, 1, 2].count(1) + a * b[0] + sum(xs) * low - high * sorted(x)[1]


def core(a, *args, k=1.0, **options):
    s = a * k
    for q in args:
        s = s + q
    for name, v in options.items():
        s = s * v if name != "skip" else s
    return s


@program(X, 2.0)
def arguments_of_all_kinds(x, y):
    f = lambda *args, **options: core(*args, **options)
    return f(x, y, x, k=y, m=x[0], skip=3.0) + core(x) + core(*(x, y), **{"k": y})  # noqa: PIE804


@program(X)
def functions_on_data(x):
    quotient, rest = divmod(x[0] + 3, 0.7)
    extremes = max(x[0], x[1], 0.1) + min(x) + max(x)
    powers = pow(x[2], 2) + pow(2.0, x[0]) + abs(x[1]) + round(x[2] * 3)
    weighted = sum(v * k for k, v in enumerate(x)) + sum(a * b for a, b in zip(x, x[::-1], strict=True))
    horner = 0.0
    for v in reversed(x):
        horner = 0.5 * horner + v
    flags = any(v > 1 for v in x) and all(v > -5 for v in x)
    squares = list(map(lambda v: v * v, x))
    return quotient + rest * 2 + extremes + powers + weighted + horner + squares[1] + (1.0 if flags else 0.0)


@program(X)
def questions_about_structure(x):
    s = 0.0
    if isinstance(x, np.ndarray) and len(x) == 5 and hasattr(x, "shape"):
        s = 1.0
    v = Vector(x[0], 1.0)
    setattr(v, "c", x[1])  # noqa: B010
    if x[2] > 0:
        v.d = x[3]
    if hasattr(v, "c") and not hasattr(v, "e"):
        s += v.c + getattr(v, "d", 2.0) + getattr(v, "e", 3.0)
    if type(v) is Vector and type(v).__name__ == "Vector" and isinstance(v, (int, Vector)):
        s += 1
    for k in sorted(["b", "ab"], key=len, reverse=True):
        s = s * len(k)
    for i, k in enumerate(reversed([1, 2, 3]), 1):
        s += i * k
    return s * x


class Gain:
    """An attribute for every name, a call, a descriptor."""

    class Twice:
        def __get__(self, owner, cls=None):
            return 2.0 * owner.k

    twice = Twice()

    def __init__(self, k):
        self.k = k

    def __getattr__(self, name):
        if name == "half":
            return 0.5 * self.k
        raise AttributeError(name)

    def __call__(self, x):
        return self.k * x


def coded(flags):
    """A number that says which of the flags hold."""
    total = 0.0
    for k, flag in enumerate(flags):
        total += 2.0**k if flag else 0.0
    return total


@program(X, 0.5, 3, argnums=(0,))
def what_python_says_of_values(x, t, n):
    v, pair, gain = Vector(x[0], 1.0), Pair(x, t), Gain(t)
    kinds = [
        isinstance(t, int | float), isinstance(t, (int, (str, float))), isinstance(n, numbers.Number),
        isinstance(x, collections.abc.Sequence), isinstance([t], collections.abc.Sequence), isinstance(range(n), range),
        isinstance(pair, tuple), isinstance(x[0], float), isinstance(n, bool),
        isinstance(lambda: t, collections.abc.Callable), type(range(2)) is range, type(t) is float,
        type(x[0]) is np.float64, type({1}) is set,
        type(pair) is Pair,
    ]  # fmt: skip
    names = [
        hasattr(t, "shape"), hasattr(x[0], "shape"), hasattr(x[0], "__len__"), hasattr(n, "bit_length"),
        hasattr([t], "append"), hasattr([t], "slots"), hasattr({}, "keys"), hasattr(x, "__iter__"),
        hasattr(t, "__iter__"), hasattr(pair, "a"), hasattr(v, "__name__"), hasattr(v, "a"), hasattr(x, "box"),
        hasattr(lambda: t, "__name__"),
    ]  # fmt: skip
    called = [callable(v) for v in (gain, v, [].append, functools.partial(max, t), x, t)]
    return coded(kinds), coded(names), coded(called), gain(x) * gain.twice + gain.half


@dataclasses.dataclass(order=True)
class Rank:
    level: float
    name: str = dataclasses.field(default="", compare=False)


class Marked:
    def __init__(self, k):
        self.k = k

    def __eq__(self, other):
        return self.k == other.k if isinstance(other, Marked) else NotImplemented


class MoreMarked(Marked):
    def __eq__(self, other):
        return True


@program(X, 0.5, np.array([1, 2]), argnums=(0,))
def comparisons_of_containers(x, t, k):
    p, q = Rank(t, "p"), Rank(0.5, "q")
    flags = [
        p == q, p != q, p < Rank(1.0), p >= q, Rank(x[0]) < Rank(x[1]), p == 0.5, Pair(1.0, t) == (1.0, 0.5),
        [1] == (1,), {"a": t} == {"a": 0.5}, {"a": 1} != {"b": 1}, {1, 2} == {2, 1}, [1, t] < [1, 0.7],
        (t, x[0]) > (0.5, x[1]),
        [] < [1], (x[0], 2) <= (x[0], 1), Marked(1) != Marked(1), Marked(t) == Marked(0.5), Marked(1) == 1,
        Marked(1) == MoreMarked(2),
        1 in k, 3 in k, k[1] in [1, 2],
        Marked(2) in [Marked(1), Marked(2)], "a" == t,
    ]  # fmt: skip
    return coded(flags) * x


@program(X)
def copies_of_containers(x):
    """What stood in two places is one copy in two places."""
    row = x * 2.0
    table = {"a": row, "rows": [row, x], "state": State(x, row)}
    shallow, deep = copy.copy(table), copy.deepcopy(table)
    row[0] = 5.0
    deep["a"][1] = 7.0
    shallow["rows"].append(row)
    state = copy.copy(table["state"])
    state.x = state.v * x
    keys = dict.fromkeys(["u", "v"], x[0])
    keys["u"] += 1.0
    name, last = keys.popitem()
    other = copy.copy(x)
    other[1] = 4.0
    flag = 1.0 if {"u"}.isdisjoint({"w"}) and name == "v" else 2.0
    parts = deep["a"], deep["rows"][0] * deep["state"].v, state.x, shallow["a"]
    return parts, len(table["rows"]), other * keys["u"] * last * flag


@program(X)
def lists_written_while_a_loop_goes_over_them(x):
    values = [x[0], x[1], x[2]]
    total = 0.0
    for k, v in enumerate(values):
        total += v * (k + 1)
        if k < 2:
            values[k + 1] = values[k + 1] + v
    order = []
    table = {order.append(1) or "a": order.append(2) or x[3]}
    return total, table["a"] * order[0], order[1]


@program(X, 3)
def ranges_and_views_of_dicts(x, n):
    table = {"a": x[0], "b": x[1], "c": x[2]}
    total = 0.0
    for k, v in table.items():
        total += v
        table["c"] = x[3] * len(k)
    for v in table.values():
        total = total * v
        table["b"] = 3.0
    for i in range(n):
        total += x[range(10, 20)[i] - 10] * range(n)[-i - 1]
    inside = 2.0 if 3 in range(5) and n not in range(0, 9, 2) else 3.0
    return total * inside, x[slice(1, n)], range(10)[2:5][1] + range(5)[n - 6]
