"""Whatever a recording's texts hold: seen in every view, obeyed in none, and the recording itself stays as it is.

The attack (tests/attack/test_hostile_names.py) does the same with every kind of text by itself.
"""

from __future__ import annotations

from itertools import cycle, islice

import pytest

from graphs.inspection.file import from_json, to_json
from graphs.terminal import as_text
from tests.inspection.hostile import HOSTILE, fields, poisoned, problem, views

# Brackets of no meaning to anybody, as wide as those of markup; likewise for the colon of an emoji's code.
HARMLESS = str.maketrans("[]:", "⟦⟧;")
SHORT = {kind: text for kind, text in HOSTILE.items() if len(text) < 100}


@pytest.mark.parametrize("first", range(3))
def test_every_text_hostile_and_every_view_holds(textbook, first):
    """All kinds at once, each time at other places."""
    kinds = islice(cycle(SHORT.values()), first, None)
    assert problem(poisoned(textbook, lambda text: next(kinds)), most=2, widths=(60,)) == ""


def test_a_text_without_an_end(textbook):
    recording = poisoned(textbook, lambda text: text and "n\x1b" * 50_000)
    assert problem(recording, most=1, widths=(100,), every=False) == ""


@pytest.mark.long
def test_every_field_by_itself(textbook):
    """The other texts stay, so that the views go the ways that those choose."""
    every = "x[/a]" + "".join(HOSTILE[kind] for kind in ("terminal title", "directions", "lines", "HTML"))
    found = fields(textbook)
    assert {"Variable.name", "Rule.doc", "SourceLine.text", "NodeCode.text", "Recording.stamp"} <= found
    problems = {
        where: problem(poisoned(textbook, lambda text: every, where), widths=(100,)) for where in found
    }
    assert set(problems.values()) == {""}, problems


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
        assert "code" in name or "pair" in name or "[" in text or ":smile:" in text, name
        assert text.translate(HARMLESS) == as_text(expected()).translate(HARMLESS), name


def test_a_hostile_recording_loads_back_equal(textbook):
    kinds = cycle(text for kind, text in SHORT.items() if kind != "surrogate")
    recording = poisoned(textbook, lambda text: text + next(kinds))
    assert from_json(to_json(recording)) == recording


def test_what_utf_8_cannot_hold_is_spelled(textbook):
    recording = poisoned(textbook, lambda text: text + "\ud800", "Variable.name")
    named = {variable.name for variable in from_json(to_json(recording)).variables}
    assert "w\\ud800" in named
