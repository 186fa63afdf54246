"""Recordings in which every text is hostile, and a look at them through every view."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from copy import copy
from typing import Any

from msgspec.structs import force_setattr
from rich.console import Console, RenderableType

from graphs.inspection.costs import node_costs, snapshot_costs
from graphs.inspection.recording import Recording
from graphs.inspection.show.report import (
    HotNodes,
    StepTable,
    code_view,
    doctor_view,
    overview,
    pair_view,
    step_view,
    weight_table,
)
from graphs.terminal import as_html, as_text, console

__all__ = ["HOSTILE", "fields", "poisoned", "problem", "views"]

HOSTILE = {
    "markup": "x[a][/b][bold red]y[link=file:///etc/passwd]z[/]",
    "emoji code": ":smile::warning:",
    "terminal title": "\x1b]0;owned\x07",
    "cursor": "\x1b[2J\x1b[1;1H\x9b31m\r\b\b",
    "lines": "a\nb\r\nc\td\x0b\x0c\x85\u2028e",
    "directions": "abc\u202edef\u2066ghi\u200f",
    "surrogate": "\udcff.csv",
    "null": "a\x00b",
    "HTML": "<script>alert(1)</script><img src=x onerror='a'>&amp;\"",
    "formula": r"$\foo{$ \\ {0} {code} %s $",
    "long": "n" * 100_000,
    "wide": "漢" * 5_000,
    "long and controlling": "\x1b" * 100_000,
    "many lines": "a\n" * 2_000,
    "empty": "",
}
#: Colours, which rich may send to a terminal.
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
TAGS = re.compile(r'</?(pre|span)( style="[^"<>]*")?>')


def poisoned(data: Any, poison: Callable[[str], str], where: str = "") -> Any:
    """A copy of plain data with every text poisoned; `where`: only those in such a field, ``Variable.name``."""
    if isinstance(data, str):
        return data if where else poison(data)
    if isinstance(data, tuple | list):
        return type(data)(poisoned(item, poison, where) for item in data)
    if isinstance(data, dict):
        return {key: poisoned(value, poison, where) for key, value in data.items()}
    changed = copy(data)
    for name in getattr(data, "__struct_fields__", ()):
        inside = "" if f"{type(data).__name__}.{name}" == where else where
        made = poisoned(getattr(data, name), poison, inside)
        force_setattr(changed, name, made)
    return changed


def fields(data: Any, place: str = "") -> set[str]:
    """The fields that hold texts: what `poisoned` takes as `where`."""
    if isinstance(data, str):
        return {place}
    if isinstance(data, dict):
        data = list(data.values())
    if isinstance(data, tuple | list):
        return set().union(*(fields(item, place) for item in data))
    names = getattr(data, "__struct_fields__", ())
    return set().union(*(fields(getattr(data, n), f"{type(data).__name__}.{n}") for n in names))


def views(recording: Recording, most: int = 3) -> Iterator[tuple[str, RenderableType]]:
    """Everything that can be shown of a recording, by name; of steps and code so many, from first to last."""
    yield "report", overview(recording)
    yield "steps", StepTable(recording, every=True)
    steps = len(recording.steps)
    for step in range(1, steps + 1, max(steps // most, 1)):
        yield f"step {step}", step_view(recording, step)
    yield "rules", weight_table(recording, every=True)
    yield "doctor", doctor_view(recording)
    yield "nodes", HotNodes(recording, most=10**6)
    nodes = recording.final_order
    for node in (*nodes[:: max(len(nodes) // most, 1)], None):
        yield f"code of {node}", code_view(recording, node)
    yield "pair", pair_view(recording, recording, labels=(recording.name, recording.mode))
    yield "running", HotNodes(recording, most=1)


def problem(recording: Recording, widths: tuple[int, ...] = (40, 100)) -> str:
    """What is wrong with a view of the recording; empty where all are as they should be.

    Each is drawn in every width, for a console of ours and for that of somebody else's notebook, which reads
    markup; on a terminal with colours and as HTML where there are several widths.
    """
    node_costs(recording)
    snapshot_costs(recording)
    shown = {"print": str(recording), "repr": repr(recording)}
    page = recording._repr_mimebundle_()["text/html"]
    for name, view in views(recording):
        for width in widths:
            shown[f"{name}, {width} columns"] = as_text(view, width)
        foreign = io.StringIO()
        Console(file=foreign, width=100).print(view)
        shown[f"{name}, another console"] = foreign.getvalue()
        if len(widths) > 1:
            terminal = io.StringIO()
            console(file=terminal, force_terminal=True, color_system="truecolor", width=100).print(view)
            shown[f"{name}, terminal"] = COLOURS.sub("", terminal.getvalue())
            page += as_html(view)
    shown["HTML"] = TAGS.sub("", page)
    if "<" in shown["HTML"] or ">" in shown["HTML"]:
        return "HTML: a tag that is not ours"
    for name, text in shown.items():
        if moving := next((c for c in text if not c.isprintable() and c != "\n"), ""):
            return f"{name}: {moving!r} gets through"
        if len(text) > 2_000_000:
            return f"{name}: {len(text):,} characters"
    return ""
