"""Early stopping on samples that are held out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphs.data import load, split
from graphs.examples.outcome import Finding, Outcome, Subject, Table
from graphs.examples.run import Run
from graphs.latex import equation
from graphs.models.softmax import softmax_graph
from graphs.pictures import new_figure
from graphs.updates import gradient_descent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["stopping"]

STEPS, EVERY, PATIENCE = 4000, 20, 20


def stopping(run: Run) -> Outcome:
    """Training goes on getting better on its own samples long after it got worse on others: stop there.

    200 digits and no weight decay. Held-out cross-entropy is looked at every 20 steps; when 20 looks in a row were none
    the better, the run ends, with the parameters of the best one.
    """
    data = load("digits")
    training, testing = split(data)
    few = training[:200]
    graph = softmax_graph(data.initial_w, data.initial_b, weight_decay=0.0)
    functions = run.functions("steps", graph, gradient_descent(graph.cost, [graph.w, graph.b], 1.0))
    x, y, held_out = data.x[few], data.y[few], (data.x[testing], data.y[testing])
    progress = run.fit(
        "stopped", functions, x, y, steps=STEPS, every=EVERY, held_out=held_out, patience=PATIENCE
    )
    kept = progress.held_out
    assert kept is not None  # there were samples held out
    best = functions.evaluate(*held_out)
    last_entry = int(np.flatnonzero(np.isfinite(kept.xent))[-1])
    steps, costs = progress.history.steps, progress.history.mean_xent
    best_step = int(steps[kept.best_entry])
    findings = [
        Finding("it ends early", f"before {STEPS:,}", f"at step {progress.step:,}", progress.step < STEPS),
        Finding(
            "its own cross-entropy still falls",
            f"below {costs[kept.best_entry]:.4g}, that of step {best_step:,}",
            f"{costs[last_entry]:.4g}",
            bool(costs[last_entry] < costs[kept.best_entry]),
        ),
        Finding(
            "the held-out one has risen",
            f"above {kept.xent[kept.best_entry]:.6g}",
            f"{kept.xent[last_entry]:.6g}",
            bool(kept.xent[last_entry] > kept.xent[kept.best_entry]),
        ),
        Finding(
            "the parameters that are left are the best ones",
            f"{kept.xent[kept.best_entry]:.6g}",
            f"{np.mean(best[1]):.6g}",
            bool(np.mean(best[1]) == kept.xent[kept.best_entry]),
        ),
    ]
    right = float(np.mean(best[0] == held_out[1]))
    return Outcome(
        findings,
        [equation(graph.xent)],
        Subject([graph.x, graph.y], [graph.prediction, graph.xent], functions.updates, {"x": x, "y": y}),
        lambda: _draw(steps, costs, kept.xent, best_step),
        [
            Table(
                "Kept",
                ("step", "own cross-entropy", "held out", "held out, right"),
                [(best_step, costs[kept.best_entry], kept.xent[kept.best_entry], right)],
            )
        ],
    )


def _draw(steps: Any, own: Any, others: Any, best: int) -> Figure:
    figure = new_figure(figsize=(7, 4.5))
    axes = figure.subplots()
    axes.plot(steps[1:], own[1:], label="200 samples trained on")
    axes.plot(steps[1:], others[1:], label="samples held out")
    axes.axvline(best, color="black", ls=":", lw=0.8, label=f"best for these: step {best:,}")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="step",
        ylabel="mean cross-entropy (nats)",
        title="early stopping",
    )

    axes.grid(alpha=0.3)
    axes.legend()
    return figure
