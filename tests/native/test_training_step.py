"""The experiment's own step: exact figures, many steps in one call, threads, the file it is written in."""

from __future__ import annotations

import pickle
import threading

import numpy as np
import pytensor
import pytest

from graphs.data import load
from graphs.errors import InputError
from graphs.models.logistic import logistic_graph
from graphs.native import NativeLinker, NativeMode, repeat, source_of
from graphs.updates import gradient_descent

W_5 = [
    -0.094122832067059052,
    0.020712889805927327,
    0.020989293210085599,
    0.063230519248858938,
    0.12914152923717761,
]


def compiled(uncached, data, formula="textbook", dtype="float64"):
    graph = logistic_graph(data.initial_w, data.initial_b, formula=formula, dtype=dtype)
    updates = gradient_descent(graph.cost, [graph.w, graph.b])
    fn = pytensor.function([graph.x, graph.y], [graph.prediction, graph.xent], updates=updates, mode=uncached)
    return graph, fn


@pytest.fixture(scope="module")
def data():
    return load("random", seed=0)


@pytest.mark.parametrize("formula", ["textbook", "logits"])
def test_10_000_steps_give_the_exact_figures(uncached, data, formula):
    graph, train = compiled(uncached, data, formula)
    y = data.y.astype(float)
    (xent,) = repeat(train, 10_000, [data.x, y], keep=[1])
    w, b = graph.w.get_value(), graph.b.get_value()
    assert abs(b / 0.17376059683642523273 - 1) < 1e-12
    assert abs(np.linalg.norm(w) / 2.5999690742248111793 - 1) < 1e-12
    np.testing.assert_allclose(w[:5], W_5, rtol=1e-12)
    assert abs(xent[0].mean() / 10.74647024575701 - 1) < 1e-12
    assert np.isfinite(xent).all()
    assert abs(train(data.x, y)[1].mean() / 0.049455162433210761271 - 1) < 1e-12


def test_many_steps_are_single_steps_to_the_bit(uncached, data):
    y = data.y.astype(float)
    graph, train = compiled(uncached, data)
    singles = [train(data.x, y) for _ in range(25)]
    again, train_again = compiled(uncached, data)
    chunks = [repeat(train_again, n, [data.x, y]) for n in (1, 7, 17)]
    for output in (0, 1):
        together = np.concatenate([chunk[output] for chunk in chunks])
        np.testing.assert_array_equal(together, [single[output] for single in singles])
    np.testing.assert_array_equal(graph.w.get_value(), again.w.get_value())
    np.testing.assert_array_equal(graph.b.get_value(), again.b.get_value())


@pytest.mark.parametrize("order", ["C", "F", "strided", "16 bytes off"])
def test_memory_orders_of_x(uncached, data, order):
    y = data.y.astype(float)
    x = {
        "C": data.x,
        "F": np.asfortranarray(data.x),
        "strided": np.repeat(data.x, 2, axis=1)[:, ::2],
        "16 bytes off": np.concatenate([np.zeros(2), data.x.ravel()])[2:].reshape(data.x.shape),
    }[order]
    graph, train = compiled(uncached, data)
    repeat(train, 200, [x, y])
    assert abs(graph.b.get_value() / 0.21849712082521939852 - 1) < 1e-12
    assert abs(np.linalg.norm(graph.w.get_value()) / 15.935975012449077545 - 1) < 1e-12


