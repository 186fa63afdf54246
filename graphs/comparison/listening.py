"""What a comparison tells while it goes on."""

from __future__ import annotations

from typing import Any

__all__ = ["Listener"]


class Listener:
    """Is told how a comparison goes on; this one does nothing with it."""

    def begins(self, what: str) -> None:
        """Something begins that takes a while: one line."""

    def progress(self, done: int, of: int) -> None:
        """So much of what began last is done."""

    def found(self, what: str) -> None:
        """One run's figures have come: one line."""

    def keep(self, record: dict[str, Any]) -> None:
        """The record so far, whole in itself, after every run's every stage.

        Its ``finished`` is false until the last call. It is the same object each time and goes on
        changing: write it or copy it.
        """
