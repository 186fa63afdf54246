"""The rewrites as a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from graphs.inspection.findings import IDENTICAL, OutputChange, ValueSummary
from graphs.inspection.recording import Recording, Step
from graphs.inspection.show.formulas import Formulas

__all__ = ["STYLES", "StepTable", "effect", "value_text"]

WIDE = 100
STYLES = {"repaired": "green", "broke": "bold red", "changed": "yellow", "rounding": "dim"}


def effect(recording: Recording, step: int) -> Text:
    """What a step did to the outputs, in words; empty where nothing or not known."""
    if recording.evaluation is None:
        return Text("")
    text = Text("")
    for change in recording.evaluation.steps[step - 1].outputs:
        text.append(", " if text else "")
        text.append(_change(recording, change), STYLES.get(change.verdict, ""))
    return text


def _change(recording: Recording, change: OutputChange) -> str:
    name = recording.outputs[change.output].name
    if change.repaired or change.broke:
        parts = [f"repaired {change.repaired}"] if change.repaired else []
        parts += [f"broke {change.broke}"] if change.broke else []
        return f"{' and '.join(parts)} of {name}"
    if change.verdict == "rounding":
        return f"{name} ±{change.absolute:.0e}" if change.absolute else f"{name} rounds"
    return f"{change.verdict} {name}"


@dataclass(frozen=True)
class StepTable:
    """Every step, or those that match; neighbours of one rule that moved no value in one row.

    Attributes
    ----------
    recording : Recording
    phase, rule : str
        Only steps of this phase, of rules whose names contain this.
    every : bool
        One row per step.
    """

    recording: Recording
    phase: str = ""
    rule: str = ""
    every: bool = False

    def rows(self) -> Iterable[tuple[int, int]]:
        """First and last step of each row."""
        recording = self.recording
        start = None
        for number, step in enumerate(recording.steps, start=1):
            if (self.phase and step.phase != self.phase) or (
                self.rule and self.rule.lower() not in recording.rule_of(number).name.lower()
            ):
                continue
            if start is not None and self._joins(start, number):
                start = (start[0], number)
                continue
            if start is not None:
                yield start
            start = (number, number)
        if start is not None:
            yield start

    def _joins(self, row: tuple[int, int], number: int) -> bool:
        if self.every or row[1] != number - 1:
            return False
        first, this = self.recording.steps[row[0] - 1], self.recording.steps[number - 1]
        if (first.phase, first.rule) != (this.phase, this.rule):
            return False
        evaluation = self.recording.evaluation
        return evaluation is None or all(
            evaluation.steps[n - 1].verdict == IDENTICAL for n in (row[0], number)
        )

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        wide = width >= WIDE
        rules = 38 if wide else max(min(38, width // 3), 12)
        room = max(width - rules - 24, 16)
        table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
        table.add_column("step", width=7, no_wrap=True)
        table.add_column("rule", width=rules, no_wrap=wide, overflow="ellipsis" if wide else "fold")
        table.add_column("nodes", width=11, no_wrap=True)
        table.add_column("what it made of what", width=room, overflow="fold")
        counts = self.recording.node_counts()
        phase = ""
        for first, last in self.rows():
            step = self.recording.steps[first - 1]
            if step.phase != phase:
                phase = step.phase
                table.add_row("", Text(phase, style="bold cyan"), "", "")
            name = self.recording.rule_of(first).name
            times = f" ×{last - first + 1}" if last > first else ""
            table.add_row(
                f"{first}–{last}" if last > first else str(first),
                Text(f"{name}{times}"),
                f"{counts[first - 1]} → {counts[last]}",
                self._what(first, last, room if wide else 2 * room),
            )
        yield table

    def _what(self, first: int, last: int, room: int) -> Text:
        said = effect(self.recording, last)
        if last > first:
            formulas = _several(self.recording, first, last)
        else:
            formulas = _formula_pair(self.recording, first, room)
        text = Text(formulas)
        if said:  # beside the formula where both fit, else below it, for neither may be cut
            text.append("\n" if len(formulas) + len(said) + 4 > room else "  ")
            text.append("⟵ ", style="bold")
            text.append_text(said)
        return text


def _several(recording: Recording, first: int, last: int) -> str:
    steps = recording.steps[first - 1 : last]
    gone, come = sum(len(s.gone) for s in steps), sum(len(s.come) for s in steps)
    return f"{gone} nodes out, {come} in" if come else f"{gone} nodes out"


def _formula_pair(recording: Recording, step: int, room: int) -> str:
    """``old → new`` of a step's most telling replacement, cut to `room` characters."""
    found = recording.steps[step - 1]
    if not found.replaced:
        return ""
    before = Formulas(recording, recording.snapshot(step - 1))
    after = Formulas(recording, recording.snapshot(step))
    old, new = found.replaced[-1]
    for depth, other in ((4, 4), (4, 3), (3, 4), (3, 3), (3, 2), (2, 3), (2, 2)):
        left = before.variable(old, depth=depth, named=False)
        right = after.variable(new, depth=other, named=False)
        if depth == other and left == right:
            return _cut(_same(recording, found, left), room)
        if len(left) + len(right) + 3 <= room:
            break
    half = (room - 3) // 2
    left = _cut(left, max(half, room - 3 - len(right)))
    return f"{left} → {_cut(right, max(half, room - 3 - len(left)))}"


def _same(recording: Recording, step: Step, formula: str) -> str:
    if step.come and any(recording.ops[recording.nodes[n].op].destroys for n in step.come):
        return f"in place: {formula}"
    if "merge" in recording.rules[step.rule].name.lower():
        return f"one {formula} for two"
    return f"folded: {formula}" if not step.come else formula


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(room - 1, 1)] + "…"


def value_text(value: ValueSummary | None) -> str:
    """A value in a few words: how many entries are not finite, else its range."""
    if value is None:
        return ""
    if value.problem:
        return f"not computed: {value.problem}"
    bad = [f"{number} {word}" for number, word in ((value.nan, "NaN"), (value.inf, "infinite")) if number]
    if value.min is None or value.max is None:
        return ", ".join(bad)
    inside = f"{value.min:.4g}" if value.min == value.max else f"{value.min:.4g} … {value.max:.4g}"
    return ", ".join([*bad, inside])
