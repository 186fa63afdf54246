"""Run the experiment in every framework that is installed, and show what differs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from graphs.data import load
from graphs.errors import InputError
from graphs.foreign import plain
from graphs.interruption import Interrupted
from graphs.peers import COMPARED
from graphs.peers.compare import Comparison, Plan, check, compare
from graphs.peers.compare.keeping import begun, gradients, keep, keep_record, prepare
from graphs.peers.compare.side_by_side import code_panels, side_by_side
from graphs.peers.compare.tables import comparison_tables
from graphs.peers.size import Size
from graphs.reading import read
from graphs.terminal import Shown, console

__all__ = ["main"]


def interpreters(given: list[str]) -> dict[str, str]:
    """Paths by peer, from texts such as aesara=venv/bin/python."""
    found: dict[str, str] = {}
    for text in given:
        run, equals, path = text.partition("=")
        if not (run and equals and path) or run in found:
            allowed = "RUN=PATH, such as aesara=venv/bin/python, and each run once"
            raise InputError("python", found=repr(text), allowed=allowed)
        found[run] = path
    return found


def main(given: argparse.Namespace) -> int:
    """Parse, compare, show."""
    plan = Plan(
        runs=tuple(given.runs or COMPARED),
        formulas=tuple(given.formulas),
        steps=given.steps,
        rounds=given.rounds,
        threads=given.threads,
        warm_starts=given.starts,
        sizes=tuple(Size.of(text) for text in given.sizes),
        timeout=given.timeout,
        step_limit=given.step_limit,
        interpreters=interpreters(given.python),
    )
    if given.code:
        runs = tuple(given.runs) if given.runs else None
        console().print(code_panels(side_by_side(runs, given.formulas[0])))
        return 0
    data = (
        read(given.data, seed=given.seed, dtype=given.dtype)
        if given.data
        else load(seed=given.seed, samples=given.samples, features=given.features, dtype=given.dtype)
    )
    if given.resume and not given.out:
        raise InputError("resume", found="no folder", allowed="--out DIR of the comparison to go on with")
    check(data, plan)
    out = prepare(given.out, resume=given.resume) if given.out else None
    earlier = begun(out) if out and given.resume else None
    so_far: Comparison | None = None

    def keep_so_far(record: Comparison) -> None:
        nonlocal so_far
        so_far = record
        if out:
            keep_record(out, record)

    try:
        with Shown(quiet=given.quiet, lines=True) as listener:
            compare(data, plan, earlier=earlier, listener=listener, keep=keep_so_far)
    except Interrupted as interrupted:
        show(so_far, given, out)
        remedy = "go on with the same command and --resume" if out else "nothing is kept without --out DIR"
        print(f"compare: {interrupted}; {progress_of(so_far)}; {remedy}.", file=sys.stderr)
        return 128 + interrupted.signal
    show(so_far, given, out)
    return 0


def progress_of(record: Comparison | None) -> str:
    """How far an interrupted comparison has come."""
    runs = record.runs if record else []
    trained = sum(run.finite is not None for run in runs)
    timed = sum(run.steady is not None for run in runs)
    return f"of {len(runs)} runs {trained} had taken their steps and {timed} had been timed"


def show(record: Comparison | None, given: argparse.Namespace, out: Path | None) -> None:
    """Print what was asked for, and keep it where asked to."""
    if record is None:
        return
    if out:
        keep(out, record)
    if given.json:
        sys.stdout.buffer.write(record.to_json())
        return
    out_there = console()
    out_there.print(comparison_tables(record))
    if given.gradients:
        out_there.print(gradients(record))
    out_there.print(f"kept in {plain(out)}" if out else "nothing kept; --out DIR keeps it")
