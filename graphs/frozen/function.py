"""Frozen functions: called like those that they were, over shared values of their own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from graphs.compiled.call import OTHER_LAYOUT, NativeCall, read_whole, write_whole
from graphs.compiled.compiler import CompilerMissing
from graphs.compiled.program import Program
from graphs.compiled.repeated import repeated
from graphs.data import state_values
from graphs.errors import InputError, whole_number
from graphs.foreign import one_line, quoted
from graphs.frozen.description import Argument, Description
from graphs.memory import aligned_copy

__all__ = ["Frozen", "FrozenFunction"]

Array = NDArray[Any]
Library = Callable[[], Any]


class _Call(NativeCall):
    """A call whose library is at hand, and which has one program: arrays in other memory orders are copied."""

    def __init__(
        self, described: Description, program: Program, library: Library, cells: list[list[Any]]
    ) -> None:
        position = {each.name: k for k, each in enumerate(described.arguments) if each.shared}
        updates = {k: position[each.updates] for k, each in enumerate(described.results) if each.updates}
        self._library = library
        super().__init__(program, self._no_other, self._no_other, cells, updates)

    def library(self) -> Any:
        return self._library()

    @staticmethod
    def _no_other(why: str) -> NoReturn:
        raise CompilerMissing(why)

    def answer(self, code: int, arrays: list[Any], ready: Any) -> list[Any]:
        if code == OTHER_LAYOUT:
            return [np.require(array, requirements=["C", "A"]) for array in arrays]
        return super().answer(code, arrays, ready)


class FrozenFunction:
    """One function; called as the one that it was, with its arguments in order or by name.

    Any thread may call it: calls of one function follow each other, and no update of a shared value is lost.
    """

    def __init__(
        self,
        described: Description,
        program: Program,
        library: Library,
        shared: Mapping[str, list[Any]],
    ) -> None:
        self.name, self.text = described.name, program.text  # the text: its C file
        self.arguments = tuple(each for each in described.arguments if not each.shared)
        self._cells: list[list[Any]] = [
            shared[each.name] if each.shared else [None] for each in described.arguments
        ]
        own = zip(described.arguments, self._cells, strict=True)
        self._own = [(each, cell) for each, cell in own if not each.shared]
        self._outputs = sum(not each.updates for each in described.results)
        self._returns = described.returns
        self._call = _Call(described, program, library, self._cells)

    def __repr__(self) -> str:
        return f"<frozen {self.name}({', '.join(each.name for each in self.arguments)})>"

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call it.

        Raises
        ------
        InputError
            If an argument is missing, unknown, or no array as the function takes.
        """
        lock = self._call.lock
        if lock._is_owned():
            raise RuntimeError("this function was called by what interrupts a call of it in the same thread")
        with lock:
            return self._called(*arguments, **named)

    def repeat(self, steps: int, inputs: Sequence[Any], keep: Sequence[int] | None = None) -> list[Array]:
        """`steps` calls in one; as :func:`graphs.native.repeat`."""
        steps = whole_number("steps", steps, 1)
        kept = range(self._outputs) if keep is None else keep
        kept = [whole_number("keep", k, 0, self._outputs - 1) for k in kept]
        updated = [cell for cell, _ in self._call.updated]
        with self._call.lock:
            return repeated(self._called, self._call, updated, steps, inputs, kept)

    def _called(self, *arguments: Any, **named: Any) -> Any:
        if len(arguments) != len(self._own) or named:
            arguments = self._in_order(arguments, named)
        for (argument, cell), value in zip(self._own, arguments, strict=True):
            if value is not cell[0] or type(value) is not np.ndarray:
                cell[0] = _taken(argument, value)
        outputs = self._call()[: self._outputs]
        return outputs if self._returns == "list" else outputs[0] if outputs else None

    def _in_order(self, arguments: Sequence[Any], named: Mapping[str, Any]) -> tuple[Any, ...]:
        names = [each.name for each in self.arguments]
        allowed = ", ".join(names) or "none"
        if len(arguments) > len(names):
            raise InputError("arguments", found=f"{len(arguments)} for {self.name}", allowed=allowed)
        given = dict(zip(names, arguments, strict=False))
        for name, value in named.items():
            if name not in names or name in given:
                found = f"{quoted(name)}{' twice' * (name in given)} for {self.name}"
                raise InputError("arguments", found=found, allowed=allowed)
            given[name] = value
        for each in self.arguments:
            if each.name not in given:
                raise InputError(each.name, found="nothing", allowed=_wanted(each))
        return tuple(given[name] for name in names)


