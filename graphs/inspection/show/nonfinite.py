"""Where an output stops being finite: the node, its numbers, the user's line, and what is finite there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from graphs.foreign import legible
from graphs.inspection.findings import GIVEN, MADE, PICKED, RAISED, NonFinite
from graphs.inspection.recording import GRADIENT, Placed, Recording, SourceLine
from graphs.inspection.show.formulas import Formulas

__all__ = ["headline", "lines_of", "listed", "nonfinite_view", "place", "telling_origin", "told_of", "way_of"]

FAR = 4  # nodes up from a gradient's to the user's own whose slope it is
MOST_READ, MOST_LINES, MOST_ON_WAY = 4, 3, 5


def telling_origin(recording: Recording) -> NonFinite | None:
    """Where the first output that the called function gives not finite stops being so; None where all are, or unknown."""
    evaluation = recording.evaluation
    if evaluation is None:
        return None
    wrong = {v.output for v in evaluation.outputs if v.compiled.nan or v.compiled.inf or v.compiled.problem}
    found = [origin for origin in evaluation.nonfinite if wrong & {*origin.outputs}]
    # As written the nodes are the user's own; a condition that fails is explained by what makes it fail.
    return min(found, key=lambda origin: (origin.kind in (PICKED, RAISED), origin.snapshot), default=None)


def headline(recording: Recording) -> str:
    """One sentence on why an output of the called function is not finite; empty where all are, or it is not known."""
    first = telling_origin(recording)
    if first is None:
        return ""
    lines = lines_of(recording, first)
    begins = "It is there before" if first.kind == GIVEN else "It begins at"
    where = f" {begins} {place(lines[0])}, {lines[0].text}:" if lines else ""
    said = told_of(recording, first)
    return f"{where} {said}." if where else f" {said[0].upper()}{said[1:]}."


def nonfinite_view(recording: Recording) -> RenderableType:
    """Every place where values stop being finite, as written and as compiled."""
    recording = legible(recording)
    evaluation = recording.evaluation
    if evaluation is None or not evaluation.nonfinite:
        return Text("Nothing is known of values that are not finite.")
    by_snapshot: dict[int, list[NonFinite]] = {}
    for origin in evaluation.nonfinite:
        by_snapshot.setdefault(origin.snapshot, []).append(origin)
    parts: list[RenderableType] = []
    said: set[tuple[tuple[int, ...], str]] = set()
    for snapshot, origins in by_snapshot.items():
        told = {(origin.outputs, told_of(recording, origin)) for origin in origins}
        when = "as written" if snapshot == 0 else "as compiled"
        parts.append(Text(f"{when}: the same" if told == said else when, style="bold"))
        if told != said:
            parts += [line for origin in origins for line in _one(recording, origin)]
        said = told
    return Group(*parts)


def _one(recording: Recording, origin: NonFinite) -> Iterator[Text]:
    names = listed([recording.outputs[output].name for output in origin.outputs])
    yield Text.assemble(("  ", ""), (names, "cyan"), ": ", told_of(recording, origin))
    for line in lines_of(recording, origin)[:MOST_LINES]:
        yield Text.assemble((f"    {place(line)}", "dim"), f"  {line.text}")
    if origin.masked_by is not None:
        formula = _formula(recording, origin.snapshot, origin.masked_by)
        told = f"another value is picked there, by #{origin.masked_by}  {formula}; 0 · ∞ and 0 / 0 are NaN"
        yield Text(f"    {told}")
    if origin.write:
        yield Text.assemble("    what helps: ", (origin.write, "green"))
    if len(origin.path) > 1:
        yield Text(f"    it spreads: {way_of(recording, origin)}", style="dim")


def told_of(recording: Recording, origin: NonFinite) -> str:
    """What happens there, with its numbers."""
    variable = recording.variables[origin.variable]
    at = f" at {list(origin.entry)}" if origin.entry else ""
    if variable.owner is None or origin.kind == GIVEN:
        if variable.kind == "constant":
            return f"the constant {variable.value} holds {origin.value}{at}"
        kind = "held" if variable.kind == "shared" else "given"
        return f"{variable.name or 'an input'} is {kind} as {origin.value}{at}"
    formula = _formula(recording, origin.snapshot, variable.owner)
    if variable.name and variable.name != formula:
        formula = f"{variable.name} = {formula}"
    if origin.kind == RAISED:
        told = f"{formula} raises {origin.value}"
    elif origin.kind == PICKED:
        told = f"{formula} picks {origin.value}{at}"
    else:
        told = f"{formula} is {origin.value}{at}"
    if origin.inside:
        told += f", by {origin.inside} in it"
    formulas = Formulas(recording, origin.snapshot)
    if origin.failed:
        failing = (f"{formulas.variable(f.variable, depth=3)} ({f.value})" for f in origin.failed)
        return f"{told}, for this does not hold: {'; '.join(dict.fromkeys(failing))}"
    reads = [
        f"{formulas.variable(reading.variable, depth=2)} = {reading.value}"
        for reading in origin.reads[:MOST_READ]
        if reading.value and recording.variables[reading.variable].kind != "constant"
    ]
    return f"{told}, for {', '.join(reads)}" if reads and origin.kind == MADE else told


def _placed(recording: Recording, snapshot: int, node: int) -> Placed:
    return next(placed for placed in recording.snapshot(snapshot).nodes if placed.node == node)


def _formula(recording: Recording, snapshot: int, node: int) -> str:
    return Formulas(recording, snapshot).node(_placed(recording, snapshot, node), depth=3)


def lines_of(recording: Recording, origin: NonFinite) -> Sequence[SourceLine]:
    """The user's lines of the node; for a gradient's those of what it differentiates, for an input's of who reads it."""
    owner = recording.variables[origin.variable].owner
    if owner is None:
        readers = (recording.variables[variable].owner for variable in origin.path[1:])
        reader = next((node for node in readers if node is not None), None)
        return () if reader is None else recording.lines_of(reader)
    forward = [root for root in recording.roots(owner) if recording.nodes[root].origin.kind != GRADIENT]
    if forward:
        return recording.lines_of(owner)
    snapshot = recording.snapshot(origin.snapshot)
    owners = {variable: placed for placed in snapshot.nodes for variable in placed.outputs}
    level, seen = [_placed(recording, origin.snapshot, owner)], {owner}
    for _ in range(FAR):
        level = [owners[v] for placed in level for v in placed.inputs if v in owners]
        level = [placed for placed in level if placed.node not in seen]
        seen |= {placed.node for placed in level}
        found = [p for p in level if recording.nodes[p.node].origin.kind not in (GRADIENT, "")]
        lines = [line for placed in found for line in recording.lines_of(placed.node)]
        if lines:
            return tuple(dict.fromkeys(lines))
    return recording.lines_of(owner)


def way_of(recording: Recording, origin: NonFinite) -> str:
    """From where it begins to the output: the variables that have names, or what they are."""
    formulas = Formulas(recording, origin.snapshot)
    words = [formulas.variable(variable, depth=1) for variable in origin.path]
    words = list(dict.fromkeys(words))
    if len(words) > MOST_ON_WAY:
        words = [*words[: MOST_ON_WAY - 2], f"{len(words) - MOST_ON_WAY + 1} more", words[-1]]
    return " → ".join(words)


def place(line: SourceLine) -> str:
    """``model.py:7``."""
    return f"{line.file.rpartition('/')[2]}:{line.line}"


def listed(items: Sequence[str]) -> str:
    """``a, b and c``."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
