"""Time a training step, and whole processes, of this project and of its peers, in turn and in one run."""

from __future__ import annotations

import argparse
import re
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from graphs.benchmark.cells import Size
from graphs.benchmark.peers import PEERS
from graphs.benchmark.plot import draw
from graphs.benchmark.record import new_record
from graphs.benchmark.steps import measure_steps
from graphs.benchmark.table import show
from graphs.benchmark.whole import measure_processes
from graphs.commands.ending import run
from graphs.data import DTYPES
from graphs.errors import InputError, choose, finite_number, whole_number
from graphs.experiment.pictures import MissingMatplotlib
from graphs.files import write_whole
from graphs.models.logistic import FORMULAS

SIZES = "400x784,2000x784,20000x784,200000x784,4000x7840,40000x7840"
QUICK_SIZES = "400x784,4000x784"
EPILOG = f"""\
peers (--only and --skip take their names):
{chr(10).join(f"  {name:14} {peer.title}" for name, peer in PEERS.items())}

examples:
  scripts/run benchmark --quick                     minutes: two sizes, one thread, few rounds
  scripts/run benchmark                             everything; an hour or more
  scripts/run benchmark --sizes 400x784 --threads 1 --only limit,numpy,native,native-many
  scripts/run benchmark --skip torch-compile --json runs/b.json --plot runs/b.png
  scripts/run benchmark --measure processes         from the interpreter's start to its end only

how to read it: every peer runs in its own process and gives one sample in turn, round after round, so
that a machine that slows down slows all of them. Times are medians; compare them as ratios within one
table, never between two runs. "limit" reads x once and computes nothing: a step that knows nothing
beforehand cannot be faster. Gram state is: it reads the samples × samples matrix x·xᵀ instead.

A peer that is not installed, crashes, hangs, does not fit into memory or reaches other weights than
NumPy is named with the reason, and the others go on. A speed is never a failure: the exit code is 0.

exit codes: 0 done, 2 bad input, 130 and 143 stopped by a signal
"""


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="scripts/run benchmark",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = options.add_argument_group("what is timed")
    what.add_argument(
        "--quick",
        action="store_true",
        help=f"sizes {QUICK_SIZES}, float64, 1 thread, few rounds, 1,000 steps per process",
    )
    what.add_argument("--sizes", metavar="NxF,…", help=f"samples x features (default {SIZES})")
    what.add_argument("--dtype", metavar="NAME,…", help=f"{' and '.join(DTYPES)} (default both)")
    what.add_argument("--threads", metavar="K,…", help="numbers of threads (default 1,2; 1 with --quick)")
    what.add_argument("--only", metavar="PEER,…", help="these peers only")
    what.add_argument("--skip", metavar="PEER,…", default="", help="all peers but these")
    what.add_argument(
        "--measure",
        metavar="WHAT,…",
        default="steps,processes",
        help="steps, processes or both (default both)",
    )
    what.add_argument(
        "--formula",
        default="logits",
        help=f"{' or '.join(FORMULAS)} (default logits, with which every peer trains)",
    )
    how = options.add_argument_group("how")
    how.add_argument("--rounds", type=int, help="samples of each step (default 15; 5 with --quick)")
    how.add_argument(
        "--budget",
        type=float,
        default=120,
        metavar="S",
        help="seconds of sampling per size; 3 rounds at least (default 120)",
    )
    how.add_argument(
        "--timeout",
        type=float,
        default=300,
        metavar="S",
        help="seconds after which a silent peer is ended (default 300)",
    )
    how.add_argument(
        "--process-steps",
        type=int,
        metavar="K",
        help="steps of a whole process (default 10000; 1000 with --quick)",
    )
    how.add_argument(
        "--process-rounds",
        type=int,
        metavar="K",
        help="warm runs of each process, and half as many cold ones (default 5; 2 with --quick)",
    )
    shown = options.add_argument_group("what is kept and shown")
    shown.add_argument("--json", metavar="FILE", type=Path, help="every sample, with versions and machine")
    shown.add_argument(
        "--plot", metavar="FILE", type=Path, help="seconds per step over size, log-log, as PNG"
    )
    shown.add_argument("--quiet", action="store_true", help="no table and no progress")
    return options


