"""Files appear whole or not at all: on a full disk, under a kill, in a folder that cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from graphs.errors import InputError
from graphs.files import remove_unfinished, writable, write_whole


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
    left, *others = (
        tmp_path / name for name in (".run.npz.ab1_cd34.part", "mine.part", ".mine.part", "run.npz")
    )
    for path in (left, *others):
        path.write_bytes(b"x")
    remove_unfinished(tmp_path, older_than=3600)
    assert left.exists()
    remove_unfinished(tmp_path)
    assert set(tmp_path.iterdir()) == set(others)


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "none" / "a", b"")


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
