"""Loops that are run back with few of their states: `gs.checkpointed`."""

from __future__ import annotations

import numpy as np

import gradscribe as gs
from language.registry import program

X = np.array([0.9, -0.7, 1.2, 0.15, -1.1])


@program(X, 0.3, 9, argnums=(0, 1))
def written_state_with_few_snapshots(x, w, n):
    u = x.copy()
    total = 0.0
    for t in gs.checkpointed(range(n), snapshots=3):
        u[t % 5] = np.sin(w * u[t % 5]) + u[(t + 1) % 5]
        u[1:] += 0.1 * u[:-1] * w
        total += u[0] * u[2]
    return np.sum(u**2) + total


@program(X, 0.3, 7, 2, argnums=(0, 1))
def buffers_swapped_with_few_snapshots(x, w, n, k):
    state = {"old": x.copy(), "new": np.zeros(5), "age": 0.0}
    for _ in gs.checkpointed(range(n), snapshots=k):
        state["new"][1:-1] = w * np.cos(state["old"][:-2]) + state["old"][2:]
        state["new"][0] = state["old"][-1] * w
        state["new"][-1] = state["old"][0] ** 2
        state["old"], state["new"] = state["new"], state["old"]
        state["age"] += w
    return np.sum(np.sin(state["old"])) * state["age"]


@program(X, 0.4, argnums=(0, 1))
def left_early_with_few_snapshots(x, w):
    y = x[0]
    for t in gs.checkpointed(range(50), snapshots=3):
        y = y * 1.2 + w * np.sin(y)
        if t % 3 == 1:
            continue
        if y > 4.0:
            y = y - w
            break
        y = y + 0.1 * x[1]
        if y < -9.0:
            return y * w
    return y * y


@program(X, 0.4, argnums=(0, 1))
def until_it_settles_with_few_snapshots(x, w):
    y, change = x.copy(), 1.0
    while gs.checkpointed(change > 1e-3, snapshots=4):
        new = 0.5 * np.cos(w * y) + 0.1 * x
        change = np.max(np.abs(new - y))
        y = new
    return np.sum(y * x)


@program(X, 0.3, argnums=(0, 1))
def few_snapshots_inside_few_snapshots(x, w):
    y = x[0]
    for t in gs.checkpointed(range(5, 0, -1), snapshots=2):
        for row in gs.checkpointed(x, snapshots=2):
            y = np.sin(y * w) + row / t
        k = 0
        while y < 1.0 and k < 4:
            y = y + 0.4 * w * y * y + 0.2
            k += 1
    return y


@program(X, 0.3, argnums=(0, 1))
def few_snapshots_inside_loops(x, w):
    total = 0.0
    for k in range(3):
        y = x[k]
        for t in gs.checkpointed(range(k, 6, 2), snapshots=2):
            y = np.sin(y * w) + x[t % 5] * y
        if y > 0.3:
            total += y * y
        else:
            total += np.exp(y)
    return total


@gs.checkpoint
def _stepped(y, w):
    return np.sin(y * w) + y * y * 0.1


@program(X, 0.3, argnums=(0, 1))
def checkpoints_in_loops_with_few_snapshots(x, w):
    for _ in gs.checkpointed(range(6), snapshots=2):
        x = _stepped(x, w)
    return np.sum(x)
