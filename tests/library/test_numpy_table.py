"""Every function of the NumPy table on random inputs: value, dtype and kind of scalar are NumPy's own."""

import operator

import numpy as np
import pytest

from gradscribe.transpiler.library.numpy_table import BINARY, METHODS, NUMPY_RULES, UNARY, nearest_names
from library import special_calls as special_calls
from library.driver import Size, check
from library.table_calls import CASES, floats, ints, name, single, truths


@pytest.mark.parametrize("entry", CASES, ids=name)
def test_rule_is_the_function(entry):
    function, args, options = entry
    check(function, NUMPY_RULES[function], *args, **options)


def test_every_rule_has_a_case():
    untested = [f for f in NUMPY_RULES if f not in {function for function, _, _ in CASES}]
    aliases = {"amax", "amin", "around", "radians", "degrees", "ascontiguousarray", "permute_dims", "matrix_transpose"}
    others = {
        "empty",
        "empty_like",
        "vector_norm",
        "triu_indices",
        "isinf",
        "lstsq",
    }  # no value, the same rule under another name, or a size that data decide (test_matrix_decompositions.py)
    scalar_types = {f.__name__ for f in untested if isinstance(f, type)}
    assert {f.__name__ for f in untested} - aliases - others - scalar_types - set(dir(operator)) == set()


# ---- operators ----

OPERATORS = {
    "Add": operator.add, "Sub": operator.sub, "Mult": operator.mul, "Div": operator.truediv,
    "FloorDiv": operator.floordiv, "Mod": operator.mod, "Pow": operator.pow, "Lt": operator.lt, "LtE": operator.le,
    "Gt": operator.gt, "GtE": operator.ge, "Eq": operator.eq, "NotEq": operator.ne,
}  # fmt: skip
VALUES = {
    "array": lambda: floats(3, low=0.2),
    "single": lambda: single(3, low=0.2),
    "ints": lambda: ints(3, low=1),
    "matrix": lambda: floats(2, 3, low=0.2),
    "float64": lambda: np.float64(1.25),
    "float32": lambda: np.float32(0.75),
    "float": lambda: 1.5,
    "size": lambda: Size(5),
    "int": lambda: 2,
    "bool": lambda: True,
    "truths": lambda: truths(3),
}


@pytest.mark.parametrize("right", VALUES)
@pytest.mark.parametrize("left", VALUES)
@pytest.mark.parametrize("name", OPERATORS)
def test_operator(name, left, right):
    x, y = VALUES[left](), VALUES[right]()
    try:
        OPERATORS[name](x, y)
    except TypeError:
        with pytest.raises(TypeError):
            check(lambda *_: None, BINARY[name], x, y)
        return
    if name == "Pow" and left in ("size", "int", "bool") and right == "size":
        assert BINARY[name](2, 3) == 8
    check(OPERATORS[name], BINARY[name], x, y)


@pytest.mark.parametrize("left", ["size", "int", "ints", "bool", "truths"])
@pytest.mark.parametrize("right", ["size", "int", "ints"])
@pytest.mark.parametrize(
    ("name", "function"),
    [("BitAnd", operator.and_), ("BitOr", operator.or_), ("BitXor", operator.xor), ("LShift", operator.lshift)],
)
def test_bit_operator(name, function, left, right):
    check(function, BINARY[name], VALUES[left](), VALUES[right]())


@pytest.mark.parametrize("kind", VALUES)
def test_unary_operators(kind):
    x = VALUES[kind]()
    if kind != "truths":
        check(operator.neg, UNARY["USub"], x)
        check(operator.pos, UNARY["UAdd"], x)
    if np.ndim(x) == 0:
        check(operator.not_, UNARY["Not"], x)
    if np.asarray(x).dtype.kind in "iub" and kind != "bool":
        check(operator.invert, UNARY["Invert"], x)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_method(name):
    x = floats(4, 4)
    arguments = {
        "reshape": (2, 8),
        "astype": (np.float32,),
        "swapaxes": (0, 1),
        "repeat": (2,),
        "take": ([1, 2],),
        "dot": (x,),
        "compress": (np.array([True, False, True, True]), 0),
    }
    if name == "ptp":  # no longer a method of arrays
        check(np.ptp, METHODS[name], x)
        return
    if name == "searchsorted":
        x, arguments[name] = np.sort(floats(4)), (0.3,)
    if name == "clip":
        arguments[name] = (-0.5, 0.5)
    check(
        lambda a, *rest: getattr(a, name)(*rest),
        METHODS[name],
        x,
        *arguments.get(name, ()),
        known_sizes=name == "reshape",
    )


def test_nearest_names():
    assert "numpy.sum" in nearest_names(np.sum)
    assert "numpy.std" in nearest_names(np.nanstd)
    assert nearest_names(lambda: None) == []
