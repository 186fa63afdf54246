"""Factorizations, solvers and what is built of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor import linalg

from tests.inspection.corpus.graph import Graph, by_name


def _spd(n: int, seed: int) -> Any:
    a = np.random.default_rng(seed).normal(size=(n, n))
    return a @ a.T + n * np.eye(n)


def gaussian_log_density() -> Graph:
    """The multivariate normal's density through its Cholesky factor, and gradients by all three."""
    x, mu, cov = pt.dvector("x"), pt.dvector("mu"), pt.dmatrix("cov")
    factor = linalg.cholesky(cov)
    z = linalg.solve_triangular(factor, x - mu, lower=True)
    logp = -0.5 * (z @ z) - pt.log(pt.diagonal(factor)).sum() - 0.5 * x.shape[0] * np.log(2 * np.pi)
    random = np.random.default_rng(1)
    return Graph(
        [x, mu, cov],
        [logp, *pt.grad(logp, [x, mu, cov])],
        [],
        [random.normal(size=4), random.normal(size=4), _spd(4, 2)],
    )


def gaussian_process_marginal_likelihood() -> Graph:
    """A squared-exponential kernel, its marginal likelihood and the slopes by its logarithmic parameters."""
    x, y, theta = pt.dvector("x"), pt.dvector("y"), pt.dvector("theta")
    length, scale, noise = pt.exp(theta[0]), pt.exp(theta[1]), pt.exp(theta[2])
    k = scale**2 * pt.exp(-0.5 * ((x[:, None] - x[None, :]) / length) ** 2) + noise**2 * pt.eye(x.shape[0])
    factor = linalg.cholesky(k)
    alpha = linalg.cho_solve((factor, True), y)
    logp = -0.5 * y @ alpha - pt.log(pt.diag(factor)).sum() - 0.5 * y.shape[0] * np.log(2 * np.pi)
    points = np.linspace(0, 3, 7)
    return Graph(
        [x, y, theta],
        [logp, pt.grad(logp, theta), alpha],
        [],
        [points, np.sin(points), np.log([0.7, 1.0, 0.1])],
        condition=1e3,
    )


def least_squares_by_normal_equations() -> Graph:
    """(XᵀX)⁻¹Xᵀy as a textbook writes it, which the compiler turns into a solve."""
    x, y = pt.dmatrix("x"), pt.dvector("y")
    beta = linalg.inv(x.T @ x) @ x.T @ y
    random = np.random.default_rng(3)
    return Graph(
        [x, y], [beta, ((y - x @ beta) ** 2).sum()], [], [random.normal(size=(8, 3)), random.normal(size=8)]
    )


def ridge_regression() -> Graph:
    """A symmetric positive definite solve, with the penalty as an input."""
    x, y, penalty = pt.dmatrix("x"), pt.dvector("y"), pt.dscalar("penalty")
    beta = linalg.solve(x.T @ x + penalty * pt.eye(x.shape[1]), x.T @ y, assume_a="pos")
    random = np.random.default_rng(4)
    return Graph([x, y, penalty], [beta], [], [random.normal(size=(8, 3)), random.normal(size=8), 0.5])


def log_determinant() -> Graph:
    """slogdet and log(|det|) of one matrix."""
    a = pt.dmatrix("a")
    sign, value = linalg.slogdet(a)
    return Graph([a], [sign, value, pt.log(abs(linalg.det(a))), pt.grad(value, a)], [], [_spd(3, 5)])


def singular_values() -> Graph:
    """A rank-2 approximation by svd, and a nuclear norm."""
    a = pt.dmatrix("a")
    u, s, vt = linalg.svd(a, full_matrices=False)
    return Graph(
        [a], [(u[:, :2] * s[:2]) @ vt[:2], s.sum()], [], [np.random.default_rng(6).normal(size=(5, 3))]
    )


def principal_components() -> Graph:
    """eigh of a covariance, components in falling order, and the data in their coordinates."""
    x = pt.dmatrix("x")
    centred = x - x.mean(axis=0)
    values, vectors = linalg.eigh(centred.T @ centred / (x.shape[0] - 1))
    return Graph(
        [x],
        [values[::-1], abs(centred @ vectors[:, ::-1])],
        [],
        [np.random.default_rng(7).normal(size=(9, 3)) * [1, 5, 0.2]],
    )


def eigenvalue_gradient() -> Graph:
    """The derivative of a symmetric matrix's largest eigenvalue."""
    a = pt.dmatrix("a")
    values, _ = linalg.eigh(a)
    return Graph([a], [values, pt.grad(values[-1], a)], [], [_spd(4, 8)])


