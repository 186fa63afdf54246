"""The ways to time nodes, one per kind of linker, and a function's calls.

A watch has ``clock``, the seconds one clock read costs; ``inside(calls)``, the seconds per call
between the first node and the last; ``nodes(calls)``, those of each node (NaN: did not run); and
``middle``, what makes one figure of the calls of a round.
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

from graphs.inspection.probes import CannotProbe, Probe, probe

__all__ = ["Call", "first_line", "seconds_of_calls", "watch_for"]


def watch_for(function: Any, order: Sequence[Any], call: Call) -> Any:
    """The way to time nodes that fits the function's linker."""
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


class _Numba:
    """Clock reads inside the compiled function; every call is timed apart."""

    method = "clock reads between the lines of the generated Python, compiled again by Numba"
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
        self.clock = float(np.median(self._read(self._all, 50)[:, -1]))

    def _compiled(self, *, every_node: bool) -> Probe:
        made = probe(self._function, every_node=every_node)
        self._read(made, 2)
        return made

    def _read(self, made: Probe, calls: int) -> NDArray[np.float64]:
        original, self._function.vm = self._function.vm, made.vm
        rows = np.empty((calls, len(made.stamps) - 1))
        try:
            with _no_collection():
                for row in range(calls):
                    self._call(*self._call.arguments())
                    rows[row] = made.intervals()
        finally:
            self._function.vm = original
        return rows * 1e-9

    def inside(self, calls: int) -> float:
        return max(float(np.median(self._read(self._ends, calls)[:, 0])) - self.clock, 0.0)

    def nodes(self, calls: int) -> NDArray[np.float64]:
        return np.asarray(np.median(self._read(self._all, calls)[:, :-1], axis=0))


class _VirtualMachine:
    """CVM: its C loop adds up each node's time, to the microsecond, over many calls."""

    method = "the C virtual machine's own clock around every node, averaged over the calls"
    middle = staticmethod(np.mean)
    clock = 0.0

    def __init__(self, function: Any, order: Sequence[Any], call: Call) -> None:
        self._function, self._call = function, call
        at = {node: position for position, node in enumerate(function.vm.nodes)}
        self._positions = [at[node] for node in order]

    def inside(self, calls: int) -> float:
        return _inside(self._function, self._call, calls, np.mean)

    def nodes(self, calls: int) -> NDArray[np.float64]:
        vm = self._function.vm
        vm.time_thunks = 1
        try:
            _clear(vm)
            seconds_of_calls(self._call, calls)
            times, counts = list(vm.call_times), list(vm.call_counts)
        finally:
            vm.time_thunks = 0
            _clear(vm)
        return np.array([times[p] / calls if counts[p] else np.nan for p in self._positions], dtype=float)


def _clear(vm: Any) -> None:
    for position in range(len(vm.call_times)):
        vm.call_times[position], vm.call_counts[position] = 0.0, 0


class _Thunks:
    """A clock around every node's thunk, for linkers whose loop over the nodes is Python."""

    method = "a clock around every node's thunk"
    middle = staticmethod(np.median)

    def __init__(self, function: Any, order: Sequence[Any], call: Call) -> None:
        self._function, self._call = function, call
        self._spent = np.zeros(len(order))
        self._ran = np.zeros(len(order), dtype=bool)
        self._at = {node: position for position, node in enumerate(order)}
        self._vm = self._timed_vm()
        self.clock = self._empty_reading()

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

        return _Delegate(vm, loop)

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

    def _empty_reading(self) -> float:
        gaps = []
        for _ in range(200):
            start = time.perf_counter()
            gaps.append(time.perf_counter() - start)
        return float(np.median(gaps))

    def inside(self, calls: int) -> float:
        return _inside(self._function, self._call, calls, np.median)

    def nodes(self, calls: int) -> NDArray[np.float64]:
        rows = np.empty((calls, len(self._spent)))
        original, self._function.vm = self._function.vm, self._vm
        try:
            with _no_collection():
                for row in range(calls):
                    self._spent[:], self._ran[:] = 0.0, False
                    self._call(*self._call.arguments())
                    rows[row] = np.where(self._ran, self._spent, np.nan)
        finally:
            self._function.vm = original
        return np.asarray(np.median(rows, axis=0))


class _Delegate:
    """Looks like a virtual machine, but another callable runs."""

    def __init__(self, vm: Any, run: Callable[[], Any]) -> None:
        self._vm, self._run = vm, run

    def __call__(self) -> Any:
        return self._run()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._vm, name)


def _inside(function: Any, call: Call, calls: int, middle: Callable[[NDArray[np.float64]], Any]) -> float:
    """The virtual machine's part of a call."""
    vm, gaps = function.vm, []

    def run() -> Any:
        start = time.perf_counter()
        result = vm()
        gaps.append(time.perf_counter() - start)
        return result

    function.vm = _Delegate(vm, run)
    try:
        seconds_of_calls(call, calls)
    finally:
        function.vm = vm
    return float(middle(np.array(gaps)))


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


def seconds_of_calls(call: Call, calls: int) -> NDArray[np.float64]:
    """Seconds of so many calls, each timed apart."""
    spent = np.empty(calls)
    with _no_collection():
        for position in range(calls):
            arguments = call.arguments()
            start = time.perf_counter()
            call(*arguments)
            spent[position] = time.perf_counter() - start
    return spent


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
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
