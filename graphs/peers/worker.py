"""One peer in a process of its own: reads requests, answers each with one line of JSON.

A peer that crashes or hangs takes only this process with it, and only what the peer itself needs is imported here:
`graphs` and `graphs.peers` are empty packages, see :func:`graphs.peers.process.command`. Theano and Aesara run in old
Pythons of their own, so this file needs Python 3.8, the standard library and NumPy, and nothing else. Requests and
answers are plain dicts for that reason; :mod:`graphs.peers.protocol` gives them types on the other side.

The clocks are read by hand here rather than through `graphs.timing`, because one sample of each peer is taken in turn
across processes, and because import, build and first steps are parts of one process.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from graphs.memory import aligned_copy, system_bytes
from graphs.peers.contract import Data, Training

__all__ = [
    "MAPPED_BYTES",
    "Worker",
    "count_python_calls",
    "main",
    "peak_rss",
    "read_data",
    "write_data",
]

# Above this, workers read one mapped file instead of holding an x each.
MAPPED_BYTES = 2**26


def write_data(folder: Path, data: Any) -> None:
    """Put what a training needs where workers can read it: plain arrays, nothing pickled."""
    folder.mkdir(exist_ok=True)
    for name in Data._fields:
        np.save(folder / f"{name}.npy", np.asarray(getattr(data, name)), allow_pickle=False)


def read_data(folder: Path) -> Data:
    """What `write_data` left, on cache lines; a large x is mapped, so that many processes hold it once."""
    large = (folder / "x.npy").stat().st_size > MAPPED_BYTES
    x, y, w, b = (
        np.load(folder / f"{name}.npy", mmap_mode="r" if large and name == "x" else None, allow_pickle=False)
        for name in Data._fields
    )
    return Data(np.asarray(x) if large else aligned_copy(x), y, w, float(b))


class Worker:
    """The requests that a process answers; each public method is one."""

    def __init__(self) -> None:
        self.training: Training
        self.compiled: Any = None
        self.step = 0
        self.broke: dict[str, dict[str, Any]] = {}

    def build(self, folder: str, module: str, packages: list[str], **how: Any) -> dict[str, Any]:
        """Import, then make ready to begin at the first step; seconds of each."""
        data = read_data(Path(folder))
        start = perf_counter()
        build = importlib.import_module("graphs.peers." + module).build
        imported = perf_counter()
        self.training = build(data, **how)
        built = perf_counter()
        self.step, self.broke = 0, {}
        return {
            "import": imported - start,
            "build": built - imported,
            "note": self.training.note,
            "versions": _versions(packages) if packages else {},
        }

    def once(self, build: dict[str, Any], steps: int) -> dict[str, Any]:
        """The whole of a process: read, import, build, train, look at the result."""
        build.pop("do")
        built = self.build(**build)
        return {"built": built, "seconds": self.train(steps)["seconds"], "reached": self.parameters()}

    def train(self, steps: int) -> dict[str, Any]:
        """Take `steps` steps in the peer's own loop: seconds to the last result's arrival, and cores kept busy."""
        with _quiet():
            busy, start = process_time(), perf_counter()
            _, xent = self.training.train_many(steps)
            np.asarray(xent)  # waits, where results are promises
            self.training.wait()
            took = perf_counter() - start
            cores = (process_time() - busy) / took
        return {"seconds": took, "steps": steps, "cores": cores, "peak_rss_bytes": peak_rss()}

    def sample(self, seconds: float) -> dict[str, Any]:
        """Take as many steps as take `seconds`, or one where that takes longer."""
        took = self.train(1)
        if took["seconds"] < seconds:  # not counted: the caches were another's
            once = min(self.train(1)["seconds"] for _ in range(2))
            took = self.train(max(1, round(seconds / max(once, 1e-7))))
        return took

    def watch(self, steps: int, each: bool) -> dict[str, Any]:
        """Take `steps` steps and look at xent, w and b: after each of them, or in the peer's own loop at their end."""
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("default" if each else "ignore")
            for _ in range(steps if each else 1):
                self.step += 1 if each else steps
                _, xent = self.training.train() if each else self.training.train_many(steps)
                self._look(xent)
        messages = sorted({f"{w.category.__name__}: {w.message}" for w in said})
        return {"step": self.step, "broke": list(self.broke.values()), "warnings": messages}

    def _look(self, xent: Any) -> None:
        w, b = self.training.parameters()
        for quantity, given in (("xent", xent), ("w", w), ("b", b)):
            value = np.asarray(given)
            if np.isfinite(value).all():
                continue
            first = {
                "quantity": quantity,
                "first_step": self.step,
                "inf": int(np.isinf(value).sum()),
                "nan": int(np.isnan(value).sum()),
                "of": int(value.size),
            }
            self.broke.setdefault(quantity, first)["last_step"] = self.step

    def parameters(self) -> dict[str, Any]:
        """Present w and b, exactly, as hexadecimal floats."""
        w, b = self.training.parameters()
        return {"w": [float(value).hex() for value in w], "b": float(b).hex()}

    def count(self) -> dict[str, Any]:
        """What one step makes the framework do, and how many Python functions it calls."""
        for _ in range(2):
            self._once()
        functions, builtins = count_python_calls(self._once)
        with _quiet():
            found = self.training.count()
        return {**vars(found), "python_calls": functions, "builtin_calls": builtins}

    def _once(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.training.train()

    def fit(self, folder: str, solver: str, **how: Any) -> dict[str, Any]:
        """Fit a classifier of :mod:`graphs.peers.classifiers` anew; seconds of one fit, and where it led."""
        classifiers = importlib.import_module(
            "graphs.peers.classifiers"
        )  # as a peer is: old Pythons need none of it
        with _quiet():
            found: dict[str, Any] = classifiers.fit(Path(folder), solver, **how)
        return found

    def compile(self, model: str, how: str, results: str) -> dict[str, Any]:
        """Compile a model of :mod:`graphs.peers.models` and call it once; what it returned is left in `results`."""
        compiled = importlib.import_module("graphs.peers.models.compiled")  # as a peer is
        self.compiled = None  # the one before it goes first
        with _quiet():
            self.compiled = compiled.Compiled(model, how)
            self.compiled.keep(Path(results))
        made = self.compiled
        return {"dtype": made.dtype, "build": made.build, "first": made.first, "fallback": made.fallback}

    def call(self, seconds: float) -> dict[str, Any]:
        """Call what was compiled last as often as takes `seconds`, or once where that takes longer."""
        with _quiet():
            took, calls = self._calls(1), 1
            if took < seconds:  # not counted: the caches were another's
                once = min(self._calls(1) for _ in range(2))
                calls = max(1, round(seconds / max(once, 1e-7)))
                took = self._calls(calls)
        return {"seconds": took / calls, "calls": calls, "peak_rss_bytes": peak_rss()}

    def _calls(self, number: int) -> float:
        call = self.compiled.call
        start = perf_counter()
        for _ in range(number):
            call()
        return perf_counter() - start

    def gradient(self) -> dict[str, str]:
        """The gradient as the framework holds it."""
        return self.training.gradient()


def _versions(packages: list[str]) -> dict[str, str]:
    from importlib import metadata  # no whole process pays for it

    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "unknown"
    return found


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What a peer warns of is looked at where its steps are watched, and costs no time elsewhere."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def count_python_calls(call: Callable[[], object]) -> tuple[int, int]:
    """Python functions entered and built-in functions called while `call` runs in this thread."""
    entered = {"call": 0, "c_call": 0}

    def note(frame: object, event: str, argument: object) -> None:
        if event in entered:
            entered[event] += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(before)
    return entered["call"], entered["c_call"]


def peak_rss() -> int | None:
    """Largest resident set of this process alone, in bytes; ``getrusage`` would begin at its parent's."""
    return system_bytes("self/status", "VmHWM")


def main(arguments: list[str]) -> int:
    """Answer the requests that are given, or else read them until the input ends.

    The first argument is the peer's name, for who looks at the machine's processes.
    """
    # Asked to end, it unwinds, so that a compiler at work ends too and its temporary files go.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    # A framework's own prints go to the error stream: the output is the answers' alone.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    worker = Worker()
    for line in arguments[1:] or sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(worker, request.pop("do"))(**request)
        except Exception as error:  # whatever a framework raises is what the record shall say
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)
    return 0
