"""Lists that grow: in loops over sizes, under conditions on data, as comprehensions; and what is done with them."""

from __future__ import annotations

import numpy as np

from language.registry import program

X = np.array([0.3, -0.7, 1.2, 0.05, -1.1])
A = np.arange(12.0).reshape(4, 3) / 7 - 0.5


@program(A)
def a_list_of_states(a):
    states, energies = [], []
    s = np.zeros(a.shape[1])
    for t in range(a.shape[0]):
        s = np.tanh(s + a[t])
        states.append(s)
        energies.append(np.sum(s**2))
    return np.stack(states), np.array(energies), energies[-1] * len(states)


@program(A)
def appended_copies_of_a_buffer(a):
    s = np.zeros(a.shape[1])
    seen = []
    for row in a:
        s += row**2
        seen.append(s.copy())
    return np.concatenate(seen), np.vstack(seen).T


@program(A)
def the_same_array_appended_again_and_again(a):
    s = np.zeros(a.shape[1])
    seen = []
    for row in a:
        s += row**2
        seen.append(s)
    return np.stack(seen)


@program(X)
def a_list_of_tuples(x):
    pairs = [(0.0, 1.0)]
    for v in x:
        s, c = pairs[-1]
        pairs.append((s + v * c, c * np.cos(v)))
    return np.array(pairs), pairs[2][1]


@program(X)
def append_under_a_condition(x):
    kept, rest = [], [0.5]
    for v in x:
        if v > 0:
            kept.append(v**2)
        elif v < -1:
            rest += [v, v**3]
    return sum(kept) * max(kept) - min(rest), len(kept), len(rest)


@program(X)
def append_in_a_branch_of_data(x):
    values = [x[0]]
    if x[1] < 0:
        values.append(x[2] * x[0])
    total = 0.0
    for k, v in enumerate(values):
        total += v * (k + 1)
    return total, len(values)


@program(A)
def rows_of_rows(a):
    rows = []
    for i in range(a.shape[0]):
        row = []
        for j in range(a.shape[1]):
            row.append(np.sin(a[i, j]) * a[i, j])
        rows.append(row)
    return np.array(rows) @ a.T


@program(X)
def pairs_of_a_triangle(x):
    products = []
    for i in range(len(x)):
        for j in range(i):
            products.append(x[i] * x[j])
    return np.array(products)


@program(X)
def items_replaced_and_popped(x):
    stack = []
    total = 0.0
    for v in x:
        stack.append(v * v)
        stack.append(np.sin(v))
        total = total + stack.pop()
    for k in range(1, len(stack)):
        stack[k] += stack[k - 1] * 0.5
    return total, np.array(stack[1:]) * np.array(stack[:-1])


@program(X)
def a_list_grows_in_two_loops(x):
    history = [0]
    for v in x:
        history.append(history[-1] + v)
    for v in reversed(history):
        history.append(np.sin(v))
    history.append(x[0])
    return np.array(history), 1.0 if any(h > 1 for h in history) else 0.0


@program(X)
def a_list_until_a_break(x):
    seen = []
    for v in x:
        if v > 1:
            break
        seen.append(v * v)
    return sum(seen), len(seen)


@program(A)
def comprehensions_over_sizes(a):
    squares = [[a[i, j] ** 2 * i for j in range(a.shape[1])] for i in range(a.shape[0])]
    norms = [np.sqrt(np.sum(row**2)) for row in a]
    return np.array(squares), sum(norms), sum(u * v for u, v in zip(norms[1:], norms[:-1], strict=True))


@program(X)
def comprehension_with_a_condition(x):
    return sum([np.exp(v) for v in x if v > 0]), max([v * v for v in x if abs(v) < 1])


@program(X)
def a_list_of_one_number(x):
    table = [0.0] * len(x)
    for k in range(len(x)):
        table[k] += x[k] ** 2
        table[0] += x[k]
    return np.array(table)


@program(X)
def returned_lists(x):
    values = []
    for v in x:
        values.append(v * v)
    return values, {"twice": [2 * v for v in values]}


class Recorder:
    """An object with a list."""

    def __init__(self):
        self.values = []

    def add(self, value):
        self.values.append(value)


@program({"old": [1.0, 2.0]}, X)
def lists_in_other_containers(history, x):
    recorder, table = Recorder(), {"v": [], "w": []}
    for v in x:
        recorder.add(v * v)
        table["v"].append(v)
        table["w"].extend([v, -v])
        history["old"].append(np.cos(v))
    return np.array(recorder.values) * np.array(table["v"]), sum(table["w"])


@program(X)
def activations_of_a_short_loop(x):
    activations = [x]
    for _ in range(3):
        activations.append(activations[-1][1:] * 2)
    return activations[-1].sum() + activations[1].sum()


# ---- growing as far as data decides ----


@program(X)
def appended_until_a_sum_is_large(x):
    sums, k = [], 0
    s = x[0]
    while s < 40.0:
        s = s * 1.2 + x[k % 5] ** 2
        sums.append(s)
        k += 1
    return np.array(sums).sum(), len(sums)


@program(X)
def states_and_some_times_of_a_simulation(x):
    total, t = 1.0, 0.0
    states, times = [x], [0.0]
    while total < 30.0:
        t = t + 0.1
        states.append(np.sin(states[-1]) + t * x)
        if states[-1][0] > 0.5:
            times.append(t * x[1])
        total = total + np.sum(states[-1] ** 2)
    return np.stack(states), np.array(times), states[-1] * len(times)


@program(X)
def pairs_appended_in_a_while_in_a_for(x):
    seen = []
    for v in x:
        w = v * v
        while w < 3.0:
            seen.append((w, w * v))
            w = w * 1.5 + 0.1
            if len(seen) > 14:
                break
    pairs = np.array(seen)
    return pairs[:, 0] @ pairs[:, 1], len(seen)


@program(X)
def work_on_a_stack_until_it_is_empty(x):
    todo = [x[0], x[2]]
    total = 0.0
    while todo:
        v = todo.pop()
        total = total + v * v
        if v > 0.1:
            todo.append(v * 0.5)
            todo.append(v * 0.3)
    return total


@program(X)
def two_taken_under_a_condition(x):
    stack = []
    total = 0.0
    for v in x:
        stack.append(v * v)
        if v < 0:
            total += stack.pop() * stack[-1]
    return total, len(stack)


@program(X)
def grows_until_data_breaks_an_endless_loop(x):
    heights = []
    v = x[2]
    while True:
        if v < 0.15 or len(heights) > 8:
            break
        heights.append(v)
        v = v * 0.6 - 0.05 * x[1] ** 2
    marks = []
    while len(marks) < 40:
        marks.append(v * len(marks))
        v = v * 1.5 + 0.2
        if v > 4.0 * x[2]:
            break
    return np.array(heights), len(marks), sum(marks)


@program(X)
def a_list_refilled_from_the_next_generation(x):
    level = [x[0], x[2]]
    generations = 0
    while len(level) < 12 and sum(level) < 6.0:
        following = []
        for v in level:
            following.append(v * 1.1)
            if v < 0.9:
                following.append(v * 0.6 + x[3])
        level[:] = following
        generations += 1
    return np.array(level), generations
