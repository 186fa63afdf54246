"""Compiled once for all tests of this room: the experiment's train function, two ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode

from graphs import gradient_descent, load, logistic_graph
from graphs.environment import own_warnings_only
from graphs.inspection import Inspection, Recording, inspect

# Every rewrite of the default mode, in-place ones too, without a compiler: each Op runs its Python.
PYTHON = Mode(linker="py", optimizer="fast_run")


class Train:
    """The experiment's train function compiled in one mode, and its recording."""

    def __init__(self, mode: Any) -> None:
        data = load(seed=0)
        self.graph = logistic_graph(data.initial_w, data.initial_b)
        self.updates = gradient_descent(self.graph.cost, [self.graph.w, self.graph.b])
        self.values = [data.x, data.y.astype(np.float64)]
        with own_warnings_only():
            self.function = pytensor.function(
                [self.graph.x, self.graph.y],
                [self.graph.prediction, self.graph.xent],
                updates=self.updates,
                mode=mode,
                name="train",
            )
        self.inspection: Inspection = inspect(self.function)
        self.recording: Recording = self.inspection.recording


@pytest.fixture(scope="session", params=["NUMBA", "CVM"])
def train(request: pytest.FixtureRequest) -> Train:
    return Train(request.param)


@pytest.fixture(scope="session")
def asked(train: Train) -> Inspection:
    return train.inspection.evaluate(*train.values)


@pytest.fixture(scope="session")
def evaluated(asked: Inspection) -> Recording:
    return asked.recording


@pytest.fixture(scope="session")
def examined() -> Recording:
    """The experiment's recording with everything in it."""
    data = load(seed=0)
    graph = logistic_graph(data.initial_w, data.initial_b)
    gw, gb = pt.grad(graph.cost, [graph.w, graph.b])
    updates = [(graph.w, graph.w - 0.1 * gw), (graph.b, graph.b - 0.1 * gb)]
    asked = inspect([graph.x, graph.y], [graph.prediction, graph.xent], updates, mode=PYTHON, name="train")
    asked = asked.evaluate(data.x, data.y.astype(np.float64)).measure(seconds=0.2, rounds=3).diagnose()
    weighed = [asked.recording.rule_of(r.step).name for r in asked.recording.rescues()]
    asked = asked.leave_out(rules=[*weighed, "local_neg_to_mul"], rounds=2)
    return asked.why("local_elemwise_alloc").recording
