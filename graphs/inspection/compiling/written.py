"""Getting at the graph as the user wrote it.

A compiled PyTensor function does not hold it any more: the compiler edits nodes in place, so
what hangs below ``fn.maker`` after compiling is a mixture of original and rewritten nodes.
Importing this module therefore registers one more pass in PyTensor's database, before all
others, that changes nothing and notes how the graph stood. For a function compiled before that,
the user's own variables are looked for in memory; where they are gone, there is nothing to show.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from pytensor.compile.mode import get_mode, optdb
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.op import HasInnerGraph
from pytensor.graph.rewriting.basic import GraphRewriter
from pytensor.graph.traversal import apply_ancestors, toposort
from pytensor.graph.utils import Scratchpad

__all__ = ["Noted", "is_from_cache", "noted_graph", "own_op"]

PASS_NAME = "graphs_note_unrewritten"


@dataclass(frozen=True)
class Noted:
    """A graph's wiring at one moment, independent of later edits to its nodes.

    Attributes
    ----------
    inputs, outputs : tuple of Variable
        The graph's.
    nodes : tuple of (Apply, Op, tuple of Variable)
        In an order in which they can be computed, with what they read. The Op is the node's own,
        or a clone where it holds a graph that linking would edit in place.
    """

    inputs: tuple[Variable, ...]
    nodes: tuple[tuple[Apply, Any, tuple[Variable, ...]], ...]
    outputs: tuple[Variable, ...]

    @classmethod
    def of(cls, inputs: Iterable[Variable], outputs: Iterable[Variable]) -> Noted:
        inputs, outputs = tuple(inputs), tuple(outputs)
        nodes = toposort(outputs, blockers=inputs)
        return cls(inputs, tuple((n, own_op(n.op), tuple(n.inputs)) for n in nodes), outputs)


def own_op(op: Any) -> Any:
    """An Op that linking may edit without touching the given one."""
    return op.clone() if isinstance(op, HasInnerGraph) else op


# Keyed by the graph and not kept on it, so that pickling a function carries nothing of ours.
_NOTES: WeakKeyDictionary[FunctionGraph, Noted] = WeakKeyDictionary()


class _NoteUnrewritten(GraphRewriter):  # type: ignore[misc]  # PyTensor's classes are untyped
    """Changes nothing; notes the graph it is shown."""

    def apply(self, fgraph: FunctionGraph) -> None:
        if fgraph not in _NOTES:
            _NOTES[fgraph] = Noted.of(fgraph.inputs, fgraph.outputs)


if PASS_NAME not in optdb:
    optdb.register(
        PASS_NAME,
        _NoteUnrewritten(),
        "fast_run",
        "fast_compile",
        "minimum_compile",
        "merge",
        "stable",
        position=-1000,
    )


def noted_graph(function: Any) -> Noted | None:
    """The graph that a compiled function was made from; None where it is gone."""
    maker = function.maker
    noted = _NOTES.get(maker.fgraph)
    if noted is None and (is_from_cache(function) or _has_no_rewrites(maker)):
        noted = Noted.of([spec.variable for spec in maker.inputs], _results(maker))
    return noted or _find_in_memory(maker)


def is_from_cache(function: Any) -> bool:
    """Whether the linker knew the graph again and took a whole program from its cache.

    Then the function holds its graph as it was written. `graphs.native`'s linker says so.
    """
    return bool(getattr(function.maker.linker, "from_cache", False))


def _has_no_rewrites(maker: Any) -> bool:
    return not getattr(get_mode(maker.mode).optimizer, "data", [None])


def _results(maker: Any) -> list[Any]:
    results = [spec.variable for spec in maker.outputs]
    return results + [spec.update for spec in maker.inputs if spec.update is not None]


def _find_in_memory(maker: Any) -> Noted | None:
    """The user's own expression behind a function compiled before notes were taken.

    PyTensor compiles a clone, whose variables share the list of trace frames with the user's.
    """
    results = _results(maker)
    inputs = [spec.variable for spec in maker.inputs]
    originals = [v if v.owner is None else _original(v) for v in results]
    if any(v is None for v in originals):
        return None
    noted = Noted.of(inputs, originals)
    roots = {v for *_, reads in noted.nodes for v in reads if v.owner is None}
    declared = all(isinstance(v, Constant) or v in inputs for v in roots)
    return noted if declared else None


def _original(clone: Variable) -> Variable | None:
    """The variable that `clone` was made from, if it is alive and was never compiled itself."""
    trace = getattr(clone.tag, "trace", None)
    if not trace:
        return None
    for holder in gc.get_referrers(trace):
        tags = [holder] if isinstance(holder, Scratchpad) else gc.get_referrers(holder)
        for tag in tags:
            if isinstance(tag, Scratchpad) and getattr(tag, "trace", None) is trace:
                for found in gc.get_referrers(tag):
                    found = found if isinstance(found, Variable) else _owner_of(found, tag)
                    if found is not None and found is not clone and _is_original(found, clone):
                        return found
    return None


def _owner_of(attributes: Any, tag: Any) -> Variable | None:
    """The variable that keeps its attributes in the dictionary `attributes`."""
    if not isinstance(attributes, dict) or attributes.get("tag") is not tag:
        return None
    holders = (v for v in gc.get_referrers(attributes) if isinstance(v, Variable))
    return next(holders, None)


def _is_original(found: Variable, clone: Variable) -> bool:
    """A compiled graph's nodes are marked as imported into it; the user's own are not."""
    return (
        found.type == clone.type
        and found.name == clone.name
        and found.owner is not None
        and found.index == clone.index
        and type(found.owner.op) is type(clone.owner.op)
        and not any(hasattr(node.tag, "imported_by") for node in apply_ancestors([found]))
    )
