"""Programs of the corpus as flat programs: staged once, with their flat arguments, and the way back to Python values.

In: a `programs.program.Program` and a seed. Out: `StagedProgram`. Assumes that staging does not depend on the values
drawn.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fuzz.derivatives import Execute, Program
from gradscribe.transpiler import tree
from gradscribe.transpiler.api.transformed import stage_inside
from gradscribe.transpiler.frontend.stage import stage
from gradscribe.transpiler.ir.staged import ArgumentIdentity, ArgumentLeaf, ResultLeaf, Staged, StaticLeaf
from gradscribe.transpiler.ir.verify import verify
from programs.program import Program as Entry

PLACEHOLDERS = (ResultLeaf, ArgumentIdentity, StaticLeaf)


def flatten(value: Any) -> tuple[list[Any], Any]:
    return tree.flatten(value, is_leaf=lambda x: isinstance(x, PLACEHOLDERS))


@dataclass(frozen=True)
class StagedProgram:
    """`point` is the flat program at its arguments; `wrt_by_argnum[k]` are the flat parameters of the k-th
    differentiable argument."""

    entry: Entry
    args: tuple[Any, ...]
    staged: Staged
    point: Program
    wrt_by_argnum: tuple[tuple[int, ...], ...]

    def result_tree(self, flat: Sequence[Any], params: Sequence[Any] | None = None) -> Any:
        """The Python value of a call, from flat results (or anything that goes with them, such as tangents)."""
        places, definition = flatten(self.staged.result)
        given = self.point.args if params is None else params
        return tree.unflatten(definition, [_placed(place, flat, given) for place in places])

    def argument_trees(self, by_parameter: dict[int, Any]) -> list[Any]:
        """One tree per differentiable argument, from one value per flat parameter."""
        out = []
        for argnum, parameters in zip(self.entry.argnums, self.wrt_by_argnum, strict=True):
            _, definition = flatten(self.args[argnum])
            out.append(tree.unflatten(definition, [by_parameter[k] for k in parameters]))
        return out


def _placed(place: Any, flat: Sequence[Any], params: Sequence[Any]) -> Any:
    if isinstance(place, ResultLeaf):
        return flat[place.position]
    if isinstance(place, ArgumentIdentity):
        return params[place.parameter] if place.position is None else flat[place.position]
    return place.value if isinstance(place, StaticLeaf) else place


@functools.cache
def stage_entry(entry: Entry, execute: Execute, seed: int = 3, dtype: type = np.float64) -> StagedProgram:
    """Stage a program of the corpus on the arguments of `seed`."""
    args = entry.make_inputs(seed, dtype=dtype)
    staged = stage(entry.function, args, {}, transform_call=stage_inside)
    verify(staged.function)
    leaves, _ = flatten((args, {}))
    flat = [leaves[p.leaf] if isinstance(p, ArgumentLeaf) else p.read() for p in staged.parameters]
    by_leaf = {p.leaf: k for k, p in enumerate(staged.parameters) if isinstance(p, ArgumentLeaf)}
    starts, start = [], 0
    for arg in args:
        count = len(flatten(arg)[0])
        starts.append(range(start, start + count))
        start += count
    by_argnum = tuple(tuple(by_leaf[leaf] for leaf in starts[argnum] if leaf in by_leaf) for argnum in entry.argnums)
    wrt = tuple(k for group in by_argnum for k in group)
    results = tuple(k for k, r in enumerate(staged.function.results) if r.type.is_float)
    point = Program(staged.function, tuple(flat), wrt, results, execute)
    return StagedProgram(entry, args, staged, point, by_argnum)
