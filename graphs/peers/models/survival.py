"""Times to an event."""

from __future__ import annotations

from typing import Any

from graphs.peers.models.model import Model, stream

__all__ = ["cox"]


def cox(samples: int = 1000, features: int = 10) -> Model:
    """Cox's partial likelihood, latest time first: the log of a cumulative sum of shifted exponentials."""
    draw = stream()
    event = draw.integers(2, size=samples).astype(float)
    data = {"x": draw.normal(size=(samples, features)), "event": event}
    parameters = {"w": draw.normal(size=features) / 4}

    def in_pytensor(x: Any, event: Any, w: Any) -> Any:
        import pytensor.tensor as pt

        eta = x @ w
        largest = eta.max()
        at_risk = pt.log(pt.cumsum(pt.exp(eta - largest))) + largest
        return -(event * (eta - at_risk)).sum() / event.sum()

    def in_jax(x: Any, event: Any, w: Any) -> Any:
        import jax.numpy as jnp

        eta = x @ w
        largest = eta.max()
        at_risk = jnp.log(jnp.cumsum(jnp.exp(eta - largest))) + largest
        return -(event * (eta - at_risk)).sum() / event.sum()

    return Model(data, parameters, in_pytensor, in_jax)
