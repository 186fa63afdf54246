"""Functions of others that a C file calls: where SciPy's linear algebra lies in memory.

SciPy hands out the addresses of the BLAS and LAPACK that it ships, for Cython programs; it is imported only where a
function needs one.
"""

from __future__ import annotations

import ctypes
import functools
import importlib

__all__ = ["address"]


@functools.cache
def address(name: str) -> int:
    """Where a function is: ``scipy.linalg.cython_blas.dgemm``.

    Raises
    ------
    ImportError
        If there is no such module, or it does not offer such a function.
    """
    module, _, short = name.rpartition(".")
    offered = getattr(importlib.import_module(module), "__pyx_capi__", {})
    if short not in offered:
        raise ImportError(f"{module} offers no {short}")
    capsule = ctypes.py_object(offered[short])
    name_of = ctypes.pythonapi.PyCapsule_GetName
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    found = pointer_of(capsule, name_of(capsule))
    assert found is not None  # a NULL would have raised
    return int(found)
