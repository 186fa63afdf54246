"""Softmax regression on written digits, and why one does not regress the label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphs.data import Dataset, load, split
from graphs.examples.outcome import Finding, Outcome, Subject, Table, apart, at_most
from graphs.examples.run import Run
from graphs.latex import equation
from graphs.models.linear import linear_graph
from graphs.models.logistic import logistic_graph
from graphs.models.softmax import softmax_graph
from graphs.pictures import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["softmax"]

WEIGHT_DECAY = 1e-4


def softmax(run: Run) -> Outcome:
    """Digits 0 … 9 by softmax regression; with K = 2 it is logistic regression; and a linear fit of the label fails.

    As pictures 7 and 9 are close, as numbers they are two apart with 8 between: a fit of the digit's number must put
    whatever looks like both on 8. Softmax regression has a weight picture for each class instead.
    """
    data = load("digits")
    training, testing = split(data)
    graph = softmax_graph(data.initial_w, data.initial_b, weight_decay=WEIGHT_DECAY)
    objective = run.objective("softmax", graph.cost, [graph.w, graph.b], [graph.x, graph.y])
    solved = run.minimize("softmax", objective, (data.x[training], data.y[training]), tolerance=1e-6)
    classify = run.function("prediction", [graph.x, graph.w, graph.b], [graph.prediction, graph.p])
    predicted, p = classify(data.x[testing], solved.parameters["w"], solved.parameters["b"])
    fitted, _ = classify(data.x[training], solved.parameters["w"], solved.parameters["b"])
    accuracy, on_training = (
        float(np.mean(predicted == data.y[testing])),
        float(np.mean(fitted == data.y[training])),
    )
    confusion = np.zeros((10, 10), dtype=int)
    np.add.at(confusion, (data.y[testing], predicted), 1)

    line = linear_graph(np.zeros(64), weight_decay=1e-6)
    cost = run.objective("linear fit", line.cost, line.parameters, [line.x, line.y])
    numbers = data.y[training].astype(float)
    regressed = run.minimize("linear fit", cost, (data.x[training], numbers), tolerance=1e-6)
    guessed = data.x @ regressed.parameters["w"] + regressed.parameters["b"]
    nearest = np.clip(np.rint(guessed), 0, 9)
    as_digits = nearest[testing]
    by_number, on_its_own = (float(np.mean((nearest == data.y)[rows])) for rows in (testing, training))
    sevens_and_nines = np.isin(data.y[testing], (7, 9))
    as_eight = float(np.mean(as_digits[sevens_and_nines] == 8))
    eights_by_class = float(np.mean(predicted[sevens_and_nines] == 8))
    findings = [
        at_most("probabilities add up to 1: off by", float(np.abs(p.sum(axis=1) - 1).max()), 1e-12),
        Finding(
            "held-out digits that are right", "≥ 95 %", f"{accuracy:.1%} of {len(testing)}", accuracy >= 0.95
        ),
        at_most(
            "with K = 2 its probabilities are the binary model's: difference", _two_classes(run, data), 1e-6
        ),
        Finding(
            "a linear fit of the digit's number, rounded, is no classifier",
            f"far below {accuracy:.0%}",
            f"{by_number:.1%} right",
            by_number < accuracy / 2,
        ),
        Finding(
            "it takes sevens and nines for eights, which lie between as numbers only",
            f"more often than softmax's {eights_by_class:.1%}",
            f"{as_eight:.1%} of them",
            as_eight > eights_by_class,
        ),
    ]
    tables = [
        Table(
            "Right",
            ("model", "training", "held out"),
            [("softmax", on_training, accuracy), ("linear fit of the label", on_its_own, by_number)],
        ),
        Table(
            "Held-out digits: row the digit, column the prediction",
            ("", *map(str, range(10))),
            [(str(digit), *row) for digit, row in enumerate(confusion.tolist())],
        ),
    ]
    return Outcome(
        findings,
        [equation(graph.p), equation(graph.xent), equation(graph.cost)],
        Subject(
            [graph.x, graph.y],
            [graph.prediction, graph.xent, graph.cost],
            values={"x": data.x[training[:200]], "y": data.y[training[:200]]},
        ),
        lambda: _draw(solved.parameters["w"], data, testing, guessed[testing]),
        tables,
    )


def _two_classes(run: Run, data: Dataset) -> float:
    """How far softmax regression with two classes is from logistic regression, on sevens and nines.

    Two opposite columns ±w/2 have half the penalty of one column w; so λ is twice that of the binary model.
    """
    rows = np.isin(data.y, (7, 9))
    x, y = data.x[rows], (data.y[rows] == 9).astype(np.int64)
    two = softmax_graph(np.zeros((64, 2)), np.zeros(2), weight_decay=2 * WEIGHT_DECAY)
    one = logistic_graph(np.zeros(64), formula="logits", weight_decay=WEIGHT_DECAY)
    found = []
    for name, graph, labels, probability in (
        ("two classes", two, y, two.p[:, 1]),
        ("binary", one, y.astype(float), one.p_1),
    ):
        objective = run.objective(name, graph.cost, [graph.w, graph.b], [graph.x, graph.y])
        at = run.minimize(name, objective, (x, labels), tolerance=1e-9).parameters
        found.append(
            run.function(f"{name}, p", [graph.x, graph.w, graph.b], probability)(x, at["w"], at["b"])
        )
    return apart(found[0], found[1])


def _draw(w: Any, data: Dataset, testing: Any, guessed: Any) -> Figure:
    figure = new_figure(figsize=(10, 6.5))
    parts: Any = figure.subfigures(2, 1, height_ratios=(2, 1.3))
    above, below = parts
    limit = float(np.abs(w).max())
    for digit, axes in enumerate(above.subplots(2, 5).flat):
        axes.imshow(w[:, digit].reshape(8, 8), cmap="RdBu_r", vmin=-limit, vmax=limit)
        axes.set_title(f"w of {digit}", fontsize="small")
        axes.set_axis_off()
    axes = below.subplots()
    axes.boxplot([guessed[data.y[testing] == digit] for digit in range(10)], positions=range(10), widths=0.6)
    axes.plot([0, 9], [0, 9], "k:", lw=1)
    axes.set(
        xlabel="digit",
        ylabel="linear fit",
        title="regressing the label: what a linear fit says of each digit",
    )
    return figure
