"""Numba, which compiles the whole graph as one function.

PyTensor's profiler, which times thunks, finds a single one. But the linker writes the function as Python
first, one statement per node. Shown as code are those statements, then LLVM's language and assembly.

For times, that source gets a clock read before the first statement and after each, and Numba compiles it
again; the helpers that the statements call are the very ones of the original. The clock is
``clock_gettime`` of the C library, called from compiled code: it writes straight into a table that Python
reads afterwards.
"""

from __future__ import annotations

import ast
import contextlib
import ctypes
import functools
import inspect
import itertools
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphs.foreign import one_line
from graphs.inspection.findings import NodeCode
from graphs.inspection.linkers.calls import (
    CHECKING,
    NODES,
    RETURNING,
    Call,
    CannotTime,
    Seconds,
    Whole,
    passes,
    reading,
)
from graphs.inspection.linkers.compilers import Worked
from graphs.inspection.linkers.statements import definition, reached, statements

__all__ = ["IMPORTS", "code", "compiling", "watch"]

IMPORTS = ("numba", "pytensor.link.numba.dispatch")

CLOCK = "graphs_clock"
CLOCK_ID = "graphs_clock_id"
STAMP = "graphs_stamp"


def watch(call: Call, order: Sequence[Any]) -> Whole:
    """Clock reads between the statements that the nodes became."""
    try:
        return _Numba(call)
    except CannotTime:
        raise
    except Exception as problem:  # Numba's errors have no common base
        raise CannotTime(f"Numba refuses the clock reads: {one_line(problem)}") from problem


class _Numba(Whole):
    """Clock reads inside the compiled function too; every call is timed apart."""

    method = "clock reads between the lines of the generated Python, compiled again by Numba"
    parts = (
        CHECKING,
        "unboxing them for machine code",
        NODES,
        "boxing the results, freeing memory",
        RETURNING,
    )

    def __init__(self, call: Call) -> None:
        self._call = call
        self._python_clock = reading(_monotonic) * 1e-9
        self._ends = self._compiled(every_node=False)
        self._all = self._compiled(every_node=True)
        # The last two reads stand next to each other.
        self.clock = float(np.median(np.diff(self._read(self._all, 50)[:, -4:-2])))

    def _compiled(self, *, every_node: bool) -> _Probe:
        made = _Probe(self._call.function, every_node)
        self._read(made, 2)
        return made

    def _read(self, made: _Probe, calls: int) -> Seconds:
        """Every clock read of so many calls, in seconds from the call's start."""
        rows = []
        for start, entered, left, end in passes(self._call, made.vm, _monotonic, calls):
            inside = made.stamps[:, 0] * 1_000_000_000 + made.stamps[:, 1] - start
            rows.append([0, entered - start, *inside, left - start, end - start])
        return np.array(rows) * 1e-9

    def stretches(self, calls: int) -> Seconds:
        # Start, entered; before the first node, after the last, once more; left, end.
        rows = np.delete(self._read(self._ends, calls), 4, axis=1)
        costs = np.full(5, self._python_clock)
        costs[2] = self.clock
        costs[3] += self.clock  # of the extra read
        return np.asarray(np.maximum(np.median(np.diff(rows, axis=1), axis=0) - costs, 0.0))

    def nodes(self, calls: int) -> Seconds:
        return np.asarray(np.median(np.diff(self._read(self._all, calls)[:, 2:-3], axis=1), axis=0))


def _monotonic() -> int:
    """The very clock that the compiled code reads."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


class _Probe:
    """A function's generated source compiled again with clock reads: after every node, or at the ends only."""

    def __init__(self, function: Any, every_node: bool) -> None:
        python = _generated(function)
        module, reads = _with_reads(python, len(function.maker.fgraph.apply_nodes), every_node)
        # Seconds and nanoseconds of every read of the last call; nothing stands between the last two.
        self.stamps = np.zeros((reads, 2), dtype=np.int64)
        environment = {**python.__globals__, CLOCK: _c_clock(), CLOCK_ID: time.CLOCK_MONOTONIC}
        # Addresses, not an argument: the arguments must cost what they cost without clocks.
        environment |= {f"{STAMP}{i}": np.uintp(self.stamps[i].ctypes.data) for i in range(reads)}
        namespace: dict[str, Any] = {}
        exec(compile(module, f"<{python.__name__} with clock reads>", "exec"), environment, namespace)
        jitted = _jitted(namespace[python.__name__], wrapped=function.vm.jit_fn.py_func is not python)
        self.vm = functools.partial(function.vm, fgraph_jit=jitted)


def _jitted(python: Any, *, wrapped: bool) -> Any:
    """Compiled by Numba as PyTensor does it, behind the same wrapper: that adds to every call."""
    from pytensor.link.numba.dispatch.basic import numba_njit

    if not wrapped:
        return numba_njit(python, final_function=True)
    environment = {"jitable_func": numba_njit(python)}
    exec("def wrapper(*args): return jitable_func(*args)", environment)
    return numba_njit(environment["wrapper"], final_function=True)


