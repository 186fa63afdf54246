"""The true optimum of the cost by a quasi-Newton solve in SciPy, and how far a run is from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphs.data import real_numbers
from graphs.errors import InputError, call_back, finite_number
from graphs.foreign import quoted
from graphs.training import Learner, broken, samples_for

__all__ = ["Certificate", "Optimum", "certify", "find_optimum"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Optimum:
    """Where the gradient vanishes."""

    w: Array  # shape (features,)
    b: float
    cost: float  # in nats
    gradient_norm: float  # ‖(∂cost/∂w, ∂cost/∂b)‖₂ there; how nearly it vanishes
    evaluations: int  # of cost and gradient, that it took


@dataclass(frozen=True)
class Certificate:
    """Distance of a run from the optimum, and the inequality that it must obey.

    The penalty λ·Σw² makes the cost 2λ-strongly convex in w, so that
    ``cost − cost* ≥ λ·‖w − w*‖²`` for every w, b. A gradient or an optimum that were wrong would
    break it.
    """

    cost_gap: float  # cost − cost*, in nats
    w_distance: float  # ‖w − w*‖₂
    bound: float  # λ·‖w − w*‖²
    holds: bool  # whether the inequality does, up to the rounding of the two costs


def find_optimum(learner: Learner, x: Array, y: Array) -> Optimum:
    """Minimise the cost from where `learner` stands; its parameters are as before afterwards.

    A quasi-Newton solve (L-BFGS-B; Byrd, Lu, Nocedal and Zhu, 1995) on the learner's own cost and
    gradient goes as far as differences of the cost can tell; a Newton–Krylov solve of
    gradient = 0 takes the last digits.

    Parameters
    ----------
    learner : Learner
        With float64 parameters ``w`` and ``b``.
    x : ndarray, shape (samples, features)
    y : ndarray, shape (samples,)
        Both targets must occur: else `b` runs off to infinity.

    Raises
    ------
    InputError
        If `y` holds one target only, or an argument is not one of the above.
    """
    from scipy.optimize import minimize, root  # slow to import, and many a run asks for no optimum

    call_back("learner", learner, "evaluate", "read", "write")
    before = learner.read()
    if wrong := broken(before):
        raise InputError("learner", found=wrong, allowed="finite parameters to begin from")
    x, y = samples_for(before["w"], x, y)
    if len(np.unique(y)) < 2:
        found = f"only the target {y[0]}"
        raise InputError("y", found=found, allowed="both targets", remedy="b has no optimum")
    evaluations = 0

    def cost_and_gradient(point: Array) -> tuple[float, Array]:
        nonlocal evaluations
        evaluations += 1
        learner.write({**before, "w": point[:-1], "b": point[-1]})
        _, _, cost, gw, gb = learner.evaluate(x, y)
        return float(cost), np.append(np.asarray(gw, dtype=float), float(gb))

    try:
        start = np.append(before["w"], before["b"]).astype(float)
        options = {"maxiter": 5000, "maxfun": 20000, "maxcor": 20, "ftol": 0.0, "gtol": 0.0}
        point = minimize(cost_and_gradient, start, jac=True, method="L-BFGS-B", options=options).x
        polished = root(lambda p: cost_and_gradient(p)[1], point, method="krylov", options={"fatol": 1e-15}).x
        candidates = [(float(np.linalg.norm(cost_and_gradient(p)[1])), p) for p in (point, polished)]
        gradient_norm, best = min(candidates, key=lambda candidate: candidate[0])
        cost, _ = cost_and_gradient(best)
    finally:
        learner.write(before)
    return Optimum(best[:-1].copy(), float(best[-1]), cost, gradient_norm, evaluations)


def certify(cost: float, w: Array, optimum: Optimum, weight_decay: float) -> Certificate:
    """Compare a run's final `cost` and `w` with the optimum.

    Parameters
    ----------
    cost : float
        In nats.
    w : ndarray, shape (features,)
    optimum : Optimum
    weight_decay : float
        λ.

    Raises
    ------
    InputError
        If an argument is not one of the above.
    """
    if not isinstance(optimum, Optimum):
        raise InputError("optimum", found=quoted(optimum), allowed="what find_optimum returns")
    finite_number("cost", cost)
    finite_number("weight_decay", weight_decay, least=0)
    w = real_numbers("w", w, optimum.w.shape)
    gap = float(cost) - optimum.cost
    distance = float(np.linalg.norm(w - optimum.w))
    bound = weight_decay * distance**2
    rounding = 8 * np.finfo(np.float64).eps * max(abs(cost), abs(optimum.cost))
    return Certificate(gap, distance, bound, holds=bool(gap + rounding >= bound))
