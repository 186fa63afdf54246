"""SIGINT and SIGTERM as a request that a loop can honour between two steps."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

__all__ = ["signals_as_requests"]


@contextlib.contextmanager
def signals_as_requests() -> Iterator[Callable[[], int]]:
    """Within the block, the first SIGINT or SIGTERM is only noted; a second one acts as usual.

    Yields
    ------
    callable
        Returns the signal's number, or 0 while none came.
    """
    received = 0
    previous: dict[signal.Signals, object] = {}

    def note(number: int, _: FrameType | None) -> None:
        nonlocal received
        received = number
        restore()

    def restore() -> None:
        for which, handler in previous.items():
            signal.signal(which, handler)  # type: ignore[arg-type]  # as signal.signal returned it

    for which in (signal.SIGINT, signal.SIGTERM):
        previous[which] = signal.signal(which, note)
    try:
        yield lambda: received
    finally:
        restore()
