"""The page says what the recording says."""

from __future__ import annotations

import re

import msgspec
import numpy as np
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode

from graphs.inspection import inspect
from graphs.inspection.file import from_json, to_json
from graphs.inspection.findings import OutputChange
from graphs.inspection.show.report import overview, step_view, telling_steps
from graphs.terminal import as_html, as_text, duration
from tests.inspection.conftest import PYTHON
from tests.inspection.odd_graphs import ODD_GRAPHS

AS_WRITTEN = Mode(linker="py", optimizer=None)


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


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_nothing_is_wider_than_the_terminal(textbook, width):
    text = as_text(overview(textbook), width)
    assert max(map(len, text.splitlines())) <= width
    for step in telling_steps(textbook):
        assert max(map(len, as_text(step_view(textbook, step), width).splitlines())) <= width


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


def test_whether_the_copy_is_the_graph_given_is_said(textbook, evaluated):
    """`matches`; and what the recorder's own work took."""
    same = "Compiled again, it is the graph of the function given, node by node."
    other = "Compiled again, it is not the graph of the function given."
    assert evaluated.matches
    assert same in flat(as_text(overview(evaluated)))
    differing = msgspec.structs.replace(evaluated, matches=False)
    assert other in flat(as_text(overview(differing)))
    assert textbook.matches is None  # an expression was given
    told = flat(as_text(overview(textbook)))
    assert same not in told
    assert other not in told
    assert f"Recording took {duration(textbook.recorder_seconds)} beside compiling." in told


def test_what_the_compiled_function_gives_stands_beside_what_its_nodes_give(textbook):
    def told(*compiled):
        evaluation = msgspec.structs.replace(textbook.evaluation, compiled=compiled)
        return flat(as_text(overview(msgspec.structs.replace(textbook, evaluation=evaluation))))

    same = OutputChange(1, "identical")
    rounds = OutputChange(0, "rounding", absolute=2e-15, relative=3e-16, ulp=1.0)
    breaks = OutputChange(0, "broke", broke=3)
    fails = OutputChange(0, "unknown", problem="ValueError: no")
    gives = "“As compiled” is what the function returns; beside its nodes, computed Op by Op, it is"
    assert gives not in told()
    assert "The compiled function was not called" in told()
    assert f"{gives} the same to the bit." in told(same, same)
    moved = "xent ±2e-15 (relative 3e-16, 1 unit in the last place)."
    assert f"{gives} the same but for rounding: {moved}" in told(rounds, same)
    assert f"{gives} not the same: broke 3 of xent." in told(breaks, same)
    assert f"{gives} not the same: unknown xent (ValueError: no)." in told(fails, same)
    assert textbook.evaluation.compiled
    assert gives in flat(as_text(overview(textbook)))
