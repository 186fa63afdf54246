"""Types of numbers and of arrays: single precision, integers, truth values, complex, sparse, scalars."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.scalar as ps
import pytensor.sparse as sparse
import pytensor.tensor as pt
import scipy.sparse

from tests.inspection.corpus.graph import Graph, by_name

try:
    from pytensor.conditional.op import ifelse
except ImportError:  # PyTensor 3.0
    from pytensor.ifelse import ifelse


def single_precision() -> Graph:
    """float32 beside a Python number and an integer array: what is promoted and what is not."""
    x, n = pt.fvector("x"), pt.ivector("n")
    return Graph(
        [x, n],
        [x * 2.5 + 1, x * n, pt.exp(x).sum(), pt.log1p(pt.exp(x * 30)), x.astype("float64") / 3],
        [],
        [np.array([0.1, 1.0, 3.0], dtype="float32"), np.array([1, 2, 3], dtype="int32")],
    )


def single_precision_gradient_step() -> Graph:
    """Everything in float32, the learning rate too."""
    x, y = pt.fmatrix("x"), pt.fvector("y")
    w = pytensor.shared(np.zeros(3, dtype="float32"), name="w")
    rate = np.float32(0.1)
    loss = pt.sqr(x @ w - y).mean()
    random = np.random.default_rng(1)
    values = [random.normal(size=(4, 3)).astype("float32"), np.ones(4, dtype="float32")]
    return Graph([x, y], [loss], [(w, w - rate * pt.grad(loss, w))], values)


def bits_and_small_integers() -> Graph:
    """uint8 that wraps around, bitwise words, and comparisons as truth values."""
    a, b = pt.vector("a", dtype="uint8"), pt.vector("b", dtype="uint8")
    return Graph(
        [a, b],
        [a + b, pt.bitwise_and(a, b), a ^ b, ~a, a > b, pt.invert(a > b)],
        [],
        [np.array([200, 3, 255], dtype="uint8"), np.array([100, 5, 1], dtype="uint8")],
    )


def truth_values() -> Graph:
    """Logic, counts of what holds, any, all, and a switch on them."""
    p, x = pt.vector("p", dtype="bool"), pt.dvector("x")
    both = pt.and_(p, x > 0)
    return Graph(
        [p, x],
        [both, both.sum(), pt.any(both), pt.all(p | (x > 0)), pt.switch(both, x, -x), pt.xor(p, both)],
        [],
        [np.array([True, False, True]), np.array([1.0, 2.0, -3.0])],
    )


def whole_number_divisions() -> Graph:
    """Floor division and remainders with negative operands, powers, a mean of integers, a maximum."""
    i, j = pt.lvector("i"), pt.lvector("j")
    return Graph(
        [i, j],
        [i // j, i % j, i**2, i.mean(), i.max(), pt.sign(i), pt.abs(i) / 2, i.astype("int8")],
        [],
        [np.array([-7, 7, 300]), np.array([2, -2, 7])],
    )


def fourier_transform() -> Graph:
    """rfft and back, and a power spectrum."""
    from pytensor.tensor.fft import irfft, rfft

    x = pt.dmatrix("x")
    f = rfft(x)
    power = (f**2).sum(axis=-1)
    return Graph([x], [f, power, irfft(f)], [], [np.random.default_rng(2).normal(size=(2, 8))])


def complex_filter() -> Graph:
    """Complex arithmetic: a resonator's response, its magnitude and phase."""
    omega = pt.dvector("omega")
    s = 1j * omega
    h = 1.0 / (s**2 + 0.5 * s + 1.0)
    return Graph(
        [omega], [h, abs(h), pt.angle(h), h.real * h.imag, pt.conj(h) * h], [], [np.array([0.1, 1.0, 5.0])]
    )


def compressed_rows_and_columns() -> Graph:
    """Sparse by dense and by sparse, transposed, and a sparse gradient."""
    a, v = sparse.csc_matrix("a", dtype="float64"), pt.dmatrix("v")
    product = sparse.dot(a, v)
    dense = np.array([[0.0, 1.0, 0.0], [2.0, 0.0, 3.0]])
    return Graph(
        [a, v],
        [product, sparse.dense_from_sparse(a.T), pt.grad((product**2).sum(), v), sparse.sp_sum(a, axis=1)],
        [],
        [scipy.sparse.csc_matrix(dense), np.arange(6.0).reshape(3, 2)],
    )


