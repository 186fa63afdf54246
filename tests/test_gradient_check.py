"""Right gradients are called right, wrong ones wrong, kinks kinks; and the Op to blame is named, with its line."""

from __future__ import annotations

import inspect
import math
import warnings
from collections import Counter

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.builders import OpFromGraph
from pytensor.gradient import DisconnectedType, disconnected_grad, grad_clip, undefined_grad, zero_grad
from pytensor.graph.basic import Apply, Constant
from pytensor.graph.op import Op
from pytensor.graph.traversal import graph_inputs

import graphs
from graphs.errors import InputError
from graphs.gradient_check.evaluation import is_float
from graphs.gradient_check.result import (
    CLOSE,
    DOUBTFUL,
    KINK,
    MISSING,
    NOT_FINITE,
    OUTSIDE,
    PURPOSE,
    RIGHT,
    UNRESOLVED,
    WRONG,
    judged,
)
from graphs.gradient_check.slopes import slope
from tests.conftest import dataset
from tests.inspection.corpus import CORPUS

EXTENDED = np.finfo(np.longdouble).eps < np.finfo(np.float64).eps


def check(cost, parameters, values=None, **options):
    return graphs.check_gradient(cost, parameters, values, **{"mode": "FAST_COMPILE", **options})


def verdicts(result):
    return [entry.verdict for parameter in result.parameters for entry in parameter.entries]


def line_of(text):
    """The number of the one line of this file with `text` and the mark behind it."""
    lines = inspect.getsource(inspect.getmodule(line_of)).splitlines()
    (found,) = (i for i, line in enumerate(lines, start=1) if line.rstrip().endswith(f"# {text}"))
    return found


class Weighted(Op):
    """a · b², whose gradient is multiplied with `by`, one factor for each input."""

    __props__ = ("by",)

    def __init__(self, by=(1.0, 1.0)):
        self.by = by

    def make_node(self, a, b):
        a, b = pt.as_tensor(a), pt.as_tensor(b)
        return Apply(self, [a, b], [a.type()])

    def perform(self, node, inputs, outputs):
        a, b = inputs
        outputs[0][0] = np.asarray(a * b**2)

    def pullback(self, inputs, outputs, gradients):
        a, b = inputs
        (g,) = gradients
        return [self.by[0] * g * b**2, self.by[1] * 2 * g * a * b]

    if not hasattr(Op, "pullback"):
        L_op = pullback


class Cubed(Op):
    """x³ with a gradient that a test chooses."""

    __props__ = ("kind",)

    def __init__(self, kind=""):
        self.kind = kind

    def make_node(self, x):
        x = pt.as_tensor(x)
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, outputs):
        outputs[0][0] = np.asarray(inputs[0] ** 3)

    def pullback(self, inputs, outputs, gradients):
        (x,), (g,) = inputs, gradients
        if self.kind == "disconnected":
            return [DisconnectedType()()]
        if self.kind == "raises":
            raise RuntimeError("not today")
        if self.kind == "shape":
            return [pt.concatenate([g * x, g * x])]
        return [3 * g * x**2]

    if not hasattr(Op, "pullback"):
        L_op = pullback


class Distance(Op):
    """|x| in Python, with the right gradient, of which nobody knows that it has a kink."""

    __props__ = ()

    def make_node(self, x):
        x = pt.as_tensor(x)
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, outputs):
        outputs[0][0] = np.asarray(np.abs(inputs[0]))

    def pullback(self, inputs, outputs, gradients):
        return [gradients[0] * pt.sign(inputs[0])]

    if not hasattr(Op, "pullback"):
        L_op = pullback


@pytest.fixture
def x():
    return pt.dvector("x")


