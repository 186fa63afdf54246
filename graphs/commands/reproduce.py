"""Run the original's experiment and show what it prints, then the facts about the run."""

from __future__ import annotations

import time

started = time.perf_counter()

import argparse
import sys
from contextlib import ExitStack
from dataclasses import asdict

from rich.console import Console

from graphs.commands.ending import run
from graphs.data import DTYPES
from graphs.environment import stabilizing_rewrites_fire, stamp
from graphs.errors import InputError, whole_number
from graphs.experiment.pictures import MissingMatplotlib, draw
from graphs.experiment.report import report
from graphs.experiment.reproduction import Reproduction, reproduce
from graphs.experiment.results import RunFolder, to_json
from graphs.experiment.settings import Settings
from graphs.functions import mode_names
from graphs.interruption import SignalRequests
from graphs.models.logistic import FORMULAS
from graphs.terminal import Shown
from graphs.training import Diverged, Progress, Stopped

import_seconds = time.perf_counter() - started

EPILOG = """\
examples:
  scripts/run reproduce                          the original: seed 0, 10,000 steps
  scripts/run reproduce --seed 1 --mode CVM      another draw, PyTensor's C linker
  scripts/run reproduce --mode none --steps 5    no rewrites: the textbook formula ends in NaN at step 1
  scripts/run reproduce --formula logits --mode none --steps 5
                                                 the formula that needs no rewriting
  scripts/run reproduce --out runs/a             keep everything; stop it at any moment, then
  scripts/run reproduce --out runs/a --resume    go on, to the bit what a run without a stop gives
  scripts/run reproduce --data mine.csv          your own samples: targets 0 or 1 in the last column

exit codes: 0 done, 1 diverged or could not go on, 2 bad input, 130 and 143 stopped by a signal
"""

REWRITES_OFF = """\
reproduce: PyTensor's stabilizing rewrites do not fire in this environment (log1p(−sigmoid(z)) stays as it
is), so the textbook formula overflows as in an eager framework. Most likely the package `packaging` is
missing: python -m pip install packaging"""


def parser() -> argparse.ArgumentParser:
    """The options; their defaults stand in Settings, so that --resume can tell what was asked for."""
    options = argparse.ArgumentParser(
        prog="scripts/run reproduce",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )
    default = asdict(Settings())

    def add(
        group: argparse._ArgumentGroup, name: str, kind: type, text: str, metavar: str | None = None
    ) -> None:
        shown = default[name.strip("-").replace("-", "_")]
        text = text if shown is None else f"{text} (default {shown})"
        group.add_argument(name, type=kind, help=text, metavar=metavar)

    what = options.add_argument_group("the experiment")
    add(what, "--seed", int, "seed of the random data and initial weights")
    add(what, "--samples", int, "rows of x")
    add(what, "--features", int, "columns of x; 784 are a picture of 28 × 28")
    add(
        what,
        "--data",
        str,
        "your own x and y: .csv (target in the column y or the last), .npz (x, y)",
        "FILE",
    )
    add(what, "--steps", int, "full-batch steps of gradient descent")
    add(what, "--learning-rate", float, "a step is η times the gradient", "η")
    add(what, "--weight-decay", float, "the cost holds λ·Σw², its gradient therefore 2·λ·w", "λ")
    add(what, "--formula", str, f"how the cross-entropy is written down: {' or '.join(FORMULAS)}")
    how = options.add_argument_group("how it runs")
    add(how, "--mode", str, f"PyTensor mode: {', '.join(mode_names())}")
    add(how, "--dtype", str, f"{' or '.join(DTYPES)}")
    add(how, "--every", int, "record cost, accuracy and norms every K steps", "K")
    kept = options.add_argument_group("what is kept and shown")
    kept.add_argument(
        "--out", metavar="DIR", default=None, help="keep results, pictures and checkpoints there"
    )
    kept.add_argument(
        "--checkpoint-every", type=int, metavar="K", default=1000, help="steps between two (default 1000)"
    )
    kept.add_argument("--resume", action="store_true", default=False, help="go on with the run in DIR")
    kept.add_argument("--json", action="store_true", default=False, help="one JSON object on standard output")
    kept.add_argument("--quiet", action="store_true", default=False, help="nothing but errors (and --json)")
    return options


def main() -> int:
    """Parse, run, show."""
    given = vars(parser().parse_args())
    out, resume, as_json, quiet = (given.pop(name) for name in ("out", "resume", "json", "quiet"))
    checkpoint_every = whole_number("checkpoint_every", given.pop("checkpoint_every"), 1)
    if resume and out is None:
        raise InputError("resume", found="no folder", allowed="--out DIR of the run to go on with")
    if not resume:
        Settings(**given).load()  # refuse bad input before a folder is made
    folder = RunFolder(out, resume=resume) if out is not None else None
    begun = folder.begun(given) if folder else None
    progress: Progress | None
    if begun:
        settings, dataset, progress = begun
    else:
        settings = Settings(**given)
        dataset = settings.load()
        progress = folder.begin(settings, dataset, stamp()) if folder else None
    if not stabilizing_rewrites_fire():
        print(REWRITES_OFF, file=sys.stderr)

    def checkpoint(progress: Progress) -> None:
        if folder:
            folder.checkpoint(progress, settings, dataset)

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
            kept = f"go on with --out {out} --resume" if folder else "nothing is kept without --out DIR"
            print(f"reproduce: {stopped} of {settings.steps}; {kept}.", file=sys.stderr)
            return 128 + signals.received
    if folder:
        keep(folder, result)
    if as_json:
        summary = result.summary()
        summary["times"] = {"import": import_seconds, **summary["times"]}
        sys.stdout.buffer.write(to_json(summary))
    elif not quiet:
        Console().print(report(result, import_seconds))
        print(f"kept in {out}" if folder else "nothing kept; --out DIR keeps it")
    return 0


def keep(folder: RunFolder, result: Reproduction) -> None:
    """Write the results, with pictures where they can be drawn."""
    pictures = {}
    try:
        pictures = draw(result)
    except MissingMatplotlib as error:
        print(f"reproduce: {error}", file=sys.stderr)
    folder.finish(result, pictures)


if __name__ == "__main__":
    run("reproduce", main)
