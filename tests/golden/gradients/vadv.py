# vjp of vadv, written by gradscribe.
# From tests/programs/vadv.py:10.
#   u: f64[u_0, u_1, K]
#   wcon: f64[u_0 + 1, u_1, wcon_2]
#   tendency: f64[u_0, u_1, tendency_2]
#   dtr: float
#   out_bar: f64[u_0, u_1, K], cotangent of result 0
# Valid only where:
#   staged for wcon_2 (wcon_2 is axis 2 of wcon) >= K (K is axis 2 of u)
#   staged for tendency_2 (tendency_2 is axis 2 of tendency) >= K (K is axis 2 of u)
import numpy as np


def vadv_vjp(u, wcon, tendency, dtr, out_bar):
    u_0, u_1, K = u.shape
    wcon_2 = wcon.shape[2]
    tendency_2 = tendency.shape[2]
    if u.ndim != 3 or u.dtype != np.float64:
        raise TypeError("u: expected 3-d float64, got %d-d %s" % (u.ndim, u.dtype))
    if u_0 < 2:
        raise ValueError("u: axis 0 needs at least 2 entries, got %d" % u_0)
    if K < 2:
        raise ValueError("u: axis 2 needs at least 2 entries, got %d" % K)
    if wcon.shape != (u_0 + 1, u_1, wcon_2):
        raise ValueError(
            "wcon: expected shape (%d, %d, %d), got %s"
            % (u_0 + 1, u_1, wcon_2, wcon.shape),
        )
    if wcon.dtype != np.float64:
        raise TypeError("wcon: expected float64, got %s" % wcon.dtype)
    if tendency.shape != (u_0, u_1, tendency_2):
        raise ValueError(
            "tendency: expected shape (%d, %d, %d), got %s"
            % (u_0, u_1, tendency_2, tendency.shape),
        )
    if tendency.dtype != np.float64:
        raise TypeError("tendency: expected float64, got %s" % tendency.dtype)
    if np.ndim(dtr) != 0:
        raise ValueError("dtr: expected a number, got shape %s" % (np.shape(dtr),))
    if out_bar.shape != (u_0, u_1, K):
        raise ValueError(
            "out_bar: expected shape (%d, %d, %d), got %s"
            % (u_0, u_1, K, out_bar.shape),
        )
    if out_bar.dtype != np.float64:
        raise TypeError("out_bar: expected float64, got %s" % out_bar.dtype)
    if wcon_2 < K:
        raise ValueError(
            "staged for wcon_2 (wcon_2 is axis 2 of wcon) >= K (K is axis 2 of u)"
        )
    if tendency_2 < K:
        raise ValueError(
            "staged for tendency_2 (tendency_2 is axis 2 of tendency) >= K (K is axis 2 of u)",
        )
    upper = np.zeros((u_0, u_1, K))                 # vadv.py:13
    right = np.zeros((u_0, u_1, K))                 # vadv.py:14
    out = np.zeros((u_0, u_1, K))                   # vadv.py:15
    above = 0.125 * (wcon[1:, :, 1] + wcon[:-1, :, 1])  # vadv.py:18
    diagonal = dtr - above                          # vadv.py:19
    t = u[:, :, 0]                                  # vadv.py:20
    t2 = u[:, :, 1] - t
    rhs = dtr * t + tendency[:, :, 0] - above * t2
    t = above / diagonal                            # vadv.py:21
    upper[:, :, 0] = t
    t3 = rhs / diagonal                             # vadv.py:22
    right[:, :, 0] = t3
    for k in range(1, K - 1):                       # vadv.py:23
        below = -0.125 * (wcon[1:, :, k] + wcon[:-1, :, k])  # vadv.py:24
        above2 = 0.125 * (wcon[1:, :, k + 1] + wcon[:-1, :, k + 1])  # vadv.py:25
        t4 = u[:, :, k]                             # vadv.py:27
        t5 = below * (t4 - u[:, :, k - 1])          # vadv.py:28
        t5 = dtr * t4 + tendency[:, :, k] + t5      # vadv.py:27
        rhs = t5 - above2 * (u[:, :, k + 1] - t4)
        diagonal2 = dtr - below - above2 - below * upper[:, :, k - 1]  # vadv.py:31
        upper[:, :, k] = above2 / diagonal2         # vadv.py:32
        t4 = (rhs - below * right[:, :, k - 1]) / diagonal2  # vadv.py:33
        right[:, :, k] = t4
    below = -0.125 * (wcon[1:, :, K - 1] + wcon[:-1, :, K - 1])  # vadv.py:34
    t4 = u[:, :, -1]                                # vadv.py:35
    t5 = t4 - u[:, :, -2]
    rhs = dtr * t4 + tendency[:, :, K - 1] + below * t5
    t6 = upper[:, :, -2]                            # vadv.py:36
    diagonal2 = dtr - below - below * t6
    t7 = right[:, :, -2].copy()                     # vadv.py:37
    t8 = (rhs - below * t7) / diagonal2
    right[:, :, -1] = t8
    out[:, :, -1] = dtr * (t8 - t4)                 # vadv.py:41
    level_saved = np.empty((K - 1, u_0, u_1))       # vadv.py:42
    level = t8.copy()                               # vadv.py:37
    for k in reversed(range(K - 1)):                # vadv.py:42
        level_saved[k] = level
        level = right[:, :, k] - upper[:, :, k] * level  # vadv.py:43
        out[:, :, k] = dtr * (level - u[:, :, k])   # vadv.py:44
    # backward
    level_bar = np.zeros((u_0, u_1))                # line 42
    out_bar = out_bar.copy()
    upper_bar = np.zeros((u_0, u_1, K))
    right_bar = np.zeros((u_0, u_1, K))
    u_bar = np.zeros((u_0, u_1, K))
    for k in range(K - 1):
        t4 = out_bar[:, :, k] * dtr                 # line 44
        level_bar += t4                             # of level - u[:, :, k], line 44
        u_bar[:, :, k] -= t4
        right_bar[:, :, k] += level_bar             # line 43
        level = level_saved[k]                      # of upper[:, :, k] * level, line 43
        upper_bar[:, :, k] -= level_bar * level
        out_bar[:, :, k] = 0.0                      # of out[:, :, k], line 44
        level_bar = -(level_bar * upper[:, :, k])   # of upper[:, :, k] * level, line 43
    t4 = out_bar[:, :, -1] * dtr                    # line 41
    rhs_bar = (level_bar + t4 + right_bar[:, :, -1]) / diagonal2  # line 37
    t8 = rhs_bar * t8
    t9 = rhs_bar * below
    t10 = -t9
    right_bar[:, :, -1] = 0.0                       # of right[:, :, K - 1], line 37
    right_bar[:, :, -2] += t10                      # line 37
    upper_bar[:, :, -2] += t8 * below               # line 36
    u_bar[:, :, -2] += t10                          # line 35
    tendency_bar = np.zeros((u_0, u_1, tendency_2))
    tendency_bar[:, :, K - 1] = rhs_bar
    u_bar[:, :, -1] += t9 - t4 + rhs_bar * dtr      # of dtr * u[:, :, K - 1], line 35
    t4 = (t8 * t6 - rhs_bar * t7 + t8 + rhs_bar * t5) * -0.125  # line 34
    wcon_bar = np.zeros((u_0 + 1, u_1, wcon_2))
    wcon_bar[:-1, :, K - 1] = t4
    wcon_bar[1:, :, K - 1] += t4
    for k in reversed(range(1, K - 1)):             # line 23
        below = -0.125 * (wcon[1:, :, k] + wcon[:-1, :, k])  # line 24
        above2 = 0.125 * (wcon[1:, :, k + 1] + wcon[:-1, :, k + 1])  # line 25
        t4 = upper[:, :, k - 1]                     # line 33
        diagonal2 = dtr - below - above2 - below * t4  # line 31
        rhs_bar = right_bar[:, :, k] / diagonal2    # line 33
        t5 = rhs_bar * below
        t6 = -t5
        right_bar[:, :, k] = 0.0                    # of right[:, :, k], line 33
        right_bar[:, :, k - 1] += t6                # line 33
        above_bar = upper_bar[:, :, k] / diagonal2  # of above / diagonal, line 32
        t7 = rhs_bar * right[:, :, k] + above_bar * upper[:, :, k]
        upper_bar[:, :, k] = 0.0                    # of upper[:, :, k], line 32
        upper_bar[:, :, k - 1] += t7 * below        # line 31
        below_bar = t7 * t4 - rhs_bar * right[:, :, k - 1] + t7  # of dtr - below, line 31
        t4 = u[:, :, k]                             # line 29
        t8 = rhs_bar * above2
        u_bar[:, :, k + 1] -= t8
        u_bar[:, :, k - 1] += t6                    # line 28
        tendency_bar[:, :, k] += rhs_bar            # line 27
        u_bar[:, :, k] += t8 + t5 + rhs_bar * dtr   # of dtr * u[:, :, k], line 27
        t5 = (above_bar + t7 - rhs_bar * (u[:, :, k + 1] - t4)) * 0.125  # line 25
        wcon_bar[:-1, :, k + 1] += t5
        wcon_bar[1:, :, k + 1] += t5
        t4 = (below_bar + rhs_bar * (t4 - u[:, :, k - 1])) * -0.125  # line 24
        wcon_bar[:-1, :, k] += t4
        wcon_bar[1:, :, k] += t4
    rhs_bar = right_bar[:, :, 0] / diagonal         # of rhs / diagonal, line 22
    above_bar = upper_bar[:, :, 0] / diagonal       # of above / diagonal, line 21
    t4 = rhs_bar * above                            # line 20
    u_bar[:, :, 1] -= t4                            # of u[:, :, 1] - u[:, :, 0], line 20
    tendency_bar[:, :, 0] += rhs_bar                # line 20
    u_bar[:, :, 0] += t4 + rhs_bar * dtr            # of dtr * u[:, :, 0], line 20
    t = (above_bar - rhs_bar * t2 + (rhs_bar * t3 + above_bar * t)) * 0.125  # line 18
    wcon_bar[:-1, :, 1] += t
    wcon_bar[1:, :, 1] += t
    return out, (u_bar, wcon_bar, tendency_bar)
