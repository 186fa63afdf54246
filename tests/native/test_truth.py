"""Truth values that a block of rows keeps: numbers where they stand beside numbers, bytes elsewhere."""

from __future__ import annotations

import re

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from graphs.native import source_of
from graphs.peers.models.compiled import in_pytensor, named


def rectified(dtype):
    """Rows that are rectified and averaged, and the gradient of that: which were positive is asked twice."""
    x, w = pt.matrix("x", dtype=dtype), pt.vector("w", dtype=dtype)
    z = x * w
    cost = (pt.maximum(z, 0).mean(axis=1) ** 2).sum()
    return [x, w], [cost, *pytensor.grad(cost, [x, w]), pt.sum((z > 0) & (z < 1)), z > 0]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (7, 3), (8, 20), (19, 70)])
def test_the_values_are_the_same(uncached, dtype, shape):
    inputs, outputs = rectified(dtype)
    random = np.random.default_rng(2)
    given = [random.normal(size=size).astype(dtype) for size in (shape, shape[1:])]
    given[0][: len(given[0]) // 2, 0] = 0  # a tie
    expected = pytensor.function(inputs, outputs)(*given)
    for found, wanted in zip(
        pytensor.function(inputs, outputs, mode=uncached)(*given), expected, strict=True
    ):
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, rtol=1e-12 if dtype == "float64" else 1e-4)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_they_are_numbers_of_the_width_beside_them(uncached, dtype):
    inputs, outputs = rectified(dtype)
    text = source_of(pytensor.function(inputs, outputs[:3], mode=uncached)).text
    width = {"float64": "double", "float32": "float"}[dtype]
    assert re.search(rf"{width} \*const (t\d+)_block = .*\n", text)
    assert "uint8_t *const" not in text


def test_a_convolutions_short_loops_keep_no_bytes(uncached):
    """A loop over 24 pixels once had none of the vectors of 32 elements that its bytes asked for."""
    assert "uint8_t *const" not in source_of(in_pytensor(named("convolution-2d"), uncached)).text
