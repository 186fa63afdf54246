"""Which nodes of a compiled function are native, and why the others are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphs.errors import InputError
from graphs.foreign import quoted
from graphs.native.linker import NativeLinker, refusal, source_of

__all__ = ["Explanation", "explain"]


@dataclass(frozen=True)
class Explanation:
    """How a compiled function runs; printing it prints a line for each node."""

    native: bool  # whether its C file runs at all
    reason: str  # why it does not; empty where it does
    #: Of each node in its order: its Op, and why Python performs it; empty where C computes it. None at all where the
    #: program came from the cache, whose graph was never rewritten: then C computes everything.
    nodes: tuple[tuple[str, str], ...]

    @property
    def performed(self) -> tuple[tuple[str, str], ...]:
        """The nodes that Python performs, and why."""
        return tuple(node for node in self.nodes if node[1])

    def __str__(self) -> str:
        if not self.native:
            return f"Not native: {self.reason}."
        if not self.nodes:
            return "Native as a whole; its C file came from the cache."
        others = f", {len(self.performed)} are performed by Python" if self.performed else ""
        lines = [
            f"Native: of {len(self.nodes)} nodes C computes {len(self.nodes) - len(self.performed)}{others}."
        ]
        for number, (op, why) in enumerate(self.nodes):
            lines.append(f"{number:4}  {'Python' if why else 'C     '}  {op}{f' ({why})' if why else ''}")
        return "\n".join(lines)


def explain(function: Any) -> Explanation:
    """Say which nodes of a function are computed by its C file, and why others are not.

    Parameters
    ----------
    function : pytensor Function
        Compiled by a :class:`~graphs.native.linker.NativeLinker`, or by any other linker.

    Raises
    ------
    InputError
        If it is no compiled function.
    """
    maker = getattr(function, "maker", None)
    if maker is None or not hasattr(maker, "fgraph"):
        raise InputError("function", found=quoted(function), allowed="a compiled PyTensor function")
    linker = maker.linker
    if not isinstance(linker, NativeLinker):
        name = type(linker).__name__
        return Explanation(False, refusal(maker.fgraph) or f"it was compiled by {name}", ())
    if source_of(function) is None:
        return Explanation(False, "the C compiler has refused its C file", ())
    if linker.from_cache:
        return Explanation(True, "", ())
    performed = dict(function.vm.program.performed)
    nodes = maker.fgraph.toposort()
    return Explanation(
        True,
        "",
        tuple((" ".join(str(node.op).split()), performed.get(k, "")) for k, node in enumerate(nodes)),
    )
