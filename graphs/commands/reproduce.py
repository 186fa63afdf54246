"""Run the original's experiment and show what it prints, then the facts about the run."""

from __future__ import annotations

import time

started = time.perf_counter()

import argparse
import os
import signal
import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from graphs.commands.distribution import as_arguments, distribution
from graphs.commands.ending import reason
from graphs.data import Dataset
from graphs.environment import stabilizing_rewrites_fire
from graphs.errors import InputError, whole_number
from graphs.experiment.ahead import import_ahead
from graphs.experiment.beginning import Beginning, begin, begin_together, progress_together
from graphs.experiment.reproduction import prepare
from graphs.experiment.results import RunFolder, summary_files, to_json, trained_files
from graphs.experiment.settings import Settings
from graphs.experiment.warm import WarmFunctions
from graphs.foreign import plain
from graphs.interruption import Interrupted, SignalRequests
from graphs.listener import Listener
from graphs.pictures import MissingMatplotlib
from graphs.sharded.cluster import Cluster, joined
from graphs.sharded.layout import Layout
from graphs.sharded.local import run_processes
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
    mesh, spread = asked.get("mesh"), distribution(asked)
    if spread is None:
        begun = begin(asked, out, resume=resume)
        return _run(begun, Cluster(), None, checkpoint_every, as_json=as_json, quiet=quiet)
    layout, membership = spread
    if membership.starts_others:
        options = {"out": out, "resume": resume, "json": as_json, "quiet": quiet, "mesh": mesh}
        arguments = as_arguments({**asked, **options, "checkpoint_every": checkpoint_every})
        program = [sys.executable, "-m", "graphs", "reproduce", *arguments]
        return run_processes("reproduce", program, membership.processes or 1)
    with joined(membership, "reproduce") as cluster:
        leads = cluster.leads
        own = begin(asked, out, resume=resume, in_files=True, layout=layout) if leads else None
        begun = begin_together(cluster, own, checkpoint_every)
        layout = cluster.start(layout)
        layout.check_features(len(begun.dataset.initial_w))
        begun = progress_together(cluster, begun)
        cluster.work_begins(_remedy(out))
        return _run(begun, cluster, layout, checkpoint_every, as_json=as_json, quiet=quiet)


def _remedy(out: object) -> str:
    return f"go on with --out {plain(out)} --resume" if out else "nothing is kept without --out DIR"


def _run(
    begun: Beginning,
    cluster: Cluster,
    layout: Layout | None,
    checkpoint_every: int,
    *,
    as_json: bool,
    quiet: bool,
) -> int:
    settings, folder = begun.settings, begun.folder
    kept = Kept(folder)
    out = folder.path if folder else None
    remedy = _remedy(out)
    quiet = quiet or not cluster.leads
    signals = SignalRequests()
    with _shown(quiet) as listener:
        prepared = prepare(settings, dataset=begun.dataset, listener=listener, mesh=layout)
        # what the cache holds was compiled where they fire
        if cluster.leads and not (
            isinstance(prepared.functions, WarmFunctions) or stabilizing_rewrites_fire()
        ):
            print(REWRITES_OFF, file=sys.stderr)
        if not (as_json or quiet):
            import_ahead("graphs.experiment.report")
        try:
            with signals:
                result = prepared.train(
                    progress=begun.progress,
                    checkpoint=partial(kept.checkpoint, settings, begun.dataset) if folder else None,
                    checkpoint_every=checkpoint_every,
                    stop=cluster.agreed(lambda: signals.received != 0),
                )
        except Diverged as error:
            if cluster.leads:
                print(f"reproduce: {error}", file=sys.stderr)
            return 1
        except Stopped as stopped:
            if cluster.leads:
                print(f"reproduce: {stopped} of {settings.steps}; {remedy}.", file=sys.stderr)
            return 128 + (signals.received or signal.SIGTERM)
        cluster.goes_on_alone()
        if not cluster.leads:
            return 0
        # What the steps came to is there: nothing that follows may cost it.
        kept.write(trained_files(result))
        if folder and not folder.holds("result.json"):
            kept.write(summary_files(result))
        try:
            if signals.received:  # after the last time that the steps asked for it
                raise Interrupted(signals.received)
            result = prepared.compare(result)
            kept.write(summary_files(result))
            if folder:
                from graphs.experiment.pictures import pictures

                kept.write(pictures(result))
        except Interrupted as interrupted:
            signals.received, how = interrupted.signal, str(interrupted)
    kept.tell()
    if as_json:
        summary = result.summary()
        summary["times"] = {"import": import_seconds, **summary["times"]}
        sys.stdout.buffer.write(to_json(summary))
    elif not quiet:
        from graphs.experiment.report import report
        from graphs.terminal import console

        console().print(report(result, import_seconds))
        print(f"kept in {plain(out)}" if folder else "nothing kept; --out DIR keeps it")
    if signals.received:
        print(f"reproduce: {how} when all steps were done; {remedy}.", file=sys.stderr)
        return 128 + signals.received
    return 1 if kept.lost else 0


def _shown(quiet: bool) -> AbstractContextManager[Listener]:
    """What shows how the work goes on; where nobody would see it, what draws it is not imported before the steps."""
    named = any(name in os.environ for name in ("FORCE_COLOR", "TTY_COMPATIBLE"))  # which rich looks at
    if quiet or not (named or sys.stderr.isatty()):
        return nullcontext(Listener())
    from graphs.terminal import Shown

    return Shown()


class Kept:
    """What is kept of a run, each file on its own: one that cannot be kept costs none of the others."""

    def __init__(self, folder: RunFolder | None) -> None:
        self.folder = folder
        self.lost: dict[str, list[str]] = {}  # names of files, by the reason

    def checkpoint(self, settings: Settings, dataset: Dataset, progress: Progress) -> None:
        """Save the run so far; where that fails, only the last step's result is worth going on for."""
        assert self.folder is not None
        try:
            self.folder.checkpoint(progress, settings, dataset)
        except Exception as error:
            if progress.step < settings.steps:
                raise
            self._lose("checkpoint.npz", error)

    def write(self, files: Mapping[str, Callable[[], bytes]]) -> None:
        """Make and write `files`, where there is a folder for them."""
        if self.folder is None:
            return
        for name, made in files.items():
            try:
                self.folder.write(name, made())
            except MissingMatplotlib as error:
                warnings.warn(str(error), RuntimeWarning, stacklevel=2)
            except Exception as error:  # a full disk, a broken matplotlib, memory: the rest goes on
                self._lose(name, error)

    def _lose(self, name: str, error: Exception) -> None:
        names = self.lost.setdefault(reason(error), [])
        if name not in names:
            names.append(name)

    def tell(self) -> None:
        """Say what was lost and why."""
        for why, names in self.lost.items():
            assert self.folder is not None
            where = plain(self.folder.path)
            print(f"reproduce: {', '.join(names)} could not be kept in {where}: {why}.", file=sys.stderr)
