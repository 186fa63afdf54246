"""Text that somebody else wrote, made fit to be shown: a name, a message or a file's content is seen, never obeyed.

A variable may be called ``x[/a]``, a file may carry escape sequences that rename the terminal, and a message may be
a million characters long. Every such text passes one of these functions, the one for the kind of view that it enters.
"""

from __future__ import annotations

__all__ = ["block", "plain", "quoted"]

LIMIT = 400  # characters of a text that are shown
LINES = 40  # likewise lines


def plain(text: object, limit: int = LIMIT) -> str:
    r"""One line of at most `limit` characters, in which whatever moves a cursor stands as an escape (``\x1b``).

    Control characters, those that turn the direction of writing, lone surrogates and line breaks are all escaped;
    letters of every script stay.
    """
    given = str(text)
    kept = given[:limit]
    # escapes before the cut would cost as long as the text is
    shown = kept if kept.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in kept)
    return shown if len(given) <= limit else f"{shown}… ({len(given):,} characters)"


def block(text: object, lines: int = LINES, limit: int = LIMIT) -> str:
    """Several lines, each as :func:`plain` has it; tabs become spaces, and of too many lines the first are shown."""
    given = str(text).expandtabs(4).splitlines()
    shown = [plain(line, limit) for line in given[:lines]]
    return "\n".join(shown if len(given) <= lines else [*shown, f"… ({len(given):,} lines)"])


def quoted(value: object, limit: int = LIMIT) -> str:
    """`value` as a Python literal in one line, however large it is or whatever its ``repr`` does."""
    if type(value) is int and abs(value) >= 10**40:
        # Python refuses to write down the longest ones
        return f"a number of about {int(value.bit_length() * 0.30103) + 1:,} digits"
    try:
        return plain(repr(value), limit)
    except Exception as problem:  # somebody else's __repr__
        return f"a {plain(type(value).__name__)} that cannot be shown ({type(problem).__name__})"


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
