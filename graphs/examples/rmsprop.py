"""Update rules beside plain descent, where one feature is a hundred times smaller than the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphs.data import load
from graphs.examples.outcome import Finding, Outcome, Subject, Table
from graphs.examples.run import Run
from graphs.latex import equation
from graphs.models.logistic import logistic_graph
from graphs.pictures import new_figure
from graphs.updates import RULES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["rmsprop"]

STEPS = 1000
# The largest steps that each rule takes well here: gradients are scaled by some, and not by others.
RATES = {"gradient-descent": 1.0, "momentum": 1.0, "nesterov": 1.0, "rmsprop": 0.1, "adam": 0.1, "adamw": 0.1}


def rmsprop(run: Run) -> Outcome:
    """RMSProp divides each step by the recent size of its own gradient, so a small feature learns as fast as a large one.

    The plane again, its second feature divided by a hundred. Plain descent hardly moves that weight; momentum gathers speed
    along it; RMSProp and Adam need not care.
    """
    data = load("plane")
    x, y = data.x * (1.0, 0.01), data.y.astype(float)
    histories, subject, formulas = {}, None, []
    states = {}
    for name, rate in RATES.items():
        graph = logistic_graph(np.zeros(2), weight_decay=0.0, formula="logits")
        updates = RULES[name](graph.cost, [graph.w, graph.b], rate)
        functions = run.functions(name, graph, updates)
        progress = run.fit(name, functions, x, y, steps=STEPS, every=10)
        histories[name], states[name] = progress.history, progress.state
        if name == "rmsprop":
            subject = Subject([graph.x, graph.y], [graph.prediction, graph.xent], updates, {"x": x, "y": y})
            new_squares, new_w = (new for _, new in updates[:2])
            new_squares.name, new_w.name = "next_sw", "next_w"
            formulas = [equation(new_squares), equation(new_w)]
    assert subject is not None  # rmsprop is among the rules
    costs = {name: float(history.cost[-1]) for name, history in histories.items()}
    findings = [
        Finding(
            f"{STEPS:,} steps later RMSProp is ahead of plain descent",
            f"below {costs['gradient-descent']:.4g} nats",
            f"{costs['rmsprop']:.4g} nats",
            costs["rmsprop"] < costs["gradient-descent"],
        ),
        Finding(
            "for it has moved the weight of the small feature",
            f"beyond plain descent's {states['gradient-descent']['w'][1]:.4g}",
            f"{states['rmsprop']['w'][1]:.4g}",
            bool(states["rmsprop"]["w"][1] > 10 * states["gradient-descent"]["w"][1]),
        ),
        Finding(
            "momentum helps too",
            f"below {costs['gradient-descent']:.4g} nats",
            f"{costs['momentum']:.4g} nats",
            costs["momentum"] < costs["gradient-descent"],
        ),
    ]
    rows = [
        (
            name,
            RATES[name],
            costs[name],
            histories[name].accuracy[-1],
            *states[name]["w"],
            float(states[name]["b"]),
        )
        for name in RATES
    ]
    return Outcome(
        findings,
        formulas,
        subject,
        lambda: _draw(histories),
        [Table(f"After {STEPS:,} steps", ("rule", "rate", "cost", "right", "w₁", "w₂", "b"), rows)],
    )


def _draw(histories: dict[str, Any]) -> Figure:
    figure = new_figure(figsize=(7.5, 4.5))
    axes = figure.subplots()
    for name, history in histories.items():
        axes.plot(history.steps, history.cost, label=f"{name}, η = {RATES[name]:g}")
    axes.set(
        xlabel="step",
        ylabel="mean cross-entropy (nats)",
        title="one feature a hundred times smaller than the other",
    )
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    return figure
