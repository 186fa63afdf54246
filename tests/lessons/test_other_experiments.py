"""The plane, the exam and the slopes give their published figures, in their framework and as graphs."""

from __future__ import annotations

import numpy as np
import pytest

import graphs
from graphs.lessons import hours, plane, slopes


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
    with pytest.raises(graphs.InputError, match="reduction: found 'max'; allowed: mean, sum"):
        hours.in_pytensor("max")


@pytest.mark.parametrize("name", ["plane", "hours", "four-rows"])
def test_the_fixed_data_sets_take_no_seed_and_no_size(name):
    assert graphs.load(name).x.ndim == 2
    with pytest.raises(graphs.InputError, match="fixed"):
        graphs.load(name, seed=1)
