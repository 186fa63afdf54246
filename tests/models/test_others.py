"""The other models against what knows nothing of them: mpmath, SciPy, scikit-learn, NumPy by hand."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy import special
from scipy.integrate import solve_ivp
from scipy.optimize import approx_fprime, curve_fit

import graphs
from graphs.errors import InputError
from graphs.functions import compile_functions, compile_objective, compile_outputs
from graphs.models import (
    SIGMOIDS,
    cross_entropy_graph,
    curve_graph,
    growth_graph,
    likelihood_graph,
    linear_graph,
    sigmoid_graph,
    softmax_graph,
)
from graphs.solving import minimize
from graphs.updates import gradient_descent

MODES = [pytest.param("CVM", marks=pytest.mark.long), "NATIVE"]
Z = np.array([-30.0, -5.0, -0.3, 0.0, 0.3, 5.0, 30.0])


@pytest.mark.parametrize("mode", MODES)
def test_the_logistic_function_to_fifty_digits(mode):
    graph = sigmoid_graph()
    outputs = [graph.p, graph.slope, graph.rule, graph.mirrored, graph.odds]
    found = np.stack(compile_outputs([graph.z], outputs, mode)(Z))
    with mpmath.workdps(50):
        p = [1 / (1 + mpmath.exp(-mpmath.mpf(z))) for z in Z]
        exact = [
            p,
            [v * (1 - v) for v in p],
            [v * (1 - v) for v in p],
            p,
            [mpmath.exp(mpmath.mpf(z)) for z in Z],
        ]
        exact = np.array([[float(v) for v in row] for row in exact])
    np.testing.assert_allclose(found[:2], exact[:2], rtol=1e-14)
    np.testing.assert_allclose(found[2:4], exact[2:4], rtol=0, atol=1e-15)
    near = np.abs(Z) < 10  # further out 1 − p has lost digits, where it is computed as written
    np.testing.assert_allclose(found[4, near], exact[4, near], rtol=1e-11)


def test_the_sigmoids_are_scipys():
    graph = sigmoid_graph()
    curves = [of(graph.z) for of in SIGMOIDS.values()]
    found = compile_outputs([graph.z], curves, "FAST_COMPILE")(Z)
    half = np.sqrt(np.pi) / 2
    exact = [
        special.erf(half * Z),
        np.tanh(Z),
        2 * special.expit(2 * Z) - 1,
        Z / np.hypot(1, Z),
        2 / np.pi * np.arctan(np.pi / 2 * Z),
        Z / (1 + np.abs(Z)),
    ]
    for curve, of_scipy in zip(found, exact, strict=True):
        np.testing.assert_allclose(curve, of_scipy, rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("mode", MODES)
def test_growth_solves_its_differential_equation(mode):
    graph = growth_graph(665.0, 0.54, 7.5)
    t = np.linspace(0, 18, 50)
    curve, slope, rule = compile_outputs([graph.x], [graph.curve, graph.slope, graph.rule], mode)(t)
    solved = solve_ivp(
        lambda _, p: 0.54 * p * (1 - p / 665), (0, 18), [curve[0]], t_eval=t, rtol=1e-11, atol=1e-9
    )
    np.testing.assert_allclose(curve, solved.y[0], rtol=1e-8)
    np.testing.assert_allclose(slope, rule, rtol=1e-13)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_clipping_flattens_and_the_stable_form_does_not(mode, dtype):
    epsilon = 1e-3
    graph = cross_entropy_graph(epsilon, dtype=dtype)
    outputs = [graph.clipped, graph.stable, graph.clipped_slope, graph.stable_slope]
    z = np.array([-50, -7, -2, 0, 2, 7, 50], dtype)
    for y in (0.0, 1.0):
        clipped, stable, clipped_slope, stable_slope = compile_outputs([graph.z, graph.y], outputs, mode)(
            z, np.full_like(z, y)
        )
        assert {v.dtype for v in (clipped, stable, clipped_slope, stable_slope)} == {np.dtype(dtype)}
        p = special.expit(z.astype("float64"))
        bound = np.clip(p, epsilon, 1 - epsilon)
        rtol = 1e-5 if dtype == "float32" else 1e-12
        np.testing.assert_allclose(clipped, -np.log(bound if y else 1 - bound), rtol=10 * rtol)
        np.testing.assert_allclose(stable, np.logaddexp(0, -z if y else z), rtol=rtol)
        np.testing.assert_allclose(stable_slope, p - y, rtol=rtol, atol=rtol)
        inside = (p > epsilon) & (p < 1 - epsilon)
        np.testing.assert_allclose(clipped_slope[inside], (p - y)[inside], rtol=10 * rtol)
        assert not clipped_slope[~inside].any()


@pytest.mark.parametrize("epsilon", [0.0, 0.5, -1.0, float("nan"), 1e-20])
def test_a_clip_that_clips_nothing_is_refused(epsilon):
    with pytest.raises(InputError, match=r"^epsilon: found"):
        cross_entropy_graph(epsilon)


@pytest.mark.parametrize("mode", MODES)
def test_the_gradient_of_the_log_likelihood_is_known(mode):
    data = graphs.load("plane")
    y = data.y.astype(float)
    graph = likelihood_graph(np.array([0.3, -2.0]), 0.5)
    found, gw, by_hand = compile_outputs(
        [graph.x, graph.y], [graph.log_likelihood, graph.gw, graph.by_hand], mode
    )(data.x, y)

    def by_scipy(w):
        z = data.x @ w + 0.5
        return float(np.sum(y * special.log_expit(z) + (1 - y) * special.log_expit(-z)))

    w = np.array([0.3, -2.0])
    assert found == pytest.approx(by_scipy(w), rel=1e-13)
    np.testing.assert_allclose(gw, by_hand, rtol=1e-12)
    np.testing.assert_allclose(gw, approx_fprime(w, by_scipy, 1e-6), rtol=1e-4)
    # Where the original's formula overflows, at z far beyond 37: the rewrites repair the gradient too.
    far = compile_outputs([graph.x, graph.y, graph.w], [graph.gw], mode)(data.x, y, np.array([300.0, 500.0]))
    assert np.isfinite(far).all()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("formula", ["logits", "textbook"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_softmax_regression_by_hand(mode, formula, dtype):
    stream = np.random.RandomState(1)
    w, b, x, y = (
        stream.randn(5, 4),
        stream.randn(4),
        stream.randn(30, 5).astype(dtype),
        stream.randint(4, size=30),
    )
    graph = softmax_graph(w, b, formula=formula, weight_decay=0.03, dtype=dtype)
    functions = compile_functions(graph, gradient_descent(graph.cost, [graph.w, graph.b], 0.2), mode)
    prediction, xent, cost, gw, gb = functions.evaluate(x, y)
    z = x @ w + b
    log_p = special.log_softmax(z, axis=1)
    residual = (special.softmax(z, axis=1) - np.eye(4)[y]) / 30
    rtol = 2e-5 if dtype == "float32" else 1e-12
    np.testing.assert_array_equal(prediction, z.argmax(axis=1))
    np.testing.assert_allclose(xent, -log_p[np.arange(30), y], rtol=rtol)
    np.testing.assert_allclose(cost, xent.mean() + 0.03 * (w**2).sum(), rtol=rtol)
    np.testing.assert_allclose(gw, x.T @ residual + 0.06 * w, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(gb, residual.sum(axis=0), rtol=rtol, atol=rtol)
    functions.train(x, y)
    np.testing.assert_allclose(functions.read()["w"], w - 0.2 * gw, rtol=rtol, atol=rtol)
    assert {v.dtype for v in (xent, cost, gw, gb)} == {np.dtype(dtype)}


@pytest.mark.parametrize("mode", MODES)
def test_only_the_logits_keep_the_gradient_of_far_softmax_finite(mode):
    """The rewrites repair the textbook's softmax, and not its gradient."""
    x, y, w = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([1, 2]), np.array([[900.0, 0, -900], [0, 800, 5]])
    finite = {}
    for formula in ("logits", "textbook"):
        graph = softmax_graph(w, np.zeros(3), formula=formula)
        outputs = compile_functions(graph, gradient_descent(graph.cost, [graph.w]), mode).evaluate(x, y)
        finite[formula] = [bool(np.isfinite(each).all()) for each in outputs[1:]]
    assert finite == {"logits": [True] * 4, "textbook": [True, True, False, False]}


