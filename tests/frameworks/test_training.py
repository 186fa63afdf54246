"""Every run of every framework: right figures, known failures, untouched data."""

from __future__ import annotations

import sys
import types
import warnings

import numpy as np
import pytest

import graphs
from graphs import frameworks
from graphs.comparison.reference import Reference
from graphs.frameworks import in_theano
from graphs.frameworks.counting import CountingArray, count_numpy
from tests.figures import EXACT

#: Enough to show that 10,000 steps keep what 60 have; the others take a millisecond or more per step.
QUICK = ("numpy", "jax-loop", "pytensor")

# PyTorch's own compiler imports a part of PyTorch that PyTorch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


def build(name: str, data: graphs.Dataset, formula: str = "logits", **kwargs: float) -> frameworks.Training:
    """Build or skip, with the reason."""
    lacking = frameworks.missing(name)
    if lacking:
        pytest.skip(f"{', '.join(lacking)} not installed")
    return frameworks.build(name, data, formula, **kwargs)


@pytest.fixture(scope="module")
def small() -> graphs.Dataset:
    return graphs.load(samples=30, features=7, seed=5)


@pytest.fixture(scope="module")
def small_reference(small: graphs.Dataset) -> Reference:
    reference = Reference(small)
    reference.advance(60)
    return reference


@pytest.mark.parametrize("name", frameworks.RUNS)
def test_sixty_steps_agree_with_extended_precision(name, small, small_reference):
    training = build(name, small)
    prediction, xent = training.train()
    z = small.x @ small.initial_w
    assert np.asarray(prediction).dtype == bool
    assert np.asarray(prediction).tolist() == (z > 0).tolist()
    assert np.asarray(xent) == pytest.approx(np.logaddexp(0, z) - small.y * z, rel=1e-12)
    training.train_many(59)
    assert small_reference.agreement(*training.parameters()).relative < 1e-14


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
    "aesara": (15, 16, 0),
}


@pytest.mark.parametrize("name", FIRST_STEP)
def test_the_textbook_formula_breaks_where_it_is_known_to(name, original):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy says so; most others do not
        training = build(name, original, "textbook")
        xent = np.asarray(training.train()[1])
        w, _ = training.parameters()
    assert (np.isinf(xent).sum(), np.isnan(xent).sum(), np.isnan(w).sum()) == FIRST_STEP[name]


@pytest.mark.parametrize("name", frameworks.RUNS)
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


@pytest.mark.parametrize("name", [name for name in frameworks.RUNS if name != "pytensor-jax"])
def test_counting_a_step_leaves_a_training_that_goes_on(name, small):
    training = build(name, small)
    counted = training.count()
    assert 1 <= counted.dispatches <= counted.ops
    assert counted.temporaries is None or counted.temporaries >= 2  # prediction and xent at the least
    assert counted.bytes >= 30 * (8 + 1) or "not counted" in counted.how
    training.train_many(2)
    assert np.isfinite(training.parameters()[0]).all()


def test_eager_frameworks_dispatch_every_op_and_compiled_ones_a_call(small):
    eager = {name: build(name, small).count() for name in ("numpy", "jax")}
    assert all(counted.dispatches >= 15 for counted in eager.values())
    for name in ("jax-jit", "pytensor"):
        assert build(name, small).count().dispatches == 1


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
    ],
)
def test_the_gradient_has_its_own_representation(name, kind, words, small):
    text = build(name, small).gradient()[kind]
    for word in words:
        assert word.lower() in text.lower()


def test_pytorchs_thresholded_softplus_is_off_by_more_than_1e_12(original):
    training = build("torch", original, "softplus")
    reference = Reference(original)
    reference.advance(100)
    training.train_many(100)
    assert 1e-12 < reference.agreement(*training.parameters()).relative < 1e-6


@pytest.mark.parametrize("formula", frameworks.FORMULAS)
def test_the_theano_file_runs_against_its_heirs_api(formula, monkeypatch, small, small_reference):
    """Neither Theano nor Aesara installs beside NumPy 2; PyTensor stands in under Aesara's name."""
    import pytensor

    monkeypatch.setitem(sys.modules, "aesara", pytensor)
    monkeypatch.setitem(sys.modules, "aesara.tensor", pytensor.tensor)
    training = in_theano.build(small, formula, "aesara")
    training.train_many(60)
    assert small_reference.agreement(*training.parameters()).relative < 1e-14
    assert training.count().ops > 5
    assert "Dot" in training.gradient()["graph of gw and gb"]


def test_a_missing_framework_is_named_with_its_install_command(monkeypatch, small):
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *rest: None if name == "jax" else types.SimpleNamespace()
    )
    assert frameworks.missing("jax-jit") == ("jax",)
    assert "jax-jit" not in frameworks.installed()
    assert "numpy" in frameworks.installed()
    with pytest.raises(graphs.InputError, match=r"jax-jit, without jax.*pip install 'graphs\[frameworks\]'"):
        frameworks.build("jax-jit", small)


def test_bad_input_is_refused_by_name(small):
    with pytest.raises(graphs.InputError, match=r"framework: found 'tensorflow'.*numpy.*pytensor"):
        frameworks.build("tensorflow", small)
    with pytest.raises(graphs.InputError, match="formula: found 'softplus'; allowed: textbook, logits"):
        frameworks.build("numpy", small, "softplus")
    with pytest.raises(graphs.InputError, match="dtype int64"):
        frameworks.build("numpy", types.SimpleNamespace(x=np.ones((2, 2), int)))


def test_frameworks_are_imported_only_when_used(run_python):
    code = (
        "import sys, graphs.frameworks as f; f.installed(); "
        "print(*{'jax', 'torch', 'autograd', 'theano'} & sys.modules.keys())"
    )
    assert run_python("-c", code).stdout.strip() == ""
