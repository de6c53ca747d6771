"""Generated from the primitive table: every primitive x sample x dtype, every rule against an oracle that does not
share it.

The numeric oracle of the JVP is the one that sees a wrong partial: JVP and VJP share the partials, so their duality
cannot.
"""

import itertools
import math

import numpy as np
import pytest
import scipy.special

from gradscribe.kernels import (
    complex_math,
    elementary,
    gamma_sampling,
    integers,
    normal,
    reductions,
    special,
    threefry,
    vector_math,
)
from gradscribe.transpiler.backends.dialect import KERNELS as ARRAY_TEXT_KERNELS
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.nodes import Literal
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.primitives.primitive import Elementwise
from gradscribe.transpiler.primitives.special import gamma_slope, log_gamma_slope
from gradscribe.transpiler.transforms.jvp import jvp
from primitives.table_cases import (
    CASES,
    evaluated,
    five_points,
    is_float,
    jvp_body,
    program,
    random_like,
    run,
    shifted,
    tangents_like,
)

DTYPES = (np.float64, np.float32)
TOLERANCE = {np.float64: 1e-12, np.float32: 2e-5}
KERNELS = {
    name: getattr(module, name)
    for module in (
        integers,
        reductions,
        elementary,
        vector_math,
        complex_math,
        special,
        gamma_sampling,
        normal,
        threefry,
    )
    for name in dir(module)
    if not name.startswith("_") and callable(getattr(module, name))
}

every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)


def close(actual, expected, tolerance):
    """Agreement relative to the size of the whole expected value."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    if actual.dtype.kind not in "fc":
        np.testing.assert_array_equal(actual, expected)
        return
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance * scale)


def differentiable(case):
    """Cases with a floating operand and a floating result."""
    operands = case.operands(np.float64)
    return any(map(is_float, operands)) and any(map(is_float, evaluated(case, *operands)))


DIFFERENTIABLE = [case for case in CASES if differentiable(case)]
every_derivative = pytest.mark.parametrize("case", DIFFERENTIABLE, ids=str)
# a second derivative of a gamma quantile's slope is a declared gap
TWICE = [case for case in DIFFERENTIABLE if case.primitive not in (gamma_slope, log_gamma_slope)]


def written(case, rule, dtype):
    """A text rule with its operands' types filled in."""
    text = getattr(case.primitive, rule)
    if isinstance(text, str):
        return text
    function = program(case.apply, case.operands(dtype))
    (eqn,) = function.region.eqns
    types = [x.type for x in eqn.operands]
    return text(eqn.params, types, eqn.results[0].type, lambda d: str(Dim.of(d).constant))


def difference_error(value, tolerance):
    """What a difference quotient with steps of 1e-3 can tell: a float32 result is known to 6e-8 before the division."""
    return 5e-4 if np.asarray(value).dtype in (np.float32, np.complex64) else tolerance


def names_of(case, operands):
    letters = [f"x{k}" for k in range(len(operands))] if case.primitive.variadic else "xyzw"
    return dict(zip(letters, operands, strict=False))


@every_dtype
@pytest.mark.parametrize("case", [c for c in CASES if c.primitive.source], ids=str)
def test_text_is_the_operation(case, dtype):
    text = written(case, "source", dtype)
    operands = case.operands(dtype)
    scope = {"np": np, "math": math, "scipy": scipy}
    scope |= {name: KERNELS[name] for name in ARRAY_TEXT_KERNELS}
    value = eval(text, scope, names_of(case, operands))
    results = evaluated(case, *operands)
    if len(results) > 1:
        for part, expected in zip(value, results, strict=True):
            close(part, expected, TOLERANCE[dtype])
            assert part.dtype == expected.dtype
        return
    (expected,) = results
    if case.primitive.name == "wrap_index":
        value = np.asarray(value) % 4  # the text leaves the wrapping to NumPy's indexing
    if case.primitive.name == "empty":
        assert value.shape == expected.shape  # the elements are nobody's business
    else:
        close(value, expected, TOLERANCE[dtype])
    if isinstance(expected, (np.ndarray, np.generic)):
        assert np.asarray(value).dtype == expected.dtype


@every_dtype
@pytest.mark.parametrize("case", [c for c in CASES if isinstance(c.primitive, Elementwise)], ids=str)
def test_loop_text_is_the_operation(case, dtype):
    operands = case.operands(dtype)
    expected = np.asarray(evaluated(case, *operands)[0])
    text = compile(written(case, "scalar", dtype), str(case), "eval")
    value = np.empty(expected.shape, expected.dtype)
    wide = np.broadcast_arrays(*operands) if len(operands) > 1 else [np.asarray(operands[0])]
    for position in np.ndindex(*expected.shape):
        value[position] = eval(text, {"np": np, "math": math, **KERNELS}, names_of(case, [w[position] for w in wide]))
    close(value, expected, TOLERANCE[dtype])


@pytest.mark.parametrize("case", [c for c in CASES if c.primitive.expand is not None], ids=str)
def test_expansion_is_the_operation(case):
    operands = case.operands(np.float64)
    (value,) = run(lambda *xs: (case.primitive.expand(*xs, **case.params),), *operands)
    (expected,) = evaluated(case, *operands)
    close(value, expected, 1e-12)
    assert value.dtype == expected.dtype


def in_double(x):
    return np.asarray(x, np.result_type(x.dtype, np.float64))[()]


def pushed(case, operands, tangents):
    moving = [k for k, t in enumerate(tangents) if t is not None]
    arguments = [*operands, *(tangents[k] for k in moving)]
    return run(jvp_body(case, len(operands), moving), *arguments)