class TestRight:
    def test_the_classic(self):
        data = dataset()
        graph = graphs.logistic_graph(data.initial_w)
        before = graph.w.get_value().copy()
        result = check(graph.cost, [graph.w, graph.b], {"x": data.x, "y": data.y}, mode="CVM", entries=20)
        assert result.ok
        assert set(verdicts(result)) == {RIGHT}
        w, b = result.parameters
        assert (w.name, w.shape, w.size, len(w.entries), len(b.entries)) == ("w", (784,), 784, 20, 1)
        assert max(w.relative_error, b.relative_error) < 1e-9
        assert "as written it is not finite" in result.method  # the textbook formula overflows there
        np.testing.assert_array_equal(graph.w.get_value(), before)

    @pytest.mark.skipif(not EXTENDED, reason="longdouble is float64 here")
    def test_extended_precision_where_all_ops_have_it(self, x):
        result = check(pt.sum(pt.exp(pt.sin(x)) / (1 + x**2)), [x], {"x": [0.3, -1.0, 2.0]})
        assert "extended precision" in result.method
        assert result.parameters[0].relative_error < 1e-14

    def test_the_op_that_decides_for_float64_is_named(self, x):
        result = check(pt.sum(pt.erf(x)), [x], {"x": [0.3, -1.0, 2.0]})
        assert result.ok
        assert "float64: Erf" in result.method if EXTENDED else "float64" in result.method
        assert result.parameters[0].relative_error < 1e-9

    def test_large_products_are_made_in_float64(self):
        w = pytensor.shared(np.full((300, 200), 0.01), name="w")
        result = check(pt.sum(pt.ones((100, 300)) @ w) ** 2, [w], entries=2)
        assert result.ok
        assert "in float64" in result.method

    def test_a_parameter_by_itself(self):
        w = pytensor.shared(2.0, name="w")
        assert check(w, [w]).ok

    def test_single_precision_is_differenced_in_double(self):
        w = pytensor.shared(np.random.default_rng(0).normal(size=(4, 3)).astype("float32"), name="w")
        data = pt.fmatrix("data")
        cost = pt.mean(pt.tanh(data @ w)) + pt.erf(w).sum() * np.float32(0.5)
        result = check(cost, [w], {"data": np.random.default_rng(1).normal(size=(5, 4))})
        assert set(verdicts(result)) == {RIGHT}
        assert "in float64" in result.method
        assert result.parameters[0].dtype == "float32"
        assert 1e-9 < result.parameters[0].relative_error < 1e-4  # the gradient itself is of float32

    def test_softmax_with_labels(self):
        z, labels = pt.dmatrix("z"), pt.lvector("labels")
        logarithms = pt.special.log_softmax(z, axis=1)
        cost = -logarithms[pt.arange(3), labels].mean()
        values = {"z": np.random.default_rng(0).normal(size=(3, 4)), "labels": [0, 3, 1]}
        result = check(cost, [z], values)
        assert set(verdicts(result)) == {RIGHT}

    def test_a_loop(self):
        start, w = pt.dvector("start"), pt.dscalar("w")
        states = pytensor.scan(
            lambda h, w: pt.tanh(w * h),
            outputs_info=start,
            non_sequences=w,
            n_steps=5,
            return_updates=False,
        )
        result = check(pt.sum(states[-1] ** 2), [start, w], {"start": [0.1, 0.2], "w": 0.7})
        assert set(verdicts(result)) == {RIGHT}

    def test_an_own_op_is_not_blamed_for_anything(self, x):
        result = check(pt.sum(Cubed()(x)), [x], {"x": [1.0, -2.0]})
        assert result.ok
        assert result.culprits == ()

    def test_steps_stay_where_the_cost_has_values(self, x):
        result = check(pt.sum(pt.log(x) + pt.sqrt(x)), [x], {"x": [1e-9, 3.0]})
        assert set(verdicts(result)) == {RIGHT}

    def test_at_an_optimum_rounding_is_no_mistake(self):
        random = np.random.default_rng(0)
        data, s = random.normal(size=(50, 8)), pt.dvector("s")
        target = data @ np.ones(8) + random.normal(size=50)
        best = np.linalg.lstsq(data, target, rcond=None)[0]
        result = check(pt.sum((data @ s - target) ** 2), [s], {s: best})
        assert result.ok
        assert set(verdicts(result)) <= {RIGHT, UNRESOLVED}

    def test_terms_that_cancel_make_no_slope(self, x):
        result = check(pt.sum(x - x.mean()) + 1e6 - 1e6, [x], {"x": [0.3, -1.0, 2.0]})
        assert result.ok

    def test_a_cost_that_is_rounding_alone_neither_jumps_nor_bends(self):
        m = pt.dmatrix("m")
        cost = pt.sum((m - m.mean(axis=0)) / pt.sqrt(m.var(axis=0) + 1e-3))  # zero, whatever m is
        result = check(cost, [m], {"m": np.random.default_rng(4).normal(size=(5, 3))})
        assert set(verdicts(result)) <= {RIGHT, UNRESOLVED}

    def test_a_function_that_changes_fast(self, x):
        result = check(pt.sum(pt.exp(-((1e7 * x - 1) ** 2)) + x), [x], {"x": [1.2e-7, 1.0]})
        assert set(verdicts(result)) == {RIGHT}


