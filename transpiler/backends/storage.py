"""Which values share a Python variable: out of SSA.

In: a bufferized `Function` and its `Folding`. Out: `Storage`, a class for every named value. Assumes copies are
explicit. Establishes: no two values of one class are alive together; assignments between values of one class vanish
from the text. (`storage_check` proves it again, by other means, on the finished names.)"""

from __future__ import annotations

from dataclasses import dataclass

from gradscribe.transpiler.backends.folding import Folding
from gradscribe.transpiler.backends.liveness import Interference, Variables
from gradscribe.transpiler.ir.nodes import Function, Literal, Var


@dataclass(frozen=True)
class Storage:
    """`classes` in order of first appearance, and which of them are alive together."""

    variables: Variables
    classes: tuple[Var, ...]
    edges: dict[Var, set[Var]]
    hints: dict[Var, str]

    def find(self, x: Var) -> Var:
        return self.variables.find(x)


def assign_storage(function: Function, folding: Folding) -> Storage:
    """Storage classes of every value that gets a name."""
    graph = Interference(function, folding)
    variables = graph.variables
    params = set(function.params)
    find = variables.find

    def hint(root: Var) -> str:
        members = variables.of(root)
        named = [m for m in members if m in params] or [m for m in members if m.hint and m.definition is None]
        return next((m.hint for m in [*named, *members] if m.hint), "")

    def unite(a: Var, b: Var) -> None:
        edges = graph.edges.pop(a, set()) | graph.edges.pop(b, set())
        root = variables.unite(a, b)
        for other in edges:
            graph.edges[other] -= {a, b}
            graph.edges[other].add(root)
        graph.edges[root] = edges

    # assignments inside loops first: those are the ones that cost
    for (target, source), _ in sorted(graph.moves, key=lambda move: move[1] is None):
        if isinstance(source, Literal) or not isinstance(source, Var) or folding.is_inline(source):
            continue
        a, b = find(target), find(source)
        if a is b or b in graph.edges.get(a, ()):
            continue
        ha, hb = hint(a), hint(b)
        if ha == hb or not ha or not hb:
            unite(a, b)
    classes: dict[Var, None] = {}
    for x in graph.order:
        classes.setdefault(find(x))
    return Storage(variables, tuple(classes), graph.edges, {c: hint(c) for c in classes})
