"""Generated code of every final node, whatever linker made it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import msgspec

from graphs.inspection.findings import NodeCode
from graphs.inspection.linkers import known

__all__ = ["generated_code"]


def generated_code(
    function: Any,
    arguments: Sequence[Any] = (),
    *,
    numbers: Sequence[int] | None = None,
    whole: bool = False,
) -> tuple[NodeCode, ...]:
    """The code that a compiled function's nodes became: in the order they run, then that of the whole.

    Where there is no way to get at it, one entry for the whole says so. The function is not run, except by
    JAX's tracing, which runs the nodes one by one on the arguments. With `whole`, also what takes longer or is
    large: LLVM and assembly, compiled HLO. The nodes are numbered 0, 1, 2 … where no `numbers` are given.
    """
    made_by = function.maker.linker
    linker = known(made_by)
    if linker is None:
        problem = f"no way is known from {type(made_by).__name__} to the code it made"
        return (NodeCode(None, "", "", problem=problem),)
    try:
        with warnings.catch_warnings():  # tracing and compiling again repeats what the user has been told
            warnings.simplefilter("ignore")
            codes = list(linker.code(function, arguments, whole=whole))
    except Exception as problem:  # a generator that changed its shape; the rest must go on
        return (NodeCode(None, "", "", problem=f"could not be read: {type(problem).__name__}: {problem}"),)
    names = range(len(function.maker.fgraph.apply_nodes)) if numbers is None else numbers
    return tuple(
        code if code.node is None else msgspec.structs.replace(code, node=names[code.node])
        for code in sorted(codes, key=lambda code: (code.node is None, code.node or 0))
    )
