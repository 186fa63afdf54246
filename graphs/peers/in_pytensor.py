"""PyTensor: the project's own graph, gradient and updates, compiled in one of its modes, or with Gram state."""

from __future__ import annotations

import copy
import io
from typing import Any

import numpy as np
import pytensor
from numpy.typing import NDArray

from graphs.environment import own_warnings_only
from graphs.functions import resolve_mode
from graphs.gram_functions import compile_gram
from graphs.models.logistic import logistic_graph
from graphs.native import repeat, source_of
from graphs.peers.contract import Data, StepCount, Training
from graphs.updates import gradient_descent

__all__ = ["build"]


class PytensorTraining(Training):
    """The experiment in PyTensor. Only `train` is compiled: the others compile no `predict` either.

    `how` names a mode (`graphs.functions`). ``NATIVE × 100`` has the loop in C too, with so many steps a call, which
    keeps every step's prediction and xent.
    """

    def __init__(self, data: Data, formula: str, how: str, learning_rate: float, weight_decay: float) -> None:
        mode, _, at_once = how.partition(" × ")
        self.mode, self.at_once = resolve_mode(mode), int(at_once or 0)
        self.x = data.x
        self.y = data.y.astype(data.x.dtype)
        self.graph = logistic_graph(
            data.initial_w,
            data.initial_b,
            formula=formula,
            weight_decay=weight_decay,
            dtype=str(data.x.dtype),
        )
        self._compile(learning_rate)

    def _compile(self, learning_rate: float) -> None:
        graph = self.graph
        with own_warnings_only():
            # --- update
            updates = gradient_descent(graph.cost, [graph.w, graph.b], learning_rate)
            self.function = pytensor.function(
                [graph.x, graph.y], [graph.prediction, graph.xent], updates=updates, mode=self.mode
            )
            # --- end

    def train(self) -> tuple[Any, Any]:
        prediction, xent = self.function(self.x, self.y)
        return prediction, xent

    def train_many(self, steps: int) -> tuple[Any, Any]:
        if self.at_once:
            for done in range(0, steps, self.at_once):
                predictions, xents = self._repeat(min(self.at_once, steps - done))
            return predictions[-1], xents[-1]
        return super().train_many(steps)

    def _repeat(self, at_once: int) -> tuple[Any, Any]:
        # --- loop: compiled
        predictions, xents = repeat(self.function, at_once, [self.x, self.y])
        # --- end
        return predictions, xents

    def parameters(self) -> tuple[NDArray[Any], float]:
        return np.array(self.graph.w.get_value()), float(self.graph.b.get_value())

    def gradient(self) -> dict[str, str]:
        """The gradients as written by `grad`, and the graph that was compiled."""
        gradients = pytensor.grad(self.graph.cost, [self.graph.w, self.graph.b])
        texts = {"graph of gw and gb": _printed(gradients)}
        native = source_of(self.function)
        if native is None:
            return {**texts, "compiled graph": _printed(self.function)}
        return {**texts, "C file": native.text}

    def count(self) -> StepCount:
        """Apply nodes of the compiled graph, and what each allocates when evaluated."""
        native = source_of(self.function)
        if native is not None:
            how = "stretches of the C file; what it allocates is not counted"
            return StepCount(dispatches=1, ops=len(native.spans), temporaries=None, bytes=None, how=how)
        nodes = self.function.maker.fgraph.toposort()
        linker = type(self.function.maker.linker).__name__
        whole = linker not in {"CVMLinker", "VMLinker", "OpWiseCLinker", "PerformLinker"}
        if linker == "JAXLinker":
            how = "Apply nodes of the graph handed to JAX, which fuses them; what it allocates is not counted"
            return StepCount(dispatches=1, ops=len(nodes), temporaries=None, bytes=None, how=how)
        sizes = _allocations(self.function, [self.x, self.y])
        return StepCount(
            dispatches=1 if whole else len(nodes),
            ops=len(nodes),
            temporaries=len(sizes),
            bytes=sum(sizes),
            how=f"Apply nodes of the compiled graph under {linker}; "
            "outputs that are neither views nor in place, each node evaluated once",
        )


class GramTraining(PytensorTraining):
    """The same under the native linker, a step of which knows x·xᵀ and not x."""

    def _compile(self, learning_rate: float) -> None:
        updates = gradient_descent(self.graph.cost, [self.graph.w, self.graph.b], learning_rate)
        self.functions = compile_gram(self.graph, updates, self.x, self.mode)
        self.x, self.function = self.functions.state.x, self.functions.step

    def train(self) -> tuple[Any, Any]:
        prediction, xent = self.functions.train(self.x, self.y)
        return prediction, xent

    def _repeat(self, at_once: int) -> tuple[Any, Any]:
        return self.functions.train_many(self.x, self.y, at_once)

    def parameters(self) -> tuple[NDArray[Any], float]:
        """Present w and b, w recovered."""
        return self.functions.state.recover()[self.graph.w], float(self.graph.b.get_value())


def build(data: Data, formula: str, how: str, learning_rate: float, weight_decay: float) -> PytensorTraining:
    """Make the experiment ready, with Gram state where `how` says so: ``Gram``, ``Gram × 100``."""
    kind = GramTraining if how.startswith("Gram") else PytensorTraining
    return kind(data, formula, how.replace("Gram", "NATIVE"), learning_rate, weight_decay)


def _printed(what: Any) -> str:
    text = io.StringIO()
    pytensor.dprint(what, file=text)
    return text.getvalue()


def _allocations(function: Any, arguments: list[Any]) -> list[int]:
    """Bytes of every output that is a new array, from evaluating a copy of the graph node by node."""
    graph = function.maker.fgraph
    held = [container.storage[0] for container in function.input_storage[len(arguments) :]]
    values: dict[Any, Any] = dict(zip(graph.inputs, [*arguments, *held], strict=True))
    sizes = []
    for node in graph.toposort():
        inputs = [copy.copy(values.get(v, getattr(v, "data", None))) for v in node.inputs]
        outputs: list[list[Any]] = [[None] for _ in node.outputs]
        node.op.perform(node, inputs, outputs)
        reused = {**node.op.destroy_map, **node.op.view_map}
        for position, (variable, (value,)) in enumerate(zip(node.outputs, outputs, strict=True)):
            values[variable] = value
            if position not in reused:
                sizes.append(int(np.asarray(value).nbytes))
    return sizes
