"""SciPy's special functions by pointer, against SciPy."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy import special

from graphs.native import explain, source_of

a, b, x = pt.dvector("a"), pt.dvector("b"), pt.dmatrix("x")
ONE = {"i0": pt.i0, "i1": pt.i1, "j0": pt.j0, "j1": pt.j1}
TWO = {
    name: getattr(pt, name)
    for name in ("jv", "ive", "kve", "gammainc", "gammaincc", "gammaincinv", "gammainccinv")
}
THREE = {name: getattr(pt, name) for name in ("betainc", "betaincinv")}

rng = np.random.default_rng(41)
orders, others = rng.random(6) * 4 + 0.1, rng.random(6) * 3 + 0.2
ODD = np.array([0.0, -0.0, 1.0, np.inf, np.nan, 1e-300])
numbers = np.vstack([rng.random((5, 6)), ODD])


@pytest.mark.parametrize("name", [*ONE, *TWO, *THREE])
def test_it_is_scipys_own_to_the_bit(uncached, name):
    takes = [x] if name in ONE else [a, x] if name in TWO else [a, b, x]
    function, theirs = (ONE | TWO | THREE)[name], getattr(special, name)
    fn = pytensor.function(takes, [function(*takes), function(*takes).sum() * 2], mode=uncached)
    assert not explain(fn).performed
    assert "/* scipy.special.cython_special's */" in source_of(fn).text
    given = [{a: orders, b: others, x: numbers}[v] for v in takes]
    for more in (given, [each[..., ::-1] for each in given], [each[..., :0] for each in given]):
        np.testing.assert_array_equal(fn(*more)[0], theirs(*more))


def test_of_other_types_and_in_a_gradient(agree):
    f, n = pt.fvector("f"), pt.ivector("n")
    values = {f: np.array([0.5, 2.0, 3.5], "float32"), n: np.array([1, 2, 5]), a: orders[:3]}
    agree([pt.gammainc(f, f), pt.i0(n), pt.gammaincc(n, f), pt.jv(n, a), pt.gammainc(a[0], a)], values)
    agree(
        [pt.grad(pt.gammainc(2.5, a).sum(), a), pt.grad(pt.j0(a).sum(), a), pt.grad(pt.i1(a).sum(), a)],
        values,
    )
