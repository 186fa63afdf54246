"""Hours studied, exam passed: one linear unit in PyTorch, and as a PyTensor graph.

The data set is ``load("hours")``: 1, 2 and 3 hours, of which only 3 were enough.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from graphs.data import load
from graphs.errors import choose
from graphs.functions import compile_functions
from graphs.lessons import Rows
from graphs.models.logistic import logistic_graph
from graphs.peers import missing
from graphs.updates import gradient_descent

__all__ = ["HoursResult", "exam", "in_pytensor", "in_pytorch"]

LEARNING_RATE = 0.01
EPOCHS = 1000
REDUCTIONS = ("mean", "sum")


class HoursResult(NamedTuple):
    """What was learned."""

    w: float  # slope per hour
    b: float
    passes_after_4_hours: float  # probability
    loss: float  # cross-entropy at the end, reduced as in training, in nats


def exam(mode: str = "default") -> Rows:
    """Hours studied, exam passed, in PyTorch: with the loss averaged and with it summed.

    Three samples, 1000 epochs of SGD with 0.01. Summed, every step is three times as long: the
    learning rate means nothing without the reduction beside it.

    Returns
    -------
    dict
        Slope, bias, probability of passing after 4 hours, and loss.
    """
    rows: Rows = {}
    for reduction in REDUCTIONS:
        found = {} if missing("torch") else {"PyTorch": in_pytorch(reduction)}
        for who, result in {**found, "PyTensor": in_pytensor(reduction, mode)}.items():
            rows[f"{who}, {reduction}"] = dict(zip(("w", "b", "P(pass | 4 h)", "loss"), result, strict=True))
    return rows


def in_pytorch(reduction: str = "mean") -> HoursResult:
    """An `nn.Linear`, `nn.BCELoss` and `optim.SGD`, as PyTorch's beginners write it.

    `reduction` is that of the loss over the mini-batch, which here is all three samples: ``mean`` or ``sum``.
    """
    import torch
    from torch import nn

    choose("reduction", reduction, REDUCTIONS)
    data = load("hours")
    hours = torch.tensor(data.x)
    passed = torch.tensor(data.y, dtype=hours.dtype).unsqueeze(1)
    model = nn.Sequential(nn.Linear(1, 1, dtype=hours.dtype), nn.Sigmoid())
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    criterion = nn.BCELoss(reduction=reduction)
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    for _ in range(EPOCHS):
        loss = criterion(model(hours), passed)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return HoursResult(
            w=model[0].weight.item(),
            b=model[0].bias.item(),
            passes_after_4_hours=model(torch.tensor([[4.0]], dtype=hours.dtype)).item(),
            loss=criterion(model(hours), passed).item(),
        )


def in_pytensor(reduction: str = "mean", mode: str = "default") -> HoursResult:
    """The same from a graph; with ``sum`` the gradient is that of Σ xent."""
    choose("reduction", reduction, REDUCTIONS)
    data = load("hours")
    graph = logistic_graph(data.initial_w, data.initial_b, weight_decay=0.0)
    cost = graph.cost if reduction == "mean" else graph.xent.sum()
    functions = compile_functions(graph, gradient_descent(cost, [graph.w, graph.b], LEARNING_RATE), mode)
    y = data.y.astype(float)
    for _ in range(EPOCHS):
        functions.train(data.x, y)
    xent = functions.evaluate(data.x, y)[1]
    state = functions.read()
    w, b = float(state["w"][0]), float(state["b"])
    return HoursResult(w, b, float(expit(4 * w + b)), float(getattr(np, reduction)(xent)))
