"""Times of single nodes: every node has one or a reason, and timing leaves no trace."""

from __future__ import annotations

import copy
import time

import msgspec
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode

from graphs.inspection import inspect
from graphs.inspection.findings import Around, NodeTime, Spread, Times
from graphs.inspection.linkers.clocks import time_nodes
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
    recording = inspect(function).measure(given, **QUICK).recording
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


def test_a_linker_in_one_piece_times_that_piece_and_says_why_no_more():
    x = pt.dmatrix("x")
    inspection = inspect([x], [pt.exp(x) * 2], mode=Mode(linker="c", optimizer="fast_compile"))
    times = time_nodes(inspection.function, [np.ones((300, 300))], **QUICK)
    assert times.call is not None
    assert "one piece" in times.problem
    assert all(timed.seconds is None and timed.problem for timed in times.nodes)
    assert times.total is None
    assert times.inside.median > 10 * times.outside > 0  # 90,000 exponentials against checking one array
    assert [part.after for part in times.around] == [False, True]


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


def spread(seconds):
    return Spread(seconds, seconds, seconds)


def test_sums_and_shares():
    around = (Around("before", spread(2e-6)), Around("then", spread(1e-6), after=True))
    times = Times("", spread(10e-6), spread(6e-6), (NodeTime(0, spread(4e-6)), NodeTime(1)), around)
    assert times.outside == pytest.approx(3e-6)
    assert times.explained == pytest.approx(0.7)
    assert times.agreement == pytest.approx(4 / 6)
    one_piece = msgspec.structs.replace(times, nodes=(NodeTime(0), NodeTime(1)))
    assert one_piece.explained == pytest.approx(0.9)  # their stretch stands for them
    nothing = Times("", spread(10e-6), None, ())
    assert (nothing.total, nothing.explained, nothing.agreement) == (None, None, None)


@pytest.mark.parametrize("mode", ["FAST_COMPILE", "CVM", "NUMBA"])
def test_what_lies_around_the_nodes_is_timed_where_it_happens(mode):
    """2 ms spent before the linker's code, and 1 ms after it, are found there and not in the nodes."""
    x = pt.dvector("x")
    s = pytensor.shared(np.zeros(3), name="s")
    function = inspect([x], [x * 2.5], [(s, s + x)], mode=mode).function
    plain = time_nodes(function, [np.ones(3)], **QUICK)
    names = [(part.name, part.after) for part in plain.around]
    assert [after for _, after in names] == sorted(after for _, after in names)
    assert all(part.seconds.q1 <= part.seconds.median <= part.seconds.q3 for part in plain.around)

    checking = next(container for container in function.input_storage if container.name == "x")
    filtered = checking.type.filter
    checking.type = copy.copy(checking.type)

    def slowly(*arguments, **options):
        time.sleep(2e-3)
        return filtered(*arguments, **options)

    checking.type.filter = slowly
    slow = time_nodes(function, [np.ones(3)], **QUICK)
    assert slow.around[0].seconds.median > 2e-3 > 10 * slow.total
    assert all(part.seconds.median < 1e-3 for part in slow.around[1:])
    assert slow.call.median > 2e-3


@pytest.mark.long
def test_numba_unboxes_more_arguments_in_more_time():
    """Found between PyTensor's check and the first node: unpacking 40 arrays takes longer than one."""
    found = {}
    for count in (1, 40):
        inputs = pt.dvectors(count)
        function = inspect(inputs, [sum(inputs)], mode="NUMBA").function
        times = time_nodes(function, [np.ones(3)] * count, **QUICK)
        assert len(times.around) == 4
        found[count] = times.around[1].seconds.median
    assert 0 < 2 * found[1] < found[40]


def test_the_train_graph_adds_up(train):
    """Nodes and what lies around them, timed by themselves, are the call; loosely, on a shared machine."""
    asked = train.inspection.measure(*train.values, code=False, seconds=1.0)
    times = asked.recording.measurements.times
    assert all(timed.seconds is not None for timed in times.nodes)
    slow = sorted(times.nodes, key=lambda timed: -timed.seconds.median)[:3]
    assert sum(timed.seconds.median for timed in slow) > 0.8 * times.total
    # A shared machine may be busy in one round and not in the next: no figure, only no nonsense.
    assert 0.3 < times.explained < 3
