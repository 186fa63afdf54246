"""Sorting and looking up, in every dtype, memory order and along every axis, against NumPy through PyTensor."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from graphs.compiled import outside
from graphs.native import explain, source_of
from graphs.native.statements import DTYPES
from tests.native.conftest import ORACLE, each_dtype, memory_orders

x, v, t = pt.dmatrix("x"), pt.dvector("v"), pt.dtensor3("t")
LONG = 700  # beyond what any algorithm does in another way for short rows

rng = np.random.default_rng(31)


def some(dtype, shape):
    """Numbers with ties, both ends of the type among them; NaN, both infinities and both zeros where there are such."""
    if dtype == "bool":
        return rng.random(shape) > 0.5
    if dtype.startswith("float"):
        odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, -np.nan, 1.5])
        numbers = rng.normal(size=shape).round(1)
        return np.where(rng.random(shape) < 0.3, rng.choice(odd, shape), numbers).astype(dtype)
    info = np.iinfo(dtype)
    numbers = rng.integers(max(info.min, -20), 20, shape)
    ends = np.array([info.min, info.max], dtype)
    return np.where(rng.random(shape) < 0.2, rng.choice(ends, shape), numbers.astype(dtype))


@pytest.mark.parametrize("dtype", each_dtype(DTYPES))
def test_every_dtype_along_every_axis(uncached, dtype):
    """Equal to NumPy's own to the bit; of heaps, whose ties are anyone's, the numbers are."""
    a = pt.tensor("a", dtype=dtype, shape=(None, None, None))
    asked = [(kind, axis) for kind in ("quicksort", "stable") for axis in (0, -1)]
    asked += [("stable", None), ("mergesort", 1), ("heapsort", 1)]
    stated = [sort(a, axis=axis, kind=kind) for kind, axis in asked for sort in (pt.sort, pt.argsort)]
    fn = pytensor.function([a], stated, mode=uncached)
    assert not explain(fn).performed
    for shape in ((3, 4, 5), (2, 1, LONG), (1, 40, 3), (0, 4, 5), (3, 0, 5), (3, 4, 0), (1, 1, 1)):
        data = some(dtype, shape)
        for given in (data, *memory_orders(data)):
            found = fn(given)
            for (kind, axis), values, places in zip(asked, found[::2], found[1::2], strict=True):
                want = np.sort(data, axis=axis, kind=kind)
                assert (values.dtype, values.shape, places.dtype) == (want.dtype, want.shape, np.int64)
                np.testing.assert_array_equal(values, want)
                if kind == "heapsort":
                    row = data.ravel() if axis is None else data
                    np.testing.assert_array_equal(np.take_along_axis(row, places, axis or 0), want)
                    continue
                if kind != "quicksort":
                    assert values.tobytes() == want.tobytes(), "zeros of both signs stay in their order"
                np.testing.assert_array_equal(places, np.argsort(data, axis=axis, kind=kind))


def test_a_sort_is_part_of_the_graph_around_it(agree):
    values = {x: some("float64", (6, 5)), v: rng.normal(size=5), t: rng.normal(size=(3, 1, 6))}
    agree(
        [
            pt.sort(x * 2 + v, axis=0)[::-1] - 1,
            pt.sort(x.T)[:, 1],
            x[pt.argsort(x[:, 0], kind="stable")],
            pt.argsort(pt.argsort(v)) + 1,
            pt.sort(v)[-3:].sum(),
            pt.sort(pt.stack([v[0], v[1], v.sum()])),
            pt.sort(t, axis=1),
            pt.sort(pt.sort(t, axis=0), axis=2),
            pt.cumsum(pt.sort(v)) / v.sum(),
            pt.grad((pt.sort(t, axis=2)[:, :, :2] ** 2).sum(), t),
            pt.grad((pt.sort(v) * pt.arange(5)).sum(), v),
        ],
        values,
    )


def test_a_sort_in_a_turn(agree):
    with pytensor.config.change_flags(mode=ORACLE):
        found = pytensor.scan(
            lambda row, h: pt.sort(row + h)[::-1] * 0.5,
            sequences=[x],
            outputs_info=[v],
            return_updates=False,
        )
    agree([found], {x: rng.normal(size=(4, 5)), v: rng.normal(size=5)})


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("dtype", each_dtype(DTYPES))
def test_looking_up(agree, dtype, side):
    row, values = pt.vector("row", dtype=dtype), pt.tensor("values", dtype=dtype, shape=(None, None))
    small, wide = pt.vector("small", dtype="int8"), pt.vector("wide", dtype="float64")
    stated = [
        pt.searchsorted(row, values, side=side),
        pt.searchsorted(row, small, side),
        pt.searchsorted(row, wide, side),
    ]
    for many, shape in ((9, (3, 4)), (1, (2, 2)), (0, (2, 3)), (5, (0, 3)), (300, (40, 5))):
        data = {
            row: np.sort(some(dtype, many)),
            values: some(dtype, shape),
            small: np.arange(-4, 4),
            wide: some("float64", 7),
        }
        agree(stated, data)


def test_looking_up_one_number(agree):
    n = pt.lscalar("n")
    agree([pt.searchsorted(v, 0.5), pt.searchsorted(v, n) + 1], {v: np.sort(rng.normal(size=8)), n: 0})


def test_the_input_is_left_alone(uncached):
    data = rng.normal(size=(4, 6))
    before = data.copy()
    pytensor.function([x], [pt.sort(x), pt.argsort(x), pt.sort(x, axis=0)], mode=uncached)(data)
    np.testing.assert_array_equal(data, before)


def test_what_numpy_does_not_offer_is_left_to_python(uncached, monkeypatch):
    monkeypatch.setattr(outside, "_table", lambda dtype: None)
    outside.address.cache_clear()
    try:
        fn = pytensor.function([v], pt.sort(v * 3), mode=uncached)
        (op, why), *_ = explain(fn).performed
        assert (op.partition("{")[0], why) == ("SortOp", "numpy offers no sort_float64")
        np.testing.assert_array_equal(fn([2.0, 1.0]), [3.0, 6.0])
    finally:
        monkeypatch.undo()
        outside.address.cache_clear()


def test_what_does_not_sort_is_not_taken_for_a_sort():
    """The table is asked before it is believed: another function stands where NumPy changes it."""
    at = outside.address("numpy.sort_float64")
    assert outside._sorts(at, "sort", np.dtype("float64"))
    assert not outside._sorts(at, "sort", np.dtype("int64")), "it takes the numbers for others"


def test_the_c_file_says_whose_function_it_calls(uncached):
    text = source_of(pytensor.function([v], pt.sort(v, kind="stable"), mode=uncached)).text
    assert "sort_type *const sort_stable_float64 = (sort_type *)functions[0];  /* numpy's */" in text
    assert "sort_rows(sort_stable_float64, 1, n_" in text
