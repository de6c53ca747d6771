# grad(test_emitted_text_reads_like_the_users.<locals>.training_step), written by gradscribe.
# From tests/language/test_printing.py:228.
#   w: f64[w_size]
#   x: f64[x_0, w_size]
#   y: f64[x_0]
#   rate: float
import sys

import numpy as np


def training_step_grad(w, x, y, rate):
    w_size = w.shape[0]
    x_0 = x.shape[0]
    if w.ndim != 1 or w.dtype != np.float64:
        raise TypeError("w: expected 1-d float64, got %d-d %s" % (w.ndim, w.dtype))
    if x.shape != (x_0, w_size):
        raise ValueError("x: expected shape (%d, %d), got %s" % (x_0, w_size, x.shape))
    if x.dtype != np.float64:
        raise TypeError("x: expected float64, got %s" % x.dtype)
    if y.shape != (x_0,):
        raise ValueError("y: expected shape (%d,), got %s" % (x_0, y.shape))
    if y.dtype != np.float64:
        raise TypeError("y: expected float64, got %s" % y.dtype)
    if np.ndim(rate) != 0:
        raise ValueError("rate: expected a number, got shape %s" % (np.shape(rate),))
    error = x @ w - y                            # test_printing.py:229
    loss = np.sum(error ** 2) / x_0              # test_printing.py:230
    print("loss", loss, "rate", rate, sep=": ")  # test_printing.py:231
    for k in range(w_size):                      # test_printing.py:232
        t = w[k]                                 # test_printing.py:233
        if np.abs(t) > 1:
            print(f"w[{k}] = {t:+.3e} is large", file=sys.stderr)  # test_printing.py:234
    if not loss < 1000000.0:                     # test_printing.py:236
        raise FloatingPointError(f"diverged: loss {loss:.2f} at {w}")
    print("%d weights, %.1f%%" % (w_size, 100 * rate), end="\n\n")  # test_printing.py:237
    # backward
    return 1.0 / x_0 * (2 * error) @ x
