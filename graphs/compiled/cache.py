"""Programs and libraries kept between processes, checked whenever they are read.

One folder holds ``<key>.json`` (a program, found by its graph before rewriting) and ``<key>.so`` (a
library, found by its C text without comments, the compiler, its flags and the processor, so that
functions that differ in a learning rate share one). Each ends in a line that only somebody can have written who
could read the folder's secret: what others put there while the folder was open to them is not believed later.
Nothing is executed that has not been compared with its line, and what is executed are the bytes that were
compared. An entry that is damaged or of another version counts as absent. A folder
that cannot be written, or that others may write, is not used.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
import stat
from pathlib import Path

from graphs.environment import base_compile_folder
from graphs.files import lock, remove_unfinished, write_whole

__all__ = ["LIMIT_BYTES", "absence", "clear", "entries", "folder", "load", "store"]

LIMIT_BYTES = 64 * 1024 * 1024
VARIABLE = "GRAPHS_NATIVE_CACHE"
SECRET, SECRET_BYTES = "graphs-native-secret", 32
# The folder that is named may hold files of the user's: only what `digest` names is ours.
ENTRY = re.compile(r"[0-9a-f]{40}\.(json|so)")


def folder() -> Path:
    """Where the cache is: ``GRAPHS_NATIVE_CACHE``, else ``graphs-native`` below PyTensor's base_compiledir."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else base_compile_folder() / "graphs-native"


def _is_ours(state: os.stat_result, others: int = 0o022) -> bool:
    """Whether this user owns it, and others may not do with it what the bits `others` say."""
    return not hasattr(os, "getuid") or (state.st_uid == os.getuid() and not state.st_mode & others)


def _usable(path: Path, *, make: bool) -> bool:
    """Whether the folder is there, ours, and nobody else may put code into it."""
    try:
        if make:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        state = path.stat()
    except (OSError, ValueError):
        return False
    return stat.S_ISDIR(state.st_mode) and _is_ours(state)


def _read(path: Path, most: int, others: int = 0o022) -> bytes | None:
    """What a plain file of ours holds; None if there is none, if it is longer than `most`, or `others` may touch it."""
    flags = os.O_RDONLY
    for name in (
        "O_NOFOLLOW",
        "O_NONBLOCK",
        "O_CLOEXEC",
        "O_BINARY",
    ):  # O_NONBLOCK: a pipe would wait for a writer
        flags |= getattr(os, name, 0)
    try:
        with open(os.open(path, flags), "rb") as stream:
            state = os.fstat(stream.fileno())
            if not (stat.S_ISREG(state.st_mode) and _is_ours(state, others) and state.st_size <= most):
                return None
            data = stream.read(most + 1)
    except (OSError, ValueError):
        return None
    return data if len(data) <= most else None


def load(key: str, suffix: str) -> tuple[Path, bytes] | None:
    """The file kept under `key` and its contents, or None if there is none that is whole."""
    path = folder() / f"{key}{suffix}"
    if not _usable(path.parent, make=False):
        return None
    data = _read(path, LIMIT_BYTES)
    secret = _secret(path.parent) if data else None
    if not data or not secret:
        return None
    data, _, mark = data.rpartition(b"\n")
    return (path, data) if hmac.compare_digest(mark, _mark(secret, key, data)) else None


def absence(key: str, suffix: str) -> str:
    """Why :func:`load` gave nothing for `key`, where that is to be seen; empty where there is simply no such file."""
    path = folder() / f"{key}{suffix}"
    try:
        path.parent.stat()
    except (FileNotFoundError, NotADirectoryError):
        return "nothing has been kept yet"
    except (OSError, ValueError):  # a name too long, say
        return "the folder of the cache cannot be looked at"
    if not _usable(path.parent, make=False):
        return f"{path.parent} is not used: it is not this user's alone"
    damaged = os.path.exists(path) and load(key, suffix) is None
    return "what is kept for it is damaged, or was put there by somebody else" if damaged else ""


def store(key: str, suffix: str, data: bytes) -> Path | None:
    """Keep `data` under `key`; None where the folder cannot be used."""
    path = folder() / f"{key}{suffix}"
    if not _usable(path.parent, make=True):
        return None
    try:
        secret = _secret(path.parent) or _new_secret(path.parent)
        if not secret:
            return None
        write_whole(path, data + b"\n" + _mark(secret, key, data))
        path.chmod(0o600)  # whatever the umask
    except OSError:
        return None
    with contextlib.suppress(OSError):  # what is kept is of use also where nothing can be removed
        _prune(path)
    return path


def _mark(secret: bytes, key: str, data: bytes) -> bytes:
    """What stands at the end of a file: it is whole, kept under this key, and by somebody who knows the secret."""
    return hmac.new(secret, key.encode() + b"\n" + data, hashlib.sha256).hexdigest().encode()


def _secret(where: Path) -> bytes | None:
    """The folder's secret, which nobody else can read or have made."""
    found = _read(where / SECRET, SECRET_BYTES, others=0o077)
    return found if found and len(found) == SECRET_BYTES else None


def _new_secret(where: Path) -> bytes | None:
    """Make the folder's secret; where another process is quicker, theirs counts."""
    import tempfile

    descriptor, name = tempfile.mkstemp(dir=where, prefix=f".{SECRET}.", suffix=".part")
    try:
        with open(descriptor, "wb") as stream:
            lock(descriptor)  # so that nobody takes it for left behind
            stream.write(secrets.token_bytes(SECRET_BYTES))
            stream.flush()
            try:
                os.link(name, where / SECRET)
            except OSError:  # there is one by now, or a file that is none; or links are unknown here
                if _secret(where) is None:
                    os.replace(name, where / SECRET)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
    return _secret(where)


def _prune(kept: Path) -> None:
    """Remove what has not been used longest until the rest fits."""
    remove_unfinished(kept.parent)
    there = entries()
    total = sum(state.st_size for _, state in there)
    for path, state in sorted(there, key=lambda entry: max(entry[1].st_mtime, entry[1].st_atime)):
        if total <= LIMIT_BYTES:
            return
        if path.stem != kept.stem:
            path.unlink(missing_ok=True)
            total -= state.st_size


def entries() -> list[tuple[Path, os.stat_result]]:
    """Every program and library that is kept, with its size and times; other files are no entries.

    Raises
    ------
    OSError
        If the folder is there and cannot be looked through.
    """
    found = []
    with contextlib.suppress(FileNotFoundError):  # no folder
        for path in folder().iterdir():
            if ENTRY.fullmatch(path.name):
                with contextlib.suppress(FileNotFoundError):  # another process may remove one meanwhile
                    found.append((path, path.lstat()))
    return found


def clear() -> tuple[int, Path]:
    """Remove every entry, and the secret; other files are left alone. How many entries are gone, and where.

    Raises
    ------
    OSError
        If one of them could not be removed; it names the first, and the others are gone.
    """
    where, gone = folder(), 0
    kept: OSError | None = None
    for path in (*(path for path, _ in entries()), where / SECRET):
        try:
            path.unlink()
            gone += path.name != SECRET
        except FileNotFoundError:  # never made, or removed by another process
            continue
        except OSError as problem:
            kept = kept or problem
    if kept:
        raise kept
    return gone, where


def digest(*parts: object) -> str:
    """A key from parts whose JSON text is always the same."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:40]
