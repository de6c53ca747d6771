"""Exceptions that programs raise about data: the type, the message with its values, and the user's line, from emitted
source and from native code."""

from __future__ import annotations

import numpy as np
import pytest

import gradscribe as gs
from api import raising_programs as programs

BACKENDS = [pytest.param("python", id="source"), pytest.param("native", id="native", marks=pytest.mark.native)]


GOOD, BAD = np.array([1.0, 2.0, 0.5]), np.array([-1.0, 0.25, -3.5])
PROGRAMS = [
    programs.asserts, programs.raises, programs.raises_own, programs.raises_a_number, programs.raises_after_work,
    programs.raises_in_both,
]  # fmt: skip


def error_of(function, *args):
    try:
        function(*args)
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("function", PROGRAMS, ids=lambda f: f.__name__)
def test_raises_what_python_raises(function, backend):
    for transformed in (
        gs.jit(function, backend=backend),
        gs.jit(gs.grad(function), backend=backend),
    ):
        assert error_of(transformed, GOOD) is None
        expected, found = error_of(function, BAD), error_of(transformed, BAD)
        assert type(found) is type(expected)
        assert str(found) == str(expected)
        line = expected.__traceback__.tb_next.tb_lineno
        assert f"raising_programs.py:{line}:" in "".join(found.__notes__)


def test_an_assertion_without_message_says_what_it_asserts():
    found = error_of(gs.grad(programs.asserts_plainly), BAD)
    assert type(found) is AssertionError and str(found) == "np.all(x > 0)"


@pytest.mark.parametrize("backend", BACKENDS)
def test_sizes_in_messages(backend):
    jitted = gs.jit(programs.checks_a_size, backend=backend)
    jitted(GOOD, 2)
    found = error_of(jitted, GOOD, 7)
    assert type(found) is IndexError and str(found) == "n=7 of 3 ((3,))"


def test_the_message_is_made_only_where_the_assertion_fails():
    def first(x, k):
        assert k < len(x), f"{x[k]}"
        return x[0]

    with pytest.raises(IndexError):
        first(GOOD, 5)
    assert gs.grad(first)(GOOD, 2)[0] == 1.0
    with pytest.raises(IndexError):
        gs.grad(first)(GOOD, 5)


def test_text_imports_exceptions_that_a_module_has():
    text = gs.source(gs.grad(programs.raises_own), GOOD)
    assert "import Diverged\n" in text and 'raise Diverged("at %.3f after %d" % (s, x_size))' in text


def test_text_refuses_exceptions_that_no_module_has():
    class Local(Exception):
        pass

    def fails(x):
        if x < 0:
            raise Local(f"{x}")
        return x

    with pytest.raises(Local, match=r"-1\.0"):
        gs.grad(fails)(-1.0)
    with pytest.raises(gs.GradscribeError, match=r"Local(.|\n)*define it at the top of a module"):
        gs.source(gs.grad(fails), 1.0)


REFUSED = {
    "two values": lambda x: raise_two(x),
    "returned": lambda x: f"{x}",
    "compared": lambda x: x if f"{x}" == "1.0" else -x,
    "length": lambda x: x * len(f"{x}"),
    "key": lambda x: {f"{x}": x}["a"],
    "method": lambda x: print(f"{x}".upper()),
    "format by data": lambda x: print(f"{x:{x}}"),
    "format that does not fit": lambda x: print(f"{np.array([x, x]):.3f}"),
    "file": lambda x: print(x, file=open("/dev/null", "w")),
    "loop-carried": lambda x: carries_text(x),
}


def raise_two(x):
    if x > 0:
        raise ValueError("two", x)
    return x


def carries_text(x):
    text = "none"
    for _ in range(3):
        x = x * 2
        text = f"{x}"
    print(text)
    return x


@pytest.mark.parametrize("what", REFUSED)
def test_other_uses_of_text_are_refused_with_their_place(what):
    with pytest.raises(gs.GradscribeError, match=r"test_messages.py:\d+:\d+"):
        gs.jit(REFUSED[what], backend="python")(1.0)
