"""Every loop of every program of the language with two snapshots: gradients are those that keep everything."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest

import gradscribe as gs
from cells import point_of
from gradscribe.transpiler.api.inspection import staged_for
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.nodes import Eqn, Region
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.passes.simplify import simplify
from gradscribe.transpiler.primitives.regions import loop
from gradscribe.transpiler.transforms.vjp import vjp
from language.registry import LANGUAGE
from language.test_language import CELLS

NAMES = sorted({cell.values[0] for cell in CELLS if LANGUAGE[cell.values[0]].argnums})
PROGRAMS = [pytest.param(name, marks=() if k % 8 == 0 else pytest.mark.slow) for k, name in enumerate(NAMES)]


def marked(region: Region) -> Region:
    """All loops, inner ones too, as loops with snapshots."""
    eqns = []
    for eqn in region.eqns:
        params = {**eqn.params, "snapshots": Dim.of(2)} if eqn.operation is loop else eqn.params
        eqns.append(Eqn(eqn.operation, eqn.operands, eqn.results, params, tuple(map(marked, eqn.regions)), eqn.span))
    return Region(region.params, tuple(eqns), region.results)


@pytest.mark.parametrize("name", PROGRAMS)
def test_gradients_are_those_that_keep_everything(name):
    point = point_of(LANGUAGE[name])

    def staged():
        found, leaves = staged_for(gs.jit(point.function), copy.deepcopy(point.args), {})
        values = [leaves[p.leaf] if hasattr(p, "leaf") else p.read() for p in found.parameters]
        return simplify(found.function), values

    function, values = staged()
    wrt = [k for k, p in enumerate(function.params) if p.type.is_float]
    outs = [k for k, r in enumerate(function.results) if r.type.is_float]
    if not wrt or not outs or not any(eqn.operation is loop for eqn in inner_eqns(function.region)):
        return
    rng = np.random.default_rng(0)
    primal = evaluate(function, *copy.deepcopy(values))
    bars = [np.asarray(rng.normal(size=np.shape(primal[k]))).astype(np.asarray(primal[k]).dtype)[()] for k in outs]
    expected = evaluate(vjp(function, wrt, outs).fused, *copy.deepcopy(values), *bars)
    again = staged()[0]
    try:
        parts = vjp(replace(again, region=marked(again.region)), wrt, outs)
    except gs.NoRule as refusal:
        assert "whose size changes" in str(refusal)
        return
    found = evaluate(parts.fused, *copy.deepcopy(values), *bars)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)
