"""Time a training step, and whole processes, of this project and of its peers, in turn and in one run."""

from __future__ import annotations

import argparse
import sys

from graphs.commands.options import (
    PENALTIES,
    PROBLEMS,
    QUICK_PROBLEMS,
    QUICK_SHARDED_SIZES,
    QUICK_SIZES,
    SHARDED_SIZES,
    SIZES,
)
from graphs.data import DTYPES
from graphs.errors import InputError, choose, whole_in, whole_number
from graphs.files import writable, write_whole
from graphs.peers import BENCHMARKED
from graphs.peers.benchmark import Plan, benchmark
from graphs.peers.benchmark.plot import draw
from graphs.peers.benchmark.table import show
from graphs.peers.benchmark.targets import to_json
from graphs.peers.models import MODELS
from graphs.pictures import MissingMatplotlib
from graphs.terminal import Shown, console

__all__ = ["main"]


def main(given: argparse.Namespace) -> int:
    """Parse, measure, show."""
    quick, models = given.quick, given.models or given.model is not None
    skipped = [choose("skip", name, BENCHMARKED) for name in _list("skip", given.skip, "")]
    every = ",".join(BENCHMARKED)
    only = [choose("only", name, BENCHMARKED) for name in _list("only", given.only, every)]
    threads = _list("threads", given.threads, "1" if quick else "1,2")
    otherwise = "sharded" if given.sharded else "" if models else "steps,processes"
    measured = _list("measure", given.measure, otherwise)
    if given.sharded and "sharded" not in measured:
        measured += ("sharded",)
    if models and "models" not in measured:
        measured += ("models",)
    fewer = quick or measured == ("models",)  # of those there are many
    plan = Plan(
        sizes=_list("sizes", given.sizes, _sizes(quick, measured)),
        dtypes=_list("dtype", given.dtype, "float64" if quick else ",".join(DTYPES)),
        threads=tuple(whole_number("threads", whole_in(text), 1) for text in threads),
        peers=tuple(name for name in BENCHMARKED if name in only and name not in skipped),
        measure=measured,
        formula=given.formula,
        rounds=_chosen(given.rounds, 5 if fewer else 15),
        sample_seconds=0.02 if fewer else 0.05,
        budget=given.budget,
        timeout=given.timeout,
        process_steps=_chosen(given.process_steps, 1000 if quick else 10_000),
        process_rounds=_chosen(given.process_rounds, 2 if quick else 5),
        problems=_list("problems", given.problems, QUICK_PROBLEMS if quick else PROBLEMS),
        penalties=_list("penalties", given.penalties, PENALTIES.partition(",")[0] if quick else PENALTIES),
        models=tuple(MODELS) if given.model is None else tuple(dict.fromkeys(given.model)),
        cold=given.cold,
    )
    for name, path in (("json", given.json), ("plot", given.plot)):
        if path is not None:
            writable(name, path)
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
        console().print(show(record))
    return 0


def _list(argument: str, given: str | None, otherwise: str = "") -> tuple[str, ...]:
    """The parts of a text with commas, each once; what is given must name some."""
    text = otherwise if given is None else given
    parts = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if given is not None and not parts:
        raise InputError(argument, found=repr(given), allowed="at least one, with commas between them")
    return parts


def _sizes(quick: bool, measured: tuple[str, ...]) -> str:
    if measured == ("sharded",):
        return QUICK_SHARDED_SIZES if quick else SHARDED_SIZES
    return QUICK_SIZES if quick else SIZES


def _chosen(given: int | None, otherwise: int) -> int:
    return otherwise if given is None else given
