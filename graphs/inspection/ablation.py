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

import copy
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import msgspec
import numpy as np
from pytensor.configdefaults import config

from graphs.foreign import one_line
from graphs.inspection.compiling.pipeline import LiveCopy, record
from graphs.inspection.compiling.watch import overheard
from graphs.inspection.compiling.written import same_graph
from graphs.inspection.findings import (
    IDENTICAL,
    LOUD,
    UNKNOWN,
    Counterfactual,
    Evaluation,
    Inner,
    InnerNode,
)
from graphs.inspection.recording import Recording, Rule
from graphs.inspection.values.called import FREEDOMS, call
from graphs.inspection.values.condition import Conditioning
from graphs.inspection.values.difference import Missing, Uncertainty, compare_all, worst
from graphs.inspection.values.evaluate import evaluate
from graphs.inspection.values.inputs import Inputs
from graphs.inspection.values.perform import quietly, run_graph
from graphs.listener import Listener
from graphs.timing import interleaved

__all__ = ["counterfactuals", "weighty_first"]

# Short beside a scheduler's time slice, so that a busy machine spoils some rounds and not all.
SAMPLE_SECONDS = 0.001


@np.errstate(all="ignore")  # what is not finite is counted, not warned of
def counterfactuals(
    live: LiveCopy,
    inputs: Inputs,
    evaluation: Evaluation | None = None,
    *,
    rules: Sequence[str] | None = None,
    rounds: int = 0,
    listener: Listener | None = None,
) -> tuple[Counterfactual, ...]:
    """For each rule that fired, compile without it, call it, and compare; as for `Inspection.leave_out`.

    Where the values on these inputs are known already, `evaluation` says which rules repair which outputs.
    """
    listener = listener or Listener()
    expected = call(live, inputs)
    uncertainty = Conditioning(live, inputs).spread
    repairs = _repairs(live, inputs, evaluation)
    trial = _Trial(live, inputs, expected, _op_by_op(live, inputs), repairs, uncertainty)
    fired = Counter(step.rule for step in live.recording.steps)
    chosen = [(i, r.name) for i, r in enumerate(live.recording.rules) if rules is None or r.name in rules]
    results: list[Counterfactual] = []
    calls: dict[str, Callable[[], object]] = {}
    arguments = copy.deepcopy(inputs.arguments)  # a function may overwrite its own
    start = time.monotonic()
    for done, (number, name) in enumerate(chosen):
        left = (time.monotonic() - start) / done * (len(chosen) - done) if done else None
        soon = "" if left is None else f", about {left:.0f} s left"
        listener.begins(f"compiling without {name} ({done + 1} of {len(chosen)}{soon})")
        listener.progress(done, len(chosen))
        for found, other in _left_out(trial, number):
            if other is not None and rounds and not trial.is_the_same(other):
                calls[str(len(results))] = partial(other.function, *arguments)
            results.append(msgspec.structs.replace(found, fired=fired[number]))
    if calls and not any(isinstance(value, Missing) for value in expected):
        calls["with"] = partial(live.function, *arguments)
        times = interleaved(calls, rounds=rounds, sample_seconds=SAMPLE_SECONDS)
        whole = times.pop("with").median
        for i, spread in times.items():
            ratio = float(f"{spread.median / whole:.5g}")
            results[int(i)] = msgspec.structs.replace(results[int(i)], seconds=spread, ratio=ratio)
        live.reset()
    return weighty_first(results)


def weighty_first(found: Sequence[Counterfactual]) -> tuple[Counterfactual, ...]:
    """Those of rules that carry weight, then the others, each in the order of the rules."""
    heavy = {result.rule for result in found if result.carries_weight}
    return tuple(sorted(found, key=lambda result: (result.rule not in heavy, result.rule)))


@dataclass(frozen=True)
class _Trial:
    """The full compilation, what it is fed, what it gives, and the outputs each rule repaired."""

    live: LiveCopy
    inputs: Inputs
    expected: Sequence[Any]
    formula: Sequence[Any] | None
    repairs: Mapping[int, set[int]]
    uncertainty: Uncertainty

    def is_the_same(self, other: LiveCopy) -> bool:
        """Whether another compilation came to the same graph, so that it need not be called."""
        return same_graph(self.live.function.maker.fgraph, other.function.maker.fgraph)


def _repairs(live: LiveCopy, inputs: Inputs, evaluation: Evaluation | None = None) -> dict[int, set[int]]:
    """For every rule, which outputs it repaired."""
    evaluation = evaluation or evaluate(live, inputs, run=False)
    found: dict[int, set[int]] = {}
    for value in evaluation.outputs:
        for step in value.rescued_by:
            found.setdefault(live.recording.steps[step - 1].rule, set()).add(value.output)
    return found


