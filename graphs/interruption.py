"""SIGINT and SIGTERM as a request that a loop can honour between two steps."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

__all__ = ["SignalRequests"]


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
