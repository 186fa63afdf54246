"""What one compilation did, as plain data.

A `Recording` holds tables (`graphs.inspection.described`) and a list of steps
(`graphs.inspection.snapshots`); `Recording.snapshot` replays the steps to get at the graph after
any of them. Nothing here knows PyTensor, so a recording may come from another compiler, and
every view is made from it and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from graphs.inspection.described import REWRITE, Node, Op, Rule, SourceLine, Variable
from graphs.inspection.findings import Counterfactual, Diagnosis, Evaluation
from graphs.inspection.measured import Measurements
from graphs.inspection.snapshots import Snapshot, Step, replay

__all__ = ["OutputSpec", "Recording"]


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
        The tables (`graphs.inspection.described`).
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
        return tuple(
            replay(
                self.nodes,
                [variable.owner for variable in self.variables],
                (self.first_nodes, self.first_outputs),
                self.steps,
                self.final_order,
            )
        )

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
        from graphs.inspection.show.report import overview

        return overview(self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """What a notebook shows."""
        from graphs.inspection.show.report import overview
        from graphs.terminal import as_html, as_text

        shown = overview(self)
        return {"text/plain": as_text(shown), "text/html": as_html(shown)}
