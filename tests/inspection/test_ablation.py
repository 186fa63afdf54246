"""Which rewrites carry weight: the rescue, confirmed by leaving rules out."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import numpy as np
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import optdb
from pytensor.configdefaults import config
from pytensor.graph.rewriting.basic import in2out, node_rewriter
from pytensor.tensor.elemwise import Elemwise

from graphs.inspection import Inspection, Recording, inspect
from graphs.inspection.compiling.rules import _names_by_identity
from graphs.inspection.file import from_json, to_json
from graphs.inspection.show.report import overview
from graphs.listener import Listener
from graphs.terminal import as_text
from tests.inspection.conftest import PYTHON, Train

RESCUERS = {
    "local_add_canonizer": {"w", "b"},
    "local_greedy_distributor": {"w", "b"},
    "local_log1p": {"xent"},
    "local_exp_over_1_plus_exp": {"xent"},
    "log1p_neg_sigmoid": {"xent"},
}
HARMLESS = ("local_useless_fill", "inplace_elemwise")


class Told(Listener):
    """Keeps what it is told begins."""

    def __init__(self) -> None:
        self.begun: list[str] = []

    def begins(self, what: str) -> None:
        self.begun.append(what)


@pytest.fixture(scope="module")
def ablated() -> tuple[Train, Recording]:
    train = Train(PYTHON)
    told = Told()
    rules = [*RESCUERS, *HARMLESS]
    found = train.inspection.leave_out(*train.values, rules=rules, rounds=3, listener=told)
    begun = [
        re.fullmatch(r"compiling without (.+?) \((\d+) of (\d+)(?:, about \d+ s left)?\)", t)
        for t in told.begun
    ]
    assert sorted(found[1] for found in begun if found) == sorted(rules)
    assert [(int(found[2]), int(found[3])) for found in begun if found] == [
        (i + 1, len(rules)) for i in range(len(rules))
    ]
    return train, found.recording


def test_leaving_a_rescuer_out_breaks_what_it_rescues(ablated: tuple[Train, Recording]) -> None:
    recording = ablated[1]
    found = {recording.rules[c.rule].name: c for c in recording.counterfactuals or ()}
    for name, outputs in RESCUERS.items():
        broken = {recording.outputs[c.output].name for c in found[name].outputs if c.verdict == "broke"}
        assert broken == outputs, name
        assert found[name].carries_weight
        assert found[name].verdict == found[name].formula == "broke"
    for name in HARMLESS:
        assert not found[name].carries_weight
        assert found[name].verdict in ("identical", "rounding")


def test_those_that_carry_weight_come_first_with_nodes_and_times(ablated: tuple[Train, Recording]) -> None:
    recording = ablated[1]
    weights = [c.carries_weight for c in recording.counterfactuals or ()]
    assert weights == sorted(weights, reverse=True)
    for c in recording.counterfactuals or ():
        assert c.nodes is not None
        assert c.fired > 0
        assert c.excluded
        if c.seconds is None:  # it comes to the same graph, which need not be timed again
            assert (c.verdict, c.formula, c.nodes) == ("identical", "identical", recording.node_counts()[-1])
            continue
        assert c.seconds.q1 <= c.seconds.median <= c.seconds.q3
        assert c.ratio is not None
    assert sum(c.seconds is not None for c in recording.counterfactuals or ()) >= 4
    assert from_json(to_json(recording)) == recording


def test_the_users_shared_variables_stay(ablated: tuple[Train, Recording]) -> None:
    train = ablated[0]
    from graphs import load

    np.testing.assert_array_equal(train.graph.w.get_value(), load(seed=0).initial_w)
    held = train.inspection.function.input_storage[2].storage[0]
    np.testing.assert_array_equal(held, load(seed=0).initial_w)


@pytest.mark.long
def test_every_rescue_is_confirmed_as_it_is_compiled(asked: Inspection, evaluated: Recording) -> None:
    """Under Numba and C alike: without the rescuer, and what hides it, the same entries are not finite."""
    rules = sorted({evaluated.rule_of(rescue.step).name for rescue in evaluated.rescues()})
    assert rules == ["local_add_canonizer", "log1p_neg_sigmoid"]
    assert all(rescue.proof is None for rescue in evaluated.rescues())
    recording = asked.leave_out(rules=[*rules, "local_greedy_distributor"]).recording
    proofs = recording.counterfactuals or ()
    others = tuple(c for c in proofs if recording.rules[c.rule].name not in rules)
    assert any(change.broke for c in others for change in c.outputs)  # w too, yet it repaired nothing itself
    assert all(r.proof is None for r in msgspec.structs.replace(recording, counterfactuals=others).rescues())
    found = {recording.outputs[rescue.output].name: rescue for rescue in recording.rescues()}
    assert {name: rescue.broken for name, rescue in found.items()} == {"xent": 31, "w": 784, "b": 1}
    for rescue in found.values():
        assert rescue.proof is not None
        if rescue.proof.also:  # fast mathematics cancels what the rule cancels: shown, and switched off
            assert recording.linker == "NumbaLinker"
            assert rescue.proof.also == "numba__fastmath"
            alone = next(c for c in recording.counterfactuals or () if c.rule == rescue.proof.rule)
            assert (alone.verdict, alone.formula) == ("rounding", "broke")
            told = " ".join(as_text(overview(recording), 140).split())
            assert "without local_add_canonizer and with numba__fastmath off, 784 of w and 1 of b not" in told
            assert "as called, broke if run Op by Op" in told
    assert config.numba__fastmath


@pytest.fixture
def two_alike() -> Any:
    """Two rules in PyTensor's database that make the same of log(cosh(x)); the first to come does it."""
    made = {name: logcosh_rule(name) for name in ("ours_first", "ours_second")}
    for position, (name, rule) in enumerate(made.items()):
        if name not in optdb:
            optdb.register(name, rule, position=1.01 + position / 100)
        optdb.add_tags(name, "fast_run")
    _names_by_identity.cache_clear()
    yield
    for name in made:  # their own names stay known to the database, but no mode asks for those
        optdb.remove_tags(name, "fast_run")
    _names_by_identity.cache_clear()


