"""Whatever the output can show, and wherever it goes: something readable, and the exit code that was due."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

WORK = r"""
import sys
from graphs.commands.streams import open_streams
open_streams()
from rich.rule import Rule
from graphs.terminal import console
for stream in (sys.stdout, sys.stderr):
    print("a → b × 漢 µ − … ‖w‖² \udcff", file=stream)
console().print(Rule("η"))
"""


def ask(code: str, **env: str) -> subprocess.CompletedProcess[bytes]:
    """What an interpreter of its own says; the code in ASCII, for that is what it reads in some of these."""
    environment = {**os.environ, "PYTHONCOERCECLOCALE": "0", **env}
    return subprocess.run(
        [sys.executable, "-c", code.encode("ascii", "backslashreplace").decode()],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("env", "encoding", "line"),
    [
        ({"PYTHONIOENCODING": "ascii"}, "ascii", r"a -> b x \u6f22 u - ... ||w||^2 \udcff"),
        ({"PYTHONIOENCODING": "latin-1"}, "latin-1", r"a -> b × \u6f22 µ - ... ||w||² \udcff"),
        ({"LC_ALL": "C", "PYTHONUTF8": "0"}, "ascii", r"a -> b x \u6f22 u - ... ||w||^2 \udcff"),
        ({"PYTHONIOENCODING": "utf-8"}, "utf-8", r"a → b × 漢 µ − … ‖w‖² \udcff"),
    ],
)
def test_what_an_encoding_lacks_is_spelled_out(env, encoding, line):
    done = ask(WORK, **env)
    assert done.returncode == 0, done.stderr
    shown = done.stdout.decode(encoding)
    assert shown.splitlines()[0] == line
    assert done.stderr.decode(encoding).strip() == line
    assert encoding == "utf-8" or "-- eta --" in shown


def shell(line: str, code: str = "") -> subprocess.CompletedProcess[str]:
    """What a shell says of a line, in which GRAPHS is the command."""
    line = line.replace("GRAPHS", f"{sys.executable} -m graphs")
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("GRAPHS cache > /dev/full", 1, "cache: the output could not be written (No space left on device)."),
        ("GRAPHS cache --help > /dev/full", 1, "cache: the output could not be written"),
        ("GRAPHS cache >&-", 1, "cache: the output could not be written (Bad file descriptor)."),
        ("GRAPHS cache 2>&-", 0, ""),
        ("GRAPHS cache 2> /dev/full", 0, ""),
        ("GRAPHS nosuch 2> /dev/full", 2, ""),
        ("GRAPHS nosuch 2>&-", 2, ""),
        ("GRAPHS nosuch >&-", 2, "graphs: command: found 'nosuch'"),
        ("GRAPHS cache <&- >&- 2>&-", 1, ""),
        ("(sleep 1; exec GRAPHS cache) | true", 1, ""),
        ("GRAPHS benchmark --help | head -1 > /dev/null", None, ""),
    ],
)
def test_a_stream_that_takes_nothing(line, code, told):
    done = shell(line)
    assert code is None or done.returncode == code, done.stderr
    assert done.stderr.startswith(told)
    assert len(done.stderr.splitlines()) == bool(told), "one sentence, or nothing"


def test_a_closed_output_gives_its_number_to_no_file(tmp_path):
    """Else what a C library prints would stand in a file of ours."""
    work = "from graphs.commands.streams import open_streams; open_streams(); import sys; f = open(sys.argv[1], 'w'); "
    work += "print(f.fileno() > 2, file=f)"
    kept = tmp_path / "kept"
    line = f'{sys.executable} -c "{work}" {kept} <&- >&- 2>&-'
    assert subprocess.run(["bash", "-c", line], cwd=ROOT, timeout=120).returncode == 0
    assert kept.read_text() == "True\n"
