"""Statements that share an outer index share its loop, and what only one turn needs is not kept."""

from __future__ import annotations

import pytensor.tensor as pt
import pytest
from pytensor.graph.fg import FunctionGraph

from graphs.native.lower import lower
from graphs.native.schedule.fusion import Nest, fuse, statements_in
from graphs.native.schedule.storage import place
from graphs.native.statements import Reduction

X, w, y = pt.dmatrix("X"), pt.dvector("w"), pt.dvector("y")


def lowered(*outputs):
    return lower(FunctionGraph([X, w, y], list(outputs), clone=True))


@pytest.fixture(scope="module")
def step():
    """X·w, the residual and Xᵀ·residual, as in a step of gradient descent; then a sum over its result."""
    r = pt.dot(X, w) - y
    g = pt.dot(r, X)
    r.name = "r"
    return lowered(w - g, (g**2).sum())


def test_one_sweep_for_both_products(step):
    first, *after = fuse(step.steps).items
    inside = list(statements_in(first))
    assert [statement.reduction for statement in inside] == [Reduction.DOT, None, Reduction.DOT]
    assert isinstance(first, Nest)
    assert first.dim is step.inputs[0].dims[0].find(), "the loop goes along the rows"
    assert all(isinstance(item, Nest) for item in after), "what follows from g waits until it is whole"
    targets = {s.target for item in after for s in statements_in(item)}
    assert (len(after), len(targets)) == (1, 2), "w - g and the sum of squares share a loop over the features"
    assert not targets & {s.target for s in inside}


def test_every_index_has_its_loop_and_every_need_comes_first(step):
    nests, done = fuse(step.steps), set()
    written = {statement.target for statement in step.steps}
    for item in nests.items:
        inside = {statement.target for statement in statements_in(item)}
        for statement in statements_in(item):
            assert all(index in nests.loops for index in statement.indices())
            needed = {read.array for read in statement.expression.reads()} & written
            assert needed <= done | inside
        done |= inside


def test_rows_of_a_block_or_the_whole(step):
    nests = fuse(step.steps)
    homes = place(nests).homes
    z, r, g = (homes[statement.target] for statement in statements_in(nests.items[0]))
    assert z.blocked is r.blocked is nests.items[0], "only a block of rows at a time"
    assert g.memory
    assert g.blocked is None, "a sum over all rows"


def test_a_symmetric_product_has_its_loop_alone():
    K = pt.dmatrix("K")
    K.tag.symmetric = True
    z = pt.dot(K, w)
    made = lower(FunctionGraph([K, w], [z, z + w], clone=True))
    nests = fuse(made.steps)
    first = nests.items[0]
    assert [statement.reduction for statement in statements_in(first)] == [Reduction.SYMMETRIC]
    assert nests.outer_reduction(made.steps[0]) is first


def test_a_memory_order_turns_the_loops():
    made = lower(FunctionGraph([X], [X * 2], clone=True), "F")
    (nest,) = fuse(made.steps).items
    assert nest.dim is made.inputs[0].dims[0].find(), "the output, in C order, is written along its memory"
    made = lower(FunctionGraph([X], [X.sum()], clone=True), "F")
    (nest,) = fuse(made.steps).items
    assert nest.dim is made.inputs[0].dims[1].find(), "an input in Fortran order is read along its own"
