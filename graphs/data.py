"""Names → arrays: every data set with its source and the order in which it was drawn.

What an array must be, whoever gives it, is checked here too: :func:`real_numbers`, :func:`targets`, :func:`labels`,
:func:`rounded`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphs.errors import InputError, choose, finite_number, install_command, whole_number
from graphs.foreign import quoted
from graphs.memory import aligned_copy, refuse_beyond_memory

__all__ = [
    "DTYPES",
    "UNSEEN_SAMPLES",
    "Dataset",
    "Measurements",
    "MissingScikitLearn",
    "drawn_bytes",
    "labels",
    "load",
    "measurements",
    "real_numbers",
    "rounded",
    "split",
    "targets",
    "state_values",
]

DTYPES = ("float64", "float32")
UNSEEN_SAMPLES = 30


@dataclass(frozen=True)
class Dataset:
    """Samples, targets and where both came from."""

    name: str  # of the data set, or the file's
    # Both are arrays; or stand for them, where the rows stay in files (graphs.reading.shards_of).
    x: Any  # shape (samples, features), float32 or float64: one sample per row
    y: Any  # shape (samples,), int64: targets, 0 or 1; with K classes labels 0 … K−1
    initial_w: NDArray[
        Any
    ]  # shape (features,), with K classes (features, K); dtype of x: weights to begin from
    initial_b: Any = 0.0  # bias to begin from; with K classes an array of shape (K,)
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

    ``plane``, ``hours`` and ``four-rows`` are small and fixed; they take no seed and no size. Neither does ``digits``:
    1,797 pictures of 8 × 8 with the digits 0 … 9, which come with scikit-learn.

    Parameters
    ----------
    name : {"random", "plane", "hours", "four-rows", "digits"}
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
    MissingScikitLearn
        If the digits are asked for where it is not installed.
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


def _digits(dtype: np.dtype[Any]) -> Dataset:
    """Written digits, each pixel from 0 to 1; the weights begin at zero."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as absent:
        raise MissingScikitLearn from absent
    found = load_digits()
    return Dataset(
        name="digits",
        x=(found.data / 16).astype(dtype),  # pixels are whole numbers from 0 to 16
        y=found.target.astype(np.int64),
        initial_w=np.zeros((64, 10), dtype),
        initial_b=np.zeros(10, dtype),
        source="scikit-learn's bundled digits (Alpaydin and Kaynak, 1998), pixels divided by 16",
    )


_FIXED = {"plane": _plane, "hours": _hours, "four-rows": _four_rows, "digits": _digits}


class MissingScikitLearn(ImportError):
    """scikit-learn is needed and not installed; the message says how to get it."""

    def __init__(self) -> None:
        super().__init__(f"scikit-learn is not installed; {install_command('estimators')} brings it")


@dataclass(frozen=True)
class Measurements:
    """What was measured at each of some places, for a curve to be fitted to."""

    name: str
    x: NDArray[np.float64]  # shape (samples,)
    y: NDArray[np.float64]  # shape (samples,)
    source: str  # where the numbers come from, in one line


def measurements(name: str) -> Measurements:
    """Return measurements by name.

    ``yeast`` is the growth of yeast in a culture over 18 hours (Carlson, 1913), to which Pearl (1927) fitted a logistic
    function with the capacity 665. ``response`` are 20 doses from 1 to 20 and responses by the four-parameter logistic
    curve with A, B, C, D = 0.5, 2.5, 8, 7.3 and noise of 0.2, drawn from ``RandomState(0)``.

    Parameters
    ----------
    name : {"yeast", "response"}

    Raises
    ------
    InputError
        If there are none of that name.
    """
    return _MEASURED[choose("measurements", name, _MEASURED)]()