def scalars_of_every_kind() -> Graph:
    """Scalar inputs, scalars inside the graph, a tensor made of scalars."""
    x, n = pt.dscalar("x"), pt.iscalar("n")
    inner = pt.tensor_from_scalar(ps.exp(pt.scalar_from_tensor(x)))
    return Graph(
        [x, n],
        [inner, x**n, pt.floor(x) + n, pt.round(x), pt.stack([x, x * n]), pt.trunc(-x)],
        [],
        [2.5, np.int32(3)],
    )


def lazily_chosen() -> Graph:
    """ifelse with several values a branch, the branch not taken would divide by zero."""
    n, x = pt.lscalar("n"), pt.dvector("x")
    a, b = ifelse(pt.eq(n, 0), [pt.zeros_like(x), x.sum()], [x / n, x.prod()])
    return Graph([n, x], [a, b, a * b], [], [0, np.array([1.0, 2.0])])


def switches_and_clips() -> Graph:
    """Piecewise functions: a Huber loss, a hinge, a clip, with gradients."""
    x = pt.dvector("x")
    huber = pt.switch(abs(x) < 1, 0.5 * x**2, abs(x) - 0.5)
    total = (huber + pt.maximum(0, 1 - x) + pt.clip(x, -2, 2) ** 3).sum()
    return Graph([x], [huber, total, pt.grad(total, x)], [], [np.array([-3.0, -0.5, 0.2, 1.0, 4.0])])


def known_shapes() -> Graph:
    """Static shapes everywhere: a literal matrix, a vector of four, a constant folded away."""
    x = pt.tensor("x", shape=(4,), dtype="float64")
    c = pt.constant(np.arange(8.0).reshape(2, 4), name="c")
    return Graph(
        [x], [c @ x, pt.specify_shape(x * 2, (4,)), c.sum() * x.shape[0], x.std()], [], [np.ones(4) * 2]
    )


def statistics() -> Graph:
    """mean, var, std, ptp, covariance and correlation as written by hand."""
    x = pt.dmatrix("x")
    centred = x - x.mean(axis=0)
    cov = centred.T @ centred / (x.shape[0] - 1)
    sd = pt.sqrt(pt.diag(cov))
    return Graph(
        [x],
        [x.var(axis=0), x.std(), pt.ptp(x, axis=1), cov, cov / pt.outer(sd, sd), pt.median(x, axis=0)],
        [],
        [np.random.default_rng(3).normal(size=(7, 2))],
    )


def distances_between_all_pairs() -> Graph:
    """Pairwise distances, their nearest neighbour, and a kernel density."""
    x = pt.dmatrix("x")
    squared = ((x[:, None, :] - x[None, :, :]) ** 2).sum(axis=-1)
    others = squared + pt.eye(x.shape[0]) * 1e9
    return Graph(
        [x],
        [pt.sqrt(squared), others.argmin(axis=1), pt.exp(-squared).mean(axis=1)],
        [],
        [np.random.default_rng(4).normal(size=(5, 2))],
    )


def trigonometry() -> Graph:
    """Every elementary function once, on both sides of its branch points."""
    x, u = pt.dvector("x"), pt.dvector("u")
    return Graph(
        [x, u],
        [
            pt.sin(x) ** 2 + pt.cos(x) ** 2,
            pt.tan(x),
            pt.arcsin(u) + pt.arccos(u),
            pt.arctan2(x, u),
            pt.sinh(x) / pt.cosh(x) + pt.tanh(x),
            pt.arcsinh(x),
            pt.exp2(x) + pt.log2(pt.abs(x)) + pt.log10(pt.abs(x)),
            pt.expm1(x) - pt.log1p(pt.abs(u)),
            pt.deg2rad(x),
            pt.sqrt(pt.abs(u)) ** 2,
        ],
        [],
        [np.array([-2.0, 0.5, 3.0]), np.array([-1.0, 0.3, 1.0])],
    )


GRAPHS = by_name(
    single_precision,
    single_precision_gradient_step,
    bits_and_small_integers,
    truth_values,
    whole_number_divisions,
    fourier_transform,
    complex_filter,
    compressed_rows_and_columns,
    scalars_of_every_kind,
    lazily_chosen,
    switches_and_clips,
    known_shapes,
    statistics,
    distances_between_all_pairs,
    trigonometry,
)
