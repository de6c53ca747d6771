"""How compiled code reports a failure: a record in an array, because native code neither raises nor allocates.

A compiled function takes `status`, an int64[4] that the caller zeroes: `[code, span_id, first, second]`. The checks
write the first failure there (later ones leave it) and return something safe, so execution stays inside memory until
generated code tests `status[0] != 0`, at loop exits and before it returns. `failure(status)` turns the record into an
exception class and a message; the caller knows which line of the user's program `span_id` stands for.

Every check works in CPython and inside `njit`, where it is inlined. Two forms for array indices:

* `check_index(i, n, status, span_id)` for scalar code and for loops that need not vectorise: it stores on failure;
* `worst = worst_index(worst, i, n)` with `safe_index(i, n)` inside a loop that should vectorise, and
  `check_worst_index(worst, n, status, span_id)` after it: a maximum reduction, no branch and no store.

Both give index 0 for an index out of range. That is safe to read unless n is 0, and never right to write: a *write*
must be skipped when `index_in_range(i, n)` is false, and an access to an array that may be empty must be too.
"""

from typing import Any

import numpy as np
from numba.extending import overload, register_jitable

from gradscribe.kernels.options import INLINED

OK = 0
INDEX = 1
ZERO_DIVISION = 2
OVERFLOW = 3
NEGATIVE_EXPONENT = 4
SHAPE = 5
NOT_A_NUMBER = 6
SINGULAR = 7
NOT_POSITIVE_DEFINITE = 8
USER = 9
NEGATIVE_SHIFT = 10
NAN_TO_INTEGER = 11
INFINITY_TO_INTEGER = 12
TOO_LARGE_FOR_INTEGER = 13
RAISED = 14
NOT_CONVERGED = 15

_MESSAGES: dict[int, tuple[type[Exception], str]] = {
    INDEX: (IndexError, "index {first} is out of bounds for axis with size {second}"),
    ZERO_DIVISION: (ZeroDivisionError, "integer division or modulo by zero"),
    OVERFLOW: (OverflowError, "integer overflow in an operation on {first} and {second}: Python ints are int64 here"),
    NEGATIVE_EXPONENT: (ValueError, "integers to negative integer powers are not allowed: {first} ** {second}"),
    SHAPE: (ValueError, "expected size {first}, got {second}"),
    NOT_A_NUMBER: (FloatingPointError, "a value is NaN"),
    SINGULAR: (np.linalg.LinAlgError, "Singular matrix"),
    NOT_POSITIVE_DEFINITE: (np.linalg.LinAlgError, "Matrix is not positive definite"),
    USER: (ValueError, "condition number {first} failed with {second}"),
    NEGATIVE_SHIFT: (ValueError, "negative shift count: {second}"),
    NAN_TO_INTEGER: (ValueError, "cannot convert float NaN to integer"),
    INFINITY_TO_INTEGER: (OverflowError, "cannot convert float infinity to integer"),
    TOO_LARGE_FOR_INTEGER: (OverflowError, "the float is too large for an integer: Python ints are int64 here"),
    RAISED: (RuntimeError, "a call back into Python raised"),
    NOT_CONVERGED: (np.linalg.LinAlgError, "SVD did not converge"),
}


def new_status() -> np.ndarray:
    """A status array that says all is well: int64[4] of zeros."""
    return np.zeros(4, np.int64)


def failure(status: np.ndarray) -> tuple[type[Exception], str] | None:
    """What a status array says: None if all is well, else an exception class and a message.

    >>> failure(np.array([INDEX, 17, 9, 5]))
    (<class 'IndexError'>, 'index 9 is out of bounds for axis with size 5')
    """
    code, _span_id, first, second = (int(entry) for entry in status)
    if code == OK:
        return None
    error, text = _MESSAGES[code]
    return error, text.format(first=first, second=second)


_jitable = register_jitable(**INLINED)


