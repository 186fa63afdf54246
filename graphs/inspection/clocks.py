"""Measured time of every node of a compiled function, whatever linker made it.

The function is called as its user calls it, on storage whose contents are put back afterwards:

- Numba: clock reads between the statements of the generated source (`graphs.inspection.probes`);
- CVM and the Python virtual machines: the virtual machine's own clocks around every node;
- the plain ``py`` linker: clocks around every node's thunk;
- anything else compiles the graph as one piece (JAX, PyTorch, the whole-graph C linker): the
  call is timed, the nodes are said not to be.

Plain calls, calls with clocks at both ends and calls with clocks at every node are taken in
turn, round by round, each round from the same state, so that what drifts hits all alike. A
round's figure is the median of its calls where every call is timed apart, else their mean; the
spread is over the rounds.
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

from graphs.environment import own_warnings_only
from graphs.inspection.measured import NodeTime, Spread, Times
from graphs.inspection.probes import CannotProbe, Probe, probe

__all__ = ["time_nodes"]

NOT_RUN = "not run with these inputs"
MOST_CALLS = 2000


def time_nodes(
    function: Any,
    arguments: Sequence[Any] = (),
    *,
    numbers: Sequence[int] | None = None,
    seconds: float = 2.0,
    rounds: int = 11,
) -> Times:
    """Time every node of a compiled function.

    Parameters
    ----------
    function : pytensor.compile.executor.Function
        It is called many times; the contents of its shared variables are put back.
    arguments : sequence
        Its inputs; copied for every call where the function may overwrite them.
    numbers : sequence of int, optional
        Numbers to give the nodes, in the order they run; 0, 1, 2 … by default.
    seconds : float
        About how long to measure, without compiling.
    rounds : int
        Rounds to spread that over; fewer if a call takes too long.

    Returns
    -------
    Times
        With the reason, and without figures, for what could not be timed.
    """
    order = function.maker.fgraph.toposort()
    names = tuple(range(len(order))) if numbers is None else tuple(numbers)
    original_vm = function.vm
    state = _State(function)
    call = _Call(function, arguments)
    try:
        with own_warnings_only():
            return _time(function, order, names, call, state, seconds, rounds)
    except Exception as problem:  # whatever the user's graph raises on these inputs
        reason = f"the function does not run on these inputs: {_first_line(problem)}"
        return Times("", None, None, tuple(NodeTime(n, None, reason) for n in names), problem=reason)
    finally:
        function.vm = original_vm
        state.restore()


def _time(
    function: Any,
    order: Sequence[Any],
    names: Sequence[int],
    call: _Call,
    state: _State,
    seconds: float,
    rounds: int,
) -> Times:
    call(*call.arguments())  # compiles what is left to compile
    once = _plain(call, 3).min()
    state.restore()
    watch, problem = None, ""
    try:
        watch = _watch(function, order, call)
    except CannotProbe as reason:
        problem = str(reason)
    variants = 3 if watch is not None else 1
    rounds = max(3, min(rounds, int(seconds / (variants * once))))
    calls = int(np.clip(seconds / (variants * rounds * once), 1, MOST_CALLS))
    whole, inside, nodes = [], [], []
    for _ in range(rounds):
        state.restore()
        whole.append(float((watch.middle if watch else np.median)(_plain(call, calls))))
        if watch is None:
            continue
        state.restore()
        inside.append(watch.inside(calls))
        state.restore()
        nodes.append(watch.nodes(calls))
    if watch is None:
        timed = tuple(NodeTime(n, None, problem) for n in names)
        return Times("", _spread(whole), None, timed, 0.0, rounds, calls, problem)
    table = np.maximum(np.array(nodes).reshape(rounds, len(order)) - watch.clock, 0.0)
    timed = tuple(
        NodeTime(n, None, NOT_RUN) if np.isnan(column).all() else NodeTime(n, _spread(column))
        for n, column in zip(names, table.T, strict=True)
    )
    return Times(watch.method, _spread(whole), _spread(inside), timed, watch.clock, rounds, calls)


def _watch(function: Any, order: Sequence[Any], call: _Call) -> Any:
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

    def __init__(self, function: Any, call: _Call) -> None:
        self._function, self._call = function, call
        try:
            self._ends = self._compiled(every_node=False)
            self._all = self._compiled(every_node=True)
        except CannotProbe:
            raise
        except Exception as problem:  # Numba's errors have no common base
            raise CannotProbe(f"Numba refuses the clock reads: {_first_line(problem)}") from problem
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

    def __init__(self, function: Any, order: Sequence[Any], call: _Call) -> None:
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
            _plain(self._call, calls)
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

    def __init__(self, function: Any, order: Sequence[Any], call: _Call) -> None:
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


def _inside(function: Any, call: _Call, calls: int, middle: Callable[[NDArray[np.float64]], Any]) -> float:
    """The virtual machine's part of a call."""
    vm, gaps = function.vm, []

    def run() -> Any:
        start = time.perf_counter()
        result = vm()
        gaps.append(time.perf_counter() - start)
        return result

    function.vm = _Delegate(vm, run)
    try:
        _plain(call, calls)
    finally:
        function.vm = vm
    return float(middle(np.array(gaps)))


class _Call:
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


def _plain(call: _Call, calls: int) -> NDArray[np.float64]:
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


class _State:
    """What calling the function changes: its shared variables and random generators."""

    def __init__(self, function: Any) -> None:
        self._kept = [
            (container, copy.deepcopy(container.storage[0]), container.storage[0])
            for spec, container in zip(function.maker.inputs, function.input_storage, strict=True)
            if spec.shared and (spec.mutable or spec.update is not None)
        ]

    def restore(self) -> None:
        """Put copies of the contents back."""
        for container, value, _ in self._kept:
            container.storage[0] = copy.deepcopy(value)


def _spread(samples: Any) -> Spread:
    q1, median, q3 = (float(q) for q in np.quantile(np.asarray(samples), (0.25, 0.5, 0.75)))
    return Spread(median, q1, q3)


def _first_line(problem: BaseException) -> str:
    lines = str(problem).strip().splitlines()
    return f"{type(problem).__name__}: {lines[0]}" if lines else type(problem).__name__
