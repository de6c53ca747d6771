"""Errors: the text a user sees, the Python errors they are caught as, and several raised as one."""

import copy
import linecache
import pickle

import pytest

import gradscribe as gs
from gradscribe.transpiler.errors import Span, raise_all

SOURCE = """\
import numpy as np


def loss(x, w):
    n = x.shape[0]
    y = x * w
    return np.sum(
        y + größe * w,
    )


\tweite, 宽度 = f(x)
"""


@pytest.fixture
def model(tmp_path, monkeypatch):
    path = tmp_path / "model.py"
    path.write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    linecache.checkcache()
    return str(path)


def span(model, text, line):
    """The span of some text in a line of SOURCE."""
    column = SOURCE.splitlines()[line - 1].index(text) + 1
    return Span(file=model, line=line, column=column, end_line=line, end_column=column + len(text), function="loss")


def test_text_of_one_error(model, golden):
    error = gs.ShapeError(
        span(model, "x * w", 6),
        "cannot broadcast (n,) with (m,) in `x * w`",
        "x: float64[n] from line 10; w: float64[m] from line 12. Did you mean `x[:, None] * w`?",
    )
    assert str(error) == (
        "model.py:6:9: ShapeError: cannot broadcast (n,) with (m,) in `x * w`\n"
        "    y = x * w\n"
        "        ^^^^^\n"
        "  x: float64[n] from line 10; w: float64[m] from line 12. Did you mean `x[:, None] * w`?"
    )
    golden.check("error_shape.txt", f"{error}\n")


def test_notes_point_at_their_own_lines(model, golden):
    error = gs.AliasError(span(model, "y", 6), "`y` may overlap `x`, which was written", "Write to a copy.")
    error.note(span(model, "n = x.shape[0]", 5), "the write").note(None, "called once per step")
    golden.check("error_notes.txt", f"{error}\n")


def test_span_of_several_lines_marks_the_first_to_its_end(model):
    place = Span(file=model, line=7, column=12, end_line=9, end_column=6, function="loss")
    assert gs.NoRule(place, "no").render().splitlines()[1:] == ["    return np.sum(", "           ^^^^^^^"]


def test_columns_count_characters_and_carets_stand_under_wide_ones(model):
    assert gs.NoRule(span(model, "w,", 8), "no").render().splitlines()[1:] == [
        "    y + größe * w,",
        "                ^^",
    ]
    assert gs.NoRule(span(model, "宽度", 12), "no").render().splitlines()[1:] == [
        "    weite, 宽度 = f(x)",
        "           ^^^^",
    ]
    assert gs.NoRule(span(model, "f(x)", 12), "no").render().splitlines()[2] == " " * 18 + "^^^^"


def test_empty_span_still_has_a_caret(model):
    place = Span(file=model, line=6, column=9, end_line=6, end_column=9, function="loss")
    assert gs.NoRule(place, "no").render().endswith("\n        ^")


def test_without_source_or_span_the_message_remains(model):
    place = Span(file="<string>", line=3, column=2, end_line=3, end_column=4)
    assert str(gs.NoRule(place, "no rule")) == "<string>:3:2: NoRule: no rule"
    assert str(gs.DTypeError(None, "int64 has no derivative", "Use floats.")) == (
        "DTypeError: int64 has no derivative\n  Use floats."
    )


def test_file_outside_the_working_directory_keeps_its_path(model, tmp_path, monkeypatch):
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert span(model, "y", 6).location == f"{model}:6:5"


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        (gs.ShapeError, ValueError),
        (gs.DTypeError, TypeError),
        (gs.IndexRangeError, IndexError),
        (gs.NoRule, NotImplementedError),
        (gs.DeviceError, RuntimeError),
        (gs.CollectiveError, RuntimeError),
        (gs.UnsupportedSyntax, gs.GradscribeError),
        (gs.NotDifferentiable, gs.GradscribeError),
        (gs.AliasError, gs.GradscribeError),
    ],
)
def test_caught_as_what_numpy_raises(kind, base):
    with pytest.raises(base):
        raise kind(None, "m")
    assert issubclass(kind, gs.GradscribeError) and kind.__module__ == "gradscribe"


def test_errors_survive_pickle_and_copy(model):
    error = gs.ShapeError(span(model, "y", 6), "m", "h").note(None, "late")
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(other) is gs.ShapeError and str(other) == str(error) and other.span == error.span


def test_raise_all_in_the_order_of_the_text(model):
    second = gs.UnsupportedSyntax(span(model, "y + ", 8), "second")
    first = gs.UnsupportedSyntax(span(model, "n = ", 5), "first")
    twice = gs.UnsupportedSyntax(span(model, "n = ", 5), "first")
    raise_all([])
    with pytest.raises(gs.UnsupportedSyntax) as caught:
        raise_all([second, first, twice])
    assert caught.value is twice or caught.value is first
    assert caught.value.others == (second,)
    lines = [line for line in str(caught.value).splitlines() if "UnsupportedSyntax" in line]
    assert lines == ["model.py:5:5: UnsupportedSyntax: first", "model.py:8:9: UnsupportedSyntax: second"]
