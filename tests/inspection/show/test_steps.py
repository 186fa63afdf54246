"""Every rewrite stands in the table, and one can be looked at from both sides."""

from __future__ import annotations

import re

import pytest

from graphs.errors import InputError
from graphs.inspection.show.report import StepTable, step_view, telling_steps
from graphs.terminal import as_text
from tests.inspection.show.test_report import flat


def test_a_rescue_shows_where_values_stopped_being_finite(evaluated):
    """w: a quotient by what rounds to 0, before the canonizer cancels; what takes the place is shown."""
    (step,) = {s for o in evaluated.evaluation.outputs for s in o.rescued_by if o.first.nan == 784}
    text = flat(as_text(step_view(evaluated, step), 200))
    assert re.search(r"not finite before it, though what goes in is: #\d+ .* / .* - 1\.0\)+: 16 NaN", text)
    assert "not finite after it" not in text
    assert re.search(r"- #\d+ 1\.0 \+ … - 1\.0 Vector\(float64, shape=\(\?,\)\) 0 …", text)
    assert re.search(r"= #\d+ exp\(… - …\)", text)
    quiet = flat(as_text(step_view(evaluated, 1), 200))
    assert "not finite" not in quiet


def test_a_repair_and_its_formula_are_not_cut_in_the_table(evaluated):
    text = as_text(StepTable(evaluated), 100)
    (row,) = re.findall(
        r"1\.0 \+ exp\(…\) - 1\.0 → exp\(… - …\)\s+⟵ repaired 784 of w, repaired 1 of b", text
    )
    assert row


def test_every_step_stands_in_the_table_once(textbook):
    rows = list(StepTable(textbook).rows())
    steps = [step for first, last in rows for step in range(first, last + 1)]
    assert steps == list(range(1, len(textbook.steps) + 1))
    assert len(rows) < len(textbook.steps)
    assert len(list(StepTable(textbook, every=True).rows())) == len(textbook.steps)


def test_a_step_that_moved_values_has_a_row_of_its_own(textbook):
    loud = {v.step for v in textbook.evaluation.steps if v.verdict not in ("identical", "rounding")}
    assert loud
    rows = set(StepTable(textbook).rows())
    assert all((step, step) in rows for step in loud)


def test_filters_pick_steps(textbook):
    only = list(StepTable(textbook, phase="stabilize", every=True).rows())
    assert only
    assert all(textbook.steps[first - 1].phase == "stabilize" for first, _ in only)
    named = list(StepTable(textbook, rule="LOG1P", every=True).rows())
    assert named
    assert all("log1p" in textbook.rule_of(first).name for first, _ in named)


def test_a_step_shows_what_left_and_what_came(textbook):
    for step in telling_steps(textbook):
        text = as_text(step_view(textbook, step), 160)
        found = textbook.steps[step - 1]
        for node in found.gone:
            assert re.search(rf"^- +#{node} ", text, re.MULTILINE)
        for node in found.come:
            assert re.search(rf"^\+ +#{node} ", text, re.MULTILINE)
        assert textbook.rule_of(step).name in text
        assert "repaired" in text


def test_how_far_outputs_moved_is_said_three_ways(evaluated):
    """In their own unit, relative to them, and in units in the last place."""
    verdicts = [v for v in evaluated.evaluation.steps if v.verdict == "rounding"]
    assert verdicts
    for verdict in verdicts[:3]:
        text = flat(as_text(step_view(evaluated, verdict.step), 200))
        for change in verdict.outputs:
            far = f"relative {change.relative:.0e}, {change.ulp:.3g} unit"
            assert f"{evaluated.outputs[change.output].name} ±{change.absolute:.0e} ({far}" in text


def test_beside_what_was_repaired_stands_how_far_the_others_moved(evaluated):
    (verdict,) = [v for v in evaluated.evaluation.steps if any(c.repaired == 31 for c in v.outputs)]
    text = flat(as_text(step_view(evaluated, verdict.step), 200))
    assert re.search(r"values: repaired 31 of xent \(the finite ones moved by \S+, relative \S+, ", text)


@pytest.mark.parametrize("step", [0, -1, 10_000])
def test_a_step_that_is_not_there_is_refused(textbook, step):
    with pytest.raises(InputError, match=f"whole number from 1 to {len(textbook.steps)}"):
        step_view(textbook, step)
