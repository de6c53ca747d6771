"""Taylor mode against nested forward mode: every primitive of the table, the corpus, programs of the language; and JAX.

The curve is x(t) = x + t v + t^2 w / 2, so all operands move in two directions at once, and its third and later
derivatives are zero: what comes out at order 3 and above comes from the function alone.
"""

import copy
import random

import numpy as np
import pytest
import scipy.special

import gradscribe as gs
from gradscribe.transpiler.errors import NoRule
from gradscribe.transpiler.ir.builder import append_eqn, build_body
from gradscribe.transpiler.ir.evaluate import evaluate
from gradscribe.transpiler.ir.nodes import Function, Literal, Var
from gradscribe.transpiler.ir.types import FLOAT64, ArrayType
from gradscribe.transpiler.ir.verify import verify
from gradscribe.transpiler.ir.walk import Substitution, clone_eqn
from gradscribe.transpiler.passes.simplify import simplify
from gradscribe.transpiler.transforms.jet import jet
from gradscribe.transpiler.transforms.jvp import conform, jvp
from language import test_language  # registers the programs
from primitives.table_cases import CASES, evaluated, is_float, program, random_like
from programs.catalogue import PROGRAMS
from transforms.executions import EXECUTIONS
from transforms.staged_corpus import stage_entry

LANGUAGE = sorted(test_language.LANGUAGE.items())
ORDER = 5
# gaps.toml: a third derivative with respect to the shape parameter of the gamma distribution
ORDER_BEFORE_A_GAP = {"gamma_slope": 1, "log_gamma_slope": 1, "gammainc": 2, "gammaincc": 2}


def inlined(function, operands):
    env = Substitution(dict(zip(function.params, operands, strict=True)))
    for eqn in function.region.eqns:
        append_eqn(clone_eqn(eqn, env))
    return [env.operand(r) for r in function.results]


def along_curve(function, wrt):
    """(t, params, v, w) -> floating results of `function` at x + t v + t^2 w / 2."""
    t = Var(ArrayType(FLOAT64), "t")
    env = Substitution()
    params = [env.fresh(p) for p in function.params]
    first = {k: Var(params[k].type.strong(), "v") for k in wrt}
    second = {k: Var(params[k].type.strong(), "w") for k in wrt}

    def body(*_):
        moved = [
            conform(x + t * first[k] + 0.5 * (t * t) * second[k], x.type) if k in first else x
            for k, x in enumerate(params)
        ]
        return [r for r in inlined(function, moved) if r.type.is_float]

    return Function("curve", build_body([t, *params, *first.values(), *second.values()], body))


def differentiated(function):
    """The derivative with respect to the first parameter, as a function of the same parameters."""
    pushed = jvp(function, [0])
    env = Substitution()
    params = [env.fresh(p) for p in function.params]

    def body(*_):
        outs = inlined(pushed, [*params, Literal(np.float64(1.0))])
        return outs[len(function.results) :]

    return simplify(Function("derivative", build_body(params, body), function.guards))


def check(function, args, wrt, order, run=evaluate):
    """All derivatives up to `order` along the curve; relative to the largest of the value and these."""
    rng = np.random.default_rng(len(args))
    v, w = ([random_like(rng, args[k]) for k in wrt] for _ in range(2))
    pushed = jet(function, wrt, order)
    verify(pushed)
    zeros = [np.zeros_like(x) for x in v]
    series = [[v[n], w[n], *[zeros[n]] * (order - 2)][:order] for n in range(len(wrt))]
    outs = run(pushed, *args, *(term for terms in series for term in terms))
    count = len(function.results)
    values = [x for x, r in zip(outs[:count], function.results, strict=True) if r.type.is_float]
    higher = [outs[count + order * j : count + order * (j + 1)] for j in range(len(values))]
    nested = along_curve(function, wrt)
    for k in range(order + 1):
        expected = run(nested, np.float64(0.0), *args, *v, *w)
        for j, reference in enumerate(expected):
            found = values[j] if k == 0 else higher[j][k - 1]
            assert np.shape(found) == np.shape(reference)
            scale = max(1.0, float(np.max(np.abs(reference), initial=0.0)))
            np.testing.assert_allclose(found, reference, rtol=1e-9, atol=1e-11 * scale, err_msg=f"order {k}")
        if k < order:
            nested = differentiated(nested)


