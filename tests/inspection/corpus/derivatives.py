"""Derivatives beyond one gradient, and graphs made from graphs."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.builders import OpFromGraph
from pytensor.gradient import hessian, jacobian
from pytensor.graph.replace import clone_replace, graph_replace, vectorize_graph

from tests.inspection.corpus.graph import Graph, by_name

try:
    from pytensor.gradient import pullback, pushforward
except ImportError:  # an older PyTensor
    from pytensor.gradient import Lop as pullback
    from pytensor.gradient import Rop as pushforward


def jacobian_of_polar_coordinates() -> Graph:
    """By a Scan over the outputs, and its determinant."""
    p = pt.dvector("p")
    cartesian = pt.stack([p[0] * pt.cos(p[1]), p[0] * pt.sin(p[1])])
    j = jacobian(cartesian, p)
    return Graph([p], [j, pt.linalg.det(j)], [], [np.array([2.0, 0.7])])


def jacobian_by_vectorizing() -> Graph:
    """The same kind of matrix without a loop."""
    x, w = pt.dvector("x"), pt.dmatrix("w")
    j = jacobian(pt.tanh(w @ x), x, vectorize=True)
    random = np.random.default_rng(1)
    return Graph([x, w], [j], [], [random.normal(size=3), random.normal(size=(4, 3))])


def hessian_of_rosenbrock() -> Graph:
    """Value, gradient and second derivatives, and one Newton step."""
    x = pt.dvector("x")
    f = (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
    g, h = pt.grad(f, x), hessian(f, x)
    return Graph([x], [f, g, h, x - pt.linalg.solve(h, g)], [], [np.array([-1.2, 1.0, 0.5])], condition=1e3)


def products_with_a_jacobian() -> Graph:
    """From the right and from the left, as the documentation has them."""
    w, x, v = pt.dmatrix("w"), pt.dvector("x"), pt.dvector("v")
    y = pt.exp(w @ x)
    random = np.random.default_rng(2)
    return Graph(
        [w, x, v],
        [pushforward(y, x, v), pullback(y, x, v)],
        [],
        [random.normal(size=(3, 3)), random.normal(size=3), np.ones(3)],
    )


def gradient_of_a_gradient() -> Graph:
    """A penalty on the gradient's norm, itself descended."""
    x, w = pt.dvector("x"), pt.dvector("w")
    f = pt.log1p(pt.exp(w @ x))
    g = pt.grad(f, x)
    penalty = (pt.sqrt((g**2).sum()) - 1) ** 2
    return Graph([x, w], [penalty, pt.grad(penalty, w)], [], [np.array([0.3, -0.7]), np.array([1.0, 2.0])])


def inputs_that_do_not_matter() -> Graph:
    """A gradient by what the cost does not read, returned as zeros."""
    x, y = pt.dvector("x"), pt.dvector("y")
    gx, gy = pt.grad((x**2).sum(), [x, y], disconnected_inputs="ignore", return_disconnected="zero")
    return Graph([x, y], [gx, gy], [], [np.array([1.0, 2.0]), np.array([3.0, 4.0])])


def many_at_once_by_vectorize_graph() -> Graph:
    """A density written for one point, made one for a batch."""
    x, a = pt.dvector("x"), pt.dmatrix("a")
    one = -0.5 * x @ pt.linalg.solve(a, x, b_ndim=1) - pt.log(pt.linalg.det(a))
    xs = pt.dmatrix("xs")
    many = vectorize_graph(one, replace={x: xs})
    random = np.random.default_rng(3)
    spd = random.normal(size=(3, 3))
    return Graph([xs, a], [many], [], [random.normal(size=(4, 3)), spd @ spd.T + np.eye(3)])


def vectorized_like_numpy() -> Graph:
    """``pt.vectorize`` with a signature."""
    x, y = pt.dtensor3("x"), pt.dvector("y")
    norm = pt.vectorize(lambda row, y: pt.sqrt(((row - y) ** 2).sum()), signature="(n),(n)->()")
    return Graph([x, y], [norm(x, y)], [], [np.arange(12.0).reshape(2, 2, 3), np.ones(3)])


def parts_replaced() -> Graph:
    """clone_replace and graph_replace: one expression at two places, and with a part put in."""
    x, y = pt.dvector("x"), pt.dvector("y")
    inner = pt.sin(x)
    f = pt.exp(inner).sum()
    return Graph(
        [x, y],
        [f, clone_replace(f, {x: x + y}), graph_replace(f, {inner: y * 2})],
        [],
        [np.array([0.1, 0.2]), np.array([1.0, -1.0])],
    )


def own_gradient_by_op_from_graph() -> Graph:
    """A straight-through step: an OpFromGraph whose gradient is not that of its formula."""
    a = pt.dvector("a")
    rounds = OpFromGraph(
        [a],
        [pt.switch(a > 0, 1.0, 0.0)],
        pullback=lambda inputs, outputs, slopes: [slopes[0]],
        name="straight_through",
    )
    x = pt.dvector("x")
    y = rounds(x) * x
    return Graph([x], [y, pt.grad(y.sum(), x)], [], [np.array([0.5, -0.5])])


def op_from_graph_in_op_from_graph() -> Graph:
    """Inlined and not, one in the other, one of them with a shared variable inside."""
    a, b = pt.dscalars("ab")
    scale = pytensor.shared(3.0, name="scale")
    hypot = OpFromGraph([a, b], [pt.sqrt(a**2 + b**2)], name="hypot")
    twice = OpFromGraph([a, b, scale], [hypot(a, b) * scale + hypot(b, a)], inline=True, name="twice")
    x, y = pt.dscalars("xy")
    z = twice(x, y, scale)
    return Graph([x, y], [z, *pt.grad(z, [x, y])], [(scale, scale + 1)], [3.0, 4.0])


def solved_by_an_inner_optimizer() -> Graph:
    """A root found inside the graph, and its gradient by the implicit function theorem."""
    from pytensor.tensor.optimize import root

    x, a = pt.dvector("x"), pt.dscalar("a")
    found, success = root(x**2 - a, x, method="hybr")
    return Graph([x, a], [found, success], [], [np.array([1.0, 2.0]), 2.0], condition=1e4)


GRAPHS = by_name(
    jacobian_of_polar_coordinates,
    jacobian_by_vectorizing,
    hessian_of_rosenbrock,
    products_with_a_jacobian,
    gradient_of_a_gradient,
    inputs_that_do_not_matter,
    many_at_once_by_vectorize_graph,
    vectorized_like_numpy,
    parts_replaced,
    own_gradient_by_op_from_graph,
    op_from_graph_in_op_from_graph,
    solved_by_an_inner_optimizer,
)
