"""The record of a comparison, with frameworks that finish, are missing, crash and hang."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time

import msgspec
import numpy as np
import pytest

import graphs
from graphs.interruption import Interrupted
from graphs.listener import Listener
from graphs.peers import FORMULAS, process
from graphs.peers.compare import Plan, compare, stages
from graphs.peers.compare import record as records
from graphs.peers.compare.record import Agreement, Comparison, Run, Start, Steady
from graphs.peers.compare.reference import Reference
from graphs.peers.compare.verdicts import add_break_even, verdicts
from graphs.peers.process import Opened
from graphs.peers.protocol import Build, Count, Failure, Watch
from graphs.peers.worker import count_python_calls
from graphs.timing import Spread
from tests.figures import AFTER_200_STEPS_SEED_0

SMALL = {"samples": 40, "features": 6}
PLAN = Plan(
    runs=("numpy", "pytensor-native", "theano"),
    steps=320,
    rounds=3,
    warm_starts=1,
    sizes=((20, 3), (50, 4)),
)


class Heard(Listener):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.lines: list[str] = []

    def begins(self, what):
        self.begun.append(what)

    def found(self, what):
        self.lines.append(what)


HEARD = Heard()


@pytest.fixture(scope="module")
def record():
    """NumPy and PyTensor on the original's data, and two that no one has here."""
    return compare(graphs.load(), PLAN, listener=HEARD)


def runs(record, **wanted):
    return [run for run in record.runs if all(getattr(run, key) == value for key, value in wanted.items())]


def test_without_another_framework_numpy_and_pytensor_are_compared(record):
    for formula in FORMULAS:
        for name in ("numpy", "pytensor-native"):
            (run,) = runs(record, name=name, formula=formula)
            assert run.status == "finished"
            assert run.steps == 320
            assert run.agreement.relative < 1e-13
            assert run.versions


def test_what_breaks_is_noted_with_its_first_and_last_step(record):
    (by_hand,) = runs(record, name="numpy", formula="textbook")
    assert msgspec.to_builtins(by_hand.broke) == [
        {"quantity": "xent", "first_step": 1, "inf": 15, "nan": 16, "of": 400, "last_step": 314}
    ]
    assert not by_hand.finite
    assert any("divide by zero" in warning for warning in by_hand.warnings)
    (stable,) = runs(record, name="numpy", formula="logits")
    assert stable.finite
    assert not stable.warnings


def test_weights_that_are_all_nan_end_a_run(original):
    record = compare(
        original,
        Plan(runs=("pytensor-none",), formulas=("textbook",), steps=300, rounds=1, warm_starts=0),
    )
    (run,) = record.runs
    found = {each.quantity: (each.first_step, each.inf, each.nan) for each in run.broke}
    assert found == {"xent": (1, 15, 16), "w": (1, 0, 784), "b": (1, 0, 1)}
    assert run.steps < 300
    assert run.agreement is None
    assert any("784 nan of 784" in line for line in record.verdicts)


def test_a_missing_framework_is_listed_with_its_install_command(record):
    for run in runs(record, name="theano"):
        assert run.status == "missing"
        assert "pip install" in run.happened
    assert sum("Theano missing" in line for line in record.verdicts) == 1


def test_times_are_of_whole_processes_and_of_their_parts(record):
    for run in runs(record, status="finished"):
        for cache in ("cold", "warm"):
            start = run.first_result[cache]
            assert 0 < start.import_ + start.build + start.first_call < start.whole_process
            assert start.peak_rss_bytes > 10e6
        assert len(run.steady.samples) == 3
        assert run.steady.seconds.q1 <= run.steady.seconds.median <= run.steady.seconds.q3
        assert 0.05 < run.steady.cores < 1.5  # one thread was asked for


def test_a_step_is_counted_at_the_size_of_the_data(record):
    (run,) = runs(record, name="numpy", formula="logits")
    assert run.per_step.bytes > 400 * 8 * 5
    assert run.per_step.python_calls >= 2
    assert run.gradient["formula"].startswith("def gradient")


