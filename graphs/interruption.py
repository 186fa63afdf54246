"""SIGINT and SIGTERM as a request that a loop can honour between two steps."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

__all__ = ["Interrupted", "SignalRequests", "raised_signals"]


class SignalRequests:
    """A context in which the first SIGINT or SIGTERM is only noted; a second one acts as usual.

    Attributes
    ----------
    received : int
        The signal's number, 0 while none came.
    """

    def __init__(self) -> None:
        self.received = 0
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> SignalRequests:
        for which in (signal.SIGINT, signal.SIGTERM):
            self._previous[which] = signal.signal(which, self._note)
        return self

    def __exit__(self, *raised: object) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        self._restore()

    def _restore(self) -> None:
        while self._previous:
            signal.signal(*self._previous.popitem())


class Interrupted(BaseException):
    """A signal came that asks this process to end; raised where it happened to be.

    Attributes
    ----------
    signal : int
        The signal's number.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = number


@contextlib.contextmanager
def raised_signals() -> Iterator[None]:
    """A context in which the first SIGINT or SIGTERM raises `Interrupted`; a second one acts as usual.

    For work that waits on other processes and has nowhere to look for a request. What raises is
    never a write of ours in the middle: files are written whole or not at all.
    """
    previous: dict[signal.Signals, Any] = {}

    def restore() -> None:
        while previous:
            signal.signal(*previous.popitem())

    def raise_it(number: int, frame: FrameType | None) -> None:
        restore()
        raise Interrupted(number)

    for which in (signal.SIGINT, signal.SIGTERM):
        previous[which] = signal.signal(which, raise_it)
    try:
        yield
    finally:
        restore()
