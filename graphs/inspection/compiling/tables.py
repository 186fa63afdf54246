"""From PyTensor's live objects to the plain tables of a recording."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytensor
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Apply, Constant, Variable

from graphs.inspection import recording as plain
from graphs.inspection.compiling.rules import short_path

__all__ = ["Tables"]

NAME_LIMIT = 200
VALUE_LIMIT = 60
PYTENSOR_HOME = str(Path(pytensor.__file__).parent)


class Tables:
    """Numbers PyTensor's objects and describes each once.

    Attributes
    ----------
    live_variables, live_nodes : list
        The objects themselves, by number; for whoever must compute with them.
    """

    def __init__(self) -> None:
        self.live_variables: list[Variable] = []
        self.live_nodes: list[Apply] = []
        self.ops: list[plain.Op] = []
        self.lines: list[plain.SourceLine] = []
        self._variables: dict[Variable, int] = {}
        self._nodes: dict[Apply, int] = {}
        self._ops: dict[Any, int] = {}
        self._lines: dict[plain.SourceLine, int] = {}
        self._inputs: dict[int, tuple[int, ...]] = {}

    def add_node(self, node: Apply, inputs: Iterable[Variable]) -> int:
        """Number `node`, which enters the graph reading `inputs`."""
        if node in self._nodes:
            return self._nodes[node]
        number = self._nodes[node] = len(self.live_nodes)
        self.live_nodes.append(node)
        self._inputs[number] = tuple(self.variable(v) for v in inputs)
        for variable in node.outputs:
            self.variable(variable)
        self.op(node.op)
        return number

    def node(self, node: Apply) -> int:
        """The number of a node added before."""
        return self._nodes[node]

    def has(self, node: Apply) -> bool:
        """Whether `node` was added."""
        return node in self._nodes

    def birth_inputs(self, number: int) -> tuple[int, ...]:
        """What node `number` read when it was added."""
        return self._inputs[number]

    def variable(self, variable: Variable) -> int:
        """The number of a variable."""
        number = self._variables.get(variable)
        if number is None:
            number = self._variables[variable] = len(self.live_variables)
            self.live_variables.append(variable)
        return number

    def op(self, op: Any) -> int:
        """The number of an Op; equal Ops share one."""
        try:
            key: Any = (type(op), op, str(op))
            number = self._ops.get(key)
        except TypeError:  # an Op of somebody's that cannot be hashed
            key = id(op)
            number = self._ops.get(key)
        if number is None:
            number = self._ops[key] = len(self.ops)
            self.ops.append(describe_op(op))
        return number

    def line(self, place: plain.SourceLine) -> int:
        """The number of a source line."""
        number = self._lines.get(place)
        if number is None:
            number = self._lines[place] = len(self.lines)
            self.lines.append(place)
        return number

    def variables(self) -> tuple[plain.Variable, ...]:
        """The table of variables. Nodes must have been added before."""
        return tuple(self._describe(variable) for variable in self.live_variables)

    def nodes(self, origins: dict[int, plain.Origin]) -> tuple[plain.Node, ...]:
        """The table of nodes."""
        return tuple(
            plain.Node(
                self.op(node.op),
                self._inputs[number],
                tuple(self.variable(out) for out in node.outputs),
                origins[number],
            )
            for number, node in enumerate(self.live_nodes)
        )

    def _describe(self, variable: Variable) -> plain.Variable:
        kind, owner, position, value = "input", None, 0, ""
        if variable.owner is not None and variable.owner in self._nodes:
            kind, owner, position = "computed", self._nodes[variable.owner], variable.index
        elif variable.owner is not None:  # its node came and went within one step
            kind = "computed"
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
    for holder in (op, getattr(op, "scalar_op", None), getattr(op, "core_op", None)):
        fgraph = getattr(holder, "fgraph", None)
        if fgraph is not None:
            break
    else:
        return None
    names = {variable: f"i{i}" for i, variable in enumerate(fgraph.inputs)}
    nodes: list[plain.InnerNode] = []
    results = 0
    for node in fgraph.toposort():
        inputs = tuple(_inner_name(variable, names) for variable in node.inputs)
        for variable in node.outputs:
            names[variable] = f"t{results}"
            results += 1
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


def user_line(frames: Iterable[Any]) -> plain.SourceLine | None:
    """The innermost frame of a variable's trace that is the user's own code."""
    for file, line, function, text in reversed(list(frames)):
        if file and not _is_machinery(file):
            return plain.SourceLine(short_path(file), int(line), function or "", text or "")
    return None


def _is_machinery(file: str) -> bool:
    """Whether a file belongs to PyTensor, the interpreter or a notebook's kernel."""
    return (
        file.startswith(PYTENSOR_HOME)
        or file.startswith("<frozen")
        or short_path(file).split("/")[0] in ("IPython", "ipykernel", "runpy.py")
        or file == getattr(sys.modules.get("runpy"), "__file__", None)
    )
