"""From PyTensor's live objects to the plain tables of a recording: everything numbered, described once."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Apply, Constant, Variable

import graphs.inspection.recording as plain
from graphs.inspection.compiling.rules import describe
from graphs.inspection.compiling.watch import Application, Watched, Watcher
from graphs.lines import traces, user_line

__all__ = ["Tables", "find_origins"]

NAME_LIMIT = 200
VALUE_LIMIT = 60
GRADIENT_MODULE = "pytensor/gradient.py"

Entry = TypeVar("Entry")


class _Table(Generic[Entry]):
    """Entries in the order in which they came, each under a key that finds its number again."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.numbers: dict[Hashable, int] = {}

    def add(self, key: Hashable, entry: Entry) -> int:
        """The number of `key`; `entry` stands there if it is new."""
        if key not in self.numbers:
            self.numbers[key] = len(self.entries)
            self.entries.append(entry)
        return self.numbers[key]


class Tables:
    """Numbers PyTensor's objects in the order in which it is shown them, and describes each once."""

    def __init__(self) -> None:
        self.live_variables: _Table[Variable] = _Table()
        self.live_nodes: _Table[Apply] = _Table()
        self.ops: _Table[plain.Op] = _Table()
        self.lines: _Table[plain.SourceLine] = _Table()
        self.rules: _Table[plain.Rule] = _Table()
        self._inputs: list[tuple[int, ...]] = []  # by node, what it read when it was added

    def add_node(self, node: Apply, inputs: Iterable[Variable]) -> int:
        """Number `node`, which enters the graph reading `inputs`."""
        if not self.has(node):
            self._inputs.append(self.all_variables(inputs))
            self.all_variables(node.outputs)
            self.op(node.op)
        return self.live_nodes.add(node, node)

    def node(self, node: Apply) -> int:
        """The number of a node added before."""
        return self.live_nodes.numbers[node]

    def has(self, node: Apply) -> bool:
        """Whether `node` was added."""
        return node in self.live_nodes.numbers

    def variable(self, variable: Variable) -> int:
        """The number of a variable."""
        return self.live_variables.add(variable, variable)

    def all_variables(self, variables: Iterable[Variable]) -> tuple[int, ...]:
        """The numbers of several variables."""
        return tuple(self.variable(variable) for variable in variables)

    def op(self, op: Any) -> int:
        """The number of an Op; equal Ops share one."""
        try:
            key: Any = (type(op), op, str(op))
            known = key in self.ops.numbers
        except TypeError:  # an Op of somebody's that cannot be hashed
            key = id(op)
            known = key in self.ops.numbers
        return self.ops.numbers[key] if known else self.ops.add(key, describe_op(op))

    def rule(self, rule: plain.Rule) -> int:
        """The number of a rule; one that runs in several phases is registered under several names."""
        number = self.rules.add((rule.name, rule.source.file if rule.source else ""), rule)
        known = self.rules.entries[number]
        names = tuple(dict.fromkeys((*known.registered, *rule.registered)))
        self.rules.entries[number] = msgspec.structs.replace(known, registered=names)
        return number

    def story(
        self, watched: Watched | Watcher
    ) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[plain.Step, ...]]:
        """Number all that a compilation brought in: its inputs, the first nodes and outputs, and the steps."""
        inputs = self.all_variables(watched.inputs)
        first_nodes = tuple(self.add_node(node, reads) for node, reads in watched.first)
        first_outputs = self.all_variables(watched.first_outputs)
        return inputs, first_nodes, first_outputs, tuple(self.steps(watched.applications))

    def steps(self, applications: Sequence[Application]) -> Iterator[plain.Step]:
        """The table of steps; numbers what they bring in."""
        known: dict[Any, int] = {}
        for application in applications:
            key = _key(application.rule, application.phase)
            if key not in known:
                known[key] = self.rule(describe(application.rule, application.phase))
            gone = tuple(self.node(node) for node in application.gone)
            come, changes = [], []
            for node, reads in application.come:
                number = self.add_node(node, reads)
                come.append(number)
                # A node that comes back may read other variables than when it first came.
                pairs = zip(self._inputs[number], self.all_variables(reads), strict=True)
                changes += [
                    plain.Change(number, i, *pair) for i, pair in enumerate(pairs) if len({*pair}) > 1
                ]
            for moved, i, old, new in application.moved:
                which = None if moved is None else self.node(moved)
                changes.append(plain.Change(which, i, self.variable(old), self.variable(new)))
            replaced = tuple((self.variable(old), self.variable(new)) for old, new in application.replaced)
            yield plain.Step(
                application.phase_name,
                known[key],
                gone,
                tuple(come),
                tuple(changes),
                replaced,
                application.seconds,
            )

    def variables(self) -> tuple[plain.Variable, ...]:
        """The table of variables. Nodes must have been added before."""
        return tuple(self._describe(variable) for variable in self.live_variables.entries)

    def nodes(self, origins: dict[int, plain.Origin]) -> tuple[plain.Node, ...]:
        """The table of nodes."""
        return tuple(
            plain.Node(self.op(node.op), self._inputs[i], self.all_variables(node.outputs), origins[i])
            for i, node in enumerate(self.live_nodes.entries)
        )

    def _describe(self, variable: Variable) -> plain.Variable:
        kind, owner, position, value = "input", None, 0, ""
        if variable.owner is not None:
            kind = "computed"
            if self.has(variable.owner):  # else it came and went within one step
                owner, position = self.node(variable.owner), variable.index
        elif isinstance(variable, Constant):
            kind, value = "constant", _print_value(variable.data)
        elif isinstance(variable, SharedVariable):
            kind = "shared"
        shape = getattr(variable.type, "shape", None)
        return plain.Variable(
            kind,
            shorten(str(variable.type), NAME_LIMIT),
            str(getattr(variable.type, "dtype", "") or ""),
            None if shape is None else tuple(None if n is None else int(n) for n in shape),
            str(variable.name or ""),
            owner,
            position,
            value,
        )


