"""A learner with Gram state is one on one x: it knows that x again, refuses another, and keeps its own copy."""

from __future__ import annotations

import numpy as np
import pytensor
import pytest
from pytensor.compile.mode import Mode, get_mode

import graphs
from graphs.errors import InputError
from graphs.gram_functions import compile_gram
from graphs.rewrites.gram import NotApplicable
from graphs.training import fit

QUICK = Mode(linker="py", optimizer="fast_compile")
STREAM = np.random.RandomState(2)
X, Y = STREAM.randn(5, 7), np.array([0, 1, 1, 0, 1])
W = STREAM.randn(7)
OTHER = STREAM.randn(3, 7)  # inputs for the model that it is not trained on


def pairs(rule=graphs.gradient_descent, **options):
    graph = graphs.logistic_graph(W, 0.25, formula="logits", **options)
    return graph, rule(graph.cost, [graph.w, graph.b])


def gram(x=X, rule=graphs.gradient_descent, **options):
    graph, updates = pairs(rule)
    return compile_gram(graph, updates, x, QUICK, **options)


def plain(rule=graphs.gradient_descent):
    return graphs.compile_functions(*pairs(rule), QUICK)


def equal(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("rule", [graphs.gradient_descent, graphs.momentum])
def test_it_trains_predicts_and_evaluates_as_the_plain_functions_do(rule):
    ours, theirs = gram(rule=rule), plain(rule)
    for _ in range(4):
        equal(ours.train(X, Y), theirs.train(X, Y))
    equal(ours.train_many(X, Y, 3), theirs.train_many(X, Y, 3))
    np.testing.assert_array_equal(ours.predict(OTHER), theirs.predict(OTHER))
    equal(ours.evaluate(X, Y), theirs.evaluate(X, Y))
    equal(ours.evaluate(OTHER, [1, 0, 1]), theirs.evaluate(OTHER, [1, 0, 1]))
    ours.train(X, Y), theirs.train(X, Y)
    found = ours.read()
    assert found.keys() == theirs.read().keys()
    for name, value in theirs.read().items():
        np.testing.assert_allclose(found[name], value, rtol=1e-11, atol=1e-13)
    history, expected = (fit(learner, X, Y, steps=20, every=7).history for learner in (ours, theirs))
    np.testing.assert_allclose(history.cost, expected.cost, rtol=1e-11)


@pytest.mark.parametrize("rule", [graphs.gradient_descent, graphs.momentum])
def test_what_was_read_is_written_back_and_goes_on_to_the_bit(rule):
    learner = gram(rule=rule)
    learner.train_many(X, Y, 5)
    kept = learner.read()
    ahead = learner.train_many(X, Y, 4)
    there = learner.read()
    kept_again = {name: value.copy() for name, value in kept.items()}
    learner.write(kept)
    for one, other in zip(learner.train_many(X, Y, 4), ahead, strict=True):
        assert one.tobytes() == other.tobytes()
    for name, value in learner.read().items():
        assert value.tobytes() == there[name].tobytes()
        assert kept[name].tobytes() == kept_again[name].tobytes()  # what was read belongs to the caller


def test_reading_sets_rounding_back():
    learner = gram()
    learner.train_many(X, Y, 5)
    w = learner.read()["w"]
    (shared,) = learner.state.weights
    np.testing.assert_array_equal(learner.state._u[shared].get_value(), X @ w)
    np.testing.assert_array_equal(learner.state._a[shared].get_value(), np.zeros(5))


def test_a_later_change_of_the_users_x_does_not_reach_the_run():
    mine = X.copy()
    changed, untouched = gram(mine), gram(X.copy())
    mine[2, 3] += 1
    for learner in (changed, untouched):
        learner.train_many(learner.state.x, Y, 3)
    np.testing.assert_array_equal(changed.state.x, X)
    for name, value in untouched.read().items():
        assert changed.read()[name].tobytes() == value.tobytes()
    with pytest.raises(InputError, match=r"^x: found another matrix"):
        changed.train(mine, Y)


def frozen(array):
    array.setflags(write=False)
    return array


def test_what_can_change_is_copied_and_what_cannot_is_not():
    own = frozen(X.copy())
    assert gram(own).state.x is own
    beneath = X.copy()
    view = frozen(beneath[:])
    assert gram(view).state.x is not view  # who holds what lies beneath can write to it
    learner = gram(view)
    beneath[0, 0] = 99
    np.testing.assert_array_equal(learner.state.x, X)
    assert not gram(X.copy()).state.x.flags.writeable


def test_an_x_that_cannot_change_is_compared_once(monkeypatch):
    learner, compared = gram(), []
    array_equal = np.array_equal
    monkeypatch.setattr(np, "array_equal", lambda a, b: compared.append(a) or array_equal(a, b))

    def comparisons(x):
        compared.clear()
        learner.train(x, Y)
        learner.train(x, Y)
        learner.train_many(x, Y, 2)
        return len(compared)

    assert comparisons(learner.state.x) == 0
    own = frozen(X.copy())
    assert comparisons(own) == 1
    assert comparisons(own) == 0
    assert comparisons(X.copy()) == 3  # could have been written to meanwhile
    assert comparisons(frozen(X.copy()[:])) == 3  # likewise, beneath
    assert comparisons(frozen(frozen(X.copy())[:])) == 1
    assert comparisons(frozen(np.frombuffer(bytearray(X.tobytes())).reshape(X.shape))) == 3
    assert comparisons(own) == 1  # one is remembered, the last


@pytest.mark.parametrize(
    "x", [X + 1e-9, X[:4], X[:, :6], X.T, X[0]], ids=["near", "rows", "columns", "T", "row"]
)
def test_another_x_is_refused_wherever_it_comes(x):
    learner = gram()
    before = learner.read()
    with pytest.raises(
        InputError, match=r"^x: found another matrix than the one this was compiled for; allowed"
    ):
        learner.train(x, Y)
    with pytest.raises(
        InputError, match=r"^x: found another matrix than the one this was compiled for; allowed"
    ):
        learner.train_many(x, Y, 2)
    for name, value in learner.read().items():
        assert value.tobytes() == before[name].tobytes()


def test_an_x_that_does_not_fit_the_weights_is_refused_under_its_name():
    with pytest.raises(InputError, match=r"^x: found .*; allowed: an array of shape \(samples, 7\)"):
        gram(X[:, :6])
    with pytest.raises(
        InputError, match=r"^x: found an array of dtype float32; allowed: float64, as the graph's"
    ):
        gram(X.astype("float32"))


def test_more_samples_than_features_only_where_asked_for():
    tall, y = np.random.RandomState(3).randn(9, 7), [0, 1, 1, 0, 1, 0, 0, 1, 0]
    with pytest.raises(NotApplicable, match="9 samples against 7 features"):
        gram(tall)
    ours, theirs = gram(tall, even_if_it_loses=True), plain()
    equal(ours.train_many(tall, y, 6), theirs.train_many(tall, y, 6))


@pytest.mark.parametrize("kind", [bool, int, float, "float32", list])
def test_targets_of_any_kind_are_taken(kind):
    learner, expected = gram(), gram().train(X, Y.astype(float))
    equal(learner.train(X, Y.tolist() if kind is list else Y.astype(kind)), expected)


def test_float32_takes_targets_of_float64():
    graph = graphs.logistic_graph(W.astype("float32"), dtype="float32", formula="logits")
    updates = graphs.gradient_descent(graph.cost, [graph.w, graph.b])
    learner = compile_gram(graph, updates, X.astype("float32"), QUICK)
    for y in (Y.astype(float), Y):
        assert learner.train(learner.state.x, y)[1].dtype == "float32"


def test_one_step_of_many_is_taken_and_none_is_refused_by_name():
    learner = gram()
    assert learner.train_many(X, Y, 1)[1].shape == (1, 5)
    with pytest.raises(InputError, match=r"^n: found 0"):
        learner.train_many(X, Y, 0)


def test_it_is_compiled_in_the_mode_named_or_in_pytensors_default():
    graph, updates = pairs()
    assert compile_gram(graph, updates, X, QUICK).step.maker.mode is QUICK
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        learner = compile_gram(graph, updates, X)
    assert learner.mode == "default"
    assert learner.step.maker.mode is get_mode("FAST_COMPILE")


def test_it_names_its_parts_as_the_plain_functions_do():
    graph, updates = pairs(graphs.momentum)
    learner = compile_gram(graph, updates, X, QUICK)
    assert (learner.graph, learner.mode, learner.updates) == (graph, QUICK, tuple(updates))
    assert learner.step.name == "train"
    assert compile_gram(graph, updates, X, "FAST_COMPILE").mode == "FAST_COMPILE"
    with pytest.raises(InputError, match=r"^mode: found 'nosuch'"):
        compile_gram(graph, updates, X, "nosuch")
    assert len({learner, gram()}) == 2  # by identity: arrays have no truth value
