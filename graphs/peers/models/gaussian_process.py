"""Gaussian processes."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphs.peers.models.model import Model, stream

__all__ = ["gaussian_process"]


def gaussian_process(samples: int = 100, features: int = 3) -> Model:
    """A Gaussian process's marginal likelihood: squared distances, Cholesky, a triangular solve."""
    draw = stream()
    data = {"x": draw.normal(size=(samples, features)), "y": draw.normal(size=samples)}
    parameters = {"log_length": np.array(0.2), "log_scale": np.array(0.1), "log_noise": np.array(-1.0)}

    def in_pytensor(x: Any, y: Any, log_length: Any, log_scale: Any, log_noise: Any) -> Any:
        import pytensor.tensor as pt
        from pytensor.tensor.linalg import cholesky, solve_triangular

        far = ((x[:, None, :] - x[None, :, :]) ** 2).sum(axis=2)
        kernel = pt.exp(2 * log_scale - far / (2 * pt.exp(2 * log_length)))
        root = cholesky(kernel + pt.exp(2 * log_noise) * pt.eye(x.shape[0]), lower=True)
        white = solve_triangular(root, y, lower=True)
        return (white**2).sum() / 2 + pt.log(pt.diagonal(root)).sum()

    def in_jax(x: Any, y: Any, log_length: Any, log_scale: Any, log_noise: Any) -> Any:
        import jax.numpy as jnp
        from jax.scipy.linalg import cholesky, solve_triangular

        far = ((x[:, None, :] - x[None, :, :]) ** 2).sum(axis=2)
        kernel = jnp.exp(2 * log_scale - far / (2 * jnp.exp(2 * log_length)))
        root = cholesky(kernel + jnp.exp(2 * log_noise) * jnp.eye(x.shape[0]), lower=True)
        white = solve_triangular(root, y, lower=True)
        return (white**2).sum() / 2 + jnp.log(jnp.diagonal(root)).sum()

    return Model(data, parameters, in_pytensor, in_jax)
