"""Programs and libraries kept between processes, checked whenever they are read.

One folder holds ``<key>.json`` (a program, found by its graph before rewriting) and ``<key>.so`` (a
library, found by its C text without comments, the compiler, its flags and the processor, so that
functions that differ in a learning rate share one). Nothing in it is executed or unpickled before
its digest has been compared; an entry that is damaged or of another version counts as absent. A folder
that cannot be written, or that others may write, is not used.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from pathlib import Path

from graphs.files import remove_unfinished, write_whole

__all__ = ["LIMIT_BYTES", "clear", "entries", "folder", "load", "store"]

LIMIT_BYTES = 64 * 1024 * 1024
VARIABLE = "GRAPHS_NATIVE_CACHE"


def folder() -> Path:
    """Where the cache is: ``GRAPHS_NATIVE_CACHE``, else ``graphs-native`` below PyTensor's base_compiledir."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    from pytensor.configdefaults import config

    return Path(config.base_compiledir) / "graphs-native"


def _usable(path: Path, *, make: bool) -> bool:
    """Whether the folder is there, ours, and nobody else may put code into it."""
    try:
        if make:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        state = path.stat()
    except OSError:
        return False
    ours = os.name == "nt" or (state.st_uid == os.getuid() and not state.st_mode & 0o022)
    return stat.S_ISDIR(state.st_mode) and ours


def load(key: str, suffix: str) -> tuple[Path, bytes] | None:
    """The file kept under `key` and its contents, or None if there is none that is whole."""
    path = folder() / f"{key}{suffix}"
    if not _usable(path.parent, make=False):
        return None
    try:
        data = path.read_bytes()
        if suffix == ".so":
            found = path.with_suffix(".sha256").read_bytes()
        else:
            data, _, found = data.rpartition(b"\n")
    except OSError:
        return None
    return (path, data) if found == _mark(key, data) else None


def store(key: str, suffix: str, data: bytes) -> Path | None:
    """Keep `data` under `key`; None where the folder cannot be used."""
    path = folder() / f"{key}{suffix}"
    if not _usable(path.parent, make=True):
        return None
    try:
        if suffix == ".so":
            # a reader that comes between the two finds a digest that does not fit, and makes its own
            write_whole(path, data)
            write_whole(path.with_suffix(".sha256"), _mark(key, data))
        else:
            write_whole(path, data + b"\n" + _mark(key, data))
    except OSError:
        return None
    _prune(path)
    return path


def _mark(key: str, data: bytes) -> bytes:
    """What stands at the end of a file, or beside a library: data that are whole, and kept under this key."""
    return hashlib.sha256(key.encode() + data).hexdigest().encode()


def _prune(kept: Path) -> None:
    """Remove what has not been used longest until the rest fits."""
    remove_unfinished(kept.parent, older_than=3600)
    there = entries()
    total = sum(state.st_size for _, state in there)
    for path, state in sorted(there, key=lambda entry: max(entry[1].st_mtime, entry[1].st_atime)):
        if total <= LIMIT_BYTES:
            return
        if path.stem != kept.stem:
            _remove(path)
            total -= state.st_size


def entries() -> list[tuple[Path, os.stat_result]]:
    """Every program and library that is kept, with its size and times; other files are no entries."""
    found = []
    with contextlib.suppress(OSError):  # no folder; another process may remove one meanwhile
        for path in folder().iterdir():
            if path.suffix in (".json", ".so"):
                with contextlib.suppress(OSError):
                    found.append((path, path.stat()))
    return found


def _remove(path: Path) -> None:
    for each in (path, path.with_suffix(".sha256")) if path.suffix == ".so" else (path,):
        with contextlib.suppress(OSError):
            each.unlink()


def clear() -> tuple[int, Path]:
    """Remove every entry; other files are left alone. How many there were, and where."""
    there = entries()
    for path, _ in there:
        _remove(path)
    return len(there), folder()


def digest(*parts: object) -> str:
    """A key from parts whose JSON text is always the same."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:40]
