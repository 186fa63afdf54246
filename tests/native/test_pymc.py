"""Log-probabilities and gradients of PyMC's models, which its users compile with ``mode="NATIVE"``."""

from __future__ import annotations

import numpy as np
import pytensor
import pytest

from graphs.native import explain, source_of

pm = pytest.importorskip("pymc")
pt = pytest.importorskip("pytensor.tensor")

rng = np.random.default_rng(21)
y, X, group = rng.normal(size=40), rng.normal(size=(40, 3)), rng.integers(0, 4, 40)
counts = rng.poisson(3, 40)


def hierarchical():
    spread = pm.Exponential("spread", 1.0)
    level = pm.Normal("level", 0, spread, shape=4)
    slope = pm.Normal("slope", 0, 1, shape=3)
    pm.Normal("y", level[group] + X @ slope, pm.HalfCauchy("noise", 1), observed=y)


def negative_binomial():
    slope = pm.Normal("slope", 0, 1, shape=3)
    pm.NegativeBinomial("y", mu=pt.exp(X @ slope), alpha=pm.Gamma("alpha", 2, 1), observed=counts)


def mixture():
    weights = pm.Dirichlet("weights", np.ones(3))
    pm.NormalMixture("y", weights, pm.Normal("mu", 0, 3, shape=3), sigma=1.0, observed=y)


def covariance():
    factor, _, _ = pm.LKJCholeskyCov("factor", n=3, eta=2, sd_dist=pm.Exponential.dist(1.0))
    pm.MvNormal("y", np.zeros(3), chol=factor, observed=X)


def gaussian_process():
    process = pm.gp.Marginal(cov_func=pm.gp.cov.ExpQuad(3, pm.HalfNormal("length")))
    process.marginal_likelihood("y", X=X, y=y, sigma=pm.HalfNormal("noise"))


@pytest.mark.parametrize("fill", [hierarchical, negative_binomial, mixture, covariance, gaussian_process])
def test_all_of_a_model_is_native(fill):
    with pm.Model() as model:
        fill()
        point = model.initial_point()
        for wanted in (model.logp(), model.dlogp()):
            native, oracle = (model.compile_fn(wanted, mode=mode) for mode in ("NATIVE", "FAST_COMPILE"))
            assert source_of(native.f) is not None
            assert not explain(native.f).performed
            np.testing.assert_allclose(native(point), oracle(point), rtol=1e-8, atol=1e-10)


def test_a_parameter_out_of_its_range_is_told():
    sigma = pt.dscalar("sigma")
    density = pytensor.function([sigma], pm.logp(pm.Normal.dist(0, sigma), y).sum(), mode="NATIVE")
    assert source_of(density) is not None
    assert np.isfinite(density(1.0))
    with pytest.raises(pm.logprob.utils.ParameterValueError, match="sigma > 0"):
        density(-1.0)
