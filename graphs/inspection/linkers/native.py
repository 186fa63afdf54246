"""The native linker, which compiles the whole graph as one C file: the lines of it that compute a node."""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from graphs.compiled.compiler import seconds_waited
from graphs.inspection.findings import NodeCode
from graphs.inspection.linkers.calls import one_piece as watch
from graphs.inspection.linkers.compilers import Worked
from graphs.native import explain, source_of

__all__ = ["IMPORTS", "code", "compiling", "watch"]

IMPORTS = ("graphs.native",)


@contextlib.contextmanager
def compiling(linker: Any, function: Any) -> Iterator[Worked]:
    """For how long Python waited for the C compiler: at the first call, for it works while Python makes the function."""
    worked = Worked(0.0 if function is None else None)  # None: the compiler has refused its C file
    if function is None:
        yield worked
        return
    before, earlier = _waited(function)
    yield worked
    if source_of(function) is not None:
        now, seconds = _waited(function)
        worked.seconds = seconds - (earlier if now == before else 0.0)  # another for another memory order
        worked.told = explain(function).cache


def _waited(function: Any) -> tuple[str, float]:
    """The C text of a native function, and for how long its compiler was waited for."""
    text = function.vm.program.text
    return text, seconds_waited(text, function.maker.linker.cached)


def code(function: Any, arguments: Sequence[Any], *, whole: bool) -> Iterator[NodeCode]:
    """Each node's own statements, by position, and where the loop around them stands; with `whole`, the file."""
    source = source_of(function)
    assert source is not None  # where a graph falls back, its function has the other linker
    lines = source.text.splitlines()
    known = False
    for position in range(len(function.maker.fgraph.apply_nodes)):
        pieces = sorted(
            (first, last, text) for first, last, nodes, text in source.pieces if position in nodes
        )
        loops = [(first, last) for first, last, nodes in source.spans if position in nodes]
        if not pieces:
            problem = "no line of its own: a length, a check or another way to see an array"
            yield NodeCode(position, "c", "", problem=problem)
            continue
        known = True
        text = "\n".join(
            # a line of the comment over a loop becomes a comment of its own
            f"/* {formula} */" if formula else textwrap.dedent("\n".join(lines[first - 1 : last]))
            for first, last, formula in pieces
        )
        yield NodeCode(position, "c", text, loops[0] if loops else pieces[0][:2])
    if whole or not known:
        yield NodeCode(None, "c", source.text)
