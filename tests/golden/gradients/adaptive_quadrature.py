# value_and_grad of adaptive_quadrature, written by gradscribe.
# From tests/language/recursion_programs.py:23.
#   a: float
#   b: float
#   w: float
import math

import numpy as np


def _simpson(a, b, tol, w):
    m = (a + b) / 2                   # recursion_programs.py:13
    t = b - a                         # recursion_programs.py:14
    t2 = np.sin(w * a) * a            # recursion_programs.py:24
    t3 = np.sin(w * m) * m
    t4 = np.sin(w * b) * b
    one = t / 6 * (t2 + 4 * t3 + t4)  # recursion_programs.py:14
    left = (a + m) / 2                # recursion_programs.py:15
    right = (m + b) / 2
    t2 = t2 + 4 * (np.sin(w * left) * left) + 2 * t3  # recursion_programs.py:16
    two = t / 12 * (t2 + 4 * (np.sin(w * right) * right) + t4)
    t = two - one                     # recursion_programs.py:17
    if np.abs(t) < tol:
        return_ = two + t / 15        # recursion_programs.py:18
    else:
        t = tol / 2                   # recursion_programs.py:19
        return_ = _simpson(a, m, t, w) + _simpson(m, b, t, w)
    return return_


def _simpson_vjp(a, b, tol, w, return_bar):
    m = (a + b) / 2                                # recursion_programs.py:13
    t = b - a                                      # recursion_programs.py:14
    t2 = t / 6
    t3 = w * a                                     # recursion_programs.py:24
    t4 = np.sin(t3)
    t5 = t4 * a
    t6 = w * m
    t7 = np.sin(t6)
    t8 = t7 * m
    t9 = w * b
    t10 = np.sin(t9)
    t11 = t10 * b
    t12 = t5 + 4 * t8 + t11                        # recursion_programs.py:14
    one = t2 * t12
    left = (a + m) / 2                             # recursion_programs.py:15
    right = (m + b) / 2
    t /= 12                                        # recursion_programs.py:16
    t13 = w * left                                 # recursion_programs.py:24
    t14 = np.sin(t13)
    t15 = w * right
    t16 = np.sin(t15)
    t5 = t5 + 4 * (t14 * left) + 2 * t8 + 4 * (t16 * right) + t11  # recursion_programs.py:16
    two = t * t5
    t8 = np.abs(two - one) < tol                   # recursion_programs.py:17
    if t8:
        saved = 0.0
    else:
        saved = tol / 2                            # recursion_programs.py:19
    # backward
    if t8:                                         # line 17
        t8 = return_bar / 15                       # of (two - one) / 15, line 18
        two_bar = return_bar                       # line 17
        a_bar = 0.0
        m_bar = 0.0
        w_bar = 0.0
        b_bar = 0.0
    else:
        m_bar, b_bar, w_bar = _simpson_vjp(m, b, saved, w, return_bar)  # of _simpson, line 19
        a_bar, t8, t11 = _simpson_vjp(a, m, saved, w, return_bar)
        two_bar = 0.0                              # line 17
        m_bar = m_bar + t8                         # of _simpson, line 19
        t8 = 0.0                                   # line 17
        w_bar = w_bar + t11                        # of _simpson, line 19
    two_bar = two_bar + t8                         # of two - one, line 17
    t = two_bar * t                                # line 16
    t11 = t * 4                                    # of 4 * f(right), line 16
    t15 = t11 * right * math.cos(t15)              # of np.sin, line 24
    t13 = t11 * left * math.cos(t13)
    t16 = (t11 * t16 + t15 * w) / 2                # of (m + b) / 2, line 15
    t11 = (t11 * t14 + t13 * w) / 2                # of (a + m) / 2, line 15
    t2 = t8 * t2                                   # line 14
    t14 = t - t2                                   # of f(a) + 4 * f(m) + f(b), line 14
    t9 = t14 * b * math.cos(t9)                    # of np.sin, line 24
    t = t * 2 - t2 * 4                             # of 4 * f(m), line 14
    t2 = t * m * math.cos(t6)                      # of np.sin, line 24
    w_bar = w_bar + t15 * right + t13 * left + t9 * b + t2 * m  # of w * t, line 24
    t3 = t14 * a * math.cos(t3)                    # of np.sin, line 24
    t5 = two_bar * t5 / 12 - t8 * t12 / 6          # of (b - a) / 6, line 14
    t = (m_bar + t16 + t11 + t * t7 + t2 * w) / 2  # of (a + b) / 2, line 13
    return (
        a_bar + t11 + t14 * t4 + t3 * w - t5 + t,
        b_bar + t16 + t14 * t10 + t9 * w + t5 + t,
        w_bar + t3 * a,
    )


def adaptive_quadrature_value_and_grad(a, b, w):
    if np.ndim(a) != 0:
        raise ValueError("a: expected a number, got shape %s" % (np.shape(a),))
    if np.ndim(b) != 0:
        raise ValueError("b: expected a number, got shape %s" % (np.shape(b),))
    if np.ndim(w) != 0:
        raise ValueError("w: expected a number, got shape %s" % (np.shape(w),))
    value = _simpson(a, b, 0.001, w)  # recursion_programs.py:24
    # backward
    a_bar, b_bar, w_bar = _simpson_vjp(a, b, 0.001, w, 1.0)  # of _simpson, line 24
    return value, (a_bar, b_bar, w_bar)
