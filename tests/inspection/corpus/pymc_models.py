"""PyMC's models: log-densities, their gradients, and draws; nothing where PyMC is not installed.

A model's graphs are what PyMC's samplers compile: the joint log-density and its gradient by all unobserved values, as
functions of those values at the model's initial point.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.inspection.corpus.graph import Graph, Make

Y = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
LABELS = np.array([0, 1, 1, 0, 1, 0])
X = np.random.default_rng(1).normal(size=(6, 2))
COUNTS = np.array([4, 5, 4, 0, 1, 4, 3, 1, 0, 2])


def linear_regression(pm: Any) -> None:
    a, b, sigma = pm.Normal("a", 0, 10), pm.Normal("b", 0, 1, shape=2), pm.HalfNormal("sigma", 1)
    pm.Normal("y", a + X @ b, sigma, observed=X[:, 0] * 2 + 1)


def logistic_regression(pm: Any) -> None:
    b = pm.Normal("b", 0, 2, shape=2)
    pm.Bernoulli("y", logit_p=pm.math.dot(X, b), observed=LABELS)


def eight_schools_centred(pm: Any) -> None:
    mu, tau = pm.Normal("mu", 0, 5), pm.HalfCauchy("tau", 5)
    theta = pm.Normal("theta", mu, tau, shape=8)
    pm.Normal("y", theta, ERRORS, observed=Y)


def eight_schools_not_centred(pm: Any) -> None:
    mu, tau = pm.Normal("mu", 0, 5), pm.HalfCauchy("tau", 5)
    z = pm.Normal("z", 0, 1, shape=8)
    theta = pm.Deterministic("theta", mu + tau * z)
    pm.Normal("y", theta, ERRORS, observed=Y)


def normal_mixture(pm: Any) -> None:
    w = pm.Dirichlet("w", np.ones(2))
    mu = pm.Normal("mu", np.array([-1.0, 1.0]), 2, shape=2)
    pm.NormalMixture("y", w=w, mu=mu, sigma=1.0, observed=np.array([-2.0, 0.1, 2.5]))


def autoregression(pm: Any) -> None:
    rho = pm.Normal("rho", 0, 0.5, shape=2)
    pm.AR("y", rho, sigma=1.0, init_dist=pm.Normal.dist(0, 1), observed=np.sin(np.arange(7.0)))


def stochastic_volatility(pm: Any) -> None:
    step = pm.Exponential("step", 10)
    volatility = pm.GaussianRandomWalk("volatility", sigma=step, init_dist=pm.Normal.dist(0, 1), shape=6)
    nu = pm.Exponential("nu", 0.1)
    pm.StudentT(
        "y", nu, lam=pm.math.exp(-2 * volatility), observed=np.array([0.1, -0.2, 0.9, -1.5, 0.3, 0.0])
    )


def gaussian_process(pm: Any) -> None:
    length, scale = pm.Gamma("length", 2, 1), pm.HalfNormal("scale", 1)
    gp = pm.gp.Marginal(cov_func=scale**2 * pm.gp.cov.ExpQuad(1, ls=length))
    x = np.linspace(0, 2, 5)[:, None]
    gp.marginal_likelihood("y", X=x, y=np.sin(x[:, 0]), sigma=pm.HalfNormal("noise", 1))


def ordered_logistic(pm: Any) -> None:
    cuts = pm.Normal("cuts", np.array([-1.0, 1.0]), 1, shape=2, transform=pm.distributions.transforms.ordered)
    pm.OrderedLogistic(
        "y", eta=pm.Normal("b", 0, 1) * X[:, 0], cutpoints=cuts, observed=np.array([0, 1, 2, 1, 0, 2])
    )


def negative_binomial(pm: Any) -> None:
    alpha, b = pm.Exponential("alpha", 0.5), pm.Normal("b", 0, 1, shape=2)
    pm.NegativeBinomial("y", mu=pm.math.exp(X @ b), alpha=alpha, observed=COUNTS[:6])


def hierarchical_slopes(pm: Any) -> None:
    group = np.array([0, 0, 1, 1, 2, 2])
    mu, sigma = pm.Normal("mu", 0, 1), pm.HalfNormal("sigma", 1)
    offset = pm.Normal("offset", 0, 1, shape=3)
    slope = pm.Deterministic("slope", mu + sigma * offset)
    pm.Poisson("y", pm.math.exp(slope[group] * X[:, 1]), observed=COUNTS[:6])


def horseshoe(pm: Any) -> None:
    tau, lam = pm.HalfCauchy("tau", 1), pm.HalfCauchy("lam", 1, shape=2)
    beta = pm.Normal("beta", 0, tau * lam, shape=2)
    pm.Normal("y", X @ beta, pm.InverseGamma("noise", 2, 1), observed=X[:, 1])


def correlated_effects(pm: Any) -> None:
    chol, _, _ = pm.LKJCholeskyCov("chol", n=2, eta=2.0, sd_dist=pm.Exponential.dist(1.0, shape=2))
    effects = pm.MvNormal("effects", np.zeros(2), chol=chol, shape=(3, 2))
    pm.Normal("y", effects.sum(axis=1), 1, observed=np.array([0.1, -1.0, 2.0]))


def dirichlet_multinomial(pm: Any) -> None:
    a = pm.Lognormal("a", 0, 1, shape=3)
    pm.DirichletMultinomial("y", n=np.array([10, 12]), a=a, observed=np.array([[3, 5, 2], [1, 1, 10]]))


def change_point(pm: Any) -> None:
    when = pm.DiscreteUniform("when", 0, 9)
    early, late = pm.Exponential("early", 1), pm.Exponential("late", 1)
    pm.Poisson("y", pm.math.switch(when >= np.arange(10), early, late), observed=COUNTS)


def censored_waits(pm: Any) -> None:
    waits = pm.Weibull.dist(alpha=pm.HalfNormal("alpha", 2), beta=pm.HalfNormal("beta", 5))
    pm.Censored("y", waits, lower=None, upper=4.0, observed=np.array([1.0, 2.5, 4.0, 4.0]))


def potential_and_deterministic(pm: Any) -> None:
    x = pm.Uniform("x", -1, 1, shape=3)
    radius = pm.Deterministic("radius", pm.math.sqrt((x**2).sum()))
    pm.Potential("on_a_ring", -50 * (radius - 0.7) ** 2)


def truncated_and_zero_inflated(pm: Any) -> None:
    mu = pm.TruncatedNormal("mu", mu=2, sigma=2, lower=0)
    pm.ZeroInflatedPoisson("y", psi=pm.Beta("psi", 2, 2), mu=mu, observed=COUNTS)


MODELS: tuple[Callable[[Any], None], ...] = (
    linear_regression,
    logistic_regression,
    eight_schools_centred,
    eight_schools_not_centred,
    normal_mixture,
    autoregression,
    stochastic_volatility,
    gaussian_process,
    ordered_logistic,
    negative_binomial,
    hierarchical_slopes,
    horseshoe,
    correlated_effects,
    dirichlet_multinomial,
    change_point,
    censored_waits,
    potential_and_deterministic,
    truncated_and_zero_inflated,
)
# Draws from the prior and, at given parameters, of the observations.
DRAWN = (linear_regression, eight_schools_not_centred, stochastic_volatility, censored_waits)


def _model(define: Callable[[Any], None]) -> tuple[Any, Any]:
    import pymc as pm

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pm.Model() as model:
            define(pm)
    return pm, model


def _density(define: Callable[[Any], None]) -> Make:
    def make() -> Graph:
        _, model = _model(define)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logp, dlogp = model.logp(), model.dlogp()
            point = model.initial_point(random_seed=1)
        values = [point[variable.name] for variable in model.value_vars]
        return Graph(list(model.value_vars), [logp, dlogp], [], values)

    return make


def _draws(define: Callable[[Any], None]) -> Make:
    def make() -> Graph:
        pm, model = _model(define)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            given = model.free_RVs[:1]  # as in a posterior predictive draw: what was sampled is an input
            variables = [model[name] for name in model.named_vars if model[name] not in given]
            updates = pm.pytensorf.collect_default_updates(variables, inputs=given)
        for seed, rng in enumerate(updates):
            rng.set_value(np.random.default_rng(seed))
        return Graph(given, variables, list(updates.items()), [np.asarray(0.5, dtype=given[0].dtype)])

    return make


NAMES = [f"pymc_{define.__name__}" for define in MODELS]
NAMES += [f"pymc_{define.__name__}_drawn" for define in DRAWN]
GRAPHS: dict[str, Make] = {}
if importlib.util.find_spec("pymc") is not None:
    GRAPHS = dict(zip(NAMES, [*map(_density, MODELS), *map(_draws, DRAWN)], strict=True))
