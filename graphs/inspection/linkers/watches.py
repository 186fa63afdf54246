"""The ways to time a call's parts and its nodes, one per kind of linker.

A watch has

- ``parts``: the parts of a call, in order; `NODES` stands for the stretch from before the first
  node to after the last;
- ``stretches(calls)``: the seconds per call of each of them, with no clock between the nodes;
- ``nodes(calls)``: the seconds per call of each node (NaN: did not run);
- ``clock``: the seconds one clock read between nodes costs, which are in ``nodes`` still;
- ``middle``: what makes one figure of the calls of a round.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphs.inspection.linkers.calls import Call, Gate, first_line, no_collection, reading
from graphs.inspection.linkers.probes import CannotProbe, Probe, probe

__all__ = ["NODES", "Whole", "watch_for"]

NODES = "the nodes"
CHECKING = "checking the inputs and storing them"
UNBOXING = "unboxing them for machine code"
BOXING = "boxing the results, freeing memory"
RETURNING = "storing updates, handing back outputs"


def watch_for(function: Any, order: Sequence[Any], call: Call) -> Any:
    """The way to time nodes that fits the function's linker.

    Raises
    ------
    CannotProbe
        If there is none; `Whole` still tells the nodes' stretch from the rest.
    """
    from pytensor.link.basic import PerformLinker
    from pytensor.link.c.basic import OpWiseCLinker
    from pytensor.link.vm import VM, Loop, Stack

    linker = function.maker.linker
    if not order:
        raise CannotProbe("the graph has no nodes")
    if isinstance(function.vm, Loop | Stack) or type(linker) in (PerformLinker, OpWiseCLinker):
        return _Thunks(function, order, call)
    if isinstance(function.vm, VM):
        return _VirtualMachine(function, order, call)
    if type(linker).__name__ == "NumbaLinker":
        return _Numba(function, call)
    raise CannotProbe(
        f"{type(linker).__name__} compiles the graph as one piece: no clock reaches between its nodes"
    )


class Whole:
    """Clocks where the linker's code starts and ends; none between its nodes."""

    method = "clocks where the linker's code starts and ends"
    parts: tuple[str, ...] = (CHECKING, NODES, RETURNING)
    middle: Callable[[Any], Any] = staticmethod(np.median)
    clock = 0.0

    def __init__(self, function: Any, call: Call) -> None:
        self._function, self._call = function, call
        self._python_clock = reading(time.perf_counter)

    def stretches(self, calls: int) -> NDArray[np.float64]:
        gate = Gate(self._function, self._function.vm, time.perf_counter)
        gaps = np.diff(np.array(list(gate.passes(self._call, calls))), axis=1) - self._python_clock
        return np.asarray(np.maximum([self.middle(column) for column in gaps.T], 0.0))


class _Numba:
    """Clock reads inside the compiled function too; every call is timed apart."""

    method = "clock reads between the lines of the generated Python, compiled again by Numba"
    parts = (CHECKING, UNBOXING, NODES, BOXING, RETURNING)
    middle = staticmethod(np.median)

    def __init__(self, function: Any, call: Call) -> None:
        self._function, self._call = function, call
        try:
            self._ends = self._compiled(every_node=False)
            self._all = self._compiled(every_node=True)
        except CannotProbe:
            raise
        except Exception as problem:  # Numba's errors have no common base
            raise CannotProbe(f"Numba refuses the clock reads: {first_line(problem)}") from problem
        # The last two reads stand next to each other.
        self.clock = float(np.median(np.diff(self._read(self._all, 50)[:, -4:-2])))
        self._python_clock = reading(_monotonic) * 1e-9

    def _compiled(self, *, every_node: bool) -> Probe:
        made = probe(self._function, every_node=every_node)
        self._read(made, 2)
        return made

    def _read(self, made: Probe, calls: int) -> NDArray[np.float64]:
        """Every clock read of so many calls, in seconds from the call's start."""
        gate = Gate(self._function, made.vm, _monotonic)
        rows = []
        for start, entered, left, end in gate.passes(self._call, calls):
            inside = made.nanoseconds() - start
            rows.append([0, entered - start, *inside, left - start, end - start])
        return np.array(rows) * 1e-9

    def stretches(self, calls: int) -> NDArray[np.float64]:
        # Start, entered; before the first node, after the last, once more; left, end.
        rows = np.delete(self._read(self._ends, calls), 4, axis=1)
        costs = np.full(5, self._python_clock)
        costs[2] = self.clock
        costs[3] += self.clock  # of the extra read
        return np.asarray(np.maximum(np.median(np.diff(rows, axis=1), axis=0) - costs, 0.0))

    def nodes(self, calls: int) -> NDArray[np.float64]:
        return np.asarray(np.median(np.diff(self._read(self._all, calls)[:, 2:-3], axis=1), axis=0))


