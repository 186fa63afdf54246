"""The rewrites: all of them as a table, and one as before and after, with formulas, nodes, values and lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Column
from rich.text import Text

from graphs.errors import InputError, whole_number
from graphs.foreign import legible
from graphs.inspection.findings import IDENTICAL, LOUD, ROUNDING, UNKNOWN, OutputChange, ValueSummary
from graphs.inspection.recording import Recording, Rule, Step
from graphs.inspection.show.formulas import Formulas
from graphs.terminal import duration, table

__all__ = ["LOUD", "STYLES", "StepTable", "changes_text", "effect", "step_view", "value_text", "way_out"]

WIDE = 100
STYLES = {"repaired": "green", "broke": "bold red", "changed": "yellow", "rounding": "dim"}
MOST_TROUBLE = 4


def effect(recording: Recording, step: int, *, exactly: bool = False) -> Text:
    """What a step did to the outputs, in words; empty where nothing or not known."""
    evaluation = recording.evaluation
    return changes_text(recording, evaluation.steps[step - 1].outputs if evaluation else (), exactly=exactly)


def changes_text(recording: Recording, changes: Iterable[OutputChange], *, exactly: bool = False) -> Text:
    """How outputs moved, in words; `exactly` also relative to the value and in units in the last place."""

    def told(change: OutputChange) -> Text:
        distance = _distance(change) if exactly else ""
        return Text(_change(recording, change) + distance, STYLES.get(change.verdict, ""))

    return Text(", ").join(map(told, changes))


def _change(recording: Recording, change: OutputChange) -> str:
    name = recording.outputs[change.output].name
    if change.repaired or change.broke:
        parts = [f"repaired {change.repaired}"] if change.repaired else []
        parts += [f"broke {change.broke}"] if change.broke else []
        return f"{' and '.join(parts)} of {name}"
    if change.verdict == ROUNDING:
        limited = " (ill-conditioned)" if change.spread is not None else ""
        return f"{name} ±{change.absolute:.0e}{limited}" if change.absolute else f"{name} rounds"
    return f"{change.verdict} {name}"


def _distance(change: OutputChange) -> str:
    """How far the entries that are finite before and after moved; or why that is not known."""
    if change.problem:
        return f" ({change.problem})"
    if not change.absolute:
        return ""
    parts = [] if change.verdict == ROUNDING else [f"the finite ones moved by {change.absolute:.0e}"]
    if change.spread is not None:
        return f": a unit in the last place of the inputs moves it by {change.spread:.0e}"
    if change.relative is not None:
        parts.append(f"relative {change.relative:.0e}")
    if change.ulp is not None:
        parts.append(f"{change.ulp:.3g} unit{'' if change.ulp == 1 else 's'} in the last place")
    return f" ({', '.join(parts)})"


def way_out(rule: Rule) -> str:
    """The code that leaves a rule out, or why there is none."""
    if not rule.registered:
        return "it cannot be left out: PyTensor's database has no name for it"
    names = ", ".join(f'"{name}"' for name in rule.registered)
    code = f"left out by mode.excluding({names})"
    if rule.inherited:
        return f"{code}: the name of what it is a part of, all of which goes with it"
    return code


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


@dataclass(frozen=True)
class StepTable:
    """Every step, or those that match; neighbours of one rule that moved no value in one row."""

    recording: Recording
    phase: str = ""  # only steps of this phase
    rule: str = ""  # only steps of rules whose names contain this
    every: bool = False  # one row per step

    def rows(self) -> list[tuple[int, int]]:
        """First and last step of each row."""
        found: list[tuple[int, int]] = []
        for number, step in enumerate(self.recording.steps, start=1):
            if self.phase and step.phase != self.phase:
                continue
            if self.rule.lower() not in self.recording.rule_of(number).name.lower():
                continue
            if found and self._joins(found[-1], number):
                found[-1] = (found[-1][0], number)
            else:
                found.append((number, number))
        return found

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
        recording, width = legible(self.recording), options.max_width
        wide = width >= WIDE
        rules = 38 if wide else max(min(38, width // 3), 12)
        room = max(width - rules - 24, 16)
        shown = table(
            Column("step", width=7, no_wrap=True),
            Column("rule", width=rules, no_wrap=wide, overflow="ellipsis" if wide else "fold"),
            Column("nodes", width=11, no_wrap=True),
            Column("what it made of what", width=room, overflow="fold"),
        )
        counts = recording.node_counts()
        phase = ""
        for first, last in self.rows():
            step = recording.steps[first - 1]
            if step.phase != phase:
                phase = step.phase
                shown.add_row("", Text(phase, style="bold cyan"), "", "")
            name = recording.rule_of(first).name
            times = f" ×{last - first + 1}" if last > first else ""
            shown.add_row(
                f"{first}–{last}" if last > first else str(first),
                Text(f"{name}{times}"),
                f"{counts[first - 1]} → {counts[last]}",
                _what(recording, first, last, room if wide else 2 * room),
            )
        yield shown
        if self.rule:
            for number in sorted({recording.steps[first - 1].rule for first, _ in self.rows()}):
                found = recording.rules[number]
                yield Text(f"{found.name}: {way_out(found)}", style="dim")


def _is_news(recording: Recording, step: int) -> bool:
    """Whether a step could be judged, or is the first of several that could not."""
    verdicts = recording.evaluation.steps if recording.evaluation is not None else ()
    return not verdicts or step < 2 or {v.verdict for v in verdicts[step - 2 : step]} != {UNKNOWN}


def _what(recording: Recording, first: int, last: int, room: int) -> Text:
    """What a row of steps made of what, and what that did to the outputs."""
    said = effect(recording, last) if _is_news(recording, last) else Text()
    if last > first:
        steps = recording.steps[first - 1 : last]
        come = sum(len(step.come) for step in steps)
        formulas = f"{sum(len(step.gone) for step in steps)} nodes out" + (f", {come} in" if come else "")
    else:
        formulas = _formula_pair(recording, first, room)
    text = Text(formulas)
    if said:  # beside the formula where both fit, else below it, for neither may be cut
        text.append("\n" if len(formulas) + len(said) + 4 > room else "  ")
        text.append("⟵ ", style="bold")
        text.append_text(said)
    return text


def _formula_pair(recording: Recording, step: int, room: int) -> str:
    """``old → new`` of a step's most telling replacement, cut to `room` characters."""
    made = recording.steps[step - 1]
    if not made.replaced:
        return ""
    before, after = Formulas(recording, step - 1), Formulas(recording, step)
    old, new = made.replaced[-1]
    for depth, other in ((4, 4), (4, 3), (3, 4), (3, 3), (3, 2), (2, 3), (2, 2)):
        left = before.variable(old, depth=depth, named=False)
        right = after.variable(new, depth=other, named=False)
        if depth == other and left == right:
            return _cut(_same(recording, made, left), room)
        if len(left) + len(right) + 3 <= room:
            break
    half = (room - 3) // 2
    left = _cut(left, max(half, room - 3 - len(right)))
    return f"{left} → {_cut(right, max(half, room - 3 - len(left)))}"


