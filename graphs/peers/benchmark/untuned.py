"""Seconds per call of models that nobody tuned: cost and gradients, compiled by every peer, each in its own process, in turn.

A peer has one process for each number of threads, in which it compiles one model after another. It is compared, before
it is timed, with what PyTensor's default mode finds: the cost and every gradient, on the scale of its largest entry.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphs import temporary
from graphs.environment import usable_cores
from graphs.listener import Listener
from graphs.peers import PEERS
from graphs.peers.benchmark.plan import Plan
from graphs.peers.benchmark.record import ModelCell
from graphs.peers.benchmark.steps import REST
from graphs.peers.process import Process, command, environment
from graphs.peers.protocol import Answer, Call, Compile, Compiled, Failure, Request

__all__ = ["AGREEMENT", "ASKED", "OURS", "apart", "measure_models"]

#: Whom models are put to, and their short names; what the first one finds is what all must find.
ASKED = {"pytensor": "default", "pytensor-cvm": "CVM", "jax-jit": "JAX", "native": "NATIVE"}
OURS = "native"
AGREEMENT = {"float64": 1e-8, "float32": 1e-4}

Found = list[NDArray[Any]]


class Held:
    """A process for each peer and number of threads, which outlives a model and, where it ends, is started anew."""

    def __init__(self, plan: Plan, caches: Path | None) -> None:
        self._timeout, self._caches = plan.timeout, caches
        self._processes: dict[tuple[str, int], Process] = {}
        self._pool = ThreadPoolExecutor(usable_cores())

    def start(self, cell: ModelCell) -> None:
        """See to it that there is somebody to ask."""
        place = cell.peer, cell.threads
        if place in self._processes and self._processes[place].ended:
            self._processes.pop(place).close(at_once=True)
        if place not in self._processes:
            self._processes[place] = Process(command(cell.peer), environment(cell.threads, self._caches))

    def ask(self, cell: ModelCell, request: Request[Answer]) -> Answer | None:
        """The answer; None, with the reason in the cell, where there is none."""
        try:
            return self._processes[cell.peer, cell.threads].ask(request, self._timeout)
        except Failure as failure:
            cell.fail(request.do, failure)
            return None

    def ask_at_once(
        self, cells: Sequence[ModelCell], requests: Sequence[Request[Answer]]
    ) -> list[Answer | None]:
        """The answers of several, of whom as many are at work as there are cores."""
        return list(self._pool.map(self.ask, cells, requests))

    def __enter__(self) -> Held:
        return self

    def __exit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        """Let each end by itself; at once where something was raised."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in self._processes.values():
            process.let_end()
        for process in self._processes.values():
            process.close(at_once=kind is not None)
        self._pool.shutdown()


def measure_models(plan: Plan, listener: Listener) -> list[ModelCell]:
    """Time the peers of the plan that compile models on each of its models, with every number of threads, in turn."""
    found = []
    with contextlib.ExitStack() as opened:
        caches = opened.enter_context(temporary.folder("caches")) if plan.cold else None
        held = opened.enter_context(Held(plan, caches))
        for model in plan.models:
            cells = [
                ModelCell(peer, model, "", threads)
                for threads in plan.threads
                for peer in ASKED
                if peer in plan.peers
            ]
            for cell in cells:
                cell.drop_absent()
            with temporary.folder("results") as folder:
                _compile([cell for cell in cells if cell.stands], held, plan, folder, listener)
            _rounds(cells, held, plan, listener)
            found += cells
    return found


def _compile(cells: list[ModelCell], held: Held, plan: Plan, folder: Path, listener: Listener) -> None:
    """Compile a model and compare what was found; those with more threads later, for they share a compiler's cache."""
    kept: dict[int, Path] = {}
    for threads in plan.threads:
        here = [cell for cell in cells if cell.threads == threads]
        requests = []
        for cell in here:
            held.start(cell)
            kept[id(cell)] = place = folder / f"{cell.peer}-{threads}"
            place.mkdir()
            requests.append(Compile(cell.size, PEERS[cell.peer].how, str(place)))
        if here:
            listener.begins(f"{here[0].size}: compiling, {_threads(threads)}")
        answers: list[Compiled | None] = held.ask_at_once(here, requests)
        for cell, answer in zip(here, answers, strict=True):
            if answer:
                cell.dtype, cell.build, cell.first = answer.dtype, answer.build, answer.first
                cell.fallback = answer.fallback
    standing = [cell for cell in cells if cell.stands]
    if not standing:
        return
    reference = _read(kept[id(standing[0])])
    for cell in standing:
        cell.deviation = apart(_read(kept[id(cell)]), reference)
        if not cell.deviation <= AGREEMENT[cell.dtype]:
            far = f"{cell.deviation:.1e} from what {ASKED[standing[0].peer]} finds"
            cell.drop("disagrees", far)


def _rounds(cells: list[ModelCell], held: Held, plan: Plan, listener: Listener) -> None:
    began = time.monotonic()
    for number in range(plan.rounds):
        if number >= 3 and time.monotonic() - began > plan.budget:
            break
        for cell in cells:
            if not cell.stands:
                continue
            where = f"{cell.size}: round {number + 1} of {plan.rounds}"
            listener.begins(f"{where}, {ASKED[cell.peer]}, {_threads(cell.threads)}")
            if took := held.ask(cell, Call(plan.sample_seconds)):
                cell.add(took.seconds, took.calls, took.peak_rss_bytes)
                if cell.threads > 1:
                    time.sleep(REST)


def _threads(number: int) -> str:
    return f"{number} thread{'s' if number > 1 else ''}"


def _read(folder: Path) -> Found:
    names = sorted(folder.glob("*.npy"), key=lambda path: int(path.stem))
    return [np.load(name, allow_pickle=False) for name in names]


def apart(found: Found, reference: Found) -> float:
    """How far arrays are from others, each on the scale of the other's largest entry; infinite where they cannot be compared.

    That is where numbers or shapes differ, or where one is not finite.
    """
    if [array.shape for array in found] != [array.shape for array in reference]:
        return float("inf")
    farthest = 0.0
    for one, other in zip(found, reference, strict=True):
        if not (np.isfinite(one).all() and np.isfinite(other).all()):
            return float("inf")
        if one.size:
            scale = float(np.abs(other).max()) or 1.0
            difference = np.subtract(one, other, dtype="float64")
            farthest = max(farthest, float(np.abs(difference).max()) / scale)
    return farthest
