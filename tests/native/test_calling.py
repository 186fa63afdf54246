"""The head of an array as C reads it."""

from __future__ import annotations

import numpy as np
import pytest

from graphs.native import calling


@pytest.mark.parametrize("direct", [True, False])
def test_both_ways_to_describe_an_array_agree(monkeypatch, direct):
    if direct and not calling.DIRECT:
        pytest.skip("this Python's arrays are laid out in another way")
    monkeypatch.setattr(calling, "DIRECT", direct)
    for array in (np.arange(24.0).reshape(4, 6)[:, ::2], np.array(3.0), np.zeros((0, 2), "float32")):
        described = calling.Described(array)  # owns what its head points to
        head = described.header
        shape = (calling.ctypes.c_int64 * array.ndim).from_address(head.shape) if array.ndim else ()
        strides = (calling.ctypes.c_int64 * array.ndim).from_address(head.strides) if array.ndim else ()
        assert (head.axes, tuple(shape), tuple(strides)) == (array.ndim, array.shape, array.strides)
        assert head.data == array.ctypes.data
        assert head.flags & 0x100
    unaligned = np.frombuffer(bytearray(17), "uint8")[1:].view("float64")
    assert not calling.Described(unaligned).header.flags & 0x100
