"""Calling a compiled program: NumPy arrays in and out, and the head under which C sees each of them."""

from __future__ import annotations

import builtins
import ctypes
import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from operator import attrgetter, itemgetter, setitem
from time import perf_counter
from typing import Any

import numpy as np

from graphs import fork
from graphs.compiled import outside
from graphs.compiled.compiler import CompilerMissing, open_library
from graphs.compiled.program import Program
from graphs.compiled.team import Team
from graphs.environment import usable_cores
from graphs.memory import aligned_empty

__all__ = ["Described", "NativeCall", "pointers", "read_whole", "write_whole"]

Array = np.ndarray[Any, Any]

OTHER_SHAPE, UNALIGNED, OTHER_RANK, NO_MEMORY, OTHER_LAYOUT, FAILED = -1, -2, -3, -4, -5, -6
MAX_THREADS = 64
LARGE = 2**21  # numbers
ALIGNED = 0x100  # NumPy's flag


def _thread_limit() -> tuple[int, int]:
    """Most threads a call may use, and from how many numbers in its largest input on.

    ``OMP_NUM_THREADS`` where set, for every size; else the cores of this process, for large inputs
    only. Of how many of them are used see :mod:`graphs.compiled.team`.
    """
    named = os.environ.get("OMP_NUM_THREADS", "")  # a number, where `import graphs` has found it there
    if named.isascii() and named.isdigit() and int(named[:9]):
        return min(int(named[:9]), MAX_THREADS), 0
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


class ListHeader(ctypes.Structure):
    """The head of a list, as CPython lays it out."""

    _fields_ = [
        ("references", ctypes.c_ssize_t),
        ("type", ctypes.c_void_p),
        ("length", ctypes.c_ssize_t),
        ("items", ctypes.c_void_p),  # where the addresses of its objects are,
        ("room", ctypes.c_ssize_t),  # and of how many there is room
    ]


def _layout_is_as_expected() -> bool:
    """Whether this Python lays lists out, and NumPy every array, as the two headers say: asked of some of each kind."""
    word = ctypes.sizeof(ctypes.c_void_p)
    # before anything is read: an object's head is two words and an array is no shorter than what is read of it
    if word != 8 or object.__basicsize__ != 2 * word or np.ndarray.__basicsize__ < ctypes.sizeof(Header):
        return False
    if list.__basicsize__ < ctypes.sizeof(ListHeader) or not _lists_are_as_expected():
        return False
    unaligned = np.frombuffer(bytearray(17), "uint8")[1:].view("float64")
    for array in (
        np.zeros((3, 5))[:, ::2],
        np.zeros((2, 0, 4), "float32"),
        np.array(1),
        np.zeros(7)[::-1],
        unaligned,
    ):
        seen = Header.from_address(id(array))
        if (seen.type, seen.axes, seen.data) != (id(np.ndarray), array.ndim, array.ctypes.data):
            return False
        if bool(seen.flags & ALIGNED) != array.flags.aligned:
            return False
        if array.ndim:
            if not (seen.shape and seen.strides):
                return False
            several = ctypes.c_int64 * array.ndim
            shape, strides = several.from_address(seen.shape), several.from_address(seen.strides)
            if (tuple(shape), tuple(strides)) != (array.shape, array.strides):
                return False
    return True


def _lists_are_as_expected() -> bool:
    """Whether a list holds its objects' addresses where :class:`ListHeader` says, also after they were exchanged."""
    held: list[Any] = [None] * 3
    seen = ListHeader.from_address(id(held))
    # before what is there is read: it looks like an address
    if (seen.type, seen.length) != (id(list), 3) or not 3 <= seen.room <= 16 or not (seen.items or 0) > 2**16:
        return False
    items = (ctypes.c_void_p * 3).from_address(seen.items)
    for objects in ([1.5, "two", held], [None] * 3):
        held[:] = objects
        if list(items) != list(map(id, objects)):
            return False
    return True


# Without the interpreter's lock, another thread could change an array's head while C reads it.
LOCKED = getattr(sys, "_is_gil_enabled", lambda: True)()
DIRECT = sys.implementation.name == "cpython" and LOCKED and _layout_is_as_expected()


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
                flags=ALIGNED if array.flags.aligned else 0,
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
            self.arrays = []  # first: a child forked in between must not find old arrays under the new shape
            self.shape = shape


def _free_count() -> int:
    """What getrefcount says in :meth:`Pool.take` of an array that only the pool holds."""
    for array in [np.empty(1)]:
        return sys.getrefcount(array)
    raise AssertionError


