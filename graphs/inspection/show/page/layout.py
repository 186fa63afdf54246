"""Where every node stands: one place for its whole life, so that what stays does not move.

A *foresighted* layout (Diehl, Görg and Kerren, *Preserving the Mental Map using Foresighted Layout*, 2001): the
union of all snapshots is laid out once, in layers (Sugiyama, Tagawa and Toda 1981), and what never stands in one graph
may stand in one place. The steps, each a function below:

- rows are ranks in the union, every node sunk towards its readers;
- a node that takes another one's place in the graph, in the same row, takes its slot in the picture;
- a variable read further down than the next row goes there in a *lane*: a slot of its own in every row between, which
  no box stands in;
- the order within each row is found by barycentres, from several starts, the best of all sweeps by crossings counted
  over time, and neighbours are exchanged while that saves crossings;
- places in pixels follow the order: each slot as near to the median of what it is tied to as those it meets allow.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from graphs.inspection.recording import Recording

__all__ = ["BOX", "Edge", "Layout", "Life", "edges_of", "lay_out", "lives_of"]

BOX, GAP, LANE = 156.0, 16.0, 9.0  # widths, in pixels of the picture at its full size
STRAIGHT = 6.0  # how much more a lane keeps its direction than a box stands near its neighbours
SWEEPS, ROUNDS, PASSES, EXCHANGES, STRAIGHTENED = 14, 2, 10, 6, 4
PULL = 0.85  # of the way to where it should be, from the middle of the picture: what is left keeps it narrow
FEW = 4_000  # slots, up to which several starts are tried and neighbours exchanged, too
MOST_LANE_ROWS = 15_000  # of all lanes together; the longest wires beyond run behind the boxes
Life = tuple[int, int]  # first and last snapshot that something stands in, both included


@dataclass(frozen=True)
class Edge:
    """A node reads a variable, as its input number `position`, from one snapshot to another."""

    variable: int
    node: int
    position: int
    life: Life


@dataclass(frozen=True)
class Layout:
    """Places, in pixels: ``x`` of middles, rows from 0 downwards."""

    rows: int
    left: float  # the least x that anything takes up
    right: float  # likewise the largest
    nodes: dict[int, tuple[float, int]]  # by node
    roots: dict[int, tuple[float, int]]  # by variable, of the inputs and shared variables that are read
    lanes: dict[int, tuple[float, ...]]  # by variable: x in each row below the one that it is computed in


def lives_of(recording: Recording) -> dict[int, Life]:
    """The snapshots in which each node stands."""
    last = len(recording.steps)
    born = dict.fromkeys(recording.first_nodes, 0)
    gone: dict[int, int] = {}
    for index, step in enumerate(recording.steps, start=1):
        born.update((node, index) for node in step.come if node not in born)
        gone.update((node, index - 1) for node in step.gone)
        for node in step.come:
            gone.pop(node, None)  # it is there again
    return {node: (start, gone.get(node, last)) for node, start in born.items()}


def edges_of(recording: Recording, lives: dict[int, Life]) -> tuple[Edge, ...]:
    """Every edge that any snapshot has, constants left out."""
    reads: dict[tuple[int, int], tuple[int, int]] = {}  # (node, position) → (variable, since)
    found: list[Edge] = []

    def end(key: tuple[int, int], until: int) -> None:
        variable, since = reads.pop(key)
        if until >= since and recording.variables[variable].kind != "constant":
            found.append(Edge(variable, key[0], key[1], (since, until)))

    for node, (start, _) in lives.items():
        for position, variable in enumerate(recording.nodes[node].inputs):
            reads[node, position] = (variable, start)
    for index, step in enumerate(recording.steps, start=1):
        for change in step.changes:
            key = (change.node, change.position)
            if change.node is not None and key in reads:
                end((change.node, change.position), index - 1)
                reads[change.node, change.position] = (change.new, index)
    for node, position in list(reads):
        end((node, position), lives[node][1])
    return tuple(found)


def lay_out(recording: Recording) -> Layout:
    """Places for everything that any snapshot of `recording` has."""
    lives = lives_of(recording)
    edges = edges_of(recording, lives)
    owner = {out: node for node in lives for out in recording.nodes[node].outputs}
    ranks = _ranks(lives, edges, owner)
    slots = _slots(recording, lives, owner, ranks)
    lanes = _lanes(edges, owner, ranks, slots)
    rows = _rows(dict.fromkeys(slots.values()), lanes)
    _order(rows)
    _place(rows)
    for _ in range(STRAIGHTENED):
        _straighten(rows, lanes.values())
    every = [slot for row in rows for slot in row.slots]
    return Layout(
        len(rows),
        round(min((slot.x - slot.half for slot in every), default=0.0), 1),
        round(max((slot.x + slot.half for slot in every), default=0.0), 1),
        {key: (round(slot.x, 1), slot.row) for (kind, key), slot in slots.items() if kind == "node"},
        {key: (round(slot.x, 1), slot.row) for (kind, key), slot in slots.items() if kind == "root"},
        {variable: tuple(round(slot.x, 1) for slot in lane) for variable, lane in lanes.items()},
    )


Key = tuple[str, int]


def _ranks(lives: dict[int, Life], edges: Iterable[Edge], owner: dict[int, int]) -> dict[Key, int]:
    """The row of each node and root: under all that it reads, and right above the first that reads it.

    Where the union of all snapshots has a cycle, the edges that close it are left aside, and point upwards.
    """
    readers: defaultdict[Key, set[Key]] = defaultdict(set)
    reads: defaultdict[Key, set[Key]] = defaultdict(set)
    keys: list[Key] = [("node", node) for node in lives]
    for edge in edges:
        source = _source(edge.variable, owner)
        if source not in readers and source[0] == "root":
            keys.append(source)
        readers[source].add(("node", edge.node))
        reads["node", edge.node].add(source)
    waiting = {key: len(reads[key]) for key in keys}
    ready = [key for key in keys if not waiting[key]]
    left = sorted((lives[key[1]][0], key) for key in keys if waiting[key])
    order: list[Key] = []
    rank: dict[Key, int] = {}
    while len(order) < len(keys):
        if not ready:  # a cycle: the oldest of those left is taken to read what is known so far
            heapq.heapify(left)
            while left and left[0][1] in rank:
                heapq.heappop(left)
            key = heapq.heappop(left)[1]
            waiting[key] = 0
            ready.append(key)
        key = ready.pop()
        if key in rank:
            continue
        rank[key] = 1 + max((rank[source] for source in reads[key] if source in rank), default=-1)
        order.append(key)
        for reader in readers[key]:
            waiting[reader] -= 1
            if waiting[reader] == 0 and reader not in rank:
                ready.append(reader)
    for key in reversed(order):
        below = [rank[reader] for reader in readers[key] if rank[reader] > rank[key]]
        if below:
            rank[key] = min(below) - 1
    return rank


def _source(variable: int, owner: dict[int, int]) -> Key:
    return ("node", owner[variable]) if variable in owner else ("root", variable)


@dataclass(eq=False)
class _Slot:
    """A place in a row, for one box after another, or for a lane."""

    row: int
    half: float  # of its width
    lives: list[Life]
    ties: list[_Tie] = field(default_factory=list)
    place: int = 0  # in the order of its row
    x: float = 0.0

    def meets(self, other: _Slot) -> bool:
        """Whether both are taken at some moment, or one right after the other: a step shows what goes and what comes."""
        return any(a <= d + 1 and c <= b + 1 for a, b in self.lives for c, d in other.lives)

    def apart(self, other: _Slot) -> float:
        """How far their middles must be apart."""
        return self.half + other.half + (GAP if self.half > LANE and other.half > LANE else LANE)


@dataclass(frozen=True, eq=False)
class _Tie:
    """A wire's piece between two slots."""

    other: _Slot
    life: Life
    weight: float


