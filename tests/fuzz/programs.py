"""Random NumPy programs, biased to what compilers get wrong: aliasing and then writing, branches, exits, views,
exchanged buffers.

In: a seed and a flavour. Out: the text of a module with a function `f(a, b, s, n, flag)`: a, b are float64[4], s a
float, n an int in 0..3, flag a float in [0, 1). Equal seeds give equal texts. Every program is smooth in a, b, s
between its branches (flavour "smooth" uses smooth operations only and few branches, so that derivatives can be
compared with finite differences), and returns a float.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import random
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from fuzz import language_programs
from fuzz.arguments import random_state
from fuzz.language_programs import KINDS

ARRAYS = ("a", "b", "c", "d")

HEAD = """import numpy as np


def set_one(u, v):
    u[1] = v[2]
    return u


def pick(u, v):
    if u[0] > v[0]:
        return u
    return v * 2


def accumulate(u, v):
    for j in range(3):
        u[j] += v[j]
        if u[j] > 1:
            return u.copy()
    return u + v


"""


@dataclass(frozen=True)
class Flavour:
    """Weights of kinds of statements, and how deep control flow nests."""

    name: str
    depth: int
    aliasing: float
    layout: float
    control: float
    smooth: bool = False


FLAVOURS = {
    "plain": Flavour("plain", depth=2, aliasing=0.4, layout=0.3, control=0.5),
    "aliasing": Flavour("aliasing", depth=3, aliasing=3.0, layout=0.5, control=1.0),
    "layout": Flavour("layout", depth=2, aliasing=1.0, layout=3.0, control=0.4),
    "control": Flavour("control", depth=4, aliasing=1.0, layout=0.3, control=2.5),
    "smooth": Flavour("smooth", depth=2, aliasing=0.4, layout=0.4, control=0.6, smooth=True),
}


NOT_COPIED = 0.15  # of names that may stand for one array or another

STAND_INS: dict[tuple[int, str], str] = {}  # texts tried in place of a generated one (`fuzz.reduction`)
ALL_FLAVOURS = (*FLAVOURS, *KINDS)


class Writer:
    """Writes one program."""

    def __init__(self, seed: int, flavour: Flavour) -> None:
        self.random = random.Random(f"{flavour.name}:{seed}")
        self.flavour = flavour
        self.lines: list[str] = []
        self.budget = self.random.randint(6, 22)
        self.rebound: list[str] = []  # names that stand for another array since the region began

    def array(self) -> str:
        return self.random.choice(ARRAYS)

    def element(self, loops: tuple[str, ...]) -> str:
        index = ["0", "-1", "2", "k", "k % 4", *(f"{i} % 4" for i in loops), *loops]
        return f"{self.array()}[{self.random.choice(index)}]"

    def scalar(self, loops: tuple[str, ...]) -> str:
        r = self.random
        return r.choice(
            [
                "s",
                "0.5",
                "1.25",
                self.element(loops),
                f"{self.element(loops)} * 0.5",
                f"np.sin({self.element(loops)})",
            ]
        )

    def condition(self, loops: tuple[str, ...]) -> str:
        r = self.random
        tests = [
            "s > 0.3",
            "flag > 0.5",
            f"{self.element(loops)} > {self.element(loops)}",
            f"{self.array()}[2] > 0",
            "k > 1",
        ]
        tests += [f"{i} > 1" for i in loops] + [f"{i} == n - 1" for i in loops]
        if r.random() < 0.15:
            return f"{r.choice(tests)} {r.choice(['and', 'or'])} {r.choice(tests)}"
        return f"not ({r.choice(tests)})" if r.random() < 0.1 else r.choice(tests)

    # ---- statements: each returns lines without indentation ----
    def arithmetic(self, loops: tuple[str, ...]) -> list[str]:
        r, x, y, z = self.random, self.array(), self.array(), self.array()
        return [r.choice([
            f"{x} = {y} * {r.choice(['0.5', 's', '1.25'])} + {z}",
            f"{x} = np.tanh({y}) - 0.25 * {z}",
            f"{x} = {y} / (1.0 + {z} * {z})",
            f"s = s * 0.5 + {self.scalar(loops)}",
            f"s += {x}[k % 4] * 0.25",
            f"s = np.tanh(s) + {y}.sum() * 0.125",
            f"{x} = np.where({y} > 0, {z}, {y} * 0.5)" if not self.flavour.smooth else f"{x} = np.cos({y}) * {z}",
        ])]  # fmt: skip

    def write(self, loops: tuple[str, ...]) -> list[str]:
        r, x, y = self.random, self.array(), self.array()
        target = self.element(loops)
        return [r.choice([
            f"{target} = {self.scalar(loops)}",
            f"{target} += {self.scalar(loops)}",
            f"{target} *= {r.choice(['0.5', 'np.tanh(s)', '1.25'])}",
            f"{x} += {r.choice(['0.5', y, 's'])}",
            f"{x} *= {r.choice(['0.75', f'np.sin({y})'])}",
            f"{x}[1:] = {y}[:-1] * 0.5",
            f"{x}[::2] -= {y}[1::2]",
            f"{x}[k:] = s",
            f"{x}[:] = {y}",
            f"{x}[::-1][1:3] += {y}[k:k + 2].sum()",
            f"np.add({x}, {y}, out={x})",
        ])]  # fmt: skip

    def alias(self, loops: tuple[str, ...]) -> list[str]:
        r, x, y, z = self.random, self.array(), self.array(), self.array()
        return r.choice([
            [f"{x} = {y}"],
            [f"{x}, {y} = {y}, {x}"],
            [f"{x} = {y}.copy()"],
            [f"w = {x}", f"w[{r.randint(0, 3)}] {r.choice(['=', '+='])} {self.scalar(loops)}"],
            [f"w = {x}[1:]", f"w[k % 3] {r.choice(['=', '+='])} {self.scalar(loops)}"],
            [f"{x} = {y} if {self.condition(loops)} else {z}"],
            [f"{x} = {r.choice(['set_one', 'pick', 'accumulate'])}({y}, {z})"],
            [f"pair = [{x}, {y}]", f"pair[{r.randint(0, 1)}][{r.randint(0, 3)}] += 0.5", f"{z} = pair[1]"],
            [f"{x} = {y}[::-1]"],
            [f"w = {x}", f"{x} = {x} + 0.0", "w[0] += 0.125"],
        ])  # fmt: skip

    def layout(self, loops: tuple[str, ...]) -> list[str]:
        r, x, y = self.random, self.array(), self.array()
        return r.choice([
            [f"m = {x}.reshape(2, 2)", f"m[{r.randint(0, 1)}] *= 1.5", "s += m[k % 2, 1] * 0.25"],
            [f"m = {x}.reshape(2, 2).T", f"m[{r.randint(0, 1)}, 0] = {self.scalar(loops)}"],
            [f"m = {x}.reshape(2, 2).T", "t = m.reshape(-1)", f"t[{r.randint(0, 3)}] = s", "s += m[0, 1] * 0.5"],
            [f"m = {x}.reshape(2, 2).T * 1.25", "t = m.ravel()", "t[1] = s", "s += m[1, 0] * 0.5"],
            [f"{x} = ({y}.reshape(2, 2).T * 0.5).reshape(-1)"],
            [f"{x} = {y}.reshape(2, 2)[:, ::-1].reshape(4)"],
            [f"m = {x}[None, :] * {y}[:, None]", "m[k % 4, 1:3] += 0.5", "s += np.sum(m) * 0.0625"],
            ["m = np.zeros((2, 4))", f"m[0] = {x}", f"m[1, 1:] = {y}[:3]", "for row in m:", "    row[0] += s"],
            [f"m = {x}.reshape(2, 2)", f"{y} = m.T.flatten()", "m[0, 0] += 0.25"],
        ])  # fmt: skip

    def control(self, depth: int, loops: tuple[str, ...], indent: int) -> None:
        r = self.random
        kind = r.random()
        if loops and kind < 0.2:
            leave = r.choice(["break", "continue", f"return s + {self.array()}[0]"])
            self.put(indent, [f"if {self.condition(loops)}:", f"    {leave}"])
        elif depth == 0:
            self.put(indent, self.write(loops))
        elif kind < 0.55:
            self.put(indent, [f"if {self.condition(loops)}:"])
            self.block(depth - 1, loops, indent + 1)
            if r.random() < 0.25:
                self.put(indent, [f"elif {self.condition(loops)}:"])
                self.block(depth - 1, loops, indent + 1)
            if r.random() < 0.5:
                self.put(indent, ["else:"])
                self.block(depth - 1, loops, indent + 1)
        elif kind < 0.9:
            i = f"i{len(loops)}"
            rest = r.choice(
                ["range(n)", "range(3)", "range(n - 1)", "range(k + 1)", "range(3, -1, -1)", "range(0, 4, 2)"]
            )
            self.put(indent, [f"for {i} in {rest}:"])
            self.block(depth - 1, (*loops, i), indent + 1)
            if r.random() < 0.2:
                self.put(indent, ["else:", "    s += 0.125"])
        else:
            q = f"q{len(loops)}"
            self.put(indent, [f"{q} = 0", f"while {q} < n and s < 50.0:", f"    {q} += 1"])
            self.block(depth - 1, (*loops, q), indent + 1)

    def settle(self, indent: int, names: Iterable[str]) -> None:
        """Most names that data may have made one array or another get one of their own: writes that may or may not be
        seen through them are refused."""
        for name in dict.fromkeys(names):
            if self.random.random() >= NOT_COPIED:
                self.put(indent, [f"{name} = {name}.copy()"])

    def put(self, indent: int, lines: list[str]) -> None:
        self.lines += ["    " * indent + line for line in lines]

    def block(self, depth: int, loops: tuple[str, ...], indent: int) -> None:
        r, f = self.random, self.flavour
        for _ in range(r.randint(1, 4)):
            self.budget -= 1
            if self.budget < 0:
                self.put(indent, ["s += 0.0625"])
                return
            weights = [1.0, 1.2, f.aliasing, f.layout, f.control if depth or loops else 0.0, 0.3]
            choice = r.choices(range(6), weights)[0]
            if choice == 4:
                before, self.rebound = self.rebound, []
                self.control(depth, loops, indent)
                self.settle(indent, self.rebound)
                self.rebound = before
            elif choice == 5:
                self.put(indent, ["k = (k + 1) % 4"])
            else:
                lines = (self.arithmetic, self.write, self.alias, self.layout)[choice](loops)
                self.put(indent, lines)
                bound = [name for line in lines for name in re.findall(r"^([abcd])\b(?=.* = )|, ([abcd]) = ", line)]
                self.rebound += [x or y for x, y in bound]
                if " if " in lines[0] or " = pick(" in lines[0]:
                    self.settle(indent, lines[0][0])

    def program(self) -> str:
        r = self.random
        start = "c = a.copy()\nd = b * 2" if r.random() < 0.5 else "c = a\nd = b.copy()"
        self.put(1, ["k = 1", *start.split("\n")])
        while self.budget > 0:
            self.block(self.flavour.depth, (), 1)
        self.put(1, ["return s + a.sum() + 2 * b.sum() + 3 * c.sum() + 5 * d.sum()"])
        return HEAD + "def f(a, b, s, n, flag):\n" + "\n".join(self.lines) + "\n"


def program_text(seed: int, flavour: str = "plain") -> str:
    """The text of a module."""
    if (seed, flavour) in STAND_INS:
        return STAND_INS[seed, flavour]
    if flavour in KINDS:
        return language_programs.Writer(seed, flavour).program()
    return Writer(seed, FLAVOURS[flavour]).program()


def make_arguments(seed: int, flavour: str = "plain") -> tuple[Any, ...]:
    """Random arguments of `f`."""
    rng = np.random.default_rng(seed)
    given = rng.normal(size=4), rng.normal(size=4), float(rng.normal()), int(rng.integers(0, 4)), float(rng.random())
    return (*given, random_state(rng)) if flavour in KINDS else given


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Where programs are written, until the process ends."""
    return tempfile.TemporaryDirectory(prefix="fuzz")


def import_text(text: str) -> ModuleType:
    """A module with this text, from a real file."""
    path = Path(_folder().name) / f"program_{hashlib.sha256(text.encode()).hexdigest()[:16]}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_program(text: str) -> Callable[..., Any]:
    """The function `f` of a program text, from a real file."""
    return import_text(text).f  # type: ignore[no-any-return]
