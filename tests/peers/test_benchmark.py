"""The benchmark: samples come in turn, peers agree or are named, losses are shown, the limit reads all."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time

import jsonschema
import numpy as np
import pytest
from rich.console import Console

from graphs.environment import stamp
from graphs.errors import InputError
from graphs.listener import Listener
from graphs.memory import memory_there
from graphs.models.logistic import logistic_graph
from graphs.models.softmax import softmax_graph
from graphs.peers import BENCHMARKED, PEERS, Peer, classifiers, in_numpy, in_numpy_gram, limit, worker
from graphs.peers.benchmark import Cell, Plan, Record, measure_processes, measure_steps, steps
from graphs.peers.benchmark import fits as fits_room
from graphs.peers.benchmark.fits import GAP, LADDER, measure_fits
from graphs.peers.benchmark.plot import draw
from graphs.peers.benchmark.problems import Problem
from graphs.peers.benchmark.record import FitCell, deviation
from graphs.peers.benchmark.table import show
from graphs.peers.benchmark.targets import targets, to_json
from graphs.peers.classifiers import FITTERS
from graphs.peers.contract import Data
from graphs.peers.process import Process, command, environment
from graphs.peers.protocol import Build, Failure, Fitted, Once
from graphs.peers.size import Size
from tests.conftest import dataset

SMALL = Size(12, 20)


def plan(*names, **settings):
    """What is asked for in these tests: next to no time."""
    quick = {"sizes": (str(SMALL),), "dtypes": ("float64",), "threads": (1,), "budget": 0, "timeout": 120.0}
    return Plan(peers=names, **{**quick, "sample_seconds": 0.001, **settings})


class Heard(Listener):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.begun: list[str] = []

    def begins(self, what):
        self.begun.append(what)


def timed(peer, *samples, size="400x784", dtype="float64", threads=1, per=1):
    return Cell(peer, size, dtype, threads, samples=list(samples), steps_per_sample=[per] * len(samples))


def record(found, processes=None, estimators=()):
    return Record(1, stamp(), Plan(sizes=("400x784",)), found, processes or {}, list(estimators))


def printed(what):
    console = Console(width=140, file=io.StringIO(), record=True)
    console.print(what)
    return console.export_text()


@pytest.fixture(scope="module")
def measured():
    """Real workers, in turn: ours in four ways, NumPy with and without Gram, and the limit."""
    heard = Heard()
    names = ["limit", "numpy", "native", "native-many", "gram", "gram-many", "numpy-gram"]
    found = measure_steps(SMALL, "float64", plan(*names, rounds=3), heard)
    return {cell.peer: cell for cell in found}, heard.begun


def test_every_peer_gives_a_sample_in_turn_and_agrees_with_numpy(measured):
    found, said = measured
    assert {peer: cell.status for peer, cell in found.items()} == dict.fromkeys(found, "ok")
    rounds = [text.split("round ")[1] for text in said if "round" in text]
    titles = [PEERS[name].title for name in found]
    assert rounds == [f"{number} of 3, {title}" for number in (1, 2, 3) for title in titles]
    for name, cell in found.items():
        assert len(cell.samples) == len(cell.steps_per_sample) == 3
        assert min(cell.samples) > 0
        assert cell.peak_rss_bytes > 10e6
        if name != "limit":
            assert cell.deviation < 1e-11


def test_gram_is_not_applied_where_it_would_lose():
    found = measure_steps(Size(20, 12), "float32", plan("gram", "numpy-gram", rounds=1), Listener())
    for cell in found:
        assert cell.status == "not applicable"
        assert cell.reason.startswith("20 samples against 12 features")


@pytest.mark.parametrize("kind", ["crash", "hang", "raise", "wrong"])
def test_one_bad_peer_does_not_stop_the_others(kind, monkeypatch, tmp_path):
    """A peer that is a real process and misbehaves for real."""
    body = {
        "crash": "os.kill(os.getpid(), 11)",
        "hang": "time.sleep(1000)",
        "raise": "raise RuntimeError('no such thing')",
        "wrong": "return Wrong()",
    }[kind]
    (tmp_path / "bad_peer.py").write_text(
        "import os, time\nimport numpy as np\n"
        "from graphs.peers.contract import Training\nclass Wrong(Training):\n"
        "    def train_many(self, steps): return None, 0\n"
        "    def parameters(self): return np.full(20, np.nan), 0.0\n"
        f"def build(data, formula, how, learning_rate, weight_decay):\n    {body}\n"
    )

    def patched(name):
        argv = command(name)
        place = f"sys.modules['graphs.peers'].__path__.append({str(tmp_path)!r})\n"
        argv[2] = argv[2].replace("from graphs.peers.worker", place + "from graphs.peers.worker")
        return argv

    monkeypatch.setitem(PEERS, "bad", Peer("Bad", "bad_peer"))
    monkeypatch.setattr("graphs.peers.benchmark.plan.BENCHMARKED", ("bad", *BENCHMARKED))
    monkeypatch.setattr(steps, "command", patched)
    began = time.monotonic()
    found = measure_steps(
        SMALL, "float64", plan("bad", "numpy", "numpy-gram", rounds=2, timeout=10.0), Listener()
    )
    by_name = {cell.peer: cell for cell in found}
    expected = {"crash": "crashed", "hang": "hung", "raise": "failed", "wrong": "disagrees"}[kind]
    assert by_name["bad"].status == expected
    assert by_name["bad"].samples == []
    assert len(by_name["numpy"].samples) == len(by_name["numpy-gram"].samples) == 2
    assert time.monotonic() - began < 60
    assert "Bad" in printed(show(record(found)))


def test_a_missing_package_is_named_with_its_command(monkeypatch):
    monkeypatch.setitem(PEERS, "numpy", Peer("NumPy by hand", "x", requires=("no_such_package",)))
    found = measure_steps(SMALL, "float64", plan("numpy", rounds=1), Listener())
    assert found[0].status == "missing"
    assert "no_such_package" in found[0].reason
    assert "pip install" in found[0].reason


def test_what_does_not_fit_into_memory_is_skipped_and_said(monkeypatch):
    monkeypatch.setattr(steps, "memory_there", lambda swap: int(2**30 * 1.3))
    names = ["limit", "numpy", "jax-loop", "native"]
    waiting = [Cell(name, "400x784", "float64", 1) for name in names]
    steps._admit(waiting, Size(400, 784), "float64")
    assert [cell.status for cell in waiting] == ["ok", "ok", "skipped", "skipped"]
    assert "1.3 GiB free" in waiting[2].reason
    huge = [Cell("limit", "4000000x784", "float64", 1)]
    steps._admit(huge, Size(4_000_000, 784), "float64")
    assert huge[0].status == "skipped"


@pytest.mark.long
def test_real_processes_cold_and_warm():
    names = ["limit", "numpy", "native-many", "gram-many", "frozen", "frozen-gram", "reproduce"]
    names.append("numpy-reproduce")
    found = measure_processes(plan(*names, process_steps=30, process_rounds=2), Listener())
    for kind, rounds in (("cold", 1), ("warm", 2)):
        assert [cell.peer for cell in found[kind]] == names[1:]
        for cell in found[kind]:
            assert cell.status == "ok", cell
            assert len(cell.samples) == rounds
            assert cell.deviation < 1e-11
            assert cell.peak_rss_bytes > 10e6


def test_a_reproduction_is_timed_whole_and_in_float64():
    names = ["reproduce", "numpy-reproduce"]
    assert not measure_steps(SMALL, "float64", plan(*names, rounds=1), Listener())
    float32 = plan(*names, dtypes=("float32",), process_steps=2, process_rounds=1)
    found = measure_processes(float32, Listener())
    assert {cell.status for cell in found["cold"] + found["warm"]} == {"not applicable"}
    processes = {"cold": [timed("numpy-reproduce", 2.0, per=10_000), timed("reproduce", 3.0, per=10_000)]}
    rows = {t.row: (t.ratio, t.hit) for t in targets([], processes)}
    assert rows["400x784: reproduce, cold"] == (1.5, False)


def test_numpys_process_pays_for_no_other_framework_nor_for_what_is_ours(tmp_path):
    worker.write_data(tmp_path, dataset())
    argv = command("numpy", Once(Build.of("numpy", tmp_path, "textbook"), 1))
    argv[2] = argv[2].replace(
        "sys.exit(main(sys.argv[2:]))",
        "main(sys.argv[2:])\n"
        "heavy = {'pytensor', 'jax', 'torch', 'numba', 'scipy', 'msgspec', 'rich', 'importlib.metadata'}\n"
        "print(sorted(heavy & set(sys.modules)))",
    )
    done = subprocess.run(argv, capture_output=True, text=True, env=environment(1, tmp_path), check=True)
    assert done.stderr.splitlines()[-1:] == ["[]"]  # the worker's output is its answers' alone


def test_frozen_processes_import_nothing_heavy_once_they_are_frozen(tmp_path):
    worker.write_data(tmp_path, dataset())
    for name in ("frozen", "frozen-gram"):
        argv = command(name, Once(Build.of(name, tmp_path, "logits"), 1))
        argv[2] = argv[2].replace(
            "sys.exit(main(sys.argv[2:]))",
            "main(sys.argv[2:])\n"
            "heavy = {'pytensor', 'jax', 'numba', 'scipy', 'rich'}\n"
            "print(sorted(heavy & set(sys.modules)))",
        )
        env = environment(1, tmp_path / name)
        said = [
            subprocess.run(argv, capture_output=True, text=True, env=env, check=True).stderr for _ in range(2)
        ]
        assert "pytensor" in said[0].splitlines()[-1]
        assert said[1].splitlines()[-1] == "[]"


def reading(x):
    return limit.build(Data(x, x[:, 0], x[0]), "logits", "", 0.1, 0.01)


def test_the_limit_reads_every_number(monkeypatch):
    for dtype in ("float64", "float32"):
        for shape in ((1, 1), (3, 21), (5, 64), (40, 33)):
            x = np.random.default_rng(0).normal(size=shape).astype(dtype)
            for threads in ("1", "2", "3"):
                monkeypatch.setenv("OMP_NUM_THREADS", threads)
                _, total = reading(x).train_many(2)
                np.testing.assert_allclose(
                    total, x.sum(), rtol=1e-4 if dtype == "float32" else 1e-10, atol=1e-4
                )


def test_without_a_compiler_the_limit_says_that_numpy_reads(monkeypatch):
    def none(text):
        raise limit.CompilerMissing("there is no C compiler")

    monkeypatch.setattr(limit, "load_text", none)
    made = reading(dataset().x)
    assert "NumPy's sum" in made.note
    np.testing.assert_allclose(made.train_many(1)[1], dataset().x.sum())


@pytest.mark.parametrize("formula", ["logits", "textbook"])
def test_gram_by_hand_is_the_same_training(formula):
    ours, plain = (file.build(dataset(), formula, "", 0.1, 0.01) for file in (in_numpy_gram, in_numpy))
    with np.errstate(all="ignore"):
        for _ in range(200):
            prediction, xent = ours.train()
            expected = plain.train()
    np.testing.assert_array_equal(prediction, expected[0])
    np.testing.assert_allclose(xent, expected[1], rtol=1e-8)
    for one, other in zip(ours.parameters(), plain.parameters(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_a_large_x_is_mapped_and_a_small_one_read(tmp_path, monkeypatch):
    x = np.random.default_rng(0).normal(size=(12, 30)).astype(np.float32)
    worker.write_data(tmp_path, Data(x, np.arange(12) % 2, x[0], 0.5))
    small = worker.read_data(tmp_path)
    assert not isinstance(small.x.base, np.memmap)
    assert small.x.ctypes.data % 64 == 0
    assert small.initial_b == 0.5
    monkeypatch.setattr(worker, "MAPPED_BYTES", 10)
    mapped = worker.read_data(tmp_path)
    assert isinstance(mapped.x.base, np.memmap)
    np.testing.assert_array_equal(small.x, mapped.x)
    assert small.x.dtype == np.float32


def test_a_worker_that_fails_to_answer_leaves_no_process(tmp_path):
    process = Process(command("numpy"), environment(1, tmp_path))
    with pytest.raises(Failure, match="failed: FileNotFoundError"):
        process.ask(Build.of("numpy", tmp_path / "nowhere", "logits"), 60)
    process.close()
    assert process._process.poll() is not None


# --- targets and the record


def test_targets_take_medians_the_best_peer_and_the_right_threads():
    found = [
        timed("numpy", 9.0, 10.0, 11.0),
        timed("numpy", 8.0, threads=2),
        timed("jax-loop", 7.0),
        timed("jax-jit", 5.0),
        timed("limit", 4.0),
        timed("limit", 1.0, threads=2),
        timed("native", 4.0, 4.8, 90.0),
        timed("native-many", 3.0, threads=2),
        timed("native", 0.1, dtype="float32"),
        timed("numpy", 100.0, size="9x9"),
        timed("native", 80.0, size="9x9", threads=2),
        timed("gram", 70.0, size="9x9"),
        timed("gram-many", 3.0),
        timed("numpy-gram", 6.0),
    ]
    by_name = {(t.row, t.against): t for t in targets(found, {})}
    single = by_name["400x784: single call, 1 thread", "NumPy"]
    assert (single.ratio, single.limit, single.hit) == (0.48, 0.48, True)
    against_jax = by_name["400x784: single call, 1 thread", "best JAX"]
    assert (against_jax.ratio, against_jax.hit) == (0.96, False)
    assert by_name["400x784: Gram state, 1 thread", "NumPy, Gram"].ratio == 0.5
    assert by_name["400x784: train_many, 2 threads", "NumPy"].ratio == 3 / 8
    assert by_name["400x784: train_many, 2 threads", "limit, 1 thread"].ratio == 3 / 4
    assert by_name["400x784: Gram state, 1 thread", "NumPy"].hit is False
    assert targets([], {})[0].hit is None
    assert by_name["9x9: best, 1–2 threads", "NumPy"].ratio == 0.7
    assert by_name["400x784: process, warm", "NumPy"].ratio is None


def test_process_targets_hold_for_the_originals_number_of_steps_only():
    for steps_taken, ratio in ((10_000, 0.5), (1000, None)):
        found = {
            "cold": [],
            "warm": [timed("numpy", 4.0, per=steps_taken), timed("native", 2.0, per=steps_taken)],
        }
        rows = {(t.row, t.against): t.ratio for t in targets([], found)}
        assert rows["400x784: process, warm", "NumPy"] == ratio


def test_a_loss_is_shown_as_a_loss():
    text = printed(show(record([timed("numpy", 1.0), timed("native", 2.0), timed("limit", 0.5)])))
    assert (
        "we lose here: native, single calls, 1 thread is slower than NumPy by hand, 1 thread (2.00 ×)" in text
    )
    assert "missed: 4.17 × that" in text
    text = printed(show(record([timed("numpy", 1.0), timed("native", 0.25), timed("limit", 0.2)])))
    assert "fastest: native, single calls" in text
    assert "we lose" not in text


SCHEMA = {
    "type": "object",
    "required": [
        "schema",
        "stamp",
        "settings",
        "steps",
        "processes",
        "estimators",
        "models",
        "meshes",
        "targets",
    ],
    "additionalProperties": False,
    "properties": {
        "schema": {"const": 1},
        "stamp": {"type": "object", "required": ["versions", "machine"]},
        "settings": {"type": "object"},
        "steps": {"type": "array", "items": {"$ref": "#/$defs/cell"}},
        "processes": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"$ref": "#/$defs/cell"}},
        },
        "estimators": {
            "type": "array",
            "items": {
                "allOf": [
                    {"$ref": "#/$defs/cell"},
                    {"required": ["penalty", "weight_decay", "tolerance", "gap", "iterations", "first"]},
                ]
            },
        },
        "models": {
            "type": "array",
            "items": {"allOf": [{"$ref": "#/$defs/cell"}, {"required": ["first", "fallback"]}]},
        },
        "meshes": {
            "type": "array",
            "items": {
                "allOf": [
                    {"$ref": "#/$defs/cell"},
                    {"required": ["processes", "exchanged_bytes", "exchange"]},
                ]
            },
        },
        "targets": {"type": "array", "items": {"required": ["row", "against", "limit", "ratio", "hit"]}},
    },
    "$defs": {
        "cell": {
            "required": [
                "peer",
                "size",
                "dtype",
                "threads",
                "status",
                "reason",
                "samples",
                "steps_per_sample",
            ],
            "properties": {
                "status": {
                    "enum": [
                        "ok",
                        "missing",
                        "skipped",
                        "not applicable",
                        "failed",
                        "crashed",
                        "hung",
                        "disagrees",
                        "not reached",
                    ]
                },
                "samples": {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}},
            },
        }
    },
}


# --- classifiers


def fitted(name, *samples, problem="30x3x2", penalty="0.01", **settings):
    return FitCell(
        name,
        problem,
        "float64",
        1,
        samples=list(samples),
        steps_per_sample=[1] * len(samples),
        penalty=penalty,
        **settings,
    )


@pytest.fixture(scope="module")
def fits():
    """Real workers, in turn: ours and scikit-learn's, on three classes."""
    pytest.importorskip("sklearn")
    heard = Heard()
    small = plan("numpy", measure=("estimators",), problems=("60x3x3",), penalties=("0.01",), rounds=3)
    return measure_fits(small, heard), heard.begun


