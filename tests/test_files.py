"""Files appear whole or not at all: on a full disk, under a kill, in a folder that cannot be written."""

from __future__ import annotations

import errno
import os
import stat
import struct
import subprocess
import sys
import time
import warnings
import zipfile

import numpy as np
import pytest

from graphs import files, memory
from graphs.errors import InputError
from graphs.files import (
    DamagedFile,
    file_path,
    make_folder,
    read_npz,
    read_whole,
    remove_unfinished,
    writable,
    write_whole,
)


def test_writes_and_replaces_with_ordinary_permissions(tmp_path):
    path = tmp_path / "a"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    assert os.listdir(tmp_path) == ["a"]


def test_a_failed_write_leaves_what_stood_there(tmp_path):
    path = tmp_path / "a"
    write_whole(path, b"old")
    with pytest.raises(TypeError):
        write_whole(path, "not bytes")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path):
    names = (".run.npz.ab1_cd34.part", ".b.ab1_cd34.part", "mine.part", ".mine.part")
    left, of_another, *others = (tmp_path / name for name in names)
    for path in (left, of_another, *others):
        path.write_bytes(b"x")
    write_whole(tmp_path / "run.npz", b"x")
    others.append(tmp_path / "run.npz")
    assert set(tmp_path.iterdir()) == {of_another, *others}
    remove_unfinished(tmp_path)
    assert set(tmp_path.iterdir()) == set(others)


def test_what_is_being_written_is_left_to_its_writer(tmp_path, monkeypatch):
    path, replace, seen = tmp_path / "a", os.replace, []

    def meanwhile(part, place):
        monkeypatch.setattr(os, "replace", replace)
        write_whole(path, b"another's")
        remove_unfinished(tmp_path)
        seen.append(os.path.exists(part))
        replace(part, place)

    monkeypatch.setattr(os, "replace", meanwhile)
    write_whole(path, b"mine")
    assert seen == [True]
    assert path.read_bytes() == b"mine"
    assert os.listdir(tmp_path) == ["a"]


def test_what_another_has_locked_before_is_given_up(tmp_path, monkeypatch):
    answers = iter([False, True])
    monkeypatch.setattr(files, "lock", lambda descriptor: next(answers))
    write_whole(tmp_path / "a", b"x")
    assert os.listdir(tmp_path) == ["a"]


def test_without_locks_what_is_young_stays(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    left = tmp_path / ".a.ab1_cd34.part"
    left.write_bytes(b"x")
    write_whole(tmp_path / "a", b"x")
    assert left.exists()
    os.utime(left, (0, 0))
    write_whole(tmp_path / "a", b"x")
    assert not left.exists()


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        write_whole(tmp_path / "none" / "a", b"")
    assert error.value.filename == str(tmp_path / "none" / "a")


def test_the_umask_is_the_systems_business(tmp_path, monkeypatch):
    """Asking for it sets it, and a file that another thread makes meanwhile is open to all."""
    monkeypatch.setattr(os, "umask", None)
    write_whole(tmp_path / "a", b"")
    make_folder(tmp_path / "b")


def test_a_file_keeps_its_permissions_and_a_link_what_it_points_to(tmp_path):
    secret, link = tmp_path / "secret", tmp_path / "link"
    write_whole(secret, b"one")
    secret.chmod(0o600)
    link.symlink_to("secret")
    write_whole(link, b"two")
    assert link.is_symlink()
    assert secret.read_bytes() == b"two"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    link.unlink()
    link.symlink_to("new")
    write_whole(link, b"three")
    assert (tmp_path / "new").read_bytes() == b"three"
    assert sorted(os.listdir(tmp_path)) == ["link", "new", "secret"]


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path):
    write_whole(tmp_path / ("ü" * 127), b"x")
    assert os.listdir(tmp_path) == ["ü" * 127]


@pytest.mark.parametrize("fails", ["close", "unlink"])
def test_a_folder_that_was_tried_in_vain_is_as_it_was(fails, tmp_path, monkeypatch):
    real, failures = getattr(os, fails), iter([OSError(errno.EIO, os.strerror(errno.EIO))])

    def once(*arguments, **options):
        if error := next(failures, None):
            if fails == "close":
                real(*arguments)
            raise error
        return real(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, fails, once)
        with pytest.raises(OSError, match=str(tmp_path)):
            make_folder(tmp_path)
    assert os.listdir(tmp_path) == []


