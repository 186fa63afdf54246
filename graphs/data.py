"""Names → arrays: every data set with its source and the order in which it was drawn.

What an array must be, whoever gives it, is checked here too: :func:`real_numbers`, :func:`targets`, :func:`rounded`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphs.errors import InputError, choose, whole_number
from graphs.foreign import quoted
from graphs.memory import aligned_copy, refuse_beyond_memory

__all__ = ["DTYPES", "Dataset", "drawn_bytes", "load", "real_numbers", "rounded", "targets"]

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
    seed = whole_number("seed", seed, 0, 2**32 - 1)
    samples = whole_number("samples", samples, 1)
    features = whole_number("features", features, 1)
    refuse_beyond_memory(
        "samples × features",
        f"{samples} × {features}",
        drawn_bytes(samples, features, dtype),
        "take fewer samples or features",
    )
    if name == "random":
        return _random(seed, samples, features, np.dtype(dtype))
    for argument, asked, default in (
        ("seed", seed, 0),
        ("samples", samples, 400),
        ("features", features, 784),
    ):
        if asked != default:
            raise InputError(argument, found=str(asked), allowed=f"none: the data set {name} is fixed")
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


def drawn_bytes(samples: int, features: int, dtype: str) -> int:
    """Memory that the random data take while they are drawn: in float64, and their copy in `dtype`.

    A run takes no more after that: the copy in float64 on which the optimum is looked for stands in the place of
    the numbers drawn.
    """
    return (samples + UNSEEN_SAMPLES + 1) * features * (8 + np.dtype(dtype).itemsize) + 16 * samples


def real_numbers(
    argument: str,
    found: Any,
    shape: Sequence[int | str],
    *,
    dtype: Any = None,
    kinds: str = "fiu",
    finite: bool = True,
) -> NDArray[Any]:
    """`found` as an array of real numbers; else an :class:`InputError` says what is wrong with it.

    Parameters
    ----------
    argument : str
        Its name.
    shape : sequence of int and str
        Of each axis its length, or a name where it may have any length but 0.
    dtype : dtype, optional
        Copied into that, in which they must be finite too; default: as they are.
    kinds : str
        Kinds of dtype that it may have, as in `numpy.dtype.kind`.
    finite : bool
        Whether they must be finite.
    """
    axes = ", ".join(map(str, shape)) + "," * (len(shape) == 1)
    wanted = f"an array of shape ({axes}), of real numbers" if shape else "a real number"
    try:
        array = np.asarray(found)
    except (TypeError, ValueError, OverflowError) as problem:  # rows of different lengths
        raise InputError(argument, found=quoted(found), allowed=wanted) from problem
    if array.dtype.kind not in kinds:
        shown = f"an array of dtype {array.dtype}" if array.ndim else quoted(found)
        raise InputError(argument, found=shown, allowed=wanted)
    pairs = zip(array.shape, shape, strict=False)
    if array.ndim != len(shape) or not all(n > 0 if isinstance(m, str) else n == m for n, m in pairs):
        raise InputError(argument, found=f"an array of shape {array.shape}", allowed=wanted)
    if dtype is not None:
        with np.errstate(over="ignore"):
            array = array.astype(dtype)
    if finite and not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(array))
        place = tuple(int(i) for i in bad[0])
        where = f" at {place} ({len(bad)} such in all)" if place else ""
        allowed = "finite numbers" if dtype is None else f"finite numbers, as {array.dtype} too"
        raise InputError(argument, found=f"{array[place]}{where}", allowed=allowed)
    return array


def targets(argument: str, found: Any, samples: int) -> NDArray[Any]:
    """`found` as an array with a 0 or a 1 for each sample; else an :class:`InputError`."""
    y = real_numbers(argument, found, (samples,), kinds="fiub")
    wrong = np.flatnonzero((y != 0) & (y != 1))
    if wrong.size:
        shown = f"{y[wrong[0]]} in sample {wrong[0]} ({wrong.size} such in all)"
        raise InputError(argument, found=shown, allowed="0 and 1")
    return y


def rounded(argument: str, number: float, dtype: str) -> NDArray[Any]:
    """A finite `number` in `dtype`, where it must not become infinite, nor 0 unless it is."""
    with np.errstate(all="ignore"):
        kept = np.array(number, dtype=dtype)
    if not np.isfinite(kept) or bool(kept) != bool(number):
        limits = np.finfo(kept.dtype)
        allowed = f"a number that {dtype} can hold, from {limits.smallest_subnormal:.1e} to {limits.max:.1e}"
        raise InputError(
            argument, found=f"{number:g}", allowed=allowed, remedy="take float64, or another number"
        )
    return kept
