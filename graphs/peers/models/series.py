"""Models of a series: by slices, and step by step."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphs.peers.models.model import Model, stream

__all__ = ["autoregression", "kalman", "lstm"]


def autoregression(length: int = 5000, order: int = 5) -> Model:
    """An autoregression of order 5, by slices of the series."""
    draw = stream()
    data = {"y": draw.normal(size=length)}
    parameters = {"phi": draw.normal(size=order) / 10, "c": np.array(0.1), "log_noise": np.array(0.2)}

    def error(y: Any, phi: Any, c: Any) -> Any:
        return y[order:] - c - sum(phi[k] * y[order - 1 - k : length - 1 - k] for k in range(order))

    def in_pytensor(y: Any, phi: Any, c: Any, log_noise: Any) -> Any:
        import pytensor.tensor as pt

        return ((error(y, phi, c) / pt.exp(log_noise)) ** 2 / 2).mean() + log_noise

    def in_jax(y: Any, phi: Any, c: Any, log_noise: Any) -> Any:
        import jax.numpy as jnp

        return ((error(y, phi, c) / jnp.exp(log_noise)) ** 2 / 2).mean() + log_noise

    return Model(data, parameters, in_pytensor, in_jax)


def kalman(length: int = 100, states: int = 4, observed: int = 2) -> Model:
    """A Kalman filter's likelihood by scan, four states of which two numbers are seen at a time."""
    draw = stream()
    data = {"y": draw.normal(size=(length, observed))}
    parameters = {
        "move": 0.9 * np.eye(states) + draw.normal(size=(states, states)) / 50,
        "look": draw.normal(size=(observed, states)),
        "log_move_noise": np.full(states, -0.5),
        "log_look_noise": np.full(observed, -0.3),
    }

    def in_pytensor(y: Any, move: Any, look: Any, log_move_noise: Any, log_look_noise: Any) -> Any:
        import pytensor
        import pytensor.tensor as pt
        from pytensor.tensor.linalg import cholesky, solve_triangular

        def step(seen: Any, mean: Any, spread: Any, *_: Any) -> list[Any]:
            mean, spread = move @ mean, move @ spread @ move.T + pt.diag(pt.exp(log_move_noise))
            root = cholesky(look @ spread @ look.T + pt.diag(pt.exp(log_look_noise)), lower=True)
            white = solve_triangular(root, seen - look @ mean, lower=True)
            part = solve_triangular(root, look @ spread, lower=True)
            cost = (white**2).sum() / 2 + pt.log(pt.diagonal(root)).sum()
            return [mean + part.T @ white, spread - part.T @ part, cost]

        _, _, costs = pytensor.scan(
            step,
            sequences=[y],
            outputs_info=[pt.zeros(states), pt.eye(states), None],
            non_sequences=[move, look, log_move_noise, log_look_noise],
            strict=True,
            return_updates=False,
        )
        return costs.sum()

    def in_jax(y: Any, move: Any, look: Any, log_move_noise: Any, log_look_noise: Any) -> Any:
        import jax
        import jax.numpy as jnp
        from jax.scipy.linalg import cholesky, solve_triangular

        def step(state: Any, seen: Any) -> Any:
            mean, spread = state
            mean, spread = move @ mean, move @ spread @ move.T + jnp.diag(jnp.exp(log_move_noise))
            root = cholesky(look @ spread @ look.T + jnp.diag(jnp.exp(log_look_noise)), lower=True)
            white = solve_triangular(root, seen - look @ mean, lower=True)
            part = solve_triangular(root, look @ spread, lower=True)
            cost = (white**2).sum() / 2 + jnp.log(jnp.diagonal(root)).sum()
            return (mean + part.T @ white, spread - part.T @ part), cost

        _, costs = jax.lax.scan(step, (jnp.zeros(states), jnp.eye(states)), y)
        return costs.sum()

    return Model(data, parameters, in_pytensor, in_jax)


def lstm(length: int = 30, batch: int = 16, features: int = 8, hidden: int = 32) -> Model:
    """An LSTM cell by scan over a batch of short series, and a number to be said at their end."""
    draw = stream()
    data = {"x": draw.normal(size=(length, batch, features)), "y": draw.normal(size=batch)}
    parameters = {
        "of_x": draw.normal(size=(features, 4 * hidden)) / np.sqrt(features),
        "of_h": draw.normal(size=(hidden, 4 * hidden)) / np.sqrt(hidden),
        "b": np.zeros(4 * hidden),
        "w": draw.normal(size=hidden),
    }

    def in_pytensor(x: Any, y: Any, of_x: Any, of_h: Any, b: Any, w: Any) -> Any:
        import pytensor
        import pytensor.tensor as pt

        def step(now: Any, h: Any, c: Any, of_x: Any, of_h: Any, b: Any) -> list[Any]:
            gates = now @ of_x + h @ of_h + b
            enter, forget, leave = (pt.sigmoid(gates[:, k * hidden : (k + 1) * hidden]) for k in range(3))
            c = forget * c + enter * pt.tanh(gates[:, 3 * hidden :])
            return [leave * pt.tanh(c), c]

        start = pt.zeros((batch, hidden))
        h, _ = pytensor.scan(
            step,
            sequences=[x],
            outputs_info=[start, start],
            non_sequences=[of_x, of_h, b],
            strict=True,
            return_updates=False,
        )
        return ((h[-1] @ w - y) ** 2).mean()

    def in_jax(x: Any, y: Any, of_x: Any, of_h: Any, b: Any, w: Any) -> Any:
        import jax
        import jax.numpy as jnp

        def step(state: Any, now: Any) -> Any:
            h, c = state
            gates = now @ of_x + h @ of_h + b
            enter, forget, leave = (jax.nn.sigmoid(gates[:, k * hidden : (k + 1) * hidden]) for k in range(3))
            c = forget * c + enter * jnp.tanh(gates[:, 3 * hidden :])
            return (leave * jnp.tanh(c), c), None

        start = jnp.zeros((batch, hidden))
        (h, _), _ = jax.lax.scan(step, (start, start), x)
        return ((h @ w - y) ** 2).mean()

    return Model(data, parameters, in_pytensor, in_jax)
