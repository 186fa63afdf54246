"""A value's entries as a map: every entry that is not finite is in it, and the numbers of small ones."""

from __future__ import annotations

import numpy as np
import pytest

from graphs.inspection.values.cells import LENGTH, MOST_CELLS, NUMBERED, SIDE, SMALL, cells_of


def test_entries_of_a_vector() -> None:
    value = np.arange(50.0)
    value[[3, 7, 9]] = np.nan, np.inf, -np.inf
    found = cells_of(value, 4, 2)
    assert found is not None
    assert (found.snapshot, found.variable, found.columns, found.block) == (4, 2, 0, (1, 1))
    assert found.marks == "...n...+.-" + "." * 40
    assert found.numbers == tuple(value[np.isfinite(value)])


def test_of_a_long_one_blocks_and_no_entry_is_lost() -> None:
    value = np.zeros(3 * LENGTH + 5)
    value[-1] = np.nan
    found = cells_of(value, 0, 0)
    assert found is not None
    assert found.block == (1, 4)
    assert len(found.marks) == -(-len(value) // 4) <= LENGTH
    assert found.marks.strip(".") == "n"
    assert found.marks.endswith("n")
    assert not found.numbers


def test_of_a_matrix_rows_and_columns() -> None:
    value = np.zeros((70, 33))
    value[69, 0], value[0, 32] = np.inf, np.nan
    found = cells_of(value, 0, 0)
    assert found is not None
    assert found.block == (3, 2)
    assert found.columns == 17 <= SIDE
    rows = [found.marks[i : i + 17] for i in range(0, len(found.marks), 17)]
    assert len(rows) == 24
    assert rows[0] == "." * 16 + "n"
    assert rows[-1] == "+" + "." * 16


def test_the_worst_of_a_block_is_told() -> None:
    value = np.zeros(2 * LENGTH)
    value[:2] = -np.inf, np.nan
    found = cells_of(value, 0, 0)
    assert found is not None
    assert found.marks[0] == "n"


@pytest.mark.parametrize(
    "value",
    [np.array(np.nan), np.zeros(SMALL + 1), np.zeros(0), 3.0, "x", np.array([1j, np.nan]), np.array(["a"])],
)
def test_what_its_summary_tells_or_has_no_numbers(value: object) -> None:
    assert cells_of(value, 0, 0) is None


def test_small_ones_are_kept_and_numbers_only_of_few() -> None:
    assert cells_of(np.arange(3), 0, 0) is not None
    many = np.full(NUMBERED + 1, np.nan)
    many[0] = 1.0
    found = cells_of(many, 0, 0)
    assert found is not None
    assert not found.numbers
    assert len(found.marks) < MOST_CELLS
