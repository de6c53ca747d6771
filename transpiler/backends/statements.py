"""Equations and regions as Python statements.

In: a bufferized function through its `Expressions`. Out: `Line`s with their indentation and the user's span. Assumes
that names and memory were checked (`storage_check`): this file only spells. Loop-carried values are assigned at the
end of a body, those whose name does not change not at all, in parallel only where one would overwrite what another
reads."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from gradscribe.transpiler.backends.dialect import call, expression
from gradscribe.transpiler.backends.expressions import Expressions, fill
from gradscribe.transpiler.backends.layout import broken, negated
from gradscribe.transpiler.backends.layout import write as text_of
from gradscribe.transpiler.backends.liveness import (
    Move,
    back_moves,
    branch_moves,
    entry_moves,
    exit_code,
    leaves_by_literals,
)
from gradscribe.transpiler.backends.messages import error_call, message, name_of, print_call, warn_call
from gradscribe.transpiler.backends.scalar_mutability import MutableScalars
from gradscribe.transpiler.errors import Span
from gradscribe.transpiler.ir.index import At, Slice, Take, is_whole
from gradscribe.transpiler.ir.nodes import Eqn, Function, Literal, Operand, Region, Var
from gradscribe.transpiler.ir.walk import eqn_reads, inner_eqns
from gradscribe.transpiler.passes.ownership import WRITES, has_memory
from gradscribe.transpiler.primitives.arithmetic import add, divide, multiply, negative, subtract
from gradscribe.transpiler.primitives.calls import CALLS
from gradscribe.transpiler.primitives.checks import check
from gradscribe.transpiler.primitives.effects import breakpoint_, callback, print_, warn
from gradscribe.transpiler.primitives.primitive import Library
from gradscribe.transpiler.primitives.python_calls import python_call
from gradscribe.transpiler.primitives.regions import if_, is_counted, loop
from gradscribe.transpiler.primitives.repeated_positions import are_distinct
from gradscribe.transpiler.primitives.source_text import dtype_text
from gradscribe.transpiler.primitives.stacks import stack_pop, stack_push
from gradscribe.transpiler.primitives.structure import index, update

_SIGNS = {ast.Add: "+=", ast.Sub: "-=", ast.Mult: "*=", ast.Div: "/="}
_AUGMENTED = {add: "+=", subtract: "-=", multiply: "*=", divide: "/="}


@dataclass(frozen=True)
class Line:
    """One line of text; `span` is where in the user's text it comes from, `commented` whether a comment says so."""

    indent: int
    text: str
    span: Span | None = None
    commented: bool = True


