"""What every picture is made with: a figure of matplotlib's (the extra ``pictures``) and the PNG file of it."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

from graphs.errors import install_command
from graphs.foreign import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["MissingMatplotlib", "caption", "new_figure", "png"]


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


def caption(text: object) -> str:
    """Foreign text for a picture, in one short line: matplotlib takes what stands between two ``$`` for a formula."""
    return plain(text, 80).replace("$", r"\$")


def png(drawn: Figure) -> bytes:
    """The figure as a PNG file; the same bytes for the same figure and versions."""
    import matplotlib
    from matplotlib.text import Text

    for text in drawn.findobj(Text):
        text.set_usetex(False)  # whatever a user's matplotlibrc says: TeX runs what it reads
    buffer = io.BytesIO()
    with matplotlib.rc_context({"text.usetex": False}), warnings.catch_warnings():
        # Of a file's name, say: a box stands for a letter that the font lacks, and where letters are piled up so high
        # that nothing else has room, what is drawn overlaps.
        for message in ("Glyph .* missing from", "constrained_layout not applied"):
            warnings.filterwarnings("ignore", message)
        drawn.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
