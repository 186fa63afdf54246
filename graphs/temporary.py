"""Temporary folders: gone with the process that made them, or after a kill with the next one that makes any.

All of one user's stand in one private folder below the system's temporary one, a folder for each process. Beside it a
process keeps a file locked for as long as it lives, also for processes in other containers that share the disk; the
file is made before the folder and removed after it, so that a kill at any moment leaves what the next one knows. Where a
system has no such locks there is no such file, and what a process has left is removed once it is old.
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

from graphs.files import lock

__all__ = ["folder", "has_room", "make_folder", "private_folder", "remove_folder", "remove_left"]

OLD = 7 * 24 * 3600.0  # seconds after which what may be alive is believed to be dead
ROOM = 2**20  # bytes that a place for temporary folders must have free
OTHERS = ("/var/tmp", "/dev/shm")
ALIVE = ".alive"  # how the name of a process's locked file ends


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
        remove_folder(path)


def make_folder(purpose: str, base: str | None = None) -> Path:
    """An empty folder that is there until the caller removes it, or this process ends; raises as :func:`folder`."""
    import tempfile  # takes a while, and who needs no folder need not wait for it

    return Path(tempfile.mkdtemp(prefix=f"{purpose}-", dir=_of_this_process(base or _with_room())))


def remove_folder(path: Path) -> None:
    """Remove a folder with what is in it, as far as that can be done.

    What must stay is left for :func:`remove_left`. Until Python 3.12 `shutil.rmtree` raises where a folder cannot be
    looked at or closed, also when it is told to ignore errors.
    """
    with contextlib.suppress(OSError):
        shutil.rmtree(path, ignore_errors=True)


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
                root = private_folder(_NAME, where)
                for path in root.iterdir():
                    with contextlib.suppress(OSError):
                        _remove_if_left(path)
                root.rmdir()  # where nobody else is in there


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
        remove_left(base)
        self.process, descriptor = os.getpid(), None
        while descriptor is None:  # until nobody has taken it for left behind before it was locked
            root = private_folder(_NAME, base)
            self.path = root / os.urandom(8).hex()
            try:
                descriptor = _locked(_alive(self.path))
            except FileNotFoundError:
                if root.exists():  # or else the process that was there last has just left
                    raise
        try:
            self.path.mkdir(mode=0o700)
        except BaseException:
            _close(descriptor, _alive(self.path))
            raise
        # when the process ends: after all that was made later, such as compilers at work in here
        weakref.finalize(self, _leave, self.path, self.process, descriptor)


def _alive(path: Path) -> Path:
    """The file that is locked while the process lives to which the folder `path` belongs."""
    return path.with_name(path.name + ALIVE)


def _locked(alive: Path) -> int | None:
    """The descriptor of a new file, which is locked; -1 where there are no locks, None where another process was faster."""
    descriptor = os.open(alive, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        locked = lock(descriptor)
        if locked and os.path.lexists(alive):
            return descriptor
    except BaseException:
        _close(descriptor, alive)
        raise
    _close(descriptor, alive)
    return -1 if locked is None else None


def _close(descriptor: int, alive: Path | None = None) -> None:
    """Let go of a locked file, where there is one, and remove it if it is named."""
    with contextlib.suppress(OSError):
        if descriptor >= 0:
            os.close(descriptor)
    with contextlib.suppress(OSError):
        if alive:
            alive.unlink()


_owned: dict[str, _Own] = {}  # by what they are below


def _of_this_process(base: str) -> Path:
    own = _owned.get(base)
    if own is None or own.process != os.getpid() or not os.path.isdir(own.path):
        own = _owned[base] = _Own(base)
    with contextlib.suppress(OSError):
        os.utime(own.path)
    return own.path


def _is_gone(path: Path) -> bool:
    """Whether there is nothing at the path for sure; where that cannot be looked at, there may be something."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _leave(path: Path, process: int, descriptor: int) -> None:
    mine = os.getpid() == process  # a forked child leaves its parent's alone
    if mine:
        remove_folder(path)
    # Where the folder could not be removed, the file stays and says to the next one that it may be.
    _close(descriptor, _alive(path) if mine and _is_gone(path) else None)
    if mine:
        remove_left(str(path.parents[1]))  # also what forked children have left, who may end without a word


def _remove_if_left(path: Path) -> None:
    """Remove the folder of a process, or the file beside it, if that process has ended."""
    folder = path.with_name(path.name.removesuffix(ALIVE))
    if any((own.path, own.process) == (folder, os.getpid()) for own in _owned.values()):
        return
    try:
        descriptor = os.open(_alive(folder), os.O_RDWR)
    except OSError:
        descriptor = -1
    locked = None if descriptor < 0 else lock(descriptor)
    try:
        if time.time() - path.lstat().st_mtime > OLD if locked is None else locked:
            remove_folder(folder)
            _close(descriptor, _alive(folder) if _is_gone(folder) else None)
            descriptor = -1
    finally:
        _close(descriptor)
