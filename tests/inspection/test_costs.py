"""Operations, bytes and storage, counted by hand."""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode

from graphs.inspection import inspect
from graphs.inspection.costs import node_costs, snapshot_costs
from tests.inspection.conftest import PYTHON
from tests.inspection.odd_graphs import ODD_GRAPHS

AS_WRITTEN = Mode(linker="py", optimizer=None)


def costed(inputs, outputs, values, mode=AS_WRITTEN):
    recording = inspect(inputs, outputs, mode=mode).evaluate(*values).recording
    ops = [recording.ops[node.op] for node in recording.snapshot(-1).nodes]
    return recording, {op.name: cost for op, cost in zip(ops, node_costs(recording), strict=True)}


def test_a_matrix_product_is_two_operations_per_pair():
    a, b = pt.dmatrices("ab")
    _, costs = costed([a, b], [a @ b], [np.ones((3, 5)), np.ones((5, 7))])
    (cost,) = costs.values()
    assert cost.flops == 2 * 3 * 5 * 7
    assert cost.transcendentals == 0
    assert (cost.read, cost.written) == (8 * (15 + 35), 8 * 21)


def test_elementwise_operations_count_per_element_and_functions_apart():
    x, y = pt.dmatrix("x"), pt.dvector("y")
    _, costs = costed([x, y], [pt.exp(x + y)], [np.ones((4, 6)), np.ones(6)])
    assert (costs["Add"].flops, costs["Add"].transcendentals) == (24, 0)
    assert (costs["Exp"].flops, costs["Exp"].transcendentals) == (0, 24)
    assert (costs["Add"].read, costs["Add"].written) == (8 * (24 + 6), 8 * 24)


def test_a_sum_of_three_is_two_additions():
    x, y, z = pt.dvectors("xyz")
    _, costs = costed([x, y, z], [pt.add(x, y, z)], [np.ones(10)] * 3)
    assert costs["Add"].flops == 20


def test_a_reduction_is_one_operation_per_element():
    x = pt.fmatrix("x")
    _, costs = costed([x], [x.sum(axis=0)], [np.ones((4, 6), "float32")])
    (cost,) = costs.values()
    assert (cost.flops, cost.read, cost.written) == (24, 4 * 24, 4 * 6)


def test_views_move_nothing():
    x = pt.dmatrix("x")
    _, costs = costed([x], [x.T], [np.ones((4, 6))])
    view, handed_out = costs["MatrixTranspose"], costs["DeepCopyOp"]
    assert (view.flops, view.read, view.written) == (0, 0, 0)
    assert (handed_out.flops, handed_out.read, handed_out.written) == (0, 192, 192)


def test_indexing_moves_what_it_takes_not_what_it_could_reach():
    x, i = pt.dmatrix("x"), pt.lvector("i")
    _, costs = costed([x, i], [x[i]], [np.ones((1000, 6)), np.array([1, 2])])
    cost = costs["AdvancedSubtensor1"] if "AdvancedSubtensor1" in costs else next(iter(costs.values()))
    assert (cost.read, cost.written) == (8 * 12 + 16, 8 * 12)


def test_a_fused_op_costs_what_its_parts_cost():
    x, y = pt.dvectors("xy")
    expression = pt.exp(x * y + 1.0) / y
    values = [np.ones(50), np.ones(50)]
    apart, _ = costed([x, y], [expression], values)
    together, _ = costed([x, y], [expression], values, PYTHON)
    assert len(together.snapshot(-1).nodes) == 1
    first, last = snapshot_costs(apart)[-1], snapshot_costs(together)[-1]
    assert (last.flops, last.transcendentals) == (first.flops, first.transcendentals) == (150, 50)
    assert last.written == 8 * 50 < first.written


def test_what_is_not_known_is_none_and_counted():
    inputs, outputs, updates, values = ODD_GRAPHS["random_variables"]()
    recording = inspect(inputs, outputs, updates, mode=AS_WRITTEN).evaluate(*values).recording
    draws = [cost for cost in node_costs(recording) if cost.flops is None]
    assert draws
    assert all(cost.transcendentals is None for cost in draws)
    assert snapshot_costs(recording)[-1].unknown_flops == len(draws)


def test_without_values_only_static_shapes_are_known():
    x = pt.dvector("x")
    s = pt.as_tensor(np.ones((2, 3)))
    recording = inspect([x], [x + 1, s * 2], mode=AS_WRITTEN).recording
    costs = node_costs(recording)
    assert {cost.flops for cost in costs} >= {None, 6.0}


def test_storage_alive_is_what_must_exist_at_the_same_moment():
    x = pt.dvector("x")
    y = pt.exp(x)
    z = pt.sin(y)
    recording, _ = costed([x], [pt.cos(z)], [np.ones(100)])
    # exp and sin exist together, then sin and cos; never all three.
    assert snapshot_costs(recording)[-1].alive == 2 * 800


def test_a_value_read_again_later_stays_alive():
    x = pt.dvector("x")
    y = pt.exp(x)
    recording, _ = costed([x], [pt.cos(pt.sin(y)) + y], [np.ones(100)])
    assert snapshot_costs(recording)[-1].alive == 3 * 800


def test_a_view_shares_the_storage_of_what_it_views():
    x = pt.dmatrix("x")
    recording, _ = costed([x], [pt.exp(x).T[::-1]], [np.ones((10, 10))])
    assert snapshot_costs(recording)[-1].alive == 800


def test_an_in_place_result_needs_no_storage_of_its_own():
    x = pt.dmatrix("x")
    recording, _ = costed([x], [pt.exp(x @ x)], [np.ones((10, 10))], PYTHON)
    last = recording.snapshot(-1)
    assert any(recording.ops[node.op].destroys for node in last.nodes)
    storages = [cost.alive for cost in snapshot_costs(recording)]
    assert (storages[0], storages[-1]) == (1600, 800)


def test_the_train_graph_reads_x_twice(evaluated):
    last = snapshot_costs(evaluated)[-1]
    x_bytes = 400 * 784 * 8
    assert 2 * x_bytes < last.read < 2.1 * x_bytes
    assert last.flops == pytest.approx(2 * 2 * 400 * 784, rel=0.02)
    assert last.unknown_flops == last.unknown_bytes == 0
    first = snapshot_costs(evaluated, (0,))[0]
    assert (first.nodes, first.alive > last.alive, first.written > last.written) == (73, True, True)


@pytest.mark.parametrize("name", sorted(ODD_GRAPHS))
def test_no_graph_is_too_odd(name):
    inputs, outputs, updates, values = ODD_GRAPHS[name]()
    recording = inspect(inputs, outputs, updates, mode=AS_WRITTEN).evaluate(*values).recording
    for cost in node_costs(recording):
        assert cost.flops is None or cost.flops >= 0
        assert cost.bytes is None or cost.bytes >= 0
    (last,) = snapshot_costs(recording, (len(recording.steps),))
    assert last.nodes == len(recording.final_order)
