"""The entries of a value as a map: which are not finite, and the numbers where there are not too many."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphs.inspection.findings import Cells
from graphs.inspection.values.difference import as_array

__all__ = ["MOST_CELLS", "cells_of"]

# Of a value with entries that are not finite: its cells, along each of two axes and in one row.
SIDE, LENGTH = 32, 1024
NUMBERED = 64  # cells, up to which the numbers of the finite ones are kept
SMALL = 32  # entries of a value that is finite throughout, to be kept
MOST_CELLS = 40_000  # of one recording; a story of thousands of steps would keep millions


def cells_of(value: Any, snapshot: int, variable: int) -> Cells | None:
    """The cells of a value; None for one that has no numbers, or one that its summary tells."""
    found = as_array(value) if isinstance(value, np.ndarray | np.generic) else None
    if found is None or found.dtype.kind not in "biuf" or found.size < 2:
        return None
    finite = np.isfinite(found)
    if finite.all() and found.size > SMALL:
        return None
    flat = found.ndim < 2
    grid = found.reshape(1, -1) if flat else found.reshape(-1, found.shape[-1])
    most = (1, LENGTH) if flat else (SIDE, SIDE)
    block = tuple(math.ceil(n / room) for n, room in zip(grid.shape, most, strict=True))
    letters = np.full(grid.shape, 0)  # in the order of how much they say
    letters[np.isposinf(grid)] = 1
    letters[np.isneginf(grid)] = 2
    letters[np.isnan(grid)] = 3
    marks = _blocks(letters, *block)
    whole = block == (1, 1) and marks.size <= NUMBERED
    numbers = tuple(float(f"{float(n):.4g}") for n in grid[np.isfinite(grid)].flat) if whole else ()
    columns = 0 if flat else marks.shape[1]
    text = "".join(".+-n"[mark] for mark in marks.flat)
    return Cells(snapshot, variable, columns, (block[0], block[1]), text, numbers)


def _blocks(letters: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """The largest of each block; blocks at the end may be smaller."""
    rows = np.maximum.reduceat(letters, np.arange(0, letters.shape[0], height), axis=0)
    found: NDArray[Any] = np.maximum.reduceat(rows, np.arange(0, letters.shape[1], width), axis=1)
    return found
