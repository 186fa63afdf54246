"""The vectorised functions against 50 digits, over their whole range."""

from __future__ import annotations

import ctypes
import math
import re
import subprocess

import mpmath
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy import special

from graphs.compiled.compiler import FLAGS, compiler_version, find_compiler, load_text
from graphs.native.write.file import functions_text
from tests.native.polynomials import POLYNOMIALS, erfcinv, erfcx

pytestmark = pytest.mark.once

mpmath.mp.dps = 50
ONE, TOP = 2.0**-1074, 1.7976931348623157e308
LARGEST = 709.782712893384  # whose exp is finite


def erfcx_below_too(z):
    return mpmath.exp(z * z) * mpmath.erfc(z) if z < 0 else erfcx(z)


FUNCTIONS = {
    "exp_": mpmath.exp,
    "expm1_": mpmath.expm1,
    "log_": mpmath.log,
    "log1p_": mpmath.log1p,
    "sigmoid": lambda z: 1 / (1 + mpmath.exp(-z)),
    "softplus": lambda z: mpmath.log1p(mpmath.exp(z)),
    "log1mexp": lambda z: mpmath.log(-mpmath.expm1(z)) if z > -1 else mpmath.log1p(-mpmath.exp(z)),
    "tanh_": mpmath.tanh,
    "sinh_": mpmath.sinh,
    "cosh_": mpmath.cosh,
    "sin_": mpmath.sin,
    "cos_": mpmath.cos,
    "tan_": mpmath.tan,
    "atan_": mpmath.atan,
    "erf_": mpmath.erf,
    "erfc_": mpmath.erfc,
    "erfcx": erfcx_below_too,
    "erfinv": lambda y: mpmath.sign(y) * erfcinv(1 - abs(y)) if abs(y) > 0.9 else mpmath.erfinv(y),
    "erfcinv": lambda q: erfcinv(q) if q < 0.1 else mpmath.erfinv(1 - q),
    "lgamma_": mpmath.loggamma,
    "tgamma_": mpmath.gamma,
    "digamma": mpmath.digamma,
    "trigamma": lambda z: mpmath.psi(1, z),
}
# Those of C's library that are called as they are.
LIBRARY_FUNCTIONS = ["exp2", "log2", "log10", "asin", "acos", "asinh", "acosh", "atanh"]


def loop(name):
    return f"""void all_{name}(const double *x, double *y, int64_t n)
{{
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) y[i] = {name}(x[i]);
}}
"""


def file_text():
    return f"""#include <math.h>
#include <stdint.h>
#include <string.h>
{functions_text([*FUNCTIONS, "pow_"])}
void all_pow_(const double *x, const double *z, double *y, int64_t n)
{{
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) y[i] = pow_(x[i], z[i]);
}}
{"".join(map(loop, [*FUNCTIONS, *LIBRARY_FUNCTIONS]))}"""


@pytest.fixture(scope="module")
def library():
    return load_text(file_text())


def evaluate(library, name, *points):
    points = [np.ascontiguousarray(p, dtype=float) for p in points]
    found = np.empty_like(points[0])
    call = getattr(library, f"all_{name}")
    call.argtypes = [*[ctypes.c_void_p] * (len(points) + 1), ctypes.c_int64]
    call(*(p.ctypes.data for p in points), found.ctypes.data, found.size)
    return found


def error_in_ulp(found, exact):
    """Distance from the exact value in units in the last place of the nearest double."""
    nearest = float(exact)
    if np.isinf(nearest):
        return 0.0 if found == nearest else np.inf
    return float(abs(mpmath.mpf(float(found)) - exact) / mpmath.mpf(float(np.spacing(abs(nearest)))))


