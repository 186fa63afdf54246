"""Values for a graph's inputs, as a command line says them: ``x=x.npy``, ``s=-1``, ``x=mine.py:make_x``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphs.commands.named_graph import named_object
from graphs.errors import InputError, number_in, whole_in
from graphs.files import DamagedFile, file_path, read_npy
from graphs.foreign import one_line, quoted

__all__ = ["given_inputs", "given_shapes", "said_as_option"]

ALLOWED = "NAME=FILE.npy, NAME=NUMBER, NAME=file.py:make_value, or file.py:make_inputs for several by name"


def given_inputs(texts: Sequence[str]) -> dict[str, Any]:
    """The value of every input named; a function that makes one is called without arguments.

    Raises
    ------
    InputError
        If a text is none of these, a file cannot be read, or a name comes twice.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        new = {name: _value(text, value)} if equals and name else _several(text)
        for twice in found.keys() & new.keys():
            raise InputError("input", found=f"two values for {quoted(twice)}", allowed="one for each input")
        found |= new
    return found


def _value(text: str, value: str) -> Any:
    for read in (whole_in, number_in):
        number = read(value)
        if not isinstance(number, str):
            return number
    if value.lower().lstrip("+-") in ("nan", "inf", "infinity"):
        return float(value)
    if value.endswith(".npy"):
        path = file_path("input", value)
        try:
            return read_npy(path)
        except FileNotFoundError as absent:
            raise InputError("input", found=f"no file {quoted(value)}", allowed="an NPY file") from absent
        except DamagedFile as damage:
            raise InputError("input", found=f"{quoted(value)}: {damage}", allowed="an NPY file") from damage
    if ":" in value:
        return _made(value)
    raise InputError("input", found=quoted(text), allowed=ALLOWED)


def _several(text: str) -> dict[str, Any]:
    if ":" not in text:
        raise InputError("input", found=quoted(text), allowed=ALLOWED)
    made = _made(text)
    if not isinstance(made, Mapping) or not all(isinstance(name, str) for name in made):
        allowed = "a mapping of values by input, or NAME= before it"
        raise InputError("input", found=f"{quoted(text)}, a {type(made).__name__}", allowed=allowed)
    return dict(made)


def _made(text: str) -> Any:
    """What the user's own code holds or makes."""
    _, where, thing = named_object("input", text)
    if not callable(thing) or isinstance(thing, np.ndarray):
        return thing
    try:
        return thing()
    except Exception as problem:  # of the user's code
        raise InputError(
            "input",
            found=f"{where}, which fails ({one_line(problem)})",
            allowed="a function without arguments",
        ) from problem


def given_shapes(given: list[str]) -> dict[str, tuple[int, ...]] | None:
    """``["x=400,784"]`` → ``{"x": (400, 784)}``."""
    shapes = {}
    for text in given:
        name, equals, lengths = text.rpartition("=")  # a name may hold one too
        found = [whole_in(length) for length in lengths.split(",")] if lengths else []
        shapes[name] = tuple(length for length in found if isinstance(length, int))
        if not equals or not name or len(shapes[name]) < len(found):
            raise InputError("shape", found=quoted(text), allowed="NAME=LENGTH,LENGTH,… as in x=400,784")
    return shapes or None


def said_as_option(error: InputError, values: Mapping[str, Any]) -> InputError:
    """What is wrong with a value or a shape, in terms of the options that say it."""
    argument, _, name = error.argument.partition("[")
    name = name.strip("]'\"")
    if argument not in ("shapes", "inputs") or not name:
        return error
    if argument == "inputs" and name in values:
        return InputError("input", found=f"{error.found} for {name}", allowed=error.allowed)
    return InputError(
        "shape",
        found=f"{error.found} for {name}",
        allowed=error.allowed,
        remedy=f"say it with --shape {name}=LENGTH,LENGTH,…, or a value with --input {name}=VALUE",
    )
