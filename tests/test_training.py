"""The one loop: E1's figures, what it notices, and that it goes on to the bit."""

from __future__ import annotations

import copy
from dataclasses import asdict
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

import graphs
from graphs.errors import InputError
from graphs.experiment.checkpoints import COUNTERS, load_checkpoint, load_stage, save_checkpoint, save_stage
from graphs.experiment.settings import Settings
from graphs.listener import Listener
from graphs.solving import certify, find_optimum
from graphs.training import Batches, Calls, Progress, Stopped, fit
from graphs.updates import RULES
from tests.by_hand import ByHand, Looped, Scripted
from tests.conftest import dataset
from tests.figures import (
    AFTER_200_STEPS_SEED_0,
    COST_GAP_SEED_0,
    EXACT,
    OPTIMUM_SEED_0,
    UNSEEN_SEED_0,
    W_DISTANCE_SEED_0,
)


# Ten thousand steps of FAST_COMPILE, whose Ops are Python, take twenty seconds on PyTensor 3.0.
@pytest.mark.parametrize(
    ("mode", "seed"),
    [
        *((mode, seed) for mode in ("default", "CVM", "NATIVE") for seed in (0, 1)),
        *(pytest.param("FAST_COMPILE", seed, marks=pytest.mark.long) for seed in (0, 1)),
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
    settings = {**asdict(Settings(steps=100, every=7)), "data_sha256": ""}
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
            checkpoint=lambda progress: save_checkpoint(path, progress, settings),
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


# --- the loop alone, with learners that need no compiler

ROWS = np.random.RandomState(5)
X, Y = ROWS.randn(12, 3), np.array([0, 1, 1, 0, 1, 0, 1, 1, 0, 0, 1, 0])
W = np.array([0.5, -1.0, 2.0])


def test_a_learner_without_train_many_runs_as_one_with_it():
    plain = fit(ByHand(W), X, Y, steps=250, every=60)
    looped = fit(Looped(W), X, Y, steps=250, every=60)
    same(plain, looped)
    learner, at = ByHand(W), [0, 60, 120, 180, 240, 250]
    assert plain.history.steps.tolist() == at
    for step in range(251):
        if step in at:
            prediction, xent, cost, gw, _ = learner.evaluate(X, Y)
            entry = at.index(step)
            assert plain.history.cost[entry] == cost
            assert plain.history.mean_xent[entry] == xent.mean()
            assert plain.history.accuracy[entry] == (prediction == Y).mean()
            assert plain.history.gw_norm[entry] == pytest.approx(np.linalg.norm(gw), rel=1e-15)
            assert plain.history.w_norm[entry] == pytest.approx(np.linalg.norm(learner.w), rel=1e-15)
        if step < 250:
            _, xent = learner.train(X, Y)
            assert step or plain.first_mean_xent == xent.mean()
    assert plain.state["w"].tobytes() == learner.w.tobytes()
    assert plain.initial["w"].tobytes() == W.tobytes()


def test_the_model_is_evaluated_for_the_entries_of_the_history_only():
    learner = ByHand(W)
    fit(learner, X, Y, steps=25, every=10, checkpoint=lambda _: None, checkpoint_every=7)
    assert learner.evaluated == 4
    every_step = ByHand(W)
    assert len(fit(every_step, X, Y, steps=6).history.steps) == every_step.evaluated == 7


@pytest.mark.parametrize(
    ("samples", "schedule", "chunks"),
    [
        (8, {"steps": 25, "every": 10, "checkpoint_every": 7}, [7, 3, 4, 6, 1, 4]),
        (8, {"steps": 250, "every": 250}, [100, 100, 50]),
        (8, {"steps": 5, "every": 9}, [5]),
        (300, {"steps": 7, "every": 7}, [3, 3, 1]),
        (1001, {"steps": 2, "every": 2}, [1, 1]),
    ],
)
def test_as_many_steps_at_once_as_nothing_has_to_be_looked_at(monkeypatch, samples, schedule, chunks):
    monkeypatch.setattr("graphs.training.CHUNK_NUMBERS", 1000)
    learner = Looped(W)
    fit(learner, np.ones((samples, 3)), np.arange(samples) % 2, **schedule)
    assert learner.asked == chunks


def test_checkpoints_are_made_before_the_first_step_now_and_then_and_at_the_end():
    kept = []

    def keep(progress):
        kept.append((progress.step, progress.state["w"].copy()))

    learner = ByHand(W)
    fit(learner, X, Y, steps=1001, every=1001, checkpoint=keep)
    assert [step for step, _ in kept] == [0, 1000, 1001]
    np.testing.assert_array_equal(kept[0][1], W)
    np.testing.assert_array_equal(kept[-1][1], learner.w)
    kept.clear()
    fit(ByHand(W), X, Y, steps=12, every=5, checkpoint=keep, checkpoint_every=4)
    assert [step for step, _ in kept] == [0, 4, 8, 12]


@pytest.mark.parametrize("stop_at", [0, 7, 8, 10])
def test_a_stopped_run_leaves_its_checkpoint_where_it_stopped(stop_at):
    whole = fit(ByHand(W), X, Y, steps=20, every=5)
    kept, learner, done = [], ByHand(W), []

    class Look(Listener):
        def progress(self, made, of):
            done.append((made, of))

    with pytest.raises(Stopped, match=f"^stopped after step {stop_at}$") as stopped:
        fit(
            learner,
            X,
            Y,
            steps=20,
            every=5,
            checkpoint=lambda progress: kept.append((progress.step, progress.state["w"].copy())),
            checkpoint_every=7 if stop_at == 7 else 8,
            listener=Look(),
            stop=lambda: (done[-1][0] if done else 0) == stop_at,
        )
    progress = stopped.value.progress
    assert (kept[-1][0], progress.step) == (stop_at, stop_at)
    np.testing.assert_array_equal(kept[-1][1], learner.w)
    assert all(of == 20 for _, of in done)
    onwards = []
    again = fit(ByHand(np.zeros(3)), X, Y, steps=20, every=5, progress=progress, checkpoint=onwards.append)
    same(whole, again)
    assert len(onwards) == 1  # it stood on disk already where it goes on


def test_a_run_that_nobody_watches_can_be_stopped():
    asked = iter([False, True])
    with pytest.raises(Stopped) as stopped:
        fit(ByHand(W), X, Y, steps=20, every=5, stop=lambda: next(asked))
    assert stopped.value.progress.step == 5


def test_the_listener_hears_of_every_look():
    heard = []

    class Look(Listener):
        def progress(self, done, of):
            heard.append((done, of))

    fit(ByHand(W), X, Y, steps=230, every=230, listener=Look())
    assert heard == [(100, 230), (200, 230), (230, 230)]


def test_a_fresh_run_stands_at_its_beginning_with_an_empty_history():
    progress = Progress.fresh({"w": W}, 7, 3)
    assert (progress.step, progress.initial["w"] is W, progress.state["w"] is W) == (0, True, True)
    assert progress.history.steps.dtype == np.int64
    assert progress.history.steps.tolist() == [0, 3, 6, 7]
    for name, column in vars(progress.history).items():
        if name != "steps":
            assert column.dtype == np.float64
            assert np.isnan(column).all()
            assert column.shape == (4,)
    columns = [column for name, column in vars(progress.history).items() if name != "steps"]
    assert len({id(column) for column in columns}) == 5


@pytest.mark.parametrize("seed", range(6))
def test_what_calls_returned_is_counted_call_by_call_however_they_are_chunked(seed):
    stream = np.random.RandomState(seed)
    calls, y = 30, stream.randint(0, 2, 2)
    predictions = stream.randint(0, 2, (calls, 2)).astype(bool)
    predictions[: 4 * (seed % 3)] = ~y.astype(bool)  # a beginning without a perfect call
    if seed == 5:
        predictions[:] = ~y.astype(bool)
    xents = stream.rand(calls, 2)
    xents[stream.rand(calls, 2) < (0.1 if seed else 0)] = [np.nan, np.inf][seed % 2]
    perfect = [n for n in range(1, calls + 1) if (predictions[n - 1] == y).all()]
    bad = [n for n in range(1, calls + 1) if not np.isfinite(xents[n - 1]).all()]
    first = perfect[0] if perfect else 0
    expected = (
        first,
        sum(n not in perfect for n in range(first, calls + 1)) if first else 0,
        len(bad),
        *((bad[0], bad[-1]) if bad else (0, 0)),
    )
    for sizes in ([30], [1] * 30, [7, 1, 12, 10]):
        progress, done = Progress.fresh({"w": W}, calls, 1), 0
        for size in sizes:
            rows = slice(done, done + size)
            progress.note(Calls.of(predictions[rows], xents[rows], y))
            done += size
            progress.step = done
        assert expected == (
            progress.first_perfect_call,
            progress.mistakes_since,
            progress.nonfinite_calls,
            progress.first_nonfinite_call,
            progress.last_nonfinite_call,
        )
        np.testing.assert_equal(progress.first_mean_xent, xents[0].mean())


# --- where a run ends before its time


def runs(xents, weights=None, *, x=X, y=Y, every=1000):
    """The run of a scripted learner: None if it went through, else how it diverged."""
    steps = len(xents)
    weights = [[1.0, 0, 0]] * (steps + 1) if weights is None else weights
    try:
        fit(Scripted(xents, weights), x, y, steps=steps, every=every)
    except graphs.Diverged as diverged:
        return diverged
    return None


@pytest.mark.parametrize("every", [1, 2, 1000])
@pytest.mark.parametrize(("first", "limit"), [(0.5, 1e6), (1.0, 1e6), (3.0, 3e6), (1e-9, 1e6)])
def test_a_million_times_the_first_cross_entropy_is_the_limit(first, limit, every):
    above = np.nextafter(limit, np.inf)
    assert runs([first, limit, limit], every=every) is None
    for call in (2, 3, 5):
        xents = [first, *[first] * (call - 2), above, first]
        diverged = runs(xents, every=every)
        assert diverged.step == call - 1  # the update before the call that shows it
        assert diverged.cause == "the learning rate is too large"
        assert diverged.quantity == f"the mean cross-entropy has grown from {first:.6g} to {above:.6g}"


def test_an_infinite_cross_entropy_is_no_growth():
    assert runs([0.5, np.inf, np.nan, 0.5]) is None
    assert runs([np.inf, 1e300, 0.5]) is None


@pytest.mark.parametrize("every", [1, 3, 1000])
def test_the_step_that_breaks_a_parameter_is_named(every):
    weights = [[1.0, 0, 0]] * 4 + [[1.0, np.nan, np.inf]] * 3
    diverged = runs([0.5] * 6, weights, every=every)
    assert diverged.step == 4
    assert diverged.quantity == "2 of the 3 values of w are not finite"
    assert str(diverged).startswith(
        "diverged at step 4: 2 of the 3 values of w are not finite. Likely cause: "
    )


def test_every_broken_parameter_is_named():
    class Two(Scripted):
        def read(self):
            return {**super().read(), "b": np.array(np.inf if self.done == 3 else 0.0)}

    with pytest.raises(
        graphs.Diverged, match="step 3: 1 of the 3 values of w and 1 of the 1 values of b are"
    ):
        fit(Two([0.5] * 4, [[1.0, 0, 0]] * 3 + [[np.nan, 0, 0]] * 2), X, Y, steps=4)


RATE = "the learning rate is too large"
FORMULA = (
    "the formula overflowed as it is evaluated here (log(0), or exp of a large number); "
    "use a mode with the stabilizing rewrites, or the logits formula"
)
BROKEN = [np.nan, 0.0, 0.0]


@pytest.mark.parametrize(
    ("xents", "before", "now", "cause"),
    [
        ([0.5, 0.5], 1.0, 1.0, RATE),  # nothing but the weights went wrong
        ([0.5, np.nan], 1.0, 1.0, FORMULA),
        ([np.inf, 0.5], 1.0, 1.0, FORMULA),  # an earlier call counts
        ([0.5, np.nan], 1.0, 10.0, FORMULA),  # ten times the weights is no runaway yet …
        ([0.5, np.nan], 1.0, 10.5, RATE),  # … more is
        ([0.5, np.nan], 0.1, 9.0, FORMULA),  # weights that begin near zero are held to 10
        ([0.5, np.nan], 0.1, 10.5, RATE),
        ([0.5, np.nan], 4.0, 40.0, FORMULA),
        ([0.5, np.nan], 4.0, 40.5, RATE),
    ],
)
def test_the_likely_cause_of_broken_weights(xents, before, now, cause):
    diverged = runs(xents, [[before, 0, 0], [now, 0, 0], BROKEN])
    assert diverged.step == 2
    assert diverged.cause == cause


@pytest.mark.parametrize("argument", ["steps", "every", "checkpoint_every"])
def test_a_bad_schedule_is_refused_under_its_name(argument):
    with pytest.raises(InputError, match=f"^{argument}: found 0; allowed: a whole number ≥ 1"):
        fit(ByHand(W), X, Y, **{"steps": 5, argument: 0})
    assert fit(ByHand(W), X, Y, **{"steps": 5, argument: 1}).step >= 1


@pytest.mark.parametrize("schedule", [{"steps": 8, "every": 3}, {"steps": 9, "every": 2}])
def test_a_run_goes_on_under_its_own_schedule_only(schedule):
    progress = fit(ByHand(W), X, Y, steps=9, every=3)
    with pytest.raises(InputError, match=r"^progress: found a run of 9 steps, recorded at every 3"):
        fit(ByHand(W), X, Y, progress=progress, **schedule)


def test_a_finished_run_that_goes_on_takes_no_step_and_no_checkpoint():
    progress = fit(ByHand(W), X, Y, steps=9, every=3)
    learner = ByHand(np.zeros(3))
    assert fit(learner, X, Y, steps=9, every=3, progress=progress, checkpoint=pytest.fail) is progress
    np.testing.assert_array_equal(learner.w, progress.state["w"])


def test_numbers_that_overflow_are_counted_and_not_warned_of():
    class Loud(ByHand):
        def train(self, x, y):
            np.log(np.zeros(1)) - np.exp(np.full(1, 1000.0))  # as NumPy says it: two warnings
            return super().train(x, y)

    assert fit(Loud(W), X, Y, steps=3).step == 3


def test_a_history_that_memory_does_not_hold_is_refused(monkeypatch):
    monkeypatch.setattr("graphs.memory.memory_there", lambda: 700 * 200_002)
    assert graphs.training.schedule(200_000, 1) == (200_000, 1)
    assert graphs.training.schedule(400_001, 2) == (400_001, 2)
    with pytest.raises(
        InputError,
        match=r"^every: found 1 for 200001 steps, a history of 200003 entries.*; record less often",
    ):
        graphs.training.schedule(200_001, 1)


@pytest.mark.parametrize("missing", ["train", "evaluate", "read", "write"])
def test_a_learner_without_a_method_is_refused(missing):
    methods = {"train": print, "evaluate": print, "read": ByHand(W).read, "write": print, missing: None}
    with pytest.raises(
        InputError, match=r"^learner: found .*; allowed: an object with the methods train, evaluate"
    ):
        fit(SimpleNamespace(**methods), X, Y, steps=1)


# Mini-batches, labels and early stopping: softmax regression on a small draw, and by hand.
def labelled(samples=60, features=5, classes=3):
    stream = np.random.RandomState(5)
    return stream.randn(samples, features), stream.randint(classes, size=samples)


@cache
def softmax_functions(mode="NATIVE", rule="momentum"):
    graph = graphs.softmax_graph(np.zeros((5, 3)), np.zeros(3), weight_decay=0.0)
    return graphs.compile_functions(graph, RULES[rule](graph.cost, [graph.w, graph.b], 0.2), mode)


def begun(mode="NATIVE", rule="momentum"):
    functions = softmax_functions(mode, rule)
    functions.write({name: np.zeros_like(value) for name, value in functions.read().items()})
    return functions


def by_hand(x, y, orders, rate=0.2, mu=0.9):
    """Momentum on the mean over each of the batches of rows, in NumPy."""
    w, b, vw, vb = np.zeros((5, 3)), np.zeros(3), 0.0, 0.0
    for rows in orders:
        residual = (softmax(x[rows] @ w + b, axis=1) - np.eye(3)[y[rows]]) / len(rows)
        vw, vb = mu * vw + x[rows].T @ residual, mu * vb + residual.sum(axis=0)
        w, b = w - rate * vw, b - rate * vb
    return w, b


@pytest.mark.parametrize("mode", [pytest.param("CVM", marks=pytest.mark.long), "NATIVE"])
@pytest.mark.parametrize("size", [1, 7, 60, 100])
def test_mini_batches_are_means_over_every_sample_once_a_pass(mode, size):
    x, y = labelled()
    batches = Batches(size, seed=3)
    per_pass = batches.per_pass(60)
    assert per_pass == int(np.ceil(60 / size))
    orders = [batches.rows(step, 60) for step in range(3 * per_pass)]
    for passed in range(3):
        whole = np.concatenate(orders[passed * per_pass : (passed + 1) * per_pass])
        assert sorted(whole) == list(range(60))
        assert list(whole) != list(range(60))
    assert len({tuple(np.concatenate(orders[p * per_pass : (p + 1) * per_pass])) for p in range(3)}) == 3
    progress = fit(begun(mode), x, y, steps=3 * per_pass, every=per_pass, batches=batches)
    w, b = by_hand(x, y, orders)
    np.testing.assert_allclose(progress.state["w"], w, atol=1e-13)
    np.testing.assert_allclose(progress.state["b"], b, atol=1e-13)
    z = x @ w + b  # the history is of all samples
    assert progress.history.accuracy[-1] == np.mean(z.argmax(axis=1) == y)
    assert progress.history.mean_xent[-1] == pytest.approx(
        -log_softmax(z, axis=1)[np.arange(60), y].mean(), rel=1e-12
    )


def test_pytorch_takes_the_same_mini_batches():
    torch = pytest.importorskip("torch")
    x, y = labelled()
    batches = Batches(8, seed=1)
    steps = 4 * batches.per_pass(60)
    progress = fit(begun(), x, y, steps=steps, every=steps, batches=batches)
    w, b = (torch.zeros(shape, dtype=torch.float64, requires_grad=True) for shape in ((5, 3), (3,)))
    optimizer = torch.optim.SGD([w, b], 0.2, momentum=0.9)
    order = [rows for step in range(steps) for rows in [batches.rows(step, 60).tolist()]]
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(y)), batch_sampler=order
    )
    for samples, labels in loader:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(samples @ w + b, labels).backward()
        optimizer.step()
    np.testing.assert_allclose(progress.state["w"], w.detach().numpy(), atol=1e-12)


