"""Random graphs, shapes, dtypes and memory orders against PyTensor's own evaluation."""

from __future__ import annotations

import warnings

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphs.native import explain
from tests.native.conftest import ORACLE, memory_orders

DTYPES = ["float64", "float32", "int64", "int32", "int8", "uint8", "bool"]
UNARY = [
    pt.exp,
    pt.sigmoid,
    pt.softplus,
    abs,
    pt.tanh,
    pt.sin,
    pt.cos,
    lambda z: pt.tan(z / 3),
    pt.arctan,
    pt.expm1,
    lambda z: pt.log1p(abs(z)),
    pt.erf,
    pt.erfc,
    pt.erfcx,
    lambda z: pt.erfinv(z / 4),
    lambda z: pt.gammaln(z + 4),
    lambda z: pt.gamma(z + 4),
    lambda z: pt.digamma(z + 4),
    lambda z: (abs(z) + 1) ** 1.5,
    lambda z: -z,
    lambda z: z**2,
    pt.sqr,
    lambda z: z.astype("float32"),
]
BINARY = [
    lambda p, q: p + q,
    lambda p, q: p - q,
    lambda p, q: p * q,
    pt.maximum,
    lambda p, q: pt.switch(p > q, p, q),
    lambda p, q: p / (abs(q) + 1),
]
SHAPES = {"n": 5, "f": 6, "k": 3}


LATER = ["gather", "scatter", "mask", "running", "scan", "split", "softmax", "sort", "dense", "pad"]
LATER += ["largest", "convolve"]


def later(draw, move, variable, axes):
    """What needs places, lengths or turns: variables with their axes."""
    length = variable.shape[0]
    places = (pt.arange(length) * draw(st.integers(1, 3)) + draw(st.integers(0, 4))) % pt.maximum(length, 1)
    places = places - draw(st.sampled_from([0, 1])) * length  # counted from the end
    if move == "gather":
        return [(variable[places], axes)]
    if move == "scatter":
        put = draw(st.sampled_from([pt.set_subtensor, pt.inc_subtensor]))
        if (
            put is pt.set_subtensor
        ):  # of what is set twice, the last counts; so it does not hang on the order here
            return [(put(variable[places], 1), axes)]
        return [(put(variable[places], variable), axes)]
    if move == "mask":
        chosen = variable[variable > 0] if len(axes) == 1 else variable[(variable > 0).any(axis=1)]
        return [(pt.clip(chosen, -2, 2).sum(axis=0), axes[1:])]
    if move == "running":
        axis = draw(st.integers(0, len(axes) - 1))
        wide = variable if variable.dtype.startswith("float") else variable.astype("float64")
        return [(draw(st.sampled_from([pt.cumsum, pt.cumprod]))(pt.clip(wide, -1, 1), axis=axis), axes)]
    if move == "scan":
        wide = variable.astype("float64")
        turns = lambda row, h: h * 0.5 + pt.clip(row, -2, 2)  # noqa: E731  # what a turn does, said in one line
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            found, _ = pytensor.scan(turns, sequences=[wide], outputs_info=[pt.zeros_like(wide.sum(axis=0))])
        return [(found, axes)]
    if move == "split":
        first = pt.minimum(length, draw(st.integers(0, 3)))
        parts = pt.split(variable, pt.stack([first, length - first]), n_splits=2)
        return [(pt.concatenate(parts[::-1]), axes)]
    if move == "dense":
        return dense(draw, variable, axes) if len(axes) == 2 else []
    if move == "pad":
        wider = pt.pad(variable, [(2, 1), *[(0, 0)] * (len(axes) - 1)])
        return [(wider[draw(st.integers(0, 3)) :][:length], axes)]
    if move == "convolve":
        if len(axes) != 1:
            return []
        wide = pt.clip(variable.astype("float64"), -2, 2)
        return [(pt.signal.convolve1d(wide, np.array([0.5, -1.0, 2.0]), mode="full")[1 : 1 + length], axes)]
    axis = draw(st.integers(0, len(axes) - 1))
    if move == "largest":
        return [(pt.argmax(variable, axis=axis), axes[:axis] + axes[axis + 1 :])]
    if move == "sort":
        stable = pt.argsort(variable > 0, axis=axis, kind="stable")
        return [(draw(st.sampled_from([pt.sort(variable, axis=axis), stable])), axes)]
    both = pt.special.softmax, pt.special.log_softmax
    return [(draw(st.sampled_from(both))(pt.clip(variable.astype("float64"), -3, 3), axis=axis), axes)]


