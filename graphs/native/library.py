"""C text becomes a loaded library: from the cache, or through the compiler."""

from __future__ import annotations

import ctypes
import os
import re
import tempfile
from functools import lru_cache
from pathlib import Path

from graphs.native import cache
from graphs.native.compiler import compile_text, toolchain

__all__ = ["loaded_copy", "open_library"]


def _without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


@lru_cache(maxsize=256)
def open_library(text: str, cached: bool = True) -> ctypes.CDLL:
    """The library of a C text, with ``step`` and ``repeat``.

    Raises
    ------
    graphs.native.compiler.CompilerMissing
        If it must be compiled and cannot be.
    """
    key = cache.digest("library", _without_comments(text), toolchain())
    found = cache.load(key, ".so") if cached else None
    if found:
        try:
            return _declared(ctypes.CDLL(os.fspath(found[0])))
        except OSError:  # made for another machine after all
            pass
    data = compile_text(text)
    path = cache.store(key, ".so", data) if cached else None
    return _declared(ctypes.CDLL(os.fspath(path)) if path else loaded_copy(data))


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
