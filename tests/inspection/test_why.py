"""Why a rewrite did not fire: every kind of answer, on real graphs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode, optdb
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import NodeRewriter
from pytensor.graph.rewriting.db import RewriteDatabase

from graphs.errors import InputError
from graphs.inspection import Inspection, inspect
from graphs.inspection.file import from_json, to_json
from graphs.inspection.findings import (
    FIRED,
    LEFT_OUT,
    NEVER_TRIED,
    NOT_TAKEN,
    REFUSED,
    UNMOVED,
    Why,
)
from tests.inspection.conftest import PYTHON, Train

FAST_COMPILE = Mode(linker="py", optimizer="fast_compile")
x, y = pt.dvectors("xy")
m = pt.dmatrix("m")
s = pt.sigmoid(x)


def asked(inputs: Sequence[Any], outputs: Any, rule: str, mode: Any = PYTHON) -> tuple[Inspection, Why]:
    found = inspect(list(inputs), outputs, mode=mode).why(rule)
    assert found.recording.whys
    assert from_json(to_json(found.recording)) == found.recording
    return found, found.recording.whys[-1]


def test_one_that_fired_names_its_steps() -> None:
    found, why = asked([x], pt.log1p(-s), "log1p_neg_sigmoid")
    assert why.answer == FIRED
    steps = [
        n for n in range(1, len(found.recording.steps) + 1) if found.recording.rule_of(n).name == why.rule
    ]
    assert list(why.steps) == steps
    assert len(steps) == 1
    assert not why.places  # the one place it was tried at is where it fired in the end


@pytest.mark.long
def test_what_fired_is_counted_as_the_recording_counts_it(train: Train) -> None:
    """Every rule of the experiment's graph, asked about by name, made just the steps that the recording says."""
    recording, tried = train.recording, 0
    for number, rule in enumerate(recording.rules):
        steps = {n for n, step in enumerate(recording.steps, start=1) if step.rule == number}
        if any(isinstance(optdb[name], RewriteDatabase) for name in rule.registered if name in optdb._names):
            with pytest.raises(InputError, match=r"for which the database has no name|which is a phase"):
                train.inspection.why(rule.name)
            continue
        why = train.inspection.why(rule.name).recording.whys[-1]
        assert why.answer == FIRED
        if rule.name == "local_gemm_to_gemv":  # of which another rule is a part
            assert steps <= set(why.steps)
            assert "It is made of" in why.told[0]
            assert {recording.steps[n - 1].phase for n in why.steps} == {"BlasOpt"}
            continue
        assert steps == set(why.steps), rule.name
        tried += 1
    assert tried >= 25


def test_a_pattern_is_told_up_to_the_part_that_differs() -> None:
    found, why = asked([x], pt.log1p(-2 * s), "log1p_neg_sigmoid")
    assert why.answer == REFUSED
    (place,) = why.places
    assert place.node is not None
    assert found.recording.ops[found.recording.nodes[place.node].op].name == "Log1p"
    assert "the pattern is Log1p(Neg(Sigmoid(x))); it wants Neg, and there stands Mul" in place.test
    assert "-2.0 * sigmoid(x)" in place.test
    assert place.file.startswith("pytensor/tensor/rewriting/")
    assert place.line > 0
    assert why.exclude == 'mode.excluding("log1p_neg_sigmoid")'


def test_another_constant_is_told_with_both_values() -> None:
    _, why = asked([x], 2 - pt.erf(x), "local_one_minus_erf")
    assert why.answer == REFUSED
    assert "it wants the constant 1, and there stands the constant 2.0" in why.places[0].test


def test_a_part_with_other_readers_is_told_with_their_number() -> None:
    """The only pattern of the kind that both lines of PyTensor have, put there for the test."""
    _, why = asked([x], [pt.tanh(pt.cosh(x)), pt.cosh(x) + 1], "graphs_test_tanh_cosh")
    assert why.answer == REFUSED
    (place,) = why.places
    assert "all of it stands here, but cosh(x) (#" in place.test
    assert "is read in 2 places" in place.test
    _, alone = asked([x], pt.tanh(pt.cosh(x)), "graphs_test_tanh_cosh")
    assert alone.answer == FIRED


