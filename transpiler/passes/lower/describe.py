"""What a loop-level program consists of, for explanations: its loop nests, its calls of library kernels, its arrays.

In: a loop-level `Function`, as `lower` makes it. Out: a `Description`; nothing is changed. A nest is a loop that does
array work alone (what lowering made of array equations, or a loop of the user's that touches elements and is not a
`while` around others), with the user's lines that met in it. Sizes stay symbolic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Eqn, Function, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.passes.lower.contractions import matmul_add
from gradscribe.transpiler.passes.ownership import IN_PLACE, made_arrays, view_base
from gradscribe.transpiler.primitives.allocation import empty, zeros
from gradscribe.transpiler.primitives.conversion import copy
from gradscribe.transpiler.primitives.regions import body_carries, if_, is_counted, loop, result_carries
from gradscribe.transpiler.primitives.structure import index, update, update_add


@dataclass(frozen=True)
class Nest:
    """A loop nest: how deep, the user's lines whose work it does, the sizes it runs over, and whether the iterations of
    its outermost loop are independent of each other."""

    depth: int
    lines: tuple[int, ...]
    trips: tuple[Dim, ...]
    independent: bool


@dataclass(frozen=True)
class KernelCall:
    """A call of BLAS, LAPACK or another kernel on whole arrays."""

    operation: str
    line: int | None
    result: ArrayType


@dataclass(frozen=True)
class Allocation:
    """An array that the program makes: once, or in each trip of the loops around it; `returned` if it is a result."""

    name: str
    type: ArrayType
    line: int | None
    loops: int
    returned: bool


@dataclass
class Description:
    nests: list[Nest] = field(default_factory=list)
    calls: list[KernelCall] = field(default_factory=list)
    allocations: list[Allocation] = field(default_factory=list)


def describe_loops(function: Function) -> Description:
    """The parts of a loop-level program, in its order."""
    description = Description()
    _enter(function.region, description, 0, _origins(function))
    return description


def _origins(function: Function) -> set[Var]:
    """Arrays whose memory the results are: found back through the loops and writes that hand it on."""
    origins: set[Var] = set()
    pending = [x for x in function.results if isinstance(x, Var)]
    while pending:
        var = pending.pop()
        if var in origins:
            continue
        origins.add(var)
        eqn = var.definition
        if eqn is None:
            continue
        sources: list[Operand] = []
        if eqn.operation in IN_PLACE or view_base(var) is not None:
            sources = [eqn.operands[0]]
        elif eqn.operation is loop:
            k = result_carries(eqn).index(var)
            sources = [body_carries(eqn)[k], eqn.operands[k]]
        elif eqn.operation is if_:
            sources = [region.results[eqn.results.index(var)] for region in eqn.regions]
        pending += [x for x in sources if isinstance(x, Var)]
    return origins


def _line(eqn: Eqn) -> int | None:
    return None if eqn.span is None else eqn.span.line


def _enter(region: Region, out: Description, loops: int, results: set[Var]) -> None:
    for eqn in region.eqns:
        around = eqn.operation is loop and not is_counted(eqn) and any(_loops(eqn.regions[-1]))
        if eqn.operation is loop and not around and not _has_whole_arrays(eqn.regions[-1]):
            if any(e.operation in (index, update, update_add) for e in inner_eqns(eqn.regions[-1])):
                out.nests.append(_nest(eqn))
            continue
        for x in made_arrays(eqn):
            if isinstance(x.type, ArrayType):
                out.allocations.append(Allocation(x.hint, x.type, _line(eqn), loops, x in results))
        if eqn.operation is matmul_add or (eqn.operation not in (empty, zeros, copy) and _makes_arrays(eqn)):
            type = eqn.results[0].type
            assert isinstance(type, ArrayType)
            out.calls.append(KernelCall(eqn.operation.name, _line(eqn), type))
        for inner in eqn.regions:
            _enter(inner, out, loops + (eqn.operation is loop), results)


def _makes_arrays(eqn: Eqn) -> bool:
    return any(isinstance(x.type, ArrayType) for x in made_arrays(eqn))


def _has_whole_arrays(region: Region) -> bool:
    """Something in it makes or fills a whole array, so that it is a loop around nests, not a nest."""
    return any(e.operation is matmul_add or _makes_arrays(e) for e in inner_eqns(region))


def _nest(eqn: Eqn) -> Nest:
    body = eqn.regions[-1]
    lines = {e.span.line for e in inner_eqns(body) if e.span is not None}
    trips: list[Dim] = []
    current: Eqn | None = eqn
    while current is not None and is_counted(current):
        trips.append(current.params["hi"] - current.params["lo"])
        current = next((e for e in current.regions[-1].eqns if e.operation is loop), None)
    return Nest(_depth(eqn), tuple(sorted(lines)), tuple(trips), bool(eqn.params.get("independent")))


def _depth(eqn: Eqn) -> int:
    return 1 + max((_depth(e) for e in _loops(eqn.regions[-1])), default=0)


def _loops(region: Region) -> Iterator[Eqn]:
    for eqn in region.eqns:
        if eqn.operation is loop:
            yield eqn
        else:
            for inner in eqn.regions:
                yield from _loops(inner)
