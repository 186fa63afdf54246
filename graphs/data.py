"""Names → arrays: every data set with its source and the order in which it was drawn."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphs.errors import InputError, choose, whole_number
from graphs.memory import aligned_copy

__all__ = ["DTYPES", "Dataset", "load"]

DTYPES = ("float64", "float32")
UNSEEN_SAMPLES = 30


@dataclass(frozen=True)
class Dataset:
    """Samples, targets and where both came from."""

    name: str  # of the data set, or the file's
    x: NDArray[Any]  # shape (samples, features), float32 or float64: one sample per row
    y: NDArray[np.int64]  # shape (samples,): targets, 0 or 1
    initial_w: NDArray[Any]  # shape (features,), dtype of x: weights to begin from
    initial_b: float = 0.0  # bias to begin from
    #: Inputs kept out of training, shape (unseen samples, features), where the data set has some.
    unseen_x: NDArray[Any] | None = None
    source: str = ""  # where the numbers come from, in one line
    draw_order: tuple[str, ...] = ()  # what was drawn from the random stream, in order


def load(
    name: str = "random",
    *,
    seed: int = 0,
    samples: int = 400,
    features: int = 784,
    dtype: str = "float64",
) -> Dataset:
    """Return a data set by name.

    ``random`` is the original's: NumPy's legacy stream ``RandomState(seed)``, drawn in the order
    ``randn(samples, features)``, ``randint(0, 2, samples)``, ``randn(features)`` for the initial
    weights, ``randn(30, features)`` for the unseen inputs. Seeding ``numpy.random`` and running
    the original program gives the same numbers.

    ``plane``, ``hours`` and ``four-rows`` are small and fixed; they take no seed and no size.

    Parameters
    ----------
    name : {"random", "plane", "hours", "four-rows"}
    seed : int
        Seed of the stream, from 0 to 2³² − 1.
    samples, features : int
        Shape of the inputs, each at least 1.
    dtype : {"float64", "float32"}
        Drawn in float64, then rounded once.

    Raises
    ------
    InputError
        If an argument is not one of the above.
    """
    choose("dataset", name, ("random", *_FIXED))
    choose("dtype", dtype, DTYPES)
    whole_number("seed", seed, 0, 2**32 - 1)
    whole_number("samples", samples, 1)
    whole_number("features", features, 1)
    _fits_in_memory(samples, features)
    if name == "random":
        return _random(seed, samples, features, np.dtype(dtype))
    asked = (seed, samples, features)
    if asked != (0, 400, 784):
        raise InputError(
            "seed, samples, features",
            found=", ".join(map(str, asked)),
            allowed=f"none of them: the data set {name} is fixed",
        )
    return _FIXED[name](np.dtype(dtype))


def _random(seed: int, samples: int, features: int, dtype: np.dtype[Any]) -> Dataset:
    stream = np.random.RandomState(seed)
    x = stream.randn(samples, features)
    y = stream.randint(size=samples, low=0, high=2)
    initial_w = stream.randn(features)
    unseen_x = stream.randn(UNSEEN_SAMPLES, features)
    return Dataset(
        name="random",
        x=aligned_copy(x, dtype),
        y=y.astype(np.int64, copy=False),
        initial_w=aligned_copy(initial_w, dtype),
        unseen_x=unseen_x.astype(dtype, copy=False),
        source=f"numpy.random.RandomState({seed})",
        draw_order=(
            f"x = randn({samples}, {features})",
            f"y = randint(size={samples}, low=0, high=2)",
            f"initial w = randn({features})",
            f"unseen x = randn({UNSEEN_SAMPLES}, {features})",
        ),
    )


def _plane(dtype: np.dtype[Any]) -> Dataset:
    """θ = (1, 2, 3) and noise of 0.2 decide the label; the first number of θ is the bias."""
    stream = np.random.RandomState(42)
    x = stream.randn(100, 2)
    y = 1 + x @ (2, 3) + 0.2 * stream.randn(100) > 0
    return Dataset(
        name="plane",
        x=x.astype(dtype, copy=False),
        y=y.astype(np.int64),
        initial_w=np.zeros(2, dtype),
        source="numpy.random.RandomState(42)",
        draw_order=("x = randn(100, 2)", "noise = randn(100)"),
    )


def _hours(dtype: np.dtype[Any]) -> Dataset:
    """Hours studied before an exam, and whether it was passed; 4 hours are to be judged."""
    return Dataset(
        name="hours",
        x=np.array([[1], [2], [3]], dtype),
        y=np.array([0, 0, 1]),
        initial_w=np.zeros(1, dtype),
        unseen_x=np.array([[4]], dtype),
        source="three students, written down",
    )


def _four_rows(dtype: np.dtype[Any]) -> Dataset:
    """The four samples of the logistic regression in Autograd's own introduction."""
    rows = [[0.52, 1.12, 0.77], [0.88, -1.08, 0.15], [0.52, 0.06, -1.30], [0.74, -2.49, 1.39]]
    return Dataset(
        name="four-rows",
        x=np.array(rows, dtype),
        y=np.array([1, 1, 0, 1]),
        initial_w=np.zeros(3, dtype),
        source="Autograd's introduction",
    )


_FIXED = {"plane": _plane, "hours": _hours, "four-rows": _four_rows}


def _fits_in_memory(samples: int, features: int) -> None:
    """Refuse what would only be found out by the system ending the process."""
    needed = 8 * samples * features
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise InputError(
            "samples × features",
            found=f"{samples} × {features}, {needed / 2**30:.0f} GiB",
            allowed=f"what fits in this machine's {there / 2**30:.0f} GiB",
        )
