"""The values of one snapshot after another, Op by Op; only what a step touches is computed again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from pytensor.graph.basic import Constant
from pytensor.tensor.basic import AllocEmpty

from graphs.foreign import one_line
from graphs.inspection.compiling.pipeline import LiveCopy
from graphs.inspection.findings import Cells, ValueSummary
from graphs.inspection.recording import Placed, Snapshot
from graphs.inspection.values.cells import MOST_CELLS, cells_of
from graphs.inspection.values.difference import Missing, same_value, summarize
from graphs.inspection.values.perform import perform

__all__ = ["Replay"]


class Replay:
    """Computes a recording's snapshots, from snapshot 0 on.

    Parameters
    ----------
    live
        The recorded compilation.
    values
        By graph input.
    constant
        What a constant is taken to be: itself by default.
    """

    def __init__(
        self, live: LiveCopy, values: Sequence[Any], constant: Callable[[Any], Any] = lambda data: data
    ) -> None:
        self.live = live
        self.values: dict[int, Any] = {}  # by variable, of those in the snapshot at hand
        self.summaries: list[ValueSummary] = []
        self.cells: list[Cells] = []
        self._room = MOST_CELLS  # for cells
        self._constant = constant
        self._placed: dict[int, Placed] = {}
        for number, value in zip(live.recording.inputs, values, strict=True):
            self._set(number, value, 0)
        self.advance(live.recording.snapshots[0])

    def advance(self, snapshot: Snapshot) -> None:
        """Move to `snapshot`, the one after the present one."""
        fresh: set[int] = set()
        before, self._placed = self._placed, {placed.node: placed for placed in snapshot.nodes}
        for placed in snapshot.nodes:
            if before.get(placed.node) == placed and fresh.isdisjoint(placed.inputs):
                continue
            for number in placed.inputs:
                self._ensure_root(number, snapshot.index)
            results = self._compute(placed.node, placed.inputs)
            for number, value in zip(placed.outputs, results, strict=True):
                if number in self.values and same_value(self.values[number], value):
                    continue
                self._set(number, value, snapshot.index)
                fresh.add(number)
        for number in snapshot.outputs:
            self._ensure_root(number, snapshot.index)
        for node in before.keys() - self._placed.keys():
            for number in before[node].outputs:
                del self.values[number]

    def outputs(self, snapshot: Snapshot) -> list[Any]:
        """What the graph at hand returns."""
        return [self.values[number] for number in snapshot.outputs]

    def _ensure_root(self, number: int, snapshot: int) -> None:
        """Constants turn up as rewrites make them."""
        if number in self.values:
            return
        variable = self.live.variables[number]
        if isinstance(variable, Constant):
            self._set(number, self._constant(variable.data), snapshot)
        elif variable.owner is None:
            self._set(number, Missing("no value for this input"), snapshot)

    def _set(self, number: int, value: Any, snapshot: int) -> None:
        self.values[number] = value
        summary = summarize(value, snapshot, number)
        owner = self.live.variables[number].owner
        if owner is not None and isinstance(owner.op, AllocEmpty):  # memory nobody has written to
            summary = msgspec.structs.replace(summary, min=None, max=None, mean=None, nan=0, inf=0)
        elif self._room > 0 and (kept := cells_of(value, snapshot, number)) is not None:
            self._room -= len(kept.marks)
            self.cells.append(kept)
        self.summaries.append(summary)

    def _compute(self, node: int, reads: Sequence[int]) -> list[Any]:
        apply = self.live.nodes[node]
        arguments = [self.values[number] for number in reads]
        missing = next((argument for argument in arguments if isinstance(argument, Missing)), None)
        if missing is not None:
            return [missing] * len(apply.outputs)
        variables = [self.live.variables[number] for number in reads]
        try:
            return perform(apply, variables, arguments)
        except Exception as problem:  # any Op may fail in its own way: that is a finding
            return [Missing(one_line(problem))] * len(apply.outputs)