class Statements:
    """Writes the statements of one function."""

    def __init__(self, function: Function, write: Expressions, outside: dict[str, Any]) -> None:
        self.write = write
        self.outside = outside  # objects of the process, by the names that the text has for them
        self.folding = write.folding
        self.mutable = MutableScalars(function, write.folding, write.names)
        self.read_values = {x for x in function.results if isinstance(x, Var)}
        for eqn in inner_eqns(function.region):
            self.read_values.update(eqn_reads(eqn, with_types=False))
            self.read_values.update(x for r in eqn.regions for x in r.results if isinstance(x, Var))

    # ---- lines ----
    def put(
        self, depth: int, before: str, node: ast.expr | None, after: str, span: Span | None, bare: bool = False
    ) -> list[Line]:
        texts = [" " * 4 * depth + before + after] if node is None else broken(before, node, after, 4 * depth, bare)
        return [Line(depth, text, span if k == 0 else None) for k, text in enumerate(texts)]

    def block(self, eqns: Sequence[Eqn], depth: int) -> list[Line]:
        return [line for eqn in eqns for line in self.equation(eqn, depth)]

    def equation(self, eqn: Eqn, depth: int) -> list[Line]:
        if any(self.folding.is_inline(r) for r in eqn.results):
            return []
        if eqn.operation is loop:
            return self.loop(eqn, depth)
        if eqn.operation is if_:
            return self.branch(eqn, depth)
        if eqn.operation in WRITES:
            return self.update(eqn, depth)
        if eqn.operation is stack_push:
            stack, pushed = (self.write.value(x) for x in eqn.operands)
            return self.put(depth, "", fill("s.append(v)", {"s": stack, "v": pushed}), "", eqn.span)
        if eqn.operation is stack_pop:
            popped = fill("s.pop()", {"s": self.write.value(eqn.operands[0])})
            target = f"{self.write.names.of(eqn.results[1])} = " if eqn.results[1] in self.read_values else ""
            return self.put(depth, target, popped, "", eqn.span)
        if eqn.operation is check:
            return self.check(eqn, depth)
        if eqn.operation is print_:
            return self.put(depth, "", print_call(eqn.params, eqn.operands, self.write.value), "", eqn.span)
        if eqn.operation is warn:
            made = warn_call(eqn.params, eqn.operands, self.write.value, self.outside)
            return self.put(depth, "", made, "", eqn.span)
        if eqn.operation is callback:
            return self.callback(eqn, depth)
        if eqn.operation is python_call:
            return self.python_call(eqn, depth)
        if eqn.operation is breakpoint_:
            return self.put(depth, "breakpoint()", None, "", eqn.span)
        if eqn.operation in CALLS and not any(r in self.read_values for r in eqn.results):
            return self.put(depth, "", self.write.equation(eqn), "", eqn.span)
        if len(eqn.results) == 1:
            return self.assign(eqn.result, self.write.equation(eqn), depth, eqn.span)
        if isinstance(eqn.operation, Library) and (alone := self._alone(eqn)) is not None:
            k, text = alone
            value = fill(text, {"x": self.write.operand(eqn, 0)})
            return self.put(depth, f"{self.write.names.of(eqn.results[k])} = ", value, "", eqn.span)
        targets = ", ".join(self.write.names.of(r) for r in eqn.results)
        return self.put(depth, f"{targets} = " if targets else "", self.write.equation(eqn), "", eqn.span)

    def _alone(self, eqn: Eqn) -> tuple[int, str] | None:
        """The one result that is read, and a text that gives it alone."""
        read = [k for k, r in enumerate(eqn.results) if r in self.read_values]
        texts = eqn.operation.alone(**eqn.params) if len(read) == 1 else {}
        return (read[0], texts[read[0]]) if texts.keys() & read else None

    def assign(self, target: Var, value: ast.expr, depth: int, span: Span | None) -> list[Line]:
        """`target = value`, or `target += ...` where the value is an operation on what the name holds."""
        name = self.write.names.of(target)
        sign = _SIGNS.get(type(value.op)) if isinstance(value, ast.BinOp) else None
        if sign is not None and isinstance(value, ast.BinOp) and not has_memory(target):
            if isinstance(value.left, ast.Name) and value.left.id == name and name not in self.mutable.suspects:
                return self.put(depth, f"{name} {sign} ", value.right, "", span)
        return self.put(depth, f"{name} = ", value, "", span)

    # ---- writes and checks ----
    def update(self, eqn: Eqn, depth: int) -> list[Line]:
        base, value = eqn.operands[:2]
        sets = eqn.operation is update
        if not has_memory(base):  # a scalar written whole
            text = self.write.operand(eqn, 1)
            if not sets:
                text = ast.BinOp(left=self.write.operand(eqn, 0), op=ast.Add(), right=text)
            return self.put(depth, f"{self.write.names.of(eqn.result)} = ", text, "", eqn.span)
        at = eqn.params["at"]
        name: ast.expr = ast.Name(id=self.write.names.of(eqn.result))
        parts = self.write.takes(eqn, 2)
        if not sets and any(isinstance(c, Take) for c in at) and not are_distinct(eqn.operands[2:]):
            where = self._advanced(base, at, parts)
            return self.put(depth, "", call("np.add.at", name, where, self.write.operand(eqn, 1)), "", eqn.span)
        sign = " = " if sets else " += "
        text = self.write.operand(eqn, 1)
        if sets and (augmented := self._onto_itself(eqn)) is not None:
            sign = f" {augmented} "
            assert isinstance(text, ast.BinOp)
            text = text.right
        if not sets and self.folding.is_inline(value) and isinstance(value, Var):
            assert value.definition is not None
            if value.definition.operation is negative:
                sign, text = " -= ", self.write.operand(value.definition, 0)
        if not sets and all(is_whole(c, d) for c, d in zip(at, base.shape, strict=True)):
            target = name
        else:
            target = self.write.indexed(name, base.shape, at, parts)
        return self.put(depth, text_of(target) + sign, text, "", eqn.span)

    def _onto_itself(self, eqn: Eqn) -> str | None:
        """`-=` for `A[i] = A[i] - ...` where that is the same in NumPy."""
        value = eqn.operands[1]
        source = value.definition if isinstance(value, Var) and self.folding.is_inline(value) else None
        if source is None or source.operation not in _AUGMENTED or value.dtype != eqn.operands[0].dtype:
            return None
        old = source.operands[0]
        read = old.definition if isinstance(old, Var) and self.folding.is_inline(old) else None
        if read is None or read.operation is not index or read.params["at"] != eqn.params["at"]:
            return None
        same = read.operands[0] is eqn.operands[0] and read.operands[1:] == eqn.operands[2:]
        return _AUGMENTED[source.operation] if same else None

    def _advanced(self, base: Operand, at: Sequence[At | Slice | Take], takes: Sequence[ast.expr | None]) -> ast.expr:
        """The index argument of `np.add.at`."""
        parts: list[ast.expr] = []
        shown = len(at)
        while shown > 1 and is_whole(at[shown - 1], base.shape[shown - 1]):
            shown -= 1
        for component, size in zip(at[:shown], base.shape, strict=False):
            if isinstance(component, At):
                parts.append(self.write.dim(component.position))
            elif isinstance(component, Take):
                taken = takes[component.operand]
                parts += [] if taken is None else [taken]
            else:
                part, flip = self.write.slice(component, size)
                if flip:
                    raise NotImplementedError("a descending slice beside an index array")
                ends = [e if e is not None else ast.Constant(value=None) for e in (part.lower, part.upper, part.step)]
                parts.append(
                    call("slice", ast.Constant(value=None)) if is_whole(component, size) else call("slice", *ends)
                )
        return parts[0] if len(parts) == 1 else ast.Tuple(elts=parts)

    def check(self, eqn: Eqn, depth: int) -> list[Line]:
        text = message(eqn.params["message"], eqn.operands, self.write.value)
        error = error_call(eqn.params["error"], text, self.outside)
        condition = eqn.operands[0]
        if isinstance(condition, Literal) and not condition.value:
            return self.put(depth, "raise ", error, "", eqn.span)
        lines = self.put(depth, "if ", negated(self.write.value(condition)), ":", eqn.span)
        return lines + self.put(depth + 1, "raise ", error, "", None)

    def callback(self, eqn: Eqn, depth: int) -> list[Line]:
        names = eqn.params["names"]
        values = [self.write.value(x) for x in eqn.operands]
        made = call(name_of(eqn.params["function"], self.outside), *values[: len(values) - len(names)])
        assert isinstance(made, ast.Call)
        named = zip(names, values[len(values) - len(names) :], strict=True)
        made.keywords = [ast.keyword(arg=name, value=value) for name, value in named]
        return self.put(depth, "", made, "", eqn.span)

    def python_call(self, eqn: Eqn, depth: int) -> list[Line]:
        """The call, each result as a fresh value of the dtype promised, and a check of its shape."""
        function = name_of(eqn.params["function"], self.outside)
        names = [self.write.names.of(r) for r in eqn.results]
        made = call(function, *(self.write.value(x) for x in eqn.operands))
        lines: list[Line] = []
        alone = len(names) == 1
        if not alone:
            lines += self.put(depth, f"{', '.join(names)} = ", made, "", eqn.span)
        for name, result in zip(names, eqn.results, strict=True):
            dtype = dtype_text(result.dtype)
            template = f'np.array(f).astype({dtype}, casting="same_kind")' + ("" if result.type.dims() else "[()]")
            value = fill(template, {"f": made if alone else expression(name)})
            lines += self.put(depth, f"{name} = ", value, "", eqn.span)
            shape = self.write.shape(result.shape)
            test = ast.Compare(left=expression(f"{name}.shape"), ops=[ast.NotEq()], comparators=[shape])
            said = f"{function} promised a result of shape {result.shape}, and returned one of shape %s"
            text = fill("m % (s,)", {"m": ast.Constant(value=said), "s": expression(f"{name}.shape")})
            lines += self.put(depth, "if ", test, ":", eqn.span)
            lines += self.put(depth + 1, "raise ", call("ValueError", text), "", None)
        return lines

    # ---- assignments between variables ----
    def moves(self, moves: Sequence[Move], depth: int, span: Span | None) -> list[Line]:
        """A parallel assignment; one by one where the order can be chosen so that nothing is overwritten too early."""
        names = self.write.names
        waiting = [(t, s) for t, s in moves if not self._stays(t, s)]
        lines: list[Line] = []
        while waiting:
            reads = [{names.of(leaf) for leaf in self.folding.leaves(s)} for _, s in waiting]
            free = next(
                (
                    k
                    for k, (t, _) in enumerate(waiting)
                    if not any(names.of(t) in r for j, r in enumerate(reads) if j != k)
                ),
                None,
            )
            if free is None:
                targets = ", ".join(names.of(t) for t, _ in waiting)
                values = ast.Tuple(elts=[self.write.converted(s, t.type) for t, s in waiting])
                return lines + self.put(depth, f"{targets} = ", values, "", span, bare=True)
            target, source = waiting.pop(free)
            eqn = source.definition if isinstance(source, Var) and self.folding.is_inline(source) else None
            where = eqn.span if eqn is not None and eqn.span is not None else span
            lines += self.assign(target, self.write.converted(source, target.type), depth, where)
        return lines

    def _stays(self, target: Var, source: Operand) -> bool:
        """The value is already in the variable."""
        if not isinstance(source, Var) or self.folding.is_inline(source):
            return False
        return self.write.names.of(source) == self.write.names.of(target)

    # ---- regions ----
    def branch(self, eqn: Eqn, depth: int) -> list[Line]:
        then, otherwise = (
            self.block(r.eqns, depth + 1) + self.moves(branch_moves(eqn, r), depth + 1, eqn.span) for r in eqn.regions
        )
        return self.choice(self.write.value(eqn.operands[0]), then, otherwise, depth, eqn.span)

    def choice(
        self, test: ast.expr, then: list[Line], otherwise: list[Line], depth: int, span: Span | None
    ) -> list[Line]:
        """`if` / `elif` / `else`, without empty branches."""
        if not then and not otherwise:
            return []
        if not then:
            return self.put(depth, "if ", negated(test), ":", span) + otherwise
        lines = self.put(depth, "if ", test, ":", span) + then
        if not otherwise:
            return lines
        inner = [line.text.lstrip() for line in otherwise if line.indent == depth + 1]
        if inner[0].startswith("if ") and all(t.startswith(("elif ", "else:")) for t in inner[1:]):
            shifted = [replace(line, indent=line.indent - 1, text=line.text[4:]) for line in otherwise]
            first = replace(shifted[0], text=" " * 4 * depth + "el" + shifted[0].text.lstrip())
            return [*lines, first, *shifted[1:]]
        return lines + self.put(depth, "else:", None, "", None) + otherwise

    def loop(self, eqn: Eqn, depth: int) -> list[Line]:
        entry = sorted(entry_moves(eqn), key=lambda move: has_memory(move[0]))  # numbers first
        lines = self.moves(entry, depth, eqn.span)
        code = exit_code(eqn)
        body = eqn.regions[-1]
        split = code is not None and leaves_by_literals(body, body.results[0], self.folding)
        if code is not None and (code in self.read_values or not split):
            lines += self.put(depth, f"{self.write.names.of(code)} = ", ast.Constant(value=0), "", eqn.span)
        inner: list[Line] = []
        if is_counted(eqn):
            lo, hi = self.write.dim(eqn.params["lo"]), self.write.dim(eqn.params["hi"])
            index = self.write.names.of(body.params[0])
            source = self.write.dialect.counted(lo, hi, eqn.params["direction"], eqn)
            lines += self.put(depth, f"for {index} in ", source, ":", eqn.span)
        else:
            condition = eqn.regions[0]
            inner = self.block(condition.eqns, depth + 1)
            test = self.write.value(condition.results[0])
            if inner:
                lines += self.put(depth, "while True:", None, "", eqn.span)
                inner += self.put(depth + 1, "if ", negated(test), ":", None)
                inner += self.put(depth + 2, "break", None, "", None)
            else:
                lines += self.put(depth, "while ", test, ":", eqn.span)
        if split:
            assert code is not None
            inner += _Exits(self, code if code in self.read_values else None).region(
                body, body.results[0], [back_moves(eqn)], depth + 1
            )
        else:
            moves = back_moves(eqn) if code is None else [(code, body.results[0]), *back_moves(eqn)]
            inner += self.block(body.eqns, depth + 1) + self.moves(moves, depth + 1, eqn.span)
            if code is not None:
                inner += self.put(depth + 1, "if ", fill("c != 0", {"c": self.write.name(code)}), ":", None)
                inner += self.put(depth + 2, "break", None, "", None)
        return lines + (inner or self.put(depth + 1, "pass", None, "", None))


