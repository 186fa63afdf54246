"""Every run of every framework: right figures, known failures, untouched data."""

from __future__ import annotations

import functools
import re
import sys
import types
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import graphs
from graphs import peers
from graphs.peers import COMPARED, PEERS, in_theano
from graphs.peers.compare.reference import Reference
from graphs.peers.contract import StepCount, Training
from graphs.peers.counting import CountingArray, count_numpy
from tests.conftest import ROOT
from tests.figures import EXACT

#: Enough to show that 10,000 steps keep what 60 have; the others take a millisecond or more per step.
QUICK = ("numpy", "jax-loop", "pytensor", "pytensor-native-loop")

# PyTorch's own compiler imports a part of PyTorch that PyTorch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


def build(name: str, data: graphs.Dataset, formula: str = "logits", **kwargs: float) -> Training:
    """Build or skip, with the reason."""
    skip_without(name)
    return peers.build(name, data, formula, **kwargs)


def skip_without(name: str) -> None:
    lacking = peers.missing(name)
    if lacking:
        pytest.skip(f"{', '.join(lacking)} not installed")


SMALL = graphs.load(samples=30, features=7, seed=5)


@functools.cache
def small_reference() -> Reference:
    reference = Reference(SMALL)
    reference.advance(60)
    return reference


@dataclass
class Observed:
    """What one training of 60 steps on small data showed: compiled once, looked at by several tests."""

    first: tuple[Any, Any]
    w: np.ndarray
    b: float
    gradient: dict[str, str]
    counted: StepCount
    after_counting: np.ndarray


@functools.cache
def observed(name: str) -> Observed:
    training = peers.build(name, SMALL, "logits")
    prediction, xent = (np.asarray(value) for value in training.train())
    training.train_many(59)
    w, b = training.parameters()
    texts, counted = training.gradient(), training.count()
    training.train_many(2)
    return Observed((prediction, xent), w, b, texts, counted, training.parameters()[0])


@pytest.mark.parametrize("name", COMPARED)
def test_sixty_steps_agree_with_extended_precision(name):
    skip_without(name)
    seen = observed(name)
    prediction, xent = seen.first
    z = SMALL.x @ SMALL.initial_w
    assert prediction.dtype == bool
    assert prediction.tolist() == (z > 0).tolist()
    assert xent == pytest.approx(np.logaddexp(0, z) - SMALL.y * z, rel=1e-12)
    agreement = small_reference().agreement(seen.w, seen.b)
    assert agreement.relative < 1e-14
    assert agreement.ulp < 16  # of the largest weight; measured 3 to 5 of them


def test_a_weight_off_by_a_few_ulp_is_seen():
    """What the comparison above does not allow: 20 units in the last place of one weight among seven."""
    w, b = observed("numpy").w.copy(), observed("numpy").b
    largest = int(np.argmax(np.abs(w)))
    w[largest] += 20 * np.spacing(w[largest])
    assert small_reference().agreement(w, b).ulp > 16
    w[largest] += 1e-13 * w[largest]
    assert small_reference().agreement(w, b).relative > 1e-14


@pytest.mark.parametrize("name", QUICK)
def test_ten_thousand_steps_of_the_original_end_at_the_exact_figures(name, original):
    training = build(name, original)
    training.train_many(10_000)
    w, b = training.parameters()
    assert b == pytest.approx(EXACT[0]["b"], rel=1e-12)
    assert np.linalg.norm(w) == pytest.approx(EXACT[0]["w_norm"], rel=1e-12)
    assert w[:5] == pytest.approx(EXACT[0]["w"], rel=1e-12)


#: Step 1 of the textbook formula on the original's data: inf, nan of 400 xent; NaN of 784 weights.
AS_WRITTEN = (15, 16, 784)
FIRST_STEP = {
    "numpy": (15, 16, 0),  # derived by hand, its gradient holds neither log nor exp
    "autograd": AS_WRITTEN,
    "torch": AS_WRITTEN,
    "torch-compile": AS_WRITTEN,
    "jax": AS_WRITTEN,
    "jax-jit": AS_WRITTEN,
    "jax-loop": AS_WRITTEN,
    "pytensor-none": AS_WRITTEN,
    "pytensor-fast-compile": (15, 16, 0),
    "pytensor": (0, 0, 0),
    "pytensor-cvm": (0, 0, 0),
    "pytensor-jax": (0, 0, 0),
    "pytensor-native": (0, 0, 0),
    "pytensor-native-loop": (0, 0, 0),
    "aesara": (15, 16, 0),
}


