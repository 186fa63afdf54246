"""What else than inputs and outputs ``pytensor.function`` is given."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.io import In, Out
from pytensor.raise_op import Assert

from tests.inspection.corpus.graph import Graph, by_name


def accumulator() -> Graph:
    """The documentation's accumulator: the state as it was is returned, and added to."""
    state = pytensor.shared(0, name="state")
    n = pt.iscalar("n")
    return Graph([n], [state], [(state, state + n)], [np.int32(5)])


def values_swapped() -> Graph:
    """Two shared variables that take each other's value, a third that takes its own half."""
    a = pytensor.shared(np.arange(3.0), name="a")
    b = pytensor.shared(np.ones(3), name="b")
    c = pytensor.shared(np.full(2, 8.0), name="c")
    return Graph([], [a + b], [(a, b), (b, a), (c, c / 2)])


def nothing_returned() -> Graph:
    """Only updates."""
    x, total = pt.dvector("x"), pytensor.shared(np.zeros(2), name="total")
    return Graph([x], None, [(total, total + x)], [np.array([1.0, 2.0])])


def one_output_by_itself() -> Graph:
    """An output that is no list, unnamed, of an unnamed input."""
    x = pt.dvector()
    return Graph([x], x * 2, [], [np.ones(2)])


def the_same_output_three_times() -> Graph:
    """Duplicates, one of them by another name for the same expression."""
    x = pt.dvector("x")
    y = pt.exp(x)
    return Graph([x], [y, y, pt.exp(x), y + 0], [], [np.ones(3)])


def inputs_and_constants_as_outputs() -> Graph:
    """An input, a constant, a shared variable and an expression of none of them."""
    x = pt.dvector("x")
    s = pytensor.shared(np.ones(2), name="s")
    return Graph([x], [x, pt.constant(3.0), s, pt.zeros(3), x[:]], [], [np.arange(2.0)])


def defaults_and_names() -> Graph:
    """The documentation's function with default values, called without them."""
    x, y, w = pt.dscalar("x"), pt.dscalar("y"), pt.dscalar("w")
    return Graph(
        [x, In(y, value=pytensor.shared(1.0)), In(w, value=pytensor.shared(2.0), name="w_by_name")],
        [(x + y) * w],
        [],
        [33.0],
    )


def state_without_a_shared_variable() -> Graph:
    """An input with a value and an update of its own."""
    x, s = pt.dvector("x"), pt.dvector("s")
    return Graph(
        [x, In(s, value=pytensor.shared(np.zeros(2)), update=s + x, name="s")], [s * 2], [], [np.ones(2)]
    )


def inputs_that_may_be_overwritten() -> Graph:
    """mutable and borrow: the function may work in the caller's memory."""
    x, y = pt.dmatrix("x"), pt.dvector("y")
    z = pt.exp(x) + y
    return Graph(
        [In(x, mutable=True), In(y, borrow=True)],
        [Out(z, borrow=True), Out(z.sum(axis=0))],
        [],
        [np.zeros((2, 3)), np.arange(3.0)],
    )


def inputs_given_by_others() -> Graph:
    """givens: a batch cut from shared data by an index, as Theano's tutorials train."""
    random = np.random.default_rng(1)
    data = pytensor.shared(random.normal(size=(10, 3)), name="data")
    labels = pytensor.shared(random.integers(0, 2, 10), name="labels")
    w = pytensor.shared(np.zeros(3), name="w")
    x, y, i = pt.dmatrix("x"), pt.lvector("y"), pt.lscalar("i")
    loss = ((pt.sigmoid(x @ w) - y) ** 2).mean()
    batch = slice(i * 4, (i + 1) * 4)
    return Graph(
        [i],
        [loss],
        [(w, w - pt.grad(loss, w))],
        [1],
        options={"givens": [(x, data[batch]), (y, labels[batch])]},
    )


def inputs_nobody_reads() -> Graph:
    """One input that the output does not need."""
    x, unused = pt.dvector("x"), pt.dmatrix("unused")
    return Graph([x, unused], [x + 1], [], [np.ones(2), np.ones((1, 1))])


def checked_inside() -> Graph:
    """An assertion that holds, and a shape that is specified."""
    x = pt.dvector("x")
    positive = Assert("not positive")(x, pt.all(x > 0))
    return Graph([x], [pt.log(positive)], [], [np.array([1.0, 2.0])])


def assertion_that_fails() -> Graph:
    """The function raises at this call."""
    x = pt.dvector("x")
    positive = Assert("not positive")(x, pt.all(x > 0))
    return Graph([x], [pt.sqrt(abs(positive))], [], [np.array([1.0, -2.0])])


def shapes_that_do_not_fit() -> Graph:
    """The function raises at this call: a product of what cannot be multiplied."""
    x, y = pt.dmatrix("x"), pt.dmatrix("y")
    return Graph([x, y], [(x @ y).sum()], [], [np.ones((2, 3)), np.ones((2, 3))])


def index_out_of_range() -> Graph:
    """The function raises at this call."""
    x, i = pt.dvector("x"), pt.lscalar("i")
    return Graph([x, i], [x[i] * 2, x.sum()], [], [np.arange(3.0), 7])


def views_of_one_memory() -> Graph:
    """Outputs that are views of an input and of each other, beside one written in place."""
    x = pt.dmatrix("x")
    y = x * 2
    return Graph(
        [x], [x.T, x[0], y, y[::-1], pt.set_subtensor(y[0], 0.0)], [], [np.arange(4.0).reshape(2, 2)]
    )


def long_chain() -> Graph:
    """Three hundred nodes, one after the other, and back again for the gradient."""
    x = pt.dvector("x")
    y = x
    for _ in range(40):
        y = pt.tanh(y) * 0.9 + x
    return Graph([x], [y, pt.grad(y.sum(), x)], [], [np.array([0.3, -0.2])])


GRAPHS = by_name(
    accumulator,
    values_swapped,
    nothing_returned,
    one_output_by_itself,
    the_same_output_three_times,
    inputs_and_constants_as_outputs,
    defaults_and_names,
    state_without_a_shared_variable,
    inputs_that_may_be_overwritten,
    inputs_given_by_others,
    inputs_nobody_reads,
    checked_inside,
    assertion_that_fails,
    shapes_that_do_not_fit,
    index_out_of_range,
    views_of_one_memory,
    long_chain,
)
