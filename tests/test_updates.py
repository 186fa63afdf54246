"""Update pairs are expressions: building them compiles and changes nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.graph.traversal import ancestors
from pytensor.tensor.type_other import NoneTypeT

import graphs
from graphs import updates
from graphs.errors import InputError
from graphs.models import curve_graph, growth_graph, likelihood_graph, linear_graph
from graphs.native import source_of
from tests.conftest import ROOT


def test_gradients_carry_the_originals_names():
    graph = graphs.logistic_graph(np.zeros(3))
    gw, gb = graphs.gradients(graph.cost, [graph.w, graph.b])
    assert (gw.name, gb.name) == ("gw", "gb")


@pytest.mark.parametrize("rule", [graphs.gradient_descent, graphs.momentum])
def test_the_graph_and_the_parameters_are_left_alone(rule):
    graph = graphs.logistic_graph(np.array([1.0, 2.0]))
    before = pytensor.dprint(graph.cost, file="str")
    pairs = rule(graph.cost, [graph.w, graph.b])
    assert pytensor.dprint(graph.cost, file="str") == before
    np.testing.assert_array_equal(graph.w.get_value(), [1, 2])
    assert all(shared.type == new.type for shared, new in pairs)


def test_every_gradient_is_taken_before_the_step():
    graph = graphs.logistic_graph(np.zeros(3))
    (_, new_w), (_, new_b) = graphs.gradient_descent(graph.cost, [graph.w, graph.b])
    assert new_w not in set(ancestors([new_b]))
    assert new_b not in set(ancestors([new_w]))


def test_gradient_descent_and_momentum_on_a_parabola():
    start, rate, decay = 3.0, 0.1, 0.5
    p, v = start, 0.0
    for _ in range(3):
        v = decay * v - rate * 2 * p
        p += v
    shared = pytensor.shared(np.float64(start), name="p")
    step = pytensor.function(
        [], [], updates=graphs.momentum(shared**2, [shared], rate, decay), mode="FAST_COMPILE"
    )
    for _ in range(3):
        step()
    assert shared.get_value() == pytest.approx(p, rel=1e-15)
    shared.set_value(start)
    descend = pytensor.function(
        [], [], updates=graphs.gradient_descent(shared**2, [shared], rate), mode="FAST_COMPILE"
    )
    descend()
    assert shared.get_value() == pytest.approx(start - rate * 2 * start, rel=1e-15)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_bad_learning_rates(rate):
    p = pytensor.shared(1.0, name="p")
    for rule in (graphs.gradient_descent, graphs.momentum):
        with pytest.raises(InputError, match=r"^learning_rate: found"):
            rule(p**2, [p], rate)


def test_bad_momentum_and_cost():
    p = pytensor.shared(1.0, name="p")
    with pytest.raises(InputError, match=r"^decay: found"):
        graphs.momentum(p**2, [p], 0.1, 1.0)
    with pytest.raises(InputError, match=r"^cost: found a Variable of 1 dimensions; allowed: a scalar"):
        graphs.gradients(p * pt.ones(3), [p])


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (lambda g: g.w, "parameters: found w, a Variable of"),
        (lambda g: None, "parameters: found None"),
        (lambda g: [], r"parameters: found \[\]"),
        (lambda g: [g.x], r"parameters: found x, a Variable of Matrix\(float64"),
        (lambda g: [np.zeros(3)], "parameters: found array"),
        (lambda g: [g.w, g.b, g.w], "parameters: found w, .*, twice"),
        (lambda g: [pytensor.shared(1.0, name="other")], "parameters: found other, .*, not in the cost"),
    ],
)
def test_what_cannot_take_a_step_is_refused(parameters, said):
    graph = graphs.logistic_graph(np.zeros(3))
    for rule in (graphs.gradients, graphs.gradient_descent, graphs.momentum):
        with pytest.raises(InputError, match=said):
            rule(graph.cost, parameters(graph))
        with pytest.raises(InputError, match="cost: found 'x'"):
            rule("x", [graph.w])


def test_what_holds_no_numbers_has_no_gradient():
    nothing, p = NoneTypeT()("nothing"), pytensor.shared(1.0, name="p")
    with pytest.raises(InputError, match=r"^cost: found nothing, a Variable of NoneTypeT"):
        graphs.gradients(nothing, [p])
    with pytest.raises(InputError, match=r"^cost: found whole, a Variable of Scalar\(int64"):
        graphs.gradients(pt.lscalar("whole"), [p])


@pytest.mark.parametrize("rate", [1e300, 1e-60])
def test_a_learning_rate_is_one_in_the_parameters_dtype(rate):
    graph = graphs.logistic_graph(np.zeros(3), dtype="float32")
    for rule in (graphs.gradient_descent, graphs.momentum):
        with pytest.raises(InputError, match=r"learning_rate: found .*float32 can hold"):
            rule(graph.cost, [graph.w], rate)
    if rate < 1:
        with pytest.raises(InputError, match=r"^decay: found 1e-60; .*float32 can hold"):
            graphs.momentum(graph.cost, [graph.w], 0.1, rate)


@pytest.mark.parametrize("decay", [-1e-9, 1.0, float("nan")])
def test_a_velocity_decays_by_a_factor_from_0_up_to_1(decay):
    p = pytensor.shared(1.0, name="p")
    with pytest.raises(InputError, match=r"^decay: found .*; allowed: a finite number ≥ 0 and < 1"):
        graphs.momentum(p**2, [p], 0.1, decay)
    (velocity, change), _ = graphs.momentum(p**2, [p], 0.1, 0.0)  # no velocity is kept: plain descent
    velocity.set_value(100.0)
    assert change.eval(mode="FAST_COMPILE") == pytest.approx(2)


def test_what_is_left_out_is_a_tenth_and_nine_tenths():
    p = pytensor.shared(3.0, name="p")
    ((_, stepped),) = graphs.gradient_descent(p**2, [p])
    assert stepped.eval(mode="FAST_COMPILE") == pytest.approx(3 - 0.1 * 6)
    (velocity, change), (_, moved) = graphs.momentum(p**2, [p])
    assert velocity.get_value() == 0
    velocity.set_value(2.0)
    assert change.eval(mode="FAST_COMPILE") == pytest.approx(0.9 * 2 + 6)
    assert moved.eval(mode="FAST_COMPILE") == pytest.approx(3 - 0.1 * (0.9 * 2 + 6))


@pytest.mark.parametrize("rule", [graphs.gradient_descent, graphs.momentum])
def test_smallest_learning_rates_are_allowed_and_zero_is_not(rule):
    p = pytensor.shared(1.0, name="p")
    rule(p**2, [p], 5e-324)
    with pytest.raises(InputError, match=r"^learning_rate: found 0; allowed: a finite number > 0"):
        rule(p**2, [p], 0)


def test_velocities_are_named_after_their_parameters_and_of_their_kind():
    w = pytensor.shared(np.ones((2, 3), "float32"), name="w")
    nameless = pytensor.shared(np.ones(4))
    pairs = graphs.momentum((w**2).sum() + (nameless**2).sum(), [w, nameless])
    assert [shared.name for shared, _ in pairs] == ["vw", "w", "v", None]
    assert [new.dtype for _, new in pairs] == ["float32", "float32", "float64", "float64"]
    np.testing.assert_array_equal(pairs[0][0].get_value(), np.zeros((2, 3)))
    assert pairs[0][0].get_value().dtype == "float32"
    assert {gradient.name for gradient in graphs.gradients((nameless**2).sum(), [nameless])} == {"g"}
    step = pytensor.function([], [], updates=pairs, mode="FAST_COMPILE")
    step()
    np.testing.assert_allclose(pairs[0][0].get_value(), 2, rtol=1e-6)
    np.testing.assert_allclose(w.get_value(), 0.8, rtol=1e-6)


def test_gradient_descent_of_single_precision_stays_there():
    w = pytensor.shared(np.ones(3, "float32"), name="w")
    ((shared, new),) = graphs.gradient_descent((w**2).sum(), [w], 0.25)
    assert shared is w
    assert new.dtype == "float32"
    np.testing.assert_array_equal(new.eval(mode="FAST_COMPILE"), np.full(3, 0.5, "float32"))


# The rules beside those of others, on a model with a matrix and a vector, step by step.
STEPS = 25
START_W, START_B = np.random.RandomState(0).randn(5, 3), np.array([0.5, -1.0, 0.0])
SAMPLES, LABELS = np.random.RandomState(1).randn(40, 5), np.random.RandomState(2).randint(3, size=40)


def ours(rule, mode="NATIVE", model="softmax", steps=STEPS, **how):
    """w and b after every step of a rule, on softmax or logistic regression."""
    if model == "softmax":
        graph, y = graphs.softmax_graph(START_W, START_B), LABELS
    else:
        graph, y = (
            graphs.logistic_graph(START_W[:, 0], START_B[0], formula="logits"),
            (LABELS > 0).astype(float),
        )
    functions = graphs.compile_functions(graph, rule(graph, **how), mode)
    found = []
    for _ in range(steps):
        functions.train(SAMPLES, y)
        state = functions.read()
        found.append((state["w"], state["b"]))
    return functions, found


def plainly(name, **how):
    return lambda graph: updates.RULES[name](graph.cost, [graph.w, graph.b], **how)


RATES = {
    "gradient-descent": 0.3,
    "momentum": 0.1,
    "nesterov": 0.1,
    "rmsprop": 0.02,
    "adam": 0.05,
    "adamw": 0.05,
}


def torchs(torch, name, parameters, rate):
    return {
        "gradient-descent": lambda: torch.optim.SGD(parameters, rate),
        "momentum": lambda: torch.optim.SGD(parameters, rate, momentum=0.9),
        "nesterov": lambda: torch.optim.SGD(parameters, rate, momentum=0.9, nesterov=True),
        "rmsprop": lambda: torch.optim.RMSprop(parameters, rate),
        "adam": lambda: torch.optim.Adam(parameters, rate),
        "adamw": lambda: torch.optim.AdamW(parameters, rate),
    }[name]()


def by_torch(name, rate, model="softmax", clip=None, schedule=None):
    torch = pytest.importorskip("torch")
    wide = model == "softmax"
    w = torch.tensor(START_W if wide else START_W[:, 0], requires_grad=True)
    b = torch.tensor(START_B if wide else START_B[0], requires_grad=True)
    x, y = torch.tensor(SAMPLES), torch.tensor(LABELS if wide else (LABELS > 0).astype(float))
    loss_of = (
        torch.nn.functional.cross_entropy if wide else torch.nn.functional.binary_cross_entropy_with_logits
    )
    optimizer = torchs(torch, name, [w, b], rate)
    scheduler = schedule and torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)
    found = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        (loss_of(x @ w + b, y) + 0.01 * (w**2).sum()).backward()
        if clip == "value":
            torch.nn.utils.clip_grad_value_([w, b], 0.05)
        optimizer.step()
        if scheduler:
            scheduler.step()
        found.append((w.detach().numpy().copy(), b.detach().numpy().copy()))
    return found


def agree(one, other, atol=1e-12):
    for step, ((w, b), (their_w, their_b)) in enumerate(zip(one, other, strict=True)):
        np.testing.assert_allclose(w, their_w, rtol=0, atol=atol, err_msg=f"step {step}")
        np.testing.assert_allclose(b, their_b, rtol=0, atol=atol, err_msg=f"step {step}")


@pytest.mark.parametrize("model", ["softmax", "logistic"])
@pytest.mark.parametrize("name", updates.RULES)
def test_every_rule_is_pytorchs_step_by_step(name, model):
    functions, found = ours(plainly(name, learning_rate=RATES[name]), model=model)
    agree(found, by_torch(name, RATES[name], model))
    assert functions.linker == "NativeLinker"


@pytest.mark.parametrize("name", ["gradient-descent", "momentum", "nesterov", "adam", "adamw"])
def test_a_decayed_rate_is_pytorchs_too(name):
    rate = RATES[name]
    _, found = ours(plainly(name, learning_rate=updates.step_decay(rate, 0.5, 7)))
    agree(found, by_torch(name, rate, schedule=lambda t: 0.5 ** (t // 7)))


def test_clipped_values_are_pytorchs():
    _, found = ours(
        lambda g: graphs.momentum(
            graphs.clip_by_value(graphs.gradients(g.cost, [g.w, g.b]), 0.05), [g.w, g.b]
        )
    )
    agree(found, by_torch("momentum", 0.1, clip="value"))


def optaxs(optax, name, rate):
    return {
        "gradient-descent": lambda: optax.sgd(rate),
        "momentum": lambda: optax.sgd(rate, momentum=0.9),
        "nesterov": lambda: optax.sgd(rate, momentum=0.9, nesterov=True),
        "rmsprop": lambda: optax.rmsprop(rate, decay=0.99, eps_in_sqrt=False),
        "adam": lambda: optax.adam(rate),
        "adamw": lambda: optax.adamw(rate, weight_decay=0.01),
    }[name]()


BY_OPTAX = """
import json, sys
import jax, numpy as np, optax
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
from tests.test_updates import LABELS, RATES, SAMPLES, START_B, START_W, STEPS, optaxs

