"""Random programs on Python ints: polynomials, division, shifts, bits, branches, counted and while loops.

In: a seed. Out: two texts that define `f(a, b, c)`: the program, and the same with `keep(x)` where native code gives a
name to a number (ends of iterations), and `number(k)` for literals and indices, to be run on `Magnitude`.
"""

from __future__ import annotations

import random
import re

VARIABLES = ("a", "b", "c", "x", "y")


class Magnitude:
    """A Python int that knows how large the terms of its expanded polynomial are: `most` is the largest magnitude so
    far in the run. Where it stays below 2**63, native code must be exact."""

    most = 0

    def __init__(self, value: int, size: int | None = None) -> None:
        self.value, self.size = int(value), abs(int(value)) if size is None else size
        Magnitude.most = max(Magnitude.most, self.size, abs(self.value))

    @staticmethod
    def of(x):
        return x if isinstance(x, Magnitude) else Magnitude(x)

    def __add__(self, other):
        other = Magnitude.of(other)
        return Magnitude(self.value + other.value, self.size + other.size)

    def __sub__(self, other):
        other = Magnitude.of(other)
        return Magnitude(self.value - other.value, self.size + other.size)

    def __mul__(self, other):
        other = Magnitude.of(other)
        return Magnitude(self.value * other.value, self.size * other.size)

    def __rsub__(self, other):
        return Magnitude.of(other) - self

    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, exponent):
        return Magnitude(self.value**exponent, self.size**exponent)

    def __neg__(self):
        return Magnitude(-self.value, self.size)

    def __abs__(self):
        return Magnitude(abs(self.value), 2 * self.size)

    def __floordiv__(self, other):
        return Magnitude(self.value // Magnitude.of(other).value, self.size + 1)

    def __mod__(self, other):
        other = Magnitude.of(other)
        return Magnitude(self.value % other.value, 2 * self.size + 2 * other.size)

    def __and__(self, other):
        return Magnitude(self.value & Magnitude.of(other).value)

    def __or__(self, other):
        return Magnitude(self.value | Magnitude.of(other).value)

    def __xor__(self, other):
        return Magnitude(self.value ^ Magnitude.of(other).value)

    def __invert__(self):
        return Magnitude(~self.value)

    def __lshift__(self, other):
        return Magnitude(self.value << Magnitude.of(other).value, self.size << Magnitude.of(other).value)

    def __rshift__(self, other):
        return Magnitude(self.value >> Magnitude.of(other).value, self.size)

    def __lt__(self, other):
        return (self - other).value < 0

    def __gt__(self, other):
        return (self - other).value > 0

    def __index__(self):
        return self.value


def keep(x: Magnitude) -> Magnitude:
    """What native code gives a name to is one term from there on."""
    return Magnitude(Magnitude.of(x).value)


class _Program:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[tuple[str, str]] = []  # for the program, for the run on magnitudes
        self.indices: list[str] = []

    def line(self, depth: int, text: str, tracked: str | None = None) -> None:
        plain = re.sub(r"number\((-?\d+)\)", r"(\1)", text)
        self.lines.append(("    " * depth + plain, "    " * depth + (tracked or text)))

    def atom(self) -> str:
        kind = self.random.random()
        if kind < 0.2:
            return f"number({self.random.choice([0, 1, 2, 3, 7, -1, -5, 1000003, 2**31, 2**40, -(2**33)])})"
        return self.random.choice([*VARIABLES, *self.indices])

    def expression(self, depth: int = 0) -> str:
        if depth > 2 or self.random.random() < 0.15:
            return self.atom()
        x, y = self.expression(depth + 1), self.expression(depth + 1)
        templates = ["({x} + {y})"] * 3 + ["({x} - {y})"] * 3 + ["({x} * {y})"] * 3
        templates += [
            "({x} // 7)",
            "({x} % 1000)",
            "({x} // -3)",
            "({x} % ({y} | 2))",
            "({x} // (a ^ {y}))",
            "({x} & {y})",
        ]
        templates += [
            "({x} & {y})",
            "({x} ^ {y})",
            "(~{x})",
            "({x} << 3)",
            "({x} << ({y} & 31))",
            "({x} >> ({y} & 63))",
        ]
        templates += ["({x}) ** 2", "abs({x})", "(-{x})", "({x} | 1)"]
        text = self.random.choice(templates).format(x=x, y=y)
        return f"({text})" if "**" in text else text

    def block(self, depth: int, length: int) -> None:
        for _ in range(length):
            kind = self.random.random()
            if kind < 0.6 or depth > 3:
                self.line(depth, f"{self.random.choice('xyc')} = {self.expression()}")
            elif kind < 0.75:
                self.line(depth, f"if {self.expression(2)} {self.random.choice('<>')} {self.expression(1)}:")
                self.block(depth + 1, 1)
                self.line(depth, "else:")
                self.block(depth + 1, 1)
            elif kind < 0.9:
                index = f"i{len(self.indices)}"
                self.line(depth, f"for {index} in range({self.random.choice(['5', 'b & 7', '2, 6'])}):")
                self.line(depth + 1, "pass", f"{index} = number({index})")
                self.indices.append(index)
                self.block(depth + 1, 2)
                self.indices.pop()
                self.kept(depth + 1)
            else:
                name = f"n{len(self.lines)}"
                self.line(depth, f"{name} = a & 7")
                self.line(depth, f"while {name} > 0:")
                self.block(depth + 1, 1)
                self.line(depth + 1, f"{name} = {name} - 1")
                self.kept(depth + 1)

    def kept(self, depth: int) -> None:
        for name in "xyc":
            self.line(depth, "pass", f"{name} = keep({name})")

    def texts(self) -> tuple[str, str]:
        self.line(0, "def f(a, b, c):")
        self.line(1, "x = a")
        self.line(1, "y = b")
        self.block(1, 5)
        self.line(1, "return x, y, c")
        plain, tracked = ("\n".join(texts) + "\n" for texts in zip(*self.lines, strict=True))
        return plain, tracked


def random_integer_program(seed: int) -> tuple[str, str]:
    return _Program(seed).texts()
