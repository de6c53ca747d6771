"""Batches: vmap of programs with control flow, and per-example gradients, against JAX and a Python loop.

Contenders take turns as in the harness; medians of process CPU time. Values are compared with JAX's before timing. The
ratios are the Python loop's and JAX's median over ours, with what they should be; `gradscribe, array` is the same batch
with `lanes="array"`. Imported by `batching.py` once threads, allocator and CPU are fixed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from comparison import environment, interleave, milliseconds

import gradscribe as gs
from oracles import leaves, relative_error

LANES = 10_000
RNG = np.random.default_rng(0)


# ---- one lane, as users write it, and as JAX wants it ----


def recurrence(a):
    """Twenty steps of a scalar iteration."""
    x = a
    for _ in range(20):
        x = 0.5 * (x + a / x) + 0.1 * np.sin(x)
    return x


def jax_recurrence(a):
    return jax.lax.fori_loop(0, 20, lambda _, x: 0.5 * (x + a / x) + 0.1 * jnp.sin(x), a)


def rare_branch(a):
    """One lane in a hundred sums a series of a thousand terms."""
    if a > 0.99:
        s = 0.0
        for k in range(1000):
            s = s + np.sin(a * k)
        return s
    return a * a


def jax_rare_branch(a):
    def series():
        return jax.lax.fori_loop(0, 1000, lambda k, s: s + jnp.sin(a * k), 0.0)

    return jax.lax.cond(a > 0.99, series, lambda: a * a)


def rare_iterations(mean, eccentricity):
    """Kepler's equation; one lane in a hundred is damped and needs a hundred times as many iterations."""
    step = 0.01 if mean > 0.99 else 1.0
    x = mean
    while abs(x - eccentricity * np.sin(x) - mean) > 1e-6:
        x = x - step * (x - eccentricity * np.sin(x) - mean) / (1.0 - eccentricity * np.cos(x))
    return x


def jax_rare_iterations(mean, eccentricity):
    step = jnp.where(mean > 0.99, 0.01, 1.0)
    return jax.lax.while_loop(
        lambda x: jnp.abs(x - eccentricity * jnp.sin(x) - mean) > 1e-6,
        lambda x: x - step * (x - eccentricity * jnp.sin(x) - mean) / (1.0 - eccentricity * jnp.cos(x)),
        mean,
    )


def rare_arithmetic(a, x):
    """The same of a square root: a chain of five operations, which the processor cannot overlap within one lane, where
    JAX does four lanes at once."""
    step = 0.01 if a > 0.99 else 1.0
    while abs(x * x - a) > 1e-6:
        x = x - step * (x * x - a) / (2.0 * x)
    return x


def jax_rare_arithmetic(a, x):
    step = jnp.where(a > 0.99, 0.01, 1.0)
    return jax.lax.while_loop(
        lambda x: jnp.abs(x * x - a) > 1e-6, lambda x: x - step * (x * x - a) / (2.0 * x), jnp.asarray(x)
    )


def network(xp: Any) -> Callable[..., Any]:
    def loss(params, x, label):
        w1, b1, w2, b2, w3, b3 = params
        h = xp.tanh(x @ w1 + b1)
        h = xp.tanh(h @ w2 + b2)
        logits = h @ w3 + b3
        top = xp.max(logits)
        return top + xp.log(xp.sum(xp.exp(logits - top))) - logits[label]

    return loss


def network_arguments() -> tuple[Any, ...]:
    shapes = [(784, 512), (512,), (512, 512), (512,), (512, 10), (10,)]
    params = tuple((0.05 * RNG.normal(size=s)).astype(np.float32) for s in shapes)
    return params, RNG.normal(size=(64, 784)).astype(np.float32), RNG.integers(0, 10, 64)


# ---- batches ----


@dataclass(frozen=True)
class Batch:
    """`against_python`, `against_jax`: what the ratios should be at least (None: not asked). `masks`: to be timed with
    `lanes="array"` too."""

    name: str
    function: Callable[..., Any]
    in_jax: Callable[..., Any]
    in_axes: Any
    args: tuple[Any, ...]
    against_python: float | None
    against_jax: float
    tolerance: float = 1e-9
    masks: bool = True
    explained: str = ""  # why a ratio is not reached


def _uniform(low: float, high: float) -> Any:
    return RNG.uniform(low, high, LANES)