def cost(parameters):
    w, b = parameters
    z = SAMPLES @ w + b
    return -jax.nn.log_softmax(z)[np.arange(40), LABELS].mean() + 0.01 * (w**2).sum()

gradient = jax.jit(jax.grad(cost))
found = {}
for name, rate in RATES.items():
    for clipped in (False, True):
        # Its own staircase is computed in float32.
        decay = (lambda t: rate / (1 + 0.1 * t)) if clipped else (lambda t: rate * 0.5 ** jnp.floor(t / 7.0))
        chain = optaxs(optax, name, decay)
        if clipped:
            chain = optax.chain(optax.clip_by_global_norm(0.1), chain)
        parameters = (jnp.array(START_W), jnp.array(START_B))
        state = chain.init(parameters)
        steps = found[f"{name} {clipped}"] = []
        for _ in range(STEPS):
            change, state = chain.update(gradient(parameters), state, parameters)
            parameters = optax.apply_updates(parameters, change)
            steps.append([np.asarray(p).tolist() for p in parameters])
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def by_optax():
    """What optax makes of every rule, in a process of its own, for float64 is a setting of all of JAX."""
    pytest.importorskip("optax")
    done = subprocess.run(
        [sys.executable, "-c", BY_OPTAX], capture_output=True, text=True, timeout=300, check=True, cwd=ROOT
    )
    return {
        name: [tuple(map(np.array, step)) for step in steps]
        for name, steps in json.loads(done.stdout).items()
    }


