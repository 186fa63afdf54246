"""Parts of arrays: read, written, sorted, searched, joined, and what has no entries."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt

from tests.inspection.corpus.graph import Graph, by_name


def embedding_lookup() -> Graph:
    """Rows of a table by integer labels, some of them twice; the gradient adds them up."""
    table = pytensor.shared(np.arange(12.0).reshape(4, 3), name="table")
    labels = pt.ivector("labels")
    cost = (table[labels] ** 2).sum()
    value = np.array([1, 3, 1], dtype="int32")
    return Graph([labels], [cost], [(table, table - 0.1 * pt.grad(cost, table))], [value])


def updated_rows_only() -> Graph:
    """The sparse update of an embedding: only the rows that were read are written."""
    table = pytensor.shared(np.arange(8.0).reshape(4, 2), name="table")
    labels = pt.lvector("labels")
    rows = table[labels]
    cost = (rows**3).sum()
    update = pt.inc_subtensor(rows, -0.1 * pt.grad(cost, rows))
    return Graph([labels], [cost], [(table, update)], [np.array([0, 2, 2])])


def boolean_masks() -> Graph:
    """Reading and writing where a condition holds; the number of entries depends on the values."""
    x = pt.dvector("x")
    return Graph(
        [x],
        [x[x > 0], pt.set_subtensor(x[x < 0], 0.0), x[(x > 0).nonzero()].sum(), pt.nonzero(x)[0]],
        [],
        [np.array([1.0, -2.0, 3.0, 0.0])],
    )


def written_in_place_of() -> Graph:
    """One vector written in three overlapping places, each from the one before."""
    x = pt.dvector("x")
    a = pt.set_subtensor(x[:2], x[-2:])
    b = pt.inc_subtensor(a[1:3], 10.0)
    c = b[::-1][2:].set(-1.0)
    return Graph([x], [a, b, c, x], [], [np.arange(5.0)])


def negative_steps_and_new_axes() -> Graph:
    """Slices as NumPy users write them: backwards, by steps, with an Ellipsis, with None."""
    x, i = pt.dtensor3("x"), pt.lscalar("i")
    return Graph(
        [x, i],
        [x[::-1, ..., -1], x[:, None, i], x[i:, : i + 1, ::2], x[..., -1:], x[-1][::-2]],
        [],
        [np.arange(24.0).reshape(2, 3, 4), 1],
    )


def sorted_and_ranked() -> Graph:
    """sort, argsort, ranks, the median and the top two with their places."""
    x = pt.dmatrix("x")
    order = pt.argsort(x, axis=1)
    return Graph(
        [x],
        [pt.sort(x, axis=0), order, pt.argsort(order, axis=1), pt.take_along_axis(x, order[:, -2:], axis=1)],
        [],
        [np.array([[3.0, 1.0, 2.0], [0.5, 0.25, 4.0]])],
    )


def running_sums() -> Graph:
    """cumsum, cumprod, diff, and the gradient of a running sum."""
    x = pt.dvector("x")
    sums = pt.cumsum(x)
    return Graph(
        [x],
        [sums, pt.cumprod(x), pt.diff(x, n=2), pt.grad((sums**2).sum(), x), pt.cumsum(x[::-1])[::-1]],
        [],
        [np.array([1.0, -2.0, 3.0, 0.5])],
    )


def looked_up_by_searching() -> Graph:
    """Bins by searchsorted, counts by bincount, a linear interpolation."""
    x, edges = pt.dvector("x"), pt.dvector("edges")
    bins = pt.searchsorted(edges, x)
    at = pt.clip(bins, 1, edges.shape[0] - 1)
    weight = (x - edges[at - 1]) / (edges[at] - edges[at - 1])
    return Graph(
        [x, edges],
        [bins, pt.bincount(bins, minlength=5), weight],
        [],
        [np.array([0.1, 1.5, 2.5, 0.9]), np.array([0.0, 1.0, 2.0, 3.0])],
    )


def joined_and_taken_apart() -> Graph:
    """concatenate with itself, stack, split, tile, repeat, roll, pad."""
    x = pt.dvector("x")
    left, right = pt.split(x, [2, 2], axis=0)
    return Graph(
        [x],
        [
            pt.concatenate([x, x]),
            pt.stack([left, right], axis=1),
            pt.tile(x, 2),
            pt.repeat(x, 2),
            pt.roll(x, 1),
            pt.pad(x, (1, 2)),
        ],
        [],
        [np.arange(4.0)],
    )


def reshaped_by_its_own_shape() -> Graph:
    """Shapes computed from shapes: flatten, a windowed view, an axis summed away and put back."""
    x = pt.dtensor3("x")
    n, m, _ = x.shape
    return Graph(
        [x],
        [x.reshape((n * m, -1)).T, x.flatten(), x.reshape((-1, 2)).sum(axis=0), x.dimshuffle(2, "x", 0, 1)],
        [],
        [np.arange(24.0).reshape(2, 3, 4)],
    )


def nothing_in_it() -> Graph:
    """Arrays without entries: sums, products, a mean of nothing, an empty product of matrices."""
    x, m = pt.dvector("x"), pt.dmatrix("m")
    with_mean = pt.mean(x)
    return Graph(
        [x, m],
        [x.sum(), x.prod(), with_mean, pt.exp(x) + 1, m.T @ m, m.sum(axis=1), pt.concatenate([x, x[:0]])],
        [],
        [np.zeros(0), np.zeros((0, 3))],
    )


def broadcast_in_every_way() -> Graph:
    """Scalars, rows, columns and lengths of one, and the gradient that sums them back."""
    s, v, m = pt.dscalar("s"), pt.dvector("v"), pt.dmatrix("m")
    column = pt.dcol("column")
    total = s * m + v + column - pt.exp(column * v)
    return Graph(
        [s, v, m, column],
        [total, *pt.grad(total.sum(), [s, v, m, column]), pt.broadcast_to(v, (2, 3))],
        [],
        [2.0, np.arange(3.0), np.ones((2, 3)), np.array([[0.5], [1.0]])],
    )


def triangles_and_diagonals() -> Graph:
    """tril, triu, a diagonal written, a triangle packed and unpacked."""
    x, v = pt.dmatrix("x"), pt.dvector("v")
    rows, columns = np.tril_indices(3)
    unpacked = pt.set_subtensor(pt.zeros((3, 3))[rows, columns], v)
    return Graph(
        [x, v],
        [pt.tril(x), pt.triu(x, 1), pt.fill_diagonal(x, 9.0), unpacked @ unpacked.T, pt.diag(v)],
        [],
        [np.arange(9.0).reshape(3, 3), np.arange(1.0, 7.0)],
    )


def different_values() -> Graph:
    """unique, and what is counted of it."""
    x = pt.lvector("x")
    values, counts = pt.unique(x, return_counts=True)
    return Graph([x], [values, counts, values.shape[0]], [], [np.array([3, 1, 3, 2, 1, 3])])


def game_of_life() -> Graph:
    """Rolled neighbours, integers, and a rule in boolean terms."""
    board = pytensor.shared(np.eye(5, dtype="int64")[::-1] + np.eye(5, k=1, dtype="int64"), name="board")
    around = sum(
        pt.roll(pt.roll(board, i, axis=0), j, axis=1) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j
    )
    alive = pt.or_(pt.eq(around, 3), pt.and_(pt.eq(around, 2), pt.gt(board, 0)))
    return Graph([], [alive.sum()], [(board, alive.astype("int64"))])


GRAPHS = by_name(
    embedding_lookup,
    updated_rows_only,
    boolean_masks,
    written_in_place_of,
    negative_steps_and_new_axes,
    sorted_and_ranked,
    running_sums,
    looked_up_by_searching,
    joined_and_taken_apart,
    reshaped_by_its_own_shape,
    nothing_in_it,
    broadcast_in_every_way,
    triangles_and_diagonals,
    different_values,
    game_of_life,
)
