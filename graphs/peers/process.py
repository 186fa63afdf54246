"""Processes that hold one framework each: started alike, asked in turn, ended when they hang."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import graphs
from graphs.data import Dataset
from graphs.timing import fresh_process

__all__ = ["Failure", "Process", "environment", "first_result", "write_data"]

# Importing `graphs` imports PyTensor, and `graphs.comparison` imports SciPy. A worker puts empty
# packages in their place, so that no framework's time to first result holds another's import.
_BOOT = """
import sys, types
for name in ("graphs", "graphs.comparison"):
    sys.modules[name] = package = types.ModuleType(name)
    package.__path__ = [sys.argv[1] + name[len("graphs"):].replace(".", "/")]
from graphs.comparison.worker import main
sys.exit(main(sys.argv[2:]))
"""


class Failure(Exception):
    """A process that did not answer as it should.

    Parameters
    ----------
    status : {"crashed", "hung", "failed"}
        Ended by itself; ended by us after the time allowed; answered with an exception.
    happened : str
        What is known about it, for the record.
    """

    def __init__(self, status: str, happened: str) -> None:
        super().__init__(f"{status}: {happened}")
        self.status = status
        self.happened = happened


def command(*arguments: str, python: str | None = None) -> list[str]:
    """The command line of a worker, under this Python or another."""
    return [python or sys.executable, "-c", _BOOT, str(Path(graphs.__file__).parent), *arguments]


def environment(threads: int, caches: str | os.PathLike[str]) -> dict[str, str]:
    """The environment that every worker gets: as many threads, and every compiler's cache below `caches`.

    JAX keeps compiled code on disk only where told to; the others do so anyway.
    """
    flags = [
        flag for flag in os.environ.get("PYTENSOR_FLAGS", "").split(",") if flag and "compiledir" not in flag
    ]
    caches = Path(caches)
    xla = os.environ.get("XLA_FLAGS", "")
    if threads == 1:
        xla = f"{xla} --xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1".strip()
    number = {
        name: str(threads)
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    }
    return {
        **os.environ,
        **number,
        "XLA_FLAGS": xla,
        "PYTENSOR_FLAGS": ",".join([*flags, f"base_compiledir={caches / 'pytensor'}"]),
        "AESARA_FLAGS": f"base_compiledir={caches / 'aesara'}",
        "THEANO_FLAGS": f"base_compiledir={caches / 'theano'}",
        "GRAPHS_NATIVE_CACHE": str(caches / "native"),
        "TORCHINDUCTOR_CACHE_DIR": str(caches / "inductor"),
        "JAX_COMPILATION_CACHE_DIR": str(caches / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PLATFORMS": "cpu",
        "CUDA_VISIBLE_DEVICES": "",
    }


def write_data(data: Dataset, path: str | os.PathLike[str]) -> None:
    """Put what a training needs where workers can read it: plain arrays, nothing pickled."""
    np.savez(path, x=data.x, y=data.y, initial_w=data.initial_w, initial_b=np.array(data.initial_b))


def first_result(
    run: str,
    data_path: str,
    formula: str,
    env: Mapping[str, str],
    timeout: float,
    python: str | None = None,
) -> dict[str, Any]:
    """Start a fresh process, import, build, take one step, end: seconds of each and of the whole.

    Raises
    ------
    Failure
        If it does not finish.
    """
    try:
        cost = fresh_process(command(run, data_path, formula, python=python), env=env, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise Failure("hung", f"no first result after {timeout:g} s") from error
    if cost.returncode:
        raise _ended(cost.returncode, cost.stderr)
    phases = json.loads(cost.stdout.splitlines()[-1])
    phases.pop("versions")
    return {"whole_process": cost.wall, **phases, "peak_rss_bytes": cost.peak_rss_bytes}


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
    """A worker process, to be asked and, in the end, closed.

    Parameters
    ----------
    run : str
        Name of the run, a key of `graphs.frameworks.RUNS`.
    env : mapping
        From `environment`.
    argv : list of str, optional
        The command line, where it is not that of `graphs.comparison.worker`.
    python : str, optional
        The Python to run it, where it is not this one.
    """

    def __init__(
        self,
        run: str,
        env: Mapping[str, str],
        argv: list[str] | None = None,
        python: str | None = None,
    ) -> None:
        self._said = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(
            argv or command(run, python=python),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=dict(env),
            start_new_session=True,
        )
        self._waiting = b""

    def ask(self, do: str, timeout: float, **request: Any) -> dict[str, Any]:
        """Send one request and wait for its answer.

        Raises
        ------
        Failure
            If the process ends, does not answer within `timeout` seconds (it is then ended), or
            answers with an error.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **request}).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            pass  # it has ended; reading says how
        answer: dict[str, Any] = json.loads(self._line(do, timeout))
        if "error" in answer:
            raise Failure("failed", answer["error"])
        return answer

    def _line(self, do: str, timeout: float) -> bytes:
        stream = self._process.stdout
        assert stream is not None
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            while b"\n" not in self._waiting:
                # A worker that sends half a line and then hangs is rarer than this is worth: each
                # piece may take the whole time.
                if not selector.select(timeout):
                    self.close(at_once=True)
                    raise Failure("hung", f"no answer to '{do}' after {timeout:g} s; ended")
                piece = os.read(stream.fileno(), 1 << 20)
                if not piece:
                    returncode = self._process.wait()
                    self._said.seek(0)
                    said = self._said.read()
                    self.close()
                    raise _ended(returncode, said)
                self._waiting += piece
        line, _, self._waiting = self._waiting.partition(b"\n")
        return line

    def let_end(self) -> None:
        """Tell the process that no request follows; it ends when it has answered the last."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def close(self, *, at_once: bool = False) -> None:
        """End the process, and what it started, if it does not end by itself."""
        assert self._process.stdout is not None
        self.let_end()
        try:
            self._process.wait(0 if at_once else 10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)  # the group holds only what we started
            self._process.wait()
        self._process.stdout.close()
        self._said.close()
