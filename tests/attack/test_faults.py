"""Every file operation of every command fails once, and a real disk is full or lets nothing run.

What must hold after each: one sentence that names the file and exit code 1 or 2 (0 where what failed was not needed);
every file the old one or the new one, and whole; nothing temporary left; and the next run makes what an
undisturbed one makes.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from graphs.experiment.checkpoints import load_checkpoint
from graphs.inspection import load
from graphs.peers.compare.record import read_record
from tests.attack.conftest import Tally
from tests.attack.faults import Contents, Fault, FaultyForks, complaint, contents, failures, put
from tests.conftest import ROOT

SEED = 20
RUN = ("--samples", "40", "--features", "16", "--formula", "logits", "--weight-decay", "0")
RUN += ("--steps", "300", "--checkpoint-every", "100", "--quiet")
COMPARE = ("--runs", "numpy", "--formulas", "logits", "--samples", "20", "--features", "4", "--steps", "10")
COMPARE += ("--rounds", "1", "--starts", "0", "--quiet")
BENCHMARK = (
    "--sizes",
    "20x4",
    "--dtype",
    "float64",
    "--threads",
    "1",
    "--only",
    "numpy",
    "--measure",
    "steps",
)
BENCHMARK += ("--rounds", "3", "--budget", "1", "--quiet")
NATIVE = str(Path(__file__).parent / "native_work")
RIGHT = "2.66452346669 0.7 0.4 0.1"


def run_file(name: str, path: Path, expected: Contents) -> bool:
    """Whether a file of a run is one that an undisturbed run has at some time."""
    if name == "checkpoint.npz":
        return load_checkpoint(path)[0].step in (0, 100, 200, 300)
    if name == "times.json":
        return isinstance(json.loads(path.read_bytes()), dict)
    return path.read_bytes() == expected[name]


def comparison_file(name: str, path: Path, expected: Contents) -> bool:
    """Likewise of a comparison, whose times are others each time."""
    if name == "compare.json":
        return bool(read_record(path).runs)
    return name in expected and path.read_bytes().endswith(b"\n")


def json_file(name: str, path: Path, expected: Contents) -> bool:
    """Likewise of a command that writes one JSON file."""
    return name in expected and bool(json.loads(path.read_bytes()))


@dataclass(frozen=True)
class Attacked:
    """A command, and what its folder holds before, meanwhile and in the end."""

    command: tuple[str, ...]  # DIR stands for the folder
    is_whole: Callable[[str, Path, Contents], bool]
    before: Contents = field(default_factory=dict)
    varying: tuple[str, ...] = ()  # the files that are others at every run
    share: float = 1.0  # of the operations that fail
    env: dict[str, str] = field(default_factory=dict)

    def run(self, faulty: FaultyForks, folder: Path, fault: Fault | None = None):
        command = [word.replace("DIR", str(folder)) for word in self.command]
        return faulty.run(*command, root=folder, fault=fault, env=self.env)

    def problem(self, faulty: FaultyForks, folder: Path, fault: Fault, expected: Contents) -> str:
        """What does not hold with this fault; empty where all does."""
        put(folder, self.before)
        done = self.run(faulty, folder, fault)
        said = tuple(f"{name}: pictures need" for name in ("reproduce", "compare", "lesson"))
        if done.returncode and (trouble := complaint(done, folder, said=said)):
            return trouble
        if not done.returncode and (trouble := self.lacking(folder, expected)):
            return f"exit code 0, but {trouble}"
        for name, data in contents(folder).items():
            if name.endswith(".part"):
                return f"{name} is left"
            if data != self.before.get(name) and not self.is_whole(name, folder / name, expected):
                return f"{name} is neither the old one nor the new one"
        if done.returncode:
            again = self.run(faulty, folder)
            if again.returncode or "Traceback" in again.stderr:
                return f"the next run fails: {again.stderr}"
            if trouble := self.lacking(folder, expected):
                return f"after the next run {trouble}"
        return ""

    def lacking(self, folder: Path, expected: Contents) -> str:
        """What is not as an undisturbed run leaves it."""
        there = contents(folder)
        if there.keys() != expected.keys():
            return f"there is {sorted(there.keys() - expected)} and not {sorted(expected.keys() - there)}"
        other = [name for name in there if name not in self.varying and there[name] != expected[name]]
        return f"{other} are others" if other else ""

    def attack(self, faulty: FaultyForks, disk: Path, tally: Tally, times: int) -> None:
        """Let every operation fail."""
        whole, folder = disk / "whole", disk / "folder"
        put(whole, self.before)
        command = [word.replace("DIR", str(whole)) for word in self.command]
        operations = faulty.operations(*command, root=whole, env=self.env)
        expected = contents(whole)
        dice = random.Random(SEED)
        chosen = [o for o in operations if dice.random() < self.share * times]
        for fault in failures(chosen, SEED, times):
            try:
                problem = self.problem(faulty, folder, fault, expected)
            except Exception as error:  # what the check stumbled over is no better
                problem = f"{type(error).__name__}: {error}"
            tally.case(f"{self.command[0]}, seed {SEED}, {fault}", problem)


@pytest.fixture(scope="session")
def warm(faulty: FaultyForks, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment with a cache that holds the run's libraries."""
    folder = tmp_path_factory.mktemp("warm")
    env = {"GRAPHS_NATIVE_CACHE": str(folder / "cache")}
    done = faulty.run("reproduce", *RUN, "--out", str(folder / "run"), root=folder, env=env)
    assert done.returncode == 0, done.stderr
    return env


