"""scikit-learn's interface: its own checks, its optimum, weights that are repetitions, and what is kept where."""

from __future__ import annotations

import copy
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn")

import joblib
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import graphs
from graphs import estimators
from graphs.errors import InputError
from graphs.estimators import SOLVERS, LogisticClassifier
from graphs.solving import METHODS
from graphs.training import Batches
from graphs.updates import RULES
from tests.conftest import ROOT

#: What scikit-learn 1.9 asks of a classifier, 63 checks in all; a newer one may ask more.
CHECKS = 60
#: Checks that scikit-learn itself leaves out, where pandas is not installed or an array API not asked for.
LEFT_OUT = {
    "check_sample_weights_pandas_series",
    "check_classifier_data_not_an_array",
    "check_array_api_input",
}
EQUIVALENCE = "check_sample_weight_equivalence_on_dense_data"


def drawn(classes=2, samples=120, features=7, seed=0, dtype="float64"):
    """Samples whose classes overlap."""
    stream = np.random.default_rng(seed)
    x = stream.normal(size=(samples, features)).astype(dtype)
    logits = x @ stream.normal(size=(features, classes)) + stream.gumbel(size=(samples, classes))
    return x, logits.argmax(axis=1)


def exact(**settings):
    return LogisticClassifier(**{"tolerance": 1e-9, "weight_decay": 0.003, **settings})


def theirs(samples, decay=0.003, **settings):
    c = 1 / (2 * decay * samples)
    return LogisticRegression(C=c, tol=1e-9, max_iter=10_000, solver="newton-cholesky", **settings)


def same(one, other, **tolerance):
    np.testing.assert_allclose(one.coef_, other.coef_, **{"rtol": 1e-6, "atol": 1e-7, **tolerance})
    np.testing.assert_allclose(one.intercept_, other.intercept_, **{"rtol": 1e-6, "atol": 1e-7, **tolerance})


CHECKED = [
    ({}, {}),
    ({"solver": "newton"}, {}),
    ({"solver": "gradient-descent"}, {}),
    ({"solver": "nesterov", "warm_start": True}, {}),
    ({"solver": "adam"}, {}),
    ({"solver": "adamw"}, {}),
    ({"class_weight": "balanced"}, {}),
    # Its steps stay as large as η, and so rounding grows from one to the next.
    ({"solver": "rmsprop"}, {EQUIVALENCE: "it never comes to rest"}),
    (
        {"solver": "momentum", "batch_size": 16, "max_iter": 30},
        {EQUIVALENCE: "a repeated sample is in other batches"},
    ),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("settings", "excepted"),
    [CHECKED[0], *(pytest.param(*each, marks=pytest.mark.long) for each in CHECKED[1:])],
    ids=lambda given: "-".join(map(str, given.values())) if given else "",
)
def test_scikit_learns_own_checks(settings, excepted):
    found = check_estimator(
        LogisticClassifier(**settings), expected_failed_checks=excepted, on_skip=None, on_fail=None
    )
    by_status = {status: [each for each in found if each["status"] == status] for status in _statuses(found)}
    assert {each["check_name"] for each in by_status.pop("skipped", [])} <= LEFT_OUT
    assert {each["check_name"] for each in by_status.pop("xfail", [])} == set(excepted)
    passed = by_status.pop("passed")
    assert not by_status, [(each["check_name"], each["exception"]) for each in by_status["failed"]]
    assert len(passed) >= CHECKS - len(excepted)


