"""Reading by index: slices, index arrays in every place, positions computed by NumPy."""

from __future__ import annotations

import numpy as np

from language.registry import program

X = np.array([0.3, -0.7, 1.2, 0.05, -1.1])
A = np.array([[0.3, -0.7, 1.2, 0.4], [0.05, -1.1, 0.8, -0.2], [0.6, 0.9, -0.5, 1.4]])
T = np.sin(np.arange(24.0)).reshape(2, 3, 4)
I = np.array([0, 2, -1, 1])
J = np.array([[1, 0], [-2, 1]])


@program(T, A)
def basic_indices(t, a):
    k = (1, slice(None, 2))
    return (
        (t[-1], t[0, ..., 1], t[..., -1], t[:, None, 1:, ::-2], t[..., None], t[1][2][3], t[()], t[:, :, 1:-1][0]),
        (a[k], a[slice(1, 3), 1], a[np.s_[1:, 2]], a[np.index_exp[0]], a[True], a[None, False, 1]),
    )


@program(A, I, J)
def index_arrays(a, i, j):
    first = a.T[i], a[[0, -1]], a[j], a[j, j], a[:, j], a[[0, 1], [2, 3]]
    return first, a[np.array(1)], a[1, [0, 2]], a[[0, 2], 1:], a[i[:3, None], [0, 1]]


@program(T, I)
def index_arrays_beside_slices(t, i):
    together = t[:, [0, 1], [1, 2]], t[0, :, [1, 2, 3]], t[:, 1, [0, 2]], t[..., i], t[1, ..., [0, 1]]
    apart = t[[0, 1], :, [1, 2]], t[[[0], [1]], :, [1, 2]]
    return together, apart


@program(T, X)
def index_arrays_beside_new_axes(t, x):
    out = t[None, [0, 1]], t[[0, 1], None], t[:, None, [0, 1]], t[[0, 1], None, [1, 2]], t[None, :, [0], None]
    t[[0, 1], None, [1, 0]] = x[:4] ** 2
    t[..., None, [2, 2]] = np.outer(x[:3], x[:2])[:, None]
    return out, t


@program(A, I[:2])
def take_with_modes(a, i):
    z = np.zeros(2)
    np.take(a, [1, 3], out=z)
    inside = np.take(a, i), np.take(a, [[0, 1]], axis=1), a.take([0, -1], axis=0), np.take(a, 1, axis=1)
    return z, inside, np.take(a, [5, -7, 20], mode="wrap"), np.take(a, [5, -7, 20], axis=0, mode="clip")


@program(A)
def along_an_axis(a):
    i, j = np.argsort(a, axis=1), np.argmax(a, axis=0)
    sorted_, largest = np.take_along_axis(a, i, axis=1), np.take_along_axis(a, j[None, :], axis=0)
    return sorted_, largest, np.take_along_axis(a, np.array([1, 5]), axis=None), a[j.min(), j]


@program(A)
def open_meshes(a):
    b = a**2
    r = a[np.ix_([0, 2], [1, 3])]
    a[np.ix_([0, 1], [0, 2])] = r**2
    b[np.ix_([0, 2], [1, 3])] += r
    return r, a, b


@program(X, X[::-1] * 0.7, np.array([0, 1, 1, 0, 2]))
def chosen_and_selected(x, y, k):
    chosen = np.choose(k, [x, y, x * y]), k.choose([x[0], y[0], 2.0]), np.choose(k * 2, [x, y], mode="clip")
    return chosen, np.select([x > 0.5, y > 0.5], [x**2, y**2], x * y)


@program(A)
def triangles_and_diagonals(a):
    b = a**2
    b[np.triu_indices(3, 1)] = a[np.triu_indices(3, 1)] ** 2
    b[np.tril_indices_from(b, -1)] += 1.0
    m = a[:, :3].copy()
    m[np.diag_indices(3)] = b[0, :3]
    m[np.diag_indices_from(m)] += b[1, 1]
    return np.tril(a), np.triu(a, 1), a[np.tril_indices(3)], b, m


@program(X, A)
def sorted_positions(x, a):
    i, k = np.argsort(x), a.argsort(axis=0)
    s = x[i]
    found = np.clip(np.searchsorted(s, a[2]), 0, 4)
    return s**2, x[i[::-1]], a[a[:, 0].argsort()], x[np.argsort(i)], a[k[:, 1], 1], s[found]


@program(A)
def flat_positions(a):
    i, j = np.unravel_index(np.argmax(a), a.shape)
    p, q = np.unravel_index([3, 5], (3, 4))
    k = np.unravel_index(np.argmin(a), a.shape)
    flat = np.ravel_multi_index(([1, 2], [0, 3]), a.shape)
    return a[i, j] ** 2, a[p, q], a[k] ** 2, a.ravel()[flat]


@program(A)
def rolled_and_flipped(a):
    rolled = np.roll(a, 1), np.roll(a, -2, axis=1), np.roll(a, (1, 2), axis=(0, 1))
    return rolled, np.flip(a), np.flip(a, 0), np.flip(a, (0, 1)), np.rot90(a)


@program(X, 1)
def positions_from_integers(x, k):
    total = 0.0
    for i in range(5):
        total += x[(i * 3 + k) % 5] * x[-i] * x[i - 3]
    return total


@program(np.array([0.3, -0.2, 0.5]))
def numbers_are_indexed_as_arrays_without_axes(x):
    y = np.sum(x * x)
    return y[()] * x[0][None], np.sin(y)[()] + x[1][..., None, None], x[2][()][()]
