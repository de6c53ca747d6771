"""`gs.checkpoint_policies`: what a checkpointed function may save besides its arguments. Names and meaning as in JAX.

A policy is asked about one equation of the function's top level, in its simplified form, and says whether its results
may be saved. Of what it allows, a call saves what its adjoint reads. Inside loops and branches of the function nothing
is saved: put the checkpoint there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from gradscribe.transpiler.ir.nodes import Eqn
from gradscribe.transpiler.primitives.barriers import checkpoint_name
from gradscribe.transpiler.primitives.contraction import dot_general

Policy = Callable[[Eqn], bool]


def nothing_saveable(eqn: Eqn) -> bool:
    """Nothing is saved: what `policy=None` means."""
    return False


def everything_saveable(eqn: Eqn) -> bool:
    """Whatever the adjoint reads is saved, as without a checkpoint."""
    return True


def dots_saveable(eqn: Eqn) -> bool:
    """Products of matrices and vectors are saved."""
    return eqn.operation is dot_general


def dots_with_no_batch_dims_saveable(eqn: Eqn) -> bool:
    """Products of matrices and vectors are saved, unless an axis of both is one of the result too."""
    return dots_saveable(eqn) and not set(eqn.params["a"]) & set(eqn.params["b"]) & set(eqn.params["out"])


checkpoint_dots = dots_saveable
checkpoint_dots_with_no_batch_dims = dots_with_no_batch_dims_saveable


def _name_of(eqn: Eqn) -> str | None:
    name: str | None = eqn.params["name"] if eqn.operation is checkpoint_name else None
    return name


@functools.cache
def save_only_these_names(*names: str) -> Policy:
    """Values named by `gs.checkpoint_name` with one of these names are saved."""
    return lambda eqn: _name_of(eqn) in names


@functools.cache
def save_any_names_but_these(*names: str) -> Policy:
    """Values that have a name are saved, unless it is one of these."""
    return lambda eqn: _name_of(eqn) not in (None, *names)


@functools.cache
def save_anything_except_these_names(*names: str) -> Policy:
    """Everything may be saved, except values that have one of these names (what such a value is made of may be)."""
    return lambda eqn: _name_of(eqn) not in names


@functools.cache
def save_from_both_policies(first: Policy, second: Policy) -> Policy:
    """What one of the two policies allows is saved."""
    return lambda eqn: first(eqn) or second(eqn)
