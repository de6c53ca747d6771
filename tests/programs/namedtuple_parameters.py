"""Damped pendulum by the semi-implicit Euler method; parameters in a namedtuple, and a namedtuple returned."""

from typing import NamedTuple

import numpy as np


class Pendulum(NamedTuple):
    length: float
    damping: float
    gravity: float


class State(NamedTuple):
    angle: np.ndarray
    speed: np.ndarray


def namedtuple_parameters(p, state, steps):
    """The state after ``steps`` steps of 0.05; angle and speed are float[n], one pendulum each."""
    h = 0.05
    for t in range(steps):
        speed = state.speed - h * (p.gravity / p.length * np.sin(state.angle) + p.damping * state.speed)
        state = State(state.angle + h * speed, speed)
    return state
