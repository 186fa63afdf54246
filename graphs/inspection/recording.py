"""What one compilation did, as plain data.

A `Recording` holds tables (Ops, variables, nodes, rules, source lines) and a list of steps. A
step is one application of one rewrite: the nodes it took out, the nodes it put in, and the
inputs it moved. Snapshot 0 is the graph before any rewrite; snapshot k is the graph after
step k; `Recording.snapshot` replays the steps to get there. Nothing here knows PyTensor, so a
recording may come from another compiler, and every view is made from it and nothing else.

Everything refers to everything else by number: a node's ``op`` is an index into
`Recording.ops`, its ``inputs`` are indices into `Recording.variables`, and so on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from graphs.inspection.evaluated import Counterfactual, Diagnosis, Evaluation
from graphs.inspection.measured import Measurements

__all__ = [
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


@dataclass(frozen=True)
class SourceLine:
    """A line of source code.

    Attributes
    ----------
    file : str
        Its path; relative to the import root for installed packages (``pytensor/tensor/...``).
    line : int
        Counted from 1.
    function : str
        The function it stands in, ``<module>`` at top level, empty where unknown.
    text : str
        The line itself without its indentation, empty where unknown.
    """

    file: str
    line: int
    function: str = ""
    text: str = ""


@dataclass(frozen=True)
class InnerNode:
    """One node inside a fused or otherwise nested Op.

    Attributes
    ----------
    op : str
        The inner Op, printed.
    inputs : tuple of str
        Names of what it reads: ``i0`` the Op's first input, ``t3`` an inner result, or a
        constant, printed.
    output : str
        Name of what it writes (several, comma-separated, where it writes several).
    inner : Inner or None
        The graph inside the inner Op, where it has one too.
    """

    op: str
    inputs: tuple[str, ...]
    output: str
    inner: Inner | None = None


@dataclass(frozen=True)
class Inner:
    """The graph inside an Op: a fused elementwise, a Scan's step, an OpFromGraph.

    Attributes
    ----------
    nodes : tuple of InnerNode
        In an order in which they can be computed.
    outputs : tuple of str
        Names of the results the Op returns.
    """

    nodes: tuple[InnerNode, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Op:
    """An operation, without its operands.

    Attributes
    ----------
    name : str
        The Op, printed as PyTensor prints it, shortened past 200 characters.
    kind : str
        Its class, with module: ``pytensor.tensor.elemwise.Elemwise``.
    scalar : str
        For an elementwise Op or reduction, the class of the scalar Op it maps
        (``pytensor.scalar.basic.Mul``); else empty.
    destroys : tuple of (int, tuple of int)
        In-place map: output number, the input numbers whose memory it overwrites.
    views : tuple of (int, tuple of int)
        View map: output number, the input numbers it aliases.
    inner : Inner or None
        The graph inside.
    """

    name: str
    kind: str
    scalar: str = ""
    destroys: tuple[tuple[int, tuple[int, ...]], ...] = ()
    views: tuple[tuple[int, tuple[int, ...]], ...] = ()
    inner: Inner | None = None


@dataclass(frozen=True)
class Variable:
    """A value's place in the graph.

    Attributes
    ----------
    kind : str
        ``input``, ``shared``, ``constant`` or ``computed``.
    type : str
        The Type, printed: ``Vector(float64, shape=(784,))``.
    dtype : str
        NumPy's name for it; empty for Types without one (random generators).
    shape : tuple of (int or None), or None
        Static shape, None per unknown length; None as a whole for Types without one.
    name : str
        The user's name for it, or empty.
    owner : int or None
        Node that computes it; None for inputs, shared variables and constants.
    position : int
        Which of that node's outputs it is.
    value : str
        For a constant, its value printed, shortened; else empty.
    """

    kind: str
    type: str
    dtype: str = ""
    shape: tuple[int | None, ...] | None = None
    name: str = ""
    owner: int | None = None
    position: int = 0
    value: str = ""


@dataclass(frozen=True)
class Origin:
    """Where a node comes from.

    Attributes
    ----------
    kind : str
        ``forward`` (the user's expression), ``gradient`` (made by differentiation), ``update``
        (only an update needs it) or ``rewrite`` (made by a step of this compilation).
    step : int
        For a rewrite, the step that made it; else 0.
    parents : tuple of int
        For a rewrite, the nodes whose results it took the place of, with those that went with
        them. `Recording.roots` follows them back to snapshot 0.
    lines : tuple of int
        For a node of snapshot 0, the user's source lines it was written on (indices into
        `Recording.lines`); a gradient's are those of the call that asked for it. Nodes made by
        rewrites inherit theirs: `Recording.lines_of`.
    """

    kind: str
    step: int = 0
    parents: tuple[int, ...] = ()
    lines: tuple[int, ...] = ()


@dataclass(frozen=True)
class Node:
    """An Op applied to variables (PyTensor's Apply node).

    Attributes
    ----------
    op : int
        Index into `Recording.ops`.
    inputs : tuple of int
        Variables it reads when it enters the graph; later steps may move them (`Change`).
    outputs : tuple of int
        Variables it computes.
    origin : Origin
        Where it comes from.
    """

    op: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    origin: Origin


@dataclass(frozen=True)
class Rule:
    """A rewrite rule that changed the graph.

    Attributes
    ----------
    name : str
        Its normalised name.
    source : SourceLine or None
        Where it is defined.
    registered : tuple of str
        Names under which PyTensor's database holds it: what ``mode.excluding`` accepts.
    doc : str
        First line of its documentation, or empty.
    """

    name: str
    source: SourceLine | None = None
    registered: tuple[str, ...] = ()
    doc: str = ""


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
class OutputSpec:
    """What one output of the graph is for.

    Attributes
    ----------
    name : str
        The user's name for it, ``output 0``-like where there is none; for an update, the shared
        variable's name.
    updates : int or None
        The shared variable that takes the value; None for a returned output.
    """

    name: str
    updates: int | None = None


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


@dataclass(frozen=True, repr=False)
class Recording:
    """What one compilation did.

    Attributes
    ----------
    name : str
        The function's name, or empty.
    mode, linker : str
        Name or description of the mode; class of the linker.
    query : tuple of str
        The mode's rewrite selection: ``+fast_run``, ``-scan_save_mem`` and so on.
    matches : bool or None
        Whether the last snapshot is, node by node, the graph of the function given; None where
        an expression was given.
    ops, variables, nodes, rules, lines : tuple
        The tables.
    inputs : tuple of int
        The graph's inputs: the function's own, then shared variables.
    first_nodes : tuple of int
        The nodes of snapshot 0.
    first_outputs : tuple of int
        The outputs of snapshot 0, in the order of `outputs`.
    outputs : tuple of OutputSpec
        What each output is for.
    steps : tuple of Step
        In order; `steps[0]` is step 1.
    final_order : tuple of int
        The last snapshot's nodes in the order the function runs them.
    seconds : float
        The recorded compilation, without the recorder's own work where that can be told apart.
    recorder_seconds : float
        The recorder's own work in it.
    stamp : dict
        Versions and machine (`graphs.environment.stamp`).
    evaluation, counterfactuals, diagnoses, measurements
        Values at every step, compilations without each rule, stabilizing rules that do not fire
        here, costs and times; None where not asked for.
    """

    name: str
    mode: str
    linker: str
    query: tuple[str, ...]
    matches: bool | None
    ops: tuple[Op, ...]
    variables: tuple[Variable, ...]
    nodes: tuple[Node, ...]
    rules: tuple[Rule, ...]
    lines: tuple[SourceLine, ...]
    inputs: tuple[int, ...]
    first_nodes: tuple[int, ...]
    first_outputs: tuple[int, ...]
    outputs: tuple[OutputSpec, ...]
    steps: tuple[Step, ...]
    final_order: tuple[int, ...]
    seconds: float
    recorder_seconds: float
    stamp: dict[str, object] = field(hash=False)
    evaluation: Evaluation | None = None
    counterfactuals: tuple[Counterfactual, ...] | None = None
    diagnoses: tuple[Diagnosis, ...] | None = None
    measurements: Measurements | None = None

    @cached_property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """Every snapshot, from 0 to the last."""
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
        found: dict[int, None] = {}
        seen = {node}
        waiting = [node]
        while waiting:
            current = waiting.pop()
            origin = self.nodes[current].origin
            if origin.kind != REWRITE:
                found[current] = None
            for parent in origin.parents:
                if parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)
        return tuple(sorted(found))

    def lines_of(self, node: int) -> tuple[SourceLine, ...]:
        """The user's source lines that `node` goes back to, in the order of the file."""
        found = {line for root in self.roots(node) for line in self.nodes[root].origin.lines}
        return tuple(sorted((self.lines[i] for i in found), key=lambda place: (place.file, place.line)))

    def __repr__(self) -> str:
        counts = self.node_counts()
        name = f" of {self.name}" if self.name else ""
        story = f"{counts[0]} → {counts[-1]} nodes in {len(self.steps)} steps"
        return f"<Recording{name}: {story}, mode {self.mode}>"

    # The renderers stand above the data; they are looked up when something is shown.

    def __rich__(self) -> object:
        """What ``rich.print(recording)`` shows: the whole report."""
        from graphs.inspection.text import overview

        return overview(self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """What a notebook shows."""
        from graphs.inspection.text import as_html, as_text, overview

        shown = overview(self)
        return {"text/plain": as_text(shown), "text/html": as_html(shown)}

    def _replay(self) -> Iterator[Snapshot]:
        owners = [variable.owner for variable in self.variables]
        standing = {node: self._place(node, self.nodes[node].inputs) for node in self.first_nodes}
        outputs = list(self.first_outputs)
        standing = _ordered(0, standing, owners)
        yield Snapshot(0, tuple(standing.values()), tuple(outputs))
        for index, step in enumerate(self.steps, start=1):
            for node in step.gone:
                del standing[node]
            for node in step.come:
                standing[node] = self._place(node, self.nodes[node].inputs)
            for change in step.changes:
                if change.node is None:
                    outputs[change.position] = change.new
                else:
                    inputs = list(standing[change.node].inputs)
                    inputs[change.position] = change.new
                    standing[change.node] = self._place(change.node, tuple(inputs))
            standing = _ordered(index, standing, owners)
            if index == len(self.steps) and set(self.final_order) == standing.keys():
                standing = {node: standing[node] for node in self.final_order}
            yield Snapshot(index, tuple(standing.values()), tuple(outputs))

    def _place(self, node: int, inputs: tuple[int, ...]) -> Placed:
        return Placed(node, self.nodes[node].op, inputs, self.nodes[node].outputs)


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
