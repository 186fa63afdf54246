"""Every Op the native linker knows, against PyTensor's own evaluation, in every memory order."""

from __future__ import annotations

import warnings

import numpy as np
import pytensor.scalar as ps
import pytensor.tensor as pt
import pytest
from pytensor.graph.fg import FunctionGraph

import graphs.native.statements as ir
from graphs.native.lower import LOWERINGS, lower
from graphs.native.program import OpUnknown

x, a = pt.dmatrix("x"), pt.dmatrix("a")
w = pt.dmatrix("w")
labels = pt.lvector("labels")
v = pt.dvector("v")
n = pt.lscalar("n")
u = pt.fvector("u")
t = pt.dtensor3("t")
flags = pt.vector("flags", dtype="bool")
s = pt.dscalar("s")
k = pt.imatrix("k")

rng = np.random.default_rng(20260)
VALUES = {
    x: rng.normal(size=(7, 5)),
    a: rng.normal(size=(7, 5)),
    w: rng.normal(size=(5, 3)),
    labels: rng.integers(0, 3, 7),
    v: rng.normal(size=5),
    n: 2,
    u: rng.normal(size=5),
    t: rng.normal(size=(2, 7, 5)),
    flags: rng.random(5) > 0.5,
    s: 1.5,
    k: rng.integers(-5, 5, (4, 3)),
}


def softmax_regression():
    log_p = pt.special.log_softmax(x @ w, axis=1)
    cost = -(log_p * pt.eq(labels[:, None], pt.arange(3)[None, :])).sum(1).mean()
    return [cost, pt.grad(cost, w), pt.special.softmax(x @ w, axis=1), pt.special.softmax(x, axis=0)]


CASES = {
    "softmax": softmax_regression,
    "slices read": lambda: [
        v[n:],
        v[::-1],
        v[-3:],
        v[1:3].sum(),
        x[1:, ::2],
        x[n],
        x[:, n] + 1,
        x[::-2, 1:4] * 2,
        (x * 2)[1:, n],
        v[10:],
    ],
    "slices written": lambda: [
        pt.set_subtensor(v[1:n], 2.0),
        pt.inc_subtensor(x[0], v),
        pt.set_subtensor(x[:, 1], 0.0) * 2,
        pt.inc_subtensor(x[1:3, ::2], 1.5).sum(0),
        pt.grad((x[1:3] ** 2).sum(), x),
    ],
    "join": lambda: [
        pt.join(0, v, v * 2),
        pt.join(1, x, a),
        pt.concatenate([x, a * 2], axis=0).sum(1),
        pt.stack([v, v + 1]),
    ],
    "reshape": lambda: [
        x.reshape((5, 7)),
        x.flatten(),
        t.reshape((-1, 5)).sum(0),
        (x * 2).reshape((-1, 7)).sum(1),
        (x.T + labels).T,
    ],
    "reductions": lambda: [
        x.sum(),
        x.sum(0),
        x.sum(1),
        x.prod(0),
        x.max(1),
        x.min(0),
        x.max(),
        t.sum((0, 2)),
        t.max((1,)),
        x.mean(),
        x.var(0),
        pt.all(x > 0, axis=0),
        pt.any(x > 2),
        pt.logsumexp(x, axis=1),
        u.sum(),
    ],
    "argmax": lambda: [pt.argmax(x, axis=0), pt.argmax(x, axis=1), pt.argmax(x), pt.argmax(t, axis=1)],
    "dots": lambda: [
        pt.dot(x, w),
        pt.dot(x, v),
        pt.dot(v, x.T),
        pt.dot(v, v),
        pt.outer(v, v),
        x.T @ x,
        x @ x.T,
        pt.dot(u, u),
        pt.matmul(t, t.dimshuffle(0, 2, 1)),
        pt.matmul(t, w),
    ],
    "float32": lambda: [
        u * 2 + 1,
        pt.exp(u),
        pt.sigmoid(u),
        u.astype("float64") + v,
        pt.tanh(u),
        u**2,
        0.1 * u,
    ],
    "whole numbers": lambda: [
        k // 3,
        k % 3,
        -k,
        abs(k),
        k * k,
        k.sum(),
        k.sum(0),
        k / 2,
        k > 1,
        pt.maximum(k, 0),
        pt.clip(k, -1, 2),
        k**2,
        k // 2.5,
        k & 3,
        ~k,
        k % -3,
        k // -2,
        k // 0,
    ],
    "truth": lambda: [
        flags & (v > 0),
        ~flags,
        flags.sum(),
        pt.switch(flags, v, -v),
        flags * v,
        pt.xor(flags, v > 0),
        flags.astype("int8"),
    ],
    "casts and rounding": lambda: [
        v.astype("int64"),
        v.astype("float32"),
        v.astype("bool"),
        pt.round(v),
        pt.floor(v),
        pt.ceil(v),
        pt.sign(v),
        pt.trunc(v),
        v % 0.7,
        v // 0.7,
        v % -0.7,
    ],
    "functions": lambda: [
        pt.exp(v),
        pt.log(abs(v)),
        pt.log1p(abs(v)),
        pt.sqrt(abs(v)),
        pt.sigmoid(v),
        pt.softplus(v),
        pt.tanh(v),
        pt.sin(v),
        pt.cos(v),
        pt.erf(v),
        pt.expm1(v),
        abs(v) ** 1.7,
        1 / v,
        pt.arctan2(v, s),
        pt.isnan(v),
        v**3,
        pt.arcsinh(v),
        pt.minimum(x, v),
    ],
    "special functions": lambda: [
        pt.gammaln(v),
        pt.psi(v),
        pt.tri_gamma(v),
        pt.gamma(v),
        pt.erfc(v),
        pt.erfcx(v),
        pt.erfinv(pt.tanh(v)),
        pt.erfcinv(pt.sigmoid(v)),
        pt.sinh(v) + pt.cosh(v) + pt.tan(v) + pt.arctan(v),
        pt.log1mexp(-abs(v)),
        pt.gammaln(k),
        pt.grad(pt.gammaln(abs(v)).sum() + pt.psi(abs(v)).sum() + pt.erfcx(v).sum(), v),
    ],
    "filled": lambda: [
        pt.alloc(v, n, v.shape[0]),
        pt.zeros((n, 3)),
        pt.ones_like(x) * s,
        pt.eye(3),
        pt.arange(n),
        pt.full((n,), s),
        pt.eye(n, 4, 1),
        pt.arange(1, 10, n),
    ],
    "shapes": lambda: [
        x.shape[0] * 2,
        x.shape,
        x.size,
        v / v.shape[0],
        pt.diag(x),
        pt.specify_shape(v, (5,)) * 2,
    ],
    "broadcast": lambda: [
        x + v,
        x * x[:, 0][:, None],
        x - v[None, :] * 2,
        t + x,
        s + v,
        pt.outer(v, v) + v[:, None],
    ],
    "constants": lambda: [v * np.arange(5.0), x @ np.arange(10.0).reshape(5, 2), v + np.float32(0.1)],
    "two layers": lambda: [pt.grad((pt.tanh(x @ w) ** 2).sum(), w), pt.grad(pt.sigmoid(x @ w).sum(), x)],
}


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_pytensor(case, agree):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "divide by zero", RuntimeWarning)  # the oracle's own, in k // 0
        agree(CASES[case](), VALUES)


