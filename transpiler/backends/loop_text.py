"""Scalar expressions of loop text: operands, dims, subscripts, and the template of one element.

In: values of loop-level IR with their names. Out: text that Numba compiles without promotion surprises: literals
carry their dtype, subscripts that are not plain counters are cast to unsigned, so that no wrap-around of negative
indices is compiled.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from gradscribe.transpiler.backends.folding import Folding
from gradscribe.transpiler.backends.names import Names
from gradscribe.transpiler.errors import NoRule
from gradscribe.transpiler.ir.dims import Atom, Dim, FloorDiv, Monomial, Positive, Symbol
from gradscribe.transpiler.ir.index import At, Index
from gradscribe.transpiler.ir.nodes import Eqn, Literal, Operand, Var
from gradscribe.transpiler.ir.types import ArrayType
from gradscribe.transpiler.passes.lower.operations import wrapped
from gradscribe.transpiler.passes.lower.sorting import search
from gradscribe.transpiler.primitives.allocation import dim_value
from gradscribe.transpiler.primitives.structure import index

_LETTERS = "xyzw"
_WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_SIMPLE = re.compile(r"[\w.]+(\(.*\)|\[.*\])?$")
_ARITHMETIC_DTYPES = ("float64", "float32", "int64", "bool", "complex128")  # Numba keeps these in + - * of two alike


def dtype_name(dtype: np.dtype) -> str:
    return f"np.{np.dtype(dtype).name.replace('bool', 'bool_')}"


def literal_text(literal: Literal) -> str:
    """A number whose Numba type is the literal's dtype."""
    assert isinstance(literal.type, ArrayType)
    dtype, value = literal.type.dtype, literal.value
    if dtype.kind == "b":
        return repr(bool(value))
    if dtype == np.int64:
        return repr(int(value))
    if dtype.kind in "iu":
        return f"{dtype_name(dtype)}({int(value)})"
    if dtype.kind == "c":
        text = f"complex({_real(complex(value).real)}, {_real(complex(value).imag)})"
        return text if dtype == np.complex128 else f"{dtype_name(dtype)}({text})"
    text = _real(float(str(value)) if isinstance(value, np.floating) else float(value))
    return text if dtype == np.float64 else f"{dtype_name(dtype)}({text})"


def _real(value: float) -> str:
    if value != value:
        return "np.nan"
    if value in (float("inf"), float("-inf")):
        return "np.inf" if value > 0 else "-np.inf"
    return repr(value)


def wrapped_text(text: str) -> str:
    """`text` as an operand of an operator."""
    return text if _SIMPLE.match(text) and _balanced(text) else f"({text})"


def _balanced(text: str) -> bool:
    """The first bracket closes at the very end, so that `f(x) + g(y)` is not taken for one call."""
    depth = 0
    for k, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if depth == 0 and c in ")]" and k < len(text) - 1:
            return False
    return True


