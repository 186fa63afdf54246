"""Scan and running sums as loops in the same C file, against PyTensor's own evaluation."""

from __future__ import annotations

import warnings

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.scan.utils import until

from graphs.native import source_of
from tests.native.conftest import each_dtype

x, v, W, s, n = pt.dmatrix("x"), pt.dvector("v"), pt.dmatrix("W"), pt.dscalar("s"), pt.lscalar("n")
labels, t = pt.lvector("labels"), pt.dtensor3("t")

rng = np.random.default_rng(16)
VALUES = {
    x: rng.normal(size=(7, 5)),
    v: rng.normal(size=5),
    W: rng.normal(size=(5, 5)) / 3,
    s: 0.7,
    n: 4,
    labels: rng.integers(0, 5, 7),
    t: rng.normal(size=(3, 4, 2)),
}


def scan(step, **arguments):
    """The results of a scan; from PyTensor 3.3 on it is asked not to give updates."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        found = pytensor.scan(step, **arguments)
    return found[0] if isinstance(found, tuple) and isinstance(found[1], dict) else found


def recurrent():
    return scan(lambda now, h, W: pt.tanh(now + h @ W), sequences=[x], outputs_info=[v], non_sequences=[W])


def fibonacci(steps):
    start = pt.stack([s, s * 2])
    return scan(lambda a, b: a + b, outputs_info=[{"initial": start, "taps": [-2, -1]}], n_steps=steps)


def doubled(steps=40):
    return scan(lambda a: (a * 2, until(a * 2 > 20)), outputs_info=[s], n_steps=steps)


def two_outputs():
    found = scan(
        lambda a, h, c: [h * 0.5 + a, pt.tanh(c + h), (h * c).sum()],
        sequences=[x],
        outputs_info=[v, v * 2, None],
    )
    return [*found, found[0][-1], pt.grad(found[2].sum() + found[1][-1].sum(), v)]


def nested():
    def outer(row, total):
        inner = scan(lambda number, so_far: so_far * 0.5 + number, sequences=[row], outputs_info=[s])
        return total + inner[-1] * row

    found = scan(outer, sequences=[x], outputs_info=[v])
    return [found, found[-1]]


CASES = {
    "recurrent": lambda: [recurrent(), recurrent()[-1], recurrent()[::2]],
    "its gradient": lambda: [pt.grad((recurrent() ** 2).sum(), W), *pt.grad(recurrent()[-1].sum(), [v, x])],
    "two taps": lambda: [fibonacci(n), fibonacci(n)[-1], fibonacci(n)[-2:], fibonacci(3), fibonacci(1)],
    "their gradient": lambda: [pt.grad(fibonacci(6)[-1], s), pt.grad((fibonacci(n) ** 2).sum(), s)],
    "no memory": lambda: [
        scan(lambda row: row**2 + 1, sequences=[x]),
        scan(lambda a, b: a * b, sequences=[v, v]),
    ],
    "backwards": lambda: [scan(lambda a, h: h * 0.5 + a, sequences=[v], outputs_info=[s], go_backwards=True)],
    "several": two_outputs,
    "until": lambda: [doubled(), doubled()[-1], doubled(2), doubled().sum()],
    "one in another": nested,
    "by index": lambda: [
        scan(lambda k, h, W: h + W[k], sequences=[labels], outputs_info=[v], non_sequences=[W])[-1],
        pt.grad(scan(lambda k, W: (W[k] ** 2).sum(), sequences=[labels], non_sequences=[W]).sum(), W),
    ],
    "running": lambda: [
        pt.cumsum(v),
        pt.cumsum(x, axis=0),
        pt.cumprod(x, axis=1),
        pt.cumsum(x),
        pt.cumsum(labels),
        pt.cumprod(t, axis=1),
        pt.grad((pt.cumsum(x, axis=1) ** 2).sum(), x),
        pt.cumsum(pt.exp(v)[::-1])[::-1],
    ],
}


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_pytensor(case, agree):
    agree(CASES[case](), VALUES)


@pytest.mark.parametrize(
    "dtype", each_dtype(["float64", "float32", "int64", "int32", "int8", "uint64", "uint8"])
)
def test_every_dtype(agree, dtype):
    a = pt.matrix("a", dtype=dtype)
    remembered = scan(lambda row, h: (row + h).astype(dtype), sequences=[a], outputs_info=[a[0]])
    running = [pt.cumsum(a, axis=0), pt.cumprod(a, axis=1)]
    # of narrow whole numbers the oracle, NumPy, gives wider sums than the Op says
    agree(
        [remembered, *(running if dtype in ("float64", "float32", "int64", "uint64") else [])],
        {a: rng.integers(0, 3, (4, 3))},
    )


def test_empty_arrays(agree):
    none = {**VALUES, x: np.zeros((7, 0)), v: np.zeros(0), W: np.zeros((0, 0))}
    agree([pt.cumsum(v), pt.cumsum(x, axis=0), pt.cumprod(x, axis=1), recurrent()], none)


def test_one_turn_and_none(uncached):
    fn = pytensor.function([x, v, W], [recurrent(), recurrent()[-1]], mode=uncached)
    start, weights = VALUES[v], VALUES[W]
    whole, last = fn(VALUES[x][:1], start, weights)
    expected = np.tanh(VALUES[x][0] + start @ weights)
    np.testing.assert_allclose(whole, [expected], rtol=1e-13)
    np.testing.assert_allclose(last, expected, rtol=1e-13)


def test_a_constant_held_in_a_turn_is_held_again_outside(uncached):
    """Where no turn is taken, nothing was held in one."""
    twos = pt.constant(np.full(3, 2.0))
    found = scan(lambda k, h: h + twos[k], sequences=[labels], outputs_info=[s])
    after = twos[(found.sum() > 1e9).astype("int64")]
    fn = pytensor.function([labels, s], after, mode=uncached)
    assert fn(np.array([0, 1]), 1.0) == 2.0
    assert fn(np.zeros(0, int), 1.0) == 2.0


def test_an_end_is_decided_by_what_the_turn_began_with(agree):
    """Also where one row holds both: nothing is overwritten before."""
    last = scan(lambda a: (a * 2, until(a > 20)), outputs_info=[s], n_steps=40)[-1]
    sums = scan(lambda a: (a * 2, until((a + a * a).sum() > 20)), outputs_info=[v], n_steps=40)[-1]
    agree([last, sums], {s: 0.7, v: np.array([0.1, 0.2])})


def test_lengths_that_do_not_fit_are_refused(uncached):
    sums = scan(lambda a, h: a * 2 + h, sequences=[v], outputs_info=[pt.zeros(())], n_steps=n)
    fn = pytensor.function([v, n], sums, mode=uncached)
    with pytest.raises(ValueError, match="shorter than the number of steps"):
        fn(VALUES[v], 6)
    with pytest.raises(IndexError, match="negative number of steps"):
        fn(VALUES[v], -1)
    np.testing.assert_allclose(fn(VALUES[v], 3), np.cumsum(VALUES[v][:3] * 2))


def test_the_graph_inside_is_rewritten_too(uncached):
    """The textbook's logarithm of a sigmoid is as stable in a Scan as outside."""
    found = scan(lambda a, h: h * 0 + pt.log(1 - pt.sigmoid(a + h * 0)), sequences=[v], outputs_info=[s])
    fn = pytensor.function([v, s], found, mode=uncached)
    np.testing.assert_allclose(fn([800.0, 0.0], 1.0), [-800.0, -np.log(2)])
    assert "for (int64_t turn = 0;" in source_of(fn).text


def test_what_it_carries_that_is_no_number_is_left_to_python(uncached):
    """A Scan that draws at random is performed as a whole."""
    rng_variable = pytensor.shared(np.random.default_rng(3), name="rng")

    def step(h, generator):
        following, normal = pt.random.normal.make_node(generator, None, 0.0, 1.0).outputs
        return [h + normal, following]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytensor.config.change_flags(mode="FAST_COMPILE"):
            try:
                walk, _ = pytensor.scan(step, outputs_info=[s, rng_variable], n_steps=4, return_updates=False)
            except TypeError:
                pytest.skip("this PyTensor's scan carries arrays only")
            fn = pytensor.function([s], walk, mode=uncached)
            expected = pytensor.function([s], walk, mode="FAST_COMPILE")(1.0)
            np.testing.assert_allclose(fn(1.0), expected)


def test_what_a_running_sum_has_come_to_is_a_variable_of_the_function(uncached):
    v = pt.dvector("v")
    text = source_of(pytensor.function([v], pt.cumsum(v), mode=uncached)).text
    assert "ALIGNED double so_far[1];" in text
    assert "aligned_alloc" not in text
