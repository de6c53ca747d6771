"""Writes and indices that are refused, or that NumPy refuses too, and how the messages read: one golden for all."""

from __future__ import annotations

import numpy as np
import pytest

from gradscribe.transpiler.errors import GradscribeError, InternalError
from gradscribe.transpiler.frontend.stage import stage

X = np.array([0.3, -0.7, 1.2, 0.05, -1.1])
A = np.arange(12.0).reshape(3, 4)


def broadcast_view(x):
    np.broadcast_to(x, (2, 5))[0, 0] = 1.0
    return x


def diagonal_view(a):
    np.diagonal(a)[0] = 1.0
    return a


def where_without_out(x):
    return np.add(x, 1.0, where=x > 0)


def out_of_another_shape(x):
    np.sin(x, out=np.zeros(4))
    return x


def cast_by_copyto(x):
    np.copyto(np.zeros(5, int), x)
    return x


def memory_of_an_array(x):
    return x.strides


def method_returned(x):
    return x.sum


def shape_assigned(a):
    a.shape = (4, 3)
    return a


def wrapped_diagonal(a):
    np.fill_diagonal(a, 1.0, wrap=True)
    return a


def bool_of_data_as_an_index(x):
    return x[x[0] > 0]


def values_that_do_not_fit(x):
    x[[0, 1, 2]] = x[:2]
    return x


def too_many_indices(a):
    return a[0, 1, 2]


def positions_in_floats(x):
    x[[1.0]] = 2.0
    return x


def at_through_a_mask(x):
    np.add.at(x, x > 0, 1.0)
    return x


CASES = [
    (broadcast_view, X), (diagonal_view, A), (where_without_out, X), (out_of_another_shape, X), (cast_by_copyto, X),
    (memory_of_an_array, X), (method_returned, X), (shape_assigned, A), (wrapped_diagonal, A),
    (bool_of_data_as_an_index, X), (values_that_do_not_fit, X), (too_many_indices, A), (positions_in_floats, X),
    (at_through_a_mask, X),
]  # fmt: skip


def test_messages(golden):
    texts = []
    for function, argument in CASES:
        with pytest.raises(GradscribeError) as caught:
            stage(function, (argument,), {})
        assert not isinstance(caught.value, InternalError)
        _, _, message = str(caught.value).partition("test_refused_writes.py:")
        texts.append(f"test_refused_writes.py:{message}\n")
    golden.check("frontend_refused_writes.txt", "\n".join(texts))
