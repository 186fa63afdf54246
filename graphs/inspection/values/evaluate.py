"""Every snapshot evaluated: what each rewrite did to the numbers."""

from __future__ import annotations

import contextlib
import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from pytensor.graph.basic import Constant
from pytensor.tensor.basic import AllocEmpty

from graphs.inspection.compiling.compiled import Inspection
from graphs.inspection.findings import (
    IDENTICAL,
    Evaluation,
    OutputChange,
    OutputValue,
    StepVerdict,
    ValueSummary,
)
from graphs.inspection.recording import Placed, Recording, Snapshot
from graphs.inspection.values.difference import Missing, compare, one_line, same_value, summarize, worst
from graphs.inspection.values.inputs import sample_inputs
from graphs.inspection.values.performing import perform

__all__ = ["TOLERANCE_ULP", "call", "evaluate", "feed"]

# Reordered sums of a few hundred terms and other forms of one formula move a result by tens of
# units in the last place; a wrong one moves it by billions.
TOLERANCE_ULP = 4096.0


@np.errstate(all="ignore")  # what is not finite is counted, not warned of
def evaluate(
    inspection: Inspection,
    inputs: Mapping[str, Any] | Sequence[Any] | None = None,
    *,
    shapes: Mapping[str, Sequence[int]] | Sequence[Sequence[int] | None] | None = None,
    seed: int = 0,
    run: bool = True,
) -> Recording:
    """Compute every snapshot Op by Op and judge every step.

    Each Op runs its own Python implementation on copies of what it would overwrite, so that
    only the formula counts and not the memory. Shared variables have the values they had when
    the recording was made.

    Parameters
    ----------
    inspection : Inspection
        What `graphs.inspection.inspect` gave.
    inputs : mapping by name, or sequence by position, optional
        Sample inputs. Those not given are drawn.
    shapes : mapping by name, or sequence by position, optional
        Shapes to draw the others in, where their Types leave lengths open.
    seed : int
        Seed of what is drawn.
    run : bool
        Whether to call the compiled copy too and compare it with the last snapshot.

    Returns
    -------
    Recording
        The same recording with its ``evaluation``.

    Raises
    ------
    InputError
        If an input is missing, unknown or does not fit.
    """
    recording = inspection.recording
    fed, sources = feed(inspection, inputs, shapes=shapes, seed=seed)
    with _quietly():
        replay = _Replay(inspection, fed)
        verdicts = []
        first = [replay.values[v] for v in recording.first_outputs]
        before = first
        for step, snapshot in enumerate(recording.snapshots[1:], start=1):
            replay.advance(snapshot)
            after = [replay.values[v] for v in snapshot.outputs]
            verdicts.append(_judge(step, before, after))
            before = after
        compiled: tuple[OutputChange, ...] = ()
        if run:
            compiled = tuple(
                compare(expected, found, i, TOLERANCE_ULP)
                for i, (expected, found) in enumerate(zip(before, call(inspection, fed), strict=True))
            )
    last = len(recording.steps)
    outputs = []
    for i, (start, end) in enumerate(zip(first, before, strict=True)):
        outputs.append(
            OutputValue(
                i,
                summarize(start, 0, recording.first_outputs[i]),
                summarize(end, last, recording.snapshots[-1].outputs[i]),
                _steps_that(verdicts, i, "repaired"),
                _steps_that(verdicts, i, "broke"),
            )
        )
    evaluation = Evaluation(
        tuple(sources),
        seed if "drawn" in sources else None,
        tuple(replay.summaries),
        tuple(verdicts),
        tuple(outputs),
        TOLERANCE_ULP,
        compiled,
    )
    return msgspec.structs.replace(recording, evaluation=evaluation)


def feed(
    inspection: Inspection,
    inputs: Mapping[str, Any] | Sequence[Any] | None = None,
    *,
    shapes: Mapping[str, Sequence[int]] | Sequence[Sequence[int] | None] | None = None,
    seed: int = 0,
) -> tuple[list[Any], list[str]]:
    """A value for every input of the graph that the caller provides, and where it is from.

    Returns
    -------
    values : list
        By graph input; None for shared variables.
    sources : list of str
        ``given``, ``drawn`` or ``shared``.
    """
    own = [i for i, value in enumerate(inspection.initial) if value is None]
    variables = [inspection.parts.inputs[i].variable for i in own]
    found, origins = sample_inputs(variables, inputs, shapes, seed)
    values: list[Any] = [None] * len(inspection.initial)
    sources = ["shared"] * len(inspection.initial)
    for i, value, origin in zip(own, found, origins, strict=True):
        values[i], sources[i] = value, origin
    return values, sources


