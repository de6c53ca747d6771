"""Published methods in the language of textbooks: gradients against differences, compiled."""

import copy
import inspect

import numpy as np
import pytest
from tests.oracles import directional_error, leaves, relative_error
from tests.programs.published_language import PUBLISHED_LANGUAGE
from tests.test_published import MEASURE, load

import gradscribe as gs

LONG = ("rts_smoother", "levenberg_marquardt")  # ten seconds of compiling and more
HEADER = "import numpy as np\nfrom tests.programs.published_language import PUBLISHED_LANGUAGE\n" + MEASURE
LOSS = """

def {name}_loss({parameters}):
    return measure(PUBLISHED_LANGUAGE["{name}"].function({parameters}))
"""


def loss_text(name):
    case = PUBLISHED_LANGUAGE[name]
    parameters = list(inspect.signature(case.function).parameters)[: len(case.arguments)]
    return LOSS.format(name=name, parameters=", ".join(parameters))


@pytest.fixture(scope="module")
def losses(tmp_path_factory):
    path = tmp_path_factory.mktemp("published") / "losses.py"
    path.write_text(HEADER + "".join(map(loss_text, PUBLISHED_LANGUAGE)))
    return load(path)


def arguments(name):
    return copy.deepcopy(PUBLISHED_LANGUAGE[name].arguments)


@pytest.mark.parametrize("name", PUBLISHED_LANGUAGE)
def test_gradients_agree_with_differences(losses, name):
    loss = getattr(losses, f"{name}_loss")
    argnums = PUBLISHED_LANGUAGE[name].argnums
    args = arguments(name)
    value, gradient = gs.value_and_grad(loss, argnums=argnums)(*args)
    assert relative_error(value, loss(*arguments(name))) < 1e-13
    assert all(np.array_equal(a, b) for a, b in zip(leaves(list(args)), leaves(list(arguments(name))), strict=True))
    for seed in (0, 2):
        assert directional_error(loss, arguments(name), argnums, gradient, 1.0, seed) < 1e-8


CELLS = [pytest.param(n, marks=pytest.mark.slow) if n in LONG else n for n in PUBLISHED_LANGUAGE]


@pytest.mark.native
@pytest.mark.parametrize("name", CELLS)
def test_compiled_gradients(losses, name):
    transformed = gs.value_and_grad(getattr(losses, f"{name}_loss"), argnums=PUBLISHED_LANGUAGE[name].argnums)
    value, gradient = transformed(*arguments(name))
    compiled_value, compiled_gradient = gs.jit(transformed)(*arguments(name))
    assert relative_error(compiled_value, value) < 1e-12
    assert relative_error(list(compiled_gradient), list(gradient)) < 1e-10
