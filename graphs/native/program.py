"""What a graph has become: C text and all that is needed to call it, as plain data."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

__all__ = ["Program", "make_program"]

FORMAT = 2


@dataclass(frozen=True)
class Program:
    """One compiled function's text and interface.

    Attributes
    ----------
    text : str
        The C file.
    spans : list
        ``[first line, last line, [Apply nodes]]`` of each loop, lines from 1, nodes by topological order.
    pieces : list
        The same for each statement.
    inputs, outputs : list
        ``[dtype, number of axes]`` of each.
    constants : list of float
        Numbers given at run time.
    tables : list
        Constant arrays: dtype, shape, bytes in base64.
    errors : list
        ``[exception, message]`` for each number the C function may return.
    layouts : str
        For which memory orders of the inputs.
    """

    text: str
    spans: list[list[Any]]
    pieces: list[list[Any]]
    inputs: list[list[Any]]
    outputs: list[list[Any]]
    constants: list[float]
    tables: list[list[Any]]
    errors: list[list[str]]
    layouts: str

    def to_json(self) -> str:
        """The program as text; ``constants`` are exact."""
        data = asdict(self) | {"constants": [float(c).hex() for c in self.constants], "format": FORMAT}
        return json.dumps(data)

    @classmethod
    def from_json(cls, text: str) -> Program:
        """Read back what :meth:`to_json` wrote.

        Raises
        ------
        ValueError, KeyError, TypeError
            If the text is something else.
        """
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


def make_program(fgraph: Any, title: str, layouts: str = "") -> Program:
    """Lower a FunctionGraph and write it as C.

    Raises
    ------
    graphs.native.unknown.OpUnknown
        If it holds an Op or dtype that has no lowering.
    """
    from graphs.native.lower.state import lower  # here, so that a warm start does without them
    from graphs.native.write.file import write

    state = lower(fgraph, layouts)
    written = write(state, title)
    tables: Sequence[list[Any]] = [
        [data.dtype.name, list(data.shape), base64.b64encode(data.tobytes()).decode()]
        for _, data in state.tables
    ]
    return Program(
        text=written.text,
        spans=[list(span) for span in written.spans],
        pieces=[list(piece) for piece in written.pieces],
        inputs=[[array.dtype, len(array.dims)] for array in state.inputs],
        outputs=[[array.dtype, len(array.dims)] for array in state.outputs],
        constants=[value for _, _, value in state.constants],
        tables=list(tables),
        errors=[list(error) for error in state.errors],
        layouts=state.layouts,
    )
