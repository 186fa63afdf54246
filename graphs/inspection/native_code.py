"""Nodes of a function of the native linker → the lines of its C file that compute them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from graphs.inspection.measured import NodeCode
from graphs.native.source import source_of, why_not_native

__all__ = ["native_code"]


def native_code(function: Any, arguments: Sequence[Any], *, whole: bool) -> Iterator[NodeCode]:
    """Each node's own statements, by position, and where the loop around them stands in the file.

    Parameters
    ----------
    function : pytensor.compile.executor.Function
    arguments : sequence
        Not looked at.
    whole : bool
        The whole file too.
    """
    source = source_of(function)
    if source is None:
        yield NodeCode(None, "", "", problem=f"it does not run natively: {why_not_native(function)}")
        return
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
        text = "\n".join(textwrap.dedent("\n".join(lines[first - 1 : last])) for first, last in pieces)
        yield NodeCode(position, "c", text, loops[0] if loops else pieces[0])
    if whole or not known:
        yield NodeCode(None, "c", source.text)
