"""Run the original's experiment and show what it prints, then the facts about the run."""

from __future__ import annotations

import time

started = time.perf_counter()

import argparse
import sys
from contextlib import ExitStack
from functools import partial

from graphs.environment import stabilizing_rewrites_fire
from graphs.errors import InputError, whole_number
from graphs.experiment.pictures import MissingMatplotlib, draw
from graphs.experiment.provenance import changes, provenance
from graphs.experiment.report import report
from graphs.experiment.reproduction import Reproduction, reproduce
from graphs.experiment.results import RunFolder, to_json
from graphs.experiment.settings import Settings
from graphs.foreign import plain
from graphs.interruption import SignalRequests
from graphs.terminal import Shown, console
from graphs.training import Diverged, Progress, Stopped

import_seconds = time.perf_counter() - started

__all__ = ["main"]

REWRITES_OFF = """\
reproduce: PyTensor's stabilizing rewrites do not fire in this environment (log1p(−sigmoid(z)) stays as it
is), so the textbook formula overflows as in an eager framework. Most likely the package `packaging` is
missing: python -m pip install packaging"""


def main(given: argparse.Namespace) -> int:
    """Parse, run, show."""
    asked = vars(given)
    out, resume, as_json, quiet = (asked.pop(name) for name in ("out", "resume", "json", "quiet"))
    checkpoint_every = whole_number("checkpoint_every", asked.pop("checkpoint_every"), 1)
    if resume and out is None:
        raise InputError("resume", found="no folder", allowed="--out DIR of the run to go on with")
    if not resume:
        Settings(**asked).load()  # refuse bad input before a folder is made
    folder = RunFolder(out, resume=resume) if out is not None else None
    begun = folder.begun(asked) if folder else None
    progress: Progress | None
    if begun:
        settings, dataset, progress = begun
        otherwise = changes(folder.path / "settings.json", settings) if folder else ""
        if otherwise:
            print(f"reproduce: {otherwise}.", file=sys.stderr)
    else:
        settings = Settings(**asked)
        dataset = settings.load()
        progress = folder.begin(settings, dataset, provenance(settings)) if folder else None
    if not stabilizing_rewrites_fire():
        print(REWRITES_OFF, file=sys.stderr)

    checkpoint = partial(folder.checkpoint, settings=settings, dataset=dataset) if folder else None
    signals = SignalRequests()
    with ExitStack() as entered:
        listener = entered.enter_context(Shown(quiet=quiet))
        try:
            result = reproduce(
                settings,
                dataset=dataset,
                progress=progress,
                checkpoint=checkpoint,
                checkpoint_every=checkpoint_every,
                on_build=lambda: entered.enter_context(signals),
                listener=listener,
                stop=lambda: signals.received != 0,
            )
        except Diverged as error:
            print(f"reproduce: {error}", file=sys.stderr)
            return 1
        except Stopped as stopped:
            kept = (
                f"go on with --out {plain(out)} --resume" if folder else "nothing is kept without --out DIR"
            )
            print(f"reproduce: {stopped} of {settings.steps}; {kept}.", file=sys.stderr)
            return 128 + signals.received
    if folder:
        keep(folder, result)
    if as_json:
        summary = result.summary()
        summary["times"] = {"import": import_seconds, **summary["times"]}
        sys.stdout.buffer.write(to_json(summary))
    elif not quiet:
        console().print(report(result, import_seconds))
        print(f"kept in {plain(out)}" if folder else "nothing kept; --out DIR keeps it")
    return 0


def keep(folder: RunFolder, result: Reproduction) -> None:
    """Write the results, with pictures where they can be drawn."""
    pictures = {}
    try:
        pictures = draw(result)
    except MissingMatplotlib as error:
        print(f"reproduce: {error}", file=sys.stderr)
    folder.finish(result, pictures)