def test_every_classifier_comes_to_the_same_cost_and_is_timed_in_turn(fits):
    found, said = fits
    assert [cell.peer for cell in found] == [*FITTERS]
    for cell in found:
        assert cell.status == "ok", cell
        assert len(cell.samples) == 3
        assert min(*cell.samples, cell.first, cell.build) > 0
        assert cell.gap <= GAP
        assert cell.tolerance in LADDER
        assert cell.iterations > 0
    titles = [fitter.title for fitter in FITTERS.values()]
    rounds = [text.split("60x3x3, 0.01: round ")[1] for text in said if "60x3x3, 0.01: round" in text]
    assert rounds == [f"{number} of 3, {title}" for number in (1, 2, 3) for title in titles]


def test_a_fit_is_timed_warm_and_its_first_shown(fits):
    ours = [cell for cell in fits[0] if FITTERS[cell.peer].ours]
    for cell in ours:  # rewriting the graph takes tens of milliseconds, a fit so small one or two
        assert cell.first > 3 * cell.spread.median


@pytest.mark.long
def test_the_cost_is_that_of_the_models():
    x, y = Problem.of("50x4x3").draw()
    stream = np.random.default_rng(0)
    coef, intercept = stream.normal(size=(3, 4)), stream.normal(size=3)
    graph = softmax_graph(coef.T, intercept, weight_decay=0.2)
    assert classifiers.cost(x, y, coef, intercept, 0.2) == pytest.approx(
        graph.cost.eval({graph.x: x, graph.y: y})
    )
    graph = logistic_graph(coef[0], 0.5, formula="logits", weight_decay=0.2)
    found = classifiers.cost(x, y % 2, coef[:1], np.array([0.5]), 0.2)
    assert found == pytest.approx(graph.cost.eval({graph.x: x, graph.y: y % 2.0}))


