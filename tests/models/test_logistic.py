"""The graph is the original's mathematics, to 50 digits, at any shape and any logit."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphs
from graphs.errors import InputError
from tests.conftest import functions


def test_variables_carry_the_originals_names():
    graph = graphs.logistic_graph(np.zeros(3))
    for name in ("x", "y", "w", "b", "p_1", "prediction", "xent", "cost"):
        assert getattr(graph, name).name == name
    assert graph.prediction.dtype == "bool"


@pytest.mark.parametrize("dtype", graphs.data.DTYPES)
@pytest.mark.parametrize("formula", graphs.models.logistic.FORMULAS)
def test_everything_has_the_dtype_asked_for(dtype, formula):
    graph = graphs.logistic_graph(np.zeros(3), formula=formula, dtype=dtype)
    updates = graphs.gradient_descent(graph.cost, [graph.w, graph.b])
    assert {v.dtype for v in (graph.p_1, graph.xent, graph.cost, *(new for _, new in updates))} == {dtype}


def test_the_initial_weights_are_copied():
    initial = np.zeros(3)
    graph = graphs.logistic_graph(initial)
    initial[:] = 7
    np.testing.assert_array_equal(graph.w.get_value(), 0)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"initial_w": [1, np.nan]}, r"initial_w: found nan at \(1,\)"),
        ({"initial_w": [1, 2j]}, "initial_w: found an array of dtype complex128"),
        ({"initial_w": [True]}, "initial_w: found an array of dtype bool"),
        ({"initial_w": ["1"]}, "initial_w"),
        ({"initial_w": [[1], [1, 2]]}, "initial_w"),
        ({"initial_w": [1e300], "dtype": "float32"}, "initial_w: found inf .* as float32 too"),
        ({"initial_b": "x"}, "initial_b: found 'x'"),
        ({"initial_b": [0.0]}, "initial_b"),
        ({"initial_b": np.inf}, "initial_b: found inf"),
        (
            {"initial_b": 1e300, "dtype": "float32"},
            "^initial_b: found inf; allowed: finite numbers, as float32 too",
        ),
        ({"weight_decay": True}, "weight_decay: found True"),
        ({"weight_decay": 1e-60, "dtype": "float32"}, "weight_decay: found 1e-60; .* float32 can hold"),
        ({"formula": "magic"}, "^formula: found 'magic'; allowed: textbook, logits"),
        ({"weight_decay": -1e-9}, "^weight_decay: found -1e-09; allowed: a finite number ≥ 0"),
        ({"weight_decay": float("nan")}, "^weight_decay: found nan"),
        ({"dtype": "int8"}, "^dtype: found 'int8'; allowed: float64, float32"),
        ({"initial_w": np.zeros((2, 2))}, "^initial_w: found an array of shape"),
        ({"initial_w": np.zeros(0)}, "^initial_w: found an array of shape"),
        (
            {"initial_w": 1.0},
            r"^initial_w: found an array of shape \(\); allowed: an array of shape \(features,\)",
        ),
    ],
)
def test_bad_arguments(arguments, names):
    with pytest.raises(InputError, match=names):
        graphs.logistic_graph(**{"initial_w": np.zeros(2), **arguments})


def exact(x, y, w, b, decay):
    """The experiment's definition in 50 digits: xent, cost, gw, gb."""
    with mpmath.workdps(50):
        x = [[mpmath.mpf(float(v)) for v in row] for row in x]
        w, b = [mpmath.mpf(float(v)) for v in w], mpmath.mpf(float(b))
        decay = mpmath.mpf(float(decay))
        z = [mpmath.fdot(row, w) + b for row in x]
        # log(1 − p_1) loses all digits where p_1 is nearly 1: 1 − p_1 is 1 / (1 + exp(z)).
        xent = [mpmath.log1p(mpmath.exp(-v if t else v)) for v, t in zip(z, y, strict=True)]
        residual = [1 / (1 + mpmath.exp(-v)) - int(t) for v, t in zip(z, y, strict=True)]
        cost = mpmath.fsum(xent) / len(y) + decay * mpmath.fsum(v * v for v in w)
        gw = [mpmath.fdot(residual, [row[j] for row in x]) / len(y) + 2 * decay * w[j] for j in range(len(w))]
        return (
            [float(v) for v in xent],
            float(cost),
            [float(v) for v in gw],
            float(mpmath.fsum(residual) / len(y)),
        )


