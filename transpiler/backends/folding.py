"""Which values are printed inside the expression that uses them, instead of by a statement of their own.

In: a bufferized `Function`. Out: a `Folding`. Assumes copies are explicit: only consumers write memory. Establishes:
a folded value is pure, used once, by an equation of the same region, and nothing it reads is written between; lines
stay within a width. The choice depends on structure and on the user's names only, never on names given by the
printer, so printing a printed program again folds alike."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from gradscribe.transpiler.ir.dims import Atom, Dim
from gradscribe.transpiler.ir.index import At, Slice, Take
from gradscribe.transpiler.ir.nodes import Effect, Eqn, Function, Literal, Operand, Region, Var
from gradscribe.transpiler.ir.walk import dim_vars, inner_eqns, param_dims
from gradscribe.transpiler.passes.dead_code import has_effect
from gradscribe.transpiler.passes.ownership import IN_PLACE, WRITES, consumed_operands, has_memory, view_base
from gradscribe.transpiler.passes.positions import bare_positions, is_position_along
from gradscribe.transpiler.primitives.allocation import dim_value
from gradscribe.transpiler.primitives.arithmetic import select
from gradscribe.transpiler.primitives.calls import CALLS
from gradscribe.transpiler.primitives.checks import wrap_index
from gradscribe.transpiler.primitives.logic import logical_and, logical_or
from gradscribe.transpiler.primitives.masks import count_true, mask_of, true_positions
from gradscribe.transpiler.primitives.primitive import Elementwise
from gradscribe.transpiler.primitives.python_calls import python_call
from gradscribe.transpiler.primitives.regions import loop
from gradscribe.transpiler.primitives.stacks import stack_pop, stack_push
from gradscribe.transpiler.primitives.structure import copy, index

LINE_WIDTH = 88
_NAME_WIDTH = 4  # of any name: the estimate must not depend on the names the printer gives
_SELECTIVE = (select, logical_and, logical_or)  # their text may leave an operand unevaluated
_STATEMENTS = (*IN_PLACE, stack_push, stack_pop, python_call)


@dataclass
class _Use:
    """Where a value is read: how often, and (for the last one seen) in which region by which equation."""

    count: int = 0
    region: Region | None = None
    place: int = -1


@dataclass
class Folding:
    """`inline` are the values printed inside expressions; `bare` are wrapped indices, and positions of a mask, printed
    as their operand."""

    inline: set[Var] = field(default_factory=set)
    bare: set[Var] = field(default_factory=set)

    def is_inline(self, x: Operand) -> bool:
        return isinstance(x, Var) and (x in self.inline or x in self.bare)

    def leaves(self, x: Operand) -> Iterator[Var]:
        """Named values that the text of `x` mentions."""
        if not isinstance(x, Var):
            return
        if not self.is_inline(x):
            yield x
            return
        assert x.definition is not None
        yield from self.eqn_leaves(x.definition)

    def dim_leaves(self, dim: Dim) -> Iterator[Var]:
        for var in dim_vars(dim):
            yield from self.leaves(var)

    def eqn_leaves(self, eqn: Eqn) -> Iterator[Var]:
        """Named values that the text of the equation itself (without its regions) mentions."""
        for operand in eqn.operands:
            yield from self.leaves(operand)
        if not _prints_dims(eqn, self):
            return
        for value in eqn.params.values():
            for dim in param_dims(value):
                yield from self.dim_leaves(dim)

    def captures(self, region: Region) -> list[Var]:
        """Named values of enclosing regions that the text of `region` mentions."""
        bound: set[Var] = set(region.params)
        free: dict[Var, None] = {}

        def read(vars: Iterator[Var]) -> None:
            for var in vars:
                if var not in bound:
                    free.setdefault(var)

        for eqn in region.eqns:
            if not any(self.is_inline(r) for r in eqn.results):
                read(self.eqn_leaves(eqn))
            for inner in eqn.regions:
                read(iter(self.captures(inner)))
            bound.update(eqn.results)
        for operand in region.results:
            read(self.leaves(operand))
        return list(free)


def fold(function: Function, inline_arrays: bool = True, apart: Collection[Var] = ()) -> Folding:
    """Decide for every value of a bufferized function. Without `inline_arrays` only scalars are folded (loop text).
    `apart` are values that are not printed in the `return`: those of the forward part."""
    folder = _Folder(function, inline_arrays, apart)
    folder.bare_indices(function.region)
    if inline_arrays:
        folder.bare_masks(function.region)
    folder.count(function.region)
    folder.region(function.region, 1)
    return folder.folding


class _Folder:
    def __init__(self, function: Function, inline_arrays: bool, apart: Collection[Var]) -> None:
        self.folding = Folding()
        self.uses: dict[Var, _Use] = {}
        self.widths: dict[Var, int] = {}
        self.inline_arrays = inline_arrays
        self.apart = apart

    # ---- wrapped indices ----
    def bare_indices(self, region: Region) -> None:
        """A wrapped index is printed bare where NumPy wraps by itself: as a position along an axis of its size. At
        least one such use must be in the region of the check, so that an index out of range still raises there."""
        wrapped: dict[Var, Region] = {}
        elsewhere: set[Var] = set()
        here: set[Var] = set()

        def look(region: Region) -> None:
            for eqn in region.eqns:
                if eqn.operation is wrap_index:
                    wrapped[eqn.result] = region
                fitting: list[Var] = []
                for axis, x in bare_positions(eqn):
                    if x in wrapped and is_position_along(x, eqn, axis):
                        fitting.append(x)
                        if wrapped[x] is region:
                            here.add(x)
                mentioned = [v for value in eqn.params.values() for d in param_dims(value) for v in dim_vars(d)]
                mentioned += [x for x in eqn.operands if isinstance(x, Var)]
                for x in fitting:
                    mentioned.remove(x)
                elsewhere.update(mentioned)
                for inner in eqn.regions:
                    look(inner)
            elsewhere.update(x for x in region.results if isinstance(x, Var))

        look(region)
        written = set().union(*(self._consumed_roots(e) for e in region.eqns))
        for v in wrapped:
            position = v.definition.operands[0] if v.definition is not None else None
            intact = not isinstance(position, Var) or _root(position) not in written
            if v in here and v not in elsewhere and intact:
                self.folding.bare.add(v)

    def bare_masks(self, region: Region) -> None:
        """Positions of a mask that only index are printed as the mask: `x[m]`."""
        eqns = list(inner_eqns(region))
        found = {e.result: e.operands[0] for e in eqns if e.operation is true_positions}
        if not found:
            return
        elsewhere: set[Operand] = set(region.results)
        for eqn in eqns:
            indexing = [x for run in mask_runs(eqn) for x in run]
            rest = list(eqn.operands)
            for x in indexing:
                rest.remove(x)
            elsewhere.update(rest)
            for inner in eqn.regions:
                elsewhere.update(inner.results)
        written = set().union(*(self._consumed_roots(e) for e in region.eqns))
        for positions, mask in found.items():
            if positions not in elsewhere and not (isinstance(mask, Var) and _root(mask) in written):
                self.folding.bare.add(positions)

    # ---- counting ----
    def count(self, region: Region) -> None:
        """Textual occurrences, from the last use to the first, so that what is printed bare passes its count on."""
        self._count_results(region)
        for place, eqn in reversed(list(enumerate(region.eqns))):
            for inner in reversed(eqn.regions):
                self.count(inner)
            through = (
                eqn.results[0]
                if eqn.operation is dim_value or self.folding.is_inline(eqn.results[0] if eqn.results else Literal(0))
                else None
            )
            for var in self._mentions(eqn):
                if through is not None:
                    known = self.uses.get(through, _Use())
                    seen = self.uses.setdefault(var, _Use())
                    self.uses[var] = _Use(seen.count + max(known.count, 1), known.region, known.place)
                else:
                    self._use(var, region, place)
            if eqn.operation is dim_value or (eqn.operation is count_true and eqn.result not in self.uses):
                self.folding.inline.add(eqn.result)  # a size that no text shows is not computed

    def _count_results(self, region: Region) -> None:
        for operand in region.results:
            if isinstance(operand, Var):
                self._use(operand, region, len(region.eqns))

    def _use(self, var: Var, region: Region, place: int) -> None:
        self.uses[var] = _Use(self.uses.get(var, _Use()).count + 1, region, place)

    def _mentions(self, eqn: Eqn) -> Iterator[Var]:
        for operand in eqn.operands:
            if isinstance(operand, Var):
                yield operand
        if not _prints_dims(eqn, self.folding):
            return
        for value in eqn.params.values():
            for dim in param_dims(value):
                yield from dim_vars(dim)
        for component in eqn.params.get("at", ()):
            if isinstance(component, Slice):  # a slice is printed with its start twice
                yield from dim_vars(component.start)

    # ---- deciding ----
    def region(self, region: Region, depth: int) -> None:
        written = [self._consumed_roots(e) for e in region.eqns]
        for place, eqn in enumerate(region.eqns):
            self._fold_into(eqn, list(self._mentions(eqn)), region, place, depth, written)
            for inner in eqn.regions:
                self.region(inner, depth + 1)
        values = [x for x in region.results if isinstance(x, Var)]
        self._fold_into(None, values, region, len(region.eqns), depth, written)

    def _fold_into(
        self,
        eqn: Eqn | None,
        values: list[Var],
        region: Region,
        place: int,
        depth: int,
        written: list[set[Var]],
    ) -> None:
        """Fold what may be folded into the equation at `place` (or the region's results), widest last, while the line
        is short; assignments of a region's results, and of a loop's carries, are lines of their own."""
        named = set() if eqn is None else {eqn.operands[k] for k in consumed_operands(eqn) if eqn.operation is not loop}
        candidates: list[Var] = []
        masks = [mask_of(x) for x in dict.fromkeys(values) if x in self.folding.bare]
        for x in (*values, *(m for m in masks if isinstance(m, Var))):
            if x not in named and self._foldable(x, eqn, region, place, written):
                candidates.append(x)
        budget = LINE_WIDTH - 4 * depth - 2 * _NAME_WIDTH
        self.folding.inline.update(candidates)
        while candidates:
            widest = max(candidates, key=self._width)
            total = self._width(widest) if eqn is None or eqn.operation is loop else self._text_width(eqn)
            if total <= budget:
                break
            self.folding.inline.discard(widest)
            candidates.remove(widest)
        self._keep_order_of_calls(values, candidates)
        if eqn is not None and len(eqn.results) == 1:
            self.widths[eqn.result] = self._text_width(eqn)

    def _keep_order_of_calls(self, values: list[Var], candidates: list[Var]) -> None:
        """A call before one that is a statement of its own is one too."""
        calls = [x for x in dict.fromkeys(values) if x.definition is not None and x.definition.operation in CALLS]
        last = max((x.serial for x in calls if x not in self.folding.inline), default=-1)
        for x in calls:
            if x in candidates and x.serial < last:
                self.folding.inline.discard(x)
                candidates.remove(x)

    def _foldable(self, x: Var, consumer: Eqn | None, region: Region, place: int, written: list[set[Var]]) -> bool:
        eqn = x.definition
        if (
            eqn is None
            or eqn.regions
            or len(eqn.results) != 1
            or eqn.operation in _STATEMENTS
            or x in self.folding.bare
            or (consumer is None and x in self.apart)
        ):
            return False
        called = eqn.operation in CALLS
        if called and not self.inline_arrays:  # a statement: what follows it depends on its status
            return False
        if self._calls(eqn) and consumer is not None and not self._evaluates_all(consumer):
            return False
        if (eqn.operation.effect is not Effect.PURE and not called) or (x.type.dims() and not self.inline_arrays):
            return False
        use = self.uses[x]
        if use.count != 1 or use.region is not region or use.place != place:
            return False
        if not self._may_lose_name(x, eqn, consumer):
            return False
        start = next((k for k in range(place - 1, -1, -1) if region.eqns[k] is eqn), None)
        if start is None:
            return False
        if called and any(not self._may_pass(e, use) for e in region.eqns[start + 1 : place]):
            return False
        roots = {_root(leaf) for leaf in self.folding.eqn_leaves(eqn) if has_memory(leaf)}
        return not any(roots & w for w in written[start + 1 : place])

    def _calls(self, eqn: Eqn) -> bool:
        """The text of the equation calls a function by name."""
        inside = (x.definition for x in eqn.operands if isinstance(x, Var) and x in self.folding.inline)
        return eqn.operation in CALLS or any(e is not None and self._calls(e) for e in inside)

    def _evaluates_all(self, eqn: Eqn) -> bool:
        """The text of the equation evaluates all its operands, each once."""
        return eqn.operation in CALLS or (isinstance(eqn.operation, Elementwise) and eqn.operation not in _SELECTIVE)

    def _may_pass(self, eqn: Eqn, use: _Use) -> bool:
        """A call may be evaluated after this equation too: it is pure, or a call for the same expression."""
        if eqn.operation in CALLS:
            uses = [self.uses.get(r) for r in eqn.results]
            return all(u is not None and (u.count, u.region, u.place) == (1, use.region, use.place) for u in uses)
        return not has_effect(eqn)

    def _may_lose_name(self, x: Var, eqn: Eqn, consumer: Eqn | None) -> bool:
        """Names that the user gave are kept; cotangents and temporaries of one statement are not."""
        if not x.hint or x.hint.rstrip("0123456789").endswith("_bar"):
            return True
        if eqn.operation is copy and isinstance(eqn.operands[0], Var) and eqn.operands[0].hint == x.hint:
            return True
        if consumer is None or consumer.regions or not consumer.results or consumer.results[0].hint != x.hint:
            return False
        return eqn.span is not None and consumer.span is not None and eqn.span.line == consumer.span.line

    def _consumed_roots(self, eqn: Eqn) -> set[Var]:
        """Memory that the equation writes or hands on, in its regions too."""
        roots = {_root(x) for k in consumed_operands(eqn) if isinstance(x := eqn.operands[k], Var)}
        for inner in eqn.regions:
            roots |= {_root(x) for x in inner.results if isinstance(x, Var) and has_memory(x)}
            for e in inner.eqns:
                roots |= self._consumed_roots(e)
        return roots

    # ---- widths ----
    def _width(self, x: Operand) -> int:
        if isinstance(x, Literal):
            return len(repr(x.value))
        assert isinstance(x, Var)
        if not self.folding.is_inline(x):
            return _NAME_WIDTH
        assert x.definition is not None
        if x in self.folding.bare:
            return self._width(x.definition.operands[0])
        if x not in self.widths:
            self.widths[x] = self._text_width(x.definition)
        return self.widths[x] + 2

    def _text_width(self, eqn: Eqn) -> int:
        source = eqn.operation.source
        frame = len(source) - len(eqn.operands) if isinstance(source, str) else 12
        if eqn.operation in CALLS:
            frame = len(eqn.params["callee"].name) + 2 * len(eqn.operands)
        width = max(frame, 0) + sum(self._width(x) for x in eqn.operands)
        for key, value in eqn.params.items():
            if key == "at":
                width += sum(self._component_width(c) + 2 for c in value)
            else:
                width += sum(self._dim_width(d) + 2 for d in param_dims(value))
        return width

    def _component_width(self, component: object) -> int:
        if isinstance(component, At):
            return self._dim_width(component.position)
        return 5 if isinstance(component, Slice) else 0

    def _dim_width(self, dim: Dim) -> int:
        def atom_width(atom: Atom) -> int:
            if isinstance(atom, Var) and self.folding.is_inline(atom):
                return self._width(atom)
            return 1 + sum(self._dim_width(d) + 5 for d in atom.inner_dims())

        terms = [sum(atom_width(a) for a in monomial) if monomial else 1 for monomial in dim.terms]
        return sum(terms) + 3 * (len(terms) - 1) if terms else 1


def _prints_dims(eqn: Eqn, folding: Folding) -> bool:
    """Whether the text of an equation shows the sizes among its params."""
    return eqn.operation is not true_positions and not (
        eqn.operation is wrap_index and folding.is_inline(eqn.results[0])
    )


def mask_runs(eqn: Eqn) -> Iterator[list[Var]]:
    """Neighbouring index arrays of a subscript that are the positions of one mask, all its axes in order."""
    if eqn.operation not in (index, *WRITES):
        return
    first = 1 if eqn.operation is index else 2
    at = eqn.params["at"]
    takes = [eqn.operands[first + c.operand] if isinstance(c, Take) else None for c in at]
    for k, start in enumerate(takes):
        mask = None if start is None else mask_of(start)
        if mask is None:
            continue
        run = [x for x in takes[k : k + mask.rank] if isinstance(x, Var) and mask_of(x) is mask]
        axes = [x.definition.params["axis"] for x in run if x.definition is not None]
        if axes == list(range(mask.rank)):
            yield run


def _root(x: Var) -> Var:
    while (base := view_base(x)) is not None:
        x = base
    return x
