"""What is refused, and how it reads: one golden per kind of refusal, places relative to this folder."""

from __future__ import annotations

import numpy as np
import pytest

from frontend import refused_programs
from frontend.refused_programs import CASES
from gradscribe.transpiler.errors import GradscribeError, InternalError
from gradscribe.transpiler.frontend import expressions
from gradscribe.transpiler.frontend.stage import stage


@pytest.mark.parametrize("function, args", CASES, ids=lambda v: getattr(v, "__name__", ""))
def test_refusal_text(function, args, golden):
    with pytest.raises(GradscribeError) as caught:
        stage(function, args, {})
    assert not isinstance(caught.value, InternalError)
    text = str(caught.value).replace(refused_programs.__file__, "programs.py")
    for name in ("tests/frontend/refused_programs.py", "frontend/refused_programs.py"):
        text = text.replace(name, "programs.py")
    golden.check(f"frontend_{function.__name__}.txt", text + "\n")


def test_the_programs_own_exception_comes_out():
    def f(x):
        if x.ndim != 2:
            raise ValueError("x must be a matrix")
        return x

    with pytest.raises(ValueError, match="x must be a matrix") as caught:
        stage(f, (np.ones(3),), {})
    assert not isinstance(caught.value, GradscribeError)
    assert "test_refusals.py" in caught.value.__notes__[0]


def test_unexpected_failure_is_an_internal_error_at_the_users_line(monkeypatch):
    def broken(self, node, frame):
        raise KeyError("lost")

    monkeypatch.setattr(expressions.Expressions, "evaluate_BinOp", broken)
    with pytest.raises(InternalError, match="KeyError") as caught:
        stage(lambda x: x + 1, (np.ones(3),), {})
    assert caught.value.span is not None and caught.value.span.file == __file__


def test_overlapping_arguments_are_refused_where_one_is_written():
    def reads(x, y):
        return x.sum() + y.sum()

    def writes(x, y):
        x[0] = 1.0
        return y.sum()

    base = np.arange(6.0)
    stage(reads, (base[:4], base[2:]), {})
    with pytest.raises(GradscribeError, match="share memory"):
        stage(writes, (base[:4], base[2:]), {})