def test_it_tells_what_begins_and_what_was_found(record):
    assert "NumPy by hand, logits: 320 steps" in HEARD.begun
    assert "PyTensor native, textbook: fresh processes (2 of 2)" in HEARD.begun
    by_hand, graph = HEARD.lines[:2]
    assert by_hand.startswith("NumPy by hand, textbook: 320 steps, xent 15 inf, 16 nan, off by ")
    assert graph.startswith("PyTensor native, textbook: 320 steps, all finite, off by ")


def test_other_sizes_are_timed_for_all(record):
    assert [(size.samples, size.features) for size in record.sweep] == [(20, 3), (50, 4)]
    for size in record.sweep:
        assert set(size.steady) == {"numpy", "pytensor-native"}


def test_the_record_is_plain_data_with_its_circumstances(record):
    content = json.loads(record.to_json())
    assert msgspec.convert(content, Comparison) == record
    assert (content["kind"], content["version"]) == ("comparison", records.VERSION)
    assert content["stamp"]["machine"]["cpu"]
    assert content["settings"]["threads"] == 1
    assert content["data"]["source"] == "numpy.random.RandomState(0)"


def test_the_reference_has_the_exact_figures(original):
    reference = Reference(original)
    reference.advance(200)
    state = reference.parameters()
    assert float(state[-1]) == pytest.approx(AFTER_200_STEPS_SEED_0["b"], rel=1e-15)
    assert float(np.linalg.norm(state[:-1].astype(float))) == pytest.approx(
        AFTER_200_STEPS_SEED_0["w_norm"], rel=1e-15
    )


def test_the_reference_remembers_where_it_came_by():
    far, near = Reference(graphs.load(**SMALL)), Reference(graphs.load(**SMALL))
    done: list[tuple[int, int]] = []

    class Told(Listener):
        def progress(self, *how_far):
            done.append(how_far)

    far.advance(130, Told())
    near.advance(50)
    w, b = near.parameters()[:-1].astype(float), float(near.parameters()[-1])
    assert far.steps == 130
    assert done == [(50, 130), (100, 130), (130, 130)]
    assert far.agreement(w, b, 50).relative < 1e-16
    assert far.agreement(w, b).relative > 1e-3
    far.advance(20)
    assert far.agreement(w, b, 50).relative < 1e-16


def test_agreement_counts_units_in_the_last_place():
    reference = Reference(graphs.load(**SMALL))
    w, b = reference.parameters()[:-1].astype(float), float(reference.parameters()[-1])
    assert reference.agreement(w, b).ulp == 0
    largest = int(np.argmax(np.abs(w)))
    w[largest] = np.nextafter(np.nextafter(w[largest], np.inf), np.inf)
    found = reference.agreement(w, b)
    assert found.ulp == pytest.approx(2)
    assert found.worst_entry_ulp == pytest.approx(2)
    assert 1e-16 < found.relative < 1e-15


# ---- frameworks that do not behave --------------------------------------------------------------


@pytest.fixture
def misbehaving(monkeypatch):
    """``misbehaving(code)``: where autograd would run, a process runs this Python instead."""
    real = process.command
    monkeypatch.setattr(records, "missing", lambda name: ())

    def use(code: str) -> None:
        def command(name: str, *requests: object, python: str | None = None) -> list[str]:
            return (
                [sys.executable, "-c", code] if name == "autograd" else real(name, *requests, python=python)
            )

        for module in (process, stages):
            monkeypatch.setattr(module, "command", command)

    return use


BUILDS = (  # and takes a first step, and builds again
    "import sys, json, os, time\n"
    "answer = {'import': 0.1, 'build': 0.1, 'seconds': 0.1, 'steps': 1, 'cores': 1.0, 'peak_rss_bytes': None}\n"
    "for _ in range(3): sys.stdin.readline(); print(json.dumps(answer), flush=True)\n"
)


