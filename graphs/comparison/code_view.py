"""The lines of code side by side, for the terminal."""

from __future__ import annotations

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.syntax import Syntax
from rich.text import Text

__all__ = ["code_panels"]


def code_panels(code: dict[str, dict[str, str]]) -> RenderableType:
    """What `graphs.comparison.side_by_side.side_by_side` gives, one row of panels per part."""
    parts = next(iter(code.values()))
    return Group(
        *(
            Group(
                Text(part, style="bold"),
                Columns(
                    [
                        Panel(
                            Syntax(lines[part], "python", word_wrap=True, theme="ansi_dark"),
                            title=title,
                            width=76,
                        )
                        for title, lines in code.items()
                    ]
                ),
            )
            for part in parts
        )
    )
