"""Getting at the graph as the user wrote it.

A compiled PyTensor function does not hold it any more: the compiler edits nodes in place, so
what hangs below ``fn.maker`` after compiling is a mixture of original and rewritten nodes.
Importing this module therefore registers one more pass in PyTensor's database, before all
others, that changes nothing and notes how the graph stood. A function compiled after that is
recorded from its true beginning; for an older one, `parts_of` offers what is left and says so.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

from pytensor.compile.io import In, Out
from pytensor.compile.mode import Mode, get_mode, optdb
from pytensor.compile.rebuild import construct_function_ins_and_outs
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import GraphRewriter
from pytensor.graph.traversal import ancestors, toposort
from pytensor.link.basic import Container

from graphs.errors import InputError
from graphs.functions import resolve_mode

__all__ = ["Parts", "parts_of", "parts_of_expression", "private"]

UNREWRITTEN, REMAINS = "unrewritten", "remains"
PASS_NAME = "graphs_note_unrewritten"


@dataclass(frozen=True)
class Noted:
    """A graph's wiring at one moment, independent of later edits to its nodes."""

    inputs: tuple[Variable, ...]
    nodes: tuple[tuple[Apply, tuple[Variable, ...]], ...]
    outputs: tuple[Variable, ...]

    @classmethod
    def of(cls, fgraph: FunctionGraph) -> Noted:
        nodes = tuple((node, tuple(node.inputs)) for node in fgraph.toposort())
        return cls(tuple(fgraph.inputs), nodes, tuple(fgraph.outputs))


@dataclass(frozen=True)
class Parts:
    """What ``FunctionMaker`` needs to compile a graph again.

    Attributes
    ----------
    inputs, outputs : list of In, list of Out
        On variables of their own: compiling them touches nothing of the user's.
    mode : Mode
        The mode asked for.
    name : str
        The function's name, or empty.
    accept_inplace : bool
        Whether the graph may hold in-place nodes from the start.
    start : str
        ``unrewritten`` or ``remains``.
    function : object
        The compiled function the parts are taken from, or None.
    noted : Noted
        The wiring behind `inputs` and `outputs`, for compiling edits it in place.
    """

    inputs: list[In]
    outputs: list[Out]
    noted: Noted = field(repr=False)
    mode: Mode
    name: str = ""
    accept_inplace: bool = False
    start: str = UNREWRITTEN
    function: Any = field(default=None, repr=False)

    def again(self, mode: Mode) -> Parts:
        """The same parts, not compiled yet, on variables of their own, for another mode."""
        ins, outs, noted = private(self.noted, self.inputs, self.outputs)
        return replace(self, inputs=ins, outputs=outs, noted=noted, mode=mode)


# Keyed by the graph and not kept on it, so that pickling a function carries nothing of ours.
_NOTES: WeakKeyDictionary[FunctionGraph, Noted] = WeakKeyDictionary()


class _NoteUnrewritten(GraphRewriter):  # type: ignore[misc]  # PyTensor's classes are untyped
    """Changes nothing; notes the graph it is shown."""

    def apply(self, fgraph: FunctionGraph) -> None:
        if fgraph not in _NOTES:
            _NOTES[fgraph] = Noted.of(fgraph)


if PASS_NAME not in optdb:
    optdb.register(
        PASS_NAME,
        _NoteUnrewritten(),
        "fast_run",
        "fast_compile",
        "minimum_compile",
        "merge",
        "stable",
        position=-1000,
    )


def parts_of(function: Any) -> Parts:
    """Take a compiled function apart without touching it.

    Parameters
    ----------
    function : pytensor.compile.executor.Function
        What ``pytensor.function`` returned.

    Returns
    -------
    Parts
        With shared variables replaced by private copies of their current values.
    """
    maker = function.maker
    noted = _NOTES.get(maker.fgraph)
    rewritten = len(get_mode(maker.mode).optimizer.data) > 0 if noted is None else True
    if noted is None:
        variables = [spec.variable for spec in maker.outputs]
        variables += [spec.update for spec in maker.inputs if spec.update is not None]
        inputs = tuple(spec.variable for spec in maker.inputs)
        nodes = toposort(variables, blockers=inputs)
        noted = Noted(inputs, tuple((n, tuple(n.inputs)) for n in nodes), tuple(variables))
        start = REMAINS if rewritten else UNREWRITTEN
    else:
        start = UNREWRITTEN
    ins, outs, own = private(noted, maker.inputs, maker.outputs)
    return Parts(
        ins,
        outs,
        own,
        get_mode(maker.mode),
        name=maker.name or "",
        accept_inplace=bool(maker.accept_inplace) or start == REMAINS,
        start=start,
        function=function,
    )


