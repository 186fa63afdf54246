"""Text that somebody else wrote, made fit to be shown: a name, a message or a file's content is seen, never obeyed.

A variable may be called ``x[/a]``, a file may carry escape sequences that rename the terminal, and a message may be
a million characters long. Every such text passes one of these functions, the one for the kind of view that it enters;
a view of a whole record begins with :func:`legible`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from copy import copy
from operator import is_
from typing import Any, TypeVar

__all__ = ["WHOLE", "block", "legible", "one_line", "plain", "quoted"]

LIMIT = 400  # characters of a text that are shown
LINES = 40  # likewise lines
WHOLE = (100_000, 2_000)  # lines, and characters of each, where somebody asks for code as it is
Data = TypeVar("Data")


def plain(text: object, limit: int = LIMIT) -> str:
    r"""One line of at most `limit` characters, in which whatever moves a cursor stands as an escape (``\x1b``).

    Control characters, those that turn the direction of writing, lone surrogates and line breaks are all escaped;
    letters of every script stay. Of a longer text the beginning is shown, and its length is said. A text that
    is fit already comes back as it is.
    """
    given = str(text)
    kept = given[:limit]
    # escapes before the cut would cost as long as the text is
    shown = kept if kept.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in kept)
    if len(given) <= limit and len(shown) <= limit:
        return shown
    told = f"… ({len(given):,} characters)"
    return shown[: max(limit - len(told), 0)] + told


def block(text: object, lines: int = LINES, limit: int = LIMIT) -> str:
    """At most so many lines, each as :func:`plain` has it; tabs become spaces, and how many there were is said."""
    given = str(text).expandtabs(4).splitlines()
    kept = given if len(given) <= lines else given[: lines - 1]
    shown = [plain(line, limit) for line in kept]
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


def one_line(problem: BaseException) -> str:
    """An exception's class and the first line of what it says, however it says it."""
    kind = plain(type(problem).__name__, 60)
    try:
        said = str(problem).strip()
    except Exception:  # somebody else's __str__
        said = ""
    first = said.partition("\n")[0].rstrip()
    return f"{kind}: {plain(first, 200)}" if first else kind


def legible(data: Data, limit: int = LIMIT) -> Data:
    """Plain data with every text in it as :func:`plain` has it: what views of a whole record are drawn from.

    The data themselves stay as they are, and parts in which every text is fit are shared. Goes through tuples,
    lists, dicts, dataclasses and the structs of msgspec, so that a field added to a record is covered by itself.
    """
    shown: Data = _legible(data, limit)
    return shown


def _legible(part: Any, limit: int) -> Any:
    if isinstance(part, str):
        return plain(part, limit)
    if isinstance(part, tuple | list):
        items = [_legible(item, limit) for item in part]
        return part if all(map(is_, items, part)) else type(part)(items)
    if isinstance(part, dict):
        pairs = {_legible(key, limit): _legible(value, limit) for key, value in part.items()}
        same = all(map(is_, pairs, part)) and all(map(is_, pairs.values(), part.values()))
        return part if same else pairs
    fields: Iterable[str] = getattr(part, "__struct_fields__", getattr(part, "__dataclass_fields__", ()))
    return part if isinstance(part, type) else _with(part, fields, limit)


def _with(record: Any, fields: Iterable[str], limit: int) -> Any:
    values = ((field, getattr(record, field)) for field in fields)
    shown = {field: made for field, value in values if (made := _legible(value, limit)) is not value}
    if not shown:
        return record
    # Not made anew: a record that checks its own fields need not take a text that was cut.
    copied = copy(record)
    put: Callable[[Any, str, Any], None] = object.__setattr__
    if hasattr(record, "__struct_fields__"):
        put = sys.modules["msgspec.structs"].force_setattr  # whoever has a struct has imported it
    for field, value in shown.items():
        put(copied, field, value)
    return copied


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
