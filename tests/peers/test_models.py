"""Models that nobody tuned: both formulas are the same function; what is timed, agrees; what is not, is named."""

from __future__ import annotations

import inspect
import io
import json

import numpy as np
import pytensor
import pytest
from rich.console import Console

from graphs.errors import InputError
from graphs.functions import resolve_mode
from graphs.listener import Listener
from graphs.peers import PEERS, Peer
from graphs.peers.benchmark import Plan
from graphs.peers.benchmark.record import ModelCell
from graphs.peers.benchmark.untuned import ASKED, apart, measure_models
from graphs.peers.benchmark.untuned_table import beside, show_models
from graphs.peers.models import MODELS
from graphs.peers.models.compiled import Compiled, in_jax, in_pytensor, named

# Sizes at which nothing takes long; no two of a model are alike, so that axes cannot be mixed up.
SMALL = {
    "softmax": {"samples": 7, "features": 4, "classes": 3},
    "logistic-float32": {"samples": 9, "features": 4},
    "ordinal": {"samples": 9, "features": 3, "classes": 4},
    "mlp-tanh": {"batch": 5, "features": 6, "hidden": 4, "classes": 3},
    "mlp-relu": {"batch": 5, "features": 6, "hidden": 4, "classes": 3},
    "poisson": {"samples": 9, "features": 3},
    "negative-binomial": {"samples": 9, "features": 3},
    "zero-inflated": {"samples": 9, "features": 3},
    "cox": {"samples": 9, "features": 3},
    "elastic-net": {"samples": 9, "features": 3},
    "student-t": {"samples": 9, "features": 3},
    "huber": {"samples": 9, "features": 3},
    "hierarchical": {"samples": 9, "groups": 4},
    "factorisation": {"ratings": 11, "users": 5, "items": 4, "rank": 3},
    "item-response": {"answers": 11, "people": 5, "items": 4},
    "mixture": {"samples": 9, "features": 2, "parts": 3},
    "gaussian-process": {"samples": 9, "features": 2},
    "convolution-1d": {"length": 20, "kernel": 5},
    "convolution-2d": {"images": 3, "side": 8, "kernels": 2, "width": 3},
    "attention": {"places": 6, "width": 4},
    "elementwise": {"numbers": 20},
    "autoregression": {"length": 20, "order": 3},
    "kalman": {"length": 6, "states": 3, "observed": 2},
    "lstm": {"length": 5, "batch": 3, "features": 2, "hidden": 4},
}


def plan(*models, peers=("pytensor-cvm", "native"), **settings):
    """Little of each, and never Numba, which compiles for many seconds."""
    quick = {"sizes": ("5x5",), "threads": (1,), "rounds": 2, "sample_seconds": 0.001, "timeout": 120.0}
    return Plan(peers=peers, models=models, measure=("models",), **{**quick, **settings})


def timed(peer, *samples, model="cox", threads=1, **settings):
    return ModelCell(peer, model, "float64", threads, samples=list(samples), **settings)


def printed(cells):
    console = Console(width=110, file=io.StringIO(), record=True)
    console.print(show_models(cells))
    return console.export_text()


