"""A mode's name, its selection of rewrites, its phases, and the mode that really rewrites."""

from __future__ import annotations

import copy
from typing import Any

__all__ = ["mode_name", "phase_name", "query_of", "rewriting"]


def mode_name(mode: Any) -> str:
    """PyTensor's own name for a mode where it has one, else its class and linker."""
    from pytensor.compile.mode import predefined_modes

    for name, known in predefined_modes.items():
        if known is mode:
            return str(name)
    return f"{type(mode).__name__}({type(mode.linker).__name__})"


def query_of(mode: Any) -> tuple[str, ...]:
    """The mode's selection of rewrites: ``+`` included, ``&`` required, ``-`` excluded."""
    query = getattr(mode, "_optimizer", None)
    parts = (("+", "include"), ("&", "require"), ("-", "exclude"))
    return tuple(
        f"{sign}{tag}" for sign, which in parts for tag in sorted(map(str, getattr(query, which, ())))
    )


def phase_name(rewriter: Any) -> str:
    """PyTensor's own name for a part of its rewriter."""
    return str(
        getattr(rewriter, "name", None) or getattr(rewriter, "__name__", None) or type(rewriter).__name__
    )


def rewriting(mode: Any) -> Any:
    """`mode`, or the same one without a cache of whole programs.

    A linker with a true attribute ``cached`` (`graphs.native`'s) knows a graph again and skips its
    rewriting; then there is nothing to see.
    """
    if not getattr(mode.linker, "cached", False):
        return mode
    twin = copy.copy(mode)
    twin.linker = copy.copy(mode.linker)
    twin.linker.cached = False
    return twin
