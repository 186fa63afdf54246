"""The slope of a function of one number: by central differences, extrapolated, with what they can tell.

SciPy's ``differentiate.derivative`` does the same for a function that is smooth over its steps. Near a kink its
estimate of the error is one of a smooth function, and it stops where the error grows, before the steps are short enough;
it is told nothing of branches. So the table is made here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Slope", "slope"]

SHRINK = 4.0  # from one step to the next; a power of two, so that steps are exact
LEVELS = 13  # 0.1 to 1e-9 of the scale
MORE = 24  # where a kink is near
SAFETY = 10.0  # what an estimate of an error may be too small by


class Slope(NamedTuple):
    """What differences say."""

    value: float
    error: float  # infinite where nothing can be said
    left: float | None = None  # where the two sides differ
    right: float | None = None
    crossed: Any = None  # the branches at the left, at the point and at the right, where they differ


class _Point(NamedTuple):
    at: Any
    value: Any
    branch: Any  # None where the function has no value


class _Sampled:
    """A function at x and at steps to both sides of it."""

    def __init__(
        self, function: Callable[[Any], tuple[Any, Any]], x: Any, scale: float, eps: float, rough: float
    ) -> None:
        self.function, self.x, self.eps = function, x, eps
        _, exponent = math.frexp(scale)
        self.first = math.ldexp(1.0, exponent - 4)
        self.centre = self._point(x)
        self.rough = max(rough, self._roughness(4 * eps * scale))
        self.steps: list[tuple[Any, _Point, _Point]] = []

    def _point(self, at: Any) -> _Point:
        value, branch = self.function(at)
        return _Point(at, value, branch if np.isfinite(value) else None)

    def _roughness(self, step: float) -> float:
        """By how much the values of neighbours of x leave a line: by rounding alone, of terms that may cancel."""
        found = [0.0]
        for k in (1, 2):
            left, right = self._point(self.x - k * step), self._point(self.x + k * step)
            if left.branch == right.branch == self.centre.branch is not None:
                found.append(
                    abs(float(left.value - self.centre.value) + float(right.value - self.centre.value))
                )
        return max(found)

    def shrink(self) -> None:
        step = self.first / SHRINK ** len(self.steps)
        self.steps.append((step, self._point(self.x - step), self._point(self.x + step)))

    def noise(self, *points: _Point) -> float:
        """Of a quotient of two values: what their rounding makes of it."""
        width = float(points[-1].at - points[0].at)
        rounding = 4 * self.eps * max(abs(float(p.value)) for p in points) + 2 * self.rough
        return rounding / width if width > 0 else math.inf

    def quotients(self, side: int, branch: Any) -> list[tuple[float, float]]:
        """Of each step, the quotient and its noise: at both sides (0), or at one; NaN where it crosses a branch."""
        found = []
        for _, left, right in self.steps:
            one, other = {0: (left, right), -1: (left, self.centre), 1: (self.centre, right)}[side]
            ends = (left, right) if side == 0 else ((left,) if side < 0 else (right,))
            if not other.at > one.at:
                break  # shorter than the distance between two numbers
            clean = all(end.branch is not None and end.branch == branch for end in ends)
            if not clean or one.branch is None or other.branch is None:
                found.append((math.nan, math.inf))
            else:
                found.append(((other.value - one.value) / (other.at - one.at), self.noise(one, other)))
        return found


def _extrapolated(quotients: list[tuple[float, float]], order: float) -> tuple[float, float]:
    """The limit of quotients for shorter and shorter steps, and its error: Richardson's table.

    `order`: by what the error of the first column shrinks from one step to the next.
    """
    levels: list[tuple[float, float]] = []
    before: list[Any] = []
    for quotient, noise in quotients:
        if math.isnan(float(quotient)):
            before, levels = [], []  # what stands on the other side of a branch belongs to another table
            continue
        row: list[Any] = [quotient]
        value, error = math.nan, math.inf
        for j, last in enumerate(before, start=1):
            row.append((order**j * row[-1] - last) / (order**j - 1))
            apart = max(abs(row[-1] - row[-2]), abs(row[-1] - last))
            if (told := float(apart) + noise) < error:
                value, error = float(row[-1]), told
        before = row[:6]
        levels.append((value, error))
    return _limit(levels)


def _limit(levels: list[tuple[float, float]]) -> tuple[float, float]:
    """The best of the estimates that no shorter step contradicts: from afar, a slope may look like another."""
    best, error = math.nan, math.inf
    for value, unsure in reversed(levels):
        if math.isfinite(error) and abs(value - best) > SAFETY * (unsure + error):
            break
        if unsure < error:
            best, error = value, unsure
    return best, error


def slope(
    function: Callable[[Any], tuple[Any, Any]],
    x: Any,
    scale: float,
    eps: float,
    *,
    rough: float = 0.0,
    patient: bool = False,
) -> Slope:
    """The slope of `function` at `x`, where ``function(x)`` is a value and the branch that it was computed on.

    `scale`: how far a step may go; `rough`: what is known of how far rounding moves a value. With `patient`, all
    steps are tried, and both sides compared.
    """
    sampled = _Sampled(function, x, scale, eps, rough)
    if sampled.centre.branch is None:
        return Slope(math.nan, math.inf)
    branch = sampled.centre.branch
    best, error = math.nan, math.inf
    while len(sampled.steps) < MORE:
        sampled.shrink()
        told = sampled.quotients(0, branch)
        best, error = _extrapolated(told, SHRINK**2)
        noise = told[-1][1] if told else math.inf
        if len(sampled.steps) >= LEVELS and math.isfinite(error):
            break
        # Good enough, or shorter steps round more.
        enough = len(sampled.steps) > 2 and (error <= 1e-11 * abs(best) or noise > error)
        if enough and not patient and not _bends(sampled):
            return Slope(best, SAFETY * error)
    return _sides(sampled, best, error)


def _bends(sampled: _Sampled) -> bool:
    """Whether the quotients of the two sides do not come closer as the steps shrink."""
    bends = []
    for _, left, right in sampled.steps[-2:]:
        if left.branch is None or right.branch is None:
            return True
        right_slope = (right.value - sampled.centre.value) / (right.at - sampled.x)
        left_slope = (sampled.centre.value - left.value) / (sampled.x - left.at)
        noise = sampled.noise(left, sampled.centre) + sampled.noise(sampled.centre, right)
        bends.append(
            (abs(float(right_slope - left_slope)), noise, abs(float(right_slope)) + abs(float(left_slope)))
        )
    (before, _, _), (now, noise, size) = bends[-2:] if len(bends) > 1 else (bends[0], bends[0])
    return now > 0.5 * before and now > SAFETY * noise and now > 1e-6 * size


def _sides(sampled: _Sampled, best: float, error: float) -> Slope:
    """The slopes on the two sides, and whether they are one."""
    _, left, right = sampled.steps[-1]
    if left.branch is None or right.branch is None:  # the edge of where the function has values
        return Slope(best, SAFETY * error)
    (below, below_error), (above, above_error) = (
        _extrapolated(sampled.quotients(side, point.branch), SHRINK)
        for side, point in ((-1, left), (1, right))
    )
    crossed = (left.branch, sampled.centre.branch, right.branch)
    jumps = [_jumps(sampled, side) for side in (1, 2)]
    if any(jumps):
        return Slope(
            best, math.inf, -math.inf if jumps[0] else below, math.inf if jumps[1] else above, crossed
        )
    apart, unsure = abs(above - below), SAFETY * (below_error + above_error)
    if math.isfinite(unsure) and apart > unsure and apart > 1e-6 * max(abs(above), abs(below)):
        return Slope((above + below) / 2, unsure, below, above, crossed)
    if math.isfinite(error):
        return Slope(best, SAFETY * error)
    if math.isfinite(unsure):  # a branch changes here, and the slope does not
        return Slope((above + below) / 2, unsure + apart, crossed=crossed)
    return Slope(math.nan, math.inf)


def _jumps(sampled: _Sampled, side: int) -> bool:
    """Whether the values of one side end elsewhere than in the value at the point."""
    gaps = [abs(float(step[side].value - sampled.centre.value)) for step in sampled.steps[-3:]]
    size = max(abs(float(sampled.centre.value)), *gaps)
    if len(gaps) < 3 or gaps[-1] <= 1e3 * (sampled.eps * size + sampled.rough):
        return False
    return gaps[-1] > 0.9 * gaps[0]
