"""Operators and comparisons: Python on static values, polynomials on ints, rules of the NumPy table on data.

Assumes rules take operands and return operands. Establishes: Python's errors for Python numbers (a zero divisor)
become checks; sizes that a rule finds equal only at run time are checked there and the rule applied again.
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import GradscribeError, Steering
from gradscribe.transpiler.frontend import python_iterators
from gradscribe.transpiler.frontend.list_positions import ListPositions
from gradscribe.transpiler.frontend.python_errors import PythonError
from gradscribe.transpiler.frontend.python_queues import Deque
from gradscribe.transpiler.frontend.reading import Reading
from gradscribe.transpiler.frontend.solver import DataEquality
from gradscribe.transpiler.frontend.table import BINARY, UNARY, NeedsStatic, array_from
from gradscribe.transpiler.frontend.values import (
    LENGTH,
    Array,
    Choice,
    Container,
    Dict,
    Flat,
    List,
    Maybe,
    NeedStatic,
    Object,
    Poison,
    Text,
    describe,
    is_data,
    is_integer,
    is_number,
    number_type,
    simplest,
)
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim, Symbol
from gradscribe.transpiler.ir.nodes import Literal, Operand, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.primitives.primitive import PRIMITIVES

PYTHON: dict[str, Callable[..., Any]] = {
    "Add": operator.add, "Sub": operator.sub, "Mult": operator.mul, "Div": operator.truediv,
    "FloorDiv": operator.floordiv, "Mod": operator.mod, "Pow": operator.pow, "MatMult": operator.matmul,
    "BitAnd": operator.and_, "BitOr": operator.or_, "BitXor": operator.xor, "LShift": operator.lshift,
    "RShift": operator.rshift, "Lt": operator.lt, "LtE": operator.le, "Gt": operator.gt, "GtE": operator.ge,
    "Eq": operator.eq, "NotEq": operator.ne, "USub": operator.neg, "UAdd": operator.pos, "Invert": operator.invert,
}  # fmt: skip
_DUNDER = {
    "Add": "add", "Sub": "sub", "Mult": "mul", "Div": "truediv", "FloorDiv": "floordiv", "Mod": "mod", "Pow": "pow",
    "MatMult": "matmul", "BitAnd": "and", "BitOr": "or", "BitXor": "xor", "Lt": "lt", "LtE": "le", "Gt": "gt",
    "GtE": "ge", "Eq": "eq", "NotEq": "ne",
}  # fmt: skip
_MIRROR = {"Lt": "gt", "LtE": "ge", "Gt": "lt", "GtE": "le", "Eq": "eq", "NotEq": "ne"}
COMPARISONS = frozenset(_MIRROR)
_COMPARED = {f"__{_DUNDER[op]}__": op for op in COMPARISONS}
_KEYED = (Dict, dict, set, frozenset)
_OF_SETS = COMPARISONS - {"Eq", "NotEq"} | {"BitOr", "BitAnd", "BitXor", "Sub"}


class Operators(ListPositions):
    """Unary and binary operators, truth, application of rules."""

    # ---- rules ----
    def apply_rule(
        self, rule: Callable[..., Any], args: list[Any], kwargs: dict[str, Any], order: Any = "operands"
    ) -> Any:
        """Call a rule on operands; its arrays get fresh boxes of the given layout ("elementwise": NumPy's order K)."""
        if order in ("operands", "elementwise"):
            order = self.views.common_order(_arrays(args) + _arrays(list(kwargs.values())), order == "elementwise")
        for _ in range(12):
            try:
                operands = [self.rule_argument(a) for a in args]
                return self.boxed(rule(*operands, **{k: self.rule_argument(v) for k, v in kwargs.items()}), order)
            except DataEquality as found:
                self._check_equal_sizes(found)
            except TypeError as error:
                if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                    raise  # not about the arguments of the rule itself
                text = str(error).split("()")[-1].strip()
                self.fail(PythonError, f"TypeError: this call {text}, or not as gradscribe knows the function")
            except NeedsStatic as error:
                if isinstance(error.value, (Dim, Var)):
                    self.need_static(error.value, error.message)
                raise
        raise AssertionError("a rule keeps finding sizes that must be equal")

    def _check_equal_sizes(self, found: DataEquality) -> None:
        """Two sizes are equal or the program raises: from here on the younger unknown is written as the rest."""
        difference = self.solver.normalize(found.a - found.b)
        same = PRIMITIVES["equal"](self.operand(found.a), self.operand(found.b))
        message = f"sizes differ in `{found.what}`"
        emit(PRIMITIVES["check"], (same,), {"message": message, "error": ValueError})
        if self.solver.learn_zero(difference):
            return
        why = f"sizes {found.a} and {found.b} depend on data and must be equal (`{found.what}`)"
        raise NeedStatic(why, [*found.a.leaves(), *found.b.leaves()], current_span())

    def rule_argument(self, value: Any) -> Any:
        """A value as a rule of the NumPy table takes it."""
        if isinstance(value, (Operand, Array)):
            return self.operand(value)
        if isinstance(value, Flat):
            return self.operand(value.view)
        if isinstance(value, Dim):
            return simplest(self.solver.normalize(value))
        if isinstance(value, List):
            if value.grows:
                return self.operand(self.stacked(value))
            return [self.rule_argument(self.slot(value, k)) for k in value.slots]
        if isinstance(value, tuple):
            return tuple(self.rule_argument(v) for v in value)
        if isinstance(value, (Maybe, Poison, Choice)):
            return self.operand(value)
        if isinstance(value, Object) and value.cls is Deque:
            return self.rule_argument(self.slot(value, "items"))
        if isinstance(value, Container):
            self.refuse(f"{describe(value)} is not an argument for a NumPy function")
        return value

    def as_array(self, value: Any) -> Any:
        """Nested Python sequences of numbers as an array."""
        if isinstance(value, np.ndarray):
            return self.lift(value, "constant", Reading(value, "itself"))
        return self.apply_rule(array_from, [value], {}, order=())

    def generated(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    # ---- binary ----
    def binary(self, op: str, a: Any, b: Any) -> Any:
        if isinstance(a, Choice) or isinstance(b, Choice):
            return self._operator_on_choice(op, a, b)
        if not is_data(a) and not is_data(b) and not isinstance(a, np.ndarray) and not isinstance(b, np.ndarray):
            return self.python(PYTHON[op], a, b)
        if isinstance(a, Text) or isinstance(b, Text) or (isinstance(a, str) and op == "Mod"):
            return self.text_operator(op, a, b)
        if isinstance(a, Object) or isinstance(b, Object):
            return self._object_operator(op, a, b)
        if is_integer(a) and is_integer(b):
            known = self._integers(op, a, b)
            if known is not None:
                return self.solver.made_at(known, current_span())
        if op in _OF_SETS and isinstance(a, Dict) and isinstance(b, (Dict, frozenset, set)):
            return self._keyed(op, a, b)
        if op in ("Eq", "NotEq") and isinstance(a, _KEYED) and isinstance(b, _KEYED):
            return self._compare_keyed(op, a, b)
        if _is_sequence(a) or _is_sequence(b):
            known = self._sequences(op, a, b)
            if known is not None:
                return known
        a, b = (self.as_array(v) if _is_sequence(v) or isinstance(v, np.ndarray) else v for v in (a, b))
        for v, other in ((a, b), (b, a)):
            if not (is_number(v) or isinstance(v, Array)):
                if op in ("Eq", "NotEq"):
                    if isinstance(other, Array):
                        self.refuse(f"comparing an array with {describe(v)} is not accepted", "ask with `is`")
                    return op == "NotEq"
                self.refuse(f"`{_DUNDER.get(op, op)}` of {describe(a)} and {describe(b)} is not accepted")
        if op in ("Div", "FloorDiv", "Mod") and is_number(b) and is_number(a):
            self._check_divisor(op, a, b)
        order = "operands" if op == "MatMult" else "elementwise"
        return self.apply_rule(BINARY[op], [self._number(a), self._number(b)], {}, order)

    def _operator_on_choice(self, op: str, a: Any, b: Any) -> Any:
        if op == "Eq":
            if not isinstance(a, Choice):
                return self.ask(b, lambda option: self.truth(self.binary(op, a, option)))
            return self.ask(a, lambda option: self.truth(self.binary(op, option, b)))
        if op == "NotEq":
            return self.negated(self._operator_on_choice("Eq", a, b))
        a, b = self.as_value(a), self.as_value(b)
        return self.each_present(a, lambda x: self.each_present(b, lambda y: self.binary(op, x, y)))

    def _number(self, value: Any) -> Any:
        return value if isinstance(value, Array) else self.operand(value)

    def python(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run Python itself on static values; what it raises, the program raises."""
        try:
            return function(*args, **kwargs)
        except (GradscribeError, RecursionError, Steering):
            raise
        except Exception as error:
            raise PythonError(current_span(), f"{type(error).__name__}: {error}") from error

    def _check_divisor(self, op: str, a: Any, b: Any) -> None:
        """Python numbers raise on division by zero, NumPy's do not."""
        if not (number_type(a).weak and number_type(b).weak):
            return
        if isinstance(b, Dim) and (self.solver.proved(b - 1) or self.solver.proved(-b - 1)):
            return
        operand = self.operand(b)
        if isinstance(operand, Literal):
            if operand.value == 0:
                raise PythonError(current_span(), "ZeroDivisionError: division by zero")
            return
        nonzero = PRIMITIVES["not_equal"](operand, 0)
        emit(PRIMITIVES["check"], (nonzero,), {"message": "division by zero", "error": ZeroDivisionError})

    def _integers(self, op: str, a: Any, b: Any) -> Any:
        """Integer arithmetic that stays a polynomial; None where it becomes data."""
        x, y = (self.solver.normalize(Dim.of(v)) for v in (a, b))
        if op in ("Add", "Sub", "Mult"):
            return simplest(PYTHON[op](x, y))
        divisor = y.constant
        if op in ("FloorDiv", "Mod") and divisor is not None and divisor > 0:
            return simplest(x // divisor if op == "FloorDiv" else x % divisor)
        if op == "Pow" and divisor is not None and 0 <= divisor <= 4:
            return simplest(x**divisor)
        if op in COMPARISONS:
            return self._compare_integers(op, x - y)
        return None

    def _compare_integers(self, op: str, d: Dim) -> bool | None:
        """The answer where bounds prove it, or (sizes of arrays) the example decides and a guard remembers."""
        proved = self.solver.proved
        constant = self.solver.normalize(d).constant
        if constant is not None:
            return bool(PYTHON[op](constant, 0))
        sizes_only = all(isinstance(leaf, Symbol) for leaf in d.leaves()) and self.solver.known_at_entry(d)
        if op in ("Eq", "NotEq"):
            if proved(d - 1) or proved(-d - 1):
                return op == "NotEq"
            if not sizes_only:
                return None
            value = self.solver.value(d)
            if value == 0:
                self.solver.assume_zero(
                    self.solver.normalize(d), f"staged for {self.solver.named(d)} == 0", requirement=False
                )
            else:
                self.solver.nonnegative(d - 1 if value > 0 else -d - 1)
            return (value == 0) == (op == "Eq")
        truth, negation = {
            "Lt": (-d - 1, d), "LtE": (-d, d - 1), "Gt": (d - 1, -d), "GtE": (d, -d - 1),
        }[op]  # fmt: skip
        if proved(truth):
            return True
        if proved(negation):
            return False
        return self.solver.nonnegative(truth) if sizes_only else None

    def _sequences(self, op: str, a: Any, b: Any) -> Any:
        """Operators of lists and tuples; None where they are meant as arrays."""
        if isinstance(a, Array) or isinstance(b, Array) or isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
            return None
        if op == "Add" and _is_sequence(a) and _is_sequence(b) and isinstance(a, List) == isinstance(b, List):
            if any(isinstance(v, List) and v.grows and isinstance(simplest(v.slots[LENGTH]), Dim) for v in (a, b)):
                return self.generated(python_iterators.joined_lists, a, b)
            joined = [*self.items(a), *self.items(b)]
            return List.of(joined) if isinstance(a, List) else tuple(joined)
        if op == "Mult" and (is_integer(a) or is_integer(b)):
            sequence, count = (b, a) if is_integer(a) else (a, b)
            if isinstance(sequence, List) and not sequence.grows and isinstance(simplest(count), Dim):
                return self.repeated(self.items(sequence), Dim.of(count))
            repeated = self.items(sequence) * self.static_int(count, "repeating a sequence needs a static count")
            return List.of(repeated) if isinstance(sequence, List) else tuple(repeated)
        if op in COMPARISONS and _is_sequence(a) and _is_sequence(b) and isinstance(a, List) == isinstance(b, List):
            return self.compare_sequences(op, self.items(a), self.items(b))
        if op in ("Eq", "NotEq"):
            return op == "NotEq"
        return None

    def compare_sequences(self, op: str, a: list[Any], b: list[Any]) -> Any:
        """Item by item, as Python compares: the first two that differ decide, else the lengths."""
        if op in ("Eq", "NotEq"):
            if len(a) != len(b):
                return op == "NotEq"
            equal: Any = True
            for x, y in zip(a, b, strict=True):
                one = self._same_item(x, y)
                if one is False:
                    return op == "NotEq"
                equal = one if equal is True else equal if one is True else PRIMITIVES["logical_and"](equal, one)
            return self.negated(equal) if op == "NotEq" else equal
        for k, (x, y) in enumerate(zip(a, b, strict=False)):
            equal = self._same_item(x, y)
            if equal is True:
                continue
            here = self.truth(self.binary(op, x, y))
            if equal is False:
                return here
            return PRIMITIVES["select"](equal, self.operand(self.compare_sequences(op, a[k + 1 :], b[k + 1 :])), here)
        return PYTHON[op](len(a), len(b))

    def _same_item(self, x: Any, y: Any) -> Any:
        return True if x is y else self.truth(self.binary("Eq", x, y))

    def _compare_keyed(self, op: str, a: Any, b: Any) -> Any:
        """`==` of dicts and of sets."""
        are_sets = [isinstance(v, (set, frozenset)) or (isinstance(v, Dict) and v.cls is set) for v in (a, b)]
        keys = [self.items(v) for v in (a, b)]
        if are_sets[0] != are_sets[1] or set(keys[0]) != set(keys[1]):
            return op == "NotEq"
        if are_sets[0]:
            return op == "Eq"
        pairs = [[self.get_item(v, key) for key in keys[0]] for v in (a, b)]
        return self.compare_sequences(op, *pairs)

    def _keyed(self, op: str, a: Dict, b: Any) -> Any:
        """Operators of sets, and `|` of dicts."""
        if a.cls is not set:
            made = Dict(dict(a.slots), cls=a.cls)
            if op != "BitOr" or not isinstance(b, Dict):
                self.refuse(f"`{_DUNDER.get(op, op)}` of {describe(a)} and {describe(b)} is not accepted")
            self.call(self.get_attribute(made, "update"), [b], {})
            return made
        result = self.python(PYTHON[op], set(self.items(a)), set(self.items(b)))
        return Dict(dict.fromkeys(result, True), cls=set) if isinstance(result, set) else result

    def _object_operator(self, op: str, a: Any, b: Any) -> Any:
        name = _DUNDER.get(op, op.lower())
        if isinstance(a, Array) and a.rank and not _yields_to(b.cls):
            self.refuse(
                f"`{name}` of an array and {describe(b)} goes element by element in NumPy",
                f"write {describe(b)} first, or give its class `__array_ufunc__ = None`",
            )
        turns = [(a, b, f"__{name}__"), (b, a, f"__{_MIRROR.get(op, 'r' + name)}__")]
        if isinstance(a, Object) and isinstance(b, Object) and b.cls is not a.cls and issubclass(b.cls, a.cls):
            turns.reverse()  # Python asks the more special class first
        if op == "NotEq":  # by default, what `==` does not say
            turns += [(a, b, "__eq__"), (b, a, "__eq__")]
        for owner, other, method in turns:
            found = getattr(owner.cls, method, None) if isinstance(owner, Object) else None
            if found is None or found is getattr(object, method, None):
                continue
            result = self._compared_fields(owner, other, method, found)
            if result is None:
                result = self.call(self.get_attribute(owner, method), [other], {})
            if result is not NotImplemented:
                return self.negated(self.truth(result)) if op == "NotEq" and method == "__eq__" else result
        if op in ("Eq", "NotEq"):
            return (a is b) == (op == "Eq")
        return self.refuse(f"`{name}` of {describe(a)} and {describe(b)} is not accepted")

    def _compared_fields(self, owner: Object, other: Any, method: str, found: Any) -> Any:
        """A comparison that `dataclasses.dataclass` wrote, whose text nobody has; None: it is another."""
        compared = _COMPARED.get(method)
        if compared is None or not hasattr(found, "__code__") or found.__code__.co_filename != "<string>":
            return None
        if not (dataclasses.is_dataclass(owner.cls) and isinstance(other, Object) and other.cls is owner.cls):
            return NotImplemented if dataclasses.is_dataclass(owner.cls) else None
        fields = [f.name for f in dataclasses.fields(owner.cls) if f.compare]
        left, right = ([self.get_attribute(v, name) for name in fields] for v in (owner, other))
        return self.compare_sequences(compared, left, right)

    def count_of_keys(self, owner: Dict) -> Any:
        raise NotImplementedError

    # ---- unary, truth ----
    def unary(self, op: str, value: Any) -> Any:
        if op == "Not":
            return self.negated(self.truth(value))
        if isinstance(value, Choice):
            return self.each_present(self.as_value(value), lambda option: self.unary(op, option))
        if not is_data(value):
            return self.python(PYTHON[op], value)
        if isinstance(value, Dim):
            if op == "USub":
                return self.solver.made_at(simplest(-self.solver.normalize(value)), current_span())
            if op == "UAdd":
                return value
        if isinstance(value, Object):
            return self.call(
                self.get_attribute(value, {"USub": "__neg__", "UAdd": "__pos__", "Invert": "__invert__"}[op]), [], {}
            )
        if op == "UAdd":
            return self.boxed(self.operand(value)) if isinstance(value, Array) else value
        return self.apply_rule(UNARY[op], [self._number(value)], {}, "elementwise")

    def negated(self, truth: Any) -> Any:
        if isinstance(truth, bool):
            return not truth
        opposite = self.facts.negations.get(truth) if isinstance(truth, Var) else None
        if opposite is not None and number_type(opposite).weak:  # Python's bools: `not` makes no other kind
            return opposite
        made = UNARY["Not"](truth)
        if isinstance(made, Var):
            self.facts.negations.setdefault(made, truth)
        return made

    def truth(self, value: Any) -> Any:
        """The truth of a value: a bool, or a boolean operand."""
        if isinstance(value, Choice):
            return self.ask(value, self.truth)
        if isinstance(value, Dim):
            known = self._compare_integers("NotEq", self.solver.normalize(value))
            return PRIMITIVES["not_equal"](self.operand(value), 0) if known is None else known
        if isinstance(value, Literal):
            return bool(value.value)
        if isinstance(value, Operand):
            assert isinstance(value.type, ArrayType)
            return value if value.type.dtype.kind == "b" else PRIMITIVES["not_equal"](value, 0)
        if isinstance(value, Array):
            if all(self.solver.equal(d, 1) for d in value.shape):
                return self.truth(emit(PRIMITIVES["reshape"], (self.operand(value),), {"shape": ()})[0])
            self.fail(
                PythonError,
                "ValueError: the truth value of an array with more than one element is ambiguous",
                "use .any() or .all()",
            )
        if isinstance(value, List) and value.grows:
            return self.truth(self.binary("NotEq", value.slots[LENGTH], 0))
        if isinstance(value, (List, Dict)):
            if isinstance(value, Dict) and value.slots and all(isinstance(v, Maybe) for v in value.slots.values()):
                return self.truth(self.binary("NotEq", self.count_of_keys(value), 0))
            return bool(value.slots)
        if isinstance(value, Object):
            for name in ("__bool__", "__len__"):
                if hasattr(value.cls, name):
                    return self.truth(self.call(self.get_attribute(value, name), [], {}))
            return True
        if isinstance(value, Poison):
            self.refuse_poison("this value", value)
        if isinstance(value, Text):
            self.refuse_text()
        return bool(self.python(bool, value))


def _yields_to(cls: type) -> bool:
    """Does an array leave an operator to an object of this class?"""
    declared = getattr(cls, "__array_ufunc__", cls)
    return declared is None if declared is not cls else getattr(cls, "__array_priority__", -1.0) > 0.0


def _is_sequence(value: Any) -> bool:
    return isinstance(value, (List, tuple))


def _arrays(values: list[Any]) -> list[Array]:
    out: list[Array] = []
    for v in values:
        if isinstance(v, Array):
            out.append(v)
        elif isinstance(v, List):
            out += _arrays([] if v.grows else list(v.slots.values()))
        elif isinstance(v, tuple):
            out += _arrays(list(v))
    return out
