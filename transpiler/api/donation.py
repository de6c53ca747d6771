"""`donate_argnums`: results that take the memory of arguments nobody reads again.

In: a staged call and the flat parameters that are donated. Out: the call, in which a result of the same dtype and
shape is written into a donated parameter, as if the function ended with `x[...] = result; return x`. Establishes: that
happens only where it saves native code an array; other donated parameters stay as they were, and are not written.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from gradscribe.transpiler import tree
from gradscribe.transpiler.api.composing import hints_of
from gradscribe.transpiler.api.leaves import flatten
from gradscribe.transpiler.ir.index import whole
from gradscribe.transpiler.ir.nodes import Eqn, Region, Var
from gradscribe.transpiler.ir.staged import ArgumentIdentity, Mutation, ResultLeaf, Staged
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.walk import inner_eqns
from gradscribe.transpiler.passes.bufferize import bufferize
from gradscribe.transpiler.passes.inline_custom import without_custom_calls
from gradscribe.transpiler.passes.lower.lowering import lower
from gradscribe.transpiler.passes.ownership import has_memory, made_arrays
from gradscribe.transpiler.primitives.structure import update

Pair = tuple[int, int]  # of a donated parameter and the result that takes its memory


def with_donations(staged: Staged, donated: Sequence[int]) -> Staged:
    """`staged`, with results in `donated` parameters: in all that find one, else in each that saves an array."""
    pairs = _pairs(staged, donated)
    if not pairs:
        return staged
    before = _arrays_made(staged)
    taken = _reusing(staged, pairs)
    if _arrays_made(taken) == before - len(pairs):
        return taken
    for pair in pairs if len(pairs) > 1 else ():
        trial = _reusing(staged, [pair])
        if _arrays_made(trial) < before:
            staged, before = trial, _arrays_made(trial)
    return staged


def _pairs(staged: Staged, donated: Sequence[int]) -> list[Pair]:
    """Each donated parameter that is not written or returned itself, with a result of its own type."""
    function = staged.function
    templates = [staged.result, *(m.template for m in staged.container_mutations)]
    places = [flatten(template)[0] for template in templates]
    kept = {p.parameter for leaves in places for p in leaves if isinstance(p, ArgumentIdentity)}
    kept |= {m.parameter for m in staged.mutations}
    named = [p.position for leaves in places for p in leaves if isinstance(p, ResultLeaf)]
    free = [p.position for p in places[0] if isinstance(p, ResultLeaf) and named.count(p.position) == 1]
    pairs = []
    for parameter in donated:
        if parameter in kept or not has_memory(function.params[parameter]):
            continue
        for position in free:
            result = function.results[position]
            if result.type == function.params[parameter].type and result is not function.params[parameter]:
                pairs.append((parameter, position))
                free.remove(position)
                break
    return pairs


def _reusing(staged: Staged, pairs: Collection[Pair]) -> Staged:
    """The call, in which each of these results ends up in the memory of its parameter, which it is."""
    function = staged.function
    eqns, results = list(function.region.eqns), list(function.results)
    for parameter, position in pairs:
        param, value = function.params[parameter], results[position]
        assert isinstance(param.type, ArrayType)
        final = Var(param.type, param.hint)
        eqns.append(Eqn(update, (param, value), (final,), {"at": whole(param.type.shape)}, (), function.span))
        results[position] = final
    parameters = {position: parameter for parameter, position in pairs}
    leaves, definition = flatten(staged.result)
    leaves = [
        ArgumentIdentity(parameters[p.position], p.position) if isinstance(p, ResultLeaf) and p.position in parameters
        else p
        for p in leaves
    ]  # fmt: skip
    return replace(
        staged,
        function=replace(
            function,
            region=Region(function.region.params, tuple(eqns), tuple(results)),
            result_hints=tuple(hints_of(function)),
        ),
        result=tree.unflatten(definition, leaves),
        mutations=(*staged.mutations, *(Mutation(parameter, position) for parameter, position in pairs)),
    )


def _arrays_made(staged: Staged) -> int:
    """How many places in the native program make an array."""
    function = lower(without_custom_calls(staged.function))
    identities = {m.position: m.parameter for m in staged.mutations}
    written = [function.params[k] for k in sorted(set(identities.values()))]
    return sum(len(made_arrays(e)) for e in inner_eqns(bufferize(function, written, identities).function.region))