@_jitable
def record(status: Any, code: int, span_id: int, first: int, second: int) -> None:
    """Write a failure into `status`, unless one is there already."""
    if status[0] == 0:
        status[0] = code
        status[1] = span_id
        status[2] = first
        status[3] = second


@_jitable
def wrap_index(i: Any, n: Any) -> Any:
    """The index a negative index stands for: i + n if i < 0, else i. Not checked."""
    j = np.int64(i)
    return j + np.int64(n) if j < 0 else j


@_jitable
def index_in_range(i: Any, n: Any) -> bool:
    """Whether `a[i]` exists for an axis of size n: -n <= i < n."""
    j, size = np.int64(i), np.int64(n)
    return -size <= j and j < size


@_jitable
def safe_index(i: Any, n: Any) -> Any:
    """The wrapped index if it is in range, else 0. Nothing is reported."""
    j = wrap_index(i, n)
    return j if 0 <= j and j < np.int64(n) else np.int64(0)


@_jitable
def check_index(i: Any, n: Any, status: Any, span_id: int) -> Any:
    """The wrapped index if it is in range; else report INDEX (i, n) and give 0."""
    j = wrap_index(i, n)
    if j < 0 or j >= np.int64(n):
        record(status, INDEX, span_id, i, n)
        return np.int64(0)
    return j


NO_INDEX = np.uint64(0)
"""The accumulator of `worst_index` before the first index."""


def worst_index(worst: Any, i: Any, n: Any) -> Any:
    """The larger of an accumulator and the wrapped index i, compared as unsigned 64-bit integers.

    An index beyond either end is a number of at least n. Start with `NO_INDEX`; one accumulator serves one axis size n.
    """
    return np.uint64(max(int(worst), int(wrap_index(i, n)) % 2**64))


@overload(worst_index, jit_options=INLINED)
def _worst_index(worst, i, n):  # no annotations: Numba wants the parameter list of the implementation
    def compute(worst, i, n):
        j = np.uint64(wrap_index(i, n))
        return j if j > worst else worst

    return compute


def check_worst_index(worst: Any, n: Any, status: Any, span_id: int) -> None:
    """Report INDEX (i, n) if an index seen by `worst_index` was out of range: one such, not always the first."""
    if int(worst) >= int(n):
        j = int(worst)
        record(status, INDEX, span_id, j if j < 2**63 else j - 2**64 - int(n), n)


@overload(check_worst_index, jit_options=INLINED)
def _check_worst_index(worst, n, status, span_id):
    def compute(worst, n, status, span_id):
        if worst >= np.uint64(n):
            j = np.int64(worst)
            record(status, INDEX, span_id, j if j >= 0 else j - np.int64(n), n)

    return compute


@_jitable
def check_divisor(divisor: Any, status: Any, span_id: int) -> Any:
    """The divisor of Python's `//` or `%`; for zero report ZERO_DIVISION and give 1."""
    if divisor == 0:
        record(status, ZERO_DIVISION, span_id, 0, 0)
        return divisor + 1
    return divisor


@_jitable
def check_exponent(base: Any, exponent: Any, status: Any, span_id: int) -> Any:
    """The exponent of an integer power; for a negative one report NEGATIVE_EXPONENT (base, exponent) and give 0."""
    if exponent < 0:
        record(status, NEGATIVE_EXPONENT, span_id, base, exponent)
        return exponent - exponent
    return exponent


@_jitable
def check_size(expected: Any, got: Any, status: Any, span_id: int) -> bool:
    """Whether two sizes agree; if not report SHAPE (expected, got)."""
    if expected != got:
        record(status, SHAPE, span_id, expected, got)
        return False
    return True


@_jitable
def check_condition(holds: Any, code: int, status: Any, span_id: int, first: int, second: int) -> bool:
    """Whether a guard holds; if not report `code` with two numbers."""
    if not holds:
        record(status, code, span_id, first, second)
        return False
    return True
