"""Perceptrons with one hidden layer, on one mini-batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphs.peers.models.model import Model, stream

__all__ = ["mlp_relu", "mlp_tanh"]


def _drawn(batch: int, features: int, hidden: int, classes: int) -> tuple[dict[str, Any], dict[str, Any]]:
    draw = stream()
    data = {"x": draw.uniform(size=(batch, features)), "labels": draw.integers(classes, size=batch)}
    parameters = {
        "w1": draw.normal(size=(features, hidden)) / np.sqrt(features),
        "b1": draw.normal(size=hidden) / 10,
        "w2": draw.normal(size=(hidden, classes)) / np.sqrt(hidden),
        "b2": np.zeros(classes),
    }
    return data, parameters


def mlp_tanh(batch: int = 64, features: int = 784, hidden: int = 100, classes: int = 10) -> Model:
    """A perceptron 784-100-10 with tanh and softmax, on mini-batches of 64."""

    def in_pytensor(x: Any, labels: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        import pytensor.tensor as pt

        p = pt.special.softmax(pt.tanh(x @ w1 + b1) @ w2 + b2, axis=1)
        return -pt.log(p[pt.arange(labels.shape[0]), labels]).mean()

    def in_jax(x: Any, labels: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        import jax
        import jax.numpy as jnp

        p = jax.nn.softmax(jnp.tanh(x @ w1 + b1) @ w2 + b2, axis=1)
        return -jnp.log(p[jnp.arange(labels.shape[0]), labels]).mean()

    return Model(*_drawn(batch, features, hidden, classes), in_pytensor, in_jax)


def mlp_relu(batch: int = 64, features: int = 784, hidden: int = 100, classes: int = 10) -> Model:
    """The same perceptron with relu and log-softmax."""

    def in_pytensor(x: Any, labels: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        import pytensor.tensor as pt

        log_p = pt.special.log_softmax(pt.maximum(x @ w1 + b1, 0) @ w2 + b2, axis=1)
        return -log_p[pt.arange(labels.shape[0]), labels].mean()

    def in_jax(x: Any, labels: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        import jax
        import jax.numpy as jnp

        log_p = jax.nn.log_softmax(jax.nn.relu(x @ w1 + b1) @ w2 + b2, axis=1)
        return -log_p[jnp.arange(labels.shape[0]), labels].mean()

    return Model(*_drawn(batch, features, hidden, classes), in_pytensor, in_jax)
