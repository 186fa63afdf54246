"""Expressions as C text."""

from __future__ import annotations

import re
from collections.abc import Callable

from graphs.native.statements import Apply, Expression, Index, Literal, Named, Position, Read
from graphs.native.write.expressions import literal_text

__all__ = ["plain_text", "render"]

ReadText = Callable[[Read], str]
IndexText = Callable[[Index], str]

ATOM = 11


def render(expression: Expression, read: ReadText, index: IndexText, helpers: set[str]) -> tuple[str, int]:
    """C text and precedence of an expression; helper functions it calls are added to `helpers`."""
    if isinstance(expression, Literal):
        text = literal_text(expression.value, expression.dtype)
        return text, 8 if text.startswith("-") else ATOM
    if isinstance(expression, Named):
        return expression.name, ATOM
    if isinstance(expression, Position):
        text = index(expression.index)
        return text, ATOM if text.isidentifier() else 6
    if isinstance(expression, Read):
        return read(expression), ATOM
    assert isinstance(expression, Apply)
    if expression.helper:
        helpers.add(expression.helper)
    parts = [render(part, read, index, helpers) for part in expression.operands]
    call = re.fullmatch(r"\w+\(.*\)( != 0)?", expression.template) is not None

    def fill(match: re.Match[str]) -> str:
        text, level = parts[int(match[1])]
        if call:
            return text
        # the left operand of a binary operator may stand at the same level, any other must bind tighter
        needed = expression.level + (match.start() > 0 or expression.level in (4, 5) or expression.level == 1)
        text = f"({text})" if level < needed else text
        if text.startswith("-") and expression.template[: match.start()].endswith("-"):
            text = f"({text})"
        return text

    return re.sub(r"\{(\d)\}", fill, expression.template), expression.level


def plain_text(expression: Expression, helpers: set[str]) -> str:
    """C text, in parentheses where needed, of an expression that reads no array."""

    def none(_: object) -> str:
        raise AssertionError("an expression of the first lines reads an array")

    text, level = render(expression, none, none, helpers)
    return text if (level >= 8 and not text.startswith("-")) or text.lstrip("-").isdigit() else f"({text})"
