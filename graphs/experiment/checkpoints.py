"""A run on disk: one file that appears whole, is checked when read, and holds no code.

The file is an uncompressed NPZ: one array per parameter and history column, and a ``header``
(UTF-8 JSON) with format, version, settings, step, counters and a SHA-256 over all the rest.

The classic's run is one format (:func:`save_checkpoint`). The other is a stage of any training
(:func:`save_stage`): steps, with whatever state an update rule keeps, or a solver's search.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from graphs.errors import InputError
from graphs.experiment.settings import Settings
from graphs.files import DamagedFile, file_path, read_npz, write_whole
from graphs.foreign import plain, quoted
from graphs.shards import Stored
from graphs.solving import Search
from graphs.training import HeldOut, History, Progress

__all__ = ["Stage", "fingerprint", "load_checkpoint", "load_stage", "save_checkpoint", "save_stage"]

Stage = Progress | Search
"""What can be stopped, kept, and gone on with."""

_T = TypeVar("_T")

FORMAT, VERSION = "graphs checkpoint", 1
HEADER = 2**16  # bytes; the path of the data is the longest part
COUNTERS = tuple(
    f.name for f in fields(Progress) if f.name not in ("initial", "state", "history", "held_out")
)
STAGE_FORMAT, STAGE_VERSION = "graphs stage", 1
KINDS = ("cost", "curvature", "residuals", "jacobian")  # of a search's evaluations


def save_checkpoint(path: str | os.PathLike[str], progress: Progress, settings: Mapping[str, Any]) -> None:
    """Write `progress`, and the `settings` that its run must be resumed with, whole or not at all."""
    header = {
        "format": FORMAT,
        "version": VERSION,
        "settings": dict(settings),
        "counters": {name: getattr(progress, name) for name in COUNTERS},
    }
    _write(path, header, _arrays_of(progress))


def load_checkpoint(path: str | os.PathLike[str]) -> tuple[Progress, dict[str, Any]]:
    """Read back what :func:`save_checkpoint` wrote: the run so far and its settings.

    A file that is missing, damaged, of another version, or no checkpoint at all is refused; so is one whose
    contents do not fit together as those of a run do.
    """
    path = file_path("checkpoint", path)

    def understood(
        header: dict[str, Any], arrays: dict[str, NDArray[Any]]
    ) -> tuple[Progress, dict[str, Any]]:
        known = msgspec.convert(header, _Header)
        if unknown := header["settings"].keys() - vars(known.settings).keys():
            raise ValueError(f"settings that there are not: {', '.join(sorted(unknown))}")
        return _progress(known, arrays), asdict(known.settings)

    return _read(path, FORMAT, VERSION, understood)


def save_stage(path: str | os.PathLike[str], stage: Stage, identity: Mapping[str, Any]) -> None:
    """Write a stage, and the `identity` that whoever goes on with it must have, whole or not at all."""
    header: dict[str, Any] = {"format": STAGE_FORMAT, "version": STAGE_VERSION, "identity": dict(identity)}
    if isinstance(stage, Search):
        arrays: dict[str, NDArray[Any]] = {
            "start": stage.start,
            "kinds": np.array([KINDS.index(k) for k in stage.kinds], np.uint8),
        }
        for kind in set(stage.kinds):
            rows = [i for i, each in enumerate(stage.kinds) if each == kind]
            arrays[f"asked/{kind}"] = np.stack([stage.asked[i] for i in rows])
            arrays[f"answered/{kind}"] = np.stack([stage.answered[i] for i in rows])
    else:
        arrays = _arrays_of(stage)
        header["counters"] = {name: getattr(stage, name) for name in COUNTERS}
        if stage.held_out:
            header["held_out"] = {
                "patience": stage.held_out.patience,
                "best_entry": stage.held_out.best_entry,
            }
            arrays["held_out_xent"] = stage.held_out.xent
            arrays |= {f"best/{name}": array for name, array in stage.held_out.best.items()}
    _write(path, header, arrays)


def load_stage(path: str | os.PathLike[str], identity: Mapping[str, Any]) -> Stage:
    """Read back what :func:`save_stage` wrote, where it was written with this `identity`.

    A file that is missing, damaged, of another version or identity, or no stage at all is refused; so is one whose
    contents do not fit together.
    """
    path = file_path("checkpoint", path)

    def understood(header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Stage:
        known = msgspec.convert(header, _StageHeader)
        for name in known.identity.keys() | identity.keys():
            there, here = (json.dumps(each.get(name)) for each in (known.identity, identity))
            if there != here:
                raise ValueError(f"the {name} {plain(there)}, where {plain(here)} is asked for")
        return _search(arrays) if known.counters is None else _training(known, known.counters, arrays)

    return _read(path, STAGE_FORMAT, STAGE_VERSION, understood)


def _arrays_of(progress: Progress) -> dict[str, NDArray[Any]]:
    groups = {"initial": progress.initial, "state": progress.state, "history": vars(progress.history)}
    return {f"{group}/{name}": array for group, members in groups.items() for name, array in members.items()}


def _write(path: str | os.PathLike[str], header: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    header["digest"] = _digest(header, arrays)
    buffer = io.BytesIO()
    text = json.dumps(header).encode()
    written: dict[str, Any] = {"header": np.frombuffer(text, dtype=np.uint8), **arrays}
    np.savez(buffer, **written)
    write_whole(path, buffer.getvalue())


def _read(
    path: Path,
    format_: str,
    version: int,
    understood: Callable[[dict[str, Any], dict[str, NDArray[Any]]], _T],
) -> _T:
    """What `understood` makes of header and arrays, where they are whole and of this format and version."""
    try:
        arrays = read_npz(path)
    except OSError as error:
        raise _refused(path, f"which cannot be read ({error.strerror or error})") from error
    except DamagedFile as error:
        raise _refused(path, f"which is damaged or no checkpoint ({error})") from error
    header = _header(arrays)
    if header.get("format") != format_:
        raise _refused(path, "which is no checkpoint of this program")
    if header.get("version") != version:
        raise _refused(path, f"a checkpoint of version {quoted(header.get('version'))}")
    if header.pop("digest", None) != _digest(header, arrays):
        raise _refused(path, "which was changed or damaged after it was written (its digest does not fit)")
    try:
        return understood(header, arrays)
    except ValueError as error:  # the digest is no secret: what fits it may still be anything
        raise _refused(path, f"which holds what no run leaves ({error})") from error


class _HeldOutHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    patience: int
    best_entry: int


class _StageHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    version: int
    identity: dict[str, Any]
    counters: _Counters | None = None
    held_out: _HeldOutHeader | None = None


def _search(arrays: Mapping[str, NDArray[Any]]) -> Search:
    """A search, if the arrays are those of one; else a ValueError says what is not."""
    start, kinds = arrays.get("start"), arrays.get("kinds")
    if start is None or start.dtype != np.float64 or start.ndim != 1 or not np.isfinite(start).all():
        raise ValueError("a search without a place to begin")
    if kinds is None or kinds.dtype != np.uint8 or kinds.ndim != 1 or not (kinds < len(KINDS)).all():
        raise ValueError("a search without its evaluations")
    found = Search(start, [KINDS[kind] for kind in kinds])
    names = {f"{group}/{kind}" for kind in found.kinds for group in ("asked", "answered")}
    if arrays.keys() != {"start", "kinds", *names}:
        raise ValueError("evaluations of which something is missing")
    for kind in set(found.kinds):
        for group in ("asked", "answered"):
            array = arrays[f"{group}/{kind}"]
            if array.dtype != np.float64 or array.ndim != 2 or len(array) != found.kinds.count(kind):
                raise ValueError(f"evaluations of {kind} that are not so many")
    rows = {name: iter(arrays[name]) for name in names}
    found.asked = [next(rows[f"asked/{kind}"]) for kind in found.kinds]
    found.answered = [next(rows[f"answered/{kind}"]) for kind in found.kinds]
    return found


def _training(header: _StageHeader, counters: _Counters, arrays: Mapping[str, NDArray[Any]]) -> Progress:
    """Steps so far, if arrays and header are those of one run; else a ValueError says what is not."""
    groups = _groups(arrays, ("initial", "state", "history", "best"), ("held_out_xent",))
    _check_state("parameters that are not those it began with", groups["initial"], groups["state"])
    steps = groups["history"].get("steps")
    if steps is None or steps.dtype != np.int64 or steps.ndim != 1 or len(steps) < 2 or steps[0] != 0:
        raise ValueError("a history without its steps")
    every, last = int(steps[1]), int(steps[-1])
    if every < 1 or last < 1 or not counters.fit(last):
        raise ValueError(f"counters that do not fit each other and {last} steps")
    history = _history_of(last, every, counters.step, groups["history"])
    held_out = None
    if header.held_out:
        xent, best = np.asarray(groups.get("held_out_xent")), groups["best"]
        _check_state("best parameters that are none of it", groups["state"], best)
        if np.shape(xent) != steps.shape or xent.dtype != np.float64:
            raise ValueError("samples held out of another history")
        if header.held_out.patience < 1 or not -1 <= header.held_out.best_entry < len(steps):
            raise ValueError("a best entry that there is not")
        held_out = HeldOut(header.held_out.patience, xent, header.held_out.best_entry, best)
    elif groups["best"] or "held_out_xent" in arrays:
        raise ValueError("best parameters without samples held out")
    known = msgspec.structs.asdict(counters)
    return Progress(
        **known, initial=groups["initial"], state=groups["state"], history=history, held_out=held_out
    )


def _groups(
    arrays: Mapping[str, NDArray[Any]], names: tuple[str, ...], alone: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The arrays by what stands before the first slash of their names."""
    groups: dict[str, Any] = {name: {} for name in names}
    for name, array in arrays.items():
        group, slash, member = name.partition("/")
        if name in alone:
            groups[name] = array
        elif not slash or group not in groups:
            raise ValueError(f"an array {plain(name)}")
        else:
            groups[group][member] = array
    return groups


