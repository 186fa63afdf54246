"""The native linker, which compiles the whole graph as one C file: the lines of it that compute a node."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from graphs.inspection.findings import NodeCode
from graphs.inspection.linkers.calls import one_piece as watch
from graphs.native import source_of

__all__ = ["code", "watch"]

# "/* gb = sum over i of t6[i]   [23] */", with its Apply nodes, or a line of such a comment
FORMULA = re.compile(r"(/\* )?(?P<text>.*?) *\[[\d, ]+\]( \*/)?")


def code(function: Any, arguments: Sequence[Any], *, whole: bool) -> Iterator[NodeCode]:
    """Each node's own statements, by position, and where the loop around them stands; with `whole`, the file."""
    source = source_of(function)
    assert source is not None  # where a graph falls back, its function has the other linker
    lines = source.text.splitlines()
    known = False
    for position in range(len(function.maker.fgraph.apply_nodes)):
        pieces = sorted((first, last) for first, last, nodes in source.pieces if position in nodes)
        loops = [(first, last) for first, last, nodes in source.spans if position in nodes]
        if not pieces:
            problem = "no line of its own: a length, a check or another way to see an array"
            yield NodeCode(position, "c", "", problem=problem)
            continue
        known = True
        text = "\n".join(_piece(lines[first - 1 : last]) for first, last in pieces)
        yield NodeCode(position, "c", text, loops[0] if loops else pieces[0])
    if whole or not known:
        yield NodeCode(None, "c", source.text)


def _piece(lines: list[str]) -> str:
    """Lines moved to the left; a line of the comment over a loop becomes a comment of its own."""
    text = textwrap.dedent("\n".join(lines))
    formula = FORMULA.fullmatch(text.strip())
    return f"/* {formula['text']} */" if formula else text
