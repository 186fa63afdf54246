"""Where each array lives: in a variable, in a buffer for one block of rows, or in memory of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from graphs.native.schedule.fusion import Item, Nest, Nests, Part, statements_in
from graphs.native.statements import (
    Array,
    Call,
    Check,
    Dim,
    Expression,
    Index,
    Interlude,
    Place,
    Read,
    Recurrence,
    Reduction,
    Statement,
    calls,
)

__all__ = [
    "PIECE",
    "Home",
    "Storage",
    "backward",
    "block_of",
    "has_loops",
    "in_lanes",
    "is_blocked",
    "is_plain",
    "loops_of",
    "phases",
    "place",
    "width",
]

ROWS = 8  # taken together through the inner loops, half as many where they have many sums
PANEL = 16  # taken together where there are no inner loops
PIECE = 64  # elements at a time where a loop goes backwards


@dataclass(eq=False)
class Home:
    """How one array is held."""

    array: Array
    writers: list[Statement] = field(default_factory=list)  # who computes it
    local: bool = False  # whether a C variable holds the element at hand for statements in the same scope
    memory: bool = False  # whether it is (also) in memory,
    axes: list[int] = field(default_factory=list)  # and with which axes
    blocked: Nest | None = None  # the loop of whose rows only one block is held at a time,
    blocked_axis: int = -1  # and the axis along which it goes


def place(nests: Nests, checks: Sequence[Check] = ()) -> Storage:
    """Where every array lives that the loops write; `checks` look at some in the end."""
    return Storage(nests, checks)


class Storage:
    """Homes for all arrays that loop nests write, and who may use the variable instead of the memory."""

    def __init__(self, nests: Nests, checks: Sequence[Check] = ()) -> None:
        self.nests = nests
        self.homes: dict[Array, Home] = {}
        self.aliases: set[Array] = set()  # arrays in the memory of others
        self._phases: dict[Statement, int] = {}
        self._within: dict[
            Statement, tuple[Recurrence, ...]
        ] = {}  # the recurrences around it, the outermost first
        self._readers: dict[Array, list[tuple[Statement, tuple[Place, ...]]]] = {}
        self._seen: dict[Array, list[tuple[Recurrence, ...]]] = {}  # where it is read between loops
        self._pinned: set[Array] = set()  # whose memory somebody else takes as a whole
        self._visit(nests.items, ())
        for check in checks:
            self._look(check.condition.reads(), ())
        self._pinned |= {array.root for array in self.aliases}
        for array, home in self.homes.items():
            self._settle(home, self._readers.get(array, []), array in self._pinned)

    def _visit(self, parts: Sequence[Part], within: tuple[Recurrence, ...]) -> None:
        for part in parts:
            if isinstance(part, Interlude):
                self._look(part.reads(), within)
            elif isinstance(part, Call):
                for array in (*part.reads, *part.writes):
                    self._alias(array)
                    self._pinned.add(array.root)
                for array in part.writes:
                    if array.kind != "given":
                        self.homes.setdefault(array.root, Home(array.root))
                self._look(
                    (read for e in part.arguments if isinstance(e, Expression) for read in e.reads()), within
                )
            elif isinstance(part, Recurrence):
                self._look(part.count.reads(), within)
                self._visit(self.nests.bodies[part], (*within, part))
                if part.until:
                    self._look(part.until.reads(), (*within, part))
            else:
                self._statements(part, within)

    def _statements(self, item: Item, within: tuple[Recurrence, ...]) -> None:
        if isinstance(item, Nest) and is_blocked(item):
            for number, phase in enumerate(phases(item)):
                for inner in phase:
                    self._phases |= dict.fromkeys(statements_in(inner), number)
        for statement in statements_in(item):
            self._within[statement] = within
            self.homes.setdefault(statement.target, Home(statement.target)).writers.append(statement)
            for read in statement.reads():
                self._readers.setdefault(read.array, []).append((statement, read.places))
            for array, _ in statement.accesses():
                self._alias(array)

    def _alias(self, array: Array) -> None:
        if array.memory_of is not None:
            self.aliases.add(array)

    def _look(self, reads: Iterable[Read], within: tuple[Recurrence, ...]) -> None:
        for read in reads:
            self._alias(read.array)
            self._seen.setdefault(read.array, []).append(within)

    def _settle(self, home: Home, readers: list[tuple[Statement, tuple[Place, ...]]], pinned: bool) -> None:
        array = home.array
        home.axes = [k for k, dim in enumerate(array.dims) if not dim.is_one]
        if not home.writers:  # a call writes it
            home.memory = True
            return
        first = home.writers[0]
        same = [self.same_scope(first, s, places) for s, places in readers]
        one_writer = len(home.writers) == 1
        scalar = self.scalar(first)
        seen = self._seen.get(array, [])
        between = [self.in_sight(first, within) for within in seen]  # whether a variable will do there
        home.local = scalar and one_writer and (any(same) or any(between) or bool(first.reduced))
        kept = pinned or not one_writer or not scalar or not all(same) or not all(between)
        home.memory = array.kind == "output" or kept
        if array.kind != "scratch" or pinned or seen:
            return
        everyone = [(s, s.places) for s in home.writers] + readers
        for k in list(home.axes):
            nests = {self.nests.of(places[k].index) if places[k].plain else None for _, places in everyone}
            nest = next(iter(nests))
            if len(nests) != 1 or nest is None:
                continue
            if is_blocked(nest):
                home.blocked, home.blocked_axis = nest, k
            elif is_blocked(_outermost(nest)):
                home.axes.remove(k)  # elsewhere its turns may be several threads'

    @property
    def statements(self) -> Collection[Statement]:
        """All that the loops compute."""
        return self._within.keys()

    def recurs(self, statement: Statement) -> bool:
        """Whether a statement is in a recurrence."""
        return bool(self._within[statement])

    @cached_property
    def crossed(self) -> set[Dim]:
        """The dims that some statement goes through together with another one."""
        every = ([index.dim.find() for index in statement.indices()] for statement in self._within)
        return {dim for dims in every if len(dims) > 1 for dim in dims}

    def in_sight(self, writer: Statement, within: tuple[Recurrence, ...]) -> bool:
        """Whether a variable that `writer` sets outside loops is there between the loops in these recurrences."""
        around = self._within[writer]
        return not writer.free and around == within[: len(around)]

    def scalar(self, statement: Statement) -> bool:
        """Whether the statement's result is one number in the scope that computes it."""
        outer = self.nests.outer_reduction(statement)
        loops = self.nests.loops
        outside = outer is None or all(loops[i].depth < outer.depth for i in statement.free)
        return outside and not statement.adds

    def same_scope(self, writer: Statement, reader: Statement, places: tuple[Place, ...]) -> bool:
        """Whether `reader` reads just what the same turn of the same loops has written."""
        around = self._within[writer]
        if around != self._within[reader][: len(around)]:
            return False
        for mine, theirs in zip(writer.places, places, strict=True):
            if mine.index is None and theirs.index is None and mine.start == theirs.start:
                continue
            if not (mine.plain and theirs.plain and self.nests.of(mine.index) is self.nests.of(theirs.index)):
                return False
        return not writer.free or self._phases.get(writer) == self._phases.get(reader)


