"""The text of every program of the corpus and of its derivatives, as `gs.source` writes it.

As a program: prints one line per text, a hash and a name, so that runs under different hash seeds can be compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import gradscribe as gs
from gradscribe.transpiler.api.emission import emit
from oracles import combine, is_inexact, random_like
from programs.catalogue import PROGRAMS
from programs.program import Program


def gradient_text(program: Program) -> str:
    """The text a user reads: value and gradients, weighted where the result is not one number."""
    args = program.make_inputs(seed=3)
    command = "value_and_grad" if isinstance(program(*args), float) else "vjp"
    return emit(command, program.function, args, program.argnums).text()


def texts_of(program: Program) -> Iterator[tuple[str, str]]:
    """(name, text) of the value, jvp, vjp and hvp of one program."""
    function, args = program.function, program.make_inputs(seed=3)
    value = program(*args)
    weights = combine(lambda x, w: w if is_inexact(x) else None, value, random_like(value, seed=7))
    tangents = tuple(
        random_like(arg, seed=11) if k in program.argnums else gs.tree.map(lambda _: None, arg)
        for k, arg in enumerate(args)
    )
    no_weights = gs.tree.map(lambda _: None, weights)

    def push(args: Any, tangents: Any) -> Any:
        return gs.jvp(function, args, tangents)

    def pull(args: Any, weights: Any) -> Any:
        return gs.vjp(function, *args)[1](weights)

    def product(args: Any, weights: Any, tangents: Any) -> Any:
        return gs.jvp(pull, (args, weights), (tangents, no_weights))

    yield f"{program.name}_value", gs.source(function, *args)
    yield f"{program.name}_jvp", gs.source(push, args, tangents)
    yield f"{program.name}_vjp", gs.source(pull, args, weights)
    yield f"{program.name}_hvp", gs.source(product, args, weights, tangents)


if __name__ == "__main__":
    for program in PROGRAMS:
        for name, text in texts_of(program):
            print(hashlib.sha256(text.encode()).hexdigest(), name)
