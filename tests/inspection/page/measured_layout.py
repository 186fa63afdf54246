"""Crossings and area of the page's layout, step by step, beside dagre's layout of each step by itself.

    python -m tests.inspection.page.measured_layout RECORDING.json NODE_MODULES

prints medians over the steps. dagre (npm, MIT) lays out each snapshot anew, so its nodes jump; ours stand still, and
pay for that in room. Edges of one variable share their way and are not counted as crossing each other.
"""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graphs.inspection import load
from graphs.inspection.recording import Recording
from graphs.inspection.show.page.layout import BOX, Layout, edges_of, lay_out, lives_of

ROW, HEIGHT = 68.0, 40.0
Line = tuple[int, list[tuple[float, float]]]  # of which variable, and its corners


def ours(recording: Recording, layout: Layout, snapshot: int) -> tuple[list[Line], float, float]:
    """Wires of one snapshot as straight pieces, and width and height of what it takes up."""
    lives = lives_of(recording)
    owner = {out: node for node in lives for out in recording.nodes[node].outputs}
    alive = [edge for edge in edges_of(recording, lives) if edge.life[0] <= snapshot <= edge.life[1]]
    lines, xs, rows = [], [], []
    for edge in alive:
        x0, r0 = layout.nodes[owner[edge.variable]] if edge.variable in owner else layout.roots[edge.variable]
        x1, r1 = layout.nodes[edge.node]
        count = len(recording.nodes[edge.node].inputs)
        end = x1 + (BOX - 24) * ((edge.position + 1) / (count + 1) - 0.5)
        corners = [(x0, r0 * ROW + HEIGHT)]
        if edge.variable in layout.lanes and r1 - r0 > 1:
            for row, x in enumerate(layout.lanes[edge.variable][: r1 - r0 - 1], start=r0 + 1):
                corners += [(x, row * ROW), (x, row * ROW + HEIGHT)]
                xs.append(x)
        lines.append((edge.variable, [*corners, (end, r1 * ROW)]))
        xs += [x0, x1]
        rows += [r0, r1]
    width = max(xs, default=0.0) - min(xs, default=0.0) + BOX
    return lines, width, (max(rows, default=0) - min(rows, default=0)) * ROW + HEIGHT


def crossings(lines: list[Line]) -> int:
    """How often pieces of wires of two variables cross."""
    pieces = [(v, *a, *b) for v, corners in lines for a, b in itertools.pairwise(corners)]
    if not pieces:
        return 0
    found: NDArray[np.float64] = np.array(pieces)
    variable, ax, ay, bx, by = (column[:, None] for column in found.T)

    def side(px: NDArray[np.float64], py: NDArray[np.float64]) -> NDArray[np.float64]:
        return (bx - ax) * (py - ay) - (by - ay) * (px - ax)

    apart = side(ax.T, ay.T) * side(bx.T, by.T) < -1e-6
    both = apart & apart.T & (variable != variable.T)
    return int(both.sum()) // 2


def dagre(recording: Recording, snapshots: list[int], modules: Path) -> list[tuple[list[Line], float, float]]:
    """The same of dagre's layout of each snapshot."""
    lives = lives_of(recording)
    owner = {out: node for node in lives for out in recording.nodes[node].outputs}
    edges = edges_of(recording, lives)
    told = []
    for snapshot in snapshots:
        alive = [edge for edge in edges if edge.life[0] <= snapshot <= edge.life[1]]
        sources = [f"n{owner[e.variable]}" if e.variable in owner else f"r{e.variable}" for e in alive]
        nodes = {*sources, *(f"n{edge.node}" for edge in alive)}
        told.append(
            {
                "nodes": sorted(nodes),
                "edges": [[s, f"n{e.node}", i] for i, (s, e) in enumerate(zip(sources, alive, strict=True))],
            }
        )
    script = Path(__file__).with_name("dagre_layout.mjs")
    request = json.dumps({"graphs": told, "width": BOX, "height": HEIGHT})
    ran = subprocess.run(["node", script, modules], input=request, capture_output=True, text=True, check=True)
    found = []
    for snapshot, result in zip(snapshots, json.loads(ran.stdout), strict=True):
        alive = [edge for edge in edges if edge.life[0] <= snapshot <= edge.life[1]]
        lines = [
            (edge.variable, [tuple(p) for p in points])
            for edge, points in zip(alive, result["edges"], strict=True)
        ]
        found.append((lines, result["width"], result["height"]))
    return found


def main(path: str, modules: str = "") -> None:
    """Print both, and their ratio."""
    recording = load(path)
    layout = lay_out(recording)
    last = len(recording.steps)
    snapshots = sorted({round(i * last / 60) for i in range(61)})
    mine = [ours(recording, layout, snapshot) for snapshot in snapshots]
    print(f"ours: rows {layout.rows}, width {layout.right - layout.left:.0f} over the whole story")
    tell("ours", mine)
    if modules:
        theirs = dagre(recording, snapshots, Path(modules))
        tell("dagre", theirs)


def tell(name: str, found: list[tuple[list[Line], float, float]]) -> None:
    """Medians of one layout."""
    crossed = [crossings(lines) for lines, _, _ in found]
    area = [width * height / 1e6 for _, width, height in found]
    print(
        f"{name}: crossings {statistics.median(crossed):.0f} (most {max(crossed)}),"
        f" area {statistics.median(area):.2f} million pixels (most {max(area):.2f})"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
