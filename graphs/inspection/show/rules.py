"""Which rewrites carry weight, which known ones fire here, and where two compilations part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from rich.console import Group, RenderableType
from rich.table import Column
from rich.text import Text

from graphs.foreign import legible
from graphs.inspection.findings import UNKNOWN, Counterfactual
from graphs.inspection.pair import OutputPair, Parting, align
from graphs.inspection.recording import Recording
from graphs.inspection.show.steps import LOUD, STYLES, way_out
from graphs.terminal import duration, table

__all__ = ["doctor_view", "pair_view", "weight_table"]


def weight_table(recording: Recording, *, every: bool = False) -> RenderableType:
    """What each rule is worth: the same compilation without it.

    With `every`, also the rules without which values and nodes stay the same.
    """
    recording = legible(recording)
    if not recording.counterfactuals:
        return Text("No rule was left out for comparison.")
    final = recording.node_counts()[-1]
    shown = [c for c in recording.counterfactuals if every or _tells(c, final)]
    rows = table(
        "without",
        Column("fired", justify="right", overflow="fold"),
        Column("nodes", justify="right", overflow="fold"),
        Column("values", overflow="fold", max_width=24),  # leaves the names whole in a hundred columns
        Column("call", justify="right", overflow="fold"),
    )
    for left_out in shown:
        name = recording.rules[left_out.rule].name
        also = f" and {left_out.also}" if left_out.also else ""
        rows.add_row(
            Text(name + also, style="bold" if left_out.carries_weight else ""),
            "" if also else f"×{left_out.fired}",
            "" if left_out.nodes is None else f"{left_out.nodes} ({left_out.nodes - final:+d})",
            _values(recording, left_out),
            _call(left_out),
        )
    alone = [c for c in recording.counterfactuals if not c.also]
    weighty = len({c.rule for c in recording.counterfactuals if c.carries_weight})
    rest = len(alone) - sum(not c.also for c in shown)
    note = (
        f"{weighty} of {len(alone)} rules carry weight: without any one of these, values break or change."
        if weighty
        else f"None of {len(alone)} rules carries weight: without any one of them, the values are the same but for"
        " rounding."
    )
    if rest:
        note += (
            f" Left out of the table: {rest} rules without which nodes and values stay the same"
            " but for rounding."
        )
    whole = [c.seconds.median / c.ratio for c in shown if c.seconds is not None and c.ratio]
    if whole:
        note += f" Timed in turn with these, the call with every rule takes {duration(whole[0])}."
    if any(c.also for c in shown):
        note += (
            " Where something else is off too, it hides what the rule is worth: the linker's compiler may"
            " cancel, as algebra does, what the rule cancels."
        )
    return Group(rows, Text(note, style="dim"), *_ways_out(recording, shown))


def _ways_out(recording: Recording, shown: Sequence[Counterfactual]) -> Iterator[Text]:
    """The code that leaves out the rules in the table: one line for all whose name is what it takes."""
    rules = [recording.rules[number] for number in dict.fromkeys(found.rule for found in shown)]
    plain = [rule for rule in rules if rule.registered == (rule.name,) and not rule.inherited]
    if plain:
        code = f'mode.excluding("{plain[0].name}")'
        more = "; each of the others likewise by its name" if len(plain) > 1 else ""
        yield Text(f"{plain[0].name} is left out by {code}{more}.", style="dim")
    for rule in rules:
        if rule not in plain:
            yield Text(f"{rule.name}: {way_out(rule)}", style="dim")


def _tells(left_out: Counterfactual, final: int) -> bool:
    other_time = left_out.ratio is not None and not 0.8 < left_out.ratio < 1.25
    other_size = left_out.nodes not in (None, 0, final)
    return left_out.carries_weight or bool(left_out.problem) or other_size or other_time


def _values(recording: Recording, left_out: Counterfactual) -> Text:
    parts = []
    for change in left_out.outputs:
        if change.verdict != "rounding":
            said = f"{change.broke} not finite" if change.broke else change.verdict
            name = recording.outputs[change.output].name
            parts.append(Text(f"{name}: {said}", STYLES.get(change.verdict, "")))
    text = Text(", ").join(parts)
    if not text and left_out.verdict != UNKNOWN:
        same = {"rounding": "the same but for rounding", "identical": "the same"}
        text.append(same.get(left_out.verdict, left_out.verdict), "dim")
        if left_out.formula in LOUD:
            text.append(f" as called, {left_out.formula} if run Op by Op", STYLES[left_out.formula])
    if left_out.problem:
        text.append("; " if text else "")
        text.append(left_out.problem, "yellow")
    return text


def _call(left_out: Counterfactual) -> str:
    if left_out.seconds is None:
        return ""
    ratio = "" if left_out.ratio is None else f" ({left_out.ratio:.2f}×)"
    return f"{duration(left_out.seconds.median)}{ratio}"


def doctor_view(recording: Recording) -> RenderableType:
    """Known stabilizing rewrites: does each one fire in this environment and mode?"""
    recording = legible(recording)
    if not recording.diagnoses:
        return Text("No stabilizing rewrite was tried.")
    sick = [d for d in recording.diagnoses if not d.fires or d.finite is False]
    if not sick:
        return Text(f"All {len(recording.diagnoses)} known stabilizing rewrites fire here.", style="green")
    rows = table("rewrite", "fires", "finite", "found", "done by")
    for tried in recording.diagnoses:
        finite = {True: "yes", False: "NO", None: "?"}[tried.finite]
        style = "" if tried.fires else "yellow"
        fires = "yes" if tried.fires else "NO"
        rows.add_row(tried.name, fires, finite, tried.found, ", ".join(tried.rules), style=style)
    advice = dict.fromkeys(tried.advice for tried in sick if tried.advice)
    lines = [Text(line, style="bold yellow") for line in advice]
    if name := next((rule for tried in sick for rule in tried.rules), ""):
        lines.append(
            Text(f"graphs inspect --why {name} tells what became of it in a graph of yours.", style="dim")
        )
    return Group(rows, *lines)


def pair_view(first: Recording, second: Recording, *, labels: tuple[str, str]) -> RenderableType:
    """Two recordings of one expression, so called, side by side, from where they part."""
    first, second, labels = legible((first, second, labels))
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
        rows = table(*(Column(label, ratio=1, overflow="fold") for label in labels))
        for left, right, style in _side_by_side(first, second, parting, parting.parts_at):
            rows.add_row(left, right, style=style)
        after = f"They part after {parting.parts_at} steps; from there, what only one of them has:"
        lines += [Text(after), rows]
    if parting.values_part_at is not None:
        row = parting.rows[parting.values_part_at]
        sides = zip(labels, (row.first, row.second), row.verdicts or ("", ""), strict=True)
        said = [
            f"{label} has no such step" if step is None else f"step {step} of {label}: {verdict}"
            for label, step, verdict in sides
        ]
        lines.append(Text.assemble(("The values part: ", "bold"), "; ".join(said), "."))
    return Group(*lines, *map(_outputs_apart, parting.outputs))


def _side_by_side(
    first: Recording, second: Recording, parting: Parting, parts_at: int
) -> Iterator[tuple[str, str, str]]:
    """Two steps in common and then those of one story only, what stands between two common ones together."""
    lefts: list[str] = []
    rights: list[str] = []
    start = max(parts_at - 2, 0)
    for index, row in enumerate((*parting.rows[start:], None), start=start):
        left = "" if row is None or row.first is None else _cell(first, row.first)
        right = "" if row is None or row.second is None else _cell(second, row.second)
        if left and not right:
            lefts.append(left)
        elif right and not left:
            rights.append(right)
        else:
            yield from ((*pair, "") for pair in zip_longest(lefts, rights, fillvalue=""))
            lefts, rights = [], []
            if left and index < parts_at:
                yield left, right, "dim"


def _cell(recording: Recording, step: int) -> str:
    return f"{step}  {recording.steps[step - 1].phase} · {recording.rule_of(step).name}"


def _outputs_apart(pair: OutputPair) -> Text:
    finite = "finite in both"
    if any(pair.nonfinite):
        finite = f"{pair.nonfinite[0]} and {pair.nonfinite[1]} entries not finite"
    apart = ", the same mean" if pair.relative == 0 else ""
    if pair.relative:
        apart = f", means {pair.relative:.1e} apart"
    return Text(f"  {pair.name}: {finite}{apart}")
