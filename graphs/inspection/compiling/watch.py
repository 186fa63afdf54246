"""What happens to one graph while it is rewritten, application by application."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from pytensor.graph.basic import Apply, Variable
from pytensor.graph.features import Feature
from pytensor.graph.fg import FunctionGraph, Output
from pytensor.graph.rewriting.basic import SequentialNodeRewriter

from graphs.inspection.compiling.rules import is_revert

__all__ = ["Application", "Watcher"]

BEFORE_PHASES = "setting up"


@dataclass
class Application:
    """One application of one rule, in PyTensor's own objects (see ``recording.Step``)."""

    phase: Any
    phase_name: str
    rule: Any
    gone: list[Apply]
    come: list[tuple[Apply, tuple[Variable, ...]]]
    moved: list[tuple[Apply | int, int, Variable, Variable]]
    replaced: list[tuple[Variable, Variable]]
    seconds: float


@dataclass
class _Group:
    """Changes that belong to one application, until it is complete."""

    reason: Any
    rule: Any
    present: dict[Apply, bool] = field(default_factory=dict)
    moved: dict[tuple[Any, int], Variable] = field(default_factory=dict)
    pairs: dict[tuple[Variable, Variable], None] = field(default_factory=dict)
    complete: bool = False
    ended: float = 0.0
    own_at_end: float = 0.0


class Watcher(Feature):  # type: ignore[misc]  # PyTensor's classes are untyped
    """Notes what happens to one graph.

    Changes are grouped by the validation that follows each application. A group is closed only
    when the next one begins: where a later feature refuses the graph, PyTensor takes the change
    back after our own validation passed, and the two must cancel.
    """

    def __init__(self) -> None:
        self.fgraph: FunctionGraph | None = None
        self.applications: list[Application] = []
        self.phase: Any = None
        self.phase_name = BEFORE_PHASES
        self.own = 0.0
        self._group: _Group | None = None
        self._counts: dict[int, dict[Any, int]] = {}

    def on_attach(self, fgraph: FunctionGraph) -> None:
        started = time.perf_counter()
        self.fgraph = fgraph
        self.wiring: dict[Apply, list[Variable]] = {n: list(n.inputs) for n in fgraph.toposort()}
        self.outputs: list[Variable] = list(fgraph.outputs)
        self.inputs = tuple(fgraph.inputs)
        self.first = tuple((node, tuple(inputs)) for node, inputs in self.wiring.items())
        self.first_outputs = tuple(self.outputs)
        self._spend(started)
        self._last = time.perf_counter() - self.own

    def clone(self) -> Feature:
        return Feature()  # a graph made from this one is not watched

    def on_import(self, fgraph: FunctionGraph, node: Apply, reason: Any) -> None:
        started = time.perf_counter()
        group = self._group_for(reason)
        group.present.setdefault(node, node in self.wiring)
        self.wiring[node] = list(node.inputs)
        self._touch(group, started)

    def on_prune(self, fgraph: FunctionGraph, node: Apply, reason: Any) -> None:
        started = time.perf_counter()
        group = self._group_for(reason)
        group.present.setdefault(node, node in self.wiring)
        self.wiring.pop(node, None)
        self._touch(group, started)

    def on_change_input(
        self, fgraph: FunctionGraph, node: Apply, i: int, var: Variable, new: Variable, reason: Any
    ) -> None:
        started = time.perf_counter()
        group = self._group_for(reason)
        if isinstance(node.op, Output):
            group.moved.setdefault((None, node.op.idx), var)
            self.outputs[node.op.idx] = new
        elif node in self.wiring:
            group.moved.setdefault((node, i), var)
            self.wiring[node][i] = new
        if not is_revert(reason):
            group.pairs[var, new] = None
        self._touch(group, started)

    def on_validate(self, fgraph: FunctionGraph) -> None:
        if self._group is not None:
            self._group.complete = True

    def begin(self, phase: Any, name: str) -> None:
        """A part of the rewriter starts."""
        self.close()
        self.phase, self.phase_name = phase, name
        self._last = time.perf_counter() - self.own

    def close(self) -> None:
        """End the open group, and keep it if the graph is another one after it."""
        group, self._group = self._group, None
        if group is None:
            return
        gone = [n for n, before in group.present.items() if before and n not in self.wiring]
        come = [n for n, before in group.present.items() if not before and n in self.wiring]
        fresh = set(come)
        moved: list[tuple[Any, int, Variable, Variable]] = []
        for (node, i), old in group.moved.items():
            if node is None:
                new = self.outputs[i]
            elif node in self.wiring and node not in fresh:
                new = self.wiring[node][i]
            else:
                continue
            if new is not old:
                moved.append((node, i, old, new))
        if not (gone or come or moved):
            return
        self.applications.append(
            Application(
                self.phase,
                self.phase_name,
                group.rule,
                gone,
                [(node, tuple(self.wiring[node])) for node in come],
                moved,
                list(group.pairs),
                round(max(0.0, group.ended - self._last), 7),
            )
        )
        self._last = group.ended

    def _group_for(self, reason: Any) -> _Group:
        group = self._group
        if group is not None and is_revert(reason):
            group.complete = True
            return group
        if group is not None and (group.complete or not _same(group.reason, reason)):
            self.close()
            group = None
        if group is None:
            group = self._group = _Group(reason, self._acting(reason))
        return group

    def _acting(self, reason: Any) -> Any:
        """The members of a group of rewrites that made a change, where PyTensor counts them."""
        counts = getattr(reason, "applied_true", None)
        if not isinstance(reason, SequentialNodeRewriter) or counts is None:
            return reason
        before = self._counts.get(id(reason), {})
        acting = [member for member, count in counts.items() if count > before.get(member, 0)]
        self._counts[id(reason)] = dict(counts)
        return acting or reason

    def _touch(self, group: _Group, started: float) -> None:
        self._spend(started)
        group.ended = time.perf_counter() - self.own

    def _spend(self, started: float) -> None:
        self.own += time.perf_counter() - started


def _same(first: Any, second: Any) -> bool:
    return first is second or (isinstance(first, str) and first == second)
