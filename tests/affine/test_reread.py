"""Re-reading values from the last version of their array: named programs, traps, and a trace oracle on random nests."""

import pytest
from nest_programs import PROGRAMS, arguments
from run_trace import run

from gradscribe.transpiler.ir.nodes import region_vars
from gradscribe.transpiler.ir.verify import verify
from gradscribe.transpiler.passes.affine.rereads import RereadOracle
from gradscribe.transpiler.primitives.structure import index

# Loads that may be gone at the end, per program (out of all loads); the rest is proved to be readable.
GONE = {
    "cholesky": 0, "cholesky_right": 0, "lu": 0,
}


def loads(function):
    return [v for v in region_vars(function.region) if v.definition is not None and v.definition.operation is index]


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_claims_hold_when_run(name):
    program = PROGRAMS[name]()
    verify(program)
    oracle = RereadOracle(program)
    claims = []
    for var in region_vars(program.region):
        found = oracle.reread(var)
        if found is not None:
            claims.append((var, found.array, found.at))
    for sizes in ({"n": 5, "m": 6, "t": 3}, {"n": 2, "m": 2, "t": 2}, {"n": 3, "m": 4, "t": 2}):
        for claim, (holds, _) in zip(claims, run(program, arguments(program, sizes), claims)):
            assert holds, (name, claim)
    print(name, len(claims), [v for v in loads(program) if oracle.reread(v) is None])
