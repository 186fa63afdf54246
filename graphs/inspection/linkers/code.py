"""Generated code of every final node, whatever linker made it.

Each linker has its own way from a node to code: `numba_code`, `torch_code`, `thunk_code` (C and
Python virtual machines) and `jax_code` know theirs.

A linker may speak for itself. If ``function.maker.linker`` has a method

    node_code(function, arguments, *, whole) -> iterable of NodeCode

that is asked, and nothing else. It is given

- ``function``: the compiled PyTensor function, a copy made for inspection, whose graph is
  ``function.maker.fgraph`` and whose thunk is ``function.vm``; it need not have been called yet;
- ``arguments``: a sequence of NumPy values for its explicit inputs, to compile or trace for
  where types are needed; possibly empty; not to be changed;
- ``whole``: whether what takes long or is large is wanted too (LLVM, assembly, other layouts).

It gives `NodeCode` entries in any order, importing nothing but that class:

- ``node`` is a position in ``function.maker.fgraph.toposort()``, from 0, or None for code of the
  function as a whole. A node may have several entries (languages), or none, and then it is
  said to have no code. Nodes compiled into one loop each get an entry with that loop.
- ``text`` is the node's own code. Where it is nothing but lines of the whole, leave it empty and
  give ``lines``: it is then read out of the whole of the same ``language``.
- ``lines`` are first and last line in the whole's ``text``, counted from 1, both included.
- ``problem`` says in a sentence why there is no text; a node that was optimized away says so here.

An exception it raises is reported in place of the code; nothing else is disturbed.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any

import msgspec

from graphs.inspection.findings import NodeCode

__all__ = ["generated_code"]

# By class name, so that no linker's framework is imported before it is used.
BY_LINKER = {
    "NumbaLinker": ("numba", "numba_code"),
    "PytorchLinker": ("torch_code", "torch_code"),
    "JAXLinker": ("jax", "jax_code"),
    "VMLinker": ("machine", "thunk_code"),
    "PerformLinker": ("machine", "thunk_code"),
    "OpWiseCLinker": ("machine", "thunk_code"),
    "CLinker": ("machine", "thunk_code"),
    "NativeLinker": ("native", "native_code"),
}


def generated_code(
    function: Any,
    arguments: Sequence[Any] = (),
    *,
    numbers: Sequence[int] | None = None,
    whole: bool = False,
) -> tuple[NodeCode, ...]:
    """The code that a compiled function's nodes became.

    Parameters
    ----------
    function : pytensor.compile.executor.Function
        It is not run, except by JAX's tracing, which runs the nodes one by one.
    arguments : sequence
        Its inputs; what JAX traces on.
    numbers : sequence of int, optional
        Numbers to give the nodes, in the order they run; 0, 1, 2 … by default.
    whole : bool
        Also what takes longer or is large: LLVM and assembly, compiled HLO.

    Returns
    -------
    tuple of NodeCode
        By node in the order they run, then that of the whole function. Where there is no way
        to get at it, one entry for the whole that says so.
    """
    order = function.maker.fgraph.toposort()
    names = tuple(range(len(order))) if numbers is None else tuple(numbers)
    source = _source_for(function.maker.linker)
    try:
        with _quietly():
            found = list(source(function, arguments, whole=whole))
    except Exception as problem:  # a generator that changed its shape; the rest must go on
        reason = f"could not be read: {type(problem).__name__}: {problem}"
        found = [NodeCode(None, "", "", problem=reason)]
    return tuple(
        code if code.node is None else msgspec.structs.replace(code, node=names[code.node])
        for code in sorted(found, key=lambda code: (code.node is None, code.node or 0))
    )


def _source_for(linker: Any) -> Callable[..., Iterator[NodeCode]]:
    if hasattr(linker, "node_code"):
        return linker.node_code  # type: ignore[no-any-return]  # whatever a foreign linker offers
    for base in type(linker).__mro__:
        if base.__name__ == "JITLinker":  # a PerformLinker too, but it performs nothing
            break
        if base.__name__ in BY_LINKER:
            module, name = BY_LINKER[base.__name__]
            found: Callable[..., Iterator[NodeCode]] = getattr(
                import_module(f"graphs.inspection.linkers.{module}"), name
            )
            return found
    return _unknown


def _unknown(function: Any, arguments: Sequence[Any], *, whole: bool) -> Iterator[NodeCode]:
    linker = type(function.maker.linker).__name__
    yield NodeCode(None, "", "", problem=f"no way is known from {linker} to the code it made")


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Tracing and compiling again repeats warnings that the user has had already."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
