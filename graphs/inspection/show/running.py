"""What runs in the end: nodes by time, work before and after, one node's code."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.syntax import Syntax
from rich.table import Column
from rich.text import Text

from graphs.errors import InputError
from graphs.foreign import WHOLE, block, legible, plain, quoted
from graphs.inspection.costs import NodeCost, node_costs, snapshot_costs
from graphs.inspection.findings import NodeCode, NodeTime, Times
from graphs.inspection.recording import Placed, Recording
from graphs.inspection.show.formulas import Formulas
from graphs.terminal import UNKNOWN, count, duration, rate, share, size, table

__all__ = ["HotNodes", "code_view", "work_table"]

LEXERS = {"c": "c", "python": "python", "llvm": "llvm", "assembly": "gas"}
FULL_BLOCK, BAR = "█", 8


@dataclass(frozen=True)
class HotNodes:
    """The final nodes, the slowest first; in the order they run where there are no times."""

    recording: Recording
    most: int = 10  # rows at most; the other nodes in one sum

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        recording, width = legible(self.recording), options.max_width
        times = recording.measurements.times if recording.measurements else None
        timed = {t.node: t for t in times.nodes} if times and times.total is not None else {}
        costs = {cost.node: cost for cost in node_costs(recording)}
        whole = times.call.median if times and times.call else None
        nodes = sorted(recording.snapshot(-1).nodes, key=lambda node: -_median(timed.get(node.node)))
        wide = width >= 110
        columns = [("time", 9), ("of call", BAR + 6 if wide else 7)] if timed else []
        if wide or not timed:
            columns += [("operations", 14), ("moved", 7)]
        if wide and timed:
            columns.append(("achieved", 23))
        taken = 7 + sum(room + 2 for _, room in columns)
        rows = table(
            Column("node", width=5, no_wrap=True),
            Column("what it computes", width=max(width - taken - 2, 20), overflow="fold"),
            *(Column(name, width=room, justify="right", no_wrap=True) for name, room in columns),
        )
        formulas, named = Formulas(recording, -1), _output_names(recording)
        notes = (
            {c.node: c.note for c in recording.measurements.code if c.note} if recording.measurements else {}
        )
        for node in nodes[: self.most]:
            computes = Text(_computes(recording, node, formulas, named))
            if node.node in notes:
                computes.append(f"  ({notes[node.node]})", "yellow")
            cells: list[str | Text] = [f"#{node.node}", computes]
            cells += _time(timed[node.node], whole, wide) if timed else []
            cells += _work(costs[node.node], timed.get(node.node)) if wide or not timed else []
            rows.add_row(*cells[: 2 + len(columns)])
        if rest := nodes[self.most :]:
            together = sum(_median(timed.get(node.node)) for node in rest)
            part = _part(together, whole, wide) if together else []
            rows.add_row("", f"{len(rest)} other nodes", *part, style="dim")
        if timed and times is not None:
            for name, seconds in _pieces(times):
                rows.add_row("", name, *_part(seconds, whole, wide), style="italic")
        yield rows
        if times is not None and times.call is not None and not timed:
            rows = table(
                "part of a call", Column("time", justify="right"), Column("of call", justify="right")
            )
            for name, seconds in _pieces(times):
                rows.add_row(name, *_part(seconds, whole, wide=False))
            yield Group(Text(""), rows)
        if times is not None:
            yield _timing_note(times)


def _pieces(times: Times) -> Iterator[tuple[str, float]]:
    """What of a call is measured beside single nodes, in the order it happens."""
    yield from ((f"before the nodes: {p.name}", p.seconds.median) for p in times.around if not p.after)
    if times.total is None and times.inside is not None:
        yield "all nodes, as one piece", times.inside.median
    yield from ((f"after the nodes: {p.name}", p.seconds.median) for p in times.around if p.after)


def _output_names(recording: Recording) -> dict[int, set[str]]:
    """The outputs' names, by the variable that the function returns there in the end."""
    names: defaultdict[int, set[str]] = defaultdict(set)
    for spec, variable in zip(recording.outputs, recording.snapshot(-1).outputs, strict=True):
        names[variable].add(spec.name)
    return names


def _computes(recording: Recording, node: Placed, formulas: Formulas, named: Mapping[int, set[str]]) -> str:
    """``w = w - 0.1 * …``: results that have a name are named."""
    names = {recording.variables[variable].name for variable in node.outputs} - {""}
    names = names.union(*(named.get(variable, ()) for variable in node.outputs))
    formula = formulas.node(node, depth=2)
    names -= {formula}
    return f"{', '.join(sorted(names))} = {formula}" if names else formula


def _median(timed: NodeTime | None) -> float:
    return timed.seconds.median if timed is not None and timed.seconds is not None else 0.0


def _time(timed: NodeTime, whole: float | None, wide: bool) -> list[str]:
    if timed.seconds is None:
        return ["not timed" if not timed.problem.startswith("not run") else "not run", ""]
    return _part(timed.seconds.median, whole, wide)


def _part(seconds: float, whole: float | None, wide: bool) -> list[str]:
    """A time, and its share of the call."""
    part = seconds / whole if whole else 0.0
    bar = FULL_BLOCK * round(min(part * BAR, BAR)) if wide else ""
    return [duration(seconds), f"{bar} {share(part)}".strip() if part > 5e-4 else ""]


