"""Correlation of images with windows of weights, and its two adjoints, without copies of the windows.

In: arrays of one dtype, float64 or float32: images x (N, H, W, C), weights (K, L, C, M), results g (N, P, Q, M); steps
between windows. Out: the last array is written; it must not overlap the others. With y = step_y * p + k and
x = step_x * q + l, all three are sums of x[n, y, x, c] * weights[k, l, c, m] * g[n, p, q, m] without one factor.
Each function works in CPython and inside `njit`. Assumes that the windows lie inside the images.

All three run in one kernel, a sum of outer products kept in registers: `accumulate_products`. Its rows are pixels or
window positions, its lanes are channels; rows next to each other share each vector, and read images where they lie, so
that windows that overlap are never written out.
Source: K. Goto, R. van de Geijn: "Anatomy of high-performance matrix multiplication", ACM TOMS 34 (2008), for the
blocking in registers; E. Georganas et al.: "Anatomy of high-performance deep learning convolutions on SIMD
architectures", SC 2018, for doing it on the images themselves.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing import signature
from numba.extending import register_jitable

from gradscribe.kernels.lowering import Signature, lower
from gradscribe.kernels.options import OPTIONS

_jitable = register_jitable(**OPTIONS)

VECTOR_BYTES = 32  # what every x86 with fused multiply-add has; wider registers gain nothing where loads are the limit
NEAR_VECTORS = 256  # a quarter of a first cache of 32 KiB
ROWS = 12  # with the vector and a factor, these accumulators fill 16 registers


def accumulate_products(
    sums: np.ndarray,
    first: int,
    rows: int,
    x: np.ndarray,
    start: int,
    row_step: int,
    outer: int,
    outer_step: int,
    inner: int,
    inner_step: int,
    vectors: np.ndarray,
    begin: int,
) -> None:
    """sums[first + r] += x[start + r * row_step + i * outer_step + j * inner_step] * vectors[begin + i * inner + j],
    summed over i < outer, j < inner, for all r < rows.

    `sums` and `vectors` are matrices whose rows are one vector long, `x` is one-dimensional; all are contiguous.
    """
    for r in range(rows):
        for i in range(outer):
            places = start + r * row_step + i * outer_step + np.arange(inner) * inner_step
            sums[first + r] += x[places] @ vectors[begin + i * inner : begin + (i + 1) * inner]


def _products_signature(*args: types.Type) -> Signature | None:
    if len(args) != 12 or not all(isinstance(args[k], types.Array) for k in (0, 3, 10)):
        return None
    dtype = args[0].dtype
    ranks = [(args[k].ndim, args[k].layout, args[k].dtype) for k in (0, 3, 10)]
    if dtype not in (types.float32, types.float64) or ranks != [(2, "C", dtype), (1, "C", dtype), (2, "C", dtype)]:
        return None
    return signature(types.none, *[kind if isinstance(kind, types.Array) else types.intp for kind in args])


@contextmanager
def _blocks(builder: Any, done: Any, rows: Any, block: int) -> Iterator[Any]:
    """A loop that goes from row to row in steps of `block` while that many are left."""
    test, body, end = (builder.append_basic_block(name) for name in ("rows.test", "rows.body", "rows.end"))
    builder.branch(test)
    builder.position_at_end(test)
    row = builder.load(done)
    after = builder.add(row, ir.Constant(row.type, block))
    builder.cbranch(builder.icmp_signed("<=", after, rows), body, end)
    builder.position_at_end(body)
    yield row
    builder.store(after, done)
    builder.branch(test)
    builder.position_at_end(end)


def _spread(builder: Any, number: Any, vector: Any) -> Any:
    """The number in every lane."""
    undefined = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(undefined, number, ir.Constant(ir.IntType(32), 0))
    places = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(one, undefined, places)


def _products(context: Any, builder: Any, sig: Signature, values: tuple[Any, ...]) -> Any:
    """As many blocks of ROWS rows as there are, then of 4, of 2, and of one."""
    item = context.get_value_type(sig.args[0].dtype)
    lanes = VECTOR_BYTES // (4 if sig.args[0].dtype == types.float32 else 8)
    vector = ir.VectorType(item, lanes)
    word, size = values[1].type, VECTOR_BYTES // lanes
    sums, x, vectors = (context.make_array(sig.args[k])(context, builder, values[k]).data for k in (0, 3, 10))
    first, rows, _, start, row_step, outer, outer_step, inner, inner_step, _, begin = values[1:]

    def constant(number: int) -> Any:
        return ir.Constant(word, number)

    def pointer(base: Any, place: Any) -> Any:
        return builder.bitcast(builder.gep(base, [builder.mul(place, constant(lanes))]), vector.as_pointer())

    done = cgutils.alloca_once(builder, word)
    builder.store(constant(0), done)
    for block in (ROWS, 4, 2, 1):
        totals = [cgutils.alloca_once(builder, vector) for _ in range(block)]
        with _blocks(builder, done, rows, block) as row:
            source = builder.add(start, builder.mul(row, row_step))
            places = [pointer(sums, builder.add(first, builder.add(row, constant(r)))) for r in range(block)]
            for total, place in zip(totals, places, strict=True):
                builder.store(builder.load(place, align=size), total)
            with cgutils.for_range(builder, outer) as i:
                line = builder.add(source, builder.mul(i.index, outer_step))
                chosen = builder.add(begin, builder.mul(i.index, inner))
                with cgutils.for_range(builder, inner) as j:
                    factor = builder.add(line, builder.mul(j.index, inner_step))
                    shared = builder.load(pointer(vectors, builder.add(chosen, j.index)), align=size)
                    for r, total in enumerate(totals):
                        place = builder.gep(x, [builder.add(factor, builder.mul(constant(r), row_step))])
                        spread = _spread(builder, builder.load(place), vector)
                        product = builder.fmul(spread, shared, flags=("contract",))
                        builder.store(builder.fadd(builder.load(total), product, flags=("contract",)), total)
            for total, place in zip(totals, places, strict=True):
                builder.store(builder.load(total), place, align=size)
    return context.get_dummy_value()


lower(accumulate_products, _products_signature, _products)


@_jitable
def _packed(matrix: Any, rows: int, columns: int, column: int, out: Any) -> None:
    """Columns column, column + 1, ... of a matrix (flat) as vectors, zero where there is no column."""
    lanes = out.shape[1]
    for i in range(rows):
        for j in range(lanes):
            out[i, j] = 0
        for j in range(min(lanes, columns - column)):
            out[i, j] = matrix[i * columns + column + j]


@_jitable
def _correlate(
    images: Any, height: int, width: int, channels: int, weights: Any, down: int, across: int, made: int,
    step_y: int, step_x: int, count: int, rows: int, columns: int, sums: Any, first: int,
) -> None:  # fmt: skip
    """The correlation of `count` images; all arrays are flat, and the results start at sums[first]."""
    run, lanes = across * channels, VECTOR_BYTES // sums.itemsize
    vectors, image = np.empty((down * run, lanes), sums.dtype), np.empty((rows * columns, lanes), sums.dtype)
    # Vectors that do not stay in the first cache are used in parts, each for the whole image.
    whole = down * run <= NEAR_VECTORS
    outer, part = (down, run) if whole else (1, NEAR_VECTORS // 2)
    for column in range(0, made, lanes):
        _packed(weights, down * run, made, column, vectors)
        for n in range(count):
            for i in range(rows * columns):
                for m in range(lanes):
                    image[i, m] = 0
            for k in range(0, down, outer):
                for t in range(0, run, part):
                    for p in range(rows):
                        start = (n * height + p * step_y + k) * width * channels + t
                        accumulate_products(
                            image, p * columns, columns, images, start, step_x * channels, outer, width * channels,
                            min(part, run - t), 1, vectors, k * run + t,
                        )  # fmt: skip
            for i in range(rows * columns):
                place = first + (n * rows * columns + i) * made + column
                for m in range(min(lanes, made - column)):
                    sums[place + m] = image[i, m]


@_jitable
def window_products(x: Any, weights: Any, step_y: int, step_x: int, g: Any) -> None:
    """g[n, p, q, m], the correlation of x with the weights.

    >>> g = np.empty((1, 1, 2, 1))
    >>> window_products(np.arange(3.0).reshape(1, 1, 3, 1), np.array([[[[1.0]], [[10.0]]]]), 1, 1, g)
    >>> g.ravel().tolist()
    [10.0, 21.0]
    """
    count, height, width, channels = x.shape
    down, across, _, made = weights.shape
    _correlate(
        np.ascontiguousarray(x).reshape(-1), height, width, channels, np.ascontiguousarray(weights).reshape(-1),
        down, across, made, step_y, step_x, count, g.shape[1], g.shape[2], g.reshape(-1), 0,
    )  # fmt: skip


@_jitable
def window_products_to_weights(x: Any, g: Any, step_y: int, step_x: int, weights: Any) -> None:
    """weights[k, l, c, m]: the sum of x times g over all images and windows."""
    count, height, width, channels = x.shape
    rows, columns, made = g.shape[1], g.shape[2], g.shape[3]
    down, run, lanes = weights.shape[0], weights.shape[1] * channels, VECTOR_BYTES // weights.itemsize
    images, results = np.ascontiguousarray(x).reshape(-1), np.ascontiguousarray(g).reshape(-1)
    totals = weights.reshape(-1)
    vectors, sums = np.empty((rows * columns, lanes), weights.dtype), np.empty((down * run, lanes), weights.dtype)
    for column in range(0, made, lanes):
        for i in range(down * run):
            for m in range(lanes):
                sums[i, m] = 0
        for n in range(count):
            # the columns of image n are those of all images, from its first element on
            _packed(results[n * rows * columns * made :], rows * columns, made, column, vectors)
            for k in range(down):
                start = (n * height + k) * width * channels
                accumulate_products(
                    sums, k * run, run, images, start, 1, rows, step_y * width * channels, columns, step_x * channels,
                    vectors, 0,
                )  # fmt: skip
        for i in range(down * run):
            for m in range(min(lanes, made - column)):
                totals[i * made + column + m] = sums[i, m]


@_jitable
def window_products_to_images(g: Any, weights: Any, step_y: int, step_x: int, x: Any) -> None:
    """x[n, y, x, c]: the sum over the windows that a pixel is in, which is the correlation of g, with zeros between and
    around its elements, with the weights turned round."""
    down, across, channels, made = weights.shape
    height, width = x.shape[1] + down - 1, x.shape[2] + across - 1
    turned = np.empty(down * across * made * channels, x.dtype)
    for k in range(down):
        for l in range(across):
            place = ((down - 1 - k) * across + across - 1 - l) * made * channels
            for c in range(channels):
                for m in range(made):
                    turned[place + m * channels + c] = weights[k, l, c, m]
    apart = np.zeros(height * width * made, x.dtype)
    flat = x.reshape(-1)
    for n in range(x.shape[0]):
        for p in range(g.shape[1]):
            for q in range(g.shape[2]):
                place = ((down - 1 + p * step_y) * width + across - 1 + q * step_x) * made
                for m in range(made):
                    apart[place + m] = g[n, p, q, m]
        _correlate(
            apart, height, width, made, turned, down, across, channels, 1, 1, 1, x.shape[1], x.shape[2], flat,
            n * x.shape[1] * x.shape[2] * channels,
        )  # fmt: skip
