"""SIGINT and SIGTERM as a request that a loop can honour between two steps, or as an exception of their own."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn, Self

__all__ = ["Interrupted", "SignalRequests", "SignalWatch", "raised_signals"]


class Interrupted(BaseException):
    """A signal came that asks this process to end; raised where it happened to be."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = number


class _FirstSignal:
    """A context in which the first SIGINT or SIGTERM is answered by `answer`; a second one acts as usual."""

    def __init__(self, answer: Callable[[int], None]) -> None:
        self._answer = answer
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for which in (signal.SIGINT, signal.SIGTERM):
            self._previous[which] = signal.signal(which, self._handle)
        return self

    def __exit__(self, *raised: object) -> None:
        while self._previous:
            signal.signal(*self._previous.popitem())

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.__exit__()
        self._answer(number)


class SignalRequests(_FirstSignal):
    """A context in which the first SIGINT or SIGTERM is only noted; a second one acts as usual."""

    def __init__(self) -> None:
        super().__init__(self._note)
        self.received = 0  # the signal's number, 0 while none came

    def _note(self, number: int) -> None:
        self.received = number


def raised_signals() -> _FirstSignal:
    """A context in which the first SIGINT or SIGTERM raises `Interrupted`; a second one acts as usual.

    For work that waits on other processes and has nowhere to look for a request. What raises is
    never a write of ours in the middle: files are written whole or not at all.
    """
    return _FirstSignal(_raise)


class SignalWatch:
    """A context that notes whether a SIGINT or SIGTERM came, which then acts as usual.

    So a KeyboardInterrupt that code of somebody else's raises is told from a user who interrupts.
    """

    def __init__(self) -> None:
        self.received = 0  # the signal's number, 0 while none came
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # no other may set handlers
            for which in (signal.SIGINT, signal.SIGTERM):
                if callable(previous := signal.getsignal(which)):
                    self._previous[which] = previous
                    signal.signal(which, self._handle)
        return self

    def __exit__(self, *raised: object) -> None:
        while self._previous:
            signal.signal(*self._previous.popitem())

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        self._previous[signal.Signals(number)](number, frame)


def _raise(number: int) -> NoReturn:
    raise Interrupted(number)
