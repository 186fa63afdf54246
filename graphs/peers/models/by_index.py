"""Models that look parameters up by index, so that their gradients are sums by index."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphs.peers.models.model import Model, stream

__all__ = ["factorisation", "hierarchical", "item_response"]


def hierarchical(samples: int = 2000, groups: int = 50) -> Model:
    """Normal regression with an intercept for every group, and a normal prior of them."""
    draw = stream()
    data = {
        "x": draw.normal(size=samples),
        "y": draw.normal(size=samples),
        "group": draw.integers(groups, size=samples),
    }
    parameters = {
        "alpha": draw.normal(size=groups),
        "beta": np.array(0.3),
        "mean": np.array(0.1),
        "log_spread": np.array(-0.2),
        "log_noise": np.array(0.1),
    }

    def in_pytensor(
        x: Any, y: Any, group: Any, alpha: Any, beta: Any, mean: Any, log_spread: Any, log_noise: Any
    ) -> Any:
        import pytensor.tensor as pt

        z = (y - alpha[group] - beta * x) / pt.exp(log_noise)
        prior = (alpha - mean) / pt.exp(log_spread)
        return (z**2 / 2 + log_noise).sum() + (prior**2 / 2 + log_spread).sum() + mean**2 / 2

    def in_jax(
        x: Any, y: Any, group: Any, alpha: Any, beta: Any, mean: Any, log_spread: Any, log_noise: Any
    ) -> Any:
        import jax.numpy as jnp

        z = (y - alpha[group] - beta * x) / jnp.exp(log_noise)
        prior = (alpha - mean) / jnp.exp(log_spread)
        return (z**2 / 2 + log_noise).sum() + (prior**2 / 2 + log_spread).sum() + mean**2 / 2

    return Model(data, parameters, in_pytensor, in_jax)


def factorisation(ratings: int = 5000, users: int = 500, items: int = 300, rank: int = 16) -> Model:
    """Matrix factorisation by pairs of indices: rows of U and V looked up, added to where they came from."""
    draw = stream()
    data = {
        "i": draw.integers(users, size=ratings),
        "j": draw.integers(items, size=ratings),
        "rating": draw.normal(size=ratings),
    }
    parameters = {
        "u": draw.normal(size=(users, rank)) / 4,
        "v": draw.normal(size=(items, rank)) / 4,
        "by_user": np.zeros(users),
        "by_item": np.zeros(items),
    }

    def cost(i: Any, j: Any, rating: Any, u: Any, v: Any, by_user: Any, by_item: Any) -> Any:
        error = (u[i] * v[j]).sum(axis=1) + by_user[i] + by_item[j] - rating
        return (error**2).mean() + 0.01 * ((u**2).sum() + (v**2).sum())

    return Model(data, parameters, cost, cost)


def item_response(answers: int = 5000, people: int = 200, items: int = 40) -> Model:
    """Item response with two parameters for each item: who answered what, and was it right?"""
    draw = stream()
    data = {
        "who": draw.integers(people, size=answers),
        "what": draw.integers(items, size=answers),
        "right": draw.integers(2, size=answers).astype(float),
    }
    parameters = {
        "ability": draw.normal(size=people),
        "difficulty": draw.normal(size=items),
        "log_slope": draw.normal(size=items) / 4,
    }

    def in_pytensor(who: Any, what: Any, right: Any, ability: Any, difficulty: Any, log_slope: Any) -> Any:
        import pytensor.tensor as pt

        z = pt.exp(log_slope)[what] * (ability[who] - difficulty[what])
        priors = ((each**2).sum() for each in (ability, difficulty, log_slope))
        return (pt.softplus(z) - right * z).sum() + sum(priors) / 2

    def in_jax(who: Any, what: Any, right: Any, ability: Any, difficulty: Any, log_slope: Any) -> Any:
        import jax
        import jax.numpy as jnp

        z = jnp.exp(log_slope)[what] * (ability[who] - difficulty[what])
        priors = ((each**2).sum() for each in (ability, difficulty, log_slope))
        return (jax.nn.softplus(z) - right * z).sum() + sum(priors) / 2

    return Model(data, parameters, in_pytensor, in_jax)
