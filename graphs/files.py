"""Files and folders: results appear whole or not at all, and what others wrote is read within limits.

Whoever made a file decides what stands in it, so nothing of it is believed before it was checked: it must be an
ordinary file (a pipe may never end), not too large, and what it says of its own contents must fit its size and the
memory of this machine. Everything else is a :class:`DamagedFile`, said in one sentence.
"""

from __future__ import annotations

import contextlib
import errno
import io
import math
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from graphs.errors import InputError
from graphs.foreign import plain, quoted

if TYPE_CHECKING:
    import zipfile

    from numpy.typing import NDArray

__all__ = [
    "DamagedFile",
    "file_path",
    "lock",
    "make_folder",
    "map_npy",
    "npz_arrays",
    "open_file",
    "read_npy",
    "read_npz",
    "read_whole",
    "remove_unfinished",
    "writable",
    "write_whole",
]

# No single read of ours asks for more, so a ZIP file's table of contents that is larger (some ten thousand
# arrays) is refused before it is built, and an array arrives in pieces.
MOST_AT_ONCE = 2**20
# Deflate makes at most 1032 bytes of one; what claims more lies.
EXPANSION = 1032
# Memory that an array takes is needed a second time by what is done with it.
SHARE_OF_MEMORY = 0.5
# Name, type and shape of an array take a hundred characters; numpy's own limit.
HEADER = 10_000

# What `_part` calls a file that is being written, and hardly anybody else: so much of its name.
CUT = 40
_UNFINISHED = re.compile(r"\.(.*)\.[0-9a-z_]{8}\.part", re.DOTALL)
YOUNG = 3600.0  # seconds

_NOT_WAITING = getattr(os, "O_NONBLOCK", 0)
_BINARY = getattr(os, "O_BINARY", 0)  # Windows would else change the ends of lines
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY
_READ = os.O_RDONLY | _NOT_WAITING | _BINARY


class DamagedFile(ValueError):
    """The file is not what its name says: truncated, changed, or another kind of file."""


def file_path(argument: str, found: object) -> Path:
    """Return `found` as a path, or say that it is none: another type, or text that no system has as a name."""
    if isinstance(found, str | os.PathLike):
        try:
            path = Path(found)
            if b"\0" not in os.fsencode(path):
                return path
        except Exception:  # a path-like of bytes, a lone surrogate, somebody else's __fspath__
            pass
    raise InputError(argument, found=quoted(found), allowed="the path of a file, a text without NUL")


