"""A recording as text for people: in a terminal, a pipe or a notebook.

Made from a `Recording` and nothing else, so it works for one loaded from a file too. Every
function returns something that ``rich`` prints; what a recording does not hold is left out or
said to be missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Column
from rich.text import Text

from graphs.foreign import legible
from graphs.inspection.findings import IDENTICAL, ROUNDING
from graphs.inspection.recording import Recording
from graphs.inspection.show.nonfinite import nonfinite_view
from graphs.inspection.show.rules import doctor_view, pair_view, weight_table
from graphs.inspection.show.running import HotNodes, code_view, work_table
from graphs.inspection.show.start import start_view
from graphs.inspection.show.steps import LOUD, STYLES, StepTable, changes_text, effect, step_view, value_text
from graphs.inspection.show.story import entries_not_finite, story, text_of
from graphs.inspection.show.why import why_view
from graphs.terminal import duration, table

WEIGHT = "Which rewrites carry weight"
START = "Where the time to the first result went"

__all__ = [
    "WEIGHT",
    "HotNodes",
    "StepTable",
    "code_view",
    "doctor_view",
    "overview",
    "pair_view",
    "report",
    "step_view",
    "telling_steps",
    "weight_table",
    "why_view",
]


def overview(recording: Recording) -> RenderableType:
    """The whole report as one."""
    parts: list[RenderableType] = []
    for heading, content in report(recording):
        parts += [Text(""), Rule(heading, align="left"), content]
    return Group(*parts[1:])


def report(recording: Recording) -> Iterator[tuple[str, RenderableType]]:
    """Every section that the recording has something for: heading and content, in reading order."""
    recording = legible(recording)
    yield "Summary", _summary(recording)
    if recording.evaluation is not None and recording.evaluation.nonfinite:
        yield "Where values stop being finite", nonfinite_view(recording)
    if recording.start.stages:
        yield START, start_view(recording)
    yield "Rewrites, in order", StepTable(recording)
    for step in telling_steps(recording):
        yield "A step to look at", step_view(recording, step)
    if recording.diagnoses:
        yield "Known stabilizing rewrites", doctor_view(recording)
    if recording.whys:
        yield "Why did it not fire?", why_view(recording)
    yield "What runs in the end", HotNodes(recording)
    if recording.counterfactuals:  # last, for it takes longest to find out
        yield WEIGHT, weight_table(recording)


def telling_steps(recording: Recording, most: int = 2) -> tuple[int, ...]:
    """The steps to look at first: those that changed values; none where nothing is notable."""
    evaluation = recording.evaluation
    loud = (s.step for s in evaluation.steps if s.verdict in LOUD) if evaluation is not None else ()
    return tuple(loud)[:most]


def _summary(recording: Recording) -> RenderableType:
    """What it is, the story in a few sentences, the phases, the outputs, the work."""
    parts: list[RenderableType] = [_title(recording), Text(text_of(story(recording))), _phases(recording)]
    if recording.evaluation is not None:
        parts.append(_outputs(recording))
    parts.append(work_table(recording))
    spaced = [line for part in parts for line in (part, Text(""))]
    return Group(*spaced[:-1])


def _title(recording: Recording) -> Text:
    versions, machine = (recording.stamp.get(what) or {} for what in ("versions", "machine"))
    packages = ("pytensor", "numba", "numpy", "python")
    known = " · ".join(f"{name} {versions[name]}" for name in packages if name in versions)
    # A Mode without a name of PyTensor's prints as Mode(linker), which the linker says already.
    mode = "" if recording.mode.startswith("Mode(") else f" · mode {recording.mode}"
    return Text.assemble(
        (recording.name or "a function", "bold"),
        f"{mode} · {recording.linker}",
        ("\n" + known, "dim"),
        ("\n" + machine.get("cpu", "") if machine else "", "dim"),
        "\n",
        _copy(recording),
    )


def _copy(recording: Recording) -> Text:
    """Whether what is shown is the function given, and what looking cost."""
    copied = {
        None: Text(""),
        True: Text("Compiled again, it is the graph of the function given, node by node. ", "dim"),
        False: Text("Compiled again, it is not the graph of the function given. ", "yellow"),
    }
    took = f"Recording took {duration(recording.recorder_seconds)} beside compiling."
    return Text.assemble(copied[recording.matches], (took, "dim"))


def _phases(recording: Recording) -> RenderableType:
    """One row per phase in the order they ran: rewrites, nodes, what became of the values."""
    rows = table(
        Column("phase", style="cyan"),
        Column("rewrites", justify="right"),
        Column("nodes", justify="right", no_wrap=True),
        "what it did to the values",
    )
    counts = recording.node_counts()
    numbered = enumerate(recording.steps, start=1)
    for phase, group in groupby(numbered, key=lambda pair: pair[1].phase):
        steps = [number for number, _ in group]
        nodes = f"{counts[steps[0] - 1]} → {counts[steps[-1]]}"
        rows.add_row(phase, str(len(steps)), nodes, _phase_values(recording, steps))
    return rows


def _phase_values(recording: Recording, steps: Sequence[int]) -> Text:
    if recording.evaluation is None:
        return Text("not evaluated", style="dim")
    verdicts = {step: recording.evaluation.steps[step - 1].verdict for step in steps}
    loud = [
        Text.assemble(effect(recording, step), f" in step {step}, {recording.rule_of(step).name}")
        for step, verdict in verdicts.items()
        if verdict in LOUD
    ]
    if loud:
        return Text(", ").join(loud)
    if "unknown" in verdicts.values():
        return Text("some steps could not be judged", style="yellow")
    word = "rounding only" if "rounding" in verdicts.values() else "the same to the bit"
    return Text(word, style=STYLES["rounding"])


def _outputs(recording: Recording) -> RenderableType:
    """Every output as written and as the function returns it, and who rescued it."""
    assert recording.evaluation is not None
    apart = {change.output for change in recording.evaluation.compiled if change.verdict not in _SAME}
    columns = ["output", "as written", "as compiled", "rescued by"]
    rows = table(*columns[:3], *(["Op by Op in the end"] if apart else []), columns[3])
    for value in recording.evaluation.outputs:
        spec = recording.outputs[value.output]
        rescued = ", ".join(f"step {step}, {recording.rule_of(step).name}" for step in value.rescued_by)
        beside = [value_text(value.last) if value.output in apart else ""] if apart else []
        rows.add_row(
            spec.name + (" (update)" if spec.updates is not None else ""),
            Text(value_text(value.first), style="red" if entries_not_finite(value.first) else ""),
            Text(value_text(value.compiled), style="red" if entries_not_finite(value.compiled) else ""),
            *beside,
            Text(rescued, style="green"),
        )
    return Group(rows, _called(recording))


_SAME = (IDENTICAL, ROUNDING)


def _called(recording: Recording) -> Text:
    """How what the compiled function itself gives compares with its nodes computed Op by Op."""
    assert recording.evaluation is not None
    if not recording.evaluation.compiled:
        return Text("The compiled function was not called: these are its nodes, computed Op by Op.", "dim")
    moved = [change for change in recording.evaluation.compiled if change.verdict != IDENTICAL]
    told = "“As compiled” is what the function returns; beside its nodes, computed Op by Op, it is "
    if not moved:
        return Text(f"{told}the same to the bit.", style="dim")
    loud = any(change.verdict not in _SAME for change in moved)
    told += "not the same: " if loud else "the same but for rounding: "
    return Text.assemble((told, "dim"), changes_text(recording, moved, exactly=True), ".")