def _check_state(wrong: str, *models: Mapping[str, NDArray[Any]]) -> None:
    """Refuse what are not values, all finite, of the same parameters."""
    kinds = [{name: (array.shape, array.dtype) for name, array in model.items()} for model in models]
    if kinds[0] != kinds[1] or not {"w", "b"} <= kinds[0].keys():
        raise ValueError(wrong)
    arrays = [array for model in models for array in model.values()]
    if not all(array.dtype.kind in "fi" and np.isfinite(array).all() for array in arrays):
        raise ValueError("parameters that are not finite")


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
    groups = _groups(arrays, ("initial", "state", "history"))
    _check_parameters(settings, groups["initial"], groups["state"])
    if settings.steps < 1 or settings.every < 1 or not counters.fit(settings.steps):
        raise ValueError(f"counters that do not fit each other and {settings.steps} steps")
    history = _history_of(settings.steps, settings.every, counters.step, groups.pop("history"))
    return Progress(**msgspec.structs.asdict(counters), **groups, history=history)


def _check_parameters(settings: Settings, *models: Mapping[str, NDArray[Any]]) -> None:
    _check_state("parameters that are not those it began with", *models)
    shapes = {name: array.shape for name, array in models[0].items()}
    given = (settings.features,) if settings.data is None else shapes["w"][:1]
    if shapes["w"] != given or not all(given) or shapes["b"] != ():
        raise ValueError(f"w of shape {shapes['w']} and b of shape {shapes['b']}")
    if any(array.dtype != settings.dtype for array in models[0].values()):
        raise ValueError(f"parameters that are not {plain(settings.dtype)}")


def _history_of(steps: int, every: int, step: int, columns: dict[str, NDArray[Any]]) -> History:
    """An entry at every k-th step and the last; empty where the run has not come yet."""
    entries = steps // every + 1 + bool(steps % every)
    kinds = {name: (array.shape, array.dtype) for name, array in columns.items()}
    wanted = {field.name: ((entries,), np.dtype("float64")) for field in fields(History)}
    if kinds != {**wanted, "steps": ((entries,), np.dtype("int64"))}:
        raise ValueError(f"a history that is not one of {entries} entries")
    history = History(**columns)
    if not np.array_equal(history.steps, History.empty(steps, every).steps):
        raise ValueError(f"a history of other steps than every {every}th of {steps}")
    passed = history.steps < step + (step == steps)  # the last entry is made with the last step
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


def fingerprint(*arrays: NDArray[Any] | Stored) -> str:
    """SHA-256 of the samples that a run begins with: it goes on with the same or not at all.

    Of those that stay in files, :attr:`graphs.shards.Stored.digest`.
    """
    digest = hashlib.sha256()
    for array in arrays:
        if isinstance(array, Stored):
            digest.update(array.digest.encode())
            continue
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
