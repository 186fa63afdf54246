"""A lesson for the terminal: what to see, then what was seen."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

__all__ = ["lesson_table"]


def lesson_table(name: str, explanation: str, rows: dict[str, dict[str, Any]]) -> RenderableType:
    """The lesson's explanation (Markdown) above a table of its rows."""
    title, said = Text(name, style="bold"), Markdown(explanation)
    if not rows:
        return Group(title, said, Text("Its framework is not installed here.", style="red"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("", no_wrap=max(map(len, rows)) < 30)
    for column in next(iter(rows.values())):
        table.add_column(column, justify="left" if column == "said" else "right", overflow="fold")
    for who, row in rows.items():
        table.add_row(who, *(_shown(value) for value in row.values()))
    return Group(title, said, table)


def _shown(value: Any) -> Text:
    return Text(f"{value:.6g}" if isinstance(value, float) else str(value))
