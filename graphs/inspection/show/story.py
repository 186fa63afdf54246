"""The story of a compilation in sentences: what was made of what, what it repaired, where the time goes.

A sentence is a list of pieces: text, and links to the step or the node that it speaks of. A terminal shows the text
of both; a page makes the links work.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from graphs.inspection.findings import LOUD, UNKNOWN, OutputValue, ValueSummary
from graphs.inspection.recording import Recording
from graphs.inspection.show.formulas import Formulas
from graphs.inspection.show.nonfinite import headline, listed, telling_origin
from graphs.terminal import duration, share

__all__ = ["Link", "Sentence", "entries_not_finite", "story", "text_of"]


class Link(NamedTuple):
    """A piece of a sentence that speaks of a step, or of a node in a snapshot."""

    text: str
    step: int | None = None  # counted from 1
    node: int | None = None
    snapshot: int | None = None  # where the node stands


Sentence = list[str | Link]


def text_of(sentences: Sequence[Sentence]) -> str:
    """All of them as plain text."""
    return " ".join("".join(p if isinstance(p, str) else p.text for p in pieces) for pieces in sentences)


def story(recording: Recording) -> list[Sentence]:
    """The sentences that this recording has something for, in reading order."""
    return [_compiled(recording), *_values(recording), *_times(recording)]


def entries_not_finite(value: ValueSummary) -> int:
    """Number of entries that are not finite."""
    return value.nan + value.inf


def _compiled(recording: Recording) -> Sentence:
    counts, last = recording.node_counts(), len(recording.steps)
    if not recording.steps:
        return [f"The graph has {counts[0]} nodes, and no rewrite changed it."]
    rules = len({step.rule for step in recording.steps})
    return [
        "The graph as written has ",
        Link(f"{counts[0]} nodes", step=0),
        f". {last} rewrites by {rules} rules made ",
        Link(f"{counts[-1]} nodes", step=last),
        f" of it, in {duration(recording.seconds)}.",
    ]


def _values(recording: Recording) -> Iterator[Sentence]:
    evaluation = recording.evaluation
    if evaluation is None:
        return
    raised = {v.called.problem for v in evaluation.outputs if v.called is not None} - {""}
    if raised:
        yield [f"Called on these inputs, the function raises {listed(sorted(raised))}."]
    elif evaluation.apart:
        told = (
            f"The function itself does not give what its nodes give, computed Op by Op: {evaluation.apart}."
        )
        yield [told]
    if evaluation.apart and not all(v.last.problem for v in evaluation.outputs):
        yield ["What is said of single rewrites is about their formulas as NumPy computes them."]
    names = [spec.name for spec in recording.outputs]
    broken = [value for value in evaluation.outputs if entries_not_finite(value.first)]
    failing = [names[value.output] for value in evaluation.outputs if value.first.problem]
    if failing:
        yield [f"As written, {listed(failing)} cannot be computed."]
    elif not broken and raised:
        yield ["Computed as written, Op by Op, the graph gives finite numbers on these inputs."]
    elif not broken:
        yield ["Computed as written, every output is finite on these inputs."]
    for steps, together in groupby(broken, key=lambda value: value.rescued_by):
        values = list(together)
        broke = _joined([_broken(recording, v.output, v.first) for v in values])
        yield ["Computed as written, ", *broke, *_rescue(recording, values, steps), "."]
    for value in evaluation.outputs:
        if value.broken_by:
            lost = f"{names[value.output]} loses finite entries in "
            yield [lost, *_steps(recording, value.broken_by), "."]
    wrong = [value for value in evaluation.outputs if entries_not_finite(value.compiled)]
    if wrong and not all(value in broken for value in wrong):
        broke = _joined([_broken(recording, v.output, v.compiled) for v in wrong])
        yield [f"{'Called' if wrong[0].called else 'As compiled'}, ", *broke, "."]
    if why := headline(recording).strip():
        origin = telling_origin(recording)
        owner = recording.variables[origin.variable].owner if origin is not None else None
        yield [why if origin is None or owner is None else Link(why, node=owner, snapshot=origin.snapshot)]
    if not evaluation.apart and not any(step.verdict in (*LOUD, UNKNOWN) for step in evaluation.steps):
        yield ["No rewrite changes an output beyond rounding."]


def _broken(recording: Recording, output: int, value: ValueSummary) -> str | Link:
    """That an output is not finite; a link to the node that gives it in the snapshot of the value."""
    said = f"{recording.outputs[output].name} is not finite in {_of(value)}"
    owner = recording.variables[recording.snapshot(value.snapshot).outputs[output]].owner
    return said if owner is None else Link(said, node=owner, snapshot=value.snapshot)


def _joined(pieces: Sequence[str | Link]) -> Sentence:
    """``a, b and c``."""
    found: Sentence = []
    for i, piece in enumerate(pieces):
        if i:
            found.append(" and " if i == len(pieces) - 1 else ", ")
        found.append(piece)
    return found


def _of(value: ValueSummary) -> str:
    number, total = entries_not_finite(value), math.prod(value.shape or ())
    if not value.shape:
        return "its one entry" if number == 1 else f"{number} entries"
    return f"all {total} entries" if number == total else f"{number} of {total} entries"


def _rescue(
    recording: Recording, values: Sequence[OutputValue], steps: tuple[int, ...]
) -> Iterator[str | Link]:
    left = sum(entries_not_finite(value.compiled) for value in values)
    unknown = any(value.compiled.problem for value in values)
    if not steps:
        if not unknown:
            yield "; no rewrite repairs it" if left else ", yet finite in the end"
        return
    whole = {1: "it", 2: "both"}.get(len(values), "all")
    yield "; "
    yield from _steps(recording, steps)
    yield f" repairs {whole}" if not left else f" repairs some of it, {left} entries remain"
    outputs = {value.output for value in values}
    proved = [r for r in recording.rescues() if r.output in outputs and r.proof is not None]
    for proof, together in groupby(proved, key=lambda rescue: rescue.proof):
        assert proof is not None
        off = f" and with {proof.also} off" if proof.also else ""
        again = [f"{rescue.broken} of {recording.outputs[rescue.output].name}" for rescue in together]
        yield f" (compiled without {recording.rules[proof.rule].name}{off}, {listed(again)} not finite)"


def _steps(recording: Recording, steps: Sequence[int]) -> Sentence:
    return _joined([Link(f"step {step} ({recording.rule_of(step).name})", step=step) for step in steps])


def _times(recording: Recording) -> Iterator[Sentence]:
    times = recording.measurements.times if recording.measurements else None
    if times is None or times.call is None:
        return
    call = f"One call takes {duration(times.call.median)}"
    timed = [(t.seconds.median, t.node) for t in times.nodes if t.seconds is not None]
    if not times.total:
        yield [f"{call} (the linker runs the nodes as one piece, they are not timed apart)."]
        return
    seconds, number = max(timed, key=lambda pair: pair[0])
    placed = next(node for node in recording.snapshot(-1).nodes if node.node == number)
    formula = Formulas(recording, -1).node(placed, depth=2)
    node = Link(f"#{number}: {formula}", node=number, snapshot=len(recording.steps))
    yield [f"{call} and spends {share(seconds / times.call.median)} of it in one node, ", node, "."]
