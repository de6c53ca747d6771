"""Pieces of random statements: names of arrays, positions, scalars, conditions; and the notes statements leave.

Arrays are a, b, c, d, `box["u"]`, `o.x` (float64[4]) and m, `o.m` (float64[3, 4]); numbers are s (float) and k (int in
0..3); `p` is int64[4], a permutation; with `mixed`, g is float32[4]. A statement notes in `written` the arrays it
writes and in `effects` what it does to the names (`fuzz.sharing`).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from fuzz.sharing import Sharing

VECTORS = ("a", "b", "c", "d", "a", "b", "c", "d", 'box["u"]', "o.x")
MATRICES = ("m", "m", "o.m")
CALLERS = ("a", "b", "o.x", "o.m")


class Pieces:
    def __init__(self, source: random.Random, mixed: bool) -> None:
        self.random = source
        self.mixed = mixed
        self.loops: list[str] = []
        self.sharing = Sharing(CALLERS)
        self.written: list[str] = []
        self.effects: list[Callable[[], Any]] = []

    # ---- pieces ----
    def array(self) -> str:
        return self.random.choice(VECTORS)

    def matrix_name(self) -> str:
        return self.random.choice(MATRICES)

    def arrays(self, count: int) -> list[str]:
        return self.random.sample(list(dict.fromkeys(VECTORS)), count)

    def position(self) -> str:
        return self.random.choice(["0", "-1", "2", "k", "k % 4", "p[k]", "(k + 1) % 4", *self.loops, *self.loops])

    def element(self) -> str:
        return f"{self.array()}[{self.position()}]"

    def number(self) -> str:
        return self.random.choice(["0.5", "-0.75", "1.25", "0.125"])

    def scalar(self) -> str:
        e, r = self.element, self.random
        return r.choice([
            "s", self.number(), e(), f"{e()} * 0.5", f"np.sin({e()})", f"np.tanh(s * {e()})",
            f"{e()} / (1.0 + s * s)", f"{self.matrix_name()}[k % 3, {self.position()}]", "0.5 * o.r",
            f"np.exp(-{e()} * {e()})", f"0.25 * {self.array()}.sum()",
        ])  # fmt: skip

    def condition(self) -> str:
        r = self.random
        tests = [
            "s > 0.3", "flag > 0.5", f"{self.element()} > {self.element()}", f"{self.array()}[2] > 0", "k > 1", "n > 1",
            f"np.any({self.array()} > 1.0)", f"{self.array()}.sum() < 0.5", "o.r < 0.0 < s",
            f"abs(s) > abs({self.element()})",
        ]  # fmt: skip
        tests += [f"{i} > 1" for i in self.loops] + [f"{i} == n - 1" for i in self.loops]
        tests += [f"{i} % 2 == 0" for i in self.loops]
        first, second = r.choice(tests), r.choice(tests)
        return r.choice([first, first, first, first, f"{first} and {second}", f"{first} or {second}", f"not ({first})"])

    def writes(self, *names: str) -> None:
        self.written += names

    def writing(self, name: str, *lines: str) -> Callable[[], list[str]]:
        """These lines, as a choice that writes `name` where it is taken."""

        def made() -> list[str]:
            self.writes(name)
            return list(lines)

        return made

    def after(self, effect: Callable[..., Any], *args: Any, **options: Any) -> None:
        self.effects.append(lambda: effect(*args, **options))

    def fresh(self, *names: str) -> None:
        for name in names:
            self.after(self.sharing.fresh, name)

    def bind(self, name: str, *sources: str, fresh: bool = False) -> None:
        self.after(self.sharing.bind, name, *sources, fresh=fresh)

    def written_vector(self) -> str:
        """A vector that is about to be written."""
        name = self.array()
        self.writes(name)
        return name

    def made(self) -> str:
        """A vector name that is about to get an array of its own."""
        name = self.array()
        self.fresh(name)
        return name

    def one_of(self, *makers: Callable[[], list[str]]) -> list[str]:
        return self.random.choice(makers)()

    # ---- where a program begins and ends ----
    def beginning(self) -> list[str]:
        r = self.random
        lines = ["k = 1"]
        for name in CALLERS:
            if r.random() < 0.5:
                lines.append(f"{name} = {name}.copy()")
                self.sharing.fresh(name)
        if r.random() < 0.5:
            lines += ["c = a.copy()", "d = b * 2"]
            self.sharing.fresh("c")
            self.sharing.fresh("d")
        else:
            lines += ["c = a", "d = b.copy()"]
            self.sharing.bind("c", "a")
            self.sharing.fresh("d")
        lines += ["m = 0.5 * o.m", "p = o.p", 'box = {"u": 0.5 * (a + b), "r": s}']
        self.sharing.fresh("m")
        self.sharing.fresh('box["u"]')
        if self.mixed:
            lines += [r.choice(["g = o.g", "g = o.g.copy()"])]
        return lines

    def end(self, *more: str) -> list[str]:
        total = ["s", "a.sum()", "2 * b.sum()", "3 * c.sum()", "5 * d.sum()", "0.5 * m.sum()", 'box["u"][1]', "o.r"]
        if self.mixed:
            total.append("0.5 * g.sum()")
        return [f"return {' + '.join([*total, *more])}"]
