"""Statements and expressions: match, try, unpacking, del, closures, decorators, functions about functions."""

from __future__ import annotations

import functools
import math
import operator
import warnings
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache, partial, reduce, singledispatch, wraps
from typing import Any

import numba
import numpy as np

from language.registry import program

X = np.array([0.3, -0.7, 1.2, 0.05, -1.1])
RATE = 3


@dataclass
class Point:
    x: Any
    y: Any


@program(X)
def match_on_static_values(x):
    match x.dtype.name:
        case "float64" | "float32":
            total = np.sin(x).sum()
        case _:
            total = x.sum()
    values = [("add", 2.0), ("scale", 2.0, 3), [1, 2, 3], {"a": 5.0, "b": 1}, None, True, 3, 2.5, "text"]
    for value in [*values, Point(x[0], 2.0)]:
        match value:
            case ("add", v):
                total += v * x[0]
            case ("scale", v, int(k)) if k > 2:
                total *= v * k
            case [first, *rest]:
                total += first * len(rest) * x[1]
            case {"a": v, **others}:
                total += v * x[2] ** len(others)
            case None | True:
                total += 1.0
            case int() as k:
                total += k
            case float(v):
                total += v * x[3]
            case str() as text:
                total += len(text)
            case Point(1.0, y=_):
                total += 1000.0
            case Point(a, y=b):
                total += a * b
    match x.shape:
        case (_,):
            return total
        case (_, m):
            return total * m


@program(X, 0.5, 4)
def match_on_data(x, t, n):
    """Guards and values that are data are branches."""
    match ("go", 3):
        case ("go", k) if t > 0.7:
            total = x[k]
        case ("go", k):
            total = -x[k - 1] * t
        case _:
            total = 0.0
    match n:
        case 1:
            return total
        case 2 | 3:
            total += x[1]
        case m if m > 3:
            total += x[2] * m
        case _:
            total += 100.0
    match Point(t, x[0]):
        case Point(0.25, y):
            return y
        case Point(v, y):
            return total + v * y
    return total


@program({"scale": 2.0, "x": X}, argnums=(0,))
def try_on_static_facts(settings):
    """What surely raises while staging is caught; `else`, `finally`, `raise` again, `return` through `finally`."""
    log = {"n": 0.0}
    try:
        factor = settings["missing"]
    except KeyError:
        factor = settings["scale"]
    else:
        factor = 100.0
    finally:
        log["n"] += 1.0
    try:
        import a_module_that_is_not_there

        total = a_module_that_is_not_there.value
    except ImportError as error:
        total = 0.0 if error.args else 1.0

    def checked(k):
        if k > 2:
            raise ValueError("too large", k)
        return k

    def through():
        try:
            return settings["x"][0] * log["n"]
        finally:
            log["n"] = settings["x"][1]

    for k in [1, 2, 3]:
        try:
            total += checked(k) * settings["x"][k]
        except (TypeError, ValueError):
            total += 10.0 * settings["x"][0]
    try:
        try:
            int("no number")
        except ValueError:
            raise
    except Exception:
        total *= factor
    for v in settings["x"]:
        try:
            total += v * settings["factor"]
        except LookupError:
            total += v**2
    return total + through() + log["n"]


@program(X)
def names_and_targets(x):
    """Star-unpacking everywhere, nested targets, del, annotations, `:=`, `global` that is only read."""
    global RATE
    first, *middle, last = x
    (a, b), c = (first, last), middle[1]
    [d, *rest] = [a, b, c]
    merged = [*rest, *middle[:1], *range(2)]

    def total_of(*args, scale=1.0, **more):
        return sum(args) * scale + sum(more.values())

    total: float = total_of(*merged, **dict(scale=2.0, extra=d))
    y = z = x * 2.0
    del y
    table = {"z": z, "x": x}
    del table["x"]
    items = [1, x[0], 3, x[1]]
    del items[0], items[-1]
    point = Point(x[0], x[1])
    del point.y
    if (n := len(x)) > 3 and (mean := x.mean()) > -10.0:
        total += n * mean
    return total + z.sum() * RATE + items[0] ** 2 * len(table) + point.x + x[*(1,)]


