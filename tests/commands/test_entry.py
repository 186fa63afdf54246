"""One command for everyone: help at once, one clear sentence for what is wrong, a shell that completes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import graphs
from graphs import lessons, peers
from graphs.commands import options
from graphs.data import DTYPES
from graphs.errors import InputError
from graphs.inspection.file import schema
from graphs.models.logistic import FORMULAS
from graphs.peers.benchmark import problems
from tests.conftest import ROOT

HEAVY = {"numpy", "scipy", "pytensor", "numba", "rich", "matplotlib", "jax", "torch", "autograd", "shtab"}
COMMANDS = ("reproduce", "inspect", "doctor", "check", "compare", "benchmark", "lesson", "freeze", "cache")


def ask(*arguments: str, python: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *python, "-m", "graphs", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
    )


def imported(stderr: str) -> set[str]:
    """The top packages that ``-X importtime`` tells of."""
    lines = (line.rpartition("|")[2] for line in stderr.splitlines() if line.startswith("import time:"))
    return {name.strip().partition(".")[0] for name in lines}


@pytest.mark.parametrize("arguments", [[], *([command] for command in COMMANDS)])
def test_help_imports_nothing_heavy(arguments):
    done = ask(*arguments, "--help", python=("-X", "importtime"))
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: {' '.join(['graphs', *arguments])} [-h]")
    assert "graphs" in imported(done.stderr)
    assert not imported(done.stderr) & HEAVY


def test_the_package_imports_what_is_used_when_it_is_used():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import graphs; print(graphs.InputError, dir(graphs))"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "graphs" in imported(done.stderr)
    assert not imported(done.stderr) & HEAVY


def test_every_public_name_is_there():
    for name in graphs.__all__:
        assert getattr(graphs, name).__doc__, name
    assert {"load", "logistic_graph", "compile_functions", "fit", "Diverged"} <= set(graphs.__all__)
    with pytest.raises(AttributeError, match="nosuch"):
        graphs.nosuch  # noqa: B018  # what asking for it raises


def test_the_names_in_the_help_are_those_that_may_be_given(run_python):
    assert options.DTYPES == DTYPES
    # In a process of its own: PyTensor adds DEBUG_MODE to its modes at the first compilation.
    names = run_python("-c", "from graphs.functions import mode_names; print(*mode_names(), sep=', ')")
    assert names.stdout.strip() == options.MODES
    assert peers.FORMULAS == FORMULAS
    assert options.PROBLEMS.split(",") == list(problems.PROBLEMS)
    assert options.PENALTIES.split(",") == list(problems.PENALTIES)


def test_the_help_lists_every_peer_and_every_lesson():
    told = ask("benchmark", "--help").stdout
    for name in peers.BENCHMARKED:
        assert f"\n  {name} " in told
        assert f" {peers.PEERS[name].title}\n" in told
    told = "".join(ask("compare", "--help").stdout.split())
    assert ",".join(peers.COMPARED) in told
    told = ask("lesson", "--help").stdout
    for name in lessons.LESSONS:
        summary = lessons.lesson(name).__doc__.splitlines()[0].replace("`", "")
        assert f"\n  {name:<10} {summary}\n" in told


@pytest.mark.parametrize("arguments", [(), ("nosuch",), ("Reproduce", "--steps", "3")])
def test_what_is_no_command_is_refused_in_one_sentence(arguments):
    done = ask(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith(
        f"graphs: command: found {repr(arguments[0]) if arguments else 'none'}; allowed: "
    )
    for command in COMMANDS:
        assert command in sentence


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["--nosuch"], "arguments: found '--nosuch'; allowed: what graphs --help tells."),
        (["reproduce", "--\x1b]0;owned\x07"], r"arguments: found '--\x1b]0;owned\x07'; allowed: "),
        (["reproduce", "--sample", "5"], "arguments: found '--sample', '5'; allowed: what graphs reproduce"),
        (["reproduce", "--samples"], "--samples: found nothing; allowed: one value."),
        (["compare", "--sizes"], "--sizes: found nothing; allowed: one value or more."),
        (["reproduce", "--quiet=1"], "--quiet: found '1'; allowed: no value."),
        (["inspect", "--dtype", "x"], "--dtype: found 'x'; allowed: float64, float32."),
        (["reproduce", "--learning-rate=--"], "learning_rate: found '--'; allowed: a value."),
        (["compare", "--data", ""], "data: found ''; allowed: a value; "),
        (["compare", "--runs", "numpy", ""], "runs: found ''; allowed: a value; "),
        ([], "command: found none; allowed: reproduce, "),
    ],
)
def test_a_bad_command_line_is_refused_in_our_words(line, said):
    with pytest.raises(InputError) as refusal:
        options.parse(line)
    assert said in str(refusal.value)
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
    ("text", "number"), [("5", 5), ("+5", 5), ("-0", 0), ("007", 7), ("1" * 4000, int("1" * 4000))]
)
def test_whole_numbers_are_plain_digits(text, number):
    assert options.parse(["reproduce", f"--steps={text}"]).steps == number


@pytest.mark.parametrize("text", ["1_0", "１２", "²", " 5 ", "0x10", "1e3", "2.0", "nan", "-", "9" * 5000])
def test_whatever_else_python_reads_is_no_whole_number(text):
    assert options.parse(["reproduce", f"--steps={text}"]).steps == text


def test_numbers_are_plain_too():
    for text, number in {"0.5": 0.5, ".5": 0.5, "5.": 5.0, "-1e-3": -1e-3, "+2E+3": 2000.0}.items():
        assert options.parse(["reproduce", f"--learning-rate={text}"]).learning_rate == number
    for text in ("1_0.0", "０.１", "nan", "inf", "-inf", "1e400", "0x1p3", " 1", ".", "e3"):
        assert options.parse(["reproduce", f"--learning-rate={text}"]).learning_rate == text


def test_the_version():
    done = ask("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("graphs")


def test_the_cache_is_shown(monkeypatch, tmp_path):
    monkeypatch.setenv("GRAPHS_NATIVE_CACHE", str(tmp_path))
    (tmp_path / ("a" * 40 + ".json")).write_bytes(bytes(1_500))
    (tmp_path / "mine.txt").write_text("no entry")
    done = ask("cache")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"1 files, 1.5 KB of at most 67.1 MB, in {tmp_path}\n"
    assert ask("cache", "burn").returncode == 2


def complete(script: str, *words: str) -> list[str]:
    """What a real bash offers for the last of `words`."""
    line = f"{script}\nCOMP_WORDS=(graphs {' '.join(words)}); COMP_CWORD={len(words)}; _shtab_graphs\n"
    line += 'printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(
        ["bash", "--norc", "-c", line], capture_output=True, text=True, timeout=60, check=True
    )
    assert not done.stderr
    return done.stdout.split()


def test_bash_completes_commands_options_and_files(tmp_path, monkeypatch):
    script = ask("--print-completion", "bash").stdout
    assert complete(script, "re") == ["reproduce"]
    assert complete(script, "reproduce", "--learn") == ["--learning-rate"]
    assert complete(script, "inspect", "--dtype", "float3") == ["float32"]
    assert complete(script, "cache", "cl") == ["clear"]
    (tmp_path / "mine.csv").touch()
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    assert complete(script, "reproduce", "--data", "mi") == ["mine.csv"]
    assert complete(script, "reproduce", "--out", "") == ["folder"]


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells_are_served(shell):
    done = ask("--print-completion", shell)
    assert done.returncode == 0
    assert "reproduce" in done.stdout


def test_a_shell_that_is_not_known_is_refused():
    assert "found 'cmd'; allowed: bash, zsh, tcsh" in ask("--print-completion", "cmd").stderr


def test_inspect_prints_the_schema_of_its_file():
    done = ask("inspect", "--schema")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == json.loads(json.dumps(schema()))
