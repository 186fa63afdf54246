"""Derivatives are what differences say, and what cannot be differentiated is refused by name."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import graphs
from graphs.derivatives import curvature, jacobian, slope_along
from graphs.errors import InputError
from graphs.functions import compile_outputs

MODES = ["FAST_COMPILE", "NATIVE"]


def shared(*values):
    return [pytensor.shared(np.array(value), name="abcd"[place]) for place, value in enumerate(values)]


@pytest.mark.parametrize("mode", MODES)
def test_the_jacobian_has_a_column_for_each_parameter(mode):
    a, b, c = shared(1.5, -0.5, 2.0)
    x = pt.dvector("x")
    residuals = a * pt.exp(b * x) + c * x**2
    at = np.array([0.0, 0.5, 1.0, 2.0])
    found = compile_outputs([x], jacobian(residuals, [b, a, c]), mode)(at)
    by_hand = np.stack([1.5 * at * np.exp(-0.5 * at), np.exp(-0.5 * at), at**2], axis=1)
    np.testing.assert_allclose(found, by_hand, rtol=1e-14)


@pytest.mark.parametrize("mode", MODES)
def test_curvature_is_the_hessian_times_a_direction(mode):
    a, b = shared([1.0, 2.0], 0.5)
    cost = (a[0] ** 2 * a[1] * b).sum() + b**3
    directions = [pt.dvector(), pt.dscalar()]
    bent = compile_outputs(directions, curvature(cost, [a, b], directions), mode)
    hessian = np.array([[2.0, 1.0, 4.0], [1.0, 0.0, 1.0], [4.0, 1.0, 3.0]])
    for direction in np.eye(3):
        found = np.concatenate([np.ravel(part) for part in bent(direction[:2], direction[2])])
        np.testing.assert_allclose(found, hessian @ direction, rtol=1e-14, atol=1e-14)


def test_a_cost_without_curvature_has_none():
    a, b = shared([1.0, 2.0], 0.5)
    directions = [pt.dvector(), pt.dscalar()]
    found = compile_outputs(directions, curvature(3 * a.sum() + b, [a, b], directions), "FAST_COMPILE")
    assert [part.tolist() for part in found([1.0, 1.0], 1.0)] == [[0.0, 0.0], 0.0]


def test_the_slope_of_a_curve_is_point_by_point():
    x = pt.dvector("x")
    at = np.linspace(-1, 1, 7)
    found = compile_outputs([x], slope_along(pt.sin(x), x), "FAST_COMPILE")(at)
    np.testing.assert_allclose(found, np.cos(at), rtol=1e-15)


@pytest.mark.parametrize(
    ("residuals", "parameters", "said"),
    [
        (
            lambda a, b, x: x.sum() * a,
            lambda a, b: [a],
            "residuals: found a Variable of 0 dimensions.*a vector",
        ),
        (lambda a, b, x: x * a, lambda a, b: [b], "parameters: found b, .*not in the residuals"),
        (
            lambda a, b, x: x * b.sum(),
            lambda a, b: [b],
            "parameters: found b, .*scalars, one for each column",
        ),
        (lambda a, b, x: x * a, lambda a, b: [a, a], "parameters: found a, .*twice"),
        (lambda a, b, x: "x", lambda a, b: [a], "residuals: found 'x'; allowed: a vector"),
    ],
)
def test_what_has_no_jacobian_is_refused(residuals, parameters, said):
    a, b = shared(1.0, [1.0, 2.0])
    with pytest.raises(InputError, match=said):
        graphs.jacobian(residuals(a, b, pt.dvector("x")), parameters(a, b))
