"""The native linker where nothing is there that only POSIX, Linux or one build of CPython has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BARE = """
import os, sys
for module in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[module] = None  # importing it now fails
for name in ("fork", "register_at_fork", "getuid", "geteuid", "sched_getaffinity", "memfd_create", "statvfs",
             "O_NOFOLLOW", "ST_NOEXEC"):
    if hasattr(os, name):
        delattr(os, name)
"""
# A free-threaded build: no lock, and nothing that depends on it.
FREE_THREADED = """
import sys
sys._is_gil_enabled = lambda: False
"""
USED = """
import numpy as np, pytensor, pytensor.tensor as pt
from graphs import environment, temporary
from graphs.native import NativeLinker, NativeMode, native_mode, repeat, source_of
from graphs.compiled import cache, call
v = pt.dvector("v")
s = pytensor.shared(np.zeros(2), name="s")
for mode in (NativeMode(NativeLinker(cached=False)), native_mode, native_mode):
    fn = pytensor.function([v], [v * 3.5, s * 1], updates=[(s, s + v)], mode=mode)
    held = [fn([1.0, k])[0] for k in range(4)]
    assert [h.tolist() for h in held] == [[3.5, 3.5 * k] for k in range(4)], held
    repeat(fn, 3, [[1.0, 1.0]])
    assert source_of(fn) is not None
assert s.get_value().tolist() == [21.0, 27.0], s.get_value()
assert environment.stamp()["machine"]["cores"] >= 1
assert len(cache.entries()) == 2
with temporary.folder("test") as folder:
    assert folder.is_dir()
assert not folder.exists()
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a program with a cache and a temporary folder of its own."""
    monkeypatch.setenv("GRAPHS_NATIVE_CACHE", str(tmp_path / "kept"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def run(code: str) -> None:
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=200,
            cwd=Path(__file__).parents[2],
        )
        assert (done.returncode, done.stderr) == (0, "")

    return run


def test_without_what_only_posix_has(run):
    run(BARE + USED)


def test_without_the_interpreter_s_lock(run):
    run(FREE_THREADED + USED + "assert not call.DIRECT and call.FREE == -1\n")
