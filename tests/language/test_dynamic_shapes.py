"""Sizes that data decide: one version and one compilation for all sizes, arrays without elements, derivatives of
results of such sizes, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import gradscribe as gs
from gradscribe.transpiler.frontend.solver import Solver
from gradscribe.transpiler.ir.builder import emit, open_block
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Var
from gradscribe.transpiler.ir.types import BOOL, INT64, ArrayType
from gradscribe.transpiler.primitives.masks import mask_of, positions_of
from gradscribe.transpiler.primitives.repeated_positions import are_distinct
from gradscribe.transpiler.primitives.structure import reshape
from oracles import relative_error


def selected(x):
    m = x > 0
    y = x.copy()
    y[m] = y[m] ** 2
    return y.sum() + x[m].sum() * np.count_nonzero(m)


def shrunk(x):
    total, v = 0.0, x
    while v.size > 1:
        total += (v[1:] * v[:-1]).sum()
        v = v[1:] * 0.5
    return total + v.sum()


def selected_gradient(x):
    m = x > 0
    return np.where(m, 2 * x, 1.0) + m * np.count_nonzero(m)


@pytest.mark.native
@pytest.mark.parametrize("function", [selected, shrunk])
def test_one_version_for_all_sizes(function):
    versions = {"python": gs.value_and_grad(function), "native": gs.jit(gs.value_and_grad(function))}
    counts = {}
    for size in (0, 1, 2, 3, 17):
        x = np.sin(np.arange(size) * 1.7 + 0.4)
        for name, differentiated in versions.items():
            value, gradient = differentiated(x)
            assert relative_error([value], [function(x)]) < 1e-12
            if function is selected:
                assert relative_error([gradient], [selected_gradient(x)]) < 1e-12
            else:
                assert gradient.shape == x.shape
            counts[name, size] = differentiated.trace_count
    for name in versions:
        assert counts[name, 17] == counts[name, 2]


@pytest.mark.parametrize("function", [lambda x: x[x > 0] ** 2, lambda x: np.append(x[x < 0], x[0]) ** 3])
def test_jacobians_of_results_sized_by_data(function):
    x = np.array([0.3, -0.7, 1.2, 0.05])
    forward, reverse = gs.jacfwd(function)(x), gs.jacrev(function)(x)
    assert reverse.shape == (function(x).size, 4)
    assert relative_error([forward], [reverse]) < 1e-12


def test_a_cotangent_of_another_size_is_refused():
    def pull(x, w):
        return gs.vjp(lambda a: a[a > 0] ** 2, x)[1](w)

    x = np.array([0.3, -0.7, 1.2])
    np.testing.assert_allclose(gs.jit(pull, backend="python")(x, np.ones(2))[0], [0.6, 0.0, 2.4])
    with pytest.raises(ValueError, match="the cotangent has not the shape of its result"):
        gs.jit(pull, backend="python")(x, np.ones(3))


def test_text_reads_as_it_was_written():
    def doubled(x):
        m = x > 0
        x[m] = x[m] ** 2
        return x[m].sum()

    text = gs.source(gs.grad(doubled), np.ones(3))
    assert "x[m]" in text and "flatnonzero" not in text and "count_nonzero" not in text
    assert "x_bar[m] +=" in text and "add.at" not in text


def test_a_negative_size_raises_natively_too():
    def summed(x, n):
        return np.zeros(n).sum() + x.sum()

    for backend in ("python", "native"):
        with pytest.raises(ValueError, match="negative dimensions"):
            gs.jit(summed, backend=backend)(np.ones(3), -2)


def test_positions_of_a_mask_are_distinct():
    rows, columns = (Var(ArrayType(BOOL, (Dim.of(3),))) for _ in range(2))
    square = Var(ArrayType(BOOL, (Dim.of(3), Dim.of(4))))
    with open_block(nested=False):
        (i,), (j,) = positions_of(rows), positions_of(columns)
        p, q = positions_of(square)
        column = emit(reshape, (i,), {"shape": (*i.shape, Dim.of(1))})[0]
    assert mask_of(p) is square and p.shape == q.shape
    assert are_distinct([i]) and are_distinct([p, q]) and are_distinct([column, j])
    assert not are_distinct([p]) and not are_distinct([q])


def test_what_is_learnt_in_a_region_holds_there():
    solver = Solver()
    a, b = (Var(ArrayType(INT64, (), True)) for _ in range(2))
    with solver.region():
        assert solver.learn_zero(Dim.of(a) - Dim.of(b).positive())
        assert solver.equal(a, Dim.of(b).positive())
    assert not solver.equal(a, Dim.of(b).positive())


def test_learning_never_goes_round_in_circles():
    solver = Solver()
    k, n = (Var(ArrayType(INT64, (), True)) for _ in range(2))
    assert solver.learn_zero(Dim.of(k) - Dim.of(k).positive())
    assert solver.learn_zero(solver.normalize(Dim.of(n) - Dim.of(k)))
    assert solver.equal(n, Dim.of(k).positive())


def _shrunk_on_one_side(b, s):
    v = 0.5 * b
    if s > 0:
        v = v[1:]
    return v.sum()


def _shrunk_on_one_side_in_a_loop(b, s):
    v = 0.5 * b
    for _ in range(3):
        if s > 0:
            v = v[1:] * s
    return v.sum()


@pytest.mark.parametrize("function", [_shrunk_on_one_side, _shrunk_on_one_side_in_a_loop])
@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)])
def test_batches_of_programs_with_sizes_that_a_branch_decides(function, axes):
    b, s = np.sin(np.arange(12.0)).reshape(3, 4), np.array([1.5, -1.0, 2.0])
    args = tuple(x if axis == 0 else x[0] for x, axis in zip((b, s), axes, strict=True))
    examples = [tuple(x[k] if axis == 0 else x for x, axis in zip(args, axes, strict=True)) for k in range(3)]
    assert np.allclose(gs.vmap(function, in_axes=axes)(*args), [function(*e) for e in examples])
    gradients = gs.vmap(gs.grad(function), in_axes=axes)(*args)
    assert np.allclose(gradients, [gs.grad(function)(*e) for e in examples])


def test_a_shape_may_mention_a_number_that_is_captured():
    """The size of the cotangent is an int that an `if` reads too: two transformations inline that function."""

    def scaled_and_cut(x, n):
        scale = 2.0 if n in (1, 2, 3) else 3.0
        return x.sum() ** 2 * scale, x[1:n]

    def pull(args, w):
        return gs.vjp(scaled_and_cut, *args)[1](w)[0]

    def product(args, w, t):
        return gs.jvp(pull, (args, w), ((t, None), (None, None)))[1]

    found = gs.jit(product, backend="python")((np.ones(5), 3), (1.0, np.ones(2)), np.ones(5))
    np.testing.assert_allclose(found, np.full(5, 20.0))