def _left_out(trial: _Trial, number: int) -> Iterator[tuple[Counterfactual, LiveCopy | None]]:
    """The rule left out; then, where that does not show what it does, with what stands in for it."""
    rule = trial.live.recording.rules[number]
    found, other = _without(trial, number, [rule])
    yield found, other
    if other is None or found.verdict in LOUD:
        return
    freedom = FREEDOMS.get(type(trial.live.function.maker.linker).__name__)
    if found.formula in LOUD and freedom is not None:
        setting, strict = freedom
        with config.change_flags(**{setting: strict}):
            found, other = _without(trial, number, [rule], also=setting)
        if found.verdict in LOUD:
            yield found, other
        return
    repaired = trial.repairs.get(number, set())
    stand_ins = _repairs(other, trial.inputs) if repaired and found.formula not in LOUD else {}
    for other_number, outputs in stand_ins.items():
        if outputs & repaired:
            second = other.recording.rules[other_number]
            found, pair = _without(trial, number, [rule, second], also=second.name)
            if found.carries_weight:
                yield found, pair
                return


def _without(
    trial: _Trial, number: int, rules: Sequence[Rule], also: str = ""
) -> tuple[Counterfactual, LiveCopy | None]:
    """One compilation without `rules`, and its live objects where it can be called."""
    names = tuple(name for rule in rules for name in rule.registered)
    found = partial(Counterfactual, number, names, 0, also=also)
    if not all(rule.registered for rule in rules):
        return found(problem="cannot be left out: PyTensor's database has no name for it"), None
    written = trial.live.written
    try:
        mode = written.mode.excluding(*names)
    except Exception as refusal:  # a mode of somebody's without a selection to change
        return found(problem=f"cannot be left out: {one_line(refusal)}"), None
    try:
        with overheard() as failures:
            other = record(written.under(mode))
    except Exception as failure:  # that is the finding
        problem = f"does not compile without it: {one_line(failure)}"
        return found(problem=problem, carries_weight=True), None
    out = {rule.name for rule in rules}
    left = sum(other.recording.rules[step.rule].name in out for step in other.recording.steps)
    nodes = other.recording.node_counts()[-1]
    problem = f"still fires {left} times: other rewrites contain it" if left else ""
    if failures:
        problem = f"{problem}; " * bool(problem) + f"another rewrite fails without it: {failures[0]}"
    if not also and trial.is_the_same(other):
        return found(problem=problem, nodes=nodes, verdict=IDENTICAL, formula=IDENTICAL), other
    results = call(other, trial.inputs)
    for value in results:
        if isinstance(value, Missing) and not any(isinstance(e, Missing) for e in trial.expected):
            told = f"does not run without it: {value.problem}"
            return found(problem=told, nodes=nodes, carries_weight=True), None
    changes = compare_all(trial.expected, results, trial.uncertainty)
    verdict = worst([change.verdict for change in changes])
    formula, by_ops = UNKNOWN, _op_by_op(other, trial.inputs)
    if trial.formula is not None and by_ops is not None:
        formula = worst([change.verdict for change in compare_all(trial.formula, by_ops, trial.uncertainty)])
    result = found(
        problem=problem,
        nodes=nodes,
        outputs=tuple(change for change in changes if change.verdict != IDENTICAL),
        verdict=verdict,
        formula=formula,
        carries_weight=verdict in LOUD or formula in LOUD,
        graph=None if trial.is_the_same(other) else _final_graph(other.recording),
    )
    return result, None if verdict == UNKNOWN else other


def _final_graph(recording: Recording) -> Inner:
    """The last graph of a recording, told as a whole: inputs by their names, as far as these tell them apart."""
    variables, last = recording.variables, recording.snapshot(-1)
    given = Counter(variables[number].name for number in recording.inputs)
    names: dict[int, str] = {}
    for i, number in enumerate(recording.inputs):
        own = variables[number].name
        is_clear = own and given[own] == 1 and not re.fullmatch(r"t\d+|input\d+", own)
        names[number] = own if is_clear else f"input{i}"
    results = count()

    def name(number: int) -> str:
        return names.get(number) or variables[number].value or "?"

    nodes = []
    for placed in last.nodes:
        reads = tuple(map(name, placed.inputs))
        names |= {number: f"t{next(results)}" for number in placed.outputs}
        written = ", ".join(names[number] for number in placed.outputs)
        nodes.append(InnerNode(recording.ops[placed.op].name, reads, written))
    return Inner(tuple(nodes), tuple(map(name, last.outputs)))


def _op_by_op(live: LiveCopy, inputs: Inputs) -> Sequence[Any] | None:
    """The final graph's outputs by each Op's own Python; None where an Op has none or fails."""
    try:
        with quietly():
            return run_graph(live.function.maker.fgraph, inputs.with_shared(live))
    except Exception:  # whatever an Op may raise
        return None
