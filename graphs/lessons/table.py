"""A lesson for the terminal: what to see, then what was seen."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.table import Column
from rich.text import Text

from graphs.foreign import legible
from graphs.lessons import Rows
from graphs.terminal import table

__all__ = ["lesson_table"]


def lesson_table(name: str, explanation: str, rows: Rows) -> RenderableType:
    """The lesson's explanation (Markdown) above a table of its rows."""
    title, said, rows = Text(name, style="bold"), Markdown(explanation), legible(rows)
    if not rows:
        return Group(title, said, Text("Its framework is not installed here.", style="red"))
    columns = [
        Column(name, justify="left" if name == "said" else "right", overflow="fold")
        for name in next(iter(rows.values()))
    ]
    who = Column("", no_wrap=max(map(len, rows)) < 30)
    shown = table(who, *columns, box=box.SIMPLE_HEAD, collapse_padding=True)
    for name, row in rows.items():
        texts = (f"{value:.6g}" if isinstance(value, float) else str(value) for value in row.values())
        shown.add_row(name, *texts)
    return Group(title, said, shown)
