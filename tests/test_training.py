"""The one loop: E1's figures, what it notices, and that it goes on to the bit."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import graphs
from graphs.errors import InputError
from graphs.experiment.checkpoints import COUNTERS, load_checkpoint, save_checkpoint
from graphs.listener import Listener
from graphs.solving import certify, find_optimum
from graphs.training import Stopped, fit
from tests.conftest import dataset
from tests.figures import (
    AFTER_200_STEPS_SEED_0,
    COST_GAP_SEED_0,
    EXACT,
    OPTIMUM_SEED_0,
    UNSEEN_SEED_0,
    W_DISTANCE_SEED_0,
)


# Ten thousand steps of FAST_COMPILE, whose Ops are Python, take twenty seconds on PyTensor 3.0: one seed will do.
@pytest.mark.parametrize(
    ("mode", "seed"),
    [
        *((mode, seed) for mode in ("default", "CVM", "NATIVE") for seed in (0, 1)),
        ("FAST_COMPILE", 0),
        pytest.param("FAST_COMPILE", 1, marks=pytest.mark.long),
    ],
)
def test_the_originals_figures(compiled, mode, seed):
    data, functions, exact = dataset(seed), compiled(mode, seed=seed), EXACT[seed]
    progress = fit(functions, data.x, data.y, steps=10_000, every=2_000)
    w, history = progress.state["w"], progress.history
    assert progress.state["b"] == pytest.approx(exact["b"], rel=1e-12)
    assert np.linalg.norm(w) == pytest.approx(exact["w_norm"], rel=1e-12)
    assert w[:5] == pytest.approx(exact["w"], rel=1e-12)
    assert history.mean_xent[-1] == pytest.approx(exact["mean_xent"], rel=1e-12)
    assert history.cost[-1] == pytest.approx(exact["cost"], rel=1e-12)
    assert history.accuracy[-1] == 1
    assert (progress.first_perfect_call, progress.mistakes_since) == (exact["first_perfect_call"], 0)
    if mode == "FAST_COMPILE":  # no stabilizing rewrites there: the cross-entropy is not finite at first
        assert progress.first_nonfinite_call == 1
        assert progress.nonfinite_calls > 0
    else:
        assert progress.nonfinite_calls == 0
        assert history.mean_xent[0] == pytest.approx(exact["initial_mean_xent"], rel=1e-12)
    if seed == 0:
        assert "".join(str(int(p)) for p in functions.predict(data.unseen_x)) == UNSEEN_SEED_0
        optimum = find_optimum(functions, data.x, data.y)
        certificate = certify(history.cost[-1], w, optimum, 0.01)
        assert optimum.cost == pytest.approx(OPTIMUM_SEED_0["cost"], rel=1e-14)
        assert np.linalg.norm(optimum.w) == pytest.approx(OPTIMUM_SEED_0["w_norm"], rel=1e-12)
        assert optimum.b == pytest.approx(OPTIMUM_SEED_0["b"], rel=1e-10)
        assert certificate.cost_gap == pytest.approx(COST_GAP_SEED_0, rel=1e-4)
        assert certificate.w_distance == pytest.approx(W_DISTANCE_SEED_0, rel=1e-4)
        assert certificate.holds
        np.testing.assert_array_equal(functions.read()["w"], w)


def test_a_wrong_optimum_breaks_the_certificate(compiled, original):
    functions = compiled("CVM")
    optimum = find_optimum(functions, original.x, original.y)
    wrong = (
        copy.replace(optimum, w=optimum.w + 1)
        if hasattr(copy, "replace")
        else optimum.__class__(
            optimum.w + 1, optimum.b, optimum.cost, optimum.gradient_norm, optimum.evaluations
        )
    )
    assert certify(optimum.cost, optimum.w, optimum, 0.01).holds
    assert not certify(optimum.cost, optimum.w, wrong, 0.01).holds


def test_no_optimum_for_one_class(compiled, original):
    with pytest.raises(InputError, match="only the target 1"):
        find_optimum(compiled("CVM"), original.x, np.ones(400, dtype=int))


def test_after_200_steps(compiled, original):
    exact = AFTER_200_STEPS_SEED_0
    progress = fit(compiled("CVM"), original.x, original.y, steps=200)
    assert progress.state["b"] == pytest.approx(exact["b"], rel=1e-12)
    assert progress.history.w_norm[-1] == pytest.approx(exact["w_norm"], rel=1e-12)
    assert progress.history.mean_xent[-1] == pytest.approx(exact["mean_xent"], rel=1e-12)
    assert progress.history.accuracy[-1] * 400 == pytest.approx(exact["right"])
    assert (np.diff(progress.history.cost) < 0).all()


@pytest.mark.parametrize(("steps", "every", "recorded"), [(5, 1, 6), (5, 2, 4), (6, 2, 4), (5, 9, 2)])
def test_history_has_the_first_every_kth_and_the_last_entry(compiled, original, steps, every, recorded):
    history = fit(compiled("CVM"), original.x, original.y, steps=steps, every=every).history
    assert len(history.steps) == recorded
    assert (history.steps[0], history.steps[-1]) == (0, steps)
    for column in (history.cost, history.mean_xent, history.accuracy, history.gw_norm, history.w_norm):
        assert np.isfinite(column).all()


def test_the_history_is_the_models_at_those_steps(compiled, original):
    functions = compiled("CVM")
    history = fit(functions, original.x, original.y, steps=7, every=7).history
    _, xent, cost, gw, _ = functions.evaluate(original.x, original.y)
    assert history.cost[-1] == cost
    assert history.mean_xent[-1] == xent.mean()
    assert history.gw_norm[-1] == pytest.approx(np.linalg.norm(gw), rel=1e-14)
    assert history.w_norm[-1] == pytest.approx(np.linalg.norm(functions.read()["w"]), rel=1e-14)


def same(a, b):
    for name in COUNTERS:
        np.testing.assert_equal(getattr(a, name), getattr(b, name))
    for group in ("initial", "state"):
        for name, array in getattr(a, group).items():
            assert array.tobytes() == getattr(b, group)[name].tobytes()
    for name, column in vars(a.history).items():
        assert column.tobytes() == getattr(b.history, name).tobytes()


@pytest.mark.parametrize("mode", ["CVM", "NATIVE"])
@pytest.mark.parametrize("stop_after", [0, 1, 13, 50, 91])
def test_a_stopped_run_goes_on_to_the_bit(compiled, original, tmp_path, mode, stop_after):
    path = tmp_path / "checkpoint.npz"
    functions = compiled(mode)
    whole = fit(functions, original.x, original.y, steps=100, every=7)
    functions = compiled(mode)
    seen = 0

    class Look(Listener):
        def progress(self, done, of):
            nonlocal seen
            seen = done
            assert of == 100

    with pytest.raises(Stopped):
        fit(
            functions,
            original.x,
            original.y,
            steps=100,
            every=7,
            checkpoint=lambda progress: save_checkpoint(path, progress, {}),
            checkpoint_every=10,
            listener=Look(),
            stop=lambda: seen >= stop_after,
        )
    progress, _ = load_checkpoint(path)
    functions.write({"w": np.zeros(784), "b": np.zeros(())})
    same(whole, fit(functions, original.x, original.y, steps=100, every=7, progress=progress))


def test_a_run_cannot_go_on_as_another(compiled, original):
    functions = compiled("FAST_COMPILE")
    progress = fit(functions, original.x, original.y, steps=4)
    with pytest.raises(InputError, match="a run of 4 steps"):
        fit(functions, original.x, original.y, steps=3, progress=progress)


@pytest.mark.parametrize("argument", ["steps", "every", "checkpoint_every"])
def test_bad_schedules(compiled, original, argument):
    with pytest.raises(InputError, match=argument):
        fit(compiled("FAST_COMPILE"), original.x, original.y, **{"steps": 5, argument: 0})


@pytest.mark.parametrize("every", [1, 100])
def test_the_diverging_step_is_named_however_the_run_is_chunked(original, every):
    graph = graphs.logistic_graph(original.initial_w)
    functions = graphs.compile_functions(
        graph, graphs.gradient_descent(graph.cost, [graph.w, graph.b], 1000.0), "CVM"
    )
    with pytest.raises(graphs.Diverged, match="the learning rate is too large") as caught:
        fit(functions, original.x, original.y, steps=1000, every=every)
    assert caught.value.step == 5
    assert "mean cross-entropy has grown" in caught.value.quantity


def with_nan(array):
    array = array.astype(float)
    array.flat[5] = np.nan
    return array


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda x, y: {"x": with_nan(x)}, r"x: found nan at \(0, 5\)"),
        (lambda x, y: {"x": x[:0], "y": y[:0]}, r"x: found an array of shape \(0, 784\)"),
        (lambda x, y: {"x": x[:, :3]}, r"x: found .*; allowed: an array of shape \(samples, 784\)"),
        (lambda x, y: {"x": x.astype(str)}, "x: found an array of dtype <U32"),
        (lambda x, y: {"y": y[:7]}, r"y: found an array of shape \(7,\)"),
        (lambda x, y: {"y": y + 1}, "y: found 2 in sample"),
        (lambda x, y: {"y": None}, "y: found None"),
        (lambda x, y: {"learner": "x"}, "learner: found 'x'"),
        (lambda x, y: {"stop": True}, "stop: found True"),
        (lambda x, y: {"checkpoint": "x"}, "checkpoint: found 'x'"),
        (lambda x, y: {"listener": print}, "listener: found "),
        (lambda x, y: {"progress": {}}, "progress: found {}"),
        (lambda x, y: {"steps": 10**15}, "every: found 1 for 1000000000000000 steps"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_and_nothing_changes(compiled, original, wrong, said):
    learner = compiled("FAST_COMPILE")
    before = learner.read()
    arguments = {"learner": learner, "x": original.x, "y": original.y, "steps": 5}
    with pytest.raises(InputError, match=said):
        fit(**{**arguments, **wrong(original.x, original.y)})
    np.testing.assert_array_equal(learner.read()["w"], before["w"])


def test_weights_that_are_no_numbers_are_refused(compiled, original):
    learner = compiled("FAST_COMPILE")
    learner.graph.w.set_value(with_nan(original.initial_w))
    for use in (find_optimum, lambda *given: fit(*given, steps=5)):
        with pytest.raises(InputError, match="learner: found 1 of the 784 values of w"):
            use(learner, original.x, original.y)


def test_an_overflowing_formula_is_named(compiled, original):
    with pytest.raises(graphs.Diverged, match=r"step 1: 784 of the 784 values of w .*logits formula"):
        fit(compiled("none"), original.x, original.y, steps=1000, every=100)
