"""The disk cache of native code: generated modules, and beside each the machine code that Numba keeps for it.

In: the text of a loop module and the signature it is compiled for. Out: the imported function, from a file whose name
is a hash of all that the machine code depends on: text, types, processor, versions, and the kernels it calls. A
second process finds the file and its machine code and compiles nothing. The directory is GRADSCRIBE_CACHE_DIR, or the
platform's place for caches.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import llvmlite
import llvmlite.binding
import numba

import gradscribe.kernels as kernels

_FORMAT = "2"  # of generated modules and of this cache


def cache_directory() -> Path:
    """Where generated modules are kept; made if missing."""
    chosen = os.environ.get("GRADSCRIBE_CACHE_DIR")
    if chosen:
        base = Path(chosen)
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches" / "gradscribe"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", str(Path.home()))) / "gradscribe"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))) / "gradscribe"
    folder = base / "native"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@functools.cache
def _surroundings() -> str:
    """What machine code depends on besides its own text."""
    cpu = llvmlite.binding.get_host_cpu_name() + llvmlite.binding.get_host_cpu_features().flatten()
    settings = " ".join(os.environ.get(f"NUMBA_{name}", "") for name in ("CPU_NAME", "CPU_FEATURES", "OPT"))
    digest = hashlib.sha256()
    for file in sorted(Path(kernels.__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    python = f"{sys.version_info[:3]}"
    parts = (_FORMAT, python, numba.__version__, llvmlite.__version__, kernels.MATH_BACKEND, cpu, settings)
    return "\n".join((*parts, digest.hexdigest()))


def module_key(text: str, signature: object) -> str:
    """The hash that names a module's file."""
    return hashlib.sha256("\n".join((_surroundings(), str(signature), text)).encode()).hexdigest()[:32]


def load_module(key: str, text: str) -> ModuleType:
    """The module with this text, imported from its file in the cache (written first if it is not there)."""
    name = f"gradscribe_native_{key}"
    if name in sys.modules:
        return sys.modules[name]
    path = cache_directory() / f"{name}.py"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        _write(path, text)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _write(path: Path, text: str) -> None:
    """Write in one step, so that another process never sees half a file."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False, encoding="utf-8") as file:
        file.write(text)
    os.replace(file.name, path)


def compiled(text: str, name: str, signature: Any, cacheable: bool = True) -> Callable[..., Any]:
    """`name` of the module with this text, compiled for exactly `signature`, from the cache if it is there. What is not
    `cacheable` is compiled by every process."""
    module = load_module(module_key(text, signature), text)
    options = {**kernels.OPTIONS, "cache": cacheable}
    with _rows_compared_one_by_one():
        dispatcher = numba.njit([signature], **options)(getattr(module, name))
    dispatcher.disable_compile()
    return dispatcher


@contextlib.contextmanager
def _rows_compared_one_by_one() -> Iterator[None]:
    """While code is compiled: whether two rows overlap is asked before the inner loop that goes along them. LLVM would
    ask once before the loop around, for all rows together; where a nest adds to rows i and j of one array those always
    overlap, and the inner loop is never vectorised. (An option of the process: other code keeps what it had.)"""
    llvmlite.binding.set_option("", "-hoist-runtime-checks=false")
    try:
        yield
    finally:
        llvmlite.binding.set_option("", "-hoist-runtime-checks=true")