def orthogonal_factor() -> Graph:
    """Least squares by qr and back-substitution."""
    x, y = pt.dmatrix("x"), pt.dvector("y")
    q, r = linalg.qr(x, mode="economic")
    random = np.random.default_rng(9)
    return Graph(
        [x, y],
        [linalg.solve_triangular(r, q.T @ y), abs(r)],
        [],
        [random.normal(size=(6, 3)), random.normal(size=6)],
    )


def stack_of_cholesky_factors() -> Graph:
    """Blockwise over two leading axes: factors, solves and the sum of log determinants."""
    a, b = pt.dtensor4("a"), pt.dtensor3("b")
    factor = linalg.cholesky(a)
    z = linalg.solve_triangular(factor, b[..., None], lower=True)[..., 0]
    logdet = pt.log(pt.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)
    value = np.stack([_spd(3, seed) for seed in range(4)]).reshape(2, 2, 3, 3)
    return Graph([a, b], [z, logdet], [], [value, np.random.default_rng(10).normal(size=(2, 2, 3))])


def kronecker_products() -> Graph:
    """kron, its trace by the rule, block_diag and a commutator."""
    a, b = pt.dmatrix("a"), pt.dmatrix("b")
    return Graph(
        [a, b],
        [linalg.kron(a, b), pt.trace(linalg.kron(a, b)), linalg.block_diag(a, b), a @ b - b @ a],
        [],
        [np.arange(4.0).reshape(2, 2), np.array([[0.0, 1.0], [-1.0, 2.0]])],
    )


def matrix_exponential() -> Graph:
    """expm of a generator: probabilities of a Markov chain in continuous time."""
    rate, t = pt.dmatrix("rate"), pt.dscalar("t")
    p = linalg.expm(rate * t)
    generator = np.array([[-0.5, 0.3, 0.2], [0.1, -0.1, 0.0], [0.4, 0.4, -0.8]])
    return Graph([rate, t], [p, p.sum(axis=1)], [], [generator, 1.5])


def ill_conditioned_solve() -> Graph:
    """A Hilbert matrix of order eight: no digit beyond the sixth is anybody's."""
    a, b = pt.dmatrix("a"), pt.dvector("b")
    n = np.arange(8)
    return Graph(
        [a, b],
        [linalg.inv(a) @ b, linalg.solve(a, b)],
        [],
        [1.0 / (n[:, None] + n + 1.0), np.ones(8)],
        condition=1e10,
    )


def pseudo_inverse_and_powers() -> Graph:
    """pinv, matrix_power and norms."""
    a = pt.dmatrix("a")
    return Graph(
        [a],
        [linalg.pinv(a), linalg.matrix_power(a, 3), linalg.norm(a, ord="fro"), linalg.norm(a, 1)],
        [],
        [np.random.default_rng(12).normal(size=(3, 3))],
    )


def products_of_many_shapes() -> Graph:
    """einsum, tensordot, outer, batched matmul, vecdot: one of each."""
    a, b, v = pt.dtensor3("a"), pt.dtensor3("b"), pt.dvector("v")
    random = np.random.default_rng(13)
    return Graph(
        [a, b, v],
        [
            pt.einsum("bij,bjk->bik", a, b),
            pt.tensordot(a, b, axes=[[0, 1], [0, 2]]),
            pt.matmul(a, b),
            pt.outer(v, v) @ a[0],
            pt.vecdot(a[0], v[None, :]),
        ],
        [],
        [random.normal(size=(2, 3, 3)), random.normal(size=(2, 3, 3)), random.normal(size=3)],
    )


def not_positive_definite() -> Graph:
    """A Cholesky factor that does not exist, asked for as NaN and not as an error."""
    a = pt.dmatrix("a")
    factor = linalg.cholesky(a)
    return Graph([a], [factor, pt.log(pt.diag(factor)).sum()], [], [np.array([[1.0, 2.0], [2.0, 1.0]])])


GRAPHS = by_name(
    gaussian_log_density,
    gaussian_process_marginal_likelihood,
    least_squares_by_normal_equations,
    ridge_regression,
    log_determinant,
    singular_values,
    principal_components,
    eigenvalue_gradient,
    orthogonal_factor,
    stack_of_cholesky_factors,
    kronecker_products,
    matrix_exponential,
    ill_conditioned_solve,
    pseudo_inverse_and_powers,
    products_of_many_shapes,
    not_positive_definite,
)
