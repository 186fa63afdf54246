"""Which rewrites carry weight, which known ones fire here, and where two compilations part."""

from __future__ import annotations

from itertools import zip_longest

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from graphs.inspection.findings import UNKNOWN, Counterfactual
from graphs.inspection.pair import align
from graphs.inspection.recording import Recording
from graphs.inspection.show.steps import STYLES
from graphs.terminal import duration

__all__ = ["doctor_view", "pair_view", "weight_table"]


def weight_table(recording: Recording, *, every: bool = False) -> RenderableType:
    """What each rule is worth: the same compilation without it.

    Parameters
    ----------
    recording : Recording
        With counterfactuals.
    every : bool
        Also the rules without which values and nodes stay the same.
    """
    if not recording.counterfactuals:
        return Text("No rule was left out for comparison.")
    final = recording.node_counts()[-1]
    shown = [c for c in recording.counterfactuals if every or _tells(c, final)]
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
    for name, justify in (
        ("without", "left"),
        ("fired", "right"),
        ("nodes", "right"),
        ("values", "left"),
        ("call", "right"),
    ):
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]  # a Literal to rich
    table.columns[3].max_width = 24  # leaves the names whole in a hundred columns
    for found in shown:
        name = recording.rules[found.rule].name
        table.add_row(
            Text(
                f"{name} and {found.also}" if found.also else name,
                style="bold" if found.carries_weight else "",
            ),
            "" if found.also else f"×{found.fired}",
            "" if found.nodes is None else f"{found.nodes} ({found.nodes - final:+d})",
            _values(recording, found),
            _call(found),
        )
    alone = [c for c in recording.counterfactuals if not c.also]
    weighty = len({c.rule for c in recording.counterfactuals if c.carries_weight})
    rest = len(alone) - sum(not c.also for c in shown)
    note = f"{weighty} of {len(alone)} rules carry weight: without them values break or change."
    if rest:
        note += (
            f" Left out of the table: {rest} rules without which nodes and values stay the same"
            " but for rounding."
        )
    if any(c.also for c in shown):
        note += (
            " Where something else is off too, it hides what the rule is worth: the linker's compiler may"
            " cancel, as algebra does, what the rule cancels."
        )
    return Group(table, Text(note, style="dim"))


def _tells(found: Counterfactual, final: int) -> bool:
    slower = found.ratio is not None and not 0.8 < found.ratio < 1.25
    return found.carries_weight or bool(found.problem) or (found.nodes or final) != final or slower


def _values(recording: Recording, found: Counterfactual) -> Text:
    parts = [
        (
            f"{recording.outputs[c.output].name}: {c.broke} not finite"
            if c.broke
            else f"{recording.outputs[c.output].name}: {c.verdict}",
            STYLES.get(c.verdict, ""),
        )
        for c in found.outputs
        if c.verdict != "rounding"
    ]
    text = Text("")
    for part, style in parts:
        text.append(", " if text else "")
        text.append(part, style)
    if not text and found.verdict != UNKNOWN:
        same = {"rounding": "the same but for rounding", "identical": "the same"}
        text.append(same.get(found.verdict, found.verdict), "dim")
        if found.formula in ("broke", "changed", "repaired"):
            text.append(f" as called, {found.formula} if run Op by Op", STYLES[found.formula])
    if found.problem:
        text.append("; " if text else "")
        text.append(found.problem, "yellow")
    return text


def _call(found: Counterfactual) -> str:
    if found.seconds is None:
        return ""
    again = "" if found.ratio is None else f" ({found.ratio:.2f}×)"
    return f"{duration(found.seconds.median)}{again}"


def doctor_view(recording: Recording) -> RenderableType:
    """Known stabilizing rewrites: does each one fire in this environment and mode?"""
    if not recording.diagnoses:
        return Text("No stabilizing rewrite was tried.")
    sick = [d for d in recording.diagnoses if not d.fires or d.finite is False]
    if not sick:
        return Text(f"All {len(recording.diagnoses)} known stabilizing rewrites fire here.", style="green")
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
    for name in ("rewrite", "fires", "finite", "found"):
        table.add_column(name, overflow="fold")
    for found in recording.diagnoses:
        finite = {True: "yes", False: "NO", None: "?"}[found.finite]
        style = "" if found.fires else "yellow"
        table.add_row(found.name, "yes" if found.fires else "NO", finite, found.found, style=style)
    advice = dict.fromkeys(found.advice for found in sick if found.advice)
    return Group(table, *(Text(line, style="bold yellow") for line in advice))


def pair_view(first: Recording, second: Recording, *, labels: tuple[str, str]) -> RenderableType:
    """Two recordings of one expression side by side, from where they part.

    Parameters
    ----------
    first, second : Recording
    labels : tuple of str
        What to call them.
    """
    parting = align(first, second)
    shared = sum(row.first is not None and row.second is not None for row in parting.rows)
    lines: list[RenderableType] = [
        Text.assemble(
            (f"{labels[0]} and {labels[1]}: ", "bold"),
            f"{shared} steps in common, {len(first.steps) - shared} only in the first,"
            f" {len(second.steps) - shared} only in the second;"
            f" {parting.nodes[0]} and {parting.nodes[1]} nodes in the end.",
        )
    ]
    if parting.parts_at is None:
        lines.append(Text("They are one story: every step of one is a step of the other."))
    else:
        table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
        for label in labels:
            table.add_column(label, ratio=1, overflow="fold")
        start = max(parting.parts_at - 2, 0)
        gap: tuple[list[str], list[str]] = ([], [])
        for index, row in enumerate((*parting.rows[start:], None), start=start):
            if row is None or (row.first is not None and row.second is not None):
                for left, right in zip_longest(*gap, fillvalue=""):
                    table.add_row(left, right)
                gap = ([], [])
                if row is not None and index < parting.parts_at:
                    table.add_row(_cell(first, row.first), _cell(second, row.second), style="dim")
            elif row.first is not None:
                gap[0].append(_cell(first, row.first))
            else:
                gap[1].append(_cell(second, row.second))
        lines += [
            Text(f"They part after {parting.parts_at} steps; from there, what only one of them has:"),
            table,
        ]
    if parting.values_part_at is not None:
        row = parting.rows[parting.values_part_at]
        sides = zip(labels, (row.first, row.second), row.verdicts or ("", ""), strict=True)
        said = [
            f"{label} has no such step" if step is None else f"step {step} of {label}: {verdict}"
            for label, step, verdict in sides
        ]
        lines.append(Text.assemble(("The values part: ", "bold"), "; ".join(said), "."))
    for pair in parting.outputs:
        finite = (
            f"{pair.nonfinite[0]} and {pair.nonfinite[1]} entries not finite"
            if any(pair.nonfinite)
            else "finite in both"
        )
        apart = (
            ""
            if pair.relative is None
            else f", means {pair.relative:.1e} apart"
            if pair.relative
            else ", the same mean"
        )
        lines.append(Text(f"  {pair.name}: {finite}{apart}"))
    return Group(*lines)


def _cell(recording: Recording, step: int | None) -> str:
    if step is None:
        return ""
    return f"{step}  {recording.steps[step - 1].phase} · {recording.rule_of(step).name}"
