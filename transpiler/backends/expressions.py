"""IR values as Python expressions.

In: operands, dims and indices of a bufferized function, its `Folding`, its `Names`. Out: `ast` expressions; the
symbols they mention are collected on the way. Templates of primitives are parsed once and filled in; parentheses are
the printer's job."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from gradscribe.transpiler.backends.dialect import NumPyDialect, call, expression, has_default_dtype, python_constant
from gradscribe.transpiler.backends.folding import Folding
from gradscribe.transpiler.backends.module_facts import ModuleFacts
from gradscribe.transpiler.backends.names import Names
from gradscribe.transpiler.backends.number_kinds import NumberKinds
from gradscribe.transpiler.ir.bounds import clamp_to_positive, is_nonnegative
from gradscribe.transpiler.ir.callees import Callee
from gradscribe.transpiler.ir.dims import Atom, Dim, FloorDiv, Positive, Symbol
from gradscribe.transpiler.ir.index import At, Index, Slice, Take, is_whole
from gradscribe.transpiler.ir.nodes import Eqn, Function, Literal, Operand, Var
from gradscribe.transpiler.ir.types import ArrayType, StackType, Type
from gradscribe.transpiler.primitives.allocation import dim_value
from gradscribe.transpiler.primitives.arithmetic import select
from gradscribe.transpiler.primitives.calls import CALLS
from gradscribe.transpiler.primitives.checks import wrap_index
from gradscribe.transpiler.primitives.masks import true_positions
from gradscribe.transpiler.primitives.primitive import Elementwise
from gradscribe.transpiler.primitives.stacks import stack_new
from gradscribe.transpiler.primitives.structure import broadcast_to, copy, index, reshape, update, update_add

_OPERANDS = ("x", "y", "z", "w")


class _Fill(ast.NodeTransformer):
    def __init__(self, values: dict[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.values.get(node.id, node)


def fill(template: str, values: dict[str, ast.expr]) -> ast.expr:
    """The template with names replaced by expressions."""
    parsed = ast.parse(template, mode="eval").body
    filled: ast.expr = _Fill(values).visit(parsed)
    return filled


def _binary(left: ast.expr, op: ast.operator, right: ast.expr) -> ast.expr:
    return ast.BinOp(left=left, op=op, right=right)


class Expressions:
    """Writes the values of one function; `symbols` collects the entry symbols that the text mentions."""

    def __init__(
        self,
        function: Function,
        folding: Folding,
        names: Names,
        dialect: NumPyDialect,
        module: ModuleFacts,
        called_by_name: bool = False,
    ) -> None:
        self.folding = folding
        self.names = names
        self.dialect = dialect
        self.module = module
        self.numbers = NumberKinds(function, dialect, called_by_name)
        self.symbols: dict[Symbol, None] = {}
        self.narrow = module.narrow

    # ---- operands ----
    def name(self, x: Var) -> ast.Name:
        return ast.Name(id=self.names.of(x))

    def value(self, x: Operand, plain: bool | None = None) -> ast.expr:
        """The expression of an operand. A literal is written as a Python number where `plain`, or where its dtype is
        the one Python numbers have and nothing in the program tells them apart."""
        if isinstance(x, Literal):
            assert isinstance(x.type, ArrayType)
            return self.dialect.literal(x, has_default_dtype(x.type) and not self.narrow if plain is None else plain)
        assert isinstance(x, Var)
        if not self.folding.is_inline(x):
            return self.name(x)
        assert x.definition is not None
        return self.equation(x.definition)

    def operand(self, eqn: Eqn, k: int) -> ast.expr:
        x = eqn.operands[k]
        if isinstance(x, Literal) and not x.type.weak:
            return self.value(x, self._plain_literal(eqn, k))
        return self.value(x)

    def _plain_literal(self, eqn: Eqn, k: int) -> bool | None:
        """A strong literal reads as a Python number where that gives the same dtype."""
        literal = eqn.operands[k]
        assert isinstance(literal, Literal) and isinstance(literal.type, ArrayType)
        if eqn.operation in (update, update_add):
            return bool(eqn.operands[0].dtype == literal.type.dtype)
        if isinstance(eqn.operation, Elementwise):
            types: list[Type] = [x.type for x in eqn.operands]
            types[k] = ArrayType(literal.type.dtype, (), True)
            if all(t.weak for t in types):
                return None
            (weakened,) = eqn.operation.infer(tuple(types), eqn.params, ())
            return bool(isinstance(weakened, ArrayType) and weakened.dtype == eqn.result.dtype)
        return None

    def converted(self, x: Operand, target: Type) -> ast.expr:
        """The expression of a scalar that is assigned to a variable of type `target`."""
        if not isinstance(target, ArrayType) or target.shape or not isinstance(x.type, ArrayType):
            return self.value(x)
        if isinstance(x, Literal):
            typed = Literal(_as_kind(x.value, target.dtype.kind), target)
            return self.value(typed, None if not target.weak else True)
        same_kind = x.type.dtype == target.dtype
        if same_kind and (x.type.weak == target.weak or not self.narrow):
            return self.value(x)
        return self.dialect.cast(self.value(x), target)

    # ---- dims ----
    def dim(self, dim: Dim) -> ast.expr:
        """An integer polynomial, a positive term first if there is one."""
        if dim.constant is not None:
            return python_constant(dim.constant)
        monomials = dim.sorted_monomials()
        monomials.sort(key=lambda m: (not m, dim.terms[m] < 0 and any(c > 0 for c in dim.terms.values())))
        result: ast.expr | None = None
        for monomial in monomials:
            c = dim.terms[monomial]
            term = self._monomial(abs(c), monomial)
            if result is None:
                result = ast.UnaryOp(op=ast.USub(), operand=term) if c < 0 else term
            else:
                result = _binary(result, ast.Sub() if c < 0 else ast.Add(), term)
        assert result is not None
        return result

    def _monomial(self, coefficient: int, monomial: tuple[Atom, ...]) -> ast.expr:
        factors = [self.atom(a) for a in monomial]
        if coefficient != 1 or not factors:
            factors.insert(0, ast.Constant(value=coefficient))
        result = factors[0]
        for factor in factors[1:]:
            result = _binary(result, ast.Mult(), factor)
        return result

    def atom(self, atom: Atom) -> ast.expr:
        if isinstance(atom, Symbol):
            self.symbols.setdefault(atom)
            return ast.Name(id=self.names.symbols[atom])
        if isinstance(atom, FloorDiv):
            return _binary(self.dim(atom.dividend), ast.FloorDiv(), ast.Constant(value=atom.divisor))
        if isinstance(atom, Positive):
            return call("max", self.dim(atom.inner), ast.Constant(value=0))
        assert isinstance(atom, Var)
        return self.value(atom)

    def shape(self, shape: Sequence[Dim]) -> ast.expr:
        return ast.Tuple(elts=[self.dim(d) for d in shape])

    # ---- equations ----
    def equation(self, eqn: Eqn) -> ast.expr:
        """The right-hand side of an equation with one result that is not a write."""
        operation = eqn.operation
        if operation is index:
            at, base = eqn.params["at"], eqn.operands[0]
            return self.indexed(self.operand(eqn, 0), base.shape, at, self.takes(eqn, 1))
        if operation is dim_value:
            dim = eqn.params["dim"]
            loaded = self.narrow and any(isinstance(a, Var) and not a.type.weak for a in dim.leaves())
            return call("int", self.dim(dim)) if loaded else self.dim(dim)
        if operation is wrap_index:
            position = self.operand(eqn, 0)
            if eqn.result in self.folding.bare:
                return position
            places = call("np.arange" if eqn.result.type.dims() else "range", self.dim(eqn.params["size"]))
            return ast.Subscript(value=places, slice=position)
        if operation is true_positions and eqn.result in self.folding.bare:
            return self.operand(eqn, 0)
        if operation is copy:
            return self._copy(eqn)
        if operation is reshape and eqn.operands[0].rank == len(eqn.params["shape"]) == 1:
            return self.operand(eqn, 0)  # the same size under another name
        if operation is reshape and (inserted := self._with_ones(eqn)) is not None:
            return inserted
        if operation is select and not eqn.result.type.dims():
            return self._conditional(eqn)
        if operation is stack_new:
            return ast.List(elts=[])
        if operation in CALLS:
            return self._call(eqn)
        return self._template(eqn)

    def _call(self, eqn: Eqn) -> ast.expr:
        """A call by name: arguments of exactly the kinds that the parameters have."""
        callee: Callee = eqn.params["callee"]
        given = zip(eqn.operands, callee.function.params, strict=True)
        return call(self.module.names[callee], *(self.converted(x, p.type) for x, p in given))

    def _template(self, eqn: Eqn) -> ast.expr:
        values: dict[str, ast.expr] = {}

        def write(dim: Dim) -> str:
            if dim.constant is not None:
                return str(dim.constant)
            stand_in = f"dim_{len(values)}_"
            values[stand_in] = self.dim(dim)
            return stand_in

        template = self.numbers.text(eqn) or self.dialect.template(eqn, write)
        if not template:
            raise NotImplementedError(f"`{eqn.operation.name}` has no text")
        for k in range(len(eqn.operands)):
            values[f"x{k}"] = self.operand(eqn, k)
            if k < len(_OPERANDS):
                values[_OPERANDS[k]] = values[f"x{k}"]
        return fill(template, values)

    def _copy(self, eqn: Eqn) -> ast.expr:
        x = eqn.operands[0]
        if (
            isinstance(x, Var)
            and self.folding.is_inline(x)
            and x.definition is not None
            and x.definition.operation is broadcast_to
        ):
            wide = x.definition
            if not wide.operands[0].shape:
                size = self.dim(x.shape[0]) if len(x.shape) == 1 else self.shape(x.shape)
                filled = call("np.full", size, self.operand(wide, 0))
                same = has_default_dtype(x.type) and not self.narrow and x.dtype.kind != "b"  # type: ignore[arg-type]
                if not same:
                    assert isinstance(filled, ast.Call)
                    filled.keywords.append(
                        ast.keyword(arg="dtype", value=expression(f"np.{x.dtype.name.replace('bool', 'bool_')}"))
                    )
                return filled
        source = self.operand(eqn, 0)
        if isinstance(x.type, StackType) and x.type.element_rank:
            element = ast.Name(id="entry")
            return ast.ListComp(
                elt=fill("v.copy()", {"v": element}),
                generators=[ast.comprehension(target=element, iter=source, ifs=[], is_async=0)],
            )
        if not x.type.dims() and not isinstance(x.type, StackType):
            return source
        return fill("x.copy()", {"x": source})

    def _with_ones(self, eqn: Eqn) -> ast.expr | None:
        """`x[:, None]` for a reshape that only inserts axes of size 1."""
        old, new = eqn.operands[0].shape, eqn.params["shape"]
        if not old or len(new) <= len(old):
            return None
        parts: list[ast.expr] = []
        k = 0
        for d in new:
            if k < len(old) and d == old[k]:
                parts.append(ast.Slice())
                k += 1
            elif d == 1:
                parts.append(ast.Constant(value=None))
            else:
                return None
        if k != len(old):
            return None
        while isinstance(parts[-1], ast.Slice):
            parts.pop()
        return ast.Subscript(value=self.operand(eqn, 0), slice=_unwrapped(parts))

    def _conditional(self, eqn: Eqn) -> ast.expr:
        """A selection between scalars."""
        test = self.value(eqn.operands[0])
        body, orelse = (self.converted(x, eqn.result.type) for x in eqn.operands[1:])
        return ast.IfExp(test=test, body=body, orelse=orelse)

    # ---- subscripts ----
    def takes(self, eqn: Eqn, first: int) -> list[ast.expr | None]:
        """The index arrays of a subscript; None for the further axes of a mask, which stands for all of them."""
        later = {x for x in eqn.operands[first:] if x in self.folding.bare and _axis_of_mask(x)}
        return [None if eqn.operands[k] in later else self.operand(eqn, k) for k in range(first, len(eqn.operands))]

    def indexed(
        self, base: ast.expr, shape: Sequence[Dim], at: Index, takes: Sequence[ast.expr | None]
    ) -> ast.expr:
        if not at:
            return base
        parts: list[ast.expr] = []
        flips: list[ast.expr] = []
        for component, size in zip(at, shape, strict=True):
            if isinstance(component, At):
                parts.append(self._end(component.position, size))
            elif isinstance(component, Take):
                taken = takes[component.operand]
                if taken is not None:
                    parts.append(taken)
                    flips.append(ast.Slice())
            else:
                part, flip = self.slice(component, size)
                parts.append(part)
                flips.append(ast.Slice(step=python_constant(-1)) if flip else ast.Slice())
        text = ast.Subscript(value=base, slice=_unwrapped(_without_trailing_wholes(parts)))
        if any(f.step is not None for f in flips if isinstance(f, ast.Slice)):
            if takes:
                raise NotImplementedError("a descending slice beside an index array")
            return ast.Subscript(value=text, slice=_unwrapped(_without_trailing_wholes(flips)))
        return text

    def slice(self, c: Slice, size: Dim) -> tuple[ast.Slice, bool]:
        """The slice, and whether its result must still be reversed (a descending slice whose end may be before 0)."""
        if is_whole(c, size):
            return ast.Slice(), False
        if c.step > 0:
            stop = c.start + c.length * c.step
            step = None if c.step == 1 else ast.Constant(value=c.step)
            upper = None if self._to_the_end(c, size) else self._stop(_least(stop, size), size, c.step)
            from_end = upper is None or (size - stop).constant is not None  # else an empty slice might not stay empty
            return ast.Slice(self._start(c.start, size, from_end), upper, step), False
        stop = c.start + c.length * c.step
        step_text = python_constant(c.step)
        first = None if c.start == size - 1 else self.dim(c.start)
        if stop == -1 or (c.step == -1 and stop.constant == -1):
            return ast.Slice(first, None, step_text), False
        if is_nonnegative(stop) and is_nonnegative(c.start):
            return ast.Slice(first, self.dim(stop), step_text), False
        lowest = c.start + (c.length - 1) * c.step
        step = None if c.step == -1 else ast.Constant(value=-c.step)
        return ast.Slice(self._start(lowest, size, False), self._stop(c.start + 1, size, 1), step), True

    def _to_the_end(self, c: Slice, size: Dim) -> bool:
        """The slice takes all there is from its start on, which may be nothing."""
        return c.length == (clamp_to_positive(size - c.start) + (c.step - 1)) // c.step

    def _start(self, start: Dim, size: Dim, from_end: bool) -> ast.expr | None:
        if start == 0:
            return None
        return self._end(start, size) if from_end else self.dim(start)

    def _stop(self, stop: Dim, size: Dim, step: int) -> ast.expr | None:
        if stop == size or (step > 1 and is_nonnegative(stop - size)):
            return None
        return self._end(stop, size)

    def _end(self, position: Dim, size: Dim) -> ast.expr:
        """A position, counted from the end where it is a constant away from it."""
        distance = (size - position).constant
        if self.dialect.negative_ends and size.constant is None and distance is not None and distance > 0:
            return python_constant(-distance)
        return self.dim(position)


def _least(stop: Dim, size: Dim) -> Dim:
    """A stop that is the smaller of a nonnegative position and the size is written as the position: NumPy sees to the
    rest."""
    atom = stop.single_atom
    least = atom.inner if isinstance(atom, Positive) else stop
    for excess in (a for a in least.atoms() if isinstance(a, Positive)):
        position = excess.inner + size
        if least == position - Dim.of(excess) and is_nonnegative(position):
            return position
    return stop


def _axis_of_mask(x: Operand) -> int:
    """Which axis of its mask an index array is for (0 for others)."""
    eqn = x.definition if isinstance(x, Var) else None
    return int(eqn.params["axis"]) if eqn is not None and eqn.operation is true_positions else 0


def _as_kind(value: object, kind: str) -> object:
    number: object = value.item() if hasattr(value, "item") else value
    if kind == "f" and isinstance(number, (int, float)):
        return float(number)
    return number


def _unwrapped(parts: Sequence[ast.expr]) -> ast.expr:
    return parts[0] if len(parts) == 1 else ast.Tuple(elts=list(parts))


def _without_trailing_wholes(parts: Iterable[ast.expr]) -> list[ast.expr]:
    out = list(parts)
    while len(out) > 1 and isinstance(out[-1], ast.Slice) and out[-1].lower is out[-1].upper is out[-1].step is None:
        out.pop()
    return out
