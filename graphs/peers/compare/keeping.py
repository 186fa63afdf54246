"""The folder that keeps a comparison: the record while it goes on, tables and pictures when it ends.

==============  =============================================================
compare.json    the record (`graphs.comparison.record`), whole at every moment
compare.txt     the tables
gradients.txt   every framework's representation of the gradient
*.png           where matplotlib is installed
==============  =============================================================
"""

from __future__ import annotations

import io
import tempfile
import warnings
from pathlib import Path
from typing import Any

from rich.console import Console

from graphs.comparison.plots import draw
from graphs.comparison.record import read_record
from graphs.comparison.tables import comparison_tables
from graphs.errors import InputError
from graphs.experiment.results import to_json
from graphs.files import DamagedFile, write_whole

__all__ = ["begun", "gradients", "keep", "keep_record", "prepare"]

RECORD = "compare.json"


def keep_record(path: Path, record: dict[str, Any]) -> None:
    """Write the record alone, in place of the one before."""
    write_whole(path / RECORD, to_json(record))


def prepare(name: str, *, resume: bool) -> Path:
    """The folder to write to, made and tried before any work; one that holds a comparison is not overwritten."""
    path = Path(name)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise InputError(
            "out", found=f"{name} ({error.strerror})", allowed="a folder that can be written"
        ) from error
    if (path / RECORD).exists() and not resume:
        raise InputError(
            "out",
            found=f"{name}, which already holds a comparison",
            allowed="a new or empty folder",
            remedy="name another, or go on with that one with --resume",
        )
    return path


def begun(path: Path) -> dict[str, Any] | None:
    """The comparison in the folder, or None where none has begun."""
    try:
        return read_record(path / RECORD)
    except FileNotFoundError:
        return None
    except DamagedFile as error:
        raise InputError(
            "resume",
            found=f"{path / RECORD}, but {error}",
            allowed="the record of a comparison",
            remedy="begin anew in another folder",
        ) from error


def gradients(record: dict[str, Any]) -> str:
    """Every representation of the gradient, one after the other."""
    texts = []
    for each in record["runs"]:
        for kind, text in each.get("gradient", {}).items():
            texts.append(f"===== {each['title']}, {each['formula']} formula: {kind}\n\n{text.rstrip()}\n")
    return "\n".join(texts)


def keep(path: Path, record: dict[str, Any]) -> None:
    """Write record, tables, gradients and pictures; warn where pictures cannot be drawn."""
    keep_record(path, record)
    write_whole(path / "gradients.txt", gradients(record).encode())
    page = io.StringIO()
    Console(width=100, file=page).print(comparison_tables(record))
    write_whole(path / "compare.txt", page.getvalue().encode())
    try:
        pictures = draw(record)
    except ImportError:
        warnings.warn("pictures need matplotlib: pip install 'graphs[pictures]'", stacklevel=2)
        return
    for name, picture in pictures.items():
        write_whole(path / name, picture)
