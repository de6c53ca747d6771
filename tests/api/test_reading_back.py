"""Emitted text is inside the accepted language: staged again it computes the same, and is mostly the same text.

For every program of the corpus, the function itself and its vjp. What is not read back, and why, is `REFUSED`.
"""

from __future__ import annotations

import copy
import functools
import warnings

import numpy as np
import pytest

import gradscribe as gs
from fuzz.emitted_text import flat_arguments, function_of, without_comments
from gradscribe.transpiler import tree
from gradscribe.transpiler.api.emission import emit
from gradscribe.transpiler.api.inspection import staged_for
from gradscribe.transpiler.errors import GradscribeError
from oracles import relative_error
from programs.catalogue import PROGRAMS

KINDS = ("value", "vjp")
REFUSED = {("lorenz_array", "vjp")}  # names that stand for one array on some paths only
SAME_TEXT = {"value": 0.8, "vjp": 0.45}  # at least this part


@functools.cache
def read_back(program, kind):
    """(same text, relative error) of the text of the text."""
    args = program.make_inputs(3)
    if kind == "value":
        staged, call = staged_for(program.function, copy.deepcopy(args), {})[0], args
        text = gs.source(program.function, *copy.deepcopy(args))
    else:
        emission = emit("vjp", program.function, copy.deepcopy(args), program.argnums)
        staged, text, call = emission.staged, emission.text(), (args, program(*args))
    flat = flat_arguments(staged, call)
    first = function_of(text)
    again = gs.source(first, *copy.deepcopy(flat))
    second = function_of(again)
    error = relative_error(second(*copy.deepcopy(flat)), first(*copy.deepcopy(flat)))
    return without_comments(text) == without_comments(again), error


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_text_of_the_text_computes_the_same(program, kind):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        if (program.name, kind) in REFUSED:
            with pytest.raises(GradscribeError):
                read_back(program, kind)
        else:
            assert read_back(program, kind)[1] < 1e-13


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_text_of_the_text_is_mostly_the_same_text(kind):
    accepted = [p for p in PROGRAMS if (p.name, kind) not in REFUSED]
    same = [read_back(p, kind)[0] for p in accepted]
    assert sum(same) >= SAME_TEXT[kind] * len(same)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_derivatives_of_the_text_are_derivatives_of_the_function(program):
    """The vjp of the emitted text against the emitted vjp."""
    args = program.make_inputs(3)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        emission = emit("vjp", program.function, copy.deepcopy(args), program.argnums)
        flat_call = flat_arguments(emission.staged, (args, program(*args)))
        expected = function_of(emission.text())(*copy.deepcopy(flat_call))[1]
        staged, _ = staged_for(program.function, copy.deepcopy(args), {})
        flat = flat_arguments(staged, args)
        text = function_of(gs.source(program.function, *copy.deepcopy(args)))
        value, pull = gs.vjp(text, *copy.deepcopy(flat))
        given = [pull_leaf for pull_leaf in tree.leaves(pull(value)) if pull_leaf is not None]
    wanted = tree.leaves(expected)
    shapes = {np.shape(x) for x in wanted}
    assert sum(np.shape(x) in shapes for x in given) >= len(wanted)
    for x in wanted:
        assert min(relative_error(y, x) for y in given if np.shape(y) == np.shape(x)) < 1e-10
