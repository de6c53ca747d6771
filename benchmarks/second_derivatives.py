"""Second derivatives against JAX: the Hessian of Rosenbrock's function of 100 variables, and Hessian-vector products of
a multilayer perceptron (784-512-512-10, batch 64).

Contenders take turns as in the harness; medians of process CPU time. Values are compared before timing. Prints a
markdown table.

    python benchmarks/second_derivatives.py [names of rows]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness import settle_process


@dataclass(frozen=True)
class Row:
    """`ours` and `theirs` are called without arguments and give arrays, or trees of them; relative errors between them
    stay below `tolerance`."""

    name: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    tolerance: float
    explained: str = ""  # why JAX may be faster


PRODUCTS = (
    "5.5 of 6.3 ms are matrix products, which called one by one take JAX no less. By hand, h and dh stacked before "
    "their product with one matrix save 0.1 ms a pair, and a product that BLAS adds to another 0.1 ms: neither is done"
)


def rosenbrock(x: Any) -> Any:
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


def network(xp: Any) -> Callable[..., Any]:
    """Mean cross-entropy of a batch."""

    def loss(params: Any, x: Any, labels: Any) -> Any:
        w1, b1, w2, b2, w3, b3 = params
        h = xp.tanh(x @ w1 + b1)
        h = xp.tanh(h @ w2 + b2)
        logits = h @ w3 + b3
        top = xp.max(logits, axis=1)
        total = xp.sum(xp.exp(logits - top[:, None]), axis=1)
        return xp.mean(top + xp.log(total) - xp.sum(labels * logits, axis=1))

    return loss


def rows() -> list[Row]:
    import jax
    import jax.numpy as jnp
    import numpy as np

    import gradscribe as gs

    jax.config.update("jax_enable_x64", True)
    rng = np.random.default_rng(0)

    def product_in_jax(params: Any, vector: Any, x: Any, labels: Any) -> Any:
        gradient = lambda p: jax.grad(network(jnp))(p, x, labels)
        return jax.jvp(gradient, (params,), (vector,))[1]

    def product(params: Any, vector: Any, x: Any, labels: Any) -> Any:
        return gs.hvp(lambda p: network(np)(p, x, labels), (params,), (vector,))

    ours, theirs = gs.jit(gs.hessian(rosenbrock)), jax.jit(jax.hessian(rosenbrock))
    ours_product, theirs_product = gs.jit(product), jax.jit(product_in_jax)
    x = rng.normal(size=100)
    moved = jnp.asarray(x)
    found = [Row("hessian of Rosenbrock, 100", lambda: ours(x), lambda: theirs(moved), 1e-10)]
    for dtype, tolerance, explained in ((np.float32, 1e-4, PRODUCTS), (np.float64, 1e-10, "")):
        shapes = [(784, 512), (512,), (512, 512), (512,), (512, 10), (10,)]
        params = tuple((0.05 * rng.normal(size=s)).astype(dtype) for s in shapes)
        vector = tuple(rng.normal(size=s).astype(dtype) for s in shapes)
        images = rng.normal(size=(64, 784)).astype(dtype)
        args = (params, vector, images, np.eye(10, dtype=dtype)[rng.integers(0, 10, 64)])
        there = jax.tree.map(jnp.asarray, args)
        found.append(
            Row(
                f"hvp of the MLP 64x784-512-512-10, {np.dtype(dtype).name}",
                lambda args=args: ours_product(*args),  # type: ignore[misc]
                lambda there=there: theirs_product(*there),  # type: ignore[misc]
                tolerance,
                explained,
            )
        )
    return found


def run(chosen: list[str]) -> int:
    import jax
    import numpy as np
    from comparison import environment, interleave, milliseconds

    from oracles import leaves, relative_error

    print(environment("tuned"))
    print()
    print("| second derivative | gradscribe ms | jax ms | jax/ours (>= 1) |")
    print("|---|---|---|---|")
    missed, remarks = 0, []
    for row in rows():
        if chosen and row.name not in chosen:
            continue
        calls = {"gradscribe": row.ours, "jax": lambda row=row: jax.block_until_ready(row.theirs())}
        found, wanted = ([np.asarray(leaf) for leaf in leaves(call())] for call in calls.values())
        error = max(relative_error(a, b) for a, b in zip(found, wanted, strict=True))
        if error > row.tolerance:
            raise RuntimeError(f"{row.name}: gradscribe differs from JAX by {error}")
        samples, _ = interleave(calls, 11, 5e-3)
        ours, theirs = (float(np.median(samples[name])) * 1e3 for name in calls)
        if theirs < ours and row.explained:
            remarks.append(f"{row.name}: {row.explained}")
        missed += theirs < ours and not row.explained
        print(f"| {row.name} | {milliseconds(ours)} | {milliseconds(theirs)} | {theirs / ours:.2f} |", flush=True)
    print("\n".join(["", *remarks]))
    return 1 if missed else 0


def main() -> int:
    settle_process("tuned")
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
