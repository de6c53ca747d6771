"""Items of lists, tuples and dicts at positions that data decides; membership, `index`, `count`; lists as queues."""

from __future__ import annotations

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
