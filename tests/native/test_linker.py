"""What is not native: Python performs single Ops; a whole graph runs in another mode and says why, once."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.builders import OpFromGraph
from pytensor.compile.mode import Mode
from pytensor.graph.rewriting.db import RewriteDatabaseQuery
from scipy import special

from graphs.compiled import compiler
from graphs.errors import InputError
from graphs.native import NativeLinker, NativeMode, NotNative, explain, repeat, source_of

v = pt.dvector("v")


@pytest.fixture
def plain_default():
    """PyTensor's default mode compiles through Numba; its Python linker does for these tests."""
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        yield


def test_an_unknown_op_is_performed_by_python_and_named(uncached):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fn = pytensor.function([v], pt.unique(v * 2) + 1, mode=uncached)
    np.testing.assert_array_equal(fn([3.0, 1.0]), [3.0, 7.0])
    np.testing.assert_array_equal(fn([3.0, 1.0, 2.0, 1.0]), [3.0, 5.0, 7.0])
    explained = explain(fn)
    assert explained.native
    (op, why) = explained.performed[0]
    assert "Unique" in op
    assert "Unique" in why
    assert "2 nodes" not in str(explained)
    assert "Python  Unique" in str(explained)
    assert "perform" in source_of(fn).text


def test_what_an_unknown_op_raises_is_raised(uncached):
    m = pt.dmatrix("m")
    fn = pytensor.function([m], pt.linalg.svd(m, compute_uv=False) * 2, mode=uncached)
    assert explain(fn).performed
    np.testing.assert_allclose(fn(np.diag([3.0, 2.0])), [6.0, 4.0])
    with pytest.raises(np.linalg.LinAlgError):
        fn(np.full((2, 2), np.nan))
    np.testing.assert_allclose(fn(np.diag([1.0, 5.0])), [10.0, 2.0])


def test_random_draws_go_on_from_where_they_were():
    """A generator is no array of numbers: Python holds it, between the steps too."""

    def drawn(mode):
        rng = pytensor.shared(np.random.default_rng(4), name="rng")
        following, normal = pt.random.normal.make_node(rng, (3,), 0.0, 1.0).outputs
        fn = pytensor.function([], normal * 2, updates=[(rng, following)], mode=mode)
        return fn, [fn() for _ in range(3)]

    native, found = drawn(NativeMode(NativeLinker(cached=False)))
    assert explain(native).native
    np.testing.assert_array_equal(found, drawn("FAST_COMPILE")[1])
    many = drawn(NativeMode(NativeLinker(cached=False)))[0]
    np.testing.assert_array_equal(repeat(many, 2, [])[0], [native() for _ in range(2)])


def test_complex_numbers_stay_with_python(uncached):
    z = pt.zvector("z")
    fn = pytensor.function([z, v], [z * v, pt.abs(z).sum() + v], mode=uncached)
    given = np.array([1 + 2j, 3 - 1j])
    product, total = fn(given, [2.0, 5.0])
    np.testing.assert_array_equal(product, given * [2.0, 5.0])
    np.testing.assert_allclose(total, np.abs(given).sum() + np.array([2.0, 5.0]))


def test_a_graph_that_is_mostly_unknown_runs_in_a_mode_of_pytensor_s(plain_default, uncached):
    parts = [pt.unique(v * k) for k in range(2, 12)]
    with pytest.warns(NotNative, match=r"no C for 10 of its \d+ nodes \(the Op Unique"):
        fn = pytensor.function([v], parts, mode=uncached)
    np.testing.assert_array_equal(fn([2.0, 1.0])[0], [2.0, 4.0])
    explained = explain(fn)
    assert not explained.native
    assert "no C for 10" in str(explained)


def test_explaining_what_is_no_function_is_refused():
    with pytest.raises(InputError, match="a compiled PyTensor function"):
        explain(3)
    assert "NumbaLinker" in str(explain(pytensor.function([v], v, mode="NUMBA")))


def test_a_plain_mode_falls_back_too(no_compiler):
    """PyMC compiles with a mode of the linker's and rewrites of its own choice."""
    query = RewriteDatabaseQuery(include=["fast_run"], exclude=["fusion"])
    with pytensor.config.change_flags(mode="CVM"), pytest.warns(NotNative, match="no-such-compiler"):
        fn = pytensor.function([v], pt.log(pt.cumsum(v)), mode=Mode(NativeLinker(), query))
    np.testing.assert_allclose(fn([1.0, 2.0]), np.log([1.0, 3.0]))


def test_both_are_known_by_name():
    w = pytensor.shared(np.ones(2), name="w")
    m = pt.dmatrix("m")
    p = pt.sigmoid(pt.exp(m) @ w)
    step = [(w, w - 0.1 * pytensor.grad(p.sum(), w))]
    fn = pytensor.function([m], [p, m.sum(axis=0) + 1], updates=step, mode=Mode(linker="native"))
    assert source_of(fn) is not None
    assert not explain(fn).performed, "nothing works in place, nothing is fused before it comes here"
    np.testing.assert_allclose(fn([[0.0, 0.0]])[0], 1 / (1 + np.exp(-2)))
    program = """
import graphs.native, pytensor, pytensor.tensor as pt
v = pt.dvector()
assert graphs.native.source_of(pytensor.function([v], v * 2)) is not None
with pytensor.config.change_flags(mode="FAST_COMPILE"):
    assert graphs.native.source_of(pytensor.function([v], v * 2)) is None
"""
    environment = os.environ | {"PYTENSOR_FLAGS": os.environ.get("PYTENSOR_FLAGS", "") + ",mode=NATIVE"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


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