def main() -> int:
    """Parse, measure, show."""
    given = parser().parse_args()
    quick = given.quick
    sizes = [_size(text) for text in _list(given.sizes or (QUICK_SIZES if quick else SIZES))]
    dtypes = [
        choose("dtype", name, DTYPES)
        for name in _list(given.dtype or ("float64" if quick else ",".join(DTYPES)))
    ]
    threads = [_whole("threads", text) for text in _list(given.threads or ("1" if quick else "1,2"))]
    kinds = [choose("measure", kind, ("steps", "processes")) for kind in _list(given.measure)]
    formula = choose("formula", given.formula, FORMULAS)
    names = _peers(given.only, given.skip)
    rounds = whole_number("rounds", given.rounds if given.rounds is not None else (5 if quick else 15), 1)
    process_steps = given.process_steps if given.process_steps is not None else (1000 if quick else 10_000)
    process_rounds = given.process_rounds if given.process_rounds is not None else (2 if quick else 5)
    whole_number("process_steps", process_steps, 1)
    whole_number("process_rounds", process_rounds, 1)
    timeout = finite_number("timeout", given.timeout, above=0)
    budget = finite_number("budget", given.budget, least=0)
    for name, path in (("json", given.json), ("plot", given.plot)):
        if path is not None and not path.absolute().parent.is_dir():
            raise InputError(
                name, found=f"{path}, whose folder is not there", allowed="a file in a folder that is"
            )
    record = new_record(
        {
            "sizes": [str(size) for size in sizes],
            "dtypes": dtypes,
            "threads": threads,
            "peers": names,
            "formula": formula,
            "rounds": rounds,
            "budget": budget,
            "timeout": timeout,
            "process_steps": process_steps,
            "process_rounds": process_rounds,
        }
    )
    signal.signal(signal.SIGTERM, _leave)
    errors = Console(stderr=True)
    with errors.status("", speed=0.5) as status:
        say: Callable[[str], None] = (
            (lambda text: None) if given.quiet or not errors.is_terminal else status.update
        )
        if "steps" in kinds:
            for dtype in dtypes:
                for size in sizes:
                    record.steps.extend(
                        measure_steps(
                            size,
                            dtype,
                            threads,
                            names,
                            formula=formula,
                            rounds=rounds,
                            sample_seconds=0.02 if quick else 0.05,
                            timeout=timeout,
                            budget=budget,
                            say=say,
                        )
                    )
        if "processes" in kinds:
            record.processes.update(
                measure_processes(
                    sizes[0],
                    dtypes[0],
                    threads[0],
                    names,
                    formula=formula,
                    steps=process_steps,
                    cold_rounds=(process_rounds + 1) // 2,
                    warm_rounds=process_rounds,
                    timeout=timeout,
                    say=say,
                )
            )
    if given.json:
        write_whole(given.json, record.to_json())
    if given.plot:
        try:
            write_whole(given.plot, draw(record))
        except MissingMatplotlib as error:
            print(f"benchmark: {error}", file=sys.stderr)
    if not given.quiet:
        Console().print(show(record))
    return 0


def _leave(number: int, frame: object) -> NoReturn:
    """Unwind, so that the workers end and their files go."""
    sys.exit(128 + number)


def _list(text: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _size(text: str) -> Size:
    match = re.fullmatch(r"(\d+)[x×](\d+)", text)
    if not match or not all(map(int, match.groups())):
        raise InputError("sizes", found=repr(text), allowed="samples x features, such as 400x784")
    return Size(*map(int, match.groups()))


def _whole(argument: str, text: str) -> int:
    return whole_number(argument, int(text) if text.isdigit() else text, 1)


def _peers(only: str | None, skip: str) -> Sequence[str]:
    chosen = [choose("only", name, PEERS) for name in _list(only)] if only is not None else list(PEERS)
    left_out = {choose("skip", name, PEERS) for name in _list(skip)}
    names = [name for name in PEERS if name in chosen and name not in left_out]
    if not names:
        raise InputError("only", found="no peer at all", allowed=", ".join(PEERS))
    return names


if __name__ == "__main__":
    run("benchmark", main)
