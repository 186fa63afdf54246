"""What Numba compiled for every node: Python first, then LLVM's language and assembly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from graphs.inspection.findings import NodeCode
from graphs.inspection.linkers.probes import CannotProbe, generated_function
from graphs.inspection.linkers.statements import statements

__all__ = ["numba_code"]


def numba_code(function: Any, arguments: Sequence[Any], *, whole: bool) -> Iterator[NodeCode]:
    """Python of every node, by position, and of the whole; with `whole`, LLVM and assembly too."""
    try:
        python = generated_function(function)
    except CannotProbe as problem:
        yield NodeCode(None, "python", "", problem=str(problem))
        return
    yield from statements(python, _overload)
    if whole:
        yield from _machine_code(function, python)


def _overload(stub: Any) -> Any:
    """The function that tells Numba what to compile in the place of a Python stub, if there is one."""
    from numba.core.errors import NumbaError
    from numba.core.registry import cpu_target

    try:
        templates = cpu_target.typing_context.resolve_value_type(stub).templates
    except (AttributeError, NumbaError, ValueError):
        return None
    return next((t._overload_func for t in templates if hasattr(t, "_overload_func")), None)


def _machine_code(function: Any, python: Any) -> Iterator[NodeCode]:
    """LLVM and assembly of the whole; compiled anew, since Numba's cache keeps neither."""
    signatures = function.vm.jit_fn.signatures
    if not signatures:
        problem = "Numba has not compiled the function yet: call it once"
        yield NodeCode(None, "llvm", "", problem=problem)
        return
    from pytensor.link.numba.dispatch.basic import numba_njit

    signature = signatures[0]
    if function.vm.jit_fn.py_func is not python:  # the cache's wrapper takes one tuple
        signature = tuple(signature[0].types)
    fresh = numba_njit(python, final_function=True)
    fresh.compile(signature)
    yield NodeCode(None, "llvm", fresh.inspect_llvm(signature))
    yield NodeCode(None, "assembly", fresh.inspect_asm(signature))