@pytest.mark.parametrize("name", updates.RULES)
def test_every_rule_is_optaxs_with_gradients_clipped_and_a_decayed_rate(by_optax, name):
    rate = RATES[name]

    def rule(graph):
        clipped = graphs.clip_by_norm(graphs.gradients(graph.cost, [graph.w, graph.b]), 0.1)
        return updates.RULES[name](clipped, [graph.w, graph.b], updates.inverse_time_decay(rate, 0.1))

    functions, found = ours(rule)
    agree(found, by_optax[f"{name} True"])
    assert functions.read()["t"] == STEPS
    assert functions.linker == "NativeLinker"


@pytest.mark.parametrize("name", updates.RULES)
def test_optax_agrees_on_a_staircase_too(by_optax, name):
    _, found = ours(plainly(name, learning_rate=updates.step_decay(RATES[name], 0.5, 7)))
    agree(found, by_optax[f"{name} False"])


# A C compiler for every rule would take its time.
@pytest.mark.parametrize(
    ("name", "mode"),
    [
        *((name, "FAST_COMPILE") for name in updates.RULES),
        *(pytest.param(name, "CVM", marks=pytest.mark.long) for name in ("adamw", "nesterov")),
    ],
)
def test_other_modes_take_the_same_steps(name, mode):
    _, native = ours(plainly(name, learning_rate=RATES[name]), steps=10)
    _, other = ours(plainly(name, learning_rate=RATES[name]), mode, steps=10)
    agree(native, other, 1e-13)


