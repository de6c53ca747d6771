"""Calls of transformed functions inside a staged function: `grad` inside a loop inside a `vmap`.

In: a transformed object and the values it is called with. The API's `transform_call` gets plain trees of operands and
`stage_inner`, which stages an ordinary function in place: parameters for the arguments, further parameters for what
it reads of the enclosing program, no new symbols. Out: the transformed program's equations, in line. Establishes:
what is differentiated changes nothing outside itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradscribe.transpiler import tree
from gradscribe.transpiler.frontend.lifting import Parameter, StaticPlace
from gradscribe.transpiler.frontend.solver import Solver
from gradscribe.transpiler.frontend.trees import Trees, is_value
from gradscribe.transpiler.frontend.values import (
    VALUE,
    Array,
    BoundMethod,
    Box,
    Cell,
    Closure,
    Frame,
    describe,
    is_number,
)
from gradscribe.transpiler.ir.builder import append_eqn, current_span, open_block
from gradscribe.transpiler.ir.dims import Dim, DimLike, Symbol, next_serial
from gradscribe.transpiler.ir.nodes import Function, Literal, Operand, Region, Var
from gradscribe.transpiler.ir.staged import (
    ArgumentIdentity,
    ArgumentLeaf,
    CaptureLeaf,
    Mutation,
    ResultLeaf,
    Staged,
    StaticLeaf,
)
from gradscribe.transpiler.ir.types import INT64, ArrayType
from gradscribe.transpiler.ir.walk import Substitution, clone_eqn, clone_region
from gradscribe.transpiler.passes.whole_reads import drop_whole_reads


@dataclass(frozen=True, eq=False)
class InnerFunction:
    """A function of the interpreted program as an object that can be handed to a transformation."""

    value: Any
    __name__: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"{self.__name__} belongs to a staged program and is called there only")


class Settlement(Substitution):
    """Fresh values, and the solver's equalities in every dim."""

    def __init__(self, solver: Solver) -> None:
        super().__init__()
        self.solver = solver

    def atom(self, atom: Any) -> DimLike | None:
        known = self.solver.substitution.get(atom)
        if known is not None:
            return self.solver.normalize(known).substitute(super().atom)
        return super().atom(atom)

    def guarded(self, dim: Dim) -> Dim:
        """A dim of an equality: integer arguments stay what they are, or the guard that fixes them would prove
        itself."""
        return dim.substitute(lambda a: Substitution.atom(self, a) if isinstance(a, Var) else self.atom(a))