def test_what_is_no_file_is_left_alone(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "device").symlink_to("/dev/null")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "kept").write_bytes(b"kept")
    monkeypatch.setattr(os, "access", lambda path, how: path != tmp_path / "kept")
    before = sorted(os.listdir(tmp_path))
    for name in before:
        with pytest.raises(OSError, match=r".") as error:
            write_whole(tmp_path / name, b"new")
        assert error.value.filename == str(tmp_path / name)
        assert error.value.strerror
    assert sorted(os.listdir(tmp_path)) == before
    assert (tmp_path / "kept").read_bytes() == b"kept"
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


OPERATIONS = ("open", "fdopen", "fsync", "chmod", "replace")


@pytest.mark.parametrize("kind", [errno.ENOSPC, errno.EDQUOT, errno.EIO, KeyboardInterrupt])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_fault_at_any_operation_leaves_one_whole_file(tmp_path, monkeypatch, operation, kind):
    """Of every call of the operation in turn; that which flushes the folder comes when the file is there already."""
    path = tmp_path / "a"
    real = getattr(os, operation)
    for fails_at in range(3):
        path.write_bytes(b"old")
        path.chmod(0o640)
        calls = 0

        def fail(*given, fails_at=fails_at, **more):
            nonlocal calls
            calls += 1
            if calls <= fails_at:
                return real(*given, **more)
            raise kind if kind is KeyboardInterrupt else OSError(kind, os.strerror(kind))

        with monkeypatch.context() as patched:
            patched.setattr(os, operation, fail)
            raised = None
            try:
                write_whole(path, b"new")
            except (OSError, KeyboardInterrupt) as error:
                raised = error
            if calls > fails_at and kind is not KeyboardInterrupt:
                assert (raised.errno, raised.filename) == (kind, str(path))
        assert os.listdir(tmp_path) == ["a"]
        assert path.read_bytes() in (b"old", b"new")
        if calls == 1 and fails_at == 0:
            assert path.read_bytes() == b"old"


def test_new_folders_are_flushed_where_they_stand(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(os.fstat(descriptor).st_ino))
    assert make_folder(tmp_path / "a" / "b" / "c") == tmp_path / "a" / "b" / "c"
    assert flushed == [folder.stat().st_ino for folder in (tmp_path, tmp_path / "a", tmp_path / "a" / "b")]
    assert os.listdir(tmp_path / "a" / "b" / "c") == []
    make_folder(tmp_path / "a" / "b")
    assert len(flushed) == 3


def test_a_folder_that_cannot_be_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    for name in ("file", "file/below", "x" * 300):
        with pytest.raises(OSError, match=r".") as error:
            make_folder(tmp_path / name)
        assert error.value.filename == str(tmp_path / name)
    monkeypatch.setattr(os, "open", lambda *_: (_ for _ in ()).throw(PermissionError(errno.EACCES, "no")))
    with pytest.raises(PermissionError):
        make_folder(tmp_path)


