"""Meshes for a terminal: a row for each, a column for each size; and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Column
from rich.text import Text

from graphs.environment import usable_cores
from graphs.peers import PEERS
from graphs.peers.benchmark.record import MeshCell
from graphs.peers.size import Size
from graphs.terminal import table

__all__ = ["findings", "show_meshes"]

DOMINANT = 0.5  # share of a step from which the exchange is said to dominate it


def show_meshes(cells: Sequence[MeshCell]) -> RenderableType:
    """Microseconds per step, then what an all-reduce takes, then what the numbers say."""
    sizes = list(dict.fromkeys(cell.size for cell in cells))
    columns = (Column(size.replace("x", " × "), justify="right", no_wrap=True) for size in sizes)
    shown = table(Column("µs", no_wrap=True), *columns)
    by_place = {(cell.peer, cell.size): cell for cell in cells}
    for peer in dict.fromkeys(cell.peer for cell in cells):
        row = [by_place.get((peer, size)) for size in sizes]
        shown.add_row(_title(peer, row), *(_number(cell) for cell in row))
        if any(cell and cell.exchange for cell in row):
            shown.add_row(Text("  its all-reduce, alone", style="dim"), *(_exchange(cell) for cell in row))
    notes = [f"{_title(c.peer, [c])}, {c.size}: {c.status}: {c.reason}" for c in cells if not c.samples]
    return Group(
        shown, *map(Text, findings(cells)), *(Text(note, style="dim") for note in dict.fromkeys(notes))
    )


def _title(peer: str, row: Sequence[MeshCell | None]) -> str:
    threads = next((cell.threads for cell in row if cell), 1)
    return f"{PEERS[peer].title}, {threads} threads" if peer in PEERS else peer


def _number(cell: MeshCell | None) -> str:
    return f"{1e6 * cell.spread.median:,.0f}" if cell and cell.samples else "–"


def _exchange(cell: MeshCell | None) -> str:
    return f"{1e6 * cell.exchange:,.0f}" if cell and cell.exchange else "–"


def findings(cells: Sequence[MeshCell]) -> Iterator[str]:
    """What the table says, computed from it: where an all-reduce dominates, from which size a mesh pays, weak scaling."""
    timed = [cell for cell in cells if cell.samples]
    median = {(cell.peer, cell.size): cell.spread.median for cell in timed}
    sizes = sorted({cell.size for cell in timed}, key=lambda size: Size.of(size).samples)
    yield f"All devices share the {usable_cores()} cores of this machine, and times are not taken in turn."
    for size in sizes[:1]:
        for cell in timed:
            if cell.size == size and cell.exchange:
                share = cell.exchange / cell.spread.median
                verb = "dominates" if share >= DOMINANT else "does not dominate"
                yield (
                    f"{size}, {cell.peer}: an all-reduce of {cell.exchanged_bytes:,} bytes, alone, takes as long as "
                    f"{share:.0%} of a step; it {verb}."
                )
    one = "mesh 1"
    others = list(dict.fromkeys(cell.peer for cell in timed if cell.peer not in PEERS and cell.peer != one))
    alone = list(dict.fromkeys(cell.peer for cell in timed if cell.peer in PEERS))
    for peer in others:
        said = [f"{_pays(median, sizes, peer, base)} {_base(base)}" for base in (one, *alone)]
        yield f"{peer} {'; '.join(said)}."
    yield from _weak(timed, median)


def _base(peer: str) -> str:
    return PEERS[peer].title if peer in PEERS else peer


def _pays(median: dict[tuple[str, str], float], sizes: Sequence[str], peer: str, base: str) -> str:
    both = [size for size in sizes if (peer, size) in median and (base, size) in median]
    faster = [size for size in both if median[peer, size] < median[base, size]]
    if not both:
        return "was not timed beside"
    if not faster:
        return "was at no size faster than"
    if faster == both[-len(faster) :]:
        best = min(median[peer, size] / median[base, size] for size in faster)
        return f"pays from {faster[0]} on (at best {best:.2f} of its time) against"
    return f"is faster only at {', '.join(faster)} than"


def _weak(timed: Sequence[MeshCell], median: dict[tuple[str, str], float]) -> Iterator[str]:
    """As many rows on every device: how much longer a step takes than on one."""
    for cell in timed:
        size = Size.of(cell.size)
        if cell.peer in PEERS or cell.threads == 1 or size.samples % cell.threads:
            continue
        base = f"{size.samples // cell.threads}x{size.features}"
        if ("mesh 1", base) in median:
            ratio = cell.spread.median / median["mesh 1", base]
            rows = size.samples // cell.threads
            yield f"weak scaling, {rows:,} rows a device, {cell.peer}: {ratio:.2f} times the step of one device."