def kept(path, identity=None):
    return lambda stage: save_stage(path, stage, identity or {"stage": "it"})


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("batches", [None, Batches(7), Batches(1, seed=2)], ids=["full", "mini", "one"])
@pytest.mark.parametrize("stop_after", [0, 23])
def test_every_way_to_train_goes_on_to_the_bit(tmp_path, rule, batches, stop_after):
    x, y = labelled()
    how = {"steps": 60, "every": 4, "batches": batches, "held_out": (x[:20], y[:20]), "patience": 100}
    whole = fit(begun(rule=rule), x[20:], y[20:], **how)
    best = begun(rule=rule)
    asked = 0

    def stop():
        nonlocal asked
        asked += 1
        return asked > stop_after

    with pytest.raises(Stopped):
        fit(best, x[20:], y[20:], **how, checkpoint=kept(tmp_path / "c.npz"), checkpoint_every=1, stop=stop)
    progress = load_stage(tmp_path / "c.npz", {"stage": "it"})
    ended = fit(begun(rule=rule), x[20:], y[20:], **how, progress=progress)
    same(whole, ended)
    assert ended.held_out.xent.tobytes() == whole.held_out.xent.tobytes()
    assert ended.held_out.best_entry == whole.held_out.best_entry
    for name, array in whole.held_out.best.items():
        assert array.tobytes() == ended.held_out.best[name].tobytes()


