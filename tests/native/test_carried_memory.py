"""The next value of what a loop carries is written over the old one, where nothing reads that any more; products are
added by BLAS where they go. Values are those of Python in every case that must not do so."""

import numpy as np
import pytest

import gradscribe as gs

pytestmark = pytest.mark.native
RNG = np.random.default_rng(3)
W, V = RNG.normal(size=(9, 9)) / 3, RNG.normal(size=(9, 9))


def momentum(w, n):
    v = np.zeros_like(w)
    for _ in range(n):
        v = 0.9 * v - 0.1 * np.cos(w)
        w = w + v
    return w


def exchanged(a, b, n):
    for _ in range(n):
        a, b = b + 1.0, a * 2.0
    return a - b


def read_afterwards(a, n):
    total = np.zeros_like(a)
    for _ in range(n):
        b = np.sin(a)
        total = total + a * b
        a = b
    return total + a


def old_one_kept(a, n):
    last = a
    for _ in range(n):
        last = a
        a = np.sin(a) + 0.5
    return last * a


def shifted(a, n):
    for _ in range(n):
        a = a[:, ::-1] + 0.5 * a
    return a


def transposed(a, n):
    for _ in range(n):
        a = a.T + 0.5 * a
    return a


def summed_rows(a, n):
    for _ in range(n):
        a = a / np.sum(np.abs(a), axis=1, keepdims=True)
    return a


def one_value_twice(a, n):
    b = a
    for _ in range(n):
        a = b = a + b
    return a * b


def counted_by_data(a, n):
    while np.max(np.abs(a)) > 0.1 and n > 0:
        a = a * 0.7
        n -= 1
    return a


def left_early(a, n):
    for _ in range(n):
        b = a * 0.5
        if b[0, 0] < -1e9:
            break
        a = b + a
    return a


def sum_of_products(a, b, n):
    total = np.zeros((9, 9))
    for _ in range(n):
        total = total + a @ b
        a = a * 0.5
    return total


def product_onto_its_factor(a, n):
    for _ in range(n):
        a = a + a @ a * 0.1
        a = a + a @ a
        a = a / np.sum(np.abs(a))
    return a


def product_read_twice(a, b, n):
    for _ in range(n):
        p = a @ b
        b = b + p
        a = 0.5 * a + p * 0.01
    return a + b


def product_on_the_left(a, b, n):
    total = np.ones((9, 9))
    for _ in range(n):
        total = a.T @ b + total
        b = b * 0.3
    return total


def cleared_and_added(a, b, n):
    c = a * 2.0
    for _ in range(n):
        c[:] = a
    return c * c + a * b


def old_version_after_a_write(a, b, n):
    for _ in range(n):
        old = a
        a = a * 0.5
        b = b + old * a
    return a + b


PROGRAMS = {
    cleared_and_added: (W, V), old_version_after_a_write: (W, V),
    momentum: (W,), exchanged: (W, V), read_afterwards: (W,), old_one_kept: (W,), shifted: (W,), transposed: (W,),
    summed_rows: (W,), one_value_twice: (W,), counted_by_data: (W,), left_early: (W,), sum_of_products: (W, V),
    product_onto_its_factor: (W,), product_read_twice: (W, V), product_on_the_left: (W, V),
}  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("trips", [0, 1, 4])
def test_values_and_gradients(program, trips):
    arguments = PROGRAMS[program]
    kept = [x.copy() for x in arguments]
    np.testing.assert_allclose(gs.jit(program)(*arguments, trips), program(*arguments, trips), rtol=1e-13, atol=1e-13)
    for x, before in zip(arguments, kept, strict=True):
        assert (x == before).all()
    loss = lambda *x: np.sum(np.sin(program(*x)))
    found = gs.jit(gs.grad(loss, tuple(range(len(arguments)))))(*arguments, trips)
    expected = gs.grad(loss, tuple(range(len(arguments))))(*arguments, trips)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("program", [momentum, counted_by_data], ids=lambda f: f.__name__)
def test_nothing_is_allocated_in_the_loop(program, capsys):
    found = gs.explain(program, *PROGRAMS[program], 4)
    assert not [a for a in found.loops.allocations if a.loops]


def test_an_old_value_that_is_still_read_keeps_its_memory(capsys):
    assert [a for a in gs.explain(transposed, W, 4).loops.allocations if a.loops]


@pytest.mark.parametrize(("program", "flags"), [(sum_of_products, "0, 0"), (product_on_the_left, "1, 0")])
def test_products_are_added_by_blas(program, flags):
    text = gs.source(program, W, V, 4, level="loops")
    assert f"gemm({flags}, 1.0, a, b, 1.0, total)" in text and "0.0, total" not in text


def test_the_cotangent_of_weights_is_summed_by_blas():
    def recurrence(w, h, n):
        for _ in range(n):
            h = np.tanh(h @ w)
        return np.sum(h)

    assert "1.0, w_bar)" in gs.source(gs.grad(recurrence), W, V, 4, level="loops")
    found = gs.jit(gs.grad(recurrence))(W, V, 4)
    h = 1e-6
    step = np.zeros((9, 9))
    step[2, 3] = h
    difference = (recurrence(W + step, V, 4) - recurrence(W - step, V, 4)) / (2 * h)
    assert found[2, 3] == pytest.approx(difference, rel=1e-6)
