"""The documentation is run: the Python blocks of README.md, guide and numerics, and the output shown behind them.

The blocks of one file share a namespace and run in order, each from a file of its own, whose name is the comment on the
block's first line (`# model.py`), because gradscribe reads source files. A block fenced as `text output` shows what the
Python block before it prints; `--update-golden` writes it anew. docs/functions.md lists the table of functions.
"""

import contextlib
import io
import math
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import scipy.special

from gradscribe.transpiler.library.numpy_table import METHODS, NUMPY_RULES
from gradscribe.transpiler.library.numpy_texts import NUMPY_TEXTS

ROOT = Path(__file__).resolve().parent.parent
FENCED = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"# (\w+\.py)\n")
# Modules whose functions the page describes in its introduction instead of listing them.
HIDDEN = ("builtins", "_operator", "gradscribe.transpiler.library.derivative_rules")
OWN = "gradscribe.kernels."
# every page that shows output
PAGES = [
    page.relative_to(ROOT).as_posix()
    for page in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")))
    if "```text output" in page.read_text(encoding="utf-8")
]


def run_blocks(text, folder, namespace):
    """Run the Python blocks of a page; return (start, end, printed) for every block that shows output."""
    printed, shown = "", []
    for number, block in enumerate(FENCED.finditer(text), 1):
        if block["kind"] == "python":
            named = FILE_NAME.match(block["text"])
            path = folder / (named[1] if named else f"block_{number}.py")
            path.write_text(block["text"], encoding="utf-8")
            stream = io.StringIO()
            with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
                exec(compile(block["text"], str(path), "exec"), namespace)
            printed = stream.getvalue()
        elif block["kind"] == "text output":
            shown.append((block.start("text"), block.end("text"), printed))
    return shown


@pytest.mark.native
@pytest.mark.parametrize("page", PAGES)
def test_page(page, tmp_path, monkeypatch, request):
    path = ROOT / page
    text = path.read_text(encoding="utf-8")
    module = types.ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    shown = run_blocks(text, tmp_path, module.__dict__)
    assert shown
    if request.config.getoption("--update-golden"):
        for start, end, printed in reversed(shown):
            text = text[:start] + printed + text[end:]
        path.write_text(text, encoding="utf-8")
        return
    for start, end, printed in shown:
        assert printed == text[start:end], f"{page}, line {text.count(chr(10), 0, start)}: prints something else"


def test_blocks_are_run_and_compared(tmp_path):
    page = "```python\n# one.py\nx = 1\nprint(x)\n```\n\n```text output\n2\n```\n\n```python\nprint(x + 1)\n```\n"
    ((start, end, printed),) = run_blocks(page, tmp_path, {})
    assert (page[start:end], printed) == ("2\n", "1\n")
    assert (tmp_path / "one.py").exists()
    with pytest.raises(ZeroDivisionError):
        run_blocks("```python\n1 / 0\n```\n", tmp_path, {})


def listed(heading, text):
    """The names in backticks under a heading."""
    section = re.split(r"^## ", text, flags=re.MULTILINE)
    (found,) = [part for part in section if part.startswith(heading)]
    return re.findall(r"`([^`]+)`", found)


def test_the_list_of_functions_is_the_table():
    text = (ROOT / "docs" / "functions.md").read_text(encoding="utf-8")
    by_module = {"NumPy": "numpy", "math": "math", "scipy.special": "scipy.special"}
    by_module |= {"np.linalg": "numpy.linalg", "np.fft": "numpy.fft", "scipy.linalg": "scipy.linalg"}
    found = [name for heading in by_module for name in listed(f"{heading}\n", text)]
    assert len(found) == len(set(found))
    known = {id(function) for function in (*NUMPY_RULES, *NUMPY_TEXTS)}
    for name in found:
        assert id(resolve(name)) in known, f"{name} is not in the table"
    modules = {function: getattr(function, "__module__", None) or "" for function in NUMPY_RULES}
    builtin = {id(function) for function, name in modules.items() if name in HIDDEN or name.startswith(OWN)}
    missing = known - builtin - {id(resolve(name)) for name in found}
    assert not [function for function in NUMPY_RULES if id(function) in missing]
    assert listed("Methods of arrays\n", text) == list(METHODS)


def resolve(name):
    """The object that a dotted name means: `np.linalg.norm`."""
    first, *rest = name.split(".")
    found = {"np": np, "math": math, "scipy": scipy}[first]
    for part in rest:
        found = getattr(found, part)
    return found
