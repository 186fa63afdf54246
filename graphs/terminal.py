"""What every view needs of a terminal: numbers as people read them, tables, plain text and HTML, progress.

A room of its own in the ground, so that the views of experiment, inspection, peers and lessons share one look, and
so that rich's consoles are all made here: text is text to them, and nothing that a text holds moves the cursor.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable, Sequence
from io import StringIO
from time import monotonic
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.rule import Rule
from rich.segment import Segment
from rich.table import Column, Table
from rich.text import Text

from graphs.foreign import plain
from graphs.listener import Listener

__all__ = [
    "Shown",
    "as_html",
    "as_text",
    "console",
    "count",
    "duration",
    "gathered",
    "rate",
    "share",
    "show_sections",
    "size",
    "table",
    "waterfall",
]

UNKNOWN = "?"
WATERFALL = 36  # characters
SHORT = 0.02  # of a whole
WIDEST = 1000  # columns
REPLACEMENT = "�"  # for a character that would move the cursor, where a view has let one through


def _scaled(value: float | None, units: list[tuple[float, str]]) -> str:
    """Three significant figures in the largest unit that fits; ``?`` for None."""
    if value is None:
        return UNKNOWN
    if not math.isfinite(value):
        return str(value)
    # 999.6 of the smaller unit would print as 1000
    fitting = (each for each in units if abs(value) >= each[0] * 0.9995)
    factor, unit = next(fitting, units[-1])
    number = value / factor
    digits = 0 if abs(number) >= 99.95 else 1 if abs(number) >= 9.995 else 2
    text = f"{number:.{digits}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text} {unit}".strip()


def duration(seconds: float | None) -> str:
    """``0.000131`` → ``131 µs``; ``?`` for None."""
    return _scaled(seconds, [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")])


def size(number: float | None) -> str:
    """``2515072`` → ``2.52 MB``; ``?`` for None."""
    return _scaled(number, [(1e9, "GB"), (1e6, "MB"), (1e3, "KB"), (1.0, "B")])


def count(number: float | None) -> str:
    """``1254400`` → ``1.25 M``; ``?`` for None."""
    return _scaled(number, [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")])


def rate(number: float | None, seconds: float | None, unit: str) -> str:
    """Per second, in ``G`` of `unit`; empty where there is nothing to divide."""
    if not number or not seconds:
        return ""
    return _scaled(number / seconds / 1e9, [(1.0, f"G{unit}"), (1e-3, f"M{unit}"), (1e-6, f"k{unit}")])


def share(part: float) -> str:
    """``0.753`` → ``75 %``."""
    return f"{100 * part:.0f} %" if part >= 0.0995 or part == 0 else f"{100 * part:.1f} %"


class _Table(Table):
    """A table in which text is text, whichever console prints it: that of a notebook reads markup."""

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        super().add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells), **options)


def table(*columns: str | Column, numbers: Collection[str] = (), **options: Any) -> Table:
    """An empty table in the look of all of them: without borders unless ``box`` is among the `options` for rich's.

    A long cell folds; under the headings in `numbers` cells stand at the right and never wrap.
    """
    made = [
        column
        if isinstance(column, Column)
        else Column(column, justify="right", no_wrap=True)
        if column in numbers
        else Column(column, overflow="fold")
        for column in columns
    ]
    for column in made:
        column.header = Text(column.header) if isinstance(column.header, str) else column.header
    defaults: dict[str, Any] = {"box": None, "padding": (0, 1), "pad_edge": False, "header_style": "bold"}
    return _Table(*made, **{**defaults, **options})


def gathered(parts: Sequence[tuple[str, float]], group: str) -> list[tuple[str, float]]:
    """Parts of a time with the short ones of a group as one, after the group's others: ``group: name`` is one of it."""
    least, end = SHORT * sum(seconds for _, seconds in parts), 0
    rows: list[tuple[str, float]] = []
    short: list[float] = []
    for name, seconds in parts:
        inside = name.startswith(f"{group}: ")
        if inside and seconds < least:
            short.append(seconds)
        else:
            rows.append((name, seconds))
        end = len(rows) if inside else end
    if short:
        whole = len(short) == sum(name.startswith(f"{group}: ") for name, _ in parts)
        told = group if whole else f"{group}: {len(short)} shorter parts"
        rows.insert(end, (told, sum(short)))
    return rows


