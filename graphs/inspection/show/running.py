"""What runs in the end: nodes by time, work before and after, one node's code."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from graphs.inspection.costs import NodeCost, node_costs, snapshot_costs
from graphs.inspection.findings import NodeCode, NodeTime, Times
from graphs.inspection.recording import Placed, Recording
from graphs.inspection.show.formulas import Formulas
from graphs.terminal import UNKNOWN, count, duration, rate, share, size

__all__ = ["HotNodes", "code_view", "timing_note", "work_table"]

LEXERS = {"c": "c", "python": "python", "llvm": "llvm", "assembly": "gas"}
FULL_BLOCK, BAR = "█", 8


@dataclass(frozen=True)
class HotNodes:
    """The final nodes, the slowest first; in the order they run where there are no times.

    Attributes
    ----------
    recording : Recording
    most : int
        How many rows at most; the others in one sum.
    """

    recording: Recording
    most: int = 10

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        recording, width = self.recording, options.max_width
        times = recording.measurements.times if recording.measurements else None
        timed = {t.node: t for t in times.nodes} if times and times.total is not None else {}
        costs = {cost.node: cost for cost in node_costs(recording)}
        snapshot = recording.snapshot(-1)
        formulas = Formulas(recording, snapshot)
        whole = times.call.median if times and times.call else None
        nodes = sorted(snapshot.nodes, key=lambda node: -_median(timed.get(node.node)))
        shown, rest = nodes[: self.most], nodes[self.most :]
        wide = width >= 110
        table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
        table.add_column("node", width=5, no_wrap=True)
        columns = [("time", 9), ("of call", BAR + 6 if wide else 7)] if timed else []
        if wide or not timed:
            columns += [("operations", 14), ("moved", 7)]
        if wide and timed:
            columns.append(("achieved", 23))
        taken = 7 + sum(room + 2 for _, room in columns)
        table.add_column("what it computes", width=max(width - taken - 2, 20), overflow="fold")
        for name, room in columns:
            table.add_column(name, width=room, justify="right", no_wrap=True)
        for node in shown:
            cells = [f"#{node.node}", _computes(recording, formulas, node)]
            cells += _time(timed[node.node], whole, wide) if timed else []
            cells += _work(costs[node.node], timed.get(node.node)) if wide or not timed else []
            table.add_row(*cells[: 2 + len(columns)])
        if rest:
            together = sum(_median(timed.get(node.node)) for node in rest)
            part = _part(together, whole, wide) if timed and together else []
            table.add_row("", f"{len(rest)} other nodes", *part, style="dim")
        if timed and times is not None:
            for name, seconds in _pieces(times):
                table.add_row("", name, *_part(seconds, whole, wide), style="italic")
        yield table
        if times is not None and not timed and times.call is not None:
            yield _stretches(times)
        if times is not None:
            yield timing_note(times)


def _pieces(times: Times) -> Iterator[tuple[str, float]]:
    """What of a call is measured beside single nodes, in the order it happens."""
    for part in times.around:
        if not part.after:
            yield f"before the nodes: {part.name}", part.seconds.median
    if times.total is None and times.inside is not None:
        yield "all nodes, as one piece", times.inside.median
    for part in times.around:
        if part.after:
            yield f"after the nodes: {part.name}", part.seconds.median


def _stretches(times: Times) -> RenderableType:
    """The parts of a call whose nodes are not timed by themselves."""
    assert times.call is not None
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
    for name in ("part of a call", "time", "of call"):
        table.add_column(name, justify="left" if name == "part of a call" else "right", overflow="fold")
    for name, seconds in _pieces(times):
        table.add_row(name, *_part(seconds, times.call.median, False))
    return Group(Text(""), table)


def _computes(recording: Recording, formulas: Formulas, node: Placed) -> str:
    """``w = w - 0.1 * …``: results that have a name are named."""
    names = {recording.variables[v].name for v in node.outputs} - {""}
    updated = {
        spec.name
        for spec, variable in zip(recording.outputs, recording.snapshot(-1).outputs, strict=True)
        if variable in node.outputs
    }
    formula = formulas.node(node, depth=2)
    found = sorted((names | updated) - {formula})
    return f"{', '.join(found)} = {formula}" if found else formula


def _median(timed: NodeTime | None) -> float:
    return timed.seconds.median if timed is not None and timed.seconds is not None else 0.0


def _time(timed: NodeTime, whole: float | None, wide: bool) -> list[str]:
    if timed.seconds is None:
        return ["not timed" if not timed.problem.startswith("not run") else "not run", ""]
    return _part(timed.seconds.median, whole, wide)


def _part(seconds: float, whole: float | None, wide: bool) -> list[str]:
    """A time, and its share of the call."""
    part = seconds / whole if whole else 0.0
    bar = FULL_BLOCK * min(round(part * BAR), BAR) if wide else ""
    return [duration(seconds), f"{bar} {share(part)}".strip() if part > 5e-4 else ""]


def _work(cost: NodeCost, timed: NodeTime | None) -> list[str]:
    operations = UNKNOWN if cost.flops is None else count(cost.flops)
    if cost.transcendentals:
        functions = f"{count(cost.transcendentals)} f()"
        operations = f"{operations} + {functions}" if cost.flops else functions
    seconds = _median(timed)
    # Below a tenth of a microsecond the clock's own grain is as large as the time.
    achieved = (
        [rate(cost.bytes, seconds, "B/s"), rate(cost.flops, seconds, "FLOP/s")] if seconds > 1e-7 else []
    )
    return [
        operations if operations != "0" else "–",
        size(cost.bytes) if cost.bytes != 0 else "–",
        " ".join(filter(None, achieved)),
    ]


def timing_note(times: Times) -> RenderableType:
    """How the times were taken and whether they add up."""
    if times.call is None:
        return Text(f"Not timed: {times.problem}", style="yellow")
    text = Text(
        f"One call takes {duration(times.call.median)}"
        f" ({duration(times.call.q1)} – {duration(times.call.q3)})."
    )
    if times.total is not None:
        text.append(f" Timed apart from it, the nodes take {duration(times.total)} together")
    else:
        text.append(f" No node is timed by itself: {times.problem}.")
        if times.inside is not None:
            text.append(
                f" Timed apart from the call, all of them together take {duration(times.inside.median)}"
            )
    if times.explained is not None:
        text.append(
            f", what lies around them {duration(times.outside)}: together"
            f" {share(times.explained)} of the call."
        )
    text.append(
        f" Medians of {times.rounds} rounds of {times.calls} calls, quartiles in brackets; {times.method}.",
        style="dim",
    )
    return text


def work_table(recording: Recording) -> RenderableType:
    """Nodes, operations, bytes and storage of the first and the last snapshot."""
    costs = snapshot_costs(recording, (0, len(recording.steps)))
    first, last = costs[0], costs[-1]
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
    for name in ("one call", "as written", "as compiled"):
        table.add_column(name, justify="left" if name == "one call" else "right")
    table.add_row("nodes", str(first.nodes), str(last.nodes))
    table.add_row("arithmetic operations", count(first.flops), count(last.flops))
    table.add_row("exp, log and the like", count(first.transcendentals), count(last.transcendentals))
    table.add_row("bytes read", size(first.read), size(last.read))
    table.add_row("bytes written", size(first.written), size(last.written))
    table.add_row("storage alive at once", size(first.alive), size(last.alive))
    unknown = [(cost.unknown_flops, cost.unknown_bytes) for cost in (first, last)]
    if not any(map(any, unknown)):
        return table
    left_out = Text(
        f"Left out, as their work is not known: operations of {unknown[0][0]} and {unknown[1][0]} nodes,"
        f" bytes of {unknown[0][1]} and {unknown[1][1]}.",
        style="dim",
    )
    return Group(table, left_out)


def _lines_of_whole(recording: Recording, code: NodeCode) -> str:
    """A node's lines in the code of the whole, where it has no text of its own."""
    assert recording.measurements is not None
    for whole in recording.measurements.code:
        if code.lines and whole.node is None and whole.language == code.language:
            first, last = code.lines
            return textwrap.dedent("\n".join(whole.text.splitlines()[first - 1 : last]))
    return ""


