"""Autograd: NumPy code, differentiated by recording a tape of every call."""

from __future__ import annotations

from typing import Any

import autograd.numpy as np
from autograd import grad
from autograd.extend import VSpace
from autograd.numpy.numpy_boxes import ArrayBox
from autograd.numpy.numpy_vspaces import ArrayVSpace
from autograd.tracer import Node, getval, trace
from numpy.typing import NDArray

from graphs.peers.contract import Data, StepCount, Training
from graphs.peers.counting import CountingArray, count_training

__all__ = ["build"]

Array = NDArray[Any]


# --- formula: textbook
def textbook(x: Array, y: Array, w: Array, b: Array) -> tuple[Array, Array]:
    """Probability of 1 and cross-entropy, as on paper."""
    p_1 = 1 / (1 + np.exp(-np.dot(x, w) - b))
    xent = -y * np.log(p_1) - (1 - y) * np.log(1 - p_1)
    return p_1, xent


# --- formula: logits
def logits(x: Array, y: Array, w: Array, b: Array) -> tuple[Array, Array]:
    """The same from the logits z, with `logaddexp` for log(1 + exp(z)) and tanh for the sigmoid."""
    z = np.dot(x, w) + b
    return 0.5 * (np.tanh(z / 2) + 1), np.logaddexp(0, z) - y * z


# --- end


class AutogradTraining(Training):
    """The experiment in Autograd, whose tape is made anew in every step: `how` has no choices."""

    def __init__(self, data: Data, formula: str, how: str, learning_rate: float, weight_decay: float) -> None:
        # --- declare
        self.x = data.x
        self.y = data.y.astype(data.x.dtype)
        self.w = data.initial_w.copy()
        self.b = np.array(data.initial_b, dtype=data.x.dtype)
        # --- end
        self.formula = {"textbook": textbook, "logits": logits}[formula]
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        # --- gradient
        self.gradient_of_cost = grad(self.cost, argnum=(0, 1))
        # --- end

    def cost(self, w: Array, b: Array) -> Any:
        """The cost; keeps p_1 and xent on the way, as plain arrays off the tape."""
        # --- formula
        p_1, xent = self.formula(self.x, self.y, w, b)
        cost = np.mean(xent) + self.weight_decay * np.sum(w**2)
        # --- end
        self.p_1, self.xent = getval(p_1), getval(xent)
        return cost

    def train(self) -> tuple[Array, Array]:
        # --- gradient
        gw, gb = self.gradient_of_cost(self.w, self.b)
        # --- update
        self.w -= self.learning_rate * gw
        self.b -= self.learning_rate * gb
        # --- end
        return self.p_1 > 0.5, self.xent

    def parameters(self) -> tuple[Array, float]:
        return self.w.copy(), float(self.b)

    def gradient(self) -> dict[str, str]:
        """The tape of one forward pass; the gradient is that tape, walked from its end."""
        root = TapeNode.new_root("w")
        trace(root, lambda w: self.cost(w, self.b), self.w)
        return {"tape": "\n".join(root.lines)}

    def count(self) -> StepCount:
        """NumPy calls of one step, those of the backward pass included."""
        ArrayBox.register(CountingArray)
        VSpace.register(CountingArray, ArrayVSpace)
        return count_training(self)


class TapeNode(Node):  # type: ignore[misc]  # Any where Autograd is skipped
    """A node of Autograd's tape that writes itself down."""

    __slots__ = ("lines", "number")

    def __init__(
        self, value: Any, fun: Any, args: Any, kwargs: Any, parent_argnums: Any, parents: Any
    ) -> None:
        self.lines = parents[0].lines
        self.number = len(self.lines)
        operands = [
            "array" + str(np.shape(arg)) if np.ndim(arg) else f"{float(arg):g}"
            for arg in (a for a in args if isinstance(a, np.ndarray | float | int))
        ]
        for position, parent in zip(parent_argnums, parents, strict=True):
            operands[position : position + 1] = [f"%{parent.number}"]  # appended where it is the next
        self.lines.append(f"%{self.number} = {fun.__name__}({', '.join(operands)})  {np.shape(value)}")

    def initialize_root(self, name: str) -> None:
        """Begin a tape at the variable `name`."""
        self.lines = [f"%0 = {name}"]
        self.number = 0


build = AutogradTraining
