"""Scan: recurrences, solvers, filters, and their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.scan import until

from tests.inspection.corpus.graph import Graph, by_name


def scan(*arguments: Any, **named: Any) -> Any:
    return pytensor.scan(*arguments, return_updates=False, **named)


def fibonacci() -> Graph:
    """Two taps, integers, a symbolic number of steps."""
    n = pt.lscalar("n")
    start = pt.as_tensor(np.array([1, 1]))
    numbers = scan(
        lambda a, b: a + b, outputs_info=[{"initial": start, "taps": [-2, -1]}], n_steps=n, name="fibonacci"
    )
    return Graph([n], [numbers], [], [10])


def power_of_a_vector() -> Graph:
    """The documentation's first Scan: A to the k by repeated products."""
    k, a = pt.lscalar("k"), pt.dvector("a")
    powers = scan(lambda before, a: before * a, outputs_info=pt.ones_like(a), non_sequences=a, n_steps=k)
    return Graph([a, k], powers[-1], [], [np.arange(10.0), 2])


def polynomial_by_terms() -> Graph:
    """The documentation's polynomial: two sequences, no state."""
    c, x = pt.dvector("coefficients"), pt.dscalar("x")
    terms = scan(lambda c, k, x: c * x**k, sequences=[c, pt.arange(10_000)], non_sequences=x)
    return Graph([c, x], [terms.sum(), terms], [], [np.array([1.0, 0.0, 2.0]), 3.0])


def power_iteration() -> Graph:
    """The largest eigenvalue, normalised at every step."""
    a = pt.dmatrix("a")

    def step(v: Any, a: Any) -> Any:
        w = a @ v
        return w / pt.sqrt((w**2).sum())

    vectors = scan(step, outputs_info=pt.ones(4), non_sequences=a, n_steps=12)
    v = vectors[-1]
    return Graph([a], [v @ a @ v, v], [], [np.diag([4.0, 1.0, 2.0, 0.5]) + 0.1])


def recurrent_network() -> Graph:
    """An Elman network over a sequence, its loss, and the gradient by every weight, as updates."""
    random = np.random.default_rng(2)
    xs, target = pt.dmatrix("xs"), pt.dvector("target")
    w_in = pytensor.shared(random.normal(size=(2, 3)), name="w_in")
    w = pytensor.shared(random.normal(size=(3, 3)) * 0.5, name="w")
    w_out = pytensor.shared(random.normal(size=3), name="w_out")

    def step(x: Any, h: Any, w_in: Any, w: Any) -> Any:
        return pt.tanh(x @ w_in + h @ w)

    hidden = scan(step, sequences=xs, outputs_info=pt.zeros(3), non_sequences=[w_in, w], strict=True)
    loss = ((hidden @ w_out - target) ** 2).mean()
    weights = [w_in, w, w_out]
    updates = [
        (weight, weight - 0.05 * slope) for weight, slope in zip(weights, pt.grad(loss, weights), strict=True)
    ]
    return Graph([xs, target], [loss], updates, [random.normal(size=(5, 2)), random.normal(size=5)])


def kalman_filter() -> Graph:
    """Several states at once: mean, covariance, and the log-likelihood of every observation."""
    random = np.random.default_rng(3)
    ys, q, r = pt.dvector("ys"), pt.dscalar("q"), pt.dscalar("r")
    f = pt.as_tensor(np.array([[1.0, 1.0], [0.0, 1.0]]))
    h = pt.as_tensor(np.array([1.0, 0.0]))

    def step(y: Any, m: Any, p: Any, q: Any, r: Any) -> Any:
        m, p = f @ m, f @ p @ f.T + q * pt.eye(2)
        s = h @ p @ h + r
        gain = p @ h / s
        error = y - h @ m
        likelihood = -0.5 * (pt.log(2 * np.pi * s) + error**2 / s)
        return m + gain * error, p - pt.outer(gain, h @ p), likelihood

    m, p, likelihood = scan(
        step, sequences=ys, outputs_info=[pt.zeros(2), pt.eye(2), None], non_sequences=[q, r]
    )
    total = likelihood.sum()
    return Graph(
        [ys, q, r],
        [total, m, p[-1], *pt.grad(total, [q, r])],
        [],
        [random.normal(size=6).cumsum(), 0.1, 0.5],
    )


