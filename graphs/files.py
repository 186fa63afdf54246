"""Files appear whole or not at all, and what is damaged is refused."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphs.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DamagedFile", "read_npz", "remove_unfinished", "writable", "write_whole"]


def writable(argument: str, path: str | os.PathLike[str]) -> Path:
    """`path`, where a file can be made there; else an :class:`InputError`, before any work is done for it."""
    import tempfile

    path = Path(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "a folder")
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        why = getattr(error, "strerror", None) or error
        allowed = "a file in a folder that can be written"
        raise InputError(argument, found=f"{path} ({why})", allowed=allowed) from error
    return path


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path` so that a reader finds the old file or the new one, never a part.

    The bytes go to a temporary file in the same folder, are flushed to the disk, and take the
    name in one rename. A crash, a kill or a full disk leaves what stood there before. The folder must exist.

    Raises
    ------
    OSError
        If the folder cannot be written or the disk is full; nothing is left behind.
    """
    import tempfile  # takes longer than all else here, and who only reads need not wait for it

    path = Path(path)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o666 & ~_umask())  # mkstemp makes files that only their owner may read
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise
    _flush_folder(path.parent)


def remove_unfinished(folder: Path, *, older_than: float = 0.0) -> None:
    """Remove what writers that were killed in `write_whole` have left in a folder, if it is so many seconds old.

    0 only where nobody else can be writing there now.
    """
    latest = time.time() - older_than
    for left in folder.glob(".*.????????.part"):  # mkstemp's names, and hardly anybody else's
        with contextlib.suppress(OSError):
            if left.stat().st_mtime <= latest:
                left.unlink()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _flush_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut, where the system offers that."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class DamagedFile(ValueError):
    """The file is not what its name says: truncated, changed, or another kind of file."""


def read_npz(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Read all arrays of an NPZ file; pickled objects are refused.

    Raises
    ------
    DamagedFile
        If it is damaged, truncated, or no NPZ file of plain arrays.
    OSError
        If it cannot be read.
    """
    import zipfile
    import zlib

    import numpy as np

    try:
        # Opened here, because numpy leaves a file open that turns out to be no archive.
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, KeyError, NotImplementedError) as error:
        raise DamagedFile(str(error)) from error
    except (AttributeError, TypeError) as error:  # a lone .npy array is no context manager
        raise DamagedFile("it holds no named arrays") from error
