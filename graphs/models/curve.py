"""The four-parameter logistic curve (A − D)/(1 + (x/C)^B) + D, as laboratories fit it to a dose and its response."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from graphs.data import real_numbers
from graphs.derivatives import jacobian
from graphs.errors import InputError

__all__ = ["CurveGraph", "curve_graph"]


@dataclass(frozen=True)
class CurveGraph:
    """The Variables of the model."""

    x: Any  # vector (samples,): doses, above 0
    y: Any  # vector (samples,): responses
    A: Any  # shared scalar: the response at dose 0, for B above 0
    B: Any  # shared scalar: how steep the curve is at C
    C: Any  # shared scalar above 0: the dose halfway between A and D
    D: Any  # shared scalar: the response at a dose without end
    curve: Any  # vector (samples,)
    residuals: Any  # vector (samples,): curve − y
    jacobian: Any  # matrix (samples, 4): ∂residuals/∂(A, B, C, D)
    cost: Any  # scalar: mean of the squared residuals

    @property
    def parameters(self) -> tuple[Any, ...]:
        """The shared Variables, in the order of the Jacobian's columns."""
        return self.A, self.B, self.C, self.D


def curve_graph(initial: Sequence[float] = (0.0, 1.0, 1.0, 1.0)) -> CurveGraph:
    """Build the graph of the curve in float64; nothing is compiled.

    Parameters
    ----------
    initial : sequence of 4 floats
        A, B, C and D to begin from; C above 0.

    Raises
    ------
    InputError
        If they are not 4 finite numbers, or C is not above 0.
    """
    given = real_numbers("initial", initial, [4], dtype="float64")
    if not given[2] > 0:
        raise InputError("initial", found=f"C = {given[2]:g}", allowed="C > 0: it is a dose")
    x, y = pt.dvector("x"), pt.dvector("y")
    a, b, c, d = (pytensor.shared(np.float64(v), name=n) for v, n in zip(given, "ABCD", strict=True))
    curve = (a - d) / (1 + (x / c) ** b) + d
    residuals = curve - y
    matrix = jacobian(residuals, [a, b, c, d])
    found = CurveGraph(x, y, a, b, c, d, curve, residuals, matrix, (residuals**2).mean())
    for name in ("curve", "residuals", "jacobian", "cost"):
        getattr(found, name).name = name
    return found
