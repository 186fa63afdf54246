"""(cost, parameters) → update pairs: expressions in, pairs out, nothing compiled or changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor
from pytensor.gradient import grad

from graphs.errors import InputError, finite_number

__all__ = ["UpdatePair", "gradient_descent", "gradients", "momentum"]

UpdatePair = tuple[Any, Any]
"""A shared Variable and the expression of its next value."""


def gradients(cost: Any, parameters: Sequence[Any]) -> list[Any]:
    """Symbolic gradients of `cost`, named after the parameters: ``gw`` for ``w``, ``gb`` for ``b``.

    Parameters
    ----------
    cost : Variable, scalar
    parameters : sequence of shared Variables

    Returns
    -------
    list of Variables
        Each of its parameter's shape and dtype.
    """
    if cost.ndim != 0:
        found = f"a Variable of {cost.ndim} dimensions"
        raise InputError("cost", found=found, allowed="a scalar", remedy="take a mean or a sum")
    found = grad(cost, list(parameters))
    for parameter, gradient in zip(parameters, found, strict=True):
        gradient.name = f"g{parameter.name or ''}"
    return list(found)


def gradient_descent(cost: Any, parameters: Sequence[Any], learning_rate: float = 0.1) -> list[UpdatePair]:
    """p ← p − η·∂cost/∂p for all parameters at once, every gradient taken before the step.

    Parameters
    ----------
    cost : Variable, scalar
    parameters : sequence of shared Variables
    learning_rate : float
        η, above 0.
    """
    finite_number("learning_rate", learning_rate, above=0)
    return [
        (parameter, parameter - _constant(learning_rate, parameter) * gradient)
        for parameter, gradient in zip(parameters, gradients(cost, parameters), strict=True)
    ]


def momentum(
    cost: Any, parameters: Sequence[Any], learning_rate: float = 0.1, decay: float = 0.9
) -> list[UpdatePair]:
    """Heavy ball: v ← μ·v − η·∂cost/∂p, p ← p + v (Polyak, 1964).

    Each parameter gets a shared velocity of its shape, at first zero, named ``v<parameter>``.

    Parameters
    ----------
    cost : Variable, scalar
    parameters : sequence of shared Variables
    learning_rate : float
        η, above 0.
    decay : float
        μ, from 0 up to but not including 1.
    """
    finite_number("learning_rate", learning_rate, above=0)
    finite_number("decay", decay, least=0, below=1)
    pairs: list[UpdatePair] = []
    for parameter, gradient in zip(parameters, gradients(cost, parameters), strict=True):
        still = np.zeros_like(parameter.get_value(borrow=True))
        velocity = pytensor.shared(still, name=f"v{parameter.name or ''}")
        change = _constant(decay, parameter) * velocity - _constant(learning_rate, parameter) * gradient
        pairs += [(velocity, change), (parameter, parameter + change)]
    return pairs


def _constant(value: float, like: Any) -> Any:
    """The number in the parameter's own dtype: a float64 one would make float32 updates float64."""
    return np.array(value, dtype=like.dtype)