def call(inspection: Inspection, fed: Sequence[Any]) -> list[Any]:
    """One call of the compiled copy: its outputs, then the updated values.

    The shared variables are put back afterwards. Where the call fails, every output is
    `Missing`.
    """
    function = inspection.function
    maker = function.maker
    updated = [i for i, spec in enumerate(maker.inputs) if spec.update is not None]
    inspection.reset()
    try:
        results = function(*(copy.deepcopy(value) for value in fed if value is not None))
        found = [results] if maker.unpack_single else list(results or ())
        found += [function.input_storage[i].storage[0] for i in updated]
        found = [_as_numpy(value) for value in found]
    except Exception as problem:  # whatever an Op may raise
        found = [Missing(one_line(problem))] * (len(maker.outputs) + len(updated))
    inspection.reset()
    return found


def _as_numpy(value: Any) -> Any:
    """Arrays of other libraries (JAX, PyTorch) as NumPy's, apart from the function's storage."""
    if isinstance(value, dict):
        return {key: _as_numpy(item) for key, item in value.items()}
    if hasattr(value, "__array__") and not isinstance(value, np.ndarray | np.generic):
        return np.array(value)
    return copy.deepcopy(value)


def _steps_that(verdicts: Sequence[StepVerdict], output: int, what: str) -> tuple[int, ...]:
    return tuple(v.step for v in verdicts for c in v.outputs if c.output == output and getattr(c, what))


def _judge(step: int, before: Sequence[Any], after: Sequence[Any]) -> StepVerdict:
    changes = [
        compare(old, new, i, TOLERANCE_ULP) for i, (old, new) in enumerate(zip(before, after, strict=True))
    ]
    kept = tuple(change for change in changes if change.verdict != IDENTICAL)
    return StepVerdict(step, worst([change.verdict for change in changes]), kept)


class _Replay:
    """The values of one snapshot after another; only what a step touches is computed again."""

    def __init__(self, inspection: Inspection, fed: Sequence[Any]) -> None:
        self.inspection = inspection
        self.values: dict[int, Any] = {}
        self.summaries: list[ValueSummary] = []
        self._placed: dict[int, Placed] = {}
        recording = inspection.recording
        pairs = zip(recording.inputs, fed, inspection.initial, strict=True)
        for number, value, initial in pairs:
            self._set(number, value if value is not None else initial, 0)
        self.advance(recording.snapshots[0])

    def advance(self, snapshot: Snapshot) -> None:
        """Move to `snapshot`, the one after the present one."""
        fresh: set[int] = set()
        before, self._placed = self._placed, {placed.node: placed for placed in snapshot.nodes}
        for placed in snapshot.nodes:
            unmoved = before.get(placed.node) == placed
            if unmoved and (not fresh or fresh.isdisjoint(placed.inputs)):
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

    def _ensure_root(self, number: int, snapshot: int) -> None:
        """Constants turn up as rewrites make them."""
        if number in self.values:
            return
        variable = self.inspection.variables[number]
        if isinstance(variable, Constant):
            self._set(number, variable.data, snapshot)
        elif variable.owner is None:
            self._set(number, Missing("no value for this input"), snapshot)

    def _set(self, number: int, value: Any, snapshot: int) -> None:
        self.values[number] = value
        summary = summarize(value, snapshot, number)
        owner = self.inspection.variables[number].owner
        if owner is not None and isinstance(owner.op, AllocEmpty):  # memory nobody has written to
            summary = msgspec.structs.replace(summary, min=None, max=None, mean=None, nan=0, inf=0)
        self.summaries.append(summary)

    def _compute(self, node: int, reads: Sequence[int]) -> list[Any]:
        live = self.inspection.nodes[node]
        arguments = [self.values[number] for number in reads]
        for argument in arguments:
            if isinstance(argument, Missing):
                return [Missing("an input could not be computed")] * len(live.outputs)
        variables = [self.inspection.variables[number] for number in reads]
        try:
            return perform(live, variables, arguments)
        except Exception as problem:  # any Op may fail in its own way: that is a finding
            return [Missing(one_line(problem))] * len(live.outputs)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Overflow and division by zero are what is being looked at, not a surprise."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
