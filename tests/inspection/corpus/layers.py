"""What neural networks are made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.tensor.special import log_softmax, softmax

from tests.inspection.corpus.graph import Graph, by_name


def perceptron_with_integer_labels() -> Graph:
    """Two layers, log_softmax, the labels' entries picked by index, gradient descent with momentum."""
    random = np.random.default_rng(1)
    x, labels = pt.dmatrix("x"), pt.ivector("labels")
    shapes = {"w1": (4, 5), "b1": (5,), "w2": (5, 3), "b2": (3,)}
    weights = {
        name: pytensor.shared(random.normal(size=shape) * 0.3, name=name) for name, shape in shapes.items()
    }
    hidden = pt.maximum(x @ weights["w1"] + weights["b1"], 0)
    logp = log_softmax(hidden @ weights["w2"] + weights["b2"], axis=-1)
    loss = -logp[pt.arange(labels.shape[0]), labels].mean()
    updates = []
    for weight, slope in zip(weights.values(), pt.grad(loss, list(weights.values())), strict=True):
        speed = pytensor.shared(np.zeros_like(weight.get_value()), name=f"{weight.name}_speed")
        new = 0.9 * speed - 0.1 * slope
        updates += [(speed, new), (weight, weight + new)]
    correct = pt.eq(pt.argmax(logp, axis=1), labels).mean()
    values = [random.normal(size=(6, 4)), random.integers(0, 3, 6).astype("int32")]
    return Graph([x, labels], [loss, correct], updates, values)


def softmax_cross_entropy_as_written() -> Graph:
    """exp over sum, then log, as a textbook has it, of scores that overflow."""
    z, y = pt.dmatrix("z"), pt.dmatrix("y")
    p = pt.exp(z) / pt.exp(z).sum(axis=1, keepdims=True)
    loss = -(y * pt.log(p)).sum(axis=1)
    values = [np.array([[1000.0, 0.0, -5.0], [1.0, 2.0, 3.0]]), np.eye(3)[[0, 2]]]
    return Graph([z, y], [loss, p, softmax(z, axis=1)], [], values)


def attention() -> Graph:
    """One head: scaled products, a causal mask, softmax, and the gradient by the queries."""
    q, k, v = pt.dmatrix("q"), pt.dmatrix("k"), pt.dmatrix("v")
    scores = q @ k.T / np.sqrt(4.0)
    mask = pt.tril(pt.ones_like(scores))
    weights = softmax(pt.switch(mask > 0, scores, -1e9), axis=-1)
    out = weights @ v
    random = np.random.default_rng(2)
    values = [random.normal(size=(3, 4)) for _ in range(3)]
    return Graph([q, k, v], [out, weights, pt.grad((out**2).sum(), q)], [], values)


def layer_norm_and_gelu() -> Graph:
    """Normalised rows, a gelu by erf, and both gradients."""
    x, gain = pt.dmatrix("x"), pt.dvector("gain")
    normal = (x - x.mean(axis=-1, keepdims=True)) / pt.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    z = normal * gain
    out = 0.5 * z * (1 + pt.erf(z / np.sqrt(2.0)))
    values = [np.random.default_rng(3).normal(size=(3, 4)), np.ones(4)]
    return Graph([x, gain], [out, *pt.grad(out.sum(), [x, gain])], [], values)


def batch_norm_with_running_means() -> Graph:
    """Normalised columns in single precision; the running mean and variance are updated."""
    x = pt.fmatrix("x")
    mean = pytensor.shared(np.zeros(3, dtype="float32"), name="mean")
    var = pytensor.shared(np.ones(3, dtype="float32"), name="var")
    now, spread = x.mean(axis=0), x.var(axis=0)
    out = (x - now) / pt.sqrt(spread + np.float32(1e-3))
    keep = np.float32(0.9)
    updates = [(mean, keep * mean + (1 - keep) * now), (var, keep * var + (1 - keep) * spread)]
    return Graph([x], [out], updates, [np.random.default_rng(4).normal(size=(5, 3)).astype("float32")])


