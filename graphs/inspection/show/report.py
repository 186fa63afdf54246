"""A recording as text for people: in a terminal, a pipe or a notebook.

Made from a `Recording` and nothing else, so it works for one loaded from a file too. Every
function returns something that ``rich`` prints; what a recording does not hold is left out or
said to be missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from graphs.inspection.findings import OutputValue
from graphs.inspection.recording import Recording
from graphs.inspection.show.formulas import Formulas
from graphs.inspection.show.one_step import step_view
from graphs.inspection.show.rules import doctor_view, pair_view, weight_table
from graphs.inspection.show.running import HotNodes, code_view, work_table
from graphs.inspection.show.steps import STYLES, StepTable, effect, value_text
from graphs.terminal import duration, share

__all__ = [
    "HotNodes",
    "StepTable",
    "code_view",
    "doctor_view",
    "overview",
    "pair_view",
    "report",
    "retelling",
    "step_view",
    "summary",
    "telling_steps",
    "weight_table",
    "work_table",
]


def summary(recording: Recording) -> RenderableType:
    """What it is, the story in a few sentences, the phases, the outputs, the work."""
    parts: list[RenderableType] = [
        _title(recording),
        Text(""),
        retelling(recording),
        Text(""),
        phase_table(recording),
    ]
    if recording.evaluation is not None:
        parts += [Text(""), output_table(recording)]
    return Group(*parts, Text(""), work_table(recording))


def _title(recording: Recording) -> Text:
    versions = recording.stamp.get("versions")
    known = versions if isinstance(versions, dict) else {}
    packages = " · ".join(
        f"{name} {known[name]}" for name in ("pytensor", "numba", "numpy", "python") if name in known
    )
    machine = recording.stamp.get("machine")
    cpu = f"\n{machine.get('cpu', '')}" if isinstance(machine, dict) else ""
    return Text.assemble(
        (recording.name or "a function", "bold"),
        # A Mode without a name of PyTensor's prints as Mode(linker), which the linker says already.
        f"{'' if recording.mode.startswith('Mode(') else f' · mode {recording.mode}'} · {recording.linker}",
        (f"\n{packages}{cpu}", "dim"),
    )


def retelling(recording: Recording) -> Text:
    """The story in plain sentences."""
    counts = recording.node_counts()
    rules = len({step.rule for step in recording.steps})
    if recording.steps:
        told = [
            f"The graph as written has {counts[0]} nodes. {len(recording.steps)} rewrites by {rules} rules"
            f" made {counts[-1]} nodes of it, in {duration(recording.seconds)}."
        ]
    else:
        told = [f"The graph has {counts[0]} nodes, and no rewrite changed it."]
    told += _told_values(recording)
    told += _told_times(recording)
    return Text(" ".join(told))


def _told_values(recording: Recording) -> Iterator[str]:
    evaluation = recording.evaluation
    if evaluation is None:
        return
    broken = [value for value in evaluation.outputs if value.first.nan + value.first.inf]
    if not broken:
        yield "Computed as written, every output is finite on these inputs."
    for steps, together in groupby(broken, key=lambda value: value.rescued_by):
        values = list(together)
        told = [f"{recording.outputs[value.output].name} is not finite in {_of(value)}" for value in values]
        yield f"Computed as written, {_listed(told)}{_rescue(recording, values, steps)}."
    for value in evaluation.outputs:
        if value.broken_by:
            steps = _steps(recording, value.broken_by)
            yield f"{recording.outputs[value.output].name} loses finite entries in {steps}."
    worst = {step.verdict for step in evaluation.steps}
    if not worst & {"repaired", "broke", "changed"}:
        yield "No rewrite changes an output beyond rounding."


def _of(value: OutputValue) -> str:
    number = value.first.nan + value.first.inf
    shape = value.first.shape
    if shape is None or not shape:
        return "its one entry" if number == 1 else f"{number} entries"
    total = 1
    for length in shape:
        total *= length
    return f"all {total} entries" if number == total else f"{number} of {total} entries"


def _rescue(recording: Recording, values: list[OutputValue], steps: tuple[int, ...]) -> str:
    left = sum(value.last.nan + value.last.inf for value in values)
    if not steps:
        return "; no rewrite repairs it" if left else ", yet finite in the end"
    whole = "both" if len(values) == 2 else "all" if len(values) > 2 else "it"
    told = f"; {_steps(recording, steps)}"
    told += f" repairs {whole}" if not left else f" repairs some of it, {left} entries remain"
    outputs = {value.output for value in values}
    found = [r for r in recording.rescues() if r.output in outputs and r.proof is not None]
    for proof, proved in groupby(found, key=lambda rescue: rescue.proof):
        assert proof is not None
        off = f" and with {proof.also} off" if proof.also else ""
        again = [f"{rescue.broken} of {recording.outputs[rescue.output].name}" for rescue in proved]
        told += f" (compiled without {recording.rules[proof.rule].name}{off}, {_listed(again)} not finite)"
    return told


def _listed(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _steps(recording: Recording, steps: tuple[int, ...]) -> str:
    named = [f"step {step} ({recording.rule_of(step).name})" for step in steps]
    return _listed(named)


def _told_times(recording: Recording) -> Iterator[str]:
    times = recording.measurements.times if recording.measurements else None
    if times is None or times.call is None:
        return
    yield f"One call takes {duration(times.call.median)}"
    timed = [t for t in times.nodes if t.seconds is not None]
    if not timed or not times.total:
        yield "(the linker runs the nodes as one piece, they are not timed apart)."
        return
    hot = max(timed, key=lambda t: t.seconds.median if t.seconds else 0.0)
    part = hot.seconds.median / times.call.median if hot.seconds else 0.0
    snapshot = recording.snapshot(-1)
    placed = next(node for node in snapshot.nodes if node.node == hot.node)
    formula = Formulas(recording, snapshot).node(placed, depth=2)
    yield f"and spends {share(part)} of it in one node, #{hot.node}: {formula}."


def phase_table(recording: Recording) -> RenderableType:
    """One row per phase in the order they ran: rewrites, nodes, what became of the values."""
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
    table.add_column("phase", style="cyan")
    table.add_column("rewrites", justify="right")
    table.add_column("nodes", justify="right", no_wrap=True)
    table.add_column("what it did to the values", overflow="fold")
    counts = recording.node_counts()
    numbered = enumerate(recording.steps, start=1)
    for phase, group in groupby(numbered, key=lambda pair: pair[1].phase):
        steps = [number for number, _ in group]
        table.add_row(
            phase,
            str(len(steps)),
            f"{counts[steps[0] - 1]} → {counts[steps[-1]]}",
            _phase_values(recording, steps),
        )
    return table


def _phase_values(recording: Recording, steps: list[int]) -> Text:
    evaluation = recording.evaluation
    if evaluation is None:
        return Text("not evaluated", style="dim")
    text = Text("")
    for step in steps:
        verdict = evaluation.steps[step - 1].verdict
        if verdict in ("repaired", "broke", "changed"):
            text.append(", " if text else "")
            text.append_text(effect(recording, step))
            text.append(f" in step {step}, {recording.rule_of(step).name}")
    if text:
        return text
    verdicts = {evaluation.steps[step - 1].verdict for step in steps}
    if "unknown" in verdicts:
        return Text("some steps could not be judged", style="yellow")
    word = "rounding only" if "rounding" in verdicts else "the same to the bit"
    return Text(word, style=STYLES["rounding"])


def output_table(recording: Recording) -> RenderableType:
    """Every output as written and as compiled, and who rescued it."""
    assert recording.evaluation is not None
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
    for name in ("output", "as written", "as compiled", "rescued by"):
        table.add_column(name, overflow="fold")
    for value in recording.evaluation.outputs:
        spec = recording.outputs[value.output]
        rescued = ", ".join(f"step {step}, {recording.rule_of(step).name}" for step in value.rescued_by)
        bad = bool(value.first.nan + value.first.inf)
        table.add_row(
            spec.name + (" (update)" if spec.updates is not None else ""),
            Text(value_text(value.first), style="red" if bad else ""),
            value_text(value.last),
            Text(rescued, style="green"),
        )
    return table


def telling_steps(recording: Recording, most: int = 2) -> tuple[int, ...]:
    """The steps to look at first: those that changed values, else the largest one."""
    if not recording.steps:
        return ()
    if recording.evaluation is not None:
        found = [s.step for s in recording.evaluation.steps if s.verdict in ("broke", "repaired", "changed")]
        if found:
            return tuple(found[:most])
    sizes = [len(step.gone) + len(step.come) for step in recording.steps]
    return (sizes.index(max(sizes)) + 1,)


def report(recording: Recording) -> Iterator[tuple[str, RenderableType]]:
    """Every section that the recording has something for: heading and content, in reading order."""
    yield "Summary", summary(recording)
    yield "Rewrites, in order", StepTable(recording)
    for step in telling_steps(recording):
        yield "A step to look at", step_view(recording, step)
    if recording.diagnoses:
        yield "Known stabilizing rewrites", doctor_view(recording)
    if recording.counterfactuals:
        yield "Which rewrites carry weight", weight_table(recording)
    yield "What runs in the end", HotNodes(recording)


def overview(recording: Recording) -> RenderableType:
    """The whole report as one."""
    parts: list[RenderableType] = []
    for heading, content in report(recording):
        parts += [Text(""), Rule(heading, align="left"), content]
    return Group(*parts[1:])
