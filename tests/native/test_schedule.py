"""Statements that share an outer index share its loop, and what only one turn needs is not kept."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.graph.fg import FunctionGraph

from graphs.native import source_of
from graphs.native.lower import lower
from graphs.native.schedule.fusion import Nest, fuse, statements_in
from graphs.native.schedule.storage import backward, block_of, in_lanes, is_blocked, is_plain, place
from graphs.native.statements import Interlude, Reduction, calls

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


def test_eight_rows_and_the_second_sweep_begins_where_the_first_has_ended(step):
    nests = fuse(step.steps)
    nest = nests.items[0]
    there, back = (item for item in nest.body if isinstance(item, Nest))
    assert block_of(nest) == 8
    assert backward(nest, nests) == {back}
    assert in_lanes(nest, there, nests)


def test_a_block_has_half_as_many_rows_where_each_has_many_sums():
    for count, rows in ((1, 8), (2, 8), (3, 4)):
        (nest,) = fuse(lowered(*(pt.dot(X, w + k) for k in range(count))).steps).items[-1:]
        assert block_of(nest) == rows


def test_a_loop_that_sums_is_never_turned_around():
    """Its bits would be those of another order."""
    made = lowered((X * pt.exp(pt.dot(X, w))[:, None]).sum(axis=1))
    nests = fuse(made.steps)
    (nest,) = nests.items
    assert sum(isinstance(item, Nest) for item in nest.body) == 2
    assert backward(nest, nests) == set()


@pytest.mark.parametrize("columns", [1, 7, 63, 64, 65, 128, 200])
def test_a_sweep_backwards_leaves_no_element_out(uncached, columns):
    fn = pytensor.function([X, w], pt.dot(pt.tanh(pt.dot(X, w)), X), mode=uncached)
    assert "from the end" in source_of(fn).text
    for rows in (0, 1, 8, 9, 17):
        a = np.random.default_rng(rows).normal(size=(rows, columns))
        v = np.linspace(-1, 1, columns)
        np.testing.assert_allclose(fn(a, v), np.tanh(a @ v) @ a, 1e-11, 1e-11)


def loops_text(fn) -> str:
    """The C of a function's loops."""
    text = source_of(fn).text
    return text[text.index("int one_step(") : text.index("int many_steps")]


PLAIN = {
    "one loop": [pt.exp(w) + 1],
    "two loops": [X * 2 + w],
    "a part of it": [pt.set_subtensor(X[:, 1], 0.0)],
    "three loops": [X[:, :, None] * w[None, None, :]],
}


@pytest.mark.parametrize("case", PLAIN)
def test_what_goes_element_by_element_is_written_as_plain_loops(uncached, case):
    fn = pytensor.function([X, w], PLAIN[case], mode=uncached, on_unused_input="ignore")
    text = loops_text(fn)
    assert "left over" not in text
    assert "parts" not in text
    assert text.count("parallel for") == 1
    assert text.count("for (int64_t") == {"one loop": 1, "three loops": 3}.get(case, 2)
    oracle = pytensor.function([X, w], PLAIN[case], mode="FAST_COMPILE", on_unused_input="ignore")
    for rows, columns in ((0, 3), (1, 2), (9, 17)):
        a, v = np.random.default_rng(rows).normal(size=(rows, columns)), np.linspace(-1, 1, columns)
        np.testing.assert_allclose(fn(a, v)[0], oracle(a, v)[0], 1e-13)


def test_functions_of_a_row_are_computed_for_a_block_of_rows():
    for factor, blocked in ((pt.exp(y), True), (y + 1, False)):
        (nest,) = fuse(lowered(X * factor[:, None]).steps).items
        assert (is_blocked(nest), is_plain(nest)) == (blocked, not blocked)


def test_short_and_small_loops_are_not_shared(uncached):
    """Not where the length is known to be short, nor beside a loop over the same axis and another one."""
    v = pt.tensor("v", dtype="float64", shape=(100,))
    assert "parallel" not in loops_text(pytensor.function([v], [v * 2, (v**2).sum()], mode=uncached))
    M = pt.tensor("M", dtype="float64", shape=(24, 100))
    fn = pytensor.function([M, v], [M @ v, v @ M.T @ M], mode=uncached)
    assert "parallel" not in loops_text(fn)
    assert "left over" not in loops_text(fn), "24 rows are three blocks"
    text = loops_text(pytensor.function([X, w], [pt.dot(X, w), w * 2, (w**2).sum()], mode=uncached))
    assert text.count("parallel for") == 1
    text = loops_text(pytensor.function([w], [w * 2, (w**2).sum()], mode=uncached))
    assert text.count("parallel for") == 1


def test_statements_move_down_to_those_that_belong_with_them():
    """A check of indices stands between loops; what does not wait for it comes after it, with the others."""
    places = pt.lvector("places")
    z = pt.exp(w)
    made = lower(FunctionGraph([w, places], [z[places] + 1, z * 2], clone=True))
    kinds = [type(step).__name__ for step in made.steps]
    assert kinds.index("Interlude") > 0
    parts = fuse(made.steps).items
    (check,) = [k for k, part in enumerate(parts) if isinstance(part, Interlude)]
    before = {s.target.dtype for part in parts[:check] for s in statements_in(part)}
    assert before == {"int64", "bool"}, "only the places are looked at before they are checked"
    assert len(parts) == check + 3, (
        "the exponentials and their double share a loop; then what reads them anywhere"
    )


