"""A fit of our classifier, or of scikit-learn's, and the cost that it reached: what a worker is asked by the benchmark.

Only what the one at hand needs is imported, see :mod:`graphs.peers.worker`; the cost is computed by NumPy, here, for
all of them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from graphs.memory import aligned_copy

__all__ = ["FITTERS", "Fitter", "cost", "fit", "write_samples"]

Array = NDArray[Any]
ITERATIONS = 10_000


class Fitter(NamedTuple):
    """A way to fit logistic regression."""

    title: str
    solver: str
    ours: bool = False
    steady: bool = True  # whether it gets as near the optimum as one likes in a few iterations
    requires: tuple[str, ...] = ("sklearn",)


#: What is timed. liblinear is not among them: it penalises the bias, and so looks for another optimum.
FITTERS = {
    "lbfgs": Fitter("LogisticClassifier lbfgs", "lbfgs", ours=True),
    "newton": Fitter("LogisticClassifier newton", "newton", ours=True),
    "sklearn-lbfgs": Fitter("scikit-learn lbfgs", "lbfgs"),
    "sklearn-newton-cg": Fitter("scikit-learn newton-cg", "newton-cg"),
    "sklearn-newton-cholesky": Fitter("scikit-learn newton-cholesky", "newton-cholesky"),
    "sklearn-sag": Fitter("scikit-learn sag", "sag", steady=False),
    "sklearn-saga": Fitter("scikit-learn saga", "saga", steady=False),
}


def write_samples(folder: Path, x: Array, y: Array) -> None:
    """Put samples where workers can read them: plain arrays, nothing pickled."""
    for name, array in (("x", x), ("y", y)):
        np.save(folder / f"{name}.npy", array, allow_pickle=False)


@cache
def _samples(folder: Path) -> tuple[Array, Array]:
    x, y = (np.load(folder / f"{name}.npy", allow_pickle=False) for name in "xy")
    return aligned_copy(x), y


@cache
def _imported(ours: bool) -> tuple[Any, float]:
    """The class of an estimator, and the seconds that it took to import it."""
    start = perf_counter()
    if ours:
        from graphs.estimators import LogisticClassifier

        return LogisticClassifier, perf_counter() - start
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression, perf_counter() - start


def fit(folder: Path, name: str, weight_decay: float, tolerance: float, seconds: float) -> dict[str, Any]:
    """Fit anew, from zero, for so many seconds and at least once: seconds of one fit, and where the last led."""
    fitter, (x, y) = FITTERS[name], _samples(folder)
    kind, importing = _imported(fitter.ours)
    settings: dict[str, Any] = {"solver": fitter.solver, "max_iter": ITERATIONS, "random_state": 0}
    if fitter.ours:
        settings |= {"weight_decay": weight_decay, "tolerance": tolerance}
    else:
        settings |= {"C": 1 / (2 * weight_decay * len(y)), "tol": tolerance}
    start, fits = perf_counter(), 0
    while not fits or perf_counter() - start < seconds:
        found = kind(**settings).fit(x, y)
        fits += 1
    return {
        "import": importing,
        "seconds": (perf_counter() - start) / fits,
        "fits": fits,
        "cost": cost(x, y, found.coef_, found.intercept_, weight_decay),
        "iterations": int(np.max(found.n_iter_)),
    }


def cost(x: Array, y: Array, coef: Array, intercept: Array, weight_decay: float) -> float:
    """Mean cross-entropy and the penalty λ·Σw², for labels 0 … K−1 and coefficients as scikit-learn has them."""
    z = x @ coef.T + intercept
    if len(coef) == 1:
        xent = np.logaddexp(0, np.where(y == 1, -z[:, 0], z[:, 0]))
    else:
        largest = z.max(axis=1, keepdims=True)
        total = np.log(np.exp(z - largest).sum(axis=1)) + largest[:, 0]
        xent = total - z[np.arange(len(y)), y]
    return float(xent.mean() + weight_decay * (coef**2).sum())
