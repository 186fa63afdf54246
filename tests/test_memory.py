"""How much memory there is, by all that limits it, and what needs more is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import graphs
from graphs import memory
from graphs.data import drawn_bytes
from graphs.errors import InputError
from graphs.training import schedule

KIB = {"meminfo": "MemTotal: 900 kB\nMemAvailable: 500 kB\nSwapFree: 100 kB\n"}


@pytest.fixture
def files(monkeypatch):
    """What the system says, by path; no other file is there."""
    said = {"/proc/meminfo": KIB["meminfo"]}

    def read(path: Path) -> str:
        if str(path) not in said:
            raise FileNotFoundError(str(path))
        return said[str(path)]

    monkeypatch.setattr(Path, "read_text", read)
    monkeypatch.setattr(memory, "_addresses", lambda: None)
    return said


def test_what_is_free_counts_with_swap_or_without(files):
    assert memory.memory_there() == 600 * 1024
    assert memory.memory_there(swap=False) == 500 * 1024


@pytest.mark.parametrize(
    ("groups", "limits"),
    [
        ("0::/a/b\n", {"/sys/fs/cgroup/a/memory.max": "4096\n", "/sys/fs/cgroup/a/b/memory.max": "max\n"}),
        ("0::/elsewhere\n", {"/sys/fs/cgroup/memory.max": "4096\n"}),
        (
            "3:cpu:/c\n2:memory:/c\n0::/c\n",
            {"/sys/fs/cgroup/memory/c/memory.limit_in_bytes": "4096", "/sys/fs/cgroup/cpu/c/memory.max": "1"},
        ),
    ],
)
def test_a_containers_limit_counts(files, groups, limits):
    files |= {"/proc/self/cgroup": groups, **limits}
    assert memory.memory_there() == 4096


def test_where_nothing_tells_nothing_is_refused(files, monkeypatch):
    files.clear()
    monkeypatch.delattr(memory.os, "sysconf")
    assert memory.memory_there() is None
    memory.refuse_beyond_memory("samples", "many", 10**30)


def test_a_limit_of_addresses_counts():
    code = "import resource, graphs.memory as m; resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33))"
    code += "\nprint(m.memory_there())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0 < int(done.stdout) < 2**33


def test_copies_and_the_unseen_rows_are_counted(monkeypatch):
    assert drawn_bytes(400, 784, "float64") == (400 + 30 + 1) * 784 * 16 + 16 * 400
    monkeypatch.setattr(memory, "memory_there", lambda: 2**30)
    with pytest.raises(InputError, match=r"samples × features: found 100000 × 784, .* 1\.17 GiB; .* 1 GiB"):
        graphs.load(samples=100_000)  # x alone takes 0.58 GiB
    with pytest.raises(InputError, match="1 × 3000000"):
        graphs.load(samples=1, features=3_000_000)  # x alone takes 0.02 GiB
    assert graphs.load(samples=1, features=3).unseen_x.shape == (30, 3)


def test_a_history_without_room_is_refused(monkeypatch):
    monkeypatch.setattr(memory, "memory_there", lambda: 2**30)
    assert schedule(10**15, 10**12) == (10**15, 10**12)
    with pytest.raises(InputError, match=r"every: found 1 for 10000000 steps.*; record less often"):
        schedule(10**7, 1)
