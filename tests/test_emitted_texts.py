"""Emitted files stand alone, and equal input gives equal bytes.

NumPy text imports numpy and math; native modules also numba, gradscribe.kernels and gradscribe.runtime. Neither loads
the compiler. The samples write the same files in every run.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import gradscribe as gs
from emitted_texts import gradient_text, texts_of
from gradscribe.transpiler.backends.native_cache import cache_directory
from programs.catalogue import PROGRAMS, program_named

ROOT = Path(__file__).resolve().parent.parent
IN_NUMPY_TEXT = {"numpy", "math"}
IN_NATIVE_MODULES = {"numpy", "math", "numba", "gradscribe.kernels", "gradscribe.runtime"}

STANDALONE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "gradscribe":
            raise ImportError(f"{name} is imported by emitted text")

sys.meta_path.insert(0, Refuse())
for path in sys.argv[1:]:
    exec(compile(open(path, encoding="utf-8").read(), path, "exec"), {"__name__": "emitted"})
print(len(sys.argv) - 1)
"""


def run(command: list[str], **environment: str) -> str:
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests"), str(ROOT / "samples")])
    everything = {**os.environ, "PYTHONPATH": paths, **environment}
    found = subprocess.run(command, env=everything, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    return found.stdout


def imported(text: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def is_among(name: str, allowed: set[str]) -> bool:
    return any(name == known or name.startswith(f"{known}.") for known in allowed)


def test_numpy_texts_stand_alone(tmp_path):
    paths = []
    for program in PROGRAMS:
        for name, text in texts_of(program):
            assert all(is_among(module, IN_NUMPY_TEXT) for module in imported(text)), name
            paths.append(tmp_path / f"{name}.py")
            paths[-1].write_text(text, encoding="utf-8")
    assert run([sys.executable, "-c", STANDALONE, *map(str, paths)]).strip() == str(4 * len(PROGRAMS))


@pytest.mark.native
def test_native_modules_never_import_the_compiler():
    for name in ("cholesky", "while_search", "mlp_tanh"):
        program = program_named(name)
        gs.jit(program.function)(*program.make_inputs(seed=3))
    modules = sorted(cache_directory().glob("gradscribe_native_*.py"))
    assert len(modules) >= 3
    for path in modules:
        found = imported(path.read_text(encoding="utf-8"))
        assert found and all(is_among(module, IN_NATIVE_MODULES) for module in found), found


READ_BY_PEOPLE = (
    "arc_distance", "branch_in_loop", "cholesky", "conv2d", "early_return", "first_crossing", "jacobi_2d", "lorenz",
    "mlp_tanh", "newton", "rosenbrock", "seidel_2d", "softmax", "vadv",
)  # fmt: skip


@pytest.mark.parametrize("name", READ_BY_PEOPLE)
def test_gradients_as_people_read_them(golden, name):
    golden.check(f"gradients/{name}.py", gradient_text(program_named(name)))


def test_equal_input_gives_equal_bytes():
    command = [sys.executable, str(ROOT / "tests" / "emitted_texts.py")]
    first, second = (run(command, PYTHONHASHSEED=seed) for seed in ("1", "2"))
    assert len(first.splitlines()) == 4 * len(PROGRAMS)
    assert first == second


SAMPLES = """
import digits, heat
import gradscribe as gs
images, labels = digits.data()[0]
print(gs.source(gs.value_and_grad(digits.loss), digits.start(), images, labels))
truth, starts = heat.plate()
print(gs.source(gs.value_and_grad(heat.misfit), truth, starts, starts.copy(), 40, 0.05))
"""


def test_samples_are_written_identically():
    pytest.importorskip("sklearn")
    first, second = (run([sys.executable, "-c", SAMPLES], PYTHONHASHSEED=seed) for seed in ("1", "2"))
    assert first == second
    assert first.count("import numpy as np") == 2


def test_a_standalone_run_refuses_the_compiler(tmp_path):
    (tmp_path / "bad.py").write_text("import gradscribe.transpiler\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="is imported by emitted text"):
        run([sys.executable, "-c", STANDALONE, str(tmp_path / "bad.py")])