def _key(rule: Any, phase: Any) -> Any:
    """Equal for changes that one description fits; the objects live as long as the watch."""
    if isinstance(rule, list | tuple):
        return tuple(_key(member, phase) for member in rule)
    return (rule, id(phase)) if isinstance(rule, str) else (id(rule), id(phase))


def describe_op(op: Any) -> plain.Op:
    """An Op as plain data."""
    scalar = getattr(op, "scalar_op", None) or getattr(op, "core_op", None)
    return plain.Op(
        shorten(printed(op), NAME_LIMIT),
        f"{type(op).__module__}.{type(op).__qualname__}",
        f"{type(scalar).__module__}.{type(scalar).__qualname__}" if scalar is not None else "",
        _memory_map(getattr(op, "destroy_map", None)),
        _memory_map(getattr(op, "view_map", None)),
        _inner(op),
    )


def printed(thing: Any) -> str:
    """``str(thing)``, on one line; an object that cannot print itself is named by its class."""
    try:
        text = str(thing)
    except Exception:  # somebody's __str__
        text = type(thing).__name__
    return " ".join(text.split())


def shorten(text: str, limit: int) -> str:
    """`text` with its end cut where it is too long."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _memory_map(mapping: Any) -> tuple[tuple[int, tuple[int, ...]], ...]:
    items = sorted((mapping or {}).items())
    return tuple((int(out), tuple(int(i) for i in ins)) for out, ins in items)


def _inner(op: Any) -> plain.Inner | None:
    """The graph inside a fused, looping or wrapping Op, if there is one."""
    holders = (op, getattr(op, "scalar_op", None), getattr(op, "core_op", None))
    inside = (getattr(holder, "fgraph", None) for holder in holders)
    fgraph = next((graph for graph in inside if graph is not None), None)
    if fgraph is None:
        return None
    names = {variable: f"i{i}" for i, variable in enumerate(fgraph.inputs)}
    nodes: list[plain.InnerNode] = []
    results = itertools.count()
    for node in fgraph.toposort():
        inputs = tuple(_inner_name(variable, names) for variable in node.inputs)
        names |= {variable: f"t{next(results)}" for variable in node.outputs}
        outputs = ", ".join(names[variable] for variable in node.outputs)
        op = shorten(printed(node.op), VALUE_LIMIT)
        nodes.append(plain.InnerNode(op, inputs, outputs, _inner(node.op)))
    return plain.Inner(tuple(nodes), tuple(_inner_name(v, names) for v in fgraph.outputs))


def _inner_name(variable: Variable, names: dict[Variable, str]) -> str:
    if variable in names:
        return names[variable]
    data = getattr(variable, "data", None)
    return _print_value(data) if data is not None else printed(variable)


def _print_value(value: Any) -> str:
    """A constant's value: itself where small, else what it is."""
    array = np.asarray(value) if isinstance(value, np.ndarray | np.generic | int | float) else None
    if array is None:
        return shorten(printed(value), VALUE_LIMIT)
    if array.size == 1:
        return f"{array.item()!r}"
    if array.size <= 6:
        return shorten(printed(array), VALUE_LIMIT)
    return f"{array.dtype}{list(array.shape)}"