@program(X)
def closures(x):
    """nonlocal at any depth, functions that keep state, late and early binding."""
    total, count = 0.0, 0

    def add(v):
        nonlocal total, count
        total = total + v
        count += 1

        def grow():
            nonlocal total
            total *= 1.1

        grow()

    def make():
        state = 0.0

        def step(v):
            nonlocal state
            state += v
            return state

        return step

    one, two = make(), make()
    for v in x:
        add(one(v))
        if v > 0.0:
            two(v)
    late = [lambda v: v * k for k in range(3)]
    early = [lambda v, k=k: v + k for k in range(3)]
    product = (lambda a: lambda b: a * b)(x[2])
    return total * count + one(0.0) * two(1.0) + late[0](x[0]) * early[1](x[1]) + product(2.0)


def doubled(function):
    @wraps(function)
    def inner(*args, **kwargs):
        return 2.0 * function(*args, **kwargs)

    return inner


def scaled(by):
    def decorate(function):
        @functools.wraps(function)
        def inner(*args):
            return by * function(*args)

        return inner

    return decorate


class Counted:
    def __init__(self, function):
        functools.update_wrapper(self, function)
        self.function = function

    def __call__(self, *args):
        return self.function(*args) * 3.0


@doubled
def sine(v):
    return np.sin(v)


@scaled(2.5)
def shifted(v):
    return v + 1.0


@Counted
def squared(v):
    return v**2


@lru_cache(maxsize=None)
def square_of_size(n):
    return n * n


@cache
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


@singledispatch
def size_of(s):
    return 0.0


@size_of.register(float)
def _(s):
    return s * 3.0


@size_of.register(np.ndarray)
def _(s):
    return s.sum()


@numba.njit
def compiled(v):
    return v[0] * v[1]


class Model:
    def __init__(self, w):
        self.w = w

    @cached_property
    def norm(self):
        return np.sqrt(np.sum(self.w**2))


@program(X, 0.7)
@scaled(1.5)
def decorated(x, t):
    """Decorators around helpers, inner functions and the program itself; caches; singledispatch; Numba's functions."""

    @doubled
    def local(v):
        return v * v

    @lru_cache(maxsize=None)
    def binomial(n, k):
        return 1 if k in (0, n) else binomial(n - 1, k - 1) + binomial(n - 1, k)

    model = Model(x)
    total = sine(x).sum() + local(x[0]) + shifted(t) + squared(x[1]) + model.norm * model.norm
    total += square_of_size(3) * x[2] + fibonacci(10) * x[3] + binomial(5, 2) * t + compiled(x)
    return total + size_of(t) * size_of(x) + len(local.__name__)


@program(X, 0.7, 4)
def functions_about_functions(x, t, n):
    scale = partial(lambda a, b, c=1.0: a * b * c, x[0], c=2.0)
    total = scale(3.0) + reduce(lambda a, b: a * b + 1.0, x) + reduce(operator.mul, [x[0], x[1]], t)
    second, both = operator.itemgetter(1), operator.itemgetter(0, 2)(x)
    total += second(x) + both[0] * both[1] + operator.attrgetter("T")(x)[0] + operator.methodcaller("sum")(x)
    total += operator.add(x[0], t) + operator.neg(t) + operator.getitem(x, 1) + operator.pow(t, 2)
    y = x.copy()
    operator.setitem(y, 0, t)
    total += operator.iadd(y, x).sum() if operator.lt(t, 1.0) and operator.not_(False) else 0.0
    total += math.dist([t, 1.0], [0.5, x[1]]) + math.hypot(t, 1.0, x[2]) + math.prod([1.0, t, x[0]])
    total += math.ldexp(t, n) + math.modf(t * n)[0] + (t if math.isclose(t, 5.0) else t * t) + math.copysign(t, -1.0)
    total += x[0] * (math.comb(n, 2) + math.factorial(n) + math.gcd(n, 6) + math.isqrt(n) + math.perm(n, 2))
    return total


@program(X, 0.7)
def warnings_of_a_solver(x, t):
    for k in range(20):
        step = (t * t - x[0]) / (2.0 * t)
        t = t - step
        if abs(step) < 1e-12:
            break
        if k > 30:
            warnings.warn(f"no convergence: step {step:.1e}", RuntimeWarning, stacklevel=2)
    else:
        warnings.warn("no convergence")
    return t * x
