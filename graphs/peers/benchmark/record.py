"""A whole run of the benchmark as plain data, and its JSON file.

The file holds ``schema`` (1), ``stamp`` (see :func:`graphs.environment.stamp`), ``settings`` (the plan), ``steps``
(one object per cell; samples are seconds per step), ``processes`` (``cold`` and ``warm``, alike; samples are seconds
per process), ``estimators``, ``models`` and ``meshes`` (alike; samples are seconds per fit, per call and per step) and
``targets`` (see :class:`graphs.peers.benchmark.targets.Target`). Summaries are left to the reader: every sample is there.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from graphs.peers import PEERS, missing
from graphs.peers.benchmark.plan import Plan
from graphs.peers.protocol import Failure, State
from graphs.timing import Spread

__all__ = ["TOLERANCE", "Cell", "FitCell", "MeshCell", "ModelCell", "Record", "deviation"]

TOLERANCE = {"float64": 1e-9, "float32": 1e-3}


class Cell(msgspec.Struct):
    """One peer at one size, dtype and number of threads."""

    peer: str
    size: str
    dtype: str
    threads: int
    #: ``ok``, or why there are no samples: ``missing``, ``skipped``, ``not applicable``, ``failed``,
    #: ``crashed``, ``hung``, ``disagrees``, ``not reached``.
    status: str = "ok"
    reason: str = ""  # what happened, where it is not ok; a note, where it is
    samples: list[float] = []  # seconds per step (or per process), in the order taken
    steps_per_sample: list[int] = []
    build: float | None = None  # seconds to import, build and take the first steps
    peak_rss_bytes: int | None = None
    deviation: float | None = None  # largest relative one of (‖w‖, b, w…) from NumPy's after the same steps

    @property
    def stands(self) -> bool:
        """Whether there is still something to ask."""
        return self.status == "ok"

    @property
    def spread(self) -> Spread:
        """Of the samples, of which there must be some."""
        return Spread.of(self.samples)

    def add(self, seconds: float, steps: int, peak_rss_bytes: int | None) -> None:
        """Take in a sample of one step's seconds, or of a process of so many steps."""
        self.samples.append(seconds)
        self.steps_per_sample.append(steps)
        self.peak_rss_bytes = max(self.peak_rss_bytes or 0, peak_rss_bytes or 0) or None

    def drop(self, status: str, reason: str) -> None:
        """Say why there is nothing to see; samples taken so far go."""
        self.status, self.reason, self.samples = status, reason, []

    def fail(self, do: str, failure: Failure) -> None:
        """Write down that `do` was not answered as it should be."""
        self.drop(failure.status, failure.happened)

    def drop_absent(self) -> None:
        """Say so where its packages are not installed."""
        lacking = missing(self.peer)
        if lacking:
            self.drop("missing", f"without {', '.join(lacking)}: {PEERS[self.peer].install}")

    def judge(self, reached: State, reference: State | None, tolerance: float) -> None:
        """Note how far its w and b are from NumPy's, and drop it where that is too far."""
        self.deviation = deviation(_summary(reached), _summary(reference) if reference else None)
        if self.deviation is not None and not self.deviation <= tolerance:
            self.drop("disagrees", f"w and b deviate from NumPy's by {self.deviation:.1e}")


class FitCell(Cell):
    """One classifier on one problem, with one penalty; samples are seconds per fit, `build` those of its import."""

    penalty: str = ""  # as asked for
    weight_decay: float = 0.0  # λ of it
    tolerance: float = 0.0  # the loosest with which it comes near enough to the optimum
    gap: float | None = None  # how near that is: cost/cost* − 1
    iterations: int = 0
    first: float | None = None  # seconds of the first fit of a process, with the compiler's cache warm


class ModelCell(Cell):
    """One peer on one model, which `size` names; samples are seconds per call, `build` those from the model to a function."""

    first: float | None = None  # seconds of that function's first call
    fallback: str = ""  # why what was to be native is not


class MeshCell(Cell):
    """A mesh of devices at one size: `peer` says which and of how many processes, `threads` how many devices."""

    processes: int = 1
    exchanged_bytes: int = 0  # a step, on one device, as the compiled program says
    exchange: float | None = None  # seconds of one all-reduce of so many bytes, alone


def _summary(state: State) -> list[float]:
    w, b = state.numbers()
    return [float(np.linalg.norm(w)), b, *w[:8].tolist()]


def deviation(found: list[float], reference: list[float] | None) -> float | None:
    """Largest relative deviation, on the scale of the largest entry; infinite where something is NaN."""
    if reference is None:
        return None
    scale = max(abs(value) for value in reference)
    return max(abs(a - b) / scale if a == a else float("inf") for a, b in zip(found, reference, strict=False))


class Record(msgspec.Struct):
    """What a run of the benchmark found; see the module."""

    schema: int
    stamp: dict[str, Any]
    settings: Plan
    steps: list[Cell] = []
    processes: dict[str, list[Cell]] = {}
    estimators: list[FitCell] = []
    models: list[ModelCell] = []
    meshes: list[MeshCell] = []
