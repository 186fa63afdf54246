"""A recording is the compilation: from the user's graph to the function's own, leaving no trace."""

from __future__ import annotations

import gc
import linecache
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode, get_mode
from pytensor.graph.features import Feature
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import GraphRewriter
from pytensor.graph.utils import InconsistencyError

from graphs import InputError
from graphs.inspection import Recording, inspect
from graphs.inspection.compiling.watch import Watcher
from graphs.inspection.compiling.written import same_graph
from tests.inspection.conftest import PYTHON, Train
from tests.inspection.dump import dump_expression, dump_function


def check_replay(inspection: Any, function: Any) -> None:
    """The last snapshot, replayed from plain data, is the function's own graph, node by node."""
    recording, fgraph = inspection.recording, function.maker.fgraph
    assert recording.matches in (True, None)
    last = recording.snapshot(-1)
    twins = dict(zip(recording.inputs, fgraph.inputs, strict=True))
    placed = {number: node for node in last.nodes for number in node.outputs}
    seen: dict[int, Any] = {}
    pairs = list(zip(last.outputs, fgraph.outputs, strict=True))
    while pairs:
        number, live = pairs.pop()
        if number in twins:
            assert twins[number] is live
            continue
        twins[number] = live
        described = recording.variables[number]
        assert str(live.type) == described.type
        if live.owner is None:
            assert described.kind == "constant"
            continue
        node = placed[number]
        assert seen.setdefault(node.node, live.owner) is live.owner
        op = recording.ops[node.op]
        assert op.kind.endswith(type(live.owner.op).__qualname__)
        assert " ".join(str(live.owner.op).split())[:150] == op.name[:150]
        destroyed = live.owner.op.destroy_map or {}
        assert {k: list(v) for k, v in op.destroys} == {k: list(v) for k, v in destroyed.items()}
        viewed = live.owner.op.view_map or {}
        assert {k: list(v) for k, v in op.views} == {k: list(v) for k, v in viewed.items()}
        pairs += zip(node.inputs, live.owner.inputs, strict=True)
    assert len(seen) == len(last.nodes) == len(fgraph.apply_nodes)


def check_origins(recording: Recording) -> None:
    """No node without an origin, and every origin leads back to nodes of the first snapshot."""
    first = set(recording.first_nodes)
    born: dict[int, int] = {}
    for k, step in enumerate(recording.steps, start=1):
        for number in step.come:
            born.setdefault(number, k)  # a node may leave and come back
    for number, node in enumerate(recording.nodes):
        if number in first:
            assert node.origin.kind in ("forward", "gradient", "update")
            assert recording.roots(number) == (number,)
        else:
            assert node.origin.kind == "rewrite"
            assert node.origin.step == born[number]
            if not node.origin.parents:  # it stands in for an input or a constant: no node made those
                replaced = recording.steps[node.origin.step - 1].replaced
                assert any(recording.variables[old].owner is None for old, _ in replaced)
            assert set(recording.roots(number)) <= first


def test_the_train_graph_goes_from_73_nodes_to_the_functions_own(train: Train) -> None:
    recording = train.recording
    counts = recording.node_counts()
    assert counts[0] == 73
    assert counts[-1] == len(train.function.maker.fgraph.apply_nodes) < 25
    assert len(counts) == len(recording.steps) + 1 > 80
    assert recording.matches is True
    assert same_graph(train.inspection.function.maker.fgraph, train.function.maker.fgraph)
    check_replay(train.inspection, train.function)
    check_origins(recording)


def test_the_snapshots_change_only_where_a_step_says_so(train: Train) -> None:
    recording = train.recording
    for k, step in enumerate(recording.steps, start=1):
        before = {p.node: p.inputs for p in recording.snapshot(k - 1).nodes}
        after = {p.node: p.inputs for p in recording.snapshot(k).nodes}
        assert before.keys() - after.keys() == set(step.gone)
        assert after.keys() - before.keys() == set(step.come)
        moved = {c.node for c in step.changes if c.node is not None and c.node in before}
        assert {n for n in before.keys() & after.keys() if before[n] != after[n]} == moved
        assert step.gone or step.come or step.changes


