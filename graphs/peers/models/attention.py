"""Attention, as in a transformer."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphs.peers.models.model import Model, stream

__all__ = ["attention"]


def attention(places: int = 64, width: int = 32) -> Model:
    """A block of attention with projections, layer norm and a way around it."""
    draw = stream()
    data = {"x": draw.normal(size=(places, width)), "wanted": draw.normal(size=(places, width))}
    projections = {
        name: draw.normal(size=(width, width)) / np.sqrt(width)
        for name in ("query", "key", "value", "output")
    }
    parameters = {"gain": np.ones(width), "bias": np.zeros(width), **projections}

    def in_pytensor(
        x: Any, wanted: Any, gain: Any, bias: Any, query: Any, key: Any, value: Any, output: Any
    ) -> Any:
        import pytensor.tensor as pt

        mean, variance = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
        normed = (x - mean) / pt.sqrt(variance + 1e-5) * gain + bias
        scores = (normed @ query) @ (normed @ key).T / np.sqrt(width)
        mixed = pt.special.softmax(scores, axis=1) @ (normed @ value)
        return ((x + mixed @ output - wanted) ** 2).mean()

    def in_jax(
        x: Any, wanted: Any, gain: Any, bias: Any, query: Any, key: Any, value: Any, output: Any
    ) -> Any:
        import jax
        import jax.numpy as jnp

        mean, variance = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
        normed = (x - mean) / jnp.sqrt(variance + 1e-5) * gain + bias
        scores = (normed @ query) @ (normed @ key).T / np.sqrt(width)
        mixed = jax.nn.softmax(scores, axis=1) @ (normed @ value)
        return ((x + mixed @ output - wanted) ** 2).mean()

    return Model(data, parameters, in_pytensor, in_jax)