def test_the_loosest_tolerance_that_is_enough_is_taken_or_none():
    def asked(costs):
        asks = iter(costs)
        return lambda cell, tolerance: Fitted(0.1, 0.2, 1, next(asks), 7)

    cell = fitted("lbfgs")
    fits_room._choose(cell, asked([3.0, 2.0 + 3e-6, 2.0 + 1e-6, 2.0]), 2.0)
    assert (cell.status, cell.tolerance, cell.iterations) == ("ok", LADDER[2], 7)
    assert cell.gap == pytest.approx(5e-7)
    cell = fitted("sklearn-saga")
    fits_room._choose(cell, asked([2.5] * len(LADDER)), 2.0)
    assert (cell.status, cell.reason) == (
        "not reached",
        "2.5e-01 above the optimum after 7 iterations, 0.2 s",
    )
    assert not cell.stands


def test_problems_and_penalties():
    assert Problem.of("digits") == ("digits", 1797, 64, 10)
    problem = Problem.of("40x3x5")
    x, y = problem.draw()
    assert x.shape == (40, 3)
    assert set(y) == set(range(5))
    assert problem.weight_decay("0.25") == 0.25
    assert problem.weight_decay("C=2") == 1 / (2 * 2 * 40)
    for text in ("40x3", "40x3x1", "40x0x2", "0x3x2", "iris", 5, "4²x3x2"):
        with pytest.raises(InputError, match="problems"):
            plan("numpy", problems=(text,))
    for text in ("-1", "0", "C=0", "C", "λ"):
        with pytest.raises(InputError, match="penalties"):
            plan("numpy", penalties=(text,))


