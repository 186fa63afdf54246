"""What every picture is made with: a figure of matplotlib's (the extra ``pictures``) and the PNG file of it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from graphs.errors import install_command

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["MissingMatplotlib", "new_figure", "png"]


class MissingMatplotlib(ImportError):
    """matplotlib is not installed; says how to get it."""

    def __init__(self) -> None:
        super().__init__(f"pictures need matplotlib: {install_command('pictures')}")


def new_figure(**options: Any) -> Figure:
    """An empty figure, with no window and no global state behind it; or :class:`MissingMatplotlib`."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingMatplotlib from error
    return Figure(layout="constrained", dpi=100, **options)


def png(drawn: Figure) -> bytes:
    """The figure as a PNG file; the same bytes for the same figure and versions."""
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
