"""scikit-learn's interface: samples and labels of any kind → a classifier that can be cloned, searched over and kept.

The cost is that of the models, each sample with a weight of its own. What is compiled belongs to the process and not
to an estimator, which holds numbers only: one function serves every fit of its kind, whatever the shapes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytensor.tensor as pt
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_expit, log_softmax, softmax

from graphs.data import MissingScikitLearn, real_numbers, rounded
from graphs.derivatives import gradients
from graphs.errors import InputError, choose, finite_number, whole_number
from graphs.foreign import quoted
from graphs.fork import open_lock
from graphs.functions import Objective, compile_objective, compile_outputs, resolve_mode
from graphs.models.logistic import logistic_graph
from graphs.models.softmax import softmax_graph
from graphs.native.run.function import NativeFunction
from graphs.solving import METHODS, minimize
from graphs.training import Batches
from graphs.updates import RULES

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils import check_random_state
    from sklearn.utils.metaestimators import available_if
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as absent:
    raise MissingScikitLearn from absent

__all__ = ["SOLVERS", "LogisticClassifier"]

Array = NDArray[Any]

#: How a classifier can be trained: by a solver, or by the steps of a rule.
SOLVERS = (*METHODS, *RULES)
#: What a rule steps with where no learning rate is given.
RATES = {
    "gradient-descent": 0.1,
    "momentum": 0.1,
    "nesterov": 0.1,
    "rmsprop": 0.01,
    "adam": 0.01,
    "adamw": 0.01,
}
GREATEST_SEED = 2**32 - 1


def _takes_steps(estimator: Any) -> bool:
    """Whether its solver is a rule, which can go on with other samples."""
    if estimator.solver in METHODS:
        raise AttributeError(f"partial_fit: the solver {estimator.solver} looks at all samples at once")
    return True


class LogisticClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Logistic regression, and softmax regression where there are more than two classes.

    The cost is Σ sᵢ·xentᵢ/Σ sᵢ + λ·Σw², the mean cross-entropy by the weights of the samples and a penalty; the bias
    is not penalised. scikit-learn's ``LogisticRegression`` has the same optimum with C = 1/(2·λ·Σ sᵢ), where Σ sᵢ is
    the number of samples if they have no weights.

    Parameters
    ----------
    weight_decay : float
        λ, at least 0.
    solver : str
        ``lbfgs`` or ``newton`` (see :data:`graphs.solving.METHODS`), or a rule of :data:`graphs.updates.RULES`:
        ``gradient-descent``, ``momentum``, ``nesterov``, ``rmsprop``, ``adam``, ``adamw``. The last one shrinks the
        weights beside Adam's step and so does not end at this cost's optimum: it goes on to `max_iter`.
    learning_rate : float, optional
        η of a rule, above 0; default: 0.1, and 0.01 for those that divide by the gradient's size.
    batch_size : int, optional
        Samples of a step; default: all of them.
    tolerance : float
        Of the gradient's largest entry (of ``newton``: its length), at which training has converged; above 0. A solver
        gets no further than to where the cost's last digit does not change any more, at some 1e-8 (float32: 1e-4).
    max_iter : int
        Iterations of a solver, passes of a rule, at most; at least 1.
    warm_start : bool
        Whether a fit begins at the parameters of the last one, and not at zero.
    class_weight : dict or "balanced", optional
        A factor for the weight of every sample of a class, 1 where none is named; or such that all classes weigh the
        same.
    random_state : int, RandomState or None
        Of the order of the samples in mini-batches.
    mode : str
        PyTensor mode, see :func:`graphs.resolve_mode`.

    Attributes
    ----------
    classes_ : ndarray, shape (K,)
    coef_ : ndarray, shape (1, features) for two classes, else (K, features)
    intercept_ : ndarray, shape (1,) or (K,)
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where the columns had names.
    n_iter_ : int
        Iterations or passes made.
    solver_state_ : dict of ndarray
        What a rule remembers from step to step, with which `partial_fit` goes on.

    Notes
    -----
    Samples in float32 are trained on in float32, and so are the parameters; all others in float64. Sparse samples are
    refused. Two classes have one vector of weights, more have one each. A weight of 2 is as good as the sample twice,
    but for mini-batches, where the order differs.
    """

    def __init__(
        self,
        *,
        weight_decay: float = 0.01,
        solver: str = "lbfgs",
        learning_rate: float | None = None,
        batch_size: int | None = None,
        tolerance: float = 1e-4,
        max_iter: int = 1000,
        warm_start: bool = False,
        class_weight: Mapping[Any, float] | str | None = None,
        random_state: Any = None,
        mode: str = "NATIVE",
    ) -> None:
        self.weight_decay = weight_decay
        self.solver = solver
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.tolerance = tolerance
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.class_weight = class_weight
        self.random_state = random_state
        self.mode = mode

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> LogisticClassifier:
        """Train on all samples.

        Parameters
        ----------
        X : array_like, shape (samples, features)
        y : array_like, shape (samples,)
            Labels of at least two classes, of any kind.
        sample_weight : array_like, optional
            A weight of each sample, at least 0 and some above; default: 1.

        Returns
        -------
        LogisticClassifier
            This one.

        Raises
        ------
        InputError
            If an argument is not one of the above, or a parameter none of those of the class.

        Warns
        -----
        ConvergenceWarning
            Where training ended before the gradient was within the tolerance.
        """
        self._check()
        x, y = validate_data(self, X, y, dtype=[np.float64, np.float32], order="C")
        check_classification_targets(y)
        classes, labels = np.unique(y, return_inverse=True)
        start = self._start(classes, x.shape[1], x.dtype)
        samples = self._weighted(x, labels, classes, sample_weight)
        self.classes_ = classes
        if self.solver in METHODS:
            self._solve(samples, start)
        else:
            self._descend(samples, start)
        return self

    @available_if(_takes_steps)  # type: ignore[untyped-decorator]  # likewise
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> LogisticClassifier:
        """Go on for one pass over these samples, with what the rule remembers of those before.

        There is no such method where the solver is none that takes steps.

        Parameters
        ----------
        X, y, sample_weight
            As for :meth:`fit`; the weights of one pass count among themselves.
        classes : array_like
            All classes that there will be; needed in the first call, unless `fit` came before.

        Raises
        ------
        InputError
            Likewise; or if `y` holds another class, or `classes` are others than before.
        """
        self._check()
        if self.class_weight == "balanced":
            raise InputError(
                "class_weight",
                found="'balanced' for partial_fit, which does not see all samples",
                allowed="a dict, or None",
            )
        first = not hasattr(self, "coef_")
        known = self._known_classes(classes)
        x, y = validate_data(self, X, y, dtype=[np.float64, np.float32], order="C", reset=first)
        check_classification_targets(y)
        labels = np.searchsorted(known, y).clip(max=len(known) - 1)
        strange = np.asarray(y)[known[labels] != y].tolist()
        if strange:
            allowed = f"one of the classes, {quoted(known.tolist())}"
            raise InputError("y", found=quoted(strange[0]), allowed=allowed)
        if not first:
            x = x.astype(self.coef_.dtype, copy=False)
        start = self._present() if not first else self._zeros(len(known), x.shape[1], x.dtype)
        samples = self._weighted(x, labels, known, sample_weight)
        self.classes_ = known
        stepper = _stepper(samples.several, str(x.dtype), self.mode, self.solver)
        state = stepper.state(start, getattr(self, "solver_state_", None))
        passed = getattr(self, "n_iter_", 0)
        state, _ = self._pass(stepper, samples, state, passed, self._seed())
        self.n_iter_ = passed + 1
        self._keep(state["w"], state["b"])
        self.solver_state_ = {name: state[name] for name in state if name not in ("w", "b")}
        return self

    def decision_function(self, X: ArrayLike) -> Array:
        """Logits: of the second class, shape (samples,); where there are more, of each, shape (samples, K)."""
        check_is_fitted(self)
        x = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        logits: Array = x @ self.coef_.T + self.intercept_
        return logits if len(self.classes_) > 2 else logits[:, 0]

    def predict(self, X: ArrayLike) -> Array:
        """The likeliest class of each sample, shape (samples,)."""
        logits = self.decision_function(X)
        likeliest = logits.argmax(axis=1) if logits.ndim == 2 else (logits > 0).astype(np.intp)
        found: Array = self.classes_[likeliest]
        return found

    def predict_proba(self, X: ArrayLike) -> Array:
        """Probabilities of the classes, shape (samples, K)."""
        z = self.decision_function(X)
        p: Array = softmax(z, axis=1) if z.ndim == 2 else np.stack([expit(-z), expit(z)], axis=1)
        return p

    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Their logarithms, which stay finite where a probability is rounded to 0."""
        z = self.decision_function(X)
        both: Array = (
            log_softmax(z, axis=1) if z.ndim == 2 else np.stack([log_expit(-z), log_expit(z)], axis=1)
        )
        return both

    def _check(self) -> None:
        """Refuse parameters that are none; scikit-learn wants them as they were given until now."""
        finite_number("weight_decay", self.weight_decay, least=0)
        choose("solver", self.solver, SOLVERS)
        if self.learning_rate is not None:
            finite_number("learning_rate", self.learning_rate, above=0)
        if self.batch_size is not None:
            whole_number("batch_size", self.batch_size, 1)
        finite_number("tolerance", self.tolerance, above=0)
        whole_number("max_iter", self.max_iter, 1)
        if not isinstance(self.warm_start, bool | np.bool_):
            raise InputError("warm_start", found=quoted(self.warm_start), allowed="True, False")
        named = isinstance(self.class_weight, str) and self.class_weight == "balanced"
        if not (self.class_weight is None or named or isinstance(self.class_weight, Mapping)):
            found = quoted(self.class_weight)
            raise InputError("class_weight", found=found, allowed="'balanced', a dict, None")
        if not isinstance(self.mode, str):
            raise InputError("mode", found=quoted(self.mode), allowed="the name of a mode")
        resolve_mode(self.mode)

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(GREATEST_SEED, dtype=np.uint32))

    def _known_classes(self, classes: ArrayLike | None) -> Array:
        """The classes of `partial_fit`, sorted: those of the calls before, or as given in the first."""
        given: Any = None if classes is None else np.unique(np.asarray(classes))
        before: Any = getattr(self, "classes_", None)
        if given is None and before is None:
            raise InputError("classes", found="none", allowed="all classes, in the first call of partial_fit")
        if given is not None and before is not None and not np.array_equal(given, before):
            allowed = f"those of the calls before, {quoted(before.tolist())}"
            raise InputError("classes", found=quoted(given.tolist()), allowed=allowed)
        known: Array = given if before is None else before
        _at_least_two("classes", known)
        return known

    def _zeros(self, classes: int, features: int, dtype: Any) -> tuple[Array, Array]:
        several = (classes,) if classes > 2 else ()
        return np.zeros((features, *several), dtype), np.zeros(several, dtype)

    def _present(self) -> tuple[Array, Array]:
        """w and b of the models, as they were found."""
        if len(self.classes_) > 2:
            return np.ascontiguousarray(self.coef_.T), self.intercept_.copy()
        return self.coef_[0].copy(), self.intercept_[0, ...].copy()

    def _keep(self, w: Array, b: Array) -> None:
        self.coef_ = np.ascontiguousarray(np.atleast_2d(w.T))
        self.intercept_ = np.array(np.atleast_1d(b))

    def _start(self, classes: Array, features: int, dtype: Any) -> tuple[Array, Array]:
        """Where a fit begins: at zero, or warm."""
        _at_least_two("y", classes)
        if not self.warm_start or not hasattr(self, "coef_"):
            return self._zeros(len(classes), features, dtype)
        w, b = self._present()
        if not np.array_equal(classes, self.classes_) or len(w) != features:
            raise InputError(
                "warm_start",
                found=f"{len(classes)} classes and {features} features after a fit of {len(self.classes_)} and {len(w)}",
                allowed="the same classes and features as before",
                remedy="take a new classifier, or warm_start=False",
            )
        return w.astype(dtype, copy=False), b.astype(dtype, copy=False)

    def _weighted(self, x: Array, labels: Array, classes: Array, sample_weight: ArrayLike | None) -> _Samples:
        """The samples that count, and each one's share of the whole."""
        weights = np.ones(len(x))
        if sample_weight is not None:
            weights = real_numbers("sample_weight", sample_weight, (len(x),), dtype=float)
            if (weights < 0).any():
                found = f"{weights.min():g}, a negative one"
                raise InputError("sample_weight", found=found, allowed="numbers ≥ 0")
            if not weights.any():
                raise InputError(
                    "sample_weight", found="zero for every sample", allowed="at least one above zero"
                )
        if self.class_weight is not None:
            weights = weights * self._class_factors(labels, weights, classes)[labels]
        counts = weights > 0
        if not counts.all():  # as if they were not there, in mini-batches too
            x, labels, weights = x[counts], labels[counts], weights[counts]
        if not len(x):
            raise InputError("class_weight", found="zero for every sample's class", allowed="some above zero")
        decay = rounded("weight_decay", float(self.weight_decay), str(x.dtype))
        several = len(classes) > 2
        y = labels.astype(np.int64 if several else x.dtype)
        return _Samples(x, y, weights / weights.sum(), decay, several)

    def _class_factors(self, labels: Array, weights: Array, classes: Array) -> Array:
        if not isinstance(self.class_weight, Mapping):
            held = np.bincount(labels, weights, len(classes))
            even: Array = np.full(len(classes), weights.sum() / len(classes))
            return np.divide(even, held, out=np.ones(len(classes)), where=held > 0)
        factors: Array = np.ones(len(classes))
        for name, factor in self.class_weight.items():
            place = np.flatnonzero(classes == name)
            if not place.size:
                raise InputError(
                    "class_weight",
                    found=f"a weight of {quoted(name)}",
                    allowed=f"weights of the classes, {quoted(classes.tolist())}",
                )
            factors[place] = finite_number(f"class_weight[{quoted(name)}]", factor, least=0)
        return factors

    def _solve(self, samples: _Samples, start: tuple[Array, Array]) -> None:
        objective = _objective(samples.several, str(samples.x.dtype), self.mode).beginning(start)
        found = minimize(
            objective,
            samples.data(),
            method=self.solver,
            tolerance=float(self.tolerance),
            iterations=int(self.max_iter),
        )
        self.n_iter_ = found.iterations
        self.__dict__.pop("solver_state_", None)  # of a rule, in a fit before this one
        dtype = samples.x.dtype
        self._keep(found.parameters["w"].astype(dtype), found.parameters["b"].astype(dtype))
        # Where the gradient is as small as that, a step changes the cost by less than its last digit: no solver sees more.
        seen = np.sqrt(np.finfo(dtype).eps) * max(1.0, abs(found.cost))
        ended = found.iterations < self.max_iter and found.gradient_norm <= seen
        if not (found.converged or ended):
            self._warn(found.said.rstrip(".:"))

    def _descend(self, samples: _Samples, start: tuple[Array, Array]) -> None:
        """Passes of the rule's steps, until the gradient has all but vanished."""
        dtype = str(samples.x.dtype)
        stepper = _stepper(samples.several, dtype, self.mode, self.solver)
        state, seed = stepper.state(start, None), self._seed()
        whole = self.batch_size is None or self.batch_size >= len(samples.x)
        objective = None if whole else _objective(samples.several, dtype, self.mode).beginning(start)
        for passed in range(self.max_iter):
            state, slope = self._pass(stepper, samples, state, passed, seed)
            self.n_iter_ = passed + 1
            if objective is not None:  # the gradient of a part is not that of the whole
                _, *slopes = objective.function(state["w"], state["b"], *samples.data())
                slope = max(float(np.abs(each).max()) for each in slopes)
            if slope <= self.tolerance or not np.isfinite(slope):
                break
        self._keep(state["w"], state["b"])
        self.solver_state_ = {name: state[name] for name in state if name not in ("w", "b")}
        if not slope <= self.tolerance:
            self._warn(f"the gradient's largest entry is {slope:.2g}")

    def _pass(
        self, stepper: _Stepper, samples: _Samples, state: dict[str, Array], passed: int, seed: int
    ) -> tuple[dict[str, Array], float]:
        """One pass over the samples: the state after it, and the largest entry of the last gradient."""
        rate = RATES[self.solver] if self.learning_rate is None else float(self.learning_rate)
        count = len(samples.x)
        if self.batch_size is None or self.batch_size >= count:
            return stepper.step(state, samples, rate)
        batches = Batches(int(self.batch_size), seed)
        slope, first = np.inf, passed * batches.per_pass(count)
        for step in range(first, first + batches.per_pass(count)):
            state, slope = stepper.step(state, samples.some(batches.rows(step, count)), rate)
        return state, slope

    def _warn(self, said: str) -> None:
        warnings.warn(
            f"{self.solver} ended after {self.n_iter_} iterations without reaching the tolerance of "
            f"{self.tolerance:g}: {said}. More of them (max_iter), a larger tolerance, or features of one scale help.",
            ConvergenceWarning,
            stacklevel=4,
        )