def test_a_file_system_that_flushes_no_folders_is_written_to(tmp_path, monkeypatch):
    real = os.fsync

    def files_only(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", files_only)
    write_whole(tmp_path / "a", b"x")
    assert (tmp_path / "a").read_bytes() == b"x"


@pytest.mark.parametrize("found", [None, 3, True, b"x", ["x"], "a\0b", "\ud800"])
def test_a_path_is_a_path(found):
    with pytest.raises(InputError, match="path of a file"):
        file_path("data", found)


def test_only_ordinary_files_are_read_and_only_up_to_a_limit(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(DamagedFile, match="no ordinary file"):
            read_whole(path, 10)
    with pytest.raises(IsADirectoryError):
        read_whole(tmp_path, 10)
    with pytest.raises(FileNotFoundError):
        read_whole(tmp_path / "none", 10)
    assert read_whole("/proc/self/status", 10) == b""  # which says that it has no bytes
    (tmp_path / "a").write_bytes(b"0123456789")
    assert read_whole(tmp_path / "a", 10) == b"0123456789"
    with pytest.raises(DamagedFile, match="10 bytes, more than the 9"):
        read_whole(tmp_path / "a", 9)
    shrunk = os.stat_result([stat.S_IFREG, *[0] * 5, 11, *[0] * 3])
    monkeypatch.setattr(os, "fstat", lambda _: shrunk)
    with pytest.raises(DamagedFile, match="shorter"):
        read_whole(tmp_path / "a", 20)


def npy(header: str, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    """An array's file with any header."""
    length = struct.pack("<H" if version == (1, 0) else "<I", len(header))
    return b"\x93NUMPY" + bytes(version) + length + header.encode("latin-1") + data


def described(shape: str, kind: str = "'<f8'") -> str:
    return f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}"


SIX = bytes(48)  # numbers
HEADERS = {
    "bomb": (npy(described("(1000000000000, 1)")), "0 bytes for the shape (1000000000000, 1)"),
    "bomb with data": (npy(described("(10**12, 1)"), SIX), ""),
    "overflow": (npy(described(f"({'9' * 4000},)")), ""),
    "negative": (npy(described("(-2, -3)"), SIX), "shape (-2, -3)"),
    "truth values": (npy(described("(True, 6)"), SIX), "shape (True, 6)"),
    "texts": (npy(described("('2', 3)"), SIX), "'2'"),
    "brackets": (npy("(" * 9000), ""),
    "unfinished": (npy("{'descr': '<f8', 'shape': (2L, 3, \n  "), ""),
    "no dictionary": (npy("[1, 2]"), "not a dictionary"),
    "bytes": (npy("\xff\0\1"), ""),
    "a warning": (npy(described("(6,)", r"'\d'"), SIX), ""),
    "long": (npy(described("(2, 3)") + " " * 20_000, SIX, (2, 0)), "large"),
    "objects": (npy(described("(2, 3)", "'|O'"), SIX), "no real numbers"),
    "voids": (npy(described("(2, 3)", "'|V8'"), SIX), "no real numbers"),
    "dates": (npy(described("(2, 3)", "'<M8[s]'"), SIX), "no real numbers"),
    "a table": (npy(described("(6,)", "[('a', '<f8')]"), SIX), "no real numbers"),
    "arrays in it": (npy(described("(2,)", "('<f8', (3,))"), SIX), "no real numbers"),
    "dimensions": (npy(described(f"({'1, ' * 100})"), bytes(8)), ""),
    "more": (npy(described("(2, 3)"), SIX + b"x"), "49 bytes"),
    "less": (npy(described("(2, 3)"), SIX[1:]), "47 bytes"),
    "version 3": (npy(described("(2, 3)"), SIX, (3, 0)), "version 3.0"),
    "version 9": (npy(described("(2, 3)"), SIX, (9, 0)), "version 9.0"),
    "no array": (b"text", ""),
    "nothing": (b"", ""),
}


def archive(path, members, compression=zipfile.ZIP_STORED):
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", compression) as stored:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, content in members:
            stored.writestr(name, content)
    return path


@pytest.mark.parametrize(("content", "says"), HEADERS.values(), ids=HEADERS)
def test_an_array_is_what_its_header_says_or_refused(tmp_path, content, says):
    with pytest.raises(DamagedFile) as refusal:
        read_npz(archive(tmp_path / "a.npz", [("x.npy", content)]))
    assert says in str(refusal.value)


GOOD = npy(described("(2, 3)"), np.arange(6.0).tobytes())


def test_what_other_writers_do_is_read(tmp_path):
    fortran = GOOD.replace(b"False", b"True ")
    python2 = npy(described("(2L, 3L)"), SIX)
    version2 = npy(described("(2, 3)"), SIX, (2, 0))
    members = [("a/b.npy", GOOD), ("f.npy", fortran), ("old.npy", python2), ("v.npy", version2)]
    read = read_npz(archive(tmp_path / "a.npz", members, zipfile.ZIP_DEFLATED))
    np.testing.assert_array_equal(read["a/b"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(read["f"], [[0, 2, 4], [1, 3, 5]])
    assert read["old"].shape == read["v"].shape == (2, 3)
    np.savez(tmp_path / "b.npz", scalar=1.5, none=np.ones((0, 3)), big=np.ones(2, ">f4"), ok=np.array([True]))
    assert {name: array.shape for name, array in read_npz(tmp_path / "b.npz").items()} == {
        "scalar": (),
        "none": (0, 3),
        "big": (2,),
        "ok": (1,),
    }


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(tmp_path, method):
    with pytest.raises(DamagedFile, match="compressed in a way"):
        read_npz(archive(tmp_path / "a.npz", [("x.npy", GOOD)], method))


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ([("x.npy", GOOD), ("x.npy", GOOD)], "x twice"),
        ([("x.npy", GOOD), ("x.txt", b"text")], "x.txt in it is no array"),
        ([("\x1b]0;owned\x07", b"")], r"\x1b]0;owned\x07 in it"),
        ([(f"{i}.npy", b"") for i in range(20_000)], "none of its arrays"),
    ],
    ids=["twice", "text", "escapes", "many"],
)
def test_members_are_arrays_each_once(tmp_path, members, says):
    with pytest.raises(DamagedFile) as refusal:
        read_npz(archive(tmp_path / "a.npz", members))
    assert says in str(refusal.value)


@pytest.mark.parametrize(
    ("mark", "offset", "value", "says"),
    [
        (b"PK\1\2", 24, 0xFFFFFFF0, "is said to have 4,294,967,280 bytes"),  # its size
        (b"PK\1\2", 42, 0xFFFFFFF0, ""),  # its place
        (b"PK\1\2", 10, 99, "compressed in a way"),
        (b"PK\1\2", 8, 1, "x is encrypted"),
        (b"PK\5\6", 12, 0xFFFFFFF0, ""),  # size and place of the table of contents
        (b"PK\5\6", 16, 0xFFFFFF, "places that it does not have"),
    ],
)
def test_an_archive_that_lies_is_refused(tmp_path, mark, offset, value, says):
    path = archive(tmp_path / "a.npz", [("x.npy", GOOD)])
    content = bytearray(path.read_bytes())
    place = content.find(mark) + offset
    content[place : place + 4] = struct.pack("<I", value)
    path.write_bytes(content)
    with pytest.raises(DamagedFile) as refusal:
        read_npz(path)
    assert says in str(refusal.value)


def test_what_does_not_fit_in_memory_is_refused_before_any_is_taken(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "zeros.npz", x=np.zeros(2**20), y=np.zeros(2**20))
    assert (tmp_path / "zeros.npz").stat().st_size < 2**15
    read_npz(tmp_path / "zeros.npz")
    monkeypatch.setattr(memory, "memory_there", lambda swap: 2**24)  # half of it holds one of the two
    monkeypatch.setattr(np, "ndarray", None)
    with pytest.raises(DamagedFile, match=r"0\.0 GiB, more than half of the free memory"):
        read_npz(tmp_path / "zeros.npz")


def test_a_lone_array_has_no_name(tmp_path):
    (tmp_path / "a.npz").write_bytes(GOOD)
    with pytest.raises(DamagedFile, match="no named arrays"):
        read_npz(tmp_path / "a.npz")


def test_a_reader_never_sees_a_part_while_the_writer_is_killed(tmp_path):
    path = tmp_path / "a"
    write_whole(path, b"x" * 1000)
    code = (
        "import sys; from graphs.files import write_whole\n"
        "n = 0\n"
        "while True:\n"
        "    n += 1\n"
        "    write_whole(sys.argv[1], bytes([n % 256]) * 2_000_000)\n"
        "    print(flush=True)\n"
    )
    for delay in (0.0, 0.004, 0.011, 0.02):
        writer = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
        writer.stdout.readline()
        time.sleep(delay)
        writer.kill()
        writer.wait()
        writer.stdout.close()
        data = path.read_bytes()
        assert len(data) == 2_000_000
        assert len(set(data)) == 1


def test_where_a_file_cannot_be_made_is_said_before_there_is_one(tmp_path):
    assert writable("json", tmp_path / "a.json") == tmp_path / "a.json"
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    for place in (tmp_path, tmp_path / "no" / "a", tmp_path / "file" / "a", "/proc/a", "a\0/b"):
        with pytest.raises(InputError, match="json: found "):
            writable("json", place)
