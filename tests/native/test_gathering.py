"""Advanced indexing, masks and parts split off, against PyTensor's own evaluation, in every dtype and memory order."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.raise_op import Assert

from graphs.native import source_of
from graphs.native.statements import DTYPES, WHOLE
from tests.native.conftest import each_dtype

x, v, t = pt.dmatrix("x"), pt.dvector("v"), pt.dtensor3("t")
labels, few, pairs = pt.lvector("labels"), pt.vector("few", dtype="int8"), pt.imatrix("pairs")
mask, flags = pt.matrix("mask", dtype="bool"), pt.vector("flags", dtype="bool")
n = pt.lscalar("n")

rng = np.random.default_rng(15)
VALUES = {
    x: rng.normal(size=(7, 5)),
    v: rng.normal(size=5),
    t: rng.normal(size=(4, 7, 5)),
    labels: rng.integers(-5, 5, 7),
    few: np.array([0, -1, 3, 3, 1], "int8"),
    pairs: rng.integers(0, 4, (3, 2)),
    mask: rng.random((7, 5)) > 0.4,
    flags: rng.random(7) > 0.5,
    n: 2,
}
rows = pt.arange(x.shape[0])
CASES = {
    "one of each row": lambda: [x[rows, labels], pt.grad((x[rows, labels] ** 2).sum(), x)],
    "labels of log-softmax": lambda: [
        pt.special.log_softmax(x, axis=1)[rows, labels],
        pt.grad(pt.special.log_softmax(x, axis=1)[rows, labels].sum(), x),
    ],
    "rows": lambda: [x[few], x[few] * 2, x[few, 1:], x[few][:, few], t[:, few, 1:], t[pairs], v[few].sum()],
    "columns": lambda: [x[:, few], x[::2, few], t[:, :, few], t[1:, few, ::-1]],
    "apart": lambda: [t[pairs, :, pairs], t[few[:3], :, few[:3]], t[few, 0, few]],
    "together": lambda: [t[:, pairs, pairs], t[few[:2], pairs, 0], x[pairs, n]],
    "known places": lambda: [
        x[[1, -2, 3]],
        x[np.array([1, 2]), np.array([[0, -1], [1, 1]])],
        x[[], 0],
        v[[-1, -1]],
    ],
    "masks": lambda: [
        x[mask],
        x[flags],
        v[v > 0],
        x[flags, 1:],
        t[:, mask],
        pt.sum(x[x > 0]),
        x[flags, few[0]],
    ],
    "set": lambda: [
        pt.set_subtensor(x[labels], v),
        pt.set_subtensor(x[few, few], 3.0),
        pt.set_subtensor(x[:, few], v),
        pt.set_subtensor(x[mask], 0.0),
        pt.set_subtensor(x[flags], v * 2) + 1,
        pt.set_subtensor(v[few], np.arange(5.0)),
    ],
    "added to": lambda: [
        pt.inc_subtensor(x[labels], v),
        pt.inc_subtensor(v[labels], x[:, 0]),
        pt.inc_subtensor(x[labels, ::-1], 1.5).sum(0),
        pt.inc_subtensor(x[few, few], v),
        pt.inc_subtensor(t[:, few, 1], 2.0),
        pt.grad((x[few] ** 2 * v).sum(), x),
        pt.grad((t[pairs, :, pairs] ** 3).sum(), t),
        pt.grad((x[mask] ** 2).sum(), x),
    ],
    "places of the data": lambda: [
        v[pt.argmax(v)],
        x[labels[0]],
        x[: pt.argmax(v) + 1],
        x[pt.argmax(x[:, 0]), 1:],
        pt.set_subtensor(v[pt.argmin(v)], 9.0),
        pt.zeros((pt.argmax(v) + 1, n)),
    ],
    "not zero": lambda: [*pt.nonzero(mask), *pt.nonzero(v > 0), pt.nonzero(labels)[0]],
    "split": lambda: [
        *pt.split(v, [2, 0, 3], n_splits=3),
        *pt.split(x, pt.stack([x.shape[0] - 2, 2]), n_splits=2),
        *(part * 2 for part in pt.split(x, [1, 4], n_splits=2, axis=1)),
        pt.grad(pt.split(v, [2, 3], n_splits=2)[1].prod(), v),
    ],
    "diagonals": lambda: [
        pt.diag(x, k=1),
        pt.diag(x, k=-2),
        pt.diag(v),
        pt.diag(v, k=2),
        pt.diag(v, k=-1),
        pt.diagonal(t, axis1=1, axis2=2),
        pt.diagonal(t, axis1=2, axis2=0, offset=1),
        pt.grad(pt.diag(x, k=1).prod(), x),
    ],
}


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_pytensor(case, agree):
    agree(CASES[case](), VALUES)


@pytest.mark.parametrize("dtype", each_dtype(DTYPES))
def test_every_dtype_is_read_set_and_added_to(agree, dtype):
    a = pt.matrix("a", dtype=dtype)
    values = {**VALUES, a: rng.integers(0, 2 if dtype == "bool" else 50, (7, 5))}
    outputs = [a[labels], a[rows, labels], a[:, few], a[mask], pt.set_subtensor(a[labels], a[0])]
    if dtype != "bool":
        outputs += [pt.inc_subtensor(a[labels], a[1]), pt.inc_subtensor(a[labels, 1:3], a[0, 0])]
    outputs += [*pt.split(a, [3, 4], n_splits=2), pt.diag(a), pt.diag(a[0], k=1)]
    agree(outputs, values)


@pytest.mark.parametrize("kind", each_dtype(WHOLE))
def test_every_dtype_is_a_place(agree, kind):
    places = pt.vector("places", dtype=kind)
    least = 0 if kind.startswith("u") else -5
    agree(
        [x[:, places], pt.inc_subtensor(x[0, places], 1.0), x[rows, places]],
        {**VALUES, places: rng.integers(least, 5, 7)},
    )


def test_empty_arrays(agree):
    none = {**VALUES, labels: np.zeros(0, int), few: np.zeros(0, "int8"), flags: np.zeros(7, bool)}
    agree(
        [x[labels], x[:, few], x[flags], pt.inc_subtensor(x[labels], v), pt.set_subtensor(x[few], 0.0)], none
    )
    no_rows = {**VALUES, x: np.zeros((0, 5)), labels: np.zeros(0, int), mask: np.zeros((0, 5), bool)}
    agree(
        [x[labels], x[rows, labels], x[mask], pt.nonzero(mask)[1], *pt.split(x, [0, 0], n_splits=2)], no_rows
    )


@pytest.mark.parametrize("place", [7, -8, 2**40])
def test_a_place_outside_is_refused_before_anything_is_read(uncached, place):
    read = pytensor.function([x, labels], x[labels] * 2, mode=uncached)
    put = pytensor.function([x, labels], pt.inc_subtensor(x[labels], 1.0), mode=uncached)
    one = pytensor.function([x, n], x[n], mode=uncached)
    odd = np.array([0, place, 1])
    for call in (lambda: read(VALUES[x], odd), lambda: put(VALUES[x], odd), lambda: one(VALUES[x], place)):
        with pytest.raises(IndexError, match="index out of bounds"):
            call()
    np.testing.assert_array_equal(read(VALUES[x], [1, -7]), VALUES[x][[1, -7]] * 2)


def test_what_does_not_fit_is_refused(uncached):
    masked = pytensor.function([x, flags], x[flags], mode=uncached)
    with pytest.raises(IndexError, match="differ"):
        masked(VALUES[x], np.ones(6, bool))
    parts = pytensor.function([v, n], pt.split(v, pt.stack([n, n]), n_splits=2), mode=uncached)
    with pytest.raises(ValueError, match="do not add up"):
        parts(VALUES[v], 2)
    with pytest.raises(ValueError, match="negative length"):
        parts(VALUES[v], -1)


def test_counting_indices_are_not_looked_up(uncached):
    text = source_of(pytensor.function([x, labels], x[rows, labels], mode=uncached)).text
    assert "x[i, at_labels[i]]" in text, "the index of the row is the loop's own"


def test_the_places_are_checked_once_for_all_who_use_them(uncached):
    cost = pt.special.log_softmax(x, axis=1)[rows, labels].mean()
    text = source_of(pytensor.function([x, labels], [cost, pt.grad(cost, x)], mode=uncached)).text
    assert text.count("outside |=") == 1


@pytest.mark.parametrize("kind", [ValueError, AssertionError])
def test_a_condition_on_the_data_is_checked_in_the_end(uncached, kind):
    if kind is AssertionError:
        out = Assert("all must be positive")(v * 2, pt.all(v > 0), v.sum() > 0)
    else:
        from pytensor.raise_op import CheckAndRaise

        out = CheckAndRaise(kind, "all must be positive")(v * 2, pt.all(v > 0))
    s = pytensor.shared(np.zeros(1), name="s")
    fn = pytensor.function([v], out, updates=[(s, s + 1)], mode=uncached)
    np.testing.assert_array_equal(fn([1.0, 2.0]), [2.0, 4.0])
    with pytest.raises(kind, match="all must be positive"):
        fn([1.0, -2.0])
    assert s.get_value() == [1.0], "what fails changes nothing"


def test_whole_numbers_have_no_negative_powers(uncached):
    p, q = pt.lvector("p"), pt.lvector("q")
    fn = pytensor.function([p, q], p**q, mode=uncached)
    np.testing.assert_array_equal(fn([2, -3], [3, 0]), [8, 1])
    with pytest.raises(ValueError, match="negative integer powers"):
        fn([2, 3], [1, -1])
    scalar = pytensor.function([n], n**n, mode=uncached)
    assert scalar(3) == 27
    with pytest.raises(ValueError, match="negative integer powers"):
        scalar(-1)


def test_the_largest_of_a_stack(agree):
    agree([pt.argmax(pt.stack([v, v + 1]))[None], pt.argmax(pt.stack([x, -x])) + 1, pt.argmax(t)], VALUES)
