"""What is done with each run: started fresh, watched while it trains, timed in turn, counted."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from graphs.comparison.listening import Listener
from graphs.comparison.opened import Opened
from graphs.comparison.plan import Plan
from graphs.comparison.processes import Failure, Process, environment, first_result, write_data
from graphs.comparison.reference import MARK, Reference
from graphs.data import Dataset
from graphs.timing import Spread

__all__ = ["Stages"]

WATCHED_STEPS = 1000
"""Steps after which only every `CHUNK`-th is looked at: what breaks, breaks early."""
CHUNK = 5 * MARK

Run = dict[str, Any]


class Stages:
    """The folder, the environment and the patience that all processes of one comparison share.

    Parameters
    ----------
    folder : path
        For data and for every compiler's cache.
    plan : Plan
    data : Dataset
    reference : Reference
        Is advanced as far as a run has come.
    listener : Listener
    """

    def __init__(
        self, folder: Path, plan: Plan, data: Dataset, reference: Reference, listener: Listener
    ) -> None:
        self.folder, self.plan, self.reference, self.listener = folder, plan, reference, listener
        self._path = folder / "data.npz"
        write_data(data, self._path)

    def _environment(self, run: Run) -> dict[str, str]:
        return environment(self.plan.threads, self.folder / f"{run['name']}-{run['formula']}")

    def _begins(self, run: Run, what: str) -> None:
        self.listener.begins(f"{run['title']}, {run['formula']}: {what}")

    def start_fresh(self, run: Run, place: str) -> None:
        """Time to first result: once with empty caches, then with those that it left."""
        if not self.plan.warm_starts or "first_result" in run:
            return
        python = self.plan.interpreters.get(run["name"])
        env = self._environment(run)
        try:
            self._begins(run, f"fresh processes ({place})")
            starts = []
            for done in range(1 + self.plan.warm_starts):
                self.listener.progress(done, 1 + self.plan.warm_starts)
                starts.append(
                    first_result(run["name"], str(self._path), run["formula"], env, self.plan.timeout, python)
                )
        except Failure as failure:
            run |= {"status": failure.status, "happened": f"starting: {failure.happened}"}
            return
        cold, *warm = starts
        middle = {key: float(np.median([start[key] for start in warm])) for key in cold}
        run["first_result"] = {"cold": cold, "warm": middle}

    @contextlib.contextmanager
    def open(self, runs: list[Run]) -> Iterator[Opened]:
        """Start a process for each run that still stands and build in it; end them all at the end."""
        opened = Opened(self.plan.timeout)
        try:
            for run in runs:
                if run["status"] != "unfinished":
                    continue
                self._begins(run, "building")
                python = self.plan.interpreters.get(run["name"])
                opened.add(run, Process(run["name"], self._environment(run), python=python))
                built = opened.ask(run, "build", path=str(self._path), formula=run["formula"])
                if built:
                    run["versions"] = built["versions"]
            yield opened
        except BaseException:
            opened.close(at_once=True)
            raise
        opened.close()

    def watch(self, opened: Opened, run: Run) -> None:
        """Take the steps, note what breaks and when, and compare the end with the reference."""
        if "finite" in run:
            return
        steps = self.plan.steps
        self._begins(run, f"{steps:,} steps")
        seen: dict[str, Any] = {"steps": 0, "broke": [], "warnings": []}
        start = monotonic()
        while seen["steps"] < steps:
            do = "watch" if seen["steps"] < WATCHED_STEPS else "advance"
            answer = opened.ask(run, do, steps=min(CHUNK, steps - seen["steps"]))
            if not answer:
                return
            seen |= {"steps": answer["step"], "broke": answer["broke"]}
            seen["warnings"] = sorted({*seen["warnings"], *answer["warnings"]})
            self.listener.progress(seen["steps"], steps)
            if any(broken["quantity"] == "w" and broken["nan"] == broken["of"] for broken in seen["broke"]):
                seen["stopped"] = "every weight is NaN, and stays so"
                break
            if monotonic() - start > self.plan.step_limit and seen["steps"] < steps:
                seen["stopped"] = f"{self.plan.step_limit:g} s were over"
                break
        seen["finite"] = not seen["broke"]
        end = opened.ask(run, "parameters")
        if not end:
            return
        w, b = np.array([float.fromhex(value) for value in end["w"]]), float.fromhex(end["b"])
        if np.isfinite(w).all() and math.isfinite(b):
            self._advance_reference(seen["steps"])
            seen["agreement"] = asdict(self.reference.agreement(w, b, seen["steps"]))
            seen |= {"b": b, "w_norm": float(np.linalg.norm(w))}
        run |= seen
        self.listener.found(_line(run))

    def _advance_reference(self, steps: int) -> None:
        if self.reference.steps < steps:
            self.listener.begins(f"the reference, in {self.reference.dtype}")
            self.reference.advance(steps - self.reference.steps, self.listener.progress)

    def steady_state(self, opened: Opened, key: str = "steady") -> None:
        """Samples of all in turn, A B C A B C …"""
        rounds = self.plan.rounds
        self.listener.begins(f"steady state: {rounds} rounds of {len(opened.standing())} frameworks in turn")
        samples: dict[str, list[dict[str, Any]]] = {}
        for done in range(rounds):
            self.listener.progress(done, rounds)
            for run in opened.standing():
                answer = opened.ask(run, "sample", seconds=0.05)
                if answer:
                    samples.setdefault(run["name"], []).append(answer)
        for run in opened.standing():
            taken = samples[run["name"]]
            every = [sample["seconds"] for sample in taken]
            timing = Spread.of(every)
            run[key] = {
                "median": timing.median,
                "q1": timing.q1,
                "q3": timing.q3,
                "samples": every,
                "cores": float(np.median([sample["cores"] for sample in taken])),
            }

    def other_size(self, opened: Opened, data: Dataset) -> dict[str, Any]:
        """The steady state on other data, in the same processes."""
        size = f"{len(data.x)} × {data.x.shape[1]}"
        path = self.folder / f"{size}.npz"
        write_data(data, path)
        for run in opened.standing():
            self._begins(run, f"building for {size}")
            opened.ask(run, "build", path=str(path), formula=run["formula"])
        self.steady_state(opened, "at this size")
        return {
            "samples": len(data.x),
            "features": data.x.shape[1],
            "formula": next((run["formula"] for run in opened.standing()), None),
            "steady": {run["name"]: run.pop("at this size") for run in opened.standing()},
        }

    def describe(self, opened: Opened) -> None:
        """Ops, temporaries and Python calls of one step, and the gradient's representation."""
        self.listener.begins("counting what one step does")
        for run in opened.standing():
            for key, request in (("per_step", "count"), ("gradient", "gradient")):
                answer = opened.ask(run, request, optional=True)
                if answer:
                    run[key] = answer


def _line(run: Run) -> str:
    """What was found, in one line, for who waits."""
    broke = [f"{each['quantity']} {each['inf']} inf, {each['nan']} nan" for each in run["broke"]]
    parts = [f"{run['steps']:,} steps", "; ".join(broke) or "all finite"]
    if "stopped" in run:
        parts.append(run["stopped"])
    if "agreement" in run:
        parts.append(f"off by {run['agreement']['relative']:.1e}")
    return f"{run['title']}, {run['formula']}: {', '.join(parts)}"
