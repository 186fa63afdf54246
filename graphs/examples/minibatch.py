"""Mini-batches, the loss averaged over each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphs.data import load, split
from graphs.examples.outcome import Finding, Outcome, Subject, Table, apart, at_most
from graphs.examples.run import Run
from graphs.latex import equation
from graphs.models.softmax import softmax_graph
from graphs.pictures import new_figure
from graphs.training import Batches
from graphs.updates import gradient_descent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["minibatch"]

PASSES, RATE = 20, 0.5
SIZES = (None, 256, 32)


def minibatch(run: Run) -> Outcome:
    """Steps on the mean over a mini-batch: many small steps a pass instead of one, with every sample once.

    The mean over a batch is an estimate of the mean over all; over a pass the estimates average to it. With the same
    learning rate and as many passes, smaller batches take more steps and come further.
    """
    data = load("digits")
    training, _ = split(data)
    x, y = data.x[training], data.y[training]
    histories, graph = {}, softmax_graph(data.initial_w, data.initial_b, weight_decay=1e-4)
    functions = run.functions("steps", graph, gradient_descent(graph.cost, [graph.w, graph.b], RATE))
    begin = functions.read()
    for size in SIZES:
        batches = None if size is None else Batches(size)
        per_pass = 1 if batches is None else batches.per_pass(len(y))
        functions.write(begin)
        name = "full batch" if size is None else f"batches of {size}"
        histories[name] = run.fit(
            name, functions, x, y, steps=PASSES * per_pass, every=per_pass, batches=batches
        ).history
    functions.write(begin)
    batches = Batches(32)
    rows = [batches.rows(step, len(y)) for step in range(batches.per_pass(len(y)))]
    of_batches = [functions.evaluate(x[chosen], y[chosen]) for chosen in rows]
    weights = np.array([len(chosen) for chosen in rows]) / len(y)
    whole = functions.evaluate(x, y)
    mean_gradient = sum(share * each[3] for share, each in zip(weights, of_batches, strict=True))
    ends = [history.cost[-1] for history in histories.values()]
    findings = [
        at_most(
            "over a pass the batches' gradients average to the whole one: difference",
            apart(mean_gradient, whole[3]),
            1e-12,
        ),
        Finding(
            "every sample once a pass",
            f"{len(y)}",
            f"{len(set(np.concatenate(rows).tolist()))} in {len(rows)} batches",
            bool((np.sort(np.concatenate(rows)) == np.arange(len(y))).all()),
        ),
        Finding(
            f"after {PASSES} passes smaller batches are further",
            "cost falls with the size",
            ", ".join(f"{end:.3g}" for end in ends),
            bool(ends == sorted(ends, reverse=True)),
        ),
    ]
    table = Table(
        f"After {PASSES} passes at the rate {RATE}",
        ("steps on", "steps", "cost", "right"),
        [(name, int(h.steps[-1]), h.cost[-1], h.accuracy[-1]) for name, h in histories.items()],
    )
    updates = functions.updates
    return Outcome(
        findings,
        [equation(graph.xent), equation(graph.cost)],
        Subject([graph.x, graph.y], [graph.prediction, graph.xent], updates, {"x": x[:32], "y": y[:32]}),
        lambda: _draw(histories),
        [table],
    )


def _draw(histories: dict[str, Any]) -> Figure:
    figure = new_figure(figsize=(7, 4.5))
    axes = figure.subplots()
    for name, history in histories.items():
        axes.plot(np.arange(len(history.cost)), history.cost, ".-", label=name)
    axes.set(
        xlabel="passes", ylabel="cost of all samples (nats)", yscale="log", title="mini-batches on the digits"
    )
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
