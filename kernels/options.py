"""How generated loop-level functions are compiled: the one set of Numba options that every native file shares.

`error_model="numpy"` because the Python model puts a branch that may raise into every division (nine times slower) and
NumPy's semantics are wanted anyway. `fastmath` holds `contract` alone: fused multiply-add is the only rewrite that may
touch the user's arithmetic. Every other flag breaks something a program may rely on (`nnan` folds `isnan(x)` to False,
`reassoc` undoes compensated summation, `nsz` loses the sign of zero); sums that may be reordered say so one by one,
through `gradscribe.kernels.radd`. `cache` is off because gradscribe keeps a disk cache of its own.
"""

from typing import Any

OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}, "cache": False}
"""Keyword arguments for `numba.njit`: `numba.njit(**OPTIONS)`."""

INLINED: dict[str, Any] = {**OPTIONS, "forceinline": True}
"""The same for a small function that must be inlined, or else the loop that calls it stays scalar."""
