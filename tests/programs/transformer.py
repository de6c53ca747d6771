"""A small transformer: normalised multi-head attention and a two-layer perceptron, both added to their input."""

import numpy as np


def layer_norm(x, gain, shift):
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred * centred).mean(axis=-1, keepdims=True)
    return centred / np.sqrt(variance + 1e-5) * gain + shift


def gelu(x):
    return 0.5 * x * (1.0 + np.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))


def attention(x, layer, heads):
    """Attention of all positions of x, float[B, S, D], to all positions, in `heads` heads."""
    batch, length, width = x.shape
    apart = (batch, length, heads, width // heads)
    queries, keys, values = ((x @ layer[name]).reshape(apart).transpose(0, 2, 1, 3) for name in ("Q", "K", "V"))
    scores = queries @ keys.transpose(0, 1, 3, 2) / (width // heads) ** 0.5
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    mixed = e / e.sum(axis=-1, keepdims=True) @ values
    return mixed.transpose(0, 2, 1, 3).reshape(batch, length, width) @ layer["O"]


def transformer(layers, x, heads):
    """Mean square of what the layers, a tuple of dicts, make of x, float[B, S, D]."""
    for layer in layers:
        x = x + attention(layer_norm(x, layer["gain1"], layer["shift1"]), layer, heads)
        hidden = gelu(layer_norm(x, layer["gain2"], layer["shift2"]) @ layer["W1"] + layer["b1"])
        x = x + hidden @ layer["W2"] + layer["b2"]
    return (x * x).mean()
