"""Our own ways to train: the native linker, one step or many steps per call, with or without Gram state."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from graphs.frameworks.in_pytensor import PytensorTraining
from graphs.gram_functions import GramFunctions, compile_gram
from graphs.models.logistic import logistic_graph
from graphs.native import repeat
from graphs.updates import gradient_descent

__all__ = ["build"]

# Steps per call of train_many: as the training loop does, which looks at the model in between.
CHUNK = 100


class NativeTraining(PytensorTraining):
    """The project's graph under the native linker; see :class:`graphs.frameworks.Training`."""

    def __init__(
        self, data: Any, formula: str, many: bool, learning_rate: float, weight_decay: float
    ) -> None:
        super().__init__(data, formula, "NATIVE", learning_rate, weight_decay)
        self._many = many

    def train_many(self, steps: int) -> tuple[Any, Any]:
        """`steps` steps; what the last one returned."""
        if not self._many:
            return super().train_many(steps)
        for begun in range(0, steps, CHUNK):
            predictions, xents = repeat(self.function, min(CHUNK, steps - begun), [self.x, self.y])
        return predictions[-1], xents[-1]


class GramTraining:
    """The same with Gram state; see :class:`graphs.frameworks.Training`."""

    def __init__(
        self, data: Any, formula: str, many: bool, learning_rate: float, weight_decay: float
    ) -> None:
        graph = logistic_graph(
            data.initial_w,
            data.initial_b,
            formula=formula,
            weight_decay=weight_decay,
            dtype=str(data.x.dtype),
        )
        updates = gradient_descent(graph.cost, [graph.w, graph.b], learning_rate)
        self.functions: GramFunctions = compile_gram(graph, updates, data.x, "NATIVE")
        self.x, self.y, self._many = self.functions.state.x, data.y.astype(data.x.dtype), many

    def train(self) -> tuple[Any, Any]:
        """One step; prediction and xent from before it."""
        prediction, xent = self.functions.train(self.x, self.y)
        return prediction, xent

    def train_many(self, steps: int) -> tuple[Any, Any]:
        """`steps` steps; what the last one returned."""
        if not self._many:
            for _ in range(steps):
                result = self.train()
            return result
        for begun in range(0, steps, CHUNK):
            predictions, xents = self.functions.train_many(self.x, self.y, min(CHUNK, steps - begun))
        return predictions[-1], xents[-1]

    def parameters(self) -> tuple[NDArray[Any], float]:
        """Present w and b, w recovered."""
        w = self.functions.state.recover()[self.functions.graph.w]
        return w, float(self.functions.graph.b.get_value())


def build(
    data: Any, formula: str, how: str, *, learning_rate: float = 0.1, weight_decay: float = 0.01
) -> NativeTraining | GramTraining:
    """Make it ready; `how` is ``single``, ``many``, ``gram`` or ``gram many``."""
    kind = GramTraining if how.startswith("gram") else NativeTraining
    return kind(data, formula, how.endswith("many"), learning_rate, weight_decay)