def dense(draw, variable, axes):
    """What LAPACK does with a positive definite matrix, and a matrix that fits to it."""
    wide = pt.clip(variable.astype("float64"), -2, 2)
    square = wide @ wide.T + 3.0 * pt.eye(wide.shape[0])
    names = (axes[0], axes[0])
    how = draw(st.sampled_from(["cholesky", "inverse", "triangular", "solve", "eigenvalues", "determinant"]))
    if how == "cholesky":
        return [(pt.linalg.cholesky(square), names)]
    if how == "inverse":
        return [(pt.linalg.inv(square), names)]
    if how == "triangular":
        return [(pt.linalg.solve_triangular(pt.linalg.cholesky(square), wide, lower=True), axes)]
    if how == "solve":
        return [(pt.linalg.solve(square, wide, assume_a="pos"), axes)]
    if how == "eigenvalues":
        return [(pt.linalg.eigh(square)[0], axes[:1])]
    return [(pt.linalg.slogdet(square)[1], ())]


@st.composite
def graphs(draw):
    """Up to a dozen Ops over inputs whose axes are named n, f, k, so that they fit together."""
    kinds = [("n", "f"), ("n",), ("f",), (), ("f", "k"), ("n", "k")]
    pool = []
    for k, axes in enumerate(kinds):
        dtype = draw(st.sampled_from(DTYPES if axes else ["float64"]))
        kind = pt.TensorType(dtype, shape=(None,) * len(axes))
        pool.append((kind(f"in{k}"), axes))
    inputs = [variable for variable, _ in pool]
    for _ in range(draw(st.integers(2, 10))):
        variable, axes = draw(st.sampled_from(pool))
        if variable.dtype == "bool":
            variable = variable.astype("float64")
        move = draw(
            st.sampled_from(["unary", "binary", "binary", "reduce", "dot", "slice", "transpose", *LATER])
        )
        if move == "unary":
            pool.append((draw(st.sampled_from(UNARY))(pt.clip(variable, -3, 3)), axes))
        elif move == "binary":
            partners = [(o, b) for o, b in pool if b == axes[len(axes) - len(b) :] and o.dtype != "bool"]
            if partners:
                other, _ = draw(st.sampled_from(partners))
                pool.append((draw(st.sampled_from(BINARY))(variable, other), axes))
        elif move == "reduce" and axes:
            axis = draw(st.integers(0, len(axes) - 1))
            how = draw(st.sampled_from([pt.sum, pt.max, pt.min, pt.prod]))
            pool.append((how(pt.clip(variable, -2, 2), axis=axis), axes[:axis] + axes[axis + 1 :]))
        elif move == "dot" and axes:
            partners = [(o, b) for o, b in pool if b and b[0] == axes[-1] and o.dtype != "bool"]
            if partners:
                other, names = draw(st.sampled_from(partners))
                pool.append((pt.dot(variable, other), axes[:-1] + names[1:]))
        elif move == "slice" and axes:
            step = draw(st.sampled_from([1, -1, 2]))
            other = variable[draw(st.integers(0, 1)) :: step] if step > 0 else variable[::-1]
            pool.append((pt.concatenate([other, variable])[: variable.shape[0]], axes))
        elif move == "transpose" and len(axes) == 2:
            pool.append((variable.T, axes[::-1]))
        elif axes:
            pool += later(draw, move, variable, axes)
    outputs = [variable for variable, _ in pool[len(inputs) :]] or [pool[0][0] * 1]
    return inputs, [axes for _, axes in pool[: len(inputs)]], outputs[-4:]


@pytest.mark.long(everywhere=True)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    graphs(),
    st.integers(0, 3),
    st.integers(0, 2**31),
    st.sampled_from([19, 8, 5, 4, 1, 0]),  # with rows left over from blocks of eight, and without
    st.sampled_from([6, 35]),  # short rows and long ones
)
def test_random_graph_agrees(uncached, graph, order, seed, rows, long):
    inputs, axes, outputs = graph
    rng = np.random.default_rng(seed)
    lengths = {**SHAPES, "n": rows, "f": long}
    arrays = []
    for variable, names in zip(inputs, axes, strict=True):
        data = np.asarray(rng.normal(size=[lengths[a] for a in names]) * 2)
        data = abs(data) if variable.dtype == "uint8" else data
        arrays.append(np.asarray(data > 0 if variable.dtype == "bool" else data, dtype=variable.dtype))
    native = pytensor.function(inputs, outputs, mode=uncached, on_unused_input="ignore")
    with pytensor.config.change_flags(mode=ORACLE):  # also of the graphs inside its Ops
        oracle = pytensor.function(inputs, outputs, mode=ORACLE, on_unused_input="ignore")
    given_arrays = arrays if order == 3 else [memory_orders(array)[order] for array in arrays]
    with np.errstate(all="ignore"):
        try:
            expected = oracle(*arrays)
        except ValueError:  # the largest of nothing
            np.testing.assert_raises(ValueError, native, *given_arrays)
            return
    assert not explain(native).performed
    for found, want in zip(native(*given_arrays), expected, strict=True):
        assert (found.dtype, found.shape) == (want.dtype, want.shape)
        single = any(v.dtype == "float32" for v in inputs) or want.dtype == np.float32
        np.testing.assert_allclose(found, want, 1e-4 if single else 1e-10, 1e-4 if single else 1e-10)
