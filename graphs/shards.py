"""Samples in files, for data that are larger than a machine's memory: written shard by shard, read by rows.

A folder holds ``x-….npy``, each of shape (rows, features), and as many ``y-….npy`` of shape (rows,), which follow each other
in the order of their names. ``initial_w.npy`` and ``unseen_x.npy`` may stand beside them. NumPy maps a file into memory, so
that of a shard only what is asked for is read.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphs.data import UNSEEN_SAMPLES, real_numbers, targets
from graphs.errors import InputError, whole_number
from graphs.files import DamagedFile, file_path, make_folder, map_npy, write_whole
from graphs.memory import refuse_beyond_memory

__all__ = ["SHARD_BYTES", "Shards", "Stored", "draw_shards", "open_shards"]

SHARD_BYTES = 2**26  # of a shard that is drawn, where nobody says how many there are to be
MOST_SHARDS = 100_000  # five digits of a name


@dataclass(frozen=True)
class Stored:
    """An array in files, whose rows are read when they are asked for: ``stored[first:last]``."""

    name: str  # x or y
    paths: tuple[Path, ...]
    lengths: tuple[int, ...]  # rows of each
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, place: slice) -> NDArray[Any]:
        first, last, _ = place.indices(len(self))
        parts, begin = [], 0
        for path, length in zip(self.paths, self.lengths, strict=True):
            if begin < last and first < begin + length:
                parts.append(map_npy(path)[max(first - begin, 0) : last - begin])
            begin += length
        found: NDArray[Any] = np.concatenate(parts) if parts else np.empty((0, *self.shape[1:]), self.dtype)
        return found

    def checked(self, first: int, block: NDArray[Any]) -> NDArray[Any]:
        """Rows as they were read, from `first` on, if they are finite, and targets 0 or 1; else an :class:`InputError`."""
        argument = f"data, {self.name} from row {first} on"
        if self.name == "y":
            return targets(argument, block, len(block))
        return real_numbers(argument, block, ("samples", self.shape[1]))

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of every file's size and its first and last row: that it is the same, as far as can be known at once."""
        digest = hashlib.sha256(repr((self.lengths, self.shape, self.dtype.str)).encode())
        for path in self.paths:
            array = map_npy(path)
            digest.update(array[:1].tobytes() + array[-1:].tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Shards:
    """The folder's arrays; those of the last two are whole, and None where there is no such file."""

    x: Stored
    y: Stored
    initial_w: NDArray[Any] | None
    unseen_x: NDArray[Any] | None


def open_shards(folder: str | os.PathLike[str]) -> Shards:
    """Look at the headers of a folder's shards; no row is read.

    Raises
    ------
    InputError
        If there are none, one is damaged, they differ in columns or dtype, or targets are missing.
    """
    folder = file_path("data", folder)
    x, y = (_stored(folder, name) for name in "xy")
    if x.lengths != y.lengths:
        found = (
            f"x of {', '.join(map(str, x.lengths[:5]))} rows and y of {', '.join(map(str, y.lengths[:5]))}"
        )
        raise _refused(folder, found, "a y-….npy of as many rows for every x-….npy")
    features = x.shape[1]
    initial, unseen = (
        _beside(folder, "initial_w", (features,)),
        _beside(folder, "unseen_x", ("samples", features)),
    )
    return Shards(x, y, initial, unseen)


def _stored(folder: Path, name: str) -> Stored:
    paths = tuple(sorted(folder.glob(f"{name}-*.npy")))
    if not paths:
        raise _refused(folder, f"no {name}-….npy", "shards of x and y")
    arrays = [_mapped(path) for path in paths]
    first = arrays[0]
    if first.ndim != (2 if name == "x" else 1) or first.dtype.kind not in "fiub":
        wanted = "(rows, features)" if name == "x" else "(rows,)"
        raise _refused(
            folder,
            f"{paths[0].name} of shape {first.shape}, {first.dtype}",
            f"real numbers of shape {wanted}",
        )
    for path, array in zip(paths, arrays, strict=True):
        if array.ndim != first.ndim or array.shape[1:] != first.shape[1:]:
            found = f"{path.name} of shape {array.shape}, and {paths[0].name} of shape {first.shape}"
            raise _refused(folder, found, "shards of as many columns")
        if array.dtype != first.dtype:
            found = f"{path.name} of {array.dtype}, and {paths[0].name} of {first.dtype}"
            raise _refused(folder, found, "shards of one dtype")
    lengths = tuple(len(array) for array in arrays)
    if not all((sum(lengths), *first.shape[1:])):
        raise _refused(folder, f"no number in {paths[0].name}", "at least one sample and one feature")
    return Stored(name, paths, lengths, (sum(lengths), *first.shape[1:]), first.dtype)


def _mapped(path: Path) -> NDArray[Any]:
    try:
        return map_npy(path)
    except DamagedFile as error:
        raise _refused(
            path.parent, f"{path.name}, which is damaged or no NPY file ({error})", "whole NPY files"
        ) from error
    except OSError as error:
        raise _refused(
            path.parent, f"{path.name}, which cannot be read ({error.strerror or error})", "files to read"
        ) from error


def _beside(folder: Path, name: str, shape: tuple[int | str, ...]) -> NDArray[Any] | None:
    path = folder / f"{name}.npy"
    return real_numbers(f"data, {path.name}", np.array(_mapped(path)), shape) if path.exists() else None


def _refused(folder: Path, found: str, allowed: str) -> InputError:
    return InputError(
        "data", found=f"{found}, in {folder}", allowed=allowed, remedy="graphs data makes such a folder"
    )


def draw_shards(
    folder: str | os.PathLike[str],
    *,
    samples: int,
    features: int = 784,
    seed: int = 0,
    shards: int | None = None,
    told: Callable[[int, int], None] = lambda done, of: None,
) -> Path:
    """Write the numbers that :func:`graphs.data.load` draws for this seed and size, a shard at a time.

    ``RandomState`` gives one stream however it is asked, so the rows are the same in however many shards.

    Parameters
    ----------
    folder : path-like
        A new or empty one.
    samples, features : int
        Each at least 1.
    seed : int
        Of NumPy's legacy stream, from 0 to 2³² − 1.
    shards : int, optional
        At most `samples`; default: of 64 MiB each.
    told : callable
        Called with the number of shards written and how many there are to be.

    Raises
    ------
    InputError
        If an argument is not one of the above, or one shard does not fit into memory.
    OSError
        If the disk is full, say.
    """
    samples, features = whole_number("rows", samples, 1), whole_number("features", features, 1)
    seed = whole_number("seed", seed, 0, 2**32 - 1)
    if shards is None:
        shards = min(samples, MOST_SHARDS, -(-samples * features * 8 // SHARD_BYTES))
    shards = whole_number("shards", shards, 1, min(samples, MOST_SHARDS))
    lengths = [samples // shards + (k < samples % shards) for k in range(shards)]
    needed = 24 * lengths[0] * features  # numbers, the file's bytes, and those on their way
    refuse_beyond_memory("shards", f"{shards} of {lengths[0]} rows", needed, "take more shards")
    place = file_path("out", folder)
    try:
        make_folder(place)
    except OSError as error:
        found = f"{place}, which cannot be written ({error.strerror or error})"
        raise InputError("out", found=found, allowed="a folder this process can write") from error
    if any(place.glob("*.npy")):
        raise InputError("out", found=f"{place}, which holds NPY files", allowed="a new or empty folder")
    for done, (name, array) in enumerate(_drawn(np.random.RandomState(seed), lengths, features)):
        told(min(done, shards), shards)
        file = io.BytesIO()
        np.save(file, array, allow_pickle=False)
        write_whole(place / f"{name}.npy", file.getvalue())
    told(shards, shards)
    return place


def _drawn(
    stream: np.random.RandomState, lengths: list[int], features: int
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Files in the order in which the original draws their numbers."""
    for number, length in enumerate(lengths):
        yield f"x-{number:05d}", stream.randn(length, features)
    for number, length in enumerate(lengths):
        yield f"y-{number:05d}", stream.randint(size=length, low=0, high=2).astype(np.int8)
    yield "initial_w", stream.randn(features)
    yield "unseen_x", stream.randn(UNSEEN_SAMPLES, features)
