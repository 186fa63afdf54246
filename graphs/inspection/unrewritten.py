"""Getting at the graph as the user wrote it.

A compiled PyTensor function does not hold it any more: the compiler edits nodes in place, so
what hangs below ``fn.maker`` after compiling is a mixture of original and rewritten nodes.
Importing this module therefore registers one more pass in PyTensor's database, before all
others, that changes nothing and notes how the graph stood. For a function compiled before that,
the user's own variables are looked for in memory; where they are gone, the function is refused.
"""

from __future__ import annotations

import copy
import gc
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

from pytensor.compile.io import In, Out
from pytensor.compile.mode import Mode, get_mode, optdb
from pytensor.compile.rebuild import construct_function_ins_and_outs
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.op import HasInnerGraph
from pytensor.graph.rewriting.basic import GraphRewriter
from pytensor.graph.traversal import apply_ancestors, toposort
from pytensor.graph.utils import Scratchpad
from pytensor.link.basic import Container

from graphs.errors import InputError
from graphs.functions import resolve_mode

__all__ = ["Parts", "parts_of", "parts_of_expression", "private"]

PASS_NAME = "graphs_note_unrewritten"


@dataclass(frozen=True)
class Noted:
    """A graph's wiring at one moment, independent of later edits to its nodes.

    Attributes
    ----------
    inputs, outputs : tuple of Variable
        The graph's.
    nodes : tuple of (Apply, Op, tuple of Variable)
        In an order in which they can be computed, with what they read. The Op is the node's own,
        or a clone where it holds a graph that linking would edit in place.
    """

    inputs: tuple[Variable, ...]
    nodes: tuple[tuple[Apply, Any, tuple[Variable, ...]], ...]
    outputs: tuple[Variable, ...]

    @classmethod
    def of(cls, inputs: Iterable[Variable], outputs: Iterable[Variable]) -> Noted:
        inputs, outputs = tuple(inputs), tuple(outputs)
        nodes = toposort(outputs, blockers=inputs)
        return cls(inputs, tuple((n, _own_op(n.op), tuple(n.inputs)) for n in nodes), outputs)


def _own_op(op: Any) -> Any:
    return op.clone() if isinstance(op, HasInnerGraph) else op


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
            _NOTES[fgraph] = Noted.of(fgraph.inputs, fgraph.outputs)


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
    noted = _NOTES.get(maker.fgraph) or _never_rewritten(maker) or _find_in_memory(maker)
    if noted is None:
        raise InputError(
            "what",
            found="a function that holds only its rewritten graph (unpickled, copied, or compiled before"
            " graphs.inspection was imported) and whose expression is gone from memory",
            allowed="a function whose unrewritten graph can still be had",
            remedy="import graphs.inspection before compiling, or pass the inputs, outputs and"
            " updates themselves with mode=function.maker.mode",
        )
    ins, outs, own = private(noted, maker.inputs, maker.outputs)
    return Parts(
        ins,
        outs,
        own,
        get_mode(maker.mode),
        name=maker.name or "",
        accept_inplace=bool(maker.accept_inplace),
        function=function,
    )


def _never_rewritten(maker: Any) -> Noted | None:
    """What the maker holds, where its mode has no rewrites at all that could have edited it."""
    if len(getattr(get_mode(maker.mode).optimizer, "data", [None])) > 0:
        return None
    results = [spec.variable for spec in maker.outputs]
    results += [spec.update for spec in maker.inputs if spec.update is not None]
    return Noted.of([spec.variable for spec in maker.inputs], results)


def _find_in_memory(maker: Any) -> Noted | None:
    """The user's own expression behind a function compiled before notes were taken.

    PyTensor compiles a clone, whose variables share the list of trace frames with the user's.
    """
    results = [spec.variable for spec in maker.outputs]
    results += [spec.update for spec in maker.inputs if spec.update is not None]
    inputs = [spec.variable for spec in maker.inputs]
    originals = [v if v.owner is None else _original(v) for v in results]
    if any(v is None for v in originals):
        return None
    noted = Noted.of(inputs, originals)
    roots = {v for *_, reads in noted.nodes for v in reads if v.owner is None}
    declared = all(isinstance(v, Constant) or v in inputs for v in roots)
    return noted if declared else None


def _original(clone: Variable) -> Variable | None:
    """The variable that `clone` was made from, if it is alive and was never compiled itself."""
    trace = getattr(clone.tag, "trace", None)
    if not trace:
        return None
    for holder in gc.get_referrers(trace):
        tags = [holder] if isinstance(holder, Scratchpad) else gc.get_referrers(holder)
        for tag in tags:
            if isinstance(tag, Scratchpad) and getattr(tag, "trace", None) is trace:
                for found in gc.get_referrers(tag):
                    found = found if isinstance(found, Variable) else _owner_of(found, tag)
                    if found is not None and found is not clone and _is_original(found, clone):
                        return found
    return None


def _owner_of(attributes: Any, tag: Any) -> Variable | None:
    """The variable that keeps its attributes in the dictionary `attributes`."""
    if not isinstance(attributes, dict) or attributes.get("tag") is not tag:
        return None
    holders = (v for v in gc.get_referrers(attributes) if isinstance(v, Variable))
    return next(holders, None)


def _is_original(found: Variable, clone: Variable) -> bool:
    """A compiled graph's nodes are marked as imported into it; the user's own are not."""
    return (
        found.type == clone.type
        and found.name == clone.name
        and found.owner is not None
        and found.index == clone.index
        and type(found.owner.op) is type(clone.owner.op)
        and not any(hasattr(node.tag, "imported_by") for node in apply_ancestors([found]))
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
    own = private(Noted.of(roots, results), ins, outs)
    return Parts(*own, resolve_mode(mode), name=name)


def private(noted: Noted, ins: Sequence[Any], outs: Sequence[Any]) -> tuple[list[In], list[Out], Noted]:
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
    for node, op, inputs in noted.nodes:
        for variable in inputs:
            _adopt(variable, memo)
        # Not clone_with_new_inputs: that may build the node anew and narrow its types.
        twin = Apply(_own_op(op), [memo[v] for v in inputs], [out.clone() for out in node.outputs])
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
    roots = [root for _, root, _ in specs]
    return new_ins, new_outs, Noted.of(roots, [memo[v] for v in noted.outputs])


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