def writable(argument: str, found: str | os.PathLike[str]) -> Path:
    """The path `found`, where a file can be made there; else an :class:`InputError`, before any work is done for it."""
    import tempfile

    path = file_path(argument, found)
    try:
        place, _ = _to_replace(path)
        with tempfile.TemporaryFile(dir=place.parent):
            pass
    except OSError as error:
        allowed = "a file in a folder that can be written"
        raise InputError(argument, found=f"{path} ({error.strerror or error})", allowed=allowed) from error
    return path


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path` so that a reader finds the old file or the new one, never a part.

    The bytes go to a temporary file in the same folder, are flushed to the disk, and take the
    name in one rename. A crash, a kill or a full disk leaves what stood there before. The folder must exist.
    A file that stood there leaves the new one its permissions; a symbolic link stays one, and what it points to is
    replaced. What is no file, or a file that may not be written, is left alone.

    Raises
    ------
    OSError
        If the file cannot be written or the disk is full; it names the file, and nothing is left behind.
    """
    with _naming(path):
        place, mode = _to_replace(Path(path))
        remove_unfinished(place.parent, place.name)
        with _begun(place) as (part, descriptor):
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                if mode is not None and mode != stat.S_IMODE(os.fstat(descriptor).st_mode):
                    os.chmod(part, mode)
                os.fsync(descriptor)
            os.replace(part, place)
        _flush_folder(place.parent)


def make_folder(path: str | os.PathLike[str]) -> Path:
    """A folder that files can be written to: made with those above it where it is missing, and tried.

    Each new folder is flushed in the one above, so that a power cut takes none of them with what stands in it.

    Raises
    ------
    OSError
        If it cannot be made, is no folder, or no file can be made in it; it names the folder.
    """
    folder = Path(path)
    with _naming(path):
        for each in (*reversed(folder.parents), folder):
            if each.is_dir():
                continue
            try:
                each.mkdir()
            except FileExistsError:
                if not each.is_dir():  # or else another process was faster
                    raise
            _flush_folder(each.parent)
        part = _part(folder / "tried")
        try:
            os.close(os.open(part, _NEW, 0o666))
            os.unlink(part)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(part)
            raise
    return folder


def remove_unfinished(folder: Path, name: str = "") -> None:
    """Remove what writers that were killed in `write_whole` have left in a folder, of one file or of all.

    Whoever is still writing holds a lock on it; where a system has no locks, what is young may be somebody's.
    """
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            match = _UNFINISHED.fullmatch(entry.name)
            if match and (not name or match[1] == name[:CUT]):
                with contextlib.suppress(OSError):
                    _remove_if_left(entry.path)


def _remove_if_left(part: str) -> None:
    descriptor = os.open(part, os.O_RDWR | _NOT_WAITING | _BINARY)
    try:
        locked = lock(descriptor)
        left = time.time() - os.fstat(descriptor).st_mtime > YOUNG if locked is None else locked
    finally:
        os.close(descriptor)
    if left:
        os.unlink(part)


def lock(descriptor: int) -> bool | None:
    """Lock a file until it is closed: whether nobody else had; None where that cannot be known."""
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


@contextlib.contextmanager
def _begun(place: Path) -> Iterator[tuple[Path, int]]:
    """A new file beside `place` for what is to take its name, and its descriptor; locked, and gone where that fails."""
    while True:
        part = _part(place)
        descriptor = os.open(part, _NEW, 0o666)  # the system takes off what the umask says
        locked = lock(descriptor)
        if locked is not False and os.path.lexists(part):
            break
        with contextlib.suppress(OSError):  # taken for left behind before it was locked, or nobody can tell
            os.unlink(part)
        os.close(descriptor)
    # The lock is to outlast the descriptor, whose end must be waited for before the file is renamed.
    held = os.dup(descriptor) if locked else None
    try:
        yield part, descriptor
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise
    finally:
        if held is not None:
            with contextlib.suppress(OSError):
                os.close(held)


def _part(place: Path) -> Path:
    """A new name beside `place` for what is to take its name; a long one is cut, for the longest has no room."""
    return place.with_name(f".{place.name[:CUT]}.{os.urandom(4).hex()}.part")


def _to_replace(path: Path) -> tuple[Path, int | None]:
    """Where a file is really to stand, and the permissions of the one that stands there."""
    try:
        state = os.stat(path)
    except FileNotFoundError:
        mode = None
    else:
        if stat.S_ISDIR(state.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(state.st_mode):  # /dev/null must not become a file
            raise OSError(errno.EINVAL, "It is no ordinary file")
        if not os.access(path, os.W_OK):  # whoever may write the folder could still rename over it
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        mode = stat.S_IMODE(state.st_mode) & 0o777
    return (Path(os.path.realpath(path)) if path.is_symlink() else path), mode


def _flush_folder(folder: Path) -> None:
    """Make a new name in a folder itself survive a power cut, where the system offers that."""
    if os.name != "posix":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # one may write here and not look
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # network file systems that have no such thing
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Let every OSError name the file meant, not a temporary one or none."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename == os.fspath(path):
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def open_file(path: str | os.PathLike[str]) -> io.BufferedReader:
    """Open an ordinary file to read its bytes; never waits.

    Raises
    ------
    DamagedFile
        If it is a pipe, a device or a socket.
    OSError
        If there is none, it cannot be read, or it is a folder.
    """
    with _naming(path):
        _ordinary(os.stat(path))  # before it is opened, which with some devices does something
        descriptor = os.open(path, _READ)
        try:
            _ordinary(os.fstat(descriptor))
            return _InPieces(io.FileIO(descriptor))
        except BaseException:
            os.close(descriptor)
            raise


def _ordinary(state: os.stat_result) -> None:
    if stat.S_ISDIR(state.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(state.st_mode):
        raise DamagedFile("it is a pipe, a device or a socket, and no ordinary file")


class _InPieces(io.BufferedReader):
    """Refuses to read more than a piece at once: nobody here asks for more, but a damaged file may have it asked."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MOST_AT_ONCE:
            raise DamagedFile(f"a part of {size:,} bytes that is none of its arrays")
        return super().read(MOST_AT_ONCE if size is None or size < 0 else size)


def read_whole(path: str | os.PathLike[str], most: int) -> bytes:
    """All bytes of an ordinary file that is no larger than `most`.

    Raises
    ------
    DamagedFile
        If it is larger, no ordinary file, or became shorter meanwhile.
    OSError
        If it cannot be read.
    """
    with open_file(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > most:
            raise DamagedFile(f"it has {size:,} bytes, more than the {most:,} that are read")
        whole = bytearray(size)
        if stream.readinto(whole) < size:
            raise DamagedFile("it became shorter while it was read")
        return bytes(whole)


def read_npz(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Read all arrays of an NPZ file: plain numbers only, of sizes that fit its own and this machine's memory.

    Raises
    ------
    DamagedFile
        If it is damaged, truncated, no NPZ file of plain arrays, or too large.
    OSError
        If it cannot be read.
    """
    import zipfile

    with open_file(path) as stream:
        if stream.peek(6)[:6] == b"\x93NUMPY":
            raise DamagedFile("it holds no named arrays")
        with _as_damaged(), zipfile.ZipFile(stream) as archive:
            return _arrays(archive)


def npz_arrays(data: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an NPZ file whose bytes are at hand; as for :func:`read_npz`."""
    import zipfile

    with _as_damaged(), zipfile.ZipFile(io.BytesIO(data)) as archive:
        return _arrays(archive)


def read_npy(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read the array of an NPY file; as for :func:`read_npz`."""
    from numpy.lib import format as npy

    from graphs.memory import memory_there

    with open_file(path) as stream, _as_damaged():
        taken = _header(stream, os.fstat(stream.fileno()).st_size, "its array")
        there = memory_there(swap=False)
        if there is not None and taken > there * SHARE_OF_MEMORY:
            found, most = (f"{size / 2**30:,.1f} GiB" for size in (taken, there * SHARE_OF_MEMORY))
            raise DamagedFile(f"its array takes {found}, more than half of the free memory, {most}")
        stream.seek(0)
        array: NDArray[Any] = npy.read_array(stream, allow_pickle=False, max_header_size=HEADER)
        return array


@contextlib.contextmanager
def _as_damaged() -> Iterator[None]:
    """What is raised inside, on bytes that somebody chose, as one kind of error, and nothing said besides."""
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python or numpy may say of odd headers helps nobody
            yield
    except DamagedFile:
        raise
    except OSError as error:
        if error.errno != errno.EINVAL:  # which says that a place named in it lies before its beginning
            raise
        raise DamagedFile("it names places that it does not have") from error
    # Whatever zipfile, zlib, numpy, ast and struct raise: a dozen types today.
    except Exception as error:
        raise DamagedFile(plain(str(error) or type(error).__name__)) from error


def _arrays(archive: zipfile.ZipFile) -> dict[str, NDArray[Any]]:
    """All of them, each checked by its header, and their sum, before any memory is taken."""
    from numpy.lib import format as npy

    from graphs.memory import memory_there

    members: dict[str, zipfile.ZipInfo] = {}
    there = memory_there(swap=False)
    total, room = 0, math.inf if there is None else there * SHARE_OF_MEMORY
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        if name == member.filename:
            raise DamagedFile(f"{plain(name)} in it is no array")
        if name in members:
            raise DamagedFile(f"it holds {plain(name)} twice")
        members[name] = member
        total += _checked_size(archive, member)
        if total > room:
            found, most = (f"{size / 2**30:,.1f} GiB" for size in (total, room))
            raise DamagedFile(f"its arrays take {found}, more than half of the free memory, {most}")
    arrays = {}
    for name, member in members.items():
        with archive.open(member) as stream:
            arrays[name] = npy.read_array(stream, allow_pickle=False, max_header_size=HEADER)
    return arrays


def _checked_size(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """How many bytes the array takes, as its header and the archive agree."""
    import zipfile

    name, size = plain(member.filename.removesuffix(".npy")), member.file_size
    if member.flag_bits & 1:
        raise DamagedFile(f"{name} is encrypted")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DamagedFile(f"{name} is compressed in a way that numpy does not write")
    if size > member.compress_size * EXPANSION:
        raise DamagedFile(f"{name} is said to have {size:,} bytes in {member.compress_size:,}")
    with archive.open(member) as stream:
        return _header(stream, size, name)


def _header(stream: IO[bytes], size: int, name: str) -> int:
    """Read an array's header; how many of the `size` bytes its numbers take."""
    from numpy.lib import format as npy

    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = npy.read_magic(stream)
    if version not in readers:  # 3.0 differs in the names of a table's columns, which are no plain numbers
        raise DamagedFile(f"{name} is in version {version[0]}.{version[1]} of numpy's format")
    shape, _, dtype = readers[version](stream, max_header_size=HEADER)
    header = stream.tell()
    if dtype.kind not in "biufc":
        raise DamagedFile(f"{name} holds {plain(dtype)}, and no real numbers")
    if any(type(length) is not int or length < 0 for length in shape):
        raise DamagedFile(f"{name} has the shape {quoted(shape)}")
    taken: int = math.prod(shape) * dtype.itemsize
    if header + taken != size:
        raise DamagedFile(f"{name} has {size - header:,} bytes for the shape {quoted(shape)} of {dtype}")
    return taken


def map_npy(path: str | os.PathLike[str]) -> NDArray[Any]:
    """The array of an NPY file where it lies: its numbers are read when they are asked for; as for :func:`read_npz`."""
    from numpy.lib import format as npy

    with open_file(path) as stream, _as_damaged():
        _header(stream, os.fstat(stream.fileno()).st_size, "its array")
        array: NDArray[Any] = npy.open_memmap(path, mode="r", max_header_size=HEADER)
        return array
