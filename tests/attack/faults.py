"""File operations that fail, or at which a process is killed: all of a run's, one after the other.

The library `faults.c`, preloaded into the process that forks, counts every operation on files below a folder. A run
without a fault tells how many there are; then each of them fails once, in a run of its own. What a process does
by way of C, as Python's own file objects do, fails like everything else.
"""

from __future__ import annotations

import errno
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.forked import Forks, Run

SOURCE = Path(__file__).with_suffix(".c")
FAIL, LASTING, SHORT, KILL_BEFORE, KILL_AFTER = range(5)  # as in the C file
KILLS = (KILL_BEFORE, KILL_AFTER)
#: How each operation may fail. A call that a signal interrupts is made again, so that EINTR must change nothing.
ERRORS = {
    "create": ("ENOSPC", "EDQUOT", "EACCES", "EROFS", "EIO", "EMFILE", "EINTR"),
    "open": ("EACCES", "EIO", "EMFILE", "EINTR"),
    "write": ("ENOSPC", "EDQUOT", "EIO", "EINTR"),
    "read": ("EIO", "EINTR"),
    "fsync": ("ENOSPC", "EDQUOT", "EIO"),
    "close": ("EIO", "ENOSPC", "EDQUOT"),
    "link": ("EPERM", "EMLINK", "ENOSPC"),
    "rename": ("ENOSPC", "EACCES", "EROFS", "EIO"),
    "mkdir": ("ENOSPC", "EDQUOT", "EACCES", "EROFS"),
    "mmap": ("ENOMEM",),
    "flock": ("ENOLCK", "EOPNOTSUPP"),
}
OTHERWISE = ("EACCES", "EIO")
#: What changes files, beside a rename.
CHANGES = ("create", "write", "fsync", "close", "chmod", "unlink", "mkdir", "rmdir", "flock", "link")
#: What a disk that is and stays full refuses.
GROWS = ("create", "write", "fsync", "mkdir", "link")


Contents = dict[str, bytes]


def contents(folder: Path) -> Contents:
    """Every file in a folder, at any depth, by its path from there."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def put(folder: Path, files: Contents) -> None:
    """Make the folder hold these files and nothing else; none at all, and it is not there."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


@dataclass(frozen=True)
class Operation:
    """One file operation of a run."""

    number: int  # counted from 1
    what: str  # the function's name; ``create`` and ``open`` for those of open
    where: str  # its path; empty for one on an open file

    def __str__(self) -> str:
        return f"{self.what} {Path(self.where).name}".strip() + f" (operation {self.number})"


@dataclass(frozen=True)
class Fault:
    """What befalls one operation."""

    operation: Operation
    how: int = FAIL
    error: str = "EIO"

    def __str__(self) -> str:
        told = (self.error, f"{self.error} from here on", "half is written", "killed before", "killed after")
        return f"{told[self.how]} at {self.operation}"


def failures(operations: Sequence[Operation], seed: int, times: int = 1) -> Iterator[Fault]:
    """For each operation as many failures as `times`, by chance; and a disk that stays full from it on."""
    dice = random.Random(seed)
    for operation in operations:
        errors = ERRORS.get(operation.what, OTHERWISE)
        for error in dice.sample(errors, min(times, len(errors))):
            yield Fault(operation, FAIL, error)
        if operation.what in GROWS and (times > 1 or dice.random() < 0.25):
            yield Fault(operation, LASTING, "ENOSPC")
        if operation.what == "write":
            yield Fault(operation, SHORT)


def kills(operations: Sequence[Operation], seed: int, share: float) -> Iterator[Fault]:
    """A kill before and after every rename, and before or after a `share` of what else changes a file."""
    dice = random.Random(seed)
    for operation in operations:
        if operation.what == "rename":
            yield from (Fault(operation, how) for how in KILLS)
        elif operation.what in CHANGES and dice.random() < share:
            yield Fault(operation, dice.choice(KILLS))


class FaultyForks(Forks):
    """A process that has imported the commands; in the runs that it forks, file operations fail as asked."""

    def __init__(self, folder: Path, *missing: str) -> None:
        compiler = shutil.which("gcc") or shutil.which("clang")
        if sys.platform != "linux" or not compiler:
            pytest.skip("file operations fail on Linux and with a C compiler only")
        library = folder / "faults.so"
        subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
        self._log = folder / "operations"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LD_PRELOAD", str(library))
            # What runs where a C compiler fails must not itself compile for seconds.
            patch.setenv(
                "PYTENSOR_FLAGS", f"{os.environ.get('PYTENSOR_FLAGS', '')},mode=FAST_COMPILE".strip(",")
            )
            super().__init__(folder, *missing)

    def run(
        self,
        script: str,
        *arguments: str,
        root: Path,
        fault: Fault | None = None,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = 60,
    ) -> Run:
        """A run to its end, in which `fault` befalls an operation on files below `root`.

        Its exit code is that of SIGKILL where it has not ended after so many seconds.
        """
        at = (fault.operation.number, fault.how, getattr(errno, fault.error)) if fault else (0, 0, 0)
        mine = {"GRAPHS_FAULT": "{} {} {}".format(*at), "GRAPHS_FAULT_ROOT": str(root), "LD_PRELOAD": ""}
        with self.start(script, *arguments, cwd=cwd, env={**(env or {}), **mine}) as begun:
            try:
                begun.wait(timeout)
            except subprocess.TimeoutExpired:
                begun.kill()
        return begun

    def operations(
        self, script: str, *arguments: str, root: Path, env: dict[str, str] | None = None, code: int = 0
    ) -> list[Operation]:
        """The file operations below `root` of a run without a fault, which must end with this exit `code`."""
        self._log.unlink(missing_ok=True)
        logged = {**(env or {}), "GRAPHS_FAULT_LOG": str(self._log)}
        done = self.run(script, *arguments, root=root, env=logged)
        assert done.returncode == code, done.stderr
        lines = (line.split(" ", 2) for line in self._log.read_text().splitlines())
        return [Operation(int(number), _plain(what), where) for number, what, where in lines]


def _plain(what: str) -> str:
    """``renameat`` → ``rename``, ``fstatat64`` → ``fstat``."""
    return re.sub(r"(?<!st)at$", "", what.removesuffix("64"))


def complaint(run: Run, names: Path, *, codes: Sequence[int] = (1, 2)) -> str:
    """What is wrong with how a run ended that could not do its work; empty where nothing is.

    It must end with one of `codes` and one printable sentence that names something below `names`; that there
    are no pictures without matplotlib is not counted.
    """
    told = [line for line in run.stderr.splitlines() if ": pictures need matplotlib" not in line]
    if "Traceback" in run.stderr:
        return f"a traceback ending in {told[-1]!r}"
    if run.returncode not in codes:
        return f"exit code {run.returncode}, {told[-1:]}"
    if len(told) != 1:
        return f"{len(told)} lines on standard error: {told[:3]}"
    if not told[0].isprintable():
        return f"unprintable: {told[0]!r}"
    if str(names) not in told[0]:
        return f"no file is named: {told[0]!r}"
    return ""
