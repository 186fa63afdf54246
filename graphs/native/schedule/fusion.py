"""Statements become loop nests; statements that share an outer index share the loop.

A statement is a point set: its indices. The arrangement goes from the outside in. At each level every
statement names the index it would like outermost (the one along which its arrays are *not*
contiguous, so that the inner loop is), and joins the first loop over the same dim that comes
after everything it needs; what it needs from that very loop must be there at the same index.
So ``z[i] = Σ_j x[i,j]·w[j]``, ``r[i] = f(z[i])`` and ``g[j] = Σ_i x[i,j]·r[i]`` all go into one loop over i,
because z and r are needed at the same i only; what follows from g must wait until that loop is over.

Steps that are no statements (interludes, calls, recurrences) stand between loops. Statements are first moved over them as
far down as those that need them allow, so that those that belong together come together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from graphs.native.statements import (
    Array,
    Call,
    Dim,
    Index,
    Interlude,
    Place,
    Recurrence,
    Reduction,
    Statement,
    Step,
    calls,
)

__all__ = ["Item", "Nest", "Nests", "Part", "fuse", "statements_in"]


@dataclass(eq=False)
class Nest:
    """One loop: over which dim, and what is in it."""

    dim: Dim
    depth: int
    parent: Nest | None
    members: list[Statement] = field(default_factory=list)
    body: list[Item] = field(default_factory=list)


Item = Nest | Statement
Part = Item | Interlude | Call | Recurrence  # what follows one another in a function, or in a recurrence


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

    items: list[Part] = field(default_factory=list)
    loops: dict[Index, Nest] = field(default_factory=dict)
    bodies: dict[Recurrence, list[Part]] = field(default_factory=dict)  # each recurrence's own items

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


def fuse(steps: Sequence[Step]) -> Nests:
    """Loop nests that compute the statements, and what stands between; they come in an order that would do."""
    nests = Nests()
    nests.items = _parts(steps, nests)
    return nests


def _parts(steps: Sequence[Step], nests: Nests) -> list[Part]:
    """Loop nests for statements that follow one another, each other step as it is."""
    parts: list[Part] = []
    together: list[Statement] = []
    for step in [*_late(steps), None]:
        if isinstance(step, Statement):
            together.append(step)
            continue
        parts += _arrange(together, nests.loops, 0, None)
        together = []
        if isinstance(step, Recurrence):
            nests.bodies[step] = _parts(step.steps, nests)
        if step is not None:
            parts.append(step)
    return parts


def _late(steps: Sequence[Step]) -> list[Step]:
    """The steps with every statement as late as it may be, behind as many of the other steps as possible."""
    others = [step for step in steps if not isinstance(step, Statement)]
    if not others:
        return list(steps)
    sections: list[list[Step]] = [[] for _ in range(len(others) + 1)]  # the last of each: one of the others
    touched: dict[Array, int] = {}  # in which section an array is first read or written later on,
    written: dict[Array, int] = {}  # and in which one written
    here = len(others)
    for step in reversed(steps):
        reads, writes = _arrays(step)
        if isinstance(step, Statement):
            section = min(
                len(others),
                *(touched.get(array, len(others)) for array in writes),
                *(written.get(array, len(others)) for array in reads),
            )
        else:
            here -= 1
            section = here
        sections[section].append(step)
        for array in writes:
            written[array] = min(section, written.get(array, section))
        for array in reads | writes:
            touched[array] = min(section, touched.get(array, section))
    return [step for section in sections for step in reversed(section)]


def _arrays(step: Step) -> tuple[set[Array], set[Array]]:
    """Whose memory a step reads, and whose it writes."""
    if isinstance(step, Statement):
        return {read.array.root for read in step.reads()}, {step.target.root}
    if isinstance(step, Interlude):
        return {read.array.root for read in step.reads()}, set()
    if isinstance(step, Call):
        return {array.root for array in step.reads}, {array.root for array in step.writes}
    both = [_arrays(inner) for inner in step.steps]
    also = (*step.count.reads(), *(step.until.reads() if step.until else ()))
    seen = {read.array.root for read in also}
    return seen.union(*(reads for reads, _ in both)), set[Array]().union(*(writes for _, writes in both))


def _arrange(
    statements: Sequence[Statement], loops: dict[Index, Nest], depth: int, parent: Nest | None
) -> list[Item]:
    """The same inside `depth` loops, the innermost of them `parent`; each index's loop is put into `loops`."""
    groups: list[_Group] = []
    for statement in statements:
        wanted = _outermost(statement, loops)
        dim = None if wanted is None else wanted.dim.find()
        earliest, waits = 0, False
        for position, group in enumerate(groups):
            linked = [(other, index) for other, index in group.members if _linked(other, statement)]
            if linked:
                at_hand = all(_at_same_index(other, i, statement, wanted) for other, i in linked)
                fits = at_hand and group.dim is dim and not group.closed
                earliest, waits = (position, False) if fits else (position + 1, True)
        alone = statement.reduction is Reduction.SYMMETRIC
        if waits and not alone:
            earliest = _call_later(groups, earliest, statement, wanted)
        for group in groups[earliest:]:
            alike = depth == 0 or all(_alike(other, statement, loops) for other, _ in group.members)
            if group.dim is dim and not group.closed and not alone and alike:
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