def differentiable(case):
    operands = case.operands(np.float64)
    return any(map(is_float, operands)) and any(map(is_float, evaluated(case, *operands)))


@pytest.mark.parametrize("case", [c for c in CASES if differentiable(c)], ids=str)
def test_every_primitive_to_order_five(case):
    operands = case.operands(np.float64)
    wrt = [k for k, x in enumerate(operands) if is_float(x)]
    function = program(case.apply, operands)
    order = ORDER_BEFORE_A_GAP.get(case.primitive.name, ORDER)
    check(function, operands, wrt, order)
    if order < ORDER:
        with pytest.raises(NoRule, match="slope_in_a"):
            check(function, operands, wrt, order + 1)


def check_program(entry, order):
    point = stage_entry(entry, EXECUTIONS["python"]).point
    if not point.wrt or not point.results:
        pytest.skip("nothing to differentiate")
    check(point.function, point.args, list(point.wrt), order, lambda f, *args: point.execute(f, *copy.deepcopy(args)))


def sampled(entries, count):
    """All of them, in the fast gate only some."""
    chosen = random.Random(4).sample(entries, count)
    return [pytest.param(e, id=e.name, marks=() if e in chosen else pytest.mark.slow) for e in entries]


@pytest.mark.parametrize("entry", sampled(PROGRAMS, 12))
def test_corpus_to_order_three(entry):
    check_program(entry, 3)


@pytest.mark.parametrize("entry", sampled([entry for _, entry in LANGUAGE if entry.argnums], 12))
def test_language_to_order_three(entry):
    check_program(entry, 3)


@pytest.mark.parametrize("entry", [e for e in PROGRAMS if e.name in ("newton", "cholesky", "while_search", "mlp_tanh")])
@pytest.mark.slow
def test_loops_to_order_five(entry):
    check_program(entry, ORDER)


# ---- against JAX's jet ----


def smooth(np, scipy):
    """Functions of a vector x and a matrix a, written for NumPy and for jax.numpy."""
    return {
        "elementary": lambda x, a: np.sin(x) * np.exp(np.cos(x)) + np.log(1.0 + x * x) / np.sqrt(2.0 + x),
        "hyperbolic": lambda x, a: np.tanh(x) + np.sinh(x) / np.cosh(x + 0.1) + np.arctan2(x, 1.0 + x * x),
        "powers": lambda x, a: (1.5 + x) ** 2.5 + x**3 + 2.0**x,
        "products": lambda x, a: np.tanh(a @ np.tanh(a @ x)) / np.sum(x * x),
        "reductions": lambda x, a: np.sum(np.exp(x)) + np.max(a) * np.cumsum(x)[1],
        "softmax": lambda x, a: np.exp(x - np.max(x)) / np.sum(np.exp(x - np.max(x))),
        "selection": lambda x, a: np.where(x > 0.3, np.sin(x), x * x),
        "error function": lambda x, a: scipy.special.erf(x) + scipy.special.expit(x),
    }


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n == "powers" else pytest.mark.slow) for n in smooth(np, scipy)]
)
def test_the_same_as_jax(name):
    jax = pytest.importorskip("jax")
    from jax.experimental import jet as jax_jet

    jax.config.update("jax_enable_x64", True)
    rng = np.random.default_rng(8)
    x, a = rng.uniform(0.1, 1.0, 4), rng.uniform(-1.0, 1.0, (4, 4))
    series = [rng.uniform(-1, 1, 4) for _ in range(ORDER)], [rng.uniform(-1, 1, (4, 4)) for _ in range(ORDER)]
    value, higher = gs.jet(smooth(np, scipy)[name], (x, a), series)
    jnp_function = smooth(jax.numpy, jax.scipy)[name]
    expected, terms = jax_jet.jet(jnp_function, (x, a), tuple(map(list, series)))
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for found, reference in zip(higher, terms, strict=True):
        np.testing.assert_allclose(found, reference, rtol=1e-9, atol=1e-10 * max(1, np.max(np.abs(reference))))
