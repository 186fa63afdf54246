"""Clocks: several callables timed in turn, and whole processes timed from outside."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from graphs.interruption import HeldSignals

__all__ = ["ProcessCost", "Spread", "end_group", "fresh_process", "interleaved", "no_collection"]


# What a clock measures, a little below zero where its own reads are taken off, or a ratio of two such; no NaN, and
# no run takes thirty million years.
Measured = Annotated[float, msgspec.Meta(ge=-1e15, le=1e15)]


class Spread(msgspec.Struct, frozen=True, array_like=True):
    """Median and quartiles over several samples of one quantity, in its own unit (seconds, ratios)."""

    median: Measured
    q1: Measured
    q3: Measured

    @classmethod
    def of(cls, samples: Sequence[float] | NDArray[Any]) -> Spread:
        """Of at least one sample; quartiles by linear interpolation, to five digits: no clock knows more."""
        quartiles = np.quantile(np.asarray(samples), (0.25, 0.5, 0.75))
        q1, median, q3 = (float(f"{q:.5g}") for q in quartiles)
        return cls(median, q1, q3)


def interleaved(
    calls: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 15,
    sample_seconds: float = 0.01,
) -> dict[str, Spread]:
    """Time callables in turn, A B C A B C …, so that a drifting machine hits all alike.

    Each is called twice first (compilers and caches warm up), then as often per sample as
    fills `sample_seconds`. Garbage collection is off while a sample runs.

    Parameters
    ----------
    calls : mapping of str to callable
        What to time, by name. A result that must be waited for is the callable's own business.
    rounds : int
        Samples taken of each.
    sample_seconds : float
        Shortest length of one sample, in seconds.

    Returns
    -------
    dict of str to Spread
        Seconds per call, in the order given.
    """
    repeats: dict[str, int] = {}
    for name, call in calls.items():
        call()
        once = max(_sample(call, 1), 1e-9)
        repeats[name] = max(1, round(sample_seconds / once))
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            samples[name].append(_sample(call, repeats[name]))
    return {name: Spread.of(values) for name, values in samples.items()}


def _sample(call: Callable[[], object], repeats: int) -> float:
    with no_collection():
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        return (time.perf_counter() - start) / repeats


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Garbage is collected before or after, not while a clock runs."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@dataclass(frozen=True)
class ProcessCost:
    """What one process took, from the operating system's own accounting, and what it printed."""

    wall: float  # seconds, as the next two
    user: float
    system: float
    peak_rss_bytes: int  # largest resident set of the process itself
    returncode: int  # its exit status; negative for the signal that ended it
    stdout: str
    stderr: str


# Reads its own children's usage: the parent's own counters would add up earlier children too.
_MEASURE = """
import json, os, resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL, capture_output=True, text=True)
wall = time.perf_counter() - start
use = resource.getrusage(resource.RUSAGE_CHILDREN)
peak = use.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
with open(int(sys.argv[1]), "w") as stream:
    json.dump([wall, use.ru_utime, use.ru_stime, peak, done.returncode, done.stdout, done.stderr], stream)
"""


def fresh_process(
    argv: Sequence[str], *, env: Mapping[str, str] | None = None, timeout: float | None = None
) -> ProcessCost:
    """Run `argv` as a process of its own and account for it.

    `env` is the whole environment; default: this process's. After `timeout` seconds the process and all it
    started are ended, and :class:`subprocess.TimeoutExpired` is raised.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8") as record:
        process = None
        try:
            with HeldSignals():
                process = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", _MEASURE, str(record.fileno()), *argv],
                    env=None if env is None else dict(env),
                    pass_fds=(record.fileno(),),
                    start_new_session=True,
                )
            process.wait(timeout)
        except BaseException:
            if process is not None:
                end_group(process)
            raise
        record.seek(0)
        return ProcessCost(*json.load(record))


def end_group(process: subprocess.Popen[Any], grace: float = 1.0) -> None:
    """End a process that was started with ``start_new_session=True``, and what it started.

    It is asked first, so that its temporary files go, and after `grace` seconds not asked any more.
    """
    if not hasattr(os, "killpg"):  # Windows knows no groups of this kind
        process.kill()
        process.wait()
        return
    end = time.monotonic() + grace
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        while time.monotonic() < end:
            process.poll()  # what has ended and was not waited for is still one of the group
            os.killpg(process.pid, 0)
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
