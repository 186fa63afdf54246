"""Functions of others that a C file calls: where they lie in memory.

SciPy hands out the addresses of the BLAS and LAPACK that it ships, and of its special functions, for Cython programs;
NumPy those of its sorting, in the table of functions that each dtype has for C programs (``PyArray_ArrFuncs``), and those
of its distributions as symbols of the library of ``numpy.random.Generator`` (its manual: "Extending via CFFI"). A module is
imported only where a function needs one of its functions.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import re
from typing import Any

__all__ = ["address"]


@functools.cache
def address(name: str) -> int:
    """Where a function is: ``scipy.linalg.cython_blas.dgemm``, ``numpy.sort_float64``.

    Raises
    ------
    ImportError
        If there is no such module, or it does not offer such a function.
    """
    module, _, short = name.rpartition(".")
    if module == "numpy":
        found = _sorting(short)
    elif module == "numpy.random._generator":
        found = _symbol(module, short)
    else:
        found = _for_cython(module, short)
    if not found:
        raise ImportError(f"{module} offers no {short}")
    return found


def _for_cython(module: str, short: str) -> int | None:
    """A function that a module offers to Cython; of several of one name that of doubles."""
    offered = getattr(importlib.import_module(module), "__pyx_capi__", {})
    if module != "scipy.special.cython_special":
        return _pointer(offered[short]) if short in offered else None
    for name in (short, f"__pyx_fuse_0{short}", f"__pyx_fuse_1{short}"):
        if name in offered and OF_DOUBLES.fullmatch(_named(offered[name])):
            return _pointer(offered[name])
    return None


OF_DOUBLES = re.compile(rb"double \((double, )+int __pyx_skip_dispatch\)")  # as write/special.h says


def _symbol(module: str, short: str) -> int | None:
    """A function that a module's library shows to all."""
    file = importlib.import_module(module).__file__
    function = getattr(ctypes.CDLL(file), short, None) if file else None
    return ctypes.cast(function, ctypes.c_void_p).value if function else None


def _pointer(capsule: Any) -> int | None:
    """What a capsule holds."""
    pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    found: int | None = pointer_of(capsule, _named(capsule) or None)
    return found


def _named(capsule: Any) -> bytes:
    """A capsule's name: of a function for Cython, its type."""
    name_of = ctypes.pythonapi.PyCapsule_GetName
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    found: bytes | None = name_of(capsule)
    return found or b""


# ---- NumPy's sorting

TABLE_OF_A_DTYPE = 365  # where NumPy's C interface has PyDataType_GetArrFuncs (numpy/__multiarray_api.h)
# pointers in a dtype's table: casts, then from getitem to fillwithscalar (ndarraytypes.h)
BEFORE_SORTING = 21 + 12
KINDS = 3  # quicksort, heapsort, stable: of sort, then of argsort


def _sorting(short: str) -> int | None:
    """``sort_float64``, ``argsort_stable_int8``: a function of a dtype's table; None where it does not sort."""
    import numpy as np

    what, *stable, dtype = short.split("_")
    words = _table(np.dtype(dtype))
    if words is None:
        return None
    found: int | None = words[BEFORE_SORTING + KINDS * (what == "argsort") + 2 * bool(stable)]
    return found if found and _sorts(found, what, np.dtype(dtype)) else None


def _table(dtype: Any) -> Any:
    """The pointers in a dtype's table."""
    interface = importlib.import_module("numpy._core._multiarray_umath")
    functions = _pointer(interface._ARRAY_API) if hasattr(interface, "_ARRAY_API") else None
    if not functions:
        return None
    at = ctypes.c_void_p.from_address(functions + TABLE_OF_A_DTYPE * ctypes.sizeof(ctypes.c_void_p)).value
    table_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object)(at or 0)
    table = table_of(dtype) if at else None
    return (ctypes.c_void_p * (BEFORE_SORTING + 2 * KINDS)).from_address(table) if table else None


def _sorts(at: int, what: str, dtype: Any) -> bool:
    """Whether a function does what it is taken for: asked of some numbers in disorder."""
    import numpy as np

    numbers = np.arange(37) * 29 % 37 - 18
    given, places = numbers.astype(dtype), np.arange(37)  # with negative, or very large, numbers among them
    want, kept = np.sort(given), given.copy()
    types = [ctypes.c_void_p] * (2 if what == "argsort" else 1)
    function = ctypes.CFUNCTYPE(ctypes.c_int, *types, ctypes.c_ssize_t, ctypes.c_void_p)(at)
    if function(*[given.ctypes.data, places.ctypes.data][: len(types)], len(given), None):
        return False
    found = kept[places] if what == "argsort" and sorted(places) == list(range(37)) else given
    return bool((found == want).all())
