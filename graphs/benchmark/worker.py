"""One peer in a process of its own, which answers requests, or runs once from import to result.

Only what the peer itself needs is imported: `graphs` and `graphs.benchmark` are empty packages here, see
:func:`graphs.benchmark.cells.command`. A peer that crashes or hangs takes only this process along.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from graphs.benchmark import peers
from graphs.data import Dataset, load
from graphs.memory import aligned_copy

__all__ = ["Worker", "main"]

CHECKED_STEPS = 20
# Above this, workers read one mapped file instead of holding an x each.
MAPPED_BYTES = 2**26


class Worker:
    """The requests that a process answers; each public method is one.

    Parameters
    ----------
    name : str
        A key of :data:`graphs.benchmark.peers.PEERS`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.training: Any = None

    def build(self, folder: str, formula: str) -> dict[str, Any]:
        """Import and build; take a few steps and say where they led, so that peers can be compared."""
        data = read_data(Path(folder))
        start = perf_counter()
        self.training = peers.build(self.name, data, formula)
        del data
        self._run(CHECKED_STEPS)  # at the first of which many a framework compiles
        built = perf_counter()
        found = self.training.parameters()
        reached = None
        if found is not None:
            w, b = found
            reached = [float(np.linalg.norm(w.astype(float))), float(b), *map(float, w[:8])]
        return {
            "build": built - start,
            "reached": reached,
            "note": getattr(self.training, "note", ""),
        }

    def sample(self, seconds: float) -> dict[str, Any]:
        """Seconds per step, to the last result's arrival, over as many steps as take `seconds`."""
        took = self._run(1)
        if took < seconds:  # the caches were another's; not where one step takes longer than that matters
            took = min(self._run(1), self._run(1))
            steps = max(1, round(seconds / max(took, 1e-7)))
            took = self._run(steps) / steps
        else:
            steps = 1
        return {"seconds": took, "steps": steps}

    def _run(self, steps: int) -> float:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            start = perf_counter()
            _, xent = self.training.train_many(steps)
            np.asarray(xent)  # waits, where results are promises
            return perf_counter() - start

    def memory(self) -> dict[str, Any]:
        """The largest resident set of this process so far, in bytes; None where the system does not tell."""
        return {"peak_rss_bytes": peak_rss()}


def peak_rss() -> int | None:
    """Largest resident set of this process alone; ``getrusage`` would begin at its parent's."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), None)


def write_data(folder: Path, samples: int, features: int, dtype: str) -> int:
    """Draw x, y and w as :func:`graphs.data.load` does and leave them in `folder`; bytes of x."""
    data = load(samples=samples, features=features, dtype=dtype)
    for name, array in (("x", data.x), ("y", data.y), ("w", data.initial_w)):
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    return data.x.nbytes


def read_data(folder: Path) -> Dataset:
    """What `write_data` left, on cache lines; a large x is mapped, so that many processes hold it once."""
    size = (folder / "x.npy").stat().st_size
    x = np.load(folder / "x.npy", mmap_mode="r" if size > MAPPED_BYTES else None, allow_pickle=False)
    y, w = (np.load(folder / f"{name}.npy", allow_pickle=False) for name in "yw")
    x = np.asarray(x) if size > MAPPED_BYTES else aligned_copy(x)
    return Dataset("random", x, y, w, 0.0, None, "", ())


def once(name: str, folder: str, formula: str, steps: str) -> dict[str, Any]:
    """The whole of a process: import, read, build, train, look at the result."""
    data = read_data(Path(folder))
    training = peers.build(name, data, formula)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        training.train_many(int(steps))
    w, b = training.parameters()
    return {"reached": [float(np.linalg.norm(w.astype(float))), float(b)]}


def main(arguments: list[str]) -> int:
    """Answer requests until the input ends; with a folder, a formula and steps, run once."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # a framework's own prints
    if len(arguments) == 4:
        print(json.dumps(once(*arguments)), file=answers, flush=True)
        return 0
    worker = Worker(arguments[0])
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(worker, request.pop("do"))(**request)
        except Exception as error:  # whatever a peer raises is what the record shall say
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)
    return 0