class TestKinks:
    def kinked(self, cost, x, values):
        result = check(cost, [x], {"x": values})
        assert result.ok, str(result)
        return result.parameters[0].entries, result

    def test_at_the_corner_of_a_modulus(self, x):
        bent = abs(x)  # abs here
        (first, second), result = self.kinked(bent.sum(), x, [0.0, 1.0])
        assert (first.verdict, second.verdict) == (KINK, RIGHT)
        assert (first.kink.left, first.kink.right) == pytest.approx((-1, 1))
        place = first.kink.place
        assert (place.op, place.line) == ("Abs", line_of("abs here"))
        assert place.file.endswith("test_gradient_check.py")
        assert "lies between" in str(result)

    @pytest.mark.parametrize(
        ("cost", "values", "left", "right"),
        [
            (lambda x: pt.maximum(x, 0).sum(), [0.0], 0, 1),
            (lambda x: pt.minimum(x, 0).sum(), [0.0], 1, 0),
            (lambda x: pt.switch(x > 0, x, 0.1 * x).sum(), [0.0], 0.1, 1),
            (lambda x: pt.clip(x, -1, 1).sum(), [1.0], 1, 0),
            (lambda x: pt.max(x), [2.0, 2.0], 0, 1),
            (lambda x: pt.maximum(x[0], x[1]), [3.0, 3.0], 0, 1),
            (lambda x: pt.sort(x)[-1], [2.0, 2.0], 0, 1),
        ],
    )
    def test_others(self, x, cost, values, left, right):
        entries, _ = self.kinked(cost(x), x, values)
        for entry in entries:
            assert entry.verdict == KINK
            assert (entry.kink.left, entry.kink.right) == pytest.approx((left, right))
            assert entry.kink.place is not None

    def test_near_one_the_steps_are_shorter(self, x):
        (one, other, third), _ = self.kinked(abs(x).sum() + pt.sum(x**2), x, [1e-9, -1e-7, 1.0])
        assert (one.verdict, other.verdict, third.verdict) == (RIGHT, RIGHT, RIGHT)
        assert (one.difference, other.difference) == pytest.approx((1, -1), rel=1e-6)

    def test_of_an_op_that_nobody_knows(self, x):
        bent = Distance()(x)  # unknown here
        (first, second), _ = self.kinked(bent.sum(), x, [0.0, 1.0])
        assert (first.verdict, second.verdict) == (KINK, RIGHT)
        assert first.kink.place.line == line_of("unknown here")

    def test_a_jump(self, x):
        (first, second), result = self.kinked(pt.floor(x).sum() + pt.sum(x**2), x, [1.0, 0.5])
        assert (first.verdict, second.verdict) == (KINK, RIGHT)
        assert math.isinf(first.kink.left) or math.isinf(first.kink.right)
        assert "the cost jumps here" in str(result)

    def test_a_branch_without_a_kink_is_none(self, x):
        (entry,), _ = self.kinked(pt.sum(pt.maximum(x, 0) ** 2), x, [0.0])
        assert entry.kink is None
        assert entry.verdict == RIGHT

    def test_a_gradient_that_is_none_of_the_slopes_between(self, x):
        class Steep(Distance):
            def pullback(self, inputs, outputs, gradients):
                return [gradients[0] * 3.0]

            if not hasattr(Op, "pullback"):
                L_op = pullback

        result = check(pt.sum(Steep()(x)), [x], {"x": [0.0]})
        (entry,) = result.parameters[0].entries
        assert not result.ok
        assert entry.verdict == OUTSIDE
        assert (entry.kink.left, entry.kink.right) == pytest.approx((-1, 1))
        assert "does not lie between" in str(result)

    def test_kinks_that_cancel(self, x):
        result = check(pt.sum(pt.maximum(x, 0) - pt.maximum(-x, 0)), [x], {"x": [0.0, 1.0]})
        (first, second) = result.parameters[0].entries
        assert second.verdict == RIGHT
        assert first.difference == pytest.approx(1)
        assert first.verdict in (RIGHT, OUTSIDE)


