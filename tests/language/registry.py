"""The programs of the language: small functions, each a construct of Python or NumPy as scientific code writes it.

A module of this room declares its programs with `@program(*args)`; `test_language.py` runs each through the cells of
the matrix. Arguments are given once; every run gets copies.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from oracles import is_inexact, leaves
from programs.program import Function, Program

LANGUAGE: dict[str, Program] = {}


def program(*args: Any, argnums: tuple[int, ...] | None = None, notes: str = "") -> Callable[[Function], Function]:
    """Register the decorated function with example arguments.

    ``argnums`` are the arguments to differentiate; None: every argument whose leaves are all floating or complex.
    """

    def add(function: Function) -> Function:
        if function.__name__ in LANGUAGE:
            raise ValueError(f"two programs of the language are called {function.__name__}")
        chosen = argnums
        if chosen is None:
            chosen = tuple(k for k, arg in enumerate(args) if leaves(arg) and all(map(is_inexact, leaves(arg))))

        def draw(rng: np.random.Generator, size: str, dtype: type) -> tuple[Any, ...]:
            return copy.deepcopy(args)

        LANGUAGE[function.__name__] = Program(function.__name__, function, draw, chosen, None, notes=notes)
        return function

    return add
