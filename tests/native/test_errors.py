"""Wrong shapes and types give PyTensor's kind of error, before anything is computed."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.raise_op import Assert


@pytest.fixture(scope="module")
def call(uncached):
    def compile_and_call(inputs, output, *values, trust=False):
        fn = pytensor.function(inputs, output, mode=uncached)
        fn.trust_input = trust
        return fn(*values)

    return compile_and_call


x, a = pt.dmatrix("x"), pt.dmatrix("a")
v, u = pt.dvector("v"), pt.dvector("u")
n = pt.lscalar("n")


def test_shapes_that_do_not_fit(call):
    with pytest.raises(ValueError, match="axis 0 of u"):
        call([v, u], v + u, np.ones(3), np.ones(4))
    with pytest.raises(ValueError, match="mismatch"):
        call([x, v], pt.dot(x, v), np.ones((2, 3)), np.ones(4))
    with pytest.raises(ValueError, match="mismatch"):
        call([x, a], pt.join(0, x, a), np.ones((2, 3)), np.ones((2, 4)))
    with pytest.raises(ValueError, match="mismatch"):  # broadcasting is decided when the graph is made
        call([v, u], v + u, np.ones(3), np.ones(1))
    with pytest.raises(ValueError, match="mismatch"):
        call([v], pt.specify_shape(v, (3,)) + 1, np.ones(4))


def test_places_that_are_not_there(call):
    for place in (3, -4, 10**12):
        with pytest.raises(IndexError):
            call([v, n], v[n] * 2, np.ones(3), place)
    with pytest.raises(IndexError):
        call([v, n], pt.set_subtensor(v[n], 1.0), np.ones(3), 5)


def test_other_errors(call):
    with pytest.raises(ValueError, match="negative"):
        call([n], pt.zeros((n, 2)) + 1, -1)
    with pytest.raises(ValueError, match="reshape"):
        call([x], x.reshape((2, -1)) * 1, np.ones((3, 3)))
    with pytest.raises(ValueError, match="no identity"):
        call([v], v.max(), np.ones(0))
    with pytest.raises(AssertionError, match="must be positive"):
        call([v, n], Assert("n must be positive")(v, n > 0) * 2, np.ones(2), -1)


def test_a_trusted_input_of_the_wrong_kind_is_refused_not_read(call):
    with pytest.raises(TypeError):
        call([v], v + 1, np.ones((2, 2)), trust=True)
    with pytest.raises(TypeError):
        call([v], v + 1, np.ones(3, "float32"), trust=True)
    with pytest.raises((TypeError, ValueError)):
        call([v], v + 1, "text", trust=True)


def test_unaligned_and_read_only_inputs(call):
    raw = np.zeros(8 * 4 + 1, "uint8")
    off = raw[1:].view("float64")
    off[:] = [1, 2, 3, 4]
    fixed = np.arange(3.0)
    fixed.flags.writeable = False
    np.testing.assert_array_equal(call([v], v * 2, off, trust=True), [2, 4, 6, 8])
    np.testing.assert_array_equal(call([v], v * 2, fixed), [0, 2, 4])
