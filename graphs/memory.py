"""Memory: how much of it there is, and arrays that start on a cache line.

NumPy's own start 16 bytes off one, so that every vector of 32 bytes that a loop reads lies across two
lines or shares one: a step over 400 × 784 numbers takes 13 % longer for it (one core of an AMD EPYC).

Workers import this file in old Pythons too (see :mod:`graphs.peers.worker`).
"""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphs.errors import InputError

__all__ = ["aligned_copy", "aligned_empty", "memory_there", "refuse_beyond_memory", "system_bytes"]

LINE = 64  # bytes
SMALL = 1024  # bytes: below, not worth the trouble
SMALL_NEED = 2**26  # bytes that any machine has


def aligned_empty(shape: Sequence[int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """New memory that starts on a cache line.

    The array is the owner of its views as far as NumPy is concerned, because what lies below it is no array.
    """
    size = dtype.itemsize * math.prod(shape)
    if size < SMALL:
        return np.empty(shape, dtype)
    raw = (ctypes.c_char * (size + LINE))()
    offset = -ctypes.addressof(raw) % LINE
    return np.ndarray(shape, dtype, memoryview(raw), offset)


def aligned_copy(array: NDArray[Any], dtype: np.dtype[Any] | None = None) -> NDArray[Any]:
    """The same numbers in C order, in memory that starts on a cache line; as `dtype`, if one is given."""
    made = aligned_empty(array.shape, array.dtype if dtype is None else dtype)
    made[...] = array
    return made


def refuse_beyond_memory(argument: str, found: str, needed: int, remedy: str = "") -> None:
    """Refuse what would only be found out by the system ending the process; `needed`: bytes, copies included."""
    # Asking takes as long as drawing some hundred thousand numbers.
    there = memory_there() if needed > SMALL_NEED else None
    if there is not None and needed > there:
        raise InputError(
            argument,
            found=f"{found}, which takes {_gigabytes(needed)}",
            allowed=f"what fits into the {_gigabytes(there)} that there are",
            remedy=remedy,
        )


def _gigabytes(number: int) -> str:
    return f"{number / 2**30:.3g} GiB" if number < 2**60 else f"{number >> 30:,} GiB"


def memory_there(*, swap: bool = True) -> int | None:
    """Bytes that this process could still take; None where nothing tells.

    That is what the system has free or can free, in swap too if `swap`, and no more than the process's
    control groups and its own limit of addresses let it have.
    """
    known = [_free(swap), _addresses(), *_group_limits()]
    return min((number for number in known if number is not None), default=None)


def _free(swap: bool) -> int | None:
    free = system_bytes("meminfo", "MemAvailable")
    if free is not None:
        return free + ((system_bytes("meminfo", "SwapFree") or 0) if swap else 0)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows has no such function, others no such name
        return None


def _addresses() -> int | None:
    """What ``ulimit -v`` leaves."""
    try:
        import resource
    except ImportError:
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return None
    return max(limit - (system_bytes("self/status", "VmSize") or 0), 0)


def _group_limits() -> Iterator[int]:
    """Of every control group that this process is in: those of a container, say."""
    try:
        groups = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for group in groups:
        _, kinds, path = group.split(":", 2)
        if kinds and "memory" not in kinds.split(","):
            continue
        top, name = (
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes") if kinds else ("/sys/fs/cgroup", "memory.max")
        )
        place = PurePosixPath(path)
        for each in (place, *place.parents):  # a limit holds for all groups below
            try:
                said = Path(f"{top}{each}", name).read_text()
            except OSError:
                continue
            if said.strip().isdecimal():  # else: max
                yield int(said)


def system_bytes(file: str, name: str) -> int | None:
    """What Linux says under that name in that file of /proc, in bytes; None elsewhere."""
    try:
        lines = Path("/proc", file).read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), None)
