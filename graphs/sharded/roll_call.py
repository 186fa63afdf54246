"""Processes that find each other, compare what they are to do, and watch each other: over sockets, apart from JAX.

JAX waits for minutes where a process never comes, and where one dies it waits, or ends the others with a stack of C++. So
every process meets process 0 here first, before any work; the connection stays, both ends say every `BEAT` seconds that they
are there, and whoever is gone without a word is named by all others, which then end. A killed process is known at once, for
its system closes the connection; one whose machine is gone, after `SILENCE` seconds.

Messages are lines of JSON with a few words. Samples, gradients and parameters go through JAX.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import socket
import sys
import threading
import time
from typing import Any, NoReturn

from graphs.errors import InputError
from graphs.foreign import plain

__all__ = ["BEAT", "LAST_WORDS", "PATIENCE", "SILENCE", "RollCall", "leave"]

BEAT, SILENCE = 2.0, 15.0  # seconds
LAST_WORDS = 3.0  # seconds in which a process that has failed says why and ends
PATIENCE = 30.0  # seconds in which all must have come
LONGEST_LINE = 2**20  # bytes
LOOPBACK = ("127.0.0.1", "localhost")


class RollCall:
    """The connections of one process: of process 0 to each other, and of each other to process 0."""

    def __init__(self, process: int, processes: int, name: str = "graphs") -> None:
        self.process, self.processes, self.name = process, processes, name
        self.remedy = ""  # what is said after the sentence that names a process that is gone
        self._lines: dict[int, _Line] = {}
        self._heard: dict[int, queue.Queue[Any]] = {}
        self._gone: set[int] = set()  # those that have taken their leave
        self._ending = threading.Lock()
        self._listener: socket.socket | None = None

    # --- meeting

    def meet(self, host: str, port: int, patience: float = PATIENCE) -> None:
        """Come together at process 0, which listens at `port`.

        Raises
        ------
        InputError
            If process 0 cannot be reached, not all come in time, or two have one id.
        """
        if self.process == 0:
            self._listen(host, port)
            self._call(patience)
        else:
            self._report(host, port, patience)
        threading.Thread(target=self._beat, daemon=True, name="beat").start()

    def _listen(self, host: str, port: int) -> None:
        try:
            here = host if host in LOOPBACK else ""  # nobody else's affair, where all run on this machine
            self._listener = socket.create_server((here, port), backlog=self.processes)
        except OSError as error:
            raise InputError(
                "coordinator",
                found=f"{host}:{port}, where process 0 cannot listen ({error.strerror or error})",
                allowed="a free port of the machine on which process 0 runs, and one process with the id 0",
            ) from error

    def listen(self) -> int:
        """Listen at any free port, and say which: where all others will be told."""
        self._listen("", 0)
        assert self._listener is not None
        port: int = self._listener.getsockname()[1]
        return port

    def call(self, patience: float = PATIENCE) -> None:
        """Hear all others, after :meth:`listen`."""
        self._call(patience)
        threading.Thread(target=self._beat, daemon=True, name="beat").start()

    def _call(self, patience: float) -> None:
        assert self._listener is not None
        until = time.monotonic() + patience
        while len(self._lines) < self.processes - 1:
            self._listener.settimeout(max(until - time.monotonic(), 0.01))
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                self._listener.close()
                absent = sorted(set(range(1, self.processes)) - self._lines.keys())
                found = f"process {', '.join(map(str, absent))} of {self.processes} not there after {patience:g} s"
                self.refuse(
                    InputError("processes", found=found, allowed="all of them, started at the same time")
                )
            self._admit(connection)
        threading.Thread(target=self._admit_late, daemon=True, name="late").start()
        for process in self._lines:
            self._attend(process)

    def _admit(self, connection: socket.socket) -> None:
        line = _Line(connection)
        try:
            hello = line.receive(SILENCE)
            process, processes, who = int(hello["process"]), int(hello["processes"]), str(hello["who"])
        except (OSError, ValueError, KeyError, TypeError):  # whoever that is, it is none of us
            line.close()
            return
        line.who = plain(who, 200)
        problem = None
        if processes != self.processes:
            found = f"{processes} in process {process}, and {self.processes} in process 0"
            problem = InputError("processes", found=found, allowed="the same number in all")
        elif not 0 < process < self.processes or process in self._lines:
            other = self._lines[process].who if process in self._lines else _who()
            found = f"{process} twice ({other}, and {line.who})"
            problem = InputError("process_id", found=found, allowed=f"each of 0 … {self.processes - 1} once")
        if problem is None:
            line.send({"who": _who()})
            self._lines[process] = line
            return
        line.refuse(problem)
        if len(self._lines) < self.processes - 1:  # or else it came late, and the others are at work
            self.refuse(problem)

    def _admit_late(self) -> None:
        assert self._listener is not None
        self._listener.settimeout(None)
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._admit(connection)

    def _report(self, host: str, port: int, patience: float) -> None:
        until = time.monotonic() + patience
        while True:
            try:
                connection = socket.create_connection(
                    (host, port), timeout=max(until - time.monotonic(), 0.01)
                )
                break
            except OSError as error:
                if time.monotonic() + 0.2 > until:
                    raise InputError(
                        "coordinator",
                        found=f"{host}:{port}, which does not answer ({error.strerror or error})",
                        allowed="the address at which process 0 listens",
                        remedy=f"start process 0 within {patience:g} s of the others, where they can reach it",
                    ) from error
                time.sleep(0.2)
        line = _Line(connection)
        line.send({"process": self.process, "processes": self.processes, "who": _who()})
        self._lines[0] = line
        self._attend(0)

    # --- what they say to each other

    def tell(self, value: Any = None) -> Any:
        """What process 0 says, in all of them; plain data of a few words."""
        if self.process:
            return self._hear(0)
        self._say(value)
        return value

    def compare(self, facts: dict[str, str]) -> None:
        """Refuse to go on, in all of them, where one has other facts than process 0; each by the name of an option."""
        if self.process:
            self._say(facts)
            self._hear(0)
            return
        for process in sorted(self._lines):
            theirs = self._hear(process)
            for name, value in facts.items():
                there = plain(theirs.get(name), 200)
                if there != plain(value, 200):
                    found = f"{there} in process {process}, and {value} in process 0"
                    self.refuse(InputError(name, found=found, allowed="the same in all processes"))
        self._say({})

    def refuse(self, problem: InputError) -> NoReturn:
        """End all of them with this refusal."""
        self.part(problem)
        raise problem

    def _say(self, value: Any) -> None:
        for line in self._lines.values():
            line.send({"say": value})

    def _hear(self, process: int) -> Any:
        value = self._heard[process].get()
        if isinstance(value, InputError):
            raise value
        return value

    # --- watching

    def _attend(self, process: int) -> None:
        self._heard[process] = queue.Queue()
        threading.Thread(target=self._watch, args=(process,), daemon=True, name=f"watch {process}").start()

    def _watch(self, process: int) -> None:
        line, how = self._lines[process], "its connection was closed"
        try:
            while True:
                message = line.receive(SILENCE)
                if "who" in message:
                    line.who = plain(message["who"], 200)
                elif "say" in message:
                    self._heard[process].put(message["say"])
                elif "refused" in message:
                    self._gone.add(process)
                    self._heard[process].put(_refusal(message["refused"]))
                    if self._at_work:
                        self._end(str(_refusal(message["refused"])), 2)
                elif "lost" in message:
                    self._gone.add(process)  # to say it of this one would be another sentence
                    self._end(str(message["lost"]))
                elif "bye" in message:
                    self._gone.add(process)
        except TimeoutError:
            how = f"nothing was heard of it for {SILENCE:g} s"
        except OSError:
            pass
        except ValueError:
            how = "what came from it is no message"
        if process not in self._gone:
            self._end(f"process {process} of {self.processes} ({line.who}) is gone: {how}", told=False)

    _at_work = False

    def at_work(self) -> None:
        """From now on a refusal by another ends this process where it stands."""
        self._at_work = True

    def _end(self, sentence: str, code: int = 1, *, told: bool = True) -> NoReturn:
        """Say why and leave: the main thread waits for a sum that will never come; `told`: by one that is still there."""
        with self._ending:  # the first to know says it
            for line in self._lines.values():
                with contextlib.suppress(OSError):
                    line.send({"lost": sentence} if code == 1 else {"bye": True})
            remedy = f"; {self.remedy}" if self.remedy and code == 1 else ""
            text = f"{self.name}: {plain(sentence, 1000)}{remedy}"
            os.write(2, f"{text.rstrip('.')}.\n".encode())
            if (
                self.process == 0 and told
            ):  # with this process JAX's service goes, and would end who told it first
                time.sleep(2 * LAST_WORDS)
            leave(code)

    def _beat(self) -> None:
        while True:
            time.sleep(BEAT)
            for line in list(self._lines.values()):
                with contextlib.suppress(OSError):
                    line.send({"beat": True})

    def wait_for_an_end(self, seconds: float = 0.0) -> None:
        """Give whoever watches so long to find out who is gone; where that is being said, it also ends this process."""
        time.sleep(seconds)
        with self._ending:  # which who ends this process never gives back
            pass

    def part(self, problem: InputError | None = None) -> None:
        """Take leave, for good: from here on nobody ends because this process does."""
        for line in list(self._lines.values()):
            with contextlib.suppress(OSError):
                if problem is not None:
                    line.refuse(problem)
                else:
                    line.send({"bye": True})

    def lost(self, why: str) -> None:
        """Tell the others that this process ends, and why; they end too."""
        said = f"process {self.process} of {self.processes} ({_who()}) has ended: {plain(why, 500)}"
        for line in list(self._lines.values()):
            with contextlib.suppress(OSError):
                line.send({"lost": said})

    def wait_for_process_0(self) -> None:
        """Until it has taken leave; what it still does alone must not lose JAX's other processes."""
        while self.process and 0 not in self._gone:
            time.sleep(0.05)


class _Line:
    """A connection on which lines go to and fro."""

    def __init__(self, connection: socket.socket) -> None:
        self.who = "unknown"
        self._connection = connection
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        self._sending = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        with self._sending:
            self._connection.sendall(json.dumps(message).encode() + b"\n")

    def refuse(self, problem: InputError) -> None:
        said = [problem.argument, problem.found, problem.allowed, problem.remedy]
        with contextlib.suppress(OSError):
            self.send({"refused": said})

    def receive(self, patience: float) -> dict[str, Any]:
        self._connection.settimeout(patience)
        while b"\n" not in self._rest:
            part = self._connection.recv(65536)
            if not part or len(self._rest) > LONGEST_LINE:
                raise ConnectionError("closed")
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        message = json.loads(line)
        if not isinstance(message, dict):
            raise ValueError("no message")
        return message

    def close(self) -> None:
        self._connection.close()


def leave(code: int) -> NoReturn:
    """End this process at once, whatever its main thread waits for; what it has said is written."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _refusal(said: Any) -> InputError:
    argument, found, allowed, remedy = (str(part) for part in said)
    return InputError(argument, found=found, allowed=allowed, remedy=remedy)


def _who() -> str:
    return f"pid {os.getpid()} on {socket.gethostname()}"
