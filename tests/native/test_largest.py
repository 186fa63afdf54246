"""The largest and the smallest numbers of arrays of every length, in vectors: NaN wins wherever it is."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from graphs.native import source_of

DTYPES = ("float64", "float32", "int64", "int8", "uint8", "uint64")


def numbers(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """Of both signs, the extremes among them."""
    rng = np.random.default_rng(shape)
    if dtype.startswith("float"):
        return rng.normal(size=shape).astype(dtype)
    return rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, shape, dtype, endpoint=True)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_length_and_every_place_of_not_a_number(uncached, dtype):
    v = pt.vector("v", dtype=dtype)
    fn = pytensor.function([v], [v.max(), v.min(), v[1:].max()], mode=uncached)
    assert source_of(fn).text.count("#pragma omp simd") >= 2
    with pytest.raises(ValueError, match="zero-size"):
        fn(numbers(dtype, (0,)))
    for length in range(2, 41):
        a = numbers(dtype, (length,))
        assert fn(a) == [a.max(), a.min(), a[1:].max()]
        for place in range(length) if dtype.startswith("float") else ():
            for inside in (np.nan, -np.nan, np.inf, -np.inf):
                b = a.copy()
                b[place] = inside
                b[place // 2] = -np.inf if place % 3 else b[place // 2]
                np.testing.assert_array_equal(fn(b), [b.max(), b.min(), b[1:].max()])


@pytest.mark.parametrize("dtype", DTYPES)
def test_along_rows_and_columns(uncached, dtype):
    x = pt.matrix("x", dtype=dtype)
    fn = pytensor.function([x], [x.max(axis=0), x.min(axis=1), x.max()], mode=uncached)
    for shape in ((1, 1), (3, 10), (8, 33), (17, 8), (41, 40)):
        a = numbers(dtype, shape)
        if dtype.startswith("float"):
            a[shape[0] // 2, shape[1] // 3] = np.nan
        for given in (a, np.asfortranarray(a)):
            for found, want in zip(fn(given), (a.max(axis=0), a.min(axis=1), a.max()), strict=True):
                np.testing.assert_array_equal(found, want)


def test_truth_values_in_vectors(uncached):
    v = pt.vector("v", dtype="bool")
    fn = pytensor.function([v], [v.all(), v.any()], mode=uncached)
    for length in range(41):
        for place in range(length):
            a = np.ones(length, bool)
            a[place] = False
            assert fn(a) == [False, length > 1]
            assert fn(~a) == [length == 1, True]
        assert fn(np.ones(length, bool)) == [True, length > 0]
        assert fn(np.zeros(length, bool)) == [length == 0, False]


def test_softmax_of_short_and_long_rows(uncached):
    x = pt.dmatrix("x")
    fn = pytensor.function([x], pt.special.softmax(x, axis=1), mode=uncached)
    assert "simd reduction(largest:" in source_of(fn).text
    for columns in range(1, 41):
        a = np.random.default_rng(columns).normal(size=(9, columns)) * 100
        a[4, columns // 2] = np.nan
        powers = np.exp(a - a.max(axis=1, keepdims=True))
        np.testing.assert_allclose(fn(a), powers / powers.sum(axis=1, keepdims=True), 1e-12, 1e-300)