BATCHES = (
    Batch("scalar loop", recurrence, jax_recurrence, 0, (_uniform(0.5, 2.0),), 50.0, 1.0),
    Batch("rare branch", rare_branch, jax_rare_branch, 0, (_uniform(0.0, 1.0),), None, 10.0, 1e-7),
    Batch(
        "rare iterations", rare_iterations, jax_rare_iterations, (0, None), (_uniform(0.0, 1.0), 0.7), None, 10.0, 1e-5
    ),
    Batch(
        "rare iterations, arithmetic alone", rare_arithmetic, jax_rare_arithmetic, (0, None),
        (_uniform(0.1, 1.0), 1.5), None, 10.0, 1e-5,
        explained="150,000 lane iterations of 8 ns, the latency of multiply, subtract, multiply, divide, subtract; JAX "
        "runs 10,000,000 of 0.7 ns, four lanes in a register. By hand, all lanes that are left stepped together: 21",
    ),
    Batch(
        "gradient of a scalar loop", gs.grad(recurrence), jax.grad(jax_recurrence), 0, (_uniform(0.5, 2.0),), None, 1.0
    ),
    Batch(
        "per-example gradients 64x784-512-512-10 f32", gs.grad(network(np)), jax.grad(network(jnp)), (None, 0, 0),
        network_arguments(), None, 1.3, 1e-3, masks=False,
    ),
)  # fmt: skip


def python_loop(batch: Batch) -> Callable[[], Any]:
    lanes = batch.args[0].tolist()
    return lambda: [batch.function(a, *batch.args[1:]) for a in lanes]


def contenders(batch: Batch) -> dict[str, Callable[[], Any]]:
    ours = gs.jit(gs.vmap(batch.function, in_axes=batch.in_axes))
    theirs = jax.jit(jax.vmap(batch.in_jax, in_axes=batch.in_axes))
    moved = jax.tree.map(jnp.asarray, batch.args)
    calls: dict[str, Callable[[], Any]] = {
        "gradscribe": lambda: ours(*batch.args),
        "jax": lambda: jax.block_until_ready(theirs(*moved)),
    }
    if batch.masks:
        masked = gs.jit(gs.vmap(batch.function, in_axes=batch.in_axes, lanes="array"))
        calls["gradscribe, array"] = lambda: masked(*batch.args)
    if batch.against_python is not None:
        calls["Python loop"] = python_loop(batch)
    return calls


def ratio(value: float | None, wanted: float | None) -> str:
    return "" if value is None else f"{value:.1f}" + ("" if wanted is None else f" (>= {wanted:g})")


def run(chosen: Sequence[str]) -> int:
    """Print the table; 1 when a ratio is missed and not explained."""
    jax.config.update("jax_enable_x64", True)
    print(environment("tuned"))
    print()
    print("| batch | gradscribe ms | gradscribe, array ms | jax ms | Python loop/ours | jax/ours |")
    print("|---|---|---|---|---|---|")
    missed, remarks = 0, []
    for batch in BATCHES:
        if chosen and batch.name not in chosen:
            continue
        calls = contenders(batch)
        answers = {
            name: [np.asarray(x) for x in leaves(call())] for name, call in calls.items() if "Python" not in name
        }
        for name, found in answers.items():
            error = max(relative_error(a, b) for a, b in zip(found, answers["jax"], strict=True))
            if error > batch.tolerance:
                raise RuntimeError(f"{batch.name}: {name} differs from JAX by {error}")
        samples, _ = interleave(calls, 11, 5e-3)
        median = {name: float(np.median(times)) * 1e3 for name, times in samples.items()}
        ours = median["gradscribe"]
        python = median["Python loop"] / ours if "Python loop" in median else None
        against_jax = median["jax"] / ours
        missed += against_jax < batch.against_jax and not batch.explained
        missed += python is not None and batch.against_python is not None and python < batch.against_python
        array = milliseconds(median["gradscribe, array"]) if batch.masks else ""
        print(
            f"| {batch.name} | {milliseconds(ours)} | {array} | {milliseconds(median['jax'])} "
            f"| {ratio(python, batch.against_python)} | {ratio(against_jax, batch.against_jax)} |"
        )
        if against_jax < batch.against_jax and batch.explained:
            remarks.append(f"{batch.name}: {batch.explained}")
    print("\n".join(["", *remarks]))
    return 1 if missed else 0