class TestWrong:
    def deep(self, op, *, wide=True):
        """A cost with `op` in the middle of it."""
        w, v = pt.dmatrix("w"), pt.dvector("v")
        hidden = pt.tanh(w)[0] * 2
        middle = op(hidden, v)  # made here
        return pt.log1p(pt.sum(middle**2)), [w, v], {"w": [[0.5, -1.0], [2.0, 1.0]], "v": [1.5, 0.7]}

    @pytest.mark.parametrize(
        ("by", "blamed", "wrong"),
        [
            ((-1.0, 1.0), [0], [0]),
            ((1.0, 0.5), [1], [1]),
            ((1.001, 1.0), [0], [0]),
            ((3.0, -1.0), [0, 1], [0, 1]),
        ],
    )
    def test_an_own_op_is_found_and_pointed_at(self, by, blamed, wrong):
        cost, parameters, values = self.deep(Weighted(by))
        result = check(cost, parameters, values)
        assert not result.ok
        assert [i for i, each in enumerate(result.parameters) if not each.ok] == wrong
        assert [culprit.input for culprit in result.culprits] == blamed
        for culprit, factor in zip(result.culprits, [by[i] for i in blamed], strict=True):
            assert culprit.gradient / culprit.difference == pytest.approx(factor, rel=1e-6)
            assert culprit.place.line == line_of("made here")
            assert culprit.place.file.endswith("test_gradient_check.py")
            assert culprit.method.endswith(
                f"test_gradient_check.py:{Weighted.pullback.__code__.co_firstlineno}"
            )
        text = str(result)
        assert "A gradient is wrong." in text
        assert f"test_gradient_check.py:{line_of('made here')}  middle = op(hidden, v)" in text

    def test_the_same_op_with_the_right_gradient(self):
        cost, parameters, values = self.deep(Weighted())
        assert check(cost, parameters, values).ok

    def test_in_single_precision(self):
        w = pt.fvector("w")
        result = check(pt.sum(Weighted((1.0, 2.0))(w, w)), [w], {"w": [1.0, 2.0]})
        assert not result.ok
        assert [culprit.input for culprit in result.culprits] == [1]

    def test_a_gradient_that_is_said_to_be_none(self, x):
        result = check(pt.sum(Cubed("disconnected")(x)), [x], {"x": [1.0, 2.0]})
        assert verdicts(result) == [MISSING, MISSING]
        (culprit,) = result.culprits
        assert "disconnected" in culprit.why
        assert "its values change" in culprit.why

    def test_an_override_of_the_users_own(self):
        a, x = pt.dvector("a"), pt.dvector("x")
        passed = {"pullback": lambda inputs, outputs, gradients: [gradients[0]]}
        result = check(pt.sum(OpFromGraph([a], [a**2], **passed)(x)), [x], {"x": [1.0, 2.0]})
        assert verdicts(result) == [WRONG, WRONG]
        (culprit,) = result.culprits
        assert "test_gradient_check.py" in culprit.method

    @pytest.mark.parametrize("kind", ["raises", "shape"])
    def test_a_gradient_that_fails_is_refused_and_pointed_at(self, x, kind):
        cost = pt.sum(Cubed(kind)(x))  # fails here
        with pytest.raises(InputError, match=rf"Cubed.*test_gradient_check.py:{line_of('fails here')}"):
            check(cost, [x], {"x": [1.0, 2.0]})


