"""Theano, or its heir Aesara: the original program's way of saying it."""

from __future__ import annotations

import importlib
import importlib.util
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphs.peers.contract import Data, StepCount, Training

__all__ = ["build"]


class TheanoTraining(Training):
    """The experiment; `how` is the library, ``theano`` or ``aesara``."""

    def __init__(self, data: Data, formula: str, how: str, learning_rate: float, weight_decay: float) -> None:
        theano = self.theano = importlib.import_module(how)
        tt = importlib.import_module(f"{how}.tensor")
        dtype = data.x.dtype
        self.data_x, self.data_y = data.x, data.y.astype(dtype)
        # --- declare
        x = tt.matrix("x", dtype=str(dtype))
        y = tt.vector("y", dtype=str(dtype))
        self.w = w = theano.shared(data.initial_w, name="w")
        self.b = b = theano.shared(np.array(data.initial_b, dtype), name="b")
        # --- end
        if formula == "textbook":
            # --- formula: textbook
            p_1 = 1 / (1 + tt.exp(-tt.dot(x, w) - b))
            xent = -y * tt.log(p_1) - (1 - y) * tt.log(1 - p_1)
            # --- end
        else:
            # --- formula: logits
            z = tt.dot(x, w) + b
            p_1 = tt.sigmoid(z) if hasattr(tt, "sigmoid") else tt.nnet.sigmoid(z)
            softplus = tt.softplus if hasattr(tt, "softplus") else tt.nnet.softplus
            xent = softplus(z) - y * z
            # --- end
        # --- formula
        prediction = p_1 > 0.5
        cost = xent.mean() + np.array(weight_decay, dtype) * (w**2).sum()
        # --- gradient
        self.gradients = gw, gb = theano.grad(cost, [w, b])
        # --- update
        rate = np.array(learning_rate, dtype)
        self.function = theano.function(
            [x, y], [prediction, xent], updates=((w, w - rate * gw), (b, b - rate * gb))
        )
        # --- end

    def train(self) -> tuple[Any, Any]:
        prediction, xent = self.function(self.data_x, self.data_y)
        return prediction, xent

    def parameters(self) -> tuple[NDArray[Any], float]:
        return np.array(self.w.get_value()), float(self.b.get_value())

    def gradient(self) -> dict[str, str]:
        """The gradients as written by `grad`, and the graph that was compiled."""
        return {
            "graph of gw and gb": self._printed(self.gradients),
            "compiled graph": self._printed(self.function),
        }

    def _printed(self, what: Any) -> str:
        text = io.StringIO()
        self.theano.printing.debugprint(what, file=text)
        return text.getvalue()

    def count(self) -> StepCount:
        """Apply nodes of the compiled graph; these libraries do not tell what they allocate."""
        nodes = self.function.maker.fgraph.toposort()
        return StepCount(
            len(nodes), len(nodes), None, None, "Apply nodes of the compiled graph; allocation not counted"
        )


build = TheanoTraining
