"""What is made of texts goes with them: a program that makes functions again and again does not grow."""

from __future__ import annotations

import gc
import importlib.util
import linecache
import weakref

import numpy as np

import gradscribe as gs
from gradscribe.transpiler.frontend import fence, liveness, source

TEXT = """
def f(x):
    total = 0.0
    for k in range(3):
        total = total + {number} * x[k] * x[k]
    return total
"""


def module_function(folder, number):
    """The function of a file of its own."""
    path = folder / f"made_{number}.py"
    path.write_text(TEXT.format(number=float(number)))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.f


def test_files_are_forgotten_in_their_turn(tmp_path):
    x = np.array([1.0, 2.0, 3.0])
    limit = source._parsed.cache_info().maxsize
    assert gs.grad(module_function(tmp_path, 0))(x).tolist() == [0.0, 0.0, 0.0]
    node = weakref.ref(source.node_of(module_function(tmp_path, 0))[0])
    assert node() in fence._accepted and node() in liveness._cache
    for number in range(1, limit + 1):
        source.node_of(module_function(tmp_path, number))
    gc.collect()
    assert node() is None
    assert gs.grad(module_function(tmp_path, 5))(x).tolist() == [10.0, 20.0, 30.0]


def test_emitted_text_goes_with_its_function(tmp_path):
    def emitted():
        return {name for name in linecache.cache if name.startswith("<gradscribe ")}

    gc.collect()
    before = emitted()
    transformed = gs.grad(module_function(tmp_path, 2))
    transformed(np.array([1.0, 2.0, 3.0]))
    assert emitted() - before
    del transformed
    gc.collect()
    assert not emitted() - before