def test_two_classes_are_the_binary_model():
    sklearn = pytest.importorskip("sklearn.linear_model")
    data = graphs.load("plane")
    graph = softmax_graph(np.zeros((2, 2)), np.zeros(2), weight_decay=0.02)
    objective = compile_objective(graph.cost, [graph.w, graph.b], [graph.x, graph.y], "FAST_COMPILE")
    found = minimize(objective, (data.x, data.y), tolerance=1e-10).parameters
    p = special.softmax(data.x @ found["w"] + found["b"], axis=1)[:, 1]
    # λ = 0.01 of the binary model; scikit-learn's C weighs the sum of cross-entropies against ½‖w‖².
    theirs = sklearn.LogisticRegression(C=1 / (2 * 0.01 * 100), tol=1e-12, max_iter=1000).fit(data.x, data.y)
    np.testing.assert_allclose(p, theirs.predict_proba(data.x)[:, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"initial_w": np.zeros((3, 1))}, "initial_w: found weights of 1 class"),
        ({"initial_w": np.zeros(3)}, "initial_w: found an array of shape"),
        ({"initial_b": np.zeros(3)}, "initial_b: found an array of shape"),
        ({"formula": "x"}, "formula: found 'x'; allowed: textbook, logits"),
        ({"weight_decay": -1}, "weight_decay"),
        ({"dtype": "int8"}, "dtype"),
    ],
)
def test_what_is_no_softmax_model_is_refused(arguments, said):
    with pytest.raises(InputError, match=said):
        softmax_graph(**{"initial_w": np.zeros((3, 2)), "initial_b": np.zeros(2), **arguments})


