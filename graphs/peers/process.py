"""Processes that hold one peer each: started alike, asked in turn, ended when they hang."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec

from graphs.environment import THREAD_VARIABLES
from graphs.interruption import HeldSignals
from graphs.peers.protocol import Answer, Failure, Once, Request, Whole
from graphs.timing import ProcessCost, end_group, fresh_process

__all__ = ["Opened", "Process", "command", "environment", "whole_process"]

# The weights of ten million features as text; a worker that says more has lost its way.
MOST_BYTES = 2**28
# Importing `graphs` imports PyTensor. A worker puts empty packages in its place, so that no peer's
# process holds another's import.
_BOOT = """
import sys, types
for name in ("graphs", "graphs.peers"):
    sys.modules[name] = package = types.ModuleType(name)
    package.__path__ = [sys.argv[1] + name[len("graphs"):].replace(".", "/")]
from graphs.peers.worker import main
sys.exit(main(sys.argv[2:]))
"""


def command(name: str, *requests: Request[Answer], python: str | None = None) -> list[str]:
    """The command line of a peer's worker, under this Python or another.

    Without `requests`, it reads them from its input.
    """
    lines = [msgspec.json.encode(request).decode() for request in requests]
    return [python or sys.executable, "-c", _BOOT, str(Path(__file__).parents[1]), name, *lines]


def environment(threads: int, caches: str | os.PathLike[str] | None) -> dict[str, str]:
    """The environment that every worker gets: as many threads, and every compiler's cache below `caches`.

    Without `caches`, each compiler has the cache that it always has. JAX keeps compiled code on disk only where told
    to; the others do so anyway.
    """
    xla = os.environ.get("XLA_FLAGS", "")
    if threads == 1:
        xla = f"{xla} --xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1".strip()
    return {
        **os.environ,
        **dict.fromkeys(THREAD_VARIABLES, str(threads)),
        "XLA_FLAGS": xla,
        "JAX_PLATFORMS": "cpu",
        "CUDA_VISIBLE_DEVICES": "",
        **({} if caches is None else _below(Path(caches))),
    }


def _below(caches: Path) -> dict[str, str]:
    flags = os.environ.get("PYTENSOR_FLAGS", "").split(",")
    flags = [flag for flag in flags if flag and "compiledir" not in flag]
    return {
        "PYTENSOR_FLAGS": ",".join([*flags, f"base_compiledir={caches / 'pytensor'}"]),
        "AESARA_FLAGS": f"base_compiledir={caches / 'aesara'}",
        "THEANO_FLAGS": f"base_compiledir={caches / 'theano'}",
        "GRAPHS_NATIVE_CACHE": str(caches / "native"),
        "TORCHINDUCTOR_CACHE_DIR": str(caches / "inductor"),
        "JAX_COMPILATION_CACHE_DIR": str(caches / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }


def whole_process(
    name: str,
    request: Once,
    env: Mapping[str, str],
    timeout: float,
    python: str | None = None,
) -> tuple[Whole, ProcessCost]:
    """Start a fresh process, do all that is asked in it, end: what it answers, and the cost of the whole."""
    try:
        cost = fresh_process(command(name, request, python=python), env=env, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise Failure("hung", f"no first result after {timeout:g} s") from error
    if cost.returncode or not cost.stdout:
        raise _ended(cost.returncode, cost.stderr)
    return request.read(cost.stdout.encode()), cost


def _ended(returncode: int, said: str) -> Failure:
    last = [line.strip() for line in said.splitlines() if line.strip()][-1:]
    if returncode < 0:
        how = f"signal {signal.Signals(-returncode).name}"
    else:
        how = f"exit status {returncode}" if returncode else "ended without an answer"
    if returncode > 0 and last and "Error" in last[0]:
        return Failure("failed", last[0])
    return Failure("crashed", ": ".join([how, *last]))


class Process:
    """A worker process, to be asked and, in the end, closed: `argv` is from `command`, `env` from `environment`."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        self._said = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - lives as long as the process
        with HeldSignals():  # whoever drops it closes its input, and that ends it
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                env=dict(env),
                start_new_session=True,
            )
        assert self._process.stdin
        assert self._process.stdout
        self._requests, self._answers = self._process.stdin, self._process.stdout
        self._killed = False

    def ask(self, request: Request[Answer], timeout: float) -> Answer:
        """Send one request and wait for its answer.

        A `Failure` if the process ends, does not answer within `timeout` seconds (it is then ended), or answers
        with an error.
        """
        patience = threading.Timer(timeout, self._kill)
        patience.daemon = True  # never waited for where a signal ends this process
        try:
            patience.start()  # in here, for a signal may be raised before it comes back
            with contextlib.suppress(OSError):  # it has ended; reading says how
                self._requests.write(msgspec.json.encode(request) + b"\n")
                self._requests.flush()
            line = self._answers.readline(MOST_BYTES)
        finally:
            patience.cancel()
        if len(line) == MOST_BYTES:
            self._kill()  # the rest of it would be read as the next answer
            raise Failure("failed", f"an answer of more than {MOST_BYTES:,} bytes; ended")
        if line:
            return request.read(line)
        returncode = self._process.wait()
        self._said.seek(0)
        said = self._said.read()
        self.close()
        if self._killed:
            raise Failure("hung", f"no answer to '{request.do}' after {timeout:g} s; ended")
        raise _ended(returncode, said)

    @property
    def ended(self) -> bool:
        """Whether there is nobody left to ask."""
        return self._process.poll() is not None

    def _kill(self) -> None:
        self._killed = True
        end_group(self._process)

    def let_end(self) -> None:
        """Tell the process that no request follows; it ends when it has answered the last."""
        with contextlib.suppress(OSError):
            self._requests.close()

    def close(self, *, at_once: bool = False) -> None:
        """End the process, and what it started, if it does not end by itself."""
        self.let_end()
        try:
            self._process.wait(0 if at_once else 10)
        except subprocess.TimeoutExpired:
            self._kill()
        self._answers.close()
        self._said.close()


class Entry(Protocol):
    """A line of a record, to which a process belongs."""

    @property
    def stands(self) -> bool:
        """Whether there is still something to ask."""

    def fail(self, do: str, failure: Failure) -> None:
        """Write down that `do` was not answered as it should be."""


E = TypeVar("E", bound=Entry)


class Opened(Generic[E]):
    """Processes that are open at the same time, to be asked in turn; a context that ends them all."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout  # seconds that one answer may take
        self._processes: list[tuple[E, Process]] = []

    def add(self, entry: E, process: Process) -> None:
        """Take in the process that belongs to `entry`."""
        self._processes.append((entry, process))

    def standing(self) -> list[E]:
        """Entries whose process has neither ended nor failed."""
        return [entry for entry, _ in self._processes if entry.stands]

    def ask(self, entry: E, request: Request[Answer]) -> Answer | None:
        """The answer; None, with the reason in the entry, where there is none."""
        process = next((process for of, process in self._processes if of is entry and of.stands), None)
        if process is None:
            return None
        try:
            return process.ask(request, self._timeout)
        except Failure as failure:
            entry.fail(request.do, failure)
        if not entry.stands:
            process.close(at_once=True)
        return None

    def __enter__(self) -> Opened[E]:
        return self

    def __exit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        """Let each end by itself; at once where something was raised."""
        for _, process in self._processes:
            process.let_end()  # all of them, before any is waited for
        for _, process in self._processes:
            process.close(at_once=kind is not None)
