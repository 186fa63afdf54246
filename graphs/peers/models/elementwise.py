"""Functions of many numbers, each by itself."""

from __future__ import annotations

from typing import Any

from graphs.peers.models.model import Model, stream

__all__ = ["elementwise"]


def elementwise(numbers: int = 1_000_000) -> Model:
    """tanh and sin of a million numbers, and their slopes."""
    draw = stream()
    data = {"x": draw.normal(size=numbers)}
    parameters = {"w": draw.normal(size=numbers)}

    def in_pytensor(x: Any, w: Any) -> Any:
        import pytensor.tensor as pt

        return (pt.tanh(w) * pt.sin(w + x)).sum()

    def in_jax(x: Any, w: Any) -> Any:
        import jax.numpy as jnp

        return (jnp.tanh(w) * jnp.sin(w + x)).sum()

    return Model(data, parameters, in_pytensor, in_jax)