def find_origins(watched: Watched, tables: Tables) -> dict[int, plain.Origin]:
    """An origin for every node in `tables`, by number.

    Nodes of the first snapshot are told apart by the trace PyTensor keeps with every variable
    (what ``pytensor.grad`` makes passes through its module) and by what they feed. A node made
    by a rewrite comes from the nodes whose results the rewrite replaced, and from those that
    left the graph with them.
    """
    origins = _first(watched, tables)
    for step, application in enumerate(watched.applications, start=1):
        parents = _parents(application)
        for node, _ in application.come:
            number = tables.node(node)
            if number not in origins:
                found = {tables.node(p): None for p in parents[node] if tables.has(p)}
                origins[number] = plain.Origin(plain.REWRITE, step, tuple(found))
    return origins


def _first(watched: Watched, tables: Tables) -> dict[int, plain.Origin]:
    nodes = [node for node, _ in watched.first]
    inputs = dict(watched.first)
    readers: dict[Apply, list[Apply]] = {node: [] for node in nodes}
    for node in nodes:
        for variable in inputs[node]:
            if variable.owner in readers:
                readers[variable.owner].append(node)
    gradient = {node for node in nodes if any(map(_passes_gradient, _traces(node)))}
    returned = watched.first_outputs[: watched.returned]
    ends = [v.owner for v in returned if v.owner in readers] + list(gradient)
    forward = _upstream(ends, inputs) - gradient
    lines = {
        node: [plain.SourceLine(*found) for t in _traces(node) if (found := user_line(t))] for node in nodes
    }
    for node in reversed(nodes):
        # The trace of a deep gradient node holds only PyTensor's recursion; the call that asked
        # for it stands with the node that ends it.
        if node in gradient and not lines[node]:
            asked = (lines[reader] for reader in readers[node] if reader in gradient)
            lines[node] = next((found for found in asked if found), [])
    return {
        tables.node(node): plain.Origin(
            plain.GRADIENT if node in gradient else plain.FORWARD if node in forward else plain.UPDATE,
            lines=tuple({tables.lines.add(place, place): None for place in lines[node]}),
        )
        for node in nodes
    }


def _traces(node: Apply) -> list[Any]:
    return [frames for variable in node.outputs for frames in traces(variable)]


def _passes_gradient(frames: Iterable[Any]) -> bool:
    return any(str(frame[0]).replace("\\", "/").endswith(GRADIENT_MODULE) for frame in frames)


def _upstream(ends: Iterable[Apply], inputs: dict[Apply, tuple[Variable, ...]]) -> set[Apply]:
    """`ends` and every node they read from, directly or not, among those in `inputs`."""
    found: set[Apply] = set()
    waiting = list(ends)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting.extend(v.owner for v in inputs[node] if v.owner in inputs)
    return found


def _parents(application: Application) -> dict[Apply, dict[Apply, None]]:
    """For each node an application made, the nodes it was made out of."""
    come = dict(application.come)
    gone = {node: tuple(node.inputs) for node in application.gone}
    parents: dict[Apply, dict[Apply, None]] = {node: {} for node in come}
    for old, new in application.replaced:
        if new.owner not in come:
            continue
        sources = [old.owner] if old.owner is not None else []
        if old.owner in gone:
            before = _upstream([old.owner], gone)
            sources += [node for node in gone if node in before]
        for made in _upstream([new.owner], come):
            parents[made].update(dict.fromkeys(sources))
    return parents
