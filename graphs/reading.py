"""A user's own file → Dataset: CSV or NPZ, checked before any work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from graphs.data import DTYPES, Dataset
from graphs.errors import InputError, choose, whole_number
from graphs.files import DamagedFile, read_npz

__all__ = ["read"]


def read(path: str | os.PathLike[str], *, seed: int = 0, dtype: str = "float64") -> Dataset:
    """Read a user's own samples and targets; initial weights are ``RandomState(seed).randn(features)``.

    Parameters
    ----------
    path : path-like
        ``.npz`` with arrays ``x`` (samples, features) and ``y`` (samples,), or ``.csv`` with one
        sample per line, comma separated. A first line of names is allowed; the target is the
        column named ``y``, else the last one.
    seed : int
        Seed of the initial weights.
    dtype : {"float64", "float32"}
        Of the inputs.

    Raises
    ------
    InputError
        If the file is missing, empty, truncated, unreadable, holds text, NaN or infinity, or its
        shapes or targets do not fit.
    """
    path = Path(path)
    choose("dtype", dtype, DTYPES)
    whole_number("seed", seed, 0, 2**32 - 1)
    readers = {".csv": _read_csv, ".npz": _read_npz}
    if path.suffix.lower() not in readers:
        allowed = "a name ending in .csv or .npz"
        raise InputError("data", found=f"the file {path}", allowed=allowed, remedy="convert or rename it")
    try:
        if path.stat().st_size == 0:
            raise InputError("data", found=f"an empty file, {path}", allowed="a file with samples")
        x, y = readers[path.suffix.lower()](path)
    except OSError as error:
        raise InputError(
            "data",
            found=f"{path}, which cannot be read ({error.strerror or error})",
            allowed="a readable CSV or NPZ file",
            remedy="check the name and its permissions",
        ) from error
    checked_x, checked_y = _checked(x, y, f"data {path.name}")
    with np.errstate(over="ignore"):
        checked_x = checked_x.astype(dtype, copy=False)
    _finite(checked_x, f"data {path.name} as {dtype}")
    features = checked_x.shape[1]
    return Dataset(
        name=path.name,
        x=checked_x,
        y=checked_y,
        initial_w=np.random.RandomState(seed).randn(features).astype(dtype, copy=False),
        source=f"the file {path.name}",
        draw_order=(f"initial w = randn({features})",),
    )


def _read_npz(path: Path) -> tuple[ArrayLike, ArrayLike]:
    try:
        arrays = {name.lower(): array for name, array in read_npz(path).items()}
    except DamagedFile as error:
        raise InputError(
            "data",
            found=f"{path}, which is damaged, truncated or no NPZ file ({error})",
            allowed="a whole NPZ file of plain numbers",
            remedy="write it again with numpy.savez(path, x=x, y=y)",
        ) from error
    if not {"x", "y"} <= arrays.keys():
        raise InputError(
            "data",
            found=f"{path} with the arrays {', '.join(arrays) or '(none)'}",
            allowed="arrays named x and y",
            remedy="write it with numpy.savez(path, x=x, y=y)",
        )
    return arrays["x"], arrays["y"]


def _read_csv(path: Path) -> tuple[ArrayLike, ArrayLike]:
    try:
        with path.open(encoding="utf-8-sig") as lines:
            header = [cell.strip().strip('"') for cell in lines.readline().split(",")]
            named = not any(_is_number(cell) for cell in header)
            if not named:
                lines.seek(0)
            rows = [line for line in lines if line.strip()]
        table = np.loadtxt(rows, delimiter=",", comments=None, ndmin=2, encoding="utf-8") if rows else None
    except ValueError as error:  # UnicodeDecodeError is one too
        raise InputError(
            "data",
            found=f"{path}, which does not parse ({error})",
            allowed="comma-separated numbers, as many on every line, and at most one line of names",
            remedy="mend that row (counted from 0 below the names)",
        ) from error
    if table is None:
        raise InputError("data", found=f"{path} without a sample", allowed="at least one line of numbers")
    target = header.index("y") if named and "y" in header else table.shape[1] - 1
    if named and len(header) != table.shape[1]:
        found = f"{path} with {len(header)} names over {table.shape[1]} columns"
        raise InputError("data", found=found, allowed="a name per column")
    return np.delete(table, target, axis=1), table[:, target]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _checked(x: ArrayLike, y: ArrayLike, where: str) -> tuple[NDArray[Any], NDArray[np.int64]]:
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim != 2 or not all(x.shape):
        raise InputError(where, found=f"x of shape {x.shape}", allowed="(samples, features), each at least 1")
    if y.shape != (len(x),):
        found = f"x of shape {x.shape} and y of shape {y.shape}"
        raise InputError(where, found=found, allowed=f"one target per sample, ({len(x)},)")
    for name, array in (("x", x), ("y", y)):
        if array.dtype.kind not in "fiub":
            raise InputError(where, found=f"{name} of dtype {array.dtype}", allowed="real numbers")
        _finite(array, f"{where}, {name}")
    wrong = np.flatnonzero((y != 0) & (y != 1))
    if wrong.size:
        found = f"target {y[wrong[0]]} in sample {wrong[0]} ({wrong.size} such in all)"
        raise InputError(where, found=found, allowed="0 and 1", remedy="recode the classes")
    return np.ascontiguousarray(x), y.astype(np.int64)


def _finite(array: NDArray[Any], where: str) -> None:
    bad = np.argwhere(~np.isfinite(array))
    if bad.size:
        place = tuple(int(i) for i in bad[0])
        found = f"{array[place]} at {place} ({len(bad)} such in all)"
        raise InputError(where, found=found, allowed="finite numbers", remedy="remove or fill those samples")
