"""LeNet: two convolutions, each followed by rectification and pooling, and three dense layers; mean cross-entropy."""

import numpy as np

from programs.conv2d import conv2d


def max_pool(x):
    """The largest of each 2 by 2 window of x, float[N, H, W, C], with H and W even."""
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).max(axis=(2, 4))


def lenet(params, images, labels):
    """Mean cross-entropy of images, float[N, H, W, C], against labels, int[N]."""
    h = max_pool(np.maximum(conv2d(images, params["K1"], params["c1"]), 0.0))
    h = max_pool(np.maximum(conv2d(h, params["K2"], params["c2"]), 0.0))
    h = h.reshape(h.shape[0], -1)
    h = np.maximum(h @ params["W1"] + params["b1"], 0.0)
    h = np.maximum(h @ params["W2"] + params["b2"], 0.0)
    logits = h @ params["W3"] + params["b3"]
    logits = logits - logits.max(axis=1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(labels)), labels].mean()
