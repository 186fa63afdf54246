"""Runs of the commands that begin where their imports are done.

Importing PyTensor takes longer than most of what the tests ask of a command. One process has imported it
and forks a child for each run: a process with arguments, a folder, output and an exit code of its own,
which can be killed like any other. What the imports themselves depend on (``PYTENSOR_FLAGS``, a home
that cannot be written) needs a whole process: that is the fixture ``run_script``.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import warnings
from importlib import import_module
from pathlib import Path

SCRIPTS = Path(__file__).parents[1] / "scripts"
#: What the scripts enter, and what that imports when it first needs it.
IMPORTED = (
    "graphs.commands.benchmark",
    "graphs.commands.check",
    "graphs.commands.compare",
    "graphs.commands.freeze",
    "graphs.commands.inspect",
    "graphs.commands.lesson",
    "graphs.commands.reproduce",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "pytensor.tensor",
    "rich.console",
    "scipy.optimize",
)


class Run:
    """One run, under way or over.

    Attributes
    ----------
    pid : int
    returncode : int or None
        As of `subprocess.Popen`; None until `wait` has seen the end.
    """

    def __init__(self, forks: Forks, pid: int, folder: Path) -> None:
        self._forks, self.pid, self._folder = forks, pid, folder
        self.returncode: int | None = None

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *raised: object) -> None:
        self.wait(60)

    def wait(self, timeout: float) -> int:
        """Wait for its end.

        Raises
        ------
        subprocess.TimeoutExpired
            If it has not ended after so many seconds; it runs on.
        """
        if self.returncode is None:
            self.returncode = self._forks.answer(timeout)
        return self.returncode

    def kill(self) -> None:
        """SIGKILL."""
        os.kill(self.pid, signal.SIGKILL)  # never another's: this number is its own until the next begins

    @property
    def stdout(self) -> str:
        """What it has printed."""
        return (self._folder / "stdout").read_text()

    @property
    def stderr(self) -> str:
        """What it has said on standard error."""
        return (self._folder / "stderr").read_text()


class Forks:
    """A process that has imported `graphs` and forks; one run at a time.

    Parameters
    ----------
    folder : Path
        Where the runs' output is kept.
    missing : str
        Names of packages that they shall not find.
    """

    def __init__(self, folder: Path, *missing: str) -> None:
        self._folder, self._runs = folder, 0
        command = [sys.executable, __file__, *missing]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=SCRIPTS.parent
        )
        self.answer(120)

    def __enter__(self) -> Forks:
        return self

    def __exit__(self, *raised: object) -> None:
        self._process.kill()
        self._process.communicate()

    def start(
        self, script: str, *arguments: str, cwd: Path | None = None, env: dict[str, str] | None = None
    ) -> Run:
        """Begin a run of a script.

        Parameters
        ----------
        script : str
            Its name in the folder scripts, without the ending.
        arguments : str
        cwd : Path, optional
        env : dict of str to str, optional
            Variables beside those of this process.
        """
        self._runs += 1
        output = self._folder / f"run{self._runs}"
        output.mkdir()
        argv = [str(SCRIPTS / f"{script}.py"), *arguments]
        request = {"argv": argv, "cwd": str(cwd or SCRIPTS.parent), "env": env or {}, "output": str(output)}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return Run(self, self.answer(120), output)

    def answer(self, timeout: float) -> int:
        """The next number from the process.

        Raises
        ------
        subprocess.TimeoutExpired
            If it says nothing for so many seconds.
        EOFError
            If it has ended.
        """
        stream = self._process.stdout
        assert stream is not None
        if not select.select([stream], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("a forked run", timeout)
        line = b""
        while not line.endswith(b"\n"):  # unbuffered, so that select sees all that is to be read
            read = os.read(stream.fileno(), 1)
            if not read:
                raise EOFError("the process that forks has ended")
            line += read
        return int(line)


def fork_for_each_line() -> list[str]:
    """Fork a child for each request; returns in the children, with the arguments that they shall run."""
    ended = None
    for line in sys.stdin:
        if ended is not None:
            os.waitpid(ended.si_pid, 0)  # only now: until here nobody else had its number
        request = json.loads(line)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of BLAS's threads, which stand a fork
            pid = os.fork()
        if not pid:
            for number, name in ((1, "stdout"), (2, "stderr")):
                descriptor = os.open(Path(request["output"], name), os.O_CREAT | os.O_WRONLY)
                os.dup2(descriptor, number)
                os.close(descriptor)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.chdir(request["cwd"])
            os.environ.update(request["env"])
            return request["argv"]
        print(pid, flush=True)
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        print(ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status, flush=True)
    sys.exit()


if __name__ == "__main__":
    sys.modules |= dict.fromkeys(sys.argv[1:])
    for module in IMPORTED:
        if module.partition(".")[0] not in sys.argv:
            import_module(module)
    pytensor = import_module("pytensor")
    pytensor.function(
        [], pytensor.tensor.constant(1.0), mode="FAST_COMPILE"
    )  # imports more, at the first call
    gc.freeze()  # the children need not look through what they share
    print(0, flush=True)  # ready
    sys.argv = fork_for_each_line()
    sys.path[0] = os.path.dirname(sys.argv[0])
    runpy.run_path(sys.argv[0], run_name="__main__")
