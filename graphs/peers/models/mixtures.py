"""Mixtures of distributions."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphs.peers.models.model import Model, stream

__all__ = ["mixture"]


def mixture(samples: int = 1000, features: int = 4, parts: int = 5) -> Model:
    """A mixture of normal distributions, its likelihood by logsumexp over the parts."""
    draw = stream()
    data = {"x": draw.normal(size=(samples, features))}
    parameters = {
        "logits": np.zeros(parts),
        "means": draw.normal(size=(parts, features)),
        "log_scales": draw.normal(size=(parts, features)) / 10,
    }

    def in_pytensor(x: Any, logits: Any, means: Any, log_scales: Any) -> Any:
        import pytensor.tensor as pt

        z = (x[:, None, :] - means[None, :, :]) / pt.exp(log_scales)[None, :, :]
        log_p = -(z**2 / 2 + log_scales[None, :, :] + np.log(2 * np.pi) / 2).sum(axis=2)
        return -pt.logsumexp(log_p + pt.special.log_softmax(logits)[None, :], axis=1).mean()

    def in_jax(x: Any, logits: Any, means: Any, log_scales: Any) -> Any:
        import jax
        import jax.numpy as jnp

        z = (x[:, None, :] - means[None, :, :]) / jnp.exp(log_scales)[None, :, :]
        log_p = -(z**2 / 2 + log_scales[None, :, :] + jnp.log(2 * jnp.pi) / 2).sum(axis=2)
        return -jax.nn.logsumexp(log_p + jax.nn.log_softmax(logits)[None, :], axis=1).mean()

    return Model(data, parameters, in_pytensor, in_jax)
