"""From a PyTensor graph to a program: every pass, in order.

1. :func:`~graphs.native.lower.lower`: Apply nodes → statements over indices
2. :func:`~graphs.native.schedule.fusion.fuse`: statements → loop nests
3. :func:`~graphs.native.schedule.storage.place`: where each array of the loop nests lives
4. :func:`~graphs.native.write.file.write`: loop nests → C text

Each takes what the one before returns, and changes nothing that it is given.
"""

from __future__ import annotations

import base64
from typing import Any

from graphs.native.lower import lower
from graphs.native.program import Program
from graphs.native.schedule.fusion import fuse
from graphs.native.schedule.storage import place
from graphs.native.write.file import write

__all__ = ["make_program"]


def make_program(fgraph: Any, layouts: str = "") -> Program:
    """Write a FunctionGraph as C.

    Parameters
    ----------
    fgraph : FunctionGraph
        After its rewrites; it is only read.
    layouts : str
        For which memory orders of the inputs, a letter for each (``C``, ``F``, ``A``); default: ``C`` for all.

    Raises
    ------
    graphs.native.program.OpUnknown
        If it holds an Op or dtype that has no lowering.
    """
    computation = lower(fgraph, layouts)
    nests = fuse(computation.statements)
    storage = place(nests)
    written = write(computation, storage)
    return Program(
        text=written.text,
        spans=[list(span) for span in written.spans],
        pieces=[list(piece) for piece in written.pieces],
        inputs=[[array.dtype, len(array.dims)] for array in computation.inputs],
        outputs=[[array.dtype, len(array.dims)] for array in computation.outputs],
        constants=[value for _, value in computation.constants],
        tables=[
            [data.dtype.name, list(data.shape), base64.b64encode(data.tobytes()).decode()]
            for _, data in computation.tables
        ],
        errors=[list(error) for error in computation.errors],
        layouts=computation.layouts,
    )
