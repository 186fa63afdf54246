"""SIGINT, SIGTERM and SIGHUP: what ends a command, when, and with which sentence.

A signal may come at any moment, and an exception that is raised at any moment is not always passed on: an import
turns it into another error, a destructor prints it and goes on. So a command begins with handlers that leave at once,
goes on with handlers that raise :class:`Interrupted` where nothing swallows it, and a loop that can end between two
steps asks for the signal as a request. What was ignored when the process began, as by ``nohup``, stays ignored.
"""

from __future__ import annotations

import os
import signal
import sys
import time

TYPE_CHECKING = (
    False  # as typing has it, which takes longer to import than all else here: this file is the first
)
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, NoReturn, Self

__all__ = [
    "HeldSignals",
    "Interrupted",
    "SignalRequests",
    "ignore_signals",
    "is_command",
    "leave_on_signals",
    "raise_on_signals",
    "received",
]

SAID = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "its terminal was closed"}
ENDING = [getattr(signal, name) for name in SAID if hasattr(signal, name)]  # Windows has no SIGHUP
# How long an import may go on when a signal has come, and how often it is looked at meanwhile; seconds.
PATIENCE, PAUSE = 1.0, 0.01

_first: list[
    int
] = []  # the signal that `raise_on_signals` has met; it ends this process, whatever comes of it


class Interrupted(BaseException):
    """A signal came that asks this process to end; raised where it happened to be."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = number

    def __str__(self) -> str:
        return SAID[signal.Signals(self.signal).name]


def is_command(package: str) -> bool:
    """Whether this process was started as one of the commands, told while `package`, a folder, is imported.

    Only then may a signal be answered before anything was asked for: in a library that would be its user's business.
    """
    program: str = (getattr(sys, "argv", None) or [""])[0]  # none where Python is embedded
    if program == "-m":  # so it is while Python looks for what ``python -m`` names
        _, _, named = "\n".join(sys.orig_argv).partition("\n-m\n")
        return named.partition("\n")[0] == os.path.basename(package)
    folder, name = os.path.split(os.path.abspath(program))
    return os.path.splitext(name)[0] == "graphs" or folder == os.path.join(
        os.path.dirname(package), "scripts"
    )


def leave_on_signals(name: str = "graphs", code: int | None = None) -> None:
    """From now on a signal ends this process at once: for when there is nothing to clear away.

    With a sentence that begins with the command's `name`; or silently and with `code`, where that is settled.
    """

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        if code is None:
            _leave(name, number)
        os._exit(code)

    _install(leave)


def _leave(name: str, number: int) -> NoReturn:
    # A progress bar has hidden the cursor, where there is one.
    shown = "\n\x1b[?25h" if os.isatty(2) else ""
    try:
        os.write(2, f"{shown}{name}: {Interrupted(number)}.\n".encode())
    finally:  # also where nobody reads it any more
        os._exit(128 + number)


def ignore_signals() -> None:
    """From now on none is answered: for the last moments of a process, whose exit code is settled."""
    _install(signal.SIG_IGN)


def raise_on_signals(name: str) -> None:
    """From now on the first signal raises `Interrupted` in the main thread; one after it ends the process at once.

    It is raised where it is passed on: not in the middle of an import, whose end is waited for if that is near.
    """
    import threading  # of use only now

    until = 0.0  # when it must be
    again = threading.Event()  # set where the next one is the first, come once more

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal until
        if not _first:
            _first.append(number)
            until = time.monotonic() + PATIENCE
        elif not again.is_set() or time.monotonic() > until:
            _leave(name, number)
        again.clear()
        if _importing(frame):
            threading.Thread(target=come_again, args=(number,), daemon=True).start()
            return
        leave_on_signals(name)
        raise Interrupted(number)

    def come_again(number: int) -> None:
        time.sleep(PAUSE)
        again.set()
        signal.raise_signal(number)

    def unraisable(what: Any) -> None:
        if isinstance(what.exc_value, Interrupted):  # in a destructor, which cannot pass it on
            _leave(name, what.exc_value.signal)
        if not _first:  # else an object that was made half way falls apart, which tells nobody anything
            sys.__unraisablehook__(what)

    sys.unraisablehook = unraisable
    _install(handle)


def received() -> int:
    """The number of the signal that `raise_on_signals` has met, 0 while none came.

    For what was raised may arrive as another error: a compiled function that calls back into Python hands on only the
    text of what was raised there.
    """
    return _first[0] if _first else 0


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _install(handler: Any) -> dict[signal.Signals, Any]:
    """Answer with `handler` whatever is not ignored; what answered before, by signal.

    In any thread but the main one nothing changes: Python lets no other set a handler, and runs none there.
    """
    before = {which: signal.getsignal(which) for which in ENDING}
    # None: not set by Python, so not to be put back by it
    answered = {which: was for which, was in before.items() if was is not None and was != signal.SIG_IGN}
    try:
        for which in answered:
            signal.signal(which, handler)
    except ValueError:
        return {}
    return answered


class SignalRequests:
    """A context in which the first signal is only noted; one after it acts as usual."""

    def __init__(self) -> None:
        self.received = 0  # the signal's number, 0 while none came
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._previous = _install(self._note)
        return self

    def __exit__(self, *raised: object) -> None:
        self._restore()

    def _restore(self) -> None:
        while self._previous:
            signal.signal(*self._previous.popitem())

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._restore()
        self.received = number


class HeldSignals(SignalRequests):
    """A context at whose end a signal that came in it is answered.

    For what must not be cut in two: a process that is started, and the name by which it can be ended.
    """

    def __exit__(self, *raised: object) -> None:
        self._restore()
        if self.received:
            signal.raise_signal(self.received)
