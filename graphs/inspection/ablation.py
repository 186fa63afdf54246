"""What if one rule were off: which rewrites carry weight?

Leaving a rule out does not always show what it does, for something else may do the same. Where a
rule that repaired values (`graphs.inspection.values.evaluate`) can be left out and all stays finite,
what stands in for it is looked for and switched off too:

- the linker's own compiler: fast mathematics turns ``(1 + e) - 1`` into ``e``, as algebra does and
  rounding does not. It is at work where the graph evaluated Op by Op is not finite, and the
  same graph compiled is;
- another rule: the one that repairs the same output in the compilation without the first.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from pytensor.configdefaults import config

from graphs.inspection.compiling.compiled import Inspection, inspect_parts
from graphs.inspection.findings import BROKE, CHANGED, IDENTICAL, REPAIRED, UNKNOWN, Counterfactual
from graphs.inspection.recording import Recording, Rule
from graphs.inspection.values.difference import Missing, compare, one_line, worst
from graphs.inspection.values.evaluate import TOLERANCE_ULP, call, evaluate, feed
from graphs.inspection.values.performing import run_graph
from graphs.timing import Spread, interleaved

__all__ = ["counterfactuals"]

WEIGHTY = {BROKE, REPAIRED, CHANGED}
# Short beside a scheduler's time slice, so that a busy machine spoils some rounds and not all.
SAMPLE_SECONDS = 0.001
# Settings of a linker's compiler that let it take formulas for their algebra, and their strict value.
FREEDOMS = {"NumbaLinker": ("numba__fastmath", False)}


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
    fed, _ = feed(inspection, inputs, shapes=shapes, seed=seed)
    recording = inspection.recording
    trial = _Trial(
        inspection, fed, call(inspection, fed), _op_by_op(inspection, fed), _repairs(inspection, fed)
    )
    fired = Counter(step.rule for step in recording.steps)
    results: list[Counterfactual] = []
    calls: dict[str, Callable[[], object]] = {}
    arguments = [value for value in fed if value is not None]
    for number, rule in enumerate(recording.rules):
        if rules is not None and rule.name not in rules:
            continue
        if progress is not None:
            progress(rule.name)
        for found, other in _left_out(trial, number):
            if other is not None and rounds:
                calls[str(len(results))] = _caller(other.function, arguments)
            results.append(msgspec.structs.replace(found, fired=fired[number]))
    if calls and not any(isinstance(value, Missing) for value in trial.expected):
        calls["with"] = _caller(inspection.function, arguments)
        times = interleaved(calls, rounds=rounds, sample_seconds=SAMPLE_SECONDS)
        results = [_timed(result, times.get(str(i)), times["with"]) for i, result in enumerate(results)]
        inspection.reset()
    heavy = {result.rule for result in results if result.carries_weight}
    weighty = sorted(results, key=lambda r: (r.rule not in heavy, r.rule))
    return msgspec.structs.replace(recording, counterfactuals=tuple(weighty))


def _caller(function: Any, arguments: Sequence[Any]) -> Callable[[], object]:
    return lambda: function(*arguments)


def _timed(result: Counterfactual, timing: Spread | None, whole: Spread) -> Counterfactual:
    if timing is None:
        return result
    ratio = float(f"{timing.median / whole.median:.5g}")
    return msgspec.structs.replace(result, seconds=timing, ratio=ratio)


@dataclass(frozen=True)
class _Trial:
    """The full compilation, what it is fed, what it gives, and the outputs each rule repaired."""

    inspection: Inspection
    fed: Sequence[Any]
    expected: Sequence[Any]
    formula: Sequence[Any] | None
    repairs: Mapping[int, frozenset[int]]


def _repairs(inspection: Inspection, fed: Sequence[Any]) -> dict[int, frozenset[int]]:
    """For every rule, which outputs it repaired; as recorded, where values are recorded."""
    recording = inspection.recording
    if recording.evaluation is None:
        recording = evaluate(inspection, [value for value in fed if value is not None], run=False)
    assert recording.evaluation is not None
    found: dict[int, frozenset[int]] = {}
    for value in recording.evaluation.outputs:
        for step in value.rescued_by:
            rule = recording.steps[step - 1].rule
            found[rule] = found.get(rule, frozenset()) | {value.output}
    return found


def _left_out(trial: _Trial, number: int) -> Iterator[tuple[Counterfactual, Inspection | None]]:
    """The rule left out; then, where that does not show what it does, with what stands in for it."""
    recording = trial.inspection.recording
    rule = recording.rules[number]
    found, other = _without(trial, number, [rule])
    yield found, other
    if other is None or found.verdict in WEIGHTY:
        return
    freedom = FREEDOMS.get(type(trial.inspection.function.maker.linker).__name__)
    if found.formula in WEIGHTY and freedom is not None:
        setting, strict = freedom
        with config.change_flags(**{setting: strict}):
            found, other = _without(trial, number, [rule], also=setting)
        if found.verdict in WEIGHTY:
            yield found, other
        return
    repaired = trial.repairs.get(number, frozenset())
    stand_ins = _repairs(other, trial.fed) if repaired and found.formula not in WEIGHTY else {}
    for other_number, outputs in stand_ins.items():
        if outputs & repaired:
            second = other.recording.rules[other_number]
            found, pair = _without(trial, number, [rule, second], also=second.name)
            if found.carries_weight:
                yield found, pair
                return


def _without(
    trial: _Trial, number: int, rules: Sequence[Rule], also: str = ""
) -> tuple[Counterfactual, Inspection | None]:
    """One compilation without `rules`, and its live objects where it can be called."""
    names = tuple(name for rule in rules for name in rule.registered)
    nothing = Counterfactual(number, names, 0, also=also)
    if not all(rule.registered for rule in rules):
        problem = "cannot be left out: PyTensor's database has no name for it"
        return msgspec.structs.replace(nothing, problem=problem), None
    try:
        mode = trial.inspection.parts.mode.excluding(*names)
    except Exception as refusal:  # a mode of somebody's without a selection to change
        problem = f"cannot be left out: {one_line(refusal)}"
        return msgspec.structs.replace(nothing, problem=problem), None
    try:
        other = inspect_parts(trial.inspection.parts.again(mode))
    except Exception as failure:  # that is the finding
        problem = f"does not compile without it: {one_line(failure)}"
        return msgspec.structs.replace(nothing, problem=problem, carries_weight=True), None
    out = {rule.name for rule in rules}
    left = sum(other.recording.rules[step.rule].name in out for step in other.recording.steps)
    problem = f"still fires {left} times: other rewrites contain it" if left else ""
    expected, found = trial.expected, call(other, trial.fed)
    nodes = other.recording.node_counts()[-1]
    for value in found:
        if isinstance(value, Missing) and not any(isinstance(e, Missing) for e in expected):
            failed = msgspec.structs.replace(
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
    formula = _compare_formulas(trial.formula, _op_by_op(other, trial.fed))
    result = msgspec.structs.replace(
        nothing,
        problem=problem,
        nodes=nodes,
        outputs=tuple(change for change in changes if change.verdict != IDENTICAL),
        verdict=verdict,
        formula=formula,
        carries_weight=bool({verdict, formula} & WEIGHTY),
    )
    return result, None if verdict == UNKNOWN else other


def _op_by_op(inspection: Inspection, fed: Sequence[Any]) -> Sequence[Any] | None:
    """The final graph's outputs by each Op's own Python; None where an Op has none or fails."""
    pairs = zip(fed, inspection.initial, strict=True)
    values = [initial if value is None else value for value, initial in pairs]
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return run_graph(inspection.function.maker.fgraph, values)
    except Exception:  # whatever an Op may raise
        return None


def _compare_formulas(full: Sequence[Any] | None, other: Sequence[Any] | None) -> str:
    """The worst verdict on the outputs of two final graphs, evaluated Op by Op."""
    if full is None or other is None:
        return UNKNOWN
    pairs = zip(full, other, strict=True)
    return worst([compare(a, b, i, TOLERANCE_ULP).verdict for i, (a, b) in enumerate(pairs)])