def _hold_in_a_frame(array: Array) -> Iterator[None]:
    yield None
    array.fill(0)


# Ways in which somebody may hold an array that a function has returned.
HOLDERS: tuple[Callable[[Any], Any], ...] = (
    lambda array: array,
    lambda array: [array],
    lambda array: {"key": array},
    lambda array: lambda: array,
    lambda array: array[:1],
    lambda array: array.reshape(1, -1),
    lambda array: array.sum,
    lambda array: array.ctypes,
    lambda array: array.flat,
    np.asarray,
    iter,
    memoryview,
    lambda array: next(frame := _hold_in_a_frame(array)) or frame,
)


def _arrays_held_are_known() -> bool:
    """Whether a :class:`Pool` of this Python gives out no array again that somebody holds, whichever way.

    What ``sys.getrefcount`` counts is CPython's own business: 3.14 no longer counts every variable.
    """

    def is_given_again(pool: Pool, held: Any) -> bool:  # `held`: in a variable of this frame too
        return pool.take().ctypes.data == pool.arrays[0].ctypes.data

    for hold in HOLDERS:
        pool = Pool("float64", 1)
        pool.reshape((1,))
        held = hold(pool.take())
        if pool.take().ctypes.data == pool.arrays[0].ctypes.data or is_given_again(pool, held):
            return False
        del held
        if is_given_again(pool, pool.take()):
            return False
    return True


FREE = _free_count()
if not (LOCKED and _arrays_held_are_known()):
    FREE = -1  # no array is ever given out again


NOTHING: Array = np.empty(0)

# Held while shared variables are read, or written, as a whole: for a moment, where nobody is out of patience.
_whole = fork.open_lock()
_content, _size, _dtype, ZEROS = itemgetter(0), attrgetter("size"), attrgetter("dtype"), repeat(0)
PATIENCE = 8  # times that a call is made again because its shared variables have been changed meanwhile


class Given(ctypes.Structure):
    """What a step is given, in one place."""

    _fields_ = [
        ("entering", ctypes.c_void_p),
        ("leaving", ctypes.c_void_p),
        ("constants", ctypes.c_void_p),
        ("want", ctypes.c_void_p),
        ("threads", ctypes.c_int64),
        ("functions", ctypes.c_void_p),
    ]


class _Ready:
    """A program with its library, and what C is handed at each call: made whole, then put in place at once."""

    def __init__(self, program: Program, library: Any, performer: Any = None) -> None:
        self.program, self.library = program, library
        self.tables = program.table_arrays()
        self.table_heads = [Described(table) for table in self.tables]
        tables = (head.address for head in self.table_heads)
        self.arguments = pointers([*(0 for _ in program.inputs), *tables])
        self.results = pointers(0 for _ in program.outputs)
        self.constants = (ctypes.c_double * (len(program.constants) + 1))(*program.constants)
        self.want = (ctypes.c_int64 * (sum(rank for _, rank in program.outputs) + 1))()
        # held by `performer`, whose own function is among them
        self.functions = pointers(
            performer.address if name == "perform" else outside.address(name) for name in program.functions
        )
        self.performer = performer
        # which has threads of its own: two teams would share the same cores
        self.calls_blas = any(name.startswith("scipy.linalg.") for name in program.functions)
        self.given = Given(*self.block(self.arguments, self.results), 1, ctypes.addressof(self.functions))
        #: Where C finds arrays by what Python holds of them: the list of all is their list of addresses. So none is
        #: asked for its ``id``, which costs a microsecond each where an audit hook listens (the package filelock, of
        #: which PyTensor has its lock, puts one in). Not where Python performs a node, and may call this again meanwhile.
        self.held: list[Any] | None = None
        if DIRECT and performer is None and not program.keeps_objects:
            self.nothing = [None] * (len(program.inputs) + len(self.tables) + len(program.outputs))
            self.held = list(self.nothing)
            items = ListHeader.from_address(id(self.held)).items or 0  # an empty list has none
            self.given.entering = items
            self.given.leaving = items + 8 * (len(program.inputs) + len(self.tables))
        # from `library[…]` it has no types, after which every call would ask
        self.one_call = functools.partial(library["one_call"], ctypes.byref(self.given))

    def call(
        self, arrays: list[Array], outputs: list[Array], objects: Mapping[int, int], threads: int
    ) -> int:
        """One step on these arrays, of which those at the positions of `objects` have another address; C's answer."""
        given = self.given
        if given.threads != threads:
            given.threads = threads
        if self.held is not None:
            self.held[:] = arrays + self.tables + outputs
            code: int = self.one_call()
            self.held[:] = self.nothing
            return code
        if DIRECT:
            entering, leaving = list(map(id, arrays)), list(map(id, outputs))
        else:
            heads = [[Described(array) for array in group] for group in (arrays, outputs)]
            entering, leaving = ([head.address for head in group] for group in heads)
        for position, address in objects.items():
            entering[position] = address
        self.arguments[: len(entering)] = entering  # type: ignore[assignment]  # c_void_p takes whole numbers
        self.results[: len(leaving)] = leaving  # type: ignore[assignment]  # likewise
        code = self.one_call()
        return code

    def block(self, arguments: Any, results: Any) -> tuple[int, ...]:
        """The first four arguments of each function of the C file; after them come threads and `functions`."""
        return tuple(map(ctypes.addressof, (arguments, results, self.constants, self.want)))


