"""SIGINT, SIGTERM and SIGHUP at every moment of a command's life: one sentence, its exit code, nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.attack.conftest import Tally
from tests.conftest import ROOT

SMALL = ("--samples", "40", "--features", "8")
COMMANDS = {
    "reproduce": ("reproduce", *SMALL, "--steps", "3000", "--quiet"),
    "inspect": ("inspect", "--quick"),
    "compare": (
        "compare",
        *SMALL,
        "--runs",
        "numpy",
        "pytensor-native",
        "--steps",
        "50",
        "--rounds",
        "1",
        "--quiet",
    ),
    "benchmark": ("benchmark", "--quick", "--quiet", "--only", "numpy,native", "--sizes", "40x8"),
    "lesson": ("lesson", "extremes"),
    "run": ("run", "minibatch", "curve", "--quiet"),
    "check": ("check", "--entries", "20"),
}
MOMENTS = 5  # of each command's life
# Until its first line runs, a signal is Python's own affair: it dies of it, or tells where it was.
STARTUP = 0.15
#: What PyTensor writes for Numba, and leaves there itself also where nothing is in the way.
NUMBAS = re.compile(r"tmp[a-z0-9_]{8}")
# PyTorch's cache, which stays on purpose, and what the compiler that it starts had begun to write.
PYTORCHS = re.compile(r"torchinductor_.*|cc\w{6}\.(s|o|res)")


def begun(command: tuple[str, ...], folder: Path, entered: str) -> subprocess.Popen[str]:
    way = [str(ROOT / "scripts" / f"{entered}.py")] if entered else ["-m", "graphs"]
    return subprocess.Popen(
        [sys.executable, *way, *(command[1:] if entered else command)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder), "GRAPHS_NATIVE_CACHE": str(folder / "cache")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def still_running(mark: str) -> list[str]:
    """The processes that have been begun in an environment with `mark` in it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in path.read_bytes():
                found.append((path.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:80])
        except OSError:  # ended meanwhile, or another's
            continue
    return found


def problem(process: subprocess.Popen[str], number: signal.Signals, folder: Path, command: str) -> str:
    try:
        _, said = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return "goes on"
    if process.returncode == 0:
        return ""
    if process.returncode != 128 + number:
        return f"exit code {process.returncode}: {said[-200:]}"
    if len(said.splitlines()) != 1 or not said.startswith((f"{command}: ", "graphs: ")):
        return f"said {said[-200:]!r}"
    end = time.monotonic() + 5  # what it had begun and told to end
    while (running := still_running(f"TMPDIR={folder}")) and time.monotonic() < end:
        time.sleep(0.05)
    left = [p.name for p in folder.iterdir() if p.name != "cache" and not NUMBAS.fullmatch(p.name)]
    if any(name.startswith("torchinductor_") for name in left):
        left = [name for name in left if not PYTORCHS.fullmatch(name)]
    return f"left {left or running}" if left or running else ""


@pytest.mark.parametrize("command", COMMANDS)
def test_a_signal_at_any_moment_is_one_sentence(
    command: str, tally: Tally, times: int, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    began = time.monotonic()
    begun(COMMANDS[command], whole, "").communicate(timeout=300)
    life = min(time.monotonic() - began, 10.0)
    scripts = {"inspect": "inspect_graph"}
    for moment in range(MOMENTS * times):
        after = STARTUP + (life - STARTUP) * moment / (MOMENTS * times)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            entered = scripts.get(command, command) if moment % 2 else ""
            folder = tmp_path / f"{moment}-{number.name}"
            folder.mkdir()
            process = begun(COMMANDS[command], folder, entered)
            time.sleep(after)
            process.send_signal(number)
            tally.case(f"{number.name} after {after:.2f} s", problem(process, number, folder, command))
