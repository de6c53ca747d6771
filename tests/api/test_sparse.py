"""`gs.sparsity`, `gs.sparse_jacobian` and `gs.sparse_hessian` as users call them, against dense Jacobians."""

import numpy as np
import pytest
import scipy.sparse as sp

import gradscribe as gs


def tridiagonal(x):
    y = np.zeros_like(x)
    for i in range(1, len(x) - 1):
        y[i] = x[i - 1] ** 2 - 2.0 * np.sin(x[i]) + x[i] * x[i + 1]
    y[0] = x[0]
    return y


def shifted(x):
    y = -2.0 * np.sin(x)
    y[1:] += x[:-1] ** 2
    y[:-1] += x[1:] * x[:-1]
    return y


def laplacian(u):
    r = 4.0 * u - np.exp(u)
    r[1:, :] -= u[:-1, :]
    r[:-1, :] -= u[1:, :]
    r[:, 1:] -= u[:, :-1]
    r[:, :-1] -= u[:, 1:]
    return r


def blocks(x):
    a = x.reshape(-1, 3)
    return (a @ np.array([[1.0, 2.0, 0.5], [0.3, 1.0, 0.1], [1.0, 1.0, 2.0]])) * np.sum(a * a, axis=1)[:, None]


def periodic(x):
    return x * np.roll(x, 1) + np.tanh(np.roll(x, -1))


def gathered(x):
    return x[np.array([3, 0, 0, 2])] * x[1:5]


def two_results(x):
    return {"differences": np.diff(x), "ends": x[0] * x[-1], "count": 3}


VECTOR = np.linspace(0.3, 1.4, 12)
FUNCTIONS = [
    (tridiagonal, VECTOR, 3),
    (shifted, VECTOR, 3),
    (laplacian, np.linspace(0.1, 1, 48).reshape(6, 8), 5),
    (blocks, VECTOR, 3),
    (periodic, VECTOR, 3),
    (gathered, VECTOR, 3),
    (two_results, VECTOR, 3),
]


@pytest.mark.parametrize(("f", "x", "passes"), FUNCTIONS, ids=lambda p: getattr(p, "__name__", ""))
@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_jacobians(f, x, passes, mode):
    jacobian = gs.sparse_jacobian(f, mode=mode)
    plan = jacobian.plan(x)
    assert mode in ("auto", plan.mode) and (plan.passes <= passes or mode == "reverse")
    found = jacobian(x)
    assert isinstance(found, sp.csr_array) and found.dtype == x.dtype
    np.testing.assert_allclose(found.toarray(), dense_of(f, x), rtol=1e-13, atol=1e-14)
    np.testing.assert_array_equal(gs.sparsity(f, x).toarray(), plan.pattern.toarray())


def dense_of(f, x):
    """By one product with each unit vector."""

    def flat(v):
        out = gs.jvp(f, (x,), (v.reshape(x.shape),))[1]
        return np.concatenate([np.ravel(t) for t in gs.tree.leaves(out) if t is not None])

    return np.stack([flat(v) for v in np.eye(x.size)], axis=1)


@pytest.mark.parametrize(("f", "x", "passes"), FUNCTIONS[:6], ids=lambda p: getattr(p, "__name__", ""))
def test_patterns_are_exact(f, x, passes):
    np.testing.assert_array_equal(gs.sparsity(f, x).toarray(), dense_of(f, x * 1.01 + 0.003) != 0)


def test_two_hundred_points_in_three_passes():
    x = np.linspace(0.0, 2.0, 200)
    for f in (tridiagonal, shifted):
        jacobian = gs.sparse_jacobian(f)
        assert jacobian.plan(x).passes <= 3
        np.testing.assert_allclose(jacobian(x).toarray(), gs.jacfwd(f)(x), rtol=1e-13, atol=1e-14)


def test_ten_thousand_points():
    x = np.linspace(0.0, 2.0, 10_000)
    jacobian = gs.sparse_jacobian(shifted)
    assert jacobian.plan(x).passes == 3
    found = jacobian(x)
    assert found.nnz == 3 * len(x) - 2
    v = np.random.default_rng(0).standard_normal(len(x))
    np.testing.assert_allclose(found @ v, gs.jvp(shifted, (x,), (v,))[1], rtol=1e-12, atol=1e-13)


@pytest.mark.native
def test_native():
    x = np.linspace(0.0, 2.0, 50)
    for mode in ("forward", "reverse"):
        found = gs.sparse_jacobian(tridiagonal, mode=mode, backend="native")(x)
        np.testing.assert_allclose(found.toarray(), gs.jacfwd(tridiagonal)(x), rtol=1e-12, atol=1e-13)
    found = gs.sparse_hessian(rosenbrock, backend="native")(x)
    np.testing.assert_allclose(found.toarray(), gs.hessian(rosenbrock)(x), rtol=1e-12, atol=1e-12)


