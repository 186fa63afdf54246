"""Seconds per step over the size of x, log-log, drawn with matplotlib (the extra ``pictures``)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from graphs.benchmark.cells import Cell
from graphs.benchmark.peers import LIMIT, PEERS
from graphs.benchmark.record import Record
from graphs.pictures import MissingMatplotlib

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]

# Okabe and Ito's colours, which colour-blind readers can tell apart.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = "osD^vP"


def draw(record: Record) -> bytes:
    """A PNG: one panel for each dtype and number of threads; ours thick, peers thin, the limit dashed.

    Raises
    ------
    MissingMatplotlib
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingMatplotlib from error
    timed = [cell for cell in record.steps if cell.samples]
    panels = list(dict.fromkeys((cell.dtype, cell.threads) for cell in sorted(timed, key=_panel_order))) or [
        ("", 1)
    ]
    names = [name for name in PEERS if any(cell.peer == name for cell in timed)]
    figure: Figure = Figure(figsize=(1.5 + 4.6 * len(panels), 5.4), dpi=100, layout="constrained")
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (dtype, threads) in zip(grid, panels, strict=True):
        for name in names:
            line = [c for c in timed if (c.peer, c.dtype, c.threads) == (name, dtype, threads)]
            if line:
                _draw_line(axes, name, sorted(line, key=_mebibytes))
        axes.set(xscale="log", yscale="log", xlabel="size of x (MiB)")
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
        f"{machine['cpu']}, {machine['cores']} cores",
        fontsize="medium",
    )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _draw_line(axes: Any, name: str, cells: Sequence[Cell]) -> None:
    place = list(PEERS).index(name)
    middle = [median(cell.samples) for cell in cells]
    spread = [_spread(cell) for cell in cells]
    ours = PEERS[name].ours
    axes.errorbar(
        [_mebibytes(cell) for cell in cells],
        middle,
        yerr=[
            [m - low for m, (low, _) in zip(middle, spread, strict=True)],
            [high - m for m, (_, high) in zip(middle, spread, strict=True)],
        ],
        label=PEERS[name].title,
        color="black" if name == LIMIT else _COLOURS[place % len(_COLOURS)],
        marker="_" if name == LIMIT else _MARKERS[place % len(_MARKERS)],
        markersize=6 if ours else 4,
        linewidth=2.4 if ours else 1,
        linestyle="--" if name == LIMIT else "-",
        capsize=2,
        zorder=3 if ours else 2,
    )


def _spread(cell: Cell) -> tuple[float, float]:
    if len(cell.samples) < 2:
        return cell.samples[0], cell.samples[0]
    first, _, third = quantiles(cell.samples, n=4, method="inclusive")
    return first, third


def _mebibytes(cell: Cell) -> float:
    samples, features = map(int, cell.size.split("x"))
    return samples * features * (8 if cell.dtype == "float64" else 4) / 2**20


def _name_sizes(axes: Any, cells: Sequence[Cell]) -> None:
    """The shapes above the frame, where their sizes are."""
    above = axes.secondary_xaxis("top")
    places = {_mebibytes(cell): cell.size.replace("x", "×") for cell in cells}
    above.set_xticks(list(places), list(places.values()), rotation=35, ha="left", fontsize="x-small")
    above.minorticks_off()


def _panel_order(cell: Cell) -> tuple[bool, int]:
    return cell.dtype != "float64", cell.threads