def _work(cost: NodeCost, timed: NodeTime | None) -> list[str]:
    operations = UNKNOWN if cost.flops is None else count(cost.flops)
    if cost.transcendentals:
        functions = f"{count(cost.transcendentals)} f()"
        operations = f"{operations} + {functions}" if cost.flops else functions
    seconds = _median(timed)
    achieved = [rate(cost.bytes, seconds, "B/s"), rate(cost.flops, seconds, "FLOP/s")]
    return [
        operations if operations != "0" else "–",
        size(cost.bytes) if cost.bytes != 0 else "–",
        # Below a tenth of a microsecond the clock's own grain is as large as the time.
        " ".join(filter(None, achieved)) if seconds > 1e-7 else "",
    ]


def _timing_note(times: Times) -> RenderableType:
    """How the times were taken and whether they add up."""
    if times.call is None:
        return Text(f"Not timed: {times.problem}", style="yellow")
    low, high = duration(times.call.q1), duration(times.call.q3)
    text = f"One call takes {duration(times.call.median)} ({low} – {high})."
    if times.total is not None:
        text += f" Timed apart from it, the nodes take {duration(times.total)} together"
    else:
        text += f" No node is timed by itself: {times.problem}."
        if times.inside is not None:
            inside = duration(times.inside.median)
            text += f" Timed apart from the call, all of them together take {inside}"
    if times.explained is not None:
        outside, explained = duration(times.outside), share(times.explained)
        text += f", what lies around them {outside}: together {explained} of the call."
    rounds = f" Medians of {times.rounds} rounds of {times.calls} calls, quartiles in brackets;"
    return Text.assemble(text, (f"{rounds} {times.method}.", "dim"))


def work_table(recording: Recording) -> RenderableType:
    """Nodes, operations, bytes and storage of the first and the last snapshot."""
    costs = snapshot_costs(recording, (0, len(recording.steps)))
    first, last = costs[0], costs[-1]
    rows = table(
        Column("one call"), Column("as written", justify="right"), Column("as compiled", justify="right")
    )
    rows.add_row("nodes", str(first.nodes), str(last.nodes))

    def row(name: str, written: str, compiled: str, unknown: tuple[int, int]) -> None:
        least = ["at least " if left else "" for left in unknown]
        rows.add_row(name, least[0] + written, least[1] + compiled)

    flops, moved = (first.unknown_flops, last.unknown_flops), (first.unknown_bytes, last.unknown_bytes)
    row("arithmetic operations", count(first.flops), count(last.flops), flops)
    row("exp, log and the like", count(first.transcendentals), count(last.transcendentals), flops)
    row("bytes read", size(first.read), size(last.read), moved)
    row("bytes written", size(first.written), size(last.written), moved)
    rows.add_row("storage alive at once", size(first.alive), size(last.alive))
    if not any((first.unknown_flops, first.unknown_bytes, last.unknown_flops, last.unknown_bytes)):
        return rows
    left_out = (
        "Left out, as their work is not known:"
        f" operations of {first.unknown_flops} and {last.unknown_flops} nodes,"
        f" bytes of {first.unknown_bytes} and {last.unknown_bytes}."
    )
    return Group(rows, Text(left_out, style="dim"))


def code_view(recording: Recording, node: int | str | None) -> RenderableType:
    """The generated code of a final node (65, or as ``"65"`` or ``"#65"``), or of the whole function.

    Raises
    ------
    InputError
        If no final node has that number.
    """
    codes = (
        recording.measurements.code if recording.measurements else ()
    )  # several lines each, to be shown whole
    recording = legible(recording)
    number, title = None, "the whole function"
    if node is not None:
        placed = {str(p.node): p for p in recording.snapshot(-1).nodes}.get(str(node).removeprefix("#"))
        if placed is None:
            numbers = ", ".join(map(str, recording.final_order[:20]))
            allowed = f"whole, or a final node: {numbers}"
            raise InputError("code", found=quoted(node), allowed=allowed, remedy="--nodes lists them")
        computes = _computes(recording, placed, Formulas(recording, -1), _output_names(recording))
        number, title = placed.node, f"#{placed.node}: {computes}"
    parts: list[RenderableType] = []
    for code in codes:
        if code.node != number:
            continue
        where = f", lines {code.lines[0]}–{code.lines[1]} of the whole" if code.lines else ""
        parts.append(Text.assemble((title, "bold"), (f"  {plain(code.language)}{where}", "dim")))
        if code.note:
            parts.append(Text(f"{plain(code.note)}.", style="yellow"))
        if code.problem:
            parts.append(Text(plain(code.problem), style="yellow"))
        if text := block(code.text or _lines_of_whole(codes, code), *WHOLE):
            lexer = LEXERS.get(code.language, "text")
            parts.append(Syntax(text, lexer, theme="ansi_dark", word_wrap=True, background_color="default"))
        parts.append(Text(""))
    return Group(*parts) if parts else Text(f"There is no generated code for {title} in this recording.")


def _lines_of_whole(codes: tuple[NodeCode, ...], code: NodeCode) -> str:
    """A node's lines in the code of the whole, where it has no text of its own."""
    for whole in codes:
        if code.lines and whole.node is None and whole.language == code.language:
            first, last = code.lines
            return textwrap.dedent("\n".join(whole.text.splitlines()[first - 1 : last]))
    return ""
