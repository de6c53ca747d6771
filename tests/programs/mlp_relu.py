"""Multilayer perceptron with rectified linear units; parameters in a tuple of (weights, bias) pairs."""

import numpy as np


def dense(x, weights, bias):
    return x @ weights + bias


def mlp_relu(layers, x, targets):
    """Mean cross-entropy of x, float[n, d], against one-hot targets, float[n, classes]; any number of layers."""
    h = x
    for weights, bias in layers[:-1]:
        h = np.maximum(dense(h, weights, bias), 0.0)
    weights, bias = layers[-1]
    logits = dense(h, weights, bias)
    logits = logits - logits.max(axis=1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return -(targets * log_p).sum() / x.shape[0]
