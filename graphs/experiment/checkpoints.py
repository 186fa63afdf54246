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
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from graphs.errors import InputError
from graphs.experiment.settings import Settings
from graphs.files import DamagedFile, file_path, read_npz, write_whole
from graphs.foreign import plain, quoted
from graphs.training import History, Progress

__all__ = ["fingerprint", "load_checkpoint", "save_checkpoint"]

FORMAT, VERSION = "graphs checkpoint", 1
HEADER = 2**16  # bytes; the path of the data is the longest part
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

    A file that is missing, damaged, of another version, or no checkpoint at all is refused; so is one whose
    contents do not fit together as those of a run do.
    """
    path = file_path("checkpoint", path)
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
        raise _refused(path, f"a checkpoint of version {quoted(header.get('version'))}")
    if header.pop("digest", None) != _digest(header, arrays):
        raise _refused(path, "which was changed or damaged after it was written (its digest does not fit)")
    try:
        known = msgspec.convert(header, _Header)
        if unknown := header["settings"].keys() - vars(known.settings).keys():
            raise ValueError(f"settings that there are not: {', '.join(sorted(unknown))}")
        return _progress(known, arrays), asdict(known.settings)
    except ValueError as error:  # the digest is no secret: what fits it may still be anything
        raise _refused(path, f"which holds what no run leaves ({error})") from error


@dataclass(frozen=True)
class _Identity(Settings):
    """What a run must be resumed with."""

    data_sha256: str = ""


class _Counters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The numbers of a `graphs.training.Progress`."""

    step: int
    first_perfect_call: int
    mistakes_since: int
    nonfinite_calls: int
    first_nonfinite_call: int
    last_nonfinite_call: int
    first_mean_xent: float

    def fit(self, steps: int) -> bool:
        """Whether a run of so many steps can have come to them."""
        calls = (
            self.first_perfect_call,
            self.mistakes_since,
            self.nonfinite_calls,
            self.first_nonfinite_call,
            self.last_nonfinite_call,
        )
        ends = (self.first_nonfinite_call > 0, self.last_nonfinite_call > 0)
        return (
            0 <= self.step <= steps
            and all(0 <= call <= self.step for call in calls)
            and self.first_nonfinite_call <= self.last_nonfinite_call
            and ends == (self.nonfinite_calls > 0,) * 2
        )


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    version: int
    settings: _Identity
    counters: _Counters


def _progress(header: _Header, arrays: Mapping[str, NDArray[Any]]) -> Progress:
    """The run so far, if arrays and header are those of one run; else a ValueError says what is not."""
    settings, counters = header.settings, header.counters
    groups: dict[str, Any] = {"initial": {}, "state": {}, "history": {}}
    for name, array in arrays.items():
        group, _, member = name.partition("/")
        if group not in groups:
            raise ValueError(f"an array {plain(name)}")
        groups[group][member] = array
    _check_parameters(settings, groups["initial"], groups["state"])
    if settings.steps < 1 or settings.every < 1 or not counters.fit(settings.steps):
        raise ValueError(f"counters that do not fit each other and {settings.steps} steps")
    history = _history(settings, counters.step, groups.pop("history"))
    return Progress(**msgspec.structs.asdict(counters), **groups, history=history)


def _check_parameters(settings: Settings, *models: Mapping[str, NDArray[Any]]) -> None:
    kinds = [{name: (array.shape, array.dtype) for name, array in model.items()} for model in models]
    if kinds[0] != kinds[1] or not {"w", "b"} <= kinds[0].keys():
        raise ValueError("parameters that are not those it began with")
    shape = kinds[0]["w"][0]
    given = (settings.features,) if settings.data is None else shape[:1]
    if shape != given or not all(shape) or kinds[0]["b"][0] != ():
        raise ValueError(f"w of shape {shape} and b of shape {kinds[0]['b'][0]}")
    if any(dtype != settings.dtype for _, dtype in kinds[0].values()):
        raise ValueError(f"parameters that are not {plain(settings.dtype)}")
    if not all(np.isfinite(array).all() for model in models for array in model.values()):
        raise ValueError("parameters that are not finite")


def _history(settings: Settings, step: int, columns: dict[str, NDArray[Any]]) -> History:
    """An entry at every k-th step and the last; empty where the run has not come yet."""
    entries = settings.steps // settings.every + 1 + bool(settings.steps % settings.every)
    kinds = {name: (array.shape, array.dtype) for name, array in columns.items()}
    wanted = {field.name: ((entries,), np.dtype("float64")) for field in fields(History)}
    if kinds != {**wanted, "steps": ((entries,), np.dtype("int64"))}:
        raise ValueError(f"a history that is not one of {entries} entries")
    history = History(**columns)
    if not np.array_equal(history.steps, History.empty(settings.steps, settings.every).steps):
        raise ValueError(f"a history of other steps than every {settings.every}th of {settings.steps}")
    passed = history.steps < step + (step == settings.steps)  # the last entry is made with the last step
    ahead = [column[history.steps > step] for name, column in columns.items() if name != "steps"]
    accuracy = history.accuracy[passed]
    if not (all(np.isnan(column).all() for column in ahead) and ((accuracy >= 0) & (accuracy <= 1)).all()):
        raise ValueError(f"a history that does not end at step {step}")
    return history


def _header(arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Take the header out of `arrays`; empty where there is none that reads as one."""
    text = arrays.pop("header", np.zeros(0, np.uint8)).tobytes()[: HEADER + 1]
    try:
        header = json.loads(text) if len(text) <= HEADER else None
        json.dumps(header)  # as deep as can be written again
    except (ValueError, RecursionError):
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
