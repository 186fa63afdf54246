"""What one compilation did, as plain data: the story.

A `Recording` holds tables and a list of steps. Everything refers to everything else by number: a
node's ``op`` is an index into the table of Ops, its ``inputs`` are indices into that of variables, and
so on. A step is one application of one rewrite: the nodes it took out, the nodes it put in, and the
inputs it moved. Snapshot 0 is the graph before any rewrite, snapshot k the graph after step k:
`Recording.snapshot` replays the steps to get at it.

Nothing here knows PyTensor, so a recording may come from another compiler, and every view is made from
it and nothing else. The comments at the fields are the file's documentation too
(`graphs.inspection.file.schema`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec

from graphs.foreign import plain
from graphs.inspection.findings import (
    Count,
    Counterfactual,
    Diagnosis,
    Evaluation,
    Inner,
    InnerNode,
    Measurements,
    Rescue,
    Row,
    Start,
    Why,
)
from graphs.inspection.views import Printable

__all__ = [
    "FORWARD",
    "GRADIENT",
    "ORIGINS",
    "REWRITE",
    "UPDATE",
    "VARIABLES",
    "Change",
    "Inner",
    "InnerNode",
    "Node",
    "Op",
    "Origin",
    "OutputSpec",
    "Placed",
    "Recording",
    "Rule",
    "Snapshot",
    "SourceLine",
    "Step",
    "Variable",
]

FORWARD, GRADIENT, UPDATE, REWRITE = "forward", "gradient", "update", "rewrite"
ORIGINS = (FORWARD, GRADIENT, UPDATE, REWRITE)
VARIABLES = ("input", "shared", "constant", "computed")


class SourceLine(Row, frozen=True):
    """A line of source code."""

    file: str  # its path; below the import root for installed packages: ``pytensor/tensor/…``
    line: Count  # counted from 1
    function: str = ""  # the function it stands in, ``<module>`` at top level; empty where unknown
    text: str = ""  # the line itself without its indentation; empty where unknown


class Op(Row, frozen=True):
    """An operation, without its operands."""

    name: str  # printed as PyTensor prints it, shortened past 200 characters
    kind: str  # its class, with module: ``pytensor.tensor.elemwise.Elemwise``
    # for an elementwise Op or reduction, the class of the scalar Op it maps; else empty
    scalar: str = ""
    # in-place map: output number, the input numbers whose memory it overwrites
    destroys: tuple[tuple[Count, tuple[Count, ...]], ...] = ()
    views: tuple[tuple[Count, tuple[Count, ...]], ...] = ()  # view map: output number, the inputs it aliases
    inner: Inner | None = None  # the graph inside


class Variable(Row, frozen=True):
    """A value's place in the graph."""

    kind: str  # ``input``, ``shared``, ``constant`` or ``computed``
    type: str  # the Type, printed: ``Vector(float64, shape=(784,))``
    dtype: str = ""  # NumPy's name for it; empty for Types without one (random generators)
    # static shape, None per unknown length; None as a whole for Types without one
    shape: tuple[Count | None, ...] | None = None
    name: str = ""  # the user's name for it, or empty
    owner: Count | None = None  # node that computes it; None for inputs, shared variables and constants
    position: Count = 0  # which of that node's outputs it is
    value: str = ""  # for a constant, its value printed, shortened; else empty


class Origin(Row, frozen=True):
    """Where a node comes from."""

    # ``forward`` (the user's expression), ``gradient`` (made by differentiation), ``update`` (only an
    # update needs it) or ``rewrite`` (made by a step of this compilation)
    kind: str
    step: Count = 0  # for a rewrite, the step that made it; else 0
    # for a rewrite, the nodes whose results it took the place of, with those that went with them;
    # `Recording.roots` follows them back to snapshot 0
    parents: tuple[Count, ...] = ()
    # for a node of snapshot 0, the user's source lines it was written on; a gradient's are those of the
    # call that asked for it. Nodes made by rewrites inherit theirs: `Recording.lines_of`
    lines: tuple[Count, ...] = ()


