"""Expressions → their derivatives, symbolic and checked: gradients, Jacobian, curvature; nothing compiled or changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.gradient import grad, pushforward
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import ancestors

from graphs.errors import InputError
from graphs.foreign import plain, quoted

__all__ = ["curvature", "gradients", "jacobian", "slope_along"]


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
    _differentiable("cost", cost, parameters, 0, "take a mean or a sum")
    found = grad(cost, list(parameters))
    for parameter, gradient in zip(parameters, found, strict=True):
        gradient.name = f"g{parameter.name or ''}"
    return list(found)


def slope_along(curve: Any, at: Any) -> Any:
    """d curve_i/d at_i, of a curve each of whose points depends on its own place only.

    Parameters
    ----------
    curve, at : Variables
        Of one shape.

    Returns
    -------
    Variable
        Of that shape.
    """
    return grad(curve.sum(), at)


def jacobian(residuals: Any, parameters: Sequence[Any]) -> Any:
    """The matrix ∂residuals_i/∂parameters_k, a column for each parameter by one forward sweep through the graph.

    Forward, for there are few parameters and many residuals: the columns are whole vectors, without a loop.

    Parameters
    ----------
    residuals : Variable, vector of shape (samples,)
    parameters : sequence of shared Variables, scalars

    Returns
    -------
    Variable, matrix of shape (samples, parameters)

    Raises
    ------
    InputError
        If one of them is something else, or a parameter is not in the residuals.
    """
    _differentiable("residuals", residuals, parameters, 1, "flatten it")
    for parameter in parameters:
        if parameter.type.ndim:
            raise InputError(
                "parameters", found=_described(parameter), allowed="scalars, one for each column"
            )
    columns = [pushforward(residuals, [each], [pt.ones_like(each)]) for each in parameters]
    return pt.stack([column[0] if isinstance(column, list) else column for column in columns], axis=1)


def curvature(cost: Any, parameters: Sequence[Any], directions: Sequence[Any]) -> list[Any]:
    """The Hessian of `cost` times a direction, without the Hessian: the gradient of ⟨gradient, direction⟩.

    Source: Pearlmutter, "Fast exact multiplication by the Hessian" (1994), by two backward sweeps.

    Parameters
    ----------
    cost : Variable, scalar
    parameters : sequence of shared Variables
    directions : sequence of Variables
        One of each parameter's shape.

    Returns
    -------
    list of Variables
        Each of its parameter's shape and dtype; 0 where the gradient does not depend on it.
    """
    slope = sum((g * d).sum() for g, d in zip(gradients(cost, parameters), directions, strict=True))
    return list(grad(slope, list(parameters), disconnected_inputs="ignore"))


def _differentiable(argument: str, found: Any, parameters: Any, ndim: int, remedy: str) -> None:
    """Refuse what has no gradient, or cannot take a step along it."""
    kind = ("scalar", "vector")[ndim]
    if not _of_floats(found):
        raise InputError(argument, found=_described(found), allowed=f"a {kind} Variable of a float dtype")
    if found.type.ndim != ndim:
        dimensions = f"a Variable of {found.type.ndim} dimensions"
        raise InputError(argument, found=dimensions, allowed=f"a {kind}", remedy=remedy)
    if not isinstance(parameters, Sequence) or not parameters:
        allowed = "a list of shared Variables, at least one"
        raise InputError("parameters", found=_described(parameters), allowed=allowed)
    read = set(ancestors([found]))
    for place, parameter in enumerate(parameters):
        if not isinstance(parameter, SharedVariable) or not _of_floats(parameter):
            allowed = "shared Variables of a float dtype"
            raise InputError("parameters", found=_described(parameter), allowed=allowed)
        if parameter not in read:
            absent = f"{_described(parameter)}, not in the {argument}"
            raise InputError("parameters", found=absent, allowed=f"those of the {argument}'s own graph")
        if any(parameter is other for other in parameters[:place]):
            raise InputError("parameters", found=f"{_described(parameter)}, twice", allowed="each once")


def _of_floats(found: Any) -> bool:
    return isinstance(found, Variable) and str(getattr(found.type, "dtype", "")).startswith("float")


def _described(found: Any) -> str:
    return (
        f"{plain(found)}, a Variable of {plain(found.type)}" if isinstance(found, Variable) else quoted(found)
    )
