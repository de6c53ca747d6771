# vjp of conv2d, written by gradscribe.
# From tests/programs/conv2d.py:6.
#   images: f64[N, H, W, _]
#   weights: f64[K, weights_1, _, weights_3]
#   bias: f64[weights_3]
#   out_bar: f64[N, H - K + 1, W - K + 1, weights_3], cotangent of result 0
# Valid only where:
#   staged for H + 1 (H is axis 1 of images) >= K (K is axis 0 of weights)
#   staged for W + 1 (W is axis 2 of images) >= K (K is axis 0 of weights)
#   staged for weights_1 (weights_1 is axis 1 of weights) >= K (K is axis 0 of weights)
import numpy as np


def conv2d_vjp(images, weights, bias, out_bar):
    N, H, W, _ = images.shape
    K = weights.shape[0]
    weights_1 = weights.shape[1]
    weights_3 = weights.shape[3]
    if images.ndim != 4 or images.dtype != np.float64:
        raise TypeError(
            "images: expected 4-d float64, got %d-d %s" % (images.ndim, images.dtype)
        )
    if H < 2:
        raise ValueError("images: axis 1 needs at least 2 entries, got %d" % H)
    if W < 2:
        raise ValueError("images: axis 2 needs at least 2 entries, got %d" % W)
    if weights.shape != (K, weights_1, _, weights_3):
        raise ValueError(
            "weights: expected shape (%d, %d, %d, %d), got %s"
            % (K, weights_1, _, weights_3, weights.shape),
        )
    if weights.dtype != np.float64:
        raise TypeError("weights: expected float64, got %s" % weights.dtype)
    if K < 2:
        raise ValueError("weights: axis 0 needs at least 2 entries, got %d" % K)
    if bias.shape != (weights_3,):
        raise ValueError("bias: expected shape (%d,), got %s" % (weights_3, bias.shape))
    if bias.dtype != np.float64:
        raise TypeError("bias: expected float64, got %s" % bias.dtype)
    if out_bar.shape != (N, H - K + 1, W - K + 1, weights_3):
        raise ValueError(
            "out_bar: expected shape (%d, %d, %d, %d), got %s"
            % (N, H - K + 1, W - K + 1, weights_3, out_bar.shape),
        )
    if out_bar.dtype != np.float64:
        raise TypeError("out_bar: expected float64, got %s" % out_bar.dtype)
    if H + 1 < K:
        raise ValueError(
            "staged for H + 1 (H is axis 1 of images) >= K (K is axis 0 of weights)"
        )
    if W + 1 < K:
        raise ValueError(
            "staged for W + 1 (W is axis 2 of images) >= K (K is axis 0 of weights)"
        )
    if weights_1 < K:
        raise ValueError(
            "staged for weights_1 (weights_1 is axis 1 of weights) >= K (K is axis 0 of weights)",
        )
    out = np.zeros((N, H - K + 1, W - K + 1, weights_3))  # conv2d.py:12
    for dy in range(K):                # conv2d.py:13
        for dx in range(K):            # conv2d.py:14
            t = images[:, dy:H + dy - K + 1, dx:W + dx - K + 1]  # conv2d.py:15
            t = t @ weights[dy, dx]
            out += t
    value = out + bias                 # conv2d.py:16
    # backward
    out_bar2 = out_bar.copy()          # line 13
    images_bar = np.zeros((N, H, W, _))
    weights_bar = np.zeros((K, weights_1, _, weights_3))
    for dy in reversed(range(K)):
        for dx in reversed(range(K)):  # line 14
            t = np.tensordot(out_bar2, weights[dy, dx], axes=([3], [1]))  # line 15
            t2 = np.tensordot(
                images[:, dy:H + dy - K + 1, dx:W + dx - K + 1],
                out_bar2,
                axes=([0, 1, 2], [0, 1, 2]),
            )
            weights_bar[dy, dx] += t2
            images_bar[:, dy:H + dy - K + 1, dx:W + dx - K + 1] += t
    return value, (images_bar, weights_bar, np.sum(out_bar, axis=(0, 1, 2)))
