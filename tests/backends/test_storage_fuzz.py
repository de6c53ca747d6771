"""Random IR programs: emitted text computes what the evaluator computes, to the last bit; arguments stay untouched."""

import random

import numpy as np
import pytest

from fuzz.storage_programs import ir_program
from gradscribe.transpiler.backends.dialect import NumPyDialect
from gradscribe.transpiler.backends.entry_checks import binding_places
from gradscribe.transpiler.backends.execute import execute
from gradscribe.transpiler.backends.folding import fold
from gradscribe.transpiler.backends.names import assign_names
from gradscribe.transpiler.backends.numpy_source import numpy_source
from gradscribe.transpiler.backends.storage import assign_storage
from gradscribe.transpiler.backends.writer import write_function
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.nodes import region_vars
from gradscribe.transpiler.ir.verify import verify
from gradscribe.transpiler.passes.bufferize import bufferize
from gradscribe.transpiler.passes.sink_writes import sink_writes


def same(a, b):
    return np.shape(a) == np.shape(b) and np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True)


def run(text, args):
    given = [np.array(a) if isinstance(a, np.ndarray) else a for a in args]
    with np.errstate(all="ignore"):
        out = execute(text, "program")(*given)
    return (out if isinstance(out, tuple) else (out,)), given


def arrays(values):
    return [v for v in values if isinstance(v, np.ndarray)]


def check_program(seed: int) -> None:
    made, args = ir_program(seed)
    verify(made)
    expected = evaluate(made, *args)
    found, given = run(numpy_source(made), args)
    assert all(same(a, b) for a, b in zip(args, given, strict=True)), "an argument was written"
    assert [k for k, (a, b) in enumerate(zip(expected, found, strict=True)) if not same(a, b)] == []
    for k, a in enumerate(arrays(found)):
        assert not any(np.shares_memory(a, b) for b in [*arrays(given), *arrays(found)[:k]]), "results share memory"
    check_donated(seed, made, args, expected)


def check_donated(seed, made, args, expected):
    """Some parameters end up holding results; the others stay as they are."""
    rng = random.Random(seed)
    identities: dict[int, int] = {}
    for k, x in enumerate(made.results):
        for p, q in enumerate(made.params):
            if (
                x.type == q.type
                and x.shape
                and p not in identities.values()
                and k not in identities
                and rng.random() < 0.7
            ):
                identities[k] = p
    donated = [made.params[p] for p in identities.values()]
    found, given = run(numpy_source(made, donated=donated, identities=identities, checks=False), args)
    assert [k for k, (a, b) in enumerate(zip(expected, found, strict=True)) if not same(a, b)] == []
    for k, p in identities.items():
        assert found[k] is given[p]
    assert all(same(a, b) for p, (a, b) in enumerate(zip(args, given, strict=True)) if p not in identities.values())


def printed_with_its_own_names(seed: int) -> tuple[str, str]:
    """The text of a program, and of the same program with the names of that text as hints."""
    made = bufferize(sink_writes(ir_program(seed)[0])).function
    folding = fold(made)
    storage = assign_storage(made, folding)
    dialect = NumPyDialect()
    first = write_function(made, "program", dialect, checks=False)
    names = assign_names(made, storage, list(binding_places(made)), dialect.reserved | {"program"})
    for value in list(region_vars(made.region)):
        value.hint = "" if folding.is_inline(value) else names.of(value)
    again = write_function(made, "program", dialect, checks=False)
    return "\n".join(x.text for x in first.lines), "\n".join(x.text for x in again.lines)


def test_names_read_back_are_given_again():
    """Half of emit ∘ parse ∘ emit = emit: printing does not depend on names it gave itself."""
    different = [seed for seed in range(120) if len(set(printed_with_its_own_names(seed))) != 1]
    assert different == []


@pytest.mark.parametrize("block", range(8))
def test_random_programs(block):
    for seed in range(25 * block, 25 * block + 25):
        check_program(seed)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(8, 40))
def test_more_random_programs(block):
    for seed in range(25 * block, 25 * block + 25):
        check_program(seed)