def points(name, rng):
    """All over the range, close by where the algorithm changes, and the last ones that give a finite number."""
    spread = np.concatenate([rng.normal(size=300) * scale for scale in (1e-300, 1e-8, 1, 30, 500)])
    edges = [0.0, -0.0, ONE, -ONE, 1e-310, 709.7827, 709.79, -708.4, -745.1, -746.0, -745.2, 1.0, -1.0, 37.0]
    every = np.concatenate([spread, edges])
    above = np.concatenate([abs(every[every != 0]), 10 ** rng.uniform(-307, 308, 200), [2.0**-1022, TOP]])

    def around(*changes):
        return np.concatenate([c * (1 + rng.normal(size=80) * s) for c in changes for s in (1e-2, 1e-9)])

    if name == "log_":
        return np.concatenate([above, 1 + rng.normal(size=200) * 1e-3, [2.0**-1030]])
    if name == "log1p_":
        return np.concatenate([every[every > -1], rng.random(200) - 0.5, [1e300, 1e17, -1 + 2.0**-53]])
    if name == "log1mexp":
        return -abs(np.concatenate([every[every != 0], around(math.log(2))]))
    if name in ("exp_", "expm1_"):
        return np.clip(np.concatenate([every, around(0.3466, -0.3466, 1.04, -37)]), -TOP, LARGEST)
    if name in ("sinh_", "cosh_"):
        return np.concatenate([every, around(1), [710.4758, -710.4758]])
    if name == "tanh_":
        return np.concatenate([every, around(0.1733, 20, 19)])
    if name in ("sin_", "cos_", "tan_"):
        turns = rng.integers(-(2**19), 2**19, 400) * (math.pi / 4)
        far = np.concatenate([around(2.0**20), 10 ** rng.uniform(6, 308, 200)])
        return np.concatenate([every, turns, far, -far])
    if name == "atan_":
        return np.concatenate([every, around(math.sqrt(2) - 1, 1, -1, math.sqrt(2) + 1), above])
    if name in ("erf_", "erfc_"):
        return np.concatenate([every, around(0.5, -0.5, 3, 5.9), rng.uniform(-6, 27.2, 400)])
    if name == "erfcx":
        every = np.concatenate([every, around(0.5, -0.5, 3), rng.uniform(-26, 27, 400), above])
        return every[every > -26.6]
    if name == "erfinv":
        close = 1 - 10 ** rng.uniform(-15.9, -1, 200)
        return np.concatenate([rng.uniform(-1, 1, 400), around(0.5, -0.5), close, -close, [0.0, 1e-300]])
    if name == "erfcinv":
        return np.concatenate([rng.uniform(0, 2, 400), around(0.5, 1.5), 10 ** rng.uniform(-307, -1, 200)])
    if name == "tgamma_":
        inside = np.concatenate([rng.uniform(0, 171.6, 800), rng.uniform(0, 9, 400), [171.62]])
        return np.concatenate([inside, 10 ** rng.uniform(-307, 0, 100), around(0.75, 2.25, 5.25, 8)])
    if name in ("lgamma_", "digamma", "trigamma"):
        changes = around(0.75, 1, 1.4616321449683623, 2, 2.25, 2.5, 5.25, 5.5, 8)
        found = np.concatenate([rng.uniform(0, 9, 800), rng.uniform(0, 300, 200), changes, above])
        if name == "trigamma":
            found = np.concatenate([found, -rng.uniform(0, 9, 200)])
            return found[(abs(found) > 1e-150) & (found < 1e150)]
        return found[(found > 1e-307) & (found < 1e305)]
    return every


@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_is_below_4_ulp(name, library):
    where = points(name, np.random.default_rng(3))
    found = evaluate(library, name, where)
    exact = FUNCTIONS[name]
    errors = [error_in_ulp(f, exact(mpmath.mpf(float(p)))) for p, f in zip(where, found, strict=True)]
    worst = int(np.argmax(errors))
    assert errors[worst] <= 4, f"{name}({where[worst]!r}) = {found[worst]!r} is {errors[worst]} ULP off"


def test_error_of_powers_is_below_4_ulp(library):
    rng = np.random.default_rng(5)
    base = np.concatenate([np.exp(rng.normal(size=200) * scale) for scale in (1e-6, 1e-3, 0.1, 1, 10, 100)])
    exponent = rng.uniform(-745, LARGEST, base.size) / np.log(base)  # results over the whole range
    exponent[::3] = rng.normal(size=400) * 3
    base = np.concatenate([base, [ONE, 1e-310, TOP, -3.0, -2.5, 2.0, 10.0, 1 + 2.0**-52]])
    exponent = np.concatenate([exponent, [0.5, 0.3, -0.9, 5.0, -12.0, -1074.0, 308.0, 3e18]])
    found = evaluate(library, "pow_", base, exponent)
    exact = [
        mpmath.power(mpmath.mpf(float(b)), mpmath.mpf(float(e))) for b, e in zip(base, exponent, strict=True)
    ]
    errors = [error_in_ulp(f, mpmath.re(want)) for f, want in zip(found, exact, strict=True)]
    worst = int(np.argmax(errors))
    assert errors[worst] <= 4, f"{base[worst]!r} ** {exponent[worst]!r} = {found[worst]!r}"


