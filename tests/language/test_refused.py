"""Refused syntax: the whole message, one golden for each program."""

from __future__ import annotations

import copy

import pytest

from gradscribe.transpiler.errors import GradscribeError, InternalError
from gradscribe.transpiler.frontend.stage import stage
from language import refused_syntax
from language.refused_syntax import REFUSED


@pytest.mark.parametrize("name", REFUSED)
def test_message(name, golden):
    function, args = REFUSED[name]
    with pytest.raises(GradscribeError) as caught:
        stage(function, copy.deepcopy(args), {})
    assert not isinstance(caught.value, InternalError)
    text = str(caught.value)
    for file in (refused_syntax.__file__, "tests/language/refused_syntax.py", "language/refused_syntax.py"):
        text = text.replace(file, "programs.py")
    golden.check(f"syntax_{name}.txt", text + "\n")
