"""From array level to loop level, equation by equation.

In: a verified `Function` at array level. Out: an equal one whose equations are scalar arithmetic, `index`/`update` at
single positions, allocations, loops and branches, and library operations on whole arrays. Array expressions are
pulled into the nests that consume them (`pulling`); a value is stored before an array that it reads is overwritten,
so that no base is ever copied for the sake of a slice of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gradscribe.transpiler.ir.builder import append_eqn, at_span, build_body, build_region, emit, emit_as, open_block
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import At, Slice, Take
from gradscribe.transpiler.ir.nodes import Eqn, Function, Guard, Literal, Operand, Region, Var
from gradscribe.transpiler.ir.types import INT64, ArrayType
from gradscribe.transpiler.ir.walk import Substitution, eqn_reads, inner_eqns
from gradscribe.transpiler.passes.lower.accumulations import AdditionRun, addition_run, lower_additions
from gradscribe.transpiler.passes.lower.contractions import matmul, matmul_add
from gradscribe.transpiler.passes.lower.elements import (
    Pulled,
    Stored,
    Subscripts,
    Uniform,
    Value,
    broadcast_element,
    merged_bases,
)
from gradscribe.transpiler.passes.lower.indexing import index_value, lower_take_write, slice_position
from gradscribe.transpiler.passes.lower.nests import store, write
from gradscribe.transpiler.passes.lower.operations import check_indices, checked_index, wrapped
from gradscribe.transpiler.passes.lower.placement import is_added_where_read, is_written_first, successors_of
from gradscribe.transpiler.passes.lower.pulling import (
    DEAR,
    UseTable,
    is_array,
    is_reindex,
    operation_cost,
    unit_axes,
    worth_pulling,
)
from gradscribe.transpiler.passes.lower.reductions import lower_reduction
from gradscribe.transpiler.passes.lower.scalars import compute, with_dtype
from gradscribe.transpiler.passes.lower.sorting import lower_extremum_position, lower_sort, search_value
from gradscribe.transpiler.passes.positions import checked_axes
from gradscribe.transpiler.primitives.allocation import arange, dim_value, full, ones, zeros
from gradscribe.transpiler.primitives.arithmetic import add
from gradscribe.transpiler.primitives.calls import CALLS
from gradscribe.transpiler.primitives.checks import wrap_index
from gradscribe.transpiler.primitives.conversion import convert, copy
from gradscribe.transpiler.primitives.masks import count_true, true_positions
from gradscribe.transpiler.primitives.primitive import Elementwise, Reduction, Reindex
from gradscribe.transpiler.primitives.regions import if_, loop
from gradscribe.transpiler.primitives.sorting import argmax, argmin, argsort, searchsorted, sort
from gradscribe.transpiler.primitives.structure import index, reshape, update, update_add


def lower_equations(function: Function) -> Function:
    """Lower every equation to nests of its own; siblings are fused later."""
    return _Lowering().function(function)


class _Lowering:
    def __init__(self) -> None:
        self.env = Substitution()  # scalars and dims
        self.values: dict[Var, Value] = {}  # arrays
        self.uses = UseTable(Region((), (), ()))
        self.axes: dict[Var, int] = {}  # of checked positions
        self.position = 0  # of the equation at hand in its region
        self.successors: dict[Var, Var] = {}  # next value of a carry of the loop whose body this is -> the carry
        self.products: dict[Var, tuple[Operand, Operand]] = {}  # factors of products that are added where they are read

    # ---- functions and regions ----
    def function(self, function: Function) -> Function:
        self.axes = checked_axes(function.region)
        params = self._parameters(function.params)
        region = build_body(params, lambda *_: self._results(function))
        guards = tuple(Guard(g.kind, self.env.dim(g.dim), g.message, g.requirement, g.span) for g in function.guards)
        return Function(function.name, region, guards, function.result_hints, function.span)

    def _parameters(self, old: Sequence[Var]) -> list[Var]:
        new = self.env.fresh_all(old)
        self.values.update({p: Stored(q) for p, q in zip(old, new, strict=True) if is_array(p)})
        return new

    def _results(self, function: Function) -> list[Operand]:
        """Results as values of their own: two results, or a result and a parameter, share an array only if the
        program says so."""
        results = self.equations(function.region)
        owners: dict[Var, Operand] = {self.stored(p): p for p in function.params if is_array(p)}
        out: list[Operand] = []
        for old, new in zip(function.results, results, strict=True):
            if is_array(old) and isinstance(new, Var):
                if new in owners and owners[new] is not old:
                    new = emit(copy, (new,), hint=new.hint)[0]
                else:
                    owners[new] = old
            out.append(new)
        return out

    def region(self, region: Region, successors: Mapping[Var, Var] | None = None) -> Region:
        new = self._parameters(region.params)
        saved = dict(self.values), self.uses, self.position, self.successors
        self.successors = dict(successors or {})
        built = build_region(new, lambda *_: self.equations(region))
        self.values, self.uses, self.position, self.successors = saved
        return built

    def equations(self, region: Region) -> list[Operand]:
        self.uses = UseTable(region)
        runs = self._addition_runs(region)
        for position, eqn in enumerate(region.eqns):
            self.position = position
            with at_span(eqn.span):
                if eqn in runs:
                    run = runs[eqn]
                    if run is not None:
                        self._additions(run, position)
                else:
                    self._equation(eqn, position)
        self.position = len(region.eqns)
        return [self.operand(x) for x in region.results]

    def _addition_runs(self, region: Region) -> dict[Eqn, AdditionRun | None]:
        """Runs of additions into one value, filed under their last equation; their other equations have None."""
        runs: dict[Eqn, AdditionRun | None] = {}
        for eqn in region.eqns:
            if eqn.operation is update_add and eqn not in runs:
                run = addition_run(eqn, self.uses, region)
                if run is not None:
                    self.uses.gathered(run.eqns)
                    runs.update(dict.fromkeys(run.eqns))
                    runs[run.eqns[-1]] = run
        return runs

    # ---- operands ----
    def operand(self, x: Operand) -> Operand:
        """A scalar, or the array that a value is stored in."""
        return self.stored(x) if isinstance(x, Var) and is_array(x) else self.env.operand(x)

    def value(self, x: Operand) -> Value:
        """Any operand as something with elements."""
        if isinstance(x, Var) and x in self.values:
            return self.values[x]
        scalar = self.env.operand(x)
        assert isinstance(scalar.type, ArrayType)
        return Uniform(scalar.type, scalar)

    def stored(self, x: Operand) -> Var:
        assert isinstance(x, Var)
        value = self.values[x]
        if not isinstance(value, Stored):
            value = Stored(self._over_its_predecessor(x, value) or store(value, x.hint))
            self.values[x] = value
        return value.var

    def _over_its_predecessor(self, x: Var, value: Value) -> Var | None:
        """The next value of a carry, written where the old one is that nothing reads any more."""
        if not self._succeeds(x) or isinstance(value, Uniform):
            return None
        target = self.stored(self.successors[x])
        if target.type != value.type or any(
            y is not x and isinstance(other, Pulled) and target in other.bases and not self._is_done(y, x)
            for y, other in self.values.items()
        ):
            return None
        extents, everywhere = value.type.shape, lambda s: s
        reads = target in value.bases
        if reads and not self._reads_only_what_it_writes(target, value, extents, everywhere):
            return None
        return write(target, value, extents, everywhere, through_carry=reads)

    def _succeeds(self, x: Var) -> bool:
        return x in self.successors and self._is_done(self.successors[x], x)

    def _is_done(self, y: Var, x: Var) -> bool:
        """Nothing reads `y` when `x` is stored, be it now or, because its own equation is at hand, by that."""
        last = max(self.uses.get(y).positions, default=-1)
        defining = self.uses.defined.get(x) == self.position
        return last < self.position or (defining and last == self.position)

    def define(self, eqn: Eqn, value: Value) -> None:
        """Enter the value of an equation's one result: pulled if that is worth it, else stored now."""
        (result,) = eqn.results
        self.values[result] = value
        if (
            not isinstance(value, Stored)
            and not worth_pulling(value.cost, self.uses.pulls(result), self.uses.is_forced(result))
            and not is_written_first(self.uses, result)
        ):
            self.stored(result)

    def settle_readers(self, base: Var, position: int, inclusive: bool = False) -> None:
        """Store every pulled value that reads `base` and is read after equation `position`: `base` is about to be
        overwritten."""
        for x, value in list(self.values.items()):
            if isinstance(value, Pulled) and base in value.bases:
                last = max(self.uses.get(x).positions, default=-1)
                if last > position or (inclusive and last == position):
                    self.stored(x)

    # ---- equations ----
    def _equation(self, eqn: Eqn, position: int) -> None:
        operation = eqn.operation
        if operation is loop:
            self._loop(eqn, position)
        elif operation is if_:
            self._if(eqn, position)
        elif operation in (update, update_add):
            self._update(eqn, position)
        elif operation is wrap_index:
            self._wrap_index(eqn)
        elif operation in CALLS:
            self._call(eqn)
        elif operation is matmul and is_added_where_read(self.uses, self.successors, eqn):
            self.products[eqn.results[0]] = self.operand(eqn.operands[0]), self.operand(eqn.operands[1])
        elif operation is add and self._add_product(eqn):
            pass
        elif not any(is_array(x) for x in eqn.results) and not any(is_array(x) for x in eqn.operands):
            self._scalar(eqn)
        elif isinstance(operation, Elementwise) or operation is convert:
            self._elementwise(eqn)
        elif operation in (zeros, ones, full):
            self._uniform(eqn)
        elif operation is arange:
            self._arange(eqn)
        elif isinstance(operation, Reduction):
            self._bind(eqn, lower_reduction(eqn, self.value(eqn.operands[0]), self._type(eqn)))
        elif operation in (argmax, argmin):
            self._bind(eqn, lower_extremum_position(eqn, self.value(eqn.operands[0]), self._type(eqn)))
        elif operation in (sort, argsort):
            self.define(eqn, lower_sort(eqn, self.value(eqn.operands[0])))
        elif operation is searchsorted and is_array(eqn.operands[1]):
            self.define(
                eqn, search_value(eqn, self.stored(eqn.operands[0]), self.value(eqn.operands[1]), self._type(eqn))
            )
        elif operation is searchsorted:
            value = search_value(eqn, self.stored(eqn.operands[0]), self.value(eqn.operands[1]), self._type(eqn))
            self._bind(eqn, value.element(()))
        elif operation in (count_true, true_positions):  # of one stored mask: both see the same elements
            self._emit_as_is(eqn, [self.stored(eqn.operands[0])])
        elif operation is copy and isinstance(eqn.results[0].type, ArrayType):
            self.define(eqn, self.value(eqn.operands[0]))  # values do not alias: a copy is the value itself
        elif isinstance(operation, Reindex) and (is_reindex(eqn) or operation is index):
            self._reindex(eqn)
        else:
            self._whole(eqn)

    def _type(self, eqn: Eqn) -> ArrayType:
        type: ArrayType = self.env.type(eqn.results[0].type)
        return type

    def _bind(self, eqn: Eqn, result: Operand) -> None:
        (old,) = eqn.results
        self._record(old, result)

    def _record(self, old: Var, new: Operand) -> None:
        if is_array(old):
            assert isinstance(new, Var)
            self.values[old] = Stored(new)
        else:
            self.env[old] = new

    def _scalar(self, eqn: Eqn) -> None:
        operands = [self.env.operand(x) for x in eqn.operands]
        if isinstance(eqn.operation, Elementwise):
            result = compute(eqn.operation, operands, self._type(eqn), self.env.params(eqn.params), eqn.results[0].hint)
            self.env[eqn.results[0]] = result
            return
        self._emit_as_is(eqn, operands)

    def _wrap_index(self, eqn: Eqn) -> None:
        """Positions are checked here, all at once; what reads them only wraps."""
        size = self.env.dim(eqn.params["size"])
        checked = {"size": size, "axis": self.axes.get(eqn.result)}
        x = self.operand(eqn.operands[0])
        if not is_array(x):
            (place,) = emit(checked_index, (with_dtype(x, INT64),), checked, hint=eqn.result.hint)
            self.env[eqn.result] = place
            return
        emit(check_indices, (x,), checked)
        source = self.value(eqn.operands[0])
        load = lambda s: emit(wrapped, (with_dtype(source.element(s), INT64),), {"size": size})[0]
        self.define(eqn, Pulled(self._type(eqn), load, source.bases, 1))

    def _emit_as_is(self, eqn: Eqn, operands: Sequence[Operand]) -> None:
        types = [self.env.type(r.type) for r in eqn.results]
        results = emit(
            eqn.operation, operands, self.env.params(eqn.params), hints=[r.hint for r in eqn.results], types=types
        )
        for old, new in zip(eqn.results, results, strict=True):
            self._record(old, new)

    def _call(self, eqn: Eqn) -> None:
        """A call by name; the sizes of its results may be results themselves."""
        operands = tuple(self.operand(x) for x in eqn.operands)
        results = []
        for old in eqn.results:
            new = Var(self.env.type(old.type), old.hint, old.lower, old.upper)
            results.append(new)
            self._record(old, new)
        append_eqn(Eqn(eqn.operation, operands, tuple(results), eqn.params, (), eqn.span))

    def _whole(self, eqn: Eqn) -> None:
        """A library operation: its operands are arrays."""
        self._emit_as_is(eqn, [self.operand(x) for x in eqn.operands])

    def _uniform(self, eqn: Eqn) -> None:
        """A fresh array of one scalar."""
        type = self._type(eqn)
        scalar = self.env.operand(eqn.operands[0]) if eqn.operands else Literal(0 if eqn.operation is zeros else 1)
        self.define(eqn, Uniform(type, with_dtype(scalar, type.dtype)))

    def _arange(self, eqn: Eqn) -> None:
        params = self.env.params(eqn.params)
        load = lambda s: with_dtype(emit(dim_value, (), {"dim": params["start"] + params["step"] * s[0]})[0], INT64)
        self.define(eqn, Pulled(self._type(eqn), load, (), 0))

    def _elementwise(self, eqn: Eqn) -> None:
        operands = [self.value(x) for x in eqn.operands]
        type = self._type(eqn)
        params = self.env.params(eqn.params)
        cost = operation_cost(eqn) + sum(x.cost for x in operands)

        def load(subscripts: tuple[Dim, ...]) -> Operand:
            elements = [broadcast_element(x, subscripts) for x in operands]
            if eqn.operation is convert:
                return with_dtype(elements[0], type.dtype)
            return compute(eqn.operation, elements, type, params)

        if all(isinstance(x, Uniform) for x in operands):
            self.define(eqn, Uniform(type, load(())))
        else:
            self.define(eqn, Pulled(type, load, merged_bases(operands), cost))

    def _add_product(self, eqn: Eqn) -> bool:
        """total + x @ y, by BLAS in the memory of `total`; False if the equation is something else."""
        product = next((x for x in eqn.operands if x in self.products), None)
        if product is None:
            return False
        assert isinstance(product, Var) and product.definition is not None
        total = self.stored(self.successors[eqn.results[0]])
        self.settle_readers(total, self.position)
        params = self.env.params(product.definition.params)
        self._bind(eqn, emit(matmul_add, (total, *self.products[product]), params, hint=eqn.results[0].hint)[0])
        return True

    def _reindex(self, eqn: Eqn) -> None:
        source, type, params = self.value(eqn.operands[0]), self._type(eqn), self.env.params(eqn.params)
        if eqn.operation is index and any(isinstance(c, Take) for c in params["at"]):
            takes = [self.operand(x) for x in eqn.operands[1:]]
            self._define_or_bind(eqn, index_value(source, type, params["at"], takes, self._unchecked(eqn.operands[1:])))
            return
        if isinstance(source, Uniform):
            self._define_or_bind(eqn, Uniform(type, source.scalar))
            return
        through: Callable[[Subscripts], Subscripts]
        if eqn.operation is reshape:
            axes = unit_axes(eqn)
            assert axes is not None
            through = lambda s: tuple(Dim.of(0) if k is None else s[k] for k in axes)
        elif eqn.operation is copy:
            through = lambda s: s
        else:
            operation, operand_types = eqn.operation, [source.type]
            through = lambda s: operation.source_index(s, *operand_types, **params)
        self._define_or_bind(eqn, Pulled(type, lambda s: source.element(through(s)), source.bases, source.cost))

    def _define_or_bind(self, eqn: Eqn, value: Value) -> None:
        """A value of rank 0 is an element: compute it here."""
        if is_array(eqn.results[0]):
            self.define(eqn, value)
        else:
            self._bind(eqn, value.element(()))

    def _unchecked(self, takes: Sequence[Operand]) -> list[bool]:
        """Which index operands have not been checked by a `wrap_index` of their own, nor are inside the axis anyway."""
        inside = (wrap_index, true_positions)
        return [
            not (isinstance(x, Var) and x.definition is not None and x.definition.operation in inside) for x in takes
        ]

    # ---- writes ----
    def _update(self, eqn: Eqn, position: int) -> None:
        x, v = eqn.operands[:2]
        if not is_array(x):
            self._write_number(eqn, self.env.operand(x), self.value(v).element(()))
            return
        target, value = self.stored(x), self.value(v)
        self.settle_readers(target, position)
        at = self.env.params(eqn.params)["at"]
        if any(isinstance(c, Take) for c in at):
            takes = [self.operand(t) for t in eqn.operands[2:]]
            if target in value.bases:
                value = Stored(self.stored(v))
            self._bind(
                eqn, lower_take_write(eqn.operation, target, value, at, takes, self._unchecked(eqn.operands[2:]))
            )
            return
        if not any(isinstance(c, Slice) for c in at):
            element = with_dtype(value.element((Dim.of(0),) * len(value.type.shape)), target.type.dtype)
            facts = {"at": at}
            self._bind(eqn, emit(eqn.operation, (target, element), facts, hint=target.hint)[0])
            return
        extents = [c.length for c in at if isinstance(c, Slice)]
        position_of = slice_position(at)
        read_there = isinstance(value, Pulled) and is_written_first(self.uses, v)
        through_carry = target in value.bases and self._reads_only_what_it_writes(target, value, extents, position_of)
        if target in value.bases and not through_carry:
            value = Stored(self.stored(v))
        written = write(target, value, extents, position_of, eqn.operation, through_carry=through_carry)
        self._bind(eqn, written)
        if read_there and isinstance(v, Var) and self.values[v] is value:
            place = Stored(written)
            self.values[v] = Pulled(value.type, lambda s: place.element(position_of(s)), (written,), 0)

    def _write_number(self, eqn: Eqn, old: Operand, value: Operand) -> None:
        """A write to an array without axes, which is a number here."""
        type = eqn.results[0].type
        assert isinstance(type, ArrayType)
        added = eqn.operation is update_add
        self._bind(eqn, compute(add, [old, value], type, {}) if added else with_dtype(value, type.dtype))

    def _reads_only_what_it_writes(self, target: Var, value: Value, extents: Sequence[Dim], position_of: Any) -> bool:
        """Every load of `target` for an element of `value` is at the position that the element is written to."""
        subscripts = tuple(Dim.of(0) if d == 1 else Dim.of(Var(ArrayType(INT64), "i")) for d in extents)
        with open_block() as block:
            broadcast_element(value, subscripts)
        written = tuple(At(p) for p in position_of(subscripts))
        readers = [e for e in block.eqns if target in eqn_reads(e, with_types=False)]
        return all(e.operation is index and e.params["at"] == written for e in readers)

    def _additions(self, run: AdditionRun, position: int) -> None:
        target = self.stored(run.eqns[0].operands[0])
        self.settle_readers(target, position)
        terms = []
        for eqn in run.eqns:
            v, value = eqn.operands[1], self.value(eqn.operands[1])
            if target in value.bases or (isinstance(value, Pulled) and len(run.eqns) > 1 and value.cost > DEAR):
                value = Stored(self.stored(v))
            terms.append((value, self.env.params(eqn.params)["at"]))
        result = lower_additions(target, terms)
        last = run.eqns[-1].result
        self.values[last] = Stored(result)

    # ---- control flow ----
    def _loop(self, eqn: Eqn, position: int) -> None:
        inits = [self.operand(x) for x in eqn.operands]
        for x in inits:
            if isinstance(x, Var) and is_array(x):
                self.settle_readers(x, position, inclusive=True)
        self._settle_captures(eqn, position)
        params = self.env.params(eqn.params)
        regions = [self.region(r, successors_of(eqn) if r is eqn.regions[-1] else None) for r in eqn.regions]
        self._emit_regions(eqn, inits, params, regions)

    def _if(self, eqn: Eqn, position: int) -> None:
        self._settle_captures(eqn, position)
        regions = [self.region(r) for r in eqn.regions]
        self._emit_regions(eqn, [self.env.operand(x) for x in eqn.operands], {}, regions)

    def _settle_captures(self, eqn: Eqn, position: int) -> None:
        """Arrays from outside that the regions consume may be overwritten there."""
        for region in eqn.regions:
            for inner in inner_eqns(region):
                consumed = (
                    inner.operands[:1]
                    if inner.operation in (update, update_add)
                    else inner.operands
                    if inner.operation is loop
                    else ()
                )
                for x in consumed:
                    if isinstance(x, Var) and isinstance(self.values.get(x), Stored):
                        self.settle_readers(self.stored(x), position, inclusive=True)

    def _emit_regions(self, eqn: Eqn, operands: Sequence[Operand], params: Any, regions: Sequence[Region]) -> None:
        results = [self.env.fresh(r) for r in eqn.results]
        emit_as(results, eqn.operation, operands, params, regions)
        for old, new in zip(eqn.results, results, strict=True):
            self._record(old, new)
