"""The commands whose file operations fail or are the last: what each writes, and when that is whole."""

from __future__ import annotations

import hmac
import json
import math
import random
import re
import signal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from graphs.compiled.cache import SECRET
from graphs.experiment.checkpoints import load_checkpoint
from graphs.peers.compare.record import read_record
from tests.attack.faults import (
    KILLS,
    Contents,
    Fault,
    FaultyForks,
    Operation,
    complaint,
    contents,
    put,
)
from tests.attack.tally import Tally
from tests.forked import Run

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
NATIVE = str(Path(__file__).parent / "native_work")  # a command of its own, for the cache
RIGHT = f"{sum(1 / (1 + math.exp(-k)) for k in (1, 2, 3)):.12g} 0.7 0.4 0.1"  # what it prints


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


def page_file(name: str, path: Path, expected: Contents) -> bool:
    """Likewise of a command that writes a page beside the recording that it reads."""
    text = path.read_bytes()
    return name in expected and (text == expected[name] or text.endswith(b"</html>\n"))


def damaged(kept: Path) -> list[str]:
    """The files of a cache that are not whole: without a line at the end that only who knows its secret can write."""
    found, secret = [], kept / SECRET
    for path in kept.iterdir() if kept.exists() else ():
        if path.suffix in (".json", ".so"):
            data, _, mark = path.read_bytes().rpartition(b"\n")
            known = secret.read_bytes() if secret.exists() else b""
            if mark != hmac.new(known, path.stem.encode() + b"\n" + data, "sha256").hexdigest().encode():
                found.append(path.name)
    return found


def native_folder(folder: Path, kept: Contents) -> dict[str, str]:
    """The environment for `NATIVE`: a cache with these files and a temporary folder below `folder`, put there anew."""
    put(folder / "kept", kept)
    if kept:
        (folder / "kept").chmod(0o700)  # one that others may write is not used
    put(folder / "tmp", {"mine.txt": b"stays"})
    return {"GRAPHS_NATIVE_CACHE": str(folder / "kept"), "TMPDIR": str(folder / "tmp")}


#: A file by which Python's tempfile tries whether a folder can be written, killed in the midst of that.
TRIED = re.compile(r"[a-z0-9_]{8}")


def left(folder: Path) -> list[str]:
    """What is in the temporary folder and the cache that nobody needs when all processes have ended."""
    temporary = [path.name for path in (folder / "tmp").iterdir() if path.name != "mine.txt"]
    parts = [path.name for path in (folder / "kept").glob(".*.part")]
    return [name for name in temporary if not TRIED.fullmatch(name)] + parts


@dataclass(frozen=True)
class Attacked:
    """A command, and what its folder holds before, meanwhile and in the end."""

    command: tuple[str, ...]  # DIR stands for the folder
    is_whole: Callable[[str, Path, Contents], bool]
    before: Contents = field(default_factory=dict)
    varying: tuple[str, ...] = ()  # the files that are others at every run
    env: dict[str, str] = field(default_factory=dict)

    def attack(
        self,
        faulty: FaultyForks,
        disk: Path,
        tally: Tally,
        faults: Callable[[Sequence[Operation]], Iterable[Fault]],
        seed: int,
        share: float = 1.0,
    ) -> None:
        """Let these `faults` befall a share of the command's file operations, drawn by `seed`."""
        whole, folder = disk / "whole", disk / "folder"
        put(whole, self.before)
        operations = faulty.operations(*self.words(whole), root=whole, env=self.env)
        expected, dice = contents(whole), random.Random(seed)
        for fault in faults([o for o in operations if dice.random() < share]):
            try:
                problem = self._problem(faulty, folder, fault, expected)
            except Exception as error:  # what the check stumbled over is no better
                problem = f"{type(error).__name__}: {error}"
            tally.case(f"{self.command[0]}, seed {seed}, {fault}", problem)

    def words(self, folder: Path) -> list[str]:
        """The command line, for this folder."""
        return [word.replace("DIR", str(folder)) for word in self.command]

    def _problem(self, faulty: FaultyForks, folder: Path, fault: Fault, expected: Contents) -> str:
        """What does not hold with this fault; empty where all does."""
        put(folder, self.before)
        done = faulty.run(*self.words(folder), root=folder, fault=fault, env=self.env)
        killed = fault.how in KILLS
        if problem := self._end(done, folder, expected, killed):
            return problem
        for name, data in contents(folder).items():
            if name.endswith(".part"):
                if not killed:
                    return f"{name} is left"
            elif data != self.before.get(name) and not self.is_whole(name, folder / name, expected):
                return f"{name} is neither the old one nor the new one"
        if done.returncode:
            again = faulty.run(*self.words(folder), root=folder, env=self.env)
            if again.returncode or "Traceback" in again.stderr:
                return f"the next run fails: {again.stderr}"
            if problem := self.lacking(folder, expected):
                return f"after the next run {problem}"
        return ""

    def _end(self, done: Run, folder: Path, expected: Contents, killed: bool) -> str:
        """What is wrong with how it ended."""
        if killed:
            return "" if done.returncode == -signal.SIGKILL else f"exit code {done.returncode}, and no kill"
        if done.returncode:
            return complaint(done, folder)
        lacking = self.lacking(folder, expected)
        return f"exit code 0, but {lacking}" if lacking else ""

    def lacking(self, folder: Path, expected: Contents) -> str:
        """What is not as an undisturbed run leaves it."""
        there = contents(folder)
        if there.keys() != expected.keys():
            return f"there is {sorted(there.keys() - expected)} and not {sorted(expected.keys() - there)}"
        other = [name for name in there if name not in self.varying and there[name] != expected[name]]
        return f"{other} are others" if other else ""


def resumable(env: dict[str, str], before: Contents | None = None) -> Attacked:
    """A run that begins with the files `before`, and goes on with them."""
    command = ("reproduce", *RUN, "--resume", "--out", "DIR")
    return Attacked(command, run_file, before or {}, varying=("times.json",), env=env)