@pytest.mark.parametrize("name", updates.RULES)
def test_single_precision_stays_what_it_is(name):
    w = pytensor.shared(np.ones((2, 3), "float32"), name="w")
    pairs = updates.RULES[name]((w**2).sum(), [w], updates.step_decay(0.1, 0.5, 2))
    assert {new.dtype for variable, new in pairs if variable.name != "t"} == {"float32"}
    step = pytensor.function([], [], updates=pairs, mode="FAST_COMPILE")
    step()
    assert w.get_value().dtype == "float32"
    assert (w.get_value() < 1).all()


def test_what_a_rule_remembers_is_its_own_and_begins_at_zero():
    w, b = (pytensor.shared(np.ones(2), name=name) for name in "wb")
    pairs = updates.adam((w**2).sum() + (b**2).sum(), [w, b])
    assert [variable.name for variable, _ in pairs] == ["t", "mw", "sw", "w", "mb", "sb", "b"]
    assert not any(variable.get_value().any() for variable, _ in pairs if variable not in (w, b))


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        (updates.step_decay(0.8, 0.5, 3), [0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2]),
        (updates.exponential_decay(0.8, 0.5), [0.8 * 0.5**t for t in range(7)]),
        (updates.inverse_time_decay(0.8, 0.5), [0.8 / (1 + 0.5 * t) for t in range(7)]),
        # pass 0: i = 0, 1, 2; pass 1: i = 0, 1, 2; pass 2: i = 0
        (
            updates.ascent_decay(3),
            [4 / (1.0 + p + i) + 0.01 for p, i in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0)]],
        ),
    ],
)
@pytest.mark.parametrize("float_x", ["float64", "float32"])
def test_schedules_of_the_steps_taken(schedule, rates, float_x):
    with pytensor.config.change_flags(floatX=float_x):
        t = pt.lscalar("t")
        found = pytensor.function([t], schedule(t), mode="FAST_COMPILE")
    np.testing.assert_allclose([found(step) for step in range(7)], rates, rtol=1e-15)


