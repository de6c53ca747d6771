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


# ---- masks ----

A = np.sin(np.arange(20.0) * 1.7 + 0.3).reshape(4, 5)


@program(X)
def elements_a_mask_selects(x):
    m = x > 0
    y = x[m]
    y *= 2
    z = x.copy()
    z[m] = y**2
    z[~m] = np.exp(z[~m])
    w = np.zeros_like(x)
    w[m] = np.log(x[m])
    w[m] *= np.arange(m.sum()) + 1.0
    return x[x > 0.1].sum() * y.size, z, w


@program(A, X[:4])
def rows_and_columns_a_mask_selects(a, w):
    m = w > 0
    b = a[m]
    c = a[0] > 0
    a[m] *= 2.0
    a[~m] = w[0]
    return (b @ b.T).sum(), np.sort(b, axis=0), a[m, 1].sum() * a[2, c].sum(), a[m][:, c], a[:, ~c].sum()


@program(A)
def a_mask_of_all_axes(a):
    v = a[a > 0.2]
    a[a < 0] = 0.5
    a[a > 0.9] **= 0.5
    return np.concatenate([v, v**2]).sum() * v[0], a


@program(X)
def positions_of_true_elements(x):
    i = np.nonzero(x > 0)[0]
    (j,) = np.where(x < 0.5)
    rows = np.argwhere(x > 0)
    first = np.flatnonzero(x > 0.5)[0]
    picked = np.compress(x > 0, x) * np.extract(x > 0, x * 2)
    return x[i] ** 2, x[j].sum() * x[first], x[rows[:, 0]].sum() * np.count_nonzero(x > 0), picked


@program(X)
def a_mask_that_selects_nothing(x):
    y = x[x > 5]
    return y.sum() + y.size, np.append(y, x[0]), y * 2, x[x > 5] @ y


@program(X)
def masks_in_a_loop(x):
    total = 0.0
    for i in range(3):
        m = x > 0.1 * i
        v = x[m]
        total += np.sum(v**2) * v.size
        x = x * 1.0
        x[m] = v * 0.9
        x = x[x > -0.8]
    return total + x.sum(), x


# ---- sizes 0 and 1, nests, branches ----


@program(np.array([0.7]))
def one_element_shrunk_to_none(x):
    v = x * 2
    total = 0.0
    while v.size > 0:
        total += v.sum() ** 2
        v = v[1:]
    return total, v, x[x > 1]


@program(np.zeros(0), X)
def nothing_to_start_with(none, x):
    grown = none
    for v in x:
        if v > 0:
            grown = np.append(grown, v**2)
    return grown, grown[grown > 0.1].sum(), none[none > 0].sum()


@program(X)
def shrunk_in_a_branch_of_a_loop(x):
    if x[0] > 0:
        v = x[1:] ** 2
    else:
        v = x[:3] * 2
    total = 0.0
    while v.size > 1:
        if v[0] > 0.1:
            v = v[1:] * v[0]
        else:
            v = v[:-1] + v[-1] ** 2
            total += v.sum()
    return total + v[0]


@program(X)
def shrunk_inside_a_loop_that_grows(x):
    total = 0.0
    for i in range(3):
        v = x[i:] * 1.0
        while v.size > 2:
            total += np.sum(v**2) * v[-1]
            v = v[1:] * v[:-1]
        x = np.concatenate([x, v])
    return total + x.sum()


@program(A)
def both_axes_shrunk(a):
    total = 0.0
    while a.shape[0] > 1 and a.shape[1] > 1:
        total += np.sum(np.sin(a[1:, 1:]) * a[:-1, :-1])
        a = a[1:, :-1] * a[0, 0] + 0.1
    return total + a.sum()


@program(X)
def arrays_of_two_sizes_exchanged(x):
    a = x[:2] * 1.0
    b = x[2:] * 2.0
    total = 0.0
    for _ in range(3):
        a, b = b, np.concatenate([a, b[:1]])
        total += (a**2).sum() * b[0]
    return total + b.sum()


@program(X, 5)
def a_table_as_long_as_a_later_argument_says(x, n):
    products = np.zeros(n + 1)
    for k in range(n):
        products[k] = x[k] * x[k + 1]
    return np.sum(np.sin(x) * (products + 2.0)), products


@program(2.5, 1.0)
def grids_by_their_step(end, step):
    grid = np.arange(0.0, end, step)
    down = np.arange(end, -0.5, -2 * step)
    empty = np.arange(end, step, step)
    return np.sum(np.sin(grid) * step), down, empty.size + np.sum(down[1:] * grid[: down.size - 1]), np.arange(end)


@program(X)
def float_ranges_of_sizes(x):
    n = len(x)
    return x * np.arange(1.0, n + 1), np.arange(n, -1.0, -2) * x[0], np.arange(0, n, 0.5).sum() * x[1]
