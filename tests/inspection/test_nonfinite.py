"""Where what is not finite comes from: the node, its numbers, the user's line, and what helps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from graphs.inspection import Recording, inspect
from graphs.inspection.findings import NonFinite
from graphs.inspection.show.report import overview
from graphs.terminal import as_text

MODES = ("FAST_COMPILE", "CVM")
s, x = pt.dscalar("s"), pt.dvector("x")


def recorded(inputs: Sequence[Any], outputs: Any, *values: Any, mode: Any = "none") -> Recording:
    mode = pytensor.compile.mode.Mode(linker="py", optimizer=None) if mode == "none" else mode
    return inspect(list(inputs), outputs, mode=mode).evaluate(*values).recording


def found(recording: Recording, snapshot: int = 0) -> list[NonFinite]:
    assert recording.evaluation is not None
    return [origin for origin in recording.evaluation.nonfinite if origin.snapshot == snapshot]


def op_of(recording: Recording, origin: NonFinite) -> str:
    owner = recording.variables[origin.variable].owner
    assert owner is not None
    return recording.ops[recording.nodes[owner].op].name


@pytest.mark.parametrize("mode", MODES)
def test_the_first_node_that_is_not_finite_and_its_line_are_named(mode: str) -> None:
    scale = pt.sqrt(s)  # this line
    logp = (-0.5 * ((x - 1) / scale) ** 2 - pt.log(scale)).sum()
    recording = recorded([s, x], [logp, pt.grad(logp, s)], -1.0, np.array([1.0, 2.0]), mode=mode)
    (written,) = found(recording)
    assert (op_of(recording, written), written.kind, written.value) == ("Sqrt", "made", "nan")
    assert (written.outputs, written.entry) == ((0, 1), ())
    assert [(recording.variables[r.variable].name, r.value) for r in written.reads] == [("s", "-1")]
    owner = recording.variables[written.variable].owner
    assert owner is not None
    assert [line.text for line in recording.lines_of(owner)] == ["scale = pt.sqrt(s)  # this line"]
    assert "cannot be negative" in written.write
    compiled = found(recording, len(recording.steps))
    assert [op_of(recording, origin) for origin in compiled] == ["Sqrt"]
    shown = " ".join(as_text(overview(recording), width=300).split())
    assert "no rewrite repairs it. It begins at test_nonfinite.py:" in shown
    assert "scale = pt.sqrt(s) # this line: sqrt(s) is nan, for s = -1." in shown
    assert "it spreads: sqrt(s) → " in shown
    assert "A step to look at" not in shown


def test_what_is_infinite_on_the_way_and_does_no_harm_is_not_blamed() -> None:
    p = 1 / (1 + pt.exp(-x))  # exp(800) is infinite, and 1 over it is 0
    recording = recorded([x, s], pt.sqrt(p + s), np.array([-800.0]), -1.0)
    (origin,) = found(recording)
    assert op_of(recording, origin) == "Sqrt"


def test_an_input_that_is_not_finite_itself_is_said() -> None:
    recording = recorded([x], (pt.exp(x) * 2).sum(), np.array([0.0, np.nan]))
    (origin,) = found(recording)
    assert (origin.kind, origin.value, origin.entry) == ("given", "nan", (1,))
    assert "x is given as nan at [1]" in as_text(overview(recording), width=300)


def test_only_the_entry_that_is_not_finite_leads_upstream() -> None:
    m = pt.dmatrix("m")
    columns = pt.log(m) + pt.sqrt(m[0] - 5)[None, :]
    recording = recorded([m], columns, np.array([[6.0, 7.0], [1.0, -1.0]]))
    (origin,) = found(recording)
    assert (op_of(recording, origin), origin.entry) == ("Log", (1, 1))


def test_a_product_that_overflows_beside_an_input_that_is_not_finite_is_the_products_own() -> None:
    m = pt.dmatrix("m")
    value = np.array([[1e200, 1e200], [np.inf, 1.0]])
    recording = recorded([m], pt.dot(m, m.T)[0, 0], value)
    origin = found(recording)[0]
    assert origin.kind == "made"
    assert "Dot" in op_of(recording, origin)


def test_a_branch_that_is_not_picked_breaks_the_gradient() -> None:
    y = pt.switch(x > 0, pt.sqrt(x), 0.0).sum()
    recording = recorded([x], [y, pt.grad(y, x)], np.array([0.0, 2.0]))
    (origin,) = found(recording)
    assert origin.outputs == (1,)
    assert origin.masked_by is not None
    assert recording.ops[recording.nodes[origin.masked_by].op].name == "Switch"
    assert "into the branch too" in origin.write
    safe = pt.switch(x > 0, pt.sqrt(pt.switch(x > 0, x, 1.0)), 0.0).sum()  # what it says to write
    slopes = pytensor.function([x], pt.grad(safe, x), mode="FAST_COMPILE")(np.array([0.0, 2.0]))
    assert np.isfinite(slopes).all()


@pytest.mark.parametrize("mode", ["none", *MODES])
def test_an_infinite_constant_that_a_condition_picks_is_told_with_the_condition(mode: str) -> None:
    recording = recorded([x], pt.switch(x > 0, pt.log(x), -np.inf).sum(), np.array([-1.0, 2.0]), mode=mode)
    (origin,) = found(recording)
    assert (origin.kind, origin.value, origin.entry) == ("picked", "-inf", (0,))
    assert [failed.value for failed in origin.failed] == ["-1 > 0"]
    assert origin.write == ""
    for compiled in found(recording, len(recording.steps)):
        assert (compiled.kind, compiled.value) == ("picked", "-inf")


def test_a_check_that_raises_is_told_with_what_made_it_fail() -> None:
    from pytensor.raise_op import Assert

    scale = pt.sqrt(s)
    checked = Assert("scale must be positive")(x, scale > 0)
    recording = recorded([s, x], (checked * 2).sum(), -4.0, np.ones(2))
    made, raised = found(recording)
    assert (op_of(recording, made), made.value) == ("Sqrt", "nan")
    assert (raised.kind, [f.value for f in raised.failed]) == ("raised", ["nan > 0"])
    assert "scale must be positive" in raised.value
    shown = " ".join(as_text(overview(recording), width=300).split())
    assert "As written, output 0 cannot be computed." in shown
    assert "every output is finite" not in shown


def test_the_operation_within_a_fused_one_is_told() -> None:
    recording = recorded([x, s], pt.exp(pt.sqrt(x) + x * s), np.array([4.0, -9.0]), 1.0, mode="CVM")
    (origin,) = found(recording, len(recording.steps))
    assert origin.inside == "sqrt(-9)"
    assert origin.entry == (1,)


def test_a_gradient_is_led_back_to_the_line_that_it_differentiates() -> None:
    length = pt.sqrt((x**2).sum())  # the line
    recording = recorded([x], pt.grad(length, x), np.zeros(2))
    assert "length = pt.sqrt((x**2).sum()) # the line" in " ".join(
        as_text(overview(recording), width=300).split()
    )


def test_of_a_long_way_the_beginning_is_found_all_the_same() -> None:
    y = pt.sqrt(s)
    for _ in range(400):
        y = y + 1.0
    recording = recorded([s], y, -1.0)
    (origin,) = found(recording)
    assert op_of(recording, origin) == "Sqrt"
    assert len(origin.path) == 21
    assert origin.path[-1] == recording.first_outputs[0]


def test_it_survives_the_file(tmp_path: Any) -> None:
    from graphs.inspection import load, save

    y = pt.switch(x > 0, pt.sqrt(x), 0.0).sum()
    recording = recorded([x], [y, pt.grad(y, x), pt.log(x)], np.array([0.0, -2.0]), mode="CVM")
    save(recording, tmp_path / "r.json")
    again = load(tmp_path / "r.json")
    assert again == recording
    assert as_text(overview(again)) == as_text(overview(recording))


z = pt.dvector("z")
FORMULAS: list[tuple[str, Any, Any, list[float], list[float]]] = [
    # what is said, the formula, what is to be written, where, and the truth there
    ("-pt.softplus(z), where", pt.log(1 - pt.sigmoid(z)), -pt.softplus(z), [40.0], [-40.0]),
    ("-pt.softplus(-z), where", pt.log(pt.sigmoid(z)), -pt.softplus(-z), [-800.0], [-800.0]),
    ("-pt.softplus(z), where", pt.log(1 - 1 / (1 + pt.exp(-z))), -pt.softplus(z), [40.0], [-40.0]),
    (
        "pt.special.log_softmax",
        pt.log(pt.special.softmax(z)),
        pt.special.log_softmax(z),
        [-800.0, 0.0],
        [-800.0, 0.0],
    ),
    (
        "m + pt.log(",
        pt.log(pt.exp(z).sum()),
        z.max() + pt.log(pt.exp(z - z.max()).sum()),
        [800.0, 0.0],
        [800.0],
    ),
    ("m + pt.log(", pt.log(pt.exp(z).sum()), z.max() + pt.log(pt.exp(z - z.max()).sum()), [-800.0], [-800.0]),
    ("pt.softplus(z)", pt.log(1 + pt.exp(z)), pt.softplus(z), [800.0], [800.0]),
    ("pt.special.softmax(z)", pt.exp(z) / pt.exp(z).sum(), pt.special.softmax(z), [800.0, 0.0], [1.0, 0.0]),
    ("pt.sigmoid(z)", pt.exp(z) / (1 + pt.exp(z)), pt.sigmoid(z), [800.0], [1.0]),
    (
        "p·log(p) with its limit",
        z * pt.log(z),
        pt.switch(pt.eq(z, 0), 0, z * pt.log(pt.switch(pt.eq(z, 0), 1, z))),
        [0.0, 1.0],
        [0.0, 0.0],
    ),
    (
        "x / pt.sqrt(pt.maximum(",
        z / pt.sqrt((z**2).sum()),
        z / pt.sqrt(pt.maximum((z**2).sum(), 1e-300)),
        [0.0, 0.0],
        [0.0, 0.0],
    ),
    (
        "the slope of the root",
        pt.grad(pt.sqrt(z).sum(), z),
        pt.grad(pt.sqrt(z + 1e-30).sum(), z),
        [0.0],
        [5e14],
    ),
]


@pytest.mark.parametrize(("said", "formula", "instead", "at", "truth"), FORMULAS)
def test_what_is_said_to_be_finite_is_and_is_right(
    said: str, formula: Any, instead: Any, at: list[float], truth: list[float]
) -> None:
    value = np.array(at)
    recording = recorded([z], formula, value)
    assert found(recording), "the formula does not fail there"
    assert said.replace("pt.special.log_softmax", "pt.special.log_softmax") in found(recording)[0].write
    right = pytensor.function([z], instead, mode="FAST_COMPILE")(value)
    np.testing.assert_allclose(np.ravel(right), truth, rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize(
    ("formula", "at", "said"),
    [
        (pt.log(z), -1.0, "a positive number under the logarithm"),
        (pt.arccos(z), 2.0, "between −1 and 1"),
        (z**0.5, -1.0, "a base that is not negative"),
        (z**-2.0, 0.0, "a base that cannot be 0"),
        (3.0 / z, 0.0, "a divisor that cannot be 0"),
        (pt.gammaln(z), -1.0, "not 0 or a negative whole one"),
        (pt.log(1 - z), 1.0, "p has rounded to 1"),
        (pt.exp(z) * 2, 800.0, "does without the exponential"),
        (pt.log(z) + 1, 0.0, "a number under the logarithm that cannot be 0"),
    ],
)
def test_what_must_hold_of_what_goes_in_is_said(formula: Any, at: float, said: str) -> None:
    with np.errstate(all="ignore"):
        (origin, *_) = found(recorded([z], formula, np.array([at])))
    assert said in origin.write


@pytest.mark.parametrize(
    ("formula", "at"), [(pt.gamma(z), 200.0), (pt.gammaln(z), 1e307), (z**1025.0, -2.0), (z / 1e-300, 1e300)]
)
def test_of_what_overflows_nothing_is_said_that_is_not_so(formula: Any, at: float) -> None:
    (origin, *_) = found(recorded([z], formula, np.array([at])))
    assert (origin.kind, origin.write) == ("made", "")


def test_a_bare_logarithm_of_0_is_no_product_with_it() -> None:
    (origin, *_) = found(recorded([z], pt.log(z) * 3, np.array([0.0])))
    assert "p·log(p)" not in origin.write


def test_a_constant_that_is_not_finite_is_told_with_the_line_that_reads_it() -> None:
    data = np.array([1.0, np.nan])
    y = (x * data).sum()  # this line
    recording = recorded([x], y, np.ones(2))
    (origin,) = found(recording)
    assert (origin.kind, origin.entry) == ("given", (1,))
    shown = " ".join(as_text(overview(recording), width=300).split())
    assert "It is there before test_nonfinite.py:" in shown
    assert "y = (x * data).sum() # this line: the constant" in shown
    assert "holds nan at [1]." in shown


def test_one_number_that_is_not_finite_is_not_made_by_who_joins_it() -> None:
    joined = pt.stack([pt.sqrt(s), s])
    recording = recorded([s], joined, -1.0)
    assert [op_of(recording, origin) for origin in found(recording)] == ["Sqrt"]