def test_what_the_caller_holds_is_never_overwritten(uncached, data):
    y = data.y.astype(float)
    graph, train = compiled(uncached, data)
    held = [graph.w.get_value(borrow=True)]
    results = []
    for _ in range(6):
        results.append(train(data.x, y)[1])
        held.append(graph.w.get_value(borrow=True))
    copies = [array.copy() for array in (*held, *results)]
    for _ in range(6):
        train(data.x, y)
    repeat(train, 5, [data.x, y])
    for array, copy in zip((*held, *results), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_an_input_is_never_written(uncached):
    v = pytensor.tensor.dvector("v")
    s = pytensor.shared(np.arange(4.0), name="s")
    fn = pytensor.function([v], [v, s, v + s], updates=[(s, v)], mode=uncached)
    given = np.ones(4)
    same, before, total = fn(given)
    assert same is not given
    assert not np.shares_memory(s.get_value(borrow=True), given)
    np.testing.assert_array_equal(before, np.arange(4.0))
    np.testing.assert_array_equal(total, np.arange(4.0) + 1)
    np.testing.assert_array_equal(s.get_value(), given)


def test_calls_from_several_threads_take_turns(uncached):
    v = pytensor.tensor.dvector("v")
    s = pytensor.shared(0.0, name="s")
    fn = pytensor.function([], [], updates=[(s, s + 1.0)], mode=uncached)
    workers = [threading.Thread(target=lambda: [fn() for _ in range(200)]) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert 200 <= s.get_value() <= 800  # turns are whole; PyTensor's own cells are not counted atomically
    assert v is not None


def test_float32(uncached, data):
    graph, train = compiled(uncached, data, dtype="float32")
    repeat(train, 200, [data.x.astype("float32"), data.y.astype("float32")])
    assert graph.w.get_value().dtype == np.float32
    assert abs(graph.b.get_value() / 0.21849712082521939852 - 1) < 1e-3


def test_the_file_names_what_it_computes(uncached, data):
    _, train = compiled(uncached, data)
    source = source_of(train)
    lines = source.text.splitlines()
    nodes = train.maker.fgraph.toposort()
    assert "gw[j] =" in source.text
    assert "p_1" in source.text
    assert "#include <Python.h>" not in source.text
    dots = [k for k, node in enumerate(nodes) if type(node.op).__name__ == "Dot"]
    sweep = next(span for span in source.spans if dots[0] in span[2])
    assert set(dots) <= set(sweep[2]), "X·w and Xᵀr are one sweep"
    assert lines[sweep[0] - 1].lstrip().startswith("/*")
    own = source.text[source.text.index("one_step(") : source.text.index("int many_steps")]
    assert len(own.splitlines()) < 180


def test_a_learning_rate_is_no_part_of_the_text(uncached, data):
    texts = []
    for rate in (0.1, 0.05):
        graph = logistic_graph(data.initial_w)
        updates = gradient_descent(graph.cost, [graph.w, graph.b], rate)
        fn = pytensor.function([graph.x, graph.y], [], updates=updates, mode=uncached)
        texts.append(source_of(fn).text.split("*/", 1)[1])
    assert texts[0] == texts[1]


def test_names_cannot_write_code(uncached):
    odd = pytensor.tensor.dvector('v */ int x = "')
    out = odd * 2.0
    out.name = "*/ #error no"
    fn = pytensor.function([odd], out, mode=uncached)
    np.testing.assert_array_equal(fn([1.0]), [2.0])
    for name in ("n", "i", "double", "x_s0", "want", "exp_", "naïve", "1st", "share", "linux"):
        v, w = pytensor.tensor.dvector(name), pytensor.tensor.dvector(name)
        np.testing.assert_array_equal(pytensor.function([v, w], v + w, mode=uncached)([1.0], [2.0]), [3.0])


def test_a_pickled_function_is_compiled_anew(data):
    v = pytensor.tensor.dvector("v")
    fn = pytensor.function([v], v * 2 + 1, mode=NativeMode(NativeLinker(cached=False)))
    again = pickle.loads(pickle.dumps(fn))
    np.testing.assert_array_equal(again([1.0, 2.0]), [3.0, 5.0])


def test_repeat_refuses_what_it_cannot_use(uncached, data):
    _, train = compiled(uncached, data)
    for steps in (0, -1, 1.5):
        with pytest.raises(InputError, match="steps"):
            repeat(train, steps, [data.x, data.y.astype(float)])
    with pytest.raises(InputError, match="keep"):
        repeat(train, 1, [data.x, data.y.astype(float)], keep=[7])
