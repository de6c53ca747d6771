"""A function that calls itself, interpreted once for all its calls.

In: a closure and the arguments of its outermost call. Out: a `call` equation of a complete `Callee`, and its result.
The body is interpreted until nothing changes: what it is called with (a join, `signatures`), what it returns (from
"not known yet": a branch that needs an unknown result is left out in the first pass), which arguments it writes, and
what it reads of the program around it. Establishes: a callee reads its parameters only; what it captures comes in
further parameters; arrays that it writes come out as further results.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from gradscribe.transpiler import tree
from gradscribe.transpiler.errors import GradscribeError
from gradscribe.transpiler.frontend.branches import UnknownResult
from gradscribe.transpiler.frontend.inner import Inner, Settlement, described_slot
from gradscribe.transpiler.frontend.lifting import Parameter
from gradscribe.transpiler.frontend.signatures import (
    Mismatch,
    Number,
    Shaped,
    Signature,
    Static,
    first_signature,
    widened,
)
from gradscribe.transpiler.frontend.trees import is_value
from gradscribe.transpiler.frontend.values import (
    Array,
    Box,
    Cell,
    Closure,
    Container,
    Order,
    describe,
)
from gradscribe.transpiler.ir.builder import append_eqn, current_span, open_block
from gradscribe.transpiler.ir.callees import Callee, reached_callees
from gradscribe.transpiler.ir.dims import Atom, Dim, next_serial
from gradscribe.transpiler.ir.nodes import Eqn, Operand, Region, Var
from gradscribe.transpiler.ir.staged import ArgumentIdentity, ArgumentLeaf, ResultLeaf, StaticLeaf
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.ir.verify import verify
from gradscribe.transpiler.ir.walk import (
    clone_region,
)
from gradscribe.transpiler.passes.closing import captures_of, closed
from gradscribe.transpiler.primitives.calls import call
from gradscribe.transpiler.primitives.custom import Rules, custom_call
from gradscribe.transpiler.primitives.primitive import PRIMITIVES

PASSES = 12
_UNNAMED = ("return", "result")  # what joins call a value that the user gave no name


class Widened(BaseException):
    """A recursive call brings arguments that the signature does not cover."""

    def __init__(self, specialisation: Specialisation, signature: Signature) -> None:
        super().__init__()
        self.specialisation, self.signature = specialisation, signature


@dataclass(frozen=True)
class Output:
    """One flat result: its type with, for a size that only the callee knows, the number of the result that holds it."""

    type: ArrayType
    shape: tuple[Dim | int, ...]
    hint: str = ""
    order: Order = None


@dataclass(frozen=True)
class Returned:
    """What a call gives back. `template` is a tree of `ResultLeaf`, `ArgumentIdentity` and `StaticLeaf`; `written`
    pairs data leaves with the results that hold their arrays afterwards; `shares` are pairs (result, what it may share
    memory with: the number of a data leaf, of another result, or an older cell)."""

    template: Any
    outputs: tuple[Output, ...]
    written: tuple[tuple[int, int], ...] = ()
    shares: frozenset[tuple[int, Any]] = frozenset()

    def same(self, other: Returned) -> bool:
        """Nothing to find out any more."""
        leaves, shape = tree.flatten(self.template, is_place)
        others, other_shape = tree.flatten(other.template, is_place)
        if shape != other_shape or (self.outputs, self.written, self.shares) != (
            other.outputs,
            other.written,
            other.shares,
        ):
            return False
        return all(
            type(a) is type(b) and (repr(a.value) == repr(b.value) if isinstance(a, StaticLeaf) else a == b)
            for a, b in zip(leaves, others, strict=True)
        )


@dataclass(eq=False)
class Specialisation:
    """A callee under interpretation."""

    closure: Closure
    names: tuple[str, ...]
    definition: Any
    hints: tuple[str, ...]
    signature: Signature
    callee: Callee
    returned: Returned | None = None
    called: bool = False
    mentioned_from: list[Specialisation] = field(default_factory=list)  # callees inside that call this one
    zero_trips: bool = False  # loops whose bodies need the unknown result are taken to run not at all
    rules: Rules | None = None  # of a function that has rules of its own


def is_place(value: Any) -> bool:
    return isinstance(value, (ResultLeaf, ArgumentIdentity, StaticLeaf))


class Callees(Inner):
    """Calls by name."""

    def __init__(self, static: frozenset[Any]) -> None:
        super().__init__(static)
        self.specialisations: list[Specialisation] = []  # under interpretation, the innermost last
        self.callee_names: dict[str, int] = {}

    # ---- the call ----
    def call_by_name(self, closure: Closure, slots: dict[str, Any]) -> Any:
        """The result of calling a function that calls itself."""
        names = tuple(slots)
        values, definition, hints = self._flattened(slots)
        for known in reversed(self.specialisations):
            same = known.closure.node is closure.node and known.closure.frame is closure.frame
            if same and known.definition == definition and known.names == names:
                try:
                    signature = widened(self, known.signature, values, hints)
                except Mismatch:
                    continue
                if signature is not None:
                    raise Widened(known, signature)
                return self._call_again(known, values)
        made = Specialisation(
            closure, names, definition, hints, first_signature(values, hints), Callee(self._callee_name(closure.name))
        )
        captures = self._interpret(made)
        if captures is None:  # it did not call itself after all
            return self.call_in_line(closure, slots)
        assert made.returned is not None
        return self._emit_call(made, values, captures)

    def call_in_line(self, closure: Closure, slots: dict[str, Any]) -> Any:
        raise NotImplementedError

    def _callee_name(self, name: str) -> str:
        """A name of the module's own."""
        name = f"_{name.strip('_') or 'function'}"
        self.callee_names[name] = self.callee_names.get(name, 0) + 1
        return name

    def _flattened(self, slots: dict[str, Any]) -> tuple[list[Any], Any, tuple[str, ...]]:
        values: list[Any] = []
        definitions = []
        hints: list[str] = []
        for name, value in slots.items():
            leaves, definition = tree.flatten(self.plain(value), is_value)
            definitions.append(definition)
            values += [self.solver.normalize(v) if isinstance(v, Dim) else v for v in leaves]
            hints += [name] if len(leaves) == 1 else [f"{name}{k}" for k in range(len(leaves))]
        constant = [v.constant if isinstance(v, Dim) and v.constant is not None else v for v in values]
        return constant, tuple(definitions), tuple(hints)

    def _call_again(self, known: Specialisation, values: list[Any]) -> Any:
        """A call from inside."""
        known.called = True
        for inner in self.specialisations[self.specialisations.index(known) + 1 :]:
            known.mentioned_from.append(inner)
        if known.returned is None:
            raise UnknownResult
        return self._emit_call(known, values, None)

    def _emit_call(self, made: Specialisation, values: list[Any], captures: list[Atom] | None) -> Any:
        """The `call` equation and its result. Calls from inside get the captures when the callee is complete."""
        returned = made.returned
        assert returned is not None
        given: list[Any] = []
        own: dict[Atom, Dim] = {}
        for leaf, value in zip(made.signature.leaves, values, strict=True):
            if isinstance(leaf, Shaped):
                given.append(value)
                for mine, dim in zip(leaf.var.type.dims(), value.shape, strict=True):
                    if isinstance(mine.single_atom, Var):
                        own.setdefault(mine.single_atom, self.solver.normalize(dim))
            elif isinstance(leaf, Number):
                given.append(value)
                if isinstance(value, (int, Dim)):
                    own[leaf.var] = Dim.of(value)
        data = made.signature.data
        self._check_separate(made, given, captures)
        operands = [
            self.operand(v) if isinstance(leaf, Shaped) else self.converted(v, leaf.var.type)  # type: ignore[arg-type]
            for leaf, v in zip(data, given, strict=True)
        ]
        operands += [] if captures is None else [self.captured(atom) for atom in captures]
        results: list[Var] = []
        for output in returned.outputs:
            shape = tuple(d.substitute(own.get) if isinstance(d, Dim) else Dim.of(results[d]) for d in output.shape)
            results.append(Var(ArrayType(output.type.dtype, shape, output.type.weak), output.hint))
        for output in returned.outputs:
            for d in output.shape:
                if isinstance(d, int):
                    results[d].lower = Dim.of(0)
        operation, params = call, dict[str, Any](callee=made.callee)
        if made.rules is not None:
            operation, params = custom_call, {"callee": made.callee, "rules": made.rules}
        append_eqn(Eqn(operation, tuple(operands), tuple(results), params, (), current_span()))
        for number, position in returned.written:
            self.views.write(given[number], results[position])
        boxes = {
            k: Box(results[k], results[k].type, o.order)  # type: ignore[arg-type]
            for k, o in enumerate(returned.outputs)
            if o.shape
        }
        for k, other in sorted(returned.shares, key=lambda pair: (pair[0], str(pair[1]))):
            kind, which = other
            cell = given[which].box if kind == "leaf" else boxes[which] if kind == "result" else which
            self.store.may_share(boxes[k], cell, current_span())

        def value_of(place: Any) -> Any:
            if isinstance(place, StaticLeaf):
                return place.value
            if isinstance(place, ArgumentIdentity):
                return given[place.parameter]
            if place.position in boxes:
                return self.views.of_box(boxes[place.position])
            return self.boxed(results[place.position])

        return self.contained(tree.map(value_of, returned.template, is_leaf=is_place))

    def captured(self, atom: Atom) -> Operand:
        """What a callee reads of the program around it, where it is called."""
        return atom if isinstance(atom, Var) else PRIMITIVES["dim_value"](dim=Dim.of(atom))

    def _check_separate(self, made: Specialisation, given: list[Any], captures: list[Atom] | None) -> None:
        """A written array must not be seen by the callee in another way: the callee works on values."""
        assert made.returned is not None
        for leaf, _ in made.returned.written:
            box = given[leaf].box
            for k, other in enumerate(given):
                if k != leaf and isinstance(other, Array) and (other.box is box or other.box in box.marks):
                    self.refuse(
                        f"`{made.closure.name}` calls itself and writes an array that it gets in two arguments",
                        "pass a copy of one of them",
                    )
            if any(v is box.value for v in captures or ()):
                self.refuse(
                    f"`{made.closure.name}` calls itself and writes an array that it also reads from outside",
                    "pass the array as one argument",
                )

    # ---- the interpretation ----
    def _interpret(self, made: Specialisation) -> list[Atom] | None:
        """Interpret until nothing changes; complete the callee. What it captures, or None if it does not call
        itself."""
        self.specialisations.append(made)
        skipped = self.skip_unknown_loops
        try:
            for _ in range(PASSES):
                self.skip_unknown_loops = made.zero_trips and made.returned is None
                made.called, made.mentioned_from = False, []
                try:
                    region, returned = self._pass(made)
                except UnknownResult:
                    if made.returned is None and not made.zero_trips:
                        made.zero_trips = True
                        continue
                    self._endless_recursion(made)
                except Widened as found:
                    if found.specialisation is not made:
                        raise
                    made.signature = found.signature
                    made.returned, made.zero_trips = None, False
                    continue
                if not made.called:
                    return None
                if made.returned is not None and made.returned.same(returned):
                    return self._complete(made, region)
                made.returned = returned
        finally:
            self.specialisations.pop()
            self.skip_unknown_loops = skipped
        return self.refuse(
            f"what `{made.closure.name}` returns does not settle", "return one kind and type of value on every path"
        )

    def _endless_recursion(self, made: Specialisation) -> NoReturn:
        self.refuse(
            f"`{made.closure.name}` calls itself on every path",
            "give the recursion an end: a path that returns without the call",
        )

    def _pass(self, made: Specialisation) -> tuple[Region, Returned]:
        store, start, birth = self.store, self.store.here(), next_serial()
        local = len(self.solver.local)
        own = [
            Parameter(leaf.var, ArgumentLeaf(leaf.var.hint, k), leaf.box if isinstance(leaf, Shaped) else None, None)
            for k, leaf in enumerate(made.signature.data)
        ]
        self.births.append(birth)
        try:
            for parameter in own:
                if parameter.box is not None:
                    parameter.box.serial = next_serial()
            slots, containers = self._slots(made)
            here = store.here()
            with open_block(nested=False) as block, self.facts.region(known=False):
                result = self.call_in_line(made.closure, slots)
                returned = self._returned_of(made.signature, result, own, birth)
            self._check_kept(made, birth, here, containers, own)
            self.settle_capacities(birth)
        finally:
            del self.solver.local[local:]
            self.births.pop()
            store.undo(start)
        return Region(tuple(p.var for p in own), tuple(block.eqns), tuple(self._last_outputs)), returned

    def _slots(self, made: Specialisation) -> tuple[dict[str, Any], set[Cell]]:
        """The arguments of a pass, in fresh containers."""
        values = iter(
            [
                leaf.value
                if isinstance(leaf, Static)
                else leaf.value()
                if isinstance(leaf, Number)
                else self.views.of_box(leaf.box)
                for leaf in made.signature.leaves
            ]
        )
        slots, containers = {}, set[Cell]()
        for name, definition in zip(made.names, made.definition, strict=True):
            value = tree.unflatten(definition, [next(values) for _ in range(definition.leaf_count)])
            slots[name] = self.contained(value)
            containers.update(containers_in(slots[name]))
        return slots, containers

    # ---- what it returns ----
    def _returned_of(
        self, signature: Signature, result: Any, own: list[Parameter], birth: int, identity: bool = True
    ) -> Returned:
        """The flat results, kept in `_last_outputs`, and how they make the result. With `identity`, an argument that is
        returned is that argument, not a result."""
        outputs: list[Operand] = []
        kept: list[Output] = []
        boxes: dict[int, Box] = {}
        mine = {v for leaf in signature.data for v in (leaf.var,)} | set(signature.sizes)

        def output(operand: Operand, box: Box | None, order: Order) -> int:
            type = operand.type
            assert isinstance(type, ArrayType)
            shape: list[Dim | int] = []
            for dim in map(self.solver.normalize, type.shape):
                known = all(leaf in mine or getattr(leaf, "serial", 0) < birth for leaf in dim.leaves())
                shape.append(dim if known else output(self.operand(dim), None, None))
            outputs.append(operand)
            hint = operand.hint if isinstance(operand, Var) and operand.hint not in _UNNAMED else ""
            kept.append(Output(ArrayType(type.dtype, (), type.weak), tuple(shape), hint, order))
            if box is not None:
                boxes[len(kept) - 1] = box
            return len(kept) - 1

        def place(value: Any) -> Any:
            if isinstance(value, Array):
                for k, parameter in enumerate(own if identity else ()):
                    if parameter.box is value.box and not value.chain:
                        return ArgumentIdentity(k)
                order = self.views.order(value) if self.views.packed(value) else None
                return ResultLeaf(output(self.views.read(value), value.box, order))
            if isinstance(value, (Dim, Operand)):
                return ResultLeaf(output(self.operand(value), None, None))
            if is_value(value) and not isinstance(value, Closure):
                self.result_tree(value, "the result of a function that calls itself")  # says why it cannot be one
                self.refuse(f"{describe(value)} cannot be returned by a function that calls itself")
            return StaticLeaf(value)

        template = tree.map(place, self.plain(result), is_leaf=is_value)
        written = tuple(
            (k, output(p.box.value, None, None))
            for k, p in enumerate(own)
            if p.box is not None and p.box.value is not p.var
        )
        self._last_outputs = outputs
        shares: set[tuple[int, Any]] = set()
        numbers = {p.box: k for k, p in enumerate(own) if p.box is not None}
        for k, box in boxes.items():
            self.store.check_readable(box)
            for other in (box, *(c for c in box.marks if isinstance(c, Cell))):
                if other in numbers:
                    shares.add((k, ("leaf", numbers[other])))
                elif isinstance(other, Box) and other.serial < birth:
                    shares.add((k, ("cell", other)))
            for j, second in boxes.items():
                if j > k and (second is box or second in box.marks):
                    shares.add((k, ("result", j)))
        return Returned(template, tuple(kept), written, frozenset(shares))

    def _check_kept(
        self,
        made: Specialisation,
        birth: int,
        here: int,
        containers: set[Cell],
        own: list[Parameter],
    ) -> None:
        """Everything but the arrays among the arguments is as it was."""
        mine = {p.box for p in own}
        for cell, key in self.store.changed(here):
            if cell in mine or (cell.serial >= birth and cell not in containers):
                continue
            self.refuse(
                f"`{made.closure.name}` calls itself and changes {described_slot(cell, key)} of the program around it",
                "pass arrays as arguments, and return what is new",
            )

    # ---- completion ----
    def _complete(self, made: Specialisation, region: Region) -> list[Atom]:
        """Close the body over what it captures. The captures, in order of first use."""
        settlement = Settlement(self.solver)
        region = clone_region(region, settlement)
        needed = captures_of(region, made.signature.sizes)
        if made.mentioned_from and needed:
            raise GradscribeError(
                current_span(),
                f"`{made.closure.name}` calls itself also through a function inside it that calls itself, and reads "
                "values of the program around it",
                "pass what it reads as arguments",
            )
        place = made.closure.file.header(made.closure.node)
        made.callee.function = closed(made.callee, region, made.signature.sizes, needed, place, settlement.type)
        if len(self.specialisations) == 1:  # then everything it calls is complete
            for callee in (made.callee, *reached_callees(made.callee.function.region)):
                verify(callee.function)
        return needed


def containers_in(value: Any) -> Iterator[Cell]:
    if isinstance(value, Container):
        yield value
        for inner in value.slots.values():
            yield from containers_in(inner)
    elif isinstance(value, tuple):
        for inner in value:
            yield from containers_in(inner)
