"""Values whose kind data decides: None or a number, one of several strings or functions, tuples or None."""

from __future__ import annotations

import numpy as np

from language.registry import program

X = np.array([0.3, -0.7, 1.2, 0.05, -1.1, 0.4])


@program(X, 0.2)
def the_best_or_none(x, c):
    best = None
    where = None
    for k, v in enumerate(x):
        cost = (v - c) ** 2
        if v > 0.1 and (best is None or cost < best):
            best, where = cost, k
    if best is None:
        return 0.0
    return best * x[where] + best


@program(X)
def distances_of_peaks(x):
    last = None
    total = 0.0
    for i in range(1, len(x) - 1):
        if x[i] > x[i - 1] and x[i] > x[i + 1]:
            if last is not None:
                total += (i - last) * x[i]
            last = i
    return total * (0.5 if last is None else 1.0)


def _root(f, lo, hi):
    if f(lo) * f(hi) > 0:
        return None
    for _ in range(5):
        mid = lo - f(lo) * (hi - lo) / (f(hi) - f(lo))
        if f(lo) * f(mid) <= 0:
            hi = mid
        else:
            lo = mid
    return 0.5 * (lo + hi)


def _first_above(x, level):
    for v in x:
        if v > level:
            return v


@program(1.3, 0.4, X)
def functions_that_may_return_none(a, b, x):
    f = lambda t: t**3 - a * t - b
    total = 0.0
    for lo in (-0.2, 0.5):
        r = _root(f, lo, 2.0)
        total += 0.5 if r is None else r * a
    first = _first_above(x, a - 0.3)
    never = _first_above(x, 7.0 + b)
    if first:
        total += first**2
    return total + (first or 0.1) + (never or b)


@program(X)
def none_of_two(x):
    low, high = None, None
    for v in x:
        if v < -0.5:
            low = v if low is None else min(low, v)
        elif v > 0.5:
            high = v if high is None else max(high, v)
    if low is not None and high is not None:
        return high - low * 2
    return 1.0


@program(X)
def tuples_or_none(x):
    event = None
    for k in range(len(x) - 1):
        if x[k] * x[k + 1] < 0:
            event = (k, x[k] / (x[k] - x[k + 1]))
        elif event is not None and event[1] > 0.9:
            break
    if not event:
        return x[0]
    k, t = event
    return k + t**2


@program(X, {"low": 1.0, "mid": 2.0, "high": 0.5})
def strings_as_keys(x, weights):
    sums = {"low": 0.0, "mid": 0.0, "high": 0.0}
    last = "mid"
    changes = 0
    for v in x:
        key = "low" if v < -0.5 else "mid" if v < 0.5 else "high"
        sums[key] += weights[key] * v**2
        if key != last and key in ("low", "high"):
            changes += 1
        last = key
    return sum(sums.values()) * changes + (x[0] if last == "mid" else x[1])


@program(X)
def functions_by_data(x):
    shapes = {"sin": np.sin, "cube": lambda v: v**3}
    total = 0.0
    for v in x:
        f = np.exp if v < 0 else shapes["cube" if v > 1 else "sin"]
        total += f(v)
    return total


class _Model:
    def __init__(self):
        self.last = None
        self.mode = "idle"

    def feed(self, v):
        change = 0.0 if self.last is None else v - self.last
        if abs(change) > 0.5:
            self.last, self.mode = v, "jump"
        elif self.mode == "jump":
            self.mode = "idle"
        elif v > 0:
            self.last = v
        return change


@program(X)
def attributes_that_start_as_none(x):
    model = _Model()
    out = np.zeros(len(x))
    for k in range(len(x)):
        out[k] = model.feed(x[k])
        if model.mode == "jump":
            out[k] *= 2
    return out


@program(X)
def a_stack_with_and(x):
    out = np.zeros_like(x)
    stack = []
    for i in range(len(x)):
        while stack and x[stack[-1]] < x[i]:
            out[stack.pop()] = x[i]
        stack.append(i)
    return out


@program(X)
def a_list_that_is_empty_at_first(x):
    stack, s = [], 0.0
    for v in x:
        if v < 0:
            s += stack[-1] * v
        else:
            stack.append(v)
    return s


@program(X)
def arrays_of_several_ranks(x):
    y = x if x[0] > 1 else np.outer(x, x)
    return np.sum(y * 2) + y.ndim


@program(X, np.linspace(0.2, 0.9, 6))
def an_argument_rebound_in_a_branch_and_written(u, v):
    for step in range(4):
        u += 0.1 * v * u
        if step % 2:
            u = np.clip(u, -0.8, 0.8)
            v[v < 0.3] = 0.0
        v -= 0.05 * u
    return u * v, np.sum(u**2)


@program(X, np.linspace(0.2, 0.9, 6))
def one_of_two_arguments_is_written(a, b):
    chosen = a if a[0] > b[0] else b
    chosen[1:3] *= 2.0
    chosen += 1.0
    fresh = np.zeros(6)
    out = fresh if b[1] > 5 else a
    out[0] = b[2] * 3
    return np.sum(chosen * a) + b[1] * fresh[0]


@program(X, np.linspace(0.2, 0.9, 6), np.array([3]), argnums=(0, 1))
def arguments_change_places(a, b, steps):
    for _ in range(steps[0]):
        b[1:] = a[:-1] * 1.1
        a, b = b, a
    chosen = [a, b * 2][steps[0] % 2]
    return a.sum() * b[0] + chosen[1]


@program(X)
def the_result_may_be_none(x):
    best = None
    for i in range(len(x)):
        nearest = None
        for j in range(len(x)):
            if i != j and (nearest is None or abs(x[i] - x[j]) < nearest):
                nearest = abs(x[i] - x[j]) * (1 + 0.1 * j)
        if best is None or nearest > best:
            best = nearest
    return best


@program(X)
def what_is_known_not_to_be_none(x):
    segments = []
    start = None
    for i in range(len(x)):
        if x[i] > 0 and start is None:
            start = i
        elif x[i] <= 0 and start is not None:
            segments.append((start, i))
            start = None
    if start is not None:
        segments.append((start, len(x)))
    end = None if x[0] > 0 else 3
    axis = 0 if x[1] > 0 else None
    pair = (x[2], 2.0) if x[3] > 1 else [x[3], 3.0]
    a, b = pair
    rows = np.outer(x, x[:end])
    return sum(np.sum(x[a:b]) ** 2 for a, b in segments) + np.sum(rows, axis=axis).sum() + a * b


@program(X)
def a_queue_of_tuples_in_order(x):
    queue = [(x[k], k) for k in range(4)]
    total = 0.0
    while queue:
        queue.sort(key=lambda entry: entry[0])
        v, k = queue.pop(0)
        total += v * (k + 1)
        if v < 0 and len(queue) < 4:
            queue.append((v + 1.0, k + 2))
    return total
