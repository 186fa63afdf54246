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

__all__ = ["HOSTILE", "SEEN", "fields", "poisoned", "problem", "problems", "views"]

#: Short ones, which must be seen as they are.
SEEN = {
    "markup": "x[a][/b][bold red]y[link=file:///etc/passwd]z[/]",
    "end of markup": "x[/a]",
    "emoji code": ":smile::warning:",
    "backslash": "x\\[a]",
    "formula": r"$\foo{$",
    "HTML": "<script>alert(1)</script><img src=x onerror='a'>&amp;\"",
    "format": "%s {} {0} {code} %(x)s",
    "end of comment": "*/ x = 1; /*",
}
#: Others, whose escapes are seen in their stead.
HOSTILE = {
    **SEEN,
    "terminal title": "\x1b]0;owned\x07",
    "cursor": "\x1b[2J\x1b[1;1H\x9b31m\r\b\b",
    "lines": "a\nb\r\nc\td\x0b\x0c\x85\u2028e",
    "directions": "abc\u202edef\u2066ghi\u200f",
    "no width": "a\u200bb\ufeff",
    "surrogate": "\udcff.csv",
    "null": "a\x00b",
    "long": "n" * 100_000,
    "combining": "e" + "\u0301" * 5000,
    "wide": "漢" * 5_000,
    "long and controlling": "\x1b" * 100_000,
    "many lines": "a\n" * 2_000,
    "trigraph": "x??/",
    "end of line": "x\\",
    "blank": "   ",
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


def views(
    found: Recording, other: Recording | None = None, most: int = 3
) -> dict[str, Callable[[], RenderableType]]:
    """Every way to look at a recording, by name; of steps and of nodes so many, from first to last.

    Each is made when it is called. `other`: what it is put beside, itself by default.
    """
    steps, nodes = range(1, len(found.steps) + 1), found.final_order
    other = found if other is None else other
    return {
        "report": lambda: overview(found),
        "steps": lambda: StepTable(found, every=True),
        **{f"step {k}": lambda k=k: step_view(found, k) for k in steps[:: max(len(steps) // most, 1)]},
        "rules": lambda: weight_table(found, every=True),
        "doctor": lambda: doctor_view(found),
        "nodes": lambda: HotNodes(found, most=10**6),
        "the slowest node": lambda: HotNodes(found, most=1),
        **{f"code of {n}": lambda n=n: code_view(found, n) for n in nodes[:: max(len(nodes) // most, 1)]},
        "the whole code": lambda: code_view(found, None),
        "first of a pair": lambda: pair_view(found, other, labels=(found.name, found.mode)),
        "second of a pair": lambda: pair_view(other, found, labels=("one", "other")),
    }


def problems(
    found: Recording,
    other: Recording | None = None,
    *,
    most: int = 3,
    widths: tuple[int, ...] = (40, 100),
    every: bool = True,
) -> Iterator[tuple[str, str]]:
    """Each view of a recording, and what is wrong with it; empty where it is as it should be.

    Each is drawn in every width; with `every` also for somebody else's console, which reads markup, on a terminal
    with colours, and as HTML.
    """
    node_costs(found)
    snapshot_costs(found)
    yield "print", _wrong(str(found))
    yield "repr", _wrong(repr(found))
    yield "notebook", _wrong_page(found._repr_mimebundle_()["text/html"])
    for name, make in views(found, other, most).items():
        view = make()
        texts = [as_text(view, width) for width in widths]
        page = ""
        if every:
            foreign, terminal = io.StringIO(), io.StringIO()
            Console(file=foreign, width=100).print(view)
            console(file=terminal, force_terminal=True, color_system="truecolor", width=100).print(view)
            texts += [foreign.getvalue(), COLOURS.sub("", terminal.getvalue())]
            page = as_html(view)
        yield name, next(filter(None, map(_wrong, texts)), "") or _wrong_page(page)


def problem(recording: Recording, **how: Any) -> str:
    """What is wrong with the first view of the recording with which something is; empty where all are right."""
    return next((f"{name}: {wrong}" for name, wrong in problems(recording, **how) if wrong), "")


def _wrong(text: str) -> str:
    if not text.replace("\n", "").isprintable():
        return f"{next(c for c in text if not c.isprintable() and c != chr(10))!r} gets through"
    return f"{len(text):,} characters" if len(text) > 2_000_000 else ""


def _wrong_page(page: str) -> str:
    shown = TAGS.sub("", page)
    return "a tag that is not ours" if "<" in shown or ">" in shown else _wrong(shown)
