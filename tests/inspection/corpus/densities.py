"""Log-likelihoods and the special functions in them."""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.special import xlogy

from tests.inspection.corpus.graph import Graph, by_name


def poisson_regression() -> Graph:
    """Counts with a log link, gammaln and the gradient."""
    x, y, beta = pt.dmatrix("x"), pt.lvector("y"), pt.dvector("beta")
    eta = x @ beta
    logp = (y * eta - pt.exp(eta) - pt.gammaln(y + 1)).sum()
    random = np.random.default_rng(1)
    values = [random.normal(size=(6, 2)), random.poisson(2.0, 6), np.array([0.3, -0.2])]
    return Graph([x, y, beta], [logp, pt.grad(logp, beta)], [], values)


def negative_binomial() -> Graph:
    """By mean and dispersion, with the gradient by both: digamma."""
    y, mu, alpha = pt.lvector("y"), pt.dscalar("mu"), pt.dscalar("alpha")
    logp = (
        pt.gammaln(y + alpha)
        - pt.gammaln(alpha)
        - pt.gammaln(y + 1)
        + alpha * pt.log(alpha / (alpha + mu))
        + y * pt.log(mu / (alpha + mu))
    )
    return Graph(
        [y, mu, alpha], [logp, *pt.grad(logp.sum(), [mu, alpha])], [], [np.array([0, 1, 5, 2]), 2.5, 0.7]
    )


def gamma_and_beta_densities() -> Graph:
    """Both by their textbook formulas, at the edge of their support too."""
    x, a, b = pt.dvector("x"), pt.dscalar("a"), pt.dscalar("b")
    gamma = a * pt.log(b) - pt.gammaln(a) + (a - 1) * pt.log(x) - b * x
    beta = pt.gammaln(a + b) - pt.gammaln(a) - pt.gammaln(b) + (a - 1) * pt.log(x) + (b - 1) * pt.log(1 - x)
    return Graph(
        [x, a, b], [gamma, beta, *pt.grad(gamma[1:].sum(), [a, b])], [], [np.array([0.0, 0.3, 1.0]), 2.0, 3.0]
    )


def student_t() -> Graph:
    """Robust errors: location, scale and degrees of freedom with their gradients."""
    y, nu, mu, sigma = pt.dvector("y"), pt.dscalar("nu"), pt.dscalar("mu"), pt.dscalar("sigma")
    z = (y - mu) / sigma
    logp = (
        pt.gammaln((nu + 1) / 2)
        - pt.gammaln(nu / 2)
        - 0.5 * pt.log(nu * np.pi)
        - pt.log(sigma)
        - (nu + 1) / 2 * pt.log1p(z**2 / nu)
    ).sum()
    return Graph(
        [y, nu, mu, sigma],
        [logp, *pt.grad(logp, [nu, mu, sigma])],
        [],
        [np.array([0.1, -3.0, 50.0]), 4.0, 0.0, 1.2],
    )


def marginal_mixture() -> Graph:
    """log(sum(w·N)) by a logsumexp written out, and its responsibilities."""
    y, weights, means = pt.dvector("y"), pt.dvector("weights"), pt.dvector("means")
    parts = pt.log(weights) - 0.5 * (y[:, None] - means) ** 2 - 0.5 * np.log(2 * np.pi)
    logp = pt.log(pt.exp(parts).sum(axis=1))
    responsible = pt.exp(parts - logp[:, None])
    values = [np.array([0.0, 3.0, 60.0]), np.array([0.25, 0.75]), np.array([0.0, 3.0])]
    return Graph([y, weights, means], [logp.sum(), responsible, pt.grad(logp.sum(), means)], [], values)


def hierarchical_normal() -> Graph:
    """Eight schools by hand, not centred: every parameter's gradient in one vector."""
    theta = pt.dvector("theta")
    y = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
    errors = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
    mu, log_tau, z = theta[0], theta[1], theta[2:]
    effects = mu + pt.exp(log_tau) * z
    logp = (
        -0.5 * (((y - effects) / errors) ** 2).sum()
        - 0.5 * (z**2).sum()
        - 0.5 * (mu / 5) ** 2
        - pt.log1p((pt.exp(log_tau) / 5) ** 2)
        + log_tau
    )
    return Graph([theta], [logp, pt.grad(logp, theta)], [], [np.linspace(-1, 1, 10)])