def rosenbrock(x):
    s = 0.0
    for i in range(len(x) - 1):
        s += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return s


def arrow(x):
    return np.sum(x**3) + x[0] * np.sum(np.sin(x))


def energy(x):
    u = x.reshape(5, 5)
    return np.sum(u * u * laplacian(u))


def chain_until(x):
    """A loop that data end, over neighbours."""
    s, i = 0.0, 0
    while i < len(x) - 1 and s < 100.0:
        s += (x[i] * x[i + 1]) ** 2
        i += 1
    return s


@pytest.mark.parametrize(
    ("f", "size", "passes"), [(rosenbrock, 30, 3), (arrow, 30, 2), (energy, 25, 13), (chain_until, 12, 12)]
)
def test_hessians(f, size, passes):
    x = np.random.default_rng(size).uniform(0.5, 1.5, size)
    hessian = gs.sparse_hessian(f)
    assert hessian.plan(x).passes <= passes and hessian.plan(x).mode == "star"
    np.testing.assert_allclose(hessian(x).toarray(), gs.hessian(f)(x), rtol=1e-11, atol=1e-11)


def branching(x, flag):
    if x[0] > 0.5:
        y = x[1] * x[2]
    else:
        y = x[3]
    if flag > 0:
        y = y + x[4]
    return np.array([y, x[int(x[5])]])


def test_data_decide():
    """Both branches on what varies; the branch taken on what does not; any position for one that varies."""
    x = np.array([0.7, 1.0, 2.0, 3.0, 4.0, 1.0])
    np.testing.assert_array_equal(gs.sparsity(branching, x, 1.0).toarray(), [[0, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]])
    np.testing.assert_array_equal(gs.sparsity(branching, x, -1.0).toarray()[0], [0, 1, 1, 1, 0, 0])


def product(values, columns, starts, x):
    y = np.zeros(len(starts) - 1)
    for i in range(len(starts) - 1):
        for k in range(starts[i], starts[i + 1]):
            y[i] += values[k] * x[columns[k]] ** 2
    return y


def test_plans_are_kept_while_what_they_rely_upon_is_the_same():
    matrix = sp.random_array((8, 6), density=0.3, rng=np.random.default_rng(2), format="csr")
    x = np.linspace(1, 2, 6)
    jacobian = gs.sparse_jacobian(product, argnums=3)
    args = (matrix.data, matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64), x)
    plan = jacobian.plan(*args)
    np.testing.assert_array_equal(plan.pattern.toarray(), matrix.toarray() != 0)
    assert jacobian.plan(2 * args[0], *args[1:3], x + 1) is plan  # the numbers do not matter
    moved = (args[0], (args[1] + 1) % 6, *args[2:])
    assert jacobian.plan(*moved) is not plan  # the positions do
    for given in (args, moved):
        dense = gs.jacfwd(product, argnums=3)(*given)
        np.testing.assert_allclose(jacobian(*given).toarray(), dense, rtol=1e-13)
    assert jacobian.plan(*args) is plan


def test_given_patterns_are_checked():
    x = np.linspace(0.5, 1.5, 9)
    full = gs.sparsity(shifted, x)
    np.testing.assert_allclose(gs.sparse_jacobian(shifted, sparsity=full)(x).toarray(), gs.jacfwd(shifted)(x))
    missing = full.toarray()
    missing[4, 3] = False
    for mode in ("forward", "reverse"):
        with pytest.raises(ValueError, match=r"misses an entry in (row 4|column 3)"):
            gs.sparse_jacobian(shifted, sparsity=missing, mode=mode)(x)
    gs.sparse_jacobian(shifted, sparsity=missing, check=False)(x)
    for wrong in (full[:, :5], full[:5]):
        with pytest.raises(ValueError, match="pattern has"):
            gs.sparse_jacobian(shifted, sparsity=wrong)(x)


def test_probing_says_what_is_nonzero_nearby():
    x = np.linspace(0.5, 1.5, 9)
    np.testing.assert_array_equal(
        gs.sparsity(shifted, x, method="probing").toarray(), gs.sparsity(shifted, x).toarray()
    )


def test_refusals():
    with pytest.raises(gs.DTypeError, match="floating dtype"):
        gs.sparsity(np.diff, np.arange(4))
    with pytest.raises(gs.UnsupportedSyntax, match="sizes depend on the differentiated argument"):
        gs.sparsity(lambda x: x[x > 0.5] ** 2, np.linspace(0, 1, 5))
    with pytest.raises(ValueError, match="mode is one of"):
        gs.sparse_jacobian(np.diff, mode="both")
    with pytest.raises(ValueError, match='method is "analysis"'):
        gs.sparsity(np.diff, np.ones(3), method="guess")