def test_every_model_has_a_small_one_here():
    assert list(SMALL) == list(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_described_seeded_and_takes_what_it_has(name):
    first, second = named(name, **SMALL[name]), named(name, **SMALL[name])
    for key, value in first.arguments.items():
        np.testing.assert_array_equal(value, second.arguments[key])
    for function in (first.in_pytensor, first.in_jax):
        assert list(inspect.signature(function).parameters) == list(first.arguments)
    assert {value.dtype.name for value in first.parameters.values()} == {first.dtype}
    assert MODELS.summaries()[name].endswith((".", "?"))
    sizes = inspect.signature(MODELS.function(name)).parameters
    assert set(SMALL[name]) == set(sizes)


@pytest.mark.parametrize("name", MODELS)
def test_both_formulas_are_the_same_function(name):
    pytest.importorskip("jax", reason="an optional framework")
    model = named(name, **SMALL[name])
    arguments = list(model.arguments.values())
    plain = resolve_mode("none")
    # Nothing is compiled, inside of Ops neither; but without a compiler Scan of PyTensor 3.0 finds another cost here.
    compiler = pytensor.config.cxx if name == "kalman" else ""
    with pytensor.config.change_flags(mode=plain, linker="py", cxx=compiler):
        ours = in_pytensor(model, plain)(*arguments)
    cost, gradients = in_jax(model)(*arguments)
    theirs = [np.asarray(found) for found in (cost, *gradients)]
    assert [found.dtype.name for found in ours] == [model.dtype] * len(theirs)
    assert [found.dtype.name for found in theirs] == [model.dtype] * len(theirs)
    assert apart(ours, theirs) < (1e-4 if model.dtype == "float32" else 1e-10)
    for found in theirs[1:]:
        assert np.abs(found).max() > 0, "a parameter that nothing depends on"


def test_apart_is_on_the_scale_of_the_largest_entry_and_infinite_where_nothing_compares():
    one, nan = np.array([1.0, 100.0]), np.array([np.nan, 100.0])
    assert apart([one, np.zeros(2)], [one, np.zeros(2)]) == 0
    assert apart([one + 1], [one]) == pytest.approx(0.01)
    assert apart([one], [one, one]) == apart([one[:1]], [one]) == apart([nan], [nan]) == float("inf")


@pytest.mark.long
def test_real_workers_are_timed_in_turn_and_agree():
    found = measure_models(plan("elastic-net", "huber", threads=(1, 2)), Listener())
    assert [(cell.size, cell.threads, cell.peer) for cell in found] == [
        (model, threads, peer)
        for model in ("elastic-net", "huber")
        for threads in (1, 2)
        for peer in ("pytensor-cvm", "native")
    ]
    for cell in found:
        assert cell.status == "ok", cell
        assert len(cell.samples) == 2
        assert min(*cell.samples, cell.build, cell.first) > 0
        assert cell.deviation < 1e-8
        assert cell.dtype == "float64"
    assert not any(cell.fallback for cell in found if cell.size == "elastic-net")


def test_what_crashes_fails_or_is_missing_is_named_and_the_next_model_is_asked_anew(monkeypatch):
    monkeypatch.setitem(PEERS, "jax-jit", Peer("JAX", "x", "jit", requires=("no_such_package",)))
    monkeypatch.setitem(PEERS, "pytensor", Peer("PyTensor", "x", "no such mode"))
    asked = plan("elastic-net", "huber", peers=("pytensor", "pytensor-cvm", "jax-jit"), rounds=1)
    found = {(cell.size, cell.peer): cell for cell in measure_models(asked, Listener())}
    for model in asked.models:
        assert found[model, "pytensor"].status == "failed"
        assert "no such mode" in found[model, "pytensor"].reason
        assert found[model, "pytensor-cvm"].status == "ok"
        assert found[model, "jax-jit"].status == "missing"
        assert "pip install" in found[model, "jax-jit"].reason
    text = printed(list(found.values()))
    assert text.count("JAX missing: without no_such_package") == 1
    assert "huber, 1 thread: default failed: InputError: mode" in text


def test_a_function_that_is_not_native_says_why(monkeypatch):
    from graphs.native.linker import NativeLinker

    said = "This function runs in PyTensor's default mode: the Op Nosuch."
    assert Compiled("elastic-net", "NATIVE").fallback == ""
    monkeypatch.setattr("graphs.native.source_of", lambda function: None)
    with monkeypatch.context() as patched:
        native = NativeLinker.make_thunk

        def told(self, *args, **kwargs):
            import warnings

            from graphs.native import NotNative

            warnings.warn(said, NotNative, stacklevel=1)
            return native(self, *args, **kwargs)

        patched.setattr(NativeLinker, "make_thunk", told)
        assert Compiled("elastic-net", "NATIVE").fallback == "the Op Nosuch."


def test_ratios_are_to_the_best_of_the_others_with_as_many_threads():
    cells = [
        timed("pytensor", 4e-6, 5e-6, 6e-6, build=1.0, first=14.0),
        timed("pytensor-cvm", 2e-6, 4e-6, 6e-6, build=1.0, first=2.0),
        timed("native", 2e-6, 2e-6, 9e-6, build=0.25, first=0.25),
        timed("jax-jit", 1e-6, threads=2),
        timed("native", 3e-6, threads=2, fallback="the Op Nosuch."),
        timed("native", 1e-6, model="huber"),
    ]
    assert beside(cells, 1) == [("cox", 0.5, "CVM")]
    assert beside(cells, 2) == [("cox", 3.0, "JAX")]
    rows = [line.split() for line in printed(cells).splitlines()]
    assert ["cox", "2", "0.50", "CVM", "3", "3.00", "JAX", "0.5", "3–15", "†"] in rows
    text = printed(cells)
    assert "† cox falls back: the Op Nosuch." in text
    assert "NATIVE ÷ best of the others, 1 thread: median 0.50, worst 0.50 (cox, CVM)" in text
    assert "2 threads: median 3.00, worst 3.00 (cox, JAX)" in text
    assert "1 of 1 fall back to a mode of PyTensor's" in text


def test_a_wrong_result_has_a_distance_and_no_time():
    wrong = timed("native", deviation=0.25, build=0.1, first=0.1)
    wrong.drop("disagrees", "2.5e-01 from what default finds")
    text = printed([timed("pytensor", 1e-6), wrong])
    assert "0.2 apart" in text.replace("2e-01", "0.2")
    assert "cox, 1 thread: NATIVE disagrees: 2.5e-01 from what default finds" in text
    assert "not measured" in text


def test_names_are_checked():
    for models in (("nosuch",), ()):
        with pytest.raises(InputError, match="model: found"):
            plan(*models)
    assert set(ASKED) <= set(PEERS)


def test_the_command_times_one_model(run_script, tmp_path):
    done = run_script(
        "benchmark", "--model", "elastic-net", "--only", "pytensor-cvm,native", "--threads", "1",
        "--rounds", "2", "--json", str(tmp_path / "m.json"),
        env={"COLUMNS": "110"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "models that nobody tuned" in done.stdout
    assert "NATIVE ÷ best of the others, 1 thread: median" in done.stdout
    content = json.loads((tmp_path / "m.json").read_text())
    assert [(cell["peer"], cell["size"], cell["status"]) for cell in content["models"]] == [
        ("pytensor-cvm", "elastic-net", "ok"),
        ("native", "elastic-net", "ok"),
    ]
    assert not content["steps"]
    assert content["settings"]["measure"] == ["models"]