@pytest.mark.parametrize(
    ("code", "starts", "status", "said"),
    [
        ("import os; os.abort()", 1, "crashed", "starting: signal SIGABRT"),
        ("import os; os.abort()", 0, "crashed", "signal SIGABRT"),
        (BUILDS + "sys.stdin.readline(); os.abort()", 0, "crashed", "watch: signal SIGABRT"),
        ("import time; time.sleep(1000)", 1, "hung", "starting: no first result after 4 s"),
        (BUILDS + "time.sleep(1000)", 0, "hung", "no answer to 'watch' after 4 s"),
        ("raise RuntimeError('no such device')", 0, "failed", "RuntimeError: no such device"),
        ("pass", 0, "crashed", "ended without an answer"),
        ("pass", 1, "crashed", "ended without an answer"),
        ("print('{}')", 0, "failed", "build: an answer that is none"),
    ],
)
def test_the_others_finish_and_the_record_says_what_happened(misbehaving, code, starts, status, said):
    misbehaving(code)
    record = compare(
        graphs.load(**SMALL),
        Plan(
            runs=("autograd", "numpy"),
            formulas=("logits",),
            steps=5,
            rounds=1,
            warm_starts=starts,
            timeout=4.0 if status == "hung" else 60.0,
        ),
    )
    bad, good = record.runs
    assert (bad.status, good.status) == (status, "finished")
    assert said in bad.happened
    assert good.steady.seconds.median > 0
    assert any(line.startswith(f"Autograd (logits) {status}") for line in record.verdicts)


def test_a_signal_that_comes_while_it_is_asked_leaves_no_clock_running(tmp_path, monkeypatch):
    """One that ran on would keep the whole program from ending until it is over."""
    started, start = [], threading.Timer.start

    def interrupted(timer):
        start(timer)
        started.append(timer)
        raise Interrupted(signal.SIGTERM)

    monkeypatch.setattr(threading.Timer, "start", interrupted)
    waiting = process.Process([sys.executable, "-c", "import sys; sys.stdin.read()"], os.environ)
    with pytest.raises(Interrupted):
        waiting.ask(Build.of("numpy", tmp_path, "logits"), 1000.0)
    waiting.close()
    started[0].join(10)
    assert not started[0].is_alive()


def test_a_hanging_process_is_ended_with_what_it_started(tmp_path):
    note = tmp_path / "child"
    code = (
        "import subprocess, sys, time; "
        f"child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)']); "
        f"open({str(note)!r}, 'w').write(str(child.pid)); time.sleep(1000)"
    )
    hanging = process.Process([sys.executable, "-c", code], os.environ)
    with pytest.raises(Failure, match="hung"):
        hanging.ask(Build.of("numpy", tmp_path, "logits"), 3.0)
    child = int(note.read_text())
    deadline = time.monotonic() + 10
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_an_error_in_counting_is_a_note_and_no_more():
    run = Run(name="numpy", title="NumPy by hand", formula="logits")
    code = 'import sys; [print(\'{"error": "IndexError: x"}\', flush=True) for line in sys.stdin]'
    with Opened(timeout=20.0) as opened:
        opened.add(run, process.Process([sys.executable, "-c", code], os.environ))
        assert opened.ask(run, Count()) is None
        assert run == msgspec.structs.replace(run, status="unfinished", notes=["count: IndexError: x"])
        assert opened.ask(run, Watch(5, each=True)) is None
        assert (run.status, run.happened) == ("failed", "watch: IndexError: x")
        assert opened.standing() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"runs": ("tensorflow",)}, "runs: found 'tensorflow'"),
        ({"runs": ()}, "runs: found none"),
        ({"runs": ("numpy", "numpy")}, "runs: found numpy, numpy; allowed: each name once"),
        ({"formulas": ("probit",)}, "formulas: found 'probit'"),
        ({"formulas": ("softplus",)}, "formulas: found softplus for numpy, none of which offers it"),
        ({"steps": 0}, "steps: found 0"),
        ({"rounds": 1.5}, "rounds: found 1.5"),
        ({"threads": 0}, "threads: found 0"),
        ({"warm_starts": -1}, "warm_starts: found -1"),
        ({"timeout": float("nan")}, "timeout: found nan"),
        ({"step_limit": 0.0}, "step_limit: found 0.0"),
        ({"steps": 10**12}, "steps: found 1000000000000, with the reference's weights"),
        ({"rounds": 10**12}, "rounds: found 1000000000000"),
        ({"threads": 10**6}, "threads: found 1000000; allowed: a whole number from 1 to 1024"),
        ({"timeout": 1e300}, r"timeout: found 1e\+300"),
        ({"sizes": ((0, 3),)}, r"sizes: found \(0, 3\)"),
        ({"sizes": ("400x784",)}, r"sizes: found \['400x784'\]"),
        ({"sizes": ((10**10, 10**10),)}, "sizes: found .*, no more than"),
        ({"sizes": ((10**7, 10**7),)}, "sizes: found 10000000x10000000, which takes .* GiB"),
        ({"interpreters": {"aesara": sys.executable}}, "python: found 'aesara'; allowed: numpy"),
        ({"interpreters": {"tensorflow": sys.executable}}, "python: found 'tensorflow'"),
        (
            {"runs": ("aesara",), "interpreters": {"aesara": "/no/such/python"}},
            "/no/such/python, which does not start",
        ),
        (
            {"runs": ("theano",), "interpreters": {"theano": sys.executable}},
            "without theano; allowed: a Python that has theano",
        ),
    ],
)
def test_bad_input_is_refused_before_anything_starts(arguments, said, monkeypatch):
    for module in (process, stages):
        monkeypatch.setattr(module, "command", lambda *rest, **more: pytest.fail("a process was started"))
    with pytest.raises(graphs.InputError, match=said):
        compare(graphs.load(**SMALL), Plan(**{"runs": ("numpy",), "steps": 20, "rounds": 2, **arguments}))


