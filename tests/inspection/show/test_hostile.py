"""Whatever a recording's texts hold: seen in every view, obeyed in none, and the recording itself stays as it is.

The attack (tests/attack/test_hostile_names.py) does the same with every kind of text by itself.
"""

from __future__ import annotations

import math
from itertools import cycle

import pytest

from graphs.inspection.file import from_json, to_json
from graphs.terminal import as_text
from tests.inspection.hostile import HOSTILE, fields, poisoned, problem, views

pytestmark = pytest.mark.once

# Brackets of no meaning to anybody, as wide as those of markup; likewise for the colon of an emoji's code.
HARMLESS = str.maketrans("[]:", "⟦⟧;")
SHORT = {kind: text for kind, text in HOSTILE.items() if len(text) < 100}


def test_every_text_hostile_and_every_view_holds(textbook):
    kinds = cycle(SHORT.values())
    assert problem(poisoned(textbook, lambda text: next(kinds)), most=1, widths=(60,)) == ""


def test_a_text_without_an_end(textbook):
    recording = poisoned(textbook, lambda text: "n\x1b" * 50_000, "Rule.name")
    assert problem(recording, most=1, widths=(100,), every=False) == ""


CHOOSING = ("kind", "dtype", "verdict", "formula", "marks")  # fields whose words choose what a view shows
TOGETHER = 8  # of the others


@pytest.mark.long
def test_a_few_fields_at_a_time(textbook):
    """The other texts stay, so that the views go the ways that those choose; what chooses is tried by itself."""
    every = "x[/a]" + "".join(HOSTILE[kind] for kind in ("terminal title", "directions", "lines", "HTML"))
    found = fields(textbook)
    assert {"Variable.name", "Rule.doc", "SourceLine.text", "NodeCode.text", "Recording.stamp"} <= found
    choosing = {where for where in found if where.rpartition(".")[2] in CHOOSING}
    others = sorted(found - choosing)
    apart = math.ceil(len(others) / TOGETHER)  # those of one kind of thing lie side by side
    for group in [*([where] for where in sorted(choosing)), *(others[k::apart] for k in range(apart))]:
        recording = textbook
        for where in group:
            recording = poisoned(recording, lambda text: every, where)
        assert problem(recording, widths=(100,)) == "", group


@pytest.mark.parametrize("kind", ["markup", "emoji code"])
def test_no_text_is_lost_to_markup(textbook, kind):
    hostile, harmless = HOSTILE[kind], HOSTILE[kind].translate(HARMLESS)
    pairs = zip(
        views(poisoned(textbook, lambda text: text and hostile), most=1).items(),
        views(poisoned(textbook, lambda text: text and harmless), most=1).values(),
        strict=True,
    )
    for (name, seen), expected in pairs:
        text = as_text(seen())
        none = ("code", "pair", "doctor")  # need not show any
        assert any(word in name for word in none) or "[" in text or ":smile:" in text, name
        assert text.translate(HARMLESS) == as_text(expected()).translate(HARMLESS), name


def test_a_hostile_recording_loads_back_equal(textbook):
    """With the words alone of which there are only some (graphs/inspection/validity.py)."""
    kinds = cycle(text for kind, text in SHORT.items() if kind != "surrogate")
    recording = textbook
    for where in sorted(fields(textbook)):
        if where.rpartition(".")[2] not in CHOOSING:
            recording = poisoned(recording, lambda text: text + next(kinds), where)
    assert from_json(to_json(recording)) == recording != textbook


def test_what_utf_8_cannot_hold_is_spelled(textbook):
    recording = poisoned(textbook, lambda text: text + "\ud800", "Variable.name")
    named = {variable.name for variable in from_json(to_json(recording)).variables}
    assert "w\\ud800" in named
