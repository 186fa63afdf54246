"""(cost, parameters) → update pairs: expressions in, pairs out, nothing compiled or changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.gradient import grad
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import ancestors

from graphs.data import rounded
from graphs.errors import InputError, finite_number
from graphs.foreign import plain, quoted

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

    Raises
    ------
    InputError
        If the cost is no scalar of real numbers, or a parameter no shared Variable of them that it depends on, or
        named twice.
    """
    _differentiable(cost, parameters)
    found = grad(cost, list(parameters))
    for parameter, gradient in zip(parameters, found, strict=True):
        gradient.name = f"g{parameter.name or ''}"
    return list(found)


def _differentiable(cost: Any, parameters: Any) -> None:
    """Refuse what has no gradient, or cannot take a step along it."""
    if not _of_floats(cost):
        raise InputError("cost", found=_described(cost), allowed="a scalar Variable of a float dtype")
    if cost.type.ndim:
        found = f"a Variable of {cost.type.ndim} dimensions"
        raise InputError("cost", found=found, allowed="a scalar", remedy="take a mean or a sum")
    if not isinstance(parameters, Sequence) or not parameters:
        allowed = "a list of shared Variables, at least one"
        raise InputError("parameters", found=_described(parameters), allowed=allowed)
    read = set(ancestors([cost]))
    for place, parameter in enumerate(parameters):
        if not isinstance(parameter, SharedVariable) or not _of_floats(parameter):
            allowed = "shared Variables of a float dtype"
            raise InputError("parameters", found=_described(parameter), allowed=allowed)
        if parameter not in read:
            allowed = "those of the cost's own graph"
            raise InputError("parameters", found=f"{_described(parameter)}, not in the cost", allowed=allowed)
        if any(parameter is other for other in parameters[:place]):
            raise InputError("parameters", found=f"{_described(parameter)}, twice", allowed="each once")


def _of_floats(found: Any) -> bool:
    return isinstance(found, Variable) and str(getattr(found.type, "dtype", "")).startswith("float")


def _described(found: Any) -> str:
    return (
        f"{plain(found)}, a Variable of {plain(found.type)}" if isinstance(found, Variable) else quoted(found)
    )


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
        (parameter, parameter - _constant("learning_rate", learning_rate, parameter) * gradient)
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
        rate = _constant("learning_rate", learning_rate, parameter)
        change = _constant("decay", decay, parameter) * velocity - rate * gradient
        pairs += [(velocity, change), (parameter, parameter + change)]
    return pairs


def _constant(argument: str, value: float, like: Any) -> Any:
    """The number in the parameter's own dtype: a float64 one would make float32 updates float64."""
    return rounded(argument, value, like.dtype)
