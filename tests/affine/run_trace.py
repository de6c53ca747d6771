"""The truth about what arrays still hold: run, remember every value of every execution, look it up at the end."""

import numpy as np

from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.evaluate import RegionRunner, bind_symbols
from gradscribe.transpiler.ir.index import as_numpy, index_dims
from gradscribe.transpiler.ir.walk import dim_vars


class _Recording(dict):
    """An environment that copies what matters whenever a watched value is defined."""

    def __init__(self, watched):
        super().__init__()
        self.watched = watched  # var -> the values (of dims) needed to say where it may be
        self.seen = {var: [] for var in watched}

    def __setitem__(self, key, value):
        super().__setitem__(key, value)
        if key in self.watched:
            known = {v: self[v] for v in self.watched[key] if v in self}
            self.seen[key].append((np.array(value), known))


def run(function, args, claims):
    """Execute; `claims` are (var, array, at). Returns for each claim: is every execution's value found there, and how
    many executions there were."""
    watched = {}
    for var, _, at in claims:
        needed = watched.setdefault(var, {})
        needed.update((v, None) for d in index_dims(at) for v in dim_vars(d))
    env = _Recording({var: list(needed) for var, needed in watched.items()})
    bind_symbols(function.params, args, env)
    # evaluate() defines scalars through `conform`, which sets a value a second time for region parameters only
    RegionRunner(function.region, env)(*args)
    return [(_found(env, claim), len(env.seen[claim[0]])) for claim in claims]


def _found(env, claim):
    var, array, at = claim
    if array not in env:
        return False
    final = env[array]
    for value, known in env.seen[var]:
        lookup = lambda atom, known=known: int(known[atom] if atom in known else env[atom])
        where = as_numpy(at, lambda d, lookup=lookup: Dim.of(d).evaluate(lookup), ())
        if not np.array_equal(np.asarray(final[where]), value):
            return False
    return True
