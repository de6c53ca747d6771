import numpy as np


def loss_vjp(x, w, loss_bar):
    n = x.shape[0]
    if x.ndim != 1 or x.dtype != np.float64:
        raise TypeError("x: expected 1-d float64, got %d-d %s" % (x.ndim, x.dtype))
    if w.shape != (n,):
        raise ValueError("w: expected shape (%d,), got %s" % (n, w.shape))
    if w.dtype != np.float64:
        raise TypeError("w: expected float64, got %s" % w.dtype)
    if np.ndim(loss_bar) != 0:
        raise ValueError(
            "loss_bar: expected a number, got shape %s" % (np.shape(loss_bar),)
        )
    s = np.sin(x)         # model.py:10
    loss = np.sum(s * w)  # model.py:11
    # backward
    return loss, w * loss_bar * np.sin(x + 1.0), s * loss_bar
