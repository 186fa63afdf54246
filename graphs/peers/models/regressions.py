"""Linear regressions whose cost is not the square."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphs.peers.models.model import Model, stream

__all__ = ["elastic_net", "huber", "student_t"]


def _drawn(samples: int, features: int, **others: float) -> tuple[dict[str, Any], dict[str, Any]]:
    draw = stream()
    data = {"x": draw.normal(size=(samples, features)), "y": draw.normal(size=samples)}
    parameters = {"w": draw.normal(size=features) / 4, "b": np.array(0.1)}
    return data, parameters | {name: np.array(value) for name, value in others.items()}


def elastic_net(samples: int = 1000, features: int = 100) -> Model:
    """Least squares with both penalties, squares and absolute values."""

    def in_pytensor(x: Any, y: Any, w: Any, b: Any) -> Any:
        import pytensor.tensor as pt

        return ((x @ w + b - y) ** 2).mean() / 2 + 0.1 * pt.abs(w).sum() + 0.05 * (w**2).sum()

    def in_jax(x: Any, y: Any, w: Any, b: Any) -> Any:
        import jax.numpy as jnp

        return ((x @ w + b - y) ** 2).mean() / 2 + 0.1 * jnp.abs(w).sum() + 0.05 * (w**2).sum()

    return Model(*_drawn(samples, features), in_pytensor, in_jax)


def student_t(samples: int = 2000, features: int = 20) -> Model:
    """Regression with Student's t, its scale and its degrees of freedom learned."""

    def in_pytensor(x: Any, y: Any, w: Any, b: Any, log_scale: Any, log_nu: Any) -> Any:
        import pytensor.tensor as pt

        nu = pt.exp(log_nu)
        z = (y - x @ w - b) / pt.exp(log_scale)
        constant = pt.gammaln((nu + 1) / 2) - pt.gammaln(nu / 2) - pt.log(nu * np.pi) / 2 - log_scale
        return ((nu + 1) / 2 * pt.log1p(z**2 / nu)).mean() - constant

    def in_jax(x: Any, y: Any, w: Any, b: Any, log_scale: Any, log_nu: Any) -> Any:
        import jax.numpy as jnp
        from jax.scipy.special import gammaln

        nu = jnp.exp(log_nu)
        z = (y - x @ w - b) / jnp.exp(log_scale)
        constant = gammaln((nu + 1) / 2) - gammaln(nu / 2) - jnp.log(nu * jnp.pi) / 2 - log_scale
        return ((nu + 1) / 2 * jnp.log1p(z**2 / nu)).mean() - constant

    return Model(*_drawn(samples, features, log_scale=0.2, log_nu=1.0), in_pytensor, in_jax)


def huber(samples: int = 2000, features: int = 50) -> Model:
    """Huber's cost: squares near zero, absolute values far from it."""

    def in_pytensor(x: Any, y: Any, w: Any, b: Any) -> Any:
        import pytensor.tensor as pt

        far = pt.abs(x @ w + b - y)
        return pt.switch(far < 1, far**2 / 2, far - 0.5).mean()

    def in_jax(x: Any, y: Any, w: Any, b: Any) -> Any:
        import jax.numpy as jnp

        far = jnp.abs(x @ w + b - y)
        return jnp.where(far < 1, far**2 / 2, far - 0.5).mean()

    return Model(*_drawn(samples, features), in_pytensor, in_jax)
