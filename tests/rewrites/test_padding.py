"""Rows that are no samples count for nothing, in any graph of the Ops that have a rule."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode, get_mode
from pytensor.graph.fg import FunctionGraph
from pytensor.tensor.special import softmax

import graphs
from graphs.rewrites.padding import NotPadded, padded

SAMPLES, FEATURES, MADE_UP = 7, 3, 5


def both(inputs, by_sample, outputs, values):
    """The outputs on the samples, and what the rewritten graph makes of them with rows of zeros behind."""
    fgraph = FunctionGraph(list(inputs), list(outputs), clone=True)
    get_mode("JAX").optimizer.rewrite(fgraph)
    given = dict(zip(inputs, fgraph.inputs, strict=True))
    whole = padded(fgraph, [given[v] for v in by_sample])
    behind = [
        np.concatenate([v, np.zeros((MADE_UP, *v.shape[1:]), v.dtype)]) if i in by_sample else v
        for i, v in zip(inputs, values, strict=True)
    ]
    rows = len(next(v for i, v in zip(inputs, behind, strict=True) if i in by_sample))
    as_it_is = Mode(linker="py", optimizer=None)
    with np.errstate(all="ignore"):
        expected = pytensor.function(fgraph.inputs, fgraph.outputs, mode=as_it_is, on_unused_input="ignore")(
            *values
        )
        found = pytensor.function(
            whole.fgraph.inputs, whole.fgraph.outputs, mode=as_it_is, on_unused_input="ignore"
        )(*behind, np.arange(rows) < rows - MADE_UP, rows - MADE_UP)
    cut = [
        value if axis is None else np.take(value, range(SAMPLES), axis)
        for value, axis in zip(found, whole.axes, strict=True)
    ]
    return expected, cut, whole


def drawn(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(SAMPLES, FEATURES)), rng.integers(0, 2, SAMPLES).astype(float)
    return x, y, rng.normal(size=FEATURES), np.float64(rng.normal())


def random_cost(seed, x, y, w, b):
    """A cost of what one meets in costs; at rows of zeros much of it is infinite or no number."""
    rng = np.random.default_rng(seed)
    z = pt.dot(x, w) + b
    vectors = [
        z,
        y,
        pt.exp(-z),
        pt.log((x**2).sum(axis=1)),
        1 / x.prod(axis=1),
        abs(x).max(axis=1),
        x[:, 1] * z,
    ]
    scalars = [b, w.sum()]
    for _ in range(6):
        one, other = (vectors[rng.integers(len(vectors))] for _ in range(2))
        vectors.append(
            [one + other, one * other, pt.sigmoid(one) - other, pt.switch(one > 0, one, other)][
                rng.integers(4)
            ]
        )
        scalars += [
            [
                one.mean(),
                one.sum(),
                one.max(),
                one.min(),
                pt.dot(one, other),
                pt.dot(x.T, one).sum(),
                one.var(),
            ][rng.integers(7)],
            (softmax(x * one[:, None], axis=1) ** 2).mean(),
            (one - one.mean()).sum() / x.shape[0],
        ]
    return pt.tanh(pt.stack(scalars)).sum() + scalars[-1], vectors[-1]


@pytest.mark.parametrize("seed", range(12))
def test_costs_and_gradients_drawn_at_random(seed):
    x, y, w, b = inputs = (pt.matrix("x"), pt.vector("y"), pt.vector("w"), pt.scalar("b"))
    cost, vector = random_cost(seed, x, y, w, b)
    outputs = [cost, vector, *pt.grad(cost, [w, b])]
    expected, found, whole = both(inputs, [x, y], outputs, drawn(seed))
    assert whole.axes == (None, 0, None, None)
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("formula", ["textbook", "logits"])
def test_the_classic_and_its_updates(formula):
    values = drawn(0)
    model = graphs.logistic_graph(values[2], float(values[3]), formula=formula)
    outputs = [model.prediction, model.xent, model.cost, *graphs.gradients(model.cost, [model.w, model.b])]
    w, b = pt.vector("w"), pt.scalar("b")
    outputs = pytensor.graph.replace.clone_replace(outputs, {model.w: w, model.b: b}, rebuild_strict=False)
    expected, found, whole = both([model.x, model.y, w, b], [model.x, model.y], outputs, values)
    assert whole.axes == (0, 0, None, None, None)
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-13)


def test_inputs_are_not_copied():
    """x has rows of zeros already; only the residual, which has one number a row, is set to zero."""
    values = drawn(0)
    model = graphs.logistic_graph(values[2])
    gw = graphs.gradients(model.cost, [model.w])[0]
    w = pt.vector("w")
    (gw,) = pytensor.graph.replace.clone_replace([gw], {model.w: w}, rebuild_strict=False)
    b = pt.scalar("b")
    (gw,) = pytensor.graph.replace.clone_replace([gw], {model.b: b}, rebuild_strict=False)
    *_, whole = both([model.x, model.y, w, b], [model.x, model.y], [gw], values)
    switched = [n for n in whole.fgraph.apply_nodes if "Switch" in str(n.op)]
    assert [n.outputs[0].type.ndim for n in switched] in ([1], [2])
    assert all(n.outputs[0].type.shape[1:] in ((), (1,)) for n in switched)


x, y, w = pt.matrix("x"), pt.vector("y"), pt.vector("w")
REFUSED = {
    "sorted": (pt.sort(y) * y).sum(),
    "every other": pt.dot(x, x.T).sum(),
    "some": y[1:].sum(),
    "the first": y[0],
    "cumulated": pt.cumsum(y).sum(),
    "softmax over samples": softmax(x, axis=0).sum(),
    "flat": x.reshape((-1,)).sum(),
    "integers' maximum": pt.cast(y, "int64").max(),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_rule_is_refused(name):
    fgraph = FunctionGraph([x, y], [REFUSED[name]], clone=True)
    get_mode("JAX").optimizer.rewrite(fgraph)
    with pytest.raises(NotPadded):
        padded(fgraph, fgraph.inputs)


def test_a_vector_of_weights_for_the_samples_that_is_no_input_is_refused():
    for cost in ((y * w).sum(), pt.dot(y, w)):
        fgraph = FunctionGraph([y, w], [cost], clone=True)
        with pytest.raises(NotPadded, match="no input"):
            padded(fgraph, fgraph.inputs[:1])