def test_without_scikit_learn_the_fits_are_missing_and_said(monkeypatch):
    monkeypatch.setattr("graphs.peers.benchmark.fits.find_spec", lambda name: None)
    found = measure_fits(plan("numpy", problems=("30x3x2",), penalties=("0.01",)), Listener())
    assert {cell.status for cell in found} == {"missing"}
    text = printed(show(record([], estimators=found)))
    assert found[0].reason == "without scikit-learn: pip install 'compiled-graphs[estimators]'"
    # in lines of their own: at 80 columns a table has no room for them
    assert "missing: without scikit-learn: pip install 'compiled-graphs" in text
    assert "nothing of ours ran here" in text


def test_a_lost_fit_is_shown_as_lost():
    lost = [fitted("lbfgs", 3e-3), fitted("newton", 2e-3), fitted("sklearn-lbfgs", 1e-3)]
    won = [fitted("newton", 1e-3, problem="9x9x9"), fitted("sklearn-sag", 4e-3, problem="9x9x9")]
    text = printed(show(record([], estimators=[*lost, *won])))
    assert "we lose here: LogisticClassifier newton is slower than scikit-learn lbfgs (2.00 ×)" in text
    assert "fastest: LogisticClassifier newton" in text
    assert "9 × 9 × 9, λ = 0: fits to 1e-06 above the optimum, 1 thread" in text
    rows = [line.split() for line in text.splitlines()]
    headings = next(row for row in rows if "gap" in row)
    assert headings == ["ms", "quartiles", "ratio", "first", "iterations", "gap"]
    assert ["LogisticClassifier", "newton", "1", "1", "–", "1", "0.25", "0"] in rows


