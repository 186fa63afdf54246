"""Ops of the user's own, in Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.ops import wrap_py
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

from tests.inspection.corpus.graph import Graph, by_name


class TimesTwo(Op):
    """The documentation's first Op, with a gradient."""

    __props__ = ()

    def make_node(self, x: Any) -> Apply:
        x = pt.as_tensor(x)
        return Apply(self, [x], [x.type()])

    def perform(self, node: Apply, inputs: Any, outputs: Any) -> None:
        outputs[0][0] = inputs[0] * 2

    def pullback(self, inputs: Any, outputs: Any, gradients: Any) -> Any:
        return [gradients[0] * 2]

    if not hasattr(Op, "pullback"):  # PyTensor 3.0
        L_op = pullback


class LogLikelihood(Op):
    """A black-box likelihood, as PyMC's examples wrap one: no gradient, a function inside."""

    __props__ = ("sigma",)

    def __init__(self, sigma: float) -> None:
        self.sigma = sigma

    def make_node(self, theta: Any, data: Any) -> Apply:
        return Apply(self, [pt.as_tensor(theta), pt.as_tensor(data)], [pt.dscalar()])

    def perform(self, node: Apply, inputs: Any, outputs: Any) -> None:
        theta, data = inputs
        line = theta[0] * np.arange(len(data)) + theta[1]
        outputs[0][0] = np.asarray(-0.5 * (((data - line) / self.sigma) ** 2).sum())


class SortedInPlace(Op):
    """Overwrites its input, and says so."""

    __props__ = ()
    destroy_map = {0: [0]}  # noqa: RUF012  # as PyTensor declares it

    def make_node(self, x: Any) -> Apply:
        x = pt.as_tensor(x)
        return Apply(self, [x], [x.type()])

    def perform(self, node: Apply, inputs: Any, outputs: Any) -> None:
        inputs[0].sort()
        outputs[0][0] = inputs[0]


class Halves(Op):
    """Two outputs, one of them a view."""

    __props__ = ()
    view_map = {0: [0]}  # noqa: RUF012

    def make_node(self, x: Any) -> Apply:
        x = pt.as_tensor(x)
        return Apply(self, [x], [x.type(), x.type()])

    def perform(self, node: Apply, inputs: Any, outputs: Any) -> None:
        middle = len(inputs[0]) // 2
        outputs[0][0] = inputs[0][:middle]
        outputs[1][0] = inputs[0][middle:].copy()


@wrap_py(itypes=[pt.dvector, pt.lscalar], otypes=[pt.dvector])
def rolled_by_numpy(x: Any, n: Any) -> Any:
    return np.roll(x, int(n))


def own_op_with_a_gradient() -> Graph:
    """Between PyTensor's own, and differentiated."""
    x = pt.dvector("x")
    y = pt.exp(TimesTwo()(pt.log(x)))
    return Graph([x], [y, pt.grad(y.sum(), x)], [], [np.array([1.0, 3.0])])


def black_box_likelihood() -> Graph:
    """An Op without a gradient, beside a prior."""
    theta, data = pt.dvector("theta"), pt.dvector("data")
    logp = LogLikelihood(0.5)(theta, data) - 0.5 * (theta**2).sum()
    return Graph([theta, data], [logp], [], [np.array([0.4, 3.0]), np.linspace(3, 7, 5)])


def own_op_in_place() -> Graph:
    """What it overwrites is computed before, and read nowhere else."""
    x = pt.dvector("x")
    return Graph([x], [SortedInPlace()(x * -1.0)], [], [np.array([1.0, 3.0, 2.0])], {"accept_inplace": True})


def own_op_with_a_view() -> Graph:
    """Its first output is a part of its input's memory."""
    x = pt.dvector("x")
    first, second = Halves()(x + 1)
    return Graph([x], [first * 2, second.sum()], [], [np.arange(4.0)])


def wrapped_python_function() -> Graph:
    """``wrap_py`` (once ``as_op``) around NumPy."""
    x, n = pt.dvector("x"), pt.lscalar("n")
    return Graph([x, n], [rolled_by_numpy(x, n) - x], [], [np.arange(4.0), 1])


GRAPHS = by_name(
    own_op_with_a_gradient,
    black_box_likelihood,
    own_op_in_place,
    own_op_with_a_view,
    wrapped_python_function,
)
