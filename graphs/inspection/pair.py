"""Two recordings side by side: up to where are they one story, and where do they part?"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from graphs.errors import InputError
from graphs.foreign import quoted
from graphs.inspection.recording import Recording, Step

__all__ = ["Aligned", "OutputPair", "Parting", "align"]

Key = tuple[str, tuple[str, ...], tuple[str, ...]]
# Comparisons of two steps, which take some seconds: stories of thousands of steps that hardly differ, or of
# thousands that have nothing in common.
MOST_COMPARED = 4 * 10**6


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

    Raises
    ------
    InputError
        If one is no recording, or both are long and have too little in common to be compared.
    """
    for argument, given in (("first", first), ("second", second)):
        if not isinstance(given, Recording):
            raise InputError(argument, found=quoted(given), allowed="a Recording")
    keys = [[_key(recording, step) for step in recording.steps] for recording in (first, second)]
    rows: list[Aligned] = []
    i = j = 0
    for both in (*_common(*keys), tuple(map(len, keys))):
        rows += [_row(first, second, step, None) for step in range(i, both[0])]
        rows += [_row(first, second, None, step) for step in range(j, both[1])]
        i, j = both[0] + 1, both[1] + 1
        if both != tuple(map(len, keys)):
            rows.append(_row(first, second, *both))
    unpaired = (i for i, row in enumerate(rows) if row.first is None or row.second is None)
    values = (i for i, row in enumerate(rows) if row.verdicts and _values_differ(row.verdicts))
    return Parting(
        tuple(rows),
        next(unpaired, None),
        next(values, None),
        (first.node_counts()[-1], second.node_counts()[-1]),
        _outputs(first, second),
    )


def _common(one: Sequence[Key], other: Sequence[Key]) -> list[tuple[int, int]]:
    """As many pairs of equal steps as there are in order, as numbers from 0 (Myers, Algorithmica 1986).

    It takes time and memory by how many steps are not paired: `reached` holds for each number of those, and each
    difference i − j of places in the two stories, how far the first story can be followed.
    """
    sizes, compared = (len(one), len(other)), 0
    reached: list[array[int]] = []
    for apart in range(sum(sizes) + 1):
        now = array("q")
        for ahead in range(-apart, apart + 1, 2):
            i = start = _begun(reached, apart, ahead)[0]
            while i < sizes[0] and i - ahead < sizes[1] and one[i] == other[i - ahead]:
                i += 1
            now.append(i)
            compared += i - start + 1
            if (i, i - ahead) == sizes:
                return _pairs(reached, apart, *sizes)
        if compared > MOST_COMPARED:
            break
        reached.append(now)
    raise InputError(
        "second",
        found=f"a story of {sizes[1]:,} steps beside one of {sizes[0]:,}, with too little in common",
        allowed="two recordings of one expression",
    )


def _begun(reached: Sequence[array[int]], apart: int, ahead: int) -> tuple[int, int]:
    """Where in the first story equal steps begin, after one more that is not paired; and where it was before that."""
    if not apart:
        return 0, 0
    before, index = reached[apart - 1], (ahead + apart) // 2
    if index == 0 or (index < apart and before[index - 1] < before[index]):
        return before[index], before[index]  # a step of the second story only
    return before[index - 1] + 1, before[index - 1]


def _pairs(reached: Sequence[array[int]], apart: int, i: int, j: int) -> list[tuple[int, int]]:
    """The pairs on the way that led to the ends of both stories, followed back."""
    found = []
    for left in range(apart, -1, -1):
        begun, before = _begun(reached, left, i - j)
        while i > begun:
            i, j = i - 1, j - 1
            found.append((i, j))
        i, j = before, j - (begun == before)
    return found[::-1]


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
