"""Multilayer perceptron with tanh and softmax cross-entropy, parameters in a dict (Rumelhart et al. 1986)."""

import numpy as np


def mlp_tanh(params, x, labels):
    """Mean cross-entropy of x, float[n, d], against labels, int[n]; three layers."""
    h = np.tanh(x @ params["W1"] + params["b1"])
    h = np.tanh(h @ params["W2"] + params["b2"])
    logits = h @ params["W3"] + params["b3"]
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_z = np.log(np.sum(np.exp(shifted), axis=1))
    picked = shifted[np.arange(x.shape[0]), labels]
    return np.mean(log_z - picked)
