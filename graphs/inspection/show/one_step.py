"""One step as before and after: formulas, nodes, values, the user's lines."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from graphs.inspection.findings import ValueSummary
from graphs.inspection.recording import Recording
from graphs.inspection.show.formulas import Formulas
from graphs.inspection.show.steps import effect, value_text
from graphs.terminal import duration

__all__ = ["step_view"]

MOST_TROUBLE = 4


def step_view(recording: Recording, step: int) -> RenderableType:
    """One step: the rule, the formulas before and after, the nodes out and in, the values.

    Parameters
    ----------
    recording : Recording
    step : int
        Counted from 1.
    """
    found = recording.steps[step - 1]
    rule = recording.rules[found.rule]
    counts = recording.node_counts()
    head = Text.assemble(
        (f"Step {step} of {len(recording.steps)}", "bold"), f" · {found.phase} · ", (rule.name, "bold cyan")
    )
    lines: list[RenderableType] = [head]
    if rule.doc:
        lines.append(Text(rule.doc, style="italic"))
    if rule.source is not None:
        lines.append(Text(f"defined in {rule.source.file}:{rule.source.line}", style="dim"))
    lines.append(
        Text(f"{counts[step - 1]} nodes → {counts[step]}, in {duration(found.seconds)} with the search")
    )
    said = effect(recording, step)
    if recording.evaluation is not None:
        lines.append(Text.assemble("values: ", said if said else "every output the same to the bit"))
    lines.append(Text(""))
    lines.append(_formulas(recording, step))
    lines.append(Text(""))
    lines.append(_diff(recording, step))
    lines += _origins_of_trouble(recording, step)
    written = _user_lines(recording, [*found.gone, *found.come])
    if written:
        lines += [Text(""), Text("goes back to", style="bold"), *written]
    return Group(*lines)


def _formulas(recording: Recording, step: int) -> RenderableType:
    before = Formulas(recording, recording.snapshot(step - 1))
    after = Formulas(recording, recording.snapshot(step))
    table = Table.grid(padding=(0, 1))
    for old, new in recording.steps[step - 1].replaced:
        left = before.variable(old, depth=6, named=False)
        right = after.variable(new, depth=6, named=False)
        name = recording.variables[old].name
        table.add_row("before" + (f" {name} =" if name else ""), Text(left, style="red"))
        table.add_row("after", Text(right if right != left else "the same formula", style="green"))
    return table


def _diff(recording: Recording, step: int) -> RenderableType:
    found = recording.steps[step - 1]
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
    for name in ("", "node", "operation", "type", "value"):
        table.add_column(name, overflow="fold")
    for sign, style, numbers, index in (("-", "red", found.gone, step - 1), ("+", "green", found.come, step)):
        snapshot = recording.snapshot(index)
        formulas = Formulas(recording, snapshot)
        values = _values(recording, index)
        placed = {node.node: node for node in snapshot.nodes}
        for number in numbers:
            node = placed[number]
            result = node.outputs[0]
            table.add_row(
                sign,
                f"#{number}",
                formulas.node(node, depth=2),
                recording.variables[result].type,
                value_text(values.get(result)),
                style=style,
            )
    values = _values(recording, step)
    formulas = Formulas(recording, recording.snapshot(step))
    here = {number for node in recording.snapshot(step).nodes for number in node.outputs}
    for _, new in found.replaced:  # what was there before and takes the place
        owner = recording.variables[new].owner
        if new in here and owner is not None and owner not in found.come:
            formula = formulas.variable(new, depth=2, named=False)
            table.add_row(
                "=", f"#{owner}", formula, recording.variables[new].type, value_text(values.get(new))
            )
    if not table.row_count:
        table.add_row("", "", f"{len(found.changes)} inputs now read another, equal variable", "", "")
    return table


def _origins_of_trouble(recording: Recording, step: int) -> list[RenderableType]:
    """Where values stop being finite before the step, and no longer do after it; or the other way."""
    before, after = (_first_not_finite(recording, index) for index in (step - 1, step))
    lines: list[RenderableType] = []
    for here, there, index, when in ((before, after, step - 1, "before"), (after, before, step, "after")):
        formulas = Formulas(recording, recording.snapshot(index))
        values = _values(recording, index)
        for node in recording.snapshot(index).nodes:
            if node.node in here and node.node not in there:
                told = f"#{node.node}  {formulas.node(node, depth=4)}: {value_text(values[node.outputs[0]])}"
                lines.append(Text(f"not finite {when} it, though what goes in is: {told}"))
    return [Text(""), *lines[:MOST_TROUBLE]] if lines else []


def _first_not_finite(recording: Recording, snapshot: int) -> set[int]:
    """Nodes of a snapshot that make what is not finite of what is."""
    values = _values(recording, snapshot)

    def bad(variable: int) -> bool:
        value = values.get(variable)
        return value is not None and bool(value.nan or value.inf)

    return {
        node.node
        for node in recording.snapshot(snapshot).nodes
        if any(map(bad, node.outputs)) and not any(map(bad, node.inputs))
    }


def _values(recording: Recording, snapshot: int) -> dict[int, ValueSummary]:
    """The last known value of every variable at a snapshot."""
    if recording.evaluation is None:
        return {}
    return {v.variable: v for v in recording.evaluation.values if v.snapshot <= snapshot}


def _user_lines(recording: Recording, nodes: Sequence[int]) -> list[Text]:
    found = []
    for line in dict.fromkeys(line for node in nodes for line in recording.lines_of(node)):
        place = f"{line.file.rpartition('/')[2]}:{line.line}"
        found.append(Text.assemble(("  " + place, "dim"), f"  {line.text}"))
    return found
