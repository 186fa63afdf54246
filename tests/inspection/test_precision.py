"""How far outputs are from extended precision: against sixty digits, and silent where it cannot be had."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytensor.tensor as pt
import pytest

from graphs.inspection import Recording, inspect
from graphs.inspection.show.page.drawn import draw
from graphs.inspection.values import precision
from tests.inspection.conftest import PYTHON

needs_digits = pytest.mark.skipif(
    np.finfo(np.longdouble).eps >= np.finfo(np.float64).eps, reason="this machine has no extended precision"
)
SMALL = np.array([1e-10, 3e-7, 0.02])


def evaluated(outputs: list[object], x: object, *values: object) -> Recording:
    return inspect([x], outputs, mode=PYTHON).evaluate(*values).recording


@needs_digits
def test_log1p_comes_nearer_by_what_sixty_digits_say() -> None:
    x = pt.vector("x")
    recording = evaluated([pt.log(1 + x)], x, SMALL)
    assert recording.evaluation is not None
    (reference,) = recording.evaluation.references
    assert reference.bits == np.finfo(np.longdouble).nmant + 1 > 53
    first, *_, last = recording.evaluation.distances
    with mpmath.workdps(60):
        exact = [mpmath.log(1 + mpmath.mpf(float(v))) for v in SMALL]
        units = [mpmath.mpf(float(np.spacing(float(e)))) for e in exact]
        naive = max(
            abs(mpmath.mpf(float(np.log(1 + v))) - e) / u for v, e, u in zip(SMALL, exact, units, strict=True)
        )
    # log(1 + 1e-10) as written is wrong in its ninth digit
    assert (first.snapshot, last.output) == (0, 0)
    assert first.ulp == pytest.approx(float(naive), rel=1e-3)
    assert first.ulp > 1e6
    fired = next(
        i for i, s in enumerate(recording.steps, start=1) if recording.rules[s.rule].name == "local_log1p"
    )
    assert last.snapshot == fired
    assert last.ulp < 1
    # more digits, of the formula as written, are not the truth: how far they are from it is said
    assert reference.snapshot >= fired
    assert reference.doubt is not None
    assert 100 < reference.doubt < first.ulp / 100


@needs_digits
def test_what_overflows_with_more_digits_too_is_measured_against_the_repaired_graph(
    examined: Recording,
) -> None:
    evaluation = examined.evaluation
    assert evaluation is not None
    xent = next(r for r in evaluation.references if examined.outputs[r.output].name == "xent")
    rescue = next(r for r in examined.rescues() if r.output == xent.output)
    assert xent.snapshot >= rescue.step
    assert xent.nonfinite == 0
    far = [d for d in evaluation.distances if d.output == xent.output]
    assert far[0].ulp > 1e9 > 1e4 > far[-1].ulp


@needs_digits
def test_float32_is_measured_in_its_own_units() -> None:
    x = pt.fvector("x")
    recording = evaluated([x * np.float32(3) + np.float32(1)], x, np.float32([0.1, 7.7]))
    assert recording.evaluation is not None
    assert [r.output for r in recording.evaluation.references] == [0]
    assert all(d.ulp is not None and d.ulp <= 1 for d in recording.evaluation.distances)


@pytest.mark.parametrize("make", [lambda x: pt.erf(x), lambda x: pt.cumsum(x), lambda x: pt.eq(x, 0)])
def test_nothing_is_said_where_it_cannot_be_had(make: object) -> None:
    x = pt.vector("x")
    recording = evaluated([make(x)], x, SMALL)  # type: ignore[operator]
    assert recording.evaluation is not None
    assert recording.evaluation.references == ()
    assert recording.evaluation.distances == ()
    assert draw(recording).steps is not None


@needs_digits
def test_one_output_that_cannot_leaves_the_others() -> None:
    x = pt.vector("x")
    recording = evaluated([pt.erf(x), pt.exp(x)], x, SMALL)
    assert recording.evaluation is not None
    assert [r.output for r in recording.evaluation.references] == [1]


@needs_digits
def test_blas_is_computed_with_more_digits_too() -> None:
    a, x, y, u, v = pt.matrix("a"), pt.vector("x"), pt.vector("y"), pt.vector("u"), pt.vector("v")
    graph = inspect(
        [a, x, y, u, v],
        [
            0.3 * y + 1.7 * pt.dot(a, x),
            a + 0.2 * pt.outer(u, v),
            pt.dot(a, a.T),
            0.5 * a + 2.0 * pt.dot(a, pt.dot(a.T, a)),
        ],
        mode=PYTHON,
    )
    random = np.random.default_rng(0)
    values = [random.normal(size=shape) for shape in ((4, 3), (3,), (4,), (4,), (3,))]
    recording = graph.evaluate(*values).recording
    assert recording.evaluation is not None
    references = recording.evaluation.references
    assert [r.output for r in references] == [0, 1, 2, 3]
    (at,) = {r.snapshot for r in references}  # the last before fusion
    used = {recording.ops[node.op].kind.rpartition(".")[2] for node in recording.snapshot(at).nodes}
    for either in ({"Gemv", "CGemv"}, {"Gemm"}, {"Dot22"}):  # and Ger, under PyTensor 3.0
        assert used & either, used
    assert all(r.doubt is not None and r.doubt < 0.01 for r in references)
    assert all(d.ulp is not None and d.ulp < 200 for d in recording.evaluation.distances)


@needs_digits
def test_a_graph_from_before_a_repair_is_no_witness(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the repaired graph cannot be computed with more digits, the broken one, which can, says nothing."""
    real = precision.kernel_of

    def without_softplus(node: Any) -> Any:
        if type(getattr(node.op, "scalar_op", None)).__name__ == "Softplus":
            raise TypeError("no kernel")
        return real(node)

    z = pt.vector("z")
    values = np.array([-2.0, 40.0, 800.0])
    written = [pt.log(1 - pt.sigmoid(z))]
    whole = evaluated(written, z, values).evaluation
    monkeypatch.setattr(precision, "kernel_of", without_softplus)
    blind = evaluated(written, z, values).evaluation
    assert whole is not None
    assert blind is not None
    assert whole.outputs[0].rescued_by
    assert [r.output for r in whole.references] == [0]
    assert blind.references == ()


@needs_digits
def test_what_would_take_long_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    x = pt.vector("x")
    monkeypatch.setattr(precision, "MOST_ENTRIES", 10)
    few = evaluated([pt.exp(x)], x, np.ones(4)).evaluation
    many = evaluated([pt.exp(x)], x, np.ones(6)).evaluation
    assert few is not None
    assert many is not None
    assert [len(few.references), len(many.references)] == [1, 0]
