"""Statements become loop nests; statements that share an outer index share the loop.

A statement is a point set: its indices. The arrangement goes from the outside in. At each level every
statement names the index it would like outermost (the one along which its arrays are *not*
contiguous, so that the inner loop is), and joins the first loop over the same dim that comes
after everything it needs; what it needs from that very loop must be there at the same index.
So ``z[i] = Σ_j x[i,j]·w[j]``, ``r[i] = f(z[i])`` and ``g[j] = Σ_i x[i,j]·r[i]`` all go into one loop over i,
because z and r are needed at the same i only; what follows from g must wait until that loop is over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from graphs.native.statements import Dim, Index, Place, Reduction, Statement

__all__ = ["Item", "Nest", "Nests", "fuse", "statements_in"]


@dataclass(eq=False)
class Nest:
    """One loop: over which dim, and what is in it."""

    dim: Dim
    depth: int
    parent: Nest | None
    members: list[Statement] = field(default_factory=list)
    body: list[Item] = field(default_factory=list)


Item = Nest | Statement


def statements_in(item: Item) -> Iterator[Statement]:
    """All statements of a nest, in order."""
    if isinstance(item, Statement):
        yield item
    else:
        for inner in item.body:
            yield from statements_in(inner)


@dataclass
class Nests:
    """Loop nests in the order in which they run, and which loop each index of a statement has become."""

    items: list[Item] = field(default_factory=list)
    loops: dict[Index, Nest] = field(default_factory=dict)

    def of(self, index: Index | None) -> Nest | None:
        """The loop of an index."""
        return None if index is None else self.loops[index]

    def outer_reduction(self, statement: Statement) -> Nest | None:
        """The outermost loop a statement combines over."""
        indices = statement.free if statement.reduction is Reduction.SYMMETRIC else statement.reduced
        return min((self.loops[i] for i in indices), key=lambda nest: nest.depth, default=None)


@dataclass(eq=False)
class _Group:
    """A loop in the making (``dim`` None: statements without a loop; ``closed``: nobody may join)."""

    dim: Dim | None
    members: list[tuple[Statement, Index | None]] = field(default_factory=list)
    closed: bool = False


def fuse(statements: Sequence[Statement]) -> Nests:
    """Loop nests that compute the statements, in an order that is right.

    Parameters
    ----------
    statements : sequence of Statement
        In an order in which they could be computed one by one.
    """
    nests = Nests()
    nests.items = _arrange(statements, nests.loops, 0, None)
    return nests


def _arrange(
    statements: Sequence[Statement], loops: dict[Index, Nest], depth: int, parent: Nest | None
) -> list[Item]:
    """The same inside `depth` loops, the innermost of them `parent`; each index's loop is put into `loops`."""
    groups: list[_Group] = []
    for statement in statements:
        wanted = _outermost(statement, loops)
        dim = None if wanted is None else wanted.dim.find()
        earliest = 0
        for position, group in enumerate(groups):
            linked = [(other, index) for other, index in group.members if _linked(other, statement)]
            if linked:
                fits = (
                    group.dim is dim
                    and not group.closed
                    and all(_at_same_index(o, i, statement, wanted) for o, i in linked)
                )
                earliest = position if fits else position + 1
        alone = statement.reduction is Reduction.SYMMETRIC
        for group in groups[earliest:]:
            if group.dim is dim and not group.closed and not alone:
                group.members.append((statement, wanted))
                break
        else:
            groups.append(_Group(dim, [(statement, wanted)], alone))
    _sink(groups)
    items: list[Item] = []
    for group in groups:
        if group.dim is None:
            items += [statement for statement, _ in group.members]
            continue
        nest = Nest(group.dim, depth, parent, [statement for statement, _ in group.members])
        for _, index in group.members:
            assert index is not None
            loops[index] = nest
        nest.body = _arrange(nest.members, loops, depth + 1, nest)
        items.append(nest)
    return items


def _sink(groups: list[_Group]) -> None:
    """Move statements without a loop down to others like them, over loops that do not need them."""
    plain = [k for k, group in enumerate(groups) if group.dim is None]
    for here, there in zip(reversed(plain[:-1]), reversed(plain[1:]), strict=True):
        between = [other for group in groups[here + 1 : there] for other, _ in group.members]
        kept: list[tuple[Statement, Index | None]] = []
        moved: list[tuple[Statement, Index | None]] = []
        for member in reversed(groups[here].members):
            needed = [*between, *(other for other, _ in kept)]
            (kept if any(_linked(member[0], other) for other in needed) else moved).append(member)
        groups[here].members = kept[::-1]
        groups[there].members = moved[::-1] + groups[there].members


def _outermost(statement: Statement, loops: dict[Index, Nest]) -> Index | None:
    """The index, of those without a loop, that a statement wants outermost."""
    open_ = [index for index in statement.indices() if index not in loops]
    if statement.reduction is Reduction.SYMMETRIC:
        return next(iter(open_), None)
    if statement.reduction is Reduction.ARGMAX:
        free = [index for index in statement.free if index not in loops]
        return next(iter(free or open_), None)
    scores = dict.fromkeys(open_, 0)
    for array, places in statement.accesses():
        long = [k for k, dim in enumerate(array.dims) if not dim.is_one]
        fast = long[-1] if array.layout == "C" and long else array.fast
        for k in long:
            index = places[k].index
            if index in scores:
                scores[index] += 1 if k == fast else -1
    return min(open_, key=lambda index: scores[index], default=None)


def _linked(first: Statement, second: Statement) -> bool:
    """Whether `second` touches what `first` writes."""
    return any(array.root is first.target.root for array, _ in second.accesses())


def _at_same_index(first: Statement, index: Index | None, second: Statement, wanted: Index | None) -> bool:
    """Whether `second` touches what `first` writes at this loop's index only."""
    if index is None:
        return wanted is None

    def along(places: tuple[Place, ...], which: Index | None) -> set[int]:
        return {k for k, place in enumerate(places) if place.plain and place.index is which}

    written = along(first.places, index)
    for array, places in second.accesses():
        if array.root is not first.target.root:
            continue
        if array is not first.target or not written & along(places, wanted):
            return False
    return True