def parts_of_expression(
    inputs: Sequence[Any],
    outputs: Any,
    updates: Any = (),
    *,
    mode: str | Mode | None = None,
    givens: Any = (),
    name: str = "",
) -> Parts:
    """The parts of a function not compiled yet; arguments as for ``pytensor.function``."""
    if outputs is None:
        outputs = []
    elif isinstance(outputs, Iterable) and not isinstance(outputs, Variable):
        outputs = list(outputs)
    else:
        outputs = [outputs]
    try:
        ins, clones = construct_function_ins_and_outs(
            list(inputs), outputs, updates=updates or None, givens=givens or None
        )
    except (TypeError, AttributeError) as problem:
        raise InputError(
            "expression",
            found=f"something pytensor.function refuses ({problem})",
            allowed="inputs, outputs and updates as pytensor.function takes them",
        ) from problem
    outs = [out if isinstance(out, Out) else Out(out) for out in clones]
    roots = tuple(spec.variable for spec in ins)
    results = [out.variable for out in outs]
    results += [spec.update for spec in ins if spec.update is not None]
    nodes = tuple((node, tuple(node.inputs)) for node in toposort(results, blockers=roots))
    own = private(Noted(roots, nodes, tuple(results)), ins, outs)
    return Parts(*own, resolve_mode(mode), name=name)


def private(
    noted: Noted, ins: Sequence[Any], outs: Sequence[Any]
) -> tuple[list[In], list[Out], Noted]:
    """Build the noted graph anew on variables and storage of its own.

    Parameters
    ----------
    noted : Noted
        The graph; its outputs are the function's, then the updates in the order of `ins`.
    ins, outs : sequence of In, sequence of Out
        The specifications to carry over (borrow, mutable, strict …).
    """
    memo: dict[Variable, Variable] = {}
    specs = []
    for spec, variable in zip(ins, noted.inputs, strict=True):
        value = getattr(spec, "value", None)
        if isinstance(value, Variable):
            value = value.container
        root = variable.clone()
        if isinstance(value, Container):
            value = _own_container(value)
            if isinstance(root, SharedVariable):
                root.container = value
        elif value is not None:
            value = copy.deepcopy(value)
        memo[variable] = root
        specs.append((spec, root, value))
    for node, inputs in noted.nodes:
        for variable in inputs:
            _adopt(variable, memo)
        # Not clone_with_new_inputs: that may build the node anew and narrow its types.
        twin = Apply(node.op, [memo[v] for v in inputs], [out.clone() for out in node.outputs])
        twin.tag = copy.copy(node.tag)
        for mark in ("imported_by", "removed_by"):  # written by another compilation
            if hasattr(twin.tag, mark):
                delattr(twin.tag, mark)
        memo.update(zip(node.outputs, twin.outputs, strict=True))
    for variable in noted.outputs:
        _adopt(variable, memo)
    updates = iter(noted.outputs[len(outs) :])
    new_ins = []
    for spec, root, value in specs:
        twin = copy.copy(spec)
        twin.variable, twin.value = root, value
        twin.update = None if spec.update is None else memo[next(updates)]
        new_ins.append(twin)
    new_outs = []
    for spec, variable in zip(outs, noted.outputs[: len(outs)], strict=True):
        twin = copy.copy(spec)
        twin.variable = memo[variable]
        new_outs.append(twin)
    wiring = tuple(
        (memo[node.outputs[0]].owner, tuple(memo[v] for v in inputs)) for node, inputs in noted.nodes
    )
    roots = tuple(root for _, root, _ in specs)
    return new_ins, new_outs, Noted(roots, wiring, tuple(memo[v] for v in noted.outputs))


def _adopt(variable: Variable, memo: dict[Variable, Variable]) -> None:
    """Give a constant or a root that is no declared input a twin of its own."""
    if variable in memo:
        return
    memo[variable] = variable.clone() if isinstance(variable, Constant) else variable


def _own_container(container: Container) -> Container:
    return Container(
        container.type,
        [copy.deepcopy(container.storage[0])],
        readonly=container.readonly,
        strict=container.strict,
        allow_downcast=container.allow_downcast,
        name=container.name,
    )
