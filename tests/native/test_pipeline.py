"""The passes are functions: what they are given stays as it is, and nothing of theirs is left on it."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.traversal import explicit_graph_inputs

from graphs.native import source_of
from graphs.native.linker import _PLANS, QUERY
from graphs.native.lower import lower
from graphs.native.pipeline import make_program
from graphs.native.schedule.fusion import fuse
from graphs.native.schedule.storage import place
from graphs.native.write.file import write
from tests.native.test_lower import CASES


def attributes(fgraph):
    """The names of all that a graph and its parts hold."""
    parts = [fgraph, *fgraph.variables, *fgraph.apply_nodes]
    return [sorted(vars(part)) for part in parts] + [sorted(vars(v.tag)) for v in fgraph.variables]


@pytest.mark.parametrize("case", ["softmax", "slices written", "reshape", "reductions", "dots", "filled"])
@pytest.mark.parametrize("layout", ["C", "F", "A"])
def test_same_graph_same_text_and_nothing_left_behind(case, layout):
    outputs = CASES[case]()
    fgraph = FunctionGraph(list(explicit_graph_inputs(outputs)), outputs, clone=True)
    pytensor.compile.mode.optdb.query(QUERY).rewrite(fgraph)
    before, nodes = attributes(fgraph), fgraph.toposort()
    first, second = (make_program(fgraph, layout * len(fgraph.inputs)) for _ in range(2))
    assert first == second
    assert attributes(fgraph) == before
    assert fgraph.toposort() == nodes


def test_each_pass_leaves_what_it_is_given():
    x, w = pt.dmatrix("x"), pt.dvector("w")
    made = lower(FunctionGraph([x, w], [pt.dot(pt.tanh(pt.dot(x, w)), x)], clone=True))
    parts = [*made.steps, *made.dims, *(array for s in made.steps for array, _ in s.accesses())]
    before = [dict(vars(part)) for part in parts]
    texts = []
    for _ in range(2):
        nests = fuse(made.steps)
        storage = place(nests)
        homes = [dict(vars(home)) for home in storage.homes.values()]
        texts += [write(made, storage), write(made, storage)]
        assert [dict(vars(home)) for home in storage.homes.values()] == homes
    assert all(text == texts[0] for text in texts)
    assert [dict(vars(part)) for part in parts] == before


def test_a_plan_lasts_as_long_as_its_graph(uncached):
    v = pt.dvector("v")
    fn = pytensor.function([v], v * 2.5, mode=uncached)
    graph = fn.maker.fgraph
    plain = pytensor.function([v], v * 2.5, mode="FAST_COMPILE").maker.fgraph
    assert set(vars(graph)) <= set(vars(plain)), "nothing of ours on PyTensor's graph"
    assert graph in _PLANS
    assert source_of(fn) is not None
    np.testing.assert_array_equal(fn([2.0]), [5.0])
    left, held = weakref.ref(graph), len(_PLANS)
    del fn, graph
    gc.collect()
    assert left() is None
    assert len(_PLANS) < held