@pytest.fixture(autouse=True, scope="module")
def _rewrites_of_our_own() -> Any:
    """Rewrites for what none of PyTensor's does alike on both lines; gone from its database afterwards."""
    from pytensor.graph.rewriting.basic import PatternNodeRewriter, node_rewriter

    pattern = PatternNodeRewriter((pt.tanh, (pt.cosh, "x")), (pt.sinh, "x"))

    @node_rewriter([pt.arcsinh])
    def never_new(fgraph: Any, node: Any) -> Any:
        return node.inputs[0].owner is not None and [node.outputs[0]]

    @node_rewriter([pt.arctan])
    def one_reader(fgraph: Any, node: Any) -> Any:
        inner = node.inputs[0]
        if inner.owner is None:
            return None
        if len(fgraph.clients[inner]) > 1:
            return None
        if inner.type.dtype != "float32":
            return False
        return [pt.exp(inner)]

    @node_rewriter([pt.arccos])
    def last_of_two(fgraph: Any, node: Any) -> Any:
        for one in node.inputs[0].owner.inputs:
            if one.owner is not None and one.owner.op == pt.exp and one.type.ndim == 7:
                return [one]
        return None

    @node_rewriter([pt.arccosh])
    def rounds(fgraph: Any, node: Any) -> Any:
        for one in node.inputs[0].owner.inputs:
            if one.owner is None:
                continue
            if one.owner.op == pt.exp:
                return [one]
        return None

    @node_rewriter([pt.arctanh])
    def forgets(fgraph: Any, node: Any) -> Any:
        found = [node]
        if found:
            found.clear()
            return None
        return [node.inputs[0]]

    specialize = optdb["specialize"]
    known = {
        "graphs_test_tanh_cosh": pattern,
        "graphs_test_never_new": never_new,
        "graphs_test_one_reader": one_reader,
        "graphs_test_last_of_two": last_of_two,
        "graphs_test_rounds": rounds,
        "graphs_test_forgets": forgets,
    }
    for name, rewriter in known.items():
        specialize.register(name, rewriter, "fast_run")
    from graphs.inspection.compiling import rules

    rules._names_by_identity.cache_clear()
    rules.names_in_database.cache_clear()
    yield
    for name, rewriter in known.items():
        for held in specialize.__db__.values():
            held.discard(rewriter)
        del specialize.__db__[name]
        specialize._names.discard(name)
    rules._names_by_identity.cache_clear()
    rules.names_in_database.cache_clear()


def test_what_is_offered_and_not_taken_is_no_refusal() -> None:
    _, why = asked([x], [pt.arcsinh(x), pt.arcsinh(pt.exp(x))], "graphs_test_never_new")
    assert why.answer == NOT_TAKEN
    assert not why.steps
    (place,) = why.places
    assert place.formula == "arcsinh(exp(x))"  # not the other, which it refused
    assert "offered a replacement" in place.test


def test_the_last_test_of_a_function_is_quoted_with_what_stood_there() -> None:
    inside = pt.exp(x)
    _, why = asked([x], [pt.arctan(inside), inside + 1], "graphs_test_one_reader")
    (place,) = why.places
    assert place.source == "if len(fgraph.clients[inner]) > 1:"
    assert place.test.startswith("exp(x) (#")
    assert "is read in 2 places (compared with 1)" in place.test
    assert place.file.endswith("test_why.py")
    _, why = asked([x], pt.arctan(inside), "graphs_test_one_reader")
    assert why.places[0].source == "if inner.type.dtype != 'float32':"
    assert "`inner.type.dtype` is 'float64'" in why.places[0].test
    _, why = asked([x], pt.arctan(x), "graphs_test_one_reader")
    assert why.places[0].test == "x is an input, and no node computes it"


def test_of_a_test_in_a_loop_the_time_it_came_furthest_is_told() -> None:
    _, why = asked([x, y], pt.arccos(pt.arctan2(pt.exp(x), y)), "graphs_test_last_of_two")
    assert "`one.type.ndim` is 1" in why.places[0].test
    assert "no node computes it" not in why.places[0].test


def test_of_a_loop_the_round_that_came_furthest_is_told() -> None:
    _, why = asked([x, y], pt.arccosh(pt.arctan2(pt.log(x), y)), "graphs_test_rounds")
    assert why.places[0].test == "it wants Exp, and there stands Log"


def test_where_computing_a_test_again_gives_something_else_it_is_only_quoted() -> None:
    _, why = asked([x], pt.arctanh(x), "graphs_test_forgets")
    (place,) = why.places
    assert (place.test, place.source) == ("", "if found:")


def test_alternatives_are_told_together() -> None:
    _, why = asked([x], pt.log(2 * x), "local_log1p")
    assert why.answer == REFUSED
    assert "it wants Add, and there stands Mul; it wants Sub, and there stands Mul" in why.places[0].test
    _, why = asked([x], pt.log(2 + x), "local_log1p")
    assert "`np.sum(scalars)` is 2.0" in why.places[0].test


def test_a_dtype_is_told() -> None:
    a = pt.imatrix("a")
    _, why = asked([a], [a @ a, a + 1], "local_dot_to_dot22")
    assert (why.answer, why.tried, why.nodes) == (REFUSED, 1, 1)  # a walker shows it every node
    assert "is 'int32'" in why.places[0].test
    assert "'float64'" in why.places[0].source


