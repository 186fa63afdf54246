"""What the page shows beside the recording itself: places, formulas, work, sentences. All computed here, once.

The page's own JavaScript replays steps, colours, selects and searches; whatever needs the algebra of formulas, the
tables of costs or the words of the report is made by the same Python as the report in a terminal.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import msgspec

from graphs.foreign import plain
from graphs.inspection.costs import last_costs, snapshot_costs
from graphs.inspection.pair import Parting
from graphs.inspection.recording import GRADIENT, Recording, Step
from graphs.inspection.show.formulas import Formulas
from graphs.inspection.show.nonfinite import lines_of, place, told_of, way_of
from graphs.inspection.show.page.layout import BOX, Layout, lay_out
from graphs.inspection.show.start import rows_of, said_of
from graphs.inspection.show.steps import effect, way_out
from graphs.inspection.show.story import Link, story

__all__ = ["MOST_LAID_OUT", "Drawn", "Moment", "draw", "moments"]

# Nodes ever, and more open as an overview: to lay all of them out takes longer than one waits, and nobody sees them.
MOST_LAID_OUT = 6000
GROUP = 120  # nodes of one box in the overview, at most
WORD, FORMULA, WHOLE = 40, 90, 400  # characters
Row = list[Any]


class Drawn(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is drawn of one recording. Tables are lists; what is empty or not known is left out."""

    title: str
    story: list[list[str | Row]]  # sentences: texts, and links as [text, step, node, snapshot]
    box: float  # width of a box
    layout: Layout | None  # None for more nodes than MOST_LAID_OUT
    # where there is no layout, the nodes in groups: [name, row, [node …]]
    groups: list[Row]
    labels: list[list[Row]]  # by node: [from snapshot, word, formula]
    # by step: [[[name, before, after] …], what it did to the outputs, whether only names changed]
    steps: list[Row]
    # by snapshot: [operations, functions, bytes, nodes of unknown operations, and of unknown bytes]
    work: list[Row]
    # by node, where it stood last: [operations, functions, bytes read, bytes written]
    node_work: list[Row | None]
    rules: list[str]  # by rule: how it is left out
    lines: list[list[int]]  # by node: which of the recording's lines it goes back to
    # where values stop being finite: [snapshot, node, names, sentence, lines, what helps, how it spreads]
    beginnings: list[Row]
    # where the time to the first result went: [[name, seconds] …] in order, and what is to be said of it
    start: list[Row]
    start_said: str


class Moment(msgspec.Struct, frozen=True, array_like=True):
    """A place on the time line: how many steps of each recording are done there."""

    first: int
    second: int
    paired: bool  # whether the last step was one of both


def draw(recording: Recording) -> Drawn:
    """Everything that the page of `recording` needs."""
    laid_out = lay_out(recording) if len(recording.nodes) <= MOST_LAID_OUT else None
    labels, steps = _told(recording)
    lines = _lines(recording)
    return Drawn(
        title=_title(recording),
        story=[[_piece(piece) for piece in sentence] for sentence in story(recording)],
        box=BOX,
        layout=laid_out,
        groups=[] if laid_out is not None else _groups(recording, lines),
        labels=labels,
        steps=steps,
        work=[
            [
                cost.flops,
                cost.transcendentals,
                cost.read + cost.written,
                cost.unknown_flops,
                cost.unknown_bytes,
            ]
            for cost in snapshot_costs(recording, storage=False)
        ],
        node_work=_node_work(recording),
        rules=[way_out(rule) for rule in recording.rules],
        lines=lines,
        beginnings=_beginnings(recording),
        start=[list(row) for row in rows_of(recording.start)],
        start_said=said_of(recording.start),
    )


def moments(recording: Recording, parting: Parting | None) -> list[Moment]:
    """The time line: one moment before any step, and one after each, of one recording or of two aligned ones."""
    if parting is None:
        return [Moment(step, 0, True) for step in range(len(recording.steps) + 1)]
    found = [Moment(0, 0, True)]
    for row in parting.rows:
        before = found[-1]
        first, second = row.first or before.first, row.second or before.second
        found.append(Moment(first, second, row.first is not None and row.second is not None))
    return found


def _cut(text: str, most: int) -> str:
    return plain(text) if len(text) <= most else f"{plain(text[: most - 1])}…"


def _title(recording: Recording) -> str:
    mode = "" if recording.mode.startswith("Mode(") else f" · mode {recording.mode}"
    return plain(f"{recording.name or 'a function'}{mode} · {recording.linker}")


def _piece(piece: str | Link) -> str | Row:
    return piece if isinstance(piece, str) else list(piece)


