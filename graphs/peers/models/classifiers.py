"""Linear models of a class: softmax and logistic regression, ordered classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphs.peers.models.model import Model, stream

__all__ = ["logistic_float32", "ordinal", "softmax"]


def softmax(samples: int = 500, features: int = 64, classes: int = 10) -> Model:
    """Softmax regression with integer labels, which pick from the log-probabilities."""
    draw = stream()
    data = {"x": draw.normal(size=(samples, features)), "labels": draw.integers(classes, size=samples)}
    parameters = {"w": draw.normal(size=(features, classes)) / 8, "b": np.zeros(classes)}

    def in_pytensor(x: Any, labels: Any, w: Any, b: Any) -> Any:
        import pytensor.tensor as pt

        log_p = pt.special.log_softmax(x @ w + b, axis=1)
        return -log_p[pt.arange(labels.shape[0]), labels].mean() + 0.01 * (w**2).sum()

    def in_jax(x: Any, labels: Any, w: Any, b: Any) -> Any:
        import jax
        import jax.numpy as jnp

        log_p = jax.nn.log_softmax(x @ w + b, axis=1)
        return -log_p[jnp.arange(labels.shape[0]), labels].mean() + 0.01 * (w**2).sum()

    return Model(data, parameters, in_pytensor, in_jax)


def logistic_float32(samples: int = 2000, features: int = 50) -> Model:
    """Logistic regression in float32, from the logits."""
    draw = stream()
    x = draw.normal(size=(samples, features)).astype("float32")
    data = {"x": x, "y": draw.integers(2, size=samples).astype("float32")}
    parameters = {"w": draw.normal(size=features).astype("float32"), "b": np.zeros((), "float32")}

    def in_pytensor(x: Any, y: Any, w: Any, b: Any) -> Any:
        import pytensor.tensor as pt

        z = x @ w + b
        return (pt.softplus(z) - y * z).mean()

    def in_jax(x: Any, y: Any, w: Any, b: Any) -> Any:
        import jax

        z = x @ w + b
        return (jax.nn.softplus(z) - y * z).mean()

    return Model(data, parameters, in_pytensor, in_jax)


def ordinal(samples: int = 1000, features: int = 10, classes: int = 5) -> Model:
    """Ordered logistic regression, its cut points a cumulative sum of exponentials."""
    draw = stream()
    data = {"x": draw.normal(size=(samples, features)), "labels": draw.integers(classes, size=samples)}
    parameters = {"w": draw.normal(size=features) / 4, "first": np.array(-1.0), "gaps": np.zeros(classes - 2)}

    def in_pytensor(x: Any, labels: Any, w: Any, first: Any, gaps: Any) -> Any:
        import pytensor.tensor as pt

        cuts = pt.concatenate([first[None], first + pt.cumsum(pt.exp(gaps))])
        below = pt.sigmoid(cuts[None, :] - (x @ w)[:, None])
        ones = pt.ones((below.shape[0], 1))
        p = pt.concatenate([below, ones], axis=1) - pt.concatenate([0 * ones, below], axis=1)
        return -pt.log(p[pt.arange(labels.shape[0]), labels]).mean()

    def in_jax(x: Any, labels: Any, w: Any, first: Any, gaps: Any) -> Any:
        import jax
        import jax.numpy as jnp

        cuts = jnp.concatenate([first[None], first + jnp.cumsum(jnp.exp(gaps))])
        below = jax.nn.sigmoid(cuts[None, :] - (x @ w)[:, None])
        ones = jnp.ones((below.shape[0], 1))
        p = jnp.concatenate([below, ones], axis=1) - jnp.concatenate([0 * ones, below], axis=1)
        return -jnp.log(p[jnp.arange(labels.shape[0]), labels]).mean()

    return Model(data, parameters, in_pytensor, in_jax)
