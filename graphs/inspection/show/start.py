"""Where the time to the first result went, as one bar: in a terminal, and as rows for the page."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from graphs.foreign import plain
from graphs.inspection.findings import Start
from graphs.inspection.recording import Recording
from graphs.terminal import duration, gathered, waterfall

__all__ = ["rows_of", "said_of", "start_view"]


def start_view(recording: Recording) -> RenderableType:
    """One bar of all stages, and what is known of the cache."""
    start = recording.start
    return Group(waterfall(rows_of(start)), Text(said_of(start), style="dim"))


def rows_of(start: Start) -> list[tuple[str, float]]:
    """The stages as rows in order: name and seconds; short parts of the rewriter together."""
    named = ((f"{s.name}: {plain(s.phase)}" if s.phase else s.name, s.seconds) for s in start.stages)
    return gathered(list(named), "rewriting")


def said_of(start: Start) -> str:
    """What the bar does not say: what is missing in it, a later call, the cache."""
    names = {stage.name.partition(",")[0] for stage in start.stages}
    told = ["A copy was compiled in this process to look at it; this is its time, without the recorder's."]
    if "import" in names:
        told.append("Imports were timed in a process of their own.")
    missing = [name for name in ("import", "first call") if name not in names]
    if missing:
        told.append(f"Not timed: {' and '.join(missing)}.")
    if start.again is not None:
        told.append(f"A call after the first takes {duration(start.again)}.")
    return " ".join([*told, plain(start.cache)]).strip()