def _at_least_two(argument: str, classes: Array) -> None:
    if len(classes) < 2:
        raise InputError(argument, found=f"{len(classes)} class", allowed="at least 2 classes")


@dataclass(frozen=True)
class _Samples:
    """What a cost is computed of."""

    x: Array
    y: Array  # 0 and 1 of the dtype of x, or labels as int64
    shares: NDArray[np.float64]  # of each sample in the whole; their sum is 1
    decay: Array  # λ, in the dtype of x
    several: bool  # whether there are more than two classes

    def data(self) -> tuple[Array, ...]:
        """As the functions take it."""
        return self.x, self.y, self.shares.astype(self.x.dtype, copy=False), self.decay

    def some(self, rows: Array) -> _Samples:
        """A mini-batch of them, whose mean gradient over a pass is that of all."""
        shares = self.shares[rows] * (len(self.x) / len(rows))
        return _Samples(self.x[rows], self.y[rows], shares, self.decay, self.several)


@dataclass(frozen=True)
class _Stepper:
    """A rule as a function of the state alone, so that any number of fits may use it at once."""

    names: tuple[str, ...]  # of the state, as the function takes and returns it
    empty: tuple[Array, ...]  # the state before the first step of a model with one feature
    function: Callable[..., list[Array]]

    def state(self, start: tuple[Array, Array], before: Mapping[str, Array] | None) -> dict[str, Array]:
        """The state that begins with these parameters, going on with what the rule remembers of before."""
        w, b = start
        made = {"w": w, "b": b}
        for name, empty in zip(self.names, self.empty, strict=True):
            if name in made:
                continue
            if before is None:
                # what is remembered of a parameter has its name behind a letter
                like = made.get(name[1:])
                made[name] = empty.copy() if like is None else np.zeros_like(like)
            elif name in before:
                made[name] = before[name]
        if len(made) != len(self.names) or (before is not None and len(before) != len(made) - 2):
            raise InputError(
                "solver",
                found="another rule than in the calls before, which remembers other things",
                allowed="the same",
                remedy="call fit, or take a new classifier",
            )
        return made

    def step(
        self, state: Mapping[str, Array], samples: _Samples, rate: float
    ) -> tuple[dict[str, Array], float]:
        """The state after a step, and the largest entry of the gradient before it."""
        given = [state[name] for name in self.names]
        *new, of_w, of_b = self.function(*given, *samples.data(), rate)
        slope = max(float(np.abs(of_w).max()), float(np.abs(of_b).max()))
        return dict(zip(self.names, new, strict=True)), slope


