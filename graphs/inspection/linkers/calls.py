"""Calling a compiled function over and over, and where in each call a clock is read.

A call of a PyTensor function is more than its nodes: the arguments are checked and put where the
linker's code reads them, the code runs, and updates and outputs are handed back. `passes` reads a
clock where the linker's code starts and where it ends, so that every part is timed itself
and none is what is left over.
"""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from graphs.timing import no_collection

__all__ = [
    "CHECKING",
    "NODES",
    "RETURNING",
    "Call",
    "CannotTime",
    "Whole",
    "one_piece",
    "passes",
    "reading",
    "runs_instead",
    "seconds_of_calls",
]

# The parts of a call that every linker has.
CHECKING = "checking the inputs and storing them"
NODES = "the nodes"
RETURNING = "storing updates, handing back outputs"

Seconds = NDArray[np.float64]


class CannotTime(Exception):
    """There is no way to read a clock between a function's nodes; says why."""


class Call:
    """A function on the user's inputs, with fresh copies of those it may overwrite."""

    def __init__(self, function: Any, arguments: Sequence[Any]) -> None:
        self.function = function
        self._arguments = tuple(arguments)
        free = [spec for spec in function.maker.inputs if not (spec.implicit or spec.shared)]
        self._mutable = any(spec.mutable for spec in free)

    def arguments(self) -> tuple[Any, ...]:
        return copy.deepcopy(self._arguments) if self._mutable else self._arguments

    def __call__(self) -> Any:
        return self.function(*self.arguments())


class Whole:
    """Clocks where the linker's code starts and ends; none between its nodes.

    What tells the nodes apart derives from it and gives ``nodes(calls)``: seconds per call of each node (NaN:
    did not run).
    """

    method = "clocks where the linker's code starts and ends"
    parts: tuple[str, ...] = (CHECKING, NODES, RETURNING)  # of a call, in order
    middle: Callable[[Any], Any] = staticmethod(np.median)  # makes one figure of the calls of a round
    clock = 0.0  # seconds that one clock read between nodes costs, which are in ``nodes`` still

    def __init__(self, call: Call) -> None:
        self._call = call
        self._python_clock = reading(time.perf_counter)

    def stretches(self, calls: int) -> Seconds:
        """Seconds per call of each of the `parts`, with no clock between the nodes."""
        marks = passes(self._call, self._call.function.vm, time.perf_counter, calls)
        gaps = np.diff(np.array(list(marks)), axis=1) - self._python_clock
        return np.asarray(np.maximum([self.middle(column) for column in gaps.T], 0.0))


def one_piece(call: Call, order: Sequence[Any]) -> NoReturn:
    """The ``watch`` of a linker that compiles all nodes together."""
    linker = type(call.function.maker.linker).__name__
    raise CannotTime(f"{linker} compiles the graph as one piece: no clock reaches between its nodes")


@contextlib.contextmanager
def runs_instead(vm: Any, function: Any) -> Iterator[None]:
    """A callable of ours runs as the function's virtual machine; garbage is not collected meanwhile."""
    original = function.vm
    vm.allow_gc = original.allow_gc  # read by Function
    function.vm = vm
    try:
        with no_collection():
            yield
    finally:
        function.vm = original


def passes(call: Call, vm: Any, clock: Callable[[], Any], calls: int) -> Iterator[tuple[Any, Any, Any, Any]]:
    """Make so many calls; the clock at each one's start, where `vm` begins and ends, and at its end."""
    entered = left = None

    def gate() -> Any:
        nonlocal entered, left
        entered = clock()
        result = vm()
        left = clock()
        return result

    with runs_instead(gate, call.function):
        for _ in range(calls):
            arguments = call.arguments()
            start = clock()
            call.function(*arguments)
            end = clock()
            yield start, entered, left, end


def reading(clock: Callable[[], Any]) -> float:
    """What one read of a clock costs, in its own unit."""
    gaps = []
    for _ in range(200):
        start = clock()
        gaps.append(clock() - start)
    return float(np.median(gaps))


def seconds_of_calls(call: Call, calls: int) -> Seconds:
    """Seconds of so many calls, each timed apart."""
    spent = np.empty(calls)
    with no_collection():
        for position in range(calls):
            arguments = call.arguments()
            start = time.perf_counter()
            call.function(*arguments)
            spent[position] = time.perf_counter() - start
    return spent
