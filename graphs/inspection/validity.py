"""Whether a recording fits together, so that every view of it works.

A recording that was loaded comes from anywhere, and its types say nothing of what its numbers refer to. What is
checked here, no view needs to look at again: every number is one of a table, variables and nodes name each other,
the steps lead from the first graph to the last and none of them leaves a graph that cannot be computed, and what
was found out is about these steps, nodes and outputs. It takes time in proportion to the recording's length.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator

import msgspec

from graphs.inspection.findings import (
    ANSWERS,
    CAUSES,
    VERDICTS,
    Cells,
    Distance,
    Inner,
    NonFinite,
    OutputChange,
    Reference,
    ValueSummary,
)
from graphs.inspection.recording import ORIGINS, VARIABLES, Recording

__all__ = ["MOST_PLACED", "check"]

# Nodes of all snapshots together: what a report looks at, for which it then takes some ten seconds.
MOST_PLACED = 10**7
# Graphs within Ops within graphs: a Scan in a Scan in a fused Op is three.
DEEPEST = 20
# Entries of an array and its dimensions; no memory and no NumPy has more.
LARGEST, MOST_DIMENSIONS = 2**63, 64
DTYPE = re.compile(r"[\w<>|.\[\]-]{0,100}")


def check(recording: Recording) -> None:
    """Raise what `msgspec` raises for a wrong type, with the place, where something does not fit."""
    _tables(recording)
    _story(recording)
    _order(recording)
    _evaluation(recording)
    _others(recording)


def _damaged(place: str, told: str) -> msgspec.ValidationError:
    return msgspec.ValidationError(f"{told} - at `$.recording.{place}`")


def _below(place: str, size: int, numbers: Iterable[int], of: str) -> None:
    """Each number is one of so many."""
    for number in numbers:
        if number >= size:
            raise _damaged(place, f"there is no {number} in {of}")


def _once(place: str, numbers: tuple[int, ...]) -> None:
    if len(set(numbers)) < len(numbers):
        raise _damaged(place, "the same twice")


def _tables(recording: Recording) -> None:
    """Ops, variables, nodes: what refers to what."""
    ops, variables, nodes = recording.ops, recording.variables, recording.nodes
    steps, lines, rules = len(recording.steps), len(recording.lines), len(recording.rules)
    for i, op in enumerate(ops):
        if op.inner is not None:
            _depth(f"ops[{i}].inner", op.inner)
    for i, variable in enumerate(variables):
        place = f"variables[{i}]"
        if variable.kind not in VARIABLES:
            raise _damaged(place, f"it is none of {', '.join(VARIABLES)}")
        if variable.owner is not None:
            _below(f"{place}.owner", len(nodes), [variable.owner], "nodes")
            made = nodes[variable.owner].outputs
            if not (variable.position < len(made) and made[variable.position] == i):
                raise _damaged(f"{place}.owner", f"node {variable.owner} does not compute it")
        _sized(place, variable.dtype, [n for n in variable.shape or () if n is not None])
    for i, node in enumerate(nodes):
        place = f"nodes[{i}]"
        _below(f"{place}.op", len(ops), [node.op], "ops")
        _below(place, len(variables), (*node.inputs, *node.outputs), "variables")
        if not node.outputs or any(variables[v].owner != i for v in node.outputs):
            raise _damaged(place, "what it computes is not its own")
        _once(place, node.outputs)
        op = ops[node.op]
        for output, inputs in (*op.views, *op.destroys):
            _below(place, len(node.outputs), [output], "its outputs")
            _below(place, len(node.inputs), inputs, "its inputs")
        origin = node.origin
        if origin.kind not in ORIGINS or origin.step > steps:
            raise _damaged(f"{place}.origin", "of no kind, or of no step, that there is")
        _below(f"{place}.origin", len(nodes), origin.parents, "nodes")
        _below(f"{place}.origin", lines, origin.lines, "lines")
    _below("inputs", len(variables), recording.inputs, "variables")
    _below("first_outputs", len(variables), recording.first_outputs, "variables")
    _below(
        "outputs",
        len(variables),
        (s.updates for s in recording.outputs if s.updates is not None),
        "variables",
    )
    if len(recording.outputs) != len(recording.first_outputs):
        raise _damaged("outputs", "not one for each of first_outputs")
    for i, step in enumerate(recording.steps):
        _below(f"steps[{i}]", rules, [step.rule], "rules")
        _below(f"steps[{i}]", len(nodes), (*step.gone, *step.come), "nodes")
        _below(f"steps[{i}]", len(variables), (v for pair in step.replaced for v in pair), "variables")
        _below(f"steps[{i}]", len(variables), (c.new for c in step.changes), "variables")


def _depth(place: str, outermost: Inner) -> None:
    level = [outermost]
    for _ in range(DEEPEST):
        if any(not inner.outputs for inner in level):
            raise _damaged(place, "a graph without outputs")
        level = [node.inner for inner in level for node in inner.nodes if node.inner is not None]
        if not level:
            return
    raise _damaged(place, f"more than {DEEPEST} graphs within each other")


def _sized(place: str, dtype: str, shape: Iterable[int]) -> None:
    lengths = list(shape)
    if not DTYPE.fullmatch(dtype):
        raise _damaged(place, "no name of a type of numbers")
    if len(lengths) > MOST_DIMENSIONS or math.prod(lengths) > LARGEST:
        raise _damaged(place, "more entries than any memory has")


def _story(recording: Recording) -> None:
    """The steps fit the graphs that they change; every node stands in one of them, and all it reads with it."""
    owners = [variable.owner for variable in recording.variables]
    standing: dict[int, list[int]] = {}  # node → variables it reads now
    read: dict[int, int] = {}  # node → how often its results are read now
    outputs = list(recording.first_outputs)
    ever: set[int] = set()

    def reads(variable: int, more: int) -> None:
        owner = owners[variable]
        if owner is not None:
            read[owner] = read.get(owner, 0) + more
            touched.add(owner)

    def enter(place: str, nodes: tuple[int, ...]) -> None:
        _below(place, len(recording.nodes), nodes, "nodes")
        for node in nodes:
            if node in standing:
                raise _damaged(place, f"node {node} stands there already")
            standing[node] = list(recording.nodes[node].inputs)
            ever.add(node)
            for variable in standing[node]:
                reads(variable, 1)

    def lacking(place: str) -> None:
        for owner in touched:
            if read[owner] > 0 and owner not in standing:
                raise _damaged(place, f"node {owner} is read and not there")

    touched: set[int] = set()
    enter("first_nodes", recording.first_nodes)
    for variable in outputs:
        reads(variable, 1)
    lacking("first_nodes")
    placed = len(standing)
    for i, step in enumerate(recording.steps):
        place = f"steps[{i}]"
        touched = set(step.gone)
        for node in step.gone:
            if node not in standing:
                raise _damaged(place, f"node {node} is not there to go")
            for variable in standing.pop(node):
                reads(variable, -1)
            read.setdefault(node, 0)
        enter(place, step.come)
        for change in step.changes:
            holder = outputs if change.node is None else standing.get(change.node)
            if holder is None or change.position >= len(holder) or holder[change.position] != change.old:
                raise _damaged(place, "an input is moved that does not read so")
            holder[change.position] = change.new
            reads(change.old, -1)
            reads(change.new, 1)
        lacking(place)
        placed += len(standing)
        if placed > MOST_PLACED:
            raise _damaged("steps", f"more than {MOST_PLACED:,} nodes in all snapshots together")
    _once("final_order", recording.final_order)
    if standing.keys() != set(recording.final_order):
        raise _damaged("final_order", "not the nodes of the last snapshot")
    if len(ever) < len(recording.nodes):
        unused = next(node for node in range(len(recording.nodes)) if node not in ever)
        raise _damaged(f"nodes[{unused}]", "in no snapshot")


def _order(recording: Recording) -> None:
    """Every snapshot can be computed.

    It can where no node, with all it ever reads, goes back to itself. That need not be so for all snapshots taken
    together; then each is put in order by itself.
    """
    owners = [variable.owner for variable in recording.variables]
    needs = [{owners[variable] for variable in node.inputs} - {None} for node in recording.nodes]
    for step in recording.steps:
        for change in step.changes:
            if change.node is not None and owners[change.new] is not None:
                needs[change.node].add(owners[change.new])
    readers: list[list[int]] = [[] for _ in needs]
    for node, needed in enumerate(needs):
        for owner in needed:
            assert owner is not None
            readers[owner].append(node)
    missing = [len(needed) for needed in needs]
    ready = [node for node, number in enumerate(missing) if not number]
    for node in ready:
        for reader in readers[node]:
            missing[reader] -= 1
            if not missing[reader]:
                ready.append(reader)
    if len(ready) < len(needs):
        try:
            _ = recording.snapshots
        except ValueError as problem:
            raise _damaged("steps", f"they do not fit together ({problem})") from problem


def _summaries(recording: Recording) -> Iterator[ValueSummary]:
    assert recording.evaluation is not None
    yield from recording.evaluation.values
    for value in recording.evaluation.outputs:
        yield from (value.first, value.last)
        if value.called is not None:
            yield value.called


def _changes(recording: Recording, place: str, changes: Iterable[OutputChange]) -> None:
    for change in changes:
        _below(place, len(recording.outputs), [change.output], "outputs")
        if change.verdict not in VERDICTS:
            raise _damaged(place, f"a verdict that is none of {', '.join(VERDICTS)}")


def _evaluation(recording: Recording) -> None:
    """Values, and verdicts on them, of these steps and outputs."""
    found, steps = recording.evaluation, len(recording.steps)
    if found is None:
        return
    for value in _summaries(recording):
        place = "evaluation.values"
        _below(place, len(recording.variables), [value.variable], "variables")
        _below(place, steps + 1, [value.snapshot], "snapshots")
        _sized(place, value.dtype, value.shape or ())
        if value.shape is not None and value.nan + value.inf > math.prod(value.shape):
            raise _damaged(place, "more entries that are not finite than entries")
    if [verdict.step for verdict in found.steps] != list(range(1, steps + 1)):
        raise _damaged("evaluation.steps", "of other steps than these")
    if [value.output for value in found.outputs] != list(range(len(recording.outputs))):
        raise _damaged("evaluation.outputs", "of other outputs than these")
    for verdict in found.steps:
        if verdict.verdict not in VERDICTS:
            raise _damaged("evaluation.steps", f"a verdict that is none of {', '.join(VERDICTS)}")
        _changes(recording, "evaluation.steps", verdict.outputs)
    _changes(recording, "evaluation.compiled", found.compiled)
    if len({value.called is None for value in found.outputs}) > 1:
        raise _damaged("evaluation.outputs", "some were called and some were not")
    for origin in found.nonfinite:
        _nonfinite(recording, origin)
    for cells in found.cells:
        _cells(recording, cells)
    known: tuple[tuple[str, tuple[Reference | Distance, ...]], ...] = (
        ("references", found.references),
        ("distances", found.distances),
    )
    for place, rows in known:
        _below(f"evaluation.{place}", len(recording.outputs), (row.output for row in rows), "outputs")
        _below(f"evaluation.{place}", steps + 1, (row.snapshot for row in rows), "snapshots")
    for output in found.outputs:
        for step in (*output.rescued_by, *output.broken_by):
            if not 1 <= step <= steps:
                raise _damaged("evaluation.outputs", f"there is no step {step}")


def _cells(recording: Recording, cells: Cells) -> None:
    """A map of entries is whole: as many marks as there are cells, and a number for each cell that shows one."""
    place = "evaluation.cells"
    _below(place, len(recording.variables), [cells.variable], "variables")
    _below(place, len(recording.steps) + 1, [cells.snapshot], "snapshots")
    if (
        not cells.marks
        or set(cells.marks) - {*".n+-"}
        or (cells.columns and len(cells.marks) % cells.columns)
    ):
        raise _damaged(place, "marks that are no cells")
    if cells.numbers and len(cells.numbers) != cells.marks.count("."):
        raise _damaged(place, "not a number for each finite cell")
    if not all(map(math.isfinite, cells.numbers)) or 0 in cells.block:
        raise _damaged(place, "a number that is not finite, or a block of no entry")


def _nonfinite(recording: Recording, origin: NonFinite) -> None:
    """Where values stop being finite stands in the snapshot that it is said to stand in."""
    place, variables = "evaluation.nonfinite", recording.variables
    _below(place, len(recording.steps) + 1, [origin.snapshot], "snapshots")
    named = [origin.variable, *origin.path, *(r.variable for r in (*origin.reads, *origin.failed))]
    _below(place, len(variables), named, "variables")
    _below(place, len(recording.outputs), origin.outputs, "outputs")
    if origin.kind not in CAUSES:
        raise _damaged(place, f"a kind that is none of {', '.join(CAUSES)}")
    if not origin.outputs or not origin.path:
        raise _damaged(place, "of no output")
    there = {placed.node for placed in recording.snapshot(origin.snapshot).nodes}
    nodes = {variables[number].owner for number in named} - {None}
    if origin.masked_by is not None:
        nodes.add(origin.masked_by)
    if not nodes <= there:
        raise _damaged(place, f"of nodes that are not in snapshot {origin.snapshot}")


def _others(recording: Recording) -> None:
    """What rules are worth, times, code, versions: of these rules and final nodes."""
    for found in recording.counterfactuals or ():
        place = "counterfactuals"
        _below(place, len(recording.rules), [found.rule], "rules")
        _changes(recording, place, found.outputs)
        if not {found.verdict, found.formula} <= {*VERDICTS}:
            raise _damaged(place, f"a verdict that is none of {', '.join(VERDICTS)}")
        if found.graph is not None:
            _depth(f"{place}.graph", found.graph)
    final = set(recording.final_order)
    times = recording.measurements.times if recording.measurements else None
    if times is not None:
        timed = tuple(node.node for node in times.nodes)
        _once("measurements.times", timed)
        if timed and final != set(timed):
            raise _damaged("measurements.times", "not of the nodes that run")
        for whole in (times.call, times.inside):
            if whole is not None and not whole.median > 0:
                raise _damaged("measurements.times", "a call that takes no time")
    for code in recording.measurements.code if recording.measurements else ():
        if code.node is not None and code.node not in final:
            raise _damaged("measurements.code", "of a node that does not run")
        if code.lines is not None and not 1 <= code.lines[0] <= code.lines[1]:
            raise _damaged("measurements.code", "of lines that there are not")
    for why in recording.whys or ():
        if why.answer not in ANSWERS:
            raise _damaged("whys", f"an answer that is none of {', '.join(ANSWERS)}")
        if any(not 1 <= step <= len(recording.steps) for step in why.steps):
            raise _damaged("whys", "a step that there is not")
        for spot in why.places:
            _below("whys", len(recording.steps) + 1, [spot.snapshot], "snapshots")
            _below("whys", len(recording.nodes), [spot.node] if spot.node is not None else [], "nodes")
    for name in ("versions", "machine"):
        told = recording.stamp.get(name, {})
        if not isinstance(told, dict) or not all(isinstance(told.get(k, ""), str) for k in _TOLD[name]):
            raise _damaged(f"stamp.{name}", "no table of texts")


# What views show of the stamp.
_TOLD = {"versions": ("pytensor", "numba", "numpy", "python"), "machine": ("cpu",)}
