"""Calling a compiled program: NumPy arrays in and out, and the head under which C sees each of them."""

from __future__ import annotations

import builtins
import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from graphs.environment import usable_cores
from graphs.memory import aligned_empty
from graphs.native.program import Program
from graphs.native.run.compiler import CompilerMissing, open_library

__all__ = ["Described", "NativeCall", "pointers"]

Array = np.ndarray[Any, Any]

OTHER_SHAPE, UNALIGNED, OTHER_RANK, NO_MEMORY, OTHER_LAYOUT = -1, -2, -3, -4, -5
MAX_THREADS = 64
LARGE = 2**21  # numbers
_forked = False


def _after_fork() -> None:
    """OpenMP's threads do not survive a fork, and waiting for them would never end."""
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _thread_limit() -> tuple[int, int]:
    """Most threads a call may use, and from how many numbers in its largest input on.

    ``OMP_NUM_THREADS`` where set, for every size; else the cores of this process, for large inputs
    only. OpenMP's threads wait for one another by spinning: on idle cores that pays from some
    50 µs of work on, but where another process wants a core, each wait can last as long as that
    process is let run, some milliseconds. Who names a number of threads says that the cores are free.
    """
    named = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if named.isdigit() and int(named) > 0:
        return min(int(named), MAX_THREADS), 0
    return min(usable_cores(), MAX_THREADS), LARGE


class Header(ctypes.Structure):
    """The head of a NumPy array, as the C file reads it: the one that CPython gives it, or one written by hand."""

    _fields_ = [
        ("references", ctypes.c_ssize_t),
        ("type", ctypes.c_void_p),
        ("data", ctypes.c_void_p),
        ("axes", ctypes.c_int),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("base", ctypes.c_void_p),
        ("dtype", ctypes.c_void_p),
        ("flags", ctypes.c_int),
    ]


def _layout_is_as_expected() -> bool:
    """Whether this Python and NumPy lay an array out as :class:`Header` says."""
    array = np.zeros((3, 5))[:, ::2]
    seen = Header.from_address(id(array))
    expected = seen.axes == 2 and seen.data == array.ctypes.data and seen.flags & 0x100
    if not (expected and seen.shape and seen.strides):
        return False
    pair = ctypes.c_int64 * 2
    shape, strides = pair.from_address(seen.shape), pair.from_address(seen.strides)
    return tuple(shape) == array.shape and tuple(strides) == array.strides


DIRECT = sys.implementation.name == "cpython" and _layout_is_as_expected()


class Described:
    """A head of an array's own: for arrays that move on step by step, and for other Pythons."""

    def __init__(self, array: Array) -> None:
        self.array = array
        if DIRECT:
            self.header = Header()
            ctypes.memmove(ctypes.addressof(self.header), id(array), ctypes.sizeof(Header))
        else:
            several = ctypes.c_int64 * max(array.ndim, 1)
            self.shape, self.strides = several(*array.shape), several(*array.strides)
            self.header = Header(
                data=array.ctypes.data,
                axes=array.ndim,
                shape=ctypes.addressof(self.shape),
                strides=ctypes.addressof(self.strides),
                flags=0x100 if array.flags.aligned else 0,
            )
        self.start = self.header.data  # where the array's first number is; C may move the head on
        self.address = ctypes.addressof(self.header)  # what the C function takes


def pointers(addresses: Iterable[int]) -> ctypes.Array[ctypes.c_void_p]:
    """Addresses as C takes them, with one to spare: C has no empty arrays."""
    listed = list(addresses)
    return (ctypes.c_void_p * (len(listed) + 1))(*listed)


class Pool:
    """Arrays of one output that are given out, and taken back once nobody else refers to them."""

    def __init__(self, dtype: str, rank: int) -> None:
        self.dtype = np.dtype(dtype)
        self.shape: tuple[int, ...] = (0,) * rank
        self.arrays: list[Array] = []

    def take(self) -> Array:
        """An array of the present shape that nobody else holds."""
        for array in self.arrays:
            if sys.getrefcount(array) == FREE:
                return array
        array = aligned_empty(self.shape, self.dtype)
        if len(self.arrays) < 4:
            self.arrays.append(array)
        return array

    def reshape(self, shape: tuple[int, ...]) -> None:
        """From now on arrays of another shape."""
        if shape != self.shape:
            self.shape, self.arrays = shape, []


def _free_count() -> int:
    """What getrefcount says in :meth:`Pool.take` of an array that only the pool holds."""
    for array in [np.empty(1)]:
        return sys.getrefcount(array)
    raise AssertionError


FREE = _free_count()


