"""What a package was made of when it made something: a digest of its source."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["source_digest"]


def source_digest(*packages: Path) -> str:
    """A digest of all Python and C files of some packages."""
    digest = hashlib.sha256()
    for package in packages:
        for path in sorted(_files(str(package))):
            with open(path, "rb") as stream:
                digest.update(f"{os.path.relpath(path, package)}\n".encode() + stream.read())
    return digest.hexdigest()


def _files(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _files(entry.path)
            elif entry.name.endswith((".py", ".c", ".h")):
                yield entry.path
