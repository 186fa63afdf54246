"""What Numba compiled for every node: Python first, then LLVM's language and assembly.

PyTensor's Numba linker writes one Python function with a statement per node; the helpers it
calls are Python too, some written by hand, some generated (the arithmetic of a fused Op). Both
are shown: the statement, then every helper reachable from it, once.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphs.inspection.measured import NodeCode
from graphs.inspection.probes import CannotProbe, generated_function

__all__ = ["numba_code"]

# Their functions are not what was generated here, and Numba has other code for most of them.
FOREIGN = ("builtins", "functools", "llvmlite", "math", "numba", "numpy", "operator", "scipy")


def numba_code(function: Any, arguments: Sequence[Any], *, whole: bool) -> Iterator[NodeCode]:
    """Python of every node, by position, and of the whole; with `whole`, LLVM and assembly too."""
    try:
        python = generated_function(function)
    except CannotProbe as problem:
        yield NodeCode(None, "python", "", problem=str(problem))
        return
    source = python.__source__
    lines = source.splitlines()
    (definition,) = ast.parse(source).body
    assert isinstance(definition, ast.FunctionDef)
    start = definition.lineno + 1
    for position, statement in enumerate(definition.body[:-1]):
        end = statement.end_lineno or statement.lineno
        text = textwrap.dedent("\n".join(lines[start - 1 : end]))
        helpers = list(_helpers(_called(statement, python)))
        yield NodeCode(position, "python", "\n\n\n".join([text, *helpers]), (start, end))
        start = end + 1
    yield NodeCode(None, "python", source)
    if whole:
        yield from _machine_code(function, python)


def _called(statement: ast.stmt, python: Any) -> Any:
    """The helper that a generated statement calls."""
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
        called = statement.value.func
        if isinstance(called, ast.Name):
            return python.__globals__.get(called.id)
    return None


def _helpers(called: Any) -> Iterator[str]:
    """Source of a helper and of the generated or hand-written functions it reaches, once each."""
    seen: set[int] = set()
    printed: set[str] = set()
    waiting = [called]
    while waiting:
        thing = waiting.pop(0)
        python = getattr(thing, "py_func", thing)
        if id(python) in seen or not inspect.isfunction(python) or _is_foreign(python):
            continue
        seen.add(id(python))
        built = None if python is not thing else _overload(python)
        reached = _reached(built or python)
        waiting[:0] = reached.values()
        if "jitable_func" in reached:  # a wrapper for the on-disk cache, which only calls it
            continue
        if built is not None:
            text = f"# {python.__name__}: a loop over the elements, built straight in LLVM's language around"
        else:
            text = _source(python)
        if text not in printed:
            printed.add(text)
            yield text


def _reached(python: Any) -> dict[str, Any]:
    """What a function refers to by name: its closure and the globals it uses."""
    code = python.__code__
    found = {name: python.__globals__[name] for name in code.co_names if name in python.__globals__}
    for name, cell in zip(code.co_freevars, python.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # a cell not filled yet
            continue
    return found


def _overload(stub: Any) -> Any:
    """The function that tells Numba what to compile in the place of a Python stub, if there is one."""
    from numba.core.errors import NumbaError
    from numba.core.registry import cpu_target

    try:
        templates = cpu_target.typing_context.resolve_value_type(stub).templates
    except (AttributeError, NumbaError, ValueError):
        return None
    return next((t._overload_func for t in templates if hasattr(t, "_overload_func")), None)


def _is_foreign(python: Any) -> bool:
    return (python.__module__ or "").partition(".")[0] in FOREIGN


def _source(python: Any) -> str:
    """A function's text, and what the short names in it stand for."""
    text = getattr(python, "__source__", "")
    if not text:
        try:
            text = inspect.getsource(python)
        except (OSError, TypeError):
            text = f"# {python.__qualname__}: its source is not kept"
    meanings = []
    for name, value in _reached(python).items():
        if isinstance(value, np.ufunc):
            meanings.append(f"# where {name} is numpy.{value.__name__}")
        elif np.ndim(value) == 0 and isinstance(
            value, bool | int | float | complex | np.generic | np.ndarray
        ):
            meanings.append(f"# where {name} is {np.asarray(value).item()!r}")
    return "\n".join([textwrap.dedent(text).strip(), *meanings])


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
