"""The optimum to its last digits, whatever the scale of the features; the certificate is an inequality."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy.special import expit

import graphs
from graphs.errors import InputError
from graphs.experiment.checkpoints import load_stage, save_stage
from graphs.listener import Listener
from graphs.models import likelihood_graph
from graphs.solving import (
    METHODS,
    Certificate,
    NoOptimum,
    Optimum,
    Search,
    _Coordinates,
    _norm,
    certify,
    find_optimum,
    least_squares,
    minimize,
)
from graphs.training import Stopped
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
    assert learner.written[1] == learner.written[2] == [0.0] * 4  # which is better, and begun from
    nearer = Watched([0.125, 0.0, 0.0], 0.0)
    find_optimum(nearer, x, y)
    assert nearer.written[:3] == ([0.125, 0.0, 0.0, 0.0], [0.0] * 4, [0.125, 0.0, 0.0, 0.0])
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
    uncertain = Optimum(optimum.w, 0.5, cost=0.5, gradient_norm=0.0, evaluations=1, uncertainty=0.125)
    assert certify(0.375, optimum.w, uncertain, 0.01).holds
    assert not certify(0.374, optimum.w, uncertain, 0.01).holds


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((np.nan, [1.0], 0.01), r"^cost: found nan"),
        ((0.5, [1.0, 2.0], 0.01), r"^w: found an array of shape \(2,\); allowed: an array of shape \(1,\)"),
        ((0.5, [np.inf], 0.01), "^w: found inf"),
        ((0.5, [1.0], -1e-9), "^weight_decay: found -1e-09; allowed: a finite number ≥ 0"),
    ],
)
def test_what_cannot_be_certified_is_refused(arguments, said):
    cost, w, decay = arguments
    optimum = Optimum(np.array([1.0]), 0.5, cost=0.5, gradient_norm=0.0, evaluations=1)
    with pytest.raises(InputError, match=said):
        certify(cost, w, optimum, decay)
    with pytest.raises(InputError, match=r"^optimum: found 0.5"):
        certify(0.5, [1.0], 0.5, 0.01)
    assert certify(0.5, optimum.w, optimum, 0).holds


def test_what_cannot_be_solved_for_is_refused():
    x, y = scaled(1.0, 1.0)
    with pytest.raises(
        InputError, match=r"^learner: found None; allowed: an object with the methods evaluate, read, write"
    ):
        find_optimum(None, x, y)
    with pytest.raises(InputError, match=r"^learner: found 1 of the 2 values of w are not finite"):
        find_optimum(ByHand([np.nan, 0.0]), x, y)
    with pytest.raises(InputError, match=r"^x: found an array of shape"):
        find_optimum(ByHand([0.0, 0.0]), x[:, :1], y)
    with pytest.raises(InputError, match=r"^y: found an array of shape"):
        find_optimum(ByHand([0.0, 0.0]), x, y[:-1])


def test_features_far_from_1_are_brought_to_one_scale_and_back():
    low = [1000.0, -0.5, -300.0, -100.0, 400.0, 1.75e308]
    high = [3000.0, 0.5, -100.0, 100.0, 400.0, 1.75e308]
    to = _Coordinates(np.array([low, high]))
    np.testing.assert_array_equal(to.largest, [3000, 0.5, 300, 100, 400, 1.75e308])
    np.testing.assert_array_equal(to.middle, [2000, 0, -200, 0, 400, 1.75e308])
    np.testing.assert_array_equal(to.scale, [1024, 1, 128, 1, 1, 1])  # half of 2000, of 200
    to = _Coordinates(np.array([low[:5], high[:5]]))
    w, b = np.array([0.5, 2.0, -1.0, 4.0, 0.25]), 3.0
    *v, c = to.point(w, b)
    for row in (low[:5], high[:5]):  # the logits are the same
        assert (np.array(row) - to.middle) / to.scale @ v + c == pytest.approx(row @ w + b)
    back, bias = to.parameters(np.array([*v, c]))
    np.testing.assert_array_equal([*back, bias], [*w, b])
    gw, gb = np.array([1.0, -2.0, 3.0, 0.5, 7.0]), -5.0
    slopes = []
    for one in np.eye(6):  # the chain rule, for a cost that is linear
        w, b = to.parameters(one)
        slopes.append(gw @ w + gb * b)
    np.testing.assert_allclose(to.gradient(gw, gb), slopes, rtol=1e-15)


def test_a_norm_overflows_only_where_it_is_too_large():
    assert _norm(np.array([3e200, -4e200])) == pytest.approx(5e200)
    assert _norm(np.array([0.0, 0.0])) == 0
    assert _norm(np.array([1.0, -np.inf])) == np.inf
    assert np.isnan(_norm(np.array([1.0, np.nan])))
    assert _norm(np.array([0.25])) == 0.25


def test_what_the_cost_is_known_to():
    x, y = scaled(1.0, 1.0, 1000.0)
    optimum = find_optimum(ByHand([0.1, 0.1, 0.1]), x, y)
    rounding = np.finfo(float).eps * (np.abs(x).max(axis=0) @ np.abs(optimum.w) + abs(optimum.b))
    assert optimum.uncertainty == pytest.approx(rounding, rel=1e-6, abs=0)


class Sloping(ByHand):
    """A cost that says of itself that it slopes, and does not."""

    slope, cost = 0.0, 1.0

    def evaluate(self, x, y):
        prediction, xent, *_ = super().evaluate(x, y)
        return prediction, xent, self.cost, np.array([self.slope, 0.0]), 0.0


def test_an_end_of_the_search_where_the_gradient_is_not_0_is_none():
    x, y = scaled(1.0, 1.0)
    learner = Sloping([0.0, 0.0])
    learner.slope = 9e-7
    optimum = find_optimum(learner, x, y)
    assert (optimum.cost, optimum.gradient_norm) == (1.0, pytest.approx(9e-7, abs=0))
    assert optimum.uncertainty == pytest.approx(
        9e-7**2 / 2, rel=1e-6, abs=0
    )  # what a step along it could still gain
    learner.slope = 1e-6
    assert find_optimum(learner, x, y).gradient_norm == 1e-6
    learner.slope = 1.1e-6
    with pytest.raises(NoOptimum, match=r"the gradient is 1\.1e-06 and not 0"):
        find_optimum(learner, x, y)
    np.testing.assert_array_equal([*learner.w, learner.b], [0, 0, 0])
    learner.slope, learner.cost = 0.0, np.nan
    with pytest.raises(NoOptimum):
        find_optimum(learner, x, y)


@pytest.mark.parametrize("problem", [ValueError, ArithmeticError, np.linalg.LinAlgError])
def test_where_no_newton_step_is_to_be_had_the_search_has_come_far_by_itself(monkeypatch, problem):
    def none(*_, **__):
        raise problem("Jacobian inversion yielded zero vector")

    monkeypatch.setattr("scipy.optimize.root", none)
    x, y = scaled(1.0, 1.0, 1.0)
    assert find_optimum(ByHand([0.1, 0.1, 0.1]), x, y).gradient_norm < 2e-8


def test_newtons_steps_are_taken_until_rounding_is_all_that_is_left():
    stream = np.random.RandomState(0)
    x = stream.randn(30, 10) * 20
    y = (stream.rand(30) < expit(x[:, 0] / 20)).astype(int)
    # 1.1e-15 here; 4.1e-14 where the first step that helps is the last, 2.6e-8 without any.
    assert find_optimum(ByHand(np.full(10, 0.1)), x, y).gradient_norm < 1e-14


def test_of_two_equal_beginnings_the_learners_own_is_taken():
    x, y = scaled(1.0, 1.0)
    optimum = find_optimum(Sloping([5.0, -3.0], 2.0), x, y)  # the cost is the same everywhere
    np.testing.assert_array_equal([*optimum.w, optimum.b], [5, -3, 2])


def test_a_step_too_long_is_taken_back_and_not_warned_of():
    class Loud(ByHand):
        def evaluate(self, x, y):
            np.exp(np.array([1e4]))  # overflows
            return super().evaluate(x, y)

    x, y = scaled(1.0, 1.0)
    assert find_optimum(Loud([0.0, 0.0]), x, y).gradient_norm < 1e-13


# The solvers of SciPy, from one graph.
@cache
def objective(mode="NATIVE"):
    graph = graphs.softmax_graph(np.zeros((4, 3)), np.zeros(3), weight_decay=0.02)
    return graphs.compile_objective(graph.cost, [graph.w, graph.b], [graph.x, graph.y], mode)


@cache
def curve(mode="NATIVE"):
    graph = graphs.curve_graph()
    return graphs.compile_residuals(
        graph.residuals, graph.jacobian, graph.parameters, [graph.x, graph.y], mode
    )


def labelled():
    stream = np.random.RandomState(7)
    return stream.randn(50, 4), stream.randint(3, size=50)


@pytest.mark.parametrize("mode", ["CVM", "NATIVE"])
@pytest.mark.parametrize("method", METHODS)
def test_both_methods_find_scikit_learns_optimum(method, mode):
    linear_model = pytest.importorskip("sklearn.linear_model")
    x, y = labelled()
    found = minimize(objective(mode), (x, y), method=method, tolerance=1e-8)
    assert found.converged
    assert found.gradient_norm < 1e-7
    theirs = linear_model.LogisticRegression(C=1 / (2 * 0.02 * 50), tol=1e-10, max_iter=5000).fit(x, y)
    np.testing.assert_allclose(found.parameters["w"].T, theirs.coef_, atol=1e-6)
    assert found.parameters["w"].shape == (4, 3)
    assert found.cost == pytest.approx(objective().cost(found.point, x, y)[0], rel=1e-14)
    assert not objective().start.any()  # the shared values are only read


def test_a_search_may_begin_elsewhere_and_end_before_it_converges():
    x, y = labelled()
    start = np.random.RandomState(0).randn(15)
    found = minimize(objective(), (x, y), start=start, iterations=2, tolerance=1e-11)
    assert not found.converged
    assert found.iterations == 2
    assert found.cost < objective().cost(start, x, y)[0]


def searches():
    x, y = labelled()
    data = graphs.measurements("response")
    none = -np.inf
    return {
        "lbfgs": lambda **how: minimize(objective(), (x, y), tolerance=1e-9, **how),
        "newton": lambda **how: minimize(objective(), (x, y), method="newton", tolerance=1e-9, **how),
        "least squares": lambda **how: least_squares(
            curve(), (data.x, data.y), least=(none, none, 0, none), **how
        ),
    }


@pytest.mark.parametrize("which", searches())
@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_a_stopped_search_goes_on_to_the_bit(tmp_path, which, share):
    search = searches()[which]
    whole = search()
    stop_after, asked = int(share * whole.evaluations), 0

    def stop():
        nonlocal asked
        asked += 1
        return asked > stop_after

    path = tmp_path / "search.npz"
    with pytest.raises(Stopped, match=f"stopped after evaluation {stop_after}$"):
        search(checkpoint=lambda found: save_stage(path, found, {"a": 1}), stop=stop)
    begun = load_stage(path, {"a": 1})
    assert begun.step == stop_after
    told = []

    class Look(Listener):
        def progress(self, done, of):
            told.append(done)

    ended = search(search=begun, listener=Look())
    assert told == list(range(stop_after + 1, whole.evaluations + 1))  # what was known is not computed again
    assert ended.point.tobytes() == whole.point.tobytes()
    assert (ended.cost, ended.evaluations, ended.iterations) == (
        whole.cost,
        whole.evaluations,
        whole.iterations,
    )


def test_what_scipy_cannot_compute_with_is_no_optimum():
    x = np.arange(1.0, 7.0)
    with pytest.raises(NoOptimum, match=r"the search broke off: |is not finite; write"):
        least_squares(curve(), (x, 1e300 * x), start=[1e200, 1.0, 2.0, 3.0])


def test_answers_of_another_size_are_none_of_this_search():
    x, y = labelled()
    kept = Search(np.zeros(15))
    minimize(objective(), (x, y), search=kept)
    short = Search(kept.start, kept.kinds, kept.asked, [each[:-1] for each in kept.answered])
    with pytest.raises(InputError, match="search: found one with 15 numbers for evaluation 1"):
        minimize(objective(), (x, y), search=short)


def test_another_search_is_not_gone_on_with():
    x, y = labelled()
    other = Search(np.zeros(15))
    minimize(objective(), (x, y), search=other)
    with pytest.raises(InputError, match="search: found one that began elsewhere"):
        minimize(objective(), (x, y), search=other, start=np.ones(15))
    changed = Search(other.start, other.kinds, [*other.asked], other.answered)
    changed.asked[2] = changed.asked[2] + 1e-9
    with pytest.raises(InputError, match="search: found one that asked for something else at evaluation 3"):
        minimize(objective(), (x, y), search=changed)
    with pytest.raises(InputError, match="something else at evaluation"):
        minimize(objective(), (x, y), search=other, method="newton")
    with pytest.raises(InputError, match="search: found one that began elsewhere"):
        minimize(objective(), (x, y), search="x")


def test_where_a_cost_is_not_finite_it_is_said():
    theta = pytensor.shared(np.array([0.5]), name="theta")
    cost = (theta**4 - theta).sum()
    bad = graphs.compile_objective(pt.switch(theta.sum() > 0.45, np.nan, cost), [theta], [], "FAST_COMPILE")
    with pytest.raises(NoOptimum, match="not finite; write the cost in a form that is finite everywhere"):
        minimize(bad, ())
    # Two rewrites mend the original's formula and its gradient, and none its curvature.
    data = graphs.load("plane")
    graph = likelihood_graph(np.array([200.0, 300.0]))
    far = graphs.compile_objective(graph.cost, [graph.w, graph.b], [graph.x, graph.y], "CVM")
    with pytest.raises(NoOptimum, match="at which the curvature is not finite"):
        minimize(far, (data.x, data.y), method="newton")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda x, y: minimize("x", (x, y)), "objective: found 'x'"),
        (
            lambda x, y: minimize(objective(), (x, y), method="bfgs"),
            "method: found 'bfgs'; allowed: lbfgs, newton",
        ),
        (lambda x, y: minimize(objective(), (x, y), tolerance=0), "tolerance: found 0"),
        (lambda x, y: minimize(objective(), (x, y), iterations=0), "iterations: found 0"),
        (lambda x, y: minimize(objective(), (x, y), start=[1.0]), "start: found an array of shape"),
        (lambda x, y: minimize(objective(), (x, y), start=np.full(15, np.nan)), "start: found nan"),
        (lambda x, y: minimize(objective(), (x, y), stop=1), "stop: found 1"),
        (lambda x, y: minimize(objective(), (x, y), checkpoint=1), "checkpoint: found 1"),
        (lambda x, y: minimize(objective(), (x, y), checkpoint_every=0), "checkpoint_every: found 0"),
        (lambda x, y: minimize(objective(), (x, y), listener=1), "listener: found 1"),
        (lambda x, y: least_squares(objective(), (x, y)), "problem: found"),
        (lambda x, y: least_squares(curve(), (y[:3], y[:3] + 1.0)), "data: found 3 points for 4 parameters"),
        (
            lambda x, y: least_squares(curve(), (y, y), least=[0, 0, 1, 0]),
            "start: found A = 0; allowed: a number above 0",
        ),
        (lambda x, y: least_squares(curve(), (y, y), least=[0]), "least: found an array of shape"),
        (lambda x, y: least_squares(curve(), (y, y), tolerance=-1), "tolerance: found -1"),
        (lambda x, y: least_squares(curve(), (y, y), iterations=0.5), "iterations: found 0.5"),
        (
            lambda x, y: least_squares(curve(), (-1.0 - y, y), start=[0.0, 0.5, 1.0, 1.0]),
            "start: found parameters at which residual 0 is nan",
        ),
    ],
)
def test_what_cannot_be_solved_is_refused_by_name(call, said):
    with pytest.raises(InputError, match=said):
        call(*labelled())
