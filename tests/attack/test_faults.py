"""Every file operation of every command fails once, and a real disk is full or lets nothing run.

What must hold after each: one sentence that names the file and exit code 1 or 2 (0 where what failed was not needed);
every file the old one or the new one, and whole; nothing temporary left; and the next run makes what an
undisturbed one makes.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from graphs.compiled.cache import SECRET
from graphs.inspection import load
from tests.attack.attacked import (
    BENCHMARK,
    COMPARE,
    NATIVE,
    RIGHT,
    RUN,
    Attacked,
    comparison_file,
    damaged,
    json_file,
    left,
    native_folder,
    page_file,
    resumable,
)
from tests.attack.faults import Contents, Fault, FaultyForks, Operation, complaint, contents, failures, put
from tests.attack.tally import Tally
from tests.conftest import ROOT

SEED = 20
ODD_OUTPUT = str(Path(__file__).parent / "odd_output")


def failing(times: int) -> Callable[[Sequence[Operation]], Iterator[Fault]]:
    return lambda operations: failures(operations, SEED, times)


def test_a_run(faulty: FaultyForks, warm: dict[str, str], disk: Path, tally: Tally, times: int) -> None:
    resumable(warm).attack(faulty, disk, tally, failing(times), SEED, 0.4 * times)


def test_a_run_that_goes_on(
    faulty: FaultyForks, warm: dict[str, str], halfway: Contents, disk: Path, tally: Tally, times: int
) -> None:
    resumable(warm, halfway).attack(faulty, disk, tally, failing(times), SEED, 0.25 * times)


def test_a_finished_run_is_never_overwritten(
    faulty: FaultyForks, warm: dict[str, str], finished: Contents, disk: Path, tally: Tally, times: int
) -> None:
    command, folder = ("reproduce", *RUN, "--seed", "7", "--out"), disk / "run"
    put(folder, finished)
    operations = faulty.operations(*command, str(folder), root=folder, env=warm, code=2)
    for fault in failures(operations, SEED, 2 * times):
        put(folder, finished)
        done = faulty.run(*command, str(folder), root=folder, fault=fault, env=warm)
        problem = complaint(done, folder)
        if contents(folder) != finished:
            problem = f"the run that was there is another; {problem}"
        tally.case(f"seed {SEED}, {fault}", problem)


def test_one_file_commands(faulty: FaultyForks, disk: Path, tally: Tally, times: int) -> None:
    kept = disk / "kept"
    kept.mkdir()
    made = faulty.run(
        "inspect_graph", "--mode", "FAST_COMPILE", "--quick", "--json", str(kept / "a.json"), root=kept
    )
    assert made.returncode == 0, made.stderr
    recording = {"a.json": (kept / "a.json").read_bytes(), "b.json": b'["old"]\n'}
    looking = ("inspect_graph", "--load", "DIR/a.json", "--step", "1", "--json", "DIR/b.json")
    teaching = ("lesson", "labels", "--out", "DIR/deep")
    walking = ("inspect_graph", "--load", "DIR/a.json", "--step", "1", "--html", "DIR/a.html")
    timing = ("benchmark", *BENCHMARK, "--json", "DIR/b.json")
    old = {"b.json": b'["old"]\n'}
    for attacked, share in (
        (Attacked(looking, json_file, recording), 0.6),
        (Attacked(walking, page_file, {"a.json": recording["a.json"], "a.html": b"<!DOCTYPE html>old"}), 0.4),
        (Attacked(teaching, json_file, varying=("deep/lessons.json",)), 0.6),
        (Attacked(timing, json_file, old, ("b.json",)), 0.15),
    ):
        attacked.attack(faulty, disk, tally, failing(times), SEED, share * times)
    assert load(kept / "a.json").steps


def test_a_comparison(faulty: FaultyForks, disk: Path, tally: Tally, times: int) -> None:
    varying = ("compare.json", "compare.txt", "gradients.txt")
    command = ("compare", *COMPARE, "--resume", "--out", "DIR")
    for share in (0.04, 0.05):  # from the beginning, then one that has been begun
        begun = contents(disk / "whole") if (disk / "whole").exists() else {}
        attacked = Attacked(command, comparison_file, begun, varying)
        attacked.attack(faulty, disk, tally, failing(times), SEED, share * times)


def test_data_that_cannot_be_read(
    faulty: FaultyForks, warm: dict[str, str], disk: Path, tally: Tally, times: int
) -> None:
    x, y = np.random.RandomState(0).randn(20, 3), np.arange(20) % 2
    folder = disk / "data"
    folder.mkdir()
    np.savez(folder / "d.npz", x=x, y=y)
    np.savetxt(folder / "d.csv", np.column_stack([x, y]), delimiter=",")
    for name in ("d.npz", "d.csv"):
        command = (
            "reproduce",
            "--data",
            str(folder / name),
            "--steps",
            "3",
            "--weight-decay",
            "0",
            "--quiet",
        )
        for fault in failures(faulty.operations(*command, root=folder, env=warm), SEED, times):
            done = faulty.run(*command, root=folder, fault=fault, env=warm)
            tally.case(f"{name}, seed {SEED}, {fault}", complaint(done, folder) if done.returncode else "")


def attack_cache(
    faulty: FaultyForks,
    disk: Path,
    tally: Tally,
    times: int,
    before: Contents,
    *words: str,
    share: float = 1.0,
) -> Contents:
    """Let every operation of a native function's process fail, on its cache and on its temporary folder."""
    folder = disk / "native"
    kept, env = folder / "kept", native_folder(folder, before)
    planted = set(damaged(kept))  # stands there from the beginning, and counts as absent
    operations = faulty.operations(NATIVE, *words, root=folder, env=env)
    after, dice = contents(kept), random.Random(SEED)
    for fault in failures([o for o in operations if dice.random() < share * times], SEED, times):
        native_folder(folder, before)
        done = faulty.run(NATIVE, *words, root=folder, fault=fault, env=env)
        again = faulty.run(NATIVE, *words, root=folder, env=env)
        problem = ""
        for when, run in (("", done), ("the next run: ", again)):
            if "Traceback" in run.stderr or run.returncode:
                problem = problem or f"{when}{complaint(run, folder, codes=(0,))}"
            elif run.stdout.strip() != RIGHT:
                problem = problem or f"{when}it says {run.stdout!r}"
        if len(done.stderr.splitlines()) > 1:
            problem = problem or f"it says {done.stderr!r}"
        if again.stderr:
            problem = problem or f"the next run says {again.stderr!r}"
        if there := left(folder):
            problem = problem or f"after the next run {there} is left"
        if broken := set(damaged(kept)) - planted:
            problem = problem or f"after the next run {broken} is damaged"
        tally.case(f"native {' '.join(words)}, seed {SEED}, {fault}", problem)
    return after


