"""The same symbolic gradient handed to SciPy: quasi-Newton, Newton, least squares; and how far a run is from an optimum.

SciPy's solvers keep what they know to themselves. So a search is kept as a :class:`Search`, all that was evaluated in it:
it goes on by being done again, with what is known in the place of what would be computed, and ends in the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphs.data import real_numbers
from graphs.errors import InputError, call_back, choose, finite_number, whole_number
from graphs.foreign import plain, quoted
from graphs.listener import Listener
from graphs.training import Learner, Stopped, broken, samples_for

if TYPE_CHECKING:  # or else whoever looks for the optimum of a learner would import PyTensor
    from graphs.functions import Objective, Residuals

__all__ = [
    "METHODS",
    "Certificate",
    "NoOptimum",
    "Optimum",
    "Search",
    "Solution",
    "certify",
    "find_optimum",
    "least_squares",
    "minimize",
]

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


@dataclass
class Search:
    """A search so far: every evaluation that the solver asked for, in order."""

    start: NDArray[np.float64]  # where it began
    kinds: list[str] = field(default_factory=list)  # cost, curvature, residuals or jacobian
    asked: list[NDArray[np.float64]] = field(
        default_factory=list
    )  # the point; for curvature a direction behind it
    answered: list[NDArray[np.float64]] = field(
        default_factory=list
    )  # flat; of a cost, its gradient behind it

    @property
    def step(self) -> int:
        """Evaluations made."""
        return len(self.kinds)


@dataclass(frozen=True)
class Solution:
    """Where a search ended."""

    point: NDArray[np.float64]  # flat
    parameters: dict[str, Array]  # likewise, by name
    cost: float  # there; of least squares, the mean of the squared residuals
    gradient_norm: float  # ‖∂cost/∂point‖₂ there
    evaluations: int  # of cost, residuals, Jacobian and curvature, in all
    iterations: int
    converged: (
        bool  # whether the tolerance asked for was reached; the costs' rounding may end a search before
    )
    said: str  # why it ended, in the solver's words


#: How a cost can be minimised: a quasi-Newton method, which learns the curvature from gradients (L-BFGS; Liu and
#: Nocedal, 1989), and Newton's with the true one, in a trust region (Steihaug, 1983; Nocedal and Wright, ch. 7).
METHODS = ("lbfgs", "newton")
MOST_EVALUATIONS = 100_000


def minimize(
    objective: Objective,
    data: Sequence[Any],
    *,
    method: str = "lbfgs",
    tolerance: float = 1e-8,
    iterations: int = 1000,
    start: Array | None = None,
    search: Search | None = None,
    checkpoint: Callable[[Search], None] | None = None,
    checkpoint_every: int = 100,
    listener: Listener | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Solution:
    """Minimise a cost by SciPy's solvers, from its own symbolic gradient and curvature.

    Parameters
    ----------
    objective : Objective
        As :func:`graphs.functions.compile_objective` makes it.
    data : sequence of ndarray
        Its inputs.
    method : {"lbfgs", "newton"}
    tolerance : float
        Of the gradient's largest entry, at which the search has converged; above 0.
    iterations : int
        At most so many, at least 1.
    start : ndarray, optional
        Where to begin; default: where the parameters stood when the objective was compiled.
    search : Search, optional
        Where to go on, from a checkpoint.
    checkpoint : callable, optional
        Called with the search every `checkpoint_every` evaluations, at the end and when stopped.
    listener : Listener, optional
        Told how many evaluations were made.
    stop : callable
        Asked before each evaluation; once it answers True the search ends with :class:`graphs.training.Stopped`.

    Raises
    ------
    InputError
        If an argument is not one of the above; or `search` is one of another cost, of other data or by other versions.
    NoOptimum
        If the search came to where the cost, its gradient or its curvature is not finite.
    Stopped
        When `stop` asked for it.
    """
    from scipy.optimize import minimize as solve  # slow to import

    choose("method", method, METHODS)
    finite_number("tolerance", tolerance, above=0)
    whole_number("iterations", iterations, 1)
    from graphs.functions import Objective

    if not isinstance(objective, Objective):
        raise InputError("objective", found=quoted(objective), allowed="what compile_objective returns")
    begin = _beginning(objective, start)
    asked = _Asked(begin, search, checkpoint, checkpoint_every, listener, stop)

    def cost(point: Array) -> tuple[float, Array]:
        found = asked("cost", point, lambda: np.append(*objective.cost(point, *data)), 1 + len(point))
        return float(found[0]), found[1:].copy()

    def curvature(point: Array, direction: Array) -> Array:
        both = np.append(point, direction)
        computed = partial(objective.curvature, point, direction, *data)
        bent = asked("curvature", both, computed, len(point)).copy()
        if not np.isfinite(bent).all():
            raise _not_finite("curvature")
        return bent

    how: dict[str, Any] = {"method": "trust-ncg", "hessp": curvature, "options": {"gtol": tolerance}}
    if method == "lbfgs":
        # As far as the gradient says, not the cost, whose last digits say nothing any more.
        limits = {"gtol": tolerance, "ftol": 0.0, "maxfun": MOST_EVALUATIONS, "maxcor": 10}
        how = {"method": "L-BFGS-B", "options": limits}
    how["options"]["maxiter"] = iterations
    with _told_as_ours(), np.errstate(all="ignore"):  # a step too long is taken back
        solved = solve(cost, begin, jac=True, **how)
    asked.end()
    last, gradient = float(solved.fun), np.asarray(solved.jac)  # where it ended, without asking once more
    if not (np.isfinite(last) and np.isfinite(gradient).all()):
        raise _not_finite("cost or its gradient")
    reached = bool(np.abs(gradient).max(initial=0.0) <= tolerance)
    said = str(solved.message).strip()
    return _solution(objective, solved.x, last, gradient, asked, int(solved.nit), reached, said)


def least_squares(
    problem: Residuals,
    data: Sequence[Any],
    *,
    tolerance: float = 1e-12,
    iterations: int = 1000,
    least: Sequence[float] | None = None,
    start: Array | None = None,
    search: Search | None = None,
    checkpoint: Callable[[Search], None] | None = None,
    checkpoint_every: int = 100,
    listener: Listener | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Solution:
    """Minimise the sum of squared residuals by SciPy's ``least_squares``, with the symbolic Jacobian.

    By a trust region that keeps within bounds (Branch, Coleman and Li, 1999).

    Parameters
    ----------
    problem : Residuals
        As :func:`graphs.functions.compile_residuals` makes them.
    data : sequence of ndarray
        Its inputs.
    tolerance : float
        Relative change of the cost, of the parameters, and size of the scaled gradient, at which it has converged.
    iterations : int
        At most so many, at least 1.
    least : sequence of float, optional
        What each parameter must stay above; ``-inf`` for one that may be any number.
    start, search, checkpoint, checkpoint_every, listener, stop
        As for :func:`minimize`.

    Raises
    ------
    InputError
        If an argument is not one of these; if there are fewer residuals than parameters; if one is not finite where
        the search begins.
    NoOptimum
        If the search came to where the Jacobian is not finite.
    Stopped
        When `stop` asked for it.
    """
    from scipy.optimize import least_squares as solve  # slow to import

    finite_number("tolerance", tolerance, above=0)
    whole_number("iterations", iterations, 1)
    from graphs.functions import Residuals

    if not isinstance(problem, Residuals):
        raise InputError("problem", found=quoted(problem), allowed="what compile_residuals returns")
    begin = _beginning(problem, start)
    lower = np.full(begin.shape, -np.inf)
    if least is not None:
        lower = real_numbers("least", least, begin.shape, dtype=float, finite=False)
        if not (begin > lower).all():
            place = int((~(begin > lower)).argmax())
            name = np.repeat(problem.names, [int(np.prod(shape)) for shape in problem.shapes])[place]
            found = f"{name} = {begin[place]:g}"
            raise InputError("start", found=found, allowed=f"a number above {lower[place]:g}")
    asked = _Asked(begin, search, checkpoint, checkpoint_every, listener, stop)

    def residuals(point: Array) -> Array:
        return asked("residuals", point, lambda: problem.residuals(point, *data), asked.samples).copy()

    def jacobian(point: Array) -> Array:
        entries = asked.samples and asked.samples * len(begin)
        found = asked("jacobian", point, lambda: problem.jacobian(point, *data).ravel(), entries)
        if not np.isfinite(found).all():
            raise _not_finite("Jacobian")
        return found.reshape(-1, len(begin)).copy()

    with _told_as_ours(), np.errstate(all="ignore"):
        first = residuals(begin)
        asked.samples = len(first)
        if len(first) < len(begin):
            found = f"{len(first)} points for {len(begin)} parameters"
            raise InputError("data", found=found, allowed=f"at least {len(begin)} points")
        if not np.isfinite(first).all():
            place = int((~np.isfinite(first)).argmax())
            found = f"parameters at which residual {place} is {first[place]}"
            raise InputError("start", found=found, allowed="parameters at which every residual is finite")
        solved = solve(
            residuals,
            begin,
            jacobian,
            bounds=(lower, np.inf),
            x_scale="jac",
            ftol=tolerance,
            xtol=tolerance,
            gtol=tolerance,
            max_nfev=iterations,
        )
    asked.end()
    samples = len(solved.fun)
    with np.errstate(all="ignore"):
        gradient = 2 * solved.jac.T @ solved.fun / samples
        cost = float(solved.fun @ solved.fun) / samples
    if not np.isfinite(cost):
        raise _not_finite("sum of squares")
    message = str(solved.message).strip()
    return _solution(
        problem, solved.x, cost, gradient, asked, int(solved.njev), bool(solved.success), message
    )


def _beginning(of: Objective | Residuals, start: Array | None) -> Array:
    return of.start if start is None else real_numbers("start", start, of.start.shape, dtype=float)


@contextmanager
def _told_as_ours() -> Iterator[None]:
    """What SciPy cannot compute with, such as squares that overflow, is no optimum either."""
    try:
        yield
    except InputError:
        raise
    except (ValueError, np.linalg.LinAlgError) as error:
        raise NoOptimum(f"the search broke off: {plain(error)}") from error


def _not_finite(what: str) -> NoOptimum:
    return NoOptimum(
        f"the search came to a point at which the {what} is not finite; write the cost in a form that is finite everywhere"
    )


def _solution(
    of: Objective | Residuals,
    point: Array,
    cost: float,
    gradient: Array,
    asked: _Asked,
    iterations: int,
    converged: bool,
    said: str,
) -> Solution:
    parameters = {name: value.copy() for name, value in of.parameters(point).items()}
    return Solution(point, parameters, cost, _norm(gradient), asked.search.step, iterations, converged, said)


class _Asked:
    """Answers what a solver asks: from the search so far where that knows it, else anew, and keeps it there."""

    def __init__(
        self,
        start: Array,
        search: Search | None,
        checkpoint: Callable[[Search], None] | None,
        checkpoint_every: int,
        listener: Listener | None,
        stop: Callable[[], bool],
    ) -> None:
        self.every = whole_number("checkpoint_every", checkpoint_every, 1)
        call_back("stop", stop)
        if checkpoint is not None:
            call_back("checkpoint", checkpoint)
        if listener is not None:
            call_back("listener", listener, "progress")
        if search is not None and not (isinstance(search, Search) and np.array_equal(search.start, start)):
            raise self._other("one that began elsewhere")
        self.search = Search(start) if search is None else search
        self.checkpoint, self.listener, self.stop = checkpoint, listener, stop
        self.position = 0  # in the search: what is known before it has been asked for again
        self.samples: int | None = None  # of residuals, as soon as it is known

    def __call__(self, kind: str, point: Array, compute: Callable[[], Array], numbers: int | None) -> Array:
        """The answer, which holds so many `numbers`."""
        search = self.search
        if self.position < search.step:
            if search.kinds[self.position] != kind or not np.array_equal(search.asked[self.position], point):
                raise self._other(f"one that asked for something else at evaluation {self.position + 1}")
        else:
            if self.stop():
                self.end()
                raise Stopped(search, "evaluation")
            search.answered.append(np.asarray(compute(), dtype="float64"))
            search.kinds.append(kind)
            search.asked.append(np.array(point, dtype="float64"))
            if search.step % self.every == 0:
                self.end()
            if self.listener:
                self.listener.progress(search.step, search.step)
        self.position += 1
        answer = search.answered[self.position - 1]
        if numbers is not None and answer.shape != (numbers,):
            raise self._other(f"one with {answer.size} numbers for evaluation {self.position}")
        return answer

    def end(self) -> None:
        """Keep the search as it is now."""
        if self.checkpoint:
            self.checkpoint(self.search)

    @staticmethod
    def _other(found: str) -> InputError:
        allowed = "the search of the same cost, data and versions, on the same machine"
        return InputError("search", found=found, allowed=allowed, remedy="begin anew")
