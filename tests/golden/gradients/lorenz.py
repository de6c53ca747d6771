# value_and_grad of lorenz, written by gradscribe.
# From tests/programs/lorenz.py:8.
#   sigma: float
#   rho: float
#   beta: float
#   steps: int
import numpy as np


def lorenz_value_and_grad(sigma, rho, beta, steps):
    if np.ndim(sigma) != 0:
        raise ValueError("sigma: expected a number, got shape %s" % (np.shape(sigma),))
    if np.ndim(rho) != 0:
        raise ValueError("rho: expected a number, got shape %s" % (np.shape(rho),))
    if np.ndim(beta) != 0:
        raise ValueError("beta: expected a number, got shape %s" % (np.shape(beta),))
    x_saved = np.empty(max(steps, 0))            # lorenz.py:12
    y_saved = np.empty(max(steps, 0))
    z_saved = np.empty(max(steps, 0))
    x = 1.0
    y = 1.0
    z = 1.0
    for step in range(steps):
        x_saved[step] = x
        y_saved[step] = y
        z_saved[step] = z
        k1x = sigma * (y - x)                    # lorenz.py:5
        k1y = x * (rho - z) - y
        k1z = x * y - beta * z
        t = x + 0.005 * k1x                      # lorenz.py:14
        t2 = y + 0.005 * k1y
        t3 = z + 0.005 * k1z
        k2x = sigma * (t2 - t)                   # lorenz.py:5
        k2y = t * (rho - t3) - t2
        k2z = t * t2 - beta * t3
        t = x + 0.005 * k2x                      # lorenz.py:15
        t2 = y + 0.005 * k2y
        t3 = z + 0.005 * k2z
        k3x = sigma * (t2 - t)                   # lorenz.py:5
        k3y = t * (rho - t3) - t2
        k3z = t * t2 - beta * t3
        t = x + 0.01 * k3x                       # lorenz.py:16
        t2 = y + 0.01 * k3y
        t3 = z + 0.01 * k3z
        k4x = sigma * (t2 - t)                   # lorenz.py:5
        k4y = t * (rho - t3) - t2
        k4z = t * t2 - beta * t3
        t = 0.0016666666666666668 * (k1x + 2 * k2x + 2 * k3x + k4x)  # lorenz.py:17
        x += t
        t = 0.0016666666666666668 * (k1y + 2 * k2y + 2 * k3y + k4y)  # lorenz.py:18
        y += t
        t = 0.0016666666666666668 * (k1z + 2 * k2z + 2 * k3z + k4z)  # lorenz.py:19
        z += t
    value = 0.5 * x - y + 0.25 * z               # lorenz.py:20
    # backward
    x_bar = 0.5                                  # line 12
    y_bar = -1.0
    z_bar = 0.25
    sigma_bar = 0.0
    rho_bar = 0.0
    beta_bar = 0.0
    for step in reversed(range(steps)):
        k4z_bar = z_bar * 0.0016666666666666668  # line 19
        k3z_bar = k4z_bar * 2                    # of 2 * k3z, line 19
        k4y_bar = y_bar * 0.0016666666666666668  # line 18
        k3y_bar = k4y_bar * 2                    # of 2 * k3y, line 18
        k4x_bar = x_bar * 0.0016666666666666668  # line 17
        k3x_bar = k4x_bar * 2                    # of 2 * k3x, line 17
        z = z_saved[step]                        # of beta * z, line 5
        x = x_saved[step]
        y = y_saved[step]
        t = rho - z                              # of rho - z, line 5
        k1y = x * t - y                          # of x * (rho - z) - y, line 5
        t2 = y + 0.005 * k1y                     # of y + h / 2 * k1y, line 14
        t3 = y - x                               # of y - x, line 5
        k1x = sigma * t3                         # of sigma * (y - x), line 5
        t4 = x + 0.005 * k1x                     # of x + h / 2 * k1x, line 14
        t5 = t2 - t4                             # of y - x, line 5
        k2x = sigma * t5                         # of sigma * (y - x), line 5
        t6 = x + 0.005 * k2x                     # of x + h / 2 * k2x, line 15
        k1z = x * y - beta * z                   # of x * y - beta * z, line 5
        t7 = z + 0.005 * k1z                     # of z + h / 2 * k1z, line 14
        t8 = rho - t7                            # of rho - z, line 5
        k2y = t4 * t8 - t2                       # of x * (rho - z) - y, line 5
        t9 = y + 0.005 * k2y                     # of y + h / 2 * k2y, line 15
        k2z = t4 * t2 - beta * t7                # of x * y - beta * z, line 5
        t10 = z + 0.005 * k2z                    # of z + h / 2 * k2z, line 15
        k3z = t6 * t9 - beta * t10               # of x * y - beta * z, line 5
        t11 = z + 0.01 * k3z                     # of z + h * k3z, line 16
        t12 = rho - t10                          # of rho - z, line 5
        k3y = t6 * t12 - t9                      # of x * (rho - z) - y, line 5
        t13 = y + 0.01 * k3y                     # of y + h * k3y, line 16
        t14 = t9 - t6                            # of y - x, line 5
        k3x = sigma * t14                        # of sigma * (y - x), line 5
        t15 = x + 0.01 * k3x                     # of x + h * k3x, line 16
        t16 = k4y_bar * t15                      # of x * (rho - z), line 5
        t17 = k4z_bar * beta + t16               # of rho - z, line 5
        t18 = k4x_bar * sigma                    # of sigma * (y - x), line 5
        t19 = k4z_bar * t15 - k4y_bar + t18      # of y - x, line 5
        t18 = k4z_bar * t13 + k4y_bar * (rho - t11) - t18
        k3z_bar2 = k3z_bar - t17 * 0.01          # of h * k3z, line 16
        k3y_bar2 = k3y_bar + t19 * 0.01          # of h * k3y, line 16
        k3x_bar2 = k3x_bar + t18 * 0.01          # of h * k3x, line 16
        t20 = k3y_bar2 * t6                      # of x * (rho - z), line 5
        t21 = k3z_bar2 * beta + t20              # of rho - z, line 5
        t22 = k3x_bar2 * sigma                   # of sigma * (y - x), line 5
        t6 = k3z_bar2 * t6 - k3y_bar2 + t22      # of y - x, line 5
        t9 = k3z_bar2 * t9 + k3y_bar2 * t12 - t22
        k2z_bar = k3z_bar - t21 * 0.005          # of h / 2 * k2z, line 15
        k2y_bar = k3y_bar + t6 * 0.005           # of h / 2 * k2y, line 15
        k2x_bar = k3x_bar + t9 * 0.005           # of h / 2 * k2x, line 15
        beta_bar = beta_bar - k4z_bar * t11 - k3z_bar2 * t10 - k2z_bar * t7  # of beta * z, line 5
        t7 = k2y_bar * t4                        # of x * (rho - z), line 5
        t10 = k2z_bar * beta + t7                # of rho - z, line 5
        t11 = k2x_bar * sigma                    # of sigma * (y - x), line 5
        sigma_bar = sigma_bar + k4x_bar * (t13 - t15) + k3x_bar2 * t14 + k2x_bar * t5
        t4 = k2z_bar * t4 - k2y_bar + t11        # of y - x, line 5
        t2 = k2z_bar * t2 + k2y_bar * t8 - t11
        k1z_bar = k4z_bar - t10 * 0.005          # of h / 2 * k1z, line 14
        k1y_bar = k4y_bar + t4 * 0.005           # of h / 2 * k1y, line 14
        k1x_bar = k4x_bar + t2 * 0.005           # of h / 2 * k1x, line 14
        t5 = k1y_bar * x                         # of x * (rho - z), line 5
        x_bar = x_bar + t18 + t9 + t2 + k1z_bar * y + k1y_bar * t
        t = k1x_bar * sigma                      # of sigma * (y - x), line 5
        x_bar -= t                               # of y - x, line 5
        y_bar = y_bar + t19 + t6 + t4 + k1z_bar * x - k1y_bar + t
        z_bar = z_bar - t17 - t21 - t10 - k1z_bar * beta - t5  # of rho - z, line 5
        sigma_bar += k1x_bar * t3                # of sigma * (y - x), line 5
        rho_bar = rho_bar + t16 + t20 + t7 + t5  # of rho - z, line 5
        beta_bar -= k1z_bar * z                  # of beta * z, line 5
    return value, (sigma_bar, rho_bar, beta_bar)
