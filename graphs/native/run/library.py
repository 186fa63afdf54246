"""C text becomes a loaded library: from the cache, or through the compiler."""

from __future__ import annotations

import ctypes
import os
import re
import tempfile
import threading
from functools import lru_cache
from pathlib import Path

from graphs.environment import usable_cores
from graphs.native.run import cache
from graphs.native.run.compiler import Compilation, toolchain

__all__ = ["begin_library", "loaded_copy", "open_library"]


def begin_library(text: str, cached: bool = True) -> None:
    """Start to make the library of a C text, unless it is at hand; Python need not wait for it.

    Raises
    ------
    graphs.native.run.compiler.CompilerMissing
        If there is no compiler to start.
    """
    _opening(text, cached)


def open_library(text: str, cached: bool = True) -> ctypes.CDLL:
    """The library of a C text, with ``one_step`` and ``many_steps``; waits until it is made.

    Raises
    ------
    graphs.native.run.compiler.CompilerMissing
        If it must be compiled and cannot be.
    """
    return _opening(text, cached).library()


class _Opening:
    """A library that is loaded, or being made."""

    def __init__(self, text: str, cached: bool) -> None:
        self.text, self.cached = text, cached
        self.key = cache.digest("library", _without_comments(text), toolchain())
        self.lock = threading.Lock()
        self.compilation: Compilation | None = None
        self.loaded = self.from_cache() if cached else None
        if self.loaded is None:
            self.compilation = _compilation(text)

    def from_cache(self) -> ctypes.CDLL | None:
        found = cache.load(self.key, ".so")
        try:
            return _declared(ctypes.CDLL(os.fspath(found[0]))) if found else None
        except OSError:  # made for another machine after all
            return None

    def library(self) -> ctypes.CDLL:
        with self.lock:
            if self.loaded is None:
                compilation, self.compilation = self.compilation or _compilation(self.text), None
                data = compilation.library()
                path = cache.store(self.key, ".so", data) if self.cached else None
                self.loaded = _declared(ctypes.CDLL(os.fspath(path)) if path else loaded_copy(data))
            return self.loaded


_opening = lru_cache(maxsize=256)(_Opening)
_under_way: list[Compilation] = []
_turn = threading.Lock()


def _compilation(text: str) -> Compilation:
    """Start a compiler, as soon as there is a core for it."""
    with _turn:
        _under_way[:] = [compilation for compilation in _under_way if not compilation.is_done()]
        if len(_under_way) >= usable_cores():
            _under_way.pop(0).wait()
        compilation = Compilation(text)
        _under_way.append(compilation)
    return compilation


def _without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def loaded_copy(data: bytes) -> ctypes.CDLL:
    """Load a library from a file that is gone again afterwards; the system keeps what is mapped."""
    with tempfile.TemporaryDirectory(prefix="graphs-native-") as folder:
        path = Path(folder, "step.so")
        path.write_bytes(data)
        return ctypes.CDLL(os.fspath(path))


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    """A library with the types of what its functions take."""
    pointer, whole = ctypes.c_void_p, ctypes.c_int64
    library.one_step.argtypes = [pointer] * 4 + [ctypes.c_int]
    library.many_steps.argtypes = [*library.one_step.argtypes, whole, whole, pointer, whole, pointer]
    return library
