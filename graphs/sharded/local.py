"""Processes of this machine, started, fed with signals and waited for: the same command once for each of them."""

from __future__ import annotations

import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from graphs.foreign import plain
from graphs.interruption import ENDING

__all__ = ["STARTED", "follow_starter", "run_processes"]

STARTED = "GRAPHS_STARTED"  # in the environment of a process whose standard input ends when its starter does
GRACE = 20.0  # seconds in which the others end by themselves, once one has ended otherwise than well


def run_processes(command: str, program: Sequence[str], processes: int) -> int:
    """Run a `program` in so many processes, which meet at a free port; the exit code of process 0.

    Each gets ``--coordinator``, ``--processes`` and ``--process-id`` behind its own arguments; its lines of error begin
    with the `command`'s name.

    Process 0 writes to this process's standard output and error. What the others write is shown where process 0 cannot
    tell of it any more.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    place = ["--coordinator", f"127.0.0.1:{port}", "--processes", str(processes)]
    started: list[subprocess.Popen[bytes]] = []

    def forward(number: int, frame: object) -> None:
        # Once, to process 0: which tells the others at which step to stop.
        if started and started[0].poll() is None:
            started[0].send_signal(number)

    before = {
        which: signal.signal(which, forward) for which in ENDING if signal.getsignal(which) != signal.SIG_IGN
    }
    try:
        for number in range(processes):
            said = None if number == 0 else subprocess.PIPE
            started.append(
                subprocess.Popen(
                    [*program, *place, "--process-id", str(number)],
                    stdin=subprocess.PIPE,
                    stdout=None if number == 0 else subprocess.DEVNULL,
                    stderr=said,
                    env=os.environ | {STARTED: "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
                    start_new_session=True,  # a terminal's signals come here, and are handed on once
                )
            )
        return _ended(command, started)
    finally:
        for each in started:
            if each.poll() is None:
                each.kill()
            each.wait()
        for which, handler in before.items():
            signal.signal(which, handler)


def _ended(command: str, started: Sequence[subprocess.Popen[bytes]]) -> int:
    said: list[list[str]] = [[] for _ in started]
    readers = [threading.Thread(target=_read, args=pair) for pair in zip(started[1:], said[1:], strict=True)]
    for reader in readers:
        reader.start()
    until = math.inf
    while any(each.poll() is None for each in started):
        if until == math.inf and any(each.poll() for each in started):
            until = time.monotonic() + GRACE
        if time.monotonic() > until:
            for each in started:
                each.kill()
        time.sleep(0.05)
    for reader in readers:
        reader.join()
    code = started[0].returncode
    if code > 0 or not any(each.returncode for each in started):
        return code
    # Process 0 was killed, or has noticed nothing: what the others say, each line once; not what JAX's C++ adds to it.
    whole = list(dict.fromkeys(line for each in said for line in each))
    lines = [line for line in whole if line.startswith(f"{command}: ")] or whole
    for number, each in enumerate(started):
        if each.returncode < 0 and not any(f"process {number} of" in line for line in lines):
            lines.append(
                f"{command}: process {number} of {len(started)} was ended by signal {-each.returncode}."
            )
    for line in lines:
        print(plain(line, 1000), file=sys.stderr)
    return 1


def _read(process: subprocess.Popen[bytes], lines: list[str]) -> None:
    assert process.stderr is not None
    lines += [line.decode(errors="replace").rstrip() for line in process.stderr]


def follow_starter() -> None:
    """End this process when the one that started it ends, however that ends; where it was started by :func:`run_processes`."""
    if os.environ.pop(STARTED, None):
        threading.Thread(target=_follow, daemon=True, name="starter").start()


def _follow() -> None:
    while os.read(0, 4096):
        pass
    os._exit(1)