def test_a_gradient_that_vanishes_is_clipped_to_itself():
    g = pt.dvector("g")
    short, long = updates.clip_by_norm([g, g], 1.0)
    clip = pytensor.function([g], [short, long], mode="NATIVE")
    assert [part.tolist() for part in clip(np.zeros(2))] == [[0.0, 0.0]] * 2
    np.testing.assert_allclose(
        np.ravel(clip(np.array([3.0, 4.0]))), np.array([3, 4, 3, 4]) / np.sqrt(50), rtol=1e-15
    )
    np.testing.assert_array_equal(np.ravel(clip(np.array([0.3, 0.4]))), [0.3, 0.4] * 2)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (lambda c, p: updates.adam(c, p, 0.1, (0.9, 1.0)), "decays: found 1.0"),
        (lambda c, p: updates.adam(c, p, 0.1, 0.9), "decays: found 0.9; allowed: a pair"),
        (lambda c, p: updates.adam(c, p, 0.1, epsilon=0.0), "epsilon: found 0.0"),
        (lambda c, p: updates.adamw(c, p, 0.1, weight_decay=-1), "weight_decay: found -1"),
        (lambda c, p: updates.rmsprop(c, p, decay=1), "decay: found 1"),
        (lambda c, p: updates.rmsprop(c, p, epsilon=float("nan")), "epsilon: found nan"),
        (lambda c, p: updates.nesterov(c, p, decay=-0.1), "decay: found -0.1"),
        (lambda c, p: updates.nesterov(c, p, 0), "learning_rate: found 0"),
        (
            lambda c, p: updates.gradient_descent(c, p, lambda t: 0.1),
            "learning_rate: found one that gives 0.1",
        ),
        (
            lambda c, p: updates.gradient_descent(c, p, lambda t: pt.ones(2) * t),
            "learning_rate: found one that gives",
        ),
        (lambda c, p: updates.gradient_descent([c], [*p, *p]), "cost: found 1 gradients for 2 parameters"),
        (
            lambda c, p: updates.gradient_descent([pt.dmatrix("m")], p),
            "cost: found m of Matrix.*for p of Scalar",
        ),
        (lambda c, p: updates.gradient_descent([pt.fscalar("f")], p), "cost: found f of Scalar.float32"),
        (lambda c, p: updates.gradient_descent(["g"], p), "gradients: found"),
        (lambda c, p: updates.clip_by_norm([c], 0), "limit: found 0"),
        (lambda c, p: updates.clip_by_value(c, 1), "gradients: found"),
        (lambda c, p: updates.clip_by_value([], 1), "gradients: found"),
        (lambda c, p: updates.step_decay(0, 1, 1), "rate: found 0"),
        (lambda c, p: updates.step_decay(1, 0, 1), "factor: found 0"),
        (lambda c, p: updates.step_decay(1, 1, 0), "every: found 0"),
        (lambda c, p: updates.inverse_time_decay(1, -1), "decay: found -1"),
        (lambda c, p: updates.ascent_decay(0), "samples: found 0"),
    ],
)
def test_what_is_no_rule_is_refused_by_name(rule, said):
    p = pytensor.shared(1.0, name="p")
    with pytest.raises(InputError, match=said):
        rule(p**2, [p])


MODELS = {
    "likelihood": (
        lambda: likelihood_graph(np.zeros(5)),
        lambda g: [g.w, g.b],
        SAMPLES,
        (LABELS > 0).astype(float),
    ),
    "linear": (lambda: linear_graph(np.zeros(5)), lambda g: g.parameters, SAMPLES, SAMPLES @ np.arange(5.0)),
    "growth": (
        lambda: growth_graph(3.0, 0.5, 1.0),
        lambda g: g.parameters,
        np.arange(6.0),
        np.arange(1.0, 7.0),
    ),
    "curve": (
        lambda: curve_graph([0.5, 1, 2, 3]),
        lambda g: g.parameters,
        np.arange(1.0, 7),
        np.arange(1.0, 7.0),
    ),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", updates.RULES)
def test_any_rule_lowers_the_cost_of_any_model(name, model):
    make, parameters_of, x, y = MODELS[model]
    graph = make()
    parameters = list(parameters_of(graph))
    rate = 1e-4 if model == "likelihood" and name not in ("rmsprop", "adam", "adamw") else 1e-3
    pairs = updates.RULES[name](graph.cost, parameters, rate)
    train = pytensor.function([graph.x, graph.y], graph.cost, updates=pairs, mode="NATIVE")
    costs = [float(train(x, y)) for _ in range(30)]
    assert source_of(train) is not None
    assert np.isfinite(costs).all()
    assert costs[-1] < costs[0]
    assert all(shared.get_value().dtype == new.dtype for shared, new in pairs)
