"""The same bits with every number of threads, whatever OpenMP there is."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphs.compiled import call as call_module
from graphs.compiled import team as team_module
from graphs.native import NativeLinker, NativeMode, repeat, source_of
from tests.native.test_random_graphs import graphs

THREADS = ("1", "2", "3", "7", "64", None)

Same = Callable[..., list[np.ndarray]]


def set_threads(monkeypatch: pytest.MonkeyPatch, threads: str | None) -> None:
    """As many as that may be used; None: as many as there are cores, for large inputs."""
    if threads is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", threads)


@pytest.fixture
def same(monkeypatch: pytest.MonkeyPatch) -> Same:
    """``same(inputs, outputs, arrays)``: what every number of threads gives, which must be the same bytes."""
    monkeypatch.setattr(team_module, "EPOCH", np.inf)  # all threads, whatever time they take

    def call(inputs: Sequence[Any], outputs: Sequence[Any], arrays: Sequence[Any]) -> list[np.ndarray]:
        mode = NativeMode(NativeLinker(cached=False))
        fn = pytensor.function(inputs, outputs, mode=mode, on_unused_input="ignore")
        assert source_of(fn) is not None, "native"
        found = {}
        for threads in THREADS:
            set_threads(monkeypatch, threads)
            fn.vm.threads, fn.vm.large = call_module._thread_limit()  # as for a function made now
            found[threads] = fn(*arrays)
        for threads, values in found.items():
            for output, value, one in zip(outputs, values, found["1"], strict=True):
                assert value.tobytes() == one.tobytes(), f"{output} with {threads} threads"
        return found["1"]

    return call


def several_parts(rows: int, columns: int, dtype: str, seed: int = 0) -> list[np.ndarray]:
    """A matrix that is worked on in parts, a vector along its rows and one along its columns."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype(dtype) for shape in ((rows, columns), columns, rows)]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("rows", "columns"), [(1403, 821), (131, 9001), (40_007, 57)])
def test_sums_over_rows(same, dtype, rows, columns):
    x, v, u = pt.matrix("x", dtype=dtype), pt.vector("v", dtype=dtype), pt.vector("u", dtype=dtype)
    arrays = several_parts(rows, columns, dtype)
    z = x @ v
    outputs = [z, pt.sigmoid(z) @ x, z.sum(), (z * u).mean(), x.sum(axis=0), x.sum(axis=1), x.max(axis=0)]
    sums = same(
        [x, v, u], [*outputs, z.max(), (z / 100).prod(), (z > 0).any(), pt.exp(x).sum(axis=0)], arrays
    )
    a, b, _ = (array.astype("float64") for array in arrays)
    want = [a @ b, 1 / (1 + np.exp(-(a @ b))) @ a, (a @ b).sum()]
    for found, wanted in zip(sums, want, strict=False):
        np.testing.assert_allclose(found, wanted, rtol=1e-3 if dtype == "float32" else 1e-9, atol=0.1)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_symmetric_product(same, dtype):
    K, r = pt.matrix("K", dtype=dtype), pt.vector("r", dtype=dtype)
    K.tag.symmetric = True
    x = np.random.default_rng(0).normal(size=(1501, 40))
    (found,) = same([K, r], [K @ r], [(x @ x.T).astype(dtype), np.linspace(-1, 1, 1501).astype(dtype)])
    tolerance = 1e-11 if dtype == "float64" else 1e-2
    np.testing.assert_allclose(found, x @ (x.T @ np.linspace(-1, 1, 1501)), tolerance, tolerance)


