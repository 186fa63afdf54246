"""What people read is what the recording says."""

from __future__ import annotations

import re

import msgspec
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode

from graphs.inspection import inspect
from graphs.inspection.file import from_json, to_json
from graphs.inspection.recording import Recording
from graphs.inspection.show.formulas import Formulas
from graphs.inspection.show.report import (
    HotNodes,
    StepTable,
    code_view,
    overview,
    pair_view,
    step_view,
    telling_steps,
    weight_table,
)
from graphs.terminal import as_html, as_text, count, duration, rate, share, size
from tests.inspection.conftest import PYTHON
from tests.inspection.odd_graphs import ODD_GRAPHS

AS_WRITTEN = Mode(linker="py", optimizer=None)


@pytest.fixture(scope="module")
def textbook() -> Recording:
    """A small graph with everything: rescue, updates, times, code, weight."""
    inputs, outputs, updates, values = ODD_GRAPHS["textbook_cross_entropy"]()
    inspection = inspect(inputs, outputs, updates, mode=PYTHON, name="train")
    whole = inspection.examine(*values, parts=("values", "doctor", "times", "code"))
    return whole.leave_out(rules=["log1p_neg_sigmoid", "local_log1p"], rounds=2).recording


def flat(text: str) -> str:
    return " ".join(text.split())


def test_the_retelling_names_counts_outputs_and_rescuers(textbook):
    told = flat(as_text(overview(textbook)))
    counts = textbook.node_counts()
    assert f"The graph as written has {counts[0]} nodes" in told
    assert f"made {counts[-1]} nodes of it" in told
    xent, w = textbook.evaluation.outputs
    assert xent.rescued_by
    for output in (xent, w):
        for step in output.rescued_by:
            assert f"step {step} ({textbook.rule_of(step).name})" in told
    bad = xent.first.nan + xent.first.inf
    assert f"xent is not finite in {bad} of 30 entries" in told
    mended = "repairs it" if w.rescued_by else "no rewrite repairs it"
    assert re.search(rf"w is not finite in all 20 entries; [^.]*{mended}", told)


def test_the_train_graphs_story_is_told(evaluated):
    told = flat(as_text(overview(evaluated), 160))
    assert "The graph as written has 73 nodes" in told
    assert "xent is not finite in 31 of 400 entries" in told
    assert "w is not finite in all 784 entries" in told
    assert re.search(r"repaired 31 of xent in step \d+, log1p_neg_sigmoid", told)
    assert re.search(r"log1p\(-p_1\) → -softplus", told)


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


def test_what_a_rule_is_worth(textbook):
    text = as_text(weight_table(textbook), 120)
    (line,) = [line for line in text.splitlines() if line.startswith("log1p_neg_sigmoid")]
    (found,) = [c for c in textbook.counterfactuals if "neg_sigmoid" in textbook.rules[c.rule].name]
    assert found.carries_weight
    assert re.search(r"xent: \d+ not finite", line)
    assert f"{found.ratio:.2f}×" in line


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


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_nothing_is_wider_than_the_terminal(textbook, width):
    text = as_text(overview(textbook), width)
    assert max(map(len, text.splitlines())) <= width
    for step in telling_steps(textbook):
        assert max(map(len, as_text(step_view(textbook, step), width).splitlines())) <= width


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


def test_the_hot_nodes_come_slowest_first(textbook):
    text = as_text(HotNodes(textbook, most=5), 140)
    shown = [int(number) for number in re.findall(r"^#(\d+)", text, re.MULTILINE)]
    times = {t.node: t.seconds.median for t in textbook.measurements.times.nodes}
    assert shown == sorted(times, key=lambda node: -times[node])[:5]
    assert f"{len(times) - 5} other nodes" in text
    assert "One call takes" in text


def test_what_lies_around_the_nodes_stands_beside_them(textbook):
    whole = textbook.measurements.times
    text = as_text(HotNodes(textbook, most=100), 140)
    for part in whole.around:
        (line,) = [line for line in text.splitlines() if part.name in line]
        assert duration(part.seconds.median) in line
        assert line.strip().startswith("after" if part.after else "before")
    assert f"together {share(whole.explained)} of the call" in flat(text)


def test_nodes_in_one_piece_show_their_work_and_the_pieces_time():
    x = pt.dvector("x")
    inspection = inspect([x], [pt.exp(x) * 2], mode=Mode(linker="c", optimizer="fast_compile"))
    recording = inspection.examine(np.ones(3), parts=("values", "times")).recording
    text = as_text(HotNodes(recording), 100)
    assert "not timed" not in text
    (line,) = [line for line in text.splitlines() if line.startswith("all nodes, as one piece")]
    assert duration(recording.measurements.times.inside.median) in line
    assert re.search(r"exp\(x\) .* 3 f\(\)", text)


def test_what_was_not_timed_is_not_shown_as_zero():
    inputs, outputs, updates, values = ODD_GRAPHS["if_else"]()
    asked = inspect(inputs, outputs, updates, mode="FAST_COMPILE")
    recording = asked.measure(*values, seconds=0.05).recording
    text = as_text(HotNodes(recording), 120)
    (line,) = [line for line in text.splitlines() if re.search(r" log\(", line) and "if" not in line]
    assert "not run" in line
    assert " 0 " not in line


