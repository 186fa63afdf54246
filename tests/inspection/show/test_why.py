"""Why a rewrite did not fire, as text."""

from __future__ import annotations

import pytensor.tensor as pt

from graphs.inspection import inspect
from graphs.inspection.show.report import why_view
from graphs.terminal import as_text
from tests.inspection.conftest import PYTHON


def told(outputs, rule, mode=PYTHON, inputs=None):
    found = inspect(inputs or [x], outputs, mode=mode).why(rule)
    return as_text(why_view(found.recording), 200), found.recording.whys[-1]


x = pt.dvector("x")


def test_the_nearest_place_stands_with_its_node_its_test_and_the_line_it_was_written_on():
    written = pt.log(2 + x)
    text, why = told(written, "local_log1p")
    (place,) = why.places
    assert text.startswith("local_log1p: tried, and no place fits\n")
    assert f"nearest place, in snapshot {place.snapshot}: #{place.node}  log(2.0 + x)\n" in text
    assert (
        f"  the test is: if scalars and isclose(np.sum(scalars), 1):  ({place.file}:{place.line})\n" in text
    )
    assert "  written in test_why.py:" in text
    assert "written = pt.log(2 + x)" in text
    assert (
        'to leave it out: mode.excluding("local_log1p"), or graphs inspect --against without:local_log1p'
        in text
    )


def test_one_that_fired_names_its_step_and_how_to_look_at_it():
    text, why = told(pt.log(1 + x), "local_log1p")
    assert text.startswith("local_log1p: fired\n")
    assert f"In step {why.steps[0]}: --step {why.steps[0]} shows the first." in text
    assert "nearest place" not in text


def test_what_goes_with_it_is_named_in_the_command_too():
    text, _ = told(pt.log(1 + x), "local_useless_slice")
    assert "--against without:local_useless_slice,extract_diag_lift_pass" in text


def test_a_pattern_says_where_it_stands():
    text, why = told(pt.log1p(-2 * pt.sigmoid(x)), "log1p_neg_sigmoid")
    assert f"  the pattern stands in {why.places[0].file}:{why.places[0].line}\n" in text


def test_nothing_asked_is_said():
    assert "No rewrite was asked about." in as_text(why_view(inspect([x], x + 1, mode=PYTHON).recording))
