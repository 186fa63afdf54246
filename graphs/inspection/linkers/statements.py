"""The Python that PyTensor writes for linkers that compile Python: a statement per node, and helpers.

The helpers that a statement calls are Python too, some written by hand, some generated (the
arithmetic of a fused Op). Both are shown: the statement, then every helper reachable from it, once.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphs.inspection.findings import NodeCode

__all__ = ["called", "definition", "reached", "statements"]

# Their functions are not what was generated here, and compilers have other code for most of them.
FOREIGN = ("builtins", "functools", "llvmlite", "math", "numba", "numpy", "operator", "scipy", "torch")

Behind = Callable[[Any], Any]


def definition(python: Any) -> tuple[ast.Module, ast.FunctionDef]:
    """A generated function's text, read: the module and the function in it."""
    module = ast.parse(python.__source__)
    (function,) = module.body
    assert isinstance(function, ast.FunctionDef)
    return module, function


def called(statement: ast.stmt) -> tuple[str, list[ast.expr]] | None:
    """Name and arguments of the helper that a generated statement calls; None where it does something else."""
    call = statement.value if isinstance(statement, ast.Assign) else None
    return (
        (call.func.id, call.args) if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) else None
    )


def statements(
    python: Any, behind: Behind = lambda stub: None, note: Callable[[Any], str] = lambda helper: ""
) -> Iterator[NodeCode]:
    """Code of every node, by position, and of the whole.

    `behind` gives the function that a compiler takes in the place of a Python stub, or None; `note` what is to be
    known of how a helper runs.
    """
    lines = python.__source__.splitlines()
    _, function = definition(python)
    start = function.lineno + 1
    for position, statement in enumerate(function.body[:-1]):
        end = statement.end_lineno or statement.lineno
        text = textwrap.dedent("\n".join(lines[start - 1 : end]))
        name, _ = called(statement) or ("", [])
        helper = python.__globals__.get(name)
        parts = [text, *_helpers(helper, behind)]
        yield NodeCode(position, "python", "\n\n\n".join(parts), (start, end), note=note(helper))
        start = end + 1
    yield NodeCode(None, "python", python.__source__)


def _helpers(helper: Any, behind: Behind) -> Iterator[str]:
    """Source of a helper and of the generated or hand-written functions it reaches, once each."""
    seen: set[int] = set()
    printed: set[str] = set()
    waiting = [helper]
    while waiting:
        thing = waiting.pop(0)
        python = getattr(thing, "py_func", thing)
        if id(python) in seen or not inspect.isfunction(python):
            continue
        if (python.__module__ or "").partition(".")[0] in FOREIGN:
            continue
        seen.add(id(python))
        built = None if python is not thing else behind(python)
        inside = reached(built or python)
        waiting[:0] = inside.values()
        if "jitable_func" in inside:  # a wrapper for the on-disk cache, which only calls it
            continue
        if built is not None:
            text = f"# {python.__name__}: a loop over the elements, built straight in LLVM's language around"
        else:
            text = _source(python)
        if text not in printed:
            printed.add(text)
            yield text


def reached(python: Any) -> dict[str, Any]:
    """What a function refers to by name: its closure and the globals it uses."""
    code = python.__code__
    found = {name: python.__globals__[name] for name in code.co_names if name in python.__globals__}
    for name, cell in zip(code.co_freevars, python.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # a cell not filled yet
            continue
    return found


def _source(python: Any) -> str:
    """A function's text, and what the short names in it stand for."""
    text = getattr(python, "__source__", "")
    if not text:
        try:
            text = inspect.getsource(python)
        except (OSError, TypeError):
            text = f"# {python.__qualname__}: its source is not kept"
    meanings = []
    for name, value in reached(python).items():
        if isinstance(value, np.ufunc):
            meanings.append(f"# where {name} is numpy.{value.__name__}")
        elif isinstance(value, int | float | complex | np.generic | np.ndarray) and np.ndim(value) == 0:
            meanings.append(f"# where {name} is {np.asarray(value).item()!r}")
    return "\n".join([textwrap.dedent(text).strip(), *meanings])