def _statuses(found):
    return {each["status"] for each in found}


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("solver", METHODS)
def test_it_finds_scikit_learns_optimum(classes, solver):
    x, y = drawn(classes)
    ours = exact(solver=solver).fit(x, y)
    same(ours, theirs(len(y)).fit(x, y))
    assert ours.coef_.shape == ((1, 7) if classes == 2 else (4, 7))
    np.testing.assert_allclose(ours.predict_proba(x), theirs(len(y)).fit(x, y).predict_proba(x), atol=1e-7)
    np.testing.assert_allclose(np.exp(ours.predict_log_proba(x)), ours.predict_proba(x), rtol=1e-12)
    assert ours.score(x, y) == (ours.predict(x) == y).mean() > 0.6


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0, 1: 0.5}])
def test_weights_of_samples_and_of_classes(classes, class_weight):
    x, y = drawn(classes)
    weights = np.random.default_rng(1).uniform(0, 3, len(y))
    ours = exact(class_weight=class_weight, solver="newton").fit(x, y, weights)
    # C is by the sum of all weights, those of the classes counted in
    factors = estimators.LogisticClassifier(class_weight=class_weight)
    total = weights.sum()
    if class_weight is not None:
        total = (weights * factors._class_factors(y, weights, np.unique(y))[y]).sum()
    if class_weight == "balanced":
        assert total == pytest.approx(weights.sum())
        held = np.bincount(y, weights)
        class_weight = dict(enumerate(weights.sum() / (classes * held)))  # scikit-learn < 1.7 takes numbers
    same(ours, theirs(total, class_weight=class_weight).fit(x, y, weights))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("solver", ["lbfgs", "newton", "gradient-descent", "adam"])
def test_a_weight_of_two_is_the_sample_twice_and_of_zero_its_absence(classes, solver):
    x, y = drawn(classes)
    repeats = np.random.default_rng(1).integers(0, 3, len(y))
    settings = {
        "solver": solver,
        "tolerance": 1e-8 if solver in METHODS else 1e-2,
        "class_weight": "balanced",
    }
    weighted = exact(**settings).fit(x, y, repeats)
    repeated = exact(**settings).fit(x.repeat(repeats, axis=0), y.repeat(repeats))
    same(weighted, repeated)


def test_labels_of_any_kind():
    x, y = drawn(3)
    names = np.array(["plum", "apple", "fig"])
    found = exact().fit(x, names[y])
    assert list(found.classes_) == ["apple", "fig", "plum"]
    assert set(found.predict(x)) == set(names)
    place = [1, 2, 0]  # of apple, fig and plum in the numbers
    np.testing.assert_allclose(found.coef_, exact().fit(x, y).coef_[place], atol=1e-6)


