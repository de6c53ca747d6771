"""Conditions: comparisons, membership, `and`, `or`, conditional expressions.

In: a node and a frame, or values that are compared. Out: a value, or the truth of a condition: a bool or a boolean
operand. Establishes: what stands right of `and` and `or` is computed only where it decides; the truth of a condition is
made of the truths of its parts, whatever their kinds.
"""

from __future__ import annotations

import functools
from typing import Any

import gast
import numpy as np

from gradscribe.transpiler.frontend.branches import branch
from gradscribe.transpiler.frontend.iteration import Iteration
from gradscribe.transpiler.frontend.values import (
    Array,
    Choice,
    Dict,
    Frame,
    List,
    Object,
    Sequence,
    is_data,
    is_integer,
    is_number,
    number_type,
)
from gradscribe.transpiler.ir.nodes import Operand, Var
from gradscribe.transpiler.primitives.primitive import PRIMITIVES


class Conditions(Iteration):
    """Conditions."""

    def test(self, node: Any, frame: Frame) -> Any:
        """The truth of a condition."""
        if isinstance(node, gast.BoolOp):
            with self.at(node, frame):
                return self._test_all(node, frame)
        if isinstance(node, gast.UnaryOp) and isinstance(node.op, gast.Not):
            with self.at(node, frame):
                return self.negated(self.test(node.operand, frame))
        return self.truth(self.evaluate(node, frame))

    def _test_all(self, node: Any, frame: Frame) -> Any:
        conjunction = isinstance(node.op, gast.And)
        facts = self.facts.conjunctions if conjunction else self.facts.disjunctions

        def from_part(k: int) -> Any:
            truth = self.test(node.values[k], frame)
            if k + 1 == len(node.values):
                return truth
            if isinstance(truth, bool):
                return from_part(k + 1) if truth == conjunction else truth
            right: list[Any] = []

            def rest() -> Any:
                right.append(from_part(k + 1))
                return right[-1]

            short = lambda: not conjunction
            result = self.whole(branch(self, truth, *((rest, short) if conjunction else (short, rest))))
            if isinstance(result, Var):
                facts[result] = (truth, *right)
            return result

        return from_part(0)

    def evaluate_Compare(self, node: Any, frame: Frame) -> Any:
        """`a < b < c` evaluates b once, and c only if a < b."""
        left = self.evaluate(node.left, frame)

        def chain(k: int, left: Any) -> Any:
            right = self.evaluate(node.comparators[k], frame)
            result = self.compare(type(node.ops[k]).__name__, left, right)
            if k + 1 == len(node.ops):
                return result
            truth = self.truth(result)
            if isinstance(truth, bool):
                return chain(k + 1, right) if truth else result
            return branch(self, truth, lambda: self.truth(chain(k + 1, right)), lambda: False)

        return chain(0, left)

    def compare(self, op: str, a: Any, b: Any) -> Any:
        if op in ("Is", "IsNot"):
            for value, other in ((a, b), (b, a)):
                if isinstance(value, Choice):
                    same = self.ask(value, functools.partial(self.compare, "Is", other))
                    return same if op == "Is" else self.negated(same)
            for value, other in ((a, b), (b, a)):
                if is_integer(value) and is_data(value) and isinstance(other, bool) and not isinstance(value, Operand):
                    return op == "IsNot"  # a Python int is neither
                if isinstance(value, Operand) and isinstance(other, bool):
                    return self._is_bool(value, other) if op == "Is" else self.negated(self._is_bool(value, other))
            if is_number(a) and is_number(b) and (is_data(a) or is_data(b)):
                self.refuse("`is` of numbers is not accepted", "use ==")
            if isinstance(a, Array) and isinstance(b, Array):
                same = a is b
                if not same and ((a.box is b.box and a.chain == b.chain) or b.box in a.box.marks):
                    self.refuse("whether these arrays are one object is not known", "compare what they hold")
            else:
                same = a is b or (is_integer(a) and is_integer(b) and not is_data(a) and not is_data(b) and a == b)
            return same == (op == "Is")
        if op in ("In", "NotIn"):
            return self._contains(a, b) if op == "In" else self.negated(self._contains(a, b))
        return self.binary(op, a, b)

    def _is_bool(self, value: Operand, other: bool) -> Any:
        """Python's bools are two objects; NumPy's are others."""
        t = number_type(value)
        if not (t.weak and t.dtype.kind == "b"):
            return False
        return self.truth(value) if other else self.negated(self.truth(value))

    def _contains(self, item: Any, container: Any) -> Any:
        if isinstance(container, Choice):
            return self.each_present(container, lambda option: self._contains(item, option))
        if isinstance(item, Choice):
            return self.ask(item, lambda option: self._contains(option, container))
        if isinstance(container, Dict):
            return self.boxed(self.present(container, self.static_key(item)))
        if isinstance(container, Object) and hasattr(container.cls, "__contains__"):
            return self.boxed(self.truth(self.call(self.get_attribute(container, "__contains__"), [item], {})))
        if isinstance(container, List) and container.grows and self.holds_numbers(container):
            return self.call(any, [self.boxed(self.operand(self.binary("Eq", self.stacked(container), item)))], {})
        if isinstance(container, (List, tuple, Object, Sequence)):
            found: Any = False
            for other in self.items(container):
                equal = True if other is item else self.truth(self.binary("Eq", item, other))
                if equal is True:
                    return True
                if equal is not False:
                    found = equal if found is False else PRIMITIVES["logical_or"](found, equal)
            return found
        if isinstance(container, Array):
            return self.call(bool, [self.call(np.any, [self.binary("Eq", container, item)], {})], {})
        if is_data(item):
            self.need_static(item, "membership needs a static value")
        return self.python(lambda: item in container)

    def evaluate_BoolOp(self, node: Any, frame: Frame) -> Any:
        """`and`, `or`: the right side is evaluated only if it decides."""
        conjunction = isinstance(node.op, gast.And)

        def operand(k: int) -> Any:
            value = self.evaluate(node.values[k], frame)
            if k + 1 == len(node.values):
                return value
            truth = self.truth(value)
            if isinstance(truth, bool):
                return operand(k + 1) if truth == conjunction else value
            boolean = truth is value
            rest = lambda: self.truth(operand(k + 1)) if boolean else operand(k + 1)
            short = lambda: (not conjunction) if boolean else value
            result = branch(self, truth, rest if conjunction else short, short if conjunction else rest)
            return self.whole(result)

        return operand(0)

    def evaluate_IfExp(self, node: Any, frame: Frame) -> Any:
        test = self.test(node.test, frame)
        if isinstance(test, bool):
            return self.evaluate(node.body if test else node.orelse, frame)
        result = branch(self, test, lambda: self.evaluate(node.body, frame), lambda: self.evaluate(node.orelse, frame))
        return self.whole(result)