class Expressions:
    """Text of operands under given names. `counters` are loop indices that run upwards from zero."""

    def __init__(self, names: Names, folding: Folding) -> None:
        self.names, self.folding = names, folding
        self.counters: set[Atom] = set()
        self.words: dict[str, None] = {}  # identifiers that templates mention

    def operand(self, x: Operand) -> str:
        if isinstance(x, Literal):
            return literal_text(x)
        assert isinstance(x, Var)
        if self.folding.is_inline(x):
            assert x.definition is not None
            return self.equation(x.definition)
        return self.names.of(x)

    # ---- dims ----
    def dim(self, dim: Dim) -> str:
        parts: list[str] = []
        for monomial in dim.sorted_monomials():
            sign, text = self.monomial(monomial, dim.terms[monomial])
            parts.append(f" {sign} {text}" if parts else (f"-{text}" if sign == "-" else text))
        return "".join(parts) or "0"

    def monomial(self, monomial: Monomial, coefficient: int) -> tuple[str, str]:
        """The sign and the text of one term, modulo 2**64."""
        c = (coefficient + 2**63) % 2**64 - 2**63
        if c == -(2**63):
            return "+", " * ".join([f"({c})", *(self.atom(a) for a in monomial)])
        factors = [self.atom(a) for a in monomial]
        if abs(c) != 1 or not factors:
            factors.insert(0, str(abs(c)))
        return "-" if c < 0 else "+", " * ".join(factors)

    def overflow_tests(self, dim: Dim) -> list[str]:
        """Conditions one of which holds if the polynomial, or a partial sum or product of it, is no int64."""
        tests: list[str] = []
        total = ""
        for monomial in dim.sorted_monomials():
            c = dim.terms[monomial]
            factors = [self.atom(a) for a in monomial]
            if not -(2**63) < c < 2**63 and (factors or c != -(2**63)):
                tests.append(f"{' * '.join(factors)} != 0" if factors else "True")
            elif abs(c) != 1 and factors:
                factors.insert(0, str(abs(c)))
            for k in range(1, len(factors)):
                partial = self.kernel_call("product_overflows", " * ".join(factors[:k]), factors[k])
                zeros = dict.fromkeys(f"{factor} != 0" for factor in factors[k + 1 :])  # a zero undoes it
                tests.append(" and ".join([partial, *zeros]))
            sign, text = self.monomial(monomial, c)
            if total or sign == "-":
                kernel = "difference_overflows" if sign == "-" else "sum_overflows"
                tests.append(self.kernel_call(kernel, total or "0", text))
            total = f"{total} {sign} {text}" if total else text if sign == "+" else f"-{text}"
        return list(dict.fromkeys(tests))

    def kernel_call(self, name: str, *arguments: str) -> str:
        self.words.setdefault(name)
        return f"{name}({', '.join(arguments)})"

    def atom(self, atom: Atom) -> str:
        if isinstance(atom, Symbol):
            return self.names.symbols[atom]
        if isinstance(atom, Var):
            return wrapped_text(self.operand(atom))
        if isinstance(atom, FloorDiv):
            return f"({wrapped_text(self.dim(atom.dividend))} // {atom.divisor})"
        assert isinstance(atom, Positive)
        return f"max({self.dim(atom.inner)}, 0)"

    def subscript(self, position: Dim) -> str:
        text = self.dim(position)
        constant = position.constant
        if constant is not None and constant >= 0:
            return text
        rest = position - position.offset
        if rest.single_atom in self.counters and position.offset >= 0:
            return text
        return f"u({text})"

    def element(self, array: str, at: Index) -> str:
        assert all(isinstance(c, At) for c in at)
        return f"{array}[{', '.join(self.subscript(c.position) for c in at if isinstance(c, At))}]"

    # ---- equations ----
    def equation(self, eqn: Eqn) -> str:
        """The value of a pure scalar equation."""
        if eqn.operation is index:
            return self.element(self.operand(eqn.operands[0]), eqn.params["at"])
        if eqn.operation is dim_value:
            return self.dim(eqn.params["dim"])
        operands = [self.operand(x) for x in eqn.operands]
        if eqn.operation is wrapped:
            self.words.setdefault("wrap_index")
            return f"wrap_index({operands[0]}, {self.dim(eqn.params['size'])})"
        if eqn.operation is search:
            side = "" if eqn.params["side"] == "left" else ', side="right"'
            return f"np.searchsorted({operands[0]}, {operands[1]}{side})"
        return self.narrowed(self.fill(self.template(eqn), operands), eqn)

    def template(self, eqn: Eqn) -> str:
        scalar = eqn.operation.scalar
        if callable(scalar):
            types = tuple(x.type for x in eqn.operands)
            scalar = scalar(eqn.params, types, eqn.results[0].type, lambda d: f"({self.dim(d)})")
        if not scalar:
            raise NoRule(
                eqn.span, f"`{eqn.operation.name}` has no native form", "see gaps.toml for what is not there yet"
            )
        return str(scalar)

    def fill(self, template: str, operands: list[str]) -> str:
        """Put operand texts into a template over x, y, z, w."""
        places = dict(zip(_LETTERS, operands, strict=False))
        whole = _WORD.fullmatch(template) is not None
        calls = _is_call(template)

        def replace(match: re.Match[str]) -> str:
            word = match[0]
            before = template[match.start() - 1] if match.start() else ""
            if word in places and before != ".":
                return places[word] if whole or calls else wrapped_text(places[word])
            if before != ".":
                self.words.setdefault(word)
            return word

        return _WORD.sub(replace, template)

    def narrowed(self, text: str, eqn: Eqn) -> str:
        """Numba widens arithmetic of narrow integers: cast it back."""
        type: Any = eqn.results[0].type
        if isinstance(type, ArrayType) and type.dtype.name not in _ARITHMETIC_DTYPES:
            name = dtype_name(type.dtype)
            return text if text.startswith(name + "(") and _balanced(text) else f"{name}({text})"
        return text


def _is_call(template: str) -> bool:
    """`f(x, y)` with bare operands: their texts need no parentheses."""
    return re.fullmatch(r"[\w.]+\(\s*[xyzw](\s*,\s*[xyzw])*\s*\)", template) is not None