@pytest.mark.parametrize("solver", sorted(RULES))
def test_a_rule_comes_near_the_optimum(solver):
    x, y = drawn()
    optimum = exact(weight_decay=0.03).fit(x, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = LogisticClassifier(
            solver=solver, weight_decay=0.03, batch_size=None, max_iter=2000, random_state=0
        ).fit(x, y)
    if solver == "adamw":  # it shrinks more than the penalty says, but not out of sight
        assert np.corrcoef(found.coef_[0], optimum.coef_[0])[0, 1] > 0.95
    else:
        same(found, optimum, atol=2e-2 if solver == "rmsprop" else 5e-3)


def test_what_ends_too_early_says_so():
    x, y = drawn(3)
    for settings in ({"max_iter": 2}, {"solver": "newton", "max_iter": 1}, {"solver": "adam", "max_iter": 3}):
        with pytest.warns(ConvergenceWarning, match=r"max_iter"):
            found = LogisticClassifier(**settings).fit(x, y)
        assert found.n_iter_ == settings["max_iter"]


def test_the_end_of_what_numbers_can_tell_is_no_failure():
    for seed in range(5):
        x, y = drawn(3, seed=seed)
        for solver in METHODS:
            exact(solver=solver, tolerance=1e-13).fit(x, y)


@pytest.mark.parametrize("solver", ["lbfgs", "gradient-descent"])
def test_a_warm_start_goes_on_where_the_last_fit_ended(solver):
    x, y = drawn(3)
    settings = {"solver": solver, "weight_decay": 0.03, "tolerance": 1e-5}
    cold = LogisticClassifier(**settings).fit(x, y)
    again = LogisticClassifier(**settings, warm_start=True).fit(x, y)
    iterations = again.n_iter_
    same(again, cold, rtol=0, atol=0)
    again.fit(x, y)
    assert again.n_iter_ <= 1 < iterations
    with pytest.raises(InputError, match="warm_start: found 3 classes and 6 features after a fit of 3 and 7"):
        again.fit(x[:, :6], y)


def by_hand(x, y, passes, size, seed, rate, decay, mu):
    """Momentum in NumPy, on the same batches."""
    w, b, vw, vb = np.zeros(x.shape[1]), 0.0, 0.0, 0.0
    batches = Batches(size, seed)
    for step in range(passes * batches.per_pass(len(y))):
        rows = batches.rows(step, len(y))
        r = 1 / (1 + np.exp(-(x[rows] @ w + b))) - y[rows]
        vw = mu * vw + x[rows].T @ r / len(rows) + 2 * decay * w
        vb = mu * vb + r.mean()
        w, b = w - rate * vw, b - rate * vb
    return w, b, vw


def test_partial_fit_takes_the_same_steps_as_by_hand():
    x, y = drawn()
    stepping = LogisticClassifier(
        solver="momentum", batch_size=50, learning_rate=0.2, weight_decay=0.01, random_state=3
    )
    stepping.partial_fit(x, y, classes=[0, 1])
    for _ in range(2):
        stepping.partial_fit(x, y)
    seed = stepping._seed()
    w, b, vw = by_hand(x, y, 3, 50, seed, 0.2, 0.01, 0.9)
    np.testing.assert_allclose(stepping.coef_, [w], rtol=1e-12)
    np.testing.assert_allclose(stepping.intercept_, [b], rtol=1e-12)
    np.testing.assert_allclose(stepping.solver_state_["vw"], vw, rtol=1e-12)
    assert stepping.n_iter_ == 3


def test_mini_batches_know_nothing_of_samples_without_weight():
    x, y = drawn(3)
    weights = np.random.default_rng(1).integers(0, 3, len(y)).astype(float)
    settings = {"solver": "adam", "batch_size": 16, "random_state": 0, "max_iter": 20, "tolerance": 1.0}
    whole = LogisticClassifier(**settings).fit(x, y, weights)
    same(
        LogisticClassifier(**settings).fit(x[weights > 0], y[weights > 0], weights[weights > 0]),
        whole,
        rtol=0,
        atol=0,
    )


def test_mini_batches_end_where_the_gradient_of_all_samples_is_small():
    x, y = drawn()
    settings = {"solver": "gradient-descent", "batch_size": 30, "random_state": 0, "weight_decay": 0.03}
    found = LogisticClassifier(**settings, tolerance=0.02, max_iter=500).fit(x, y)
    assert 2 < found.n_iter_ < 500

    def largest(each):
        slope = x.T @ (each.predict_proba(x)[:, 1] - y) / len(y) + 0.06 * each.coef_[0]
        return max(np.abs(slope).max(), abs((each.predict_proba(x)[:, 1] - y).mean()))

    assert largest(found) <= 0.02
    with pytest.warns(ConvergenceWarning):
        before = LogisticClassifier(**settings, tolerance=0.02, max_iter=found.n_iter_ - 1).fit(x, y)
    assert largest(before) > 0.02


@pytest.mark.parametrize("solver", sorted(RULES))
@pytest.mark.parametrize("classes", [2, 3])
def test_fit_is_as_many_partial_fits(solver, classes):
    x, y = drawn(classes)
    settings = {
        "solver": solver,
        "batch_size": 32,
        "max_iter": 4,
        "tolerance": 1e-12,
        "random_state": 1,
    }
    with pytest.warns(ConvergenceWarning):
        whole = LogisticClassifier(**settings).fit(x, y)
    parts = LogisticClassifier(**settings)
    for _ in range(4):
        parts.partial_fit(x, y, range(classes))
    same(parts, whole, rtol=0, atol=0)
    assert parts.solver_state_.keys() == whole.solver_state_.keys()
    whole.partial_fit(x, y)  # it goes on from a fit too
    parts.partial_fit(x, y)
    same(parts, whole, rtol=0, atol=0)


def test_only_what_takes_steps_has_partial_fit():
    for solver in SOLVERS:
        assert hasattr(LogisticClassifier(solver=solver), "partial_fit") == (solver in RULES)


def test_partial_fit_refuses_what_it_cannot_go_on_with():
    x, y = drawn(3)
    begun = LogisticClassifier(solver="adam")
    with pytest.raises(InputError, match=r"classes: found none"):
        begun.partial_fit(x, y)
    with pytest.raises(InputError, match=r"y: found 2; allowed: one of the classes"):
        begun.partial_fit(x, y, [0, 1])
    begun.partial_fit(x, y, [0, 1, 2])
    with pytest.raises(InputError, match=r"classes: found \[0, 1\]"):
        begun.partial_fit(x, y, [0, 1])
    with pytest.raises(InputError, match=r"solver: found another rule"):
        begun.set_params(solver="momentum").partial_fit(x, y)
    with pytest.raises(InputError, match=r"class_weight: found 'balanced' for partial_fit"):
        begun.set_params(solver="adam", class_weight="balanced").partial_fit(x, y)


def test_in_a_pipeline_and_a_search_over_several_processes():
    x, y = drawn(3)
    pipeline = make_pipeline(StandardScaler(), LogisticClassifier())
    grid = {"logisticclassifier__weight_decay": [1e-3, 1e-1, 10.0]}
    apart = GridSearchCV(pipeline, grid, cv=3, n_jobs=2).fit(x, y)
    alone = GridSearchCV(pipeline, grid, cv=3).fit(x, y)
    np.testing.assert_array_equal(apart.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    same(apart.best_estimator_[-1], alone.best_estimator_[-1], rtol=0, atol=0)
    assert apart.best_params_["logisticclassifier__weight_decay"] < 10
    assert pipeline.set_output(transform="default").fit(x, y).score(x, y) > 0.6


def test_column_names_of_a_frame():
    pandas = pytest.importorskip("pandas")
    x, y = drawn()
    names = [f"c{i}" for i in range(x.shape[1])]
    frame = pandas.DataFrame(x, columns=names)
    pipeline = make_pipeline(StandardScaler(), LogisticClassifier()).set_output(transform="pandas")
    found = pipeline.fit(frame, y)[-1]
    assert list(found.feature_names_in_) == names
    with pytest.raises(ValueError, match="feature names"):
        pipeline.predict(frame[names[::-1]])


def test_threads_share_one_function_and_no_numbers():
    data = [drawn(3, samples=60 + i, seed=i) for i in range(6)]
    for mode in ("NATIVE", "CVM"):
        settings = {"solver": "adam", "max_iter": 40, "tolerance": 1e-12, "mode": mode}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            alone = [LogisticClassifier(**settings).fit(*each) for each in data]
            together = [LogisticClassifier(**settings) for _ in data]
            threads = [
                threading.Thread(target=one.fit, args=each) for one, each in zip(together, data, strict=True)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        for one, other in zip(alone, together, strict=True):
            same(one, other, rtol=0, atol=0)


def test_one_compilation_serves_every_shape(monkeypatch):
    LogisticClassifier().fit(*drawn(3))
    monkeypatch.setattr(estimators, "compile_objective", None)
    for classes, samples, features in ((3, 50, 2), (5, 80, 1), (4, 31, 20)):
        found = LogisticClassifier(tolerance=1e-6).fit(*drawn(classes, samples, features))
        assert found.coef_.shape == (classes, features)


def test_a_clone_has_the_parameters_and_no_numbers():
    found = LogisticClassifier(weight_decay=0.5, solver="adam", class_weight={0: 2.0}).fit(*drawn())
    again = clone(found)
    assert again.get_params() == found.get_params()
    assert not hasattr(again, "coef_")


def test_what_is_kept_predicts_the_same_bits_in_a_fresh_process(tmp_path):
    for classes, solver in ((2, "lbfgs"), (3, "adam")):
        x, y = drawn(classes)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = LogisticClassifier(solver=solver, max_iter=200).fit(x, y)
        assert all(_is_plain(value) for value in vars(found).values())
        joblib.dump(found, tmp_path / "found.joblib")
        np.save(tmp_path / "x.npy", x)
        np.save(tmp_path / "p.npy", found.predict_proba(x))
        code = (
            "import joblib, numpy as np, sys\n"
            "load = lambda name: np.load(f'{sys.argv[1]}/{name}.npy')\n"
            "found = joblib.load(f'{sys.argv[1]}/found.joblib')\n"
            "assert (found.predict_proba(load('x')) == load('p')).all()\n"
            "assert (found.predict(load('x')) == found.classes_[load('p').argmax(axis=1)]).all()\n"
        )
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, cwd=ROOT, timeout=120)


def _is_plain(value):
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    return value is None or isinstance(value, int | float | str | np.ndarray)


@pytest.mark.parametrize("solver", ["lbfgs", "newton", "nesterov"])
@pytest.mark.parametrize("classes", [2, 3])
def test_float32_stays_float32(solver, classes):
    x, y = drawn(classes, dtype="float32")
    settings = {"solver": solver, "weight_decay": 0.03, "tolerance": 1e-4}
    narrow = LogisticClassifier(**settings).fit(x, y)
    wide = LogisticClassifier(**settings).fit(x.astype("float64"), y)
    for kept in (narrow.coef_, narrow.intercept_, narrow.predict_proba(x), narrow.decision_function(x)):
        assert kept.dtype == np.float32
    assert wide.coef_.dtype == np.float64
    same(narrow, wide, atol=2e-3)


def test_an_order_of_memory_is_no_matter():
    x, y = drawn()
    plain = exact().fit(x, y)
    for laid in (np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x.tolist()):
        same(exact().fit(laid, y), plain, rtol=0, atol=0)


def test_sparse_samples_are_refused():
    from scipy.sparse import csr_array

    x, y = drawn()
    with pytest.raises(TypeError, match="dense data is required"):
        LogisticClassifier().fit(csr_array(x), y)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weight_decay": -1}, "weight_decay: found -1"),
        ({"weight_decay": "0.1"}, "weight_decay: found '0.1'"),
        ({"solver": "liblinear"}, "solver: found 'liblinear'; allowed: lbfgs, newton, gradient-descent"),
        ({"learning_rate": 0}, "learning_rate: found 0"),
        ({"batch_size": 0}, "batch_size: found 0"),
        ({"batch_size": 2.5}, "batch_size: found 2.5"),
        ({"tolerance": 0.0}, "tolerance: found 0.0"),
        ({"max_iter": 0}, "max_iter: found 0"),
        ({"warm_start": "no"}, "warm_start: found 'no'"),
        ({"class_weight": "equal"}, "class_weight: found 'equal'"),
        ({"class_weight": {7: 1.0}}, "class_weight: found a weight of 7"),
        ({"class_weight": {1: -1.0}}, "class_weight.1.: found -1"),
        ({"class_weight": {0: 0.0, 1: 0.0}}, "class_weight: found zero for every sample"),
        ({"mode": "FAST"}, "mode: found 'FAST'"),
        ({"mode": None}, "mode: found None"),
    ],
)
def test_a_bad_parameter_is_named(settings, message):
    with pytest.raises(InputError, match=message):
        LogisticClassifier(**settings).fit(*drawn())


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros(120), "sample_weight: found zero"),
        (-np.ones(120), "sample_weight: found -1, a negative"),
        (np.ones(119), r"sample_weight: found an array of shape \(119,\)"),
        (np.full(120, np.nan), "sample_weight: found nan"),
        (["a"] * 120, "sample_weight: found an array of dtype"),
    ],
)
def test_bad_weights_are_named(weights, message):
    with pytest.raises(InputError, match=message):
        LogisticClassifier().fit(*drawn(), weights)


def test_one_class_is_none():
    x, y = drawn()
    with pytest.raises(InputError, match="y: found 1 class; allowed: at least 2 classes"):
        LogisticClassifier().fit(x, np.zeros_like(y))


def test_it_is_reached_by_name_and_without_scikit_learn_a_command_is():
    assert graphs.estimators is estimators
    code = (
        "import importlib.util, sys; sys.modules['sklearn'] = None\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *more: None if name == 'sklearn' else find(name, *more)\n"
        "import graphs\n"
        "try: graphs.estimators\n"
        "except ImportError as error: print(error)\n"
        "from graphs import *\n"
        "help(graphs)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert (
        "scikit-learn is not installed; pip install 'compiled-graphs[estimators]' brings it\n" in done.stdout
    )


def test_an_estimator_is_left_as_it_was_by_a_fit_that_is_refused():
    x, y = drawn()
    found = exact().fit(x, y)
    before = copy.deepcopy(vars(found))
    with pytest.raises(InputError):
        found.fit(x, y, np.zeros(len(y)))
    np.testing.assert_equal(vars(found), before)
