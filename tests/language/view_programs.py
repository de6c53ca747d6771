"""Views: made, written through, and read by another name."""

from __future__ import annotations

import numpy as np

from language.registry import program

X = np.array([0.3, -0.7, 1.2, 0.05, -1.1])
A = np.array([[0.3, -0.7, 1.2, 0.4], [0.05, -1.1, 0.8, -0.2], [0.6, 0.9, -0.5, 1.4]])


@program(A, X)
def transposed_and_reversed_views(a, x):
    a.T[0] = x[:3] ** 2
    a.T[1:, 1] += x[:3]
    a.T[:, ::-1][0, 0] = 1.0
    v = a[1:]
    w = v[:, ::-1]
    u = w[0]
    u[1:3] = x[:2] ** 2
    w[1, 0] += 2.0
    t = a.T
    t[2] *= 3.0
    return a, v.sum(), u[0] * w[0, 1]


@program(A, X)
def reshaped_views_and_copies(a, x):
    a.reshape(-1)[2:4] = x[:2] ** 2
    a.ravel()[0] = x[3]
    a.reshape(2, 6)[1] *= x[1]
    a.reshape(4, 3)[:, 1] += 1.0
    a.T.reshape(-1)[0] = 100.0
    a.flatten()[1] = 100.0
    return a**2


@program(A, X)
def views_with_other_axes(a, x):
    a.swapaxes(0, 1)[0, :] = x[:3]
    np.moveaxis(a, 0, 1)[1] *= x[0]
    np.expand_dims(a, 1)[0, 0, 1] = 3.0
    np.squeeze(a[:1])[2] = x[1] ** 2
    np.atleast_2d(x)[0, 4] = 9.0
    np.atleast_3d(a)[2, 1, 0] = x[4]
    a[None][0, 1] = x[0]
    np.flip(a)[0, 0] = x[2]
    np.rollaxis(a, 1)[3, 2] = 1.5
    return a**2


@program(A, X)
def split_views(a, x):
    l, r = np.split(a, 2, axis=1)
    l[0] = x[:2] ** 2
    r *= x[3]
    p, q, _ = np.vsplit(a, 3)
    q[:] = p
    h = np.hsplit(a, [1, 3])
    h[1][2] = x[0]
    t = np.array_split(x, 3)
    t[0][1] = 2.0
    return a**2, x


@program(A, X)
def diagonal_views(a, x):
    d, e = np.diagonal(a), np.diag(a, 1)
    a[0, 0] = a[1, 1] ** 2
    f = np.einsum("ii->i", a[:, :3])
    f[:2] = x[:2] ** 2
    f[1:] *= f[:-1]
    g = np.einsum("ij->ji", a)
    g[3] = x[2]
    return d**2, e, a.diagonal(-1) * f[1:]


@program(X, 0.5, 3)
def exchanged_buffers(x, s, n):
    a, b = x.copy(), x * 2.0
    for _ in range(n):
        b[1:] = a[:-1] ** 2
        a, b = b, a
    if s > 0:
        a, b = b, a
        a[0] += s
    return a.sum() + 2.0 * b.sum()


def _scaled(a, v):
    a[1] = v**2
    a[2:] *= v
    return a


@program(X)
def written_by_closures_and_helpers(x):
    total = np.zeros(3)

    def add(k, v):
        total[k] += v

    for i in range(5):
        add(i % 3, x[i] ** 2)
    y = _scaled(x, x[0])
    y[0] = 3.0
    _scaled(x[1:], x[1])
    return y, total


@program(X, 0.5)
def one_array_under_two_names(x, s):
    y = x
    z = y[1:]
    y *= 2.0
    z[0] = y[0] ** 2
    x[1] += z[0]
    if s > 0:
        z[1] = s**2
    return x, y[1]


@program(A, 3)
def rows_and_columns_in_a_loop(a, n):
    for i in range(n):
        r, c = a[i], a[:, i]
        r[1:] *= c[0]
        c += r[:3]
    for r in a:
        r[0] = r[1] ** 2
        r[1:] += r[:-1]
    for r, s in zip(a[1:], a[:-1], strict=True):
        r += s
    return a


@program(X, A)
def views_that_are_not_written(x, a):
    b = np.broadcast_to(x, (2, 5))
    x[0] = 2.0
    m = np.diag(x)
    m[0, 1] = x[1]
    c = np.take(a, [0, 1])
    c[0] = 7.0
    return b * x, m, c, a


@program(np.array([0.4, -0.9, 1.3, 0.7, -0.2]))
def parts_of_complex_numbers_written(x):
    z = np.zeros(5, dtype=np.complex128)
    z.real = x
    z.imag = np.sin(x)
    z.real[1:3] *= x[0]
    z.imag[x > 0] += 2.0
    z.imag[[0, 3, 1]] = 3.0 * x[:3]
    z.real += x * z.imag
    return np.abs(z * z), z.imag, complex(x[0], x[1] * x[2])


@program(np.array([[0.5, -0.7, 1.1, 0.3], [-0.4, 0.8, 0.9, -1.2], [1.3, 0.2, -0.6, 0.7]]))
def parts_of_views_written_in_a_loop(a):
    z = a + 1j * a**2
    w = z.T[1:]
    re, im = w.real, np.imag(z)[::2]
    for i in range(3):
        if a[i, 0] > 0:
            re[i] = re[i] * im[0, i]
        else:
            im[:, i] -= re[i, 0]
    w *= 1.5
    np.multiply(re, re, out=re)
    return z, re