@pytest.mark.parametrize("name", ["lgamma_", "digamma", "tgamma_"])
def test_error_below_zero_is_small_beside_1(name, library):
    """Around the zeros of log gamma and psi; gamma has none there."""
    rng = np.random.default_rng(6)
    where = -np.concatenate(
        [rng.uniform(0, 12, 600), rng.uniform(0, 170, 200), 10 ** rng.uniform(-300, 3, 99)]
    )
    where = np.concatenate([where, [-0.5040830082644554, -2.457024738220701, -3.955294284858598]])
    where = where[where != np.rint(where)]
    exact = {"lgamma_": lambda z: mpmath.log(abs(mpmath.gamma(z)))}.get(name) or FUNCTIONS[name]
    for point, found in zip(where, evaluate(library, name, where), strict=True):
        want = exact(mpmath.mpf(float(point)))
        if abs(want) < TOP:
            unit = np.spacing(max(abs(float(want)), 0.0 if name == "tgamma_" else 1.0))
            assert abs(mpmath.mpf(float(found)) - want) <= 12 * unit, f"{name}({point!r}) = {found!r}"


def test_polynomials_are_those_that_are_computed_again():
    for name, polynomial in POLYNOMIALS.items():
        written = re.findall(r"-?0x1\.[0-9a-f]+p[+-]\d+", functions_text([name]))
        there = np.array([float.fromhex(number) for number in written] + [1.0])
        for coefficient in polynomial.coefficients():
            distance = abs(there / coefficient - 1).min()
            assert distance < 1e-13, f"{name}: {coefficient.hex()}"


def test_an_element_has_the_same_bits_wherever_it_stands(library):
    rng = np.random.default_rng(7)
    for name in FUNCTIONS:
        where = points(name, rng)[:203]
        together = evaluate(library, name, where)
        alone = [evaluate(library, name, [point])[0] for point in where]
        np.testing.assert_array_equal(together, alone, err_msg=name)


def test_loops_vectorise(tmp_path):
    """What the compiler says about each loop; it needs instructions for whole numbers and for rounding, too."""
    if "gcc" not in compiler_version():
        pytest.skip("only gcc is asked")
    command = [*find_compiler().command, *FLAGS]
    known = subprocess.run([*command, "-dM", "-E", "-xc", "/dev/null"], capture_output=True, text=True).stdout
    if "__AVX2__" not in known:
        pytest.skip("this processor has no AVX2")
    text = file_text()
    source = tmp_path / "step.c"
    source.write_text(text)
    command += ["-fopenmp", "-fopt-info-vec-optimized", str(source), "-o", str(tmp_path / "step.so"), "-lm"]
    said = subprocess.run(command, capture_output=True, text=True).stderr
    lines = text.splitlines()
    vectorised = [lines[int(number) - 1] for number in re.findall(r"step\.c:(\d+):.*loop vectorized", said)]
    for name in [*FUNCTIONS, "pow_"]:
        assert any(f" {name}(x[i]" in line for line in vectorised), f"{name} one at a time"


@pytest.mark.parametrize("name", LIBRARY_FUNCTIONS)
def test_c_library_is_below_4_ulp(name, library):
    rng = np.random.default_rng(4)
    where = np.concatenate([rng.normal(size=200) * scale for scale in (1e-3, 1, 20)])
    exact = {"exp2": lambda z: mpmath.power(2, z), "log2": lambda z: mpmath.log(z, 2)}.get(name) or getattr(
        mpmath, name
    )
    if name in ("asin", "acos", "atanh"):
        where = where[abs(where) < 1]
    if name in ("log2", "log10"):
        where = abs(where)
    if name == "acosh":
        where = 1 + abs(where)
    found = evaluate(library, name, where)
    worst = max(error_in_ulp(f, exact(mpmath.mpf(float(p)))) for p, f in zip(where, found, strict=True))
    assert worst <= 4


