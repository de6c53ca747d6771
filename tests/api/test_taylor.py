"""`gs.jet` and `gs.taylor` as users call them: structures, composition with other transformations, errors."""

import math

import numpy as np
import pytest

import gradscribe as gs


def pendulum(state, length):
    angle, speed = state["angle"], state["speed"]
    for _ in range(2):
        angle = angle + 0.1 * speed
        speed = speed - 0.1 * np.sin(angle) / length
    return {"energy": speed * speed - np.cos(angle), "moves": 2}


def test_trees_and_held_arguments():
    state = {"angle": 0.3, "speed": 1.0}
    zero = {"angle": 0.0, "speed": 0.0}
    out, higher = gs.jet(pendulum, (state, 2.0), ([{"angle": 1.0, "speed": 0.5}, zero, zero], None))

    def energy(t):
        return pendulum({"angle": 0.3 + t, "speed": 1.0 + 0.5 * t}, 2.0)["energy"]

    expected = [
        energy(0.0),
        gs.grad(energy)(0.0),
        gs.grad(gs.grad(energy))(0.0),
        gs.grad(gs.grad(gs.grad(energy)))(0.0),
    ]
    np.testing.assert_allclose([out["energy"], *higher["energy"]], expected, rtol=1e-12)
    assert out["moves"] == 2 and higher["moves"] is None


def test_taylor_coefficients():
    np.testing.assert_allclose(gs.taylor(np.exp, 0.0, 1.0, 8), [1 / math.factorial(k) for k in range(9)], rtol=1e-14)
    x, v = np.array([0.5, 1.0]), np.array([1.0, -2.0])
    pairs = gs.taylor(lambda x: (x * x, np.sum(x)), x, v, 3)
    np.testing.assert_allclose(np.stack([c[0] for c in pairs]), [x * x, 2 * x * v, v * v, 0 * v], atol=1e-14)
    np.testing.assert_allclose([c[1] for c in pairs], [1.5, -1.0, 0.0, 0.0], atol=1e-14)


def test_single_precision_stays():
    x = np.linspace(0.1, 1.0, 4, dtype=np.float32)
    value, higher = gs.jet(lambda x: np.tanh(x) ** 3 / (1 + x), (x,), ([x, x, x],))
    assert {a.dtype for a in (value, *higher)} == {np.dtype(np.float32)}


def collatz_like(x):
    """A loop that data ends, with a branch and a write."""
    kept = np.zeros(3)
    while x < 8.0:
        if x > 2.0:
            x = x * np.sqrt(x)
        else:
            x = 1.5 * x + np.sin(x)
        kept[1] += x * x
    return kept[1] * x


def third(f, x, v):
    return gs.jet(f, (x,), ([v, 0.0, 0.0],))[1][2]


def third_of_loop(x):
    return third(collatz_like, x, 1.0)


def test_compositions():
    by_grad = gs.grad(gs.grad(gs.grad(collatz_like)))
    np.testing.assert_allclose(third_of_loop(1.3), by_grad(1.3), rtol=1e-11)
    np.testing.assert_allclose(gs.jit(third_of_loop)(1.3), by_grad(1.3), rtol=1e-11)
    np.testing.assert_allclose(gs.grad(third_of_loop)(1.3), gs.grad(by_grad)(1.3), rtol=1e-10)
    np.testing.assert_allclose(third(gs.grad(collatz_like), 1.3, 1.0), gs.grad(by_grad)(1.3), rtol=1e-10)
    xs = np.array([0.7, 1.3, 2.5])
    for lanes in ("auto", "loop"):
        np.testing.assert_allclose(gs.vmap(third_of_loop, lanes=lanes)(xs), [by_grad(x) for x in xs], rtol=1e-11)


def test_the_cost_grows_with_the_square_of_the_order():
    """Nested forward mode doubles with each order; here the lines grow by a constant each time."""
    lengths = [len(gs.source(gs.jet, deep, (0.3,), ([1.0] * order,)).splitlines()) for order in (2, 4, 6, 8)]
    first, second, last = np.diff(lengths)
    assert last < 2 * second < 4 * first * 2


def deep(x):
    for _ in range(3):
        x = np.sin(x) / (1.0 + x * x)
    return x


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: gs.jet(np.sin, (1.0,), ([1.0], [1.0])), ValueError, "1 primals and 2 series"),
        (lambda: gs.jet(np.multiply, (1.0, 2.0), ([1.0], [1.0, 2.0])), ValueError, "one length"),
        (lambda: gs.jet(np.sin, (1.0,), ([],)), ValueError, "one length"),
        (lambda: gs.jet(np.sin, (1.0,), (1.0,)), TypeError, "list of derivatives"),
        (lambda: gs.jet(np.sin, 1.0, ([1.0],)), TypeError, "tuples or lists"),
        (lambda: gs.jet(np.sin, (np.ones(3),), ([np.ones(2)],)), ValueError, "the shapes must agree"),
        (lambda: gs.jet(lambda n: n * 2.0, (3,), ([1],)), gs.DTypeError, "floating dtype"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()


@gs.custom_jvp
def cube(x):
    return x * x * x


@cube.defjvp
def cube_jvp(primals, tangents):
    """Another derivative on purpose: 4 x."""
    (x,), (dx,) = primals, tangents
    return cube(x), 4.0 * x * dx


def test_rules_of_users_are_followed():
    def in_loop(x):
        s = 0.0
        for i in range(3):
            s = s + cube(x * (i + 1.0))
        return s

    value, higher = gs.jet(in_loop, (0.5,), ([1.0, 0.0, 0.0],))
    np.testing.assert_allclose([value, *higher], [4.5, 28.0, 56.0, 0.0], rtol=1e-14)


def test_checkpoints_are_followed():
    expected = gs.jet(collatz_like, (1.3,), ([1.0, 0.5, 0.0],))
    found = gs.jet(gs.checkpoint(collatz_like), (1.3,), ([1.0, 0.5, 0.0],))
    np.testing.assert_allclose([found[0], *found[1]], [expected[0], *expected[1]], rtol=1e-13)