def runge_kutta_gradient() -> Graph:
    """A predator-prey model solved by the classical method, and the loss's gradient by its parameters."""
    theta = pt.dvector("theta")
    observed = pt.dmatrix("observed")

    def slope(y: Any, theta: Any) -> Any:
        return pt.stack([theta[0] * y[0] - theta[1] * y[0] * y[1], theta[2] * y[0] * y[1] - theta[3] * y[1]])

    def step(y: Any, theta: Any) -> Any:
        h = 0.1
        k1 = slope(y, theta)
        k2 = slope(y + h / 2 * k1, theta)
        k3 = slope(y + h / 2 * k2, theta)
        k4 = slope(y + h * k3, theta)
        return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    path = scan(step, outputs_info=pt.as_tensor([1.0, 0.5]), non_sequences=theta, n_steps=5)
    loss = ((path - observed) ** 2).sum()
    return Graph(
        [theta, observed],
        [loss, pt.grad(loss, theta)],
        [],
        [np.array([1.1, 0.4, 0.1, 0.4]), np.ones((5, 2))],
    )


def loop_in_a_loop() -> Graph:
    """A Scan over rows whose step is a Scan over entries."""
    x = pt.dmatrix("x")

    def row(r: Any) -> Any:
        return scan(lambda e, a: a + e**2, sequences=r, outputs_info=pt.zeros(()))[-1]

    return Graph([x], scan(row, sequences=x), [], [np.random.default_rng(0).normal(size=(4, 5))])


def gradient_of_a_loop_in_a_loop() -> Graph:
    """Outer and inner recurrence depend on each other."""
    x = pt.dvector("x")

    def outer(e: Any, total: Any) -> Any:
        inner = scan(lambda s, e: s * 0.5 + pt.sin(e), outputs_info=total, non_sequences=e, n_steps=3)
        return inner[-1]

    last = scan(outer, sequences=x, outputs_info=pt.zeros(()))[-1]
    return Graph([x], [last, pt.grad(last, x)], [], [np.array([0.1, 0.7, -1.2])])


def moving_average_by_taps() -> Graph:
    """A sequence read at three places at once."""
    x = pt.dvector("x")
    smooth = scan(
        lambda before, now, after: (before + now + after) / 3,
        sequences={"input": x, "taps": [-1, 0, 1]},
    )
    return Graph([x], smooth, [], [np.arange(8.0) ** 2])


def autoregression_of_order_two() -> Graph:
    """A state read two steps back, with noise as a sequence, and its gradient."""
    noise, a, b = pt.dvector("noise"), pt.dscalar("a"), pt.dscalar("b")
    path = scan(
        lambda e, before, last, a, b: a * last + b * before + e,
        sequences=noise,
        outputs_info={"initial": pt.zeros(2), "taps": [-2, -1]},
        non_sequences=[a, b],  # two scalars: with one vector PyTensor 3.0's FAST_COMPILE reads freed memory
    )
    cost = (path**2).mean()
    values = [np.random.default_rng(4).normal(size=7), 0.5, -0.2]
    return Graph([noise, a, b], [path, *pt.grad(cost, [a, b])], [], values)


def newton_until_converged() -> Graph:
    """A loop that ends when it has converged, and says how many steps it took."""
    a = pt.dscalar("a")

    def step(x: Any, a: Any) -> Any:
        new = 0.5 * (x + a / x)
        return new, until(abs(new - x) < 1e-12)

    guesses = scan(step, outputs_info=a, non_sequences=a, n_steps=50)
    return Graph([a], [guesses[-1], guesses.shape[0]], [], [7.0])


def doubling_until_large() -> Graph:
    """The documentation's until: powers of two below a limit, from the first to the last."""
    limit = pt.dscalar("limit")
    values = scan(
        lambda before, limit: (before * 2, until(before * 2 > limit)),
        outputs_info=pt.constant(1.0),
        non_sequences=limit,
        n_steps=1024,
    )
    return Graph([limit], values, [], [45.0])


