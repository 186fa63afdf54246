"""Which stabilizing rewrites fire: every known one in several modes, for the versions this runs under.

One run knows one version of PyTensor. What it found is kept as a JSON file, and the files of other versions are read
to be laid beside it, so that no table of versions is written by hand.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Annotated, Final, Literal

import msgspec
import pytensor

from graphs.errors import InputError
from graphs.files import DamagedFile, file_path, read_whole, write_whole
from graphs.foreign import one_line, plain, quoted
from graphs.functions import resolve_mode
from graphs.inspection.doctor import diagnose
from graphs.listener import Listener

__all__ = [
    "FINITE",
    "FIRES",
    "NOT_FINITE",
    "NOT_RUN",
    "Fired",
    "Firing",
    "kept",
    "keep",
    "try_modes",
    "usual_modes",
]

FIRES: Final = "fires"
FINITE: Final = "finite"  # it does not fire; the result is finite, and not the true value
NOT_FINITE: Final = "not finite"
NOT_RUN: Final = "not run"  # an Op has no Python implementation here
MOST_BYTES = 2**20
ALLOWED = "what graphs doctor --json keeps"

Short = Annotated[str, msgspec.Meta(max_length=400)]
Cell = Literal["fires", "finite", "not finite", "not run"]


class Fired(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One known stabilizing rewrite in every mode."""

    name: Short  # the formula and what it should become
    rules: tuple[Short, ...]  # PyTensor's rewrites that do it, as far as this version has them
    cells: tuple[Cell, ...]  # what became of it, mode by mode


class Firing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every known stabilizing rewrite in every mode asked for, under one version of PyTensor."""

    format: Literal["graphs doctor"]
    version: Literal[1]
    pytensor: Short
    python: Short
    modes: tuple[Short, ...]
    rows: tuple[Fired, ...]

    def __post_init__(self) -> None:
        names = [row.name for row in self.rows]
        if len(set(names)) < len(names) or len(set(self.modes)) < len(self.modes):
            raise ValueError("a rewrite or a mode stands there twice")
        if any(len(row.cells) != len(self.modes) for row in self.rows):
            raise ValueError("a row has not one cell for each mode")


def usual_modes() -> tuple[str, ...]:
    """The modes that are tried where none is named: JAX where it is installed."""
    jax = ("JAX",) if find_spec("jax") is not None else ()
    return ("NUMBA", "CVM", "FAST_COMPILE", *jax, "NATIVE")


def try_modes(modes: Sequence[str] = (), listener: Listener | None = None) -> Firing:
    """Try every known stabilizing rewrite in these modes, or in the usual ones.

    Raises
    ------
    InputError
        If there is no mode of one of these names, or it cannot be used here.
    """
    listener = listener or Listener()
    names = tuple(dict.fromkeys(name if name in ("default", "none") else name.upper() for name in modes))
    names = names or usual_modes()
    resolved = [resolve_mode(name) for name in names]
    columns = []
    for done, (name, mode) in enumerate(zip(names, resolved, strict=True)):
        listener.begins(f"trying known stabilizing rewrites in {name}")
        listener.progress(done, len(names))
        try:
            columns.append(diagnose(mode))
        except ImportError as problem:
            raise InputError(
                "mode",
                found=f"{name}, whose framework is not installed ({one_line(problem)})",
                allowed="another",
            ) from problem
    rows = tuple(
        Fired(tried[0].name, tried[0].rules, tuple(_cell(one.fires, one.finite) for one in tried))
        for tried in zip(*columns, strict=True)
    )
    return Firing("graphs doctor", 1, pytensor.__version__, platform.python_version(), names, rows)


def _cell(fires: bool, finite: bool | None) -> Cell:
    if fires:
        return FIRES
    if finite is None:
        return NOT_RUN
    return FINITE if finite else NOT_FINITE


def keep(found: Firing, path: str | os.PathLike[str]) -> None:
    """Write a table to `path`, whole or not at all; `kept` reads it back.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    place = file_path("json", path)
    try:
        write_whole(place, msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    except OSError as problem:
        found_there = f"{plain(place)} ({problem.strerror or problem})"
        raise InputError("json", found=found_there, allowed="a writable file") from problem


def kept(path: str | os.PathLike[str]) -> Firing:
    """Read what `keep` wrote.

    Raises
    ------
    InputError
        If there is no such file, or it is damaged or another.
    """
    place = file_path("beside", path)
    try:
        return msgspec.json.decode(read_whole(place, MOST_BYTES), type=Firing)
    except DamagedFile as problem:
        found = f"a file that is refused: {problem}"
    except OSError as problem:
        found = f"{plain(place)} ({problem.strerror or problem})"
    except (msgspec.MsgspecError, ValueError, RecursionError) as problem:
        found = f"something else in {quoted(str(place))} ({one_line(problem)})"
    raise InputError("beside", found=found, allowed=ALLOWED)
