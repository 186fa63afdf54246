"""Foreign text is shown, never obeyed, and never longer than a reader reads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np
import pytest
from hypothesis import given, strategies

from graphs.foreign import block, legible, one_line, plain, quoted


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x9b31m", r"\x9b31m"),
        ("abc\u202edef", r"abc\u202edef"),
        ("\ud800", r"\ud800"),
        ("x[/a]", "x[/a]"),
        ("η Größe 漢", "η Größe 漢"),
    ],
)
def test_what_moves_a_cursor_is_an_escape(hostile, shown):
    assert plain(hostile) == shown
    assert plain(hostile).isprintable()


def test_a_long_text_is_cut_and_its_length_said():
    assert plain("a" * 100_000, 30) == "aaaaaaaa… (100,000 characters)"
    assert plain("a" * 30, 30) == "a" * 30
    assert len(plain("\x1b" * 30, 30)) == 30, "escapes count"


@given(strategies.text(), strategies.integers(25, 60))
def test_what_is_fit_already_stays_as_it_is(text, limit):
    shown = plain(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()
    assert plain(shown, limit) is shown


def test_a_block_keeps_its_lines_and_cuts_what_is_too_much():
    assert block("def f():\n\treturn '\x1b[2J'") == "def f():\n    return '\\x1b[2J'"
    assert block("\n".join("abc"), lines=2) == "a\n… (3 lines)"
    assert block("a\nb\n", lines=2) == "a\nb"


class Rude:
    def __repr__(self) -> str:
        raise ValueError("no")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (10**400, "a number of about 401 digits"),
        (-(10**4200), "a number of about 4,201 digits"),
        (10**15, "1000000000000000"),
        ("x\n", r"'x\n'"),
        (np.float32(2), "np.float32(2.0)"),
        (Rude(), "a Rude that cannot be shown (ValueError)"),
    ],
)
def test_any_value_has_a_line(value, shown):
    assert quoted(value) == shown


class Mute(Exception):
    def __str__(self) -> str:
        raise ValueError("no")


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (ValueError("a\nb"), "ValueError: a"),
        (ValueError("\x1b[2J"), r"ValueError: \x1b[2J"),
        (SystemExit(0), "SystemExit: 0"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (Mute(), "Mute"),
        (type("K" * 1000, (Exception,), {})("x" * 1000), None),
    ],
)
def test_an_exception_is_one_line(problem, line):
    assert line is None or one_line(problem) == line
    assert len(one_line(problem)) < 300


class Part(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    name: str
    kept: list[dict[str, tuple[str, int]]] = []

    def __post_init__(self) -> None:
        if len(self.name) > 300:
            raise ValueError("a name that was cut would not pass again")

    @cached_property
    def length(self) -> int:
        return len(self.name)


@dataclass(frozen=True)
class Whole:
    parts: tuple[Part, ...]
    other: object


def test_a_record_is_made_legible_wherever_a_text_stands():
    fit, unfit = Part(name="a"), Part(name="\x07", kept=[{"\x1b": ("\n", 1)}])
    whole = Whole((fit, unfit), np.arange(3))
    shown = legible(whole)
    assert shown.parts[0] is fit
    assert shown.parts[1] == Part(name=r"\x07", kept=[{r"\x1b": (r"\n", 1)}])
    assert (shown.parts[1].length, unfit.length) == (4, 1)
    assert shown.other is whole.other
    assert unfit.name == "\x07", "the data themselves stay"
    assert legible(fit) is fit
    assert legible(shown) is shown
