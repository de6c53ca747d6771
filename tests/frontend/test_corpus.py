"""Every program of the corpus is staged and evaluated: value, arguments afterwards and dtypes are Python's."""

import pytest

from frontend.running import check_against_python
from programs.catalogue import PROGRAMS


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_program_evaluates_as_in_python(program):
    """One trace serves two draws of the same shapes."""
    check_against_python(program.function, *program.make_inputs(0), others=(program.make_inputs(1),))
