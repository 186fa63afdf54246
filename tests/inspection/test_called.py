"""What the function itself returns is what "as compiled" means; where its replay differs, it is said first, and why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import scipy.linalg
from pytensor.compile.mode import get_mode
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

from graphs.inspection import Inspection, inspect
from graphs.inspection.show.report import overview
from graphs.terminal import as_text
from tests.inspection.conftest import PYTHON

x = pt.dvector("x")


def told(asked: Inspection) -> str:
    return " ".join(as_text(overview(asked.recording), width=400).split())


class Two(Op):  # type: ignore[misc]
    """Says 1 in Python and 2 in the thunk that a linker gets."""

    __props__ = ()

    def make_node(self, value: Any) -> Apply:
        return Apply(self, [value], [value.type()])

    def perform(self, node: Any, inputs: Any, outputs: Any) -> None:
        outputs[0][0] = inputs[0] * 0 + 1

    def make_thunk(self, node: Any, storage: Any, computed: Any, no_recycling: Any, impl: Any = None) -> Any:
        if impl == "py":
            return super().make_thunk(node, storage, computed, no_recycling, impl)

        def thunk() -> None:
            storage[node.outputs[0]][0] = storage[node.inputs[0]][0] * 0 + 2
            computed[node.outputs[0]][0] = True

        thunk.inputs = [storage[v] for v in node.inputs]  # type: ignore[attr-defined]
        thunk.outputs = [storage[v] for v in node.outputs]  # type: ignore[attr-defined]
        thunk.lazy = False  # type: ignore[attr-defined]
        return thunk


def test_as_compiled_is_what_the_function_returns_and_a_difference_is_said_first() -> None:
    asked = inspect([x], Two()(x), mode="CVM").evaluate(np.zeros(3))
    evaluation = asked.recording.evaluation
    assert evaluation is not None
    (value,) = evaluation.outputs
    assert (value.last.max, value.called and value.called.max) == (1.0, 2.0)
    assert evaluation.apart == "why output 0 differs is not known"
    shown = told(asked)
    first = "The function itself does not give what its nodes give, computed Op by Op: why output 0 differs"
    assert first in shown
    assert "No rewrite changes an output beyond rounding." not in shown
    assert "not the same: changed output 0" in shown


class Refuses(Op):  # type: ignore[misc]
    """Computed by nobody but the test."""

    __props__ = ()
    make_node = Two.make_node

    def perform(self, node: Any, inputs: Any, outputs: Any) -> None:
        raise ValueError("not today")


def test_a_function_that_raises_is_said_to_and_nothing_finite_of_it() -> None:
    asked = inspect([x], [Refuses()(x), x + 1], mode="FAST_COMPILE").evaluate(np.zeros(3))
    evaluation = asked.recording.evaluation
    assert evaluation is not None
    assert evaluation.apart == "called on these inputs it raises: ValueError: not today"
    assert all(v.called is not None and v.called.problem for v in evaluation.outputs)
    shown = told(asked)
    assert "Called on these inputs, the function raises ValueError: not today." in shown
    assert "every output is finite" not in shown


@pytest.mark.parametrize("mode", ["NUMBA", PYTHON])
def test_a_scan_whose_inner_graph_works_in_place_is_judged_as_it_is(mode: Any) -> None:
    m = pt.dmatrix("m")

    def row(entries: Any) -> Any:
        summed = pytensor.scan(
            lambda e, a: a + e**2, sequences=entries, outputs_info=pt.zeros(()), return_updates=False
        )
        return summed[-1]

    function = pytensor.function([m], pytensor.scan(row, sequences=m, return_updates=False), mode=mode)
    value = np.random.default_rng(0).standard_normal((4, 5))
    asked = inspect(function).evaluate(value)
    evaluation = asked.recording.evaluation
    assert evaluation is not None
    assert evaluation.apart == ""
    assert {step.verdict for step in evaluation.steps} <= {"identical", "rounding"}
    np.testing.assert_allclose(function(value), (value**2).sum(axis=1), rtol=1e-12)
    assert evaluation.outputs[0].last.max == pytest.approx((value**2).sum(axis=1).max(), rel=1e-8)


def test_fast_mathematics_is_named_where_it_is_the_cause() -> None:
    mode = get_mode("NUMBA").excluding("canonicalize", "stabilize", "specialize")  # they would cancel too
    asked = inspect([x], (1 + pt.exp(x)) - 1, mode=mode).evaluate(np.array([-40.0, -41.0]))
    evaluation = asked.recording.evaluation
    assert evaluation is not None
    assert "numba__fastmath=False it gives the same" in evaluation.apart


def test_an_ill_conditioned_system_is_not_called_changed() -> None:
    """A Hilbert matrix of order 11 leaves some two digits of any solution."""
    a, b = pt.dmatrix("a"), pt.dvector("b")
    hilbert = scipy.linalg.hilbert(11)
    solved = pt.dot(pt.linalg.inv(a), b)  # rewritten to a solver
    asked = inspect([a, b], solved, mode=PYTHON).evaluate(hilbert, np.ones(11))
    evaluation = asked.recording.evaluation
    assert evaluation is not None
    verdicts = [step for step in evaluation.steps if step.verdict != "identical"]
    assert verdicts, "no rewrite moved the solution"
    assert {step.verdict for step in verdicts} == {"rounding"}
    spreads = [change.spread for step in verdicts for change in step.outputs if change.spread is not None]
    assert spreads
    assert min(spreads) > 1e-3
    assert "(ill-conditioned)" in told(asked)


def test_a_formula_that_loses_digits_on_its_own_is_still_called_changed() -> None:
    """1 + x − 1 at 1e-17 is 0 and x: no digit of x decides that."""
    s = pt.dscalar("s")
    asked = inspect([s], (1 + s) - 1, mode=PYTHON).evaluate(1e-17)
    evaluation = asked.recording.evaluation
    assert evaluation is not None
    assert "changed" in {step.verdict for step in evaluation.steps}


def test_jaxs_shapes_are_followed() -> None:
    pytest.importorskip("jax")
    function = pytensor.function([x], pt.concatenate([x, x]), mode="JAX")
    asked = inspect(function).evaluate(np.arange(3.0))
    assert asked.recording.matches
    evaluation = asked.recording.evaluation
    assert evaluation is not None
    assert evaluation.apart == ""
    assert {step.verdict for step in evaluation.steps} <= {"identical"}


@pytest.mark.filterwarnings("ignore:The RandomType SharedVariables")
def test_jaxs_own_random_numbers_are_said_to_be_its_own() -> None:
    pytest.importorskip("jax")
    rng = pytensor.shared(np.random.default_rng(1), name="rng")
    new, draws = pt.random.normal(0, 1, size=(3,), rng=rng, return_next_rng=True)
    asked = inspect([], draws, updates=[(rng, new)], mode="JAX").evaluate()
    evaluation = asked.recording.evaluation
    assert evaluation is not None
    assert "depends on random numbers, and JAX draws its own" in evaluation.apart


def test_another_dtype_than_the_types_is_said() -> None:
    pytest.importorskip("jax")
    f = pt.fvector("f")
    asked = inspect([f], f.sum(), mode="JAX").evaluate(np.ones(3, "float32"))
    evaluation = asked.recording.evaluation
    assert evaluation is not None
    called = evaluation.outputs[0].called
    assert called is not None
    if called.dtype == "float32":
        pytest.skip("this JAX keeps the type")
    assert f"JAX returns {called.dtype} for output 0, which is of type float32" in evaluation.apart
