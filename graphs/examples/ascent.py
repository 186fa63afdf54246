"""Stochastic gradient ascent, one sample at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphs.data import load
from graphs.examples.outcome import Finding, Outcome, Subject, Table, apart, at_most
from graphs.examples.run import Run
from graphs.latex import equation, latex
from graphs.models.logistic import logistic_graph
from graphs.pictures import new_figure
from graphs.training import Batches
from graphs.updates import ascent_decay, gradient_descent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ascent"]

PASSES = 150


def ascent(run: Run) -> Outcome:
    """One sample at a time, drawn without replacement in each of 150 passes, with the step 4/(1 + pass + i) + 0.01.

    The text deletes what was drawn from a `range`, which a list could do and a `range` of Python 3 cannot. A permutation is
    the answer: every sample once a pass, in an order that is new each time. To climb the log-likelihood is to descend
    on the cross-entropy.
    """
    data = load("plane")
    samples, y = len(data.y), data.y.astype(float)
    graph = logistic_graph(np.zeros(2), weight_decay=0.0, formula="logits")
    rate = ascent_decay(samples)
    updates = gradient_descent(graph.cost, [graph.w, graph.b], rate)
    functions = run.functions("ascent", graph, updates)
    batches = Batches(1)
    progress = run.fit("ascent", functions, data.x, y, steps=PASSES * samples, every=samples, batches=batches)
    order = np.concatenate([batches.rows(step, samples) for step in range(PASSES * samples)])
    passes = np.sort(order.reshape(PASSES, samples), axis=1)
    w, b = by_hand(data.x, y, order)
    ours = np.append(progress.state["w"], progress.state["b"])
    refused = _deleted_from_a_range()
    history = progress.history
    findings = [
        Finding("deleting from a range fails in Python 3", "TypeError", refused, refused == "TypeError"),
        Finding(
            "every sample once a pass",
            f"{samples} different",
            f"{min(len(set(row)) for row in passes)} in each of {PASSES}",
            bool((passes == np.arange(samples)).all()),
        ),
        at_most("the same by hand, in NumPy: largest difference", apart(ours, np.append(w, b)), 1e-12),
        Finding(
            "the log-likelihood rises",
            f"above {-samples * history.cost[0]:.4g}",
            f"{-samples * history.cost[-1]:.4g}",
            bool(history.cost[-1] < history.cost[0]),
        ),
        Finding(
            "samples that are right in the end",
            "≥ 95 %",
            f"{history.accuracy[-1]:.0%}",
            bool(history.accuracy[-1] >= 0.95),
        ),
    ]
    shown = [0, 1, 10, 50, 100, PASSES]
    rows = [(p, 4 / (1 + p) + 0.01, history.cost[p], history.accuracy[p], history.w_norm[p]) for p in shown]
    return Outcome(
        findings,
        [equation(graph.xent), rf"\eta = {latex(rate(updates[0][0]))}"],
        Subject([graph.x, graph.y], [graph.prediction, graph.xent], updates, {"x": data.x[:1], "y": y[:1]}),
        lambda: _draw(history, samples),
        [Table("Passes", ("passes", "first rate of the next", "mean cross-entropy", "right", "‖w‖"), rows)],
    )


def by_hand(x: Any, y: Any, order: Any) -> tuple[Any, float]:
    """The same climb in NumPy: w + rate·(y − p)·x, sample by sample."""
    samples, w, b = len(y), np.zeros(x.shape[1]), 0.0
    for step, i in enumerate(order):
        rate = 4 / (1.0 + step // samples + step % samples) + 0.01
        error = y[i] - 1 / (1 + np.exp(-(x[i] @ w + b)))
        w = w + rate * error * x[i]
        b = b + rate * error
    return w, float(b)


def _deleted_from_a_range() -> str:
    """The name of what Python raises there."""
    left: Any = range(3)
    try:
        del left[0]
    except Exception as refusal:  # which one is the point
        return type(refusal).__name__
    return "nothing"


def _draw(history: Any, samples: int) -> Figure:
    figure = new_figure(figsize=(8, 5))
    above, below = figure.subplots(2, 1, sharex=True)
    passes = history.steps / samples
    above.plot(passes, history.cost)
    above.set(ylabel="mean cross-entropy", yscale="log", title="one sample at a time, without replacement")
    below.plot(passes, history.w_norm, color="C1")
    below.set(xlabel="passes", ylabel="‖w‖")
    for axes in (above, below):
        axes.grid(alpha=0.3)
    return figure
