# vjp of arc_distance, written by gradscribe.
# From tests/programs/arc_distance.py:6.
#   theta_1: f64[theta_1_size]
#   phi_1: f64[theta_1_size]
#   theta_2: f64[theta_1_size]
#   phi_2: f64[theta_1_size]
#   out_bar: f64[theta_1_size], cotangent of result 0
import numpy as np


def arc_distance_vjp(theta_1, phi_1, theta_2, phi_2, out_bar):
    theta_1_size = theta_1.shape[0]
    if theta_1.ndim != 1 or theta_1.dtype != np.float64:
        raise TypeError(
            "theta_1: expected 1-d float64, got %d-d %s" % (theta_1.ndim, theta_1.dtype)
        )
    if phi_1.shape != (theta_1_size,):
        raise ValueError(
            "phi_1: expected shape (%d,), got %s" % (theta_1_size, phi_1.shape)
        )
    if phi_1.dtype != np.float64:
        raise TypeError("phi_1: expected float64, got %s" % phi_1.dtype)
    if theta_2.shape != (theta_1_size,):
        raise ValueError(
            "theta_2: expected shape (%d,), got %s" % (theta_1_size, theta_2.shape)
        )
    if theta_2.dtype != np.float64:
        raise TypeError("theta_2: expected float64, got %s" % theta_2.dtype)
    if phi_2.shape != (theta_1_size,):
        raise ValueError(
            "phi_2: expected shape (%d,), got %s" % (theta_1_size, phi_2.shape)
        )
    if phi_2.dtype != np.float64:
        raise TypeError("phi_2: expected float64, got %s" % phi_2.dtype)
    if out_bar.shape != (theta_1_size,):
        raise ValueError(
            "out_bar: expected shape (%d,), got %s" % (theta_1_size, out_bar.shape)
        )
    if out_bar.dtype != np.float64:
        raise TypeError("out_bar: expected float64, got %s" % out_bar.dtype)
    t = (theta_2 - theta_1) / 2           # arc_distance.py:8
    t2 = np.sin(t)
    h = t2 ** 2
    t3 = np.cos(theta_1)                  # arc_distance.py:9
    t4 = np.cos(theta_2)
    t5 = t3 * t4
    t6 = (phi_2 - phi_1) / 2
    t7 = np.sin(t6)
    t8 = t7 ** 2
    h = h + t5 * t8
    t9 = np.sqrt(h)                       # arc_distance.py:10
    t10 = np.sqrt(1 - h)
    value = 2 * np.arctan2(t9, t10)
    # backward
    t11 = out_bar * 2                     # line 10
    t12 = t10 * t10 + t9 * t9             # of np.arctan2, line 10
    h_bar = t11 * t9 / t12 * 0.5 / t10    # of np.sqrt, line 10
    h_bar = h_bar + t11 * t10 / t12 * 0.5 / t9
    t8 = h_bar * t8                       # line 9
    phi_2_bar = h_bar * t5 * (2 * t7) * np.cos(t6) / 2  # of (phi_2 - phi_1) / 2, line 9
    t = h_bar * (2 * t2) * np.cos(t) / 2  # of (theta_2 - theta_1) / 2, line 8
    return (
        value,
        (
            -(t8 * t4 * np.sin(theta_1) + t),
            -phi_2_bar,
            t - t8 * t3 * np.sin(theta_2),
            phi_2_bar,
        ),
    )