def row_of_readme(name: str) -> str:
    """What the README's one table says of a run's textbook formula."""
    table = (ROOT / "README.md").read_text().partition("its first table -->")[2].partition("\n```\n")[0]
    return re.search(rf"^ {re.escape(PEERS[name].title)}  +(.*?)  +finite$", table, re.MULTILINE)[1]


@pytest.mark.parametrize("name", FIRST_STEP)
def test_the_textbook_formula_breaks_where_it_is_known_to(name, original):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy says so; most others do not
        training = build(name, original, "textbook")
        xent = np.asarray(training.train()[1])
        w, _ = training.parameters()
    inf, nan, lost = np.isinf(xent).sum(), np.isnan(xent).sum(), np.isnan(w).sum()
    assert (inf, nan, lost) == FIRST_STEP[name]
    shown = row_of_readme(name)
    assert ("weights NaN" in shown) == bool(lost)
    assert shown.startswith(f"{inf} inf, {nan} NaN, call" if inf else "finite")


#: One run per file and way of compiling; PyTensor's other modes compile the same graph, and slowly.
DTYPES_KEPT = (
    "numpy",
    "autograd",
    "torch",
    "jax",
    "jax-loop",
    "pytensor-fast-compile",
    "pytensor-native",
    "pytensor-jax",
)


@pytest.mark.parametrize("name", DTYPES_KEPT)
def test_the_data_stay_as_they_are_and_float32_stays_float32(name):
    data = graphs.load(samples=12, features=5, dtype="float32")
    before = data.x.copy(), data.initial_w.copy()
    training = build(name, data, learning_rate=0.5, weight_decay=0.2)
    training.train_many(3)
    training.count()
    w, _ = training.parameters()
    if name != "pytensor-jax":  # PyTensor 3.0's JAX linker makes float64 of it
        assert w.dtype == np.float32
    assert not np.array_equal(w, before[1])
    np.testing.assert_array_equal(data.x, before[0])
    np.testing.assert_array_equal(data.initial_w, before[1])


@pytest.mark.parametrize("name", COMPARED)
def test_counting_a_step_leaves_a_training_that_goes_on(name):
    skip_without(name)
    counted = observed(name).counted
    assert 1 <= counted.dispatches <= counted.ops
    assert counted.temporaries is None or counted.temporaries >= 2  # prediction and xent at the least
    assert counted.bytes is None or counted.bytes >= 30 * (8 + 1)
    after = observed(name).after_counting
    assert np.isfinite(after).all()
    assert not np.array_equal(after, observed(name).w)


def test_eager_frameworks_dispatch_every_op_and_compiled_ones_a_call():
    for name in COMPARED:
        run = PEERS[name]
        if peers.missing(name):
            continue
        dispatches = observed(name).counted.dispatches
        if name in {"numpy", "autograd", "torch", "jax"}:
            assert dispatches >= 15, run.title
        elif name in {"jax-jit", "jax-loop", "pytensor", "pytensor-jax", "pytensor-native"}:
            assert dispatches == 1, run.title


def test_jax_op_by_op_is_counted_by_its_profiler():
    skip_without("jax")
    counted = observed("jax").counted
    assert counted.how.startswith("programs that XLA ran")
    from graphs.peers import in_jax

    x = in_jax.jnp.ones(3)
    (x + 1) * 2  # compiled before it is counted

    def two() -> None:
        ((x + 1) * 2).block_until_ready()

    assert in_jax._executions(two)[0] == 2
    assert in_jax._executions(lambda: [two() for _ in range(5)])[0] == 10