def test_an_exception_that_says_no_is_told() -> None:
    _, why = asked([x, y], pt.log(y - x), "local_log1p")
    assert "raised NotScalarConstantError" in why.places[0].test
    assert "`one` is y (an input, not computed)" in why.places[0].test


def test_one_whose_ops_never_stood_there_says_which() -> None:
    p = pt.dvector("p")
    _, why = asked([p], pt.log1p(-p), "log1p_neg_sigmoid")
    assert why.answer == NEVER_TRIED
    assert not why.tried
    assert "It looks at nodes of Sigmoid, and none ever stood in this graph." in why.told
    _, like = asked([p], pt.log1p(-p), "local_log1p")
    assert any("like name" in sentence and "Log1p" in sentence for sentence in like.told)


def test_one_whose_ops_were_gone_when_its_turn_came_says_when_they_stood_there() -> None:
    found, why = asked([x], pt.log(x) / 1.0, "local_exp_over_1_plus_exp")
    assert why.answer == NEVER_TRIED
    (told,) = why.told
    assert "It looks at nodes of True_div. Such nodes stood in snapshot" in told
    assert "but none was asked about: stabilize ran on snapshot" in told
    assert found.recording.ops[found.recording.nodes[found.recording.first_nodes[-1]].op].name == "True_div"


def test_a_mode_that_leaves_it_out_is_told_with_tags_and_with_what_brings_it_in() -> None:
    _, why = asked([x], pt.log1p(-s), "log1p_neg_sigmoid", FAST_COMPILE)
    assert why.answer == LEFT_OUT
    assert any("of its tags, fast_run, stabilize, the mode includes none" in told for told in why.told)
    assert why.include.startswith('mode.including("log1p_neg_sigmoid"')
    assert "CVM" in why.modes
    assert "FAST_COMPILE" not in why.modes
    wider = eval(why.include, {"mode": FAST_COMPILE})
    again, there = asked([x], pt.log1p(-s), "log1p_neg_sigmoid", wider)
    assert there.answer == FIRED
    assert any(again.recording.rule_of(n).name == "log1p_neg_sigmoid" for n in there.steps)
    assert any(f"{why.include} brings it in" in told and "fires here, once" in told for told in why.told)


def test_what_a_mode_excludes_by_name_is_told() -> None:
    _, why = asked([x], pt.log1p(-s), "log1p_neg_sigmoid", PYTHON.excluding("log1p_neg_sigmoid"))
    assert why.answer == LEFT_OUT
    assert not why.include
    assert any("it excludes log1p_neg_sigmoid" in told for told in why.told)
    assert any("what a mode excludes stays out" in told for told in why.told)


def test_the_code_that_leaves_it_out_does() -> None:
    for rule in ("local_log1p", "local_useless_slice"):  # the second is a part of another one too
        _, why = asked([x], pt.log(1 + x[1:]), rule)
        assert why.exclude, rule
        _, out = asked([x], pt.log(1 + x[1:]), rule, eval(why.exclude, {"mode": PYTHON}))
        assert out.answer == LEFT_OUT, rule


def test_one_that_looks_at_the_whole_graph_says_that_its_test_is_not_known() -> None:
    _, why = asked([x], pt.exp(x), "merge2")
    assert why.answer == UNMOVED
    assert any("not known" in told for told in why.told)
    a = pt.exp(x)
    _, fired = asked([x], [a, pt.exp(x)], "merge1")
    assert fired.answer == FIRED


def test_a_name_that_there_is_not_is_refused_with_names_like_it() -> None:
    found = inspect([x], s, mode=PYTHON)
    with pytest.raises(InputError, match=r"names like it: log1p_neg_sigmoid"):
        found.why("log1p_neg_sigmoi")
    with pytest.raises(InputError, match=r"which is a phase or group of [0-9]+ rewrites"):
        found.why("stabilize")
    with pytest.raises(InputError, match=r"which is a tag of [0-9]+ rewrites"):
        found.why("fast_run")
    for odd in ("", None, 3, "\x1b[31m"):
        with pytest.raises(InputError):
            found.why(odd)  # type: ignore[arg-type]


def test_a_part_of_another_is_asked_about_by_its_own_name() -> None:
    a, b = pt.dmatrices("ab")
    found = inspect([a, b, x], [a @ b @ x, a @ b], mode=PYTHON)
    (name,) = {rule.name for rule in found.recording.rules if rule.name.startswith("local_dot22_to_")}
    why = found.why(name).recording.whys[-1]
    assert (why.rule, why.answer) == (name, FIRED)
    assert "PyTensor's database has it only as a part of local_gemm_to_gemv." in why.told
    assert why.exclude == 'mode.excluding("local_gemm_to_gemv")'
    assert "All of local_gemm_to_gemv goes with it." in why.told
    whole = found.why("local_gemm_to_gemv").recording.whys[-1]
    assert set(why.steps) <= set(whole.steps)


