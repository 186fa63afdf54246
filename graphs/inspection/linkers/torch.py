"""PyTorch, which compiles the whole graph as one function: the Python that ``torch.compile`` was given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from graphs.inspection.findings import NodeCode
from graphs.inspection.linkers.calls import one_piece as watch
from graphs.inspection.linkers.statements import statements

__all__ = ["IMPORTS", "code", "watch"]

IMPORTS = ("torch", "pytensor.link.pytorch.dispatch")


def code(function: Any, arguments: Sequence[Any], *, whole: bool) -> Iterator[NodeCode]:
    """Python of every node, by position, and of the whole."""
    compiled = getattr(getattr(function.vm, "jit_fn", None), "fn", None)
    python = getattr(compiled, "_torchdynamo_orig_callable", None)
    if not hasattr(python, "__source__"):
        problem = "this version of the linker keeps no Python source of what PyTorch compiled"
        yield NodeCode(None, "python", "", problem=problem)
        return
    yield from statements(python)