def test_phases_come_in_the_order_of_the_mode_and_rules_have_names_and_places(train: Train) -> None:
    recording = train.recording
    phases = list(dict.fromkeys(step.phase for step in recording.steps))
    order = [
        p for p in phases if p in ("merge1", "canonicalize", "stabilize", "specialize", "inplace_elemwise")
    ]
    assert order == ["merge1", "canonicalize", "stabilize", "specialize", "inplace_elemwise"]
    names = {rule.name for rule in recording.rules}
    assert {"MergeOptimizer", "local_add_canonizer", "local_log1p", "inplace_elemwise"} <= names
    assert any("fusion" in name.lower() for name in names)
    for rule in recording.rules:
        assert len(rule.name) < 80
        assert "<" not in rule.name
        assert rule.registered
        assert rule.source is not None
        path = Path(pytensor.__file__).parent.parent / rule.source.file
        assert linecache.getline(str(path), rule.source.line).strip() == rule.source.text != ""
    assert len({rule.name for rule in recording.rules}) == len(recording.rules)
    assert all(step.seconds >= 0 for step in recording.steps)
    assert sum(step.seconds for step in recording.steps) <= recording.seconds


def test_first_nodes_are_told_apart_and_know_the_users_lines(train: Train) -> None:
    recording = train.recording
    kinds = [recording.nodes[node].origin.kind for node in recording.first_nodes]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"forward": 33, "gradient": 35, "update": 5}
    files = set()
    for placed in recording.snapshot(-1).nodes:
        lines = recording.lines_of(placed.node)
        assert lines, recording.ops[placed.op].name
        files |= {Path(line.file).name for line in lines}
    assert files == {"logistic.py", "derivatives.py", "updates.py"}
    for line in recording.lines:
        assert linecache.getline(line.file, line.line).strip() == line.text


def test_a_step_that_reads_the_story_of_a_node(train: Train) -> None:
    """The softplus that the compiler puts in goes back to the logarithms of the user's formula."""
    recording = train.recording
    for number, node in enumerate(recording.nodes):
        if recording.ops[node.op].name == "Softplus":
            roots = {recording.ops[recording.nodes[r].op].name for r in recording.roots(number)}
            assert "Log" in roots
            break
    else:
        pytest.fail("no softplus was made")


def test_the_function_is_untouched_to_the_bit() -> None:
    train = Train(PYTHON)
    expression = [train.graph.prediction, train.graph.xent, *(e for _, e in train.updates)]
    before = [dump_function(train.function), dump_expression(expression)]
    inspection = inspect(train.function)
    inspection.function(*train.values)
    inspection.reset()
    assert [dump_function(train.function), dump_expression(expression)] == before
    inspect([train.graph.x, train.graph.y], [train.graph.xent], train.updates, mode=PYTHON)
    assert [dump_function(train.function), dump_expression(expression)] == before


def test_in_place_maps_are_recorded(train: Train) -> None:
    recording = train.recording
    assert any(recording.ops[placed.op].destroys for placed in recording.snapshot(-1).nodes)
    assert any(recording.ops[placed.op].inner for placed in recording.snapshot(-1).nodes)


def test_an_expression_is_recorded_like_its_function() -> None:
    x = pt.dvector("x")
    total = pytensor.shared(np.zeros(3), name="total")
    y = pt.log(1 + pt.exp(x))
    updates = [(total, total + y)]
    function = pytensor.function([x], [y], updates=updates, mode=PYTHON)
    ours = inspect([x], [y], updates, mode=PYTHON)
    assert same_graph(ours.function.maker.fgraph, function.maker.fgraph)
    assert ours.recording.matches is None
    assert [spec.name for spec in ours.recording.outputs] == ["output 0", "total"]
    assert ours.recording.outputs[1].updates == ours.recording.inputs[1]
    assert ours.recording.variables[ours.recording.inputs[1]].kind == "shared"
    assert not total.get_value().any()