def logcosh_rule(name: str) -> Any:
    @node_rewriter([Elemwise])
    def rule(fgraph: Any, node: Any) -> Any:
        inner = node.inputs[0].owner
        if str(node.op) == "Log" and inner is not None and str(inner.op) == "Cosh":
            return [abs(inner.inputs[0]) - np.log(2.0)]
        return None

    rule.__name__ = name
    return in2out(rule, name=name)


def test_a_rule_that_stands_in_for_another_is_switched_off_with_it(two_alike: Any) -> None:
    x = pt.dvector("x")
    inspection = inspect([x], [pt.log(pt.cosh(x))], mode=PYTHON)
    recording = inspection.leave_out(np.array([1.0, 1000.0]), rules=["ours_first"]).recording
    alone, pair = recording.counterfactuals or ()
    assert (alone.also, pair.also) == ("", "ours_second")
    assert not any(change.broke for change in alone.outputs)
    assert [change.broke for change in pair.outputs] == [1]
    assert pair.carries_weight
    assert set(pair.excluded) == {"ours_first", "ours_second"}


def our_rule(name: str) -> Any:
    @node_rewriter([Elemwise])
    def rule(fgraph: Any, node: Any) -> Any:
        return [pt.tanh(node.inputs[0] * 1.0000001)] if str(node.op) == "Arctan" else None

    return in2out(rule, name=name)


def test_a_rule_without_a_name_in_the_database_is_said_to_stay() -> None:
    x = pt.dvector("x")
    mode = PYTHON.register((our_rule("ours"), 1.05))
    recording = inspect([x], [pt.arctan(x)], mode=mode).leave_out(np.ones(2)).recording
    (found,) = (c for c in recording.counterfactuals or () if recording.rules[c.rule].name == "rule")
    assert "cannot be left out" in found.problem
    assert found.nodes is None
    assert found.verdict == "unknown"


