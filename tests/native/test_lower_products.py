"""Products of matrices, whichever way they lie in memory; names of a graph that rows of a block might take."""

from __future__ import annotations

import re

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from graphs.native import source_of
from tests.native.conftest import memory_orders

X, W, R = pt.dmatrix("X"), pt.dmatrix("W"), pt.dmatrix("R")
N, F, K = 11, 7, 3
PRODUCTS = {
    "X·W": (lambda: pt.dot(X, W), {X: (N, F), W: (F, K)}),
    "Xᵀ·R": (lambda: pt.dot(X.T, R), {X: (N, F), R: (N, K)}),
    "Wᵀ·Xᵀ": (lambda: pt.dot(W.T, X.T), {X: (N, F), W: (F, K)}),
    "Rᵀ·X": (lambda: pt.dot(R.T, X), {X: (N, F), R: (N, K)}),
    "Xᵀ·residual": (lambda: pt.dot(X.T, pt.tanh(pt.dot(X, W)) - R), {X: (N, F), W: (F, K), R: (N, K)}),
    "(W·Wᵀ)·Xᵀ": (lambda: pt.dot(pt.dot(W, W.T), X.T), {X: (N, F), W: (F, K)}),
    "slices": (lambda: pt.dot(X[:, ::2], W[::2]), {X: (N, F), W: (F, K)}),
}


@pytest.mark.parametrize("product", PRODUCTS)
def test_products_in_every_memory_order(agree, product):
    make, shapes = PRODUCTS[product]
    random = np.random.default_rng(0)
    agree([make()], {v: random.normal(size=shape) for v, shape in shapes.items()})


def test_the_innermost_loop_runs_along_the_memory_of_x(uncached):
    few, some = pt.dmatrix("few", shape=(None, 3)), pt.dmatrix("some", shape=(None, 3))
    fn = pytensor.function([X, few, some], [pt.dot(X, few), pt.dot(X.T, pt.exp(some))], mode=uncached)
    text = source_of(fn).text
    assert "turned[l, j] = few[j, l]" in text
    assert re.search(r"dot\w*\[\w+, j\] = sum over i of X\[i, j\]", text)
    assert "dgemm" not in text


def test_what_is_not_known_to_be_small_is_given_to_blas(uncached):
    text = source_of(pytensor.function([X, W], pt.dot(X, W), mode=uncached)).text
    assert "multiply(dgemm" in text
    assert "/* dot[i, k] = sum over j of X[i, j] * W[j, k]" in text


@pytest.mark.parametrize("m", [0, 1, 2, 9, 40])
@pytest.mark.parametrize("n", [0, 1, 17])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_products_of_any_size_in_any_memory_order(uncached, m, n, dtype):
    a, b = pt.matrix("a", dtype=dtype), pt.matrix("b", dtype=dtype)
    fn = pytensor.function([a, b], [a @ b, b.T @ a.T], mode=uncached)
    random = np.random.default_rng(4)
    for k in (0, 1, 7, 12):
        left, right = (random.normal(size=shape).astype(dtype) for shape in ((m, k), (k, n)))
        expected = left.astype("float64") @ right.astype("float64")
        for given in ((left, right), *zip(memory_orders(left), memory_orders(right), strict=True)):
            one, other = fn(*given)
            np.testing.assert_allclose(one, expected, rtol=0, atol=1e-13 if dtype == "float64" else 1e-5)
            np.testing.assert_allclose(other, expected.T, rtol=0, atol=1e-13 if dtype == "float64" else 1e-5)
        spread = fn(np.broadcast_to(left[:1], (m, k)) if m else left, right)[0]
        np.testing.assert_allclose(spread, np.repeat(expected[:1], m, axis=0) if m else expected, atol=1e-5)


def test_infinities_are_multiplied_as_by_numpy(uncached):
    fn = pytensor.function([X, W], X @ W, mode=uncached)
    left, right = np.array([[np.inf, 0.0], [1.0, np.nan]]), np.ones((2, 20))
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(fn(left, right), left @ right)


def softmax_step(mode):
    random = np.random.default_rng(1)
    w, b = pytensor.shared(random.normal(size=(F, K)), name="w"), pytensor.shared(np.zeros(K), name="b")
    logits = pt.dot(X, w) + b
    cost = -(R * pt.special.log_softmax(logits, axis=1)).sum(axis=1).mean() + 0.01 * (w**2).sum()
    gw, gb = pytensor.grad(cost, [w, b])
    fn = pytensor.function([X, R], cost, updates=[(w, w - 0.1 * gw), (b, b - 0.1 * gb)], mode=mode)
    x, y = random.normal(size=(N, F)), np.eye(K)[random.integers(0, K, N)]
    costs = [fn(x, y) for _ in range(20)]
    return fn, [*costs, *w.get_value().ravel(), *b.get_value()]


def test_softmax_regression_trains_as_in_python(uncached):
    fn, found = softmax_step(uncached)
    assert source_of(fn) is not None
    with pytensor.config.change_flags(mode="FAST_COMPILE"):  # also of the graphs inside its Ops
        expected = softmax_step("FAST_COMPILE")[1]
    np.testing.assert_allclose(found, expected, 1e-12)


@pytest.mark.parametrize(
    "name", ["dot0", "dot_r0", "dot_r0_here", "sum", "rows", "row", "n_i", "n_fail_t", "told_1"]
)
def test_no_name_of_the_graph_hides_another(agree, name):
    taken, r = pt.dvector(name), pt.dvector("r")
    z = pt.dot(X, r)
    random = np.random.default_rng(2)
    values = {X: random.normal(size=(N, F)), r: random.normal(size=F), taken: random.normal(size=N)}
    agree([(X * (z * taken)[:, None]).sum(axis=0) + r, (z[:, None] * X).sum(axis=1)], values)
