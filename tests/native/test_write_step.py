"""The vectorised functions against 50 digits, over their whole range."""

from __future__ import annotations

import ctypes

import mpmath
import numpy as np
import pytest

from graphs.compiled.compiler import load_text
from graphs.native.write.file import functions_text

mpmath.mp.dps = 50
ONE, TOP = 2.0**-1074, 1.7976931348623157e308

FUNCTIONS = {
    "exp_": mpmath.exp,
    "log_": mpmath.log,
    "log1p_": mpmath.log1p,
    "sigmoid": lambda z: 1 / (1 + mpmath.exp(-z)),
    "softplus": lambda z: mpmath.log1p(mpmath.exp(z)),
    "log1mexp": lambda z: mpmath.log(-mpmath.expm1(z)) if z > -1 else mpmath.log1p(-mpmath.exp(z)),
}
LIBRARY_FUNCTIONS = [
    "exp2",
    "expm1",
    "log2",
    "log10",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "erf",
]


@pytest.fixture(scope="module")
def library():
    text = "#include <math.h>\n#include <stdint.h>\n#include <string.h>\n"
    text += functions_text(FUNCTIONS)
    for name in [*FUNCTIONS, *LIBRARY_FUNCTIONS]:
        text += f"void all_{name}(const double *x, double *y, int64_t n)\n"
        text += f"{{\n#pragma omp simd\nfor (int64_t i = 0; i < n; ++i) y[i] = {name}(x[i]); }}\n"
    return load_text(text)


def evaluate(library, name, points):
    points = np.ascontiguousarray(points, dtype=float)
    found = np.empty_like(points)
    call = getattr(library, f"all_{name}")
    call.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    call(points.ctypes.data, found.ctypes.data, points.size)
    return found


def error_in_ulp(found, exact):
    """Distance from the exact value in units in the last place of the nearest double."""
    nearest = float(exact)
    if np.isinf(nearest):
        return 0.0 if found == nearest else np.inf
    return float(abs(mpmath.mpf(float(found)) - exact) / mpmath.mpf(float(np.spacing(abs(nearest)))))


def points(name, rng):
    spread = np.concatenate([rng.normal(size=300) * scale for scale in (1e-300, 1e-8, 1, 30, 500)])
    edges = np.array(
        [0.0, -0.0, ONE, -ONE, 1e-310, 709.7827, 709.79, -708.4, -745.1, -746.0, -745.2, 1.0, -1.0, 37.0]
    )
    every = np.concatenate([spread, edges])
    if name == "log_":
        near_one = 1 + rng.normal(size=200) * 1e-3
        return np.concatenate([abs(every[every != 0]), near_one, [2.0**-1022, TOP, 2.0**-1030]])
    if name == "log1p_":
        return np.concatenate([every[every > -1], rng.random(200) - 0.5, [1e300, 1e17, -1 + 2.0**-53]])
    if name == "log1mexp":
        return -abs(every[every != 0])
    return every


@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_is_below_4_ulp(name, library):
    where = points(name, np.random.default_rng(3))
    found = evaluate(library, name, where)
    exact = FUNCTIONS[name]
    errors = [error_in_ulp(f, exact(mpmath.mpf(float(p)))) for p, f in zip(where, found, strict=True)]
    worst = int(np.argmax(errors))
    assert errors[worst] <= 4, f"{name}({where[worst]!r}) = {found[worst]!r} is {errors[worst]} ULP off"


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
