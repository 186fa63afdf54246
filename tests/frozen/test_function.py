"""Frozen functions give what the functions give, to the bit, and refuse what they refuse."""

from __future__ import annotations

import threading
import warnings

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.io import In

import graphs
from graphs.errors import InputError
from graphs.native import freeze, repeat


@pytest.fixture
def frozen(classic):
    return graphs.frozen.load(classic)


@pytest.fixture
def at_start(native, original):
    native.write({"w": original.initial_w, "b": np.array(0.0)})
    return native


def same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        np.testing.assert_array_equal(one, other)


def test_single_calls_many_calls_and_state_are_the_same_to_the_bit(frozen, at_start, original):
    x, y = original.x, original.y.astype("float64")
    for _ in range(3):
        same(frozen.train(x, y), at_start.train(x, y))
    same(frozen.train_many(x, y, 20), at_start.train_many(x, y, 20))
    same(frozen.evaluate(x, y), at_start.evaluate(x, y))
    same([frozen.predict(original.unseen_x)], [at_start.predict(original.unseen_x)])
    state = frozen.read()
    assert list(state) == ["w", "b"]
    for name, value in at_start.read().items():
        np.testing.assert_array_equal(state[name], value)
    other = {"w": np.zeros(784), "b": 1.0}
    frozen.write(other)
    at_start.write(other)
    same(frozen.evaluate(x, y), at_start.evaluate(x, y))


def test_it_is_a_learner(frozen, at_start, original):
    fitted = [graphs.fit(each, original.x, original.y, steps=30, every=7) for each in (frozen, at_start)]
    for one, other in zip(*(vars(run.history).values() for run in fitted), strict=True):
        np.testing.assert_array_equal(one, other)


def test_arguments_come_in_order_or_by_name_and_in_any_memory_order(frozen, original):
    x, y = original.x, original.y
    expected = frozen.evaluate(x, y.astype("float64"))
    for given in (x, np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x.tolist()):
        same(frozen.evaluate(y=y, x=given), expected)
    many = frozen.evaluate_many(np.asfortranarray(x), y, 3)
    for found, single in zip(many, expected, strict=True):
        np.testing.assert_array_equal(found, np.stack([single] * 3))


@pytest.mark.parametrize(
    ("arguments", "named", "said"),
    [
        ((), {}, "x: found nothing; allowed: an array of float64 of shape (any, any)"),
        ((np.ones((4, 784)),), {}, "y: found nothing"),
        ((1, 2, 3), {}, "arguments: found 3 for evaluate; allowed: x, y"),
        ((1,), {"x": 2}, "arguments: found 'x' twice for evaluate"),
        ((1,), {"z": 2}, "arguments: found 'z' for evaluate"),
        ((np.ones(784), 1), {}, "x: found an array of shape (784,)"),
        ((np.ones((4, 784), complex), 1), {}, "x: found"),
        (([["a"]], 1), {}, "x: found"),
        (([[1], [1, 2]], 1), {}, "x: found"),
        ((None, 1), {}, "x: found"),
    ],
)
def test_bad_arguments_are_refused_by_name(frozen, arguments, named, said):
    with pytest.raises(InputError) as refusal:
        frozen.evaluate(*arguments, **named)
    assert said in str(refusal.value)


def test_bad_numbers_of_steps_and_states_are_refused(frozen, original):
    x, y = original.x, original.y
    for arguments, said in (
        ((), "n: found nothing"),
        ((x, y, 0), "n: found 0"),
        ((x, 3), "y: found nothing"),
    ):
        with pytest.raises(InputError, match=said):
            frozen.train_many(*arguments)
    before = frozen.read()
    for state, said in (
        (3, "state: found 3"),
        ({"w": before["w"]}, "state.'b'.: found nothing"),
        ({"w": np.ones(3), "b": 0.0}, "state.'w'."),
    ):
        with pytest.raises(InputError, match=said):
            frozen.write(state)
    np.testing.assert_array_equal(frozen.read()["w"], before["w"])
    with pytest.raises(AttributeError, match="there is no step here; there are train, predict, evaluate"):
        frozen.step  # noqa: B018
    with pytest.raises(
        ValueError, match=r".+"
    ):  # lengths that do not fit each other: the function's own error
        frozen.train(x[:, :5], y)
    np.testing.assert_array_equal(frozen.read()["w"], before["w"])


