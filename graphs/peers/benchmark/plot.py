"""Seconds per step over the size of x, log-log, drawn with matplotlib (the extra ``pictures``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphs.peers import BENCHMARKED, LIMIT, PEERS
from graphs.peers.benchmark.record import Cell, Record
from graphs.peers.size import Size
from graphs.pictures import caption, new_figure, png

__all__ = ["draw"]

# Ours in greens and blues, the peers in warm colours and greys; markers tell apart what colours do not.
_COLOURS = {
    LIMIT: "black",
    "numpy": "#666666",
    "native": "#3fbf8f",
    "native-many": "#00704e",
    "gram": "#56b4e9",
    "gram-many": "#0060a8",
    "numpy-gram": "#a8a8a8",
    "jax-loop": "#d55e00",
    "jax-jit": "#e69f00",
    "torch-compile": "#cc3399",
    "autograd": "#8c564b",
    "pytensor": "#b8a800",
    "pytensor-cvm": "#9467bd",
}
_MARKERS = "osD^vP"


def draw(record: Record) -> bytes:
    """A PNG: one panel for each dtype and number of threads; ours thick, peers thin, the limit dashed."""
    timed = [cell for cell in record.steps if cell.samples]
    shown = {(cell.dtype, cell.threads) for cell in timed} or {("", 1)}
    panels = sorted(shown, key=lambda panel: (panel[0] != "float64", panel[1]))
    sizes = [_mebibytes(cell) for cell in timed]
    narrow = max(sizes, default=1) < 30 * min(sizes, default=1)
    names = [name for name in BENCHMARKED if any(cell.peer == name for cell in timed)]
    figure = new_figure(figsize=(1.5 + 4.6 * len(panels), 5.4))
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (dtype, threads) in zip(grid, panels, strict=True):
        for name in names:
            line = [c for c in timed if (c.peer, c.dtype, c.threads) == (name, dtype, threads)]
            if line:
                _draw_line(axes, name, sorted(line, key=_mebibytes))
        axes.set(xscale="log", yscale="log", xlabel="size of x (MiB)")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_title(f"{dtype}, {threads} thread{'s' if threads > 1 else ''}")
        axes.grid(which="major", alpha=0.35)
        axes.grid(which="minor", alpha=0.12)
        _name_sizes(axes, [c for c in timed if (c.dtype, c.threads) == (dtype, threads)])
    grid[0].set_ylabel("seconds per step (median, quartiles)")
    handles = {
        label: handle
        for axes in grid
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    titles = [PEERS[name].title for name in names]
    figure.legend([handles[title] for title in titles], titles, loc="outside right center", frameon=False)
    machine = record.stamp["machine"]
    versions = record.stamp["versions"]
    figure.suptitle(
        f"One step of logistic regression: PyTensor {versions['pytensor']}, NumPy {versions['numpy']}, "
        f"{caption(machine['cpu'])}, {machine['cores']} cores",
        fontsize="medium",
    )
    return png(figure)


def _draw_line(axes: Any, name: str, cells: Sequence[Cell]) -> None:
    place = BENCHMARKED.index(name)
    spread = [cell.spread for cell in cells]
    ours = PEERS[name].ours
    axes.errorbar(
        [_mebibytes(cell) for cell in cells],
        [each.median for each in spread],
        yerr=[[each.median - each.q1 for each in spread], [each.q3 - each.median for each in spread]],
        label=PEERS[name].title,
        color=_COLOURS.get(name, "red"),
        marker="_" if name == LIMIT else _MARKERS[place % len(_MARKERS)],
        markersize=6 if ours else 4,
        linewidth=2.4 if ours else 1,
        linestyle="--" if name == LIMIT else "-",
        capsize=2,
        zorder=3 if ours else 2,
    )


def _mebibytes(cell: Cell) -> float:
    return Size.of(cell.size).nbytes(cell.dtype) / 2**20


def _name_sizes(axes: Any, cells: Sequence[Cell]) -> None:
    """The shapes above the frame, where their sizes are."""
    above = axes.secondary_xaxis("top")
    places = {_mebibytes(cell): cell.size.replace("x", "×") for cell in cells}
    above.set_xticks(list(places), list(places.values()), rotation=35, ha="left", fontsize="x-small")
    above.minorticks_off()