@pytest.mark.parametrize("mode", MODES)
def test_the_linear_fit_is_numpys(mode):
    stream = np.random.RandomState(0)
    x, y = stream.randn(40, 3), stream.randn(40)
    graph = linear_graph(np.zeros(3))
    objective = compile_objective(graph.cost, graph.parameters, [graph.x, graph.y], mode)
    found = minimize(objective, (x, y), tolerance=1e-12)
    exact, *_ = np.linalg.lstsq(np.column_stack([x, np.ones(40)]), y, rcond=None)
    np.testing.assert_allclose(found.point, exact, atol=1e-10)


@pytest.mark.parametrize("mode", MODES)
def test_the_four_parameter_curve_and_its_jacobian(mode):
    x, y = np.linspace(0.5, 20, 9), np.zeros(9)
    parameters = np.array([0.5, 2.5, 8.0, 7.3])
    graph = curve_graph(parameters)
    residuals, matrix = compile_outputs([graph.x, graph.y], [graph.residuals, graph.jacobian], mode)(x, y)

    def curve(p):
        a, b, c, d = p
        return (a - d) / (1 + (x / c) ** b) + d

    np.testing.assert_allclose(residuals, curve(parameters), rtol=1e-14)
    differences = [(curve(parameters + h) - curve(parameters - h)) / 2e-6 for h in 1e-6 * np.eye(4)]
    np.testing.assert_allclose(matrix, np.stack(differences, axis=1), atol=1e-8)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: curve_graph([0, 1, 0, 1]), "initial: found C = 0; allowed: C > 0"),
        (lambda: curve_graph([0, 1, 1]), "initial: found an array of shape"),
        (lambda: curve_graph([0, 1, np.nan, 1]), "initial: found nan"),
        (lambda: growth_graph(-1, 1, 0), "capacity: found -1"),
        (lambda: growth_graph(1, 0, 0), "rate: found 0"),
        (lambda: growth_graph(1, 1, np.inf), "midpoint: found inf"),
        (lambda: linear_graph([[0.0]]), "initial_w"),
        (lambda: linear_graph([0.0], "x"), "initial_b"),
        (lambda: likelihood_graph([np.nan]), "initial_w: found nan"),
        (lambda: sigmoid_graph(dtype="int8"), "dtype"),
    ],
)
def test_bad_parameters_are_refused_by_name(make, said):
    with pytest.raises(InputError, match=said):
        make()


def test_scipy_fits_the_same_curves():
    from graphs.examples.curve import fit_curve
    from graphs.examples.growth import fit_growth

    data = graphs.measurements("response")
    _, found = fit_curve(data.x, data.y)
    theirs, _ = curve_fit(
        lambda x, a, b, c, d: (a - d) / (1 + (x / c) ** b) + d, data.x, data.y, p0=[0.5, 2, 8, 7], xtol=1e-12
    )
    np.testing.assert_allclose(found.point, theirs, rtol=1e-6)
    data = graphs.measurements("yeast")
    _, found = fit_growth(data.x, data.y)
    theirs, _ = curve_fit(
        lambda t, k, r, t_0: k * special.expit(r * (t - t_0)), data.x, data.y, p0=[600, 0.5, 8], xtol=1e-12
    )
    np.testing.assert_allclose(found.point, theirs, rtol=1e-6)


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        ([0.0, 1, 2, 3, 4], [1.0] * 5, "x: found 0 in sample 0; allowed: doses above 0"),
        ([1.0, 2, -3, 4, 5], [1.0] * 5, "x: found -3 in sample 2"),
        ([1.0, 2, 3], [1.0, 2, 3], "data: found 3 points for 4 parameters; allowed: at least 4 points"),
        ([1.0, 2, 3, np.nan], [1.0] * 4, "x: found nan"),
        ([1.0, 2, 3, 4], [1.0, 2, np.inf, 3], "y: found inf"),
        ([1.0, 2, 3, 4], [1.0, 2, 3], "y: found an array of shape"),
    ],
)
def test_points_to_which_no_curve_can_be_fitted(x, y, said):
    from graphs.examples.curve import fit_curve

    with pytest.raises(InputError, match=said):
        fit_curve(x, y)


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        ([0.0, 1, 2], [1.0, -2, 3], "y: found -2 in sample 1; allowed: populations above 0"),
        ([1.0, 1, 1], [1.0, 2, 3], "x: found 3 times, all 1"),
        ([0.0, 1], [1.0, 2], "data: found 2 points for 3 parameters"),
    ],
)
def test_populations_that_do_not_grow(x, y, said):
    from graphs.examples.growth import fit_growth

    with pytest.raises(InputError, match=said):
        fit_growth(x, y)