def _same(recording: Recording, step: Step, formula: str) -> str:
    if any(recording.ops[recording.nodes[n].op].destroys for n in step.come):
        return f"in place: {formula}"
    if "merge" in recording.rules[step.rule].name.lower():
        return f"one {formula} for two"
    return f"folded: {formula}" if not step.come else formula


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(room - 1, 1)] + "…"


def step_view(recording: Recording, step: int) -> RenderableType:
    """One step, counted from 1: the rule, the formulas before and after, the nodes out and in, the values.

    Raises
    ------
    InputError
        If there is no such step.
    """
    if not recording.steps:
        raise InputError("step", found=str(step), allowed="none: no rewrite changed this graph")
    whole_number("step", step, 1, len(recording.steps))
    recording = legible(recording)
    made, rule, counts = recording.steps[step - 1], recording.rule_of(step), recording.node_counts()
    lines: list[RenderableType] = [
        Text.assemble(
            (f"Step {step} of {len(recording.steps)}", "bold"),
            f" · {made.phase} · ",
            (rule.name, "bold cyan"),
        )
    ]
    if rule.doc:
        lines.append(Text(rule.doc, style="italic"))
    lines.append(Text(way_out(rule), style="dim"))
    if rule.source is not None:
        lines.append(Text(f"defined in {rule.source.file}:{rule.source.line}", style="dim"))
    took = f"in {duration(made.seconds)} with the search"
    lines.append(Text(f"{counts[step - 1]} nodes → {counts[step]}, {took}"))
    if recording.evaluation is not None:
        said = effect(recording, step, exactly=True) or "every output the same to the bit"
        lines.append(Text.assemble("values: ", said))
    before, after = _Side(recording, step - 1), _Side(recording, step)
    lines += [Text(""), _formulas(recording, made, before, after), Text(""), _nodes(made, before, after)]
    if trouble := [*_trouble(before, after, "before"), *_trouble(after, before, "after")]:
        lines += [Text(""), *trouble[:MOST_TROUBLE]]
    changed = [*made.gone, *made.come]
    if written := list(_user_lines(recording, changed)) or list(_inputs_read(recording, changed)):
        lines += [Text(""), Text("goes back to", style="bold"), *written]
    return Group(*lines)


