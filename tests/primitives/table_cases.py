"""Cases of the generated tests: every sample of every primitive of the table, and one-equation programs made of
them."""

import zlib
from dataclasses import dataclass

import numpy as np

from gradscribe.transpiler.ir.builder import build_body, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.nodes import Function, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.verify import verify
from gradscribe.transpiler.primitives.primitive import Primitive, RegionPrimitive, zeros_of
from gradscribe.transpiler.primitives.table import PRIMITIVES

# Params whose plain ints in a sample stand for dims.
DIM_PARAMS = ("shape", "start", "length", "size", "dim", "rows", "columns")


def as_dims(value):
    return tuple(map(Dim.of, value)) if isinstance(value, tuple) else Dim.of(value)


@dataclass(frozen=True)
class Case:
    primitive: Primitive
    number: int

    @property
    def params(self):
        sample = self.primitive.samples[self.number]
        return {k: as_dims(v) if k in DIM_PARAMS else v for k, v in sample.params.items()}

    def rng(self, salt=0):
        return np.random.default_rng([zlib.crc32(self.primitive.name.encode()), self.number, salt])

    def operands(self, dtype, salt=0):
        """Concrete operands; the same numbers in every dtype."""
        rng = self.rng(salt)
        return [make(rng, np.dtype(dtype)) for make in self.primitive.samples[self.number].operands]

    def apply(self, *operands):
        return emit(self.primitive, operands, self.params)

    def __str__(self):
        return f"{self.primitive.name}-{self.number}"


CASES = [
    Case(primitive, number)
    for primitive in PRIMITIVES.values()
    if not isinstance(primitive, RegionPrimitive)
    for number in range(len(primitive.samples))
]


def is_float(x):
    return np.asarray(x).dtype.kind in "fc"


def random_like(rng, x):
    """Uniform numbers of x's shape and dtype, both parts of complex ones."""
    x = np.asarray(x)
    values = rng.uniform(-1, 1, x.shape)
    return np.asarray(values + 1j * rng.uniform(-1, 1, x.shape) if x.dtype.kind == "c" else values).astype(x.dtype)[()]


def variable(x, name=""):
    x = np.asarray(x)
    return Var(ArrayType(x.dtype, tuple(map(Dim.of, x.shape))), name)


def program(body, arguments):
    """The verified function of parameters like `arguments` that emits `body(*parameters)`."""
    params = [variable(x, f"a{k}") for k, x in enumerate(arguments)]
    function = Function("case", build_body(params, body))
    verify(function)
    return function


def run(body, *arguments):
    """Build and evaluate; the evaluator compares every value with its inferred type."""
    return evaluate(program(body, arguments), *arguments)


def evaluated(case, *operands):
    return run(case.apply, *operands)


def tangents_like(case, operands, salt=1):
    """A random direction for every floating operand, None for the others."""
    rng = case.rng(salt)
    return [random_like(rng, x) if is_float(x) else None for x in operands]


def jvp_body(case, count, moving):
    """(operands, tangents of the moving ones) -> tangents of the results, zeros made explicit."""

    def body(*params):
        operands, seeds = params[:count], list(params[count:])
        results = emit(case.primitive, operands, case.params)
        tangents = [seeds.pop(0) if k in moving else None for k in range(count)]
        outs = case.primitive.jvp(operands, results, tangents, case.params)
        return [zeros_of(r.type) if t is None else t for r, t in zip(results, outs, strict=True)]

    return body


def five_points(function, step=1e-3):
    """d/ds function(s) at 0 by the central difference of fourth order."""
    weights = {-2: 1 / 12, -1: -8 / 12, 1: 8 / 12, 2: -1 / 12}
    values = {k: function(k * step) for k in weights}
    return [sum(w * values[k][j] for k, w in weights.items()) / step for j in range(len(values[1]))]


def shifted(operands, tangents, s):
    return [x if t is None else x + s * t for x, t in zip(operands, tangents, strict=True)]
