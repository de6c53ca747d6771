"""Items of lists, tuples and dicts at positions that data decides; membership, `index`, `count`; lists as queues."""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict, deque, namedtuple
from dataclasses import dataclass

import numpy as np

from language.registry import program

X = np.array([0.3, -0.7, 1.2, 0.05, -1.1])


@program(X)
def sorted_by_insertion(x):
    xs = list(x)
    for i in range(1, len(xs)):
        key = xs[i]
        j = i - 1
        while j >= 0 and xs[j] > key:
            xs[j + 1] = xs[j]
            j -= 1
        xs[j + 1] = key
    k = xs.index(max(xs))
    return sum(v * i for i, v in enumerate(xs)) + k


@program(X, np.array([[0, 1], [2, 3], [1, 4]]), argnums=(0,))
def components(x, edges):
    parent = list(range(len(x)))

    def find(i):
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for a, b in edges:
        ra, rb = find(a), find(b)
        if ra != rb:
            parent[rb] = ra
    sums = np.zeros(len(x))
    for i in range(len(x)):
        sums[find(i)] += x[i]
    return sums**2


@dataclass
class Sphere:
    centre: float
    radius: float


@program([Sphere(0.3, 1.0), Sphere(-0.4, 0.6), Sphere(1.0, 0.2)], X)
def the_object_that_is_nearest(spheres, x):
    total = 0.0
    for v in x[:3]:
        nearest, struck = 10.0, None
        for k, sphere in enumerate(spheres):
            distance = abs(v - sphere.centre) - sphere.radius
            if distance < nearest and distance > -0.5:
                nearest, struck = distance, k
        if struck is not None:
            total += spheres[struck].radius * nearest + (v, v**2, v**3)[struck]
    return total


@program([0.4, 1.2, -0.5, 0.9], X)
def positions_in_a_list(costs, x):
    best = costs[0]
    for c in costs:
        best = max(best, c)
    k = costs.index(best)
    names = {0: x[0], 1: x[1] * 2, 2: x[2]}
    total = names[k] + costs.count(best) * x[3]
    costs[k] = x[4]
    if best in costs and x[0] + 5.0 not in costs:
        total += 2.0 * best
    return total + sum(c * i for i, c in enumerate(costs))


@program(X)
def a_queue(x):
    queue, out = [], 0.0
    for v in x:
        queue.append(v)
        if v < 0:
            queue.append(v**2)
        while len(queue) > 2:
            out += queue.pop(0) * len(queue)
    queue.insert(1, x[0] ** 3)
    queue.reverse()
    return out + queue[0] * 3 + queue[1] - queue.index(queue[-1]) + queue.count(queue[0])


@program(X)
def a_set_whose_size_data_decide(x):
    seen = set()
    order = {}
    for v in x:
        if v > 0:
            seen.add("up")
            order["up"] = v
        elif v < -1:
            seen.add("down")
    if not order:
        return x[0]
    return order["up"] * len(seen)


@program(X, np.arange(10.0).reshape(5, 2) / 3)
def sorted_by_keys_of_data(x, p):
    points = sorted([(float(a), b) for a, b in zip(x, p[:, 1])], key=lambda q: q[0] + q[1])
    area = 0.0
    for (x0, y0), (x1, y1) in zip(points, points[1:]):
        area += 0.5 * (x1 - x0) * (y0 + y1)
    order = sorted(range(len(x)), key=lambda i: x[i], reverse=True)
    rows = sorted(list(p), key=lambda row: row[0] * x[0], reverse=True)
    kept = [v for v in x if v > -1]
    kept.sort(key=lambda v: abs(v))
    return area + x[order[0]] * x[order[-1]] ** 2, rows[1] * 2, kept[0] + 2 * kept[-1]


@program(X)
def hull_of_points(x):
    points = np.stack([x, np.cos(3 * x)], axis=1)
    points = points[np.lexsort((points[:, 1], points[:, 0]))]

    def cross(o, a, b):
        return (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])

    def half(points):
        hull = []
        for q in points:
            while len(hull) >= 2 and cross(hull[-2], hull[-1], q) <= 0:
                hull.pop()
            hull.append(q)
        return hull

    hull = half(points)[:-1] + half(points[::-1])[:-1]
    area = 0.0
    for i in range(len(hull)):
        a, b = hull[i], hull[(i + 1) % len(hull)]
        area += a[0] * b[1] - a[1] * b[0]
    return area


