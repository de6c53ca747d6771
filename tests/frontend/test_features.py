"""Programs that each exercise a feature of the accepted language, compared with plain Python: value, dtype, and
arguments afterwards."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest

from frontend.running import check_against_python

X = np.array([0.3, -0.7, 1.2, 0.05, -1.1])
Y = np.array([1.5, 0.2, -0.4, 0.9, 0.6])
M = np.arange(12.0).reshape(3, 4) / 7 - 0.5
S = np.array([[2.0, 0.3, 0.1], [0.3, 1.5, 0.2], [0.1, 0.2, 1.8]])
COEFFICIENTS = [0.5, -1.0, 0.25]
TABLE = {"scale": 2.0, "weights": np.array([1.0, 2.0, 3.0, 4.0, 5.0])}
CASES: list[tuple[object, tuple[object, ...]]] = []


def case(*args):
    def add(function):
        CASES.append((function, args))
        return function

    return add


# ---- control flow ----


@case(X)
def if_elif_else(x):
    if x[0] > 1:
        y = x * 2
    elif x[0] > 0:
        y = x + 1
    else:
        y = -x
    return y


@case(0.5, 2.0)
def ternary_and_short_circuit(a, b):
    c = a if a > b else b
    return c + (1.0 if a > 0 and b / a > 3 else 0.5) + (0.25 if a < 0 or b > 1 else 0.0) + (not a > b)


@case(0.5, 2.0, 3.0)
def chained_comparison(a, b, c):
    return 1.0 if a < b < c else 2.0


@case(X, 3)
def break_continue_else(x, n):
    s = 0.0
    for i in range(x.shape[0]):
        if x[i] < -1:
            break
        if i == n:
            continue
        s += x[i]
    else:
        s = s + 100.0
    return s, i


@case(X)
def continue_does_not_leak_into_else(x):
    s = 0.0
    for v in x:
        if v < 0:
            continue
        s += v
    else:
        s += 10.0
    return s


@case(X, 0.9)
def early_return_in_nested_loops(x, limit):
    for i in range(x.shape[0]):
        for j in range(i):
            if x[i] - x[j] > limit:
                return i, j, x[i] - x[j]
    return -1, -1, 0.0


@case(X)
def return_in_branch(x):
    if x.sum() > 0:
        return x * 2
    y = np.exp(x)
    return y + 1


@case(10)
def while_on_integers(n):
    steps = 0
    while n > 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


@case(2.0)
def while_with_else(x):
    i = 0
    while x > 0.1:
        x = x * 0.5
        i += 1
        if i == 100:
            break
    else:
        x = -x
    return x, i


@case(X)
def while_true(x):
    i = 0
    while True:
        i += 1
        if i == 3:
            return x[i] * 2


@case(X)
def walrus_in_while(x):
    i, s = 0, 0.0
    while (v := x[i]) > -1.0:
        s += v
        i += 1
    return s, i


@case(X)
def backward_and_strided_ranges(x):
    n = len(x)
    s = 0.0
    for i in range(n - 1, -1, -1):
        s = s * 0.5 + x[i]
    for i in range(0, n, 2):
        s += x[i] * i
    for i in range(n - 1, 0, -2):
        s -= x[i] * i
    return s


@case(M)
def rows_enumerate_zip_reversed(m):
    s = 0.0
    for i, row in enumerate(m):
        s += i * row.sum()
    for a, b in zip(m[0], m[1]):
        s += a * b
    for row in reversed(m):
        s = s * 0.5 + row[0]
    for k, (a, b) in enumerate(zip(m[1], m[2]), start=1):
        s += k * a - b
    return s


@case(X, 0)
def loop_variable_survives(x, n):
    last = -1.0
    i = 7
    for i in range(n):
        last = x[i]
    return i, last


@case(X, 1.0)
def unassigned_in_one_branch(x, flag):
    if flag > 0.5:
        z = x * 2
    if flag > 0.5:
        return z.sum()
    return 0.0


@case(X)
def first_iteration_differs(x):
    best = None
    for v in x:
        if best is None or v > best:
            best = v
    return best


@case(X)
def number_then_array(x):
    acc = 0.0
    for k in range(3):
        acc = acc * x + k
    return acc


@case(X, 2)
def assert_and_raise(x, k):
    assert x.shape[0] > 2, "short"
    assert x[0] > 0
    if k < 0:
        raise ValueError("negative")
    if x[1] > 100.0:
        raise ValueError(f"too large: {x[1]}")
    return x[k]


# ---- arrays: views, writes ----


@case(M)
def row_view_writes(m):
    row = m[1]
    row[2] = 7.0
    row *= 2
    col = m[:, 0]
    col += 1
    m[0, 1:3] = row[:2]
    return m.sum(), row


@case(M)
def transposed_writes(m):
    t = m.T
    t[1, 2] = 9.0
    t[0] = 1.5
    m.T[2:, 1:] *= 0.5
    return t


@case(X)
def overlapping_shift(x):
    x[1:] = x[:-1]
    x[:3] += x[2:]
    return x


@case(X)
def negative_steps_and_ellipsis(x):
    y = x[::-1].copy()
    y[-1] = 5.0
    y[-3:] = 2.0
    y[..., 1] = 4.0
    z = x[3:0:-1]
    return y, z, x[-2], x[::2], x[1:100], x[5:2]


@case(M)
def new_axes(m):
    a = m[:, None, :] - m[None, :, :]
    b = m[0][:, np.newaxis]
    b[1] = 3.0
    return (a**2).sum(axis=2), b


@case(X, np.array([0, 2, 2, -1]))
def index_arrays(x, idx):
    y = x[idx]
    x[idx] = 1.0
    x[idx] += 0.5
    z = np.zeros(5)
    np.add.at(z, idx, 1.0)
    return y, z


@case(M, np.array([2, 0]))
def index_arrays_on_an_axis(m, idx):
    m[idx] *= 2
    return m[:, idx], m[idx, 1], m[[0, 1], [1, 2]]


@case(X)
def masks(x):
    x[x < 0] = 0.0
    x[x > 1] *= 0.5
    return np.where(x > 0.5, x, -1.0)


@case(M)
def reshape_views(m):
    v = m.reshape(4, 3)
    v[0, 1] = 10.0
    flat = m.ravel()
    flat[5] = -1.0
    w = m.reshape(2, -1)
    w[1] += 1
    return v.sum()


@case(M)
def reshape_of_transposed_copies(m):
    z = m.T * 2
    z.reshape(-1)[0] = 100.0
    return z


@case(M)
def flatten_and_copy_are_copies(m):
    a, b, c = m.flatten(), m.copy(), np.array(m)
    a[0], b[0, 0], c[0, 0] = 1.0, 2.0, 3.0
    return a[:2], b[0], c[0]


@case(M)
def other_views(m):
    s = np.swapaxes(m, 0, 1)
    s[0, 0] = 8.0
    e = np.expand_dims(m, 0)
    e[0, 1, 1] = 9.0
    parts = np.split(m, 2, axis=1)
    parts[1][0] = -3.0
    np.flip(m, 0)[0] += 0.5
    return parts[0], np.squeeze(e), np.atleast_2d(m[0])


@case(X, Y)
def out_and_inplace_functions(x, y):
    np.multiply(x, 2.0, out=x)
    np.add(x, y, out=y)
    x.fill(0.25)
    np.copyto(y[1:3], 1.0)
    return x + y


@case(S)
def fill_diagonal(s):
    np.fill_diagonal(s, 0.0)
    return np.diag(s), np.trace(s)


@case(np.array([1, 2, 3]))
def in_place_casts(k):
    k[0] = 2.7
    k += 1
    k *= 2
    return k, k.astype(float) / 2


@case(X.astype(np.float32))
def float32_stays(x):
    s = 0.0
    for v in x:
        s += v
    x *= 0.5
    x[0] = 0.1
    return s, x + 1, 2 * s


@case(X, 2)
def slices_with_data_ends(x, k):
    a = x[k:]
    x[:k] = 0.0
    s = 0.0
    for i in range(x.shape[0]):
        s += x[i : i + 3].sum() + x[max(i - 1, 0) : i].sum()
    return a, s


@case(np.array([0, 2, 3, 5]), X)
def segments(starts, x):
    out = np.zeros(3)
    for i in range(3):
        for k in range(starts[i], starts[i + 1]):
            out[i] += x[k]
        out[i] += x[starts[i] : starts[i + 1]].sum()
    return out


@case(X)
def shrinking_array(x):
    total = 0.0
    v = x
    while v.shape[0] > 1:
        v = v[1:] - v[:-1]
        total += v.sum()
    return total


# ---- aliases ----


@case(X, Y)
def swapped_buffers(x, y):
    a, b = x.copy(), y.copy()
    for _ in range(3):
        b[1:-1] = a[:-2] + a[2:]
        a, b = b, a
    return a, b


@case(X, Y)
def alias_then_write(x, y):
    z = x
    z[0] = 5.0
    w = y if y[0] > 0 else y  # noqa: RUF034
    w[1] = 7.0
    return x[0], y[1]


@case(M)
def columns_of_one_array(m):
    a = m[:, 0]
    b = m[:, 1]
    m[:, 0] = b
    a += b
    return a


@case(X, X)
def same_values_two_arguments(x, y):
    x[0] = 3.0
    return y[0], x[0]


# ---- functions ----


def scaled(x, factor=2.0, *rest, offset=0.0, **named):
    return x * factor + offset + sum(rest) + named.get("bias", 0.0)


@case(X)
def calls_of_all_kinds(x):
    args = (0.5, 1.0)
    options = {"offset": 3.0, "bias": 1.5}
    return scaled(x) + scaled(x, 3.0, 1.0, 2.0) + scaled(x, *args, **options) + scaled(factor=0.1, x=x)


@case(X)
def closures_and_lambdas(x):
    count = 0

    def push(v):
        nonlocal count
        count += 1
        return v * count

    f, g = lambda v: v + 1, lambda v: v * 2
    compose = lambda a, b: lambda v: a(b(v))
    return push(x) + push(x) + compose(f, g)(x), count


@case(X)
def mutating_helper(x):
    def shift(v, amount):
        v += amount
        return v

    y = shift(x, 1.0)
    y[0] = 0.0
    return y


@case(6)
def recursion_on_static(n):
    def power(x, k):
        return 1.0 if k == 0 else x * power(x, k - 1)

    return power(0.5, 5) + n


@case(X)
def partials_and_reduce(x):
    f = functools.partial(scaled, factor=0.5)
    return f(x) + functools.reduce(lambda a, b: a * 0.5 + b, [x, x * 2, x - 1])


@case(X)
def captured_lists_and_dicts(x):
    total = 0.0
    for c in COEFFICIENTS:
        total = total * x + c
    return total * TABLE["scale"] + TABLE["weights"]


@case(X)
def math_functions(x):
    return math.exp(x[0]) + math.sqrt(abs(x[1])) + math.pi + math.floor(2.7)


# ---- containers ----


class Pair(NamedTuple):
    left: np.ndarray
    right: float = 1.0


@dataclass
class Layer:
    w: np.ndarray
    b: float

    def __call__(self, x):
        return np.tanh(x * self.w + self.b)

    @property
    def norm(self):
        return (self.w**2).sum()

    def decay(self, rate):
        self.w = self.w * (1 - rate)
        self.b *= 1 - rate


class Counter:
    step = 0.5

    def __init__(self, start):
        self.total = start

    def add(self, v):
        self.total = self.total + v * self.step
        return self


@case(X, Layer(Y.copy(), 0.3))
def dataclass_methods(x, layer):
    y = layer(x)
    layer.decay(0.1)
    return y + layer(x), layer.norm


@case(X)
def plain_objects(x):
    c = Counter(0.0)
    for v in x:
        c.add(v)
    return c.total


@case(X)
def namedtuples(x):
    p = Pair(x)
    q = p._replace(right=2.0)
    left, right = q
    return Pair(left * right, p.right), p[0]


@case({"w": X.copy(), "b": 0.5}, Y)
def caller_dict_is_changed(params, g):
    params["w"] = params["w"] - 0.1 * g
    params["b"] -= 1.0
    params["n"] = 3
    return params["w"].sum()


@case([X.copy(), Y.copy()])
def caller_list_is_changed(xs):
    xs[0] = xs[0] * 2
    xs[1][0] = 9.0
    xs.append(xs[0] + xs[1])
    return len(xs)


@case(X)
def lists_and_comprehensions(x):
    items = [x * k for k in range(3)]
    items.append(x + 1)
    last = items.pop()
    pairs = {f"k{i}": v for i, v in enumerate(items) if i != 1}
    _, *tail = items
    return sum(items) + last, pairs, tail[1][0], [a + b for a, b in zip(items, tail)]


@case(X)
def append_in_a_loop(x):
    out = []
    for i in range(3):
        out.append(x[i] * 2)
    return np.array(out), np.stack([x, x])


@case(X)
def state_tuple_in_a_loop(x):
    state = (x, 0.0, {"k": 1.0})
    for i in range(4):
        v, s, d = state
        state = (v * 0.5, s + v.sum(), {"k": d["k"] + i})
    return state


@case(X)
def dict_rebound_in_a_loop(x):
    p = {"w": x, "b": 1.0}
    for _ in range(3):
        p = {k: v * 0.5 for k, v in p.items()}
    return p


@case(X, Y)
def star_unpacking_and_swaps(x, y):
    (a, b), c = (x, y), 3.0
    a, b = b, a
    return a * c - b


# ---- integers ----


@case(M)
def symbolic_integers(m):
    n, d = m.shape
    half = n // 2
    z = np.zeros((n + 1, 2 * d))
    z[half, d:] = m[half]
    z[-1, : d - 1] = 1.0
    return z, n * d, m.size, m.ndim, n % 2, -n, abs(1 - n), min(n, d), max(n, 2)


@case(X, 3)
def integer_arguments(x, k):
    return x[k], x[-k], x[:k].sum(), np.ones(k) * k, k / 2, k**2, float(k), divmod(k, 2)


@case(X)
def loop_carried_integers(x):
    i, j = 0, len(x) - 1
    s = 0.0
    while i < j:
        s += x[i] * x[j]
        i += 1
        j -= 1
    return s, i, j


@pytest.mark.parametrize("function, args", CASES, ids=lambda v: getattr(v, "__name__", ""))
def test_feature(function, args):
    check_against_python(function, *args)


def test_same_array_given_twice_shares_memory():
    def f(x, y):
        x[0] = 3.0
        return y[0] + y.sum()

    x = X.copy()
    check_against_python(f, x, x)


def test_one_trace_serves_other_sizes():
    """Sizes are symbols: the program staged for 5 elements is right for 2 and for 40."""
    rng = np.random.default_rng(0)

    def f(x, w):
        n = x.shape[0]
        y = np.zeros(n)
        for i in range(1, n - 1):
            y[i] = x[i - 1] + w[i] * x[i + 1]
        return y[1:-1].sum() + y.mean()

    cases = tuple((rng.normal(size=n), rng.normal(size=n)) for n in (2, 3, 40))
    check_against_python(f, X, Y, others=cases)


def test_branches_of_one_trace():
    """Data decides at run time: one trace, several paths."""

    def f(x, flag):
        s = 0.0
        for v in x:
            if v < flag:
                continue
            s += v
            if s > 1.0:
                return s * 100
        return s

    check_against_python(f, X, 0.0, others=((X, -5.0), (X, 10.0), (-X, -2.0)))