def test_a_loop_is_called_behind_what_its_reader_must_wait_for():
    """What reads the rows' sums waits for another sum too, which comes after them and does not need them."""
    made = lowered(pt.log(X).sum(axis=1) * pt.exp(w).sum())
    rows, of_w = made.inputs[0].dims[0].find(), made.inputs[1].dims[0].find()
    made.steps.sort(key=lambda step: [rows, of_w].index(step.indices()[0].dim.find()))
    made.steps[1:] = made.steps[:0:-1]  # the rows' sums, the sum over w, what needs both
    whose = [step.indices()[0].dim.find() for step in made.steps]
    assert whose == [rows, of_w, rows]
    first, together = fuse(made.steps).items
    assert (first.dim, together.dim) == (of_w, rows)
    assert len(together.members) == 2, "what makes the rows' sums and what reads them"


def test_what_is_scattered_number_by_number_keeps_no_loop_from_vectors():
    places = pt.lvector("places")
    residual = w - y
    found = pt.inc_subtensor(pt.zeros(3)[places], residual)
    graph = FunctionGraph([w, y, places], [found, (residual**2).sum()], clone=True)
    nests = [n for n in fuse(lower(graph).steps).items if isinstance(n, Nest)]
    (scattering,) = (n for n in nests if any(s.scattered for s in n.members))
    assert not any(s.reduced for s in scattering.members)


def test_the_slowest_axis_is_outermost_though_another_is_read_more_often():
    t, scales = pt.dtensor3("t"), pt.dmatrix("scales")
    made = lower(FunctionGraph([t, scales], [t / scales, t * scales], clone=True))
    (nest,) = fuse(made.steps).items
    assert nest.dim is made.inputs[0].dims[0].find()


def test_the_largest_array_says_which_axis_is_outermost():
    """Of vectors along the rows there may be many; the matrix has the elements that lie apart."""
    made = lowered((pt.exp(X * y[:, None] - (y**2)[:, None]) * pt.sin(y)[:, None]).sum(axis=1))
    (nest,) = (n for n in fuse(made.steps).items if any(s.reduced for s in statements_in(n)))
    assert nest.dim is made.inputs[0].dims[0].find()


def test_functions_of_elements_beside_an_inner_loop_have_vectors_of_their_own():
    """A sum over k for each (i, j), and a function of it: in one loop over j it would be called one at a time."""
    t = pt.dtensor3("t")
    made = lower(FunctionGraph([t], [pt.exp((t**2).sum(axis=2))], clone=True))
    (outer,) = fuse(made.steps).items
    inner = [item for item in outer.body if isinstance(item, Nest)]
    assert len(inner) == 2
    assert any(isinstance(item, Nest) for item in inner[0].body)
    assert not any(isinstance(item, Nest) for item in inner[1].body)


def test_functions_of_elements_beside_rows_they_weigh_have_vectors_of_their_own():
    """Σⱼ f(sᵢⱼ)·tᵢⱼₗ goes over l inside and j outside, though j is what it sums over: no loop for f(sᵢⱼ)."""
    t = pt.dtensor3("t")
    weights = pt.exp(X)
    made = lower(
        FunctionGraph([X, t], [(weights[:, :, None] * t).sum(axis=1), weights.sum(axis=1)], clone=True)
    )
    (outer,) = fuse(made.steps).items
    calling = [item for item in outer.body if any(map(calls, statements_in(item)))]
    assert calling
    assert not any(isinstance(item, Nest) for nest in calling for item in nest.body)


@pytest.mark.parametrize("columns", [1, 3, 31, 32, 50])
@pytest.mark.parametrize("rows", [1, 8, 19])
def test_short_rows_go_side_by_side(uncached, rows, columns):
    largest = X.max(axis=1, keepdims=True)
    e = pt.exp(X - largest)
    fn = pytensor.function([X], [pt.log(e.sum(axis=1)), e.min(axis=1), e], mode=uncached)
    text = source_of(fn).text
    assert "if (n_j < 32) {" in text
    values = np.random.default_rng(0).normal(size=(rows, columns))
    values[0, 0] = np.nan if rows > 8 else 0.5
    e = np.exp(values - values.max(axis=1, keepdims=True))
    for found, want in zip(fn(values), [np.log(e.sum(axis=1)), e.min(axis=1), e], strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-14)


def test_rows_known_to_be_short_or_long_have_one_way_only(uncached):
    for columns, abreast in ((4, True), (40, False)):
        x = pt.tensor("x", shape=(None, columns), dtype="float64")
        fn = pytensor.function([x], pt.exp(x).sum(axis=1), mode=uncached)
        text = source_of(fn).text
        assert "< 32) {" not in text
        assert ("[i + row] += exp_" in text) == abreast
        values = np.random.default_rng(0).normal(size=(19, columns))
        np.testing.assert_allclose(fn(values), np.exp(values).sum(axis=1), rtol=1e-14)