def _monotonic() -> int:
    """The very clock that the compiled code reads."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


class _VirtualMachine(Whole):
    """CVM: its C loop adds up each node's time, to the microsecond; averaged over many calls."""

    method = "the C virtual machine's own clock around every node, averaged over the middle half of the calls"
    middle = staticmethod(lambda calls: _middle_half(np.asarray(calls)))

    def __init__(self, function: Any, order: Sequence[Any], call: Call) -> None:
        super().__init__(function, call)
        at = {node: position for position, node in enumerate(function.vm.nodes)}
        self._positions = [at[node] for node in order]

    def nodes(self, calls: int) -> NDArray[np.float64]:
        vm, call = self._function.vm, self._call
        rows = np.empty((calls, len(self._positions)))
        vm.time_thunks = 1
        try:
            with no_collection():
                for row in range(calls):
                    _clear(vm)
                    call(*call.arguments())
                    spent = np.where(vm.call_counts, vm.call_times, np.nan)
                    rows[row] = spent[self._positions]
        finally:
            vm.time_thunks = 0
            _clear(vm)
        return np.asarray(_middle_half(rows))


def _clear(vm: Any) -> None:
    for position in range(len(vm.call_times)):
        vm.call_times[position], vm.call_counts[position] = 0.0, 0


def _middle_half(calls: NDArray[np.float64]) -> Any:
    """The mean of the calls, but for the fastest and the slowest quarter.

    A clock that counts whole microseconds is right on average only, and where the machine was
    busy with something else a call took many times as long: those are left out.
    """
    totals = np.nansum(calls, axis=1) if calls.ndim > 1 else calls
    quarter = len(calls) // 4
    return calls[np.argsort(totals)[quarter : len(calls) - quarter]].mean(axis=0)


class _Thunks(Whole):
    """A clock around every node's thunk, for linkers whose loop over the nodes is Python."""

    method = "a clock around every node's thunk"

    def __init__(self, function: Any, order: Sequence[Any], call: Call) -> None:
        super().__init__(function, call)
        self._spent = np.zeros(len(order))
        self._ran = np.zeros(len(order), dtype=bool)
        self._at = {node: position for position, node in enumerate(order)}
        self._vm = self._timed_vm()
        self.clock = self._python_clock

    def _timed_vm(self) -> Any:
        """A twin of the function's virtual machine that runs timed thunks on the same storage."""
        from pytensor.link.vm import VM

        vm = self._function.vm
        if isinstance(vm, VM):
            twin = copy.copy(vm)
            twin.thunks = [self._timed(thunk, node) for thunk, node in zip(vm.thunks, vm.nodes, strict=True)]
            return twin
        linker = self._function.maker.linker
        run, _, outputs, thunks, nodes = linker.make_all(
            input_storage=[container.storage for container in self._function.input_storage],
            output_storage=[container.storage for container in self._function.output_storage],
        )
        timed = [self._timed(thunk, node) for thunk, node in zip(thunks, nodes, strict=True)]
        stale = [run.storage_map[v] for v in linker.no_recycling if v.owner is not None]

        def loop() -> list[Any]:
            for cell in stale:
                cell[0] = None
            for thunk in timed:
                thunk()
            return [output.storage[0] for output in outputs]

        return loop

    def _timed(self, thunk: Any, node: Any) -> Any:
        position, spent, ran = self._at[node], self._spent, self._ran

        def timed() -> Any:
            start = time.perf_counter()
            result = thunk()
            spent[position] += time.perf_counter() - start
            ran[position] = True
            return result

        timed.__dict__.update(getattr(thunk, "__dict__", {}))  # lazy, inputs, outputs
        timed.lazy = getattr(thunk, "lazy", False)  # type: ignore[attr-defined]  # read by the VM
        return timed

    def nodes(self, calls: int) -> NDArray[np.float64]:
        rows = np.empty((calls, len(self._spent)))
        original, self._function.vm = self._function.vm, _running(self._vm, self._function.vm)
        try:
            with no_collection():
                for row in range(calls):
                    self._spent[:], self._ran[:] = 0.0, False
                    self._call(*self._call.arguments())
                    rows[row] = np.where(self._ran, self._spent, np.nan)
        finally:
            self._function.vm = original
        return np.asarray(np.median(rows, axis=0))


def _running(run: Callable[[], Any], vm: Any) -> Any:
    """A callable that a function takes for its virtual machine."""

    def running() -> Any:
        return run()

    running.allow_gc = getattr(vm, "allow_gc", False)  # type: ignore[attr-defined]  # read by Function
    return running