@pytest.fixture(scope="session")
def finished(warm: dict[str, str]) -> Contents:
    """The files of a run that has ended well."""
    return contents(Path(warm["GRAPHS_NATIVE_CACHE"]).parent / "run")


def resumable(env: dict[str, str], before: Contents) -> Attacked:
    command = ("reproduce", *RUN, "--resume", "--out", "DIR")
    return Attacked(command, run_file, before, varying=("times.json",), env=env)


def test_a_run(faulty: FaultyForks, warm: dict[str, str], disk: Path, tally: Tally, times: int) -> None:
    resumable(warm, {}).attack(faulty, disk, tally, times)


def test_a_run_that_goes_on(
    faulty: FaultyForks, warm: dict[str, str], disk: Path, tally: Tally, times: int
) -> None:
    half = disk / "half"
    command = ("reproduce", *RUN, "--out", str(half))
    operations = faulty.operations(*command, root=half, env=warm)
    shutil.rmtree(half)
    written = [o for o in operations if o.what == "create" and ".checkpoint.npz." in o.where]
    faulty.run(*command, root=half, fault=Fault(written[2], error="ENOSPC"), env=warm)
    assert load_checkpoint(half / "checkpoint.npz")[0].step == 100
    resumable(warm, contents(half)).attack(faulty, disk, tally, times)


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
    for attacked in (
        Attacked(looking, json_file, recording),
        Attacked(("lesson", "labels", "--out", "DIR/deep"), json_file, varying=("deep/lessons.json",)),
        Attacked(
            ("benchmark", *BENCHMARK, "--json", "DIR/b.json"),
            json_file,
            {"b.json": b'["old"]\n'},
            ("b.json",),
            0.5,
        ),
    ):
        attacked.attack(faulty, disk, tally, times)
    assert load(kept / "a.json").steps


def test_a_comparison(faulty: FaultyForks, disk: Path, tally: Tally, times: int) -> None:
    varying = ("compare.json", "compare.txt", "gradients.txt")
    command = ("compare", *COMPARE, "--resume", "--out", "DIR")
    Attacked(command, comparison_file, {}, varying, share=0.2).attack(faulty, disk, tally, times)
    begun = contents(disk / "whole")
    Attacked(command, comparison_file, begun, varying, share=0.3).attack(faulty, disk, tally, times)


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


