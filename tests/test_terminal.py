"""Numbers as people read them, one look for tables, and progress where somebody looks."""

from __future__ import annotations

import ast
import io
import math
import os
import pty
import re
import subprocess
import sys

import pytest
from rich.console import Console
from rich.panel import Panel
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Column
from rich.text import Text

from graphs.listener import Listener
from graphs.terminal import Shown, as_html, as_text, console, count, duration, rate, share, size, table
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (duration(1.31e-4), "131 µs"),
        (duration(9.996e-4), "1 ms"),
        (duration(0.0123), "12.3 ms"),
        (duration(1.5), "1.5 s"),
        (duration(12345), "12345 s"),
        (duration(0.9999e-6), "1 µs"),
        (duration(1.5e-9), "1.5 ns"),
        (duration(2e-10), "0.2 ns"),
        (duration(0), "0 ns"),
        (duration(-0.002), "-2 ms"),
        (duration(math.inf), "inf"),
        (duration(None), "?"),
        (size(2_515_072), "2.52 MB"),
        (size(999.9), "1 KB"),
        (size(12), "12 B"),
        (size(0), "0 B"),
        (size(None), "?"),
        (count(1_254_400), "1.25 M"),
        (count(7), "7"),
        (count(999_600), "1 M"),
        (count(None), "?"),
        (rate(2_508_800, 1e-3, "B/s"), "2.51 GB/s"),
        (rate(2.5e6, 1e-4, "B/s"), "25 GB/s"),
        (rate(3, 1.0, "B/s"), "0 kB/s"),
        (rate(0, 1e-4, "B/s"), ""),
        (rate(None, 1.0, "B/s"), ""),
        (rate(5, None, "B/s"), ""),
        (share(0.753), "75 %"),
        (share(0.0123), "1.2 %"),
        (share(0.0996), "10 %"),
        (share(0), "0 %"),
    ],
)
def test_three_figures_and_a_unit(written, words):
    assert written == words


def test_a_table_aligns_numbers_and_folds_the_rest():
    shown = table("name", "steps", Column("own", justify="center"), numbers={"steps"}, title="a title")
    shown.add_row("a long name " * 6, "10,000", "x")
    lines = as_text(shown, width=40).splitlines()
    assert "a title" in lines[0]
    assert re.fullmatch(r"name +steps +own", lines[1])
    assert re.fullmatch(r"a long name [a-z ]+ 10,000 +x", lines[2])
    assert lines[3].startswith("long name"), "the long cell goes on below"
    assert all(len(line) <= 40 for line in lines)


def test_text_is_plain_and_html_keeps_colours_and_escapes():
    content = Text("a < b", style="red")
    assert as_text(content) == "a < b\n"
    html = as_html(content)
    assert html.startswith("<pre ")
    assert "a &lt; b" in html
    assert "color: #" in html


MOVES = "\x1b[2J\x9b1m\x00\u202e\x7f"


@pytest.mark.parametrize(
    "forgetful",
    [
        "a[/b]" + MOVES,
        Text("a[/b]" + MOVES, style="red"),
        Rule("a[/b]" + MOVES),
        Panel(Text("a[/b]" + MOVES), title=Text("a[/b]" + MOVES)),
        Syntax("a[/b]" + MOVES, "python", word_wrap=True),
    ],
)
def test_what_a_view_forgets_moves_no_cursor(forgetful):
    """The belt: views make foreign text fit, and where one does not, a terminal is safe all the same."""
    for width in (20, 80):
        shown = as_text(forgetful, width)
        assert all(c.isprintable() or c == "\n" for c in shown)
        assert "a[/b]" in shown
    written = io.StringIO()
    console(file=written, force_terminal=True, width=40).print(forgetful)
    assert all(c.isprintable() or c == "\n" for c in re.sub(r"\x1b\[[0-9;]*m", "", written.getvalue()))


def test_a_cell_is_text_to_any_console():
    shown = table("x[a]", Column("y[/b]"))
    shown.add_row(":smile:", "[/c]")
    written = io.StringIO()
    Console(file=written, width=40).print(shown)
    for text in ("x[a]", "y[/b]", ":smile:", "[/c]"):
        assert text in written.getvalue()


@pytest.mark.parametrize("columns", ["²", "0", "1", "999999999", "wide", ""])
def test_any_width_that_the_environment_names(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("LINES", columns)
    written = io.StringIO()
    console(file=written).print(Rule("a"))
    assert len(written.getvalue()) < 1100


def test_consoles_are_made_in_one_place():
    """Those of rich's own read markup."""
    for path in (ROOT / "graphs").rglob("*.py"):
        calls = (node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
        made = {ast.unparse(call) for call in calls} & {
            "Console",
            "rich.print",
            "Text.from_markup",
            "Table.grid",
        }
        assert not made, f"{path}: {made}"


def test_what_is_told_is_fit_to_be_shown(capsys):
    shown = Shown(lines=True)
    shown.begins("x[/a]\x1b]0;owned\x07")
    shown.found("n" * 10**5)
    begun, found = capsys.readouterr().err.splitlines()
    assert begun.endswith(r"x[/a]\x1b]0;owned\x07 …")
    assert len(found) < 500


def test_a_listener_need_not_listen():
    listener = Listener()
    listener.begins("a")
    listener.progress(1, 2)
    listener.found("b")


WORK = """
import sys, time
from graphs.terminal import Shown
options = {name: True for name in sys.argv[1:]}
with Shown(**options) as shown:
    shown.begins("training [bold]")
    for done in range(3):
        shown.progress(done, 1500)
        shown.bar.refresh()
    shown.found("a line of [80] to stay, " * 5)
    shown.begins("nothing to count")
    shown.bar.refresh()
print("result")
"""


def shown(terminal: bool, *options: str) -> str:
    """What the error stream gets; the output must be the result and nothing else."""
    command = [sys.executable, "-c", WORK, *options]
    env = {k: v for k, v in os.environ.items() if not k.startswith(("FORCE_", "TTY_", "NO_COLOR"))}
    if not terminal:
        done = subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stdout == "result\n"
        return done.stderr
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=env | {"TERM": "xterm", "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    ) as process:
        os.close(theirs)
        data = b""
        try:
            while part := os.read(ours, 4096):
                data += part
        except OSError:  # what Linux says when the other side is closed
            pass
        os.close(ours)
        assert process.stdout.read() == "result\n"
    assert process.returncode == 0
    return data.decode()


def test_on_a_terminal_a_line_changes_and_what_was_found_stays():
    said = shown(True)
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said)
    assert "training [bold]" in plain
    assert "2/1,500" in plain
    assert "nothing to count" in plain
    assert "/1,500" not in plain.rpartition("nothing to count")[2], "that was the total of what ended"
    assert re.search(r"\d s  (a line of \[80\] to stay, ){5}", plain), "one line, however long"
    assert "\x1b[2K" in said, "the line that changed is gone in the end"


@pytest.mark.parametrize("options", [["quiet"], ["quiet", "lines"]])
def test_quiet_shows_nothing(options):
    assert shown(False, *options) == ""
    assert "training" not in shown(True, *options)


def test_in_a_pipe_there_are_lines_if_asked_for():
    assert shown(False) == ""
    lines = shown(False, "lines").splitlines()
    assert [re.sub(r"^ +\d s  ", "", line) for line in lines] == [
        "training [bold] …",
        "a line of [80] to stay, " * 5,
        "nothing to count …",
    ]


def test_what_is_no_context_yet_may_be_told_already():
    shown = Shown()
    shown.begins("a")
    shown.progress(1, 2)
    shown.found("b")
