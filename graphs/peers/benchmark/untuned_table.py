"""Models for a terminal: a line for each, how our linker stands to the best of the others, and what that comes to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Column
from rich.text import Text

from graphs.peers.benchmark.record import ModelCell
from graphs.peers.benchmark.untuned import ASKED, OURS
from graphs.terminal import table

__all__ = ["Beside", "beside", "show_models"]

LONGEST = 160  # characters of a reason


class Beside(NamedTuple):
    """Our linker on one model, beside the fastest of the others."""

    model: str
    ratio: float  # of medians
    best: str  # short name of the fastest other


def beside(cells: Iterable[ModelCell], threads: int) -> list[Beside]:
    """Where both were timed with so many threads."""
    by_model: dict[str, list[ModelCell]] = {}
    for cell in cells:
        if cell.threads == threads and cell.samples:
            by_model.setdefault(cell.size, []).append(cell)
    found = []
    for model, timed in by_model.items():
        ours = next((cell for cell in timed if cell.peer == OURS), None)
        others = [cell for cell in timed if cell.peer != OURS]
        if ours and others:
            best = min(others, key=lambda cell: cell.spread.median)
            found.append(Beside(model, ours.spread.median / best.spread.median, ASKED[best.peer]))
    return found


def show_models(cells: Sequence[ModelCell]) -> RenderableType:
    """The table, then why some of it is missing or not native, then medians and worst ratios."""
    counts = sorted({cell.threads for cell in cells})
    found = {threads: {each.model: each for each in beside(cells, threads)} for threads in counts}
    shown = table(Column("", no_wrap=True), collapse_padding=True)
    for threads in counts:
        shown.add_column(f"{_threads(threads)}\nµs", justify="right", no_wrap=True)
        shown.add_column("\n÷ best", justify="right", no_wrap=True)
        shown.add_column("", no_wrap=True)
    shown.add_column("first\ns", justify="right", no_wrap=True)
    shown.add_column("others'\nfirst, s", justify="right", no_wrap=True)
    shown.add_column("", no_wrap=True)
    for model in dict.fromkeys(cell.size for cell in cells):
        here = [cell for cell in cells if cell.size == model]
        row: list[RenderableType] = [model]
        for threads in counts:
            ours = next((cell for cell in here if (cell.peer, cell.threads) == (OURS, threads)), None)
            against = found[threads].get(model)
            row += [_time(ours), _ratio(against), "" if against is None else against.best]
        row += [*_firsts(here, counts[0]), "†" if any(cell.fallback for cell in here) else ""]
        shown.add_row(*row)
    return Group(
        shown, *_notes(cells), *(_verdict(threads, found[threads]) for threads in counts), _fallen(cells)
    )


def _threads(number: int) -> str:
    return f"{number} thread{'s' if number > 1 else ''}"


def _time(cell: ModelCell | None) -> str:
    if cell is None:
        return "–"
    if cell.samples:
        middle = 1e6 * cell.spread.median
        return f"{middle:,.0f}" if middle >= 100 else f"{middle:.3g}"
    return f"{cell.deviation:.0e} apart" if cell.status == "disagrees" else cell.status


def _ratio(against: Beside | None) -> RenderableType:
    if against is None:
        return "–"
    return Text(f"{against.ratio:.2f}", style="green" if against.ratio <= 1 else "bold red")


def _firsts(cells: Sequence[ModelCell], threads: int) -> tuple[str, str]:
    """Seconds from the model to the first result: ours, and the range of the others'."""
    took = {
        cell.peer: cell.build + cell.first
        for cell in cells
        if cell.threads == threads and cell.build is not None and cell.first is not None
    }
    ours = took.pop(OURS, None)
    return "–" if ours is None else _seconds(ours), "–".join(_ends(took.values())) or "–"


def _ends(values: Collection[float]) -> list[str]:
    """The least and the largest, once where they read alike."""
    return list(dict.fromkeys(map(_seconds, (min(values), max(values))))) if values else []


def _seconds(value: float) -> str:
    return f"{value:.0f}" if value >= 9.5 else f"{value:.1g}" if value < 0.095 else f"{value:.2g}"


def _notes(cells: Sequence[ModelCell]) -> list[Text]:
    """Why something is missing or not native, each reason once."""
    notes: dict[tuple[str, str], None] = {}
    for cell in cells:
        if cell.status == "missing":
            notes.setdefault((ASKED[cell.peer], f"missing: {cell.reason}"), None)
        elif not cell.stands:
            who = f"{cell.size}, {_threads(cell.threads)}: {ASKED[cell.peer]}"
            notes.setdefault((who, f"{cell.status}: {cell.reason}"), None)
        elif cell.fallback:
            notes.setdefault((f"† {cell.size}", f"falls back: {cell.fallback}"), None)
    return [Text(_short(f"{who} {what}"), style="dim") for who, what in notes]


def _short(text: str) -> str:
    line = text.partition("\n")[0]
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


def _verdict(threads: int, found: dict[str, Beside]) -> Text:
    of = f"{ASKED[OURS]} ÷ best of the others, {_threads(threads)}"
    if not found:
        return Text(f"{of}: not measured", style="dim")
    worst = max(found.values(), key=lambda each: each.ratio)
    middle = float(np.median([each.ratio for each in found.values()]))
    style = "green" if worst.ratio <= 1 else "bold red"
    return Text(
        f"{of}: median {middle:.2f}, worst {worst.ratio:.2f} ({worst.model}, {worst.best})", style=style
    )


def _fallen(cells: Sequence[ModelCell]) -> Text:
    ours = {cell.size for cell in cells if cell.peer == OURS and cell.build is not None}
    fallen = {cell.size for cell in cells if cell.fallback}
    return Text(f"{len(fallen)} of {len(ours)} fall back to a mode of PyTensor's")
