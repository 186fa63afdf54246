"""What each step did to the numbers, on the experiment and on graphs of every other kind."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from graphs import InputError
from graphs.inspection import Recording, inspect
from graphs.inspection.file import from_json, to_json
from graphs.inspection.values.called import call
from graphs.inspection.values.difference import compare
from graphs.inspection.values.inputs import bind
from graphs.inspection.values.perform import perform
from tests.inspection.conftest import PYTHON, Train
from tests.inspection.dump import dump_expression, dump_function
from tests.inspection.odd_graphs import ODD_GRAPHS
from tests.inspection.test_recording import check_origins, check_replay


def test_the_rescue_is_attributed_to_named_rewrites(evaluated: Recording) -> None:
    evaluation = evaluated.evaluation
    assert evaluation is not None
    by_name = {spec.name: o for spec, o in zip(evaluated.outputs, evaluation.outputs, strict=True)}
    xent, w, b = by_name["xent"], by_name["w"], by_name["b"]
    assert (xent.first.inf, xent.first.nan) == (15, 16)  # as eager NumPy has it
    assert (w.first.nan, b.first.nan) == (784, 1)
    for output in by_name.values():
        assert (output.last.inf, output.last.nan) == (0, 0)
        assert output.broken_by == ()
    assert [evaluated.rule_of(k).name for k in xent.rescued_by] == ["log1p_neg_sigmoid"]
    assert [evaluated.rule_of(k).name for k in w.rescued_by] == ["local_add_canonizer"]
    assert [evaluated.rule_of(k).name for k in b.rescued_by] == ["local_add_canonizer"]
    verdicts = {verdict.verdict for verdict in evaluation.steps}
    assert verdicts == {"identical", "rounding", "repaired"}


def test_the_compiled_copy_agrees_with_its_last_snapshot(evaluated: Recording, train: Train) -> None:
    evaluation = evaluated.evaluation
    assert evaluation is not None
    assert {change.verdict for change in evaluation.compiled} <= {"identical", "rounding"}
    assert evaluation.inputs[:2] == ("given", "given")
    assert set(evaluation.inputs[2:]) == {"shared"}
    assert all(summary.problem == "" for summary in evaluation.values)


def test_the_last_values_are_the_true_ones(evaluated: Recording, train: Train) -> None:
    """Against NumPy in the stable form, written out here."""
    x, y = train.values
    inspection = train.inspection
    w, b = inspection.live.initial[2:]
    z = x @ w + b
    xent = np.logaddexp(0, -z) * y + np.logaddexp(0, z) * (1 - y)
    summary = next(
        o.last
        for spec, o in zip(evaluated.outputs, evaluated.evaluation.outputs, strict=True)  # type: ignore[union-attr]
        if spec.name == "xent"
    )
    assert (summary.min, summary.max, summary.mean) == pytest.approx((xent.min(), xent.max(), xent.mean()))


def test_evaluating_leaves_function_and_copy_as_they_were() -> None:
    train = Train(PYTHON)
    before = dump_function(train.function)
    first = train.inspection.evaluate(*train.values)
    train.function  # noqa: B018  # it must live until it is dumped again
    assert dump_function(train.function) == before
    second = train.inspection.evaluate(*train.values)
    assert first.recording.evaluation == second.recording.evaluation


def test_drawn_inputs_are_the_same_for_a_seed() -> None:
    x = pt.dmatrix("x")
    inspection = inspect([x], [pt.log(x)], mode=PYTHON)
    one = inspection.evaluate(shapes={"x": (3, 4)}, seed=7).recording.evaluation
    assert one is not None
    assert one.seed == 7
    assert one == inspection.evaluate(shapes=[(3, 4)], seed=7).recording.evaluation
    assert one != inspection.evaluate(shapes=[(3, 4)], seed=8).recording.evaluation
    with pytest.raises(InputError):
        inspection.evaluate()


def test_a_rewrite_that_breaks_is_caught() -> None:
    """A wrong rule of our own, registered for one mode only, is found out and named."""
    from pytensor.graph.rewriting.basic import in2out, node_rewriter
    from pytensor.tensor.elemwise import Elemwise

    @node_rewriter([Elemwise])
    def wrong_rule(fgraph: Any, node: Any) -> Any:
        return [pt.log(node.inputs[0] - 1000.0)] if str(node.op) == "Tanh" else None

    x = pt.dvector("x")
    mode = PYTHON.register((in2out(wrong_rule, name="wrong_rule"), 1.05))
    recording = inspect([x], [pt.tanh(x)], mode=mode).evaluate(np.ones(3)).recording
    (broken,) = (o.broken_by for o in recording.evaluation.outputs)  # type: ignore[union-attr]
    assert [recording.rule_of(step).name for step in broken] == ["wrong_rule"]


def test_what_cannot_be_computed_is_marked_and_the_rest_goes_on() -> None:
    x = pt.dvector("x")
    checked = pt.specify_shape(x, (2,))
    inspection = inspect([x], [checked * 2, x + 1], mode=PYTHON)
    recording = inspection.evaluate(np.ones(3)).recording
    evaluation = recording.evaluation
    assert evaluation is not None
    assert evaluation.outputs[0].last.problem
    assert evaluation.outputs[1].last.mean == 2.0
    assert [change.verdict for change in evaluation.compiled] == ["unknown", "unknown"]


def test_an_op_that_overwrites_its_input_gets_a_copy() -> None:
    x = pt.dvector("x")
    inspection = inspect([x], [pt.exp(x) + 1 - pt.exp(x * 2)], mode=PYTHON)
    function = inspection.function
    values = np.array([1.0, 2.0])
    for node in function.maker.fgraph.toposort():
        given = [np.full(i.type.ndim and 2, 3.0) if i.owner else values for i in node.inputs]
        kept = [np.array(value) for value in given]
        perform(node, node.inputs, given)
        for value, original in zip(given, kept, strict=True):
            np.testing.assert_array_equal(value, original)
    np.testing.assert_array_equal(values, [1.0, 2.0])


def test_a_jax_function_is_recorded_and_called() -> None:
    pytest.importorskip("jax")
    inputs, outputs, updates, values = ODD_GRAPHS["textbook_cross_entropy"]()
    recording = inspect(inputs, outputs, updates, mode="JAX").evaluate(*values).recording
    assert recording.linker == "JAXLinker"
    evaluation = recording.evaluation
    assert evaluation is not None
    assert {change.verdict for change in evaluation.compiled} <= {"identical", "rounding"}
    assert evaluation.outputs[0].first.nan + evaluation.outputs[0].first.inf > 0
    assert evaluation.outputs[0].last.nan + evaluation.outputs[0].last.inf == 0


@pytest.mark.parametrize("name", ODD_GRAPHS)
@pytest.mark.parametrize("mode", ["PYTHON", "FAST_COMPILE"])
def test_graphs_nobody_here_wrote(name: str, mode: str) -> None:
    inputs, outputs, updates, values = ODD_GRAPHS[name]()
    chosen = PYTHON if mode == "PYTHON" else mode
    if name == "thousand_nodes" and mode == "PYTHON":
        pytest.skip("an entry-by-entry Python sum of a fused graph takes long")
    function = pytensor.function(inputs, outputs, updates=updates, mode=chosen)
    roots = [*outputs, *(new for _, new in updates)]
    before = (dump_function(function), dump_expression(roots)) if name != "thousand_nodes" else None
    inspection = inspect(function)
    check_replay(inspection, function)
    check_origins(inspection.recording)
    recording = inspection.evaluate(*values).recording
    assert before is None or before == (dump_function(function), dump_expression(roots))
    evaluation = recording.evaluation
    assert evaluation is not None
    runs = name != "thousand_nodes"  # PyTensor's own Python takes 32 operands only
    quiet = {"identical", "rounding"} | ({"repaired"} if name == "textbook_cross_entropy" else set())
    assert {v.verdict for v in evaluation.steps} <= quiet
    assert {c.verdict for c in evaluation.compiled} <= ({"identical", "rounding"} if runs else {"unknown"})
    assert not any(summary.problem for summary in evaluation.values)
    assert from_json(to_json(recording)) == recording


def test_a_generator_under_jax_is_the_same_generator() -> None:
    """JAX keeps a generator's state as a dictionary of arrays: the same numbers are the same state."""
    pytest.importorskip("jax")
    rng, x = pytensor.shared(np.random.default_rng(3), name="rng"), pt.dvector("x")
    new, draw = pt.random.normal(size=(5,), rng=rng, return_next_rng=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTensor's, that it seeds a generator of JAX's anew
        inspection = inspect([x], [x * draw + 0 * x], [(rng, new)], mode="JAX")
        fed = bind(inspection.live, [np.ones(5)])
        first, again = call(inspection.live, fed), call(inspection.live, fed)
        assert [compare(a, b, 0).verdict for a, b in zip(first, again, strict=True)] == ["identical"] * 2
        moved = inspection.function(np.ones(5))
        assert inspection.function(np.ones(5))[0].tobytes() != moved[0].tobytes()
        recording = inspection.leave_out(np.ones(5), rules=["constant_folding"]).recording
    (found,) = recording.counterfactuals
    assert (found.verdict, found.carries_weight) == ("identical", False)


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 2)])
def test_a_reduction_fused_with_what_it_reduces(axis: Any) -> None:
    """PyTensor's own Python for it takes the first entry as it is; the C code, and we, do not."""
    x = pt.dtensor3("x")
    inspection = inspect([x], [pt.sum(pt.exp(x), axis=axis)], mode="CVM")
    (placed,) = inspection.recording.snapshot(-1).nodes
    assert inspection.recording.ops[placed.op].scalar.endswith("Composite")
    given = np.random.default_rng(0).normal(size=(3, 4, 2))
    evaluation = inspection.evaluate(given).recording.evaluation
    assert evaluation is not None
    verdicts = [step.verdict for step in evaluation.steps] + [c.verdict for c in evaluation.compiled]
    assert set(verdicts) <= {"identical", "rounding"}
    for node in inspection.function.maker.fgraph.toposort():
        pickle.dumps(node.op)  # evaluating left nothing on it that PyTensor's cache could not keep
