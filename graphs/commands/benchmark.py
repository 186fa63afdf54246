"""Time a training step, and whole processes, of this project and of its peers, in turn and in one run."""

from __future__ import annotations

import argparse
import re
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from rich.console import Console

from graphs.benchmark.cells import Size
from graphs.benchmark.peers import PEERS
from graphs.benchmark.plot import draw
from graphs.benchmark.record import new_record
from graphs.benchmark.steps import measure_steps
from graphs.benchmark.table import show
from graphs.benchmark.whole import measure_processes
from graphs.commands.options import QUICK_SIZES, SIZES
from graphs.data import DTYPES
from graphs.errors import InputError, choose, finite_number, whole_number
from graphs.experiment.pictures import MissingMatplotlib
from graphs.files import write_whole
from graphs.models.logistic import FORMULAS


def main(given: argparse.Namespace) -> int:
    """Parse, measure, show."""
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
