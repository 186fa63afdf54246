"""The optimum to its last digits, whatever the scale of the features; the certificate is an inequality."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from graphs.errors import InputError
from graphs.solving import Certificate, Optimum, certify, find_optimum
from tests.by_hand import ByHand


def scaled(*scales):
    """Sixty samples whose features are so much larger or smaller than each other."""
    stream = np.random.RandomState(0)
    x = stream.randn(60, len(scales)) * np.array(scales)
    return x, (stream.rand(60) < expit(x[:, 0])).astype(int)


@pytest.mark.parametrize("scales", [(1.0, 1.0, 1.0), (1.0, 1e-3, 30.0, 300.0), (1.0, 30.0, 1000.0)])
def test_the_gradient_vanishes_to_the_last_digits_at_any_scale(scales):
    x, y = scaled(*scales)
    learner = ByHand(np.full(len(scales), 0.1), 0.5)
    optimum = find_optimum(learner, x, y)
    assert optimum.evaluations == learner.evaluated
    np.testing.assert_array_equal(learner.w, np.full(len(scales), 0.1))  # as it stood before
    assert learner.b == 0.5
    assert optimum.gradient_norm < 5e-14
    there = ByHand(optimum.w, optimum.b)
    _, _, cost, gw, gb = there.evaluate(x, y)
    assert optimum.cost == cost
    if max(scales) <= 100:  # the features are solved for as they are
        assert optimum.gradient_norm == pytest.approx(np.linalg.norm([*gw, gb]), rel=1e-12)
    for step in np.eye(len(optimum.w)) * 1e-3:  # the cost rises whichever way one goes
        for sign in (-1, 1):
            assert ByHand(optimum.w + sign * step, optimum.b).evaluate(x, y)[2] > cost
            assert ByHand(optimum.w, optimum.b + sign * 1e-3).evaluate(x, y)[2] > cost


def test_it_is_looked_for_from_where_the_learner_stands_and_belongs_to_the_caller():
    class Watched(ByHand):
        written = ()

        def write(self, state):
            self.written += ([*state["w"], float(state["b"])],)
            super().write(state)

    x, y = scaled(1.0, 1.0, 1.0)
    learner = Watched([3.0, -4.0, 5.0], 2.0)
    optimum = find_optimum(learner, x, y)
    assert learner.written[0] == learner.written[-1] == [3.0, -4.0, 5.0, 2.0]
    assert isinstance(optimum.b, float)
    assert optimum.w.base is None  # no view of what the solver holds


def test_more_state_than_the_parameters_is_left_as_it_is():
    class WithVelocity(ByHand):
        velocity = 7.0

        def read(self):
            return {**super().read(), "vw": np.array(self.velocity)}

        def write(self, state):
            super().write(state)
            self.velocity = float(state["vw"])

    x, y = scaled(1.0, 1.0)
    learner = WithVelocity([0.0, 0.0])
    find_optimum(learner, x, y)
    assert learner.velocity == 7.0


def test_the_parameters_are_put_back_when_the_solver_fails():
    class Broken(ByHand):
        def evaluate(self, x, y):
            if self.evaluated == 3:
                raise ArithmeticError("broken")
            return super().evaluate(x, y)

    x, y = scaled(1.0, 1.0)
    learner = Broken([0.25, -0.5], 0.125)
    with pytest.raises(ArithmeticError, match="broken"):
        find_optimum(learner, x, y)
    np.testing.assert_array_equal([*learner.w, learner.b], [0.25, -0.5, 0.125])


@pytest.mark.parametrize("target", [0, 1])
def test_one_class_alone_has_no_optimum(target):
    x, _ = scaled(1.0, 1.0)
    learner = ByHand([0.0, 0.0])
    with pytest.raises(InputError, match=f"^y: found only the target {target}; allowed: both targets"):
        find_optimum(learner, x, np.full(60, target))
    assert learner.evaluated == 0


def test_the_certificate_is_the_inequality_up_to_rounding():
    optimum = Optimum(np.array([1.0, 2.0]), 0.5, cost=0.5, gradient_norm=0.0, evaluations=1)
    w = np.array([4.0, 6.0])  # 5 away
    assert certify(0.75, w, optimum, 0.01) == Certificate(0.25, 5.0, 0.25, holds=True)
    assert not certify(0.5 + 0.2, w, optimum, 0.01).holds
    at_it = certify(0.5, optimum.w, optimum, 0.01)
    assert at_it == Certificate(0.0, 0.0, 0.0, holds=True)
    ulp = np.finfo(np.float64).eps
    # A cost below the optimum's by no more than their rounding is none; 8 ulp of the larger of the two.
    assert certify(0.5 - 4 * ulp, optimum.w, optimum, 0.01).holds
    assert not certify(0.5 - 4.5 * ulp, optimum.w, optimum, 0.01).holds
    high = Optimum(optimum.w, 0.5, cost=100.0, gradient_norm=0.0, evaluations=1)
    assert certify(100 * (1 - 7 * ulp), optimum.w, high, 0.01).holds
    assert not certify(100 * (1 - 9 * ulp), optimum.w, high, 0.01).holds
    assert certify(-100 * (1 + 7 * ulp), optimum.w, Optimum(optimum.w, 0.5, -100.0, 0.0, 1), 0.01).holds
    assert isinstance(at_it.holds, bool)
    assert isinstance(certify(np.float32(0.75), w, optimum, 0.01).cost_gap, float)
