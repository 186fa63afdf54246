"""A place for a node's whole life: nothing that stands together overlaps, and everything flows down."""

from __future__ import annotations

import itertools

import pytest

from graphs.inspection import Recording
from graphs.inspection.recording import Change, Node, Op, Origin, OutputSpec, Rule, Step, Variable
from graphs.inspection.show.page.layout import BOX, LANE, Layout, edges_of, lay_out, lives_of


@pytest.fixture(scope="session", params=["examined", "loop"])
def recording(request: pytest.FixtureRequest) -> Recording:
    found: Recording = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def layout(recording: Recording) -> Layout:
    return lay_out(recording)


def test_every_node_has_one_place(recording: Recording, layout: Layout) -> None:
    assert layout.nodes.keys() == {node.node for snapshot in recording.snapshots for node in snapshot.nodes}
    read = {v for s in recording.snapshots for n in s.nodes for v in n.inputs}
    assert layout.roots.keys() == {v for v in read if recording.variables[v].kind in ("input", "shared")}
    for x, row in (*layout.nodes.values(), *layout.roots.values()):
        assert layout.left <= x - BOX / 2
        assert x + BOX / 2 <= layout.right
        assert 0 <= row < layout.rows


def test_no_two_boxes_of_a_snapshot_overlap(recording: Recording, layout: Layout) -> None:
    for snapshot in recording.snapshots:
        rows: dict[int, list[float]] = {}
        roots = {v for node in snapshot.nodes for v in node.inputs if v in layout.roots}
        places = [*(layout.nodes[n.node] for n in snapshot.nodes), *(layout.roots[v] for v in roots)]
        for x, row in places:
            rows.setdefault(row, []).append(x)
        for xs in rows.values():
            assert all(b - a >= BOX for a, b in itertools.pairwise(sorted(xs)))


def test_what_comes_stands_clear_of_what_stays_and_goes_or_in_its_very_place(
    recording: Recording, layout: Layout
) -> None:
    for step in recording.steps:
        for new, old in itertools.product(step.come, step.gone):
            (x, row), (x0, row0) = layout.nodes[new], layout.nodes[old]
            assert row != row0 or x == x0 or abs(x - x0) >= BOX


def test_no_lane_runs_through_a_box(recording: Recording, layout: Layout) -> None:
    lives = lives_of(recording)
    owner = {out: node for node in lives for out in recording.nodes[node].outputs}
    boxes = [(x, row, lives[node]) for node, (x, row) in layout.nodes.items()]
    boxes += [(x, row, (0, len(recording.steps))) for x, row in layout.roots.values()]
    lanes = 0
    for edge in edges_of(recording, lives):
        start = layout.nodes[owner[edge.variable]] if edge.variable in owner else layout.roots[edge.variable]
        passed = range(start[1] + 1, layout.nodes[edge.node][1])
        for lane, row in zip(layout.lanes.get(edge.variable, ()), passed, strict=False):
            lanes += 1
            for x, there, life in boxes:
                if there == row and life[0] <= edge.life[1] and edge.life[0] <= life[1]:
                    assert abs(x - lane) >= (BOX + LANE) / 2
    assert lanes > 100


def test_every_wire_goes_down(recording: Recording, layout: Layout) -> None:
    lives = lives_of(recording)
    owner = {out: node for node in lives for out in recording.nodes[node].outputs}
    for edge in edges_of(recording, lives):
        start = layout.nodes[owner[edge.variable]] if edge.variable in owner else layout.roots[edge.variable]
        assert start[1] < layout.nodes[edge.node][1]


def test_it_is_the_same_each_time(recording: Recording, layout: Layout) -> None:
    assert lay_out(recording) == layout


def test_an_heir_takes_the_very_place(examined: Recording) -> None:
    layout, lives = lay_out(examined), lives_of(examined)
    owner = {out: node for node in lives for out in examined.nodes[node].outputs}
    pairs = [
        (owner[old], owner[new])
        for index, step in enumerate(examined.steps, start=1)
        for old, new in step.replaced
        if old in owner and new in owner and lives[owner[new]][0] == index and owner[old] in step.gone
    ]
    same_row = [(a, b) for a, b in pairs if layout.nodes[a][1] == layout.nodes[b][1]]
    assert same_row
    assert sum(layout.nodes[a] == layout.nodes[b] for a, b in same_row) > 0.9 * len(same_row)


def swapped() -> Recording:
    """f(g(x)) becomes g(f(x)) by moved inputs, which closes a cycle in the union of both graphs."""
    ops = tuple(Op(name, f"m.{name}") for name in "fg")
    variables = (
        Variable("input", "t", name="x"),
        Variable("computed", "t", owner=0),
        Variable("computed", "t", owner=1),
    )
    origin = Origin("forward")
    # g = node 0 reads x, f = node 1 reads g's result
    nodes = (Node(1, (0,), (1,), origin), Node(0, (1,), (2,), origin))
    changes = (Change(1, 0, 1, 0), Change(0, 0, 0, 2), Change(None, 0, 2, 1))
    step = Step("swap", 0, (), (), changes, (), 0.0)
    return Recording(
        "", "", "", (), None, ops, variables, nodes, (Rule("swap"),), (), (0,), (0, 1), (2,), (OutputSpec("o"),), (step,),
        (1, 0), 0.0, 0.0, {},
    )  # fmt: skip


def test_a_cycle_in_the_union_is_laid_out_too() -> None:
    found = swapped()
    assert [len(s.nodes) for s in found.snapshots] == [2, 2]
    layout = lay_out(found)
    assert layout.nodes.keys() == {0, 1}
    assert layout.nodes[0] != layout.nodes[1]


def test_a_graph_of_nothing() -> None:
    empty = Recording("", "", "", (), None, (), (), (), (), (), (), (), (), (), (), (), 0.0, 0.0, {})
    assert lay_out(empty) == Layout(0, 0.0, 0.0, {}, {}, {})
