"""Regressions of counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphs.peers.models.model import Model, stream

__all__ = ["negative_binomial", "poisson", "zero_inflated"]


def _drawn(samples: int, features: int, **others: float) -> tuple[dict[str, Any], dict[str, Any]]:
    draw = stream()
    data = {"x": draw.normal(size=(samples, features)), "y": draw.poisson(2.0, size=samples).astype(float)}
    parameters = {"w": draw.normal(size=features) / 10, "b": np.array(0.5)}
    return data, parameters | {name: np.array(value) for name, value in others.items()}


def poisson(samples: int = 2000, features: int = 20) -> Model:
    """Poisson regression with its whole likelihood, log-factorials by gammaln."""

    def in_pytensor(x: Any, y: Any, w: Any, b: Any) -> Any:
        import pytensor.tensor as pt

        eta = x @ w + b
        return (pt.exp(eta) - y * eta + pt.gammaln(y + 1)).mean()

    def in_jax(x: Any, y: Any, w: Any, b: Any) -> Any:
        import jax.numpy as jnp
        from jax.scipy.special import gammaln

        eta = x @ w + b
        return (jnp.exp(eta) - y * eta + gammaln(y + 1)).mean()

    return Model(*_drawn(samples, features), in_pytensor, in_jax)


def negative_binomial(samples: int = 2000, features: int = 20) -> Model:
    """Negative binomial regression; alpha is learned, so that digamma stands in the gradient."""

    def in_pytensor(x: Any, y: Any, w: Any, b: Any, log_alpha: Any) -> Any:
        import pytensor.tensor as pt

        eta, alpha = x @ w + b, pt.exp(log_alpha)
        total = pt.log(alpha + pt.exp(eta))
        counted = pt.gammaln(y + alpha) - pt.gammaln(alpha) - pt.gammaln(y + 1)
        return -(counted + alpha * (log_alpha - total) + y * (eta - total)).mean()

    def in_jax(x: Any, y: Any, w: Any, b: Any, log_alpha: Any) -> Any:
        import jax.numpy as jnp
        from jax.scipy.special import gammaln

        eta, alpha = x @ w + b, jnp.exp(log_alpha)
        total = jnp.log(alpha + jnp.exp(eta))
        counted = gammaln(y + alpha) - gammaln(alpha) - gammaln(y + 1)
        return -(counted + alpha * (log_alpha - total) + y * (eta - total)).mean()

    return Model(*_drawn(samples, features, log_alpha=0.3), in_pytensor, in_jax)


def zero_inflated(samples: int = 2000, features: int = 20) -> Model:
    """Poisson regression with more zeros: a choice at every sample, and logaddexp."""

    def in_pytensor(x: Any, y: Any, w: Any, b: Any, logit: Any) -> Any:
        import pytensor.tensor as pt

        eta = x @ w + b
        counted = -pt.softplus(logit) + y * eta - pt.exp(eta) - pt.gammaln(y + 1)
        return -pt.switch(pt.eq(y, 0), pt.logaddexp(-pt.softplus(-logit), counted), counted).mean()

    def in_jax(x: Any, y: Any, w: Any, b: Any, logit: Any) -> Any:
        import jax
        import jax.numpy as jnp
        from jax.scipy.special import gammaln

        eta = x @ w + b
        counted = -jax.nn.softplus(logit) + y * eta - jnp.exp(eta) - gammaln(y + 1)
        return -jnp.where(y == 0, jnp.logaddexp(-jax.nn.softplus(-logit), counted), counted).mean()

    return Model(*_drawn(samples, features, logit=-1.0), in_pytensor, in_jax)
