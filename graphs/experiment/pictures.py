"""Pictures of a run, drawn with matplotlib (the extra ``pictures``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from graphs.experiment.reproduction import Reproduction
from graphs.pictures import MissingMatplotlib, caption, new_figure, png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["MissingMatplotlib", "draw_history", "draw_weights", "pictures"]


def pictures(result: Reproduction) -> dict[str, Callable[[], bytes]]:
    """All pictures of a run, as names of PNG files and what draws them."""
    return {"cost.png": lambda: png(draw_history(result)), "weights.png": lambda: png(draw_weights(result))}


def draw_history(result: Reproduction) -> Figure:
    """Cost, mean cross-entropy and share of errors over the steps, and the optimum's cost."""
    x, settings, history = result.dataset.x, result.settings, result.progress.history
    title = (
        f"{x.shape[0]} × {x.shape[1]} {caption(result.dataset.name)}, seed {settings.seed}, "
        f"{settings.formula} formula, mode {caption(settings.mode)}"
    )
    figure = new_figure(figsize=(8, 6))
    above, below = figure.subplots(2, 1, sharex=True)
    above.plot(history.steps, history.cost, label="cost")
    above.plot(history.steps, history.mean_xent, label="mean cross-entropy")
    if result.optimum:
        above.axhline(result.optimum.cost, color="black", lw=0.8, ls=":", label="cost at the optimum")
    above.set(yscale="log", ylabel="nats", title=title)
    below.plot(history.steps, 100 * history.accuracy, color="tab:green")
    below.set(ylabel="right predictions (%)", xlabel="step (logarithmic above 1)", ylim=(None, 101))
    first = result.progress.first_perfect_call
    if first:
        below.axvline(first, color="black", lw=0.8, ls=":")
        below.annotate(
            f"none wrong from call {first}", (first, 60), xytext=(6, 0), textcoords="offset points"
        )
    below.set_xscale("symlog", linthresh=1)
    below.set_xlim(0, history.steps[-1])
    above.legend()
    for axes in (above, below):
        axes.grid(alpha=0.3)
    return figure


def draw_weights(result: Reproduction) -> Figure:
    """The weights before and after, as a picture of the inputs (28 × 28 for 784 features)."""
    initial, final = result.progress.initial["w"], result.progress.state["w"]
    height = _most_square(len(final))
    figure = new_figure(figsize=(9, 4.2))
    for axes, name, weights in zip(figure.subplots(1, 2), ("before", "after"), (initial, final), strict=True):
        limit = float(np.abs(weights).max()) or 1.0
        image = axes.imshow(weights.reshape(height, -1), cmap="RdBu_r", vmin=-limit, vmax=limit)
        axes.set_title(f"w {name}: ‖w‖ = {np.linalg.norm(weights):.4g}")
        axes.set_axis_off()
        figure.colorbar(image, ax=axes, shrink=0.85)
    return figure


def _most_square(features: int) -> int:
    """Height of the most nearly square picture with that many pixels."""
    return next(h for h in range(int(features**0.5), 0, -1) if features % h == 0)
