"""The folder that keeps a comparison: the record while it goes on, tables and pictures when it ends.

==============  =============================================================
compare.json    the record (`graphs.peers.compare.record`), whole at every moment
compare.txt     the tables
gradients.txt   every framework's representation of the gradient
*.png           where matplotlib is installed
==============  =============================================================
"""

from __future__ import annotations

import warnings
from pathlib import Path

from graphs.errors import InputError
from graphs.files import DamagedFile, file_path, make_folder, remove_unfinished, write_whole
from graphs.foreign import WHOLE, block, plain
from graphs.peers.compare.plots import draw
from graphs.peers.compare.record import Comparison, read_record
from graphs.peers.compare.tables import comparison_tables
from graphs.pictures import MissingMatplotlib
from graphs.terminal import as_text

__all__ = ["begun", "gradients", "keep", "keep_record", "prepare"]

RECORD = "compare.json"


def prepare(name: str, *, resume: bool) -> Path:
    """The folder to write to, made and tried before any work; one that holds a comparison is not overwritten."""
    path = file_path("out", name)
    try:
        make_folder(path)
    except OSError as error:
        raise InputError(
            "out", found=f"{name} ({error.strerror})", allowed="a folder that can be written"
        ) from error
    if resume:
        remove_unfinished(path)
    if (path / RECORD).exists() and not resume:
        raise InputError(
            "out",
            found=f"{name}, which already holds a comparison",
            allowed="a new or empty folder",
            remedy="name another, or go on with that one with --resume",
        )
    return path


def begun(path: Path) -> Comparison | None:
    """The comparison in the folder, or None where none has begun."""
    try:
        return read_record(path / RECORD)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(
            "resume",
            found=f"{path / RECORD}, which cannot be read ({error.strerror or error})",
            allowed="the record of a comparison",
        ) from error
    except DamagedFile as error:
        raise InputError(
            "resume",
            found=f"{path / RECORD}, but {error}",
            allowed="the record of a comparison",
            remedy="begin anew in another folder",
        ) from error


def gradients(record: Comparison) -> str:
    """Every representation of the gradient, one after the other."""
    return "\n".join(
        f"===== {plain(f'{run.title}, {run.formula} formula: {kind}')}\n\n{block(text.rstrip(), *WHOLE)}\n"
        for run in record.runs
        for kind, text in run.gradient.items()
    )


def keep_record(path: Path, record: Comparison) -> None:
    """Write the record alone, in place of the one before."""
    write_whole(path / RECORD, record.to_json())


def keep(path: Path, record: Comparison) -> None:
    """Write record, tables, gradients and pictures; warn where pictures cannot be drawn."""
    keep_record(path, record)
    write_whole(path / "gradients.txt", gradients(record).encode())
    write_whole(path / "compare.txt", as_text(comparison_tables(record)).encode())
    try:
        pictures = draw(record)
    except MissingMatplotlib as error:
        warnings.warn(str(error), stacklevel=2)
        return
    for name, picture in pictures.items():
        write_whole(path / name, picture)