def _told(recording: Recording) -> tuple[list[list[Row]], list[Row]]:
    """Every node's word and formula, anew where what it reads moves; and every step's formulas before and after."""
    formulas = Formulas(recording, 0)
    labels: defaultdict[int, list[Row]] = defaultdict(list)

    def label(node: int, snapshot: int) -> None:
        placed = formulas.placed(node)
        names = [recording.variables[v].name for v in placed.outputs if recording.variables[v].name]
        word = ", ".join(names) or formulas.word(placed.op).partition("{")[0]
        row = [snapshot, _cut(word, WORD), _cut(formulas.node(placed, depth=2), FORMULA)]
        if not labels[node] or labels[node][-1][1:] != row[1:]:
            labels[node].append(row)

    for node in recording.first_nodes:
        label(node, 0)
    steps: list[Row] = []
    for index, step in enumerate(recording.steps, start=1):
        named = [recording.variables[old].name for old, _ in step.replaced]
        before = [formulas.variable(old, depth=6, named=False) for old, _ in step.replaced]
        formulas.advance(step)
        after = [formulas.variable(new, depth=6, named=False) for _, new in step.replaced]
        pairs = [
            [_cut(name, WORD), _cut(old, WHOLE), _cut(new, WHOLE)]
            for name, old, new in zip(named, before, after, strict=True)
        ]
        effects = plain(effect(recording, index, exactly=True), 1000)
        steps.append([pairs, effects, _only_names(recording, step)])
        for node in dict.fromkeys([*step.come, *(c.node for c in step.changes if c.node is not None)]):
            label(node, index)
    return [labels[node] for node in range(len(recording.nodes))], steps


def _only_names(recording: Recording, step: Step) -> bool:
    """Whether each node that went has come again: the same Op, on the same variables, under other names."""
    twin = dict(step.replaced)

    def standing(nodes: tuple[int, ...]) -> Counter[Any]:
        made = (recording.nodes[node] for node in nodes)
        return Counter((node.op, tuple(twin.get(v, v) for v in node.inputs)) for node in made)

    return bool(step.come) and standing(step.gone) == standing(step.come)


def _lines(recording: Recording) -> list[list[int]]:
    """The user's lines that each node goes back to."""
    number = {line: i for i, line in enumerate(recording.lines)}
    known: dict[int, frozenset[int]] = {}
    # A parent stands before what is made of it, but for one that went and came again.
    for node, found in enumerate(recording.nodes):
        own = {*found.origin.lines}
        for parent in found.origin.parents:
            own |= known[parent] if parent in known else {number[at] for at in recording.lines_of(parent)}
        known[node] = frozenset(own)
    return [sorted(known[node]) for node in range(len(recording.nodes))]


def _node_work(recording: Recording) -> list[Row | None]:
    found: list[Row | None] = [None] * len(recording.nodes)
    for cost in last_costs(recording):
        found[cost.node] = [cost.flops, cost.transcendentals, cost.read, cost.written]
    return found


def _beginnings(recording: Recording) -> list[Row]:
    found = recording.evaluation.nonfinite if recording.evaluation else ()
    return [
        [
            origin.snapshot,
            recording.variables[origin.variable].owner,
            [recording.outputs[output].name for output in origin.outputs],
            told_of(recording, origin),
            [[place(line), line.text] for line in lines_of(recording, origin)[:3]],
            origin.write,
            way_of(recording, origin) if len(origin.path) > 1 else "",
        ]
        for origin in found
    ]


def _groups(recording: Recording, lines: list[list[int]]) -> list[Row]:
    """The nodes by the user's line that they go back to, in groups that a person can open; from the top."""
    rank: dict[int, int] = {}
    owner = {out: i for i, node in enumerate(recording.nodes) for out in node.outputs}
    for i in _in_order(recording, owner):
        rank[i] = 1 + max(
            (rank.get(owner[v], 0) for v in recording.nodes[i].inputs if v in owner), default=-1
        )
    kept: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    for node, found in enumerate(lines):
        roots = recording.nodes[node].origin.kind
        kept[found[0] if found else -1, GRADIENT if roots == GRADIENT else ""].append(node)
    groups: list[Row] = []
    for (line, kind), nodes in kept.items():
        name = place(recording.lines[line]) if line >= 0 else "no line of the user's"
        name += f", {kind}" if kind else ""
        ordered = sorted(nodes, key=lambda node: (rank[node], node))
        for start in range(0, len(ordered), GROUP):
            part = ordered[start : start + GROUP]
            groups.append([name, sum(rank[node] for node in part) / len(part), part])
    groups.sort(key=lambda group: group[1])
    return [[name, row, nodes] for row, (name, _, nodes) in enumerate(groups)]


def _in_order(recording: Recording, owner: dict[int, int]) -> list[int]:
    """Every node ever, after those that it reads when it comes."""
    order: dict[int, None] = {}
    entered: set[int] = set()
    for root in range(len(recording.nodes)):
        stack = [root]
        while stack:
            node = stack.pop()
            if node in order:
                continue
            needed = [owner[v] for v in recording.nodes[node].inputs if v in owner and owner[v] not in order]
            if not needed or node in entered:
                order[node] = None
                continue
            entered.add(node)
            stack += [node, *needed]
    return list(order)