def waterfall(parts: Sequence[tuple[str, float]]) -> Table:
    """One bar of times that follow each other, a row for each part: its name, its seconds, its stretch of the bar."""
    whole = sum(seconds for _, seconds in parts)
    shown = table("", Column("", justify="right", no_wrap=True), Column("", no_wrap=True), show_header=False)
    before = 0.0
    for name, seconds in parts:
        start, end = (round(WATERFALL * at / whole) if whole else 0 for at in (before, before + seconds))
        # what is shorter than a character is a thin one
        shown.add_row(name, duration(seconds), " " * min(start, WATERFALL - 1) + ("█" * (end - start) or "▏"))
        before += seconds
    shown.add_row(Text("together", style="bold"), duration(whole), "")
    return shown


class _Console(Console):
    """rich's console for text that nobody wrote for it: no markup, no emoji codes, no highlighting.

    Views make foreign text fit to be shown (graphs/foreign.py). Where one forgets to, a control character still
    does not get through: only what rich itself says to the terminal may move its cursor.
    """

    def __init__(self, **options: Any) -> None:
        environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES") or _is_length(v)}
        text_only: dict[str, Any] = {
            "markup": False,
            "emoji": False,
            "highlight": False,
            "force_jupyter": False,
        }
        super().__init__(**text_only, _environ=environment, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            text = segment.text
            if segment.control or text.isprintable() or text.replace("\n", "").isprintable():
                yield segment
            else:
                kept = (c if c.isprintable() or c == "\n" else REPLACEMENT for c in text)
                yield Segment("".join(kept), segment.style)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # who runs the command knows how it ends then; rich would close the wrong stream


def _is_length(text: str) -> bool:
    """Whether a terminal can be so wide; rich would take ``²`` for a number, and draw lines of any length."""
    return text.isascii() and text.isdigit() and len(text) < 5 and 0 < int(text) <= WIDEST


def console(**options: Any) -> Console:
    """A console for the standard output, or as rich's `options` say; all of them are made here."""
    return _Console(**options)


def as_text(content: RenderableType, width: int = 100) -> str:
    """`content` as plain text, without colours."""
    written = StringIO()
    console(file=written, width=width, color_system=None).print(content, crop=False)
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines()) + "\n"


def show_sections(
    sections: Iterable[tuple[str, RenderableType]], out: Console | None = None, width: int | None = None
) -> None:
    """Print headings with their contents: to a terminal as it is, into a pipe as plain text of 120 columns."""
    out = console(width=width) if out is None else out
    for heading, content in sections:
        titled = Group(Rule(Text(heading), align="left"), content, "") if heading else content
        if out.is_terminal:
            out.print(titled)
        else:
            print(as_text(titled, width or 120), end="", flush=True)


def as_html(content: RenderableType, width: int = 110) -> str:
    """`content` as one ``<pre>`` element with inline styles, for a notebook."""
    recorder = console(file=StringIO(), width=width, record=True)
    recorder.print(content)
    pre = '<pre style="line-height:1.3;overflow-x:auto;font-family:Menlo,Consolas,monospace">{code}</pre>'
    return recorder.export_html(inline_styles=True, code_format=pre)


class _DoneOf(ProgressColumn):
    """``1,000/10,000`` where it is known how much there is to do."""

    def render(self, task: Task) -> Text:
        return Text("" if task.total is None else f"{int(task.completed):,}/{int(task.total):,}")


class Shown(Listener):
    """Shows on the error stream how work goes on; a context manager, for the line that changes.

    Where that stream is no terminal, nothing is shown but, with `lines`, a line for everything that begins or was
    found, with the seconds since the start. `quiet` shows nothing at all.
    """

    def __init__(self, *, quiet: bool = False, lines: bool = False) -> None:
        self.console = console(stderr=True)
        self.live = self.console.is_terminal and not quiet
        self.lines = lines and not quiet
        what = TextColumn("{task.description}", markup=False)
        columns = (what, BarColumn(), _DoneOf(), TimeRemainingColumn())
        self.bar = Progress(*columns, console=self.console, transient=True, disable=not self.live)
        self.task = self.bar.add_task("starting", total=None)
        self.start = monotonic()

    def __enter__(self) -> Shown:
        self.bar.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.bar.stop()

    def begins(self, what: str) -> None:
        """Show it in the line that changes, or as a line."""
        what = plain(what)
        if self.live:
            self.bar.remove_task(self.task)  # a reset one would keep the total of what ended
            self.task = self.bar.add_task(what, total=None)
        elif self.lines:
            self._print(what + " …")

    def progress(self, done: int, of: int) -> None:
        """Move the bar, where there is one."""
        if self.live:
            ended = done == of  # shown at once, for else short work ends unseen
            self.bar.update(self.task, completed=done, total=of, refresh=ended)

    def found(self, what: str) -> None:
        """Show it as a line, to stay."""
        if self.live or self.lines:
            self._print(plain(what))

    def _print(self, what: str) -> None:
        self.console.print(f"{monotonic() - self.start:5.0f} s  {what}", soft_wrap=True)
