# vjp of softmax, written by gradscribe.
# From tests/programs/softmax.py:6.
#   x: f64[x_0, x_1, x_2, x_3]
#   out_bar: f64[x_0, x_1, x_2, x_3], cotangent of result 0
import numpy as np


def softmax_vjp(x, out_bar):
    x_0, x_1, x_2, x_3 = x.shape
    if x.ndim != 4 or x.dtype != np.float64:
        raise TypeError("x: expected 4-d float64, got %d-d %s" % (x.ndim, x.dtype))
    if out_bar.shape != (x_0, x_1, x_2, x_3):
        raise ValueError(
            "out_bar: expected shape (%d, %d, %d, %d), got %s"
            % (x_0, x_1, x_2, x_3, out_bar.shape),
        )
    if out_bar.dtype != np.float64:
        raise TypeError("out_bar: expected float64, got %s" % out_bar.dtype)
    largest = np.max(x, axis=3)[:, :, :, None]  # softmax.py:8
    e = np.exp(x - largest)                     # softmax.py:9
    t = np.sum(e, axis=3)[:, :, :, None]        # softmax.py:10
    value = e / t
    # backward
    e_bar = out_bar / t                         # line 10
    x_bar = (e_bar + (-np.sum(e_bar * value, axis=3))[:, :, :, None]) * e  # of np.exp, line 9
    t = (x == largest).astype(np.float64)       # of np.max, line 8
    t2 = (-(np.sum(x_bar, axis=3) / np.sum(t, axis=3)))[:, :, :, None]
    return value, (x_bar + t * t2,)
