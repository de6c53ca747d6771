"""Derivatives by hand: NumPy itself run on dual numbers, which share nothing with gradscribe.

A `Dual` is value + tangent ε of one differentiation; both may be duals of differentiations around it. NumPy's functions
of object arrays call methods of the elements, so plain functions run on arrays of duals as they are.
"""

from __future__ import annotations

import itertools

import numpy as np

_tags = itertools.count(1)


def _tag(x):
    return x.tag if isinstance(x, Dual) else 0


def _parts(x, tag):
    """(value, tangent) in the differentiation `tag`."""
    return (x.value, x.tangent) if _tag(x) == tag else (x, 0.0)


def _binary(function, left, right):
    """`left(a, b)`, `right(a, b)`: the partial derivatives."""

    def operation(a, b):
        if isinstance(b, np.ndarray):
            if b.ndim:
                return NotImplemented  # NumPy goes element by element
            b = b[()]
        tag = max(_tag(a), _tag(b))
        (x, dx), (y, dy) = _parts(a, tag), _parts(b, tag)
        return Dual(function(x, y), left(x, y) * dx + right(x, y) * dy, tag)

    return operation


def _unary(name, derivative):
    def operation(self):
        return Dual(_apply(name, self.value), derivative(self.value) * self.tangent, self.tag)

    return operation


def _apply(name, x):
    return getattr(x, name)() if isinstance(x, Dual) else getattr(np, name)(x)


class Dual:
    def __init__(self, value, tangent, tag):
        self.value, self.tangent, self.tag = value, tangent, tag

    __add__ = _binary(lambda x, y: x + y, lambda x, y: 1.0, lambda x, y: 1.0)
    __sub__ = _binary(lambda x, y: x - y, lambda x, y: 1.0, lambda x, y: -1.0)
    __mul__ = _binary(lambda x, y: x * y, lambda x, y: y, lambda x, y: x)
    __truediv__ = _binary(lambda x, y: x / y, lambda x, y: 1.0 / y, lambda x, y: -x / (y * y))
    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other):
        return -self + other

    def __rtruediv__(self, other):
        return other * self**-1

    def __neg__(self):
        return -1.0 * self

    def __pow__(self, n):
        assert isinstance(n, (int, float))
        return Dual(self.value**n, n * self.value ** (n - 1) * self.tangent, self.tag)

    sin = _unary("sin", lambda x: _apply("cos", x))
    cos = _unary("cos", lambda x: -1.0 * _apply("sin", x))
    exp = _unary("exp", lambda x: _apply("exp", x))
    log = _unary("log", lambda x: 1.0 / x)
    sqrt = _unary("sqrt", lambda x: 0.5 / _apply("sqrt", x))
    tanh = _unary("tanh", lambda x: 1.0 - _apply("tanh", x) * _apply("tanh", x))

    def __float__(self):
        return float(self.value)

    def __lt__(self, other):
        return float(self) < float(other)

    def __gt__(self, other):
        return float(self) > float(other)


def directional(function, x, v):
    """The derivative of `function` at the array x in the direction v, in the shape of the result."""
    tag = next(_tags)
    moved = np.array([Dual(a, b, tag) for a, b in zip(x.ravel(), np.ravel(v), strict=True)], object).reshape(x.shape)
    out = np.asarray(function(moved), object)
    tangents = [_parts(y, tag)[1] for y in out.ravel()]
    return _array(tangents).reshape(out.shape)


def jacobian(function, x):
    """All partial derivatives: shape (*result, *x.shape)."""
    units = np.eye(x.size).reshape(x.size, *x.shape)
    columns = [directional(function, x, unit) for unit in units]
    return np.stack(columns, axis=-1).reshape(*columns[0].shape, *x.shape)


def _array(values):
    kind = object if any(isinstance(v, Dual) for v in values) else float
    return np.array(values, kind)
