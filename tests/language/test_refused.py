"""Refused syntax: the whole message, one golden for each program."""

from __future__ import annotations

import copy

import pytest

from gradscribe.transpiler.errors import GradscribeError, InternalError
from gradscribe.transpiler.frontend.stage import stage
from language import refused_syntax, refused_values
from language.refused_syntax import REFUSED


@pytest.mark.parametrize("name", REFUSED)
def test_message(name, golden):
    function, args = REFUSED[name]
    with pytest.raises(GradscribeError) as caught:
        stage(function, copy.deepcopy(args), {})
    assert not isinstance(caught.value, InternalError)
    text = str(caught.value)
    for module in (refused_syntax, refused_values):
        path = f"{module.__name__.replace('.', '/')}.py"
        for file in (module.__file__, f"tests/{path}", path):
            text = text.replace(file, "programs.py")
    golden.check(f"syntax_{name}.txt", text + "\n")
