"""Convolutions, against PyTensor's own evaluation and SciPy."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.tensor.signal import convolve1d, convolve2d
from scipy import signal

v, k, x = pt.dvector("v"), pt.dvector("k"), pt.dmatrix("x")
image, kernel, images = pt.dmatrix("image"), pt.dmatrix("kernel"), pt.dtensor3("images")
rng = np.random.default_rng(18)
VALUES = {
    v: rng.normal(size=9),
    k: rng.normal(size=3),
    x: rng.normal(size=(4, 9)),
    image: rng.normal(size=(9, 8)),
    kernel: rng.normal(size=(3, 2)),
    images: rng.normal(size=(4, 9, 8)),
}
CASES = {
    "vectors": lambda: [
        convolve1d(v, k),
        convolve1d(v, k, mode="valid"),
        convolve1d(v, k, mode="same"),
        convolve1d(k, v, mode="valid"),
        convolve1d(x, k),
    ],
    "their gradients": lambda: [
        *pt.grad((convolve1d(v, k, mode="valid") ** 2).sum(), [v, k]),
        *pt.grad((convolve1d(v, k) ** 2).sum(), [v, k]),
        *pt.grad((convolve1d(x, k, mode="valid") ** 2).sum(), [x, k]),
    ],
    "images": lambda: [
        convolve2d(image, kernel),
        convolve2d(image, kernel, mode="valid"),
        convolve2d(kernel, image, mode="valid"),
        convolve2d(images, kernel, mode="valid"),
    ],
    "gradients of images": lambda: [
        *pt.grad((convolve2d(image, kernel, mode="valid") ** 2).sum(), [image, kernel]),
        *pt.grad((convolve2d(images, kernel, mode="valid") ** 2).sum(), [images, kernel]),
    ],
}


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_pytensor(case, agree):
    agree(CASES[case](), VALUES, rtol=1e-11)


@pytest.mark.parametrize("mode", ["full", "valid"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_size_against_scipy(uncached, mode, dtype):
    a, b = pt.matrix("a", dtype=dtype), pt.matrix("b", dtype=dtype)
    fn = pytensor.function([a, b], convolve2d(a, b, mode=mode), mode=uncached)
    for rows, columns in ((1, 1), (1, 7), (5, 1), (6, 17), (6, 12), (5, 14), (4, 15), (6, 16)):
        one = rng.normal(size=(6, 17)).astype(dtype)
        other = rng.normal(size=(rows, columns)).astype(dtype)
        expected = signal.convolve2d(one, other, mode=mode)
        found = fn(one, other)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 if dtype == "float64" else 1e-4)
        np.testing.assert_allclose(
            fn(other, one), expected, rtol=0, atol=1e-12 if dtype == "float64" else 1e-4
        )


def test_nothing_is_no_kernel(uncached):
    fn = pytensor.function([v, k], convolve1d(v, k), mode=uncached)
    with pytest.raises(ValueError, match="something empty"):
        fn(np.ones(3), np.ones(0))
    both = pytensor.function([image, kernel], convolve2d(image, kernel, mode="valid"), mode=uncached)
    with pytest.raises(ValueError, match="neither input is the larger one"):
        both(np.ones((2, 5)), np.ones((5, 2)))