@pytest.mark.parametrize("mode", ["FAST_COMPILE", "none"])
def test_other_modes(mode: str) -> None:
    x = pt.dvector("x")
    inspection = inspect([x], [pt.exp(x) * 1 + 0], mode=mode)
    check_replay(inspection, inspection.function)
    assert inspection.recording.linker == type(inspection.function.maker.linker).__name__


def test_a_mode_with_a_rewriter_of_the_users_is_recorded_in_it() -> None:
    x = pt.dvector("x")
    mode = get_mode("FAST_COMPILE").excluding("local_pow_canonicalize", "fusion")
    function = pytensor.function([x], [x**1 + 0 * x], mode=mode)
    inspection = inspect(function)
    check_replay(inspection, function)
    assert "-local_pow_canonicalize" in inspection.recording.query


class RefusesExp(Feature):
    """Attached after the watcher, so that PyTensor takes back what the watcher saw pass."""

    def on_validate(self, fgraph: FunctionGraph) -> None:
        if any(str(node.op) == "Exp" for node in fgraph.apply_nodes):
            raise InconsistencyError("no exponentials here")


def test_a_change_that_is_taken_back_is_no_step() -> None:
    x = pt.dvector("x")
    sine = pt.sin(x)
    fgraph = FunctionGraph([x], [sine + 1], clone=False)
    watcher = Watcher()
    fgraph.attach_feature(watcher)
    fgraph.attach_feature(RefusesExp())
    with pytest.raises(InconsistencyError):
        fgraph.replace_all_validate([(sine, pt.exp(x))], reason="refused")
    fgraph.replace_all_validate([(sine, pt.cos(x))], reason="accepted")
    watcher.close()
    (step,) = watcher.applications
    assert step.rule == "accepted"
    assert [str(node.op) for node in step.gone] == ["Sin"]
    assert [str(node.op) for node, _ in step.come] == ["Cos"]


def test_edits_by_one_rewrite_are_one_step() -> None:
    x = pt.dvector("x")
    one, other = pt.sin(x), pt.cos(x)
    fgraph = FunctionGraph([x], [one + other, one * other], clone=False)
    watcher = Watcher()
    fgraph.attach_feature(watcher)
    fgraph.replace_all_validate([(one, pt.exp(x)), (other, pt.log(x))], reason="both")
    watcher.close()
    (step,) = watcher.applications
    assert len(step.moved) == 4
    assert len(step.come) == len(step.gone) == 2


SCRIPT = """
import gc, sys
import pytensor, pytensor.tensor as pt
from pytensor.compile.mode import Mode

def build():
    x = pt.dvector("x")
    s = pytensor.shared(1.0, name="s")
    y = pt.log(1 + pt.exp(x)) * s
    return pytensor.function([x], [y], updates=[(s, s + 1)], mode=Mode("py", "fast_run")), (y, s)

function, kept = build()
if sys.argv[1] == "gone":
    del kept
    gc.collect()
from graphs import InputError
from graphs.inspection import inspect
try:
    recording = inspect(function).recording
    names = [recording.ops[p.op].name for p in recording.snapshot(0).nodes]
    print(recording.matches, *sorted(names))
except InputError as refusal:
    print(refusal)
"""


@pytest.mark.parametrize(
    ("fate", "expected"),
    [
        ("kept", "True Add Add Exp ExpandDims"),
        ("gone", "from graphs.inspection import inspect` before compiling"),
    ],
)
def test_a_function_compiled_before_the_import(fate: str, expected: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, fate],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert expected in done.stdout, done.stderr


def test_wrong_arguments_are_refused_by_name() -> None:
    x = pt.dvector("x")
    function = pytensor.function([x], x + 1, mode=PYTHON)
    for call, argument in (
        (lambda: inspect(3), "what"),
        (lambda: inspect(x, x + 1), "what"),
        (lambda: inspect(function, mode="NUMBA"), "mode"),
        (lambda: inspect(function, [x]), "outputs"),
        (lambda: inspect([x], x + 1, mode="NUMBER"), "mode"),
        (lambda: inspect([x], "x + 1"), "expression"),
    ):
        with pytest.raises(InputError) as refusal:
            call()
        assert refusal.value.argument == argument


