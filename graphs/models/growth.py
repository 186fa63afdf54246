"""Growth towards a capacity: dP/dt = r·P·(1 − P/K), whose solution is a logistic function of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from graphs.derivatives import jacobian, slope_along
from graphs.errors import finite_number

__all__ = ["GrowthGraph", "growth_graph"]


@dataclass(frozen=True)
class GrowthGraph:
    """The Variables of the model; times and populations in whatever units the data have."""

    x: Any  # vector (samples,): times t
    y: Any  # vector (samples,): populations that were observed then
    capacity: Any  # shared scalar K: what the population grows to
    rate: Any  # shared scalar r: of growth while there is room, per unit of time
    midpoint: Any  # shared scalar t₀: the time at which half the capacity is reached
    curve: Any  # vector (samples,): K/(1 + e^(−r·(t − t₀)))
    slope: Any  # vector (samples,): dP/dt, by symbolic differentiation
    rule: Any  # vector (samples,): r·P·(1 − P/K): what the differential equation says the slope is
    residuals: Any  # vector (samples,): curve − y
    jacobian: Any  # matrix (samples, 3): ∂residuals/∂(K, r, t₀)
    cost: Any  # scalar: mean of the squared residuals

    @property
    def parameters(self) -> tuple[Any, ...]:
        """The shared Variables, in the order of the Jacobian's columns."""
        return self.capacity, self.rate, self.midpoint


def growth_graph(capacity: float, rate: float, midpoint: float) -> GrowthGraph:
    """Build the graph of logistic growth in float64; nothing is compiled.

    Parameters
    ----------
    capacity, rate : float
        Initial values of K and r, above 0.
    midpoint : float
        Initial value of t₀.

    Raises
    ------
    InputError
        If an argument is not one of the above.
    """
    given = (
        finite_number("capacity", capacity, above=0),
        finite_number("rate", rate, above=0),
        finite_number("midpoint", midpoint),
    )
    x, y = pt.dvector("x"), pt.dvector("y")
    k, r, t_0 = (
        pytensor.shared(np.float64(v), name=n) for v, n in zip(given, ("K", "r", "t_0"), strict=True)
    )
    curve = k / (1 + pt.exp(-r * (x - t_0)))
    residuals = curve - y
    found = GrowthGraph(
        *(x, y, k, r, t_0, curve, slope_along(curve, x), r * curve * (1 - curve / k)),
        *(residuals, jacobian(residuals, [k, r, t_0]), (residuals**2).mean()),
    )
    for name in ("curve", "slope", "rule", "residuals", "jacobian", "cost"):
        getattr(found, name).name = name
    return found
