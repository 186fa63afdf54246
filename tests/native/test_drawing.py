"""Random draws in C: the same to the bit as PyTensor's own, and the generators go on as there."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.tensor.random import basic

from graphs.compiled import outside
from graphs.native import explain, repeat, source_of
from graphs.native.lower.drawing import DISTRIBUTIONS
from graphs.native.run import drawing
from tests.native.conftest import ORACLE

mu, v, k = pt.dmatrix("mu"), pt.dvector("v"), pt.lvector("k")
f, n = pt.fvector("f"), pt.lscalar("n")

# of each Op: scalars, and vectors of v (positive numbers) and k (whole numbers from 1 on)
PARAMETERS = {
    basic.UniformRV: [(-1.5, 2.5), (v, v + 3), (0, v)],
    basic.NormalRV: [(1.0, 2.5), (v, 0.5), (v[0], v[:3]), (f[:3], 1)],
    basic.LogNormalRV: [(0.5, 0.1), (v, v)],
    basic.GammaRV: [(0.5, 2.0), (v, 1.0), (3.5, v), (0.0, 1.0)],
    basic.InvGammaRV: [(2.5, 2.0), (v, v)],
    basic.BetaRV: [(0.5, 0.4), (v, v + 1)],
    basic.LaplaceRV: [(0.0, 1.0), (v, v)],
    basic.LogisticRV: [(0.0, 1.0), (v, v)],
    basic.VonMisesRV: [(0.0, 2.0), (v, v)],
    basic.WaldRV: [(1.0, 2.0), (v, v)],
    basic.ExponentialRV: [(2.0,), (v,)],
    basic.WeibullRV: [(2.0,), (v,)],
    basic.PoissonRV: [(0.7,), (60.0,), (v * 5,), (k,)],
    basic.GeometricRV: [(0.3,), (v / 5,)],
    basic.BinomialRV: [(5, 0.3), (400, 0.45), (k, 0.3), (k * 50, 0.5), (9, v / 5)],
    basic.BernoulliRV: [(0.3,), (v / 5,), (1.0,)],
    basic.IntegersRV: [(0, 10), (-5, k), (0, 2**40), (-(2**62), 2**62), (-3, -2), (k, k + 2**32)],
}
VALUES = {
    v: np.array([0.3, 1.0, 2.5, 4.0]),
    k: np.array([1, 2, 7, 30]),
    f: np.array([0.5, 1.5, 2.5, 0.1], "float32"),
    mu: np.arange(12.0).reshape(3, 4),
    n: 3,
}


def one_of(kind):
    """The Op of a class, of which PyTensor has one."""
    return next(op for op in vars(basic).values() if type(op) is kind)


def chained(draws):
    """A shared generator, what is drawn from it one after the other, and its update."""
    rng = following = pytensor.shared(np.random.default_rng(23), name="rng")
    outputs = []
    for op, size, parameters in draws:
        following, drawn = op.make_node(following, size, *map(pt.as_tensor, parameters)).outputs
        outputs.append(drawn)
    return rng, outputs, following


def compare(uncached, draws, values=VALUES, calls=3, native=True):
    """Call natively and as PyTensor does, and look at the generators in the end."""
    given = list(VALUES)
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for mode in (uncached, ORACLE):
            rng, outputs, following = chained(draws)
            updates = [(rng, following)]
            fn = pytensor.function(given, outputs, updates=updates, mode=mode, on_unused_input="ignore")
            if mode is uncached and native:
                assert not explain(fn).performed, explain(fn)
            found.append([fn(*(values[variable] for variable in given)) for _ in range(calls)])
            found[-1].append(rng.get_value().bit_generator.state)
    *mine, state = found[0]
    *theirs, expected = found[1]
    assert state == expected
    for one, other in zip(mine, theirs, strict=True):
        for drawn, want in zip(one, other, strict=True):
            assert (drawn.dtype, drawn.shape) == (want.dtype, want.shape)
            assert drawn.tobytes() == want.tobytes()


@pytest.mark.parametrize("kind", DISTRIBUTIONS, ids=lambda kind: kind.__name__)
def test_every_distribution_draws_the_same_bits(uncached, kind):
    op, draws = one_of(kind), []
    for parameters in PARAMETERS[kind]:
        draws.append((op, None, parameters))
        if not any(getattr(each, "ndim", 0) for each in parameters):
            draws += [(op, size, parameters) for size in ((), (5,), (2, 3), (4, 0), (1, 1))]
    draws += [(op, (2, 4), PARAMETERS[kind][1])] if kind not in (basic.NormalRV,) else []
    draws += [(op, (n, n), PARAMETERS[kind][0])]
    compare(uncached, [draw for draw in draws if not _may_be_one(draw)])


def _may_be_one(draw):
    """Whether a size is given beside a vector whose length nobody knows: NumPy would repeat one of length 1."""
    _, size, parameters = draw
    return size is not None and any(getattr(each, "ndim", 0) for each in parameters)


@pytest.mark.parametrize("dtype", ["float32", "int32", "int8", "bool"])
def test_what_is_drawn_is_of_the_ops_dtype(uncached, dtype):
    kinds = (
        [basic.NormalRV, basic.InvGammaRV] if dtype == "float32" else [basic.BernoulliRV, basic.IntegersRV]
    )
    draws = [(kind(dtype=dtype), (3,), PARAMETERS[kind][0]) for kind in kinds]
    compare(uncached, draws)


def test_parameters_are_computed_and_repeated(uncached):
    fixed = pt.specify_shape(v, (4,))
    draws = [
        (pt.random.normal, None, (mu * 2 + v, v.max() + 1)),
        (pt.random.normal, None, (v[1] * 2, v.min())),
        (pt.random.normal, (3, 4), (pt.specify_shape(mu, (3, 4)), 1.0)),
        (pt.random.normal, (2, 4), (fixed, fixed)),
        (pt.random.uniform, None, (0, pt.sort(v)[1:])),
        (basic._gamma, (mu.shape[0], 2), (v[pt.argmax(v)], 2.0)),
        (pt.random.poisson, (pt.cast(v.sum(), "int64"),), (3.0,)),
    ]
    compare(uncached, draws)


def test_no_rows(uncached):
    compare(uncached, [(pt.random.normal, None, (mu, 1.0))], {**VALUES, mu: np.zeros((0, 4))})


def test_lengths_that_may_be_1_are_left_to_python(uncached):
    draws = [(pt.random.normal, None, (v, f)), (pt.random.normal, (4,), (v, 1.0))]
    compare(uncached, draws, native=False)
    compare(uncached, draws, {**VALUES, v: np.ones(1)}, native=False)


def test_a_generator_that_several_use_is_left_to_python(uncached):
    """Each draws from a copy, so both draw the same."""

    def drawn(mode):
        rng = pytensor.shared(np.random.default_rng(5))
        first, one = pt.random.normal.make_node(rng, (3,), 0.0, 1.0).outputs
        _, two = pt.random.normal.make_node(rng, (3,), 3.0, 1.0).outputs
        _, three = pt.random.normal.make_node(first, (3,), 0.0, 1.0).outputs
        _, four = pt.random.normal.make_node(first, (3,), 1.0, 1.0).outputs
        fn = pytensor.function([], [one, two, three, four], updates=[(rng, first)], mode=mode)
        return fn, [fn() for _ in range(3)]

    native, found = drawn(uncached)
    assert len(explain(native).performed) == 4
    for mine, theirs in zip(found, drawn(ORACLE)[1], strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_c_and_python_draw_from_one_generator_in_turn(uncached):
    draws = [
        (pt.random.normal, (2,), (0.0, 1.0)),
        (pt.random.dirichlet, None, (v,)),
        (pt.random.normal, (2,), (0.0, 1.0)),
    ]
    compare(uncached, draws, native=False)


@pytest.mark.parametrize(
    ("op", "parameters", "kind", "said"),
    [
        (pt.random.normal, (0.0, -1.0), ValueError, "scale < 0"),
        (pt.random.normal, (0.0, v - 1), ValueError, "scale < 0"),
        (pt.random.uniform, (1.0, 0.0), ValueError, "high - low < 0"),
        (pt.random.uniform, (0.0, np.inf), OverflowError, "exceeds valid bounds"),
        (basic._gamma, (v - 1, 1.0), ValueError, "shape < 0"),
        (basic._gamma, (1.0, -v), ValueError, "scale < 0"),
        (pt.random.beta, (0.0, 1.0), ValueError, "a <= 0"),
        (pt.random.wald, (1.0, v - v[0]), ValueError, "scale <= 0"),
        (pt.random.exponential, (-1.0,), ValueError, "scale < 0"),
        (pt.random.poisson, (v - 1,), ValueError, "lam < 0"),
        (pt.random.poisson, (np.nan,), ValueError, "lam is NaN"),
        (pt.random.poisson, (1e19,), ValueError, "lam value too large"),
        (pt.random.geometric, (0.0,), ValueError, "p <= 0"),
        (pt.random.binomial, (-1, 0.5), ValueError, "n < 0"),
        (pt.random.binomial, (3, v), ValueError, "p > 1"),
        (pt.random.bernoulli, (1.5,), ValueError, "p > 1"),
        (pt.random.integers, (3, 3), ValueError, "low >= high"),
        (pt.random.integers, (k, k - 1), ValueError, "low >= high"),
    ],
)
def test_what_is_no_parameter_is_refused_and_draws_nothing(uncached, op, parameters, kind, said):
    for mode, expected in ((uncached, said), (ORACLE, None)):
        rng, outputs, following = chained([(pt.random.normal, (2,), (0.0, 1.0)), (op, None, parameters)])
        fn = pytensor.function(
            [v, k], outputs, updates=[(rng, following)], mode=mode, on_unused_input="ignore"
        )
        before = rng.get_value().bit_generator.state
        with pytest.raises(kind, match=expected):
            fn(VALUES[v], VALUES[k])
        assert rng.get_value().bit_generator.state == before
        if mode is uncached:
            assert not explain(fn).performed


def test_no_zero_below_0_is_a_parameter(uncached):
    for mode in (uncached, ORACLE):
        _, (drawn,), _ = chained([(basic._gamma, None, (v, 1.0))])
        fn = pytensor.function([v], drawn, mode=mode)
        assert fn([0.0]) == 0.0
        with pytest.raises(ValueError, match="shape < 0"):
            fn([-0.0])


def test_nan_is_a_parameter(uncached):
    draws = [
        (op, None, parameters)
        for op in (pt.random.normal, basic._gamma)
        for parameters in ((np.nan, 1.0), (1.0, np.nan))
    ]
    compare(uncached, draws)


@pytest.fixture
def drawer(uncached):
    """A function that draws from the generator that it is given; and the generator after that, which it returns."""
    rng = pt.random.type.random_generator_type("rng")
    following, drawn = pt.random.normal.make_node(rng, (3,), 0.0, 1.0).outputs
    return pytensor.function([rng], [drawn, following], mode=uncached)


KINDS = [np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_given_stays_and_what_is_returned_is_nobody_elses(drawer, kind):
    given = np.random.Generator(kind(8))
    given.integers(9, dtype="uint32")  # half of a number is left over
    own = copy.deepcopy(given)
    held = []
    for _ in range(12):
        before = copy.deepcopy(given.bit_generator.state)
        drawn, following = drawer(given)
        np.testing.assert_array_equal(drawn, own.normal(size=3))
        np.testing.assert_equal(given.bit_generator.state, before)
        np.testing.assert_equal(following.bit_generator.state, own.bit_generator.state)
        held += [(following, copy.deepcopy(following.bit_generator.state))]
        given = following
    assert len({id(each) for each, _ in held}) == 12
    for each, state in held:
        np.testing.assert_equal(each.bit_generator.state, state)


def test_a_copy_is_used_again_when_nobody_holds_it(drawer):
    given = np.random.default_rng(0)
    seen = set()
    for _ in range(20):
        _, given = drawer(given)
        seen.add(id(given.bit_generator))
    assert len(seen) <= 3
    bits = given.bit_generator  # held without its generator
    state = copy.deepcopy(bits.state)
    for _ in range(8):
        _, given = drawer(given)
    assert bits.state == state


def test_what_is_spawned_is_of_the_generator_that_was_given(drawer):
    """A copy that had other seeds is not given out again for this one."""
    for seed in (1, 2, 1, 3):
        given = np.random.default_rng(seed)
        spawned = copy.deepcopy(given).spawn(1)[0].normal()
        for _ in range(3):
            _, given = drawer(given)
        assert given.spawn(1)[0].normal() == spawned
    own, given = (np.random.default_rng(5) for _ in range(2))
    for _ in range(5):  # and each child is another one
        _, given = drawer(given)
        assert given.spawn(1)[0].normal() == own.spawn(1)[0].normal()


def test_another_layout_of_memory_is_noticed(drawer, monkeypatch):
    monkeypatch.setattr(drawing, "_copy_memory", lambda source, target: None)
    drawing._is_laid_out_as_expected.cache_clear()
    try:
        assert not drawing._is_laid_out_as_expected()
        given, own = np.random.default_rng(4), np.random.default_rng(4)
        for _ in range(6):
            drawn, given = drawer(given)
            np.testing.assert_array_equal(drawn, own.normal(size=3))
    finally:
        monkeypatch.undo()
        drawing._is_laid_out_as_expected.cache_clear()
    assert drawing._is_laid_out_as_expected()


def test_many_steps(uncached):
    draws = [(pt.random.normal, (3,), (0.0, 1.0)), (pt.random.poisson, (2,), (3.0,))]
    rng, outputs, following = chained(draws)
    fn = pytensor.function([], outputs, updates=[(rng, following)], mode=uncached)
    found = repeat(fn, 4, [])
    own = np.random.default_rng(23)
    for step in range(4):
        np.testing.assert_array_equal(found[0][step], own.normal(size=3))
        np.testing.assert_array_equal(found[1][step], own.poisson(3.0, 2))


def test_what_numpy_does_not_show_is_left_to_python(uncached, monkeypatch):
    monkeypatch.setattr(outside, "_symbol", lambda module, short: None)
    outside.address.cache_clear()
    try:
        draws = [(pt.random.normal, (3,), (0.0, 1.0))]
        compare(uncached, draws, native=False)
        _, outputs, _ = chained(draws)
        ((_, why),) = explain(pytensor.function([], outputs[0] * 2, mode=uncached)).performed
        assert why == "numpy.random._generator offers no random_normal"
    finally:
        monkeypatch.undo()
        outside.address.cache_clear()


def test_an_op_that_inherits_may_draw_in_another_way(uncached):
    class Halved(basic.NormalRV):
        @classmethod
        def rng_fn(cls, rng, loc, scale, size):
            return rng.normal(loc, scale, size) / 2

    compare(uncached, [(Halved(dtype="float64"), (3,), (0.0, 1.0))], native=False)


def test_the_c_file_reads(uncached):
    rng, outputs, following = chained([(pt.random.normal, (3,), (0.5, 2.0))])
    text = source_of(pytensor.function([], outputs, updates=[(rng, following)], mode=uncached)).text
    assert "bitgen_t *const rng = (bitgen_t *)in[0]->data;" in text
    assert "drawn from rng: normal" in text
    assert (
        "draw_by_two(random_normal, rng, 3, (double[]){0.5}, 0, ANY, (double[]){2.0}, 0, NOT_NEGATIVE, "
        in text
    )