def convolution_in_one_dimension() -> Graph:
    """A signal and a kernel, both modes, and the gradient by the kernel."""
    from pytensor.tensor.signal import convolve1d

    x, kernel = pt.dvector("x"), pt.dvector("kernel")
    out = convolve1d(x, kernel, mode="valid")
    values = [np.arange(8.0) % 3, np.array([0.25, 0.5, 0.25])]
    return Graph(
        [x, kernel], [convolve1d(x, kernel, mode="full"), out, pt.grad((out**2).sum(), kernel)], [], values
    )


def convolution_by_shifted_images() -> Graph:
    """An image filter as a sum of shifted images, and a two by two maximum."""
    image, kernel = pt.dmatrix("image"), pt.dmatrix("kernel")
    h, w = 6, 6
    out: Any = sum(kernel[i, j] * image[i : i + h - 2, j : j + w - 2] for i in range(3) for j in range(3))
    pooled = out.reshape((2, 2, 2, 2)).max(axis=(1, 3))
    random = np.random.default_rng(5)
    return Graph(
        [image, kernel],
        [out, pooled, pt.grad(pooled.sum(), kernel)],
        [],
        [random.normal(size=(h, w)), random.normal(size=(3, 3))],
    )


def adam() -> Graph:
    """The optimizer with its counter, two moments a weight, and bias correction."""
    x, y = pt.dmatrix("x"), pt.dvector("y")
    w = pytensor.shared(np.array([1.0, -1.0]), name="w")
    m, v = (pytensor.shared(np.zeros(2), name=name) for name in "mv")
    t = pytensor.shared(np.int64(0), name="t")
    loss = ((x @ w - y) ** 2).mean()
    g = pt.grad(loss, w)
    now = t + 1
    first, second = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    step = 0.01 * (first / (1 - 0.9**now)) / (pt.sqrt(second / (1 - 0.999**now)) + 1e-8)
    random = np.random.default_rng(6)
    return Graph(
        [x, y],
        [loss],
        [(t, now), (m, first), (v, second), (w, w - step)],
        [random.normal(size=(5, 2)), random.normal(size=5)],
    )


def clipped_gradients() -> Graph:
    """Gradients by their norm, with grad_clip inside and a stop of the gradient."""
    from pytensor.gradient import disconnected_grad, grad_clip

    x, w = pt.dvector("x"), pt.dvector("w")
    inner = grad_clip(w * x, -0.5, 0.5)
    cost = (inner**2).sum() + (disconnected_grad(w) * w).sum()
    g = pt.grad(cost, w)
    norm = pt.sqrt((g**2).sum())
    return Graph(
        [x, w], [g * pt.minimum(1.0, 1.0 / norm), norm], [], [np.array([1.0, 3.0]), np.array([2.0, -1.0])]
    )


def autoencoder_with_tied_weights() -> Graph:
    """One matrix read twice, once turned; binary cross-entropy by the library's own function."""
    random = np.random.default_rng(7)
    x = pt.dmatrix("x")
    w = pytensor.shared(random.normal(size=(5, 2)), name="w")
    seen = pt.sigmoid(pt.tanh(x @ w) @ w.T)
    loss = -(x * pt.log(seen) + (1 - x) * pt.log1p(-seen)).sum(axis=1).mean()
    value = (random.random((4, 5)) > 0.5).astype(float)
    return Graph([x], [loss], [(w, w - 0.1 * pt.grad(loss, w))], [value])


GRAPHS = by_name(
    perceptron_with_integer_labels,
    softmax_cross_entropy_as_written,
    attention,
    layer_norm_and_gelu,
    batch_norm_with_running_means,
    convolution_in_one_dimension,
    convolution_by_shifted_images,
    adam,
    clipped_gradients,
    autoencoder_with_tied_weights,
)
