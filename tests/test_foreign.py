"""Foreign text is shown, never obeyed, and never longer than a reader reads."""

from __future__ import annotations

import numpy as np
import pytest

from graphs.foreign import block, plain, quoted


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
    assert plain("a" * 100_000, 10) == "aaaaaaaaaa… (100,000 characters)"
    assert plain("a" * 10, 10) == "a" * 10


def test_a_block_keeps_its_lines_and_cuts_what_is_too_much():
    assert block("def f():\n\treturn '\x1b[2J'") == "def f():\n    return '\\x1b[2J'"
    assert block("\n".join("abc"), lines=2) == "a\nb\n… (3 lines)"


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
