"""Steps from snapshot to snapshot, as plain data, and the replay that makes one of the other.

A step is one application of one rewrite: the nodes it took out, the nodes it put in, and the
inputs it moved. Snapshot 0 is the graph before any rewrite; snapshot k is the graph after step k.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graphs.inspection.described import Node

__all__ = ["Change", "Placed", "Snapshot", "Step", "replay"]


@dataclass(frozen=True)
class Change:
    """One input of a surviving node, or one output of the graph, that now reads another variable.

    Attributes
    ----------
    node : int or None
        The node; None where an output of the graph itself moved.
    position : int
        Which input of the node, or which output of the graph.
    old, new : int
        Variables.
    """

    node: int | None
    position: int
    old: int
    new: int


@dataclass(frozen=True)
class Step:
    """One application of one rewrite.

    Attributes
    ----------
    phase : str
        ``canonicalize``, ``stabilize``, ``specialize``, ``fusion``, ``inplace`` …: the part of
        the rewriter it happened in, by PyTensor's own name for it.
    rule : int
        Index into `Recording.rules`.
    gone, come : tuple of int
        Nodes that left and entered the graph.
    changes : tuple of Change
        Moved inputs of nodes that were there before and stay, and moved outputs.
    replaced : tuple of (int, int)
        Variables whose readers were moved, and what they read now.
    seconds : float
        Time from the end of the step before (or of the phase's start) to its own end: the
        search for a match and the change itself, without the recorder's own work.
    """

    phase: str
    rule: int
    gone: tuple[int, ...]
    come: tuple[int, ...]
    changes: tuple[Change, ...]
    replaced: tuple[tuple[int, int], ...]
    seconds: float


@dataclass(frozen=True)
class Placed:
    """A node as it stands in one snapshot."""

    node: int
    op: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Snapshot:
    """The whole graph at one moment.

    Attributes
    ----------
    index : int
        0 before any rewrite, k after step k.
    nodes : tuple of Placed
        In an order in which they can be computed.
    outputs : tuple of int
        Variables the graph returns: the function's outputs, then the updated values.
    """

    index: int
    nodes: tuple[Placed, ...]
    outputs: tuple[int, ...]


def replay(
    nodes: Sequence[Node],
    owners: Sequence[int | None],
    first: tuple[Sequence[int], Sequence[int]],
    steps: Sequence[Step],
    final_order: Sequence[int],
) -> Iterator[Snapshot]:
    """Every snapshot, from 0 to the last.

    Parameters
    ----------
    nodes : sequence of Node
        The table of nodes.
    owners : sequence of int or None
        For every variable, the node that computes it.
    first : (sequence of int, sequence of int)
        Nodes and outputs of snapshot 0.
    steps : sequence of Step
    final_order : sequence of int
        Order of the last snapshot's nodes.

    Raises
    ------
    ValueError, KeyError, IndexError
        If the steps do not fit together.
    """

    def place(node: int, inputs: tuple[int, ...]) -> Placed:
        return Placed(node, nodes[node].op, inputs, nodes[node].outputs)

    standing = {node: place(node, nodes[node].inputs) for node in first[0]}
    outputs = list(first[1])
    standing = _ordered(0, standing, owners)
    yield Snapshot(0, tuple(standing.values()), tuple(outputs))
    for index, step in enumerate(steps, start=1):
        for node in step.gone:
            del standing[node]
        for node in step.come:
            standing[node] = place(node, nodes[node].inputs)
        for change in step.changes:
            if change.node is None:
                outputs[change.position] = change.new
            else:
                inputs = list(standing[change.node].inputs)
                inputs[change.position] = change.new
                standing[change.node] = place(change.node, tuple(inputs))
        standing = _ordered(index, standing, owners)
        if index == len(steps) and set(final_order) == standing.keys():
            standing = {node: standing[node] for node in final_order}
        yield Snapshot(index, tuple(standing.values()), tuple(outputs))


def _ordered(index: int, standing: dict[int, Placed], owners: Sequence[int | None]) -> dict[int, Placed]:
    """Put nodes in an order in which each comes after those it reads.

    Raises
    ------
    ValueError
        If there is none, or a node reads one that is not there.
    """
    order: dict[int, Placed] = {}
    entered: set[int] = set()
    for root in standing:
        stack = [root]
        while stack:
            node = stack.pop()
            if node in order:
                continue
            needed = (owners[variable] for variable in standing[node].inputs)
            waiting = [owner for owner in needed if owner is not None and owner not in order]
            if not waiting:
                order[node] = standing[node]
                continue
            if node in entered or not standing.keys() >= set(waiting):
                raise ValueError(f"snapshot {index}: node {node} cannot be computed")
            entered.add(node)
            stack.append(node)
            stack.extend(reversed(waiting))
    return order
