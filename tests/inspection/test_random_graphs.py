"""Random expression graphs: every promise of a recording holds on all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pytensor.scalar.basic import Composite

from graphs.inspection import inspect
from graphs.inspection.file import from_json, to_json
from tests.inspection.conftest import PYTHON
from tests.inspection.dump import dump_expression, dump_function
from tests.inspection.test_recording import check_origins, check_replay

UNARY = (pt.exp, pt.log, pt.neg, pt.sqrt, pt.tanh, pt.sigmoid, pt.log1p, pt.sqr, pt.reciprocal, abs)
BINARY = (pt.add, pt.sub, pt.mul, pt.true_div, pt.maximum, lambda a, b: pt.switch(a > b, a, b))
SHAPING = (
    lambda a: a.sum(axis=0, keepdims=True) + 0 * a,
    lambda a: a[::-1],
    lambda a: a.reshape((4,)).T,
    lambda a: pt.set_subtensor(a[:2], 1.0),
    lambda a: pt.concatenate([a[:1], a[1:]]),
    lambda a: pt.cumsum(a),
)


X = pt.dvector("x")


@st.composite
def expressions(draw: Any) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    x, y = pt.dvector("x"), pt.dvector("y")
    s = pytensor.shared(np.array([0.5, -1.0, 2.0, 0.0]), name="s")
    pool = [x, y, s]
    for _ in range(draw(st.integers(1, 9))):
        kind = draw(st.sampled_from(("unary", "binary", "binary", "shaping")))
        one = draw(st.sampled_from(pool))
        if kind == "unary":
            pool.append(draw(st.sampled_from(UNARY))(one))
        elif kind == "binary":
            other = draw(st.sampled_from([*pool, pt.as_tensor(1.0), pt.as_tensor(2.0)]))
            pool.append(draw(st.sampled_from(BINARY))(one, other))
        else:
            pool.append(draw(st.sampled_from(SHAPING))(one))
    outputs = [pool[-1], *draw(st.lists(st.sampled_from(pool[3:]), max_size=2))]
    updates = []
    if draw(st.booleans()):
        step = pt.grad(pool[-1].sum(), s, disconnected_inputs="ignore") if draw(st.booleans()) else pool[-1]
        updates = [(s, s - 0.1 * step)]
    elements = st.floats(-4, 4, allow_nan=False, width=32)
    values = [np.array(draw(st.lists(elements, min_size=4, max_size=4))) for _ in "xy"]
    return [x, y], outputs, updates, values


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(expressions())
@example(([X], [pt.exp(X), X + X], [], [np.array([0.0, -0.0, 1.0, -1.0])]))
@example(([X], [pt.exp(pt.reciprocal(X))], [], [np.array([0.0, -0.0, 0.75, -1.0])]))
def test_every_promise_holds(drawn: tuple[list[Any], list[Any], list[Any], list[Any]]) -> None:
    inputs, outputs, updates, values = drawn
    function = pytensor.function(inputs, outputs, updates=updates, mode=PYTHON, on_unused_input="ignore")
    roots = [*outputs, *(new for _, new in updates)]
    before = dump_function(function), dump_expression(roots)
    inspection = inspect(function)
    check_replay(inspection, function)
    check_origins(inspection.recording)
    recording = inspection.evaluate(*values).recording
    assert (dump_function(function), dump_expression(roots)) == before
    evaluation = recording.evaluation
    assert evaluation is not None
    # The compiled copy runs the very Ops of the last snapshot. But the Python of a fused Op is given Python's floats, of
    # which its reciprocal makes float32, and its sum begins at 0, which loses the sign of a zero: that is said there.
    nodes = function.maker.fgraph.apply_nodes
    if not any(isinstance(getattr(node.op, "scalar_op", None), Composite) for node in nodes):
        assert {change.verdict for change in evaluation.compiled} <= {"identical"}
    # What moved between the ends is what some step says it moved.
    for number, output in enumerate(evaluation.outputs):
        moving = {c.verdict for v in evaluation.steps for c in v.outputs if c.output == number}
        ends = (output.first.nan + output.first.inf, output.last.nan + output.last.inf)
        if not moving:
            assert (output.first.min, output.first.max, *ends[:1]) == (
                output.last.min,
                output.last.max,
                *ends[1:],
            )
        if ends[1] < ends[0]:
            assert output.rescued_by
        if ends[1] > ends[0]:
            assert output.broken_by
    assert from_json(to_json(recording)) == recording