@dataclass(eq=False)
class _Row:
    """The slots of one row in their order, and which of them meet."""

    slots: list[_Slot]
    meetings: dict[_Slot, list[_Slot]] = field(default_factory=dict)


def _tie(one: _Slot, other: _Slot, life: Life, strength: float = 1.0) -> None:
    weight = strength * (life[1] - life[0] + 1)
    one.ties.append(_Tie(other, life, weight))
    other.ties.append(_Tie(one, life, weight))


def _slots(
    recording: Recording, lives: dict[int, Life], owner: dict[int, int], ranks: dict[Key, int]
) -> dict[Key, _Slot]:
    """A slot for each node and root; heirs in the slots of those whose place they take, where the row is the same."""
    last = len(recording.steps)
    old_of: defaultdict[int, list[int]] = defaultdict(list)
    for index, step in enumerate(recording.steps, start=1):
        for old, new in step.replaced:
            if new in owner and old in owner and lives[owner[new]][0] == index:
                old_of[owner[new]].append(owner[old])
    slots: dict[Key, _Slot] = {}
    for key in sorted(ranks, key=lambda key: (key[0] == "node" and lives[key[1]][0], key)):
        life = lives[key[1]] if key[0] == "node" else (0, last)
        for old in old_of[key[1]] if key[0] == "node" else ():
            slot = slots.get(("node", old))
            if slot is not None and slot.row == ranks[key] and slot.lives[-1][1] < life[0]:
                slot.lives.append(life)
                slots[key] = slot
                break
        else:
            slots[key] = _Slot(ranks[key], BOX / 2, [life])
    return slots