class TestOnPurpose:
    @pytest.mark.parametrize("cut", [disconnected_grad, zero_grad, undefined_grad])
    def test_cut_off(self, x, cut):
        held = cut(x**2)  # cut here
        for cost in (held.sum(), pt.sum(held * 3)):
            result = check(cost, [x], {"x": [1.0, 2.0]})
            assert result.ok, str(result)
            assert verdicts(result) == [PURPOSE, PURPOSE]
            assert f"test_gradient_check.py:{line_of('cut here')}" in result.parameters[0].why
            assert result.culprits == ()

    def test_with_the_value_held_the_rest_is_checked(self, x):
        right = check(pt.sum(disconnected_grad(x) * x), [x], {"x": [1.0, 2.0]})
        assert verdicts(right) == [PURPOSE, PURPOSE]
        wrong = check(pt.sum(Weighted((2.0, 1.0))(x, disconnected_grad(x))), [x], {"x": [1.0, 2.0]})
        assert verdicts(wrong) == [WRONG, WRONG]
        assert [culprit.input for culprit in wrong.culprits] == [0]

    def test_clipped(self, x):
        result = check(pt.sum(grad_clip(x**2, -1, 1) ** 2), [x], {"x": [1.0, 2.0]})
        assert verdicts(result) == [PURPOSE, PURPOSE]
        assert "GradClip" in result.parameters[0].why

    def test_nothing_changes_so_there_is_nothing_to_miss(self, x):
        result = check(pt.argmax(x) * 1.5 + x[1], [x], {"x": [1.0, 2.0]})
        assert verdicts(result) == [RIGHT, RIGHT]


class TestNotFinite:
    def test_the_cost(self, x):
        result = check(pt.sum(pt.log(x)), [x], {"x": [-1.0, 1.0]})
        assert set(verdicts(result)) == {NOT_FINITE}
        assert not result.ok
        assert str(result).startswith("The cost is nan at this point")
        assert "graphs inspect" in str(result)

    def test_the_gradient(self, x):
        result = check(pt.sum(pt.sqrt(x)), [x], {"x": [0.0, 1.0]})
        assert verdicts(result) == [NOT_FINITE, RIGHT]
        assert "its gradient is not finite" in str(result)


class TestWhatIsGiven:
    def test_a_sample_is_drawn_of_a_large_parameter(self):
        w = pytensor.shared(np.arange(40.0).reshape(8, 5), name="w")
        one, same, other = (check(pt.sum(w**2), [w], entries=7, seed=seed) for seed in (0, 0, 1))
        indices = [[entry.index for entry in each.parameters[0].entries] for each in (one, same, other)]
        assert len(set(indices[0])) == 7
        assert indices[0] == indices[1] != indices[2]
        assert "7 of 40" in str(one)
        assert "a sample was checked" in str(one)

    def test_a_shared_variable_keeps_its_value(self):
        w = pytensor.shared(np.array([1.0, 2.0]), name="w")
        result = check(pt.sum(w**3), [w], {"w": [3.0, 4.0]})
        assert result.cost == pytest.approx(27 + 64)
        np.testing.assert_array_equal(w.get_value(), [1.0, 2.0])

    def test_a_variable_may_stand_for_its_name(self):
        nameless = pt.dvector()
        assert check(pt.sum(nameless**2), [nameless], {nameless: [1.0, 2.0]}).ok

    def test_parameters_of_other_shapes(self):
        s, m = pt.dscalar("s"), pt.dmatrix("m")
        empty = pt.dvector("empty")
        result = check(s * m.sum() ** 2 + empty.sum(), [s, m, empty], {"s": 2.0, "m": np.eye(2), "empty": []})
        assert [each.shape for each in result.parameters] == [(), (2, 2), (0,)]
        assert result.ok
        assert result.parameters[2].entries == ()

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"cost": 3}, "cost: found 3"),
            ({"cost": pt.dvector("v")}, "cost: found a Variable of 1 dimensions"),
            ({"cost": pt.lscalar("n")}, "a scalar Variable of a float dtype"),
            ({"parameters": []}, "parameters: found []"),
            ({"parameters": "w"}, "parameters: found 'w'"),
            ({"parameters": pt.dscalar("s")}, "parameters: found s by itself"),
            ({"parameters": [pt.dscalar("s")]}, "s, not in the cost"),
            ({"parameters": [3]}, "parameters: found 3"),
            ({"values": None}, "values['x']: found nothing"),
            ({"values": {}}, "values['x']: found nothing"),
            ({"values": [1.0]}, "values: found [1.0]; allowed: a mapping"),
            ({"values": {"x": [1.0], "z": 1}}, "values['z']: found no input of that name; allowed: x"),
            ({"values": {"x": 1.0}}, "values['x']: found float"),
            ({"values": {"x": [1j]}}, "values['x']: found list (TypeError: complex numbers)"),
            ({"values": {"x": "abc"}}, "values['x']: found str"),
            ({"entries": 0}, "entries: found 0"),
            ({"seed": -1}, "seed: found -1"),
            ({"mode": "FASTEST"}, "mode: found 'FASTEST'"),
        ],
    )
    def test_bad_input_is_refused(self, x, change, said):
        given = {"cost": pt.sum(x**2), "parameters": [x], "values": {"x": [1.0]}, **change}
        with pytest.raises(InputError) as refusal:
            graphs.check_gradient(given.pop("cost"), given.pop("parameters"), given.pop("values"), **given)
        assert said in str(refusal.value)

    def test_what_else_is_refused(self, x):
        with pytest.raises(InputError, match="twice"):
            check(x.sum(), [x, x], {"x": [1.0]})
        with pytest.raises(InputError, match="several"):
            check(x.sum() + pt.dvector("x").sum(), [x], {"x": [1.0]})
        with pytest.raises(InputError, match="cannot be computed at this point"):
            check(pt.sum(x * np.ones(3)), [x], {"x": [1.0, 2.0]})
        whole = pt.lvector("n")
        with pytest.raises(InputError, match="float dtype"):
            check(pt.sum(whole * 1.5), [whole], {"n": [1]})

    def test_random_costs_are_refused(self, x):
        with warnings.catch_warnings():  # of another way to draw, in newer versions
            warnings.simplefilter("ignore")
            drawn = pt.random.normal()
        with pytest.raises(InputError, match="random numbers in it"):
            check(x.sum() + drawn, [x], {"x": [1.0]})

        class Draws(Cubed):
            def perform(self, node, inputs, outputs):
                outputs[0][0] = inputs[0] + np.random.default_rng().normal()

        with pytest.raises(InputError, match="another one each time"):
            check(Draws()(x).sum(), [x], {"x": [1.0]})