class NativeCall:
    """A compiled function over storage cells: PyTensor's, or those of functions that were frozen.

    Calls of one function are made one at a time: `lock` is held from before its arguments are written into the
    cells (by a ``graphs.native.run.function.NativeFunction``; in a plain Mode, from when they are there) until its
    outputs are there. Shared variables are
    read all at once and written all at once; where another thread has written one in between, the call is made
    again on what stands there now, so that no update is lost.
    """

    allow_gc = False  # a Function looks for this too,
    need_update_inputs = False  # and for this: whether it shall write the updates

    def __init__(
        self,
        program: Program,
        variant: Callable[[str], Program],
        otherwise: Callable[[str], Callable[..., list[Any]]],
        inputs: list[list[Any]],
        updates: Mapping[int, int],
        cached: bool = True,
        storage_map: Any = None,
        performers: Callable[[Program], Any] = lambda program: None,
    ) -> None:
        self.cells = inputs  # of PyTensor's storage, one array each
        self.updates = dict(updates)  # from which output to which input
        self.updated = [(inputs[position], position) for position in self.updates.values()]
        self.written = [cell for cell, _ in self.updated]
        self.storage_map = storage_map  # the cells by Variable; a Function looks here for them
        self.variant = variant  # makes the program for other memory orders of the inputs
        self.otherwise = otherwise  # given why the compiler failed, makes what then runs,
        self.instead: Callable[..., list[Any]] | None = None  # a function of all inputs
        self.cached = cached  # whether compiled libraries go through the cache
        self.performers = performers  # makes what performs a program's nodes in Python
        self.lock = fork.open_lock()
        self.program = program  # that is called, or was last
        self.ready: dict[str, _Ready] = {}  # by the memory orders of the inputs
        self.current: _Ready | None = None  # that of `program`
        self.pools = [Pool("bool" if dtype == "object" else dtype, rank) for dtype, rank in program.outputs]
        self.dtypes = [np.dtype(dtype) for dtype, _ in program.inputs]
        self.plain = [None if dtype.hasobject else np.ndarray for dtype in self.dtypes]
        self.objects = program.keeps_objects  # whether there is something that is no array of numbers
        self.threads, self.large = _thread_limit()
        self._team = Team(self.threads)

    def __call__(self) -> list[Array]:
        with self.lock:
            if not self.updates:
                return self.run(self.arrays(self.read()))
            outputs = self.settle(self.run)
            assert outputs is not None
            return outputs

    def settle(self, compute: Callable[[list[Array]], list[Array] | None]) -> list[Array] | None:
        """What `compute` makes of the inputs; its updates are written as if no other thread had run meanwhile.

        Nothing is written where it returns None.
        """
        for _ in range(PATIENCE):
            values = self.read()
            outputs = compute(self.arrays(values))
            if outputs is None:
                return None
            with _whole:
                for cell, position in self.updated:
                    if cell[0] is not values[position]:
                        break
                else:
                    self.write(outputs)
                    return outputs
        with _whole:  # others keep coming first; now they wait
            outputs = compute(self.arrays(self.read()))
            if outputs is not None:
                self.write(outputs)
            return outputs

    def read(self) -> list[Any]:
        """What stands in the cells at one moment."""
        if LOCKED:
            return list(
                map(_content, self.cells)
            )  # no other thread runs before that is done, nor does a fork
        with _whole:
            return [cell[0] for cell in self.cells]

    def write(self, outputs: list[Array]) -> None:
        """Put the updates into their cells: all in one go, as they are read."""
        any(map(setitem, self.written, ZEROS, map(outputs.__getitem__, self.updates)))

    def opened(self) -> _Ready | None:
        """The program with its library, which is waited for; None where the default mode runs from now on."""
        if self.instead is not None:
            return None
        ready = self.ready.get(self.program.layouts)
        if ready is None:
            try:
                library = self.library()
                ready = _Ready(self.program, library, self.performers(self.program))
            except CompilerMissing as failure:
                self.current, self.instead = None, self.otherwise(str(failure))
                return None
            self.ready[self.program.layouts] = ready
        self.current = ready
        return ready

    def library(self) -> Any:
        """What holds the program's ``one_step`` and ``many_steps``; raises :class:`CompilerMissing` if nothing does."""
        return open_library(self.program.text, self.cached)

    def team(self, arrays: list[Array], ready: _Ready) -> Team | None:
        """The threads of a call on these arrays; None: one, as in a forked child, where OpenMP would wait for ever."""
        if self.threads == 1 or ready.calls_blas:
            return None
        if self.large and max(map(_size, arrays), default=0) < self.large:
            return None
        if fork.is_child():
            return None
        if self._team.most != self.threads:
            self._team = Team(self.threads)
        return self._team

    def arrays(self, values: list[Any]) -> list[Array]:
        """The inputs; what is no array of the right type becomes one, or is refused."""
        if list(map(type, values)) == self.plain and list(map(_dtype, values)) == self.dtypes:
            return values
        return [
            value
            if dtype.hasobject or (type(value) is np.ndarray and value.dtype == dtype)
            else _as_array(value, dtype)
            for value, dtype in zip(values, self.dtypes, strict=True)
        ]

    def run(self, arrays: list[Array]) -> list[Array]:
        """One step on these arrays."""
        values = arrays
        if self.objects:  # those are Python's; C sees nothing there, or what `performer` shows
            arrays = [NOTHING if dtype.hasobject else v for v, dtype in zip(values, self.dtypes, strict=True)]
        for _ in range(8):  # a shape, a copy and a layout may each need another turn
            ready = self.current or self.opened()
            if ready is None:
                assert self.instead is not None
                return self.instead(*values)
            objects = ready.performer.begin(values) if self.objects else {}
            outputs = [pool.take() for pool in self.pools]
            team, began = self.team(arrays, ready), perf_counter()
            code = ready.call(arrays, outputs, objects, team.now if team else 1)
            if code == 0:
                if team:
                    team.took(1, perf_counter() - began)
                return ready.performer.end(outputs) if self.objects else outputs
            arrays = self.answer(code, arrays, ready)
        raise RuntimeError("the compiled function keeps asking for other arrays")

    def answer(self, code: int, arrays: list[Array], ready: _Ready) -> list[Array]:
        """Do what a return code other than 0 asks for, or raise what it says."""
        if code == OTHER_SHAPE:  # the outputs get the shapes that the C function has written down
            wanted = iter(ready.want)
            for pool, (_, rank) in zip(self.pools, ready.program.outputs, strict=True):
                pool.reshape(tuple(next(wanted) for _ in range(rank)))
            return arrays
        if code == UNALIGNED:
            return [np.require(array, requirements="A") for array in arrays]
        if code == OTHER_LAYOUT:
            layouts = "".join(map(_layout, arrays))
            if layouts == ready.program.layouts:
                raise RuntimeError("the memory order of the inputs changed during the call")
            self.current, known = None, self.ready.get(layouts)
            self.program = known.program if known else self.variant(layouts)
            return arrays
        if code == FAILED:
            raise ready.performer.failed()
        raise self.error(code)

    def error(self, code: int) -> Exception:
        """The exception a return code stands for."""
        if code == OTHER_RANK:
            return TypeError("an input has another number of axes than the graph's variable")
        if code == NO_MEMORY:
            return MemoryError("no memory for what is computed in between")
        errors = self.program.errors
        kind, message = (
            errors[code - 1] if 0 < code <= len(errors) else ("RuntimeError", f"the C file says {code}")
        )
        module, _, name = kind.rpartition(".")
        # of what is imported already: an Op that raises its own exception came from there
        exception = getattr(sys.modules.get(module) if module else builtins, name, None)
        if not (isinstance(exception, type) and issubclass(exception, Exception)):
            return RuntimeError(f"{kind}: {message}")
        return exception(message)


def read_whole(cells: Sequence[list[Any]]) -> list[Any]:
    """What stands in cells at one moment: all from before a call's updates, or all from after them."""
    with _whole:
        return [cell[0] for cell in cells]


def write_whole(cells: Sequence[list[Any]], values: Sequence[Any]) -> None:
    """Put values into cells, all in one go."""
    with _whole:
        for cell, value in zip(cells, values, strict=True):
            cell[0] = value


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
