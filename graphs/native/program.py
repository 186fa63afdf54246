"""What a graph becomes: C text and all that is needed to call it, as plain data; or why it becomes nothing."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

__all__ = ["NativeSource", "OpUnknown", "Program"]

FORMAT = 3


class OpUnknown(Exception):
    """An Op that has no lowering; the argument says which and, where it helps, why."""


@dataclass(frozen=True)
class Program:
    """One compiled function's text and interface."""

    text: str  # the C file
    # [first line, last line, [Apply nodes]] of each loop, lines from 1, nodes by topological order
    spans: list[list[Any]]
    pieces: list[list[Any]]  # the same for each statement, and its formula where the line is a comment's
    inputs: list[list[Any]]  # [dtype, number of axes] of each
    outputs: list[list[Any]]
    constants: list[float]  # numbers given at run time
    tables: list[list[Any]]  # constant arrays: dtype, shape, bytes in base64
    errors: list[list[str]]  # [exception, message] for each number that the C function may return
    layouts: str  # for which memory orders of the inputs

    def to_json(self) -> str:
        """The program as text; ``constants`` are exact."""
        data = asdict(self) | {"constants": [float(c).hex() for c in self.constants], "format": FORMAT}
        return json.dumps(data)

    @classmethod
    def from_json(cls, text: str) -> Program:
        """Read back what :meth:`to_json` wrote; a ValueError, KeyError or TypeError if it is something else."""
        data = json.loads(text)
        if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
            raise ValueError("not a program of this format")
        data["constants"] = [float.fromhex(c) for c in data["constants"]]
        return cls(**data)

    def table_arrays(self) -> list[np.ndarray[Any, Any]]:
        """The constant arrays."""
        return [
            np.frombuffer(base64.b64decode(data), dtype).reshape(shape).copy()
            for dtype, shape, data in self.tables
        ]


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