def test_no_update_is_lost_between_threads(frozen, original):
    x, y = original.x[:5], original.y[:5].astype("float64")
    graph = graphs.frozen.load  # another object has values of its own
    del graph
    threads = [threading.Thread(target=lambda: [frozen.train(x, y) for _ in range(50)]) for _ in range(4)]
    expected = frozen.read()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = frozen.read()
    frozen.write(expected)
    for _ in range(200):
        frozen.train(x, y)
    np.testing.assert_array_equal(found["w"], frozen.read()["w"])


def test_functions_of_every_kind(tmp_path):
    """Downcast, whole numbers, one output, none, constant arrays, other names, BLAS."""
    a, n = pt.fmatrix("a-b"), pt.lscalar("n")
    v = pt.dvector("v")
    count = pytensor.shared(np.int64(3), name="count")
    nameless = pytensor.shared(np.arange(3.0))
    table = np.random.default_rng(0).normal(size=(3, 3))
    functions = {
        "scaled": pytensor.function([In(a, allow_downcast=True), n], a * n, mode="NATIVE"),
        "counted": pytensor.function([], None, updates=[(count, count + 2)], mode="NATIVE"),
        "both": pytensor.function(
            [v],
            [v * nameless, count * v, pt.dot(table, v)],
            updates=[(nameless, nameless + v)],
            mode="NATIVE",
        ),
        "product": pytensor.function([a], pt.dot(pt.exp(a), a.T), mode="NATIVE"),
    }
    frozen = graphs.frozen.load(freeze(functions, tmp_path / "several"))
    matrix, vector = np.ones((40, 50)), np.array([1.0, -2.0, 0.5])
    assert list(frozen.read()) == ["count", "shared"]
    same([frozen.scaled(matrix, 5)], [functions["scaled"](matrix, 5)])
    assert frozen.counted() == functions["counted"]()
    assert frozen.read()["count"] == 5
    same(frozen.both(vector), functions["both"](vector))
    same(frozen.both.repeat(4, [vector], [1, 0]), repeat(functions["both"], 4, [vector], [1, 0]))
    same([frozen.product(matrix.astype("float32"))], [functions["product"](matrix.astype("float32"))])
    with pytest.raises(InputError, match="a_b: found an array of float64"):
        frozen.product(matrix)


def test_what_is_not_all_c_is_refused_by_name(tmp_path):
    class Own(pytensor.graph.Op):
        __props__ = ()
        itypes, otypes = (pt.dvector,), (pt.dvector,)

        def perform(self, node, inputs, outputs):
            outputs[0][0] = inputs[0] + 1

    v = pt.dvector("v")
    python = pytensor.function([v], [Own()(v) * 2, pt.exp(v)], mode="NATIVE")
    stream = pytensor.shared(np.random.default_rng(0), name="stream")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        drawn = pt.random.normal(size=3, rng=stream)
    random = pytensor.function([], drawn, mode="NATIVE", updates={stream: drawn.owner.outputs[0]})
    other = pytensor.function([v], v + 1, mode="FAST_COMPILE")
    for function, said in ((python, "Own"), (random, "stream"), (other, "VMLinker|PerformLinker|Linker")):
        with pytest.raises(InputError, match=said):
            freeze({"f": function}, tmp_path / "none")
    assert list(tmp_path.iterdir()) == []
    fine = pytensor.function([v], v + 1, mode="NATIVE")
    for given, said in (
        (3, "function: found 3"),
        ({}, "function: found"),
        ({"f": 3}, "found 3"),
        ({"a b": fine}, "named 'a b'"),
        ({"one": fine}, "named 'one'"),
    ):
        with pytest.raises(InputError, match=said):
            freeze(given, tmp_path / "none")


def test_sorts_of_numpy_are_found_again(tmp_path):
    v = pt.dvector("v")
    fn = pytensor.function([v], [pt.sort(v), pt.argsort(v * 2, kind="stable")], mode="NATIVE")
    frozen = graphs.frozen.load(freeze({"ordered": fn}, tmp_path / "kept"))
    data = np.array([2.0, -1.0, np.nan, 2.0, 0.5])
    same(frozen.ordered(data), fn(data))
    same(frozen.ordered_many(data, 3), repeat(fn, 3, [data]))
    assert "[0] argsort_stable_float64 of numpy" in (tmp_path / "kept" / "ordered.h").read_text()
