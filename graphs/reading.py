"""A user's own file → Dataset: CSV or NPZ, checked before any work; or a folder of shards."""

from __future__ import annotations

import csv
import io
import itertools
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from graphs.data import DTYPES, Dataset
from graphs.errors import InputError, choose, whole_number
from graphs.files import DamagedFile, file_path, open_file, read_npz
from graphs.foreign import plain, quoted
from graphs.memory import memory_there, refuse_beyond_memory
from graphs.shards import open_shards

__all__ = ["read", "shards_of"]

# A digit and a comma become a float64, which is copied once.
MEMORY_PER_BYTE = 8
# A million features to full precision; more on one line is hardly a sample.
LONGEST_LINE = 2**25
# A cell that is a number, to its comma or the line's end; without possessive quantifiers, which Python 3.11.2 gets wrong,
# and so that what does not fit is known after one look at each character.
NUMBER = re.compile(
    r'\s*"?[-+]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?|infinity|inf|nan)"?\s*(?:,|$)',
    re.ASCII | re.IGNORECASE,
)
BETWEEN = ((";", "semicolons"), ("\t", "tabs"))


def read(path: str | os.PathLike[str], *, seed: int = 0, dtype: str = "float64") -> Dataset:
    """Read a user's own samples and targets; initial weights are ``RandomState(seed).randn(features)``.

    Parameters
    ----------
    path : path-like
        A folder of shards (:mod:`graphs.shards`), of which all rows are read; or a file: ``.npz`` with arrays
        ``x`` (samples, features) and ``y`` (samples,), or ``.csv`` with one sample per line, comma separated.
        A first line of names is allowed; the target is the column named ``y``, else the last one.
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
    path = file_path("data", path)
    choose("dtype", dtype, DTYPES)
    whole_number("seed", seed, 0, 2**32 - 1)
    readers = {".csv": _read_csv, ".npz": _read_npz}
    if path.suffix.lower() not in readers:
        if os.path.isdir(path):
            return _whole(shards_of(path, seed=seed, dtype=dtype))
        allowed = "a folder of shards, or a name ending in .csv or .npz"
        if not os.path.exists(path):
            remedy = "check the name; `graphs data` makes such a folder"
            raise InputError("data", found=f"nothing named {path}", allowed=allowed, remedy=remedy)
        raise InputError("data", found=f"the file {path}", allowed=allowed, remedy="convert or rename it")
    try:
        str(path).encode()
    except UnicodeEncodeError:  # a run keeps the name, in files that hold nothing else
        allowed = "a name in UTF-8"
        raise InputError("data", found=quoted(str(path)), allowed=allowed, remedy="rename the file") from None
    try:
        if path.is_file() and path.stat().st_size == 0:
            raise InputError("data", found=f"an empty file, {path}", allowed="a file with samples")
        x, y = readers[path.suffix.lower()](path)
    except OSError as error:
        raise InputError(
            "data",
            found=f"{plain(path)}, which cannot be read ({error.strerror or error})",
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


def shards_of(path: str | os.PathLike[str], *, seed: int = 0, dtype: str = "float64") -> Dataset:
    """The data set in a folder of shards, whose `x` and `y` stay there (:class:`graphs.shards.Stored`).

    The initial weights are those in the folder, or ``RandomState(seed).randn(features)``.

    Raises
    ------
    InputError
        If it is no such folder.
    """
    path = file_path("data", path)
    if not os.path.isdir(path):  # which a path that is too long is not
        raise InputError(
            "data", found=plain(path), allowed="a folder of shards", remedy="graphs data makes one"
        )
    shards = open_shards(path)
    features = shards.x.shape[1]
    drawn = shards.initial_w is None
    initial = np.random.RandomState(seed).randn(features) if shards.initial_w is None else shards.initial_w
    return Dataset(
        name=path.name,
        x=shards.x,
        y=shards.y,
        initial_w=initial.astype(dtype, copy=False),
        unseen_x=None if shards.unseen_x is None else shards.unseen_x.astype(dtype, copy=False),
        source=f"{len(shards.x.paths)} shards in {path.name}",
        draw_order=(f"initial w = randn({features})",) if drawn else (),
    )


def _whole(stored: Dataset) -> Dataset:
    """The same with all rows in memory, where they fit."""
    samples, features = stored.x.shape
    remedy = "--mesh reads of a folder's rows only those that a process needs"
    needed = samples * features * (stored.x.dtype.itemsize + stored.initial_w.dtype.itemsize)
    refuse_beyond_memory("data", f"{samples} × {features} in {stored.name}", needed, remedy)
    x, y = _checked(stored.x[:], stored.y[:], f"data {stored.name}")
    x = x.astype(stored.initial_w.dtype, copy=False)
    _finite(x, f"data {stored.name} as {x.dtype}")
    return replace(stored, x=x, y=y)


def _read_npz(path: Path) -> tuple[ArrayLike, ArrayLike]:
    try:
        arrays = read_npz(path)
    except DamagedFile as error:
        raise InputError(
            "data",
            found=f"{path}, which is damaged, truncated or no NPZ file ({error})",
            allowed="a whole NPZ file of plain numbers",
            remedy="write it again with numpy.savez(path, x=x, y=y)",
        ) from error
    named = [[array for name, array in arrays.items() if name.lower() == wanted] for wanted in "xy"]
    if [len(each) for each in named] != [1, 1]:
        raise InputError(
            "data",
            found=f"{path} with the arrays {', '.join(arrays) or '(none)'}",
            allowed="arrays named x and y, one of each",
            remedy="write it with numpy.savez(path, x=x, y=y)",
        )
    ((x,), (y,)) = named
    return x, y


def _read_csv(path: Path) -> tuple[ArrayLike, ArrayLike]:
    try:
        header, table = _parsed(path)
    except DamagedFile as error:
        allowed = "an ordinary file of numbers that fit in memory"
        raise InputError("data", found=f"{path}, but {error}", allowed=allowed) from error
    except ValueError as error:
        why = "it is no text in UTF-8" if isinstance(error, UnicodeError) else _fault(path) or error
        raise InputError(
            "data",
            found=f"{path}, which does not parse ({why})",
            allowed="numbers with commas between them, as many on every line, and at most one line of names",
            remedy="mend that line" if why is not error else "",
        ) from error
    if table is None:
        raise InputError("data", found=f"{path} without a sample", allowed="at least one line of numbers")
    if header and len(header) != table.shape[1]:
        found = f"{path} with {len(header)} names over {table.shape[1]} columns"
        raise InputError("data", found=found, allowed="a name per column")
    if header.count("y") > 1:
        raise InputError("data", found=f"{path} with {header.count('y')} columns y", allowed="one target")
    target = header.index("y") if "y" in header else table.shape[1] - 1
    return np.delete(table, target, axis=1), table[:, target]


def _open(path: Path) -> TextIO:
    stream = open_file(path)
    size, there = os.fstat(stream.fileno()).st_size, memory_there(swap=False)
    if there is not None and size > there // MEMORY_PER_BYTE:
        stream.close()
        raise DamagedFile(f"its {size:,} bytes of text make more numbers than the free memory has room for")
    return io.TextIOWrapper(stream, encoding="utf-8-sig")


def _rows(lines: TextIO) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, with their numbers."""
    for number, line in enumerate(iter(lambda: lines.readline(LONGEST_LINE + 1), ""), 1):
        if len(line) > LONGEST_LINE:
            raise DamagedFile(f"line {number} has more than {LONGEST_LINE:,} characters")
        if not line.isspace():
            yield number, line