class Node(Row, frozen=True):
    """An Op applied to variables (PyTensor's Apply node)."""

    op: Count  # which Op
    inputs: tuple[Count, ...]  # variables it reads when it enters the graph; a later `Change` may move them
    outputs: tuple[Count, ...]  # variables it computes
    origin: Origin  # where it comes from


class Rule(Row, frozen=True):
    """A rewrite rule that changed the graph."""

    name: str  # its normalised name
    source: SourceLine | None = None  # where it is defined
    registered: tuple[str, ...] = ()  # its names in PyTensor's database: what ``mode.excluding`` accepts
    doc: str = ""  # first paragraph of its documentation, shortened, or empty
    # whether those are names of a group or phase that it is part of, which leave out all that is in it
    inherited: bool = False


class Change(Row, frozen=True):
    """One input of a surviving node, or one output of the graph, that now reads another variable."""

    node: Count | None  # None where an output of the graph itself moved
    position: Count  # which input of the node, or which output of the graph
    old: Count  # variable read before
    new: Count  # variable read now


class Step(Row, frozen=True):
    """One application of one rewrite."""

    # part of the rewriter it happened in, by PyTensor's own name: ``canonicalize``, ``stabilize`` …
    phase: str
    rule: Count  # which rule
    gone: tuple[Count, ...]  # nodes that left the graph
    come: tuple[Count, ...]  # nodes that entered it
    changes: tuple[Change, ...]  # moved inputs of nodes that were there before and stay, and moved outputs
    replaced: tuple[tuple[Count, Count], ...]  # variables whose readers were moved, and what they read now
    # from the end of the step before (or the phase's start) to its own end: the search for a match and
    # the change itself, without the recorder's own work
    seconds: float


class OutputSpec(Row, frozen=True):
    """What one output of the graph is for."""

    name: str  # the user's, else ``output 0`` and so on; for an update, the shared variable's
    updates: Count | None = None  # the shared variable that takes the value; None for a returned output


class Placed(msgspec.Struct, frozen=True):
    """A node as it stands in one snapshot."""

    node: int
    op: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class Snapshot(msgspec.Struct, frozen=True):
    """The whole graph at one moment."""

    index: int  # 0 before any rewrite, k after step k
    nodes: tuple[Placed, ...]  # in an order in which they can be computed
    outputs: tuple[int, ...]  # variables the graph returns: the function's outputs, then updated values


