"""Cells of the composition matrix: words of transformations, applied to a program, next to the same word by hand.

Each transformation takes a function of one vector and gives a function of one vector, so that words of any length can
be formed: gradients are those of a weighted sum of the result, tangents and directions are fixed, batches are three
multiples of the vector. A cell is equal, refused (with the message) or wrong.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

import numpy as np

import gradscribe as gs
from composition import duals
from composition.programs import PROGRAMS, X

LANES = np.array([1.0, 0.9, 1.15])
TOLERANCE = 1e-9


def direction(x):
    """A fixed tangent of the shape of x."""
    return np.cos(1.0 + np.arange(np.size(x), dtype=float)).reshape(np.shape(x))


def weighted(g):
    def weighted_sum(x):
        y = g(x)
        return np.sum(y * np.cos(1.0 + np.arange(np.size(y))).reshape(np.shape(y)))

    return weighted_sum


# ---- with gradscribe ----


def by_grad(g):
    return gs.grad(weighted(g))


def by_jvp(g):
    def pushed(x):
        return gs.jvp(g, (x,), (direction(x),))[1]

    return pushed


def by_vjp(g):
    def pulled(x):
        y, pull = gs.vjp(g, x)
        return pull(direction(y))[0]

    return pulled


def by_hessian(g):
    return gs.hessian(weighted(g))


def by_vmap(lanes):
    def transform(g):
        def batch(x):
            return gs.vmap(g, lanes=lanes)(LANES.reshape(3, 1) * x)

        return batch

    return transform


def by_jit(g):
    return gs.jit(g, backend="python")


def by_linearize(g):
    def pushed(x):
        _, push = gs.linearize(g, x)
        return push(direction(x))

    return pushed


def by_jet(g):
    def second(x):
        v = direction(x)
        return gs.jet(g, (x,), ([v, 0.0 * v],))[1][1]

    return second


def by_custom_jvp(g):
    @gs.custom_jvp
    def ruled(x):
        return g(x)

    @ruled.defjvp
    def rule(primals, tangents):
        return gs.jvp(g, primals, tangents)

    return lambda x: ruled(x)


def by_custom_vjp(g):
    @gs.custom_vjp
    def ruled(x):
        return g(x)

    def forward(x):
        return g(x), x

    def backward(x, ct):
        return gs.vjp(g, x)[1](ct)

    ruled.defvjp(forward, backward)
    return lambda x: ruled(x)


WITH_GRADSCRIBE = {
    "grad": by_grad,
    "jvp": by_jvp,
    "vjp": by_vjp,
    "hessian": by_hessian,
    "vmap": by_vmap("auto"),
    "lanes loop": by_vmap("loop"),
    "lanes array": by_vmap("array"),
    "jit": by_jit,
    "checkpoint": gs.checkpoint,
    "linearize": by_linearize,
    "jet": by_jet,
    "custom_jvp": by_custom_jvp,
    "custom_vjp": by_custom_vjp,
}
NAMES = tuple(WITH_GRADSCRIBE)


# ---- by hand ----


def hand_gradient(g):
    return lambda x: duals.jacobian(weighted(g), x)


def hand_push(g):
    return lambda x: duals.directional(g, x, direction(x))


def hand_second(g):
    def second(x):
        v = direction(x)
        return duals.directional(lambda y: duals.directional(g, y, v), x, v)

    return second


def hand_hessian(g):
    return lambda x: duals.jacobian(hand_gradient(g), x)


def hand_batch(g):
    return lambda x: np.stack([np.asarray(g(scale * x)) for scale in LANES])


def hand_nothing(g):
    return g


BY_HAND = {
    **dict.fromkeys(("grad", "vjp"), hand_gradient),
    **dict.fromkeys(("jvp", "linearize"), hand_push),
    "jet": hand_second,
    "hessian": hand_hessian,
    **dict.fromkeys(("vmap", "lanes loop", "lanes array"), hand_batch),
    **dict.fromkeys(("jit", "checkpoint", "custom_jvp", "custom_vjp"), hand_nothing),
}


def composed(table, word, program):
    """The outermost transformation first in the word."""
    for name in reversed(word):
        program = table[name](program)
    return program


# ---- cells ----


@dataclass(frozen=True)
class Cell:
    word: tuple[str, ...]
    program: str
    outcome: str  # "equal", "refused", "wrong", "internal error"
    message: str = ""


def cell(word, program, native=False):
    """What the word says of the program, next to the word by hand."""
    expected = np.asarray(composed(BY_HAND, word, program)(X), float)
    function = composed(WITH_GRADSCRIBE, word, program)
    try:
        found = (gs.jit(function) if native else function)(X.copy())
    except gs.InternalError as error:
        return Cell(word, program.__name__, "internal error", str(error))
    except gs.GradscribeError as error:
        return Cell(word, program.__name__, "refused", str(error))
    if np.shape(found) != expected.shape:
        return Cell(word, program.__name__, "wrong", f"shape {np.shape(found)}, not {expected.shape}")
    error = np.max(np.abs(found - expected), initial=0.0) / max(1.0, np.max(np.abs(expected), initial=0.0))
    if not error < TOLERANCE:
        return Cell(word, program.__name__, "wrong", f"off by {error:.1e}")
    return Cell(word, program.__name__, "equal")


PAIRS = tuple(itertools.product(NAMES, NAMES))
# every pair once; the program changes from pair to pair, and each row and column meets all of them
ONE_EACH = [(pair, PROGRAMS[(k + k // len(NAMES) * 3) % len(PROGRAMS)]) for k, pair in enumerate(PAIRS)]
FORWARD = ("jvp", "linearize", "jet")  # what meets a function with a rule for reverse mode only


def may_be_refused(word):
    """JAX refuses these too: forward mode of custom_vjp. (Under reverse mode, as in a Hessian, it is fine.) The rule of
    our custom_jvp is forward mode too, and every derivative asks for it."""
    reversed_ = ruled = False
    for name in reversed(word):
        if name == "custom_vjp":
            reversed_ = True
        elif name == "custom_jvp":
            ruled = ruled or reversed_
        elif name in ("grad", "vjp", "hessian"):
            if ruled:
                return True
            reversed_ = False  # its rule is ordinary code from here on
        elif name in FORWARD and reversed_:
            return True
    return False


def sampled_triples(count, seed=0):
    rng = random.Random(seed)
    words = [w for w in itertools.product(NAMES, repeat=3) if w.count("hessian") < 2]
    return [(word, rng.choice(PROGRAMS)) for word in rng.sample(words, count)]
