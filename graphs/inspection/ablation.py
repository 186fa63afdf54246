"""What if one rule were off: which rewrites carry weight?"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphs.inspection.evaluated import (
    BROKE,
    CHANGED,
    IDENTICAL,
    REPAIRED,
    UNKNOWN,
    Counterfactual,
)
from graphs.inspection.evaluation import TOLERANCE_ULP, call, feed
from graphs.inspection.performing import run_graph
from graphs.inspection.record import Inspection, inspect_parts
from graphs.inspection.recording import Recording
from graphs.inspection.values import Missing, compare, one_line, worst
from graphs.timing import Timing, interleaved

__all__ = ["counterfactuals"]


@np.errstate(all="ignore")  # what is not finite is counted, not warned of
def counterfactuals(
    inspection: Inspection,
    inputs: Mapping[str, Any] | Sequence[Any] | None = None,
    *,
    shapes: Mapping[str, Sequence[int]] | Sequence[Sequence[int] | None] | None = None,
    seed: int = 0,
    rules: Sequence[str] | None = None,
    rounds: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Recording:
    """For each rule that fired, compile without it, call it, and compare.

    Parameters
    ----------
    inspection : Inspection
        What `graphs.inspection.inspect` gave.
    inputs, shapes, seed
        As for `graphs.inspection.evaluate`.
    rules : sequence of str, optional
        Names of the rules to leave out, one at a time; all that fired by default.
    rounds : int
        Rounds of timing, all compilations called in turn; 0 for none.
    progress : callable, optional
        Told the name of each rule as its turn comes.

    Returns
    -------
    Recording
        The same recording with its ``counterfactuals``, those that carry weight first.
    """
    recording = inspection.recording
    fed, _ = feed(inspection, inputs, shapes=shapes, seed=seed)
    expected = call(inspection, fed)
    fired = [0] * len(recording.rules)
    for step in recording.steps:
        fired[step.rule] += 1
    results: list[Counterfactual] = []
    calls: dict[str, Callable[[], object]] = {}
    arguments = [value for value in fed if value is not None]
    for number, rule in enumerate(recording.rules):
        if rules is not None and rule.name not in rules:
            continue
        if progress is not None:
            progress(rule.name)
        found, function = _without(inspection, number, fed, expected)
        results.append(dataclasses.replace(found, fired=fired[number]))
        if function is not None and rounds:
            calls[str(number)] = _caller(function, arguments)
    if calls and not any(isinstance(value, Missing) for value in expected):
        calls["with"] = _caller(inspection.function, arguments)
        times = interleaved(calls, rounds=rounds, sample_seconds=0.005)
        results = [_timed(result, times) for result in results]
        inspection.reset()
    weighty = sorted(results, key=lambda r: (not r.carries_weight, r.rule))
    return dataclasses.replace(recording, counterfactuals=tuple(weighty))


def _caller(function: Any, arguments: Sequence[Any]) -> Callable[[], object]:
    return lambda: function(*arguments)


def _timed(result: Counterfactual, times: Mapping[str, Timing]) -> Counterfactual:
    timing = times.get(str(result.rule))
    if timing is None:
        return result
    return dataclasses.replace(
        result,
        seconds=timing.median,
        seconds_q1=timing.q1,
        seconds_q3=timing.q3,
        ratio=timing.median / times["with"].median,
    )


def _without(
    inspection: Inspection, number: int, fed: Sequence[Any], expected: Sequence[Any]
) -> tuple[Counterfactual, Any]:
    """One compilation without rule `number`, and its function where it can be called."""
    rule = inspection.recording.rules[number]
    nothing = Counterfactual(number, rule.registered, 0)
    if not rule.registered:
        problem = "cannot be left out: PyTensor's database has no name for it"
        return dataclasses.replace(nothing, problem=problem), None
    try:
        mode = inspection.parts.mode.excluding(*rule.registered)
    except Exception as refusal:  # a mode of somebody's without a selection to change
        problem = f"cannot be left out: {one_line(refusal)}"
        return dataclasses.replace(nothing, problem=problem), None
    try:
        other = inspect_parts(inspection.parts.again(mode))
    except Exception as failure:  # that is the finding
        problem = f"does not compile without it: {one_line(failure)}"
        return dataclasses.replace(nothing, problem=problem, carries_weight=True), None
    without = other.recording
    left = sum(without.rules[step.rule].name == rule.name for step in without.steps)
    problem = f"still fires {left} times: other rewrites contain it" if left else ""
    found = call(other, fed)
    nodes = other.recording.node_counts()[-1]
    for value in found:
        if isinstance(value, Missing) and not any(isinstance(e, Missing) for e in expected):
            failed = dataclasses.replace(
                nothing,
                problem=f"does not run without it: {value.problem}",
                nodes=nodes,
                carries_weight=True,
            )
            return failed, None
    changes = [
        compare(old, new, i, TOLERANCE_ULP) for i, (old, new) in enumerate(zip(expected, found, strict=True))
    ]
    verdict = worst([change.verdict for change in changes])
    formula = _compare_formulas(inspection, other, fed)
    result = dataclasses.replace(
        nothing,
        problem=problem,
        nodes=nodes,
        outputs=tuple(change for change in changes if change.verdict != IDENTICAL),
        verdict=verdict,
        formula=formula,
        carries_weight=bool({verdict, formula} & {BROKE, REPAIRED, CHANGED}),
    )
    return result, None if verdict == UNKNOWN else other.function


def _compare_formulas(full: Inspection, other: Inspection, fed: Sequence[Any]) -> str:
    """The worst verdict on the outputs of two final graphs, evaluated Op by Op."""
    results = []
    for inspection in (full, other):
        pairs = zip(fed, inspection.initial, strict=True)
        values = [initial if value is None else value for value, initial in pairs]
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                results.append(run_graph(inspection.function.maker.fgraph, values))
        except Exception:  # an Op without a Python implementation, or whatever one may raise
            return UNKNOWN
    pairs = zip(*results, strict=True)
    return worst([compare(a, b, i, TOLERANCE_ULP).verdict for i, (a, b) in enumerate(pairs)])
