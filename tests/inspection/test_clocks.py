"""Times of single nodes: every node has one or a reason, and timing leaves no trace."""

from __future__ import annotations

import copy

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode

from graphs.inspection import inspect, measure
from graphs.inspection.clocks import time_nodes
from graphs.inspection.measured import Spread, Times
from tests.inspection.odd_graphs import ODD_GRAPHS

VM = "FAST_COMPILE"  # PyTensor's virtual machine in Python, without a compiler
PY = Mode(linker="py", optimizer=None)
QUICK = {"seconds": 0.05, "rounds": 3}


def heavy_and_light():
    """A product of 200 × 200 matrices and a sum of two numbers, with an update."""
    a, t = pt.dmatrix("a"), pt.dscalar("t")
    s = pytensor.shared(np.ones(3), name="s")
    return [a, t], [a @ a, t + 1.5], [(s, s * 1.5)], [np.ones((200, 200)), np.array(1.0)]


@pytest.mark.parametrize("mode", [PY, VM, "CVM", "NUMBA"], ids=["py", "vm", "cvm", "numba"])
def test_every_linker_that_runs_node_by_node_is_timed(mode):
    inputs, outputs, updates, values = heavy_and_light()
    inspection = inspect(inputs, outputs, updates, mode=mode)
    vm = inspection.function.vm
    times = time_nodes(inspection.function, values, **QUICK)
    assert inspection.function.vm is vm
    assert not times.problem
    assert times.method
    assert len(times.nodes) == len(inspection.recording.final_order)
    assert all(timed.seconds is not None and timed.seconds.median >= 0 for timed in times.nodes)
    order = inspection.function.maker.fgraph.toposort()
    slowest = max(times.nodes, key=lambda timed: timed.seconds.median)
    # 16 million operations on one side, three on the other
    assert any(word in str(order[slowest.node].op) for word in ("Dot", "Gemm", "Matmul")), order[slowest.node]


@pytest.mark.parametrize("mode", [PY, VM, "CVM", "NUMBA"], ids=["py", "vm", "cvm", "numba"])
def test_timing_leaves_no_trace(mode):
    rng = pytensor.shared(np.random.default_rng(3), name="rng")
    s = pytensor.shared(np.linspace(0, 1, 5), name="s")
    x = pt.dvector("x")
    new, draw = pt.random.normal(size=(5,), rng=rng, return_next_rng=True)
    function = pytensor.function([x], [x * s + draw], updates=[(s, s + x), (rng, new)], mode=mode)
    given = np.arange(5.0)
    before = [copy.deepcopy(s.get_value()), copy.deepcopy(rng.get_value().bit_generator.state)]
    recording = measure(inspect(function), [given], **QUICK)
    assert recording.measurements.times.call is not None
    assert s.get_value().tobytes() == before[0].tobytes()
    assert rng.get_value().bit_generator.state == before[1]
    assert given.tobytes() == np.arange(5.0).tobytes()
    twin = np.random.Generator(np.random.PCG64())
    twin.bit_generator.state = before[1]
    np.testing.assert_array_equal(function(given)[0], given * before[0] + twin.normal(size=5))


def test_timing_twice_sees_the_same_state():
    s = pytensor.shared(np.ones(3), name="s")
    inspection = inspect([], [s], [(s, s * 2)], mode=VM)
    first = inspection.function()[0].copy()
    inspection.reset()
    time_nodes(inspection.function, [], **QUICK)
    np.testing.assert_array_equal(inspection.function()[0], first)


def test_an_input_that_may_be_overwritten_is_given_fresh():
    x = pt.dvector("x")
    function = pytensor.function([pytensor.In(x, mutable=True)], [pt.exp(x)], mode="FAST_RUN")
    given = np.zeros(4)
    time_nodes(inspect(function).function, [given], **QUICK)
    np.testing.assert_array_equal(given, np.zeros(4))


def test_a_branch_not_taken_is_said_not_to_run():
    inputs, outputs, updates, values = ODD_GRAPHS["if_else"]()
    inspection = inspect(inputs, outputs, updates, mode=VM)
    times = time_nodes(inspection.function, values, **QUICK)
    names = [str(node.op) for node in inspection.function.maker.fgraph.toposort()]
    reasons = {name: timed.problem for name, timed in zip(names, times.nodes, strict=True)}
    assert "not run" in reasons["Log"]
    assert reasons["Exp"] == ""
    untimed = next(t for t, name in zip(times.nodes, names, strict=True) if name == "Log")
    assert untimed.seconds is None  # and not zero


def test_a_linker_in_one_piece_times_the_call_and_says_why_no_more():
    x = pt.dvector("x")
    inspection = inspect([x], [pt.exp(x) * 2], mode=Mode(linker="c", optimizer="fast_compile"))
    times = time_nodes(inspection.function, [np.ones(3)], **QUICK)
    assert times.call is not None
    assert "one piece" in times.problem
    assert all(timed.seconds is None and timed.problem for timed in times.nodes)
    assert times.total is None


def test_jax_is_one_piece():
    pytest.importorskip("jax")
    x = pt.dvector("x")
    inspection = inspect([x], [pt.exp(x) * 2], mode="JAX")
    times = time_nodes(inspection.function, [np.ones(3)], **QUICK)
    assert times.call is not None
    assert "JAXLinker" in times.problem


def test_a_function_that_fails_is_reported_not_raised():
    x, y = pt.dvectors("xy")
    inspection = inspect([x, y], [x + y], mode=VM)
    times = time_nodes(inspection.function, [np.ones(3), np.ones(4)], **QUICK)
    assert times.call is None
    assert "does not run on these inputs" in times.problem
    assert all(timed.seconds is None for timed in times.nodes)


def test_no_nodes():
    times = time_nodes(pytensor.function([], [], mode=PY), [], **QUICK)
    assert times.nodes == ()
    assert times.call is not None


@pytest.mark.parametrize("name", sorted(set(ODD_GRAPHS) - {"thousand_nodes"}))
def test_odd_graphs_are_timed_or_said_why_not(name):
    inputs, outputs, updates, values = ODD_GRAPHS[name]()
    inspection = inspect(inputs, outputs, updates, mode=VM)
    times = time_nodes(inspection.function, values, **QUICK)
    assert len(times.nodes) == len(inspection.recording.final_order)
    assert all(timed.seconds is not None or timed.problem for timed in times.nodes)


def test_sums_and_shares():
    spread = Spread(10e-6, 9e-6, 11e-6)
    times = Times("", spread, Spread(8e-6, 8e-6, 8e-6), ())
    assert times.around == pytest.approx(2e-6)
    assert (times.total, times.share, times.agreement) == (None, None, None)


def test_the_train_graph_adds_up(train):
    """Nodes apart, and what lies around them, are the call; loosely, for the machine is shared."""
    times = measure(train.inspection, train.values, code=False, seconds=1.0).measurements.times
    assert all(timed.seconds is not None for timed in times.nodes)
    slow = sorted(times.nodes, key=lambda timed: -timed.seconds.median)[:3]
    assert sum(timed.seconds.median for timed in slow) > 0.8 * times.total
    # A shared machine may be busy in one round and not in the next; 10 is no figure, only no nonsense.
    assert 0.1 < (times.total + times.around) / times.call.median < 10
