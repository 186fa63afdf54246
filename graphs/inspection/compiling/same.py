"""Whether two graphs are the same, node by node."""

from __future__ import annotations

from typing import Any

from pytensor.graph.basic import Constant, Variable

__all__ = ["same_graph"]


def same_graph(first: Any, second: Any) -> bool:
    """Whether two graphs compute the same outputs from the same inputs in the same way.

    Nodes must have equal Ops (the in-place and view maps belong to an Op) and read the same
    variables; inputs correspond by position, constants by type and value.

    Parameters
    ----------
    first, second : FunctionGraph
        Graphs with inputs in the same order.
    """
    if (len(first.inputs), len(first.outputs), len(first.apply_nodes)) != (
        len(second.inputs),
        len(second.outputs),
        len(second.apply_nodes),
    ):
        return False
    twins: dict[Variable, Variable] = dict(zip(first.inputs, second.inputs, strict=True))
    if any(a.type != b.type for a, b in twins.items()):
        return False
    waiting = list(zip(first.outputs, second.outputs, strict=True))
    while waiting:
        one, other = waiting.pop()
        if one in twins:
            if twins[one] is not other:
                return False
            continue
        twins[one] = other
        if one.type != other.type:
            return False
        if one.owner is None or other.owner is None:
            if not _same_root(one, other):
                return False
            continue
        if one.index != other.index or not _same_op(one.owner, other.owner):
            return False
        waiting.extend(zip(one.owner.inputs, other.owner.inputs, strict=True))
    return True


def _same_root(one: Variable, other: Variable) -> bool:
    if isinstance(one, Constant) and isinstance(other, Constant):
        return bool(one.equals(other))
    return one is other


def _same_op(one: Any, other: Any) -> bool:
    return len(one.inputs) == len(other.inputs) and (one.op == other.op or _same_inner(one.op, other.op))


def _same_inner(one: Any, other: Any) -> bool:
    """Ops with graphs inside may compare by identity: compare what they hold."""
    if type(one) is not type(other) or str(one) != str(other):
        return False
    maps = ("destroy_map", "view_map")
    if any(getattr(one, m, None) != getattr(other, m, None) for m in maps):
        return False
    inner, twin = getattr(one, "fgraph", None), getattr(other, "fgraph", None)
    return inner is not None and twin is not None and same_graph(inner, twin)
