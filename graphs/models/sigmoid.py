"""The logistic function by itself: its symmetry, its slope, odds and log-odds; and the other sigmoids beside it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytensor.tensor as pt

from graphs.data import DTYPES
from graphs.derivatives import slope_along
from graphs.errors import choose

__all__ = ["SIGMOIDS", "SigmoidGraph", "sigmoid_graph"]


@dataclass(frozen=True)
class SigmoidGraph:
    """The Variables, all vectors of the shape of z."""

    z: Any  # the linear part
    p: Any  # σ(z) = 1/(1 + e^−z), a probability
    slope: Any  # dp/dz, by symbolic differentiation
    rule: Any  # p·(1 − p): what the differential equation says the slope is
    mirrored: Any  # 1 − σ(−z), which is σ(z): the curve is symmetric about (0, ½)
    odds: Any  # p/(1 − p)
    log_odds: Any  # log of the odds, which is z again


def sigmoid_graph(*, dtype: str = "float64") -> SigmoidGraph:
    """Build the graph of the logistic function; nothing is compiled.

    Parameters
    ----------
    dtype : {"float64", "float32"}

    Raises
    ------
    InputError
        If there is no such dtype.
    """
    choose("dtype", dtype, DTYPES)
    z = pt.vector("z", dtype=dtype)
    p = 1 / (1 + pt.exp(-z))
    mirrored = 1 - 1 / (1 + pt.exp(z))
    odds = p / (1 - p)
    found = SigmoidGraph(z, p, slope_along(p, z), p * (1 - p), mirrored, odds, pt.log(odds))
    for name in ("p", "slope", "rule", "mirrored", "odds", "log_odds"):
        getattr(found, name).name = name
    return found


#: Sigmoids by name, each brought to slope 1 at 0 and to the limits −1 and 1, as they are compared; those that come to
#: their limits sooner first. The second and the third are the same function.
SIGMOIDS: dict[str, Callable[[Any], Any]] = {
    "erf(√π/2·z)": lambda z: pt.erf(math.sqrt(math.pi) / 2 * z),
    "tanh z": pt.tanh,
    "2σ(2z) − 1": lambda z: 2 / (1 + pt.exp(-2 * z)) - 1,
    "z/√(1 + z²)": lambda z: z / pt.sqrt(1 + z**2),
    "2/π·arctan(π/2·z)": lambda z: 2 / math.pi * pt.arctan(math.pi / 2 * z),
    "z/(1 + |z|)": lambda z: z / (1 + abs(z)),
}
