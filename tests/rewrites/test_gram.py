"""Gram state: exact figures, equality with the plain updates on random graphs, and where it is refused."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytensor.compile.mode import Mode
from pytensor.tensor.shape import Shape_i

import graphs
from graphs.errors import InputError
from graphs.gram_functions import compile_gram
from graphs.rewrites.gram import GramState, NotApplicable, gram_state, pays
from graphs.rewrites.linear_forms import scaled
from graphs.training import Stopped, fit
from tests.conftest import dataset
from tests.figures import EXACT

# Runs each Op's own Python: nothing is compiled, so that many small graphs take little time.
QUICK = Mode(linker="py", optimizer="fast_compile")


def model(formula="textbook", seed=0, rule=graphs.gradient_descent, **options):
    graph = graphs.logistic_graph(dataset(seed).initial_w, formula=formula, **options)
    return graph, rule(graph.cost, [graph.w, graph.b])


@pytest.mark.parametrize(("seed", "formula", "mode"), [(0, "textbook", "default"), (1, "logits", "CVM")])
def test_the_original_experiment_ends_at_the_exact_figures(seed, formula, mode):
    graph, updates = model(formula, seed)
    functions = compile_gram(graph, updates, dataset(seed).x, mode)
    y = dataset(seed).y.astype("float64")
    for _ in range(10_000):  # never rebased: all the rounding there is
        functions.train(functions.state.x, y)
    found, exact = functions.state.recover()[graph.w], EXACT[seed]
    np.testing.assert_allclose(found[:5], exact["w"], rtol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(found), exact["w_norm"], rtol=1e-12)
    np.testing.assert_allclose(graph.b.get_value(), exact["b"], rtol=1e-12)
    prediction, xent, cost, _, _ = functions.evaluate(dataset(seed).x, y)
    np.testing.assert_allclose([xent.mean(), cost], [exact["mean_xent"], exact["cost"]], rtol=1e-12)
    assert (prediction == y).all()


# --- random graphs against the plain updates

RESIDUALS = {
    "logistic": lambda z, y: pt.sigmoid(z) - y,
    "squared": lambda z, y: z - y,
    "odd": lambda z, y: pt.tanh(z * y) + pt.sin(z) / 2,
    "switch": lambda z, y: pt.switch(z > y, 1.0, -0.5) * z,
    "normalised": lambda z, y: (z - z.mean()) / (1 + (z**2).sum()) + y,
}


@st.composite
def linear_models(draw):
    """x, y, weights and bias, update pairs (plain or with velocity), outputs; and the numbers for x and y."""
    samples, features, classes = (
        draw(st.integers(1, 6)),
        draw(st.integers(1, 8)),
        draw(st.sampled_from([0, 1, 3])),
    )
    dtype = draw(st.sampled_from(["float64", "float32"]))
    stream = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def normal(*shape):
        return np.asarray(stream.normal(size=shape), dtype=dtype)

    x = pt.matrix("x", dtype=dtype)
    y = pt.tensor("y", dtype=dtype, shape=(None, None) if classes else (None,))
    over = (classes,) if classes else ()
    w, b = pytensor.shared(normal(features, *over), name="w"), pytensor.shared(normal(*over), name="b")
    v = pytensor.shared(normal(features, *over), name="v")
    decay = draw(st.sampled_from([0, 0.25]))
    rate, mu = np.asarray(0.05, dtype), np.asarray(draw(st.sampled_from([0.5, 0.875])), dtype)
    how = draw(st.sampled_from(["plain", "momentum", "look ahead", "shrinking", "swap"]))
    at = w + mu * v if how == "look ahead" else w
    z = pt.dot(x, at) + (b if draw(st.booleans()) else 0)
    r = RESIDUALS[draw(st.sampled_from(sorted(RESIDUALS)))](z, y)
    g = pt.dot(x.T, r) if draw(st.booleans()) else pt.dot(r.T, x).T
    penalty = np.asarray(decay, dtype) * (w**2).sum()
    step = rate * (g + np.asarray(2 * decay, dtype) * w)
    pairs = {
        "plain": [(w, w - step)],
        "momentum": [(v, mu * v - step), (w, w + (mu * v - step))],
        "look ahead": [(v, mu * v - step), (w, w + (mu * v - step))],
        "shrinking": [(w, w / (1 + (w**2).mean()) - step * pt.exp(-(z**2).mean()))],
        "swap": [(w, v - step), (v, w * mu)],
    }[how]
    pairs.append((b, b - rate * (r.sum(axis=0) if classes else r.sum())))
    outputs = [z, r.mean() + penalty, (w * v).sum() if v in dict(pairs) else r.max()]
    return x, y, pairs, outputs, normal(samples, features), normal(samples, *over)


def trains_as_before(x, y, pairs, outputs, x_data, y_data, mode=QUICK):
    """Both programs from the same state: outputs, recovered weights and everything else agree, in value and dtype."""
    state = gram_state(pairs, outputs, x, x_data, even_if_it_loses=True)
    kept = {s: s.get_value() for s, _ in pairs}
    rewritten = pytensor.function(
        [y], state.outputs, updates=state.updates, mode=mode, on_unused_input="ignore"
    )
    found = [rewritten(y_data) for _ in range(4)]
    found_state = {s: s.get_value() for s, _ in pairs} | state.recover()
    for shared, value in kept.items():
        shared.set_value(value)
    plain = pytensor.function([x, y], outputs, updates=pairs, mode=mode, on_unused_input="ignore")
    expected = [plain(x_data, y_data) for _ in range(4)]
    tolerance = {"rtol": 1e-9, "atol": 1e-9} if x.dtype == "float64" else {"rtol": 2e-3, "atol": 2e-3}
    for ours, theirs in zip(found, expected, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, other, **tolerance)
            assert one.dtype == other.dtype
            assert one.shape == other.shape
    for shared, value in found_state.items():
        assert value.dtype == shared.dtype
        np.testing.assert_allclose(value, shared.get_value(), **tolerance)
    return state


@pytest.mark.long
@settings(max_examples=60)
@given(linear_models())
def test_random_linear_models_train_as_by_the_plain_updates(drawn):
    trains_as_before(*drawn)


# --- each form of the algebra by itself, on five samples and nine features

AS_WRITTEN = Mode(linker="py", optimizer=None)
MATRIX = np.random.default_rng(4).normal(size=(5, 5))


class Case:
    """x, y, weights w, velocity v, bias b; z = x·w + b, its residual r and the gradient g with a penalty."""

    def __init__(self, *over):
        stream = np.random.default_rng(1)
        self.x, self.y = pt.dmatrix("x"), pt.dmatrix("y") if over else pt.dvector("y")
        self.x_data, self.y_data = stream.normal(size=(5, 9)), stream.normal(size=(5, *over))
        self.w = pytensor.shared(stream.normal(size=(9, *over)), name="w")
        self.v = pytensor.shared(stream.normal(size=(9, *over)), name="v")
        self.b = pytensor.shared(0.25, name="b")
        self.z = pt.dot(self.x, self.w) + self.b
        self.r = pt.tanh(self.z) - self.y
        self.g = pt.dot(self.x.T, self.r) + 0.02 * self.w

    def pairs(self, w=None, v=None, *more):
        step = self.w - 0.1 * self.g if w is None else w
        return [(self.w, step), (self.v, 0.5 * self.v - 0.1 * self.g if v is None else v), *more]


# What a training function may return: name → of a case, the expression.
OUTPUTS = {
    "logits": lambda c: [c.z, c.r, pt.dot(c.x, c.w), pt.dot(c.w, c.x.T)],
    "image of the gradient": lambda c: [pt.dot(c.x, c.g), pt.dot(c.g, c.x.T)],
    "image of a column": lambda c: [pt.dot(c.x, c.w[:, None]), pt.dot(c.w[None, :], c.x.T)],
    "squares": lambda c: [(c.w**2).sum(), (c.v * c.v).sum(), pt.sqr(c.w).mean(), (c.g**2).sum()],
    "products": lambda c: [(c.w * c.v).sum(), (c.w * c.g).sum(), (c.g * c.v).sum(), pt.dot(c.w, c.w)],
    "inner products": lambda c: [pt.dot(c.w, c.v), pt.dot(c.g, c.w), pt.dot(c.g, c.g)],
    "sums of products": lambda c: [(c.w * c.v + c.w**2).sum(), (c.w * c.v - c.v**2).sum()],
    "products of sums": lambda c: [((c.w - c.v) * (c.w + c.g)).sum(), ((c.w - c.g) ** 2).sum()],
    "scaled products": lambda c: [(c.y.mean() * c.w * c.v).sum(), (c.w * c.v / c.y.mean()).sum()],
    "negative": lambda c: [(-c.w * c.v).sum(), ((-c.g) * c.v).sum(), pt.dot(c.x, -c.g)],
    "twice": lambda c: [(2 * c.w * c.v).sum(), pt.dot(c.x, 2 * c.w), pt.dot(c.x, c.w * c.y.sum() + c.w)],
    "known matrices": lambda c: [pt.dot(MATRIX, c.z), pt.dot(c.r, MATRIX), pt.dot(c.r, c.z)],
    "shapes": lambda c: [c.x.shape[0] * c.z, c.x.shape, c.w.shape[0] + c.y, c.z / c.x.shape[1]],
    "lengths": lambda c: [Shape_i(0)(c.x) * c.z, Shape_i(1)(c.x) * c.z, c.z * Shape_i(0)(c.w)],
    "lengths of columns": lambda c: [c.z * Shape_i(1)(c.w[:, None]), c.z * Shape_i(0)(c.w[:, None])],
    "sums over columns": lambda c: [
        (c.w[:, None] * c.v[:, None]).sum(axis=0),
        (c.w[None, :] ** 2).sum(axis=1),
    ],
    "two residuals": lambda c: [((pt.dot(c.x.T, c.r) + pt.dot(c.x.T, c.y)) * c.w).sum()],
    "nothing": lambda c: [],
}


@pytest.mark.parametrize("outputs", OUTPUTS)
def test_what_is_returned_is_computed_over_the_samples(outputs):
    case = Case()
    trains_as_before(
        case.x, case.y, case.pairs(), OUTPUTS[outputs](case), case.x_data, case.y_data, AS_WRITTEN
    )


# How weights may be updated: name → of a case, the pairs.
UPDATES = {
    "residual first": lambda c: c.pairs(c.w - 0.1 * pt.dot(c.r, c.x)),
    "swapped": lambda c: c.pairs(c.v, c.w),
    "added": lambda c: c.pairs(c.w + c.v - c.g, c.v - (-c.w)),
    "divided": lambda c: c.pairs(c.w / 1.5 - c.g / c.y.max(), -c.v / c.x.shape[0] - c.g),
    "scaled by what is known": lambda c: c.pairs(c.w * c.y[0] * c.r.sum() - c.g * pt.exp(-(c.z**2).mean())),
    "shrunk by themselves": lambda c: c.pairs(c.w / (1 + (c.w**2).mean()), c.w - c.v * (c.w * c.v).sum()),
    "gradient alone": lambda c: c.pairs(-0.1 * pt.dot(c.x.T, c.r), pt.dot(c.x.T, c.r) - pt.dot(c.x.T, c.y)),
    "a rate that decays": lambda c: c.pairs(c.w - c.b * c.g, None, (c.b, c.b * 0.5)),
    "a bias": lambda c: c.pairs(None, None, (c.b, c.b - 0.1 * c.r.sum())),
}


@pytest.mark.parametrize("updates", UPDATES)
def test_updates_become_updates_over_the_samples(updates):
    case = Case()
    pairs = UPDATES[updates](case)
    state = trains_as_before(case.x, case.y, pairs, [case.z], case.x_data, case.y_data, AS_WRITTEN)
    assert state.weights == (case.w, case.v)


@pytest.mark.parametrize("classes", [1, 3])
def test_weights_of_several_classes(classes):
    case = Case(classes)
    outputs = [case.z, (case.w**2).sum(), (case.w * case.g).mean(), pt.dot(case.w.T, case.x.T)]
    bias = pytensor.shared(np.zeros(classes), name="bias")
    pairs = case.pairs(None, None, (bias, bias - 0.1 * case.r.sum(axis=0)))
    state = trains_as_before(case.x, case.y, pairs, outputs, case.x_data, case.y_data, AS_WRITTEN)
    assert state.weights == (case.w, case.v)
    turned = case.pairs(case.w - 0.1 * pt.dot(case.r.T, case.x).T)
    trains_as_before(case.x, case.y, turned, outputs, case.x_data, case.y_data, AS_WRITTEN)


def test_what_stands_over_the_samples_is_no_weight():
    case = Case()
    of_samples = pytensor.shared(np.linspace(0.5, 1, 5), name="of_samples")
    pairs = [(case.w, case.w - 0.1 * pt.dot(case.x.T, of_samples * case.r)), (of_samples, of_samples * 0.5)]
    state = trains_as_before(case.x, case.y, pairs, [case.z], case.x_data, case.y_data, AS_WRITTEN)
    assert state.weights == (case.w,)
    assert dict(state.updates).keys() >= {of_samples}


def test_weights_of_another_dtype_than_x_are_none():
    x, y, _, data = small()
    w = pytensor.shared(np.zeros(9, "float32"), name="w")
    step = (w - 0.1 * pt.dot(x.T, pt.dot(x, w) - y)).astype("float32")
    refused([(w, step)], [], x, data, "nothing that is updated, of dtype float64, stands in")


def test_the_state_says_what_it_stands_for():
    case = Case()
    state = gram_state(case.pairs(), [case.z], case.x, case.x_data)
    assert state.x is not case.x_data
    assert not state.x.flags.writeable
    np.testing.assert_allclose(state.gram.get_value(), case.x_data @ case.x_data.T, rtol=1e-15)
    assert state.gram.tag.symmetric
    assert state.gram.name == "K"
    assert state.gram.type.shape == (5, 5)
    names = {shared.name for shared, _ in state.updates}
    assert names == {"u_w", "a_w", "u_v", "a_v", "c_w_w", "c_w_v", "c_v_w", "c_v_v"}
    shapes = {shared.name: shared.type.shape for shared, _ in state.updates}
    assert shapes["u_w"] == shapes["a_v"] == (5,)
    assert shapes["c_w_v"] == ()
    assert all(new.dtype == shared.dtype for shared, new in state.updates)


@pytest.mark.parametrize("image", [lambda c: pt.dot(c.x, c.w), lambda c: pt.dot(c.w, c.x.T)])
def test_what_only_stands_beside_x_is_a_weight_too(image):
    case = Case()
    state = gram_state([(case.w, 0.5 * case.w)], [image(case)], case.x, case.x_data)
    assert state.weights == (case.w,)


@pytest.mark.parametrize("output", [lambda c: c.x, lambda c: c.x.T])
def test_x_itself_is_no_output(output):
    case = Case()
    with pytest.raises(NotApplicable, match="leaves the graph as it is"):
        gram_state(case.pairs(), [case.z, output(case)], case.x, case.x_data)


def test_loading_begins_at_those_weights_whatever_was_before():
    case = Case()
    state = gram_state(case.pairs(), [case.z, (case.w * case.v).sum()], case.x, case.x_data)
    train = pytensor.function([case.y], state.outputs, updates=state.updates, mode=AS_WRITTEN)
    train(case.y_data)
    w, v = np.linspace(-1, 1, 9), np.linspace(2, 3, 9)
    state.load({case.w: w.tolist(), case.v: v})
    for shared, value in state.recover().items():
        np.testing.assert_array_equal(value, w if shared is case.w else v)
    z, product = train(case.y_data)
    np.testing.assert_allclose(z, case.x_data @ w + 0.25, rtol=1e-14)
    np.testing.assert_allclose(product, w @ v, rtol=1e-13)
    after = state.recover()
    rebased = state.rebase()
    for shared in (case.w, case.v):
        np.testing.assert_array_equal(rebased[shared], after[shared])
    before = {name: value.get_value() for name, value in vars(state)["_u"].items()}
    for values, message in (
        ({case.w: w}, "values[v]: found nothing; allowed: shape (9,)."),
        ({case.v: v}, "values[w]: found nothing; allowed: shape (9,)."),
        ({case.w: w, case.v: v[:8]}, "values[v]: found shape (8,); allowed: shape (9,)."),
    ):
        with pytest.raises(InputError, match=r"^values") as refusal:
            state.load(values)
        assert str(refusal.value) == message
    for name, value in vars(state)["_u"].items():
        np.testing.assert_array_equal(value.get_value(), before[name])


def test_weights_that_do_not_fit_the_data_are_named():
    case = Case()
    with pytest.raises(
        InputError, match=r"^data: found 5 × 8; allowed: a matrix that fits w of shape \(9,\)"
    ):
        gram_state(case.pairs(), [case.z], case.x, case.x_data[:, :8])


def test_multiplying_by_a_constant_one_leaves_no_trace():
    value = pt.dvector()
    assert scaled(pt.constant(1.0), value) is value
    assert scaled(pt.constant(2.0), value) is not value
    assert scaled(pt.dscalar(), value) is not value


@pytest.mark.parametrize("formula", ["textbook", "logits"])
@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
@pytest.mark.parametrize("rule", [graphs.gradient_descent, graphs.momentum])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_formulas_decay_and_rules_of_this_project(formula, weight_decay, rule, dtype):
    data = graphs.load(samples=12, features=20, dtype=dtype)
    graph = graphs.logistic_graph(data.initial_w, formula=formula, weight_decay=weight_decay, dtype=dtype)
    updates = rule(graph.cost, [graph.w, graph.b])
    outputs = [graph.prediction, graph.xent, graph.cost]
    state = gram_state(updates, outputs, graph.x, data.x)
    kept = {s: s.get_value() for s, _ in updates}
    y = data.y.astype(dtype)
    rewritten = pytensor.function([graph.y], state.outputs, updates=state.updates, mode=QUICK)
    found = [rewritten(y) for _ in range(30)][-1]
    w, b = state.recover()[graph.w], graph.b.get_value()
    for shared, value in kept.items():
        shared.set_value(value)
    plain = pytensor.function([graph.x, graph.y], outputs, updates=updates, mode=QUICK)
    expected = [plain(data.x, y) for _ in range(30)][-1]
    tolerance = 1e-11 if dtype == "float64" else 1e-3
    for one, other in zip((*found, w, b), (*expected, graph.w.get_value(), graph.b.get_value()), strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


# --- where the pairs must stay as they are


def refused(updates, outputs, x, data, match):
    before = [(shared, new, shared.get_value()) for shared, new in updates]
    with pytest.raises(NotApplicable, match=match):
        gram_state(updates, outputs, x, data)
    for (shared, new, value), (still, expression) in zip(before, updates, strict=True):
        assert shared is still
        assert new is expression
        np.testing.assert_array_equal(value, shared.get_value())


def small(**options):
    x, y = pt.dmatrix("x"), pt.dvector("y")
    w = pytensor.shared(np.linspace(-1, 1, 9), name="w")
    return x, y, w, np.random.default_rng(0).normal(size=(5, 9))


def gradient(x, y, w):
    return pt.dot(x.T, pt.tanh(pt.dot(x, w)) - y)


@pytest.mark.parametrize(
    ("updated", "match"),
    [
        (lambda x, y, w: w - 0.1 * gradient(x + 1e-9, y, w), "reads x other"),
        (lambda x, y, w: w - 0.1 * gradient(x[::2], y[::2], w), "reads x other"),
        (lambda x, y, w: w - 0.1 * pt.dot(x.T, pt.tanh(pt.dot(x * 2, w)) - y), "x"),
        (lambda x, y, w: w - 0.1 * (gradient(x, y, w) + 0.01 * pt.sign(w)), "applied to the weights"),
        (lambda x, y, w: w - 0.1 * (gradient(x, y, w) + 0.01 * w**3), "power|three|applied"),
        (lambda x, y, w: w * pt.arange(9.0) - 0.1 * gradient(x, y, w), "no scalar"),
        (lambda x, y, w: w - 0.1 * gradient(x, y, w) + 1.0, "neither weights"),
        (lambda x, y, w: pt.tanh(w - 0.1 * gradient(x, y, w)), "applied to the weights"),
        (lambda x, y, w: w - gradient(x, y, w) / (1 + abs(gradient(x, y, w))), "applied to the weights"),
        (lambda x, y, w: w - 0.1 * gradient(x, y, pt.clip(w, -1, 1)), "applied to the weights"),
        (lambda x, y, w: pt.maximum(w, 0) - 0.1 * gradient(x, y, w), "applied to the weights"),
        (lambda x, y, w: w - 0.1 * gradient(x, y, w)[::-1], "reads x other|applied"),
        (lambda x, y, w: pt.zeros_like(w) + y.sum(), "not of the form|applied|stands in"),
    ],
    ids=lambda value: None,
)
def test_updates_of_another_form_are_left_alone(updated, match):
    x, y, w, data = small()
    refused([(w, updated(x, y, w))], [pt.dot(x, w)], x, data, match)


@pytest.mark.parametrize(
    "output",
    [
        lambda x, w: w,
        lambda x, w: w.sum(),
        lambda x, w: abs(w).sum(),
        lambda x, w: w[0],
        lambda x, w: pt.dot(x.T, pt.dot(x, w)),
        lambda x, w: x.sum(),
        lambda x, w: x,
        lambda x, w: pt.dot(pt.ones((2, 9)), w),
        lambda x, w: (w**2).max(),
        lambda x, w: w * w,
        lambda x, w: w**2,
        lambda x, w: x.T,
        lambda x, w: pt.dot(x, x.T),
        lambda x, w: pt.dot(x.T, x),
        lambda x, w: pt.dot(x, pt.ones(9)),
        lambda x, w: (w[:, None] + w[None, :]).sum(),
        lambda x, w: (w[:, None] * w[None, :]).sum(),
        lambda x, w: (w * w * pt.dot(x.T, pt.dot(x, w))).sum(),
        lambda x, w: (w**3).sum(),
        lambda x, w: (w ** pt.dot(x, w).sum()).sum(),
        lambda x, w: (1 / w).sum(),
        lambda x, w: (pt.dot(x, w).sum() / w).sum(),
        lambda x, w: (w * w + w).sum(),
        lambda x, w: (w * w - w).sum(),
        lambda x, w: (w * pt.arange(9.0) * w).sum(),
        lambda x, w: pt.dot(w, pt.arange(9.0)),
        lambda x, w: (w**2).cumsum(),
        lambda x, w: (w**2).prod(),
        lambda x, w: pt.dot(pt.dot(x, w), x),
        lambda x, w: pt.concatenate([pt.dot(x, w), w]),
        lambda x, w: w.astype("float32").sum(),
    ],
)
def test_weights_or_x_read_elsewhere_leave_the_pairs_alone(output):
    x, y, w, data = small()
    refused([(w, w - 0.1 * gradient(x, y, w))], [output(x, w)], x, data, ".")


def test_x_that_is_updated_leaves_the_pairs_alone():
    _, y, w, data = small()
    x = pytensor.shared(data, name="x")
    refused([(w, w - 0.1 * gradient(x, y, w)), (x, x * 2)], [], x, None, "x is updated")


def test_shared_and_constant_x_are_found():
    _, y, w, data = small()
    for x in (pytensor.shared(data, name="x"), pt.constant(data)):
        state = gram_state([(w, w - 0.1 * gradient(x, y, w))], [pt.dot(x, w)], x)
        np.testing.assert_array_equal(state.x, data)


def test_bias_inside_x_and_no_bias_at_all():
    x, y, w, data = small()
    data[:, 0] = 1
    state = gram_state([(w, w - 0.1 * gradient(x, y, w))], [pt.dot(x, w)], x, data)
    assert state.weights == (w,)


def test_more_samples_than_features_lose_and_are_left_alone():
    assert pays(784, 784)
    assert not pays(785, 784)
    x, y, w, _ = small()
    data = np.ones((10, 9))
    updates = [(w, w - 0.1 * gradient(x, y, w))]
    refused(updates, [], x, data, "10 samples against 9 features")
    assert isinstance(gram_state(updates, [], x, data, even_if_it_loses=True), GramState)


def test_only_numbers_over_the_samples_are_left_in_the_compiled_step():
    graph, updates = model()
    functions = compile_gram(graph, updates, dataset().x, QUICK)
    variables = functions.step.maker.fgraph.variables
    assert not any(v.name in ("x", "w") for v in variables)
    assert not any(784 in v.type.shape for v in variables if hasattr(v.type, "shape"))


@pytest.mark.parametrize("data", [None, np.ones(9), np.ones((5, 9), "float32"), np.ones((0, 9))])
def test_data_that_is_no_such_matrix_is_refused(data):
    x, y, w, _ = small()
    with pytest.raises(InputError, match=r"^data: found"):
        gram_state([(w, w - 0.1 * gradient(x, y, w))], [], x, data)


# --- reading, writing and another x


@pytest.fixture(scope="module")
def learner():
    graph, updates = model("logits")
    return compile_gram(graph, updates, dataset().x, "CVM")


@pytest.fixture
def at_start(learner):
    learner.write({"w": dataset().initial_w, "b": np.array(0.0)})
    return learner


def test_reading_writing_and_going_on_gives_the_same_bits(at_start):
    x, y = at_start.state.x, dataset().y
    at_start.train_many(x, y, 7)
    kept = at_start.read()
    predictions, xents = at_start.train_many(x, y, 5)
    onwards = at_start.read()
    at_start.write(kept)
    again = [at_start.train(x, y) for _ in range(5)]
    np.testing.assert_array_equal(predictions, [prediction for prediction, _ in again])
    np.testing.assert_array_equal(xents, [xent for _, xent in again])
    for name, value in at_start.read().items():
        np.testing.assert_array_equal(value, onwards[name])


def test_the_training_loop_resumes_it_to_the_bit(at_start):
    x, y = dataset().x, dataset().y
    whole = fit(at_start, x, y, steps=250, every=60)
    at_start.write(whole.initial)
    asked = iter([False, False, True])
    with pytest.raises(Stopped) as stopped:
        fit(at_start, x, y, steps=250, every=60, stop=lambda: next(asked))
    assert 0 < stopped.value.progress.step < 250
    resumed = fit(at_start, x, y, steps=250, every=60, progress=stopped.value.progress)
    np.testing.assert_array_equal(resumed.state["w"], whole.state["w"])
    np.testing.assert_array_equal(resumed.history.cost, whole.history.cost)


def test_rebase_recovers_u_and_recover_changes_nothing(at_start):
    at_start.train_many(at_start.state.x, dataset().y, 20)
    state, w = at_start.state, at_start.graph.w
    first = state.recover()[w]
    np.testing.assert_array_equal(first, state.recover()[w])
    np.testing.assert_allclose(state._u[w].get_value(), dataset().x @ first, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(state.rebase()[w], first)
    np.testing.assert_array_equal(state._u[w].get_value(), dataset().x @ first)


def test_an_equal_x_is_accepted_and_another_refused(at_start):
    x, y = dataset().x.copy(), dataset().y
    at_start.train(x, y)
    x[3, 5] += 1  # the same object, written to
    with pytest.raises(InputError, match=r"^x: found another matrix.*compile_functions"):
        at_start.train(x, y)
    with pytest.raises(InputError, match=r"^x: found another matrix"):
        at_start.train_many(x[:10], y[:10], 2)
    frozen = dataset().x.copy()
    frozen.setflags(write=False)
    at_start.train(frozen, y)
    assert at_start._known is frozen
    writable_beneath = dataset().x.copy()[:]
    writable_beneath.setflags(write=False)
    at_start.train(writable_beneath, y)
    assert at_start._known is None
    with pytest.raises(InputError, match=r"^x: found another matrix"):
        at_start.train(None, y)


def test_predict_and_evaluate_see_the_recovered_weights(at_start, compiled):
    plain = compiled("CVM", "logits")
    x, y = dataset().x, dataset().y
    for _ in range(20):
        at_start.train(at_start.state.x, y)
        plain.train(x, y)
    np.testing.assert_array_equal(at_start.predict(dataset().unseen_x), plain.predict(dataset().unseen_x))
    for one, other in zip(at_start.evaluate(x, y), plain.evaluate(x, y), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)
    for name, value in at_start.read().items():
        np.testing.assert_allclose(value, plain.read()[name], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("values", [{}, {"w": np.ones(3), "b": np.ones(())}, {"w": np.ones(784)}])
def test_a_state_that_does_not_fit_is_refused_and_nothing_changed(at_start, values):
    before = at_start.read()
    with pytest.raises(InputError, match=r"^state\["):
        at_start.write(values)
    np.testing.assert_array_equal(at_start.read()["w"], before["w"])
    with pytest.raises(InputError, match=r"^values\[w\]"):
        at_start.state.load({})


def test_weights_are_loaded_in_their_own_dtype():
    data = graphs.load(samples=4, features=6, dtype="float32")
    graph = graphs.logistic_graph(data.initial_w, dtype="float32")
    pairs = graphs.gradient_descent(graph.cost, [graph.w, graph.b])
    state = gram_state(pairs, [graph.xent], graph.x, data.x)
    state.load({graph.w: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]})
    (found,) = state.recover().values()
    assert found.dtype == "float32"
    np.testing.assert_array_equal(found, np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], "float32"))
