"""Temporary folders: gone with the process that made them, or after a kill with the next one that makes any.

All of one user's stand in one private folder below the system's temporary one, a folder for each process. A process
keeps a file in its own locked for as long as it lives, also for processes in other containers that share the disk;
where a system has no such locks, what a process has left is removed once it is old.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

__all__ = ["folder", "has_room", "make_folder", "private_folder", "remove_left"]

OLD = 7 * 24 * 3600.0  # seconds after which what may be alive is believed to be dead
ROOM = 2**20  # bytes that a place for temporary folders must have free
OTHERS = ("/var/tmp", "/dev/shm")
ALIVE = "alive"  # the locked file of a process
_NEW, _GONE = ".new-", ".gone-"  # folders that are being made, and removed


@contextlib.contextmanager
def folder(purpose: str, base: str | None = None) -> Iterator[Path]:
    """An empty folder for the time of the context, below the folder `base`, by default the first that has room.

    Raises
    ------
    OSError
        If there is no place for it.
    """
    path = make_folder(purpose, base)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def make_folder(purpose: str, base: str | None = None) -> Path:
    """An empty folder that is there until the caller removes it, or this process ends; raises as :func:`folder`."""
    import tempfile  # takes a while, and who needs no folder need not wait for it

    return Path(tempfile.mkdtemp(prefix=f"{purpose}-", dir=_of_this_process(base or _with_room())))


def private_folder(name: str, base: str | None = None) -> Path:
    """The folder of that name below `base` that is this user's alone, or of a name much like it.

    Nobody else can have put anything into it. Raises as :func:`folder`.
    """
    import tempfile

    where = Path(base or tempfile.gettempdir())
    for number in range(1, 100):
        path = where / (name if number == 1 else f"{name}-{number}")
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
        if _is_private(path):
            return path
    raise PermissionError(f"somebody else has taken {where / name} and every name like it")


def has_room(base: str | Path) -> bool:
    """Whether a temporary file of usual size fits in there; also where a system cannot tell."""
    try:
        return shutil.disk_usage(base).free >= ROOM
    except OSError:
        return False
    except AttributeError:
        return os.path.isdir(base)


def remove_left(base: str | None = None) -> None:
    """Remove what processes have left below `base` that were killed."""
    for where in [base] if base else _bases():
        with contextlib.suppress(OSError):
            if os.path.lexists(os.path.join(where, _NAME)):
                for path in private_folder(_NAME, where).iterdir():
                    with contextlib.suppress(OSError):
                        _remove_if_left(path)


def _bases() -> list[str]:
    """Where temporary folders may be: the system's own place, and others for when that is full."""
    import tempfile

    try:
        return [tempfile.gettempdir(), *OTHERS]
    except FileNotFoundError:  # none can be written
        return [*OTHERS]


def _with_room() -> str:
    bases = _bases()
    return next((base for base in bases if has_room(base) and os.access(base, os.W_OK)), bases[0])


_NAME = f"graphs-{os.getuid()}" if hasattr(os, "getuid") else "graphs"


def _is_private(path: Path) -> bool:
    found = path.lstat()
    if not hasattr(os, "getuid"):
        return stat.S_ISDIR(found.st_mode)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


class _Own:
    """A folder of a process."""

    def __init__(self, base: str) -> None:
        import tempfile

        root = private_folder(_NAME, base)
        remove_left(base)
        # Under its name only once it is locked: before, others would take it for left behind.
        new = Path(tempfile.mkdtemp(prefix=_NEW, dir=root))
        self.process, self.path = os.getpid(), new.with_name(new.name.removeprefix(_NEW))
        descriptor = os.open(new / ALIVE, os.O_RDWR | os.O_CREAT, 0o600)
        _lock(descriptor)
        new.rename(self.path)
        # when the process ends: after all that was made later, such as compilers at work in here
        weakref.finalize(self, _leave, self.path, self.process, descriptor)


_owned: dict[str, _Own] = {}  # by what they are below


def _of_this_process(base: str) -> Path:
    own = _owned.get(base)
    if own is None or own.process != os.getpid() or not own.path.is_dir():
        own = _owned[base] = _Own(base)
    with contextlib.suppress(OSError):
        os.utime(own.path)
    return own.path


def _leave(path: Path, process: int, descriptor: int) -> None:
    if os.getpid() == process:  # a forked child leaves its parent's alone
        os.close(descriptor)
        shutil.rmtree(path, ignore_errors=True)


def _lock(descriptor: int) -> bool | None:
    """Whether this process could lock the file, which is so if nobody else has; None where that cannot be known."""
    try:
        import fcntl
    except ImportError:  # not everywhere
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return None
    return True


def _remove_if_left(path: Path) -> None:
    if any((own.path, own.process) == (path, os.getpid()) for own in _owned.values()):
        return
    if not path.name.startswith(_GONE):
        if not _is_left(path):
            return
        gone = path.with_name(f"{_GONE}{path.name}")
        path.rename(gone)  # so that the next one goes on where a removal was killed
        path = gone
    shutil.rmtree(path, ignore_errors=True)


def _is_left(path: Path) -> bool:
    old = time.time() - path.lstat().st_mtime > OLD
    if path.name.startswith(_NEW):
        return old
    try:
        descriptor = os.open(path / ALIVE, os.O_RDWR)
    except OSError:
        return old
    try:
        locked = _lock(descriptor)
    finally:
        os.close(descriptor)
    return old if locked is None else locked
