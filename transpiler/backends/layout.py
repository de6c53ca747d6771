"""Python expressions as text: parentheses only where needed, long statements broken at commas or operators.

In: `ast` expressions made of names, constants, attributes, calls, subscripts, operators, tuples, lists and
comprehensions. Out: text. An own printer, because the bytes of `ast.unparse` differ between Python versions."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

LINE_WIDTH = 88

_BINARY = {
    ast.BitOr: ("|", 6), ast.BitXor: ("^", 7), ast.BitAnd: ("&", 8), ast.LShift: ("<<", 9), ast.RShift: (">>", 9),
    ast.Add: ("+", 10), ast.Sub: ("-", 10), ast.Mult: ("*", 11), ast.Div: ("/", 11), ast.FloorDiv: ("//", 11),
    ast.Mod: ("%", 11), ast.MatMult: ("@", 11), ast.Pow: ("**", 13),
}  # fmt: skip
_UNARY = {ast.USub: ("-", 12), ast.UAdd: ("+", 12), ast.Invert: ("~", 12), ast.Not: ("not ", 4)}
_COMPARE = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is",
    ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
_TEST, _OR, _AND, _NOT, _COMPARISON, _ATOM = 1, 2, 3, 4, 5, 15


def write(node: ast.expr, least: int = 0) -> str:
    """The text of an expression, in parentheses if it binds weaker than `least`."""
    text, strength = _written(node)
    return f"({text})" if strength < least else text


def _written(node: ast.expr) -> tuple[str, int]:
    match node:
        case ast.Name(id=name):
            return name, _ATOM
        case ast.Constant(value=value):
            negative = isinstance(value, (int, float)) and not isinstance(value, bool) and str(value).startswith("-")
            return _constant(value), 12 if negative else _ATOM
        case ast.Attribute(value=value, attr=attr):
            number = isinstance(value, ast.Constant) and isinstance(value.value, (int, float))
            return f"({write(value)}).{attr}" if number else f"{write(value, _ATOM)}.{attr}", _ATOM
        case ast.Call():
            return f"{write(node.func, _ATOM)}({', '.join(arguments(node))})", _ATOM
        case ast.Subscript(value=value, slice=index):
            return f"{write(value, _ATOM)}[{subscript(index)}]", _ATOM
        case ast.BinOp(left=left, op=op, right=right):
            sign, strength = _BINARY[type(op)]
            if isinstance(op, ast.Pow):
                return f"{write(left, strength + 1)} ** {write(right, 12)}", strength
            return f"{write(left, strength)} {sign} {write(right, strength + 1)}", strength
        case ast.UnaryOp(op=op, operand=operand):
            sign, strength = _UNARY[type(op)]
            return f"{sign}{write(operand, strength)}", strength
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            pairs = zip(ops, comparators, strict=True)
            rest = "".join(f" {_COMPARE[type(op)]} {write(right, _COMPARISON + 1)}" for op, right in pairs)
            return write(left, _COMPARISON + 1) + rest, _COMPARISON
        case ast.BoolOp(op=op, values=values):
            word, strength = ("and", _AND) if isinstance(op, ast.And) else ("or", _OR)
            return f" {word} ".join(write(v, strength + 1) for v in values), strength
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return f"{write(body, _TEST + 1)} if {write(test, _TEST + 1)} else {write(orelse, _TEST)}", _TEST
        case ast.Tuple(elts=elements):
            return f"({items(elements)})", _ATOM
        case ast.List(elts=elements):
            return f"[{', '.join(write(e) for e in elements)}]", _ATOM
        case ast.Dict(keys=keys, values=values):
            pairs_text = [f"{write(k)}: {write(v)}" for k, v in zip(keys, values, strict=True) if k is not None]
            return f"{{{', '.join(pairs_text)}}}", _ATOM
        case ast.JoinedStr(values=values):
            return _f_string(values), _ATOM
        case ast.ListComp(elt=element, generators=[ast.comprehension(target=target, iter=source)]):
            return f"[{write(element)} for {write(target)} in {write(source, _OR)}]", _ATOM
    raise NotImplementedError(ast.dump(node))


def _constant(value: object) -> str:
    if isinstance(value, str):
        quoted = repr(value)
        return '"' + quoted[1:-1] + '"' if quoted[0] == "'" and '"' not in value else quoted
    return "..." if value is Ellipsis else repr(value)


def _f_string(values: Sequence[ast.expr]) -> str:
    """An f-string; `"...".format(...)` where an expression in it has a quote or backslash (not allowed before 3.12)."""
    fields = [v for v in values if isinstance(v, ast.FormattedValue)]
    texts = [write(v.value) for v in fields]
    template = []
    plain = "".join(str(v.value) for v in values if isinstance(v, ast.Constant))
    quote = "'" if '"' in plain and "'" not in plain else '"'
    as_format = any(c in text for text in texts for c in "\"'\\\n") or any(text.startswith("{") for text in texts)
    names = iter(texts)
    for v in values:
        if isinstance(v, ast.FormattedValue):
            conversion = "" if v.conversion < 0 else f"!{chr(v.conversion)}"
            spec = f":{_escaped(_spec_text(v), quote)}" if v.format_spec is not None else ""
            name = next(names)
            template.append(f"{{{'' if as_format else name}{conversion}{spec}}}")
        elif isinstance(v, ast.Constant):
            template.append(_escaped(str(v.value), quote).replace("{", "{{").replace("}", "}}"))
    body = f"{quote}{''.join(template)}{quote}"
    return f"{body}.format({', '.join(texts)})" if as_format else f"f{body}"


def _spec_text(field: ast.FormattedValue) -> str:
    parts = field.format_spec.values if isinstance(field.format_spec, ast.JoinedStr) else []
    return "".join(str(p.value) for p in parts if isinstance(p, ast.Constant))


def _escaped(text: str, quote: str) -> str:
    """The inside of a string literal."""
    return "".join(
        f"\\{c}" if c in (quote, "\\") else c if c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )


def negated(test: ast.expr) -> ast.expr:
    """`not test`, without a double negation. (Of the comparisons only these two have an opposite where NaNs are.)"""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], (ast.Eq, ast.NotEq)) and len(test.ops) == 1:
        opposite = ast.NotEq() if isinstance(test.ops[0], ast.Eq) else ast.Eq()
        return ast.Compare(left=test.left, ops=[opposite], comparators=test.comparators)
    return ast.UnaryOp(op=ast.Not(), operand=test)


def items(elements: Sequence[ast.expr]) -> str:
    """Elements of a tuple, without parentheses."""
    return f"{write(elements[0])}," if len(elements) == 1 else ", ".join(write(e) for e in elements)


def arguments(call: ast.Call) -> list[str]:
    return [write(a) for a in call.args] + [f"{k.arg}={write(k.value)}" for k in call.keywords]


def subscript(index: ast.expr) -> str:
    if isinstance(index, ast.Tuple) and index.elts:
        return f"{subscript(index.elts[0])}," if len(index.elts) == 1 else ", ".join(map(subscript, index.elts))
    if isinstance(index, ast.Slice):
        step = "" if index.step is None else f":{write(index.step)}"
        lower = "" if index.lower is None else write(index.lower)
        return f"{lower}:{'' if index.upper is None else write(index.upper)}{step}"
    return write(index)


# ---- statements ----


def broken(before: str, node: ast.expr, after: str, indent: int, bare_tuple: bool = False) -> list[str]:
    """`before node after` on one line if it fits, else over several; `indent` in spaces."""
    pad = " " * indent
    text = items(node.elts) if bare_tuple and isinstance(node, ast.Tuple) and len(node.elts) > 1 else write(node)
    if len(pad) + len(before) + len(text) + len(after) <= LINE_WIDTH:
        return [f"{pad}{before}{text}{after}"]
    opening, parts, closing = _parts(node)
    if not parts:
        return [f"{pad}{before}{text}{after}"]
    inner = " " * (indent + 4)
    lines = [f"{pad}{before}{opening}"]
    joined = " ".join(part.text for part in parts).rstrip(",")
    if len(inner) + len(joined) <= LINE_WIDTH and not (isinstance(node, ast.Tuple) and len(parts) == 1):
        lines.append(inner + joined)
    else:
        lines += [line for part in parts for line in _part_lines(part, indent + 4)]
    return [*lines, f"{pad}{closing}{after}"]


@dataclass(frozen=True)
class _Part:
    """Something that may stand on lines of its own: `before node,`, or a text that is not broken further."""

    text: str
    before: str = ""
    node: ast.expr | None = None


def _part_lines(part: _Part, indent: int) -> list[str]:
    pad = " " * indent
    if part.node is None or len(pad) + len(part.text) <= LINE_WIDTH:
        return [pad + part.text]
    if isinstance(part.node, ast.BinOp):  # inside brackets an operation needs none of its own
        _, chain, _ = _parts(part.node)
        texts = [p.text for p in chain] or [write(part.node)]
        return [pad + text for text in (part.before + texts[0], *texts[1:-1], f"{texts[-1]},")]
    return broken(part.before, part.node, ",", indent)


def _element(node: ast.expr, before: str = "") -> _Part:
    return _Part(f"{before}{write(node)},", before, node)


def _parts(node: ast.expr) -> tuple[str, list[_Part], str]:
    """Opening, parts, closing."""
    if isinstance(node, ast.Call) and (node.args or node.keywords):
        named = [_element(k.value, f"{k.arg}=") for k in node.keywords]
        return f"{write(node.func, _ATOM)}(", [*map(_element, node.args), *named], ")"
    if isinstance(node, ast.Tuple):
        return "(", [_element(e) for e in node.elts], ")"
    if isinstance(node, ast.List):
        return "[", [_element(e) for e in node.elts], "]"
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return "{", [_element(v, f"{write(k)}: ") for k, v in pairs if k is not None], "}"
    if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.Pow):
        strength = _BINARY[type(node.op)][1]
        chain: list[_Part] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp) and _BINARY[type(left.op)][1] == strength:
            sign = _BINARY[type(left.op)][0]
            chain.append(_Part(f"{sign} {write(left.right, strength + 1)}"))
            left = left.left
        return "(", [_Part(write(left, strength)), *reversed(chain)], ")"
    return "", [], ""
