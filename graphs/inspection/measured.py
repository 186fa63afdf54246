"""What running the final graph costs and which code runs: plain data."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Measurements", "NodeCode", "NodeCost", "NodeTime", "SnapshotCost"]


@dataclass(frozen=True)
class NodeCost:
    """Work of one node, from real shapes.

    Attributes
    ----------
    snapshot, node : int
        From which snapshot on; which node.
    flops : float or None
        Floating-point operations; None where not known for the Op.
    read, written : int
        Bytes.
    """

    snapshot: int
    node: int
    flops: float | None
    read: int
    written: int


@dataclass(frozen=True)
class SnapshotCost:
    """Work of one whole snapshot."""

    snapshot: int
    nodes: int
    flops: float
    read: int
    written: int
    peak: int


@dataclass(frozen=True)
class NodeTime:
    """Measured seconds of one node of the final graph, per call."""

    node: int
    median: float | None
    q1: float | None = None
    q3: float | None = None
    problem: str = ""


@dataclass(frozen=True)
class NodeCode:
    """Generated code of one node of the final graph."""

    node: int
    language: str
    text: str


@dataclass(frozen=True)
class Measurements:
    """Costs, times and code; each part may be empty."""

    costs: tuple[NodeCost, ...] = ()
    snapshots: tuple[SnapshotCost, ...] = ()
    times: tuple[NodeTime, ...] = ()
    call: float | None = None
    code: tuple[NodeCode, ...] = ()
