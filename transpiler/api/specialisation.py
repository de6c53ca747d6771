"""One version of a transformed function: a staged program, ready to run, and the conditions under which a call may
use it.

In: a `Staged` call. Out: `Specialisation`. Assumes the call has the dispatch key it was made for. Establishes: it
runs only when its facts, captured values and static checks hold; what the caller sees written is what Python would
have written, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradscribe.transpiler import tree
from gradscribe.transpiler.api.executables import Backend, Executable, executable, number_checks
from gradscribe.transpiler.api.guarding import Fact, facts_of
from gradscribe.transpiler.api.leaves import admit, describe, is_data
from gradscribe.transpiler.api.results import ResultBuilder
from gradscribe.transpiler.errors import AliasError, GradscribeError, ReadOnlyError, ShapeError, Span, internal_error
from gradscribe.transpiler.ir.staged import ArgumentLeaf, CaptureLeaf, Staged
from gradscribe.transpiler.ir.types import ArrayType, type_of_scalar


@dataclass(frozen=True)
class Misfit:
    """Why a call may not use a specialisation; `fact` is set when Python itself would raise."""

    why: str
    fact: Fact | None = None


@dataclass(frozen=True)
class Written:
    """What a function writes: flat parameters; whether containers among its arguments."""

    parameters: tuple[int, ...]
    containers: bool


def repeated_container(value: Any) -> Any:
    """A mutable container that occurs twice in a tree, or None."""
    seen: dict[int, Any] = {}
    todo = [value]
    while todo:
        node = todo.pop()
        kind = tree.kind_of(type(node))
        if kind is None or node is None:
            continue
        if not isinstance(node, tuple):
            if id(node) in seen:
                return node
            seen[id(node)] = node
        todo += kind.take(node)[0]
    return None


class Specialisation:
    """A version of a transformed function. `written`: what the function writes; `writes`: the caller sees it."""

    def __init__(self, staged: Staged, written: Written, backend: Backend, writes: bool) -> None:
        self.staged = staged
        self.writes = writes
        function = staged.function
        self.types = [p.type for p in function.params]
        self.leaf_positions = [p.leaf if isinstance(p, ArgumentLeaf) else -1 for p in staged.parameters]
        self.captures = [(k, p) for k, p in enumerate(staged.parameters) if isinstance(p, CaptureLeaf)]
        self.array_params = [k for k, t in enumerate(self.types) if isinstance(t, ArrayType) and t.shape]
        self.scalar_params = [k for k, t in enumerate(self.types) if isinstance(t, ArrayType) and not t.shape]
        self.numpy_params = {k: t.dtype.type for k in self.scalar_params if not (t := self.types[k]).weak}
        self.facts = facts_of(function, [p.path for p in staged.parameters])
        self.by_shape_alone = self.facts.by_shape_alone and not self.captures
        self.codes = [
            (f, f.__code__, f.__defaults__, f.__kwdefaults__) for f in staged.sources if hasattr(f, "__code__")
        ]
        self.mutations = staged.mutations if writes else ()
        self.written = written.parameters
        self.writes_containers = written.containers
        self.builder = ResultBuilder(staged.result, function, keep_identity=writes)
        self.containers = [
            (m, ResultBuilder(m.template, function, keep_identity=True))
            for m in (staged.container_mutations if writes else ())
        ]
        # An array without axes is handed on as a number, and written here.
        self.identities = {m.position: m.parameter for m in self.mutations if m.parameter in self.array_params}
        self._backend: Backend = backend
        self.numbers = number_checks()
        self._run: Executable | None = None

    @property
    def has_run(self) -> bool:
        return self._run is not None

    @property
    def run(self) -> Executable:
        if self._run is None:
            run = executable(self.staged.function, self._backend, self.identities, self.numbers)
            self._run = _quiet(run, self.staged.quiet) if self._backend == "python" and self.staged.quiet else run
        return self._run

    # ---- conditions ----
    def values(self, leaves: Sequence[Any]) -> list[Any]:
        """Flat parameter values as the caller has them: leaves of the arguments, captures read now."""
        found = [leaves[k] if k >= 0 else None for k in self.leaf_positions]
        for k, capture in self.captures:
            assert capture.read is not None
            found[k] = admit(capture.read(), capture.path)
        return found

    def still_current(self) -> Misfit | None:
        """None if the functions and captured static values are what they were when this version was made."""
        for function, code, defaults, named in self.codes:
            if function.__code__ is not code:
                return Misfit(f"{function.__qualname__} was redefined")
            if function.__defaults__ is not defaults or function.__kwdefaults__ is not named:
                return Misfit(f"{function.__qualname__} has other default values")
        for check in self.staged.static_checks:
            if not check():
                return Misfit("a captured value that was static has changed")
        return None

    def misfit(self, values: Sequence[Any]) -> Misfit | None:
        """Why these values do not fit, or None."""
        for k, capture in self.captures:
            why = _capture_misfit(values[k], self.types[k])
            if why:
                return Misfit(f"captured `{capture.path}` {why}")
        try:
            number = self.facts.failing(values)
        except Exception as error:
            raise internal_error(self.span, "testing the conditions of a version", error) from error
        if number < 0:
            return None
        fact = self.facts.facts[number]
        return Misfit(fact.message, fact if fact.requirement else None)

    # ---- running ----
    def call(self, values: list[Any], args: Any, kwargs: Any) -> Any:
        """Run on flat parameter values and give the caller what Python would: the value, and under `jit` the writes."""
        if self.written:
            self.check_written(values)
        if self.writes_containers:
            self.check_containers((args, kwargs))
        inputs = values
        for k in self.array_params:
            if not values[k].flags.c_contiguous:
                inputs = list(values) if inputs is values else inputs
                inputs[k] = np.ascontiguousarray(values[k])
        for k in self.scalar_params:
            if type(values[k]) is np.ndarray:
                inputs = list(values) if inputs is values else inputs
                inputs[k] = values[k][()]
            elif type(values[k]) in (int, float, complex) and k in self.numpy_params:
                inputs = list(values) if inputs is values else inputs
                inputs[k] = self.numpy_params[k](values[k])  # a tangent given as a Python number is a NumPy scalar
        results = self.run(*inputs)
        for mutation in self.mutations:
            target, new = values[mutation.parameter], results[mutation.position]
            if new is not target:
                target[...] = new
        value = self.builder.build(results, inputs, values)
        for container, builder in self.containers:
            container.store(args, kwargs, builder.build(results, inputs, values))
        return value

    def check_written(self, values: Sequence[Any]) -> None:
        """Refuse written arguments that overlap others, and under `jit` read-only ones."""
        for k in self.written:
            if self.writes and isinstance(values[k], np.ndarray) and not values[k].flags.writeable:
                raise ReadOnlyError(
                    self.span,
                    f"{self.path(k)} is read-only, and `{self.staged.function.name}` writes to it",
                    "Pass a copy (an array in another byte order counts as read-only: pass it in the machine's).",
                )
            for j in self.array_params:
                if j == k or (self.writes and values[j] is values[k] and self._are_arguments(j, k)):
                    continue  # the version was made for arguments that are this one array
                if overlap(values[j], values[k]):
                    raise AliasError(
                        self.span,
                        f"{self.path(k)} is written and shares memory with {self.path(j)}",
                        "Pass a copy of one of them.",
                    )

    def check_containers(self, call: Any) -> None:
        """Refuse a list, dict or object that occurs twice: staged as two, it would be written as two."""
        repeated = repeated_container(call)
        if repeated is not None:
            raise AliasError(
                self.span,
                f"a {type(repeated).__name__} occurs twice in the arguments, and one is written",
                "Pass a copy of it.",
            )

    def _are_arguments(self, *parameters: int) -> bool:
        return all(isinstance(self.staged.parameters[k], ArgumentLeaf) for k in parameters)

    def path(self, k: int) -> str:
        parameter = self.staged.parameters[k]
        return f"{'argument' if isinstance(parameter, ArgumentLeaf) else 'captured'} `{parameter.path}`"

    @property
    def span(self) -> Span | None:
        return self.staged.function.span

    def refusal(self, fact: Fact, values: Sequence[Any]) -> GradscribeError:
        """The error for a requirement that fails, with the shapes that were passed."""
        passed = [
            f"{self.path(k)}: {describe(values[k])}"
            for k, t in enumerate(self.types)
            if isinstance(t, ArrayType) and t.shape
        ]
        return ShapeError(fact.span or self.span, fact.message, "; ".join(passed))


def _quiet(run: Executable, kinds: Sequence[str]) -> Executable:
    """`run` without NumPy's warnings of these kinds. (Native code gives none.)"""

    def quietly(*values: Any) -> tuple[Any, ...]:
        with np.errstate(**dict.fromkeys(kinds, "ignore")):  # type: ignore[arg-type]
            return run(*values)

    return quietly


def apart(written: Sequence[np.ndarray], arrays: Sequence[np.ndarray]) -> bool:
    """Whether none of the written arrays lies within the bounds of another object among the arrays."""
    return not any(np.may_share_memory(a, b) for a in written for b in arrays if a is not b)


def overlap(a: Any, b: Any) -> bool:
    """Whether two arrays share memory, or may do so as far as a bounded search tells."""
    if not np.may_share_memory(a, b):
        return False
    try:
        return bool(np.shares_memory(a, b, max_work=100_000))  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


def _capture_misfit(value: Any, type: Any) -> str:
    """How a captured value differs from the type it was staged with ("" if it does not)."""
    if not is_data(value):
        return "is no longer a number or an array"
    found = ArrayType(value.dtype).with_shape(value.shape) if isinstance(value, np.ndarray) else type_of_scalar(value)
    if found.dtype != type.dtype or found.weak != type.weak or found.rank != type.rank:
        return f"was {type}, now {found}"
    for dim, size in zip(type.shape, found.shape, strict=True):
        fixed = dim.constant if dim.constant in (0, 1) else 2
        if min(size.constant or 0, 2) != fixed:
            return f"was {type}, now {found}"
    return ""
