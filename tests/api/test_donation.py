"""`donate_argnums`: results in the memory of donated arguments, the same as without."""

import jax
import numpy as np
import pytest

import gradscribe as gs

pytestmark = pytest.mark.native


def arrays(seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 4)), rng.normal(size=(4, 4))


def elementwise(x, y):
    return x - 0.1 * np.tanh(y)


def crossed(x, y):
    return y + 2.0 * x, x - y


def swapped(x, y):
    return y * 1.0, x * 1.0


def reversed_rows(x, y):
    return x[::-1] + y


def transposed(x, y):
    return x.T + y


def moved(x, y):
    return np.roll(x, 1, axis=0) + y


def product(x, y):
    return x @ y


def product_and_sum(x, y):
    return x @ y, x + y


def view_too(x, y):
    return x[1:], x * y


def argument_too(x, y):
    return x, x * y


def twice(x, y):
    z = x * y
    return z, z


def written_besides(x, y):
    y[0] = 1.0
    return x + y


def stepped(x, y):
    for _ in range(5):
        x = x + 0.1 * y * x.sum()
    return x


def from_neighbours(x, y):
    z = x.copy()
    for i in range(1, 3):
        z[i] = 0.5 * (x[i - 1] + x[i + 1]) + y[i]
    return z


def row_sums_after(x, y):
    return x * y, x.sum(axis=1)


FUNCTIONS = (
    elementwise, crossed, swapped, reversed_rows, transposed, moved, product, product_and_sum, view_too, argument_too,
    twice, written_besides, stepped, from_neighbours, row_sums_after,
)  # fmt: skip


@pytest.mark.parametrize("donated", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_values_are_those_without_donation(f, donated):
    # An argument that is returned whole, or written by the function, is the caller's as ever.
    expected_args = arrays()
    expected = f(*expected_args)
    expected = [np.array(x) for x in (expected if isinstance(expected, tuple) else (expected,))]
    args = arrays()
    compiled = gs.jit(f, donate_argnums=donated)
    found = compiled(*args)
    for x, wanted in zip(found if isinstance(found, tuple) else (found,), expected, strict=True):
        np.testing.assert_allclose(x, wanted, rtol=1e-13, atol=1e-13)
    for k in {0, 1} - set(donated):
        np.testing.assert_array_equal(args[k], expected_args[k])


def test_results_are_in_the_donated_arrays():
    p, g = {"w": np.ones((5, 6)), "b": np.ones(4)}, {"w": np.full((5, 6), 2.0), "b": np.full(4, 3.0)}
    w, b = p["w"], p["b"]

    def step(p, g, rate):
        return {"w": p["w"] - rate * np.tanh(g["w"]), "b": p["b"] - rate * g["b"]}

    compiled = gs.jit(step, donate_argnums=0)
    out = compiled(p, g, 0.5)
    assert out["w"] is w and out["b"] is b
    np.testing.assert_allclose(w, 1.0 - 0.5 * np.tanh(2.0), rtol=1e-15)
    again = compiled(out, g, 0.5)
    assert again["b"] is b
    np.testing.assert_array_equal(b, -2.0)
    np.testing.assert_array_equal(g["b"], 3.0)


def test_a_gradient_goes_into_the_donated_argument():
    x, y = arrays()
    expected = np.cos(x) * y
    found = gs.jit(gs.grad(lambda x, y: np.sum(np.sin(x) * y)), donate_argnums=(0,))(x, y)
    assert found is x
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_what_saves_no_array_stays_as_it_is():
    x, y = arrays()
    before = x.copy()
    found = gs.jit(product, donate_argnums=0)(x, y)
    assert not np.shares_memory(found, x)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize(
    "options",
    [{"donate_argnums": -2}, {"donate_argnames": "x"}, {"donate_argnums": (0,), "static_argnums": 1}],
    ids=str,
)
def test_donated_by_place_or_name(options):
    def scaled(x, k):
        return x * k

    (x, _), k = arrays(), 3
    expected = x * k
    found = gs.jit(scaled, **options)(x, k)
    assert found is x
    np.testing.assert_array_equal(found, expected)
    y = expected.copy()
    assert gs.jit(scaled, donate_argnums=0, donate_argnames="x")(k=k, x=y) is y


def test_an_array_passed_twice_is_left_alone():
    x, _ = arrays()
    before = x.copy()
    found = gs.jit(transposed, donate_argnums=0)(x, x)
    np.testing.assert_array_equal(found, before.T + before)
    np.testing.assert_array_equal(x, before)


def test_memory_shared_with_another_argument_is_refused():
    x, _ = arrays()
    with pytest.raises(gs.AliasError, match="shares memory"):
        gs.jit(elementwise, donate_argnums=0)(x, x[::-1])


def test_a_read_only_array_is_refused():
    x, y = arrays()
    x.flags.writeable = False
    with pytest.raises(gs.ReadOnlyError):
        gs.jit(elementwise, donate_argnums=0)(x, y)


def test_strided_arrays():
    x, y = arrays()
    wide = np.repeat(x, 2, axis=1)
    found = gs.jit(elementwise, donate_argnums=0)(wide[:, ::2], y)
    np.testing.assert_allclose(found, elementwise(x, y), rtol=1e-14)
    np.testing.assert_array_equal(wide[:, 1::2], x)


def test_python_text_and_other_transformations_write_nothing():
    x, y = arrays()
    before = x.copy()
    gs.jit(elementwise, donate_argnums=0, backend="python")(x, y)
    gs.vmap(gs.jit(elementwise, donate_argnums=0))(x, y)
    gs.grad(lambda x: np.sum(gs.jit(elementwise, donate_argnums=0)(x, y)))(x)
    np.testing.assert_array_equal(x, before)


def test_as_jax_does():
    x, y = arrays()
    jax.config.update("jax_enable_x64", True)
    expected = jax.jit(crossed, donate_argnums=(0, 1))(jax.numpy.array(x), jax.numpy.array(y))
    found = gs.jit(crossed, donate_argnums=(0, 1))(x, y)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-14)
