"""Numerically stable softmax over the last axis of a four-dimensional array (attention weights)."""

import numpy as np


def softmax(x):
    """Softmax of x, float[N, H, S, S], over the last axis."""
    largest = np.max(x, axis=-1, keepdims=True)
    e = np.exp(x - largest)
    return e / np.sum(e, axis=-1, keepdims=True)
