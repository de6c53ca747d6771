"""Derivatives with respect to complex numbers: JAX's conventions, in both modes, and its errors."""

import types

import numpy as np
import pytest

import gradscribe as gs

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")
jax.config.update("jax_enable_x64", True)

Z = np.array([0.7 - 0.4j, -1.1 + 0.3j, 0.2 + 1.5j])
W = np.array([[2.0 + 1j, 0.3, -0.5j], [0.1, 1.5 - 0.7j, 0.4], [0.2j, -0.3, 3.0]])


def in_jax(function):
    """The same function with JAX's NumPy."""
    return types.FunctionType(function.__code__, {**function.__globals__, "np": jnp}, closure=function.__closure__)


REAL_VALUED = {
    "real": lambda z: np.sum(np.real(z) ** 2 * np.imag(z)),
    "imag": lambda z: np.sum((z**3).imag),
    "abs": lambda z: np.sum(np.abs(np.exp(z) * np.conj(z))),
    "abs_at_zero": lambda z: np.sum(np.abs(z - z) + np.abs(z)),
    "angle": lambda z: np.sum(np.angle(z * z)),
    "norm": lambda z: np.linalg.norm(z),
    "variance": lambda z: np.var(z),
    "vdot": lambda z: np.real(np.vdot(z, z[::-1])),
    "functions": lambda z: np.real(np.sum(np.sin(z) * np.tanh(z) + np.log(z) / np.sqrt(z) - np.arctan(z) ** (1 + 2j))),
    "solve": lambda z: np.abs(np.sum(np.linalg.solve(W, z) * np.linalg.det(W * z[0]))),
    "where": lambda z: np.sum(np.where(np.abs(z) > 1.0, np.real(z), np.abs(z))),
}
HOLOMORPHIC = {
    "powers": lambda z: np.sum(z**3 - z**-1 + 2.0 * z**0.5),
    "functions": lambda z: np.sum(np.exp(z) * np.cosh(z)) * np.prod(z),
    "matrix": lambda z: np.sum(W @ z * z),
}


@pytest.mark.parametrize("name", REAL_VALUED)
def test_gradient_of_a_real_number(name):
    function = REAL_VALUED[name]
    expected = jax.grad(in_jax(function))(Z)
    np.testing.assert_allclose(gs.grad(function)(Z), expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(gs.jacrev(function)(Z), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("transform", ["grad", "jacfwd", "jacrev", "hessian"])
@pytest.mark.parametrize("name", HOLOMORPHIC)
def test_holomorphic(name, transform):
    function = HOLOMORPHIC[name]
    expected = getattr(jax, transform)(in_jax(function), holomorphic=True)(Z)
    found = getattr(gs, transform)(function, holomorphic=True)(Z)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_single_precision_stays():
    z = Z.astype(np.complex64)
    value, gradient = gs.value_and_grad(lambda z: np.sum(np.abs(z) * z.real))(z)
    assert (value.dtype, gradient.dtype) == (np.float32, np.complex64)


def test_forward_mode_of_a_complex_result():
    found = gs.jacfwd(lambda x: np.exp(1j * x))(np.array([0.5, 1.0]))
    np.testing.assert_allclose(found, np.diag(1j * np.exp(1j * np.array([0.5, 1.0]))))


FUNCTIONS = {
    "real_of_complex": (lambda z: np.sum(np.abs(z)), Z),
    "complex_of_complex": (lambda z: np.sum(z * z), Z),
    "complex_of_real": (lambda x: np.sum(x * 1j), Z.real),
    "real_of_real": (lambda x: np.sum(x * x), Z.real),
}


@pytest.mark.parametrize("holomorphic", [False, True])
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("transform", ["grad", "value_and_grad", "jacfwd", "jacrev", "hessian"])
def test_refused_where_jax_refuses(transform, name, holomorphic):
    function, argument = FUNCTIONS[name]
    try:
        getattr(jax, transform)(in_jax(function), holomorphic=holomorphic)(argument)
    except TypeError:
        with pytest.raises(gs.DTypeError):
            getattr(gs, transform)(function, holomorphic=holomorphic)(argument)
    else:
        getattr(gs, transform)(function, holomorphic=holomorphic)(argument)


@pytest.mark.parametrize("backend", ["python", pytest.param("native", marks=pytest.mark.native)])
def test_complex64_beside_numbers_of_python(backend):
    """Numbers of Python are weak: nothing becomes complex128, and the gradient is that of double precision, rounded."""

    def scaled(z, y):
        w = z * y + 1j
        w = 2 * w - 1.5 + (0.5 - 1j) * z
        return w, w.real * 2.0, np.conj(w) ** 2, 1 / w, np.exp(1j * y), np.sum(w) / 3, y * 1j

    def loss(z, y):
        return 0.5 * np.sum(np.abs(scaled(z, y)[0]) ** 2) + 1

    z, y = np.array([0.3 + 0.5j, -0.7, 1.2 - 1j], np.complex64), np.array([0.3, -0.7, 1.2], np.float32)
    for mine, numpys in zip(gs.jit(scaled, backend=backend)(z, y), scaled(z, y), strict=True):
        assert mine.dtype == numpys.dtype and mine.dtype in (np.complex64, np.float32)
        np.testing.assert_allclose(mine, numpys, rtol=4 * np.finfo(np.float32).eps)
    gradient = gs.jit(gs.grad(loss, argnums=(0, 1)), backend=backend)
    for single, double in zip(gradient(z, y), gradient(z.astype(complex), y.astype(float)), strict=True):
        assert single.dtype in (np.complex64, np.float32)
        np.testing.assert_allclose(single, double, rtol=1e-5)
