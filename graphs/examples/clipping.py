"""Binary cross-entropy with clipped probabilities, beside the stable form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphs.data import load
from graphs.examples.outcome import Finding, Outcome, Subject, Table, at_most, close_to, relatively_apart
from graphs.examples.run import Run
from graphs.latex import equation
from graphs.models.cross_entropy import cross_entropy_graph
from graphs.pictures import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["clipping"]

EPSILON = 1e-7


def clipping(run: Run) -> Outcome:
    """Clipping p into [ε, 1 − ε] keeps the cross-entropy finite, and takes the gradient from where it is needed most.

    With ε = 1e-7 no cross-entropy is above −log ε. Where the prediction is certain and wrong, the clipped cost is flat,
    its slope 0: that sample teaches nothing. The stable form y·softplus(−z) + (1 − y)·softplus(z) keeps its slope p − y.
    """
    graph = cross_entropy_graph(EPSILON)
    outputs = [graph.clipped, graph.stable, graph.clipped_slope, graph.stable_slope]
    look = run.function("the cross-entropies", [graph.z, graph.y], outputs)
    z = np.linspace(-40, 40, 1601)
    wrong = np.zeros_like(z)  # the targets: wrong where z is large
    clipped, stable, clipped_slope, stable_slope = look(z, wrong)
    edge = np.log((1 - EPSILON) / EPSILON)
    inside, beyond = np.abs(z) < edge - 0.1, z > edge + 0.1
    data = load("random")
    logits = data.x @ data.initial_w
    at_start = look(logits, data.y.astype(float))
    mistaken = (logits > 0) != data.y.astype(bool)
    flat = mistaken & (at_start[2] == 0)
    right = np.abs(np.where(data.y == 1, -1, 1) / (1 + np.exp(np.where(data.y == 1, logits, -logits))))
    findings = [
        close_to(
            "clipped, no cross-entropy is above −log ε", float(-np.log(EPSILON)), float(clipped.max()), 1e-6
        ),
        at_most(
            "between the clips both forms agree: relative difference",
            relatively_apart(clipped[inside], stable[inside]),
            1e-8,
        ),
        close_to("the stable one goes on: at z = 40 and y = 0 it is", 40.0, float(stable[-1]), 1e-12),
        at_most(
            "beyond the clip the clipped slope is 0: largest", float(np.abs(clipped_slope[beyond]).max()), 0.0
        ),
        close_to("while the stable slope is p − y = 1", 1.0, float(stable_slope[beyond].min()), 1e-6),
        at_most(
            "the stable slope is p − y everywhere: difference",
            float(np.abs(np.abs(at_start[3]) - right).max()),
            1e-12,
        ),
        Finding(
            "of the classic's mistaken samples at its first step, clipping silences",
            "some",
            f"{int(flat.sum())} of {int(mistaken.sum())}",
            bool(flat.any()),
        ),
    ]
    table = Table(
        "Target 0, certain and wrong",
        ("z", "clipped", "its slope", "stable", "its slope "),
        [
            (z[i], clipped[i], clipped_slope[i], stable[i], stable_slope[i])
            for i in np.searchsorted(z, (5, 10, 15, 20, 30, 40))
        ],
    )
    return Outcome(
        findings,
        [
            equation(graph.clipped_p),
            equation(graph.clipped),
            equation(graph.stable),
            equation(graph.clipped_slope, rewritten=True),
            equation(graph.stable_slope, rewritten=True),
        ],
        Subject([graph.z, graph.y], outputs, values={"z": z, "y": wrong}),
        lambda: _draw(z, (clipped, stable), (clipped_slope, stable_slope)),
        [table],
    )


def _draw(z: Any, costs: tuple[Any, Any], slopes: tuple[Any, Any]) -> Figure:
    figure = new_figure(figsize=(10, 4))
    for axes, curves, what in zip(
        figure.subplots(1, 2), (costs, slopes), ("cross-entropy", "its slope"), strict=True
    ):
        for curve, name, style in zip(curves, ("clipped", "stable"), ("-", "--"), strict=True):
            axes.plot(z, curve, style, label=name)
        axes.set(xlabel="z", title=f"{what}, target 0")
        axes.grid(alpha=0.3)
        axes.legend()
    return figure
