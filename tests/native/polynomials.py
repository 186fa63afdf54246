"""The polynomials of write/mathematics.h whose coefficients stand there in hexadecimal, computed again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import mpmath
from mpmath import mpf

Function = Callable[[Any], Any]


class Polynomial(NamedTuple):
    """A function on an interval, and of how many coefficients its polynomial is, in x - centre."""

    of: Function
    first: Any
    last: Any
    count: int
    centre: Any

    def coefficients(self) -> list[float]:
        """Those of x^0, x^1, …: the polynomial that meets the function in the zeros of a Chebyshev polynomial."""
        with mpmath.workdps(60):
            middle, half = (mpf(self.last) + self.first) / 2, (mpf(self.last) - self.first) / 2
            angles = [mpmath.pi * (2 * k + 1) / (2 * self.count) for k in range(self.count)]
            values = [self.of(middle + half * mpmath.cos(angle)) for angle in angles]
            weights = [
                mpf(2) / self.count * sum(v * mpmath.cos(j * a) for v, a in zip(values, angles, strict=True))
                for j in range(self.count)
            ]
            weights[0] /= 2
            return [float(c) for c in _moved(_powers(weights), middle - self.centre, half)]


def _powers(weights: Sequence[Any]) -> list[Any]:
    """A sum of Chebyshev polynomials as one of powers."""
    before, this = [mpf(1)], [mpf(0), mpf(1)]
    total = [mpf(0)] * len(weights)
    for weight in weights:
        for k, c in enumerate(before):
            total[k] += weight * c
        doubled = [mpf(0), *(2 * c for c in this)]
        before, this = this, [c - (before[k] if k < len(before) else 0) for k, c in enumerate(doubled)]
    return total


def _moved(powers: Sequence[Any], by: Any, scale: Any) -> list[Any]:
    """The polynomial p((x - by) / scale), as one of x."""
    out = [mpf(0)] * len(powers)
    for k, c in enumerate(powers):
        for j in range(k + 1):
            out[j] += c / scale**k * mpmath.binomial(k, j) * (-mpf(by)) ** (k - j)
    return out


def _atan(z: Any) -> Any:
    root = mpmath.sqrt(z)
    return mpmath.atan(root) / root


def _erfinv(z: Any) -> Any:
    root = mpmath.sqrt(z)
    return mpmath.erfinv(root) / root


def _lgamma(u: Any) -> Any:
    return mpmath.loggamma(1 + u) / (u * (u - 1))


def _digamma(u: Any) -> Any:
    zero = mpmath.findroot(mpmath.digamma, mpf("1.46163214496836234126"))
    return mpmath.digamma(1 + u) / (1 + u - zero)


def erfcx(x: Any) -> Any:
    """e^(x²) erfc(x); from 20 on by its asymptotic series, since e^(x²) becomes too large."""
    if x < 20:
        return mpmath.exp(x * x) * mpmath.erfc(x)
    series = sum((-1) ** k * mpmath.fac2(2 * k - 1) / (2 * x * x) ** k for k in range(60))
    return series / (x * mpmath.sqrt(mpmath.pi))


def _erfcx(t: Any) -> Any:
    x = 3 * (1 + t) / (1 - t)
    return (1 + 2 * x) * erfcx(x)


def erfcinv(q: Any) -> Any:
    """The t of erfc(t) = q for a small q, by Newton's method on log erfc."""
    log = mpmath.log(q)
    t = mpmath.sqrt(-log) * mpf("0.6") if q > 0.1 else mpmath.sqrt(-log - mpmath.log(mpmath.sqrt(-log)))
    for _ in range(9):
        e = mpmath.erfc(t)
        t += (mpmath.log(e) - log) * e * mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(t * t)
    return t


def _tail(v: Any) -> Any:
    return erfcinv(mpmath.exp(-1 / v**2)) * v


POLYNOMIALS = {  # by the section of mathematics.h
    "atan_": Polynomial(_atan, 0, (mpmath.sqrt(2) - 1) ** 2, 12, 0),
    "lgamma_middle": Polynomial(_lgamma, -0.25, 1.25, 30, 0.5),
    "digamma_middle": Polynomial(_digamma, 0, 1.5, 26, 0.75),
    "erfcx_half": Polynomial(_erfcx, -1, 1, 26, 0),
    "erfinv_middle": Polynomial(_erfinv, 0, 0.25, 14, 0),
    "erfcinv_tail": Polynomial(_tail, mpf("0.0365"), mpf("1.2025"), 10, mpf("0.6195")),
}
