"""Functions that the tests of the public interface transform; at module level, so that they pickle."""

from dataclasses import dataclass

import numpy as np

import gradscribe as gs


@dataclass
class Layer:
    w: np.ndarray
    b: np.ndarray


def affine_loss(params, x, y):
    p = np.tanh(x @ params["w"] + params["b"])
    return np.mean((p - y) ** 2)


def layered(layers, x):
    for layer in layers:
        x = np.tanh(x @ layer.w + layer.b)
    return np.sum(x)


def cube(x):
    return np.sum(x**3)


def quintic(x):
    return x**5


def smooth(x):
    return np.sin(x) * np.exp(-x)


def writes_its_argument(x):
    x[0] = x[0] * 2.0
    return np.sum(x * x)


def power_by_loop(x, n):
    y = 1.0
    for _ in range(n):
        y = y * x
    return y


def norm_or_zero(x):
    s = 0.0
    for i in range(x.shape[0]):
        s += x[i] ** 2
        if s > 4.0:
            break
    return np.sqrt(s)


@gs.grad
def slope(x):
    """The derivative of x ** 3."""
    return x**3


@gs.jit(backend="python")
def doubled(x):
    return 2.0 * x


@gs.grad(argnums=(0, 1))
def slopes(x, y):
    return x * y**2


class Model:
    def __init__(self, scale):
        self.scale = scale

    @gs.grad
    def slope_of_self(self, x):
        return x

    def loss(self, x):
        return self.scale * np.sum(x**2)
