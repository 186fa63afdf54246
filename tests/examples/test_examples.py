"""Every example's claims hold, in the native mode and in others, and its figures are those of someone else's tool."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest

import graphs
from graphs.errors import InputError
from graphs.examples import EXAMPLES
from graphs.examples.outcome import at_most, close_to
from graphs.examples.report import report, summary
from graphs.examples.run import Run
from graphs.experiment.folder import Folder
from graphs.experiment.results import to_json
from graphs.pictures import png
from graphs.terminal import as_text
from graphs.training import Stopped


@cache
def ran(name, mode="NATIVE"):
    run = Run(name, mode)
    return EXAMPLES.function(name)(run), run.linkers()


def figure(outcome, claim):
    (found,) = [finding.found for finding in outcome.findings if claim in finding.claim]
    return float(found.split()[0].rstrip("%"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_claimed_holds_and_all_of_it_runs_natively(name):
    outcome, linkers = ran(name)
    assert [finding for finding in outcome.findings if not finding.holds] == []
    assert set(linkers.values()) == {"NativeLinker"}
    assert len(outcome.formulas) >= 1


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_is_shown_kept_and_drawn(name):
    outcome, linkers = ran(name)
    text = as_text(report(name, "What it **says**.", outcome, linkers), 100)
    assert all(
        finding.said in text.replace("\n", " ") or len(finding.said) > 20 for finding in outcome.findings
    )
    assert all(formula in text for formula in outcome.formulas)
    assert f"linker: NativeLinker, of all {len(linkers)} functions" in text
    kept = json.loads(to_json(summary(outcome, linkers)))
    assert kept["holds"] is True
    assert kept["formulas"] == list(outcome.formulas)
    assert png(outcome.draw()).startswith(b"\x89PNG")


# Each Op's own Python takes its time; the default mode is Numba's, which compiles for a minute.
@pytest.mark.parametrize("name", ["growth", "clipping", "curve", "sigmoid"])
@pytest.mark.parametrize("mode", [pytest.param("CVM", marks=pytest.mark.long), "FAST_COMPILE"])
def test_other_modes_find_the_same(name, mode):
    outcome, linkers = ran(name, mode)
    assert all(finding.holds for finding in outcome.findings)
    assert "NativeLinker" not in linkers.values()


def test_a_claim_that_does_not_hold_is_shown_as_such():
    assert close_to("a", 1.0, 1.1, 0.05).holds is False
    assert close_to("a", 1.0, 1.04, 0.05).holds is True
    assert close_to("a", 1.0, float("nan"), 0.05).holds is False
    assert at_most("a", 2e-9, 1e-9).holds is False
    assert at_most("a", float("nan"), 1e-9).holds is False


def test_the_digits_are_scikit_learns():
    """Accuracy and confusion are those of scikit-learn's own softmax regression with the same penalty."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    metrics = pytest.importorskip("sklearn.metrics")
    data = graphs.load("digits")
    training, testing = graphs.split(data)
    theirs = linear_model.LogisticRegression(C=1 / (2 * 1e-4 * len(training)), tol=1e-6, max_iter=5000)
    predicted = theirs.fit(data.x[training], data.y[training]).predict(data.x[testing])
    outcome, _ = ran("softmax")
    right, confusion = outcome.tables
    assert right.rows[0][2] == pytest.approx(np.mean(predicted == data.y[testing]))
    np.testing.assert_array_equal(
        [row[1:] for row in confusion.rows], metrics.confusion_matrix(data.y[testing], predicted)
    )
    ridge = linear_model.Ridge(alpha=1e-6 * len(training)).fit(data.x[training], data.y[training])
    nearest = np.clip(np.rint(ridge.predict(data.x[testing])), 0, 9)
    assert right.rows[1][2] == pytest.approx(np.mean(nearest == data.y[testing]))


def test_the_likelihood_is_scipys():
    from scipy.optimize import minimize
    from scipy.special import log_expit

    data = graphs.load("plane")
    sign = 2 * data.y - 1

    def cost(p):
        return -log_expit(sign * (data.x @ p[:2] + p[2])).sum()

    theirs = minimize(cost, np.zeros(3), method="BFGS", options={"gtol": 1e-7})
    outcome, _ = ran("likelihood")
    assert outcome.tables[0].rows[0][2] == pytest.approx(-theirs.fun, rel=1e-9)


def test_one_sample_at_a_time_is_the_texts_algorithm():
    """The loop as the text has it, with a list in the place of the range: its draws are those of the permutation."""
    from graphs.training import Batches

    data, batches = graphs.load("plane"), Batches(1)
    x = np.column_stack([data.x, np.ones(100)])
    weights = np.zeros(3)
    for passed in range(150):
        left = list(range(100))
        for i in range(100):
            alpha = 4 / (1.0 + passed + i) + 0.01
            (drawn,) = batches.rows(passed * 100 + i, 100)
            error = data.y[drawn] - 1 / (1 + np.exp(-x[drawn] @ weights))
            weights = weights + alpha * error * x[drawn]
            left.remove(drawn)
        assert not left
    outcome, _ = ran("ascent")
    assert outcome.tables[0].rows[-1][4] == pytest.approx(np.linalg.norm(weights[:2]), rel=1e-12)


class Once:
    """Answers True from the n-th time on."""

    def __init__(self, n):
        self.n = n

    def __call__(self):
        self.n -= 1
        return self.n < 0


@pytest.mark.parametrize("name", ["growth", "likelihood", "stopping", "minibatch"])
@pytest.mark.parametrize("after", [0, 2, 9, 25])
def test_an_example_that_was_stopped_goes_on_to_the_same_bytes(tmp_path, name, after):
    whole, linkers = ran(name)
    folder = Folder(tmp_path / "it", (), resume=False)
    try:
        EXAMPLES.function(name)(Run(name, folder=folder, stop=Once(after)))
    except Stopped:
        assert list(folder.path.glob(f"{name}-*.npz"))
    again = EXAMPLES.function(name)(Run(name, folder=folder, resume=True))
    assert to_json(summary(again, linkers)) == to_json(summary(whole, linkers))


def test_a_stage_of_another_mode_is_not_gone_on_with(tmp_path):
    folder = Folder(tmp_path / "it", (), resume=False)
    EXAMPLES.function("growth")(Run("growth", folder=folder))
    with pytest.raises(InputError, match='the mode "NATIVE", where "CVM" is asked for'):
        EXAMPLES.function("growth")(Run("growth", "CVM", folder=folder, resume=True))