def is_blocked(nest: Nest) -> bool:
    """Whether a loop goes in blocks of rows: an outermost loop with loops inside, or of several phases."""
    several = has_loops(nest) or len(phases(nest)) > 1
    return nest.parent is None and several and not is_plain(nest)


def is_plain(nest: Nest) -> bool:
    """Whether an outermost loop only computes element by element: there is nothing that a block of rows would share.

    Functions called once for a row are: a block calls them for all of its rows at once.
    """
    if nest.parent is not None or any(s.reduction is not None or s.scattered for s in nest.members):
        return False
    if not has_loops(nest):
        return len(phases(nest)) == 1
    return not any(map(calls, _before_the_innermost(nest)))


def _before_the_innermost(nest: Nest) -> Iterator[Statement]:
    """The statements beside loops."""
    if has_loops(nest):
        for item in nest.body:
            if isinstance(item, Nest):
                yield from _before_the_innermost(item)
            else:
                yield item


def loops_of(nest: Nest) -> list[Nest]:
    """A loop, what it has inside as long as that is one more loop, and so on."""
    chain = [nest]
    while len(chain[-1].body) == 1 and isinstance(inner := chain[-1].body[0], Nest):
        chain.append(inner)
    return chain


def _outermost(nest: Nest) -> Nest:
    return nest if nest.parent is None else _outermost(nest.parent)


def has_loops(nest: Nest) -> bool:
    """Whether there are loops inside."""
    return any(isinstance(item, Nest) for item in nest.body)


def block_of(nest: Nest) -> int:
    """How many rows are taken together.

    Eight through inner loops: each element of a vector that they share is then loaded once for eight rows, and as
    many sums go on side by side as keep a processor busy. Where a second sweep over the rows follows the first, it
    begins at their end (:func:`backward`); without that, eight rows lose where they are too long for the nearest
    cache. Time of one step of logistic regression over that of one look at every number of X (four sums in vectors),
    float64, lower fifth of 40 to 150 interleaved samples on one core of an Intel Xeon (Sapphire Rapids; 48 KiB and
    2 MiB of cache for each core), while others used the machine too:

    ==============  ==========  ===============  ==========  ===============
    X               four rows   four, from end   eight rows  eight, from end
    ==============  ==========  ===============  ==========  ===============
    400 × 784       1.41        1.40             1.50        1.42
    1,600 × 192     2.11        2.11             1.67        1.69
    800 × 392       1.53        1.54             1.39        1.42
    200 × 1,568     1.61        1.54             1.49        1.45
    20,000 × 784    1.12        1.15             1.10        1.07
    2,000 × 7,840   1.19        1.19             1.20        1.18
    200 × 20,000    1.33        1.31             1.39        1.34
    200 × 40,000    1.74        1.67             2.00        1.68
    ==============  ==========  ===============  ==========  ===============

    Sixteen rows gained nothing over eight. How long the rows are is mostly not known here; by the table it need
    not be. What must fit is the sums: with three for each row, 24 vectors leave no register of 16 for anything else,
    and four rows take 0.86 of the time (with 32 registers, the same). Pieces of 64, 128 and 256 elements from the end
    take the same time; single elements, whose vectors must be turned around, up to 1.1 times as long.

    Sixteen without loops inside: a whole vector of them, also of the narrowest type.
    """
    if not has_loops(nest):
        return PANEL
    inside = [item for item in nest.body if isinstance(item, Nest)]
    return ROWS if max(_sums_of_a_row(nest, inner) for inner in inside) <= 2 else ROWS // 2


