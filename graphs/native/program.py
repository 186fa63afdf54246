"""What a user sees of the program that a graph became; or why it became none."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["NativeSource", "OpUnknown"]


class OpUnknown(Exception):
    """An Op that has no lowering; the argument says which and, where it helps, why."""


@dataclass(frozen=True)
class NativeSource:
    """The C file of a compiled function, and which lines compute which nodes; printing it prints the file.

    Lines are counted from 1, both inclusive; nodes are positions in ``fn.maker.fgraph.toposort()``. There are
    none where the program came from the cache, whose graph was never rewritten (compile with
    ``NativeMode(NativeLinker(cached=False))`` to have them).
    """

    text: str
    # first line, last line, nodes of each loop and its comment
    spans: tuple[tuple[int, int, tuple[int, ...]], ...]
    # the same for single statements, in loops and before; and the formula, where the line is a comment's
    pieces: tuple[tuple[int, int, tuple[int, ...], str], ...]
    constants: tuple[float, ...]  # given at run time, in the order of the legend at the top of the file

    def __str__(self) -> str:
        return self.text
