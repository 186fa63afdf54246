"""Compiled functions become a folder that is used without PyTensor: what to keep of each is found here."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pytensor.compile.executor import Function

from graphs.compiled.call import NativeCall
from graphs.compiled.compiler import compiler_version
from graphs.compiled.program import Program
from graphs.environment import stamp
from graphs.errors import InputError
from graphs.foreign import plain, quoted
from graphs.frozen.description import NAME, Argument, Description, Result
from graphs.frozen.folder import ToKeep, write
from graphs.native.linker import NativeLinker, refusal
from graphs.native.run.function import alone

__all__ = ["freeze", "to_keep"]

KINDS = (
    "a function compiled in mode NATIVE, a mapping of names to such functions, or an object that holds some"
)
TAKEN = ("one", "many")  # what the C file itself defines is called so


def freeze(function: Any, folder: str | os.PathLike[str]) -> Path:
    """Write compiled functions as C, with all that is needed to call them without PyTensor.

    :func:`graphs.frozen.load` gives them back. They share what they share here: a step that `train` takes there is seen by
    `predict`.

    Parameters
    ----------
    function : pytensor Function, mapping, or object
        Compiled in mode NATIVE; several by name, or an object whose attributes they are (:class:`graphs.Functions`).
    folder : path
        A new or empty folder, or one of frozen functions, which is replaced as a whole.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    InputError
        If one of them does not run natively, or needs Python while it runs: an Op that has no C, an argument that is no array
        of numbers. It names what is in the way.
    """
    functions = _named(function)
    kept, shared = to_keep(functions)
    versions = {**stamp()["versions"], "C compiler": compiler_version()}
    return write(folder, kept, shared, versions)


def _named(given: Any) -> dict[str, Any]:
    """Functions by name."""
    if isinstance(given, Function):
        found = {given.name or "function": given}
    elif isinstance(given, Mapping):
        found = dict(given)
    else:
        found = {
            name: each for name, each in getattr(given, "__dict__", {}).items() if isinstance(each, Function)
        }
    if not found:
        raise InputError("function", found=quoted(given), allowed=KINDS)
    for name, each in found.items():
        if not isinstance(each, Function):
            raise InputError(f"function[{quoted(name)}]", found=quoted(each), allowed=KINDS)
        if not (isinstance(name, str) and NAME.fullmatch(name)) or name in TAKEN:
            allowed = "names that C knows too: letters, digits and _, none of them 'one' or 'many'"
            raise InputError("function", found=f"one named {quoted(name)}", allowed=allowed)
    return found


def to_keep(
    functions: Mapping[str, Any],
) -> tuple[list[ToKeep], dict[str, np.ndarray[Any, Any]]]:
    """What to keep of functions, and the values that they share; raises as :func:`freeze`."""
    names: dict[int, str] = {}  # of shared values, by the cell in which one is
    shared: dict[str, np.ndarray[Any, Any]] = {}
    kept = []
    own = {name: _own_names(fn) for name, fn in functions.items()}
    taken = {name for names_of in own.values() for name in names_of}
    for name, fn in functions.items():
        program = _program(name, fn)
        with alone(fn):
            arguments = []
            for k, (spec, container) in enumerate(zip(fn.maker.inputs, fn.input_storage, strict=True)):
                variable = spec.variable
                if not spec.implicit:
                    downcast = bool(spec.allow_downcast)
                    arguments.append(
                        Argument(
                            own[name][k], variable.type.dtype, list(variable.type.shape), downcast=downcast
                        )
                    )
                    continue
                cell = id(container.storage)
                if cell not in names:
                    names[cell] = _free(variable.name or "shared", {*shared, *taken})
                    shared[names[cell]] = np.array(container.storage[0], variable.type.dtype)
                arguments.append(
                    Argument(names[cell], variable.type.dtype, list(variable.type.shape), shared=True)
                )
            results = _results(fn, arguments)
        returns: Literal["list", "one", "nothing"]
        returns = "nothing" if getattr(fn, "return_none", False) else "one" if fn.unpack_single else "list"
        kept.append(ToKeep(Description(name, arguments, results, returns), program))
    return kept, shared


def _own_names(fn: Any) -> list[str]:
    """The names of a function's own arguments."""
    found: list[str] = []
    for k, spec in enumerate(fn.maker.inputs):
        if not spec.implicit:
            found.append(_free(spec.name or spec.variable.name or f"argument_{k}", set(found)))
    return found


def _free(name: str, taken: set[str]) -> str:
    """A name that C and Python know, like `name` and none of those taken."""
    name = re.sub(r"\W", "_", name, flags=re.ASCII)[:50]
    name = name if name and not name[0].isdigit() else f"_{name}"
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found


def _results(fn: Any, arguments: Sequence[Argument]) -> list[Result]:
    updates = fn.vm.updates
    found: list[Result] = []
    for k, variable in enumerate(fn.maker.fgraph.outputs):
        spec = fn.maker.outputs[k] if k < len(fn.maker.outputs) else None
        original = getattr(spec, "variable", None)
        name = (
            arguments[updates[k]].name if k in updates else getattr(original, "name", None) or f"output_{k}"
        )
        name = _free(f"next_{name}" if k in updates else name, {each.name for each in found})
        told = arguments[updates[k]].name if k in updates else ""
        found.append(Result(name, variable.type.dtype, list(variable.type.shape), told))
    return found


def _program(name: str, fn: Any) -> Program:
    """The program of a function that needs nothing but arrays of numbers."""
    call = fn.vm
    if not isinstance(call, NativeCall) or call.instead is not None:
        why = refusal(fn.maker.fgraph) if isinstance(fn.maker.linker, NativeLinker) else ""
        mode = f"{type(fn.maker.linker).__name__}{': ' * bool(why)}{why}"
        raise InputError(
            name,
            found=f"a function that runs by {plain(mode, 400)}",
            allowed="one in mode NATIVE, all of it in C",
        )
    for spec in fn.maker.inputs:
        if not hasattr(spec.variable.type, "dtype") or not hasattr(spec.variable.type, "shape"):
            kind = f"{spec.variable.name or 'an argument'} of type {spec.variable.type}"
            raise InputError(
                name, found=plain(f"{kind}, which is no array of numbers"), allowed="arrays of numbers"
            )
    program = call.program
    if set(program.layouts) - {"C"}:
        program = call.variant("C" * len(program.layouts))
    if program.performed or program.keeps_objects:
        reasons = (
            ", ".join(dict.fromkeys(why for _, why in program.performed)) or "something that is no array"
        )
        raise InputError(
            name,
            found=f"a function that needs Python while it runs: {plain(reasons, 600)}",
            allowed="one that is all C",
        )
    return program
