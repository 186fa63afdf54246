"""What a rule is worth, and where two compilations part, as text."""

from __future__ import annotations

import re

from graphs.inspection import inspect
from graphs.inspection.show.report import pair_view, weight_table
from graphs.terminal import as_text
from tests.inspection.conftest import PYTHON
from tests.inspection.odd_graphs import ODD_GRAPHS


def test_what_a_rule_is_worth(textbook):
    text = as_text(weight_table(textbook), 120)
    (line,) = [line for line in text.splitlines() if line.startswith("log1p_neg_sigmoid")]
    (found,) = [c for c in textbook.counterfactuals if "neg_sigmoid" in textbook.rules[c.rule].name]
    assert found.carries_weight
    assert re.search(r"xent: \d+ not finite", line)
    assert f"{found.ratio:.2f}×" in line


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