def backwards_over_a_sequence() -> Graph:
    """Discounted returns, from the last reward to the first."""
    rewards = pt.dvector("rewards")
    returns = scan(lambda r, g: r + 0.9 * g, sequences=rewards, outputs_info=pt.zeros(()), go_backwards=True)
    return Graph([rewards], returns[::-1], [], [np.array([1.0, 0.0, 0.0, 5.0, -1.0])])


def forward_algorithm_of_a_hidden_markov_model() -> Graph:
    """In logarithms, with a logsumexp at every step; a symbolic number of observations."""
    random = np.random.default_rng(5)
    emissions, transition = pt.dmatrix("emissions"), pt.dmatrix("transition")

    def step(e: Any, alpha: Any, transition: Any) -> Any:
        return e + pt.logsumexp(alpha[:, None] + transition, axis=0)

    alphas = scan(
        step, sequences=emissions[1:], outputs_info=emissions[0] - np.log(3), non_sequences=transition
    )
    likelihood = pt.logsumexp(alphas[-1])
    values = [-random.exponential(size=(6, 3)), np.log(random.dirichlet(np.ones(3), size=3))]
    return Graph([emissions, transition], [likelihood, pt.grad(likelihood, transition)], [], values)


def mapped_and_reduced() -> Graph:
    """``pytensor.map`` and ``pytensor.reduce`` as the documentation has them."""
    x = pt.dmatrix("x")
    from pytensor.scan import map as scan_map
    from pytensor.scan import reduce as scan_reduce

    squares = scan_map(lambda row: pt.sqrt((row**2).sum()), x, return_updates=False)
    total = scan_reduce(lambda row, total: total + row, x, pt.zeros(3), return_updates=False)
    return Graph([x], [squares, total], [], [np.arange(6.0).reshape(2, 3)])


def loop_that_does_not_run() -> Graph:
    """No steps at all: an empty sequence."""
    x = pt.dvector("x")
    sums = scan(lambda e, total: total + e, sequences=x, outputs_info=pt.zeros(()))
    return Graph([x], [sums, sums.sum()], [], [np.zeros(0)])


def truncated_gradient() -> Graph:
    """Back-propagation through the last three steps only."""
    x, w = pt.dvector("x"), pt.dscalar("w")
    states = scan(
        lambda e, s, w: pt.tanh(w * s + e),
        sequences=x,
        outputs_info=pt.zeros(()),
        non_sequences=w,
        truncate_gradient=3,
    )
    return Graph([x, w], [states[-1], pt.grad(states[-1], w)], [], [np.linspace(-1, 1, 8), 0.8])


def random_walk_inside() -> Graph:
    """Draws inside a loop: the generator is one of its states."""
    rng = pytensor.shared(np.random.default_rng(11), name="rng")
    scale = pt.dscalar("scale")

    def step(position: Any, rng: Any, scale: Any) -> Any:
        new, move = pt.random.normal(0, scale, rng=rng, return_next_rng=True)
        return position + move, new

    path, last = scan(step, outputs_info=[pt.zeros(()), rng], non_sequences=scale, n_steps=6)
    return Graph([scale], [path], [(rng, last)], [0.3])


def matrix_power_with_two_states() -> Graph:
    """Single precision throughout, two recurrent matrices, both returned whole."""
    a = pt.fmatrix("a")

    def step(p: Any, s: Any, a: Any) -> Any:
        return p @ a, s + p

    powers, sums = scan(
        step,
        outputs_info=[pt.eye(3, dtype="float32"), pt.zeros((3, 3), dtype="float32")],
        non_sequences=a,
        n_steps=4,
    )
    return Graph([a], [powers, sums[-1]], [], [np.full((3, 3), 0.25, dtype="float32")])


GRAPHS = by_name(
    fibonacci,
    power_of_a_vector,
    polynomial_by_terms,
    power_iteration,
    recurrent_network,
    kalman_filter,
    runge_kutta_gradient,
    loop_in_a_loop,
    gradient_of_a_loop_in_a_loop,
    moving_average_by_taps,
    autoregression_of_order_two,
    newton_until_converged,
    doubling_until_large,
    backwards_over_a_sequence,
    forward_algorithm_of_a_hidden_markov_model,
    mapped_and_reduced,
    loop_that_does_not_run,
    truncated_gradient,
    random_walk_inside,
    matrix_power_with_two_states,
)
