"""A run on disk: one file that appears whole, is checked when read, and holds no code.

The file is an uncompressed NPZ: one array per parameter and history column, and a ``header``
(UTF-8 JSON) with format, version, settings, step, counters and a SHA-256 over all the rest.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphs.errors import InputError
from graphs.files import DamagedFile, read_npz, write_whole
from graphs.training import History, Progress

__all__ = ["fingerprint", "load_checkpoint", "save_checkpoint"]

FORMAT, VERSION = "graphs checkpoint", 1
COUNTERS = tuple(f.name for f in fields(Progress) if f.name not in ("initial", "state", "history"))


def save_checkpoint(path: str | os.PathLike[str], progress: Progress, settings: Mapping[str, Any]) -> None:
    """Write `progress`, and the `settings` that its run must be resumed with, whole or not at all."""
    groups = {"initial": progress.initial, "state": progress.state, "history": vars(progress.history)}
    arrays = {
        f"{group}/{name}": array for group, members in groups.items() for name, array in members.items()
    }
    header = {
        "format": FORMAT,
        "version": VERSION,
        "settings": dict(settings),
        "counters": {name: getattr(progress, name) for name in COUNTERS},
    }
    header["digest"] = _digest(header, arrays)
    buffer = io.BytesIO()
    text = json.dumps(header).encode()
    np.savez(buffer, header=np.frombuffer(text, dtype=np.uint8), **arrays)
    write_whole(path, buffer.getvalue())


def load_checkpoint(path: str | os.PathLike[str]) -> tuple[Progress, dict[str, Any]]:
    """Read back what :func:`save_checkpoint` wrote: the run so far and its settings.

    A file that is missing, damaged, of another version, or no checkpoint at all is refused.
    """
    path = Path(path)
    try:
        arrays = read_npz(path)
    except OSError as error:
        raise _refused(path, f"which cannot be read ({error.strerror or error})") from error
    except DamagedFile as error:
        raise _refused(path, f"which is damaged or no checkpoint ({error})") from error
    header = _header(arrays)
    if header.get("format") != FORMAT:
        raise _refused(path, "which is no checkpoint of this program")
    if header.get("version") != VERSION:
        raise _refused(path, f"a checkpoint of version {header.get('version')!r}")
    digest = header.pop("digest", None)
    if digest != _digest(header, arrays):
        raise _refused(path, "which was changed or damaged after it was written (its digest does not fit)")
    groups: dict[str, Any] = {"initial": {}, "state": {}, "history": {}}
    for name, array in arrays.items():
        group, _, member = name.partition("/")
        groups[group][member] = array
    groups["history"] = History(**groups["history"])
    return Progress(**groups, **header["counters"]), header["settings"]


def _header(arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Take the header out of `arrays`; empty where there is none that reads as one."""
    try:
        header = json.loads(arrays.pop("header").tobytes())
    except (KeyError, ValueError):
        return {}
    return header if isinstance(header, dict) else {}


def _digest(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def fingerprint(*arrays: NDArray[Any]) -> str:
    """SHA-256 of the samples that a run begins with: it goes on with the same or not at all."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _refused(path: Path, why: str) -> InputError:
    return InputError(
        "checkpoint",
        found=f"{path}, {why}",
        allowed=f"a checkpoint of version {VERSION}, as this program wrote it",
        remedy="begin anew in another folder",
    )