class Recording(
    Printable, msgspec.Struct, frozen=True, dict=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What one compilation did, and what was found out about it."""

    name: str  # the function's name, or empty
    mode: str  # name or description of the mode
    linker: str  # class of the linker
    query: tuple[str, ...]  # the mode's selection of rewrites: ``+fast_run``, ``-scan_save_mem`` …
    # whether the last snapshot is, node by node, the graph of the function given; None where an
    # expression was given
    matches: bool | None
    ops: tuple[Op, ...]  # every Op, once
    variables: tuple[Variable, ...]  # every variable of every snapshot
    nodes: tuple[Node, ...]  # every node of every snapshot
    rules: tuple[Rule, ...]  # every rule that changed the graph
    lines: tuple[SourceLine, ...]  # the user's source lines
    inputs: tuple[Count, ...]  # the graph's inputs: the function's own, then shared variables
    first_nodes: tuple[Count, ...]  # the nodes of snapshot 0
    first_outputs: tuple[Count, ...]  # the outputs of snapshot 0, in the order of `outputs`
    outputs: tuple[OutputSpec, ...]  # what each output is for
    steps: tuple[Step, ...]  # in order; ``steps[0]`` is step 1
    final_order: tuple[Count, ...]  # the last snapshot's nodes in the order the function runs them
    seconds: float  # the recorded compilation, without the recorder's own work
    recorder_seconds: float  # the recorder's own work in it
    stamp: dict[str, Any]  # versions and machine (`graphs.environment.stamp`)
    start: Start = Start(())  # where the time to the first result went, as far as it was timed
    # what follows is None where it was not asked for
    evaluation: Evaluation | None = None  # the values at every step
    counterfactuals: tuple[Counterfactual, ...] | None = None  # the same compilation without each rule
    diagnoses: tuple[Diagnosis, ...] | None = None  # known stabilizing rewrites, tried here
    measurements: Measurements | None = None  # times and code of the final nodes
    whys: tuple[Why, ...] | None = None  # why rewrites that were asked for did not fire

    @cached_property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """Every snapshot, from 0 to the last.

        Raises
        ------
        ValueError, KeyError, IndexError
            If the steps do not fit together.
        """
        return tuple(self._replay())

    def snapshot(self, index: int) -> Snapshot:
        """The graph after step `index`; 0 is before any, -1 the last."""
        return self.snapshots[index]

    def node_counts(self) -> tuple[int, ...]:
        """Number of nodes in every snapshot."""
        return tuple(len(snapshot.nodes) for snapshot in self.snapshots)

    def rule_of(self, step: int) -> Rule:
        """The rule applied in step `step` (counted from 1)."""
        return self.rules[self.steps[step - 1].rule]

    def roots(self, node: int) -> tuple[int, ...]:
        """The nodes of snapshot 0 that `node` goes back to through all rewrites, in order."""
        seen = {node}
        waiting = [node]
        while waiting:
            for parent in self.nodes[waiting.pop()].origin.parents:
                if parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)
        return tuple(sorted(known for known in seen if self.nodes[known].origin.kind != REWRITE))

    def lines_of(self, node: int) -> tuple[SourceLine, ...]:
        """The user's source lines that `node` goes back to, in the order of the file."""
        found = {line for root in self.roots(node) for line in self.nodes[root].origin.lines}
        return tuple(sorted((self.lines[i] for i in found), key=lambda place: (place.file, place.line)))

    def rescues(self) -> tuple[Rescue, ...]:
        """Every rescue that the recorded values show, each with its proof where there is one."""

        def proof(output: int, rule: int) -> Counterfactual | None:
            without = (found for found in self.counterfactuals or () if found.rule == rule)
            return next((f for f in without if any(c.output == output and c.broke for c in f.outputs)), None)

        outputs = self.evaluation.outputs if self.evaluation else ()
        return tuple(
            Rescue(value.output, step, proof(value.output, self.steps[step - 1].rule))
            for value in outputs
            for step in value.rescued_by
        )

    def __repr__(self) -> str:
        counts = self.node_counts()
        name = f" of {plain(self.name)}" if self.name else ""
        story = f"{counts[0]} → {counts[-1]} nodes in {len(self.steps)} steps"
        return f"<Recording{name}: {story}, mode {plain(self.mode)}>"

    def _replay(self) -> Iterator[Snapshot]:
        def place(node: int, inputs: tuple[int, ...]) -> Placed:
            return Placed(node, self.nodes[node].op, inputs, self.nodes[node].outputs)

        owners = [variable.owner for variable in self.variables]
        standing = {node: place(node, self.nodes[node].inputs) for node in self.first_nodes}
        outputs = list(self.first_outputs)
        standing = _ordered(0, standing, owners)
        yield Snapshot(0, tuple(standing.values()), tuple(outputs))
        for index, step in enumerate(self.steps, start=1):
            for node in step.gone:
                del standing[node]
            for node in step.come:
                standing[node] = place(node, self.nodes[node].inputs)
            for change in step.changes:
                if change.node is None:
                    outputs[change.position] = change.new
                else:
                    inputs = list(standing[change.node].inputs)
                    inputs[change.position] = change.new
                    standing[change.node] = place(change.node, tuple(inputs))
            standing = _ordered(index, standing, owners)
            if index == len(self.steps) and set(self.final_order) == standing.keys():
                standing = {node: standing[node] for node in self.final_order}
            yield Snapshot(index, tuple(standing.values()), tuple(outputs))


def _ordered(index: int, standing: Mapping[int, Placed], owners: Sequence[int | None]) -> dict[int, Placed]:
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
