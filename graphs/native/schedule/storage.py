"""Where each array lives: in a variable, in a buffer for one block of rows, or in memory of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from graphs.native.schedule.fusion import Item, Nest, Nests, Part, statements_in
from graphs.native.statements import (
    Array,
    Call,
    Check,
    Expression,
    Interlude,
    Place,
    Read,
    Recurrence,
    Statement,
)

__all__ = ["Home", "Storage", "block_of", "has_loops", "is_blocked", "phases", "place"]

ROWS = 4  # taken together through the inner loops
PANEL = 16  # taken together where there are no inner loops


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
            if not is_blocked(nest):
                home.axes.remove(k)
            else:
                home.blocked, home.blocked_axis = nest, k

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
    return nest.parent is None and (has_loops(nest) or len(phases(nest)) > 1)


def has_loops(nest: Nest) -> bool:
    """Whether there are loops inside."""
    return any(isinstance(item, Nest) for item in nest.body)


def block_of(nest: Nest) -> int:
    """How many rows are taken together.

    Four through inner loops: each element of a vector that they share is then loaded once for four
    rows, and what the rows need fits into the nearest cache longest. Time of one step over that of NumPy by
    hand, float64, medians of interleaved samples on one core of an AMD EPYC (Zen 3):

    ==============  ===========  =============  ===============
    rows            400 × 784    20,000 × 784   2,000 × 7,840
    ==============  ===========  =============  ===============
    2               0.63         0.65           0.70
    4               0.55         0.53           0.59
    8               0.61         0.54           0.64
    4, prefetching  0.62         0.67           0.71
    ==============  ===========  =============  ===============

    Going through the rows forth and back in turn, so that a step begins where the last one ended, takes
    0.93 to 0.99 of the time at 400 × 784, and needs a sum of its own for every stretch of rows: left out.

    Eight where all numbers are of 4 bytes: as many bytes. Sixteen without loops inside: a whole vector of
    them, also of the narrowest type.
    """
    if not has_loops(nest):
        return PANEL
    return 2 * ROWS if max(map(width, statements_in(nest))) <= 4 else ROWS


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
