"""The primitive x rule matrix: what is missing is exactly what gaps.toml declares, each with its reason."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from gradscribe.transpiler.errors import NoRule
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.primitives.collectives import Collective, axis_index
from gradscribe.transpiler.primitives.primitive import Elementwise, Library, Linear, Reduction, RegionPrimitive
from gradscribe.transpiler.primitives.table import FAMILIES, PRIMITIVES

GAPS = Path(__file__).resolve().parents[2] / "gaps.toml"


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
    if not primitive.source:
        yield "source"
    if not primitive.samples:
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
        for rule in ("jvp", "vjp", "batch"):
            if getattr(primitive, f"{rule}_rule") is None:
                yield rule
    else:
        raise AssertionError(f"{primitive} is of no known kind")


def test_holes_are_the_declared_gaps():
    found = {(primitive.name, rule) for primitive in PRIMITIVES.values() for rule in holes(primitive)}
    assert found == set(declared())


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
