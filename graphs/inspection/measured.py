"""How long every node of the final graph takes, and which code it runs: plain data.

What a node costs in arithmetic and bytes follows from the recorded shapes and is not stored:
see `graphs.inspection.costs`.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphs.timing import Spread

__all__ = ["Around", "Measurements", "NodeCode", "NodeTime", "Times"]


@dataclass(frozen=True)
class NodeTime:
    """One node of the final graph in one call of the function.

    Attributes
    ----------
    node : int
        Index into ``Recording.nodes``.
    seconds : Spread or None
        The time spent in it per call; None where it could not be told.
    problem : str
        Why not: ``not run with these inputs`` for a branch not taken, and so on. Empty where
        it was measured.
    """

    node: int
    seconds: Spread | None = None
    problem: str = ""


@dataclass(frozen=True)
class Around:
    """A part of a call that is no node: PyTensor's and the linker's own work.

    Attributes
    ----------
    name : str
        What is done there.
    seconds : Spread
        The time spent in it per call, between two clock reads at its borders.
    after : bool
        Whether it comes after the nodes.
    """

    name: str
    seconds: Spread
    after: bool = False


@dataclass(frozen=True)
class Times:
    """Measured time of the compiled function, of its nodes and of what lies around them.

    The call, the parts around the nodes and the nodes are measured in calls of their own, taken
    in turn, and each by its own clocks: no figure here is a difference of two others.

    Attributes
    ----------
    method : str
        How the nodes were timed.
    call : Spread or None
        One whole call, as the user makes it, without any clock inside; None where the
        function could not be called.
    inside : Spread or None
        The part of a call from before the first node to after the last, with no clock between.
    nodes : tuple of NodeTime
        One per node, in the order they run.
    around : tuple of Around
        The other parts of a call, in order.
    clock : float
        Seconds that one clock read between nodes costs; already taken off every node.
    rounds, calls : int
        How many rounds were timed, calls per round.
    problem : str
        Why nothing, or no node, could be timed; empty where all went well.
    """

    method: str
    call: Spread | None
    inside: Spread | None
    nodes: tuple[NodeTime, ...]
    around: tuple[Around, ...] = ()
    clock: float = 0.0
    rounds: int = 0
    calls: int = 0
    problem: str = ""

    @property
    def total(self) -> float | None:
        """Sum of the nodes' medians, in seconds; None where no node was timed."""
        known = [timed.seconds.median for timed in self.nodes if timed.seconds is not None]
        return sum(known) if known else None

    @property
    def outside(self) -> float:
        """Sum of the medians of the parts around the nodes, in seconds."""
        return sum(part.seconds.median for part in self.around)

    @property
    def explained(self) -> float | None:
        """Nodes and what lies around them over the whole call; 1 where they add up to it.

        Where no node could be timed, their stretch as one piece stands for them.
        """
        nodes = self.total if self.total is not None else self.inside.median if self.inside else None
        if self.call is None or nodes is None:
            return None
        return (nodes + self.outside) / self.call.median

    @property
    def agreement(self) -> float | None:
        """The nodes' sum over the same stretch timed as one piece; 1 where the probes cost nothing."""
        if self.inside is None or self.total is None:
            return None
        return self.total / self.inside.median


@dataclass(frozen=True)
class NodeCode:
    """The code that one node of the final graph became.

    Attributes
    ----------
    node : int or None
        Index into ``Recording.nodes``; None for code of the function as a whole.
    language : str
        ``python`` (compiled by Numba, or run as it is), ``c``, ``jaxpr``, ``hlo``, ``llvm``,
        ``assembly`` …
    text : str
        The code; empty where there is none, or where it is nothing but `lines` of the whole.
    lines : tuple of (int, int), or None
        Where it stands in the whole of the same language: first and last line, counted from 1.
    problem : str
        Why there is none.
    """

    node: int | None
    language: str
    text: str
    lines: tuple[int, int] | None = None
    problem: str = ""


@dataclass(frozen=True)
class Measurements:
    """Times and code; each may be missing.

    Attributes
    ----------
    times : Times or None
        None where nothing was to be timed.
    code : tuple of NodeCode
        One per node in the order they run, then that of the whole function.
    """

    times: Times | None = None
    code: tuple[NodeCode, ...] = ()
