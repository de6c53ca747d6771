"""Convolution of images as a loop over the kernel window, each step one matrix product over channels."""

import numpy as np


def conv2d(images, weights, bias):
    """Valid correlation of images, float[N, H, W, C], with weights, float[K, K, C, M]; bias, float[M]."""
    N, H, W, _ = images.shape
    K = weights.shape[0]
    H_out = H - K + 1
    W_out = W - K + 1
    out = np.zeros((N, H_out, W_out, weights.shape[3]), dtype=images.dtype)
    for dy in range(K):
        for dx in range(K):
            out += images[:, dy : dy + H_out, dx : dx + W_out, :] @ weights[dy, dx]
    return out + bias
