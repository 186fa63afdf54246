"""What the figures say, in sentences: who breaks, who agrees, where compiling paid off and where not."""

from __future__ import annotations

import math
from collections.abc import Iterator

from graphs.peers import PEERS, YARDSTICK
from graphs.peers.compare.record import CACHES, Comparison, OtherSize, Run
from graphs.peers.protocol import Broken
from graphs.timing import Spread

__all__ = ["AGREES", "add_break_even", "conclude", "ratios", "verdicts"]

AGREES = 1e-12

_THEANO = (
    "Theano's C code takes 1 for the sigmoid above 19, and for softplus above 16 its argument itself "
    "(theano/tensor/nnet/sigm.py)"
)

#: What these frameworks' functions leave out, by name and formula; found in their sources.
CUTS_CORNERS = {
    ("torch", "softplus"): "PyTorch's softplus returns its argument itself above 20",
    ("theano", "textbook"): _THEANO,
    ("theano", "logits"): _THEANO,
}


def conclude(record: Comparison, *, finished: bool) -> None:
    """Say what follows from the record as it stands."""
    add_break_even(record.runs)
    record.verdicts = verdicts(record.runs, record.sweep)
    record.finished = finished


def _rivals(run: Run, runs: list[Run]) -> Iterator[Run]:
    """Against whom compiling is to pay off: NumPy by hand, and the same framework uncompiled."""
    for name in dict.fromkeys((YARDSTICK, PEERS[run.name].eager)):
        yield from (r for r in runs if (r.name, r.formula) == (name, run.formula) and r.name != run.name)


def add_break_even(runs: list[Run]) -> None:
    """Add to every timed run the number of steps after which its whole process is the shorter one.

    Against NumPy by hand and against the same framework uncompiled; from cold and from warm
    caches. None is never: each of its steps is the slower one. Time n steps take =
    time to first result + (n − 1) · steady state.
    """
    timed = [run for run in runs if run.steady and run.first_result]
    for run in timed:
        run.break_even = {
            other.name: {cache: _break_even(run, other, cache) for cache in CACHES}
            for other in _rivals(run, timed)
        }


def _break_even(run: Run, other: Run, cache: str) -> int | None:
    assert run.steady
    assert other.steady
    start, other_start = (each.first_result[cache].whole_process for each in (run, other))
    step, other_step = run.steady.seconds.median, other.steady.seconds.median
    if start <= other_start and step <= other_step:
        return 1
    if step >= other_step:
        return None
    return 1 + math.ceil((start - other_start) / (other_step - step))


def verdicts(runs: list[Run], sweep: list[OtherSize]) -> list[str]:
    """One sentence per finding, true of these runs only."""
    return [
        *_broke(runs),
        *_agree([run for run in runs if run.agreement]),
        *_lose([run for run in runs if run.steady]),
        *(_fastest(size) for size in sweep if size.steady),
        *dict.fromkeys(_absent(run) for run in runs if run.happened),
    ]


def _absent(run: Run) -> str:
    which = run.title if run.status == "missing" else f"{run.title} ({run.formula})"
    return f"{which} {run.status}: {run.happened}."


def _broke(runs: list[Run]) -> list[str]:
    broke: dict[str, list[str]] = {}
    for run in runs:
        if run.broke:
            each = "; ".join(_broken(broken, run.steps) for broken in run.broke)
            warned = "" if run.warnings else ", without a warning"
            broke.setdefault(f" ({run.formula}){warned}: {each}.", []).append(run.title)
    return ["; ".join(titles) + what for what, titles in broke.items()]  # a title may hold a comma


def _broken(broken: Broken, steps_taken: int) -> str:
    last = "the end" if broken.last_step == steps_taken else str(broken.last_step)
    steps = f"from step {broken.first_step} to {last}"
    if broken.of == 1:
        return f"{broken.quantity} non-finite {steps}"
    return f"{broken.quantity} {broken.inf} inf and {broken.nan} nan of {broken.of}, {steps}"


def _agree(judged: list[Run]) -> Iterator[str]:
    relative = [run.agreement.relative for run in judged if run.agreement]
    if judged:
        good = sum(each <= AGREES for each in relative)
        yield f"{good} of the {len(judged)} runs with finite weights agree with the reference to {AGREES:g}."
    for run, each in zip(judged, relative, strict=True):
        if each > AGREES:
            why = CUTS_CORNERS.get((run.name, run.formula))
            yield (
                f"{run.title} ({run.formula}) does not: relative difference {each:.1e}"
                f"{f': {why}' if why else ''}."
            )
    for run in judged:
        if run.stopped:
            yield f"{run.title} ({run.formula}) took {run.steps:,} steps only: {run.stopped}."


def _lose(timed: list[Run]) -> Iterator[str]:
    """Compiled steps that are slower in three of four rounds."""
    for run in timed:
        slower = []
        for other in _rivals(run, timed) if PEERS[run.name].eager else ():
            ratio = ratios(run, other)
            if ratio.q1 > 1:
                slower.append(f"{ratio.median:.3g} times as long as {other.title}")
        if slower:
            yield f"{run.title} ({run.formula}) loses: its compiled step takes {', '.join(slower)}."


def ratios(run: Run, other: Run) -> Spread:
    """A step's time over the other's, each ratio from samples of the same round."""
    assert run.steady
    assert other.steady
    pairs = zip(run.steady.samples, other.steady.samples, strict=True)
    return Spread.of([mine / theirs for mine, theirs in pairs])


def _fastest(size: OtherSize) -> str:
    medians = {name: steady.seconds.median for name, steady in size.steady.items()}
    first, *others = sorted(medians, key=lambda name: medians[name])
    text = f"At {size.samples} × {size.features} {PEERS[first].title} is fastest"
    if others:
        text += (
            f", {PEERS[others[0]].title} next with {medians[others[0]] / medians[first]:.2f} times its step"
        )
    return f"{text}."
