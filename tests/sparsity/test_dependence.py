"""Patterns found by analysis hold every nonzero of dense Jacobians: every primitive, the corpus, programs of the
language; at the arguments and at others, since a pattern holds for all values of what varies."""

import copy
import random

import numpy as np
import pytest

from gradscribe.transpiler.errors import UnsupportedSyntax
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.passes.sparsity.dependence import dependence
from gradscribe.transpiler.transforms.jvp import jvp
from language import test_language  # registers the programs
from primitives.table_cases import CASES, evaluated, is_float, program
from programs.catalogue import PROGRAMS
from transforms.executions import EXECUTIONS
from transforms.staged_corpus import stage_entry

MOVES = ("broadcast_to", "reshape", "permute", "index", "concatenate", "stack", "array_of", "convert", "copy", "full")


def dense(function, args, wrt, run):
    """Whether each element of the Jacobian is not zero, by unit tangents."""
    pushed = jvp(function, wrt)
    floating = [k for k, r in enumerate(function.results) if r.type.is_float]
    columns = []
    for k in wrt:
        for position in range(int(np.size(args[k]))):
            tangents = [np.zeros_like(args[j]) for j in wrt]
            unit = np.zeros(np.size(args[k]), np.asarray(args[k]).dtype)
            unit[position] = 1.0
            tangents[wrt.index(k)] = unit.reshape(np.shape(args[k]))[()]
            outs = run(pushed, *copy.deepcopy(args), *tangents)[len(function.results) :]
            columns.append(np.concatenate([np.ravel(x) for x in outs]) if floating else np.zeros(0))
    return np.array(columns).T != 0


def analysed(function, args, wrt):
    found = dependence(function, args, wrt)
    values = evaluate_shapes(function, args)
    rows = []
    for k, r in enumerate(function.results):
        if r.type.is_float:
            sets = found.results[k]
            elements = [found.universe.nothing] * values[k] if sets is None else sets.reshape(-1).tolist()
            rows += [[c in set(found.universe.members(e)) for c in range(found.universe.size)] for e in elements]
    return np.array(rows, bool).reshape(len(rows), found.universe.size)


def evaluate_shapes(function, args):
    return [int(np.size(x)) for x in evaluate(function, *copy.deepcopy(args))]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_primitive(case):
    operands = case.operands(np.float64)
    wrt = [k for k, x in enumerate(operands) if is_float(x)]
    if not wrt or not any(map(is_float, evaluated(case, *operands))):
        pytest.skip("nothing to differentiate")
    function = program(case.apply, operands)
    expected, found = dense(function, operands, wrt, evaluate), analysed(function, operands, wrt)
    assert not np.any(expected & ~found)
    if case.primitive.name in MOVES:
        np.testing.assert_array_equal(found, expected)


def check_program(entry):
    point = stage_entry(entry, EXECUTIONS["evaluator"]).point
    if not point.wrt or not point.results:
        pytest.skip("nothing to differentiate")
    wrt, rng = list(point.wrt), np.random.default_rng(1)
    run = EXECUTIONS["evaluator"]
    try:
        found = analysed(point.function, list(point.args), wrt)
    except UnsupportedSyntax as refused:
        assert "sizes depend on the differentiated argument" in str(refused)
        return
    assert not np.any(dense(point.function, list(point.args), wrt, run) & ~found)
    moved = list(point.args)
    for k in wrt:
        moved[k] = np.asarray(moved[k] * (1 + 0.3 * rng.uniform(-1, 1, np.shape(moved[k]))))[()]
    try:
        elsewhere = dense(point.function, moved, wrt, run)
    except (ArithmeticError, ValueError, IndexError):
        return  # the program does not take these arguments
    if elsewhere.shape == found.shape:
        assert not np.any(elsewhere & ~found)


def sampled(entries, count):
    """All of them, in the fast gate only some."""
    chosen = random.Random(6).sample(entries, count)
    return [pytest.param(e, id=e.name, marks=() if e in chosen else pytest.mark.slow) for e in entries]


@pytest.mark.parametrize("entry", sampled(PROGRAMS, 15))
def test_corpus(entry):
    check_program(entry)


@pytest.mark.parametrize("entry", sampled([e for _, e in sorted(test_language.LANGUAGE.items()) if e.argnums], 25))
def test_language(entry):
    check_program(entry)
