"""Values, questions and calls that are refused: a small program for each. `test_refused.py` holds the messages."""

from __future__ import annotations

import os
import random
import re
import time
import warnings

import numpy as np

from language.refused_syntax import refused

X = np.array([0.3, -0.2, 0.5])


@refused(X)
def world_outside(x):
    start = time.perf_counter()
    return x * start


@refused(X)
def random_numbers_of_python(x):
    return x * random.random()


@refused(X)
def method_of_a_python_object(x):
    return x * len(NUMBER.findall("1 and 2"))


NUMBER = re.compile("[0-9]")


@refused(X)
def function_given_to_a_library(x):
    return np.fromfunction(lambda i, j: i + j, (3, 3)) * x


@refused(X, 0.5)
def text_as_a_key(x, t):
    return x * {"0.5": 2.0}.get(str(t), 1.0)


@refused(X)
def list_that_grows_under_its_loop(x):
    todo, total = [x[0], x[1]], 0.0
    for k, v in enumerate(todo):
        total += v
        if k == 1:
            todo.append(x[2])
    return total


@refused(X)
def list_in_buffers_that_grows_under_its_loop(x):
    todo, total = [], 0.0
    for v in x:
        todo.append(v)
    for v in todo:
        total += v
        if total < 1.0:
            todo.append(x[2])
    return total


@refused(X)
def array_compared_with_none(x):
    return x == None  # noqa: E711


class Scale:
    def __rmul__(self, other):
        return other * 2.0


@refused(X)
def array_before_an_object(x):
    return x * Scale()


@refused(X)
def class_made_by_type(x):
    return x * type("Settings", (), {"a": 2.0}).a


@refused(X)
def dtype_that_numpy_does_not_know(x):
    return x.astype("nonsense")


@refused(X)
def dtype_of_records(x):
    return np.zeros(3, dtype=[("a", float)])["a"] + x


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    OF_A_CLASS = np.matrix([[1.0, 2.0], [3.0, 4.0]])


@refused(X)
def captured_array_of_a_class(x):
    return OF_A_CLASS * x[0]


@refused(X)
def whether_two_views_are_one_object(x):
    return 1.0 if x.T is x else 2.0


class Open:
    def __getattr__(self, name):
        return 2.0


@refused(X)
def hasattr_where_any_name_is_found(x):
    return x * hasattr(Open(), "scale")


@refused(X)
def dict_that_grows_under_its_loop(x):
    table = {"a": x[0]}
    for key in table:
        table["b"] = x[1] * len(key)
    return table["b"]


@refused(X)
def subscript_of_an_iterator(x):
    return enumerate(x)[0]


@refused(0.7)
def decimals_of_a_python_float(t):
    return round(t, 2) * t


@refused(X)
def numbers_of_a_file(x):
    return x * np.loadtxt("weights.txt")


@refused(X)
def environment(x):
    return x * float(os.environ["SCALE"])


@refused(X)
def padded_text(x):
    print(str(x[0]).rjust(8))
    return x


@refused(0.7)
def subscript_of_a_python_float(t):
    return t[()]


@refused([np.array([0.3, k]) for k in range(70)])
def many_unrolled_iterations_that_data_may_end(rows):
    total = rows[0] * 0.0
    for row in rows:
        if row[0] * row[1] > 60.0:
            break
        total += row
    return total


@refused(X)
def one_of_two_lists_of_different_lengths(x):
    totals, current = [], []
    for v in x:
        if v > 0.4:
            totals.append(sum(current))
            current = []
        current.append(v)
    return np.array(totals)
