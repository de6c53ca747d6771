"""Kinds of statements of random programs: arithmetic, writes, aliases, views, integer and mask indexing, containers,
objects, closures, old versions, dtypes.

Each method returns lines without indentation, and notes what they do to arrays and names (`fuzz.pieces`). Values stay
bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fuzz.pieces import Pieces


class Statements(Pieces):
    def arithmetic(self) -> list[str]:
        y, z, s = self.array(), self.array(), self.scalar()
        return self.one_of(
            lambda: [f"{self.made()} = {y} * {self.number()} + 0.5 * {z}"],
            lambda: [f"{self.made()} = np.tanh({y}) - 0.25 * {z}"],
            lambda: [f"{self.made()} = {y} / (1.0 + {z} * {z})"],
            lambda: [f"{self.made()} = np.where({y} > 0, {z}, {y} * 0.5)"],
            lambda: [f"{self.made()} = np.sin(s * {y})"],
            lambda: [f"{self.made()} = 0.25 * np.cumsum({y})[::-1]"],
            lambda: [f"{self.made()} = np.concatenate([{y}[2:], {z}[:2] * s * 0.25])"],
            lambda: [f"{self.made()} = np.array([s, {y}[1], {z}[k], 0.5]) * 0.5"],
            lambda: [f"{self.made()} = 0.25 * ({self.matrix_name()}.T @ {y}[:3])"],
            lambda: [f"s = s * 0.5 + {s}"],
            lambda: [f"s = np.sin({s} * s)"],
            lambda: [f"s -= 0.25 * ({y} @ {z})"],
            lambda: [f"s = max(s, {s}) * 0.5"],
            lambda: ["k = (k + 1) % 4"],
            lambda: [f"s = {s} if {self.condition()} else 0.5 * s"],
            lambda: [f"o.r = np.tanh(o.r + {s})"],
        )

    def write(self) -> list[str]:
        y, s = self.array(), self.scalar()
        x = self.written_vector()
        target = f"{x}[{self.position()}]"
        forms = [
            f"{target} = {s}", f"{target} += {s}", f"{target} *= {self.number()}", f"{target} = np.sin({target}) * {s}",
            f"{x} += {self.random.choice(['0.5', y, 's'])}", f"{x} *= np.sin({y})", f"{x}[1:] = {x}[:-1]",
            f"{x}[:-1] = 0.5 * {x}[1:]", f"{x}[1:] += {x}[:-1]", f"{x}[1:] *= 0.5 * {x}[:-1]", f"{x}[:] = {x}[::-1]",
            f"{x}[1:] = {y}[:-1] * 0.5", f"{x}[::2] -= {y}[1::2]", f"{x}[k:] = s", f"{x}[:] = {y}",
            f"{x}[k:k + 2] = 0.5",
            f"{x}[::-1][1:3] += {y}[k:k + 2].sum()", f"np.add({x}, {y}, out={x})", f"{x} /= 1.0 + {y} * {y}",
            f"{x}[1:-1] = 0.5 * ({x}[:-2] + {x}[2:]) - 0.25 * {x}[1:-1]", f"{x} -= {x}[::-1]", f"{x}[...] = s * {y}",
        ]  # fmt: skip
        return [self.random.choice(forms)]

    def alias(self) -> list[str]:
        x, y, z = self.arrays(3)
        s, c, i = self.scalar(), self.condition(), self.random.randint(0, 3)
        exchange = self.sharing.exchange

        def called(name: str) -> list[str]:
            if name != "pick":
                self.writes(y)
            self.bind(x, y, fresh=name != "set_one")
            return [f"{x} = {name}({y}, {z})"]

        def chosen() -> list[str]:
            self.bind(x, y, z)
            return [f"{x} = {y} if {c} else {z}"]

        def swapped(names: list[str], order: list[str]) -> list[str]:
            self.after(exchange, names, order)
            return [f"{', '.join(names)} = {', '.join(order)}"]

        def returned() -> list[str]:
            self.after(exchange, [x, y], [y, x])
            return [f"{x}, {y} = both({x}, {y})"]

        def renamed() -> list[str]:
            self.bind(x, y)
            return [f"{x} = {y}"]

        def forgotten() -> list[str]:
            self.writes(x)
            self.fresh(x)
            return [f"w = {x}", f"{x} = {x} + 0.0", f"w[{i}] += 0.125 + {s}"]

        def visited() -> list[str]:
            self.writes(x, y)
            return [f"for u, v in zip(({x}, {y}), ({z}, {x})):", f"    u[{i}] += 0.5 * v[{3 - i}]", "    u *= 0.75"]

        def unpacked() -> list[str]:
            self.after(exchange, [x, y], [y, z])
            return [f"{x}, {y}, *_ = [{y}, {z}, s]"]

        def written_name(lines: list[str]) -> list[str]:
            self.writes(x)
            return lines

        def chained() -> list[str]:
            self.fresh(x)
            self.bind(y, x)
            return [f"{x} = {y} = {z} * 0.5", f"{x}[{i}] += s"]

        return self.one_of(
            renamed,
            chosen,
            lambda: swapped([x, y], [y, x]),
            lambda: swapped([x, y, z], [y, z, x]),
            lambda: called("set_one"),
            lambda: called("pick"),
            lambda: called("accumulate"),
            returned,
            forgotten,
            visited,
            unpacked,
            chained,
            lambda: written_name([f"w = {x}", f"w[{i}] {self.random.choice(['=', '+='])} {s}"]),
            lambda: written_name([f"w = {x}[1:]", f"w[k % 3] {self.random.choice(['=', '+='])} {s}"]),
            lambda: written_name([f"if {c}:", f"    w = {x}", "else:", f"    w = {x}[::-1]", f"s += w[{i}]"]),
            lambda: written_name([f"pair = [{x}, {y}]", f"pair[0][{i}] += 0.5 * pair[1][0]"]),
            self.copied,
        )

    def copied(self) -> list[str]:
        y = self.array()
        return [f"{self.made()} = {y}.copy()"]

    def view(self) -> list[str]:
        s, i, j = self.scalar(), self.random.randint(0, 2), self.random.randint(0, 1)
        y = self.array()

        def vector(*lines: str) -> Callable[[], list[str]]:
            def write() -> list[str]:
                x = self.written_vector()
                return [line.replace("@", x) for line in lines]

            return write

        def matrix(*lines: str) -> Callable[[], list[str]]:
            def write() -> list[str]:
                m = self.matrix_name()
                self.writes(m)
                return [line.replace("@", m) for line in lines]

            return write

        def row() -> list[str]:
            x, m = self.array(), self.matrix_name()
            self.bind(x, m)
            return [f"{x} = {m}[{self.random.choice([str(i), 'k % 3', '-1'])}]"]

        def reversed_name() -> list[str]:
            x = self.array()
            self.bind(x, y)
            return [f"{x} = {y}[::-1]"]

        return self.one_of(
            vector("w = @.reshape(2, 2)", f"w[{j}] *= 0.5", "s += w[k % 2, 1] * 0.25"),
            vector("w = @.reshape(2, 2).T", f"w[{j}, 0] = {s}", f"w[:, {j}] += 0.25"),
            vector("w = @.reshape(2, 2).T", "t = w.reshape(-1)", f"t[{i}] = s", "s += w[0, 1] * 0.5"),
            vector("w = (@.reshape(2, 2).T * 0.5).ravel()", "w[1] = s", "@[:2] += w[2:]"),
            vector("w = @[1:][::-1][:2]", f"w[{j}] = {s}", "w *= 0.5"),
            vector("w = @[::2]", "t = @[1:][::2]", "w[:] = t", f"t[{j}] -= s"),
            vector("w = @.reshape(2, 2)[:, ::-1]", f"w[{j}] = {y}[k % 3:k % 3 + 2] * 0.5" if j else "w[0] += s"),
            vector("w = @[None, :]", f"w[0, {i}] = {s}"),
            matrix("w = @.T", f"w[{i}] *= 0.5", f"w[1:, {j}] = {s}"),
            matrix("w = @.reshape(2, 6)", f"w[{j}, 1:4] = {y}[:3]", f"w[:, {i}] += s"),
            matrix("w = @.T.reshape(-1)", f"w[{i}] = s", f"s += 0.25 * @[{i}, {j}] + 0.125 * w[{i + 3}]"),
            matrix("w = @[1:, ::-2]", f"w[{j}] = 0.5 * w[{j}, ::-1]", f"w += {s}"),
            matrix("w = @.ravel()[2:9:3]", f"w[{j}] = {s}", "w[1:] = w[:-1]"),
            matrix("w = @[:, 1:3].flatten()", f"w[{i}] = s", "s += w[5] * 0.25"),
            matrix("w = @[:, 1:3].reshape(-1)", "s += w[5] * 0.25"),
            matrix(f"w = @[{i}]", f"t = w[{j}:]", f"t[1] = {s}", "w *= 0.75"),
            matrix("w = @.swapaxes(0, 1)[1:3]", f"w[{j}, {i}] = {s}", "s -= 0.5 * w.sum()"),
            row,
            reversed_name,
        )

    def gather(self) -> list[str]:
        x, y, s = self.array(), self.array(), self.scalar()
        i = self.random.randint(0, 2)
        indices = self.random.choice(["p", "p[:2]", "[0, 2, 2]", "p[1:] % 2", "np.array([3, 1])", "(p + k) % 4"])

        def write(line: str) -> Callable[[], list[str]]:
            def lines() -> list[str]:
                self.writes(x)
                return [line]

            return lines

        return self.one_of(
            write(f"{x}[{indices}] = {s}"),
            write(f"{x}[{indices}] += 0.5 * {s}"),
            write(f"{x}[p] = 0.5 * {y}"),
            write(f"{x}[p] = {x} * 0.75"),
            write(f"{x}[p] += {x}"),
            write(f"{x}[p[:2]] *= {y}[1:3]"),
            write(f"np.add.at({x}, p % 3, 0.5 * {y})"),
            write(f"{x}[:] = 0.5 * {x}[p]"),
            lambda: [f"{self.made()} = {y}[p] * 0.5"],
            lambda: [f"{self.made()} = {y}[np.array([0, 0, 3, k])]"],
            lambda: [f"s += 0.25 * {y}[{indices}].sum()"],
            lambda: [f"p = p[{self.random.choice(['::-1', 'p', '[1, 0, 3, 2]'])}]"],
            lambda: [f"w = {y}[p]", f"w[{i}] = s", "s += 0.25 * (w @ w)"],
            lambda: [f"k = int(np.argmax({y})) if {self.condition()} else k"],
            lambda: ["p = p.copy()", "p[0], p[k] = p[k], p[0]"],
        )

    def mask(self) -> list[str]:
        x, y, s = self.array(), self.array(), self.scalar()
        m = self.matrix_name()

        def write(*lines: str) -> Callable[[], list[str]]:
            return self.writing(m if m in lines[-1] else x, *lines)

        return self.one_of(
            write(f"{x}[{x} > {s}] = {self.number()}"),
            write(f"{x}[{x} > {y}] *= 0.5"),
            write(f"{x}[({x} < 0.5) & ({y} > -0.5)] -= s"),
            write(f"t = {y} > 0.0", "t[k] = not t[k]", f"{x}[t] += 0.25"),
            write(f"{x}[~({y} < s)] = s"),
            write(f"{m}[{m} > 0.5] = s"),
            write(f"{m}[{y}[:3] > 0.0] *= 0.5"),
            lambda: [f"s += 0.125 * np.sum({y} > 0.0)"],
            lambda: [f"s += 0.25 * np.sum(np.where({y} > {s}, {x}, 0.0))"],
            lambda: [f"k = int(np.sum({y} > 0.0)) % 4"],
        )

    def structure(self) -> list[str]:
        x, y = self.arrays(2)
        s, i = self.scalar(), self.random.randint(0, 3)

        write = partial(self.writing, x)

        def settled() -> list[str]:
            self.writes("o.x")
            return [f"o = settle(o, {y})"]

        def kept() -> list[str]:
            self.bind("o.x", y)
            return [f"o.x = {y}"]

        def slot() -> list[str]:
            self.fresh('box["u"]')
            return [f'box["u"] = np.cos({y}) * 0.5']

        return self.one_of(
            write(f'q = {{"r": {x}, "t": ({y}, s)}}', f'q["r"][{i}] += 0.25 * q["t"][1]', 's += q["t"][0][k]'),
            write(f"w = [{x}, {y}[1:]]", f"w[0][{i}] = {s}", "s += 0.25 * sum(v[1] for v in w)"),
            write(f"for w in [{x}[:2], {x}[2:]]:", "    w[0] = 0.5 * w[1]", "    s += 0.25 * w[0]"),
            lambda: [f"{self.made()} = np.array([v * 0.5 for v in {y}])"],
            lambda: [f"{self.made()} = np.stack([{x}[i] * {y}[j] for i in range(2) for j in range(2)])"],
            lambda: [f"s += 0.25 * sum([u * v for u, v in zip({x}, {y})])"],
            lambda: [f"t = ({x}[0], (s, {x}[{i}] * 0.5))", "t0, (s, t2) = t", "s += 0.25 * t0 - t2"],
            lambda: [f'box["r"] = 0.5 * box["r"] + {s}', 's += 0.25 * box["r"]'],
            lambda: [f"o.r -= 0.5 * {s}", "o.r *= 0.5"],
            settled,
            kept,
            slot,
        )

    def closure(self) -> list[str]:
        x, y = self.arrays(2)
        s, i = self.scalar(), self.random.randint(0, 3)

        def counting() -> list[str]:
            return [
                "def step(t):", "    nonlocal_s[0] = 0.5 * nonlocal_s[0] + t", "    return np.sin(t)",
                "nonlocal_s = [s]", f"s = step({s}) + step(s)", "s += 0.25 * nonlocal_s[0]",
            ]  # fmt: skip

        def writing() -> list[str]:
            self.writes(x)
            return ["def put(i, t):", "    w[i] = 0.5 * w[i] + t", f"w = {x}", f"put({i}, s)", f"put(k, {s})"]

        def rebinding() -> list[str]:
            return [
                "def outer(t):", "    u = t", "    def inner(v):", "        nonlocal u", "        u = 0.5 * u + v",
                f"        if v > {self.number()}:", "            return u", "        return u * v",
                "    return inner(s) + inner(u)", f"s = np.tanh(outer({s}))",
            ]  # fmt: skip

        return self.one_of(
            counting,
            writing,
            rebinding,
            lambda: [f"line = lambda t, u=s: t * u + {y}[{i}]", "s = 0.5 * line(s)"],
            lambda: [f"s += 0.25 * search({y}, {self.number()})"],
            lambda: [f"s = 0.5 * min(s, {y}[k], {x}[0])"],
        )

    def old_version(self) -> list[str]:
        x, y = self.arrays(2)
        s, i = self.scalar(), self.random.randint(0, 3)

        write = partial(self.writing, x)

        def forked() -> list[str]:
            self.fresh(x)
            return [f"t = {x}", f"{x} = {x}.copy()", f"{x}[{i}] = {s} * t[{3 - i}]", f"{x}[k] += 0.5 * t[k]"]

        def two() -> list[str]:
            self.fresh(x, y)
            return [f"t = {x}", f"{x} = t.copy()", f"{x}[k] = s", f"{y} = t.copy()", f"{y}[{i}] *= {x}[{i}]"]

        return self.one_of(
            write(f"t = {x}[k]", f"{x}[k] = {s}", "s += 0.5 * t * t"),
            write(f"t = {x}.copy()", f"{x}[{i}] = np.sin(t[{i}])", "s += 0.25 * (t @ t)"),
            write(f"t = np.sin({x})", f"{x}[k:] = 0.5 * t[k:]", f"{x} *= t"),
            write(f"{x}[0], {x}[{i}] = {x}[{i}], 0.5 * {x}[0] * {x}[0]"),
            write(f"t = {x} * {x}", f"{x}[{i}] = 0.5", f"{x} *= 0.5 * t"),
            write("for j in range(1, 4):", f"    {x}[j] = np.sin({x}[j - 1]) * {x}[j] + 0.25 * {y}[j]"),
            write("for j in range(n):", f"    {x}[j] = {x}[j] / (1.5 + {y}[3 - j] * {x}[j + 1])"),
            forked,
            two,
        )

    def matrix(self) -> list[str]:
        y, s, m = self.array(), self.scalar(), self.matrix_name()
        i, j = self.random.randint(0, 2), self.random.randint(0, 3)
        at = self.random.choice([f"{i}, {j}", "k % 3, k", "-1, k", *(f"{v} % 3, {v}" for v in self.loops)])
        forms = [
            f"{m}[{at}] = {s}", f"{m}[{at}] += 0.5 * {s}", f"{m}[{i}] = {y}", f"{m}[:, k] *= s * 0.5", f"{m} *= 0.5",
            f"{m}[1:] = {m}[:-1]", f"{m}[:, 1:] = 0.5 * {m}[:, :-1]", f"{m}[k % 3] -= 0.5 * {y}",
            f"{m}[::2, ::-1] = 0.25 * {y}", f"{m} += 0.25 * {y}", f"{m}[p[:3] % 3, {j}] = s",
            f"{m}[{i}, p] = 0.5 * {y}",
            f"{m}[:, p] = {m} * 0.75", f"{m}[{i}], {m}[{(i + 1) % 3}] = {m}[{(i + 1) % 3}].copy(), 0.5 * {m}[{i}]",
            f"{m}[[0, 2]] = {m}[[2, 0]]", f"{m}[:] = np.tanh({m})",
        ]  # fmt: skip

        def rows() -> list[str]:
            self.writes(m)
            return [f"for row in {m}:", f"    row[{j}] += 0.5 * row[{(j + 1) % 4}]", "    s += 0.125 * row[0]"]

        def made() -> list[str]:
            self.fresh("m")
            product = f"m = np.outer({y}[:3], {self.array()}) * 0.5"
            return [self.random.choice([product, "m = 0.5 * o.m + m * m * 0.125"])]

        def triangle() -> list[str]:
            self.writes(m)
            return ["for i in range(3):", "    for j in range(i):", f"        {m}[i, j] -= 0.5 * {m}[j, i] * {m}[i, i]"]

        def plain() -> list[str]:
            self.writes(m)
            return [self.random.choice(forms)]

        return self.random.choice([plain, plain, plain, rows, made, triangle])()

    def integer(self) -> list[str]:
        y = self.array()
        return self.one_of(
            lambda: ["k = (3 * k + n) % 4"],
            lambda: [f"k = min(k + 1, 3) if {self.condition()} else 0"],
            lambda: [f"s += 0.125 * (k // 2) * {y}[k]"],
            lambda: ["t = k * n - 2", f"s += 0.0625 * t * {y}[abs(t) % 4]"],
            lambda: [f"s += 0.25 * {y}[p[k] - 4]"],
            lambda: ["t = 0", "while t < n:", "    t += 1 + (t == 1)", "s -= 0.0625 * t"],
            lambda: [f"s = s * 0.5 + 0.125 * (k ** 2) + (k - n) * {y}[0] * 0.125"],
        )

    def complex_numbers(self) -> list[str]:
        """Complex only in between: what a program takes and gives is real."""
        x, y = self.arrays(2)
        s, i = self.scalar(), self.random.randint(0, 3)
        return self.one_of(
            lambda: [f"z = {x} + 1j * {y}", f"{self.made()} = 0.5 * (z * np.exp(0.5j * s)).real + 0.25 * np.abs(z)"],
            lambda: [f"z = {x} * np.exp(1j * {y})", f"z[{i}] *= 0.5j", "s += 0.125 * (z @ np.conj(z[::-1])).real"],
            self.writing(y, f"z = {x} + 0.5j", f"z[1:] += np.conj(z[:-1]) * {s}", f"{y}[:] = 0.25 * z.imag"),
            lambda: [
                "z = np.zeros(4, dtype=np.complex128)",
                "for j in range(n):",
                f"    z[j] = 0.5 * ({y}[j] + 1j * s) * z[j - 1] + {x}[j]",
                "s = 0.5 * s + 0.25 * z[k].real - 0.125 * z[n - 1].imag",
            ],
            lambda: [
                f"z = ({x}[{i}] + 1j * s) / (1.5 + 1j * {y}[k])",
                "s = 0.5 * abs(z) + 0.25 * z.conjugate().imag",
            ],
            lambda: [f"z = np.exp(1j * {x})", f"z[{y} > {s}] = 0.5", "s += 0.125 * (z * z).sum().imag"],
            lambda: [
                f"z = 1j * {x} + {y}", "t = 0.5 * z.imag", f"z[{i}] = np.conj(z[k]) * s", "s += 0.125 * (t @ z.real)"
            ],
        )

    def dtypes(self) -> list[str]:
        y, s, i = self.array(), self.scalar(), self.random.randint(0, 3)

        def write(line: str) -> Callable[[], list[str]]:
            def made() -> list[str]:
                return line.split("\n")

            return made

        return self.one_of(
            write(f"g[{i}] = {s}"),
            write("g *= 0.5"),
            write(f"g += {y}"),
            write("g[1:] = g[:-1]"),
            write(f"g = (0.5 * {y}).astype(np.float32)"),
            write("g = g * np.float32(0.5) + 1"),
            write("s += 0.125 * g.sum()"),
            write("s = 0.5 * s + g[k]"),
            lambda: [f"{self.made()} = 0.5 * ({y} + g)"],
            lambda: [f"{self.made()} = {y} * 0.25 * np.arange(4)"],
            lambda: [f"{self.written_vector()}[:] = 0.5 * g"],
            lambda: [f"{self.written_vector()}[{i}] = k"],
            lambda: [f"{self.written_vector()}[p] = g[:4]"],
            write(f"h = np.zeros(4, dtype=np.int64)\nh[k] += 2\nh[{y} > 0] = 1\ns += 0.125 * h.sum()"),
            write(f"h = ({y} * 4).astype(np.int64)\ns += 0.03125 * (h // 2).sum()"),
            write("h = np.float32(s)\ns = 0.5 * (h * h) + o.r"),
            write(f"h = {y} > 0\ns += 0.125 * h.mean() + 0.125 * (h & (g > 0)).sum()"),
            write("h = g.astype(np.float64)\nh[0] = s\ns += 0.25 * h[k]"),
        )
