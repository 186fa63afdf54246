"""How long a linker's own compiler worked, by its own events or the operating system's accounts.

A linker compiles when a function is made, when it is called first, or at both times; so a clock runs then. Where none is
known, nothing is said of the compiler apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from graphs.inspection.linkers import known

__all__ = ["Worked", "compiling"]


@dataclass
class Worked:
    """What a compiler did while a clock ran."""

    seconds: float | None = None  # for which the process waited for it; None where that is not known
    told: str = ""  # what it compiled, and what its cache had, in a sentence; empty where that is not known

    def __add__(self, later: Worked) -> Worked:
        both = None if self.seconds is None or later.seconds is None else self.seconds + later.seconds
        return Worked(both, " ".join(filter(None, (self.told, later.told))))


@contextmanager
def compiling(linker: Any, function: Any = None) -> Iterator[Worked]:
    """A clock on the compiler of a linker, which tells when it ends.

    Parameters
    ----------
    linker : Linker
        Whose compiler it is.
    function : pytensor Function, optional
        Which is called meanwhile; None while it is made.
    """
    clock = getattr(known(linker), "compiling", None)
    if clock is None:
        yield Worked()
        return
    with clock(linker, function) as worked:
        yield worked
