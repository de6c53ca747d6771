"""Calls a rule of the NumPy table as the frontend does, evaluates what it emitted, and compares with the function
itself."""

import numpy as np

from gradscribe.transpiler.ir.builder import build_body
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.nodes import Function, Operand, Var
from gradscribe.transpiler.ir.types import ArrayType, type_of_scalar
from gradscribe.transpiler.ir.verify import verify
from gradscribe.transpiler.library.arguments import data

# One symbol per size: arrays made with equal sizes fit each other.
SYMBOLS = {n: Symbol(f"n{n}") for n in range(2, 40)}


class Size(int):
    """A Python int that the program does not know: the rule gets a symbol."""


def dim(n):
    return Dim.of(SYMBOLS[n]) if n in SYMBOLS else Dim.of(n)


class Known(float):
    """A Python float written in the program."""


class Call:
    """The arguments of one call, with parameters made for everything that is data."""

    def __init__(self, known_sizes):
        self.params, self.values, self.known_sizes = [], [], known_sizes

    def abstract(self, x):
        if isinstance(x, Size):
            self.parameter(np.zeros(int(x)))  # a size is known from some array
            return dim(int(x))
        if isinstance(x, np.ndarray):
            return self.parameter(x)
        if isinstance(x, Known):
            return float(x)
        if isinstance(x, (float, complex, np.inexact)):
            return self.parameter(x)
        if isinstance(x, (list, tuple)):
            return type(x)(self.abstract(item) for item in x)
        return x

    def parameter(self, x):
        size = Dim.of if self.known_sizes else dim
        kind = ArrayType(x.dtype, tuple(map(size, x.shape))) if isinstance(x, np.ndarray) else type_of_scalar(x)
        self.params.append(Var(kind, f"a{len(self.params)}"))
        self.values.append(x)
        return self.params[-1]


def rebuilt(result, flat):
    """The rule's result with evaluated values in place of operands and dims."""
    if isinstance(result, (tuple, list)):
        return [rebuilt(item, flat) for item in result]
    return flat.pop(0) if isinstance(result, (Operand, Dim)) else result


def flattened(result):
    if isinstance(result, (tuple, list)):
        return [leaf for item in result for leaf in flattened(item)]
    return [data(result)] if isinstance(result, (Operand, Dim)) else []


def traced(rule, args, options, known_sizes=False):
    """The function that the rule emits for these arguments, their values, and the rule's result. Sizes of arrays are
    symbols, or known numbers."""
    call, kept = Call(known_sizes), []
    args, options = call.abstract(tuple(args)), {k: call.abstract(v) for k, v in options.items()}

    def body(*_):
        kept.append(rule(*args, **options))
        return flattened(kept[0])

    function = Function("call", build_body(call.params, body))
    verify(function)
    return function, call.values, kept[0]


def through_rule(rule, args, options, known_sizes=False):
    """What the rule computes for these arguments."""
    function, values, result = traced(rule, args, options, known_sizes)
    return rebuilt(result, list(evaluate(function, *values)))


def concrete(x):
    if isinstance(x, (Size, Known)):
        return int(x) if isinstance(x, Size) else float(x)
    return type(x)(map(concrete, x)) if isinstance(x, (list, tuple)) else x


def assert_same(value, expected, tolerance=1e-12):
    """Equal structure, values and dtypes; Python scalars stay Python scalars."""
    if isinstance(expected, (tuple, list)):
        assert len(value) == len(expected)
        for v, e in zip(value, expected, strict=True):
            assert_same(v, e, tolerance)
        return
    assert np.shape(value) == np.shape(expected)
    python = isinstance(expected, (bool, int, float, complex)) and not isinstance(expected, np.generic)
    if python:
        assert type(value) is type(expected)
    else:
        assert np.asarray(value).dtype == np.asarray(expected).dtype
        assert isinstance(value, (np.ndarray, np.generic))
    if np.asarray(expected).dtype in (np.float32, np.complex64):
        tolerance = max(tolerance, 2e-6)
    np.testing.assert_allclose(value, expected, rtol=tolerance, atol=tolerance)


def check(function, rule, *args, known_sizes=False, **options):
    with np.errstate(all="ignore"):
        expected = function(*map(concrete, args), **{k: concrete(v) for k, v in options.items()})
        assert_same(through_rule(rule, args, options, known_sizes), expected)