def test_debug_mode_is_refused_by_name() -> None:
    x = pt.dvector("x")
    with pytest.raises(InputError) as refusal:
        inspect([x], pt.log(1 + pt.exp(x)), mode=get_mode("DebugMode"))
    assert refusal.value.argument == "mode"
    assert "DebugMode" in refusal.value.found


def test_an_unpickled_function_without_its_expression_is_refused() -> None:
    x = pt.dvector("x")
    function = pickle.loads(pickle.dumps(pytensor.function([x], pt.log(1 + pt.exp(x)), mode=PYTHON)))
    gc.collect()
    with pytest.raises(InputError, match="unpickled"):
        inspect(function)


def test_without_rewrites_only_the_protecting_copies_are_recorded() -> None:
    x = pt.dvector("x")
    mode = Mode(linker="py", optimizer=None)
    recording = inspect([x], [x, x], mode=mode).recording
    assert [recording.ops[p.op].name for p in recording.snapshot(-1).nodes] == ["DeepCopyOp"] * 2
    assert recording.node_counts() == (0, 2)


class ThereAndBack(GraphRewriter):
    """Moves an input of a node, takes the node out, and puts it back as it now is."""

    def apply(self, fgraph: FunctionGraph) -> None:
        (exp,) = (node for node in fgraph.apply_nodes if str(node.op) == "Exp")
        x = fgraph.inputs[0]
        result = exp.outputs[0]
        instead = pt.tanh(x)
        fgraph.replace_all_validate([(exp.inputs[0], pt.cos(x))], reason="move")
        fgraph.replace_all_validate([(result, instead)], reason="out")
        fgraph.replace_all_validate([(instead, result)], reason="back")


def test_a_node_that_leaves_and_comes_back_changed_is_followed() -> None:
    x = pt.dvector("x")
    mode = Mode(linker="py", optimizer=None).register((ThereAndBack(), 1))
    inspection = inspect([x], [pt.exp(pt.sin(x))], mode=mode)
    recording = inspection.recording
    check_replay(inspection, inspection.function)
    check_origins(recording)
    assert [recording.rules[step.rule].name for step in recording.steps] == ["move", "out", "back"]
    names = [[recording.ops[p.op].name for p in s.nodes] for s in recording.snapshots]
    assert names == [["Sin", "Exp"], ["Cos", "Exp"], ["Tanh"], ["Cos", "Exp"]]


def graph_of(build: Any) -> FunctionGraph:
    x, y = pt.dvectors("xy")
    return FunctionGraph([x, y], [build(x, y)], clone=False)


def test_same_graph_tells_graphs_apart() -> None:
    def base(x: Any, y: Any) -> Any:
        return pt.exp(x) - y * 2.0

    add = pt.add(pt.dvector(), pt.dvector()).owner.op
    in_place = type(add)(add.scalar_op, inplace_pattern={0: 0})
    assert same_graph(graph_of(base), graph_of(base))
    for other in (
        lambda x, y: pt.log(x) - y * 2.0,
        lambda x, y: pt.exp(y) - x * 2.0,
        lambda x, y: pt.exp(x) - y * 3.0,
        lambda x, y: pt.exp(x) - y * 2,
        lambda x, y: (pt.exp(x) - y * 2.0)[::-1],
        lambda x, y: x,
    ):
        assert not same_graph(graph_of(base), graph_of(other))
        assert not same_graph(graph_of(other), graph_of(base))
    assert not same_graph(graph_of(pt.add), graph_of(in_place))
    shared_twice = graph_of(lambda x, y: pt.add(*[pt.exp(x)] * 2))
    made_twice = graph_of(lambda x, y: pt.add(pt.exp(x), pt.exp(x)))
    assert not same_graph(shared_twice, made_twice)
    assert not same_graph(made_twice, shared_twice)
