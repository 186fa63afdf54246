"""A folder in which a run is kept: one process at a time, and never over another run."""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Collection

from graphs.errors import InputError
from graphs.files import file_path, make_folder, remove_unfinished, write_whole

__all__ = ["Folder"]


class Folder:
    """A run's folder, locked for one process at a time; made if it is missing.

    Refused if it cannot be made or written, is in use, or holds one of `files`, which are a run's, and not `resume`.
    """

    def __init__(self, path: str | os.PathLike[str], files: Collection[str], *, resume: bool) -> None:
        self.path = file_path("out", path)
        try:
            make_folder(self.path)
        except OSError as error:
            raise self.unusable(f"cannot be written ({error.strerror or error})") from error
        self._take_lock()
        held = [name for name in files if self.holds(name)]
        if held and not resume:
            raise InputError(
                "out",
                found=f"{self.path}, which already holds a run ({', '.join(held)})",
                allowed="a new or empty folder",
                remedy="name another folder, or continue that run with --resume",
            )

    def _take_lock(self) -> None:
        """Held as long as this object is there, or the process ends, however it ends."""
        try:
            import fcntl
        except ImportError:  # Windows has none; there the user must not start two
            return
        lock = os.open(self.path, os.O_RDONLY)
        weakref.finalize(self, _let_go, lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise self.unusable("is in use by another process") from error
        except OSError:  # a file system without locks: as on Windows
            return
        remove_unfinished(self.path)

    def unusable(self, why: str) -> InputError:
        """The refusal of this folder."""
        return InputError(
            "out",
            found=f"{self.path}, which {why}",
            allowed="a folder this process can write",
            remedy="name another",
        )

    def holds(self, name: str) -> bool:
        """Whether there is such a file: then it is of this run, which was done already."""
        return (self.path / name).exists()

    def write(self, name: str, data: bytes) -> None:
        """Write one of the results, whole or not at all."""
        write_whole(self.path / name, data)


def _let_go(lock: int) -> None:
    with contextlib.suppress(OSError):  # at the end of a process nobody could answer it
        os.close(lock)
