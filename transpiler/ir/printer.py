"""IR as text: what `gs.ir` and `--level ir` show. Values are numbered in order of appearance, so equal programs print
equal."""

from __future__ import annotations

import re

from gradscribe.transpiler.ir.callees import reached_callees
from gradscribe.transpiler.ir.nodes import Eqn, Function, Region, Var


class _Names:
    def __init__(self) -> None:
        self.known: dict[int, str] = {}

    def name(self, match: re.Match[str]) -> str:
        serial = int(match[2])
        hint = match[1] or "t"
        if serial not in self.known:
            taken = set(self.known.values())
            text, k = hint, 1
            while text in taken:
                k += 1
                text = f"{hint}.{k}"
            self.known[serial] = text
        return "%" + self.known[serial]

    def tidy(self, text: str) -> str:
        return re.sub(r"%(\w*?)_(\d+)\b", self.name, text)


def _typed(var: Var) -> str:
    return f"{var!r}: {var.type!r}"


def print_eqn(eqn: Eqn) -> str:
    """One equation on one line, without its regions; values carry their serial numbers."""
    results = ", ".join(map(_typed, eqn.results))
    params = ", ".join(f"{k}={v!r}" for k, v in eqn.params.items())
    inside = ", ".join(filter(None, [", ".join(map(repr, eqn.operands)), params]))
    return f"{results} = {eqn.operation.name}({inside})" if eqn.results else f"{eqn.operation.name}({inside})"


def _lines(region: Region, indent: int, out: list[str]) -> None:
    pad = "  " * indent
    for eqn in region.eqns:
        where = f"   # line {eqn.span.line}" if eqn.span is not None else ""
        out.append(pad + print_eqn(eqn) + where)
        for inner in eqn.regions:
            out.append(f"{pad}  ({', '.join(map(_typed, inner.params))}):")
            _lines(inner, indent + 2, out)
    out.append(f"{pad}-> {', '.join(map(repr, region.results))}")


def print_function(function: Function) -> str:
    """The whole program: the function, then those it calls by name."""
    callees = [callee.function for callee in reached_callees(function.region)]
    return "\n\n".join(map(_print_one, (function, *callees)))


def _print_one(function: Function) -> str:
    out = [f"{function.name}({', '.join(map(_typed, function.params))}):"]
    for guard in function.guards:
        word = "require" if guard.requirement else "assume"
        out.append(f"  {word} {guard.dim!r} {'==' if guard.kind == 'eq' else '>='} 0")
    _lines(function.region, 1, out)
    return _Names().tidy("\n".join(out))


def print_region(region: Region) -> str:
    out = [f"({', '.join(map(_typed, region.params))}):"]
    _lines(region, 1, out)
    return _Names().tidy("\n".join(out))
