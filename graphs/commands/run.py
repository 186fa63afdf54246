"""Run an experiment of the texts: what they claim, and beside it what was found."""

from __future__ import annotations

import argparse
import inspect
import sys
from pathlib import Path
from typing import Any

from graphs.commands.named_graph import NamedGraph
from graphs.data import MissingScikitLearn
from graphs.environment import stamp
from graphs.errors import InputError, choose
from graphs.examples import EXAMPLES
from graphs.examples.outcome import Outcome
from graphs.examples.report import report, summary
from graphs.examples.run import Run
from graphs.experiment.folder import Folder
from graphs.experiment.results import to_json
from graphs.foreign import plain
from graphs.functions import resolve_mode
from graphs.inspection.show.report import report as inspection_report
from graphs.interruption import Interrupted, SignalRequests
from graphs.pictures import MissingMatplotlib, png
from graphs.solving import NoOptimum
from graphs.terminal import Shown, console, show_sections
from graphs.training import Diverged, Stopped

__all__ = ["main"]


def main(given: argparse.Namespace) -> int:
    """Parse, run, show."""
    names = list(dict.fromkeys(choose("example", name, EXAMPLES) for name in given.example)) or list(EXAMPLES)
    resolve_mode(given.mode)  # refuse bad input before a folder is made
    if given.resume and given.out is None:
        raise InputError("resume", found="no folder", allowed="--out DIR of the run to go on with")
    folder = None
    if given.out is not None:
        held = [name for name in names if _begun(Path(given.out), name)]
        files = [f"{name}.json" for name in names] + [
            path.name for n in held for path in _stages(given.out, n)
        ]
        folder = Folder(given.out, files, resume=given.resume)
    signals = SignalRequests()
    told: dict[str, Any] = {}
    code = 0
    for name in names:
        example = EXAMPLES.function(name)
        with Shown(quiet=given.quiet) as listener:
            run = Run(name, given.mode, listener, lambda: signals.received != 0, folder, resume=given.resume)
            try:
                with signals:
                    outcome = example(run)
            except Stopped as stopped:
                remedy = (
                    f"go on with --out {plain(given.out)} --resume"
                    if folder
                    else "nothing is kept without --out DIR"
                )
                print(f"run: {name} {stopped}; {remedy}.", file=sys.stderr)
                return 128 + signals.received
            except (Diverged, NoOptimum) as error:
                print(f"run: {name}: {error}.", file=sys.stderr)
                return 1
            except MissingScikitLearn as error:
                print(f"run: {name}: {error}.", file=sys.stderr)
                code = 1
                continue
            linkers = run.linkers()
        if signals.received:  # after the last stage that asked for it
            raise Interrupted(signals.received)
        told[name] = summary(outcome, linkers)
        if folder:
            folder.write(f"{name}.json", to_json({**told[name], **stamp()}))
            _draw(folder, name, outcome)
        if not (given.json or given.quiet):
            console().print(report(name, inspect.getdoc(example) or "", outcome, linkers), "", crop=False)
        if given.inspect:
            _inspect(name, outcome, given.mode)
        if not told[name]["holds"]:
            claims = [finding.claim for finding in outcome.findings if not finding.holds]
            print(f"run: {name}: it does not hold that {'; '.join(claims)}.", file=sys.stderr)
            code = 1
    if given.json:
        sys.stdout.buffer.write(to_json(told))
    elif folder and not given.quiet:
        print(f"kept in {plain(given.out)}")
    return code


def _stages(out: str, name: str) -> list[Path]:
    """What is kept of an example that was begun: its stages, each a file."""
    return sorted(Path(out).glob(f"{name}-*.npz"))


def _begun(out: Path, name: str) -> bool:
    return out.is_dir() and bool(_stages(str(out), name))


def _draw(folder: Folder, name: str, outcome: Outcome) -> None:
    try:
        folder.write(f"{name}.png", png(outcome.draw()))
    except MissingMatplotlib as error:
        print(f"run: {error}", file=sys.stderr)


def _inspect(name: str, outcome: Outcome, mode: str) -> None:
    """What `graphs inspect` shows, without what takes long, of the example's graph."""
    subject = outcome.subject
    graph = NamedGraph(
        name, list(subject.inputs), list(subject.outputs), list(subject.updates), subject.values
    )
    with Shown() as listener:
        inspection = graph.inspect(resolve_mode(mode))
        asked = graph.examine(inspection, dict(subject.values), parts=("values",), listener=listener)
    show_sections(inspection_report(asked.recording))
