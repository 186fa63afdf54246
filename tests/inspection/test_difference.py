"""Summaries and verdicts of single values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graphs.inspection.findings import ValueSummary
from graphs.inspection.values.difference import TOLERANCE_ULP, Missing, compare, same_value, summarize, worst

NAN, INF = np.nan, np.inf


def verdict(before: Any, after: Any) -> str:
    return compare(np.asarray(before), np.asarray(after), 0).verdict


def test_summary_counts_and_ranges_the_finite_entries() -> None:
    found = summarize(np.array([1.0, NAN, -3.0, INF, -INF, NAN]), 4, 7)
    assert found == ValueSummary(4, 7, (6,), "float64", -3.0, 1.0, -1.0, nan=2, inf=2)
    assert summarize(np.array([[True, False]]), 0, 0) == ValueSummary(0, 0, (1, 2), "bool", 0.0, 1.0, 0.5)
    assert summarize(np.array([3 + 4j, 0]), 0, 0).max == 5.0
    assert summarize(np.zeros((0, 2)), 0, 0) == ValueSummary(0, 0, (0, 2), "float64")
    assert summarize(Missing("why"), 0, 0).problem == "why"
    assert summarize(slice(1, 2), 0, 0).dtype == "slice"
    assert summarize(scipy.sparse.csr_matrix(np.eye(3)), 0, 0).shape == (3, 3)


def test_verdicts() -> None:
    assert verdict([1.0, NAN], [1.0, NAN]) == "identical"
    assert verdict([0.0], [-0.0]) == "rounding"
    assert verdict([1.0], [np.nextafter(1.0, 2)]) == "rounding"
    assert verdict([1.0], [1.001]) == "changed"
    assert verdict([1.0, NAN], [1.0, 2.0]) == "repaired"
    assert verdict([1.0, 2.0], [1.0, INF]) == "broke"
    assert verdict([NAN, 2.0], [1.0, INF]) == "broke"
    assert verdict([NAN], [INF]) == "changed"
    assert verdict([INF], [-INF]) == "changed"
    assert verdict([1, 2], [1, 3]) == "changed"
    assert verdict([1.0, 2.0], [1.0]) == "changed"
    assert verdict(np.float32(1), np.float64(1)) == "changed"
    assert verdict([1 + 1j], [1 + (1 + 1e-16) * 1j]) == "identical"
    assert compare(Missing("x"), np.ones(1), 3).verdict == "unknown"
    assert worst(["rounding", "repaired", "changed"]) == "repaired"
    assert worst([]) == "identical"


def test_distances_are_the_largest() -> None:
    change = compare(np.array([1.0, 4.0]), np.array([1.0 + 2**-52, 4.0 + 2**-49]), 0)
    assert change.absolute == pytest.approx(2**-49, rel=1e-8)
    assert change.ulp == 2.0
    assert change.relative == pytest.approx(2**-51, rel=1e-8)


def test_random_generators_are_compared_by_state() -> None:
    one, other = np.random.default_rng(1), np.random.default_rng(1)
    assert same_value(one, other)
    other.random()
    assert not same_value(one, other)


numbers = hnp.arrays(np.float64, 4, elements=st.floats(allow_nan=True, width=64))


@given(numbers, numbers)
def test_a_verdict_says_what_became_of_the_entries(before: Any, after: Any) -> None:
    change = compare(before, after, 0)
    finite_before, finite_after = np.isfinite(before), np.isfinite(after)
    assert (change.verdict == "broke") == bool((finite_before & ~finite_after).any())
    assert change.repaired == (~finite_before & finite_after).sum()
    if change.verdict == "identical":
        np.testing.assert_array_equal(before, after)
    if change.verdict == "rounding":
        assert (finite_before == finite_after).all()
        largest = np.maximum(np.abs(before), np.abs(after))[finite_after].max()
        assert change.absolute is not None
        assert change.absolute <= 1.001 * TOLERANCE_ULP * np.spacing(largest / 2) * 2
