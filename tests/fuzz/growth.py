"""Kinds of statements of random programs whose sizes data decide: masks that read, lists that grow and shrink, arrays
that change their size in loops, generators, functions that call themselves; and what Python decides before data: `try`,
`match`, `assert`, objects made anew.

Two more names live through the program: `xs`, a list of numbers of any length, and `v`, an array of any length that no
other name stands for after a statement. `HEAD` is put before the program. Each method returns lines as in
`fuzz.statements`.
"""

from __future__ import annotations

from collections.abc import Callable

from fuzz.statements import Statements

HEAD = """from dataclasses import replace


def descend(u, total, depth):
    if depth <= 0 or abs(total) > 3.0:
        return total
    return descend(u, 0.5 * total + u[depth % 4], depth - 1)


def split(u, low, high, total=0.0):
    if high - low < 2:
        return 0.5 * u[low] * u[low] + 0.25 * total
    middle = (low + high) // 2
    return np.sin(split(u, low, middle, total + 0.125)) + split(u, middle, high, u[low])


def spread(u, total, depth):
    u[depth] = 0.5 * u[depth] + total
    if depth < 3 and total < 2.0:
        spread(u, 0.5 * u[depth] * total, depth + 1)
        u[0] += 0.125 * u[depth]


def tail(u):
    if u.size == 0:
        return 0.25
    if u[0] > 1.5:
        return u[0]
    return 0.5 * u[0] * tail(u[1:])


def sums(u, count):
    total = 0.0
    for j in range(count):
        total += 0.5 * u[j] * u[j]
        yield j, total


def halving(t):
    while abs(t) > 0.25:
        t = 0.5 * np.sin(t)
        yield t
        if t < -0.4:
            return


def nudged(u, t):
    u[:2] += 0.25 * t
    return t


def written(u):
    for j in range(len(u)):
        if u[j] > -1.0:
            u[j] *= 0.5
            yield u[j]


def shape_of(case):
    match case:
        case {"u": u, "gain": float() | int() as gain}:
            return gain * u
        case (u, 0):
            return 0.5 * u
        case (u, 1) | [u, 2]:
            return u[::-1]
        case [u, *_]:
            return np.sin(u)
    raise ValueError("no such case")


"""