def _lanes(
    edges: Sequence[Edge], owner: dict[int, int], ranks: dict[Key, int], slots: dict[Key, _Slot]
) -> dict[int, list[_Slot]]:
    """A lane for each variable that is read further down; everything tied to what it is connected with."""
    nets: defaultdict[int, list[Edge]] = defaultdict(list)
    for edge in edges:
        nets[edge.variable].append(edge)
    reach = {
        v: max(ranks["node", e.node] for e in net) - ranks[_source(v, owner)] - 1 for v, net in nets.items()
    }
    left, given = MOST_LANE_ROWS, set()
    for variable in sorted(reach, key=lambda v: (reach[v], v)):
        left -= max(reach[variable], 0)
        if left >= 0 and reach[variable] > 0:
            given.add(variable)
    lanes: dict[int, list[_Slot]] = {}
    for variable, net in nets.items():
        source = slots[_source(variable, owner)]
        far = [edge for edge in net if ranks["node", edge.node] > source.row + 1]
        lane: list[_Slot] = []
        if variable in given:
            for row in range(source.row + 1, source.row + 1 + reach[variable]):
                passing = [edge.life for edge in far if ranks["node", edge.node] > row]
                life = (min(life[0] for life in passing), max(life[1] for life in passing))
                lane.append(_Slot(row, LANE / 2, [life]))
                _tie(
                    lane[-2] if len(lane) > 1 else source, lane[-1], life, STRAIGHT if len(lane) > 1 else 1.0
                )
            lanes[variable] = lane
        for edge in net:
            reader = slots["node", edge.node]
            above = reader.row - source.row - 2
            _tie(lane[above] if lane and above >= 0 else source, reader, edge.life)
    return lanes


def _rows(boxes: Iterable[_Slot], lanes: dict[int, list[_Slot]]) -> list[_Row]:
    """The slots by row, in an order in which what is tied stands near: as one walks along the ties."""
    every = sorted([*boxes, *(slot for lane in lanes.values() for slot in lane)], key=lambda slot: slot.row)
    rows = [_Row([]) for _ in range(every[-1].row + 1 if every else 0)]
    seen: set[_Slot] = set()
    for start in every:
        waiting = [start]
        while waiting:
            slot = waiting.pop()
            if slot not in seen:
                seen.add(slot)
                rows[slot.row].slots.append(slot)
                waiting += [tie.other for tie in reversed(slot.ties) if tie.other not in seen]
    for row in rows:
        _number(row)
        for slot in row.slots:
            row.meetings[slot] = [other for other in row.slots if other is not slot and slot.meets(other)]
    return rows


def _number(row: _Row) -> None:
    for place, slot in enumerate(row.slots):
        slot.place = place


def _order(rows: list[_Row]) -> None:
    """The order within each row: the best by crossings of what several starts come to."""
    pieces = _Pieces(rows)
    is_small = sum(len(row.slots) for row in rows) <= FEW
    starts = [[list(row.slots) for row in rows]]
    if is_small:
        starts.append([row.slots[::-1] for row in rows])
        starts.append([sorted(row.slots, key=lambda slot: slot.lives[0][0]) for row in rows])
    best, fewest = starts[0], pieces.crossings()
    for start in starts:
        _put(rows, start)
        for _ in range(ROUNDS if is_small else 1):
            _sweep(rows, pieces)
            if is_small:
                _exchanges(rows)
            if (crossed := pieces.crossings()) < fewest:
                best, fewest = [list(row.slots) for row in rows], crossed
    _put(rows, best)


def _put(rows: list[_Row], order: list[list[_Slot]]) -> None:
    for row, slots in zip(rows, order, strict=True):
        row.slots = list(slots)
        _number(row)


def _sweep(rows: list[_Row], pieces: _Pieces) -> None:
    """Barycentres, down and up in turn; the best of all sweeps stays."""
    best, fewest = [list(row.slots) for row in rows], pieces.crossings()
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            _by_barycentre(row, rows, -1 if sweep % 2 == 0 else 1)
        if (crossed := pieces.crossings()) < fewest:
            best, fewest = [list(row.slots) for row in rows], crossed
    _put(rows, best)


def _exchanges(rows: list[_Row]) -> None:
    for _ in range(EXCHANGES):
        changed = [_exchange(row) for row in rows]  # all rows, each time
        if not any(changed):
            return


def _by_barycentre(row: _Row, rows: list[_Row], side: int) -> None:
    """Put a row in the order of the middles of what each slot is tied to in the row above (-1) or below (1)."""

    def middle(slot: _Slot) -> float:
        total = weighted = 0.0
        for tie in slot.ties:
            if tie.other.row - slot.row == side:
                total += tie.weight
                weighted += tie.weight * (tie.other.place + 0.5) / len(rows[tie.other.row].slots)
        return weighted / total if total else (slot.place + 0.5) / len(row.slots)

    middles = {slot: middle(slot) for slot in row.slots}
    row.slots.sort(key=middles.__getitem__)
    _number(row)


