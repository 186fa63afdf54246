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

__all__ = ["Certificate", "NoOptimum", "Optimum", "certify", "find_optimum"]

Array = NDArray[Any]
# Features beyond this are moved and stretched before they are solved for; below, it would change nothing but digits.
FAR = 100.0
# What is left of the gradient when the search has ended: of features brought to one scale, none is above 1.
VANISHED = 1e-6


class NoOptimum(ArithmeticError):
    """The search for the optimum ended at a point that is none; the message says how far it came."""


@dataclass(frozen=True)
class Optimum:
    """Where the gradient vanishes."""

    w: Array  # shape (features,)
    b: float
    cost: float  # in nats
    gradient_norm: (
        float  # ‖(∂cost/∂w, ∂cost/∂b)‖₂ there, of features as `_Coordinates` has them: how nearly it vanishes
    )
    evaluations: int  # of cost and gradient, that it took
    uncertainty: float = 0.0  # of the cost: what the search left over and what x·w + b rounds to, in nats


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
    gradient = 0 takes the last digits. Features far from 1 are brought there first, see `_Coordinates`.

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
    NoOptimum
        If the gradient does not vanish where the search ends.
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
    coordinates = _Coordinates(x)
    evaluations = 0

    def evaluate(point: Array) -> tuple[float, Array]:
        """Cost and gradient there."""
        nonlocal evaluations
        evaluations += 1
        w, b = coordinates.parameters(point)
        learner.write({**before, "w": w, "b": b})
        _, _, cost, gw, gb = learner.evaluate(x, y)
        return float(cost), coordinates.gradient(np.asarray(gw, dtype=float), float(gb))

    def polished(point: Array) -> Array:
        """Where the gradient vanishes, begun at `point`; where that is not to be had, `point`."""
        options = {"fatol": 1e-15, "maxiter": 10}  # one does, but where rounding is all that is left
        try:
            return np.asarray(root(lambda p: evaluate(p)[1], point, method="krylov", options=options).x)
        except (ValueError, ArithmeticError, np.linalg.LinAlgError):  # no step that it could take
            return point

    try:
        with np.errstate(all="ignore"):  # a step too long is taken back
            start = coordinates.point(before["w"], float(before["b"]))
            zero = np.zeros_like(start)
            if not evaluate(start)[0] <= evaluate(zero)[0]:  # so far off that nowhere is a better beginning
                start = zero
            options = {"maxiter": 5000, "maxfun": 20000, "maxcor": 20, "ftol": 0.0, "gtol": 0.0}
            solved = minimize(evaluate, start, jac=True, method="L-BFGS-B", options=options)
            points = (solved.x, polished(solved.x))
            best = min(points, key=lambda p: float(np.nan_to_num(_norm(evaluate(p)[1]), nan=np.inf)))
            cost, gradient = evaluate(best)
            gradient_norm = _norm(gradient)
            if not (np.isfinite(cost) and gradient_norm <= VANISHED):
                raise NoOptimum(f"the search ended where the gradient is {gradient_norm:.2g} and not 0")
            w, b = coordinates.parameters(best)
            rounding = np.finfo(np.float64).eps * float(coordinates.largest @ np.abs(w) + abs(b))
            left = abs(float(gradient @ solved.hess_inv(gradient))) / 2
    finally:
        learner.write(before)
    return Optimum(w, float(b), cost, gradient_norm, evaluations, left + rounding)


class _Coordinates:
    """Parameters in which features far from 1 are as those near it, so that one step suits them all.

    With u = (x − m)/s for the middle m and the half range s of a feature, x·w + b is u·v + c, where v = s·w and
    c = b + m·w. A feature that lies within ±100 is left as it is, s a power of two, so that nothing rounds.
    """

    def __init__(self, x: Array) -> None:
        top, bottom = x.max(axis=0), x.min(axis=0)
        self.largest = np.maximum(np.abs(top), np.abs(bottom))
        far = self.largest > FAR
        self.middle = np.where(far, top / 2 + bottom / 2, 0.0)
        half = np.maximum(np.where(far, top / 2 - bottom / 2, 1.0), 1.0)
        self.scale = np.exp2(np.round(np.log2(half)))

    def point(self, w: Array, b: float) -> Array:
        """(v, c) of w and b."""
        return np.append(w * self.scale, b + self.middle @ w)

    def parameters(self, point: Array) -> tuple[Array, Any]:
        """The w and b of (v, c)."""
        w = point[:-1] / self.scale
        return w, point[-1] - self.middle @ w

    def gradient(self, gw: Array, gb: float) -> Array:
        """∂cost/∂(v, c) of ∂cost/∂w and ∂cost/∂b."""
        return np.append((gw - self.middle * gb) / self.scale, gb)


def _norm(array: Array) -> float:
    """‖array‖₂ also where the squares overflow."""
    largest = float(np.abs(array).max())
    return largest * float(np.linalg.norm(array / largest)) if 0 < largest < np.inf else largest


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
    rounding = 8 * np.finfo(np.float64).eps * max(abs(cost), abs(optimum.cost)) + optimum.uncertainty
    return Certificate(gap, distance, bound, holds=bool(gap + rounding >= bound))
