"""Calling a compiled function over and over, and where in each call a clock is read.

A call of a PyTensor function is more than its nodes: the arguments are checked and put where the
linker's code reads them, the code runs, and updates and outputs are handed back. `Gate` reads a
clock where the linker's code starts and where it ends, so that every part is timed itself
and none is what is left over.
"""

from __future__ import annotations

import contextlib
import copy
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Call", "Gate", "first_line", "no_collection", "reading", "seconds_of_calls"]


class Call:
    """The function on the user's inputs, with fresh copies of those it may overwrite."""

    def __init__(self, function: Any, arguments: Sequence[Any]) -> None:
        self._function = function
        self._arguments = tuple(arguments)
        free = [spec for spec in function.maker.inputs if not (spec.implicit or spec.shared)]
        self._mutable = any(spec.mutable for spec in free)

    def arguments(self) -> tuple[Any, ...]:
        return copy.deepcopy(self._arguments) if self._mutable else self._arguments

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)


class Gate:
    """Clock reads at a call's start, where the linker's code begins and ends, and at its end.

    Parameters
    ----------
    function : pytensor.compile.executor.Function
    vm : callable
        What runs as its virtual machine meanwhile.
    clock : callable
        Gives the time as a number.
    """

    def __init__(self, function: Any, vm: Callable[[], Any], clock: Callable[[], Any]) -> None:
        self._function, self._clock = function, clock
        self._marks: list[Any] = [0, 0]
        marks = self._marks

        def gate() -> Any:
            marks[0] = clock()
            result = vm()
            marks[1] = clock()
            return result

        gate.allow_gc = getattr(function.vm, "allow_gc", False)  # type: ignore[attr-defined]  # read by Function
        self._vm = gate

    def passes(self, call: Call, calls: int) -> Iterator[tuple[Any, Any, Any, Any]]:
        """Make so many calls; the four clock reads of each."""
        clock, original = self._clock, self._function.vm
        self._function.vm = self._vm
        try:
            with no_collection():
                for _ in range(calls):
                    arguments = call.arguments()
                    start = clock()
                    call(*arguments)
                    end = clock()
                    yield start, self._marks[0], self._marks[1], end
        finally:
            self._function.vm = original


def reading(clock: Callable[[], Any]) -> float:
    """What one read of a clock costs, in its own unit."""
    gaps = []
    for _ in range(200):
        start = clock()
        gaps.append(clock() - start)
    return float(np.median(gaps))


def seconds_of_calls(call: Call, calls: int) -> NDArray[np.float64]:
    """Seconds of so many calls, each timed apart."""
    spent = np.empty(calls)
    with no_collection():
        for position in range(calls):
            arguments = call.arguments()
            start = time.perf_counter()
            call(*arguments)
            spent[position] = time.perf_counter() - start
    return spent


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


def first_line(problem: BaseException) -> str:
    """An exception in one line."""
    lines = str(problem).strip().splitlines()
    return f"{type(problem).__name__}: {lines[0]}" if lines else type(problem).__name__
