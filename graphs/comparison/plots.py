"""A comparison, and the slopes of tanh, as pictures (matplotlib, the extra ``pictures``)."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from graphs.frameworks.slopes import SlopesResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw", "draw_break_even", "draw_sizes", "draw_slopes", "draw_steady", "slopes_picture"]


def _figure(**kwargs: Any) -> Figure:
    from matplotlib.figure import Figure

    return Figure(layout="constrained", dpi=100, **kwargs)  # no pyplot: no window, no global state


def draw(record: dict[str, Any]) -> dict[str, bytes]:
    """Every picture that the record has figures for, as PNG files by name.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    pictures = {}
    if any("steady" in run for run in record["runs"]):
        pictures["steady.png"] = _png(draw_steady(record))
    if any("first_result" in run and "steady" in run for run in record["runs"]):
        pictures["break-even.png"] = _png(draw_break_even(record))
    if len(record["sweep"]) > 1:
        pictures["sizes.png"] = _png(draw_sizes(record))
    return pictures


def draw_steady(record: dict[str, Any]) -> Figure:
    """Time of one step in each run, with quartiles; hollow where the numbers are not finite."""
    timed = [run for run in record["runs"] if "steady" in run]
    formulas = list(dict.fromkeys(run["formula"] for run in timed))
    titles = list(dict.fromkeys(run["title"] for run in timed))
    figure = _figure(figsize=(9, 1.5 + 0.38 * len(titles)))
    axes = figure.subplots()
    shift = 0.16
    for number, formula in enumerate(formulas):
        for run in timed:
            if run["formula"] != formula:
                continue
            steady = run["steady"]
            y = titles.index(run["title"]) + shift * (number - (len(formulas) - 1) / 2)
            axes.errorbar(
                1e6 * steady["median"],
                y,
                xerr=[[1e6 * (steady["median"] - steady["q1"])], [1e6 * (steady["q3"] - steady["median"])]],
                fmt="os^"[number % 3],
                color=f"C{number}",
                markerfacecolor=f"C{number}" if run["finite"] else "white",
            )
        axes.plot([], [], "os^"[number % 3], color=f"C{number}", label=f"{formula} formula")
    axes.plot([], [], "o", color="gray", markerfacecolor="white", label="hollow: inf or NaN on the way")
    axes.set_yticks(range(len(titles)), titles)
    axes.invert_yaxis()
    axes.set(
        xscale="log",
        xlabel="one step (µs; median and quartiles; further left is faster)",
        title=_title(record),
    )
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(alpha=0.3, axis="x", which="both")
    figure.legend(loc="outside lower center", ncols=len(formulas) + 1, frameon=False)
    return figure


def draw_break_even(record: dict[str, Any]) -> Figure:
    """Whole process against number of steps, warm and cold: where lines cross, compiling paid off."""
    timed = [run for run in record["runs"] if "steady" in run and "first_result" in run]
    formula = timed[-1]["formula"]
    timed = [run for run in timed if run["formula"] == formula]
    figure = _figure(figsize=(11, 5.2))
    steps = np.logspace(0, 6, 121)
    for axes, cache in zip(figure.subplots(1, 2, sharey=True), ("warm", "cold"), strict=True):
        for number, run in enumerate(timed):
            start, step = run["first_result"][cache]["whole_process"], run["steady"]["median"]
            axes.plot(
                steps,
                start + (steps - 1) * step,
                color="black" if run["name"] == "numpy" else f"C{number % 10}",
                ls=("-", "--", ":")[number // 5 % 3],
                lw=2 if run["name"] == "numpy" else 1.4,
                label=run["title"] if cache == "warm" else None,
            )
        axes.set(xscale="log", yscale="log", xlabel="steps", title=f"{cache} caches")
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("whole process (s)")
    figure.suptitle(f"When compiling pays off: {formula} formula, {_title(record)}")
    figure.legend(loc="outside right center", frameon=False)
    return figure


def draw_sizes(record: dict[str, Any]) -> Figure:
    """Time of one step over the size of x, for every run."""
    sweep = sorted(record["sweep"], key=lambda entry: entry["samples"] * entry["features"])
    titles = {run["name"]: run["title"] for run in record["runs"]}
    figure = _figure(figsize=(10, 5))
    axes = figure.subplots()
    for number, name in enumerate(dict.fromkeys(name for entry in sweep for name in entry["steady"])):
        present = [entry for entry in sweep if name in entry["steady"]]
        axes.plot(
            [entry["samples"] * entry["features"] for entry in present],
            [1e6 * entry["steady"][name]["median"] for entry in present],
            marker="os^vDPX"[number % 7],
            ls=("-", "--", ":")[number // 5 % 3],
            label=titles[name],
        )
    axes.set(xscale="log", yscale="log", ylabel="one step (µs)", xlabel="numbers in x")
    axes.set_xticks(
        [entry["samples"] * entry["features"] for entry in sweep],
        [f"{entry['samples']} × {entry['features']}" for entry in sweep],
    )
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.set_title(f"A step at other sizes, {sweep[0]['formula']} formula")
    figure.legend(loc="outside right center", frameon=False)
    return figure


def draw_slopes(result: SlopesResult) -> Figure:
    """tanh and its slope on [−7, 7]."""
    figure = _figure(figsize=(8, 4.5))
    axes = figure.subplots()
    axes.plot(result.x, result.tanh, label="tanh(x)")
    axes.plot(result.x, result.tanh_slope, label="its slope")
    axes.plot(1.0, result.slope_of_tanh, "o", color="C1", label=f"slope at 1: {result.slope_of_tanh:.6f}")
    axes.set(xlabel="x", title="tanh(x) = (1 − exp(−2x)) / (1 + exp(−2x)) and its slope")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def slopes_picture(result: SlopesResult) -> bytes:
    """`draw_slopes` as a PNG file."""
    return _png(draw_slopes(result))


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _title(record: dict[str, Any]) -> str:
    data, threads = record["data"], record["settings"]["threads"]
    size = f"{data['samples']} × {data['features']}"
    return f"{data['name']} {size} {data['dtype']}, {threads} thread{'s' * (threads > 1)}"
