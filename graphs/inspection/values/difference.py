"""Values by themselves: summaries and comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphs.inspection.findings import (
    BROKE,
    CHANGED,
    IDENTICAL,
    REPAIRED,
    ROUNDING,
    UNKNOWN,
    OutputChange,
    ValueSummary,
)

__all__ = [
    "TOLERANCE_ULP",
    "Missing",
    "Uncertainty",
    "as_array",
    "compare",
    "compare_all",
    "same_value",
    "summarize",
    "worst",
]

# Reordered sums of a few hundred terms and other forms of one formula move a result by tens of
# units in the last place; a wrong one moves it by billions.
TOLERANCE_ULP = 4096.0
# How much further than a unit in the last place of the inputs moves an entry, rounding inside may move it. Of the
# order of what ways to solve one system of equations differ by.
TOLERANCE_SPREAD = 256.0

#: How far rounding of the inputs moves each entry of an output, where that is known.
Uncertainty = Callable[[int], NDArray[Any] | None]

SEVERITY = (IDENTICAL, ROUNDING, UNKNOWN, CHANGED, REPAIRED, BROKE)


@dataclass(frozen=True, eq=False)
class Missing:
    """Stands for a value that could not be computed."""

    problem: str  # why


def worst(verdicts: Sequence[str]) -> str:
    """The one that says most; ``identical`` if there are none."""
    return max(verdicts, key=SEVERITY.index, default=IDENTICAL)


def summarize(value: Any, snapshot: int, variable: int) -> ValueSummary:
    """Shape, type and range of a value, as plain data (nine significant digits)."""
    if isinstance(value, Missing):
        return ValueSummary(snapshot, variable, problem=value.problem)
    numbers = as_array(value)
    if numbers is None:
        return ValueSummary(snapshot, variable, dtype=type(value).__name__)
    shape = tuple(int(n) for n in getattr(value, "shape", numbers.shape))
    dtype = str(numbers.dtype)
    if numbers.dtype.kind not in "biufc" or numbers.size == 0:
        return ValueSummary(snapshot, variable, shape, dtype)
    finite = np.isfinite(numbers)
    nan = int(np.count_nonzero(np.isnan(numbers)))
    kept = numbers[finite] if not finite.all() else numbers
    low = high = mean = None
    if kept.size:
        with np.errstate(all="ignore"):
            sizes = np.abs(kept) if kept.dtype.kind == "c" else kept
            low, high = _short(sizes.min()), _short(sizes.max())
            mean = _short(np.mean(sizes, dtype=np.float64))
    infinite = int(numbers.size - np.count_nonzero(finite)) - nan
    return ValueSummary(snapshot, variable, shape, dtype, low, high, mean, nan, infinite)


def _short(number: Any) -> float:
    return float(f"{float(number):.9g}")


def as_array(value: Any) -> NDArray[Any] | None:
    """The numbers in a value, or None if it holds none."""
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, np.generic | bool | int | float | complex):
        return np.asarray(value)
    if hasattr(value, "tocoo"):  # a sparse matrix; its stored entries
        return np.asarray(value.tocoo().data)
    return None


def _comparable(value: Any) -> NDArray[Any] | None:
    """Like `as_array`, but a sparse matrix with its zeros, so that storage order is no matter."""
    return np.asarray(value.todense()) if hasattr(value, "todense") else as_array(value)


def same_value(first: Any, second: Any) -> bool:
    """Whether two values are the same to the bit (any NaN equals any other)."""
    if first is second:
        return True
    one, other = _comparable(first), _comparable(second)
    if one is None or other is None:
        return one is other and _same_object(first, second)
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype.kind not in "fc":
        return bool(np.array_equal(one, other))
    return np.array_equal(one, other, equal_nan=True) and _same_signs(one, other)


def _same_signs(one: NDArray[Any], other: NDArray[Any]) -> bool:
    if one.dtype.kind == "c":
        return _same_signs(one.real, other.real) and _same_signs(one.imag, other.imag)
    return bool(((np.signbit(one) == np.signbit(other)) | np.isnan(one)).all())


def _same_object(first: Any, second: Any) -> bool:
    """Random generators by their state, other objects by equality."""
    if isinstance(first, Missing) or isinstance(second, Missing):
        return False
    if isinstance(first, np.random.Generator) and isinstance(second, np.random.Generator):
        return repr(first.bit_generator.state) == repr(second.bit_generator.state)
    if isinstance(first, dict) and isinstance(second, dict):  # a generator of JAX's
        return first.keys() == second.keys() and all(same_value(first[k], second[k]) for k in first)
    try:
        return type(first) is type(second) and bool(first == second)
    except Exception:  # somebody's __eq__
        return False


def compare_all(
    before: Sequence[Any], after: Sequence[Any], spread: Uncertainty = lambda output: None
) -> tuple[OutputChange, ...]:
    """How every output moved; as for :func:`compare`."""
    pairs = enumerate(zip(before, after, strict=True))
    return tuple(compare(old, new, i, spread) for i, (old, new) in pairs)


def compare(before: Any, after: Any, output: int, spread: Uncertainty = lambda output: None) -> OutputChange:
    """How one output moved.

    Up to `TOLERANCE_ULP` units in the last place of the largest finite entry count as rounding; so does, where an
    ill-conditioned problem has no more digits than that, what rounding the inputs does to the entries, as `spread`
    tells it (N. J. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., §1.6: the forward error is
    the condition of the problem times the backward error).
    """
    for value in (before, after):
        if isinstance(value, Missing):
            return OutputChange(output, UNKNOWN, problem=value.problem)
    if same_value(before, after):
        return OutputChange(output, IDENTICAL)
    one, other = _comparable(before), _comparable(after)
    if one is None or other is None:
        return OutputChange(output, CHANGED)
    if one.shape != other.shape or one.dtype.kind not in "fc" or other.dtype.kind not in "fc":
        return _compare_exact(one, other, output)
    finite_before, finite_after = np.isfinite(one), np.isfinite(other)
    repaired = int(np.count_nonzero(~finite_before & finite_after))
    broke = int(np.count_nonzero(finite_before & ~finite_after))
    both = finite_before & finite_after
    moved_kind = bool((_kind(one) != _kind(other))[~finite_before & ~finite_after].any())
    absolute = relative = ulp = uncertain = None
    within = True
    if both.any():
        absolute, relative, ulp, within = _distances(one[both], other[both])
        if not within and (known := spread(output)) is not None and known.shape == one.shape:
            within = bool((np.abs(one - other)[both] <= TOLERANCE_SPREAD * known[both]).all())
            uncertain = _short(known[both].max()) if within else None
    verdict = ROUNDING if within and one.dtype == other.dtype and not moved_kind else CHANGED
    verdict = BROKE if broke else REPAIRED if repaired else verdict
    return OutputChange(output, verdict, absolute, relative, ulp, repaired, broke, spread=uncertain)


def _compare_exact(one: NDArray[Any], other: NDArray[Any], output: int) -> OutputChange:
    numeric = one.dtype.kind in "biuf" and other.dtype.kind in "biuf"
    if one.shape != other.shape or one.size == 0 or not numeric:
        return OutputChange(output, CHANGED)
    distance = np.abs(one.astype(np.float64) - other.astype(np.float64)).max()
    return OutputChange(output, CHANGED, absolute=float(distance))


def _kind(numbers: NDArray[Any]) -> NDArray[Any]:
    """0 finite, 1 NaN, 2 or 3 infinite by sign."""
    real = numbers.real if numbers.dtype.kind == "c" else numbers
    infinite = np.isinf(numbers)
    return np.where(np.isnan(numbers), 1, np.where(infinite, 2 + (real < 0), 0))


def _distances(one: NDArray[Any], other: NDArray[Any]) -> tuple[float, float, float, bool]:
    """Largest absolute, relative and ULP distance, and whether they are rounding."""
    with np.errstate(all="ignore"):
        distance = np.abs(one - other)
        size = np.maximum(np.abs(one), np.abs(other))
        # The spacing above the largest number would be infinite.
        spacing = np.spacing(np.minimum(size, np.finfo(size.dtype).max / 2))
        relative = np.where(size > 0, distance / size, 0.0)
        within = distance.max() <= TOLERANCE_ULP * spacing.max()
    return (
        _short(distance.max()),
        _short(relative.max()),
        _short((distance / spacing).max()),
        bool(within),
    )
