"""From a PyTensor graph to a program: every pass, in order.

1. :func:`~graphs.native.lower.lower`: Apply nodes → statements over indices
2. :func:`~graphs.native.schedule.fusion.fuse`: statements → loop nests
3. :func:`~graphs.native.schedule.storage.place`: where each array of the loop nests lives, and once more where
   :func:`~graphs.native.schedule.truth.widen_truth` has made numbers of truth values
4. :func:`~graphs.native.write.file.write`: loop nests → C text

Each takes what the one before returns, and changes nothing that it is given, but for those truth values.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from graphs.compiled.program import Program
from graphs.native.lower import lower
from graphs.native.schedule.fusion import fuse
from graphs.native.schedule.storage import place
from graphs.native.schedule.truth import widen_truth
from graphs.native.statements import Array
from graphs.native.write.file import write

__all__ = ["make_program"]


def make_program(
    fgraph: Any, layouts: str = "", inside: Callable[[Any], Any] = lambda op: op.fgraph
) -> Program:
    """Write a FunctionGraph after its rewrites as C; it is only read.

    `inside` gives the graph inside an Op (a Scan), after its own rewrites.

    `layouts`: for which memory orders of the inputs, a letter for each (``C``, ``F``, ``A``); default: ``C``
    for all. What has no lowering is performed by Python; raises :class:`~graphs.native.program.OpUnknown` if that
    cannot be either.
    """
    computation = lower(fgraph, layouts, perform=True, inside=inside)
    nests = fuse(computation.steps)
    storage = place(nests, computation.checks)
    if widen_truth(storage):
        storage = place(nests, computation.checks)
    text, spans, pieces = write(computation, storage)
    return Program(
        text,
        spans,
        pieces,
        inputs=[_interface(array) for array in computation.inputs],
        outputs=[_interface(array) for array in computation.outputs],
        constants=[value for _, value in computation.constants],
        tables=[
            [data.dtype.name, list(data.shape), base64.b64encode(data.tobytes()).decode()]
            for _, data in computation.tables
        ],
        errors=[list(error) for error in computation.errors],
        layouts=computation.layouts,
        functions=computation.functions,
        performed=[list(entry) for entry in computation.performed],
        generators=[[each.position, each.nodes] for each in computation.generators],
    )


def _interface(array: Array | None) -> list[Any]:
    """An input's or output's dtype and number of axes."""
    return ["object", 0] if array is None else [array.dtype, len(array.dims)]