class TestParts:
    @pytest.mark.parametrize(
        ("relative", "verdict"),
        [
            (0, RIGHT),
            (9e-8, RIGHT),
            (2e-7, CLOSE),
            (9e-5, CLOSE),
            (2e-4, DOUBTFUL),
            (9e-3, DOUBTFUL),
            (2e-2, WRONG),
        ],
    )
    def test_the_limits(self, relative, verdict):
        assert judged(relative) == verdict

    @pytest.mark.parametrize("function", [np.exp, np.sin, lambda t: t**5, lambda t: 1 / (t + 3)])
    def test_a_slope_is_within_its_error(self, function):
        told = slope(lambda t: (function(t), b""), np.float64(0.7), 1.0, 2.2e-16)
        step = np.longdouble(1e-6)
        near = [function(np.longdouble(0.7) + k * step) for k in (-1, 1)]
        assert told.left is None
        assert abs(told.value - float((near[1] - near[0]) / (2 * step))) <= told.error + 1e-11
        assert told.error < 1e-8


# Those whose gradient PyTensor has no right way to compile in this mode, or which are chosen to fail.
@pytest.mark.long
@pytest.mark.parametrize(
    "family", ["loops", "linear_algebra", "indexing", "layers", "densities", "derivatives"]
)
def test_no_right_gradient_of_strangers_graphs_is_called_wrong(family):
    found = Counter()
    for name, make in CORPUS.items():
        if not make.__module__.endswith(f".{family}"):
            continue
        graph = make()
        outputs = graph.outputs if isinstance(graph.outputs, list | tuple) else [graph.outputs]
        floats = [out for out in (getattr(out, "variable", out) for out in outputs) if is_float(out)]
        given = {
            getattr(v, "variable", v): value for v, value in zip(graph.inputs, graph.values, strict=False)
        }
        if not floats or graph.options:
            continue
        roots = {root for root in graph_inputs(floats[:1]) if not isinstance(root, Constant)}
        parameters = [root for root in roots if is_float(root)]
        if not parameters:
            continue
        try:
            values = {root: value for root, value in given.items() if root in roots}
            result = check(floats[0].sum(), parameters, values, entries=3)
        except InputError as refusal:  # a random one, or one that has no gradient
            found[refusal.argument] += 1
            continue
        found["checked"] += 1
        by_hand = (
            name == "own_gradient_by_op_from_graph"
        )  # a straight-through step: another gradient, by hand
        assert {WRONG, DOUBTFUL, OUTSIDE, MISSING}.isdisjoint(verdicts(result)) or by_hand, (
            f"{name}: {result}"
        )
    assert found["checked"] >= 5
