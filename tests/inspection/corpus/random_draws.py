"""Random variables, generators and their updates."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from tests.inspection.corpus.graph import Graph, by_name


def _generator(seed: int) -> Any:
    return pytensor.shared(np.random.default_rng(seed), name=f"rng{seed}")


def stream_of_normals() -> Graph:
    """The documentation's RandomStream: its default updates move the generators."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is called deprecated, and stands in every tutorial
        stream = pt.random.RandomStream(seed=234)
        uniform, normal = stream.uniform(0, 1, size=(2, 2)), stream.normal(0, 1, size=(2, 2))
    nearly_zeros = uniform + uniform - 2 * uniform
    return Graph([], [uniform, normal, nearly_zeros])


def one_draw_read_twice() -> Graph:
    """A draw minus itself is zero."""
    rng = _generator(1)
    new, draw = pt.random.normal(size=(3,), rng=rng, return_next_rng=True)
    return Graph([], [draw - draw, draw + 1], [(rng, new)])


def generator_that_does_not_move() -> Graph:
    """Without an update the same numbers come every time."""
    return Graph([], [pt.random.uniform(size=(3,), rng=_generator(2), return_next_rng=True)[1] * 10])


def mixture_of_normals() -> Graph:
    """A component by categorical, then a normal around that component's mean."""
    weights, means = pt.dvector("weights"), pt.dvector("means")
    first, second = _generator(3), _generator(4)
    after, component = pt.random.categorical(weights, size=(6,), rng=first, return_next_rng=True)
    then, draw = pt.random.normal(means[component], 0.1, rng=second, return_next_rng=True)
    values = [np.array([0.2, 0.3, 0.5]), np.array([-10.0, 0.0, 10.0])]
    return Graph([weights, means], [component, draw], [(first, after), (second, then)], values)


def chain_of_one_generator() -> Graph:
    """Three draws from one generator, each from where the one before left it."""
    rng = _generator(5)
    rate = pt.dscalar("rate")
    one, waits = pt.random.exponential(1 / rate, size=(3,), rng=rng, return_next_rng=True)
    two, counts = pt.random.poisson(rate, size=(3,), rng=one, return_next_rng=True)
    three, coins = pt.random.bernoulli(0.3, size=(4,), rng=two, return_next_rng=True)
    return Graph([rate], [waits, counts, coins], [(rng, three)], [2.0])


def dropout() -> Graph:
    """A mask of a given rate, scaled."""
    x, rng = pt.dmatrix("x"), _generator(6)
    new, mask = pt.random.bernoulli(0.8, size=x.shape, rng=rng, return_next_rng=True)
    return Graph([x], [x * mask / 0.8], [(rng, new)], [np.ones((3, 4))])


def reparametrised_gradient() -> Graph:
    """An evidence bound by one normal sample, and its gradient by mean and scale."""
    mu, rho, rng = pt.dvector("mu"), pt.dvector("rho"), _generator(7)
    new, noise = pt.random.normal(size=(2,), rng=rng, return_next_rng=True)
    sigma = pt.softplus(rho)
    z = mu + sigma * noise
    bound = -0.5 * ((z - 1) ** 2).sum() + pt.log(sigma).sum()
    values = [np.array([0.1, -0.4]), np.array([0.0, 1.0])]
    return Graph([mu, rho], [bound, *pt.grad(bound, [mu, rho])], [(rng, new)], values)


def multivariate_draws() -> Graph:
    """A multivariate normal, a Dirichlet, a multinomial of it."""
    cov, rng = pt.dmatrix("cov"), _generator(8)
    one, vector = pt.random.multivariate_normal(np.zeros(2), cov, size=(3,), rng=rng, return_next_rng=True)
    two, weights = pt.random.dirichlet(np.ones(3), rng=one, return_next_rng=True)
    three, counts = pt.random.multinomial(10, weights, rng=two, return_next_rng=True)
    value = np.array([[2.0, 0.5], [0.5, 1.0]])
    return Graph([cov], [vector, weights, counts], [(rng, three)], [value])


def permutation_and_choice() -> Graph:
    """A shuffled batch, and a bootstrap sample of it."""
    x, rng = pt.dvector("x"), _generator(9)
    one, shuffled = pt.random.permutation(x, rng=rng, return_next_rng=True)
    two, picked = pt.random.integers(0, x.shape[0], size=(4,), rng=one, return_next_rng=True)
    return Graph([x], [shuffled, x[picked].mean()], [(rng, two)], [np.arange(5.0)])


def generator_as_an_input() -> Graph:
    """The caller gives the generator."""
    rng = pt.random.type.random_generator_type("rng")
    _, draw = pt.random.gamma(2.0, scale=1.0, size=(3,), rng=rng, return_next_rng=True)
    return Graph([rng], [draw], [], [np.random.default_rng(10)])


GRAPHS = by_name(
    stream_of_normals,
    one_draw_read_twice,
    generator_that_does_not_move,
    mixture_of_normals,
    chain_of_one_generator,
    dropout,
    reparametrised_gradient,
    multivariate_draws,
    permutation_and_choice,
    generator_as_an_input,
)