class _Pieces:
    """All wires between neighbouring rows, to count crossings in: each as long as both wires live."""

    def __init__(self, rows: list[_Row]) -> None:
        self._gaps = []
        for row in rows:
            pairs = [(slot, tie) for slot in row.slots for tie in slot.ties if tie.other.row == slot.row + 1]
            start = np.array([tie.life[0] for _, tie in pairs])
            end = np.array([tie.life[1] for _, tie in pairs])
            together = (
                np.minimum(end[:, None], end) - np.maximum(start[:, None], start) + 1 if pairs else None
            )
            self._gaps.append((pairs, None if together is None else np.maximum(together, 0)))

    def crossings(self) -> float:
        found = 0.0
        for pairs, together in self._gaps:
            if together is not None:
                above = np.array([slot.place for slot, _ in pairs])
                below = np.array([tie.other.place for _, tie in pairs])
                crossed = (above[:, None] < above) & (below[:, None] > below)
                found += float((crossed * together).sum())
        return found


def _exchange(row: _Row) -> bool:
    """Exchange neighbours while that saves crossings; whether it did."""
    changed = False
    for i in range(len(row.slots) - 1):
        one, other = row.slots[i], row.slots[i + 1]
        saved = _crossed(one, other) - _crossed(other, one)
        if saved > 0:
            row.slots[i], row.slots[i + 1] = other, one
            one.place, other.place = other.place, one.place
            changed = True
    return changed


def _crossed(left: _Slot, right: _Slot) -> float:
    """Crossings of the wires of two neighbours in this order, times how long both live."""
    found = 0.0
    for one in left.ties:
        for other in right.ties:
            if one.other.row == other.other.row and one.other.place > other.other.place:
                found += max(min(one.life[1], other.life[1]) - max(one.life[0], other.life[0]) + 1, 0)
    return found


def _place(rows: list[_Row]) -> None:
    """Places in pixels, in the order of each row."""
    for row in rows:
        _settle(row, dict.fromkeys(row.slots, 0.0))
    for turn in range(PASSES):
        for row in rows if turn % 2 == 0 else reversed(rows):
            _settle(row, {slot: (PULL if slot.half > LANE else 1.0) * _median(slot) for slot in row.slots})


def _median(slot: _Slot) -> float:
    """The middle of what it is tied to, by weight."""
    known = sorted((tie.other.x, tie.weight) for tie in slot.ties)
    if not known:
        return slot.x
    half, so_far = sum(weight for _, weight in known) / 2, 0.0
    for i, (x, weight) in enumerate(known):
        so_far += weight
        if so_far > half:
            return x
        if so_far == half and i + 1 < len(known):
            return (x + known[i + 1][0]) / 2
    return known[-1][0]


def _settle(row: _Row, wanted: dict[_Slot, float]) -> None:
    """Each slot as near to where it is wanted as those it meets allow.

    Pushed to the right from the left end, and to the left from the right end: both keep all distances, so the
    middle of both does.
    """
    right: dict[_Slot, float] = {}
    for slot in row.slots:
        before = (right[o] + slot.apart(o) for o in row.meetings[slot] if o.place < slot.place)
        right[slot] = max(wanted[slot], max(before, default=wanted[slot]))
    left: dict[_Slot, float] = {}
    for slot in reversed(row.slots):
        after = (left[o] - slot.apart(o) for o in row.meetings[slot] if o.place > slot.place)
        left[slot] = min(wanted[slot], min(after, default=wanted[slot]))
    for slot in row.slots:
        slot.x = (left[slot] + right[slot]) / 2


def _straighten(rows: list[_Row], lanes: Iterable[list[_Slot]]) -> None:
    """Each lane in as few straight pieces as what it meets allows, as it stands: the longest first one, and so on."""
    for lane in lanes:
        near = [tie.other.x for tie in lane[0].ties if tie.other.row < lane[0].row]
        x = near[0] if near else lane[0].x
        run: list[_Slot] = []
        low, high = float("-inf"), float("inf")
        for slot in [*lane, None]:
            if slot is not None:
                meets = rows[slot.row].meetings[slot]
                least = max((o.x + slot.apart(o) for o in meets if o.place < slot.place), default=low)
                most = min((o.x - slot.apart(o) for o in meets if o.place > slot.place), default=high)
                least, most = min(least, slot.x), max(most, slot.x)
                if not run or max(low, least) <= min(high, most):
                    low, high = max(low, least), min(high, most)
                    run.append(slot)
                    continue
            x = min(max(x, low), high)
            for passed in run:
                passed.x = x
            if slot is not None:
                run, low, high = [slot], least, most
