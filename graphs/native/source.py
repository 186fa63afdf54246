"""The C file of a compiled function, and which lines compute which nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["NativeSource", "source_of", "why_not_native"]


@dataclass(frozen=True)
class NativeSource:
    """A function's C file.

    Attributes
    ----------
    text : str
        The whole file; ``print(source)`` prints it.
    spans : tuple of tuple
        ``(first line, last line, nodes)``: lines counted from 1, both inclusive; nodes are positions in
        ``fn.maker.fgraph.toposort()``. Each is a whole loop with its comment. Empty nodes where the program
        came from the cache, whose graph was never rewritten (compile with
        ``NativeMode(NativeLinker(cached=False))`` to have them).
    pieces : tuple of tuple
        The same for single statements, inside the loops and before them.
    constants : tuple of float
        The numbers given at run time, in the order of the legend at the top of the file.
    """

    text: str
    spans: tuple[tuple[int, int, tuple[int, ...]], ...]
    pieces: tuple[tuple[int, int, tuple[int, ...]], ...]
    constants: tuple[float, ...]

    def __str__(self) -> str:
        return self.text


def source_of(fn: Any) -> NativeSource | None:
    """The C file of a function compiled with a :class:`NativeLinker`; None if it runs some other way."""
    call = fn.vm
    plan = getattr(call, "plan", None)
    if plan is None or plan.program is None:
        return None
    program = call.program
    position = {node: k for k, node in enumerate(fn.maker.fgraph.toposort())} if plan.rewritten else {}
    spans, pieces = (
        tuple(
            (
                first,
                last,
                tuple(
                    sorted(position[plan.order[n]] for n in nodes if plan.order and plan.order[n] in position)
                ),
            )
            for first, last, nodes in found
        )
        for found in (program.spans, program.pieces)
    )
    return NativeSource(program.text, spans, pieces, tuple(program.constants))


def why_not_native(fn: Any) -> str | None:
    """Why a function compiled in the native mode runs in the default one; None if it is native."""
    plan = getattr(fn.maker.fgraph, "native_plan", None)
    if plan is None:
        return "it was not compiled in the native mode"
    return plan.reason or None