def test_code_of_a_node_and_of_none(textbook):
    node = textbook.final_order[0]
    assert "def perform" in as_text(code_view(textbook, node))
    bare = msgspec.structs.replace(textbook, measurements=None)
    assert "no generated code" in as_text(code_view(bare, node))


def test_a_loaded_recording_reads_the_same(textbook):
    again = from_json(to_json(textbook))
    assert as_text(overview(again)) == as_text(overview(textbook))


def test_plain_text_has_no_escapes_and_html_is_escaped():
    x = pt.dvector("a<b>[red]")
    recording = inspect([x], [pt.log(1 + x)], mode=PYTHON).evaluate(np.ones(3)).recording
    text = as_text(overview(recording))
    assert "\x1b" not in text
    assert "a<b>[red]" in text
    html = as_html(overview(recording))
    assert "a&lt;b&gt;[red]" in html
    assert "<b>" not in html


def test_a_notebook_and_rich_show_the_report(textbook):
    bundle = textbook._repr_mimebundle_()
    assert "<pre" in bundle["text/html"]
    assert bundle["text/plain"] == as_text(overview(textbook))
    assert textbook.__rich__() is not None
    assert repr(textbook).startswith("<Recording of train: ")
    assert len(repr(textbook)) < 200


def test_a_graph_that_nothing_changed():
    x = pt.dvector("x")
    recording = inspect([x], [pt.exp(x)], mode=AS_WRITTEN).evaluate(np.ones(3)).recording
    told = flat(as_text(overview(recording)))
    assert "no rewrite changed it" in told
    assert telling_steps(recording) == ()


@pytest.mark.parametrize("name", sorted(set(ODD_GRAPHS) - {"thousand_nodes", "textbook_cross_entropy"}))
def test_odd_graphs_can_be_read(name):
    inputs, outputs, updates, values = ODD_GRAPHS[name]()
    bare = inspect(inputs, outputs, updates, mode=PYTHON)
    for recording in (bare.recording, bare.evaluate(*values).recording):
        assert as_text(overview(recording))
        for step in range(1, len(recording.steps) + 1):
            assert as_text(step_view(recording, step))


def test_a_rule_left_out_stands_beside_the_whole(textbook):
    inputs, outputs, updates, values = ODD_GRAPHS["textbook_cross_entropy"]()
    other = inspect(inputs, outputs, updates, mode=PYTHON.excluding("local_log1p"))
    without = other.evaluate(*values).recording
    text = as_text(pair_view(textbook, without, labels=("all", "less")), 120)
    assert "They part after" in text
    assert "stabilize · local_log1p" in text
    assert "entries not finite" in text
    same = as_text(pair_view(textbook, textbook, labels=("one", "two")), 120)
    assert "one story" in same


def formula(expression, **kwargs):
    inputs = list(pytensor.graph.traversal.explicit_graph_inputs([expression]))
    recording = inspect(inputs, [expression], mode=AS_WRITTEN).recording
    return Formulas(recording, 0).variable(recording.first_outputs[0], **kwargs)


x, y, m = pt.dvector("x"), pt.dvector("y"), pt.dmatrix("m")


@pytest.mark.parametrize(
    ("expression", "written"),
    [
        (lambda: (x + y) * x - y, "(x + y) * x - y"),
        (lambda: x - (y - x), "x - (y - x)"),
        (lambda: -(x**2) / y, "-x ** 2 / y"),
        (lambda: (-x) ** 2, "(-x) ** 2"),
        (lambda: (x**y) ** 2 + x ** (y**2), "(x ** y) ** 2 + x ** y ** 2"),
        (lambda: pt.log(1 - x), "log(1 - x)"),
        (lambda: m @ x, "(m @ x[:, None]).squeeze(1)"),
        (lambda: m.T.sum(), "sum(m.T)"),
        (lambda: m.sum(axis=0), "sum(m, axis=0)"),
        (lambda: pt.switch(x > 0, x, y), "where(x > 0, x, y)"),
        (lambda: x.astype("float32"), "float32(x)"),
        (lambda: pt.exp(pt.sin(pt.cos(pt.tan(pt.log(x))))), "exp(sin(cos(tan(…))))"),
    ],
)
def test_formulas_read_as_numpy_writes_them(expression, written):
    assert formula(expression()) == written


def test_quantities():
    assert duration(0.000131) == "131 µs"
    assert duration(1.5e-9) == "1.5 ns"
    assert duration(0.9999e-6) == "1 µs"
    assert duration(None) == "?"
    assert size(2515072) == "2.52 MB"
    assert size(999.9) == "1 KB"
    assert size(0) == "0 B"
    assert count(1254400) == "1.25 M"
    assert count(7) == "7"
    assert rate(2.5e6, 1e-4, "B/s") == "25 GB/s"
    assert rate(0, 1e-4, "B/s") == ""
    assert share(0.753) == "75 %"
    assert share(0.0123) == "1.2 %"
