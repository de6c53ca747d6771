"""Arrays whose size data decide: sizes that are data, arrays that grow and shrink in loops."""

from __future__ import annotations

import numpy as np

from language.registry import program

X = np.array([0.3, -0.7, 1.2, 0.05, -1.1, 0.9])


@program(X)
def shrunk_from_the_front(x):
    v = x * x
    total = 0.0
    while v.shape[0] > 1:
        total = total + np.sin(v).sum() * v[0]
        v = v[1:] * 1.5
    return total, v


@program(X)
def halved_until_two_are_left(x):
    a = x * x
    total = 0.0
    while a.size > 2:
        a = a[::2] * a[0]
        total += np.sum(a)
    b = x
    while b.size > 1:
        b = 0.5 * (b[0 : b.size - 1 : 2] ** 2 + b[1::2])
    return total, b


@program(X)
def rows_gathered_while_a_sum_is_small(x):
    rows = np.zeros((0, 2))
    total = 0.0
    i = 0
    while i < x.shape[0] and total < 3.0:
        rows = np.concatenate([rows, np.array([[x[i], total]])])
        total = total + x[i] ** 2
        i += 1
    return (rows**2).sum(), rows[:, 0]


@program(X)
def grown_by_append_and_concatenate(x):
    powers = np.array([1.0])
    for v in x:
        powers = np.append(powers, powers[-1] * v)
    twice = x[:2] * 1.0
    for i in range(2, x.shape[0]):
        twice = np.concatenate([twice, twice[-1:] * x[i]])
    return powers.sum(), twice


@program(X, np.array([4]))
def sizes_read_from_data(x, ks):
    k = int(ks[0])
    z = np.zeros(k)
    for i in range(k):
        z[i] = x[i] ** 2
    w = np.zeros(ks[0])
    w[:] = x[:k]
    tail = np.sin(x[k:]) * x[:k].sum()
    return (z * np.arange(k)).sum() + tail.sum() + (np.ones((k, 2)) * w[:, None]).sum(), z


@program(X)
def split_where_a_sum_reaches_one(x):
    total = 0.0
    n = 0
    while total < 1.0 and n < x.size:
        total += x[n] ** 2
        n += 1
    head, tail = x[:n], x[n:]
    return np.sum(head**3) * 2.0 + np.dot(tail, tail)
