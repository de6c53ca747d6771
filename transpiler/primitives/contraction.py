"""The one contraction, in einsum form: out[..] = sum over letters absent from `out` of x[a] y[b].

Params `a`, `b`, `out` are strings of letters, one per axis. A letter may occur once in each; a letter of one operand
alone is in `out`. Batching adds a letter, differentiation moves letters; text is the product a person would write (`x.T
@ y`). `contract` establishes a canonical naming of letters and takes transposed operands apart, so that equal products
are one.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradscribe.transpiler.ir.builder import emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.nodes import Operand, Var
from gradscribe.transpiler.ir.types import ArrayType, Type
from gradscribe.transpiler.primitives.primitive import Library, Zeroable
from gradscribe.transpiler.primitives.reductions import reduce_sum
from gradscribe.transpiler.primitives.sample import complexes, draw, uniform
from gradscribe.transpiler.primitives.structure import permute, reshape

_LETTERS = "ijklmnopqrstuvwxyzabcdefgh" + string.ascii_uppercase


def contract(x: Operand, y: Operand, a: str, b: str, out: str) -> Operand:
    """Emit the contraction x[a] y[b] -> out; letters may be any.

    A letter that one operand has alone and `out` has not is summed beforehand. Example: `contract(x, y, "ij", "jk",
    "ik")` is `x @ y`."""
    x, a = _summed(*_without_permute(x, a), b + out)
    y, b = _summed(*_without_permute(y, b), a + out)
    names = dict(zip(dict.fromkeys(a + b), _LETTERS, strict=False))
    a, b, out = ("".join(names[letter] for letter in word) for word in (a, b, out))
    return emit(dot_general, (x, y), {"a": a, "b": b, "out": out})[0]


def _without_permute(x: Operand, letters: str) -> tuple[Operand, str]:
    """The operand before a transposition, and its letters in that order."""
    eqn = x.definition if isinstance(x, Var) else None
    if eqn is None or eqn.operation is not permute:
        return x, letters
    axes = eqn.params["axes"]
    return eqn.operands[0], "".join(letters[axes.index(k)] for k in range(len(axes)))


def _summed(x: Operand, letters: str, needed: str) -> tuple[Operand, str]:
    axes = tuple(k for k, letter in enumerate(letters) if letter not in needed)
    if not axes:
        return x, letters
    return reduce_sum(x, axes=axes), "".join(letter for letter in letters if letter in needed)


# ---- text ----


def _shared_front(a: str, b: str, out: str) -> str:
    """Letters that lead all three: the batch axes of a stacked matrix product."""
    front = ""
    for p, q, r in zip(a, b, out, strict=False):
        if not p == q == r:
            break
        front += p
    return front


def contraction_text(a: str, b: str, out: str, real: bool = True) -> str:
    """NumPy text over x and y: `@` where it is one, else np.outer, np.vdot (not of complex numbers, which it
    conjugates), np.tensordot or np.einsum."""
    product = _matrix_text(a, b, out)
    if product:
        return product
    front = _shared_front(a, b, out)
    if front and len(a) == len(b) == len(out) == len(front) + 2 and _matrix_text(a[-2:], b[-2:], out[-2:]) == "x @ y":
        return "x @ y"  # np.matmul takes the leading axes in step
    contracted = [letter for letter in a if letter not in out]
    if not contracted and len(a) == len(b) == 1 and a != b:
        return "np.outer(x, y)" if out == a + b else "np.outer(y, x)"
    if not out and a == b and real:
        return "np.vdot(x, y)"
    free = "".join(letter for letter in a + b if letter not in contracted)
    if contracted and out and out == free and not set(a) & set(b) & set(out):
        if len(contracted) == 1 and a[-1] == b[0] == contracted[0] and len(b) <= 2:
            return "x @ y"  # np.matmul: leading axes of x are a stack
        axes_a = [a.index(letter) for letter in contracted]
        axes_b = [b.index(letter) for letter in contracted]
        if axes_a == list(range(len(a) - len(contracted), len(a))) and axes_b == list(range(len(contracted))):
            return f"np.tensordot(x, y, axes={len(contracted)})"
        return f"np.tensordot(x, y, axes=({axes_a}, {axes_b}))"
    return f'np.einsum("{a},{b}->{out}", x, y)'


def _matrix_text(a: str, b: str, out: str) -> str:
    """Products of vectors and matrices with one contracted letter; empty for anything else."""
    contracted = [letter for letter in a if letter in b and letter not in out]
    if len(contracted) != 1 or not (len(a) <= 2 and len(b) <= 2) or len(a) + len(b) - 2 != len(out):
        return ""
    (c,) = contracted
    if out == "".join(letter for letter in a + b if letter != c):
        left, right = ("x", a), ("y", b)
    else:
        left, right = ("y", b), ("x", a)
    (p, first), (q, second) = left, right
    if len(first) == 1 and len(second) == 2 and second[1] == c:
        return f"{q} @ {p}"
    if len(second) == 1 and len(first) == 2 and first[0] == c:
        return f"{q} @ {p}"
    p = p if first[-1] == c else f"{p}.T"
    q = q if second[0] == c else f"{q}.T"
    return f"{p} @ {q}"


# ---- rules ----


def _sizes(x: Type, y: Type, a: str, b: str) -> dict[str, Dim]:
    assert isinstance(x, ArrayType) and isinstance(y, ArrayType)
    sizes: dict[str, Dim] = {}
    for letter, dim in (*zip(a, x.shape, strict=True), *zip(b, y.shape, strict=True)):
        if letter in sizes:
            equalities().require(sizes[letter], dim, "matrix product")
        sizes.setdefault(letter, dim)
    return {letter: equalities().normalize(dim) for letter, dim in sizes.items()}


def _text(params: Any, operands: Sequence[Type], result: Type, write: Any) -> str:
    real = isinstance(result, ArrayType) and result.dtype.kind != "c"
    return contraction_text(params["a"], params["b"], params["out"], real)


def _type(x: Type, y: Type, *, a: str, b: str, out: str) -> tuple[ArrayType]:
    assert isinstance(x, ArrayType) and isinstance(y, ArrayType)
    sizes = _sizes(x, y, a, b)
    return (ArrayType(np.result_type(x.dtype, y.dtype), tuple(sizes[letter] for letter in out)),)


def _run(x: Any, y: Any, *, a: str, b: str, out: str) -> tuple[Any]:
    return (np.array(np.einsum(f"{a},{b}->{out}", x, y, optimize=True), order="C")[()],)


def _jvp(
    operands: Sequence[Operand], results: Sequence[Operand], tangents: Sequence[Zeroable], *, a: str, b: str, out: str
) -> Sequence[Zeroable]:
    (x, y), (dx, dy) = operands, tangents
    total = None if dx is None else contract(dx, y, a, b, out)
    if dy is not None:
        term = contract(x, dy, a, b, out)
        total = term if total is None else total + term
    return (total,)


def _vjp(
    operands: Sequence[Operand], results: Sequence[Operand], cotangents: Sequence[Zeroable], *, a: str, b: str, out: str
) -> Sequence[Zeroable]:
    (x, y), (ct,) = operands, cotangents
    assert ct is not None
    return contract(ct, y, out, b, a), contract(x, ct, a, out, b)


def _batch(
    operands: Sequence[Operand], batched: Sequence[bool], size: Dim, *, a: str, b: str, out: str
) -> tuple[Sequence[Operand], Sequence[bool]]:
    new = next(letter for letter in _LETTERS if letter not in a + b)
    a, b = (new + word if flag else word for word, flag in zip((a, b), batched, strict=True))
    x, y = operands
    return (contract(x, y, a, b, new + out),), (True,)


def _expanded(x: Operand, y: Operand, *, a: str, b: str, out: str) -> Operand:
    """The sum of products, with axes in the order (out, contracted)."""
    order = out + "".join(letter for letter in a if letter not in out)

    def spread(operand: Operand, letters: str) -> Operand:
        axes = tuple(sorted(range(len(letters)), key=lambda k: order.index(letters[k])))
        operand = operand if axes == tuple(range(len(axes))) else permute(operand, axes=axes)
        dims = dict(zip((letters[k] for k in axes), operand.shape, strict=True))
        shape = tuple(dims.get(letter, Dim.of(1)) for letter in order)
        return operand if operand.shape == shape else reshape(operand, shape=shape)

    product: Operand = spread(x, a) * spread(y, b)
    axes = tuple(range(len(out), len(order)))
    return reduce_sum(product, axes=axes) if axes else product


dot_general: Library = Library(
    name="dot_general",
    infer_types=_type,
    run=_run,
    source=_text,
    expand=_expanded,
    jvp_rule=_jvp,
    vjp_rule=_vjp,
    batch_rule=_batch,
    samples=(
        draw(uniform(-1, 1, 3), uniform(-1, 1, 3), a="i", b="i", out=""),
        draw(uniform(-1, 1, 2, 3), uniform(-1, 1, 3), a="ij", b="j", out="i"),
        draw(uniform(-1, 1, 2, 3), uniform(-1, 1, 2), a="ij", b="i", out="j"),
        draw(uniform(-1, 1, 3), uniform(-1, 1, 3, 2), a="i", b="ij", out="j"),
        draw(uniform(-1, 1, 2, 3), uniform(-1, 1, 3, 4), a="ij", b="jk", out="ik"),
        draw(uniform(-1, 1, 3, 2), uniform(-1, 1, 4, 3), a="ij", b="ki", out="jk"),
        draw(uniform(-1, 1, 2, 3), uniform(-1, 1, 3, 4), a="ij", b="jk", out="ki"),
        draw(uniform(-1, 1, 2), uniform(-1, 1, 3), a="i", b="j", out="ij"),
        draw(uniform(-1, 1, 2, 3, 4), uniform(-1, 1, 2, 4, 3), a="ijk", b="ikl", out="ijl"),
        draw(uniform(-1, 1, 2, 3), uniform(-1, 1, 2, 3), a="ij", b="ij", out="i"),
        draw(uniform(-1, 1, 2, 3, 4), uniform(-1, 1, 4, 3, 2), a="ijk", b="kjl", out="il"),
        draw(complexes(2, 3), complexes(3), a="ij", b="j", out="i"),
        draw(complexes(3), uniform(-1, 1, 3), a="i", b="i", out=""),
    ),
)