def test_training_ends_early_with_the_best_parameters(tmp_path):
    x, y = labelled()  # of random labels nothing is learned, so others soon get worse
    functions = begun()
    how = {"steps": 1000, "every": 5, "held_out": (x[:20], y[:20]), "patience": 4}
    progress = fit(functions, x[20:], y[20:], **how, checkpoint=kept(tmp_path / "c.npz"), checkpoint_every=50)
    found = progress.held_out
    entry = progress.step // 5
    assert progress.step < 1000
    assert entry == found.best_entry + 4
    assert np.nanargmin(found.xent) == found.best_entry
    assert np.isfinite(found.xent[: entry + 1]).all()
    assert np.isnan(found.xent[entry + 1 :]).all()
    assert np.isnan(progress.history.cost[entry + 1 :]).all()
    assert np.mean(functions.evaluate(x[:20], y[:20])[1]) == found.xent[found.best_entry]
    again = fit(begun(), x[20:], y[20:], **how, progress=load_stage(tmp_path / "c.npz", {"stage": "it"}))
    same(progress, again)
    assert (again.step, again.held_out.best_entry) == (progress.step, found.best_entry)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"batches": 7}, "batches: found 7; allowed: graphs.training.Batches"),
        ({"batches": Batches(0)}, "batches.size: found 0"),
        ({"batches": Batches(1, seed=-1)}, "batches.seed: found -1"),
        ({"held_out": np.zeros(3)}, r"held_out: found .*; allowed: a pair \(x, y\)"),
        ({"held_out": (np.zeros((2, 4)), [0, 1])}, "held_out x: found an array of shape"),
        ({"held_out": (np.zeros((2, 5)), [0, 3])}, "held_out y: found 3 in sample 1"),
        ({"patience": 0}, "patience: found 0"),
    ],
)
def test_bad_ways_to_train_are_refused_before_a_step(how, said):
    x, y = labelled()
    functions = begun()
    with pytest.raises(InputError, match=said):
        fit(functions, x, y, steps=3, **how)
    assert not functions.read()["w"].any()


@pytest.mark.parametrize(
    ("y", "said"),
    [
        ([0, 1, 3], "y: found 3 in sample 2 .*allowed: labels: whole numbers from 0 to 2"),
        ([0, 1, -1], "y: found -1 in sample 2"),
        ([0, 1, 0.5], "y: found 0.5 in sample 2"),
        ([0, 1, np.nan], r"y: found nan at \(2,\)"),
        ([0, 1], "y: found an array of shape"),
    ],
)
def test_labels_that_are_none_are_refused(y, said):
    with pytest.raises(InputError, match=said):
        fit(begun(), np.zeros((3, 5)), y, steps=1)


def test_a_run_goes_on_with_the_patience_it_began_with():
    x, y = labelled()
    held_out = (x[:9], y[:9])
    progress = fit(begun(), x, y, steps=8, held_out=held_out, patience=50)
    with pytest.raises(
        InputError, match=r"progress: found one with a patience of 50; allowed: one with a patience of 5\."
    ):
        fit(begun(), x, y, steps=8, held_out=held_out, patience=5, progress=progress)
    with pytest.raises(InputError, match=r"allowed: one without samples held out\."):
        fit(begun(), x, y, steps=8, progress=progress)
