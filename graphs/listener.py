"""How work that takes a while tells how it goes on: one protocol for training, inspecting, comparing and timing."""

from __future__ import annotations

__all__ = ["Listener"]


class Listener:
    """Is told how work goes on; this one does nothing with it.

    `graphs.terminal.Shown` shows it to a person. Whoever listens must not raise.
    """

    def begins(self, what: str) -> None:
        """Something begins that takes a while: a few words."""

    def progress(self, done: int, of: int) -> None:
        """So much of what began last is done."""

    def found(self, what: str) -> None:
        """A result has come: one line, to stay."""
