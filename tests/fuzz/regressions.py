"""Programs that the fuzzer found wrong, reduced by hand, with inputs that showed it."""

from __future__ import annotations

import numpy as np


def exit_code_of_an_inner_loop(a, s):
    """The inner loop is left by `break`, the outer one is not left at all: their exit codes are two variables."""
    for i in range(2):
        for _ in range(2):
            s = s * 0.5 + a[1]
            break
            return s
        if i > 1:
            return s + a[0]
    return s + a.sum()


def carried_array_with_two_names(a, b):
    """The loop hands one array on twice, as `a` and as `b`: an element of it does not stay in a scalar meanwhile."""
    first, last = a, b[3]
    for _ in range(2):
        a = b
        b[2] += last * 0.5
    return a.sum() + 2 * np.sin(b).sum() + 3 * first.sum()


def size_that_a_later_argument_decides(a, n):
    """Both shapes of `v` are taken for one: the shape of `a` mentions `n`, which comes after it."""
    v = 0.5 * a[:-1] + 0.25 * a[1:]
    if np.any(a > 1.0):
        v = a[:n].copy()
    c = a - a[::-1]
    return c[0] * a[1] + v.sum()


def array_of_two_dtypes(a, s):
    """The loop hands on flags or numbers: the memory of the one is not the memory of the other."""
    t = a > 0.5
    for i in range(3):
        if a[i] > s:
            t = a * 2.0
        elif a[i] < -s:
            t = a > 0.0
        a[i] = a[i] * 0.5
    return t.sum() * s


def array_of_two_ranks(a, s):
    """The same of arrays of one dtype."""
    t = a[0] * a
    for i in range(3):
        if a[i] > s:
            t = a.reshape(2, 2) * 0.25
        elif a[i] < -s:
            t = a * 3.0
    return t.sum() * s


def name_written_anew_after_continue(c, s):
    """`c` is written anew before it is read, but not where `continue` jumps over that."""
    d = c + 1.0
    q = 0
    while q < 3:
        q += 1
        s = 0.5 * s + c[0]
        if q > 1:
            if s < 0.5:
                continue
            for i in range(2):
                s += 0.25 * d[i]
                c = np.sin(s * d)
        c = d * 1.25
    return s + c.sum()


def name_written_anew_beside_continue(c, s):
    """The same in the branch that does not jump."""
    d = c + 1.0
    q = 0
    while q < 3:
        q += 1
        s = 0.5 * s + c[0]
        if s < 1.5:
            if s < 1.0:
                continue
        else:
            for i in range(2):
                s += 0.25 * d[i]
                c = np.sin(s * d)
        c = d * 1.25
    return s + c.sum()


def name_written_anew_after_a_return(c, s):
    """The same after a loop that a `return` may leave: the path that returns has no `c` left."""
    d = c + 1.0
    q = 0
    while q < 2:
        q += 1
        for i in range(2):
            s = 0.5 * s + d[i]
            if s > 40.0:
                return s
            c = s * d
        c = d * 1.25
    return s + c.sum()


def list_longer_by_as_many_items_as_data_decide(a, s):
    """How many items come is known after the list has its room."""
    xs = [s, 0.5 * a[1]]
    if a.sum() < 0.5:
        xs.append(0.25 * a.sum())
    xs += [0.5 * t for t in xs[-2:]]
    return sum(xs)


def list_longer_in_branches(a, s, n):
    """The loop that fills it stands in branches and in no loop: no loop around it says how much room there must be."""
    xs = [s, 0.5 * a[1]]
    if abs(s) > abs(a[0]):
        if a[2] > 0:
            for j in range(n):
                xs.append(a[j] * 0.5)
        xs += [0.5 * t for t in xs[-2:]]
    return sum(xs)


def list_longer_after_a_return(a, s, n):
    """The same where what comes after a `return` is a branch."""
    xs = [s, 0.5 * a[1]]
    if n > 1:
        xs.append(a[3] * 0.5)
    if a[2] < 0:
        return s + a[0]
    xs += [0.5 * t for t in xs[-2:]]
    return sum(xs)


REGRESSIONS = {
    exit_code_of_an_inner_loop: (np.array([0.75, -0.6, 0.7, 1.2]), 1.3),
    carried_array_with_two_names: (np.array([0.75, -0.6, 0.7, 1.2]), np.array([1.0, 0.4, -0.3, 0.9])),
    size_that_a_later_argument_decides: (np.array([0.75, -0.6, 0.7, 1.2]), 3),
    array_of_two_dtypes: (np.array([0.2, -0.5, -0.7, 1.2]), 0.4),
    array_of_two_ranks: (np.array([0.2, -0.5, -0.7, 1.2]), 0.4),
    name_written_anew_after_continue: (np.array([0.75, -0.6, 0.7, 1.2]), -1.4),
    name_written_anew_beside_continue: (np.array([0.75, -0.6, 0.7, 1.2]), 1.3),
    name_written_anew_after_a_return: (np.array([0.75, -0.6, 0.7, 1.2]), 1.3),
    list_longer_by_as_many_items_as_data_decide: (np.array([0.75, -0.6, 0.7, 1.2]), 1.3),
    list_longer_in_branches: (np.array([0.75, -0.6, 0.7, 1.2]), 1.3, 3),
    list_longer_after_a_return: (np.array([0.75, -0.6, 0.7, 1.2]), 1.3, 3),
}
