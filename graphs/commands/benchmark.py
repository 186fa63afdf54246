"""Time a training step, and whole processes, of this project and of its peers, in turn and in one run."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from graphs.commands.options import QUICK_SIZES, SIZES
from graphs.data import DTYPES
from graphs.errors import InputError, choose, whole_number
from graphs.files import write_whole
from graphs.peers import BENCHMARKED
from graphs.peers.benchmark import Plan, benchmark
from graphs.peers.benchmark.plot import draw
from graphs.peers.benchmark.table import show
from graphs.peers.benchmark.targets import to_json
from graphs.pictures import MissingMatplotlib
from graphs.terminal import Shown

__all__ = ["main"]


def main(given: argparse.Namespace) -> int:
    """Parse, measure, show."""
    quick = given.quick
    skipped = [choose("skip", name, BENCHMARKED) for name in _list(given.skip)]
    only = BENCHMARKED if given.only is None else [choose("only", n, BENCHMARKED) for n in _list(given.only)]
    plan = Plan(
        sizes=_list(given.sizes or (QUICK_SIZES if quick else SIZES)),
        dtypes=_list(given.dtype or ("float64" if quick else ",".join(DTYPES))),
        threads=tuple(_whole("threads", text) for text in _list(given.threads or ("1" if quick else "1,2"))),
        peers=tuple(name for name in BENCHMARKED if name in only and name not in skipped),
        measure=_list(given.measure),
        formula=given.formula,
        rounds=_chosen(given.rounds, 5 if quick else 15),
        sample_seconds=0.02 if quick else 0.05,
        budget=given.budget,
        timeout=given.timeout,
        process_steps=_chosen(given.process_steps, 1000 if quick else 10_000),
        process_rounds=_chosen(given.process_rounds, 2 if quick else 5),
    )
    for name, path in (("json", given.json), ("plot", given.plot)):
        if path is not None and not path.absolute().parent.is_dir():
            raise InputError(
                name, found=f"{path}, whose folder is not there", allowed="a file in a folder that is"
            )
    with Shown(quiet=given.quiet) as listener:
        record = benchmark(plan, listener)
    if given.json:
        write_whole(given.json, to_json(record))
    if given.plot:
        try:
            write_whole(given.plot, draw(record))
        except MissingMatplotlib as error:
            print(f"benchmark: {error}", file=sys.stderr)
    if not given.quiet:
        Console().print(show(record))
    return 0


def _list(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _whole(argument: str, text: str) -> int:
    return whole_number(argument, int(text) if text.isdigit() else text, 1)


def _chosen(given: int | None, otherwise: int) -> int:
    return otherwise if given is None else given