def _wanted(argument: Argument) -> str:
    lengths = ", ".join("any" if n is None else str(n) for n in argument.shape)
    return f"an array of {argument.dtype} of shape ({lengths})"


def _taken(argument: Argument, value: Any) -> Array:
    """The value as the program takes it; else an :class:`InputError`."""
    dtype = np.dtype(argument.dtype)
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, OverflowError) as problem:  # rows of several lengths, say
        raise InputError(argument.name, found=one_line(problem), allowed=_wanted(argument)) from problem
    if array.dtype != dtype:
        cast = array.astype(dtype) if array.dtype.kind in "biuf" else None
        listed = not isinstance(value, np.ndarray | np.generic)
        exact = cast is not None and (
            argument.downcast
            or np.can_cast(array.dtype, dtype)
            or (listed and np.array_equal(cast, array, equal_nan=True))
        )
        if cast is None or not exact:
            found = f"an array of {array.dtype}"
            raise InputError(argument.name, found=found, allowed=_wanted(argument))
        array = cast
    lengths = zip(argument.shape, array.shape, strict=False)
    if array.ndim != len(argument.shape) or any(known not in (None, n) for known, n in lengths):
        raise InputError(argument.name, found=f"an array of shape {array.shape}", allowed=_wanted(argument))
    return np.require(array, requirements=["C", "A"])


class Frozen:
    """Functions that share values: ``frozen.train(x, y)``, and ``frozen.train_many(x, y, n)`` for `n` calls in one."""

    def __init__(
        self,
        described: Sequence[Description],
        programs: Mapping[str, Program],
        libraries: Mapping[str, Library],
        shared: Mapping[str, Array],
    ) -> None:
        self._cells: dict[str, list[Any]] = {name: [aligned_copy(value)] for name, value in shared.items()}
        #: Every function by name.
        self.functions = {
            each.name: FrozenFunction(each, programs[each.name], libraries[each.name], self._cells)
            for each in described
        }

    def __repr__(self) -> str:
        return f"<{', '.join(map(repr, self.functions.values()))}, sharing {', '.join(self._cells) or 'nothing'}>"

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.functions, *(f"{name}_many" for name in self.functions)]

    def __getattr__(self, name: str) -> Any:
        functions = self.__dict__.get("functions", {})
        if name in functions:
            return functions[name]
        if name.endswith("_many") and name.removesuffix("_many") in functions:
            return functools.partial(_many, functions[name.removesuffix("_many")])
        raise AttributeError(f"there is no {name} here; there are {', '.join(functions)}")

    def read(self) -> dict[str, Array]:
        """Copies of the values that the functions share, by name: all from one moment."""
        found = read_whole(list(self._cells.values()))
        return {name: np.array(value) for name, value in zip(self._cells, found, strict=True)}

    def write(self, state: Mapping[str, Any]) -> None:
        """Put back what :meth:`read` gave.

        Raises
        ------
        InputError
            If a name is missing, a shape differs or something is no number; then nothing is changed.
        """
        values = state_values(state, {name: value for name, (value,) in self._cells.items()})
        write_whole(list(self._cells.values()), list(map(aligned_copy, values)))


def _many(function: FrozenFunction, *arguments: Any) -> Any:
    """``many(*inputs, n)``: the outputs of `n` calls in one."""
    if not arguments:
        raise InputError("n", found="nothing", allowed="a whole number ≥ 1")
    *inputs, n = arguments
    inputs = list(function._in_order(inputs, {}))
    return tuple(function.repeat(whole_number("n", n, 1), inputs))
