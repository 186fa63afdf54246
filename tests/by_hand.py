"""Learners without a compiler: the model written down in NumPy, and one that returns what a test wants."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import expit


class ByHand:
    """Logistic regression in NumPy: all that the training loop asks of a learner, and no `train_many`."""

    def __init__(self, w, b=0.0, learning_rate=0.1, weight_decay=0.01):
        self.w, self.b = np.array(w, dtype=float), np.array(b, dtype=float)
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.evaluated = 0  # calls of `evaluate`

    def _all(self, x, y):
        z = x @ self.w + self.b
        xent = np.logaddexp(0, np.where(np.asarray(y) == 1, -z, z))
        residual = (expit(z) - y) / len(y)
        cost = xent.mean() + self.weight_decay * (self.w**2).sum()
        return [z > 0, xent, cost, x.T @ residual + 2 * self.weight_decay * self.w, residual.sum()]

    def evaluate(self, x, y):
        self.evaluated += 1
        return self._all(x, y)

    def train(self, x, y):
        prediction, xent, _, gw, gb = self._all(x, y)
        self.w, self.b = self.w - self.learning_rate * gw, self.b - self.learning_rate * gb
        return prediction, xent

    def read(self):
        return {"w": self.w.copy(), "b": self.b.copy()}

    def write(self, state):
        self.w, self.b = np.array(state["w"], dtype=float), np.array(state["b"], dtype=float)


class Looped(ByHand):
    """The same with `train_many`; it remembers how many steps it was asked for at once."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.asked = []

    def train_many(self, x, y, n):
        self.asked.append(n)
        predictions, xents = zip(*(self.train(x, y) for _ in range(n)), strict=True)
        return np.stack(predictions), np.stack(xents)


class Scripted:
    """Call k returns the k-th mean cross-entropy, after which the weights are the k-th."""

    def __init__(self, xents: Sequence[float], weights: Sequence[Sequence[float]]):
        self.xents, self.weights, self.done = xents, weights, 0

    def train(self, x, y):
        self.done += 1
        return np.zeros(len(y), dtype=bool), np.full(len(y), float(self.xents[self.done - 1]))

    def evaluate(self, x, y):
        xent = np.zeros(len(y))
        return np.zeros(len(y), dtype=bool), xent, xent.mean(), np.zeros(len(self.weights[0])), 0.0

    def read(self):
        return {"w": np.array(self.weights[self.done], dtype=float), "done": np.array(self.done)}

    def write(self, state):
        self.done = int(state["done"])