def _parsed(path: Path) -> tuple[list[str], NDArray[np.float64] | None]:
    """Names of the columns in lower case, none where there is no line of them; and the numbers, None without any."""
    with _open(path) as lines:
        rows = (line for _, line in _rows(lines))
        first = next(rows, None)
        names = _names(first or "")
        if names:
            first = next(rows, None)
        if first is None:
            return names, None
        numbers = itertools.chain([first], rows)
        return names, np.loadtxt(
            numbers, delimiter=",", quotechar='"', comments=None, ndmin=2, encoding="utf-8"
        )


def _names(line: str) -> list[str]:
    """The cells of a line in lower case, where none of them is a number; or else none."""
    try:
        cells = next(csv.reader([line]), [])
    except csv.Error as error:  # its limit is 131,072 characters
        raise DamagedFile("a cell of its first line is too long") from error
    return [] if any(map(_is_number, cells)) else [cell.strip().lower() for cell in cells]


def _fault(path: Path) -> str:
    """The first line that does not parse, and why; empty where it is none of these."""
    columns = 0
    with _open(path) as lines:
        for index, (number, line) in enumerate(_rows(lines)):
            if index == 0 and _names(line):
                continue
            line = line.rstrip("\n") + "\n"
            end = _end_of_numbers(line)
            if end < len(line):
                cell = line[end : end + 1000].split(",")[0].strip()
                between = next(
                    (f", with {word} where commas should be" for s, word in BETWEEN if s in cell), ""
                )
                column = line.count(",", 0, end) + 1
                return f"line {number}, column {column}: {quoted(cell)} is no number{between}"
            here = line.count(",") + 1
            if columns not in (0, here):
                return f"line {number} has {here} columns, and those before it {columns}"
            columns = here
    return ""


def _end_of_numbers(line: str) -> int:
    """How far the cells of a line are numbers."""
    end = 0
    while end < len(line) and (good := NUMBER.match(line, end)):
        end = good.end()
    return end


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