def test_a_rule_that_the_database_has_several_times_is_asked_about_as_the_recording_calls_it() -> None:
    found = inspect([x], [pt.exp(x), pt.exp(x) + 1], mode=PYTHON)
    why = found.why("MergeOptimizer").recording.whys[-1]
    assert why.answer == FIRED
    assert "merge1" in why.exclude


def test_a_rewrite_that_prints_is_tried_in_silence(capsys: pytest.CaptureFixture[str]) -> None:
    _, why = asked([x], pt.log(2 * x), "Print1.21")
    assert (why.answer, why.include) == (LEFT_OUT, 'mode.including("Print1.21")')
    assert capsys.readouterr() == ("", "")


def test_a_second_question_keeps_the_first_and_replaces_the_same() -> None:
    found = inspect([x], pt.log(2 * x), mode=PYTHON).why("local_log1p").why("merge2").why("local_log1p")
    assert [why.rule for why in found.recording.whys or ()] == ["merge2", "local_log1p"]


def test_nothing_stays_observed() -> None:
    before = [vars(rewriter).keys() for rewriter in rewriters()]
    asked([x], pt.log(2 * x), "local_log1p")
    asked([x], pt.log(2 * x), "merge2")
    with pytest.raises(InputError):
        inspect([x], x, mode=PYTHON).why("nosuch")
    assert [vars(rewriter).keys() for rewriter in rewriters()] == before
    assert not any("transform" in vars(r) or "apply" in vars(r) for r in rewriters())


def rewriters() -> list[Any]:
    held = [part for name in ("stabilize", "specialize") for part in optdb[name].__db__["fast_run"]]
    return [*held, *optdb.__db__["merge"]]


def test_the_users_function_is_not_touched_and_compiles_the_same() -> None:
    shared = pytensor.shared(np.ones(3), name="shared")
    f = pytensor.function([x], pt.log1p(-pt.sigmoid(x)) * shared, updates=[(shared, shared + 1)], mode=PYTHON)
    nodes = [str(node) for node in f.maker.fgraph.toposort()]
    found = inspect(f)
    again = found.why("log1p_neg_sigmoid")
    assert msgspec.structs.replace(again.recording, whys=None) == found.recording
    assert [str(node) for node in f.maker.fgraph.toposort()] == nodes
    assert shared.get_value().tolist() == [1, 1, 1]


def test_another_thread_that_uses_the_rewrite_meanwhile_is_not_counted() -> None:
    """Not a whole compilation, for PyTensor's own settings do not stand two at once."""
    graph = FunctionGraph([x], [pt.log(3 * x)], clone=False)
    (node,) = [node for node in graph.apply_nodes if node.op == pt.log]
    rewriter = optdb["stabilize"]["local_log1p"]
    stop, tried = threading.Event(), []

    def uses() -> None:
        while not stop.is_set():
            tried.append(rewriter.transform(graph, node))

    alone = asked([x], pt.log(2 * x), "local_log1p")[1]
    thread = threading.Thread(target=uses)
    thread.start()
    try:
        beside = [asked([x], pt.log(2 * x), "local_log1p")[1] for _ in range(5)]
    finally:
        stop.set()
        thread.join()
    assert tried
    assert not any(tried)
    assert all(why == alone for why in beside)


def test_attempts_within_a_scan_are_told_apart() -> None:
    sums = pytensor.scan(
        lambda e, a: a + pt.log(2 + a * e), sequences=x, outputs_info=pt.zeros(()), return_updates=False
    )
    _, why = asked([x], sums, "local_log1p")
    assert why.answer == REFUSED
    assert why.places[0].inside
    assert why.places[0].node is None
    assert any("only on graphs within Ops" in told for told in why.told)


@pytest.mark.long
def test_every_rewrite_of_the_database_has_an_answer() -> None:
    """On a graph with a bit of everything, none of them fails, and none says that it is out where it is in."""
    from graphs.inspection.why import _entries

    found = inspect([x, y, m], [pt.log(1 - s) * y, (m @ x)[1:].sum() / 2, pt.exp(m).sum(axis=0)], mode=PYTHON)
    names = sorted({name for entry, name in _entries(optdb) if isinstance(entry.rewriter, NodeRewriter)})
    assert len(names) > 200
    for name in names[::3]:
        why = found.why(name).recording.whys[-1]
        assert why.answer
        assert bool(why.steps) == (why.answer == FIRED)
        assert why.answer != REFUSED or why.places, name
