"""What is done with each run: started fresh, watched while it trains, timed in turn, counted."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import numpy as np
from msgspec.structs import astuple

from graphs.data import Dataset
from graphs.listener import Listener
from graphs.peers import PEERS
from graphs.peers.compare.plan import Plan
from graphs.peers.compare.record import CACHES, OtherSize, Run, Start, Steady
from graphs.peers.compare.reference import MARK, Reference
from graphs.peers.process import Opened, Process, command, environment, whole_process
from graphs.peers.protocol import (
    Build,
    Count,
    Failure,
    Gradient,
    Once,
    Parameters,
    Sample,
    Took,
    Train,
    Watch,
    Watched,
)
from graphs.peers.worker import write_data
from graphs.timing import Spread

__all__ = ["Stages"]

WATCHED_STEPS = 1000
"""Steps after which only every `CHUNK`-th is looked at: what breaks, breaks early."""
CHUNK = 5 * MARK
SAMPLE_SECONDS = 0.05


class Stages:
    """The folder, the environment and the patience that all processes of one comparison share.

    The folder is for data and for every compiler's cache; the reference is advanced as far as a run has come.
    """

    def __init__(
        self, folder: Path, plan: Plan, data: Dataset, reference: Reference, listener: Listener
    ) -> None:
        self.folder, self.plan, self.reference, self.listener = folder, plan, reference, listener
        self._data = folder / "data"
        write_data(self._data, data)

    def _environment(self, run: Run) -> dict[str, str]:
        return environment(self.plan.threads, self.folder / f"{run.name}-{run.formula}")

    def _begins(self, run: Run, what: str) -> None:
        self.listener.begins(f"{run.title}, {run.formula}: {what}")

    def start_fresh(self, run: Run, place: str) -> None:
        """Time to first result: once with empty caches, then with those that it left."""
        if not self.plan.warm_starts or run.first_result:
            return
        self._begins(run, f"fresh processes ({place})")
        request = Once(Build.of(run.name, self._data, run.formula), steps=1)
        python = self.plan.interpreters.get(run.name)
        starts = []
        try:
            for done in range(1 + self.plan.warm_starts):
                self.listener.progress(done, 1 + self.plan.warm_starts)
                whole, cost = whole_process(
                    run.name, request, self._environment(run), self.plan.timeout, python
                )
                built = whole.built
                starts.append(
                    Start(cost.wall, built.import_, built.build, whole.seconds, cost.peak_rss_bytes)
                )
        except Failure as failure:
            run.fail("starting", failure)
            return
        cold, *warm = starts
        middle = Start(*np.median([astuple(start) for start in warm], axis=0).tolist())
        middle.peak_rss_bytes = int(middle.peak_rss_bytes)
        run.first_result = dict(zip(CACHES, (cold, middle), strict=True))

    @contextlib.contextmanager
    def open(self, runs: list[Run]) -> Iterator[Opened[Run]]:
        """Start a process for each run that still stands and build in it; end them all at the end."""
        with Opened[Run](self.plan.timeout) as opened:
            for run in runs:
                if not run.stands:
                    continue
                self._begins(run, "building")
                argv = command(run.name, python=self.plan.interpreters.get(run.name))
                opened.add(run, Process(argv, self._environment(run)))
                packages = PEERS[run.name].requires
                packages += ("jaxlib",) if "jax" in packages else ()
                opened.ask(run, Build.of(run.name, self._data, run.formula))
                opened.ask(run, Train(1))  # what is said while compiling is not said about the steps
                built = opened.ask(run, Build.of(run.name, self._data, run.formula, packages))
                if built:
                    run.versions = built.versions
            yield opened

    def watch(self, opened: Opened[Run], run: Run) -> None:
        """Take the steps, note what breaks and when, and compare the end with the reference."""
        if run.finite is not None:
            return
        steps, start = self.plan.steps, monotonic()
        self._begins(run, f"{steps:,} steps")
        seen, said, stopped = Watched(), set[str](), ""
        while seen.step < steps and not stopped:
            at_once, each = min(CHUNK, steps - seen.step), seen.step < WATCHED_STEPS
            answer = opened.ask(run, Watch(at_once, each))
            if not answer:
                return
            seen, said = answer, said.union(answer.warnings)
            self.listener.progress(seen.step, steps)
            if any(broken.quantity == "w" and broken.nan == broken.of for broken in seen.broke):
                stopped = "every weight is NaN, and stays so"
            elif monotonic() - start > self.plan.step_limit and seen.step < steps:
                stopped = f"{self.plan.step_limit:g} s were over"
        end = opened.ask(run, Parameters())
        if not end:
            return
        run.steps, run.broke, run.warnings, run.stopped = seen.step, seen.broke, sorted(said), stopped
        run.finite = not seen.broke
        w, b = end.numbers()
        if np.isfinite(w).all() and math.isfinite(b):
            if self.reference.steps < run.steps:
                self.listener.begins(f"the reference, in {self.reference.dtype}")
                self.reference.advance(run.steps - self.reference.steps, self.listener)
            run.agreement = self.reference.agreement(w, b, run.steps)
            run.b, run.w_norm = b, float(np.linalg.norm(w))
        self.listener.found(_line(run))

    def steady_states(self, opened: Opened[Run]) -> dict[str, Steady]:
        """Samples of all in turn, A B C A B C …, by name."""
        rounds = self.plan.rounds
        self.listener.begins(f"steady state: {rounds} rounds of {len(opened.standing())} frameworks in turn")
        for run in opened.standing():
            opened.ask(run, Train(2))  # its own loop may compile at its first call
        samples: dict[str, list[Took]] = {}
        for done in range(rounds):
            self.listener.progress(done, rounds)
            for run in opened.standing():
                if took := opened.ask(run, Sample(SAMPLE_SECONDS)):
                    samples.setdefault(run.name, []).append(took)
        return {run.name: _steady(samples[run.name]) for run in opened.standing()}

    def time(self, opened: Opened[Run]) -> None:
        """The steady state of each run, on the comparison's own data."""
        steady = self.steady_states(opened)
        for run in opened.standing():
            run.steady = steady[run.name]

    def other_size(self, opened: Opened[Run], data: Dataset) -> OtherSize:
        """The steady state on other data, in the same processes."""
        samples, features = data.x.shape
        folder = self.folder / f"{samples} × {features}"
        write_data(folder, data)
        for run in opened.standing():
            self._begins(run, f"building for {samples} × {features}")
            opened.ask(run, Build.of(run.name, folder, run.formula))
        formula = next((run.formula for run in opened.standing()), "")
        return OtherSize(samples, features, formula, self.steady_states(opened))

    def describe(self, opened: Opened[Run]) -> None:
        """Ops, temporaries and Python calls of one step, and the gradient's representation."""
        self.listener.begins("counting what one step does")
        for run in opened.standing():
            run.per_step = opened.ask(run, Count())
            run.gradient = opened.ask(run, Gradient()) or {}


def _steady(taken: list[Took]) -> Steady:
    every = [took.seconds / took.steps for took in taken]
    return Steady(Spread.of(every), every, float(np.median([took.cores for took in taken])))


def _line(run: Run) -> str:
    """What was found, in one line, for who waits."""
    broke = [f"{each.quantity} {each.inf} inf, {each.nan} nan" for each in run.broke]
    parts = [f"{run.steps:,} steps", "; ".join(broke) or "all finite", run.stopped]
    if run.agreement:
        parts.append(f"off by {run.agreement.relative:.1e}")
    return f"{run.title}, {run.formula}: {', '.join(filter(None, parts))}"