class _Exits:
    """A loop body whose exit code is a literal on every path: `break` stands where the path ends."""

    def __init__(self, statements: Statements, code: Var | None) -> None:
        self.statements = statements
        self.code = code  # the variable that keeps the code, if anybody reads it

    def region(self, region: Region, code: Operand, pending: list[list[Move]], depth: int) -> list[Line]:
        """The statements of a region. `pending` are the assignments due when it ends, innermost last; a path that
        goes on makes only the innermost here, the enclosing region makes the others."""
        s = self.statements
        if isinstance(code, Literal):
            lines = s.block(region.eqns, depth) + s.moves(pending[-1], depth, None)
            if code.value == 0:
                return lines
            for moves in reversed(pending[:-1]):
                lines += s.moves(moves, depth, None)
            if self.code is not None:
                lines += s.put(
                    depth, f"{s.write.names.of(self.code)} = ", ast.Constant(value=int(code.value)), "", None
                )
            return lines + s.put(depth, "break", None, "", None)
        assert isinstance(code, Var)
        last = code.definition
        assert last is not None
        position = last.results.index(code)
        lines = s.block([e for e in region.eqns if e is not last], depth)
        codes = [r.results[position] for r in last.regions]
        ends = [[m for k, m in enumerate(branch_moves(last, r)) if k != position] for r in last.regions]
        leaving = [isinstance(c, Literal) and c.value != 0 for c in codes]

        def path(k: int, deeper: int) -> list[Line]:
            return self.region(last.regions[k], codes[k], [*pending, ends[k]], depth + deeper)

        test = s.write.value(last.operands[0])
        if leaving[0] and leaving[1]:
            return lines + s.choice(test, path(0, 1), path(1, 1), depth, last.span)
        if leaving[0] or leaving[1]:
            out, on = (0, 1) if leaving[0] else (1, 0)
            reached = test if out == 0 else negated(test)
            lines += s.put(depth, "if ", reached, ":", last.span) + path(out, 1) + path(on, 0)
        else:
            lines += s.choice(test, path(0, 1), path(1, 1), depth, last.span)
        return lines + s.moves(pending[-1], depth, None)
