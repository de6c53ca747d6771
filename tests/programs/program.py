"""What a program of the corpus is: a NumPy function, inputs for it, and what may be differentiated."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Size = Literal["small", "bench"]
Function = Callable[..., Any]
MakeInputs = Callable[[np.random.Generator, Size, type], tuple[Any, ...]]


@dataclass(frozen=True)
class Program:
    """A program of the corpus.

    ``draw`` makes the arguments from a random generator; callers use :meth:`make_inputs`, which seeds it. ``argnums``
    are the differentiable arguments (arrays, numbers, or trees of them), ``mutated`` those that the function writes.
    ``jax_module`` names the module beside this one that holds the JAX form under the program's name (None: no JAX
    form); it is imported only by :meth:`jax_reference`.
    """

    name: str
    function: Function
    draw: MakeInputs
    argnums: tuple[int, ...]
    jax_module: str | None
    mutated: tuple[int, ...] = ()
    float32: bool = False
    notes: str = ""

    def make_inputs(self, seed: int, size: Size = "small", dtype: type = np.float64) -> tuple[Any, ...]:
        """Fresh arguments; equal seeds give equal arguments. float32 only where ``self.float32`` says so."""
        if dtype is not np.float64 and not self.float32:
            raise ValueError(f"{self.name} has no inputs of type {dtype.__name__}")
        return self.draw(np.random.default_rng(seed), size, dtype)

    def __call__(self, *args: Any) -> Any:
        """The function's result on copies of the arguments: nothing of the caller's is written."""
        return self.function(*copy.deepcopy(args))

    @property
    def has_jax_reference(self) -> bool:
        return self.jax_module is not None

    def jax_reference(self) -> Function | None:
        """The JAX form: the same arguments as JAX arrays, the same result, nothing mutated. Imports JAX."""
        if self.jax_module is None:
            return None
        return getattr(importlib.import_module(f"programs.{self.jax_module}"), self.name)
