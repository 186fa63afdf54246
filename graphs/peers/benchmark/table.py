"""The record for a terminal: a table for each size, one for processes, one for the targets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Column, Table
from rich.text import Text

from graphs.foreign import legible
from graphs.peers import LIMIT, PEERS, YARDSTICK
from graphs.peers.benchmark.fits import GAP
from graphs.peers.benchmark.mesh_table import show_meshes
from graphs.peers.benchmark.record import Cell, FitCell, Record
from graphs.peers.benchmark.targets import targets
from graphs.peers.benchmark.untuned_table import show_models
from graphs.peers.classifiers import FITTERS
from graphs.terminal import table

__all__ = ["show"]


def show(record: Record) -> RenderableType:
    """Lay out a whole record."""
    record = legible(record)
    parts: list[RenderableType] = []
    for size, dtype in dict.fromkeys((cell.size, cell.dtype) for cell in record.steps):
        here = [cell for cell in record.steps if (cell.size, cell.dtype) == (size, dtype)]
        parts += [
            Rule(f"{size.replace('x', ' × ')} {dtype}, per step"),
            _cells(here),
            *_notes(here),
            _verdict(here),
        ]
    for kind, cells in record.processes.items():
        steps = record.settings.process_steps
        title = f"a whole process, {steps:,} steps at {cells[0].size if cells else ''}, {kind} caches"
        parts += [
            Rule(title.replace("x", " × ", 1)),
            _cells(cells, unit=1.0),
            *_notes(cells),
            _verdict(cells),
        ]
    for problem, penalty in dict.fromkeys((cell.size, cell.penalty) for cell in record.estimators):
        fits = [cell for cell in record.estimators if (cell.size, cell.penalty) == (problem, penalty)]
        threads = f"{fits[0].threads} thread{'s' if fits[0].threads > 1 else ''}"
        title = f"{problem.replace('x', ' × ')}, λ = {fits[0].weight_decay:.3g}: fits to {GAP:g} above the optimum, {threads}"
        parts += [Rule(title), _fits(fits), *_notes(fits), _fits_verdict(fits)]
    if record.models:
        parts += [Rule("models that nobody tuned: cost and gradients, per call"), show_models(record.models)]
    if record.meshes:
        parts += [Rule("samples on meshes of devices, per step"), show_meshes(record.meshes)]
    if record.steps or record.processes:
        parts += [Rule("targets: ratios of medians in this run"), _targets(record)]
    return Group(*parts, _machine(record))


def _fits(cells: Sequence[FitCell]) -> Table:
    headings = (
        "ms",
        "quartiles",
        "ratio",
        "first",
        "iterations",
        "gap",
    )  # the ratio is that to scikit-learn's best
    numbers = (Column(heading, justify="right", no_wrap=True) for heading in headings)
    shown = table(Column("", no_wrap=True), *numbers)
    best = min((c.spread.median for c in cells if c.samples and not FITTERS[c.peer].ours), default=None)
    for cell in sorted(cells, key=lambda c: c.spread.median if c.samples else float("inf")):
        fitter = FITTERS[cell.peer]
        title = Text(fitter.title, style="bold" if fitter.ours else "")
        if not cell.samples:
            shown.add_row(title, "–", "", "", "", "", "")
            continue
        spread = cell.spread
        shown.add_row(
            title,
            _number(1e3 * spread.median),
            f"{_number(1e3 * spread.q1)} – {_number(1e3 * spread.q3)}",
            "" if best is None else f"{spread.median / best:.2f}",
            "" if cell.first is None else _number(1e3 * cell.first),
            str(cell.iterations),
            "" if cell.gap is None else f"{cell.gap:.1e}",
        )
    return shown


def _fits_verdict(cells: Sequence[FitCell]) -> Text:
    """Which of scikit-learn's solvers are faster than the best of ours."""
    timed = sorted((cell for cell in cells if cell.samples), key=lambda c: c.spread.median)
    ours = next((cell for cell in timed if FITTERS[cell.peer].ours), None)
    if ours is None:
        return Text("nothing of ours ran here", style="red")
    title, best = FITTERS[ours.peer].title, ours.spread.median
    faster = [cell for cell in timed if not FITTERS[cell.peer].ours and cell.spread.median < best]
    if not faster:
        return Text(f"fastest: {title}", style="green")
    names = ", ".join(f"{FITTERS[c.peer].title} ({best / c.spread.median:.2f} ×)" for c in faster)
    return Text(f"we lose here: {title} is slower than {names}", style="bold red")


