# value_and_grad of mlp_tanh, written by gradscribe.
# From tests/programs/mlp_tanh.py:6.
#   params_W1: f64[params_W1_0, params_W1_1], params['W1']
#   params_W2: f64[params_W1_1, params_W2_1], params['W2']
#   params_W3: f64[params_W2_1, params_W3_1], params['W3']
#   params_b1: f64[params_W1_1], params['b1']
#   params_b2: f64[params_W2_1], params['b2']
#   params_b3: f64[params_W3_1], params['b3']
#   x: f64[x_0, params_W1_0]
#   labels: i64[x_0]
import numpy as np


def mlp_tanh_value_and_grad(
    params_W1, params_W2, params_W3, params_b1, params_b2, params_b3, x, labels,
):
    params_W1_0, params_W1_1 = params_W1.shape
    params_W2_1 = params_W2.shape[1]
    params_W3_1 = params_W3.shape[1]
    x_0 = x.shape[0]
    if params_W1.ndim != 2 or params_W1.dtype != np.float64:
        raise TypeError(
            "params_W1: expected 2-d float64, got %d-d %s"
            % (params_W1.ndim, params_W1.dtype),
        )
    if params_W2.shape != (params_W1_1, params_W2_1):
        raise ValueError(
            "params_W2: expected shape (%d, %d), got %s"
            % (params_W1_1, params_W2_1, params_W2.shape),
        )
    if params_W2.dtype != np.float64:
        raise TypeError("params_W2: expected float64, got %s" % params_W2.dtype)
    if params_W3.shape != (params_W2_1, params_W3_1):
        raise ValueError(
            "params_W3: expected shape (%d, %d), got %s"
            % (params_W2_1, params_W3_1, params_W3.shape),
        )
    if params_W3.dtype != np.float64:
        raise TypeError("params_W3: expected float64, got %s" % params_W3.dtype)
    if params_b1.shape != (params_W1_1,):
        raise ValueError(
            "params_b1: expected shape (%d,), got %s" % (params_W1_1, params_b1.shape)
        )
    if params_b1.dtype != np.float64:
        raise TypeError("params_b1: expected float64, got %s" % params_b1.dtype)
    if params_b2.shape != (params_W2_1,):
        raise ValueError(
            "params_b2: expected shape (%d,), got %s" % (params_W2_1, params_b2.shape)
        )
    if params_b2.dtype != np.float64:
        raise TypeError("params_b2: expected float64, got %s" % params_b2.dtype)
    if params_b3.shape != (params_W3_1,):
        raise ValueError(
            "params_b3: expected shape (%d,), got %s" % (params_W3_1, params_b3.shape)
        )
    if params_b3.dtype != np.float64:
        raise TypeError("params_b3: expected float64, got %s" % params_b3.dtype)
    if x.shape != (x_0, params_W1_0):
        raise ValueError(
            "x: expected shape (%d, %d), got %s" % (x_0, params_W1_0, x.shape)
        )
    if x.dtype != np.float64:
        raise TypeError("x: expected float64, got %s" % x.dtype)
    if labels.shape != (x_0,):
        raise ValueError("labels: expected shape (%d,), got %s" % (x_0, labels.shape))
    if labels.dtype != np.int64:
        raise TypeError("labels: expected int64, got %s" % labels.dtype)
    h = np.tanh(x @ params_W1 + params_b1)          # mlp_tanh.py:8
    h2 = np.tanh(h @ params_W2 + params_b2)         # mlp_tanh.py:9
    logits = h2 @ params_W3 + params_b3             # mlp_tanh.py:10
    t = np.max(logits, axis=1)[:, None]             # mlp_tanh.py:11
    shifted = logits - t
    t2 = np.exp(shifted)                            # mlp_tanh.py:12
    t3 = np.sum(t2, axis=1)
    log_z = np.log(t3)
    t4 = np.arange(x_0)                             # mlp_tanh.py:13
    picked = shifted[t4, labels]
    value = np.sum(log_z - picked) / x_0            # mlp_tanh.py:14
    # backward
    t5 = 1.0 / x_0                                  # of np.mean, line 14
    shifted_bar = np.zeros((x_0, params_W3_1))      # line 13
    shifted_bar[t4, labels] -= t5
    shifted_bar += (t5 / t3)[:, None] * t2          # of np.exp, line 12
    t = (logits == t).astype(np.float64)            # of np.max, line 11
    t = t * (-(np.sum(shifted_bar, axis=1) / np.sum(t, axis=1)))[:, None]
    logits_bar = shifted_bar + t
    t = logits_bar @ params_W3.T * (1.0 - h2 * h2)  # of np.tanh, line 9
    t2 = t @ params_W2.T * (1.0 - h * h)            # of np.tanh, line 8
    return (
        value,
        (
            {
                "W1": x.T @ t2,
                "W2": h.T @ t,
                "W3": h2.T @ logits_bar,
                "b1": np.sum(t2, axis=0),
                "b2": np.sum(t, axis=0),
                "b3": np.sum(logits_bar, axis=0),
            },
            t2 @ params_W1.T,
        ),
    )
