"""Run the experiment in every framework that is installed, and show what differs."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path
from time import monotonic
from typing import Any

from rich.console import Console

from graphs import frameworks
from graphs.comparison import Listener, Plan, compare
from graphs.comparison.code_view import code_panels
from graphs.comparison.keeping import begun, gradients, keep, keep_record, prepare
from graphs.comparison.side_by_side import side_by_side
from graphs.comparison.tables import comparison_tables
from graphs.data import load
from graphs.errors import InputError
from graphs.experiment.results import to_json
from graphs.interruption import Interrupted, raised_signals
from graphs.reading import read


def size(text: str) -> tuple[int, int]:
    """Samples and features from a text such as 400x784."""
    try:
        samples, features = (int(number) for number in text.lower().split("x"))
    except ValueError as error:
        raise InputError("sizes", found=repr(text), allowed="samples x features, such as 400x784") from error
    return samples, features


def interpreter(text: str) -> tuple[str, str]:
    """Run and path from a text such as aesara=venv/bin/python."""
    run, equals, path = text.partition("=")
    if not (run and equals and path):
        raise InputError("python", found=repr(text), allowed="RUN=PATH, such as aesara=venv/bin/python")
    return run, path


class Shown(Listener):
    """Shows on the error stream how it goes on, and writes the record down whenever it grows.

    On a terminal what goes on is one line that changes; elsewhere each beginning is a line.
    """

    def __init__(self, out: Path | None, *, quiet: bool) -> None:
        self.out, self.quiet = out, quiet
        self.console = Console(stderr=True, highlight=False)
        self.status = self.console.status("starting") if self.console.is_terminal and not quiet else None
        self.start = monotonic()
        self.what = ""
        self.record: dict[str, Any] = {}

    def begins(self, what: str) -> None:
        """Show the line."""
        self.what = what
        if self.status:
            self.status.update(what)
        elif not self.quiet:
            self._print(what + " …")

    def progress(self, done: int, of: int) -> None:
        """Show how much, where that does not make a line each time."""
        if self.status:
            self.status.update(f"{self.what}: {done:,} of {of:,}")

    def found(self, what: str) -> None:
        """Show the line, to stay."""
        if not self.quiet:
            self._print(what)

    def _print(self, what: str) -> None:
        self.console.print(f"{monotonic() - self.start:5.0f} s  {what}", markup=False, soft_wrap=True)

    def keep(self, record: dict[str, Any]) -> None:
        """Write the record; what is shown after an interruption is this one."""
        self.record = record
        if self.out:
            keep_record(self.out, record)


def main(given: argparse.Namespace) -> int:
    """Parse, compare, show."""
    if given.code:
        runs = tuple(given.runs) if given.runs else None
        Console().print(code_panels(side_by_side(runs, given.formulas[0])))
        return 0
    plan = Plan(
        runs=tuple(given.runs or frameworks.RUNS),
        formulas=tuple(given.formulas),
        steps=given.steps,
        rounds=given.rounds,
        threads=given.threads,
        warm_starts=given.starts,
        sizes=tuple(size(text) for text in given.sizes),
        timeout=given.timeout,
        step_limit=given.step_limit,
        interpreters=dict(interpreter(text) for text in given.python),
    )
    data = (
        read(given.data, seed=given.seed, dtype=given.dtype)
        if given.data
        else load(seed=given.seed, samples=given.samples, features=given.features, dtype=given.dtype)
    )
    if given.resume and not given.out:
        raise InputError("resume", found="no folder", allowed="--out DIR of the comparison to go on with")
    out = prepare(given.out, resume=given.resume) if given.out else None
    earlier = begun(out) if out and given.resume else None
    listener = Shown(out, quiet=given.quiet)
    try:
        with raised_signals(), listener.status or nullcontext():
            record = compare(data, plan, earlier=earlier, listener=listener)
    except Interrupted as interrupted:
        record = listener.record
        show(record, given, out)
        remedy = "go on with the same command and --resume" if out else "nothing is kept without --out DIR"
        print(f"compare: interrupted; {progress_of(record)}; {remedy}.", file=sys.stderr)
        return 128 + interrupted.signal
    show(record, given, out)
    return 0


def progress_of(record: dict[str, Any]) -> str:
    """How far an interrupted comparison has come."""
    runs = record.get("runs", [])
    trained = sum("finite" in run for run in runs)
    timed = sum("steady" in run for run in runs)
    return f"of {len(runs)} runs {trained} had taken their steps and {timed} had been timed"


def show(record: dict[str, Any], given: argparse.Namespace, out: Path | None) -> None:
    """Print what was asked for, and keep it where asked to."""
    if not record:
        return
    if out:
        keep(out, record)
    if given.json:
        sys.stdout.buffer.write(to_json(record))
        return
    console = Console()
    console.print(comparison_tables(record))
    if given.gradients:
        console.print(gradients(record), markup=False, highlight=False)
    console.print(f"kept in {out}" if out else "nothing kept; --out DIR keeps it")