@pytest.mark.parametrize("dtype", graphs.data.DTYPES)
@pytest.mark.parametrize("formula", [None, *graphs.models.logistic.FORMULAS])
@pytest.mark.parametrize(
    ("b", "decay"), [({}, {}), ({"initial_b": -0.75}, {"weight_decay": 0.5}), ({}, {"weight_decay": 0})]
)
def test_the_graph_is_the_definition_at_plain_logits(dtype, formula, b, decay):
    """Every Op by its own Python, nothing rewritten: what is written down is the experiment."""
    x = np.array([[0.5, -1.0], [2.0, 0.25], [-1.5, 1.0]])
    y, w = np.array([1.0, 0.0, 1.0]), np.array([0.75, -0.5])
    options = {"formula": formula} if formula else {}
    single = dtype == "float32"
    graph = graphs.logistic_graph(w, **b, **decay, **options, **({"dtype": dtype} if single else {}))
    learner = graphs.compile_functions(graph, graphs.gradient_descent(graph.cost, [graph.w, graph.b]), "none")
    assert {graph.x.dtype, graph.y.dtype, graph.w.dtype, graph.b.dtype} == {dtype}
    assert (graph.x.ndim, graph.y.ndim, graph.w.ndim, graph.b.ndim) == (2, 1, 1, 0)
    kind = np.dtype(dtype).type
    prediction, *found = learner.evaluate(x.astype(kind), y.astype(kind))
    bias = b.get("initial_b", 0.0)
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if single else {"rtol": 1e-14, "atol": 1e-15}
    for ours, exactly in zip(found, exact(x, y, w, bias, decay.get("weight_decay", 0.01)), strict=True):
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, exactly, **tolerance)
    logits = x @ w + bias
    np.testing.assert_array_equal(prediction, logits > 0)
    p_1 = graph.p_1.eval({graph.x: x.astype(kind)}, mode="FAST_COMPILE")
    np.testing.assert_allclose(p_1, 1 / (1 + np.exp(-logits)), **tolerance)


def test_at_even_odds_nothing_is_predicted_to_be_one():
    graph = graphs.logistic_graph([1.0])
    np.testing.assert_array_equal(
        graph.prediction.eval({graph.x: np.array([[0.0], [1e-9], [-1e-9]])}, mode="FAST_COMPILE"),
        [False, True, False],
    )


def test_as_written_the_textbook_formula_overflows_and_the_other_does_not():
    """The reason for the compiler's rewrites, and for the second formula."""
    far = np.array([[1000.0], [-1000.0]])
    for formula, finite in (("textbook", False), ("logits", True)):
        graph = graphs.logistic_graph([1.0], formula=formula)
        with np.errstate(all="ignore"):
            xent = graph.xent.eval({graph.x: far, graph.y: np.array([0.0, 1.0])}, mode="FAST_COMPILE")
        assert np.isfinite(xent).all() == finite
        if finite:
            np.testing.assert_array_equal(xent, [1000, 1000])


@st.composite
def problems(draw):
    """Random shapes; every sample's logit lies near one of the places where formulas break."""
    samples, features = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    w = rng.standard_normal(features)
    x = rng.standard_normal((samples, features))
    logits = np.array(
        draw(st.lists(st.sampled_from([0, 1, 40, 800, -40, -800]), min_size=samples, max_size=samples))
    )
    x += np.outer(logits - x @ w, w) / (w @ w)  # now x·w is those logits, up to rounding
    y = np.array(draw(st.lists(st.integers(0, 1), min_size=samples, max_size=samples)))
    return x, y, w, draw(st.sampled_from([0.0, -0.5]))


@pytest.mark.parametrize("formula", graphs.models.logistic.FORMULAS)
@settings(max_examples=60)
@given(problem=problems())
def test_values_and_gradients_are_exact_at_extreme_logits(formula, problem):
    x, y, w, b = problem
    learner = functions("CVM", formula)
    learner.graph.w.set_value(w)
    learner.graph.b.set_value(np.float64(b))
    _, xent, cost, gw, gb = learner.evaluate(x, y)
    want_xent, want_cost, want_gw, want_gb = exact(x, y, w, b, 0.01)
    # Rounding of a dot product: as many ulp of the largest |x|·|w| as there are terms, and of what it feeds.
    size = np.abs(x) @ np.abs(w) + abs(b)
    np.testing.assert_allclose(xent, want_xent, rtol=1e-14, atol=1e-14 * size.max() + 1e-300)
    np.testing.assert_allclose(cost, want_cost, rtol=1e-14, atol=1e-14 * size.max())
    np.testing.assert_allclose(gw, want_gw, rtol=1e-12, atol=1e-14 * (1 + np.abs(x).max()) * (1 + size.max()))
    np.testing.assert_allclose(gb, want_gb, rtol=1e-12, atol=1e-14 * (1 + size.max()))


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), samples=st.integers(1, 8), features=st.integers(1, 6))
def test_gradients_agree_with_finite_differences(seed, samples, features):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((samples, features)), rng.integers(0, 2, samples)
    parameters = rng.standard_normal(features + 1)
    learner = functions("FAST_COMPILE")

    def evaluate(point):
        learner.graph.w.set_value(point[:-1])
        learner.graph.b.set_value(np.array(point[-1]))
        return learner.evaluate(x, y)

    *_, gw, gb = evaluate(parameters)
    h = 1e-5
    differences = [
        (evaluate(parameters + h * e)[2] - evaluate(parameters - h * e)[2]) / (2 * h)
        for e in np.eye(features + 1)
    ]
    # As written, 1 − p_1 is rounded as a number near 1 is; its logarithm shows that 1 + exp(z) times as large.
    z = x @ parameters[:-1] + parameters[-1]
    rounding = np.finfo(float).eps * (1 + np.exp(z.max())) / h
    np.testing.assert_allclose([*gw, gb], differences, rtol=1e-7, atol=1e-9 + rounding)
