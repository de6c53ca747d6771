"""The command line: derivatives and batched versions of functions in files, as files.

In: `file.py:function` and what its arguments look like. Out: a module's text. Exit codes: 0 done; 1 the program was
refused (message with file, line and caret on stderr); 2 wrong usage; 3 what was written failed its numerical check.
"""

from __future__ import annotations

import argparse
import ast
import importlib.metadata
import importlib.util
import inspect
import os
import platform
import sys
import traceback
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gradscribe.transpiler.api.annotations import Spec, parse
from gradscribe.transpiler.api.emission import CheckFailed, emit
from gradscribe.transpiler.api.inspection import LEVELS
from gradscribe.transpiler.errors import GradscribeError

DONE, REFUSED, USAGE, WRONG = 0, 1, 2, 3
_COMMANDS = {
    "grad": "gradients of a scalar result",
    "jvp": "a directional derivative: f_jvp(*args, *tangents)",
    "vjp": "value and pullback in one: f_vjp(*args, *cotangents)",
    "vmap": "the function over a stack of examples",
    "hessian": "second derivatives of a scalar result",
    "show": "the function itself, as it is understood",
}
_PACKAGES = ("numpy", "scipy", "numba", "llvmlite", "gast")


class Usage(Exception):
    """The command line asks for something that is not there."""


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser(
        prog="gradscribe", description="Writes derivatives and batched versions of NumPy functions."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    for name, text in _COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("target", help="file.py:function")
        given = command.add_mutually_exclusive_group()
        given.add_argument("--args", help="arguments as text: \"f64[n,d], f64[], {w: f64[d]}, int, 'relu'\"")
        given.add_argument(
            "--example", help="file.py:callable (or just its name) that returns a tuple of example arguments"
        )
        command.add_argument("-o", "--output", help="file to write (default: standard output)")
        command.add_argument("--level", choices=LEVELS, default="numpy", help="what to write (default: numpy)")
        command.add_argument("--check", action="store_true", help="run what was written and compare it numerically")
        if name in ("grad", "jvp", "vjp", "hessian"):
            command.add_argument(
                "--wrt", help="arguments to differentiate, by name or number: w,b (default: the first)"
            )
        if name == "grad":
            command.add_argument("--value", action="store_true", help="return (value, gradient)")
        if name == "vmap":
            command.add_argument(
                "--in-axes", default="0", help='batch axes as in gs.vmap: 0, or "(None, 0)" (default: 0)'
            )
    commands.add_parser("doctor", help="versions and what works here")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (argparse itself exits with 2)."""
    options = parser().parse_args(argv)
    try:
        if options.command == "doctor":
            return _doctor()
        return _write(options)
    except Usage as error:
        print(f"gradscribe: {error}", file=sys.stderr)
        return USAGE
    except CheckFailed as error:
        print(f"gradscribe: check failed: {error}", file=sys.stderr)
        return WRONG
    except GradscribeError as error:
        print(error, file=sys.stderr)
        return REFUSED


def _write(options: argparse.Namespace) -> int:
    function = _load(options.target)
    if not callable(function):
        raise Usage(f"{options.target} is not a function")
    arguments = _arguments(options, function)
    command = "value_and_grad" if getattr(options, "value", False) else options.command
    wrt = _positions(getattr(options, "wrt", None), function, len(arguments))
    try:
        emission = emit(command, function, arguments, wrt, _literal(getattr(options, "in_axes", "0")))
        text = emission.text(options.level)
    except GradscribeError:
        raise
    except (TypeError, ValueError) as error:
        raise GradscribeError(None, str(error)) from error
    if options.check:
        try:
            verdict = emission.check()
        except (CheckFailed, GradscribeError):
            raise
        except Exception as error:  # the function's own, on the data that were drawn
            what = "".join(traceback.format_exception_only(error)).rstrip()
            raise CheckFailed(f"on random arguments the function raises\n{what}") from error
        print(f"gradscribe: {verdict}", file=sys.stderr)
    if options.output:
        Path(options.output).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return DONE


# ---- what the user named ----


def _load(target: str) -> Any:
    """`file.py:name` (dots for attributes) as an object."""
    file, colon, name = target.rpartition(":")
    if not colon or not name:
        raise Usage(f"{target!r} is not of the form file.py:function")
    path = Path(file)
    if not path.is_file():
        raise Usage(f"there is no file {file}")
    found: Any = _module(path)
    for part in name.split("."):
        if not hasattr(found, part):
            raise Usage(f"{file} has no {name}")
        found = getattr(found, part)
    return found


def _module(path: Path) -> Any:
    """A file as a module, imported once, with its folder on the path (as Python does for scripts)."""
    path = path.resolve()
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) == str(path):
            return module
    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Usage(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise Usage(f"{path.name} cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(path.parent))
    return module


def _arguments(options: argparse.Namespace, function: Callable[..., Any]) -> tuple[Any, ...]:
    """From --args, --example, or the annotations of the function."""
    if options.args is not None:
        try:
            return parse(options.args)
        except ValueError as error:
            raise Usage(f"--args: {error}") from error
    if options.example is not None:
        named = options.example if ":" in options.example else f"{options.target.rpartition(':')[0]}:{options.example}"
        maker = _load(named)
        given = maker() if callable(maker) else maker
        if not isinstance(given, tuple):
            raise Usage(f"{named} must return a tuple of arguments, got {type(given).__name__}")
        return given
    return _annotated(function)


def _annotated(function: Callable[..., Any]) -> tuple[Any, ...]:
    try:
        hints = typing.get_type_hints(function)
    except Exception:
        hints = getattr(function, "__annotations__", {})
    found = []
    for name, parameter in inspect.signature(function).parameters.items():
        hint = hints.get(name)
        if isinstance(hint, Spec):
            found.append(hint)
        elif hint in (int, float, complex):
            found.extend(parse(hint.__name__))
        elif parameter.default is parameter.empty:
            raise Usage(f'what is argument {name}? Say --args or --example, or annotate it: {name}: F64["n d"]')
    return tuple(found)


def _positions(wrt: str | None, function: Callable[..., Any], count: int) -> tuple[int, ...]:
    if wrt is None:
        return (0,)
    names = [p.name for p in inspect.signature(function).parameters.values()]
    found = []
    for part in (part.strip() for part in wrt.split(",")):
        if part in names:
            found.append(names.index(part))
        elif part.lstrip("-").isdigit() and -count <= int(part) < count:
            found.append(int(part) % count)
        else:
            raise Usage(f"--wrt {part}: the arguments are {', '.join(names)}")
    return tuple(found)


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError) as error:
        raise Usage(f"--in-axes {text}: expected an integer, or a tuple of integers and None") from error


def _doctor() -> int:
    """What is installed, and whether native code can be made."""
    print(f"Python {platform.python_version()} on {platform.machine()}, {os.cpu_count()} cores")
    missing = False
    for package in _PACKAGES:
        try:
            print(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            print(f"{package} is missing")
            missing = True
    return REFUSED if missing else DONE
