"""Graphs that rightly give NaN or infinity, or did before they were rewritten."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt

from tests.inspection.corpus.graph import Graph, by_name


def standard_deviation_of_a_negative_variance() -> Graph:
    """A model's parameter out of its support: no rewrite repairs it, none is to blame."""
    x, s = pt.dvector("x"), pt.dscalar("s")
    scale = pt.sqrt(s)
    logp = (-0.5 * ((x - 1) / scale) ** 2 - pt.log(scale)).sum()
    return Graph([x, s], [logp, pt.grad(logp, s)], [], [np.array([0.0, 1.0]), -1.0])


def masked_branch_with_a_bad_gradient() -> Graph:
    """The double-where trap: the value is finite, its gradient is not."""
    x = pt.dvector("x")
    y = pt.switch(x > 0, pt.log(x), 0.0)
    z = pt.switch(x > 0, pt.sqrt(x), 0.0)
    return Graph([x], [y, pt.grad(y.sum(), x), z, pt.grad(z.sum(), x)], [], [np.array([0.0, 1.0, -1.0])])


def norm_at_zero() -> Graph:
    """x/‖x‖ and the gradient of the norm where there is none."""
    x = pt.dvector("x")
    norm = pt.sqrt((x**2).sum())
    return Graph([x], [norm, x / norm, pt.grad(norm, x)], [], [np.zeros(3)])


def infinity_in_and_out() -> Graph:
    """Inputs that are not finite themselves: extremes, differences and products of them."""
    x = pt.dvector("x")
    return Graph(
        [x],
        [x - x, x * 0, pt.max(x), pt.exp(-x), pt.isnan(x), pt.isinf(x), 1 / x, x + 1],
        [],
        [np.array([np.inf, -np.inf, np.nan, 0.0, 1.0])],
    )


def overflow_in_single_precision() -> Graph:
    """exp beyond float32, a difference of infinities, and a sum that overflows."""
    x = pt.fvector("x")
    e = pt.exp(x)
    return Graph(
        [x], [e, e / (1 + e), (e * e).sum(), pt.log(e)], [], [np.array([10.0, 50.0, 100.0], dtype="float32")]
    )


def diverging_descent() -> Graph:
    """A learning rate that is too large, in a loop: finite, then not."""
    x, rate = pt.dscalar("x"), pt.dscalar("rate")
    path = pytensor.scan(
        lambda x, rate: x - rate * 4 * x**3,
        outputs_info=x,
        non_sequences=rate,
        n_steps=8,
        return_updates=False,
    )
    return Graph([x, rate], [path, path[-1]], [], [3.0, 1.0])


def log_of_a_sum_of_exponentials() -> Graph:
    """Written as a user writes it, of numbers that overflow and of numbers that vanish."""
    x = pt.dmatrix("x")
    plain = pt.log(pt.sum(pt.exp(x), axis=1))
    mean = pt.log(pt.mean(pt.exp(x), axis=1))
    return Graph(
        [x],
        [plain, mean, pt.grad(plain.sum(), x)],
        [],
        [np.array([[1.0, 2.0], [900.0, 800.0], [-900.0, -800.0]])],
    )


def zero_times_log_zero() -> Graph:
    """A binomial's likelihood at the edge of its parameter."""
    p, k, n = pt.dvector("p"), pt.lscalar("k"), pt.lscalar("n")
    logp = k * pt.log(p) + (n - k) * pt.log(1 - p)
    return Graph([p, k, n], [logp, pt.grad(logp.sum(), p)], [], [np.array([0.0, 0.5, 1.0]), 0, 3])


def division_by_zero() -> Graph:
    """Of floats and of zero by zero, and a reciprocal that a switch guards."""
    a, b = pt.dvector("a"), pt.dvector("b")
    return Graph(
        [a, b],
        [a / b, pt.switch(pt.eq(b, 0), 0.0, a / b), pt.reciprocal(b) - pt.reciprocal(b)],
        [],
        [np.array([1.0, 0.0, -1.0]), np.array([0.0, 0.0, 2.0])],
    )


def cross_entropy_at_the_extremes() -> Graph:
    """log(1 − sigmoid) and log(sigmoid) far out: a rewrite repairs both."""
    z, y = pt.dvector("z"), pt.dvector("y")
    p = pt.sigmoid(z)
    loss = -(y * pt.log(p) + (1 - y) * pt.log(1 - p))
    return Graph(
        [z, y],
        [loss, pt.grad(loss.sum(), z)],
        [],
        [np.array([-800.0, 0.0, 40.0, 800.0]), np.array([1.0, 0.0, 0.0, 0.0])],
    )


GRAPHS = by_name(
    standard_deviation_of_a_negative_variance,
    masked_branch_with_a_bad_gradient,
    norm_at_zero,
    infinity_in_and_out,
    overflow_in_single_precision,
    diverging_descent,
    log_of_a_sum_of_exponentials,
    zero_times_log_zero,
    division_by_zero,
    cross_entropy_at_the_extremes,
)
