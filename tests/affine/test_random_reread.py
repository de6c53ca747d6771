"""Re-reading on random programs against a trace: what the oracle promises is there, in every execution, bit for bit."""

import pytest
from random_nests import RandomNest, arguments
from run_trace import run

from gradscribe.transpiler.ir.nodes import region_vars
from gradscribe.transpiler.ir.verify import verify
from gradscribe.transpiler.passes.affine.rereads import RereadOracle
from gradscribe.transpiler.primitives.structure import index

SEEDS_PER_TEST = 50


def loads_and_claims(nest):
    """Promised values of the loops as claims; loads that are not promised, with every place they might still be in."""
    function = nest.function
    oracle = RereadOracle(function)
    claims, denied = [], []
    for var in region_vars(function.region):
        if oracle.layout.home[var][0] is function.region:
            continue
        found = oracle.reread(var)
        eqn = var.definition
        if found is not None:
            claims.append((var, found.array, found.at))
        elif eqn is not None and eqn.operation is index and var.type.is_float:
            ends = [line.last for line in oracle.history.lineages(function.region)]
            denied += [(var, end, eqn.params["at"]) for end in ends if end.type == eqn.operands[0].type]
    return claims, denied


def survey(seeds, affine_only, sizes):
    promised, lost, pessimistic = 0, 0, 0
    for seed in seeds:
        nest = RandomNest(seed, affine_only)
        verify(nest.function)
        claims, denied = loads_and_claims(nest)
        holds = [True] * len(claims + denied)
        runs = [0] * len(claims + denied)
        for size in sizes:
            for k, (ok, count) in enumerate(run(nest.function, arguments(nest, size, seed), claims + denied)):
                holds[k] = holds[k] and ok
                runs[k] += count
        for k, claim in enumerate(claims):
            assert holds[k], (seed, claim)
            promised += runs[k] > 0
        there = {}
        for (var, _, _), ok, count in zip(denied, holds[len(claims):], runs[len(claims):]):
            if count:
                there[var] = there.get(var, False) or ok
        lost += len(there)
        pessimistic += sum(there.values())
    return promised, lost, pessimistic


@pytest.mark.parametrize("first", range(0, 200, SEEDS_PER_TEST))
def test_promises_are_kept(first):
    promised, lost, _ = survey(range(first, first + SEEDS_PER_TEST), False, (2, 3, 5))
    assert promised > 50 and lost > 50  # the programs are neither trivial nor hopeless


def test_affine_programs_are_decided_almost_exactly():
    """Without data-dependent parts what is denied is really gone, but for swaps and chance (few sizes are run)."""
    promised, _, pessimistic = survey(range(1000, 1060), True, (2, 3, 4, 5, 7, 9))
    assert promised > 100
    assert pessimistic <= promised * 0.04