def _sums_of_a_row(nest: Nest, inner: Nest) -> int:
    """How many sums over an inner loop each row has."""

    def over(indices: Iterable[Index], loop: Nest) -> bool:
        return any(index.dim.find() is loop.dim.find() for index in indices)

    return sum(over(s.reduced, inner) and over(s.free, nest) for s in inner.members)


def phases(nest: Nest) -> list[list[Item]]:
    """The body of a blocked loop, cut so that each piece is one loop over the rows of the block."""
    pieces: list[list[Item]] = []
    for item in nest.body:
        if isinstance(item, Nest) or not pieces or isinstance(pieces[-1][0], Nest):
            pieces.append([item])
        else:
            pieces[-1].append(item)
    return [part for piece in pieces for part in _narrow_last(piece)]


def _narrow_last(piece: list[Item]) -> list[list[Item]]:
    """Statements whose results are narrower than the others' and wait for nobody, in a loop of their own.

    A block has few rows: numbers of 8 bytes fill a vector with them, bytes would need eight times as many,
    and one loop of both does not vectorise.
    """
    wide = max((width(item) for item in piece if isinstance(item, Statement)), default=0)
    late: list[Item] = []
    needed: set[Array] = set()
    for item in reversed(piece):
        if not isinstance(item, Statement):
            return [piece]
        if width(item) < wide and item.target not in needed:
            late.insert(0, item)
        else:
            needed.update(array for array, _ in item.accesses())
    first = [item for item in piece if item not in late]
    return [first, *_narrow_last(late)] if late and first else [piece]


def width(statement: Statement) -> int:
    """Bytes of one element of what a statement works on: what it writes, or what it combines into one number."""
    combined = [read.array.dtype for read in statement.expression.reads()] if statement.reduced else []
    return max(np.dtype(dtype).itemsize for dtype in combined or [statement.target.dtype])


def backward(nest: Nest, nests: Nests) -> set[Nest]:
    """The loops inside a blocked one that go backwards, piece by piece.

    Where two phases sweep over the same rows of an array, the second begins where the first has ended: that end
    is still in the nearest cache. Only loops whose turns stand alone, so that no sum is added up in another order.
    """
    turned: set[Nest] = set()
    last: Nest | None = None
    for inner in (phase[0] for phase in phases(nest)):
        if not isinstance(inner, Nest):
            continue
        if not in_lanes(nest, inner, nests):
            last = None
            continue
        short = inner.dim.constant is not None and inner.dim.constant <= PIECE
        again = last and last not in turned and _swept(nest, last, nests) & _swept(nest, inner, nests)
        if again and not short and _stand_alone(inner, nests):
            turned.add(inner)
        last = inner
    return turned


def _swept(nest: Nest, inner: Nest, nests: Nests) -> set[tuple[Array, tuple[Dim | None, ...]]]:
    """What an inner loop reads of a row of the outer one, element after element."""
    found = set()
    for statement in statements_in(inner):
        for read in statement.expression.reads():
            loops = [nests.of(place.index) if place.plain else None for place in read.places]
            if nest in loops and inner in loops:
                found.add((read.array, tuple(None if loop is None else loop.dim for loop in loops)))
    return found


def _stand_alone(inner: Nest, nests: Nests) -> bool:
    """Whether the turns of a loop may come in any order without changing a bit."""
    return not any(
        nests.of(index) is inner for s in statements_in(inner) for index in (*s.reduced, *s.scattered)
    )


def in_lanes(nest: Nest, inner: Nest, nests: Nests) -> bool:
    """Whether each statement of an inner loop is written once for every row of a block.

    Where something is summed: either what the rows share is then loaded once for all of them, or each sum need not
    wait for the others. Functions take long enough by themselves, and their text too.
    """
    statements = list(statements_in(inner))
    sums = (Reduction.SUM, Reduction.DOT, Reduction.SYMMETRIC)
    if not any(s.reduced and s.reduction in sums for s in statements):
        return False
    return _shared_by_rows(nest, statements, nests) or not any(map(calls, statements))


def _shared_by_rows(nest: Nest, statements: Iterable[Statement], nests: Nests) -> bool:
    """Whether statements touch the same elements for several rows, inside the inner loops."""
    for statement in statements:
        for _, places in statement.accesses():
            loops = [nests.of(place.index) for place in places]
            if nest not in loops and any(loops):
                return True
    return False
