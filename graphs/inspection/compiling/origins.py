"""Where every node comes from: the user's expression, its gradient, an update, or a rewrite."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pytensor.graph.basic import Apply, Variable

from graphs.inspection.compiling.recorder import Watched
from graphs.inspection.compiling.tables import Tables, user_line
from graphs.inspection.compiling.watch import Application
from graphs.inspection.recording import FORWARD, GRADIENT, REWRITE, UPDATE, Origin

__all__ = ["find_origins"]

GRADIENT_MODULE = "pytensor/gradient.py"


def find_origins(watched: Watched, tables: Tables) -> dict[int, Origin]:
    """An origin for every node in `tables`, by number.

    Nodes of the first snapshot are told apart by the trace PyTensor keeps with every variable
    (what ``pytensor.grad`` makes passes through its module) and by what they feed. A node made
    by a rewrite comes from the nodes whose results the rewrite replaced, and from those that
    left the graph with them.
    """
    origins = _first(watched, tables)
    for step, application in enumerate(watched.applications, start=1):
        parents = _parents(application)
        for node, _ in application.come:
            number = tables.node(node)
            if number not in origins:
                found = {tables.node(p): None for p in parents[node] if tables.has(p)}
                origins[number] = Origin(REWRITE, step, tuple(found))
    return origins


def _first(watched: Watched, tables: Tables) -> dict[int, Origin]:
    nodes = [node for node, _ in watched.first]
    inputs = dict(watched.first)
    readers: dict[Apply, list[Apply]] = {node: [] for node in nodes}
    for node in nodes:
        for variable in inputs[node]:
            if variable.owner in readers:
                readers[variable.owner].append(node)
    gradient = {node for node in nodes if any(map(_passes_gradient, _traces(node)))}
    returned = watched.first_outputs[: len(watched.parts.outputs)]
    ends = [v.owner for v in returned if v.owner in readers] + list(gradient)
    forward = _upstream(ends, inputs) - gradient
    lines = {node: [found for t in _traces(node) if (found := user_line(t))] for node in nodes}
    for node in reversed(nodes):
        # The trace of a deep gradient node holds only PyTensor's recursion; the call that asked
        # for it stands with the node that ends it.
        if node in gradient and not lines[node]:
            asked = (lines[reader] for reader in readers[node] if reader in gradient)
            lines[node] = next((found for found in asked if found), [])
    return {
        tables.node(node): Origin(
            GRADIENT if node in gradient else FORWARD if node in forward else UPDATE,
            lines=tuple({tables.line(place): None for place in lines[node]}),
        )
        for node in nodes
    }


def _traces(node: Apply) -> list[Any]:
    return [
        frames for variable in node.outputs for frames in getattr(variable.tag, "trace", None) or () if frames
    ]


def _passes_gradient(frames: Iterable[Any]) -> bool:
    return any(str(frame[0]).replace("\\", "/").endswith(GRADIENT_MODULE) for frame in frames)


def _upstream(ends: Iterable[Apply], inputs: dict[Apply, tuple[Variable, ...]]) -> set[Apply]:
    """`ends` and every node they read from, directly or not, among those in `inputs`."""
    found: set[Apply] = set()
    waiting = list(ends)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting.extend(v.owner for v in inputs[node] if v.owner in inputs)
    return found


def _parents(application: Application) -> dict[Apply, list[Apply]]:
    """For each node an application made, the nodes it was made out of."""
    come = dict(application.come)
    gone = {node: tuple(node.inputs) for node in application.gone}
    parents: dict[Apply, dict[Apply, None]] = {node: {} for node in come}
    for old, new in application.replaced:
        if new.owner not in come:
            continue
        sources = [old.owner] if old.owner is not None else []
        sources += [n for n in gone if old.owner in gone and n in _upstream([old.owner], gone)]
        for made in _upstream([new.owner], come):
            parents[made].update(dict.fromkeys(sources))
    return {node: list(found) for node, found in parents.items()}