def _with_reads(python: Any, nodes: int, every_node: bool) -> tuple[ast.Module, int]:
    """The source with clock reads, and how many."""
    module, function = definition(python)
    body, last = function.body[:-1], function.body[-1]
    if not isinstance(last, ast.Return) or len(body) != nodes:
        raise CannotTime(f"the generated source has {len(body)} statements for {nodes} nodes")
    reads = itertools.count()

    def read() -> ast.stmt:
        return ast.parse(f"{CLOCK}({CLOCK_ID}, {STAMP}{next(reads)})").body[0]

    probed = [read()]
    for statement in body:
        probed += [statement, read()] if every_node else [statement]
    probed += [read()] if every_node else [read(), read()]
    function.body = [*probed, last]
    return ast.fix_missing_locations(module), next(reads)


@functools.cache
def _c_clock() -> Any:
    try:
        clock = ctypes.CDLL(None).clock_gettime
    except (AttributeError, OSError, TypeError) as problem:
        raise CannotTime("the C library has no clock_gettime") from problem
    if ctypes.sizeof(ctypes.c_long) != 8:
        raise CannotTime("the C library's clock does not write 64-bit numbers")
    clock.argtypes = [ctypes.c_int, ctypes.c_void_p]
    clock.restype = ctypes.c_int
    return clock


def _generated(function: Any) -> Any:
    """The Python function, one statement per node, that Numba compiled; its text is ``__source__``.

    With PyTensor's on-disk cache it hides behind a wrapper that only calls it.
    """
    python = getattr(getattr(function.vm, "jit_fn", None), "py_func", None)
    while python is not None and "jitable_func" in python.__code__.co_names:
        python = getattr(python.__globals__.get("jitable_func"), "py_func", None)
    if python is None or not hasattr(python, "__source__"):
        raise CannotTime("the linker keeps no Python source of what Numba compiled")
    return python


@contextlib.contextmanager
def compiling(linker: Any, function: Any) -> Iterator[Worked]:
    """Numba's own events: a compilation of a function, with all that it needs; none where its cache had it."""
    from numba.core import event

    worked, listener = Worked(0.0), event.RecordingListener()
    with (
        event.install_timer("numba:compile", lambda seconds: setattr(worked, "seconds", seconds)),
        event.install_listener("numba:compile", listener),
    ):
        yield worked
    count = sum(each.is_start for _, each in listener.buffer)
    if count:
        worked.told = f"Numba compiled {count} functions that PyTensor's cache on disk did not have."
    elif function is not None and getattr(function.vm, "jit_fn", None) is not None:
        worked.told = (
            "What Numba was to compile when the function was called was in PyTensor's cache on disk."
        )


def code(function: Any, arguments: Sequence[Any], *, whole: bool) -> Iterator[NodeCode]:
    """Python of every node, by position, and of the whole; with `whole`, LLVM and assembly too."""
    try:
        python = _generated(function)
    except CannotTime as problem:
        yield NodeCode(None, "python", "", problem=str(problem))
        return
    yield from statements(python, _overload, _object_mode)
    if whole:
        yield from _machine_code(function, python)


def _object_mode(helper: Any) -> str:
    """Whether a helper leaves Numba for the Op's own Python; it calls one that PyTensor makes for that."""
    seen: set[int] = set()
    waiting = [helper]
    while waiting:
        python = getattr(thing := waiting.pop(), "py_func", thing)
        if id(python) in seen or not inspect.isfunction(python):
            continue
        seen.add(id(python))
        if python.__qualname__.startswith("generate_fallback_impl."):
            return "Numba has no code for this Op: its Python runs, in object mode"
        if (python.__module__ or "").startswith("pytensor.") or hasattr(python, "__source__"):
            waiting += reached(python).values()
    return ""


def _overload(stub: Any) -> Any:
    """The function that tells Numba what to compile in the place of a Python stub, if there is one."""
    from numba.core.errors import NumbaError
    from numba.core.registry import cpu_target

    try:
        templates = cpu_target.typing_context.resolve_value_type(stub).templates
    except (AttributeError, NumbaError, ValueError):
        return None
    return next((t._overload_func for t in templates if hasattr(t, "_overload_func")), None)


def _machine_code(function: Any, python: Any) -> Iterator[NodeCode]:
    """LLVM and assembly of the whole; compiled anew, since Numba's cache keeps neither."""
    signatures = function.vm.jit_fn.signatures
    if not signatures:
        yield NodeCode(None, "llvm", "", problem="Numba has not compiled the function yet: call it once")
        return
    from pytensor.link.numba.dispatch.basic import numba_njit

    signature = signatures[0]
    if function.vm.jit_fn.py_func is not python:  # the cache's wrapper takes one tuple
        signature = tuple(signature[0].types)
    fresh = numba_njit(python, final_function=True)
    fresh.compile(signature)
    yield NodeCode(None, "llvm", fresh.inspect_llvm(signature))
    yield NodeCode(None, "assembly", fresh.inspect_asm(signature))
