"""Neural networks that are timed, as users write them in NumPy: LeNet with max pooling, a transformer block stack.

Parameters are dicts or tuples of arrays; each function returns the mean cross-entropy or squared error of a batch.
"""

from __future__ import annotations

import numpy as np


def convolve(images, weights, bias):  # type: ignore[no-untyped-def]
    """Valid correlation of images, float[N, H, W, C], with weights, float[K, K, C, M]."""
    K = weights.shape[0]
    H_out = images.shape[1] - K + 1
    W_out = images.shape[2] - K + 1
    out = np.zeros((images.shape[0], H_out, W_out, weights.shape[3]), dtype=images.dtype)
    for dy in range(K):
        for dx in range(K):
            out += images[:, dy : dy + H_out, dx : dx + W_out, :] @ weights[dy, dx]
    return out + bias


def pool(x):  # type: ignore[no-untyped-def]
    """Maximum over windows of two by two."""
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).max(axis=(2, 4))


def cross_entropy(logits, labels):  # type: ignore[no-untyped-def]
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.sum(labels * log_p) / logits.shape[0]


def lenet(params, images, labels):  # type: ignore[no-untyped-def]
    """images float[N, 28, 28, 1], labels one-hot; two convolutions with pooling, three dense layers."""
    (k1, c1), (k2, c2), (w1, b1), (w2, b2), (w3, b3) = params
    h = pool(np.maximum(convolve(images, k1, c1), 0.0))
    h = pool(np.maximum(convolve(h, k2, c2), 0.0))
    h = h.reshape(h.shape[0], -1)
    h = np.maximum(h @ w1 + b1, 0.0)
    h = np.maximum(h @ w2 + b2, 0.0)
    return cross_entropy(h @ w3 + b3, labels)


def layer_norm(x, scale, shift):  # type: ignore[no-untyped-def]
    centred = x - np.mean(x, axis=-1, keepdims=True)
    variance = np.mean(centred * centred, axis=-1, keepdims=True)
    return centred / np.sqrt(variance + 1e-5) * scale + shift


def attention(x, w_qkv, w_out, heads):  # type: ignore[no-untyped-def]
    batch, length, width = x.shape
    depth = width // heads
    qkv = (x @ w_qkv).reshape(batch, length, 3, heads, depth)
    q = qkv[:, :, 0].transpose(0, 2, 1, 3)
    k = qkv[:, :, 1].transpose(0, 2, 3, 1)
    v = qkv[:, :, 2].transpose(0, 2, 1, 3)
    scores = (q @ k) * depth**-0.5
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    weights = e / np.sum(e, axis=-1, keepdims=True)
    mixed = (weights @ v).transpose(0, 2, 1, 3).reshape(batch, length, width)
    return mixed @ w_out


def gelu(x):  # type: ignore[no-untyped-def]
    """The approximation with tanh."""
    return 0.5 * x * (1.0 + np.tanh(0.7978845608 * (x + 0.044715 * x * x * x)))


def transformer(blocks, x, target, heads):  # type: ignore[no-untyped-def]
    """Pre-norm blocks over x, float[batch, length, width]; the mean squared error against target."""
    for scale_1, shift_1, w_qkv, w_out, scale_2, shift_2, w_up, b_up, w_down, b_down in blocks:
        x = x + attention(layer_norm(x, scale_1, shift_1), w_qkv, w_out, heads)
        h = gelu(layer_norm(x, scale_2, shift_2) @ w_up + b_up)
        x = x + h @ w_down + b_down
    return np.mean((x - target) ** 2)


def gemm(alpha, beta, C, A, B):  # type: ignore[no-untyped-def]
    """alpha A B + beta C (PolyBench ``gemm``)."""
    return alpha * (A @ B) + beta * C
