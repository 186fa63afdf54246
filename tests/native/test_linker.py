"""What is not native runs in the default mode and says which Op, or what to install, once."""

from __future__ import annotations

import warnings

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.builders import OpFromGraph
from scipy import special

from graphs.native import NativeLinker, NativeMode, NotNative, repeat, source_of
from graphs.native.run import compiler

v = pt.dvector("v")


@pytest.fixture
def plain_default():
    """PyTensor's default mode compiles through Numba; its Python linker does for these tests."""
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        yield


def test_an_unknown_op_is_named(plain_default, uncached):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fn = pytensor.function([v], pt.sort(v) * 2, mode=uncached)
    (warning,) = [w for w in caught if w.category is NotNative]
    assert "Sort" in str(warning.message)
    assert str(warning.message).count(".") == 1
    np.testing.assert_array_equal(fn([3.0, 1.0]), [2.0, 6.0])
    assert source_of(fn) is None


def test_no_compiler_says_what_to_install(plain_default, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    compiler.find_compiler.cache_clear()
    try:
        with pytest.warns(NotNative, match="ziglang"):
            fn = pytensor.function([v], v * 7.5, mode=NativeMode(NativeLinker(cached=False)))
        np.testing.assert_array_equal(fn([2.0]), [15.0])
    finally:
        compiler.find_compiler.cache_clear()


def test_a_compiler_that_fails_counts_as_none(plain_default, monkeypatch):
    monkeypatch.setenv("CC", "false")
    compiler.find_compiler.cache_clear()
    try:
        s = pytensor.shared(np.ones(1), name="s")
        mode = NativeMode(NativeLinker(cached=False))
        fn = pytensor.function([v], [v * 8.5, s.sum()], updates=[(s, s + v)], mode=mode)
        with pytest.warns(NotNative, match="install gcc or clang") as caught:
            product, total = fn([2.0])
        assert caught[0].filename == __file__, "the warning points at the call"
        assert (product.tolist(), float(total), s.get_value().tolist()) == ([17.0], 1.0, [3.0])
        products, totals = repeat(fn, 3, [[2.0]])  # and says it once
        assert (products.tolist(), totals.tolist()) == ([[17.0]] * 3, [3.0, 5.0, 7.0])
        assert "false failed" in str(caught[0].message)
        assert source_of(fn) is None
    finally:
        compiler.find_compiler.cache_clear()


def test_ziglang_compiles_too(monkeypatch):
    pytest.importorskip("ziglang")
    import sys

    monkeypatch.setenv("CC", f"{sys.executable} -m ziglang cc -fno-sanitize=undefined")
    compiler.find_compiler.cache_clear()
    try:
        fn = pytensor.function([v], pt.sigmoid(v * 9.5).sum(), mode=NativeMode(NativeLinker(cached=False)))
        assert abs(fn([0.0, 0.0]) - 1.0) < 1e-15
    finally:
        compiler.find_compiler.cache_clear()


@pytest.mark.parametrize("scale", [1.0, 500.0])
def test_what_stands_in_an_op_from_a_graph_is_taken_apart(scale, recwarn, capfd):
    """From PyTensor 3.3 on log-sum-exp and the derivatives of softmax are such Ops."""
    z = pt.dmatrix("z")
    total = pt.logsumexp(z, axis=1)
    p = pt.special.softmax(z, axis=1)
    outputs = [total, p, pytensor.grad(total.sum(), z), pytensor.grad((p**2).sum(), z)]
    native = pytensor.function([z], outputs, mode="NATIVE")
    values = scale * np.random.default_rng(3).normal(size=(6, 4))
    found = native(values)
    assert source_of(native) is not None
    soft = special.softmax(values, axis=1)
    np.testing.assert_allclose(found[0], special.logsumexp(values, axis=1), rtol=1e-13)
    np.testing.assert_allclose(found[1], soft, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(found[3], 2 * soft * (soft - (soft**2).sum(axis=1, keepdims=True)), atol=1e-13)
    if scale == 1.0:  # PyTensor 3.0 leaves e^z in this gradient, in every mode
        np.testing.assert_allclose(found[2], soft, rtol=1e-12)
    assert not recwarn.list
    assert "OpFromGraph" not in capfd.readouterr().err


def test_an_op_from_a_graph_of_ones_own_runs_natively():
    a, b = pt.dvector("a"), pt.dvector("b")
    inner = OpFromGraph([a, b], [pt.exp(a) * b, a - b])
    nested = OpFromGraph([a, b], [inner(b, a)[0] + 1.0])
    outputs = [*inner(a, b), nested(a, b)]
    native = pytensor.function([a, b], [*outputs, pytensor.grad(outputs[2].sum(), b)], mode="NATIVE")
    left, right = np.array([0.5, -1.0, 2.0]), np.array([1.0, 0.25, -3.0])
    found = native(left, right)
    assert source_of(native) is not None
    by_hand = [np.exp(left) * right, left - right, np.exp(right) * left + 1, np.exp(right) * left]
    for one, other in zip(found, by_hand, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-14)