@program(X)
def dicts_with_defaults(x):
    groups = defaultdict(list)
    sums = defaultdict(float)
    signs = Counter()
    Pair = namedtuple("Pair", "low high")
    for i in range(5):
        groups[i % 2].append(x[i])
        sums["odd" if i % 2 else "even"] += x[i] ** 2
        if x[i] > 0:
            signs["up"] += 1
    pair = Pair(sums["even"], high=sums["odd"])
    return sum(np.prod(g) for g in groups.values()) + pair.low * pair.high * signs["up"] + signs["none"]


@program(X)
def functions_of_math(x):
    a, b = float(x[0]), float(x[2])
    return math.prod(x) + math.prod([a, b, 2], start=0.5) + math.remainder(7.3 * a, b) + math.dist(x[:2], x[2:4])


@program(np.abs(np.arange(9.0).reshape(3, 3) - 3.7) / 4)
def shortest_paths_by_a_heap(w):
    dist = [math.inf] * 3
    dist[0] = 0.0
    heap = [(0.0, 0)]
    while heap:
        d, u = heapq.heappop(heap)
        if d > dist[u]:
            continue
        for v in range(3):
            if d + w[u, v] < dist[v]:
                dist[v] = d + w[u, v]
                heapq.heappush(heap, (dist[v], v))
    return sum(dist)


@program(X)
def queues_with_two_ends(x):
    window, last = deque(maxlen=3), deque([0.5])
    out = np.zeros(len(x))
    for k, v in enumerate(x):
        window.append(v * x[0])
        out[k] = sum(window) / len(window) + max(window) * window[0]
        if v > 0:
            last.append(v)
        elif len(last) > 1:
            out[k] += last.popleft() * last[-1]
    return out


@program(np.abs(X) + 0.1)
def merged_by_a_heap(x):
    heap = list(x)
    heapq.heapify(heap)
    cost = 0.0
    while len(heap) > 1:
        a = heapq.heappop(heap)
        b = heapq.heappop(heap)
        cost += (a + b) ** 2
        heapq.heappush(heap, a + b)
    return cost


@program(X)
def two_loops_over_the_last_steps(x):
    """The direction of L-BFGS (Nocedal, Wright: Numerical Optimization, algorithm 7.4)."""
    curvature = np.array([1.0, 3.0, 10.0, 0.5, 2.0])
    steps, changes = deque(maxlen=3), deque(maxlen=3)
    gradient = curvature * x
    for _ in range(6):
        direction, weights = gradient.copy(), []
        for s, y in zip(reversed(steps), reversed(changes)):
            weights.append((s @ direction) / (y @ s))
            direction -= weights[-1] * y
        if len(steps) > 0:
            direction *= (steps[-1] @ changes[-1]) / (changes[-1] @ changes[-1])
        for (s, y), a in zip(zip(steps, changes), reversed(weights)):
            direction += s * (a - (y @ direction) / (y @ s))
        new = x - 0.3 * direction
        steps.append(new - x)
        changes.append(curvature * new - gradient)
        x, gradient = new, curvature * new
        if np.linalg.norm(gradient) < 1e-3:
            break
    return x, gradient


@program(X)
def a_deque_where_a_list_may_stand(x):
    queue = deque(x[:3], maxlen=4)
    total = 0.0
    for k in range(3):
        queue.append(queue[0] * queue[-1])
        for place, v in enumerate(queue):
            total += v * place
        for v in reversed(queue):
            total = total * 0.5 + v
        if x[k] > 0:
            queue.popleft()
    ordered = deque(sorted(queue))
    for a, b in zip(queue, ordered):
        total += a * b
    positive = [v for v in queue if v > 0]
    return total + sum(queue) * max(queue) + list(ordered)[0] + np.array(queue).sum() * len(positive)
