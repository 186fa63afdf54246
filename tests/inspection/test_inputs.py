"""A value for every input: given, or drawn from a shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from graphs import InputError
from graphs.inspection import inspect
from graphs.inspection.values.difference import same_value
from graphs.inspection.values.inputs import bind, sample_inputs
from tests.inspection.conftest import PYTHON


def test_inputs_are_drawn_where_not_given() -> None:
    x, k, z = pt.dmatrix("x"), pt.lvector("k"), pt.zscalar("z")
    values, sources = sample_inputs([x, k, z], {"k": [1, 0]}, {"x": (2, 3)}, 5)
    again, _ = sample_inputs([x, k, z], {"k": [1, 0]}, {"x": (2, 3)}, 5)
    assert sources == ["drawn", "given", "drawn"]
    assert [v.dtype for v in values] == ["float64", "int64", "complex128"]
    assert values[0].shape == (2, 3)
    assert all(same_value(a, b) for a, b in zip(values, again, strict=True))


@pytest.mark.parametrize(
    ("given_values", "shapes", "argument"),
    [
        (None, None, "shapes['x']"),
        ({"w": 1}, None, "inputs['w']"),
        ([np.ones((2, 2)), 1], None, "inputs"),
        (None, {"x": (2,)}, "shapes['x']"),
        (None, {"x": (2, -1)}, "shapes['x']"),
        ({"x": "text"}, None, "inputs['x']"),
        ([np.ones(3)], None, "inputs['x']"),
        ({"x": np.ones((2, 2), complex)}, None, "inputs['x']"),
        ("x", None, "inputs"),
        ({3: 1}, None, "inputs[3]"),
        (None, {"x": 2}, "shapes['x']"),
        (None, {"x": (2, 10**19)}, "shapes['x']"),
        (None, {"x": (10**9, 10**9)}, "shapes['x']"),
        (None, 3, "shapes"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(given_values: Any, shapes: Any, argument: str) -> None:
    with pytest.raises(InputError) as refusal:
        sample_inputs([pt.dmatrix("x")], given_values, shapes, 0)
    assert refusal.value.argument == argument


def test_bound_inputs_say_where_their_values_are_from() -> None:
    x = pt.dvector("x")
    s = pytensor.shared(1.0)
    found = bind(inspect([x], [x * s], mode=PYTHON).live, shapes=[(2,)])
    assert found.sources == ("drawn", "shared")
    assert found.values[1] is None
    assert found.arguments == found.values[:1]
