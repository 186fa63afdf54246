"""The folder of one run: settings and checkpoint while it goes on, results once it is done.

========================  ===========================================================
settings.json             what was asked for, versions and machine
checkpoint.npz            the run so far (:mod:`graphs.experiment.checkpoints`)
parameters.npz            w, b, initial_w, initial_b; like the next written as soon as the last step is done
history.csv               one line per history entry, numbers to full precision
result.json               the summary without the times: the same bytes at every run; until the optimum
                          is found, without it
times.json                seconds, of the process that finished the run
cost.png, weights.png     where matplotlib is installed
========================  ===========================================================
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import msgspec
import numpy as np

from graphs.data import Dataset
from graphs.errors import InputError
from graphs.experiment.checkpoints import fingerprint, load_checkpoint, save_checkpoint
from graphs.experiment.folder import Folder
from graphs.experiment.reproduction import Reproduction
from graphs.experiment.settings import Settings
from graphs.files import write_whole
from graphs.training import History, Progress

__all__ = ["RunFolder", "summary_files", "to_json", "trained_files"]

FILES = ("settings.json", "checkpoint.npz", "parameters.npz", "history.csv", "result.json", "times.json")


class RunFolder(Folder):
    """The folder of the classic's run."""

    def __init__(self, path: str | os.PathLike[str], *, resume: bool) -> None:
        super().__init__(path, FILES, resume=resume)

    def begun(
        self, given: Mapping[str, Any], *, in_files: bool = False
    ) -> tuple[Settings, Dataset, Progress] | None:
        """The run in this folder, or None where none has begun; `in_files` as of :meth:`Settings.load`.

        Refused if the checkpoint is damaged or foreign, a setting that the user has `given` is not that of the
        run, or the data have changed.
        """
        path = self.path / "checkpoint.npz"
        if not path.exists():
            return None
        progress, identity = load_checkpoint(path)
        data_sha256 = identity.pop("data_sha256")
        for name, value in given.items():
            if name != "data" and identity[name] != value:
                raise InputError(
                    name,
                    found=f"{value!r} for a run begun with {identity[name]!r}",
                    allowed="what the run was begun with",
                    remedy="leave the option out, or begin another run in another folder",
                )
        settings = Settings(**{**identity, **given})
        dataset = settings.load(in_files=in_files)
        if fingerprint(dataset.x, dataset.y) != data_sha256:
            raise InputError(
                "data",
                found=f"other samples than the run in {self.path} began with",
                allowed="the same samples",
            )
        if not np.array_equal(progress.initial["w"], dataset.initial_w):
            raise InputError(
                "resume",
                found=f"a checkpoint in {self.path} with other initial weights than its settings give",
                allowed="a checkpoint as this program wrote it",
            )
        return settings, dataset, progress

    def begin(self, settings: Settings, dataset: Dataset, stamp: Mapping[str, Any]) -> Progress:
        """Write down what is to be run and a checkpoint of its final size, before any work is done."""
        state = {"w": dataset.initial_w, "b": np.array(dataset.initial_b, dtype=settings.dtype)}
        progress = Progress.fresh(state, settings.steps, settings.every)
        try:
            write_whole(self.path / "settings.json", to_json({"settings": asdict(settings), **stamp}))
            self.checkpoint(progress, settings, dataset)
        except OSError as error:
            raise self.unusable(f"has no room for the run ({error.strerror or error})") from error
        return progress

    def checkpoint(self, progress: Progress, settings: Settings, dataset: Dataset) -> None:
        """Save the run so far."""
        identity = {**asdict(settings), "data_sha256": fingerprint(dataset.x, dataset.y)}
        save_checkpoint(self.path / "checkpoint.npz", progress, identity)


def trained_files(result: Reproduction) -> dict[str, Callable[[], bytes]]:
    """What can be kept when the last step is done, as names and what makes their contents."""
    return {
        "parameters.npz": lambda: _parameters(result.progress),
        "history.csv": lambda: _csv(result.progress.history),
    }


def summary_files(result: Reproduction) -> dict[str, Callable[[], bytes]]:
    """The summary and the times, likewise."""
    summary = result.summary()
    times = summary.pop("times")
    return {"result.json": lambda: to_json(summary), "times.json": lambda: to_json(times)}


def _parameters(progress: Progress) -> bytes:
    parameters = io.BytesIO()
    initial: dict[str, Any] = {f"initial_{name}": array for name, array in progress.initial.items()}
    np.savez(parameters, **{**progress.state, **initial})
    return parameters.getvalue()


def to_json(value: Mapping[str, Any]) -> bytes:
    """UTF-8 JSON with two-space indents; NaN and infinity, which JSON has no word for, become null."""
    whole = msgspec.json.encode(value, enc_hook=float)  # NumPy's float64, all else is plain
    return msgspec.json.format(whole, indent=2) + b"\n"


def _csv(history: History) -> bytes:
    columns = vars(history)
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return "".join(",".join(map(str, row)) + "\n" for row in (columns, *rows)).encode()
