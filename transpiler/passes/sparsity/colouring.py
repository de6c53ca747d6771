"""Which columns (rows) of a sparse matrix may share a direction: colourings of graphs.

In: a pattern (boolean CSR). Out: a colour per column (row). Establishes what `recovered_from` checks: two columns of
one colour have no row in common (Curtis, Powell & Reid 1974; Coleman & Moré 1983); a star colouring of a symmetric
pattern has different colours at neighbours, and no path of four vertices with two colours, so that each entry can be
read off one product (Coleman & Moré 1984; Gebremedhin, Manne & Pothen 2005, What color is your Jacobian?). Greedy
colourings in several orders; the one with fewest colours is kept.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

Pattern = Any  # a boolean csr_array (SciPy has no types)
Lists = list[list[int]]
Order = Callable[[Lists], Iterator[int] | list[int]]


def rows_of(pattern: Pattern) -> Lists:
    """The columns of the entries of each row."""
    bounds = pattern.indptr.tolist()
    columns = pattern.indices.tolist()
    return [columns[a:b] for a, b in itertools.pairwise(bounds)]


# ---- orders of vertices ----


def natural(neighbours: Lists) -> list[int]:
    return list(range(len(neighbours)))


def largest_first(neighbours: Lists) -> list[int]:
    """By falling degree (Welsh & Powell 1967)."""
    return sorted(range(len(neighbours)), key=lambda v: -len(neighbours[v]))


def smallest_last(neighbours: Lists) -> list[int]:
    """Backwards: each vertex has the smallest degree among those before it (Matula & Beck 1983)."""
    degree = [len(n) for n in neighbours]
    buckets: list[set[int]] = [set() for _ in range(max(degree, default=0) + 1)]
    for v, d in enumerate(degree):
        buckets[d].add(v)
    removed = [False] * len(neighbours)
    order: list[int] = []
    smallest = 0
    while len(order) < len(neighbours):
        while not buckets[smallest]:
            smallest += 1
        v = buckets[smallest].pop()
        removed[v] = True
        order.append(v)
        for w in neighbours[v]:
            if not removed[w]:
                buckets[degree[w]].discard(w)
                degree[w] -= 1
                buckets[degree[w]].add(w)
        smallest = max(smallest - 1, 0)
    return order[::-1]


ORDERS: tuple[Order, ...] = (natural, largest_first, smallest_last)


def _fewest(colourings: Iterator[np.ndarray], bound: int) -> np.ndarray:
    """The colouring with fewest colours; the first one that reaches the bound."""
    best: np.ndarray | None = None
    for colours in colourings:
        if best is None or count(colours) < count(best):
            best = colours
        if count(best) <= bound:
            break
    assert best is not None
    return best


def count(colours: np.ndarray) -> int:
    return int(colours.max(initial=-1)) + 1


def _smallest_free(forbidden: set[int]) -> int:
    colour = 0
    while colour in forbidden:
        colour += 1
    return colour


# ---- columns: distance two in the graph of rows and columns ----


def colour_columns(pattern: Pattern) -> np.ndarray:
    """A colour for every column; no two columns of one colour have an entry in the same row."""
    meeting = _meeting_columns(pattern)
    bound = int(np.diff(pattern.indptr).max(initial=0))
    ordered = (_greedy(meeting, order(meeting)) for order in ORDERS)
    return _fewest(itertools.chain(ordered, map(_by_saturation, [meeting])), max(bound, 1))


def _meeting_columns(pattern: Pattern) -> Lists:
    """For each column those that share a row with it."""
    counts = pattern.astype(np.int32)
    product = sp.csr_array(counts.T @ counts)
    product.sort_indices()
    return [[w for w in row if w != v] for v, row in enumerate(rows_of(product))]


def _greedy(neighbours: Lists, order: Sequence[int] | Iterator[int]) -> np.ndarray:
    colours = [-1] * len(neighbours)
    for v in order:
        colours[v] = _smallest_free({colours[w] for w in neighbours[v]})
    return np.array(colours, np.int64)


def _by_saturation(neighbours: Lists) -> np.ndarray:
    """Next the vertex whose neighbours have most colours (Brélaz 1979): slower, and optimal on regular grids."""
    colours = [-1] * len(neighbours)
    around: list[set[int]] = [set() for _ in neighbours]
    waiting = [(0, -len(near), v) for v, near in enumerate(neighbours)]
    heapq.heapify(waiting)
    while waiting:
        saturation, _, v = heapq.heappop(waiting)
        if colours[v] >= 0 or -saturation != len(around[v]):
            continue  # coloured since, or waiting once more with a higher saturation
        colours[v] = colour = _smallest_free(around[v])
        for w in neighbours[v]:
            if colours[w] < 0 and colour not in around[w]:
                around[w].add(colour)
                heapq.heappush(waiting, (-len(around[w]), -len(neighbours[w]), w))
    return np.array(colours, np.int64)


# ---- symmetric patterns: star colouring ----


def colour_star(pattern: Pattern) -> np.ndarray:
    """A star colouring of the graph of a symmetric pattern (its diagonal does not matter)."""
    neighbours = [[w for w in row if w != v] for v, row in enumerate(rows_of(pattern))]
    bound = 2 if any(neighbours) else 1
    return _fewest((_greedy_star(neighbours, order(neighbours)) for order in ORDERS), bound)


def _greedy_star(neighbours: Lists, order: Sequence[int] | Iterator[int]) -> np.ndarray:
    """Each vertex takes the smallest colour that makes no neighbour equal and no path of four two-coloured."""
    colours = [-1] * len(neighbours)
    for v in order:
        coloured = [w for w in neighbours[v] if colours[w] >= 0]
        forbidden = {colours[w] for w in coloured}
        seen: dict[int, int] = {}
        twice: set[int] = set()  # colours of two or more neighbours of v
        for w in coloured:
            if colours[w] in seen:
                twice.add(colours[w])
            seen[colours[w]] = w
        for w in coloured:
            middle = colours[w] in twice
            for x in neighbours[w]:
                if x == v or colours[x] < 0:
                    continue
                # u - v - w - x with u coloured as w; v - w - x - y with y coloured as w
                if middle or any(colours[y] == colours[w] for y in neighbours[x] if y != w):
                    forbidden.add(colours[x])
        colours[v] = _smallest_free(forbidden)
    return np.array(colours, np.int64)


# ---- reading entries off the products ----


def seeds(colours: np.ndarray) -> np.ndarray:
    """One row per colour: the sum of the unit vectors that have it."""
    out = np.zeros((count(colours), len(colours)))
    out[colours, np.arange(len(colours))] = 1.0
    return out


def recovered_from(pattern: Pattern, colours: np.ndarray, symmetric: bool) -> tuple[np.ndarray, np.ndarray]:
    """For every entry (in CSR order) the (direction, row) of the compressed matrix to read it from.

    ValueError if the colouring does not tell some entry apart."""
    rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
    columns = pattern.indices.astype(np.int64)
    # how many entries of row i fall into direction c: an entry alone in its place can be read there
    shape = (pattern.shape[0], len(colours) + 1)
    meeting = sp.csr_array((np.ones(len(rows), np.int64), (rows, colours[columns])), shape)
    meeting.sum_duplicates()
    alone = _at(meeting, rows, colours[columns]) == 1
    if symmetric:
        mirrored = _at(meeting, columns, colours[rows]) == 1
        if not np.all(alone | mirrored):
            raise ValueError("not a star colouring")
        return np.where(alone, colours[columns], colours[rows]), np.where(alone, rows, columns)
    if not np.all(alone):
        raise ValueError("two columns of one colour share a row")
    return colours[columns], rows


def _at(matrix: Pattern, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    keys = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)) * matrix.shape[1] + matrix.indices
    order = np.argsort(keys)
    found = order[np.searchsorted(keys[order], rows * matrix.shape[1] + columns)]
    values: np.ndarray = matrix.data[found]
    return values
