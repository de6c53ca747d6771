"""Loops over the places of a window, each of which adds one product of a shifted image, as one operation.

In: an array-level `Function`. Out: a clone in which nests such as

    for k in range(K):
        for l in range(L):
            out += x[:, k : k + P, l : l + Q, :] @ weights[k, l]

and their adjoints (`x_bar[:, k : k + P, l : l + Q] += ...`, `weights_bar[k, l] += ...`) are operations of
`gradscribe.kernels.windows`. Axes may stand in any order, slices may have a step; what is neither shifted nor summed is
taken together. A nest is rewritten only if all that it carries is such a sum. Sums may be rounded differently.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.bounds import is_positive
from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.index import At, Component, Index, Slice, is_whole
from gradscribe.transpiler.ir.nodes import Eqn, Function, Operand, Var
from gradscribe.transpiler.ir.rebuilding import rebuilt
from gradscribe.transpiler.ir.types import FLOAT32, FLOAT64, ArrayType, Type
from gradscribe.transpiler.ir.walk import Substitution, inner_eqns
from gradscribe.transpiler.passes.lower.operations import LoopOperation
from gradscribe.transpiler.primitives.arithmetic import add
from gradscribe.transpiler.primitives.contraction import dot_general
from gradscribe.transpiler.primitives.regions import body_carries, is_counted, loop, loop_carries
from gradscribe.transpiler.primitives.structure import index, permute, reshape, update_add

Shape = tuple[Dim, ...]


def _typed(shape_of: Any) -> Any:
    def infer(x: ArrayType, y: ArrayType, *, steps: Any, shape: Shape) -> tuple[Type, ...]:
        return (ArrayType(x.dtype, shape_of(x, y, shape)),)

    return infer


def _shifted(x: Any, k: int, l: int, steps: tuple[int, int], shape: Sequence[int]) -> Any:
    """What the images have under place (k, l) of the window, one element for each of its P times Q positions."""
    (down, across), (rows, columns) = steps, shape
    return x[:, k : k + down * rows : down, l : l + across * columns : across][:, :rows, :columns]


def _run_products(x: Any, weights: Any, *, steps: Any, shape: Any) -> tuple[Any]:
    out = np.zeros((len(x), *shape, weights.shape[3]), x.dtype)
    for k, l in np.ndindex(weights.shape[:2]):
        out += _shifted(x, k, l, steps, shape) @ weights[k, l]
    return (out,)


def _run_to_images(g: Any, weights: Any, *, steps: Any, shape: Any) -> tuple[Any]:
    out = np.zeros((len(g), *shape, weights.shape[2]), g.dtype)
    for k, l in np.ndindex(weights.shape[:2]):
        target = _shifted(out, k, l, steps, g.shape[1:3])
        target += g @ weights[k, l].T
    return (out,)


def _run_to_weights(x: Any, g: Any, *, steps: Any, shape: Any) -> tuple[Any]:
    out = np.zeros((*shape, x.shape[3], g.shape[3]), x.dtype)
    for k, l in np.ndindex(*shape):
        out[k, l] = np.tensordot(_shifted(x, k, l, steps, g.shape[1:3]), g, axes=3)
    return (out,)


# Images (N, H, W, C) and weights (K, L, C, M) to sums (N, P, Q, M); `shape` is (P, Q).
window_products = LoopOperation(
    name="window_products",
    infer_types=_typed(lambda x, w, shape: (x.shape[0], *shape, w.shape[3])),
    run=_run_products,
)
# Sums and weights to images; `shape` is (H, W).
window_products_to_images = LoopOperation(
    name="window_products_to_images",
    infer_types=_typed(lambda g, w, shape: (g.shape[0], *shape, w.shape[2])),
    run=_run_to_images,
)
# Images and sums to weights; `shape` is (K, L).
window_products_to_weights = LoopOperation(
    name="window_products_to_weights",
    infer_types=_typed(lambda x, g, shape: (*shape, x.shape[3], g.shape[3])),
    run=_run_to_weights,
)


@dataclass(frozen=True)
class _Array:
    """An array of the product. Letters of its axes: of weights, < and > are the places in the window; of the others, ^
    and _ the axes that the window moves along."""

    letters: str
    base: Operand | None  # None: the one that is added to


@dataclass(frozen=True)
class _Sum:
    """One carry of the nest, and the three arrays of the product that is added to it."""

    carry: int
    images: _Array
    weights: _Array
    sums: _Array
    steps: tuple[int, int]


@dataclass(frozen=True)
class _Nest:
    outer: Eqn
    sums: tuple[_Sum, ...]
    unchanged: tuple[int, ...]


def recognise_windows(function: Function) -> Function:
    """The program with such nests as operations; the function itself when there are none."""
    found = {e: nest for e in inner_eqns(function.region) if (nest := _nest(e)) is not None}
    if not found:
        return function
    return rebuilt(function, found, lambda eqn, env: _emit_nest(found[eqn], env))


# ---- which loops ----


def _is_plain_loop(eqn: Eqn) -> bool:
    return (
        eqn.operation is loop
        and is_counted(eqn)
        and not eqn.params["exits"]
        and eqn.params["lo"] == 0
        and is_positive(eqn.params["hi"])
    )


def _nest(outer: Eqn) -> _Nest | None:
    if not _is_plain_loop(outer) or len(outer.regions[-1].eqns) != 1:
        return None
    (inner,) = outer.regions[-1].eqns
    if not _is_plain_loop(inner) or any(
        e.operation not in (index, dot_general, add, update_add) for e in inner.regions[-1].eqns
    ):
        return None
    return _Reader(outer, inner).nest()


class _Reader:
    def __init__(self, outer: Eqn, inner: Eqn) -> None:
        self.outer, self.inner = outer, inner
        self.counters = (outer.regions[-1].params[0], inner.regions[-1].params[0])
        self.own = {*outer.regions[-1].params, *inner.regions[-1].params, *inner.results}
        self.own |= {r for e in inner.regions[-1].eqns for r in e.results}
        self.outside: dict[Operand, Operand] = {}  # carries that no iteration changes

    def nest(self) -> _Nest | None:
        outer, inner = self.outer, self.inner
        params, inner_params = loop_carries(outer), loop_carries(inner)
        if any(leaf in self.own for leaf in inner.params["hi"].leaves()):
            return None
        places: dict[int, int] = {}  # carry of the outer loop -> carry of the inner one
        unchanged = []
        for k, (param, returned) in enumerate(zip(params, body_carries(outer), strict=True)):
            if returned is param:
                unchanged.append(k)
                self.outside[param] = outer.operands[k]
            elif returned in inner.results and inner.operands[inner.results.index(returned)] is param:
                places[k] = inner.results.index(returned)
            else:
                return None
        for j, (param, returned) in enumerate(zip(inner_params, body_carries(inner), strict=True)):
            if returned is param:
                self.outside[param] = self.outside.get(inner.operands[j], inner.operands[j])
            elif j not in places.values():
                return None
        sums = []
        for k, j in places.items():
            if body_carries(inner)[j] is inner_params[j]:
                return None
            found = self._sum(k, inner_params[j], body_carries(inner)[j])
            if found is None:
                return None
            sums.append(found)
        return _Nest(outer, tuple(sums), tuple(unchanged)) if sums else None

    def _sum(self, carry: int, param: Var, returned: Operand) -> _Sum | None:
        eqn = self._definition(returned)
        if eqn is None or eqn.operation not in (add, update_add) or param not in eqn.operands:
            return None
        if eqn.operation is update_add and (eqn.operands[0] is not param or len(eqn.operands) != 2):
            return None
        term = eqn.operands[1] if eqn.operands[0] is param else eqn.operands[0]
        product = self._definition(term)
        if product is None or product.operation is not dot_general:
            return None
        if eqn.operation is add and term.type != param.type:
            return None
        arrays: dict[str, _Array] = {}
        steps = (1, 1)
        target = eqn.params["at"] if eqn.operation is update_add else None
        places = [self._place(x) for x in product.operands] + [(None, param.shape, target)]
        for place, letters in zip(places, (product.params[word] for word in ("a", "b", "out")), strict=True):
            kind = None if place is None else self._kind(place[2], place[1], letters)
            if place is None or kind is None or kind[0] in arrays:
                return None
            arrays[kind[0]] = _Array(kind[1], place[0])
            steps = kind[2] or steps
        return self._checked(carry, arrays, steps, product)

    def _checked(self, carry: int, arrays: Mapping[str, _Array], steps: tuple[int, int], product: Eqn) -> _Sum | None:
        """The product if every letter is where it belongs."""
        if set(arrays) != {"images", "weights", "sums"}:
            return None
        images, weights, sums = arrays["images"], arrays["weights"], arrays["sums"]
        window = images.letters[: images.letters.index("|")]
        images = replace(images, letters=images.letters[images.letters.index("|") + 1 :])
        own = [set(images.letters), set(weights.letters) - {"<", ">"}, set(sums.letters)]
        if not set(window) <= own[2] or set(window) & own[1] or any(window.count(c) != 1 for c in window):
            return None
        counts = {c: sum(c in letters for letters in own) for c in set().union(*own)}
        if any(count != 2 for count in counts.values()):
            return None
        operands = [a.base for a in (images, weights, sums) if a.base is not None]
        dtypes = {product.result.dtype, self.outer.operands[carry].dtype, *(x.dtype for x in operands)}
        if len(dtypes) != 1 or not dtypes <= {FLOAT32, FLOAT64}:
            return None
        named = str.maketrans(dict(zip(window, "^_", strict=True)))
        images, sums = (replace(a, letters=a.letters.translate(named)) for a in (images, sums))
        return _Sum(carry, images, weights, sums, steps)

    def _definition(self, x: Operand) -> Eqn | None:
        eqn = x.definition if isinstance(x, Var) else None
        return eqn if eqn is not None and x in self.own and eqn in self.inner.regions[-1].eqns else None

    def _place(self, x: Operand) -> tuple[Operand | None, Shape, Index | None] | None:
        """The array outside the nest that an operand is read from, and where (None: all of it); None if there is no
        such array."""
        eqn, at = self._definition(x), None
        if eqn is not None:
            if eqn.operation is not index or len(eqn.operands) != 1:
                return None
            x, at = eqn.operands[0], eqn.params["at"]
        base = self.outside.get(x, x)
        return None if base in self.own else (base, base.shape, at)

    def _kind(self, at: Index | None, shape: Shape, letters: str) -> tuple[str, str, tuple[int, int] | None] | None:
        """Which array of the product is read or added to like this. Letters of images come after those of the two
        shifted axes and a bar; of weights with < and > for the places in the window."""
        if at is None:
            return "sums", letters, None
        moving = {counter: self._axis(at, counter) for counter in self.counters}
        axes = list(moving.values())
        if None in axes or axes[0] == axes[1]:
            return None
        if any(k not in axes and not is_whole(c, d) for k, (c, d) in enumerate(zip(at, shape, strict=True))):
            return None
        i, j = (axis for axis in axes if axis is not None)
        first, second = at[i], at[j]
        if isinstance(first, Slice) and isinstance(second, Slice):
            return "images", f"{letters[i]}{letters[j]}|{letters}", (first.step, second.step)
        if isinstance(first, At) and isinstance(second, At):
            rest = iter(letters)
            return "weights", "".join("<" if k == i else ">" if k == j else next(rest) for k in range(len(at))), None
        return None

    def _axis(self, at: Index, counter: Var) -> int | None:
        """The one axis that moves with the counter, and starts where it is."""
        axes = [k for k, c in enumerate(at) if self._moves(c, counter)]
        return axes[0] if len(axes) == 1 else None

    def _moves(self, component: Component, counter: Var) -> bool:
        start = component.start if isinstance(component, Slice) else getattr(component, "position", None)
        step = component.step if isinstance(component, Slice) else 1
        return start == Dim.of(counter) and step > 0


# ---- rewriting ----


def _emit_nest(nest: _Nest, env: Substitution) -> None:
    outer = nest.outer
    for k in nest.unchanged:
        env[outer.results[k]] = env.operand(outer.operands[k])
    window = tuple(env.dim(e.params["hi"]) for e in (outer, outer.regions[-1].eqns[0]))
    for s in nest.sums:
        env[outer.results[s.carry]] = _emit_sum(s, env.operand(outer.operands[s.carry]), window, env)


def _emit_sum(s: _Sum, carry: Operand, window: Shape, env: Substitution) -> Operand:
    images, weights, sums = (
        (a.letters, carry if a.base is None else env.operand(a.base)) for a in (s.images, s.weights, s.sums)
    )
    count = "".join(c for c in sums[0] if c in images[0] and c not in "^_")
    channels = "".join(c for c in images[0] if c in weights[0])
    made = "".join(c for c in weights[0] if c in sums[0])
    forms = ((count, "^", "_", channels), ("<", ">", channels, made), (count, "^", "_", made))
    lengths = [dict(zip(letters, x.shape, strict=True)) for letters, x in (images, weights, sums)]
    lengths[1] |= dict(zip("<>", window, strict=True))
    x, w, g = (
        None if a.base is None else _matrix_form(_window_of(v, letters, window), letters, groups)
        for a, (letters, v), groups in zip((s.images, s.weights, s.sums), (images, weights, sums), forms, strict=True)
    )
    if g is None:
        operation, operands, k = window_products, (x, w), 2
        shape: Shape = (lengths[2]["^"], lengths[2]["_"])
    elif x is None:
        operation, operands, k = window_products_to_images, (g, w), 0
        shape = (lengths[0]["^"], lengths[0]["_"])
    else:
        operation, operands, k = window_products_to_weights, (x, g), 1
        shape = window
    total = emit(operation, operands, {"steps": s.steps, "shape": shape})[0]
    letters = (images, weights, sums)[k][0]
    form = "".join(forms[k])
    full = tuple(lengths[k][c] for c in form)
    total = total if total.shape == full else emit(reshape, (total,), {"shape": full})[0]
    if letters != form:
        total = permute(total, axes=tuple(form.index(c) for c in letters))
    if k != 1:
        return emit(add, (carry, total), {})[0]
    at = tuple(Slice(Dim.of(0), lengths[1][c]) for c in letters)
    return emit(update_add, (carry, total), {"at": at})[0]


def _window_of(x: Operand, letters: str, window: Shape) -> Operand:
    """Of weights, the places that the loops visit."""
    limits = dict(zip("<>", window, strict=True))
    at = tuple(Slice(Dim.of(0), limits.get(c, d)) for c, d in zip(letters, x.shape, strict=True))
    if all(is_whole(c, d) for c, d in zip(at, x.shape, strict=True)):
        return x
    return emit(index, (x,), {"at": at})[0]


def _matrix_form(x: Operand, letters: str, groups: Sequence[str]) -> Operand:
    """The operand with its axes in the order of the groups, and each group taken together."""
    lengths, form = dict(zip(letters, x.shape, strict=True)), "".join(groups)
    if letters != form:
        x = permute(x, axes=tuple(letters.index(c) for c in form))
    shape = tuple(math.prod((lengths[c] for c in group), start=Dim.of(1)) for group in groups)
    return x if x.shape == shape else emit(reshape, (x,), {"shape": shape})[0]