def _alike(first: Statement, second: Statement, loops: dict[Index, Nest]) -> bool:
    """Whether two statements can share a loop that goes in no blocks: one with loops inside has no vectors of its turns.

    A statement without, that calls functions, is then better off in a loop of its own.
    """
    innermost = [sum(index not in loops for index in each.indices()) == 1 for each in (first, second)]
    return innermost[0] == innermost[1] or not calls(first if innermost[0] else second)


def _call_later(groups: list[_Group], earliest: int, statement: Statement, wanted: Index | None) -> int:
    """Move the loop that makes what a statement needs behind those that the statement must wait for; where it can join.

    Only where these do not need that loop themselves. What the statement needs then never leaves the loop.
    """
    if wanted is None or (statement.scattered and not _is_row_by_row(statement)):
        return earliest
    for position in range(earliest - 2, -1, -1):
        group = groups[position]
        linked = [(other, index) for other, index in group.members if _linked(other, statement)]
        if not linked or group.closed or group.dim is not wanted.dim.find():
            continue
        members = [other for other, _ in group.members]
        if not all(_at_same_index(other, i, statement, wanted) for other, i in linked) or (
            statement.scattered and not _goes_as_far(statement, members)
        ):
            return earliest
        first: list[_Group] = []
        needing: list[_Group] = []
        seen = [*members]
        for other in groups[position + 1 : earliest]:
            own = [each for each, _ in other.members]
            needs = any(_linked(one, each) for one in seen for each in own)
            (needing if needs else first).append(other)
            seen += own if needs else []
        if any(_linked(each, statement) for other in needing for each, _ in other.members):
            return earliest
        groups[position:earliest] = [*first, group, *needing]
        return position + len(first)
    return earliest


def _is_row_by_row(statement: Statement) -> bool:
    """Whether what goes to places that may fall together are rows: a loop inside has vectors then."""
    return len(statement.free) > len(statement.scattered)


def _goes_as_far(statement: Statement, others: Sequence[Statement]) -> bool:
    """Whether a statement goes through all that the others go through: in its loop, threads do not share the rows."""
    dims = {index.dim.find() for index in statement.indices()}
    return all(index.dim.find() in dims for other in others for index in other.indices())


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
    reach = [(array, places, _open_along(places, open_)) for array, places in statement.accesses()]
    most = max((len(along) for *_, along in reach), default=0)
    for array, places, along in reach:
        if len(along) < most:
            continue  # the others are smaller, and stay at hand
        long = [k for k, dim in enumerate(array.dims) if not dim.is_one]
        fast = long[-1] if array.layout == "C" and long else array.fast
        slow = [k for k in (long[::-1] if array.layout == "F" else long) if k != fast]
        # the further apart its elements, the further out
        weights = {k: position - len(slow) for position, k in enumerate(slow)} | {fast: 1}
        for k in long:
            for index in _along(places[k]) & along:
                scores[index] += weights[k]
    return min(open_, key=lambda index: scores[index], default=None)


def _open_along(places: Sequence[Place], open_: Sequence[Index]) -> set[Index]:
    """Which of the indices move along some axis."""
    return {index for place in places for index in _along(place)} & set(open_)


def _along(place: Place) -> set[Index]:
    """The indices that move along an axis, through what is read from another array too."""
    read = {inner for at in place.start.reads() for part in at.places for inner in _along(part)}
    return read | ({place.index} if place.index else set())


def _linked(first: Statement, second: Statement) -> bool:
    """Whether the two cannot change places: one touches what the other writes."""
    return any(array.root is first.target.root for array, _ in second.accesses()) or any(
        array.root is second.target.root for array, _ in first.accesses()
    )


def _at_same_index(first: Statement, index: Index | None, second: Statement, wanted: Index | None) -> bool:
    """Whether, of what one writes and the other touches, both touch at this loop's index only."""
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
    written = along(second.places, wanted)
    for array, places in first.accesses():
        if array.root is second.target.root and (
            array is not second.target or not written & along(places, index)
        ):
            return False
    return True