@every_derivative
def test_jvp_is_the_numerical_derivative(case):
    operands = case.operands(np.float64)
    tangents = tangents_like(case, operands)
    values = evaluated(case, *operands)
    expected = five_points(lambda s: evaluated(case, *shifted(operands, tangents, s)))
    for value, out, reference in zip(values, pushed(case, operands, tangents), expected, strict=True):
        if is_float(value):
            close(np.broadcast_to(out, np.shape(value)), reference, difference_error(value, 2e-9))


@every_derivative
def test_jvp_in_single_precision(case):
    single = case.operands(np.float32)
    double = [in_double(x) if is_float(x) else x for x in single]
    tangents = tangents_like(case, single)
    wide = [None if t is None else in_double(t) for t in tangents]
    for out, reference in zip(pushed(case, single, tangents), pushed(case, double, wide), strict=True):
        close(out, reference, 1e-4)


@every_derivative
def test_each_operand_alone(case):
    """A rule must take structural zeros in every place: the parts sum up to the whole."""
    operands = case.operands(np.float64)
    tangents = tangents_like(case, operands)
    moving = [k for k, t in enumerate(tangents) if t is not None]
    total = None
    for k in moving:
        alone = [t if j == k else None for j, t in enumerate(tangents)]
        parts = pushed(case, operands, alone)
        total = parts if total is None else [a + b for a, b in zip(total, parts, strict=True)]
    for part, whole in zip(total, pushed(case, operands, tangents), strict=True):
        close(*np.broadcast_arrays(part, whole), 1e-12)


@every_dtype
@every_derivative
def test_vjp_is_the_transposed_jvp(case, dtype):
    operands = case.operands(dtype)
    tangents = tangents_like(case, operands)
    values = evaluated(case, *operands)
    rng = case.rng(2)
    cotangents = [random_like(rng, v) for v in values]
    count = len(operands)
    precision = min(np.finfo(x.dtype).bits for x in map(np.asarray, [*operands, *values]) if x.dtype.kind in "fc")

    def body(*params):
        xs, cts = params[:count], params[count:]
        results = case.apply(*xs)
        bars = case.primitive.vjp(xs, results, cts, case.params)
        assert len(bars) == count
        return [Literal(0.0) if bar is None else bar for bar in bars]

    bars = run(body, *operands, *cotangents)
    outs = pushed(case, operands, tangents)
    # the real part: of a map that is linear over the reals only, nothing more agrees
    products = [ct * np.broadcast_to(out, np.shape(ct)) for ct, out in zip(cotangents, outs, strict=True)]
    forward = sum(float(np.sum(np.real(p))) for p in products)
    reverse = sum(float(np.sum(np.real(bar * t))) for bar, t in zip(bars, tangents, strict=True) if t is not None)
    scale = max(1.0, sum(float(np.sum(np.abs(p))) for p in products))
    assert abs(forward - reverse) <= 10 * TOLERANCE[np.float32 if precision == 32 else np.float64] * scale
    for bar, t in zip(bars, tangents, strict=True):
        if t is not None and np.shape(bar):
            real_of_complex = t.dtype.kind == "f" and bar.dtype.kind == "c"  # the driver takes the real part
            assert (bar.real.dtype if real_of_complex else bar.dtype) == t.dtype


def batched_subsets():
    """Every case with every nonempty choice of batched operands."""
    for case in CASES:
        count = len(case.primitive.samples[case.number].operands)
        if case.primitive.variadic and count > 3:
            continue
        for flags in itertools.product((False, True), repeat=count):
            if any(flags):
                yield pytest.param(case, flags, id=f"{case}-{''.join('nb'[f] for f in flags)}")


@pytest.mark.parametrize(("case", "flags"), list(batched_subsets()))
def test_batch_is_a_stack_of_examples(case, flags):
    size = 3
    examples = [case.operands(np.float64, salt) for salt in range(size)]
    for k, flag in enumerate(flags):
        if not flag:
            for example in examples:
                example[k] = examples[0][k]
    arguments = [np.stack([e[k] for e in examples]) if flag else examples[0][k] for k, flag in enumerate(flags)]

    def body(*xs):
        results, batched = case.primitive.batch(xs, flags, Dim.of(size), case.params)
        assert all(batched)
        return results

    expected = [np.stack(values) for values in zip(*(evaluated(case, *e) for e in examples), strict=True)]
    for value, reference in zip(run(body, *arguments), expected, strict=True):
        close(value, reference, 1e-12)
        assert value.dtype == reference.dtype


@pytest.mark.parametrize("case", TWICE, ids=str)
def test_second_derivative_by_value(case):
    """The derivative of the emitted JVP program against its numerical derivative in another direction."""
    operands = case.operands(np.float64)
    tangents, directions = tangents_like(case, operands), tangents_like(case, operands, salt=3)
    moving = [k for k, t in enumerate(tangents) if t is not None]
    seeds = [tangents[k] for k in moving]
    first = program(jvp_body(case, len(operands), moving), [*operands, *seeds])
    if not all(isinstance(r.type, ArrayType) and r.type.is_float for r in first.results):
        pytest.skip("integer results beside the floating one")
    second = jvp(first, moving)
    outs = evaluate(second, *operands, *seeds, *(directions[k] for k in moving))[len(first.results) :]
    expected = five_points(lambda s: evaluate(first, *shifted(operands, directions, s), *seeds))
    for out, reference in zip(outs, expected, strict=True):
        close(out, reference, difference_error(out, 1e-8))