@dataclass(frozen=True)
class _Cost:
    """The symbols of a cost, whose weights and penalty are inputs too."""

    w: Any
    b: Any
    loss: Any  # Σ sᵢ·xentᵢ
    penalty: Any  # λ·Σw²
    inputs: tuple[Any, ...]  # x, y, the shares s, λ
    decay: Any


def _cost(several: bool, dtype: str) -> _Cost:
    """Of models with one feature; the same symbols are those of any number, and of any number of classes."""
    graph: Any
    if several:
        graph = softmax_graph(np.zeros((1, 3)), np.zeros(3), dtype=dtype)
    else:
        graph = logistic_graph(np.zeros(1), formula="logits", dtype=dtype)
    shares, decay = pt.vector("s", dtype=dtype), pt.scalar("weight_decay", dtype=dtype)
    loss, penalty = (shares * graph.xent).sum(), decay * (graph.w**2).sum()
    return _Cost(graph.w, graph.b, loss, penalty, (graph.x, graph.y, shares, decay), decay)


_compiling = open_lock()  # PyTensor builds one function at a time


def _objective(several: bool, dtype: str, mode: str) -> Objective:
    with _compiling:
        return _compiled_objective(several, dtype, mode)


def _stepper(several: bool, dtype: str, mode: str, rule: str) -> _Stepper:
    with _compiling:
        return _compiled_stepper(several, dtype, mode, rule)


