"""Why a rewrite did not fire, or where it did, as text: the answer, the nearest place, how to have it in or out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from graphs.foreign import legible
from graphs.inspection.findings import FIRED, REFUSED, Place, Why
from graphs.inspection.recording import Recording

__all__ = ["why_view"]

MOST_STEPS = 12
STYLES = {FIRED: "bold green"}


def why_view(recording: Recording, rule: str = "") -> RenderableType:
    """What became of one rewrite that was asked about; of all of them where none is named."""
    recording = legible(recording, 1000)
    asked = [found for found in recording.whys or () if rule in ("", found.rule)]
    if not asked:
        return Text("No rewrite was asked about.")
    lines: list[RenderableType] = []
    for found in asked:
        lines += [Text(""), *_told(recording, found)]
    return Group(*lines[1:])


def _told(recording: Recording, found: Why) -> Iterator[Text]:
    yield Text.assemble(
        (found.rule, "bold cyan"), ": ", (found.answer, STYLES.get(found.answer, "bold yellow"))
    )
    if found.steps:
        shown = ", ".join(map(str, found.steps[:MOST_STEPS]))
        more = f" and {len(found.steps) - MOST_STEPS} more" if len(found.steps) > MOST_STEPS else ""
        yield Text(
            f"In step{'s' * (len(found.steps) > 1)} {shown}{more}: --step {found.steps[0]} shows the first."
        )
    if found.phases:
        tried = _tried(found)
        yield Text(f"PyTensor has it in {', '.join(found.phases)}{tried}.")
    for sentence in found.told:
        yield Text(sentence)
    for place in found.places:
        yield from _place(recording, found, place)
    if found.include:
        yield _way("to have it", found.include)
    if found.modes:
        yield _way("modes that have it", ", ".join(found.modes))
    if found.exclude:
        names = ",".join(re.findall(r'"([^"]*)"', found.exclude))
        yield _way("to leave it out", f"{found.exclude}, or graphs inspect --against without:{names}")


def _tried(found: Why) -> str:
    if not found.tried:
        return ""
    times = "once" if found.tried == 1 else f"{found.tried} times"
    nodes = f", at {found.nodes} node{'s' * (found.nodes != 1)} of this graph" if found.nodes else ""
    return f"; it was tried {times}{nodes}"


def _place(recording: Recording, found: Why, place: Place) -> Iterator[Text]:
    number = "" if place.node is None else f"#{place.node}  "
    what = "nearest place" if found.answer == REFUSED else "refused elsewhere" if found.steps else "place"
    where = "in a graph within an Op" if place.inside else f"in snapshot {place.snapshot}"
    yield Text.assemble((f"{what}, {where}: ", "bold"), number, place.formula)
    if place.test or not place.source:
        yield Text(f"  {place.test or 'which test failed there is not known'}", style="yellow")
    if place.file:
        said = f"  the test is: {place.source}  (" if place.source else "  the pattern stands in "
        yield Text.assemble(said, (f"{place.file}:{place.line}", "dim"), ")" if place.source else "")
    for line in recording.lines_of(place.node) if place.node is not None else ():
        yield Text.assemble(
            ("  written in ", "dim"), f"{line.file.rpartition('/')[2]}:{line.line}  {line.text}"
        )
    if place.others:
        yield Text(f"  {place.others} other node{'s' * (place.others > 1)} came no further.", style="dim")


def _way(what: str, code: str) -> Text:
    return Text.assemble((f"{what}: ", "bold"), code)
