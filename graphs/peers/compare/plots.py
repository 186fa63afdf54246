"""A comparison as pictures (matplotlib, the extra ``pictures``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from graphs.peers import PEERS, YARDSTICK
from graphs.peers.compare.record import CACHES, Comparison
from graphs.peers.compare.tables import seconds
from graphs.pictures import caption, new_figure, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

__all__ = ["draw", "draw_break_even", "draw_sizes", "draw_steady"]


def draw(record: Comparison) -> dict[str, bytes]:
    """Every picture that the record has figures for, as PNG files by name."""
    pictures = {}
    if any(run.steady for run in record.runs):
        pictures["steady.png"] = png(draw_steady(record))
    if any(run.first_result and run.steady for run in record.runs):
        pictures["break-even.png"] = png(draw_break_even(record))
    if record.sweep:
        pictures["sizes.png"] = png(draw_sizes(record))
    return pictures


def draw_steady(record: Comparison) -> Figure:
    """Time of one step in each run, with quartiles; hollow where the numbers are not finite."""
    timed = [(run, run.steady.seconds) for run in record.runs if run.steady]
    formulas = list(dict.fromkeys(run.formula for run, _ in timed))
    titles = list(dict.fromkeys(run.title for run, _ in timed))
    figure = new_figure(figsize=(9, 1.7 + 0.38 * len(titles)))
    axes = figure.subplots()
    shift = 0.28
    for number, formula in enumerate(formulas):
        for run, step in timed:
            if run.formula != formula:
                continue
            axes.errorbar(
                1e6 * step.median,
                titles.index(run.title) + shift * (number - (len(formulas) - 1) / 2),
                xerr=[[1e6 * (step.median - step.q1)], [1e6 * (step.q3 - step.median)]],
                fmt="os^"[number % 3],
                color=f"C{number}",
                markerfacecolor=f"C{number}" if run.finite else "white",
            )
        axes.plot([], [], "os^"[number % 3], color=f"C{number}", label=f"{formula} formula")
    axes.plot([], [], "o", color="gray", markerfacecolor="white", label="hollow: inf or NaN on the way")
    by_hand = [step.median for run, step in timed if run.name == YARDSTICK]
    if by_hand:
        axes.axvline(1e6 * by_hand[-1], color="black", lw=0.8, ls=":", zorder=0, label="NumPy by hand")
    for row in range(0, len(titles), 2):
        axes.axhspan(row - 0.5, row + 0.5, color="0.96", zorder=-1)
    axes.set_yticks(range(len(titles)), map(caption, titles))
    axes.set_ylim(len(titles) - 0.5, -0.5)
    axes.set(
        xscale="log", xlabel="one step: median and quartiles; further left is faster", title=_title(record)
    )
    _label_times(axes.xaxis, 1e-6)
    axes.grid(alpha=0.3, axis="x")
    figure.legend(loc="outside lower center", ncols=len(formulas) + 2, frameon=False)
    return figure


def draw_break_even(record: Comparison) -> Figure:
    """Whole process against number of steps, warm and cold: where lines cross, compiling paid off."""
    timed = [(run, run.steady.seconds) for run in record.runs if run.steady and run.first_result]
    formula = timed[-1][0].formula
    timed = [(run, step) for run, step in timed if run.formula == formula]
    figure = new_figure(figsize=(13, 6))
    steps = np.logspace(0, 6, 121)
    styles = _styles(run.name for run, _ in timed)
    for axes, cache in zip(figure.subplots(1, 2, sharey=True), reversed(CACHES), strict=True):
        ends = {}
        for run, step in timed:
            whole = run.first_result[cache].whole_process + (steps - 1) * step.median
            axes.plot(steps, whole, **{**styles[run.name], "marker": ""})
            ends[run.name] = whole[-1]
        axes.set(xscale="log", yscale="log", xlabel="steps", title=f"{cache} caches")
        axes.grid(alpha=0.3)
        _label_ends(axes, steps[-1], ends, styles)
    figure.axes[0].set_ylabel("whole process")
    _label_times(figure.axes[0].yaxis, 1.0)
    figure.suptitle(f"When compiling pays off: {formula} formula, {_title(record)}")
    return figure


def draw_sizes(record: Comparison) -> Figure:
    """Time of one step over the size of x, for every run; the size of the comparison itself is among them."""
    formula = record.sweep[0].formula
    own = {run.name: run.steady for run in record.runs if run.steady and run.formula == formula}
    sweep = {(size.samples, size.features): size.steady for size in record.sweep}
    sweep.setdefault((record.data.samples, record.data.features), own)
    numbers = sorted(sweep, key=lambda shape: shape[0] * shape[1])
    figure = new_figure(figsize=(10, 6))
    axes = figure.subplots()
    names = list(dict.fromkeys(name for steady in sweep.values() for name in steady))
    styles, ends = _styles(names), {}
    for name in names:
        present = [shape for shape in numbers if name in sweep[shape]]
        medians = [sweep[shape][name].seconds.median for shape in present]
        axes.plot([n * f for n, f in present], medians, **styles[name])
        if present[-1] == numbers[-1]:
            ends[name] = medians[-1]
    axes.set(xscale="log", yscale="log", ylabel="one step", xlabel="size of x")
    axes.set_xticks([n * f for n, f in numbers], [f"{n} × {f}" for n, f in numbers])
    axes.minorticks_off()
    _label_times(axes.yaxis, 1.0)
    axes.grid(alpha=0.3)
    axes.set_title(f"A step at other sizes, {formula} formula, {record.data.dtype}")
    _label_ends(axes, numbers[-1][0] * numbers[-1][1], ends, styles)
    return figure


# One colour per framework, black for what all are measured against; line and mark tell its ways apart.
_COLOURS = {
    "in_numpy": "black",
    "in_autograd": "C1",
    "in_pytorch": "C3",
    "in_jax": "C4",
    "in_pytensor": "C0",
    "in_theano": "C2",
}
_SHADES = {
    "pytensor-none": "C9",
    "pytensor-fast-compile": "C9",
    "pytensor-native": "navy",
    "pytensor-native-loop": "navy",
}


def _styles(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    styles: dict[str, dict[str, Any]] = {}
    ways: dict[str, int] = {}
    for name in names:
        colour = _SHADES.get(name) or _COLOURS[PEERS[name].module]
        way = ways[colour] = ways.get(colour, -1) + 1
        styles[name] = {"color": colour, "ls": ("-", "--", ":", "-.")[way % 4], "marker": "os^vDPX"[way % 7]}
        styles[name]["lw"] = 2.2 if name == YARDSTICK else 1.4
    return styles


def _label_ends(axes: Axes, x: float, ends: dict[str, float], styles: dict[str, dict[str, Any]]) -> None:
    """Write each line's name beside its end, as near to it as the other names allow."""
    low, high = np.log(axes.get_ylim())
    order = sorted(ends, key=lambda name: ends[name])
    wanted = np.array([(np.log(ends[name]) - low) / (high - low) for name in order])
    room = 0.042
    placed = wanted.copy()
    for _ in range(200):  # push neighbours apart until each has room
        gaps = room - np.diff(placed)
        push = np.where(gaps > 1e-6, gaps / 2, 0)
        placed[:-1] -= push
        placed[1:] += push
        placed = np.clip(placed, 0, 1)
    for name, place in zip(order, placed, strict=True):
        axes.annotate(
            PEERS[name].title,
            (x, ends[name]),
            xytext=(1.06, place),
            textcoords="axes fraction",
            color=styles[name]["color"],
            va="center",
            fontsize=9,
            fontweight="bold" if name == YARDSTICK else None,
            arrowprops={
                "arrowstyle": "-",
                "relpos": (0, 0.5),
                "shrinkA": 1,
                "shrinkB": 2,
                "color": styles[name]["color"],
                "lw": 0.5,
                "alpha": 0.6,
            },
        )


def _label_times(axis: Axis, unit: float) -> None:
    """Ticks at 1, 2 and 5 of each decade, in seconds, milliseconds or microseconds."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if unit < 1 else (1.0,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: seconds(value * unit)))
    axis.set_minor_formatter(NullFormatter())


def _title(record: Comparison) -> str:
    data, threads = record.data, record.settings.threads
    size = f"{data.samples} × {data.features}"
    return f"{caption(data.name)} {size} {data.dtype}, {threads} thread{'s' * (threads > 1)}"
