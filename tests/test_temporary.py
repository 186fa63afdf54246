"""Temporary folders go with their process, also where that was killed; those of the living stay."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from graphs import temporary

ROOT = Path(__file__).parents[1]
HOLD = """
import os, signal, sys
from graphs import temporary
folder = temporary.make_folder("held")
(folder / "file").write_text("x")
print(folder, flush=True)
if sys.argv[1] == "fork" and not os.fork():
    sys.exit()  # a child that ends leaves its parent's folder alone
if sys.argv[1] == "careless":
    child = os.fork()
    if not child:
        temporary.make_folder("its")
        os._exit(0)  # as multiprocessing's children do
    os.waitpid(child, 0)
sys.stdin.read()
"""


@pytest.fixture
def base(tmp_path, monkeypatch):
    """A temporary folder of its own."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(temporary, "_owned", {})
    return tmp_path


@contextlib.contextmanager
def process(how: str = ""):
    """Another process that has a temporary folder, and where that is."""
    command = [sys.executable, "-c", HOLD, how]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as begun:
        try:
            yield begun, Path(begun.stdout.readline().strip())
        finally:
            begun.kill()


def test_a_folder_is_there_for_its_time_and_nobody_else_s(base):
    with temporary.folder("mine") as folder, temporary.folder("mine") as other:
        assert folder != other
        assert folder.name.startswith("mine-")
        assert base in folder.parents
        if os.name == "posix":
            for path in (folder, folder.parent, folder.parent.parent):
                assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert not folder.exists()


@pytest.mark.parametrize("how", ["", *(["careless"] if hasattr(os, "fork") else [])])
def test_a_process_that_ends_leaves_nothing(base, how):
    with process(how) as (begun, folder):
        assert (folder / "file").exists()
        begun.communicate()
    assert [*base.iterdir()] == []


def test_what_could_not_be_removed_goes_with_the_next_start(base, monkeypatch):
    folder = temporary.make_folder("mine")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *arguments, **options: None)
        temporary._owned.clear()
    assert folder.exists()
    temporary.remove_left()
    assert [*base.iterdir()] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)])
def test_what_a_killed_one_has_left_goes_with_the_next_start(base, number):
    with process() as (begun, folder):
        begun.send_signal(number)
        begun.wait(60)
    assert (folder / "file").exists()
    temporary.make_folder("next")
    assert not folder.parent.exists()


def test_nobody_is_in_the_way_of_one_who_comes_as_the_last_one_goes(base, monkeypatch):
    make = temporary.private_folder
    gone = iter([True])

    def made(*arguments):
        root = make(*arguments)
        if next(gone, False):
            root.rmdir()  # as another process does that leaves now
        return root

    monkeypatch.setattr(temporary, "private_folder", made)
    assert temporary.make_folder("mine").is_dir()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_what_the_living_have_stays(base):
    for how in ("", "fork"):
        with process(how) as (_, folder):
            temporary.remove_left()
            temporary.make_folder("next")
            assert (folder / "file").exists()


def test_in_doubt_it_stays_until_it_is_old(base, monkeypatch):
    mine = temporary.make_folder("mine")
    with process() as (begun, folder):
        begun.kill()
    monkeypatch.setitem(sys.modules, "fcntl", None)  # no locks here
    root = folder.parent.parent
    (root / "without-a-lock").mkdir()
    there = {*root.iterdir()}
    temporary.remove_left()
    assert {*root.iterdir()} == there
    for path in root.iterdir():
        os.utime(path, (0, 0))
    temporary.remove_left()
    kept = {mine.parent.name, f"{mine.parent.name}{temporary.ALIVE}"}
    assert {path.name for path in root.iterdir()} == kept, "its own it keeps"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("number", range(12))
def test_a_kill_at_any_moment_leaves_what_the_next_start_removes(base, monkeypatch, number):
    """At one file operation after the other, when a process makes its folder and when it ends."""
    child = os.fork()
    if not child:
        turns = iter(range(number))
        for name in ("open", "mkdir", "close", "unlink", "rmdir"):
            monkeypatch.setattr(os, name, dying(getattr(os, name), turns))
        (temporary.make_folder("mine") / "file").touch()
        temporary._owned.clear()
        os._exit(0)
    os.waitpid(child, 0)
    temporary.make_folder("next")
    own = {own.path.name for own in temporary._owned.values()}
    root = base / temporary._NAME
    assert {path.name.removesuffix(temporary.ALIVE) for path in root.iterdir()} == own


def dying(function, turns):
    def call(*arguments, **options):
        made = function(*arguments, **options)
        if next(turns, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return made

    return call


def test_where_there_are_no_locks_there_is_no_locked_file(base, monkeypatch):
    import fcntl

    def refuse(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", refuse)
        mine = temporary.make_folder("mine")
    assert [path.name for path in mine.parents[1].iterdir()] == [mine.parent.name]
    monkeypatch.setattr(temporary, "_owned", {})  # as another process, to which they are offered
    temporary.remove_left()
    assert mine.is_dir()


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_a_folder_that_others_can_write_is_none_of_ours(base):
    planted = base / temporary._NAME
    planted.mkdir()
    planted.chmod(0o777)
    assert temporary.make_folder("mine").parents[1] == base / f"{temporary._NAME}-2"
    planted.rmdir()
    planted.symlink_to(base)
    assert temporary.private_folder(temporary._NAME, str(base)) == base / f"{temporary._NAME}-2"


def test_a_full_place_is_not_the_first_choice(base, tmp_path_factory, monkeypatch):
    other = tmp_path_factory.mktemp("roomy")
    monkeypatch.setattr(temporary, "OTHERS", (str(other),))
    usage = shutil.disk_usage(base)
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: usage._replace(free=0 if path == str(base) else 10**9)
    )
    assert other in temporary.make_folder("mine").parents


def test_a_folder_that_somebody_has_removed_is_made_again(base):
    shutil.rmtree(temporary.make_folder("mine").parent)
    assert temporary.make_folder("mine").is_dir()


def test_what_cannot_be_looked_at_may_be_there(tmp_path):
    assert temporary._is_gone(tmp_path / "none")
    assert not temporary._is_gone(tmp_path)
    assert not temporary._is_gone(tmp_path / ("n" * 5_000))
