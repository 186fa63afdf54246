"""The README's code runs, and its output is what the commands print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache

import pytensor
import pytest

from graphs.commands.options import COMMANDS
from graphs.examples import EXAMPLES
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_python_blocks_run_in_order(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join(blocks("python"))],
        cwd=tmp_path,  # what they save goes there
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    # The one warning that PyTensor's C linker gives on a machine without a BLAS is hidden by the library.
    assert (done.returncode, done.stderr) == (0, "")


def test_every_command_named_exists():
    named = re.findall(r"(?:scripts/run|^\$ graphs|`graphs) (\w+)", README, re.MULTILINE)
    assert {
        "reproduce",
        "run",
        "inspect",
        "doctor",
        "check",
        "compare",
        "benchmark",
        "lesson",
        "freeze",
        "cache",
        "test",
    } <= set(named)
    for command in set(named) - {"test", "mutate", "COMMAND"}:
        assert command in COMMANDS
        assert list(ROOT.glob(f"scripts/{command}*.py"))


def test_every_file_named_exists():
    for name in re.findall(r"\((tests/[\w./]+)\)|`((?:graphs|tests)/[\w./]+|[\w]+\.py)`", README):
        path = name[0] or name[1]
        assert (ROOT / path).exists() or (ROOT / "graphs" / path).exists(), path


def numbers_rounded(text: str) -> str:
    """The text with its numbers to 9 digits and its spaces single: what must agree between machines."""
    text = re.sub(r"\d+\.\d{10,}", lambda number: f"{float(number[0]):.9g}", text)
    return " ".join(text.split())


def test_the_output_shown_is_the_output(run_script):
    done = run_script("reproduce", env={"COLUMNS": "100"})
    assert done.returncode == 0, done.stderr
    printed = numbers_rounded(done.stdout)
    shown = re.search(r"<!-- output of: scripts/run reproduce -->\n```text\n(.*?)^```$", README, re.M | re.S)[
        1
    ]
    facts, _, _ = shown.partition("formula, mode, linker")
    lines = [numbers_rounded(line) for line in facts.splitlines() if line.strip()]
    assert len(lines) > 20
    for line in lines:
        if not any(word in line for word in ("cost*", "‖w − w*‖", "gradient")):  # of rounding size
            assert line in printed


def test_the_table_of_stabilizing_rewrites_is_what_the_command_prints_under_this_version(run_script):
    shown = re.search(
        r"<!-- output of: graphs doctor (--mode .*) --beside .* -->\n```text\n(.*?)^```$", README, re.M | re.S
    )
    versions, _, modes = shown[2].splitlines()[:3]
    versions = re.findall(r"PyTensor (\d+\.\d+)", versions)
    line = pytensor.__version__.rpartition(".")[0]
    if line not in versions:
        pytest.skip(f"the table is of {' and '.join(versions)}, and this is {line}")
    done = run_script("doctor", *shown[1].split())
    printed = [row.split() for row in done.stdout.splitlines()[2:]]
    columns = len(modes.split()[1:]) // len(versions)
    first = 1 + columns * versions.index(line)
    for row in shown[2].splitlines()[2:]:
        cells = row.split()
        name, found = cells[: -columns * len(versions)], cells[-columns * len(versions) :]
        if row.startswith(("finite:", "NO:")):
            continue
        assert [*name, *found[first - 1 : first - 1 + columns]] in printed
    assert len(printed) > 10


@cache
def printed_by(command: str) -> str:
    """Everything that the table's experiments of this command print, all in one process."""
    names = [name for of, name, _ in ROWS if of == command and name]
    done = subprocess.run(
        [sys.executable, "-m", "graphs", command, *names],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.replace("-4.", "−4.")


def figures_found(command: str, name: str) -> str:
    """What the experiment of that name prints."""
    printed = printed_by(command)
    names = [other for of, other, _ in ROWS if of == command and other]
    if not names:
        return printed
    start = re.search(rf"^{name}( |$)", printed, re.MULTILINE)
    after = names[names.index(name) + 1 :]
    end = re.search(rf"^{after[0]}( |$)", printed, re.MULTILINE) if after else None
    return printed[start.start() : end.start() if end else None]


ROWS = re.findall(r"^\| `graphs (reproduce|lesson|run) ?(\w*)` \|.*\| (.*) \|$", README, re.MULTILINE)


def test_the_table_of_experiments_names_every_one():
    assert [name for command, name, _ in ROWS if command == "run"] == list(EXAMPLES)
    assert [name for command, name, _ in ROWS if command != "run"] == ["", "plane", "exam", "slopes"]


@pytest.mark.parametrize(
    ("command", "name", "found"),
    [
        pytest.param(
            *row, id=row[1] or "classic", marks=pytest.mark.long if row[1] in ("sigmoid", "plane") else ()
        )
        for row in ROWS
    ],
)
def test_its_figures_are_what_is_found(command, name, found):
    printed = figures_found(command, name)
    for figure in re.findall(r"[−\d][\d.,]*\d%?|\d+%?", found):
        if command == "reproduce" and "." in figure:  # the last digits are the machine's
            figure = figure[:14]
        assert figure in printed, figure


@pytest.mark.parametrize("word", ["overflow", "packaging", "PYTHON=", "--resume"])
def test_the_promises_are_there(word):
    assert word in README
