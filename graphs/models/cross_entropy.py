"""Binary cross-entropy of given predictions, written three ways: as it stands, clipped, and stable.

Clipping a probability into [ε, 1 − ε] keeps its logarithm finite. It also makes the cost flat outside: where the
prediction is certain and wrong, the gradient is 0 and nothing is learned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytensor.tensor as pt

from graphs.data import DTYPES, rounded
from graphs.derivatives import slope_along
from graphs.errors import InputError, choose, finite_number

__all__ = ["CrossEntropyGraph", "cross_entropy_graph"]


@dataclass(frozen=True)
class CrossEntropyGraph:
    """The Variables, all vectors of shape (samples,); cross-entropies in nats."""

    z: Any  # logits
    y: Any  # targets, 0 or 1, of the dtype of z
    p: Any  # σ(z)
    clipped_p: Any  # p in [ε, 1 − ε]
    clipped: Any  # −y·log(clipped p) − (1 − y)·log(1 − clipped p)
    stable: Any  # y·softplus(−z) + (1 − y)·softplus(z), finite for every z
    clipped_slope: Any  # ∂clipped/∂z: 0 wherever p was clipped
    stable_slope: Any  # ∂stable/∂z, which is p − y


def cross_entropy_graph(epsilon: float = 1e-7, *, dtype: str = "float64") -> CrossEntropyGraph:
    """Build the graph; nothing is compiled.

    Parameters
    ----------
    epsilon : float
        ε, above 0 and below ½, such that 1 − ε is not 1 in `dtype`.
    dtype : {"float64", "float32"}

    Raises
    ------
    InputError
        If an argument is not one of the above.
    """
    choose("dtype", dtype, DTYPES)
    bound = rounded("epsilon", finite_number("epsilon", epsilon, above=0, below=0.5), dtype)
    if bound == 0 or 1 - bound == 1:
        allowed = f"a number such that 1 − ε is not 1 in {dtype}"
        raise InputError("epsilon", found=f"{epsilon:g}", allowed=allowed, remedy="take a larger one")
    z, y = pt.vector("z", dtype=dtype), pt.vector("y", dtype=dtype)
    p = pt.sigmoid(z)
    clipped_p = p.clip(bound, 1 - bound)
    clipped = -y * pt.log(clipped_p) - (1 - y) * pt.log(1 - clipped_p)
    stable = y * pt.softplus(-z) + (1 - y) * pt.softplus(z)
    found = CrossEntropyGraph(
        z, y, p, clipped_p, clipped, stable, slope_along(clipped, z), slope_along(stable, z)
    )
    for name in ("p", "clipped_p", "clipped", "stable", "clipped_slope", "stable_slope"):
        getattr(found, name).name = name
    return found
