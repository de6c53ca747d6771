"""A wrong program made small: statements are removed while it stays wrong.

In: a seed and a flavour, and the name of the check that is wrong. Out: the text of the smallest program found. A
candidate must run in Python for the inputs of the seed and return a number, and must be wrong in the same check, the
same way: its message says the same but for names and numbers.
"""

from __future__ import annotations

import ast
import copy
import re
import warnings
from collections.abc import Callable, Iterator

import numpy as np

from fuzz import programs
from fuzz.native_batches import check_native, subject
from fuzz.source_campaign import Outcome, check_program
from fuzz.values import python_outcome


def outcomes(seed: int, flavour: str, native: bool) -> Iterator[Outcome]:
    if not native:
        yield from check_program(seed, flavour, texts=True)
        return
    made = subject(seed, flavour)
    if made is not None:
        yield from check_native(made, seed)


def way_wrong(seed: int, flavour: str, check: str) -> str | None:
    """What the check says, without names and numbers; None where the program is right, or is no program."""
    try:
        function = programs.load_program(programs.program_text(seed, flavour))
    except Exception:
        return None
    args = programs.make_arguments(1000 * seed, flavour)
    value, raised = python_outcome(function, copy.deepcopy(args))
    if raised is not None or np.ndim(value) or value is None:
        return None
    try:
        found = [o for o in outcomes(seed, flavour, check.startswith("native")) if o.check == check]
    except Exception:
        return None
    wrong = next((o for o in found if o.verdict == "wrong"), None)
    return None if wrong is None else " ".join(re.findall(r"(?<![\w%.\\/`])[A-Za-z]+(?![\w.\\/`])", wrong.detail)[:8])


def smaller(text: str) -> Iterator[str]:
    """The text with one statement of `f` removed, or replaced by its own body; large statements first."""
    module = ast.parse(text)
    main = next(node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == "f")
    places = [
        (block, k)
        for node in ast.walk(main)
        for block in (getattr(node, "body", None), getattr(node, "orelse", None))
        if isinstance(block, list)
        for k in range(len(block))
    ]
    places.sort(key=lambda place: -len(ast.unparse(place[0][place[1]])))
    for block, k in places:
        old = list(block)
        replacements: list[list[ast.stmt]] = [[] if len(block) > 1 else [ast.Pass()]]
        if isinstance(old[k], (ast.If, ast.For, ast.While)):
            replacements += [list(getattr(old[k], part)) for part in ("body", "orelse") if getattr(old[k], part)]
        for new in replacements:
            block[k : k + 1] = new
            yield ast.unparse(module)
            block[:] = old


def reduced(text: str, holds: Callable[[str], bool]) -> str:
    """Remove statements as long as `holds` does."""
    progress = True
    while progress:
        progress = False
        for candidate in smaller(text):
            if candidate != text and holds(candidate):
                text, progress = candidate, True
                break
    return text


def reduce_program(seed: int, flavour: str, check: str) -> str:
    text = programs.program_text(seed, flavour)

    def holds(candidate: str) -> bool:
        programs.STAND_INS[seed, flavour] = candidate
        try:
            return way_wrong(seed, flavour, check) == way
        finally:
            del programs.STAND_INS[seed, flavour]

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        way = way_wrong(seed, flavour, check)
        if way is None:
            return "not wrong"
        return reduced(text, holds)

