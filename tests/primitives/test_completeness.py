"""The primitive x rule matrix: what is missing is exactly what gaps.toml declares, each with its reason."""

import ast
import tomllib
from pathlib import Path

import numpy as np
import pytest

from gradscribe.transpiler.errors import NoRule
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Effect
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.primitives.collectives import Collective, axis_index
from gradscribe.transpiler.primitives.primitive import Elementwise, Library, Linear, Reduction, RegionPrimitive
from gradscribe.transpiler.primitives.table import FAMILIES, PRIMITIVES

ROOT = Path(__file__).resolve().parents[2]
GAPS = ROOT / "gaps.toml"

# Generated tests draw arrays and compare values and differences of values. What has no value, works on a tape, or has
# a derivative that no difference shows, is tested by programs: where.
TESTED_BY = {
    "check": "tests/api/test_messages.py::test_raises_what_python_raises",
    "print": "tests/language/test_printing.py::test_prints_what_python_prints",
    "warn": "tests/language/test_printing.py::test_warns_as_python_does",
    "callback": "tests/api/test_debugging.py::test_callback_gets_numpy_values_in_order",
    "breakpoint": "tests/api/test_debugging.py::test_breakpoint_stops_in_generated_source",
    "stack_new": "tests/transforms/test_reverse_through_regions.py::test_vjp_is_the_transpose_of_jvp",
    "stack_push": "tests/transforms/test_reverse_through_regions.py::test_vjp_is_the_transpose_of_jvp",
    "stack_pop": "tests/transforms/test_reverse_through_regions.py::test_vjp_is_the_transpose_of_jvp",
    "stop_gradient": "tests/api/test_derivatives.py::test_stop_gradient",  # zero by definition
    # Samples are drawn; their derivatives are those of the quantile of the same number.
    "standard_gamma": "tests/library/test_random.py::test_samples_move_as_quantiles_do",
    "standard_log_gamma": "tests/library/test_random.py::test_samples_move_as_quantiles_do",
    "gamma_slope_in_a": "tests/kernels/test_special.py::test_slopes_of_gamma_quantiles",
    "log_gamma_slope_in_a": "tests/kernels/test_special.py::test_slopes_of_gamma_quantiles",
}


def declared():
    return {(gap["primitive"], gap["rule"]): gap["reason"] for gap in tomllib.loads(GAPS.read_text()).get("gap", ())}


def gives_floats(primitive):
    """Whether floating operands give a floating result: only then is there a derivative to have."""
    arity = primitive.arity if isinstance(primitive, Elementwise) else 1
    floats = (ArrayType(np.dtype(np.float64), ()),) * arity
    try:
        params = {"axes": ()} if isinstance(primitive, Reduction) else {}
        return primitive.infer(floats, params, ())[0].is_float
    except TypeError:  # takes no floats (bit operations), or has static params: then look at the samples
        return bool(primitive.samples) and isinstance(primitive, Elementwise) and primitive.partials is not None


def holes(primitive):
    """Rules a primitive has not got, of those its kind needs."""
    if isinstance(primitive, RegionPrimitive):
        return  # the transformations treat regions by hand
    if isinstance(primitive, Collective):  # batching takes it away, so there is no text; one lane has no value of it
        if primitive.transpose is None and primitive is not axis_index:
            yield "vjp"
        return
    if not (primitive.source or primitive.syntax):
        yield "source"
    if not primitive.samples and primitive.name not in TESTED_BY:
        yield "samples"
    if isinstance(primitive, Elementwise):
        if not primitive.scalar:
            yield "scalar"
        if primitive.partials is None and gives_floats(primitive):
            yield from ("jvp", "vjp")
    elif isinstance(primitive, Reduction):
        if gives_floats(primitive) and not (primitive.linear or primitive.push):
            yield "jvp"
        if gives_floats(primitive) and primitive.pull is None:
            yield "vjp"
    elif isinstance(primitive, Linear):
        if primitive.transpose is None:
            yield "vjp"
        if primitive.batching is None and primitive.linear_in != ():
            yield "batch"
    elif isinstance(primitive, Library):
        lane_by_lane = primitive.effect is Effect.IO  # batched by running the program once for each lane
        for rule in ("jvp", "vjp") if lane_by_lane else ("jvp", "vjp", "batch"):
            if getattr(primitive, f"{rule}_rule") is None:
                yield rule
    else:
        raise AssertionError(f"{primitive} is of no known kind")


def test_holes_are_the_declared_gaps():
    found = {(primitive.name, rule) for primitive in PRIMITIVES.values() for rule in holes(primitive)}
    assert found == set(declared())


@pytest.mark.parametrize(("name", "where"), TESTED_BY.items())
def test_what_no_sample_shows_is_tested_by_programs(name, where):
    file, test = where.split("::")
    assert name in PRIMITIVES and not PRIMITIVES[name].samples
    tests = ast.parse((ROOT / file).read_text()).body
    assert test in {node.name for node in tests if isinstance(node, ast.FunctionDef)}


def test_every_gap_has_a_reason():
    assert all(len(reason) > 20 for reason in declared().values())


def test_every_primitive_lives_in_a_family():
    homes = {value.name for family in FAMILIES for value in vars(family).values() if value in PRIMITIVES.values()}
    assert homes == set(PRIMITIVES)


@pytest.mark.parametrize(("name", "rule"), [gap for gap in declared() if gap[1] in ("jvp", "vjp", "batch")])
def test_a_missing_rule_is_refused(name, rule):
    arguments = ((), (), Dim.of(2), {}) if rule == "batch" else ((), (), (), {})
    with pytest.raises(NoRule, match=rule):
        getattr(PRIMITIVES[name], rule)(*arguments)