class Growing(Statements):
    def grown(self, *lines: str) -> Callable[[], list[str]]:
        """Lines where `$` is a vector that is written."""

        def made() -> list[str]:
            x = self.written_vector()
            return [line.replace("$", x) for line in lines]

        return made

    @staticmethod
    def plain(*lines: str) -> Callable[[], list[str]]:
        return lambda: list(lines)

    def selection(self) -> list[str]:
        y, z, s, i = self.array(), self.array(), self.scalar(), self.random.randint(0, 2)
        m = self.matrix_name()

        def matrix(*lines: str) -> Callable[[], list[str]]:
            def made() -> list[str]:
                self.writes(m)
                return list(lines)

            return made

        return self.one_of(
            self.plain(f"w = {y}[{y} > {s}]", "s += 0.25 * w.sum() * w.size"),
            self.plain(f"w = {y}[{y} > {z}]", "w *= 0.5", "if w.size > 1:", "    w[1] = s", "    s -= 0.25 * (w @ w)"),
            self.grown("t = $ > 0.0", "w = $[t]", "$[t] = 0.5 * w * w", "s += 0.125 * w.sum()"),
            self.grown(f"t = {y} > {z}", f"$[t] = {z}[t] * 0.5", f"$[~t] += 0.25 * {y}[~t]"),
            self.grown("w = $[$ < 0.5]", f"$[{i}] = {s}", "w[:1] += s", "s += 0.25 * w.sum()"),
            self.grown(f"t = np.nonzero({y} > {s})[0]", "$[t] *= 0.5", f"s += 0.125 * {z}[t].sum() * len(t)"),
            self.grown("t = np.flatnonzero($ > 0.0)", "if t.size > 0:", f"    $[t[0]] = {s}", "    k = int(t[-1])"),
            self.grown(f"for j in np.nonzero({y} < {s})[0]:", f"    $[j] = 0.5 * $[j] + 0.25 * {z}[3 - j]"),
            matrix(f"w = {m}[{m} > {s}]", f"{m}[{m} > 0.75] = 0.5", "s += 0.0625 * (w * w).sum()"),
            matrix(f"t = {y}[:3] > 0.0", f"w = {m}[t]", f"{m}[t] = 0.5 * w[:, ::-1]", f"s += 0.0625 * w[:, {i}].sum()"),
            self.plain(f"i, j = np.nonzero({m} > {s})", f"s += 0.0625 * ({m}[i, j] * {y}[j]).sum()"),
            self.plain(f"v = {y}[{y} > {s}] * 0.5"),
            self.plain("v = v[v < 1.0]"),
            self.plain(f"v[v > {s}] *= 0.5"),
            self.plain("t = v > 0.0", "v[t] = np.tanh(v[t])", "s += 0.125 * t.sum()"),
        )

    def listing(self) -> list[str]:
        y, s, c, i = self.array(), self.scalar(), self.condition(), self.random.randint(0, 3)
        if not self.loops and self.random.random() < 0.3:
            return self.one_of(
                self.plain(f"if {c}:", f"    xs.append({s})"),
                self.plain(f"xs.extend([s, {y}[{i}]])"),
                self.plain("xs += [0.5 * t for t in xs[-2:]]"),
                self.plain(f"w = [t for t in {y} if t > 0.0]", "w.append(0.5 * s)", "s += 0.125 * sum(w) * len(w)"),
                self.plain("w = xs", "w.append(0.5 * s)", "s += 0.125 * len(xs)"),
                self.plain("for j in range(n):", f"    xs.append({y}[j] * 0.5)"),
            )
        return self.one_of(
            self.plain("s += 0.125 * sum(xs)"),
            self.plain("w = np.array(xs)", "w[0] = 0.5 * s", "s += 0.125 * (w * w).sum() + 0.25 * xs[0]"),
            self.plain("xs[-1] = 0.5 * xs[-1] + 0.25 * s", "s = 0.5 * s + 0.125 * xs[0] * len(xs)"),
            self.plain("for t in xs:", "    if t > 1.0:", "        break", "    s = 0.75 * s + 0.25 * t"),
            self.plain("v = 0.5 * np.array(xs)"),
            self.plain(
                "w = []",
                "for j in range(n + 1):",
                f"    if {y}[j] > -0.5:",
                f"        w.append({y}[j] * s * 0.25)",
                "    elif len(w) > 1:",
                "        s -= 0.25 * w.pop()",
                "s += 0.25 * sum(w) + 0.125 * len(w)",
            ),
            self.plain(
                f"w = [{y}]",
                "for j in range(n):",
                "    w.append(np.sin(w[-1]) * 0.5)",
                f"    if w[-1][{i}] > 0.25:",
                "        break",
                f"s += 0.25 * np.stack(w)[-1, {i}]",
            ),
            self.plain(
                f"w = [0.5 * {s}]",
                "while len(w) < 7 and abs(w[-1]) < 2.0:",
                f"    w.append({y}[len(w) % 4] - 0.75 * w[-1])",
                "s = 0.5 * s + 0.125 * w[0] * w[-1] + 0.125 * sum(w)",
            ),
            self.plain(
                f"w = [{y}[j] * s for j in range(n + 1)]", f"w.extend([{s}, 0.5])", "s = 0.25 * w[-2] + 0.125 * max(w)"
            ),
        )

    def consuming(self) -> list[str]:
        y, s, c, i = self.array(), self.scalar(), self.condition(), self.random.randint(0, 3)
        return self.one_of(
            self.grown(
                f"for j, t in sums({y}, n + 1):",
                "    $[j] = 0.5 * $[j] + 0.25 * t",
                f"    if t > {s}:",
                "        break",
            ),
            self.grown(
                f"for t in halving({s}):",
                f"    $[{i}] += 0.5 * t",
                f"    if {c}:",
                "        continue",
                "    s -= 0.125 * t",
            ),
            self.grown("for t in written($):", f"    s = 0.5 * s + 0.25 * t * {y}[0]", f"    if {c}:", "        break"),
            self.plain(
                f"for _, t in sums({y}, 4):",
                f"    if t > 1.0 and {c}:",
                f"        return s + {y}[{i}]",
                "    s = 0.5 * s + 0.25 * t",
            ),
            self.plain(f"s += 0.25 * sum(t * t for t in {y} if t > {s})"),
            self.plain(f"s = 0.5 * s + next((t for t in {y} if t > {s}), 0.25)"),
            self.plain(f"s = 0.5 * s + 0.25 * max((t * s for t in {y} if t < 0.5), default=s)"),
            self.plain(f"s += 0.125 * len([t for t in halving({s})])"),
            self.plain(f"v = np.array([0.5 * t for _, t in sums({y}, n + 1)])"),
            self.plain(f"if any(t > {s} for t in v):", f"    s = 0.5 * s + {y}[{i}]"),
            self.grown("s = 0.5 * s + 0.125 * sum([nudged($, t) for t in written($)])"),
            self.grown("w = [nudged($, t) for _, t in sums($, n + 1)]", "s = 0.5 * s + 0.25 * w[-1] + 0.125 * len(w)"),
            self.grown(f"s = 0.5 * s + 0.125 * max([nudged($, t) for _, t in sums($, 3) if t < {s}], default=s)"),
            self.grown("xs.extend(nudged($, t) * 0.5 for _, t in sums($, 2))"),
        )

    def recursion(self) -> list[str]:
        y, s, i = self.array(), self.scalar(), self.random.randint(0, 3)
        return self.one_of(
            self.plain(f"s = 0.5 * descend({y}, s, n)"),
            self.plain(f"s -= 0.25 * descend({y}, {s}, k + 2)"),
            self.plain(f"s = np.tanh(split({y}, 0, n + 1, {s}))"),
            self.grown(f"spread($, {s}, {i})"),
            self.grown("w = $", f"spread(w, 0.5, {i})", f"w[{i}] *= 0.5"),
            self.plain(f"s = 0.5 * s + tail({y})"),
            self.plain("s += 0.25 * tail(v)"),
            self.plain(f"s = 0.5 * s + tail({y}[k:])"),
            self.grown(f"$[{i}] = 0.5 * tail($[{i}:]) + descend({y}, s, 2)"),
        )

    def resizing(self) -> list[str]:
        y, s, c = self.array(), self.scalar(), self.condition()
        few = "if v.size < 7:"
        return self.one_of(
            self.plain("v = v[1:]"),
            self.plain("if v.size > 1:", "    v = 0.5 * v[:-1] + 0.25 * v[1:]"),
            self.plain(few, f"    v = np.concatenate([v, {y}[:2] * 0.5])"),
            self.plain(few, f"    v = np.append({s}, v)"),
            self.plain(few, f"    v = np.concatenate([v[::-1], [{s}], v[:1]])"),
            self.plain("w = v", f"v = v[{self.random.choice(['1:', ':-1', '::2', '::-1'])}]", "w[:1] += s", "v *= 0.5"),
            self.plain("w = v", "v = v.copy()", "v *= 0.5", f"w[1:] = {s}", "s += 0.125 * (w - v).sum()"),
            self.plain("while v.size > 2:", "    s += 0.125 * v[0] * v[-1]", "    v = v[1:]", f"    if {c}:",
                "        break"),
            self.plain("while v.size > k:", "    v = v[::2] * 0.5 if v.size > 3 else v[1:]",
                "    s = np.sin(s) + 0.125 * v.sum()"),
            self.plain("for j in range(v.size):", f"    v[j] = np.sin(v[j]) + 0.25 * {y}[j % 4]"),
            self.plain("v[1:] += 0.5 * v[:-1]"),
            self.plain("s += 0.125 * (v @ v)"),
            self.plain("if v.size > 0:",
                f"    s = 0.5 * s + 0.5 * v[{self.random.choice(['0', '-1', 'v.size // 2'])}]"),
            self.plain(f"v = {y}[k:] * 0.5"),
            self.plain(f"v = {y}[:n].copy()", "v *= s * 0.25"),
            self.plain(f"if {c}:", "    v = v[:2]", "else:", f"    v = {y} * 0.25", "v = v + 0.125 * s"),
            self.grown("w = $[: v.size]", "w *= 0.5", "w += 0.25 * v[: w.size]"),
            self.grown(f"$[:] = 0.5 * np.concatenate([v, {y}])[:4]"),
        )  # fmt: skip

    def static(self) -> list[str]:
        y, s, c, i = self.array(), self.scalar(), self.condition(), self.random.randint(0, 3)

        def caught(raised: str, error: str) -> Callable[[], list[str]]:
            return self.grown(
                "try:", f"    $[{i}] = 0.5 * s", f"    {raised}", "    s = 0.5", f"except {error}:",
                    "    s = 0.5 * s + $[0]",
                "else:", "    s += 0.25", "finally:", "    $ *= 0.5",
            )  # fmt: skip

        return self.one_of(
            caught('w = box["missing"]', "KeyError"),
            caught('w = box["u"]', "(KeyError, IndexError)"),
            caught('shape_of("none")', "ValueError"),
            self.grown(
                "for j in range(n):",
                "    try:",
                f"        if {c}:", f"            {self.random.choice(['break', 'continue'])}",
                "        $[j] *= 0.5",
                "    except KeyError:", "        s = 0.5 * s",
                "    else:", f"        s = 0.5 * s + 0.25 * {y}[j]",
                "    finally:", f"        $[{i}] += 0.25 * s",
            ),
            self.plain(f"s += 0.25 * shape_of(({y}, {i}))[{i}]"),
            self.plain(f's += 0.25 * shape_of({{"u": {y}, "gain": 0.5}}).sum()'),
            self.grown(f"w = shape_of(($, {i % 3}))", f"w[{i}] = s", f"s += 0.25 * $[{i}]"),
            self.plain("match k:", "    case 0:", f"        s += {y}[{i}]", "    case 1 | 2:",
                f"        s = 0.5 * s + {s}", "    case _ if s > 0.0:", "        s = 0.25 * s"),
            self.plain(f"assert {y}.size == 4, f'{{{y}}} of another size'"),
            self.plain(f"assert np.abs({y}[0]) < 1e9 and k < 4, f's = {{s}} in {{k}}'"),
            self.plain(f"w = replace(o, r={s})", "w.r *= 0.5", "s += 0.25 * w.r + 0.125 * o.r"),
            self.grown("w = replace(o, x=$)", f"w.x[{i}] = {s}", f"s += 0.25 * $[{i}] + 0.125 * o.x[{i}]"),
            self.grown(
                'w = {"y": $, "t": s}', "for j in range(n):",
                    f'    w["t"] = 0.5 * w["t"] + {y}[j]', '    w["y"][j] = w["t"]',
                f"    if {c}:", '        w["y"] = 0.5 * w["y"]', 's += 0.25 * w["y"].sum()',
            ),
        )  # fmt: skip

    def kinds(self) -> list[str]:
        """What data make a number or nothing, one text or another, one function or another."""
        y, s, c, i = self.array(), self.scalar(), self.condition(), self.random.randint(0, 3)
        return self.one_of(
            self.plain("w = None", f"if {c}:", f"    w = {s}", "if w is not None:", "    s = 0.5 * s + 0.25 * w"),
            self.plain(
                "w = None",
                "for t in " + y + ":",
                "    if w is None or t > w:",
                "        w = t",
                f"    if {c}:",
                "        break",
                "s = 0.5 * s + 0.25 * (w if w is not None else 1.0)",
            ),
            self.grown(
                "w = None",
                "for j in range(n):",
                "    if w is not None:",
                "        $[j] = 0.5 * $[j] + 0.25 * w",
                f"    w = np.sin({y}[j]) if {c} else None",
            ),
            self.plain(
                f"w = 'up' if {c} else 'down'",
                "if w == 'up':",
                f"    s = 0.5 * s + {s}",
                "s += 0.25 if w in ('down', 'left') else 0.0",
            ),
            self.grown(
                "w = 'first'",
                "for j in range(n):",
                f"    if w == 'first' and {y}[j] > 0.0:",
                "        w = 'second'",
                "    elif w == 'second':",
                "        $[j] *= 0.5",
                f"        w = 'third' if {c} else w",
                "s += {'first': 0.25, 'second': -0.5, 'third': 0.125}[w]",
            ),
            self.plain(f"w = np.sin if {c} else np.tanh", f"s = 0.5 * w(s) + 0.25 * w({y}[{i}])"),
            self.plain(
                "w = lambda t: 0.5 * t",
                f"if {c}:",
                f"    w = lambda t: np.cos(t) * {y}[{i}]",
                "s = 0.5 * w(s) - 0.25 * w(0.5)",
            ),
            self.plain(
                f"w = ({s}, None) if {c} else (0.5, s)", "s = 0.5 * w[0] + (0.25 * w[1] if w[1] is not None else 0.0)"
            ),
        )

    def growing_names(self) -> list[str]:
        """At the beginning of a program."""
        return ["xs = [s, 0.5 * a[1]]", "v = 0.5 * b"]

    def growing_total(self) -> str:
        """At its end."""
        return "sum(xs) + 2 * v.sum() + 0.125 * v.size * len(xs)"
