"""Linear algebra by LAPACK's pointers, against PyTensor's own evaluation and NumPy."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from graphs.native import explain, source_of

A, G, B, T, U = pt.dmatrix("A"), pt.dmatrix("G"), pt.dmatrix("B"), pt.dtensor3("T"), pt.dtensor3("U")
b = pt.dvector("b")
linalg = pt.linalg
rng = np.random.default_rng(17)


def positive(n: int) -> np.ndarray:
    """A symmetric, positive definite matrix."""
    half = rng.normal(size=(n, n))
    return half @ half.T + n * np.eye(n)


VALUES = {
    A: positive(5),
    G: rng.normal(size=(5, 5)),
    B: rng.normal(size=(5, 3)),
    b: rng.normal(size=5),
    T: np.stack([positive(4) for _ in range(3)]),
    U: rng.normal(size=(3, 4, 2)),
}
CASES = {
    "Cholesky": lambda: [
        linalg.cholesky(A),
        linalg.cholesky(A, lower=False),
        linalg.cholesky(T),
        linalg.cholesky(A[::-1, ::-1]),
        pt.grad(pt.log(pt.diag(linalg.cholesky(A))).sum(), A),
    ],
    "triangles": lambda: [
        linalg.solve_triangular(G, b, lower=True),
        linalg.solve_triangular(G, B, lower=False),
        linalg.solve_triangular(G, B, lower=True, unit_diagonal=True),
        linalg.solve_triangular(G, B, lower=True, trans=1),
        linalg.solve_triangular(T, U, lower=True),
        linalg.solve_triangular(T, B[:4], lower=False),
    ],
    "equations": lambda: [
        linalg.solve(G, b),
        linalg.solve(G, B),
        linalg.solve(A, B, assume_a="pos"),
        linalg.solve(A, b, assume_a="pos"),
        linalg.solve(T, U),
        linalg.solve(G, b, assume_a="sym"),
        linalg.solve(G, B, assume_a="sym", lower=True),
        linalg.cho_solve((linalg.cholesky(A), True), B),
        linalg.cho_solve((linalg.cholesky(A, lower=False), False), b),
        *pt.grad(linalg.solve(G, b).sum(), [G, b]),
    ],
    "inverses": lambda: [linalg.inv(G), linalg.inv(T), pt.grad(linalg.inv(G)[0, 0], G)],
    "determinants": lambda: [
        linalg.det(G),
        linalg.det(-G),
        linalg.det(T),
        *linalg.slogdet(G),
        *linalg.slogdet(T),
        pt.grad(linalg.det(G), G),
    ],
    "eigenvalues": lambda: [*linalg.eigh(A), *linalg.eigh(T), pt.grad(linalg.eigh(A)[0][0], A)],
}


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_pytensor(case, agree):
    agree(CASES[case](), VALUES, rtol=1e-9)


def test_float32(uncached):
    F = pt.fmatrix("F")
    outputs = [linalg.cholesky(F), linalg.inv(F), linalg.solve(F, F[:, 0]), linalg.det(F), linalg.eigh(F)[0]]
    fn = pytensor.function([F], outputs, mode=uncached)
    assert not explain(fn).performed
    data = positive(4).astype("float32")
    expected = [np.linalg.cholesky(data), np.linalg.inv(data), np.eye(4)[0], np.linalg.det(data)]
    for found, want in zip(fn(data), [*expected, np.linalg.eigvalsh(data)], strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, want, rtol=2e-5, atol=1e-5)


def test_empty_matrices(agree):
    none = {**VALUES, A: np.zeros((0, 0)), G: np.zeros((0, 0)), B: np.zeros((0, 3)), b: np.zeros(0)}
    agree([linalg.cholesky(A), linalg.solve_triangular(G, B, lower=True), linalg.inv(G), linalg.det(G)], none)


def test_what_has_no_factor_is_nan_and_a_singular_matrix_has_no_inverse(uncached):
    fn = pytensor.function(
        [G, B], [linalg.cholesky(G), linalg.solve_triangular(G, B, lower=True)], mode=uncached
    )
    factor, found = fn(-np.eye(5), VALUES[B])
    assert np.isnan(factor).all()
    np.testing.assert_array_equal(found, -VALUES[B])
    assert np.isnan(fn(np.zeros((5, 5)), VALUES[B])[1]).all()
    inverse = pytensor.function([G], linalg.inv(G), mode=uncached)
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        inverse(np.zeros((3, 3)))
    np.testing.assert_allclose(inverse(2 * np.eye(3)), np.eye(3) / 2)
    determinant = pytensor.function([G], linalg.slogdet(G), mode=uncached)
    np.testing.assert_array_equal(determinant(np.zeros((3, 3))), [0.0, -np.inf])


def test_what_is_not_square_is_refused(uncached):
    for made in (linalg.cholesky(G), linalg.inv(G), linalg.det(G), linalg.solve(G, B)):
        fn = pytensor.function([G, B], made, mode=uncached, on_unused_input="ignore")
        with pytest.raises(ValueError, match="differ"):
            fn(np.ones((2, 3)), np.ones((2, 2)))


def test_the_input_is_left_alone(uncached):
    data = positive(4)
    before = data.copy()
    pytensor.function([A], [linalg.cholesky(A), linalg.inv(A), *linalg.eigh(A)], mode=uncached)(data)
    np.testing.assert_array_equal(data, before)


def test_scipy_is_imported_only_where_it_is_called(uncached):
    assert "functions[0]" not in source_of(pytensor.function([b], b * 2, mode=uncached)).text
    text = source_of(pytensor.function([A], linalg.cholesky(A), mode=uncached)).text
    assert (
        "dpotrf_type *const dpotrf = (dpotrf_type *)functions[0];  /* scipy.linalg.cython_lapack's */" in text
    )