def test_the_json_holds_every_sample(measured):
    bad = Cell("autograd", "12x20", "float64", 1, deviation=float("inf"))
    bad.drop("disagrees", "w and b deviate from NumPy's by inf")
    fits = [fitted("lbfgs", 1.0, gap=1e-7), fitted("sklearn-saga")]
    content = json.loads(to_json(record([*measured[0].values(), bad], {"cold": [timed("numpy", 1.0)]}, fits)))
    jsonschema.validate(content, SCHEMA)
    assert [len(cell["samples"]) for cell in content["steps"]] == [3] * 7 + [0]


def test_the_picture_has_a_line_for_each_peer():
    found = [
        timed(name, factor * size, 1.1 * factor * size, size=f"{size}x784", threads=threads)
        for size in (400, 4000)
        for threads in (1, 2)
        for name, factor in (("limit", 1e-7), ("numpy", 3e-7), ("native", 1.5e-7))
    ]
    png = draw(record(found))
    assert png.startswith(b"\x89PNG")
    assert len(png) > 20_000
    assert draw(record([])).startswith(b"\x89PNG")


def test_deviation_counts_nan_as_infinite():
    assert deviation([1.0, float("nan")], [1.0, 2.0]) == float("inf")
    assert deviation([1.0, 2.0], [1.0, 2.0]) == 0
    assert deviation([1.0], None) is None


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_peak_memory_is_this_processs_own():
    before = worker.peak_rss()
    block = np.ones(int(2e7))
    assert worker.peak_rss() >= max(before, block.nbytes)
    assert memory_there() > 0