def test_numpy_calls_are_counted_one_by_one():
    a, b = np.ones(10).view(CountingArray), np.ones(10).view(CountingArray)

    def step() -> None:
        product = a * b  # new
        product += a  # in place
        product.T.sum()  # a view; a sum of one number

    counted = count_numpy(step)
    assert [name for name, _ in CountingArray.noted] == ["multiply", "add", "add"]
    assert (counted.ops, counted.temporaries, counted.bytes) == (3, 2, 88)


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("numpy", "formula", ["residual @ x"]),
        ("autograd", "tape", ["%0 = w", "dot(array(30, 7), %0)", "logaddexp"]),
        ("torch", "autograd tape", ["MvBackward", "BinaryCrossEntropyWithLogitsBackward", "AccumulateGrad"]),
        ("torch-compile", "FX graph, backward", ["def forward", "aten"]),
        ("jax", "jaxpr", ["dot_general", "lambda"]),
        ("jax-jit", "optimised HLO", ["ENTRY", "fusion"]),
        ("jax-loop", "optimised HLO", ["while"]),
        ("pytensor", "graph of gw and gb", ["Softplus", "w"]),
        ("pytensor", "compiled graph", ["Dot"]),
        ("pytensor-native", "C file", ["softplus", "one_step"]),
    ],
)
def test_the_gradient_has_its_own_representation(name, kind, words):
    skip_without(name)
    text = observed(name).gradient[kind]
    for word in words:
        assert word.lower() in text.lower()


def test_pytorchs_thresholded_softplus_is_off_by_more_than_1e_12(original):
    training = build("torch", original, "softplus")
    reference = Reference(original)
    reference.advance(100)
    training.train_many(100)
    assert 1e-12 < reference.agreement(*training.parameters()).relative < 1e-6


@pytest.mark.parametrize("formula", peers.FORMULAS)
def test_the_theano_file_runs_against_its_heirs_api(formula, monkeypatch):
    """Neither Theano nor Aesara installs beside NumPy 2; PyTensor stands in under Aesara's name."""
    import pytensor

    monkeypatch.setitem(sys.modules, "aesara", pytensor)
    monkeypatch.setitem(sys.modules, "aesara.tensor", pytensor.tensor)
    training = in_theano.build(SMALL, formula, "aesara", 0.1, 0.01)
    training.train_many(60)
    assert small_reference().agreement(*training.parameters()).relative < 1e-14
    assert training.count().ops > 5
    assert "Dot" in training.gradient()["graph of gw and gb"]


def test_a_missing_framework_is_named_with_its_install_command(monkeypatch):
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *rest: None if name == "jax" else types.SimpleNamespace()
    )
    assert peers.missing("jax-jit") == ("jax",)
    assert "jax-jit" not in peers.installed()
    assert "numpy" in peers.installed()
    with pytest.raises(
        graphs.InputError, match=r"jax-jit, without jax.*pip install 'compiled-graphs\[frameworks\]'"
    ):
        peers.build("jax-jit", SMALL)


def test_bad_input_is_refused_by_name():
    with pytest.raises(graphs.InputError, match=r"framework: found 'tensorflow'.*numpy.*pytensor"):
        peers.build("tensorflow", SMALL)
    with pytest.raises(graphs.InputError, match="formula: found 'softplus'; allowed: textbook, logits"):
        peers.build("numpy", SMALL, "softplus")
    with pytest.raises(graphs.InputError, match=r"data: found namespace\(.*allowed: a Dataset"):
        peers.build("numpy", types.SimpleNamespace(x=np.ones((2, 2), int)))


def test_frameworks_are_imported_only_when_used(run_python):
    code = (
        "import sys, graphs.peers as p; p.installed(); "
        "print(*{'jax', 'torch', 'autograd', 'theano'} & sys.modules.keys())"
    )
    assert run_python("-c", code).stdout.strip() == ""


def test_the_registry_and_the_lessons_are_listed_without_numpy(run_python):
    """Names and titles are read by every ``--help``."""
    code = (
        "import sys, types; package = sys.modules['graphs'] = types.ModuleType('graphs'); "
        "package.__path__ = ['graphs']; import graphs.lessons, graphs.peers; "
        "assert len(graphs.lessons.LESSONS.summaries()) == len(graphs.lessons.LESSONS); "
        "print(*{'numpy', 'msgspec', 'rich', 'pytensor'} & sys.modules.keys())"
    )
    assert run_python("-c", code).stdout.strip() == ""
