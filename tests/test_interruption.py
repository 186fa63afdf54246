"""The first signal is a request or raised, the second one acts as usual, and what was ignored stays ignored."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from graphs.interruption import HeldSignals, SignalRequests, is_command
from tests.conftest import ROOT

ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
SAID = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "its terminal was closed"}


@pytest.fixture(autouse=True)
def usual():
    """Handlers that tell what would have happened to the process."""
    seen = []
    before = {which: signal.signal(which, lambda number, frame: seen.append(number)) for which in ENDING}
    yield seen
    for which, handler in before.items():
        signal.signal(which, handler)


@pytest.mark.parametrize("which", ENDING)
def test_a_request_is_noted_once(usual, which):
    with SignalRequests() as requests:
        assert requests.received == 0
        signal.raise_signal(which)
        assert (requests.received, usual) == (which, [])
        signal.raise_signal(which)
        assert (requests.received, usual) == (which, [which])
    signal.raise_signal(which)
    assert usual == [which, which]


@pytest.mark.parametrize("which", ENDING)
def test_a_signal_that_is_held_comes_at_the_end(usual, which):
    with HeldSignals():
        signal.raise_signal(which)
        assert usual == []
    assert usual == [which]


def test_without_a_signal_the_handlers_come_back(usual):
    handlers = [signal.getsignal(which) for which in ENDING]
    with SignalRequests() as requests, HeldSignals():
        assert [signal.getsignal(which) for which in ENDING] != handlers
    assert [signal.getsignal(which) for which in ENDING] == handlers
    assert (requests.received, usual) == (0, [])


def test_what_is_ignored_stays_ignored(usual):
    """As where the process was begun by nohup, or in the background of a script."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with SignalRequests() as requests:
        signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    assert (requests.received, usual) == (0, [])


@pytest.mark.parametrize(
    ("argv", "orig", "answer"),
    [
        (["-m"], ["python", "-m", "graphs", "cache"], True),
        (["-m"], ["python", "-X", "dev", "-m", "graphs"], True),
        (["-m"], ["python", "-m", "pytest", "graphs"], False),
        (["/usr/bin/graphs", "reproduce"], [], True),
        ([str(ROOT / "scripts/reproduce.py")], [], True),
        (["/home/me/scripts/reproduce.py"], [], False),
        (["-c"], ["python", "-c", "import graphs"], False),
        ([""], ["python"], False),
        ([], [], False),
    ],
)
def test_a_library_leaves_signals_alone(monkeypatch, argv, orig, answer):
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(sys, "orig_argv", orig)
    assert is_command(str(ROOT / "graphs")) == answer


BEGUN = """
import signal, sys, types
from graphs.interruption import *
def come():
    signal.raise_signal(signal.{which})
    print("went on", flush=True)
"""
WHERE = {
    "before there is anything to clear away": "leave_on_signals('me')\ncome()",
    "raised": """
raise_on_signals("me")
try:
    come()
except Interrupted as raised:
    print(raised.signal, flush=True)
    come()
""",
    "twice in an import": """
raise_on_signals("me")
exec(compile("come(); come()", "<frozen importlib._bootstrap>", "exec"))
""",
    "in an import that takes too long": """
raise_on_signals("me")
exec(compile("come(); exec('while True: pass')", "<frozen importlib._bootstrap>", "exec"))
""",
    "in a destructor": """
raise_on_signals("me")
class Dropped:
    def __del__(self): come()
Dropped()
""",
}
PRINTED = {
    "raised": "{number}\n",
    "twice in an import": "went on\n",
    "in an import that takes too long": "went on\n",
}


def begun(code: str, which: signal.Signals) -> subprocess.CompletedProcess[str]:
    whole = BEGUN.format(which=which.name) + code
    return subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, timeout=60, cwd=ROOT)


@pytest.mark.parametrize("which", ENDING)
@pytest.mark.parametrize("where", WHERE)
def test_a_process_ends_with_one_sentence_and_at_the_latest_at_the_second(where, which):
    done = begun(WHERE[where], which)
    assert (done.returncode, done.stderr) == (128 + which, f"me: {SAID[which]}.\n")
    assert done.stdout == PRINTED.get(where, "").format(number=int(which))


def test_an_import_that_ends_is_waited_for():
    code = """
raise_on_signals("me")
try:
    exec(compile("come()", "<frozen importlib._bootstrap>", "exec"))
    while True: pass
except Interrupted as raised:
    print(raised)
"""
    done = begun(code, signal.SIGTERM)
    assert (done.returncode, done.stdout, done.stderr) == (0, "went on\nterminated\n", "")


def test_what_a_library_makes_of_it_is_still_the_signal():
    code = """
from graphs.commands.ending import run
def main():
    raise_on_signals("me")
    try:
        come()
    except Interrupted as raised:
        raise RuntimeError(f"INTERNAL: a callback failed: {raised}")
run("me", main)
"""
    done = begun(code, signal.SIGTERM)
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "me: terminated.\n")


def test_an_object_that_was_made_half_way_falls_apart_in_silence():
    code = """
from graphs.commands.ending import run
class Made:
    def __init__(self):
        come()
        self.all = True
    def __del__(self):
        self.all
def main():
    raise_on_signals("me")
    Made()
run("me", main)
"""
    done = begun(code, signal.SIGTERM)
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "me: terminated.\n")


def test_a_settled_exit_code_stays():
    done = begun("leave_on_signals('me', 3)\ncome()", signal.SIGINT)
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")
