"""What is known of each of PyTensor's linkers: where a clock can be read, and which code a node became.

One file per linker, with two functions, and two things that may be missing:

- ``watch(call, order) -> Whole``: a way to time the nodes, or `graphs.inspection.linkers.calls.CannotTime`;
- ``code(function, arguments, *, whole) -> iterable of NodeCode``: code by position in `order`, and of the whole;
- ``IMPORTS``: what a program imports for it beside PyTensor;
- ``compiling(linker, function)``: a context manager, a clock on its compiler, with a
  `graphs.inspection.linkers.compilers.Worked`.

`graphs.inspection.linkers.clocks`, `graphs.inspection.linkers.code` and `graphs.inspection.start` put these questions to
whichever linker made a function.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["BY_LINKER", "known"]

#: Module by the name of a linker's class, so that no linker's framework is imported before it is used.
BY_LINKER = {
    "NumbaLinker": f"{__name__}.numba",
    "PytorchLinker": f"{__name__}.torch",
    "JAXLinker": f"{__name__}.jax",
    "VMLinker": f"{__name__}.machine",
    "PerformLinker": f"{__name__}.machine",
    "OpWiseCLinker": f"{__name__}.machine",
    "CLinker": f"{__name__}.machine",
    "NativeLinker": f"{__name__}.native",
}


def known(linker: Any) -> ModuleType | None:
    """The module that knows `linker` or the closest of its bases; None where none does."""
    for base in type(linker).__mro__:
        if base.__name__ in BY_LINKER:
            return import_module(BY_LINKER[base.__name__])
        if base.__name__ == "JITLinker":  # a PerformLinker too, but it performs nothing
            break
    return None
