"""docs/language.md: equal to the table; every construct that is accepted stands in the program that shows it, and every
one that is refused has its message."""

from __future__ import annotations

import ast
import inspect
import textwrap
from pathlib import Path

import pytest

from gradscribe.transpiler.frontend.language import ACCEPTED, REFUSED_, ROWS, page
from language import refused_values, test_language  # noqa: F401  # the programs register themselves
from language.refused_syntax import REFUSED
from language.registry import LANGUAGE

ROOT = Path(__file__).resolve().parent.parent.parent
RUN = [row for row in ROWS if row.status != REFUSED_]
NOT_RUN = [row for row in ROWS if row.status == REFUSED_]


def test_the_page_is_the_table(request):
    path = ROOT / "docs" / "language.md"
    if request.config.getoption("--update-golden"):
        path.write_text(page(), encoding="utf-8")
    assert path.read_text(encoding="utf-8") == page()


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def contains(text: str, uses: str) -> bool:
    """Does a program's text have such a node, or mention such a name?"""
    nodes = list(ast.walk(ast.parse(textwrap.dedent(text))))
    if uses.startswith("call "):
        return any(_dotted(node) == uses.removeprefix("call ") for node in nodes)
    kind, _, field = uses.partition(".")
    found = [node for node in nodes if type(node).__name__ == kind]
    return any(getattr(node, field) for node in found) if field else bool(found)


@pytest.mark.parametrize("row", RUN, ids=lambda row: row.construct)
def test_what_is_accepted_is_shown(row):
    function = inspect.unwrap(LANGUAGE[row.shown_by].function)
    assert not row.uses or contains(inspect.getsource(function), row.uses)
    assert row.note or row.status == ACCEPTED


@pytest.mark.parametrize("row", NOT_RUN, ids=lambda row: row.construct)
def test_what_is_refused_has_its_message(row):
    assert row.shown_by in REFUSED
    golden = (ROOT / "tests" / "golden" / f"syntax_{row.shown_by}.txt").read_text(encoding="utf-8")
    assert row.note and row.note in golden
    assert row.remedy and row.remedy in golden


def test_nodes_are_found():
    assert contains("for x in y:\n    pass\nelse:\n    z()", "For.orelse")
    assert not contains("for x in y:\n    pass", "For.orelse")
    assert contains("itertools.chain(a)", "call itertools.chain")
    assert not contains("chain(a)", "call itertools.chain")
