"""The head of an array as C reads it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from graphs.compiled import call
from graphs.native import repeat


@pytest.mark.parametrize("direct", [True, False])
def test_both_ways_to_describe_an_array_agree(monkeypatch, direct):
    if direct and not call.DIRECT:
        pytest.skip("this Python's arrays are laid out in another way")
    monkeypatch.setattr(call, "DIRECT", direct)
    for array in (np.arange(24.0).reshape(4, 6)[:, ::2], np.array(3.0), np.zeros((0, 2), "float32")):
        described = call.Described(array)  # owns what its head points to
        head = described.header
        shape = (call.ctypes.c_int64 * array.ndim).from_address(head.shape) if array.ndim else ()
        strides = (call.ctypes.c_int64 * array.ndim).from_address(head.strides) if array.ndim else ()
        assert (head.axes, tuple(shape), tuple(strides)) == (array.ndim, array.shape, array.strides)
        assert head.data == array.ctypes.data
        assert head.flags & 0x100
    unaligned = np.frombuffer(bytearray(17), "uint8")[1:].view("float64")
    assert not call.Described(unaligned).header.flags & 0x100


@pytest.mark.parametrize("direct", [True, False])
def test_a_call_comes_out_the_same_either_way(monkeypatch, uncached, direct):
    if direct and not call.DIRECT:
        pytest.skip("this Python's arrays are laid out in another way")
    monkeypatch.setattr(call, "DIRECT", direct)
    x = pt.dmatrix("x")
    s = pytensor.shared(np.zeros(3), name="s")
    fn = pytensor.function([x], x.sum(axis=0), updates=[(s, s + x[0])], mode=uncached)
    for array in (np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(12.0).reshape(4, 3))):
        np.testing.assert_array_equal(fn(array), array.sum(axis=0))
    np.testing.assert_array_equal(repeat(fn, 3, [np.ones((2, 3))])[0], np.full((3, 3), 2.0))
    np.testing.assert_array_equal(s.get_value(), [3.0, 5.0, 7.0])


def test_what_is_used_of_cpython_is_asked_for():
    if sys.implementation.name == "cpython" and sys.version_info < (3, 14) and call.LOCKED:
        assert call.DIRECT
        assert call.FREE > 0, "arrays are given out again"


OF_ARRAYS, OF_LISTS = (
    ("axes", "data", "shape", "strides", "flags", "type"),
    ("type", "length", "items", "room"),
)


@pytest.mark.parametrize(
    ("head", "field"),
    [*(("Header", field) for field in OF_ARRAYS), *(("ListHeader", field) for field in OF_LISTS)],
)
def test_another_layout_is_noticed(monkeypatch, head, field):
    known = getattr(call, head)._fields_
    fields = [(name if name != field else f"no_{name}", kind) for name, kind in known]
    moved = type(head, (call.ctypes.Structure,), {"_fields_": [*fields, (field, dict(known)[field])]})
    monkeypatch.setattr(call, head, moved)
    assert not call._layout_is_as_expected()


LISTENED = """
import sys
import numpy as np, pytensor, pytensor.tensor as pt
import graphs.native

x, s = pt.dvector("x"), pytensor.shared(np.ones(3), name="s")
fn = pytensor.function([x], [x.sum(), x * s], updates=[(s, s + x)], mode="NATIVE")
fn(np.ones(3))
fn.input_storage[0].storage[0] = np.ones(3)
heard, now = [], False
sys.addaudithook(lambda event, arguments: heard.append(event) if now else None)
now = True
fn.vm()
now = False
assert graphs.native.source_of(fn) is not None
print(sorted(set(heard)))
"""


def test_a_call_does_nothing_that_an_audit_hook_hears():
    if not call.DIRECT:
        pytest.skip("this Python's arrays are laid out in another way")
    done = subprocess.run([sys.executable, "-c", LISTENED], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_function_of_nothing_is_called(uncached):
    assert pytensor.function([], [], mode=uncached)() == []


def test_nothing_holds_the_arrays_of_a_call_when_it_is_over(uncached):
    x = pt.dvector("x")
    fn = pytensor.function([x], x * 2, mode=uncached)
    array = np.ones(3)
    for _ in range(3):
        before = sys.getrefcount(array)
        result = fn.vm.run([array])[0]
        assert sys.getrefcount(array) == before
    assert result is not fn.vm.run([array])[0]


@pytest.mark.parametrize("unseen", [1, 2, 100])
def test_a_python_that_does_not_count_every_holder_is_noticed(monkeypatch, unseen):
    if call.FREE < 0:
        pytest.skip("this Python is such a one")
    assert call._arrays_held_are_known()
    monkeypatch.setattr(call.sys, "getrefcount", lambda a: max(call.FREE, real(a) - 1 - unseen), raising=True)
    assert not call._arrays_held_are_known()


real = sys.getrefcount


@pytest.mark.parametrize("hold", call.HOLDERS)
def test_an_array_that_somebody_holds_is_not_written_to(uncached, hold):
    v = pt.dvector("v")
    fn = pytensor.function([v], v * 2, mode=uncached)
    held = hold(fn(np.full(300, 1.0)))
    taken = [fn(np.full(300, 5.0)) for _ in range(6)]
    again = held() if callable(held) and not hasattr(held, "__self__") else held
    if isinstance(again, np.ndarray | list | dict | memoryview):
        kept = again["key"] if isinstance(again, dict) else again
        assert (np.asarray(kept).ravel() == 2.0).all()
    assert all((array == 10.0).all() for array in taken)