def test_infinity_nan_and_poles(library):
    odd = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, -1.0, -2.0])
    with np.errstate(all="ignore"):
        for name, like in {"exp_": np.exp, "log_": np.log, "log1p_": np.log1p}.items():
            np.testing.assert_array_equal(evaluate(library, name, odd), like(odd), err_msg=name)
    np.testing.assert_array_equal(evaluate(library, "sigmoid", odd[:3]), [1, 0, np.nan])
    np.testing.assert_array_equal(evaluate(library, "softplus", odd[:3]), [np.inf, 0, np.nan])


ODD = np.array([0.0, -0.0, 1.0, -1.0, 2.0, -2.0, -0.5, -1.5, 3.5, 200.0, -200.0, 1e18, -1e18, 1e306, -1e306])
ODD = np.concatenate([ODD, [np.inf, -np.inf, np.nan]])
LIKE = {
    "expm1_": np.expm1,
    "tanh_": np.tanh,
    "sinh_": np.sinh,
    "cosh_": np.cosh,
    "sin_": np.sin,
    "cos_": np.cos,
    "tan_": np.tan,
    "atan_": np.arctan,
    "erf_": special.erf,
    "erfc_": special.erfc,
    "erfcx": special.erfcx,
    "erfinv": special.erfinv,
    "erfcinv": special.erfcinv,
    "tgamma_": special.gamma,
    "digamma": special.psi,
    "trigamma": lambda z: special.polygamma(1, z),
    # SciPy's has -inf at -inf; PyTensor's default mode calls Python's.
    "lgamma_": lambda z: np.where(z == -np.inf, np.inf, special.gammaln(z)),
    "log1mexp": lambda z: np.log1p(-np.exp(z)),
}


@pytest.mark.parametrize("name", LIKE)
def test_odd_arguments_give_what_pytensor_gives(name, library):
    with np.errstate(all="ignore"):
        want = LIKE[name](ODD)
    found = evaluate(library, name, ODD)
    np.testing.assert_allclose(found, want, 1e-13)
    kept = np.isinf(want)  # whose signs count; those of zeros where the function is odd
    if name in ("expm1_", "tanh_", "sinh_", "sin_", "tan_", "atan_", "erf_"):
        kept |= want == 0
    np.testing.assert_array_equal(np.signbit(found)[kept], np.signbit(want)[kept])


def test_odd_powers_are_those_of_numpy(library):
    odd = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 1e300, -1e300, np.inf, -np.inf, np.nan]
    base, exponent = (grid.ravel() for grid in np.meshgrid(odd, [*odd, 2.0**53 + 2, -1001.0]))
    with np.errstate(all="ignore"):
        want = np.power(base, exponent)
    found = evaluate(library, "pow_", base, exponent)
    np.testing.assert_allclose(found, want, 1e-15)
    there = ~np.isnan(want)
    np.testing.assert_array_equal(np.signbit(found)[there], np.signbit(want)[there])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_graphs_reach_these_functions(dtype, uncached):
    """Single precision goes through double: half a unit of its own last place, but for what rounds twice."""
    x, y, q = (pt.vector(name, dtype=dtype) for name in "xyq")
    ops = [pt.tanh, pt.sinh, pt.cosh, pt.sin, pt.cos, pt.tan, pt.arctan, pt.expm1, pt.erf, pt.erfc, pt.erfcx]
    ops += [pt.gamma, pt.gammaln, pt.psi, pt.tri_gamma]
    outputs = [*(op(x) for op in ops), pt.log1mexp(-x), x**y, pt.erfinv(q), pt.erfcinv(q)]
    function = pytensor.function([x, y, q], outputs, mode=uncached)
    given = np.random.default_rng(8).uniform(0.1, 8.9, (3, 101)).astype(dtype)
    given[2] /= 9
    a, b, c = given.astype(float)
    likes = [
        LIKE[f"{name}_"]
        for name in ["tanh", "sinh", "cosh", "sin", "cos", "tan", "atan", "expm1", "erf", "erfc"]
    ]
    likes += [special.erfcx, special.gamma, special.gammaln, special.psi, LIKE["trigamma"]]
    wanted = [*(like(a) for like in likes), LIKE["log1mexp"](-a), a**b, special.erfinv(c), special.erfcinv(c)]
    tolerance = 6.1e-8 if dtype == "float32" else 2e-13
    for k, (found, want) in enumerate(zip(function(*given), wanted, strict=True)):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, want, tolerance, 1e-14, err_msg=f"output {k}")
