"""Random graphs, shapes, dtypes and memory orders against PyTensor's own evaluation."""

from __future__ import annotations

import warnings

import numpy as np
import pytensor
import pytensor.tensor as pt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphs.native import explain
from tests.native.conftest import ORACLE, memory_orders

DTYPES = ["float64", "float32", "int32", "bool"]
UNARY = [
    pt.exp,
    pt.sigmoid,
    pt.softplus,
    abs,
    pt.tanh,
    pt.sin,
    pt.erfc,
    lambda z: pt.gammaln(z + 4),
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


LATER = ["gather", "scatter", "mask", "running", "scan", "split", "softmax", "sort"]


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
        wide = variable.astype("float64") if variable.dtype == "int32" else variable
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
    axis = draw(st.integers(0, len(axes) - 1))
    if move == "sort":
        stable = pt.argsort(variable > 0, axis=axis, kind="stable")
        return [(draw(st.sampled_from([pt.sort(variable, axis=axis), stable])), axes)]
    both = pt.special.softmax, pt.special.log_softmax
    return [(draw(st.sampled_from(both))(pt.clip(variable.astype("float64"), -3, 3), axis=axis), axes)]


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


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(graphs(), st.integers(0, 3), st.integers(0, 2**31), st.sampled_from([5, 4, 1, 0]))
def test_random_graph_agrees(uncached, graph, order, seed, rows):
    inputs, axes, outputs = graph
    rng = np.random.default_rng(seed)
    lengths = {**SHAPES, "n": rows}
    arrays = []
    for variable, names in zip(inputs, axes, strict=True):
        data = np.asarray(rng.normal(size=[lengths[a] for a in names]) * 2)
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