def code_view(recording: Recording, node: int | None) -> RenderableType:
    """The generated code of a node, or of the whole function.

    Parameters
    ----------
    recording : Recording
        With measurements that hold code.
    node : int or None
        Number of a final node; None for the whole.
    """
    found = [
        code for code in (recording.measurements.code if recording.measurements else ()) if code.node == node
    ]
    title = "the whole function"
    if node is not None:
        formulas = Formulas(recording, recording.snapshot(-1))
        placed = next(p for p in recording.snapshot(-1).nodes if p.node == node)
        title = f"#{node}: {_computes(recording, formulas, placed)}"
    parts: list[RenderableType] = []
    for code in found:
        where = f", lines {code.lines[0]}–{code.lines[1]} of the whole" if code.lines else ""
        parts.append(Text.assemble((title, "bold"), (f"  {code.language}{where}", "dim")))
        if code.problem:
            parts.append(Text(code.problem, style="yellow"))
        text = code.text or _lines_of_whole(recording, code)
        if text:
            lexer = LEXERS.get(code.language, "text")
            parts.append(Syntax(text, lexer, theme="ansi_dark", word_wrap=True, background_color="default"))
        parts.append(Text(""))
    return Group(*parts) if parts else Text(f"There is no generated code for {title} in this recording.")