def test_places_and_not_a_number(same):
    x, v = pt.dmatrix("x"), pt.dvector("v")
    arrays = several_parts(1403, 821, "float64")[:2]
    arrays[0][[7, 700, 1402], [3, 5, 820]] = np.nan, -np.nan, np.inf
    outputs = [
        pt.argmax(x),
        pt.argmax(x, axis=0),
        x.max(),
        x.min(axis=0),
        (x @ v).max(),
        (x @ v).sum(),
        x.prod(),
    ]
    found = same([x, v], outputs, arrays)
    assert found[0] == np.argmax(arrays[0])
    np.testing.assert_array_equal(found[3], arrays[0].min(axis=0))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_element_by_element_and_sums_over_one_axis(same, dtype):
    x, v, u = pt.matrix("x", dtype=dtype), pt.vector("v", dtype=dtype), pt.vector("u", dtype=dtype)
    a = np.random.default_rng(0).normal(size=1_000_003).astype(dtype)
    found = same([v, u], [pt.exp(v) + u, v > u], [a, a[::-1].copy()])
    np.testing.assert_array_equal(found[1], a > a[::-1])
    sums = [(v * u).sum(), v.sum(), v.max(), (v < u).any(), (1 + v / 1e6).prod(), pt.exp(v)]
    found = same([v, u], sums, [a, a[::-1].copy()])
    want = a.astype("float64")
    np.testing.assert_allclose(found[0], want @ want[::-1], 1e-4 if dtype == "float32" else 1e-10)
    assert found[2] == a.max()
    same([v, u], [v > 0, (v * u).sum(), v.min()], [a, a])  # of two widths, in blocks
    matrix, across, _ = several_parts(1403, 821, dtype)
    found = same([x, v], [pt.tanh(x) * v, pt.set_subtensor(x[:, 3], 1.0)], [matrix, across])
    assert (found[1][:, 3] == 1).all()
    same([x], [x[:, :, None] * x[:7, 0]], [matrix])


def test_a_product_of_matrices(same):
    x, r = pt.dmatrix("x"), pt.dmatrix("r")
    a, b = np.random.default_rng(0).normal(size=(700, 150)), np.random.default_rng(1).normal(size=(700, 11))
    found = same([x, r], [x.T @ r, pt.special.softmax(r, axis=1).sum(axis=0), (x.T @ r).sum(axis=1)], [a, b])
    np.testing.assert_allclose(found[0], a.T @ b, 1e-11, 1e-11)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(graphs(), st.integers(0, 2**31), st.sampled_from([(1043, 601), (301, 2003)]))
def test_random_graphs(same, graph, seed, lengths):
    inputs, axes, outputs = graph
    rng = np.random.default_rng(seed)
    sizes = {"n": lengths[0], "f": lengths[1], "k": 3}
    arrays = [
        np.asarray(rng.normal(size=[sizes[a] for a in names]) * 2).astype(variable.dtype)
        for variable, names in zip(inputs, axes, strict=True)
    ]
    same(inputs, outputs, arrays)


def test_many_steps_in_one_call(monkeypatch):
    x = pt.dmatrix("x")
    monkeypatch.setattr(team_module, "EPOCH", np.inf)
    arrays = several_parts(2750, 784, "float64")  # large enough for threads that nobody has named
    found = set()
    for threads in THREADS:
        set_threads(monkeypatch, threads)
        w = pytensor.shared(arrays[1], name="w")
        cost = pt.softplus(x @ w).mean() + 0.01 * (w**2).sum()
        update = [(w, w - 0.1 * pt.grad(cost, w))]
        fn = pytensor.function([x], cost, updates=update, mode=NativeMode(NativeLinker(cached=False)))
        (costs,) = repeat(fn, 6, [arrays[0]])
        found.add(w.get_value().tobytes() + costs.tobytes())
    assert len(found) == 1


FEWER = """
import json, numpy as np
from tests.native.test_same_bits import products
print(json.dumps([np.ravel(found).tolist() for found in products()]))
"""
WITHOUT_THREADS = """\
#!/bin/sh
for word in "$@"; do [ "$word" = -fopenmp ] && exit 1; done
exec cc "$@"
"""


def products() -> list[np.ndarray]:
    """x·v, the product of that with x, and its sum."""
    x, v = pt.dmatrix("x"), pt.dvector("v")
    z = x @ v
    fn = pytensor.function([x, v], [z, z @ x, z.sum()], mode=NativeMode(NativeLinker(cached=False)))
    return fn(*several_parts(2000, 400, "float64")[:2])


@pytest.mark.parametrize("fewer", ["OpenMP's limit", "no OpenMP"])
def test_fewer_threads_than_asked_for(run_python, monkeypatch, tmp_path, fewer):
    """OpenMP may give fewer threads than it is asked for, and a compiler may know none: no row is forgotten."""
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    want = [np.ravel(found).tolist() for found in products()]
    a, b, _ = several_parts(2000, 400, "float64")
    np.testing.assert_allclose(want[1], a.T @ (a @ b), 1e-9, 1e-9)
    if fewer == "no OpenMP":
        compiler = tmp_path / "cc"
        compiler.write_text(WITHOUT_THREADS)
        compiler.chmod(0o755)
        monkeypatch.setenv("CC", str(compiler))
    else:
        monkeypatch.setenv("OMP_THREAD_LIMIT", "1")
    assert json.loads(run_python("-c", FEWER).stdout) == want