def test_empty_arrays(agree):
    empty = {**VALUES, x: np.zeros((0, 5)), a: np.zeros((0, 5)), t: np.zeros((2, 0, 5))}
    agree(
        [x.sum(), x.sum(0), x.prod(0), x + v, pt.dot(x, v), pt.dot(x.T, x), t.sum(1), pt.join(0, x, a)], empty
    )
    agree(
        [x @ w, pt.dot(x, v), x.sum(1)], {**VALUES, x: np.zeros((7, 0)), w: np.zeros((0, 3)), v: np.zeros(0)}
    )


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_propagate(odd, agree):
    data = VALUES[x].copy()
    data[2, 3] = odd
    data[6, 0] = odd
    with np.errstate(all="ignore"):
        outputs = [
            x.sum(1),
            x.max(1),
            x.min(0),
            x.max(),
            pt.argmax(x, axis=1),
            pt.dot(x, v),
            pt.exp(x),
            pt.sigmoid(x),
        ]
        outputs += [
            pt.softplus(x),
            pt.log(x),
            pt.log1p(x),
            pt.maximum(x, 0.0),
            pt.clip(x, -1, 1),
            pt.sign(x),
            x * 0,
        ]
        agree(outputs, {**VALUES, x: data})


def test_a_composite_is_taken_apart(agree):
    from pytensor.scalar.basic import Composite
    from pytensor.tensor.elemwise import Elemwise

    p, q = ps.float64("p"), ps.float64("q")
    inner = ps.exp(p) * q
    both = Elemwise(Composite([p, q], [inner + p, inner * inner]))(v, s)
    agree(list(both), VALUES)


def test_a_scalar_loop_is_no_composite():
    from pytensor.scalar.loop import ScalarLoop
    from pytensor.tensor.elemwise import Elemwise

    p = ps.float64("p")
    twice = Elemwise(ScalarLoop([p], [p * 2.0]))(3, v)
    with pytest.raises(OpUnknown, match="ScalarLoop"):
        lower(FunctionGraph([v], [twice], clone=True))


def test_an_operator_inside_another_keeps_its_operands(agree):
    p, q, r = (pt.lvector(name) for name in "pqr")
    numbers = {p: [1, 6, -3], q: [0, 5, 9], r: [1, 2, 4]}
    agree(
        [pt.xor(pt.or_(p, q), r), pt.or_(pt.xor(p, q), r), p - (q - r), -(p - q), pt.eq(p > q, r > q)],
        numbers,
    )


@pytest.mark.parametrize("rows", [2, 40])
def test_eye_of_many_rows(agree, rows):
    agree([pt.eye(n, 4, 1), pt.eye(n)], {n: rows})


def test_ops_are_looked_up_by_class():
    from pytensor.gradient import GradClip
    from pytensor.tensor.elemwise import Elemwise

    assert all(isinstance(kind, type) for kind in LOWERINGS)
    assert Elemwise in LOWERINGS
    clipped = FunctionGraph([v], [GradClip(-1, 1)(v) * 2], clone=True)  # a ViewOp
    assert [statement.target.kind for statement in lower(clipped).steps] == ["output"]


def test_lengths_are_data():
    made = lower(FunctionGraph([v], [v[1::2]], clone=True))
    (statement,) = made.steps
    (read,) = statement.expression.reads()
    assert read.places[0].step == ir.Literal("int64", 2)
    assert isinstance(read.places[0].start, ir.Named)
    assert made.outputs[0].dims[0].source.operator == "slice_length"
