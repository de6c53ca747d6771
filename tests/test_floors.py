"""What each room may import. import-linter holds the floors among our own rooms; this holds the rest.

Third-party packages per room, no function-level imports of our own package, no relative imports, no hidden files over
the size limit.
"""

import ast
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("transpiler", "runtime", "kernels")
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))

# The longest matching prefix decides.
ALLOWED = {
    "kernels": {"numpy", "scipy", "numba", "llvmlite"},
    "runtime": {"numpy", "scipy", "numba", "llvmlite", "cupy"},
    "transpiler": {"numpy", "scipy"},
    "transpiler/frontend": {"numpy", "scipy", "gast"},
    "transpiler/backends": {"numpy", "scipy", "numba", "llvmlite"},
}


def allowed_for(path: str) -> set[str]:
    return ALLOWED[max((prefix for prefix in ALLOWED if path.startswith(prefix)), key=len)]


def imports(module: ast.Module):
    """(dotted name, level of relative import, line, inside a function) of every import."""

    def visit(node, inside):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield alias.name, 0, child.lineno, inside
            elif isinstance(child, ast.ImportFrom):
                yield child.module or "", child.level, child.lineno, inside
            function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from visit(child, inside or function)

    return visit(module, False)


def complaints(path: str, text: str) -> list[str]:
    """Everything wrong with the imports of one file."""
    found = []
    for name, level, line, inside in imports(ast.parse(text)):
        top = name.split(".")[0]
        if level:
            found.append(f"{path}:{line}: relative import")
        elif top in ROOMS:
            found.append(f"{path}:{line}: `{name}` would load a second copy; write gradscribe.{name}")
        elif top == "gradscribe":
            if inside:
                found.append(f"{path}:{line}: function-level import of {name}")
            if name.count(".") == 0 and path != "transpiler/cli.py":
                found.append(f"{path}:{line}: the face is above every room; import the module that defines the name")
        elif top not in sys.stdlib_module_names and top not in allowed_for(path):
            found.append(f"{path}:{line}: {top} is not for this room (allowed: {', '.join(sorted(allowed_for(path)))})")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports(path):
    assert complaints(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("kernels/scan.py", "import gast"),
        ("transpiler/ir/nodes.py", "from . import types"),
        ("transpiler/ir/nodes.py", "def f():\n    from gradscribe.transpiler import tree"),
        ("transpiler/passes/fuse.py", "import numba"),
        ("transpiler/passes/fuse.py", "import gradscribe"),
        ("transpiler/passes/fuse.py", "import kernels.scan"),
        ("transpiler/backends/numpy_source.py", "import gast"),
    ],
)
def test_the_check_sees_each_offence(path, text):
    assert len(complaints(path, text)) == 1


def test_size_limit_counts_every_file_once(tmp_path):
    oversized = runpy.run_path(str(ROOT / ".ci" / "check_file_sizes.py"))["oversized"]
    (tmp_path / "kernels").mkdir()
    (tmp_path / "src" / "gradscribe").mkdir(parents=True)
    (tmp_path / "src" / "gradscribe" / "kernels").symlink_to("../../kernels")
    (tmp_path / "kernels" / "long.py").write_text("x = 1\n" * 501)
    (tmp_path / "kernels" / "short.py").write_text("x = 1\n" * 500)
    assert oversized(tmp_path) == ["kernels/long.py: 501 lines (limit 500)"]
