"""Two recordings side by side: up to where are they one story, and where do they part?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

from graphs.errors import InputError
from graphs.foreign import quoted
from graphs.inspection.recording import Recording, Step

__all__ = ["Aligned", "OutputPair", "Parting", "align"]

Key = tuple[str, tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True)
class Aligned:
    """One row of the two stories: a step of each, or of one only."""

    first: int | None  # step number, counted from 1
    second: int | None  # likewise
    verdicts: tuple[str, str] | None = None  # what each step did to the values, where both were evaluated


@dataclass(frozen=True)
class OutputPair:
    """One output at the end of the two stories."""

    name: str  # the output
    nonfinite: tuple[int, int]  # entries that are NaN or infinite, in each
    relative: float | None  # difference of the means, relative to the larger; None where a mean is missing


@dataclass(frozen=True)
class Parting:
    """Two recordings, aligned."""

    # both stories in order; steps are paired where the same rule took out and put in the same Ops
    rows: tuple[Aligned, ...]
    parts_at: int | None  # index of the first row that is not a pair; None if the stories are one
    # index of the first paired row whose verdicts differ or, before it, of the first unpaired row that
    # moved a value beyond rounding; None if there is none or values are missing
    values_part_at: int | None
    nodes: tuple[int, int]  # nodes of each final graph
    outputs: tuple[OutputPair, ...]  # where both were evaluated and have the same outputs


def align(first: Recording, second: Recording) -> Parting:
    """Pair the steps of two recordings of one expression.

    Parameters
    ----------
    first, second : Recording
        Recorded under two modes, with and without a rule, or in two precisions. The names of
        float types do not count when steps are paired.
    """
    for argument, given in (("first", first), ("second", second)):
        if not isinstance(given, Recording):
            raise InputError(argument, found=quoted(given), allowed="a Recording")
    keys = [[_key(recording, step) for step in recording.steps] for recording in (first, second)]
    rows: list[Aligned] = []
    # autojunk would drop frequent steps, merges above all, from long stories
    matcher = SequenceMatcher(a=keys[0], b=keys[1], autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            rows += [_row(first, second, i, j) for i, j in zip(range(a, b), range(c, d), strict=True)]
        else:
            rows += [_row(first, second, i, None) for i in range(a, b)]
            rows += [_row(first, second, None, j) for j in range(c, d)]
    unpaired = (i for i, row in enumerate(rows) if row.first is None or row.second is None)
    values = (i for i, row in enumerate(rows) if row.verdicts and _values_differ(row.verdicts))
    return Parting(
        tuple(rows),
        next(unpaired, None),
        next(values, None),
        (first.node_counts()[-1], second.node_counts()[-1]),
        _outputs(first, second),
    )


def _key(recording: Recording, step: Step) -> Key:
    rule = recording.rules[step.rule].name
    return rule, _op_names(recording, step.gone), _op_names(recording, step.come)


def _op_names(recording: Recording, nodes: tuple[int, ...]) -> tuple[str, ...]:
    names = (recording.ops[recording.nodes[node].op].name for node in nodes)
    return tuple(sorted(re.sub(r"(float|complex)\d+", r"\1", name) for name in names))


def _row(first: Recording, second: Recording, i: int | None, j: int | None) -> Aligned:
    verdicts = None
    if first.evaluation and second.evaluation:
        one = "" if i is None else first.evaluation.steps[i].verdict
        verdicts = one, "" if j is None else second.evaluation.steps[j].verdict
    return Aligned(None if i is None else i + 1, None if j is None else j + 1, verdicts)


def _values_differ(verdicts: tuple[str, str]) -> bool:
    """Whether one step moved values beyond rounding and the other did not, or otherwise."""
    quiet = {"", "identical", "rounding"}
    one, other = verdicts
    return one != other and not {one, other} <= quiet


def _outputs(first: Recording, second: Recording) -> tuple[OutputPair, ...]:
    if not (first.evaluation and second.evaluation) or len(first.outputs) != len(second.outputs):
        return ()
    found = []
    pairs = zip(first.evaluation.outputs, second.evaluation.outputs, strict=True)
    for spec, (one, other) in zip(first.outputs, pairs, strict=True):
        relative = None
        if one.last.mean is not None and other.last.mean is not None:
            size = max(abs(one.last.mean), abs(other.last.mean))
            relative = abs(one.last.mean - other.last.mean) / size if size else 0.0
        nonfinite = (one.last.nan + one.last.inf, other.last.nan + other.last.inf)
        found.append(OutputPair(spec.name, nonfinite, relative))
    return tuple(found)
