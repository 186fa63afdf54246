"""A graph as a still picture and a table, in HTML that needs no JavaScript."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from html import escape
from itertools import pairwise
from typing import Any

from graphs.foreign import plain
from graphs.inspection.recording import Placed, Recording
from graphs.inspection.show.page.layout import BOX, Layout

__all__ = ["picture", "steps_table"]

ROW, HEIGHT, MARGIN, FIT = 66, 40, 12, 24  # pixels; characters that fit into a box
MOST = 1500  # nodes of a still picture; of more nobody sees anything
Point = tuple[float, float]
Label = list[list[Any]]  # of one node: [from snapshot, word, formula]


def picture(recording: Recording, snapshot: int, layout: Layout, labels: Sequence[Label], title: str) -> str:
    """One snapshot as an SVG element, rows that hold nothing left out; `labels` by node, as in `Drawn`."""
    placed = recording.snapshot(snapshot).nodes
    if len(placed) > MOST:
        return f"<p>{escape(title)}: {len(placed):,} nodes, too many for a still picture.</p>"
    roots = dict.fromkeys(
        v for node in placed for v in node.inputs if recording.variables[v].kind in ("input", "shared")
    )
    rows = _folded(
        [
            *(layout.nodes[node.node][1] for node in placed),
            *(layout.roots[v][1] for v in roots if v in layout.roots),
        ]
    )
    xs = [*(layout.nodes[node.node][0] for node in placed), *(layout.roots[v][0] for v in roots)]
    left = min(xs, default=0.0) - BOX / 2 - MARGIN
    width = max(xs, default=0.0) + BOX / 2 + MARGIN - left
    height = max(rows.values(), default=0) * ROW + HEIGHT + 2 * MARGIN

    def corner(x: float, row: int) -> Point | None:
        return (x - left, rows[row] * ROW + MARGIN) if row in rows else None

    places = {v: layout.roots[v] for v in roots}
    places |= {out: layout.nodes[node.node] for node in placed for out in node.outputs}
    at: dict[int, Point] = {v: (x - left, rows[row] * ROW + MARGIN) for v, (x, row) in places.items()}
    row_of = {v: row for v, (_, row) in places.items()}
    parts = [
        *_wires(placed, at, row_of, layout, corner),
        *_boxes(recording, snapshot, placed, at, roots, labels),
    ]
    return (
        f'<svg class="still" role="img" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}"'
        f' height="{height:.0f}"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )


def _folded(rows: Collection[int]) -> dict[int, int]:
    """The rows that hold something, without gaps."""
    return {row: i for i, row in enumerate(sorted(set(rows)))}


def _wires(
    placed: Collection[Placed],
    at: dict[int, Point],
    row_of: dict[int, int],
    layout: Layout,
    corner: Callable[[float, int], Point | None],
) -> Iterator[str]:
    """Each wire, along its lane through the rows that are there."""
    for node in placed:
        reads = [v for v in node.inputs if v in at]
        x1, y1 = at[node.outputs[0]]
        for i, variable in enumerate(reads):
            x0, y0 = at[variable]
            first, last = row_of[variable] + 1, row_of[node.outputs[0]]
            points = [(x0, y0 + HEIGHT)]
            for x, row in zip(layout.lanes.get(variable, ()), range(first, last), strict=False):
                if (passed := corner(x, row)) is not None:
                    points += [passed, (passed[0], passed[1] + HEIGHT)]
            points.append((x1 + BOX * ((i + 1) / (len(reads) + 1) - 0.5), y1))
            path = f"M{points[0][0]:.0f} {points[0][1]:.0f}"
            for (x, y), (x2, y2) in pairwise(points):
                bend = max(min(0.6 * (y2 - y), 18), 0)
                path += (
                    f"C{x:.0f} {y + bend:.0f} {x2:.0f} {y2 - bend:.0f} {x2:.0f} {y2:.0f}"
                    if x != x2
                    else f"V{y2:.0f}"
                )
            yield f'<path class="wire" d="{path}"/>'


def _boxes(
    recording: Recording,
    snapshot: int,
    placed: Collection[Placed],
    at: dict[int, Point],
    roots: Collection[int],
    labels: Sequence[Label],
) -> Iterator[str]:
    for variable in roots:
        described = recording.variables[variable]
        yield _box(at[variable], described.name or "input", described.type, "root")
    for node in placed:
        _, word, formula = [row for row in labels[node.node] if row[0] <= snapshot][-1]
        yield _box(at[node.outputs[0]], word, formula, "node")


def _box(at: Point, first: str, second: str, kind: str) -> str:
    x, y = at
    cut = [
        plain(text)[: FIT - 1] + "…" if len(plain(text)) > FIT else plain(text) for text in (first, second)
    ]
    return (
        f'<g class="{kind}"><rect x="{x - BOX / 2:.0f}" y="{y:.0f}" width="{BOX:.0f}" height="{HEIGHT}" rx="5"/>'
        f'<text class="word" x="{x:.0f}" y="{y + 17:.0f}">{escape(cut[0])}</text>'
        f'<text class="formula" x="{x:.0f}" y="{y + 32:.0f}">{escape(cut[1])}</text></g>'
    )


def steps_table(recording: Recording, effects: Collection[str]) -> str:
    """Every step: phase, rule, nodes, and what it did to the outputs."""
    counts = recording.node_counts()
    rows = "".join(
        f"<tr><td>{i}</td><td>{escape(plain(step.phase))}</td><td>{escape(plain(recording.rule_of(i).name))}</td>"
        f"<td>{counts[i - 1]} → {counts[i]}</td><td>{escape(effect)}</td></tr>"
        for i, (step, effect) in enumerate(zip(recording.steps, effects, strict=True), start=1)
    )
    head = (
        "<tr><th>step</th><th>phase</th><th>rule</th><th>nodes</th><th>what it did to the outputs</th></tr>"
    )
    return f"<table><caption>Every step</caption><thead>{head}</thead><tbody>{rows}</tbody></table>"
