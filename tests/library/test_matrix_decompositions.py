"""Eigenvalues, singular values, orthogonal factors, pseudo-inverses, least squares: values of NumPy's, derivatives by
differences and as JAX has them, twice in both orders, batches lane by lane. None depends on the signs of vectors.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradscribe as gs

RNG = np.random.default_rng(0)
SQUARE, TALL, WIDE = RNG.normal(size=(4, 4)), RNG.normal(size=(5, 3)), RNG.normal(size=(3, 5))
RIGHT = RNG.normal(size=(5, 2))


def programs(np):
    """The same programs for NumPy and for JAX."""

    def eigenvectors(a):
        w, v = np.linalg.eigh(a + a.T)
        return np.sum(np.sin(v**2) * np.arange(4.0)) + np.sum(w**3)

    def eigenvalues(a):
        return np.sum(np.linalg.eigvalsh(a @ a.T, UPLO="U") ** 1.5)

    def singular_vectors(a):
        u, s, vh = np.linalg.svd(a, full_matrices=False)
        return np.sum((u * u) @ s * np.arange(a.shape[0])) + np.sum(np.arange(a.shape[1]) * (s @ (vh * vh)))

    def singular_values(a):
        return np.sum(np.linalg.svd(a, compute_uv=False) ** 3) + np.linalg.svd(a, full_matrices=False)[1][0] ** 2

    def factors(a):
        q, r = np.linalg.qr(a)
        return np.sum(q**2 * np.cos(r[0, 0])) + np.sum(np.sin(r**2)) + np.sum((q[:, 0] * q[:, 1]) ** 2)

    def pseudo_inverse(a):
        return np.sum(np.sin(np.linalg.pinv(a)))

    def least_squares(a):
        return np.sum(np.sin(np.linalg.lstsq(a, RIGHT[: a.shape[0], 0])[0])) + np.sum(
            np.linalg.lstsq(a, RIGHT[: a.shape[0]])[0] ** 3
        )

    def spectral_norms(a):
        return np.linalg.norm(a, 2) * np.linalg.norm(a, "nuc") + np.linalg.norm(a, 1) * np.linalg.cond(a)

    return locals()


NUMPY, JAX = programs(np), programs(jnp)
CASES = [
    (name, x)
    for name in NUMPY
    if name != "np"
    for x in ((SQUARE,) if name.startswith("eigen") else (SQUARE, TALL, WIDE))
]
every_case = pytest.mark.parametrize(("name", "x"), CASES, ids=[f"{name}-{x.shape}" for name, x in CASES])


def difference(f, x, d, h=1e-5):
    return (f(x + h * d) - f(x - h * d)) / (2 * h)


@every_case
def test_gradients_and_hessians(name, x):
    f, d = NUMPY[name], RNG.normal(size=x.shape)
    gradient = gs.grad(f)(x)
    expected = difference(f, x, d)
    np.testing.assert_allclose(np.sum(gradient * d), expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(gs.jvp(f, (x,), (d,))[1], np.sum(gradient * d), rtol=1e-9)
    if not (name == "factors" and x is WIDE):  # JAX has no derivative there
        with jax.enable_x64(True):
            np.testing.assert_allclose(gradient, jax.grad(JAX[name])(x), rtol=1e-7, atol=1e-8)
    product = gs.jvp(gs.grad(f), (x,), (d,))[1]
    expected = difference(gs.grad(f), x, d)
    np.testing.assert_allclose(product, expected, rtol=1e-5, atol=1e-6 * np.max(np.abs(expected)))
    again = gs.grad(lambda y: np.sum(gs.grad(f)(y) * d))(x)
    np.testing.assert_allclose(again, product, rtol=1e-7, atol=1e-9 * np.max(np.abs(product)))


@every_case
def test_batches(name, x):
    f = NUMPY[name]
    xs = np.stack([x, 1.1 * x + 0.1 * x[::-1]])
    np.testing.assert_allclose(gs.vmap(f)(xs), [f(x) for x in xs], rtol=1e-10)
    np.testing.assert_allclose(gs.vmap(gs.grad(f))(xs), [gs.grad(f)(x) for x in xs], rtol=1e-7, atol=1e-9)


@pytest.mark.native
@pytest.mark.parametrize(
    ("name", "x"),
    [
        ("eigenvectors", SQUARE),
        ("eigenvalues", SQUARE),
        ("singular_vectors", WIDE),
        ("factors", TALL),
        ("least_squares", TALL),
        ("pseudo_inverse", WIDE),
    ],
)
def test_native(name, x):
    f = NUMPY[name]
    value, gradient = gs.jit(gs.value_and_grad(f))(x)
    np.testing.assert_allclose(value, f(x), rtol=1e-10)
    np.testing.assert_allclose(gradient, gs.grad(f)(x), rtol=1e-8, atol=1e-9)


@pytest.mark.native
def test_native_values_of_stacks_and_single_precision():
    x = RNG.normal(size=(2, 3, 4)).astype(np.float32)

    def everything(x):
        u, s, vh = np.linalg.svd(x)
        q, r = np.linalg.qr(x)
        w, v = np.linalg.eigh(x @ np.swapaxes(x, -1, -2), UPLO="U")
        return (u[..., None, :, :3] * s[..., None, None, :]), np.abs(vh), q @ r, np.abs(r), w, np.abs(v)

    for got, expected in zip(gs.jit(everything)(x), everything(x), strict=True):
        assert got.dtype == np.float32
        np.testing.assert_allclose(np.abs(got), np.abs(expected), atol=3e-6)


def broken(x):
    return np.linalg.svd(x)[1]  # fails here


@pytest.mark.native
def test_failures_and_nan():
    x = np.full((2, 2), np.nan)
    for f in (broken, gs.jit(broken)):
        with pytest.raises(np.linalg.LinAlgError, match="SVD did not converge"):
            f(x)
    for f in (lambda x: np.linalg.eigh(x)[0], lambda x: np.linalg.qr(x)[1]):
        np.testing.assert_array_equal(gs.jit(f)(x), f(x))


def test_least_squares_has_what_numpy_returns():
    deficient = np.outer(np.arange(1.0, 6), [1.0, 2.0, 3.0])
    for a in (TALL, WIDE, SQUARE, deficient):
        b = RNG.normal(size=(a.shape[0], 2))
        for got, expected in zip(gs.vjp(np.linalg.lstsq, a, b)[0], np.linalg.lstsq(a, b), strict=True):
            assert np.shape(got) == np.shape(expected)
            np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-12)


def test_names_of_the_results():
    def f(a):
        return np.linalg.svd(a).S[0] + np.linalg.eigh(a @ a.T).eigenvalues[1] + np.linalg.slogdet(a).logabsdet

    d = RNG.normal(size=(4, 4))
    np.testing.assert_allclose(np.sum(gs.grad(f)(SQUARE) * d), difference(f, SQUARE, d), rtol=1e-6)


def test_matrices_of_constant_rank():
    """A = B C of rank 2: the derivative along it exists, and is found."""
    b, c, right = RNG.normal(size=(5, 2)), RNG.normal(size=(2, 4)), RNG.normal(size=5)

    def f(b):
        a = b @ c
        return np.sum(np.sin(np.linalg.pinv(a, rcond=1e-9))) + np.sum(np.linalg.lstsq(a, right, rcond=1e-9)[0] ** 2)

    d = RNG.normal(size=b.shape)
    np.testing.assert_allclose(np.sum(gs.grad(f)(b) * d), difference(f, b, d), rtol=1e-6)


def test_equal_values_as_in_jax():
    a = np.eye(3)
    np.testing.assert_allclose(gs.grad(lambda a: np.sum(np.linalg.eigvalsh(a) ** 2))(a), 2 * a)
    with np.errstate(all="ignore"):
        got = gs.grad(lambda a: np.sum(np.linalg.svd(a)[0] * np.arange(3.0)))(a)
    assert not np.isfinite(got).any()


def complex_matrix(x, rows, columns):
    parts = x.reshape(2, rows, columns)
    return parts[0] + 1j * parts[1]


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4)])
def test_complex_matrices(shape):
    x = RNG.normal(size=2 * shape[0] * shape[1])
    phase = np.exp(1j * np.arange(shape[1]))

    def f(x):
        z = complex_matrix(x, *shape)
        u, s, vh = np.linalg.svd(z, full_matrices=False)
        w, v = np.linalg.eigh(np.conj(z.T) @ z)
        q, r = np.linalg.qr(z)
        total = np.sum(np.abs(u) ** 2 @ s * np.arange(shape[0])) + np.abs(np.sum((u * s**2) @ vh @ phase)) ** 2
        total += np.sum(np.abs(v[:, -1]) ** 2 * np.arange(shape[1])) + np.sum(w**2)
        total += np.sum(np.abs(r) ** 3) + np.sum(np.abs(q @ (np.arange(q.shape[1]) * np.conj(q[0]))) ** 2)
        return total + np.abs(np.sum(np.sin(np.linalg.pinv(z)))) + np.abs(np.linalg.lstsq(z, z[:, 0] ** 2)[0][0])

    d = RNG.normal(size=x.shape)
    expected = difference(f, x, d)
    np.testing.assert_allclose(np.sum(gs.grad(f)(x) * d), expected, rtol=1e-6)
    np.testing.assert_allclose(gs.jvp(f, (x,), (d,))[1], expected, rtol=1e-6)


def test_one_triangle_is_read():
    for letter in "LU":
        f = lambda a: np.sum(np.linalg.eigh(a, letter)[0] ** 3)  # noqa: B023
        d = RNG.normal(size=(4, 4))
        np.testing.assert_allclose(np.sum(gs.grad(f)(SQUARE) * d), difference(f, SQUARE, d), rtol=1e-6)


def all_columns(a):
    return np.sum(np.linalg.svd(a)[0] ** 2)


def test_all_columns_have_no_derivative():
    np.testing.assert_allclose(gs.vmap(all_columns)(TALL[None])[0], all_columns(TALL))
    d = RNG.normal(size=TALL.shape)
    values = lambda a: np.sum(np.linalg.svd(a)[1] ** 3)
    np.testing.assert_allclose(np.sum(gs.grad(values)(TALL) * d), difference(values, TALL, d), rtol=1e-6)
    with pytest.raises(gs.NoRule, match="full_matrices=False"):
        gs.grad(all_columns)(TALL)
    with pytest.raises(gs.UnsupportedSyntax, match="mode"):
        gs.grad(lambda a: np.sum(np.linalg.qr(a, mode="complete")[0]))(TALL)


def test_what_is_made_of_them():
    a = 0.2 * RNG.normal(size=(2, 3, 6)) + 2.0 * np.eye(6).reshape(2, 3, 6) + np.eye(3, 6)

    def f(a):
        square = a[:, :, :3]
        total = np.linalg.matrix_rank(square) * np.linalg.cond(square, 1) + np.linalg.cond(square)
        total += np.linalg.matrix_norm(square, ord="nuc") + np.linalg.norm(square, -2, axis=(2, 1))
        total += np.linalg.norm(square, -1, axis=(1, 2)) * np.linalg.norm(square, np.inf, axis=(1, 2))
        total += np.sum(np.linalg.matrix_power(square, -2) + np.linalg.matrix_power(square, 0))
        x = np.linalg.tensorsolve(a.reshape(2, 3, 6) + np.eye(6).reshape(2, 3, 6), np.ones((2, 3)))
        return np.sum(total) + np.sum(x) + np.sum(np.linalg.tensorinv(np.eye(6).reshape(6, 2, 3) + a[0, 0, 0], ind=1))

    d = RNG.normal(size=a.shape)
    value, pull = gs.vjp(f, a)
    np.testing.assert_allclose(value, f(a), rtol=1e-10)
    np.testing.assert_allclose(np.sum(pull(1.0)[0] * d), difference(f, a, d, 1e-6), rtol=1e-5)


def test_text_asks_for_values_alone():
    text = gs.source(lambda a: np.sum(np.linalg.svd(a, compute_uv=False)), TALL)
    assert "np.linalg.svdvals(a)" in text
    assert "np.linalg.eigvalsh(a)" in gs.source(lambda a: np.sum(np.linalg.eigvalsh(a)), SQUARE)
