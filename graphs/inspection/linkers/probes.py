"""Clock reads between the nodes of a function that Numba compiled as one piece.

Numba turns the whole graph into one machine-code function, and PyTensor's profiler, which
times thunks, finds a single one. But the linker writes the function as Python first, one
statement per node. Here that source gets a clock read before the first statement and after
each, and Numba compiles it again; the helpers that the statements call are the very ones of
the original. The clock is ``clock_gettime`` of the C library, called from compiled code: it
writes straight into a table that Python reads afterwards.
"""

from __future__ import annotations

import ast
import ctypes
import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CannotProbe", "Probe", "generated_function", "probe"]

CLOCK = "graphs_clock"
CLOCK_ID = "graphs_clock_id"
STAMP = "graphs_stamp"


class CannotProbe(Exception):
    """The generated source has not the form expected, or does not compile with clock reads."""


class Probe:
    """A function's `vm` with clock reads in it; call it in place of the original.

    Attributes
    ----------
    stamps : ndarray of int64, shape (reads, 2)
        Seconds and nanoseconds of every read of the last call; the last two stand next to each
        other, with nothing between them.
    vm : callable
    """

    def __init__(self, vm: Callable[[], Any], stamps: NDArray[np.int64]) -> None:
        self.vm = vm
        self.stamps = stamps

    def nanoseconds(self) -> NDArray[np.int64]:
        """Every read of the last call, as ``time.clock_gettime_ns(time.CLOCK_MONOTONIC)`` counts."""
        return np.asarray(self.stamps[:, 0] * 1_000_000_000 + self.stamps[:, 1])


def generated_function(function: Any) -> Any:
    """The Python function, one statement per node, that Numba compiled for `function`.

    Its text is ``__source__``. With PyTensor's on-disk cache it hides behind a wrapper that
    only calls it.

    Raises
    ------
    CannotProbe
        If there is none.
    """
    dispatcher = getattr(function.vm, "jit_fn", None)
    python = getattr(dispatcher, "py_func", None)
    while python is not None and "jitable_func" in python.__code__.co_names:
        python = getattr(python.__globals__.get("jitable_func"), "py_func", None)
    if python is None or not hasattr(python, "__source__"):
        raise CannotProbe("the linker keeps no Python source of what Numba compiled")
    return python


def probe(function: Any, *, every_node: bool = True) -> Probe:
    """Compile the function's generated source again, with clock reads.

    Parameters
    ----------
    function : pytensor.compile.executor.Function
        Compiled with the Numba linker.
    every_node : bool
        Read the clock after every node; else only before the first and after the last.

    Raises
    ------
    CannotProbe
        If the source is not as expected or Numba refuses it.
    """
    python = generated_function(function)
    count = len(function.maker.fgraph.apply_nodes)
    source, reads = _with_reads(python.__source__, count, every_node)
    stamps = np.zeros((reads, 2), dtype=np.int64)
    environment = {**python.__globals__, CLOCK: _c_clock(), CLOCK_ID: time.CLOCK_MONOTONIC}
    # Addresses, not an argument: the arguments must cost what they cost without clocks.
    environment |= {f"{STAMP}{i}": np.uintp(stamps[i].ctypes.data) for i in range(reads)}
    namespace: dict[str, Any] = {}
    exec(compile(source, f"<{python.__name__} with clock reads>", "exec"), environment, namespace)
    jitted = _jitted(namespace[python.__name__], wrapped=function.vm.jit_fn.py_func is not python)
    vm = functools.partial(function.vm, fgraph_jit=jitted)
    vm.__dict__.update(function.vm.__dict__)  # Function reads vm.allow_gc and others
    return Probe(vm, stamps)


def _jitted(python: Any, *, wrapped: bool) -> Any:
    """Compiled by Numba as PyTensor does it, behind the same wrapper: that adds to every call."""
    from pytensor.link.numba.dispatch.basic import numba_njit

    if not wrapped:
        return numba_njit(python, final_function=True)
    environment = {"jitable_func": numba_njit(python)}
    exec("def wrapper(*args): return jitable_func(*args)", environment)
    return numba_njit(environment["wrapper"], final_function=True)


def _with_reads(source: str, nodes: int, every_node: bool) -> tuple[ast.Module, int]:
    """The source with clock reads, and how many."""
    module = ast.parse(source)
    (definition,) = module.body
    if not isinstance(definition, ast.FunctionDef):
        raise CannotProbe("the generated source is no function")
    body, last = definition.body[:-1], definition.body[-1]
    if not isinstance(last, ast.Return) or len(body) != nodes:
        raise CannotProbe(f"the generated source has {len(body)} statements for {nodes} nodes")
    reads = 0

    def read() -> ast.stmt:
        nonlocal reads
        (statement,) = ast.parse(f"{CLOCK}({CLOCK_ID}, {STAMP}{reads})").body
        reads += 1
        return statement

    probed: list[ast.stmt] = [read()]
    for statement in body:
        probed.append(statement)
        if every_node:
            probed.append(read())
    if not every_node:
        probed.append(read())
    probed.append(read())
    definition.body = [*probed, last]
    return ast.fix_missing_locations(module), reads


@functools.cache
def _c_clock() -> Any:
    try:
        clock = ctypes.CDLL(None).clock_gettime
    except (AttributeError, OSError, TypeError) as problem:
        raise CannotProbe("the C library has no clock_gettime") from problem
    if ctypes.sizeof(ctypes.c_long) != 8:
        raise CannotProbe("the C library's clock does not write 64-bit numbers")
    clock.argtypes = [ctypes.c_int, ctypes.c_void_p]
    clock.restype = ctypes.c_int
    return clock