class NativeCall:
    """A compiled function over PyTensor's storage cells.

    Calls of one function are made one at a time: a lock guards its argument block.
    """

    allow_gc = False  # a Function looks for this too

    def __init__(
        self,
        program: Program,
        variant: Callable[[str], Program],
        otherwise: Callable[[str], Callable[..., list[Any]]],
        inputs: list[list[Any]],
        cached: bool = True,
        storage_map: Any = None,
    ) -> None:
        self.cells = inputs  # of PyTensor's storage, one array each
        self.storage_map = storage_map  # the cells by Variable; a Function looks here for them
        self.variant = variant  # makes the program for other memory orders of the inputs
        self.otherwise = otherwise  # given why the compiler failed, makes what then runs,
        self.instead: Callable[..., list[Any]] | None = None  # a function of all inputs
        self.cached = cached  # whether compiled libraries go through the cache
        self.lock = threading.Lock()
        self.programs = {program.layouts: program}
        self.pools = [Pool(dtype, rank) for dtype, rank in program.outputs]
        self.dtypes = [np.dtype(dtype) for dtype, _ in program.inputs]
        self.want = (ctypes.c_int64 * (sum(rank for _, rank in program.outputs) + 1))()
        self.use(program)

    def use(self, program: Program) -> None:
        """Make `program` the one that is called; its library is waited for when it is."""
        self.program = program
        self.library: ctypes.CDLL | None = None
        self.threads, self.large = _thread_limit()
        self.table_heads = [Described(table) for table in program.table_arrays()]
        tables = (head.address for head in self.table_heads)
        self.arguments = pointers([*(0 for _ in program.inputs), *tables])
        self.results = pointers(0 for _ in program.outputs)
        self.constants = (ctypes.c_double * (len(program.constants) + 1))(*program.constants)
        self.fixed = self.block(self.arguments, self.results)

    def block(self, arguments: Any, results: Any) -> tuple[int, ...]:
        """The first four arguments of each function of the C file."""
        return tuple(map(ctypes.addressof, (arguments, results, self.constants, self.want)))

    def __call__(self) -> list[Array]:
        with self.lock:
            return self.run(self.read_inputs())

    def open(self) -> None:
        """Wait for the library; where there can be none, the default mode runs from now on."""
        if self.instead is None:
            try:
                self.library = open_library(self.program.text, self.cached)
                self.step = self.library.one_step
            except CompilerMissing as failure:
                self.instead = self.otherwise(str(failure))

    def thread_count(self, arrays: list[Array]) -> int:
        """Most threads of a call on these arrays."""
        if _forked or self.threads == 1:
            return 1
        if self.large and max((array.size for array in arrays), default=0) < self.large:
            return 1
        return self.threads

    def read_inputs(self) -> list[Array]:
        """The arrays in the cells; what is no array of the right type becomes one, or is refused."""
        return [
            value if type(value) is np.ndarray and value.dtype is dtype else _as_array(value, dtype)
            for (value,), dtype in zip(self.cells, self.dtypes, strict=True)
        ]

    def run(self, arrays: list[Array]) -> list[Array]:
        """One step on these arrays."""
        for _ in range(8):  # a shape, a copy and a layout may each need another turn
            if self.library is None:
                self.open()
            if self.instead is not None:
                return self.instead(*arrays)
            outputs = [pool.take() for pool in self.pools]
            if DIRECT:
                entering, leaving = list(map(id, arrays)), list(map(id, outputs))
            else:
                heads = [[Described(array) for array in group] for group in (arrays, outputs)]
                entering, leaving = ([head.address for head in group] for group in heads)
            self.arguments[: len(entering)] = entering  # type: ignore[assignment]  # c_void_p takes whole numbers
            self.results[: len(leaving)] = leaving  # type: ignore[assignment]  # likewise
            code = self.step(*self.fixed, self.thread_count(arrays))
            if code == 0:
                return outputs
            arrays = self.answer(code, arrays)
        raise RuntimeError("the compiled function keeps asking for other arrays")

    def answer(self, code: int, arrays: list[Array]) -> list[Array]:
        """Do what a return code other than 0 asks for, or raise what it says."""
        if code == OTHER_SHAPE:  # the outputs get the shapes that the C function has written down
            wanted = iter(self.want)
            for pool, (_, rank) in zip(self.pools, self.program.outputs, strict=True):
                pool.reshape(tuple(next(wanted) for _ in range(rank)))
            return arrays
        if code == UNALIGNED:
            return [np.require(array, requirements="A") for array in arrays]
        if code == OTHER_LAYOUT:
            layouts = "".join(map(_layout, arrays))
            if layouts == self.program.layouts:
                raise RuntimeError("the memory order of the inputs changed during the call")
            if layouts not in self.programs:
                self.programs[layouts] = self.variant(layouts)
            self.use(self.programs[layouts])
            return arrays
        raise self.error(code)

    def error(self, code: int) -> Exception:
        """The exception a return code stands for."""
        if code == OTHER_RANK:
            return TypeError("an input has another number of axes than the graph's variable")
        if code == NO_MEMORY:
            return MemoryError("no memory for what is computed in between")
        kind, message = self.program.errors[code - 1]
        exception = getattr(builtins, kind, None)
        if not (isinstance(exception, type) and issubclass(exception, Exception)):
            return RuntimeError(f"{kind}: {message}")
        return exception(message)


def _as_array(value: Any, dtype: np.dtype[Any]) -> Array:
    array = np.asarray(value)
    plain = isinstance(value, bool | int | float) and np.can_cast(value.__class__, dtype)
    if array.dtype != dtype and not plain:
        raise TypeError(f"expected an array of {dtype}, got {type(value).__name__} of {array.dtype}")
    return np.require(array, dtype, "A")


def _layout(array: Array) -> str:
    """``C`` if an array's last axis is contiguous, ``F`` if its first is, else ``A``."""
    if array.ndim == 0 or array.shape[-1] <= 1 or array.strides[-1] == array.itemsize:
        return "C"
    return "F" if array.strides[0] == array.itemsize or array.shape[0] <= 1 else "A"
