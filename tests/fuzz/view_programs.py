"""Random programs over views: views of views, transposed, reversed, reshaped and diagonal, written through one name and
read by another, inside branches and loops.

In: a seed. Out: the text of a module with a function `f(a, b, s, n)`: a is float64[3, 4], b float64[4, 4], s a float, n
an int in 0..3; and their arguments. The writer knows the shape of every name, so every program runs. Every program is
smooth in a, b and s between its branches, and returns a float that tells every element of every name apart.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Shape = tuple[int, ...]


@dataclass
class Name:
    """A name of the program. `read_only`: NumPy refuses to write through it."""

    name: str
    shape: Shape
    read_only: bool = False


class ViewWriter:
    """Writes one program."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(f"views:{seed}")
        self.lines: list[str] = []
        self.names = [Name("a", (3, 4)), Name("b", (4, 4))]
        self.count = 0

    def put(self, indent: int, *lines: str) -> None:
        self.lines += ["    " * indent + line for line in lines]

    # ---- choosing ----
    def any_name(self, test: Callable[[Name], bool] = lambda name: True) -> Name | None:
        found = [n for n in self.names if test(n)]
        return self.random.choice(found[-5:] if self.random.random() < 0.7 else found) if found else None

    def slice(self, size: int) -> tuple[str, int]:
        """A slice of an axis that is not empty, and its length."""
        r = self.random
        while True:
            start, stop = r.choice(["", "1", "-2"]), r.choice(["", "", "-1", "3"])
            step = r.choice(["", "", "::-1", "::2"])
            text = step or f"{start}:{stop}"
            length = len(range(size)[eval(f"slice({', '.join(p or 'None' for p in text.split(':'))})")])
            if length:
                return text, length

    def index(self, shape: Shape, loop: str = "") -> tuple[str, Shape]:
        """A basic index and the shape of what it picks."""
        r, texts, out = self.random, [], []
        for size in shape:
            kind = r.random()
            if kind < 0.35 and len(shape) > 1 and (len(out) or len(texts) < len(shape) - 1):
                places = [str(r.randrange(size)), str(-1 - r.randrange(size))]
                texts.append(r.choice([*places, f"{loop} % {size}"] if loop else places))
            elif kind < 0.5:
                texts.append(":")
                out.append(size)
            else:
                text, length = self.slice(size)
                texts.append(text)
                out.append(length)
        return ", ".join(texts), tuple(out)

    # ---- making names ----
    def derived(self, loop: str = "") -> tuple[str, Shape, bool] | None:
        """An expression that NumPy takes a view, a copy, or one of both for; its shape; whether it is read-only."""
        r = self.random
        x = self.any_name()
        assert x is not None
        n, shape = x.name, x.shape
        size = int(np.prod(shape))
        kind = r.randrange(13)
        if kind < 4 and shape:
            text, out = self.index(shape, loop)
            return (f"{n}[{text}]", out, x.read_only) if out else None
        if kind == 4:
            return f"{n}.T", shape[::-1], x.read_only
        if kind == 5 and len(shape) > 1:
            p, q = r.sample(range(len(shape)), 2)
            swapped = list(shape)
            swapped[p], swapped[q] = swapped[q], swapped[p]
            return r.choice([f"{n}.swapaxes({p}, {q})", f"np.swapaxes({n}, {p}, {q})"]), tuple(swapped), x.read_only
        if kind == 6:
            return r.choice([f"{n}.reshape(-1)", f"np.ravel({n})", f"{n}.ravel()"]), (size,), x.read_only
        if kind == 7:
            rows = [k for k in (1, 2, 3, 4) if size % k == 0]
            k = r.choice(rows)
            return f"{n}.reshape({k}, -1)", (k, size // k), x.read_only
        if kind == 8 and len(shape) == 2 and shape[0] == shape[1]:
            return f'np.einsum("ii->i", {n})', (shape[0],), x.read_only
        if kind == 9 and len(shape) == 2:
            return r.choice([f"np.diagonal({n})", f"{n}.diagonal()"]), (min(shape),), True
        if kind == 10:
            return r.choice([f"{n}[None]", f"np.expand_dims({n}, 0)"]), (1, *shape), x.read_only
        if kind == 11:
            axis = r.randrange(len(shape))
            return r.choice([f"np.flip({n}, {axis})", f"np.moveaxis(np.flip({n}, {axis}), 0, 0)"]), shape, x.read_only
        if kind == 12:
            return r.choice([f"{n} * 0.5", f"{n}.copy()", f"np.sin({n})", f"np.ascontiguousarray({n})"]), shape, (
                x.read_only
            )
        return None

    def make(self, indent: int, loop: str = "", bind: bool = True) -> None:
        made = self.derived(loop)
        if made is None or len(made[1]) > 3:
            return
        text, shape, read_only = made
        copies = not text.startswith("np.ascontiguousarray") and (
            "*" in text or ".copy()" in text or text.startswith("np.sin")
        )
        name = f"v{self.count}"
        self.count += 1
        self.put(indent, f"{name} = {text}")
        if bind:
            self.names.append(Name(name, shape, read_only and not copies))

    # ---- values and writes ----
    def value(self, shape: Shape, loop: str = "") -> str:
        """An expression of this shape, or a number."""
        r = self.random
        fitting = [n for n in self.names if n.shape == shape and shape]
        if fitting and r.random() < 0.6:
            n = r.choice(fitting).name
            return r.choice([n, f"{n} * 0.5", f"np.tanh({n})", f"{n} * s", f"{n}[::-1]"])
        other = self.any_name(lambda n: bool(n.shape))
        assert other is not None
        element = f"{other.name}[{', '.join('0' for _ in other.shape)}]"
        return r.choice(["s", "0.75", f"np.sin(s) * {element}", element, f"np.tanh({other.name}).sum()"])

    def write(self, indent: int, loop: str = "") -> None:
        r = self.random
        x = self.any_name(lambda n: not n.read_only)
        assert x is not None
        n, shape, size = x.name, x.shape, int(np.prod(x.shape))
        kind = r.randrange(9)
        if kind < 4:
            text, out = self.index(shape, loop)
            sign = r.choice(["=", "=", "+=", "-=", "*="])
            self.put(indent, f"{n}[{text}] {sign} {self.value(out, loop)}")
        elif kind == 4:
            self.put(indent, f"{n} {r.choice(['+=', '*='])} {self.value(shape, loop)}")
        elif kind == 5:
            self.put(indent, f"{n}[...] = {self.value(shape, loop)}")
        elif kind == 6:
            self.put(indent, f"np.{r.choice(['add', 'multiply'])}({n}, 0.5, out={n})")
        elif kind == 7:
            place = f"{loop} % {size}" if loop else str(r.randrange(size))
            self.put(indent, f"{n}.flat[{place}] {r.choice(['=', '+='])} {self.value((), loop)}")
        elif kind == 8:
            places = [r.randrange(shape[0]) for _ in range(3)]
            values = r.choice(["s", f"np.tanh({n}[{[0, shape[0] - 1, 0]}])"])
            put = r.choice([f"{n}[{places}] = {values}", f"{n}[{places}] *= {values}"])
            self.put(indent, r.choice([put, f"np.add.at({n}, {places}, {values})"]))

    def choice(self, indent: int) -> None:
        """A name that means one of two arrays, or buffers that are exchanged."""
        r = self.random
        first = self.any_name(lambda n: not n.read_only)
        assert first is not None
        second = self.any_name(lambda n: n.shape == first.shape and n is not first and not n.read_only)
        if second is None:
            return
        if r.random() < 0.5:
            name = f"v{self.count}"
            self.count += 1
            self.put(indent, f"{name} = {first.name} if s > 0.2 else {second.name}")
            self.names.append(Name(name, first.shape))
        else:
            self.put(indent, f"{first.name}, {second.name} = {second.name}, {first.name}")

    def block(self, indent: int, statements: int, loop: str = "") -> None:
        known = len(self.names)
        for _ in range(statements):
            kind = self.random.random()
            if kind < 0.45 and indent < 3:
                self.make(indent, loop)
            elif kind < 0.9:
                self.write(indent, loop)
            elif indent == 1:
                self.choice(indent)
        if indent > 1:
            if len(self.lines) and self.lines[-1].endswith(":"):
                self.put(indent, "s += 0.125")
            del self.names[known:]

    def program(self) -> str:
        r = self.random
        for _ in range(r.randint(1, 3)):
            self.block(1, r.randint(2, 4))
            kind = r.random()
            if kind < 0.3:
                self.put(1, r.choice(["if s > 0.2:", "if n > 1:"]))
                self.block(2, r.randint(1, 3))
                if r.random() < 0.5:
                    self.put(1, "else:")
                    self.block(2, r.randint(1, 3))
            elif kind < 0.6:
                self.put(1, "for i in range(n):")
                self.block(2, r.randint(1, 3), "i")
        self.block(1, 2)
        told = [f"{0.5 + k} * told({n.name})" for k, n in enumerate(self.names)]
        self.put(1, "return s + " + " + ".join(told))
        return HEAD + "\n".join(self.lines) + "\n"


HEAD = """import numpy as np


def told(x):
    return np.sum(x.reshape(-1) * np.cos(1.0 + np.arange(x.size)))


def f(a, b, s, n):
"""


def view_program_text(seed: int) -> str:
    """The text of a module."""
    return ViewWriter(seed).program()


def view_arguments(seed: int) -> tuple[Any, ...]:
    """Random arguments of `f`."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 4)), rng.normal(size=(4, 4)), float(rng.normal()), int(rng.integers(0, 4))
