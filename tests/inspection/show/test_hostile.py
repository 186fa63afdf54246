"""Whatever a recording's texts hold: seen in every view, obeyed in none, and the recording itself stays as it is."""

from __future__ import annotations

import pytest

from graphs.inspection.file import from_json, to_json
from graphs.terminal import as_text
from tests.inspection.hostile import HOSTILE, fields, poisoned, problem, views

# Brackets of no meaning to anybody, as wide as those of markup; likewise for the colon of an emoji's code.
HARMLESS = str.maketrans("[]:", "⟦⟧;")


@pytest.mark.parametrize("kind", HOSTILE)
def test_every_text_hostile_and_every_view_holds(textbook, kind):
    recording = poisoned(textbook, lambda text: HOSTILE[kind])
    assert problem(recording) == ""


def test_every_field_by_itself(textbook):
    """The other texts stay, so that the views go the ways that those choose."""
    every = "x[/a]" + "".join(HOSTILE[kind] for kind in ("terminal title", "directions", "lines", "HTML"))
    found = fields(textbook)
    assert {"Variable.name", "Rule.doc", "SourceLine.text", "NodeCode.text", "Recording.stamp"} <= found
    problems = {where: problem(poisoned(textbook, lambda text: every, where), (100,)) for where in found}
    assert set(problems.values()) == {""}, problems


@pytest.mark.parametrize("kind", ["markup", "emoji code"])
def test_no_text_is_lost_to_markup(textbook, kind):
    hostile, harmless = HOSTILE[kind], HOSTILE[kind].translate(HARMLESS)
    pairs = zip(
        views(poisoned(textbook, lambda text: text and hostile)),
        views(poisoned(textbook, lambda text: text and harmless)),
        strict=True,
    )
    for (name, seen), (_, expected) in pairs:
        text = as_text(seen)
        assert name.startswith(("code", "pair")) or "[" in text or ":smile:" in text, name
        assert text.translate(HARMLESS) == as_text(expected).translate(HARMLESS), name


@pytest.mark.parametrize("kind", [kind for kind in HOSTILE if kind != "surrogate"])  # which no file holds
def test_a_hostile_recording_loads_back_equal(textbook, kind):
    recording = poisoned(textbook, lambda text: text + HOSTILE[kind])
    assert from_json(to_json(recording)) == recording