class Inner(Trees):
    """Transformed functions."""

    def __init__(self, static: frozenset[StaticPlace]) -> None:
        super().__init__(static)
        self.inner_functions: dict[int, tuple[Any, InnerFunction]] = {}

    def _call_python(self, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        module = getattr(function, "__module__", None) or ""
        if module.split(".")[0] == "gradscribe" and self.own_function(function) is None:
            applied = getattr(function, "__gradscribe_apply__", None)
            if applied is not None:  # it takes a function and its arguments at once: `jvp(f, primals, tangents)`
                handed = [self._handed(self.plain(a)) for a in args]
                made, inner_args, inner_kwargs = self.python(
                    applied, *handed, **{k: self.plain(v) for k, v in kwargs.items()}
                )
                return self.call(made, list(map(self.contained, inner_args)), inner_kwargs)
            values = [*args, *kwargs.values()]
            if any(isinstance(v, (Closure, BoundMethod)) for v in values):  # a transformation of a function made here
                return self.python(
                    function, *map(self._handed, args), **{k: self._handed(v) for k, v in kwargs.items()}
                )
        return super()._call_python(function, args, kwargs)

    def _handed(self, value: Any) -> Any:
        if isinstance(value, Closure) and value.function is not None:
            return value.function
        if not isinstance(value, (Closure, BoundMethod)):
            return value
        known = self.inner_functions.get(id(value))
        if known is None:
            name = value.name if isinstance(value, Closure) else getattr(value.function, "name", "method")
            known = self.inner_functions[id(value)] = (value, InnerFunction(value, name))
        return known[1]

    def call(self, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if isinstance(function, InnerFunction):
            return super().call(function.value, args, kwargs)
        return super().call(function, args, kwargs)

    # ---- the call ----
    def call_transformed(self, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        transform_call = self.transform_call
        if transform_call is None:
            self.refuse(f"a call of {function!r} cannot be staged here")
        return self.call_staged(lambda a, k: transform_call(function, self.stage_inner, a, k), args, kwargs)

    def call_staged(self, stage: Callable[[Any, Any], Staged], args: list[Any], kwargs: dict[str, Any]) -> Any:
        """The program that `stage` makes of plain trees of operands, in line, and its result."""
        values = (tuple(self.plain(a) for a in args), {k: self.plain(v) for k, v in kwargs.items()})
        leaves, definition = tree.flatten(values, is_value)
        given = [self._given(v) for v in leaves]
        staged = stage(*tree.unflatten(definition, given))
        results = self._inline(staged, given)
        for mutation in staged.mutations:
            parameter = staged.parameters[mutation.parameter]
            target = leaves[parameter.leaf] if isinstance(parameter, ArgumentLeaf) else None
            if not isinstance(target, Array):
                self.refuse("a transformed function writes an array that it captures", "pass the array as an argument")
            self.views.write(target, results[mutation.position])
        if staged.container_mutations:
            self.refuse("a transformed function changes a container of its caller", "return the new value instead")
        written = {m.parameter for m in staged.mutations}

        def value_of(place: Any) -> Any:
            if isinstance(place, StaticLeaf):
                return place.value
            if isinstance(place, ResultLeaf):
                return self.boxed(results[place.position])
            parameter = staged.parameters[place.parameter]
            if isinstance(parameter, ArgumentLeaf) and (place.parameter in written or place.position is None):
                return leaves[parameter.leaf]
            return self.boxed(results[place.position])

        is_place = lambda x: isinstance(x, (ResultLeaf, StaticLeaf, ArgumentIdentity))
        return self.contained(tree.map(value_of, staged.result, is_leaf=is_place))

    def _given(self, value: Any) -> Any:
        """A leaf as a transformation sees it: an operand, or a static value."""
        value = self.of_one_kind(self.as_value(self.present_value(value)), "an argument of a transformed function")
        if isinstance(value, Array) or (is_number(value) and not isinstance(value, (bool, np.bool_))):
            return self.operand(value)
        if isinstance(value, (Closure, BoundMethod)):
            return StaticLeaf(self._handed(value))
        return value if isinstance(value, (StaticLeaf, Operand)) else StaticLeaf(value)

    def _inline(self, staged: Staged, given: list[Any]) -> list[Operand]:
        env = Substitution()
        params = zip(staged.function.params, staged.parameters, strict=True)
        # scalars first: shapes may mention them, those of cotangents captured ones too
        for param, place in sorted(params, key=lambda p: len(p[0].type.dims())):
            if isinstance(place, ArgumentLeaf):
                env[param] = self._fitting(param, given[place.leaf], env)
            elif place.operand is not None:
                env[param] = self.operand(place.operand)
            else:
                assert place.read is not None
                env[param] = self.operand(self.lift(place.read(), place.path, place.read))
        for eqn in staged.function.region.eqns:
            append_eqn(clone_eqn(eqn, env))
        return [env.operand(r) for r in staged.function.results]

    def _fitting(self, param: Var, operand: Operand, env: Substitution) -> Operand:
        """An operand of the parameter's sizes (a tangent or cotangent has those of what it belongs to)."""
        for wanted, found in zip(param.type.dims(), operand.type.dims(), strict=True):
            atom = wanted.single_atom
            if isinstance(atom, Symbol) and not self.solver.known_at_entry(wanted):  # the program compares it itself
                env.atoms.setdefault(atom, found)
            self.require_equal(env.dim(wanted), found, "transformed function")
        return self.views.settled(operand)

    # ---- staging an ordinary function in place ----
    def stage_inner(self, function: Any, args: Any, kwargs: Any) -> Staged:
        """Stage a call whose argument leaves are operands (or `StaticLeaf`s) of the enclosing program."""
        birth, start = next_serial(), self.store.here()
        saved = (
            self.parameters,
            self.outputs,
            self.mutations,
            self.container_mutations,
            self.positions,
            self.visible_containers,
        )
        self.outputs, self.mutations, self.container_mutations, self.positions, self.visible_containers = (
            [],
            [],
            [],
            {},
            [],
        )
        self.births.append(birth)
        try:
            leaves, definition = tree.flatten((tuple(args), dict(kwargs)), lambda x: isinstance(x, StaticLeaf))
            own: list[Parameter] = []
            values = [self._parameter(leaf, k, own) for k, leaf in enumerate(leaves)]
            inner_args, inner_kwargs = tree.unflatten(definition, values)
            with open_block(nested=False) as block, self.solver.region():
                called = (
                    function.value
                    if isinstance(function, InnerFunction)
                    else self.lift(function, _name(function), None)
                )
                result = self.call(
                    called,
                    [self.contained(a) for a in inner_args],
                    {k: self.contained(v) for k, v in inner_kwargs.items()},
                )
                self.parameters = own
                template = self.result_tree(result, "the result")
                self._finish_inner(own, birth, start)
                self.settle_capacities(birth)
                region = Region(tuple(p.var for p in own), tuple(block.eqns), tuple(self.outputs))
            mutations = tuple(self.mutations)
        finally:
            enclosing = saved[0]
            (
                self.parameters,
                self.outputs,
                self.mutations,
                self.container_mutations,
                self.positions,
                self.visible_containers,
            ) = saved
            self.parameters = enclosing
            self.births.pop()
            self.store.undo(start)
        region = drop_whole_reads(clone_region(region, Settlement(self.solver)))
        region, captures = _captured(region)
        places = [p.leaf for p in own] + [CaptureLeaf(v.hint or "captured", None, v) for v in captures]
        inner = Function(_name(function), region, (), (), current_span())
        return Staged(inner, tuple(places), template, mutations)

    def _parameter(self, leaf: Any, number: int, own: list[Parameter]) -> Any:
        if isinstance(leaf, StaticLeaf):  # an object of the enclosing program is one here, too
            value = leaf.value
            return value if isinstance(value, InnerFunction) or is_value(value) else self.lift(value, "argument", None)
        if not isinstance(leaf, Operand):
            return leaf
        type = leaf.type
        assert isinstance(type, ArrayType)
        shape = tuple(self.solver.normalize(d) for d in type.shape)
        var = Var(ArrayType(type.dtype, shape, type.weak), leaf.hint if isinstance(leaf, Var) else "")
        place = ArgumentLeaf(var.hint or f"argument {number}", number)
        if type.weak and type.dtype == INT64:  # an int of the enclosing program: as good as one here
            own.append(Parameter(var, place, None, None))
            return int(leaf.value) if isinstance(leaf, Literal) else Dim.of(leaf)  # type: ignore[arg-type]
        box = Box(var, var.type, name=var.hint) if shape else None  # type: ignore[arg-type]
        own.append(Parameter(var, place, box, None))
        if box is None:
            return var
        self.argument_boxes.add(box)
        return self.views.of_box(box)

    def _finish_inner(self, own: list[Parameter], birth: int, start: int) -> None:
        """Writes to arguments are mutations; anything else older than the call must be as it was."""
        for k, parameter in enumerate(own):
            if parameter.box is not None and parameter.box.value is not parameter.var:
                self.mutations.append(Mutation(k, self._position(parameter.box)))
        for cell, key in self.store.changed(start):
            if cell.serial >= birth:
                continue
            self.refuse(
                f"a transformed function writes {described_slot(cell, key)} of the program around it",
                "pass it as an argument and return the new value",
            )


def described_slot(cell: Cell, key: Any) -> str:
    """What changes where this slot is written, for messages."""
    if isinstance(cell, Box) and key == VALUE:
        return "an array"
    return "a variable" if isinstance(cell, Frame) else describe(cell)


def _captured(region: Region) -> tuple[Region, list[Var]]:
    """The region with parameters for the values it reads from outside, and those values. Values that only dims
    mention stay."""
    free: dict[Var, None] = {}

    def read(operand: Operand, bound: set[Var]) -> None:
        if isinstance(operand, Var) and operand not in bound:
            free.setdefault(operand)

    def walk(inner: Region, bound: set[Var]) -> None:
        bound = bound | set(inner.params)
        for eqn in inner.eqns:
            for operand in eqn.operands:
                read(operand, bound)
            for nested in eqn.regions:
                walk(nested, bound)
            bound.update(eqn.results)
        for operand in inner.results:
            read(operand, bound)

    walk(region, set())
    captures = list(free)
    env = Substitution()
    params = [Var(v.type, v.hint, v.lower, v.upper) for v in captures]
    for old, new in zip(captures, params, strict=True):
        env[old] = new
    cloned = clone_region(region, env)
    return Region((*cloned.params, *params), cloned.eqns, cloned.results), captures


def _name(function: Any) -> str:
    name = getattr(function, "__name__", type(function).__name__)
    return "function" if name == "<lambda>" else str(name)
