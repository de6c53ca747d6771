"""Writing into arrays: elements, index arrays with repeated positions, in-place operators, `out=`."""

from __future__ import annotations

import numpy as np

from language.registry import program

X = np.array([0.3, -0.7, 1.2, 0.05, -1.1])
Y = np.array([0.9, 0.2, -0.4, 1.5, 0.6])
A = np.array([[0.3, -0.7, 1.2, 0.4], [0.05, -1.1, 0.8, -0.2], [0.6, 0.9, -0.5, 1.4]])
I = np.array([0, 2, 2, 1])


@program(A, X, 1, 2)
def written_elements_rows_and_columns(a, x, i, j):
    a[i, j] = x[0] ** 2
    a[i, 1:-1] += x[:2] * x[1]
    a[-1] *= x[2]
    a[:, None, 0] -= 1.0
    return np.sum(np.sin(a))


@program(X, Y, I, notes="a repeated position keeps what was written last; the reads come before all writes")
def written_at_repeated_positions(x, v, idx):
    x[idx] = v[:4] ** 2
    x[idx] *= v[1:]
    x[idx] += v[:4] ** 2
    return np.sum(x**3)


@program(A, Y, I)
def written_rows_at_repeated_positions(a, v, idx):
    b = a.T.copy()
    b[idx % 4] = np.outer(v[:4], v[1:4])
    b[:, [0, 0, 2]] = np.outer(v[:4], v[2:])
    b[[1, 3, 1], [2, 0, 2]] = v[:3]
    return b**2


@program(A, X)
def written_at_distinct_positions(a, x):
    i = np.argsort(x)
    x[i] = x * 2.0
    a[[0, 2]] = a[[2, 0]] ** 2
    a[np.arange(3), a.argmax(axis=1)] = x[:3]
    np.fill_diagonal(a, x[3])
    return a, x**2


@program(X, Y, I)
def added_at_repeated_positions(x, v, idx):
    np.add.at(x, idx, v[:4])
    np.subtract.at(x, idx, v[1:] ** 2)
    np.add.at(x, [0, 0], 1.5)
    return x**2


@program(A, Y)
def added_at_rows_and_columns(a, v):
    np.add.at(a, (np.array([0, 1, 1]), np.array([2, 3, 3])), v[:3])
    np.add.at(a, np.array([0, 0]), v[:4])
    np.add.at(a, (slice(None), np.array([0, 0])), v[3])
    return a**2


@program(X, Y, np.array([0, 2, -3, 1]))
def updated_at_repeated_positions(x, v, idx):
    np.multiply.at(x, idx, v[:4])
    np.divide.at(x, idx, v[1:])
    np.maximum.at(x, idx, v[:4] * 0.1)
    np.negative.at(x, [0, 1, 1])
    return x**2


@program(A, Y)
def updated_at_rows_and_columns(a, v):
    np.multiply.at(a, (slice(None), [0, 3, 0]), v[:3])
    np.multiply.at(a, ([0, 0], [1, 1]), v[3])
    np.multiply.at(a, 1, v[:4])
    np.exp.at(a, ([2], [0]))
    return a


@program(A, X)
def put_and_flat(a, x):
    np.put(a, [0, 5, -1], x[:3] ** 2)
    np.put(a, [1, 14, -30], x[:2], mode="wrap")
    a.put([2, 2], x[3:])
    a.T.flat[3] = x[0]
    a.flat[6:8] = x[1] ** 2
    a.flat[[0, 9]] += 1.0
    y = a.flat[2] * a.flat[-1] + np.sum(a.T.flat[1:5])
    for v in a.flat:
        y += v**2
    b = np.zeros((2, 3))
    b.flat = x[:2]
    b.flat[1:5] = x[2:4]
    return y, b


@program(A, A[:, ::-1] * 0.7)
def copyto_and_putmask(a, b):
    np.copyto(a, b**2, where=b > 0)
    np.copyto(a[0], 2.0)
    np.putmask(b, b > 0.2, a**2)
    np.putmask(b, b < 0, [0.5, 0.25])
    return a**2, b


