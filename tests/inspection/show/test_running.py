"""What runs in the end, as text: nodes, times, code."""

from __future__ import annotations

import re

import msgspec
import numpy as np
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode

from graphs.errors import InputError
from graphs.inspection import inspect
from graphs.inspection.show.report import HotNodes, code_view, step_view
from graphs.inspection.show.running import work_table
from graphs.terminal import as_text, duration, share
from tests.inspection.odd_graphs import ODD_GRAPHS
from tests.inspection.show.test_report import flat


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


def test_a_node_is_named_by_its_number_and_another_is_refused(textbook):
    node = textbook.final_order[0]
    assert as_text(code_view(textbook, f"#{node}")) == as_text(code_view(textbook, node))
    with pytest.raises(InputError, match="a final node: "):
        code_view(textbook, "100000")


def test_work_of_which_a_part_is_not_known_is_at_least_so_much():
    x = pt.dvector("x")
    known = work_table(inspect([x], pt.exp(x) * 2, mode="FAST_COMPILE").evaluate(np.ones(5)).recording)
    assert "at least" not in as_text(known, 120)
    sorted_ = inspect([x], pt.sort(x) * 2 + 1, mode="FAST_COMPILE").evaluate(np.ones(5)).recording
    (line,) = [line for line in as_text(work_table(sorted_), 120).splitlines() if "arithmetic" in line]
    assert re.search(r"at least \d+ +at least \d+", line)


def test_a_copy_of_an_input_goes_back_to_the_input():
    x = pt.dvector("x")
    recording = inspect([x], [x, x + 1], mode="FAST_COMPILE").recording
    copied = next(
        i for i, s in enumerate(recording.steps, 1) if recording.rule_of(i).name == "insert_deepcopy"
    )
    assert "goes back to x an input" in flat(as_text(step_view(recording, copied), 120))