# ---- arithmetic of the record --------------------------------------------------------------------


def run_record(name: str, start: float, step: float, **more):
    return Run(
        name=name,
        title=name,
        status="finished",
        first_result={"cold": Start(2 * start, 0, 0, 0, 0), "warm": Start(start, 0, 0, 0, 0)},
        steady=Steady(Spread(step, step, step), [step, step], 1.0),
        **{"formula": "logits", **more},
    )


def test_break_even_is_where_whole_processes_take_equally_long():
    timed = [
        run_record("numpy", 1.0, 0.01),
        run_record("jax-jit", 3.0, 0.001),
        run_record("pytensor", 2.0, 0.02),
    ]
    add_break_even(timed)
    steps = timed[1].break_even["numpy"]["warm"]
    assert 1 + (steps - 1) * 0.01 >= 3 + (steps - 1) * 0.001
    assert 1 + (steps - 2) * 0.01 < 3 + (steps - 2) * 0.001
    assert timed[1].break_even["numpy"]["cold"] > steps
    assert timed[2].break_even["numpy"] == {"cold": None, "warm": None}
    assert timed[0].break_even == {}


def test_where_the_compiled_graph_loses_it_says_so():
    lines = verdicts([run_record("numpy", 1.0, 0.01), run_record("pytensor", 2.0, 0.02)], [])
    assert lines == ["pytensor (logits) loses: its compiled step takes 2 times as long as numpy."]
    assert verdicts([run_record("numpy", 1.0, 0.02), run_record("pytensor", 2.0, 0.01)], []) == []


def test_a_run_that_does_not_agree_is_named():
    bad = Agreement(relative=1e-9, ulp=1e6, worst_entry_ulp=1e6)
    lines = verdicts([run_record("torch", 1.0, 0.01, agreement=bad, formula="softplus")], [])
    assert lines[0].startswith("0 of the 1 runs")
    assert "above 20" in lines[1]


def test_python_calls_are_counted_exactly():
    def inner() -> int:
        return len("abc")

    def call() -> None:
        inner()
        inner()

    functions, builtins = count_python_calls(call)
    assert functions == 3
    assert builtins in {2, 3}  # and, on some versions, the setprofile that ends it
