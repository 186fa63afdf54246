"""Many steps in one call give what as many calls give, whatever is kept of them."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from graphs.compiled import repeated
from graphs.errors import InputError
from graphs.native import repeat

v = pt.dvector("v")


@pytest.fixture(scope="module")
def step(uncached):
    s = pytensor.shared(np.ones(3), name="s")
    fn = pytensor.function([v], [(s * v).sum(), s * 2, v.sum()], updates=[(s, s - v / 8)], mode=uncached)

    def from_the_start():
        s.set_value(np.ones(3))
        return fn

    return from_the_start


@pytest.mark.parametrize("keep", [None, [0], [1], [2, 0], [0, 1, 0], []])
def test_every_output_kept_is_that_of_single_calls(step, keep):
    fn = step()
    single = [[np.array(value) for value in fn(np.arange(3.0))] for _ in range(5)]
    found = repeat(step(), 5, [np.arange(3.0)], keep)
    for k, history in zip(range(3) if keep is None else keep, found, strict=True):
        np.testing.assert_array_equal(history, [values[k] for values in single])


def test_steps_after_the_first_are_computed_once(step, monkeypatch):
    calls = []
    in_c = repeated._in_c
    monkeypatch.setattr(repeated, "_in_c", lambda *args: calls.append(args[2]) or in_c(*args))
    repeat(step(), 5, [np.arange(3.0)])
    assert calls == [4]


def test_what_cannot_be_kept_or_repeated_is_refused(step):
    with pytest.raises(InputError, match="keep: found 3; allowed: a whole number from 0 to 2"):
        repeat(step(), 2, [np.ones(3)], [3])
    with pytest.raises(InputError, match="steps: found 0"):
        repeat(step(), 0, [np.ones(3)])
