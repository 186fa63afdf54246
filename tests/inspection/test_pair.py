"""Two recordings of one expression, side by side."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import numpy as np
import pytensor.tensor as pt
import pytest

from graphs import InputError
from graphs.inspection import Recording, align, inspect, pair
from tests.inspection.conftest import PYTHON
from tests.inspection.odd_graphs import textbook_cross_entropy


def recorded(mode: object, dtype: str = "float64") -> Recording:
    x = pt.vector("x", dtype=dtype)
    out = pt.log(1 - pt.sigmoid(x)) * 1 + 0 * x
    out.name = "out"
    inspection = inspect([x], [out], mode=mode)
    return inspection.evaluate(np.array([-1.0, 800.0], dtype), run=False).recording


def test_one_story_is_one() -> None:
    found = align(recorded(PYTHON), recorded(PYTHON))
    assert found.parts_at is None
    assert found.values_part_at is None
    assert [row.first for row in found.rows] == [row.second for row in found.rows]
    (output,) = found.outputs
    assert (output.name, output.nonfinite, output.relative) == ("out", (0, 0), 0.0)


def test_with_one_rewrite_off_they_part_at_it() -> None:
    full = recorded(PYTHON)
    found = align(full, recorded(PYTHON.excluding("log1p_neg_sigmoid")))
    row = found.rows[found.values_part_at]  # type: ignore[index]
    assert full.rule_of(row.first).name == "log1p_neg_sigmoid"  # type: ignore[arg-type]
    assert row.second is None
    assert row.verdicts == ("repaired", "")
    assert found.parts_at is not None
    assert found.parts_at <= found.values_part_at  # type: ignore[operator]
    assert found.outputs[0].nonfinite == (0, 1)
    for earlier in found.rows[: found.parts_at]:
        assert earlier.first is not None
        assert earlier.second is not None


def test_as_many_steps_as_there_are_in_order_are_paired() -> None:
    chance = random.Random(3)
    for _ in range(300):
        one, other = ([chance.randrange(3) for _ in range(chance.randrange(10))] for _ in range(2))
        pairs = pair._common(one, other)  # type: ignore[arg-type]
        lengths = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
        for i, a in enumerate(one):
            for j, b in enumerate(other):
                before = max(lengths[i][j + 1], lengths[i + 1][j])
                lengths[i + 1][j + 1] = lengths[i][j] + 1 if a == b else before
        assert len(pairs) == lengths[-1][-1]
        assert all(one[i] == other[j] for i, j in pairs)
        assert all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))


def test_endless_stories_are_compared_where_they_are_alike_and_refused_where_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A comparison of each step with each would be 10¹⁰."""
    monkeypatch.setattr(pair, "MOST_COMPARED", 200_000)
    same: list[Any] = [1] * 100_000
    assert len(pair._common(same, same[:-100])) == 99_900
    with pytest.raises(InputError, match=r"second: found a story of 100,000 steps .* too little in common"):
        pair._common(same, [2] * 100_000)  # type: ignore[list-item]


def test_two_precisions_tell_the_same_story() -> None:
    found = align(recorded(PYTHON), recorded(PYTHON, "float32"))
    assert found.outputs[0].relative == pytest.approx(0, abs=1e-6)
    paired = sum(row.first is not None and row.second is not None for row in found.rows)
    assert paired >= 0.8 * len(found.rows)


def test_two_modes_of_the_train_graph() -> None:
    inputs, outputs, updates, values = textbook_cross_entropy()
    one, other = (
        inspect(inputs, outputs, updates, mode=mode).evaluate(*values, run=False).recording
        for mode in (PYTHON, "FAST_COMPILE")
    )
    found = align(one, other)
    assert [row.first for row in found.rows if row.first] == list(range(1, len(one.steps) + 1))
    assert [row.second for row in found.rows if row.second] == list(range(1, len(other.steps) + 1))
    assert found.nodes == (one.node_counts()[-1], other.node_counts()[-1])
    assert found.outputs[0].nonfinite[1] > found.outputs[0].nonfinite[0] == 0


def test_without_values_only_the_steps_are_compared() -> None:
    x = pt.dvector("x")
    plain = inspect([x], [pt.exp(x)], mode=PYTHON).recording
    found = align(plain, recorded(PYTHON))
    assert found.outputs == ()
    assert found.values_part_at is None
