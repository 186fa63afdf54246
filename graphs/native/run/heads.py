"""NumPy arrays as the C file sees them: the head that CPython gives each, or one written by hand."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import numpy as np

__all__ = ["DIRECT", "Described"]


class Header(ctypes.Structure):
    """The head of a NumPy array, as the C file reads it."""

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
    if (
        seen.axes != 2
        or seen.data != array.ctypes.data
        or not seen.flags & 0x100
        or not seen.shape
        or not seen.strides
    ):
        return False
    shape = (ctypes.c_int64 * 2).from_address(seen.shape)
    strides = (ctypes.c_int64 * 2).from_address(seen.strides)
    return tuple(shape) == array.shape and tuple(strides) == array.strides


DIRECT = sys.implementation.name == "cpython" and _layout_is_as_expected()


class Described:
    """A head of an array's own: for arrays that move on step by step, and for other Pythons.

    Attributes
    ----------
    start : int
        Address of the array's first number.
    """

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array = array
        if DIRECT:
            self.header = Header()
            ctypes.memmove(ctypes.addressof(self.header), id(array), ctypes.sizeof(Header))
        else:
            self._by_hand(array)
        self.start = self.header.data

    def _by_hand(self, array: np.ndarray[Any, Any]) -> None:
        rank = array.ndim
        self.shape = (ctypes.c_int64 * max(rank, 1))(*array.shape)
        self.strides = (ctypes.c_int64 * max(rank, 1))(*array.strides)
        self.header = Header(
            data=array.ctypes.data,
            axes=rank,
            shape=ctypes.addressof(self.shape),
            strides=ctypes.addressof(self.strides),
            flags=0x100 if array.flags.aligned else 0,
        )

    @property
    def address(self) -> int:
        """What the C function takes."""
        return ctypes.addressof(self.header)
