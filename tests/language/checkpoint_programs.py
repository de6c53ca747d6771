"""Functions whose calls are checkpoints: `gs.checkpoint`."""

from __future__ import annotations

import numpy as np

import gradscribe as gs
from language.registry import program

X = np.array([0.9, -0.7, 1.2, 0.15, -1.1])
W = np.array([[0.3, -0.2, 0.5], [0.7, 0.1, -0.4], [-0.6, 0.8, 0.2]])
B = np.array([[0.5, -0.1, 0.2], [0.3, 0.9, -0.8]])


@gs.checkpoint
def _layer(w, x):
    h = np.sin(x @ w)
    return np.tanh(h * h)


@program(W, B)
def layers_saved_by_their_arguments(w, x):
    for _ in range(3):
        x = _layer(w, x)
    return np.sum(x**2)


@gs.checkpoint(policy=gs.checkpoint_policies.dots_saveable)
def _saving_dots(params, x):
    h = np.tanh(x @ params["w"] + params["b"])
    return {"out": h @ params["w"], "norm": np.sum(h**2)}


@program(W, B)
def products_saved_only(w, x):
    out = _saving_dots({"w": w, "b": x[0]}, x)
    again = _saving_dots({"w": w, "b": x[1]}, out["out"])
    return np.sum(np.cos(again["out"])) * out["norm"] + again["norm"]


@program(X)
def branches_and_loops_inside_a_checkpoint(x):
    def converge(y, t):
        k = 0
        while abs(y * y - t) > 1e-9 and k < 50:
            y = 0.5 * (y + t / y)
            k += 1
        if y > 1.0:
            y = y + np.sin(t)
        return y

    total = 0.0
    for k in range(len(x)):
        total += gs.checkpoint(converge)(1.0 + 0 * x[k], 1.0 + x[k] ** 2)
    return total


@program(X)
def writes_through_a_checkpoint(x):
    def scale_in_place(a, k):
        a[k] = a[k] * a[k - 1]
        a += 0.1 * np.sin(a)

    y = x.copy()
    for k in range(1, 4):
        gs.checkpoint(scale_in_place)(y, k)
    return np.sum(y**3)


@program(X, 0.7)
def checkpoints_in_checkpoints(x, s):
    scale = s * 2.0

    def inner(y):
        return np.sin(y) * scale

    @gs.checkpoint
    def middle(y):
        return gs.checkpoint(inner)(y) + gs.checkpoint(inner, policy=gs.checkpoint_policies.everything_saveable)(y * y)

    return np.sum(gs.checkpoint(middle)(x) * x)


@program(X)
def named_values_in_a_checkpoint(x):
    def f(y):
        h = gs.checkpoint_name(np.exp(np.sin(y)), "h")
        return np.sum(np.sin(h) * h), h

    one, h = gs.checkpoint(f, policy=gs.checkpoint_policies.save_only_these_names("h"))(x)
    two, _ = gs.checkpoint(f, policy=gs.checkpoint_policies.save_any_names_but_these("h"))(h)
    return one * two


@program(X)
def sizes_that_data_decide_in_a_checkpoint(x):
    kept = gs.checkpoint(lambda y: np.sin(y[y > 0]))(x)
    return np.sum(kept**2) * len(kept)


@program(X)
def a_gradient_of_a_checkpoint_inside(x):
    return np.sum(gs.grad(lambda y: np.sum(gs.checkpoint(np.sin)(y) * y**2))(x) * x)
