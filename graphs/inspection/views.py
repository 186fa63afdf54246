"""Plain data prints as its report, without knowing the report.

Views are made from the data and stand above it, so `graphs.inspection` registers here what makes the
report. A file of its own, because registering happens on import and must import nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Printable", "print_with"]

_reports: list[Callable[[Any], Any]] = []


def print_with(report: Callable[[Any], Any]) -> None:
    """Let `report` make what `rich` prints for a `graphs.inspection.recording.Recording`."""
    _reports[:] = [report]


class Printable:
    """Prints as its report: under ``rich.print``, ``print`` and in a notebook; ``repr`` stays one line."""

    __slots__ = ()

    def __rich__(self) -> Any:
        return _reports[-1](self)

    def __str__(self) -> str:
        from graphs.terminal import as_text

        return as_text(self.__rich__())

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        from graphs.terminal import as_html, as_text

        shown = self.__rich__()
        return {"text/plain": as_text(shown), "text/html": as_html(shown)}