def ordered_logistic() -> Graph:
    """Probabilities between cutpoints as differences of sigmoids, picked by label."""
    eta, cuts, y = pt.dvector("eta"), pt.dvector("cuts"), pt.lvector("y")
    below = pt.sigmoid(cuts[None, :] - eta[:, None])
    edges = pt.concatenate([pt.zeros_like(below[:, :1]), below, pt.ones_like(below[:, :1])], axis=1)
    p = edges[:, 1:] - edges[:, :-1]
    logp = pt.log(p[pt.arange(y.shape[0]), y]).sum()
    values = [np.array([0.1, -1.0, 2.0]), np.array([-1.0, 0.5]), np.array([0, 1, 2])]
    return Graph([eta, cuts, y], [logp, p, *pt.grad(logp, [eta, cuts])], [], values)


def censored_normal() -> Graph:
    """Tails by erfc, where the observation is only known to lie above."""
    y, mu, censored = pt.dvector("y"), pt.dscalar("mu"), pt.bvector("censored")
    z = y - mu
    inside = -0.5 * z**2 - 0.5 * np.log(2 * np.pi)
    above = pt.log(0.5 * pt.erfc(z / np.sqrt(2.0)))
    logp = pt.switch(censored, above, inside)
    values = [np.array([0.5, 2.0, 9.0]), 0.1, np.array([0, 1, 1], dtype="int8")]
    return Graph([y, mu, censored], [logp, pt.grad(logp.sum(), mu)], [], values)


def tails_far_out() -> Graph:
    """log(erfc), log1mexp, expm1 and softplus where the plain formulas have no digit left."""
    x = pt.dvector("x")
    return Graph(
        [x],
        [
            pt.log(pt.erfc(x)),
            pt.log(1 - pt.exp(-x)),
            pt.exp(x * 1e-12) - 1,
            pt.log(1 + pt.exp(x)),
            pt.log1mexp(-x),
        ],
        [],
        [np.array([0.5, 5.0, 30.0, 800.0])],
    )


def families_of_gamma() -> Graph:
    """gamma, gammaln, digamma, polygamma, and the incomplete ones."""
    a, x = pt.dvector("a"), pt.dvector("x")
    return Graph(
        [a, x],
        [
            pt.gamma(a),
            pt.gammaln(a),
            pt.digamma(a),
            pt.polygamma(1, a),
            pt.gammainc(a, x),
            pt.gammaincc(a, x),
            pt.grad(pt.gammainc(a, x).sum(), x),
        ],
        [],
        [np.array([0.5, 2.0, 7.5]), np.array([0.1, 1.0, 3.0])],
    )


def incomplete_beta_and_its_gradient() -> Graph:
    """betainc as a binomial's distribution function, with the gradient by its argument."""
    a, b, x = pt.dvector("a"), pt.dvector("b"), pt.dvector("x")
    value = pt.betainc(a, b, x)
    values = [np.array([0.5, 2.0]), np.array([1.5, 3.0]), np.array([0.2, 0.9])]
    return Graph([a, b, x], [value, pt.grad(value.sum(), x)], [], values)


def bessel_functions() -> Graph:
    """A von Mises density, and Bessel functions of other orders and kinds."""
    x, kappa = pt.dvector("x"), pt.dscalar("kappa")
    logp = kappa * pt.cos(x) - pt.log(2 * np.pi) - pt.log(pt.i0(kappa))
    return Graph(
        [x, kappa],
        [logp, pt.grad(logp.sum(), kappa), pt.jv(1.0, x), pt.iv(0.5, pt.abs(x)), pt.i1(x)],
        [],
        [np.array([0.1, 1.0, 3.0]), 2.0],
    )


def error_functions() -> Graph:
    """erf, erfc, erfcx, their inverses, and the normal's quantiles."""
    x, p = pt.dvector("x"), pt.dvector("p")
    return Graph(
        [x, p],
        [
            pt.erf(x),
            pt.erfc(x),
            pt.erfcx(x),
            np.sqrt(2.0) * pt.erfinv(2 * p - 1),
            pt.erfcinv(p),
            pt.sigmoid(x),
        ],
        [],
        [np.array([-2.0, 0.0, 3.0]), np.array([0.01, 0.5, 0.975])],
    )


def entropies() -> Graph:
    """x·log x with zeros in it, by xlogy and by hand, and a Kullback-Leibler divergence."""
    p, q = pt.dvector("p"), pt.dvector("q")
    return Graph(
        [p, q],
        [xlogy(p, p), p * pt.log(p), (p * pt.log(p / q)).sum(), xlogy(p, p / q)],
        [],
        [np.array([0.0, 0.25, 0.75]), np.array([0.5, 0.25, 0.25])],
    )


GRAPHS = by_name(
    poisson_regression,
    negative_binomial,
    gamma_and_beta_densities,
    student_t,
    marginal_mixture,
    hierarchical_normal,
    ordered_logistic,
    censored_normal,
    tails_far_out,
    families_of_gamma,
    incomplete_beta_and_its_gradient,
    bessel_functions,
    error_functions,
    entropies,
)
