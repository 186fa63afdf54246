"""Update pairs are expressions: building them compiles and changes nothing."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.graph.traversal import ancestors
from pytensor.tensor.type_other import NoneTypeT

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
        with pytest.raises(InputError, match=r"^learning_rate: found"):
            rule(p**2, [p], rate)


def test_bad_momentum_and_cost():
    p = pytensor.shared(1.0, name="p")
    with pytest.raises(InputError, match=r"^decay: found"):
        graphs.momentum(p**2, [p], 0.1, 1.0)
    with pytest.raises(InputError, match=r"^cost: found a Variable of 1 dimensions; allowed: a scalar"):
        graphs.gradients(p * pt.ones(3), [p])


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (lambda g: g.w, "parameters: found w, a Variable of"),
        (lambda g: None, "parameters: found None"),
        (lambda g: [], r"parameters: found \[\]"),
        (lambda g: [g.x], r"parameters: found x, a Variable of Matrix\(float64"),
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


def test_what_holds_no_numbers_has_no_gradient():
    nothing, p = NoneTypeT()("nothing"), pytensor.shared(1.0, name="p")
    with pytest.raises(InputError, match=r"^cost: found nothing, a Variable of NoneTypeT"):
        graphs.gradients(nothing, [p])
    with pytest.raises(InputError, match=r"^cost: found whole, a Variable of Scalar\(int64"):
        graphs.gradients(pt.lscalar("whole"), [p])


@pytest.mark.parametrize("rate", [1e300, 1e-60])
def test_a_learning_rate_is_one_in_the_parameters_dtype(rate):
    graph = graphs.logistic_graph(np.zeros(3), dtype="float32")
    for rule in (graphs.gradient_descent, graphs.momentum):
        with pytest.raises(InputError, match=r"learning_rate: found .*float32 can hold"):
            rule(graph.cost, [graph.w], rate)
    if rate < 1:
        with pytest.raises(InputError, match=r"^decay: found 1e-60; .*float32 can hold"):
            graphs.momentum(graph.cost, [graph.w], 0.1, rate)


@pytest.mark.parametrize("decay", [-1e-9, 1.0, float("nan")])
def test_a_velocity_decays_by_a_factor_from_0_up_to_1(decay):
    p = pytensor.shared(1.0, name="p")
    with pytest.raises(InputError, match=r"^decay: found .*; allowed: a finite number ≥ 0 and < 1"):
        graphs.momentum(p**2, [p], 0.1, decay)
    (velocity, change), _ = graphs.momentum(p**2, [p], 0.1, 0.0)  # no velocity is kept: plain descent
    velocity.set_value(100.0)
    assert change.eval(mode="FAST_COMPILE") == pytest.approx(2)


def test_what_is_left_out_is_a_tenth_and_nine_tenths():
    p = pytensor.shared(3.0, name="p")
    ((_, stepped),) = graphs.gradient_descent(p**2, [p])
    assert stepped.eval(mode="FAST_COMPILE") == pytest.approx(3 - 0.1 * 6)
    (velocity, change), (_, moved) = graphs.momentum(p**2, [p])
    assert velocity.get_value() == 0
    velocity.set_value(2.0)
    assert change.eval(mode="FAST_COMPILE") == pytest.approx(0.9 * 2 + 6)
    assert moved.eval(mode="FAST_COMPILE") == pytest.approx(3 - 0.1 * (0.9 * 2 + 6))


@pytest.mark.parametrize("rule", [graphs.gradient_descent, graphs.momentum])
def test_smallest_learning_rates_are_allowed_and_zero_is_not(rule):
    p = pytensor.shared(1.0, name="p")
    rule(p**2, [p], 5e-324)
    with pytest.raises(InputError, match=r"^learning_rate: found 0; allowed: a finite number > 0"):
        rule(p**2, [p], 0)


def test_velocities_are_named_after_their_parameters_and_of_their_kind():
    w = pytensor.shared(np.ones((2, 3), "float32"), name="w")
    nameless = pytensor.shared(np.ones(4))
    pairs = graphs.momentum((w**2).sum() + (nameless**2).sum(), [w, nameless])
    assert [shared.name for shared, _ in pairs] == ["vw", "w", "v", None]
    assert [new.dtype for _, new in pairs] == ["float32", "float32", "float64", "float64"]
    np.testing.assert_array_equal(pairs[0][0].get_value(), np.zeros((2, 3)))
    assert pairs[0][0].get_value().dtype == "float32"
    assert {gradient.name for gradient in graphs.gradients((nameless**2).sum(), [nameless])} == {"g"}
    step = pytensor.function([], [], updates=pairs, mode="FAST_COMPILE")
    step()
    np.testing.assert_allclose(pairs[0][0].get_value(), 2, rtol=1e-6)
    np.testing.assert_allclose(w.get_value(), 0.8, rtol=1e-6)


def test_gradient_descent_of_single_precision_stays_there():
    w = pytensor.shared(np.ones(3, "float32"), name="w")
    ((shared, new),) = graphs.gradient_descent((w**2).sum(), [w], 0.25)
    assert shared is w
    assert new.dtype == "float32"
    np.testing.assert_array_equal(new.eval(mode="FAST_COMPILE"), np.full(3, 0.5, "float32"))
