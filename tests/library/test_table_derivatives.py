"""Derivatives of the compositions of the NumPy table, through the forward transformation, against differences."""

import numpy as np
import pytest

from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.library.numpy_table import NUMPY_RULES
from gradscribe.transpiler.transforms.jvp import jvp
from library import special_calls as special_calls
from library.driver import Known, Size, flattened, traced
from library.table_calls import CASES, name

# Functions with steps or kinks that a random sample may hit, whose result is no float of its argument, or whose
# derivative is not that of their value.
ROUGH = {"stop_gradient", "rint", "round", "heaviside", "nan_to_num", "fmod", "remainder", "floor_divide", "sinc"}
# These are checked as quantiles: tests/library/test_random.py, tests/kernels/test_special.py.
ROUGH |= {"standard_gamma", "standard_log_gamma", "gamma_slope_in_a", "log_gamma_slope_in_a"}


def is_double(x):
    """A float64 that moves: an array, a NumPy scalar or a Python float that is not written in the program."""
    if isinstance(x, (list, tuple)):
        return any(map(is_double, x))
    if isinstance(x, (Known, Size)):
        return False
    return isinstance(x, float) or (isinstance(x, np.ndarray) and x.dtype == np.float64)


def in_double(x):
    return np.asarray(x, np.complex128 if np.iscomplexobj(x) else np.float64)


def is_finite(x):
    return not isinstance(x, np.ndarray) or x.dtype.kind != "f" or bool(np.isfinite(x).all())


DOUBLE = [
    (function, args, options)
    for function, args, options in CASES
    if any(map(is_double, args))
    and all(map(is_finite, args))
    and function.__name__ not in ROUGH
    and not isinstance(function, type)
]


@pytest.mark.parametrize("entry", DOUBLE, ids=name)
def test_jvp_is_the_numerical_derivative(entry):
    rule, args, options = NUMPY_RULES[entry[0]], entry[1], dict(entry[2])
    function, values, _ = traced(rule, args, options, options.pop("known_sizes", False))
    moving = [k for k, x in enumerate(values) if np.asarray(x).dtype == np.float64]
    results = [k for k, r in enumerate(function.results) if r.type.is_float]
    if not results:
        pytest.skip("no floating result")
    rng = np.random.default_rng(5)
    seeds = [np.asarray(rng.uniform(-1, 1, np.shape(values[k])))[()] for k in moving]

    def at(s):
        moved = list(values)
        for k, seed in zip(moving, seeds, strict=True):
            moved[k] = values[k] + s * seed
        outs = evaluate(function, *moved)
        return [in_double(outs[k]) for k in results]

    h = 1e-4
    expected = [
        (a - 8 * b + 8 * c - d) / (12 * h) for a, b, c, d in zip(at(-2 * h), at(-h), at(h), at(2 * h), strict=True)
    ]
    outs = evaluate(jvp(function, moving), *values, *seeds)[len(function.results) :]
    for out, reference, k in zip(outs, expected, results, strict=True):
        single = function.results[k].type.dtype in (np.float32, np.complex64)
        scale = max(1.0, float(np.max(np.abs(reference), initial=0.0)))
        # a float32 result is known to 6e-8 of its size, before the division by h
        np.testing.assert_allclose(out, reference, rtol=0, atol=(1e-2 if single else 2e-8) * scale)


def test_most_of_the_table_is_covered():
    assert len({function.__name__ for function, _, _ in DOUBLE}) > 120
    assert flattened([]) == []