def damaged(kept: Path) -> list[str]:
    """The files of a cache that are not whole."""
    found = []
    for path in kept.iterdir():
        key, data = path.stem.encode(), path.read_bytes()
        if path.suffix == ".json":
            data, _, mark = data.rpartition(b"\n")
        elif path.suffix == ".so":
            digest = path.with_suffix(".sha256")
            mark = digest.read_bytes() if digest.exists() else b""
        else:
            continue
        if mark != hashlib.sha256(key + data).hexdigest().encode():
            found.append(path.name)
    return found


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
    kept, scratch = folder / "kept", folder / "tmp"
    env = {"GRAPHS_NATIVE_CACHE": str(kept), "TMPDIR": str(scratch)}

    def begin() -> None:
        put(kept, before)
        kept.chmod(0o700)
        put(scratch, {"mine.txt": b"stays"})

    begin()
    operations = faulty.operations(NATIVE, *words, root=folder, env=env)
    after, dice = contents(kept), random.Random(SEED)
    for fault in failures([o for o in operations if dice.random() < share * times], SEED, times):
        begin()
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
        left = [name for name in contents(folder) if name.endswith(".part")] + [
            path.name for path in scratch.iterdir() if path.name != "mine.txt"
        ]
        if left:
            problem = problem or f"after the next run {left} is left"
        if broken := damaged(kept):
            problem = problem or f"after the next run {broken} is damaged"
        tally.case(f"native {' '.join(words)}, seed {SEED}, {fault}", problem)
    return after


def test_the_native_cache(faulty: FaultyForks, disk: Path, tally: Tally, times: int) -> None:
    full = attack_cache(faulty, disk, tally, times, {})
    assert {Path(name).suffix for name in full} == {".json", ".so", ".sha256"}
    attack_cache(faulty, disk, tally, times, full)
    old = {f"{k}" * 40 + ".json": bytes(9_000) for k in range(4)}
    attack_cache(faulty, disk, tally, times, old, "prune", share=0.4)


def test_clearing_the_cache(faulty: FaultyForks, disk: Path, tally: Tally, times: int) -> None:
    kept = disk / "kept"
    entries = {f"{k}" * 40 + ending: b"x" for k in range(3) for ending in (".json", ".so", ".sha256")}
    env = {"GRAPHS_NATIVE_CACHE": str(kept)}
    for words in (("cache",), ("cache", "clear")):
        put(kept, entries | {"mine.txt": b"stays"})
        for fault in failures(faulty.operations(*words, root=kept, env=env), SEED, 2 * times):
            put(kept, entries | {"mine.txt": b"stays"})
            done = faulty.run(*words, root=kept, fault=fault, env=env)
            problem = complaint(done, kept) if done.returncode else ""
            there = contents(kept)
            if "mine.txt" not in there:
                problem = "another's file is gone"
            elif not done.returncode and words[1:]:
                # What it says is removed must be; the digest beside a library goes with it.
                gone = sum(Path(n).suffix != ".sha256" for n in entries) - sum(
                    Path(n).suffix in (".json", ".so") for n in there
                )
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
            said = ("reproduce: pictures need",)
            problem = complaint(done, disk, said=said) if done.returncode else ""
            left = [name for name in contents(disk) if name.endswith(".part")]
            if left:
                problem = problem or f"{left} is left"
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
                if left := [path.name for path in places[1].iterdir()]:
                    problem = problem or f"{left} is left"
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


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_takes_nothing(tally: Tally, unbuffered: str) -> None:
    """/dev/full, a pipe that nobody reads, a descriptor that is closed: a code and at most a sentence."""
    for command in SHOWING:
        for what in ("/dev/full", "no reader", "closed"):
            words = [sys.executable, "-m", "graphs", *command]
            env = {**os.environ, "PYTHONUNBUFFERED": unbuffered, "COLUMNS": "100"}
            if what == "closed":
                words = ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *words]
            reader, writer = os.pipe()
            os.close(reader)
            stdout = os.open("/dev/full", os.O_WRONLY) if what == "/dev/full" else os.dup(writer)
            done = subprocess.run(
                words, stdout=stdout, stderr=subprocess.PIPE, text=True, env=env, cwd=ROOT, timeout=120
            )
            os.close(writer)
            os.close(stdout)
            lines = done.stderr.splitlines()
            problem = ""
            if "Traceback" in done.stderr or "Exception ignored" in done.stderr:
                problem = f"a traceback ending in {lines[-1]!r}"
            elif done.returncode not in ((0, 1) if what == "closed" else (1,)):
                problem = f"exit code {done.returncode}"
            elif len(lines) > 1 or (what == "/dev/full" and not lines):
                problem = f"it says {lines}"
            tally.case(f"{' '.join(command)[:60]} > {what}, unbuffered {unbuffered!r}", problem)