def test_the_native_cache(faulty: FaultyForks, disk: Path, tally: Tally, times: int) -> None:
    full = attack_cache(faulty, disk, tally, times, {}, share=0.25)
    assert {Path(name).suffix for name in full} == {".json", ".so", ""}
    attack_cache(faulty, disk, tally, times, full, share=0.5)
    old = {f"{k}" * 40 + ".json": bytes(9_000) for k in range(4)}
    attack_cache(faulty, disk, tally, times, old, "prune", share=0.1)


def test_clearing_the_cache(faulty: FaultyForks, disk: Path, tally: Tally, times: int) -> None:
    kept = disk / "kept"
    entries = {f"{k}" * 40 + ending: b"x" for k in range(3) for ending in (".json", ".so")}
    entries[SECRET] = bytes(32)
    env = {"GRAPHS_NATIVE_CACHE": str(kept)}
    for words in (("cache",), ("cache", "clear")):
        put(kept, entries | {"mine.txt": b"stays", "package.json": b"{}"})
        for fault in failures(faulty.operations(*words, root=kept, env=env), SEED, 2 * times):
            put(kept, entries | {"mine.txt": b"stays", "package.json": b"{}"})
            done = faulty.run(*words, root=kept, fault=fault, env=env)
            problem = complaint(done, kept) if done.returncode else ""
            there = contents(kept)
            if not {"mine.txt", "package.json"} <= there.keys():
                problem = "another's file is gone"
            elif not done.returncode and words[1:]:
                # What it says is removed must be.
                gone = len(entries.keys() - there.keys() - {SECRET})
                if not done.stdout.startswith(f"{gone} "):
                    problem = f"{gone} are gone and it says {done.stdout!r}"
            tally.case(f"{' '.join(words)}, seed {SEED}, {fault}", problem)


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A real file system in memory; skipped where this user may not mount one."""
    folder.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True)
    if mount.returncode:
        pytest.skip("mounting a file system needs privileges that this user lacks")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_disk_of_so_many_pages(
    faulty: FaultyForks, warm: dict[str, str], finished: Contents, tmp_path: Path, tally: Tally
) -> None:
    """Real pages run out: at the settings, at a checkpoint, among the results."""
    command = ("reproduce", *RUN, "--resume", "--out")
    expected = {name: data for name, data in finished.items() if name != "times.json"}
    for pages in range(1, 19):
        with mounted(tmp_path / f"disk{pages}", f"size={4 * pages}k") as disk:
            done = faulty.run(*command, str(disk / "run"), root=disk, env=warm)
            problem = complaint(done, disk) if done.returncode else ""
            remains = [name for name in contents(disk) if name.endswith(".part")]
            if remains:
                problem = problem or f"{remains} is left"
            subprocess.run(["mount", "-o", "remount,size=1m", disk], check=True)
            again = faulty.run(*command, str(disk / "run"), root=disk, env=warm)
            there = {n: data for n, data in contents(disk / "run").items() if n != "times.json"}
            if again.returncode or there != expected:
                problem = problem or f"with more room it ends otherwise: {again.stderr}"
            tally.case(f"{pages} pages", problem)


@pytest.mark.parametrize("kind", ["full", "noexec"])
def test_cache_and_temporary_folder_on_such_a_disk(
    faulty: FaultyForks, tmp_path: Path, tally: Tally, kind: str
) -> None:
    """The function is computed all the same, and a sentence says what is in the way where no C code can run."""
    options = "size=8k" if kind == "full" else "noexec,size=16m"
    with mounted(tmp_path / "disk", options) as disk:
        if kind == "full":
            (disk / "filler").write_bytes(bytes(8192))
        good = tmp_path / "good"
        for there in (("kept",), ("tmp",), ("kept", "tmp")):
            put(good, {"mine.txt": b""})
            places = [(disk if name in there else good) / name for name in ("kept", "tmp")]
            for place in places:
                place.mkdir(exist_ok=True, mode=0o700)
            env = {"GRAPHS_NATIVE_CACHE": str(places[0]), "TMPDIR": str(places[1])}
            command = ("reproduce", "--steps", "3", "--samples", "20", "--features", "4", "--quiet")
            for words in ((NATIVE,), (NATIVE,), command):
                done = faulty.run(*words, root=disk, env=env)
                problem = complaint(done, disk, codes=(0,)) if done.returncode or done.stderr else ""
                if words == (NATIVE,) and done.stdout.strip() != RIGHT:
                    problem = problem or f"it says {done.stdout!r}"
                if remains := [path.name for path in places[1].iterdir()]:
                    problem = problem or f"{remains} is left"
                tally.case(f"{kind}, there is {' and '.join(there)}: {Path(words[0]).name}", problem)


SHOWING = (
    ("--help",),
    ("--version",),
    ("--print-completion", "bash"),
    ("cache",),
    ("reproduce", *RUN[:-1], "--mode", "FAST_COMPILE"),
    ("reproduce", *RUN, "--mode", "FAST_COMPILE", "--json"),
    ("inspect", "--schema"),
    ("lesson", "labels"),
    ("lesson", "labels", "--json"),
    ("compare", "--code", "--runs", "numpy"),
)


def trouble(code: int, said: str, what: str) -> str:
    """What is wrong with how a command ends whose output went nowhere."""
    lines = said.splitlines()
    if "Traceback" in said or "Exception ignored" in said:
        return f"a traceback ending in {lines[-1]!r}"
    if code not in ((0, 1) if what == "closed" else (1,)):
        return f"exit code {code}"
    if not code:  # argparse tells its help elsewhere where there is no output
        return ""
    return f"it says {lines}" if len(lines) > 1 or (what == "full" and not lines) else ""


def test_output_that_takes_nothing(faulty: FaultyForks, tmp_path: Path, tally: Tally) -> None:
    """/dev/full, a pipe that nobody reads, a descriptor that is closed: a code and at most a sentence."""
    for command in SHOWING:
        for what in ("full", "unread", "closed"):
            done = faulty.run(ODD_OUTPUT, what, *command, root=tmp_path)
            told = "".join(line for line in done.stderr.splitlines(True) if "need matplotlib" not in line)
            tally.case(f"{' '.join(command)[:60]}, {what}", trouble(done.returncode, told, what))
    for command, unbuffered in (
        ("--help", ""),
        ("--version", ""),
        ("cache", ""),
        ("cache", "1"),
    ):  # and Python's own end
        words = [sys.executable, "-m", "graphs", command]
        env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        with open("/dev/full", "wb") as full:
            done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, env=env, cwd=ROOT)
        case = f"{command}, a whole process{', unbuffered' if unbuffered else ''}"
        tally.case(case, trouble(done.returncode, done.stderr, "full"))
