"""One framework in a process of its own: reads requests from its input, answers each with one line of JSON.

A framework that crashes or hangs takes only this process with it. The clocks here are read by
hand rather than through `graphs.timing`, because one sample of each framework is taken in turn
across processes and because import, build and first call are parts of one process.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import warnings
from collections.abc import Callable
from importlib import metadata
from time import perf_counter, process_time
from typing import Any

import numpy as np

from graphs import frameworks
from graphs.data import Dataset

__all__ = ["Worker", "main"]

_DISTRIBUTIONS = {"torch": "torch", "jax": "jax", "autograd": "autograd", "pytensor": "pytensor"}


def read_data(path: str) -> Dataset:
    """The arrays of an NPZ file written by `graphs.comparison.processes.write_data`."""
    with np.load(path, allow_pickle=False) as arrays:
        return Dataset(
            name="comparison",
            x=arrays["x"],
            y=arrays["y"],
            initial_w=arrays["initial_w"],
            initial_b=float(arrays["initial_b"]),
            unseen_x=None,
            source=path,
            draw_order=(),
        )


class Worker:
    """The requests that a process answers; each public method is one.

    Parameters
    ----------
    run : str
        A key of `graphs.frameworks.RUNS`.
    """

    def __init__(self, run: str) -> None:
        self.run = run
        self.training: frameworks.Training
        self.step = 0
        self.broke: dict[str, dict[str, Any]] = {}

    def build(self, path: str, formula: str) -> dict[str, Any]:
        """Import, build and call once; seconds of each."""
        data = read_data(path)
        start = perf_counter()
        importlib.import_module(f"graphs.frameworks.{frameworks.RUNS[self.run].module}")
        imported = perf_counter()
        self.training = frameworks.build(self.run, data, formula)
        built = perf_counter()
        self._once()
        self.training.parameters()
        called = perf_counter()
        self.training = frameworks.build(self.run, data, formula)
        self.step, self.broke = 0, {}
        return {
            "import": imported - start,
            "build": built - imported,
            "first_call": called - built,
            "versions": _versions(frameworks.RUNS[self.run].requires),
        }

    def watch(self, steps: int) -> dict[str, Any]:
        """Take `steps` steps and look at xent, w and b after each one."""
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("default")
            for _ in range(steps):
                _, xent = self.training.train()
                self.step += 1
                self._look("xent", np.asarray(xent))
                w, b = self.training.parameters()
                self._look("w", w)
                self._look("b", np.asarray(b))
        messages = sorted({f"{w.category.__name__}: {w.message}" for w in said})
        return {"step": self.step, "broke": list(self.broke.values()), "warnings": messages}

    def advance(self, steps: int) -> dict[str, Any]:
        """Take `steps` steps in the framework's own loop and look at their end only."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _, xent = self.training.train_many(steps)
        self.step += steps
        self._look("xent", np.asarray(xent))
        w, b = self.training.parameters()
        self._look("w", w)
        self._look("b", np.asarray(b))
        return {"step": self.step, "broke": list(self.broke.values()), "warnings": []}

    def _look(self, quantity: str, value: Any) -> None:
        if np.isfinite(value).all():
            return
        found = self.broke.setdefault(
            quantity,
            {
                "quantity": quantity,
                "first_step": self.step,
                "inf": int(np.isinf(value).sum()),
                "nan": int(np.isnan(value).sum()),
                "of": int(value.size),
            },
        )
        found["last_step"] = self.step

    def parameters(self) -> dict[str, Any]:
        """Present w and b, exactly, as hexadecimal floats."""
        w, b = self.training.parameters()
        return {"w": [float(value).hex() for value in w], "b": float(b).hex()}

    def sample(self, seconds: float) -> dict[str, Any]:
        """Seconds per step over about `seconds`, to the last result's arrival; and cores kept busy."""
        self._settle(2)
        start = perf_counter()
        self._settle(1)
        steps = max(1, round(seconds / max(perf_counter() - start, 1e-7)))
        busy, start = process_time(), perf_counter()
        self._settle(steps)
        took = perf_counter() - start
        return {"seconds": took / steps, "cores": (process_time() - busy) / took, "steps": steps}

    def _settle(self, steps: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.training.train_many(steps)
            self.training.parameters()

    def count(self) -> dict[str, Any]:
        """What one step makes the framework do, and how many Python functions it calls."""
        for _ in range(2):
            self._once()
        functions, builtins = count_python_calls(self._once)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = self.training.count()
        return {**vars(found), "python_calls": functions, "builtin_calls": builtins}

    def _once(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.training.train()

    def gradient(self) -> dict[str, str]:
        """The gradient as the framework holds it."""
        return self.training.gradient()


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


def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for package in (*packages, *(("jaxlib",) if "jax" in packages else ())):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "unknown"
    return found


def main(arguments: list[str]) -> int:
    """Answer requests until the input ends; with a file and a formula, one `build` and no more."""
    # A framework's own prints go to the error stream: the output is the answers' alone.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    worker = Worker(arguments[0])
    if len(arguments) == 3:
        print(json.dumps(worker.build(*arguments[1:])), file=answers, flush=True)
        return 0
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(worker, request.pop("do"))(**request)
        except Exception as error:  # whatever a framework raises is what the record shall say
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)
    return 0