@cache
def _compiled_objective(several: bool, dtype: str, mode: str) -> Objective:
    cost = _cost(several, dtype)
    made = compile_objective(cost.loss + cost.penalty, [cost.w, cost.b], cost.inputs, mode)
    along = _one_at_a_time(made.along, _compiling)  # compiled by its first call
    return replace(made, function=_one_at_a_time(made.function), along=along)


@cache
def _compiled_stepper(several: bool, dtype: str, mode: str, rule: str) -> _Stepper:
    cost = _cost(several, dtype)
    rate = pt.scalar("learning_rate", dtype="float64")
    parameters, beside = [cost.w, cost.b], rule == "adamw"
    followed = gradients(cost.loss if beside else cost.loss + cost.penalty, parameters)
    # λ is an input here, and adamw takes a number: so its shrinking stands beside Adam's step, of the weights alone.
    pairs = RULES["adam" if beside else rule](followed, parameters, lambda taken: rate)
    if beside:
        shrunk = rate.astype(dtype) * gradients(cost.penalty, [cost.w])[0]
        pairs = [(shared, new - shrunk if shared is cost.w else new) for shared, new in pairs]
    state = [shared for shared, _ in pairs]
    function = compile_outputs([*state, *cost.inputs, rate], [*(new for _, new in pairs), *followed], mode)
    names = tuple(shared.name for shared in state)
    empty = tuple(np.array(shared.get_value(borrow=True)) for shared in state)
    return _Stepper(names, empty, _one_at_a_time(function))


def _one_at_a_time(function: Any, lock: Any = None) -> Any:
    """The function, for any number of threads: a native one is; PyTensor's own keep their inputs where all see them."""
    if isinstance(function, NativeFunction):
        return function
    lock = lock or open_lock()

    def call(*given: Any) -> Any:
        with lock:
            return function(*given)

    return call
