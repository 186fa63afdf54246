"""Graphs of every kind that nobody here wrote a rewrite for: (inputs, outputs, updates, values)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor
import pytensor.sparse as sparse
import pytensor.tensor as pt
import scipy.sparse
from pytensor.compile.builders import OpFromGraph

try:
    from pytensor.conditional.op import ifelse
except ImportError:  # PyTensor 3.0
    from pytensor.ifelse import ifelse

Graph = tuple[list[Any], list[Any], list[Any], list[Any]]
random = np.random.default_rng(1)


def scan_loop() -> Graph:
    x = pt.dvector("x")
    states = pytensor.scan(lambda s: pt.tanh(s) * 1.5, outputs_info=x, n_steps=5, return_updates=False)
    return [x], [states[-1], pt.grad(states[-1].sum(), x)], [], [np.array([0.1, 2.0, -3.0])]


def random_variables() -> Graph:
    rng = pytensor.shared(np.random.default_rng(5), name="rng")
    scale = pt.dscalar("scale")
    new, draw = pt.random.normal(0, scale, size=(4,), rng=rng, return_next_rng=True)
    return [scale], [draw * 2], [(rng, new)], [np.array(3.0)]


def advanced_indexing() -> Graph:
    x, i = pt.dmatrix("x"), pt.lvector("i")
    y = pt.set_subtensor(x[i, 0], 7.0)
    return (
        [x, i],
        [x[i] + 1, y.sum(axis=0), pt.inc_subtensor(x[1:, ::2], 1.0)],
        [],
        [np.arange(12.0).reshape(3, 4), np.array([0, 2, 2])],
    )


def if_else() -> Graph:
    c, x = pt.bscalar("c"), pt.dvector("x")
    return [c, x], [ifelse(c, pt.log(x), pt.exp(x)) + 1], [], [np.int8(0), np.array([1.0, 2.0])]


def sparse_product() -> Graph:
    a = sparse.csr_matrix("a", dtype="float64")
    v = pt.dmatrix("v")
    value = scipy.sparse.csr_matrix(np.array([[0.0, 1.0], [2.0, 0.0], [0.0, 3.0]]))
    return [a, v], [sparse.structured_dot(a, v), a * 2.0], [], [value, np.ones((2, 2))]


def linear_algebra() -> Graph:
    a, b = pt.dtensor3("a"), pt.dtensor3("b")
    spd = random.standard_normal((2, 3, 3))
    spd = spd @ spd.transpose(0, 2, 1) + np.eye(3)
    solved = pt.linalg.solve(a, b)
    return [a, b], [solved, pt.linalg.cholesky(a), pt.linalg.det(a)], [], [spd, np.ones((2, 3, 1))]


def op_from_graph() -> Graph:
    a, b = pt.dvectors("ab")
    inner = OpFromGraph([a, b], [pt.exp(a) * b, a + b])
    x = pt.dvector("x")
    first, second = inner(x, x + 1)
    return [x], [first - second], [], [np.array([0.5, 1.0])]


def several_outputs() -> Graph:
    x = pt.dmatrix("x")
    s = pytensor.shared(np.zeros(3), name="s")
    values, indices = pt.max_and_argmax(x, axis=1)
    return [x], [values, indices, x, s, x], [(s, s + x.sum(axis=0))], [np.arange(6.0).reshape(2, 3)]


def no_inputs() -> Graph:
    s = pytensor.shared(2.0, name="s")
    return [], [pt.exp(s) + pt.arange(3), pt.as_tensor(4.0)], [(s, s + 1)], []


def integers() -> Graph:
    i, j = pt.ivector("i"), pt.lvector("j")
    return [i, j], [i // (j + 1), i % 3, i > j, -i, i / 2], [], [np.arange(4, dtype="int32"), np.arange(4)]


def complex_numbers() -> Graph:
    z = pt.zvector("z")
    return [z], [abs(z) ** 2, pt.exp(z) * pt.conj(z), z.real + z.imag], [], [np.array([1 + 2j, -1j])]


def thousand_nodes() -> Graph:
    x = pt.dvector("x")
    terms = [pt.sin(x * k) / (1 + x[::-1] ** 2 + pt.cos(x + k)) for k in range(2, 78)]
    while len(terms) > 1:  # a balanced tree: PyTensor 3.0 recurses as deep as a graph is
        terms = [a + b for a, b in zip(terms[::2], terms[1::2], strict=False)] + terms[len(terms) & ~1 :]
    return [x], terms, [], [np.array([0.3, 0.7])]


def textbook_cross_entropy() -> Graph:
    x, y = pt.dmatrix("x"), pt.dvector("y")
    w = pytensor.shared(random.standard_normal(20) * 40, name="w")
    p = 1 / (1 + pt.exp(-pt.dot(x, w)))
    xent = -y * pt.log(p) - (1 - y) * pt.log(1 - p)
    xent.name = "xent"
    cost = xent.mean() + 0.01 * (w**2).sum()
    values = [random.standard_normal((30, 20)), random.integers(0, 2, 30).astype(float)]
    return [x, y], [xent], [(w, w - 0.1 * pt.grad(cost, w))], values


ODD_GRAPHS: dict[str, Callable[[], Graph]] = {
    make.__name__: make
    for make in (
        scan_loop,
        random_variables,
        advanced_indexing,
        if_else,
        sparse_product,
        linear_algebra,
        op_from_graph,
        several_outputs,
        no_inputs,
        integers,
        complex_numbers,
        thousand_nodes,
        textbook_cross_entropy,
    )
}
