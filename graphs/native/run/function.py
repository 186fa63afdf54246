"""PyTensor's Function, called from one thread at a time."""

from __future__ import annotations

import copyreg
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pytensor.compile.executor import Function

from graphs import fork
from graphs.compiled.call import NativeCall

__all__ = ["NativeFunction", "alone"]

_call = Function.__call__


class NativeFunction(Function):  # type: ignore[misc]  # PyTensor's classes are untyped
    """A Function whose inputs and outputs belong to the call that they were given to, and came from.

    A Function writes its arguments into its storage, runs, and takes the outputs from there: of two threads, one
    would compute with the other's arguments. Here the second waits. It holds for functions that run in PyTensor's
    default mode after all as well.
    """

    __slots__ = ("lock",)

    def __init__(self, vm: Any, *args: Any, **kwargs: Any) -> None:
        self.lock = vm.lock if isinstance(vm, NativeCall) else fork.open_lock()
        super().__init__(vm, *args, **kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it, as soon as no other thread does."""
        lock = self.lock
        if lock._is_owned():
            raise RuntimeError(
                "this function was called by a signal handler, or another that interrupts, while its thread was inside "
                "a call of it; call it after that, or a copy of it"
            )
        with lock:
            return _call(self, *args, **kwargs)

    def free(self) -> None:
        """Let go of what the last call left in the storage."""
        with self.lock:
            super().free()

    def __reduce__(self) -> Any:
        with self.lock:
            return copyreg.dispatch_table[Function](self)


@contextmanager
def alone(fn: Any) -> Iterator[Callable[..., Any]]:
    """Calls of `fn` with none of another thread's in between; for any Function, whose own thread rules hold then."""
    if isinstance(fn, NativeFunction):
        with fn.lock:
            yield functools.partial(_call, fn)
    else:
        yield fn
