"""Minimum vertex cut of a directed graph, nearest the sinks among equals.

In: node capacities, edges, nodes that must be cut off (sources) and nodes that must be reached (sinks). Out: the
nodes to cut.
Source: max-flow min-cut (Edmonds-Karp on the node-split graph).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)
_INFINITE = 1 << 60


class _Flow:
    def __init__(self) -> None:
        self.capacity: dict[Hashable, dict[Hashable, int]] = {}

    def add(self, a: Hashable, b: Hashable, capacity: int) -> None:
        self.capacity.setdefault(a, {}).setdefault(b, 0)
        self.capacity[a][b] = min(self.capacity[a][b] + capacity, _INFINITE)
        self.capacity.setdefault(b, {}).setdefault(a, 0)

    def augment(self, source: Hashable, sink: Hashable) -> bool:
        """Push flow along one shortest path; False when there is none."""
        parent: dict[Hashable, Hashable] = {source: source}
        queue = deque([source])
        while queue and sink not in parent:
            a = queue.popleft()
            for b, c in self.capacity[a].items():
                if c > 0 and b not in parent:
                    parent[b] = a
                    queue.append(b)
        if sink not in parent:
            return False
        path = [sink]
        while path[-1] is not source:
            path.append(parent[path[-1]])
        path.reverse()
        amount = min(self.capacity[a][b] for a, b in pairwise(path))
        for a, b in pairwise(path):
            self.capacity[a][b] -= amount
            self.capacity[b][a] += amount
        return True

    def reaching(self, sink: Hashable) -> set[Hashable]:
        """Nodes with residual capacity towards the sink."""
        seen = {sink}
        queue = deque([sink])
        while queue:
            b = queue.popleft()
            for a in self.capacity[b]:
                if a not in seen and self.capacity[a][b] > 0:
                    seen.add(a)
                    queue.append(a)
        return seen


def min_vertex_cut(
    capacities: Mapping[Node, int],
    edges: Iterable[tuple[Node, Node]],
    sources: Sequence[Node],
    sinks: Sequence[Node],
) -> list[Node]:
    """Nodes of least total capacity that separate `sources` from `sinks` (a source or sink may itself be cut), in the
    order
    of `capacities`."""
    if not sources or not sinks:
        return []
    flow = _Flow()
    start, end = object(), object()
    flow.capacity = {start: {}, end: {}}
    for node, capacity in capacities.items():
        flow.add((node, "in"), (node, "out"), capacity)
    for a, b in edges:
        flow.add((a, "out"), (b, "in"), _INFINITE)
    for node in sources:
        flow.add(start, (node, "in"), _INFINITE)
    for node in sinks:
        flow.add((node, "out"), end, _INFINITE)
    while flow.augment(start, end):
        pass
    near = flow.reaching(end)
    return [n for n in capacities if (n, "out") in near and (n, "in") not in near]