def _yeast() -> Measurements:
    amounts = [9.6, 18.3, 29.0, 47.2, 71.1, 119.1, 174.6, 257.3, 350.7, 441.0]
    amounts += [513.3, 559.7, 594.8, 629.4, 640.8, 651.1, 655.9, 659.6, 661.8]
    return Measurements("yeast", np.arange(19.0), np.array(amounts), "T. Carlson, Biochem. Z. 57 (1913)")


def _response() -> Measurements:
    x = np.linspace(1, 20, 20)
    a, b, c, d = 0.5, 2.5, 8.0, 7.3
    y = (a - d) / (1 + (x / c) ** b) + d + 0.2 * np.random.RandomState(0).randn(20)
    return Measurements("response", x, y, "numpy.random.RandomState(0)")


_MEASURED = {"yeast": _yeast, "response": _response}


def split(data: Dataset, share: float = 0.25, *, seed: int = 0) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows to train on and rows to test on, drawn without order from ``RandomState(seed)``.

    Parameters
    ----------
    data : Dataset
    share : float
        Of the samples that are for testing, above 0 and below 1; rounded up to whole samples.
    seed : int

    Returns
    -------
    training, testing : ndarray of int

    Raises
    ------
    InputError
        If an argument is not one of the above, or one of the two has no sample of some class.
    """
    if not isinstance(data, Dataset):
        raise InputError("data", found=quoted(data), allowed="a Dataset")
    finite_number("share", share, above=0, below=1)
    order = np.random.RandomState(whole_number("seed", seed, 0, 2**32 - 1)).permutation(len(data.y))
    tested = int(np.ceil(share * len(order)))
    training, testing = order[tested:], order[:tested]
    classes = np.unique(data.y)
    for part, rows in (("training", training), ("testing", testing)):
        absent = np.setdiff1d(classes, data.y[rows])
        if absent.size:
            raise InputError(
                "share",
                found=f"{share:g} of {len(order)} samples, which leaves class {absent[0]} out of the {part} part",
                allowed="parts with samples of every class",
                remedy="take another share or seed, or more samples",
            )
    return training, testing


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


def state_values(state: Any, there: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """What `state` has for each of the values `there`, as copies of their dtypes.

    Raises
    ------
    InputError
        If it is no mapping, a name is missing, a shape differs or something is no number.
    """
    if not isinstance(state, Mapping):
        raise InputError("state", found=quoted(state), allowed="a mapping, as `read` gives it")
    values = []
    for name, value in there.items():
        argument = f"state[{name!r}]"
        if name not in state:
            raise InputError(argument, found="nothing", allowed=f"an array of shape {value.shape}")
        kinds = {"f": "fiu", "b": "b"}.get(value.dtype.kind, "iu")  # what loses nothing
        given = real_numbers(argument, state[name], value.shape, dtype=value.dtype, kinds=kinds, finite=False)
        values.append(given)
    return values


def targets(argument: str, found: Any, samples: int) -> NDArray[Any]:
    """`found` as an array with a 0 or a 1 for each sample; else an :class:`InputError`."""
    y = real_numbers(argument, found, (samples,), kinds="fiub")
    wrong = np.flatnonzero((y != 0) & (y != 1))
    if wrong.size:
        shown = f"{y[wrong[0]]} in sample {wrong[0]} ({wrong.size} such in all)"
        raise InputError(argument, found=shown, allowed="0 and 1")
    return y


def labels(argument: str, found: Any, samples: int, classes: int) -> NDArray[np.int64]:
    """`found` as an int64 array with a label 0 … `classes` − 1 for each sample; else an :class:`InputError`."""
    y = real_numbers(argument, found, (samples,), kinds="fiub")
    wrong = np.flatnonzero((y != np.floor(y)) | (y < 0) | (y >= classes))
    if wrong.size:
        shown = f"{y[wrong[0]]} in sample {wrong[0]} ({wrong.size} such in all)"
        raise InputError(argument, found=shown, allowed=f"labels: whole numbers from 0 to {classes - 1}")
    return y.astype(np.int64)


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