def test_a_rule_whose_absence_breaks_compiling_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """An Op that only exists until a rewrite replaces it cannot run by itself."""
    from pytensor.graph.basic import Apply
    from pytensor.graph.op import Op

    class Placeholder(Op):  # type: ignore[misc]
        __props__ = ()

        def make_node(self, x: Any) -> Any:
            return Apply(self, [x], [x.type()])

        def make_thunk(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError("only a placeholder")

        perform = make_thunk

    @node_rewriter([Placeholder])
    def replace_placeholder(fgraph: Any, node: Any) -> Any:
        return [pt.exp(node.inputs[0])]

    name = "replace_placeholder_for_a_test"
    if name not in optdb:
        optdb.register(name, in2out(replace_placeholder), "fast_run", position=0.01)
    _names_by_identity.cache_clear()
    x = pt.dvector("x")
    recording = inspect([x], [Placeholder()(x)], mode=PYTHON).leave_out(np.ones(2)).recording
    found = next(c for c in recording.counterfactuals or () if c.carries_weight)
    assert found.excluded == (name,)
    assert "does not compile without it" in found.problem


@pytest.fixture
def one_that_fails() -> Any:
    """A rewrite in PyTensor's database that cannot bear a log(exp(x)), which another takes away before it."""

    @node_rewriter([Elemwise])
    def ours_fails(fgraph: Any, node: Any) -> Any:
        inner = node.inputs[0].owner
        if str(node.op) == "Log" and inner is not None and str(inner.op) == "Exp":
            raise RuntimeError("not without it")

    if "ours_fails" not in optdb:
        optdb.register("ours_fails", in2out(ours_fails, name="ours_fails"), position=2.9)
    optdb.add_tags("ours_fails", "fast_run")
    _names_by_identity.cache_clear()
    yield
    optdb.remove_tags("ours_fails", "fast_run")
    _names_by_identity.cache_clear()


def test_what_pytensor_says_of_a_rewrite_that_fails_is_part_of_the_finding(
    one_that_fails: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    x = pt.dvector("x")
    with config.change_flags(on_opt_error="warn"):
        inspection = inspect([x], pt.log(pt.exp(x)) * 2, mode=PYTHON)
        recording = inspection.recording
        (rule,) = [r.name for r in recording.rules if "exp" in r.name and "log" in r.name]
        (found,) = inspection.leave_out(np.ones(2), rules=[rule]).recording.counterfactuals or ()
    assert "another rewrite fails without it: Rewrite failure due to: ours_fails" in found.problem
    said = capfd.readouterr()
    assert "Traceback" not in said.err + said.out


def test_the_final_graph_without_a_rule_is_kept_where_it_is_another(examined):
    there = [found.graph is not None for found in examined.counterfactuals]
    assert any(there)
    final = {examined.ops[node.op].name for node in examined.snapshot(-1).nodes}
    for found in examined.counterfactuals:
        if found.graph is None:
            assert found.verdict == "identical" or found.problem
            continue
        assert len(found.graph.nodes) == found.nodes
        known = {"x", "y", "w", "b"}
        for node in found.graph.nodes:
            read = {name for name in node.inputs if not re.match(r"[\[\d.-]|True|False", name)}
            assert read <= known
            known |= {*node.output.split(", ")}
        assert set(found.graph.outputs) <= known
        assert len(found.graph.outputs) == len(examined.outputs)
        assert final & {node.op for node in found.graph.nodes}


def test_inputs_that_their_names_do_not_tell_apart_are_numbered():
    one, other, result = pt.vector("v"), pt.vector("v"), pt.vector("t0")
    asked = inspect([one, other, result], [pt.exp(one) * other + result * 1], mode=PYTHON)
    asked = asked.leave_out(np.ones(2), np.ones(2), np.ones(2))
    graphs = [found.graph for found in asked.recording.counterfactuals if found.graph is not None]
    assert graphs
    for graph in graphs:
        made = {name for node in graph.nodes for name in node.output.split(", ")}
        read = {name for node in graph.nodes for name in node.inputs}
        assert {"input0", "input1", "input2"} <= read
        assert not made & {"input0", "input1", "input2"}
        assert "v" not in read
