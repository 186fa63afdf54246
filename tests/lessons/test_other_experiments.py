"""The plane, the exam and the slopes give their published figures, in their framework and as graphs."""

from __future__ import annotations

import numpy as np
import pytest

import graphs
from graphs.lessons import hours, plane, slopes
from tests.by_hand import ByHand


@pytest.mark.parametrize("run", [plane.in_numpy, lambda: plane.in_pytensor("FAST_COMPILE")])
def test_the_plane(run):
    found = run()
    assert found.test_loss == pytest.approx(0.27879988486425312958, rel=1e-12)
    assert found.train_loss == pytest.approx(0.304264192597090074, rel=1e-12)
    assert found.theta == pytest.approx(
        [0.3432412382859557, 0.906876970181335, 1.5568874791650062], rel=1e-12
    )
    assert (found.test_accuracy, found.train_accuracy) == (1.0, 0.9375)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("framework", ["torch", "pytensor"])
def test_the_exam(framework):
    if framework == "torch":
        pytest.importorskip("torch")
    run = hours.in_pytorch if framework == "torch" else lambda r: hours.in_pytensor(r, "FAST_COMPILE")
    mean, total = run("mean"), run("sum")
    assert mean.w == pytest.approx(0.48592609905494344, rel=1e-12)
    assert mean.b == pytest.approx(-1.2303380239395962, rel=1e-12)
    assert mean.passes_after_4_hours == pytest.approx(0.6711445778724119, rel=1e-12)
    assert mean.loss == pytest.approx(0.515593152767869, rel=1e-12)
    assert total.w == pytest.approx(1.1989504504868795, rel=1e-12)
    assert total.b == pytest.approx(-2.896431788385911, rel=1e-12)
    assert total.passes_after_4_hours == pytest.approx(0.8698202069917875, rel=1e-12)


@pytest.mark.parametrize(("reduction", "samples"), [("mean", 1), ("sum", 3)])
def test_the_exam_is_gradient_descent_without_decay(monkeypatch, reduction, samples):
    """A step of the sum is as long as those of the mean with a learning rate as many times larger."""
    monkeypatch.setattr(hours, "EPOCHS", 20)
    data, by_hand = graphs.load("hours"), ByHand([0.0], learning_rate=0.01 * samples, weight_decay=0)
    for _ in range(20):
        by_hand.train(data.x, data.y)
    _, xent, *_ = by_hand.evaluate(data.x, data.y)
    found = hours.in_pytensor(reduction, "FAST_COMPILE")
    assert found.w == pytest.approx(by_hand.w[0], rel=1e-12)
    assert found.b == pytest.approx(by_hand.b, rel=1e-12)
    (unseen,) = data.unseen_x[0]
    assert found.passes_after_4_hours == pytest.approx(
        1 / (1 + np.exp(-unseen * found.w - found.b)), rel=1e-14
    )
    assert found.loss == pytest.approx(getattr(xent, reduction)(), rel=1e-12)
    assert all(isinstance(value, float) for value in found)


def test_the_exam_compiles_in_the_mode_asked_for_and_averages_where_nothing_is_said(monkeypatch):
    modes, compile_functions = [], hours.compile_functions
    monkeypatch.setattr(hours, "EPOCHS", 2)
    monkeypatch.setattr(
        hours,
        "compile_functions",
        lambda graph, updates, mode: modes.append(mode) or compile_functions(graph, updates, "FAST_COMPILE"),
    )
    assert hours.in_pytensor() == hours.in_pytensor("mean", "CVM") != hours.in_pytensor("sum", "none")
    assert modes == ["default", "CVM", "none"]


@pytest.mark.parametrize("installed", [True, False])
def test_the_exam_puts_both_reductions_side_by_side(monkeypatch, installed):
    asked = []
    monkeypatch.setattr(hours, "missing", lambda name: "" if installed and name == "torch" else "missing")
    monkeypatch.setattr(hours, "in_pytorch", lambda reduction: hours.HoursResult(1, 2, 3, 4))
    monkeypatch.setattr(hours, "in_pytensor", lambda *how: asked.append(how) or hours.HoursResult(5, 6, 7, 8))
    columns = ("w", "b", "P(pass | 4 h)", "loss")
    theirs, ours = (dict(zip(columns, row, strict=True)) for row in ((1, 2, 3, 4), (5, 6, 7, 8)))
    rows = [
        *([("PyTorch, mean", theirs)] if installed else []),
        ("PyTensor, mean", ours),
        *([("PyTorch, sum", theirs)] if installed else []),
        ("PyTensor, sum", ours),
    ]
    assert list(hours.exam().items()) == rows
    assert list(hours.exam("CVM").items()) == rows
    assert asked == [("mean", "default"), ("sum", "default"), ("mean", "CVM"), ("sum", "CVM")]


@pytest.mark.parametrize("framework", ["autograd", "pytensor"])
def test_the_slopes(framework):
    if framework == "autograd":
        pytest.importorskip("autograd")
    found = slopes.in_autograd() if framework == "autograd" else slopes.in_pytensor("FAST_COMPILE")
    assert found.slope_of_half == 0.5
    assert found.slope_of_tanh == pytest.approx(0.419974341614026, rel=1e-14)
    assert found.initial_loss == pytest.approx(2.772588722239781, rel=1e-15)
    assert found.trained_loss == pytest.approx(1.06727067578701654, rel=1e-14)
    assert found.x.shape == (200,)
    assert found.tanh == pytest.approx(np.tanh(found.x), abs=1e-14)
    assert found.tanh_slope == pytest.approx(1 - np.tanh(found.x) ** 2, abs=1e-14)


def test_the_plot_of_tanh_has_200_points_of_each_curve():
    axes = slopes.draw(slopes.in_pytensor("FAST_COMPILE")).axes[0]
    curve, slope, point = axes.get_lines()
    assert (len(curve.get_xdata()), curve.get_xdata()[0], curve.get_xdata()[-1]) == (200, -7, 7)
    assert len(slope.get_ydata()) == 200
    assert (point.get_xdata()[0], point.get_ydata()[0]) == pytest.approx((1, 0.419974341614026))


def test_a_reduction_that_is_none_is_refused():
    with pytest.raises(graphs.InputError, match=r"^reduction: found 'max'; allowed: mean, sum"):
        hours.in_pytensor("max")


@pytest.mark.parametrize("name", ["plane", "hours", "four-rows"])
def test_the_fixed_data_sets_take_no_seed_and_no_size(name):
    assert graphs.load(name).x.ndim == 2
    with pytest.raises(graphs.InputError, match="fixed"):
        graphs.load(name, seed=1)