class _Side:
    """A snapshot before or after a step: its nodes by number, formulas, and the values last known there."""

    def __init__(self, recording: Recording, index: int) -> None:
        known = recording.evaluation.values if recording.evaluation else ()
        self.nodes = {node.node: node for node in recording.snapshot(index).nodes}
        self.formulas = Formulas(recording, index)
        self.values = {value.variable: value for value in known if value.snapshot <= index}
        self.variables = recording.variables

    def row(self, sign: str, node: int, formula: str, variable: int) -> tuple[str, ...]:
        value = value_text(self.values.get(variable))
        return sign, f"#{node}", formula, self.variables[variable].type, value

    def breaking(self) -> set[int]:
        """Nodes that make what is not finite of what is."""
        bad = {variable for variable, value in self.values.items() if value.nan or value.inf}
        return {n for n, node in self.nodes.items() if bad & {*node.outputs} and not bad & {*node.inputs}}


def _formulas(recording: Recording, made: Step, before: _Side, after: _Side) -> RenderableType:
    grid = table(Column(), Column(), show_header=False, collapse_padding=True)
    for old, new in made.replaced:
        left = before.formulas.variable(old, depth=6, named=False)
        right = after.formulas.variable(new, depth=6, named=False)
        name = recording.variables[old].name
        grid.add_row("before" + (f" {name} =" if name else ""), Text(left, style="red"))
        grid.add_row("after", Text(right if right != left else "the same formula", style="green"))
    return grid


def _nodes(made: Step, before: _Side, after: _Side) -> RenderableType:
    shown = table("", "node", "operation", "type", "value")
    for sign, style, numbers, side in (("-", "red", made.gone, before), ("+", "green", made.come, after)):
        for number in numbers:
            node = side.nodes[number]
            formula = side.formulas.node(node, depth=2)
            shown.add_row(*side.row(sign, number, formula, node.outputs[0]), style=style)
    for _, new in made.replaced:  # what was there before and takes the place
        owner = after.variables[new].owner
        if owner is not None and owner in after.nodes and owner not in made.come:
            formula = after.formulas.variable(new, depth=2, named=False)
            shown.add_row(*after.row("=", owner, formula, new))
    if not shown.row_count:
        shown.add_row("", "", f"{len(made.changes)} inputs now read another, equal variable", "", "")
    return shown


def _trouble(here: _Side, there: _Side, when: str) -> Iterator[Text]:
    """Where values stop being finite on one side of the step, and do not on the other."""
    breaking = here.breaking() - there.breaking()
    for number, node in here.nodes.items():
        if number in breaking:
            formula, value = here.formulas.node(node, depth=4), value_text(here.values.get(node.outputs[0]))
            yield Text(f"not finite {when} it, though what goes in is: #{number}  {formula}: {value}")


def _inputs_read(recording: Recording, nodes: Sequence[int]) -> Iterator[Text]:
    """The inputs of nodes that come from no node of the graph as written: a copy of an input, say."""
    read = dict.fromkeys(variable for node in nodes for variable in recording.nodes[node].inputs)
    for number in read:
        variable = recording.variables[number]
        if variable.kind in ("input", "shared"):
            what = {"input": "an input", "shared": "a shared variable"}[variable.kind]
            yield Text.assemble(f"  {variable.name or variable.type}", (f"  {what}", "dim"))


def _user_lines(recording: Recording, nodes: Sequence[int]) -> Iterator[Text]:
    for line in dict.fromkeys(line for node in nodes for line in recording.lines_of(node)):
        place = f"{line.file.rpartition('/')[2]}:{line.line}"
        yield Text.assemble(("  " + place, "dim"), f"  {line.text}")
