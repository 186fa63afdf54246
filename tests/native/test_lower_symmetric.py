"""A matrix that is known to be symmetric: half of it is read, and the product is the whole one's."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from graphs.native import NativeLinker, NativeMode, source_of

PRODUCTS = {
    "K·r": lambda K, r: K @ r,
    "r·K": lambda K, r: r @ K,
    "Kᵀ·r": lambda K, r: K.T @ r,
    "K·column": lambda K, r: pt.dot(K, r[:, None]),
    "row·K": lambda K, r: pt.dot(r[None, :], K),
}


def promised(dtype):
    K = pt.matrix("K", dtype=dtype)
    K.tag.symmetric = True
    return K


def symmetric(n, dtype):
    x = np.random.default_rng(n).normal(size=(n, 5))
    return (x @ x.T).astype(dtype)


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_product_is_the_whole_matrix_s(uncached, product, dtype):
    K, r = promised(dtype), pt.vector("r", dtype=dtype)
    fn = pytensor.function([K, r], PRODUCTS[product](K, r), mode=uncached)
    assert "two halves" in source_of(fn).text
    tolerance = 1e-12 if dtype == "float64" else 1e-4
    for n in (0, 1, 2, 3, 7, 8, 9, 16, 23, 64, 101):
        matrix, vector = symmetric(n, dtype), np.linspace(-1, 2, n).astype(dtype)
        want = PRODUCTS[product](matrix, vector) if "umn" not in product else matrix @ vector[:, None]
        want = vector[None, :] @ matrix if product == "row·K" else want
        wide = np.repeat(matrix, 2, axis=1)[:, ::2]
        for given in (matrix, np.asfortranarray(matrix), wide):
            np.testing.assert_allclose(fn(given, vector), want, tolerance, tolerance)


def test_half_of_it_is_read(uncached):
    K, r = promised("float64"), pt.dvector("r")
    fn = pytensor.function([K, r], K @ r, mode=uncached)
    matrix = symmetric(21, "float64")
    poisoned = matrix + np.triu(np.full((21, 21), np.nan), 8)  # the block on the diagonal is read whole
    np.testing.assert_allclose(fn(poisoned, np.ones(21)), matrix @ np.ones(21), 1e-12)


def test_without_the_promise_all_of_it_is_read(uncached):
    K, r = pt.dmatrix("K"), pt.dvector("r")
    fn = pytensor.function([K, r], K @ r, mode=uncached)
    matrix = np.arange(9.0).reshape(3, 3)
    np.testing.assert_array_equal(fn(matrix, np.ones(3)), matrix @ np.ones(3))


def test_what_follows_waits_for_the_whole_product(uncached):
    K, r = promised("float64"), pt.dvector("r")
    z = K @ r
    fn = pytensor.function([K, r], [pt.tanh(z) + r, (z**2).sum(), K @ pt.exp(z / 50)], mode=uncached)
    matrix, vector = symmetric(9, "float64"), np.linspace(-1, 1, 9)
    want = matrix @ vector
    for found, expected in zip(
        fn(matrix, vector), [np.tanh(want) + vector, (want**2).sum(), matrix @ np.exp(want / 50)], strict=True
    ):
        np.testing.assert_allclose(found, expected, 1e-12)


def test_promise_is_part_of_the_key(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHS_NATIVE_CACHE", str(tmp_path))
    r = pt.dvector("r")
    plain = pt.dmatrix("K")
    for K, word in ((promised("float64"), True), (plain, False)):
        fn = pytensor.function([K, r], K @ r, mode=NativeMode(NativeLinker()))
        assert ("two halves" in source_of(fn).text) is word