def _cells(cells: Sequence[Cell], unit: float = 1e-6) -> Table:
    ratio = "× limit" if any(cell.peer == LIMIT for cell in cells) else ""
    headings = ("threads", "µs" if unit == 1e-6 else "s", "quartiles", "× NumPy", ratio, "MiB")
    numbers = (Column(heading, justify="right", no_wrap=True) for heading in headings)
    shown = table(Column("", no_wrap=True), *numbers)
    numpy, limit = (_median_of(cells, name) for name in (YARDSTICK, LIMIT))
    for cell in sorted(cells, key=lambda c: c.spread.median if c.samples else float("inf")):
        title = Text(PEERS[cell.peer].title, style="bold" if PEERS[cell.peer].ours else "")
        if not cell.samples:
            shown.add_row(title, str(cell.threads), "–", "", "", "", "")
            continue
        middle, q1, q3 = cell.spread.median, cell.spread.q1, cell.spread.q3
        shown.add_row(
            title,
            str(cell.threads),
            _number(middle / unit),
            f"{_number(q1 / unit)} – {_number(q3 / unit)}" if len(cell.samples) > 1 else "one sample",
            "" if numpy is None else f"{middle / numpy:.2f}",
            "" if limit is None else f"{middle / limit:.2f}",
            "" if cell.peak_rss_bytes is None else f"{cell.peak_rss_bytes / 2**20:.0f}",
        )
    return shown


def _notes(cells: Sequence[Cell] | Sequence[FitCell]) -> list[Text]:
    """Why something was not timed, and what else is to be said of what was, each once: a column has no room for it."""
    said: dict[str, None] = {}
    for cell in cells:
        title = FITTERS[cell.peer].title if isinstance(cell, FitCell) else PEERS[cell.peer].title
        if not cell.samples:
            said[f"{title}: {cell.status}: {cell.reason}"] = None
        elif cell.reason:
            said[f"{title}: {cell.reason}"] = None
    return [Text(note, style="dim") for note in said]


def _verdict(cells: Sequence[Cell]) -> Text:
    """Who is faster than the best of ours, without the limit, which trains nothing."""
    timed = [cell for cell in cells if cell.samples and cell.peer != LIMIT]
    ours = min((c for c in timed if PEERS[c.peer].ours), key=lambda c: c.spread.median, default=None)
    if ours is None:
        return Text("nothing of ours ran here", style="red")
    best = ours.spread.median
    faster = [c for c in timed if not PEERS[c.peer].ours and c.spread.median < best]
    if not faster:
        return Text(f"fastest: {_named(ours)}", style="green")
    names = ", ".join(f"{_named(c)} ({best / c.spread.median:.2f} ×)" for c in faster)
    return Text(f"we lose here: {_named(ours)} is slower than {names}", style="bold red")


def _named(cell: Cell) -> str:
    return f"{PEERS[cell.peer].title}, {cell.threads} thread{'s' if cell.threads > 1 else ''}"


def _targets(record: Record) -> Table:
    numbers = ("wanted", "found")
    shown = table(Column("", no_wrap=True), Column("against", no_wrap=True), *numbers, "", numbers=numbers)
    for target in targets(record.steps, record.processes):
        if target.ratio is None:
            found, verdict = "–", Text("not measured", style="dim")
        else:
            found = f"{target.ratio:.2f}"
            over = f"missed: {target.ratio / target.limit:.2f} × that"
            verdict = Text("hit", style="green") if target.hit else Text(over, style="bold red")
        shown.add_row(target.row, target.against, f"≤ {target.limit:g}", found, verdict)
    return shown


def _machine(record: Record) -> Text:
    versions = ", ".join(f"{name} {version}" for name, version in record.stamp["versions"].items())
    machine = record.stamp["machine"]
    return Text(f"{versions}\n{machine['cpu']}, {machine['cores']} cores, {machine['blas']}", style="dim")


def _median_of(cells: Iterable[Cell], peer: str) -> float | None:
    """Of a peer at the smallest number of threads that was measured."""
    timed = (c for c in cells if c.peer == peer and c.samples)
    first = min(timed, key=lambda c: c.threads, default=None)
    return first.spread.median if first else None


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
