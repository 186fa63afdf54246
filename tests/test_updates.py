"""Update pairs are expressions: building them compiles and changes nothing."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.graph.traversal import ancestors

import graphs
from graphs.errors import InputError


def test_gradients_carry_the_originals_names():
    graph = graphs.logistic_graph(np.zeros(3))
    gw, gb = graphs.gradients(graph.cost, [graph.w, graph.b])
    assert (gw.name, gb.name) == ("gw", "gb")


@pytest.mark.parametrize("rule", [graphs.gradient_descent, graphs.momentum])
def test_the_graph_and_the_parameters_are_left_alone(rule):
    graph = graphs.logistic_graph(np.array([1.0, 2.0]))
    before = pytensor.dprint(graph.cost, file="str")
    pairs = rule(graph.cost, [graph.w, graph.b])
    assert pytensor.dprint(graph.cost, file="str") == before
    np.testing.assert_array_equal(graph.w.get_value(), [1, 2])
    assert all(shared.type == new.type for shared, new in pairs)


def test_every_gradient_is_taken_before_the_step():
    graph = graphs.logistic_graph(np.zeros(3))
    (_, new_w), (_, new_b) = graphs.gradient_descent(graph.cost, [graph.w, graph.b])
    assert new_w not in set(ancestors([new_b]))
    assert new_b not in set(ancestors([new_w]))


def test_gradient_descent_and_momentum_on_a_parabola():
    start, rate, decay = 3.0, 0.1, 0.5
    p, v = start, 0.0
    for _ in range(3):
        v = decay * v - rate * 2 * p
        p += v
    shared = pytensor.shared(np.float64(start), name="p")
    step = pytensor.function(
        [], [], updates=graphs.momentum(shared**2, [shared], rate, decay), mode="FAST_COMPILE"
    )
    for _ in range(3):
        step()
    assert shared.get_value() == pytest.approx(p, rel=1e-15)
    shared.set_value(start)
    descend = pytensor.function(
        [], [], updates=graphs.gradient_descent(shared**2, [shared], rate), mode="FAST_COMPILE"
    )
    descend()
    assert shared.get_value() == pytest.approx(start - rate * 2 * start, rel=1e-15)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_bad_learning_rates(rate):
    p = pytensor.shared(1.0, name="p")
    for rule in (graphs.gradient_descent, graphs.momentum):
        with pytest.raises(InputError, match="learning_rate"):
            rule(p**2, [p], rate)


def test_bad_momentum_and_cost():
    p = pytensor.shared(1.0, name="p")
    with pytest.raises(InputError, match="decay"):
        graphs.momentum(p**2, [p], 0.1, 1.0)
    with pytest.raises(InputError, match="scalar"):
        graphs.gradients(p * pt.ones(3), [p])


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (lambda g: g.w, "parameters: found w, a Variable of"),
        (lambda g: None, "parameters: found None"),
        (lambda g: [], r"parameters: found \[\]"),
        (lambda g: [g.x], "parameters: found x, a Variable of"),
        (lambda g: [np.zeros(3)], "parameters: found array"),
        (lambda g: [g.w, g.b, g.w], "parameters: found w, .*, twice"),
        (lambda g: [pytensor.shared(1.0, name="other")], "parameters: found other, .*, not in the cost"),
    ],
)
def test_what_cannot_take_a_step_is_refused(parameters, said):
    graph = graphs.logistic_graph(np.zeros(3))
    for rule in (graphs.gradients, graphs.gradient_descent, graphs.momentum):
        with pytest.raises(InputError, match=said):
            rule(graph.cost, parameters(graph))
        with pytest.raises(InputError, match="cost: found 'x'"):
            rule("x", [graph.w])


@pytest.mark.parametrize("rate", [1e300, 1e-60])
def test_a_learning_rate_is_one_in_the_parameters_dtype(rate):
    graph = graphs.logistic_graph(np.zeros(3), dtype="float32")
    for rule in (graphs.gradient_descent, graphs.momentum):
        with pytest.raises(InputError, match=r"learning_rate: found .*float32 can hold"):
            rule(graph.cost, [graph.w], rate)