@program(A, np.stack([A[:, :3]] * 3), X)
def filled_diagonals(a, b, x):
    np.fill_diagonal(a, x[0] ** 2)
    np.fill_diagonal(a[1:], x[1:3])
    np.fill_diagonal(a.T, x)
    np.fill_diagonal(b, x[:2])
    return a**2, b


@program(A)
def put_along_an_axis(a):
    i = np.argmax(a, axis=1)[:, None]
    b = a**2
    np.put_along_axis(a, i, 9.0, axis=1)
    np.put_along_axis(b, i, b[:, :1] ** 2, axis=1)
    np.put_along_axis(b, np.array([[1, 1]]), np.array([[3.0, 4.0]]), axis=1)
    return a, b, np.take_along_axis(a, np.array([[0, 3]]), axis=1)


@program(X, Y)
def ufuncs_with_out(x, y):
    z = np.empty_like(x)
    np.add(x, y, out=z)
    np.multiply(z, x, z)
    np.sin(z, out=x)
    np.exp(x, y)
    w = np.zeros((2, 5))
    np.add(x, 1.0, out=w)
    q, r = np.zeros(5), np.zeros(5)
    np.divmod(z, 0.3, out=(q, r))
    return z**2, w, r


@program(A, np.array([2.0, 0.0, 4.0, 0.0]))
def ufuncs_where(a, d):
    z = np.zeros_like(a)
    np.log(a, out=z, where=a > 0)
    np.divide(a, d, out=a, where=d > 0.5)
    np.power(a, 2.0, out=a, where=[True, False, True, False])
    return z, a


@program(A)
def reductions_with_out(a):
    r, c, m = np.zeros(4), np.zeros(3), np.zeros((3, 3))
    np.sum(a**2, axis=0, out=r)
    a.mean(axis=1, out=c)
    np.max(a, axis=1, out=a[:, 0])
    np.add.reduce(a, axis=0, out=a[1])
    np.matmul(a, a.T, out=m)
    np.dot(m, a[:, :3], out=m)
    np.cumsum(r, out=r)
    np.clip(a, 0.1, 1.25, out=a)
    return r, c, m, a


@program(X, A)
def sorted_in_place(x, a):
    x.sort()
    a.sort(axis=0)
    a[1].sort()
    a.T[2].sort()
    x[1:].fill(x[0] ** 2)
    return x, a**2


@program(X, Y, A[:, :3])
def whole_arrays_in_place(x, y, m):
    x -= y
    x *= y
    x /= 2.0 + y
    x **= 2
    x[...] = x + 1
    x[:] = x[::-1]
    m @= m
    return x, m


@program(np.arange(5), np.array([0.5, 1.5, 2.5, 3.5, 4.5], np.float32), argnums=())
def casts_in_place(k, x):
    k += 2
    k *= 3
    k //= 2
    k[1:] -= 1
    x += 0.1
    x *= np.float64(1.3)
    x[1:] += np.ones(4)
    k[0] = 3.7
    x[2] = k[1]
    np.add.at(k, [0, 0], 2)
    np.multiply.at(k, [1, 1], 2)
    return x, k


@program(X, A)
def overlapping_writes(x, a):
    x[1:] = x[:-1]
    x[1:] += x[:-1]
    x[:-1] *= x[1:]
    x[::2] = x[2::-1]
    a[1:, 1:] = a[:-1, :-1]
    a[1:, 1:] += a[:-1, :-1]
    s = a[:, :3]
    s[:] = s.T
    s += s.T
    np.sin(a[:, 1:], out=a[:, :-1])
    return x, a


@program(X[:4], np.array([1.0, -2.0, 0.25, 3.0]))
def a_copy_from_before_the_write(a, b):
    before, last = a.copy(), b.copy()
    a[::2] = a[1::2]
    a[:], b[1:] = 0.5 * b, a[:3] * a[:3]
    return before, last, b
