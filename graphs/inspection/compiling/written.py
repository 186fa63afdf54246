"""The graph as the user wrote it, and what it takes to compile it again on variables of its own.

A compiled PyTensor function does not hold the graph it was written as: the compiler edits nodes in
place, so what hangs below ``fn.maker`` after compiling is a mixture of original and rewritten nodes.
Importing this module therefore registers one more pass in PyTensor's database, before all others, that
changes nothing and notes how the graph stood. For a function compiled before that, the user's own
variables are looked for in memory; where they are gone, there is nothing to show.
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
from pytensor.graph.op import HasInnerGraph, Op
from pytensor.graph.rewriting.basic import GraphRewriter
from pytensor.graph.traversal import apply_ancestors, explicit_graph_inputs, toposort
from pytensor.graph.utils import Scratchpad
from pytensor.link.basic import Container

from graphs.errors import InputError
from graphs.foreign import one_line
from graphs.functions import resolve_mode

__all__ = ["Wiring", "Written", "is_from_cache", "same_graph", "written_expression", "written_function"]

PASS_NAME = "graphs_note_unrewritten"


@dataclass(frozen=True)
class Wiring:
    """How a graph is wired at one moment, independent of later edits to its nodes."""

    inputs: tuple[Variable, ...]
    # in an order in which they can be computed, with what they read and the names of the tags they have; the
    # Op is the node's own, or a clone where it holds a graph that linking would edit in place
    nodes: tuple[tuple[Apply, Any, tuple[Variable, ...], frozenset[str]], ...]
    outputs: tuple[Variable, ...]

    @classmethod
    def of(cls, inputs: Iterable[Variable], outputs: Iterable[Variable]) -> Wiring:
        inputs, outputs = tuple(inputs), tuple(outputs)
        nodes = toposort(outputs, blockers=inputs)
        return cls(
            inputs,
            tuple((n, _own_op(n.op), tuple(n.inputs), frozenset(vars(n.tag))) for n in nodes),
            outputs,
        )


@dataclass(frozen=True)
class Written:
    """A graph as written and what ``FunctionMaker`` needs to compile it, on variables of its own."""

    inputs: list[In]  # compiling these and `outputs` touches nothing of the user's
    outputs: list[Out]
    wiring: Wiring = field(repr=False)  # that of `inputs` and `outputs`, which compiling edits in place
    mode: Mode  # the mode asked for
    name: str = ""  # the function's name, or empty
    accept_inplace: bool = False  # whether the graph may hold in-place nodes from the start
    function: Any = field(default=None, repr=False)  # the compiled function it was read from, or None

    def under(self, mode: Mode) -> Written:
        """The same graph for another mode, not compiled yet, on variables of its own again."""
        inputs, outputs, wiring = _own(self.wiring, self.inputs, self.outputs)
        return replace(self, inputs=inputs, outputs=outputs, wiring=wiring, mode=mode)

    def values(self) -> tuple[Any, ...]:
        """Copies of the inputs' stored values, which compiled code may overwrite; None where there is none."""
        stored = (getattr(spec, "value", None) for spec in self.inputs)
        return tuple(copy.deepcopy(v.storage[0] if isinstance(v, Container) else v) for v in stored)


def written_function(function: Any) -> Written:
    """Take a compiled function apart without touching it; its shared variables are copied as they are now.

    Raises
    ------
    InputError
        If its graph as written cannot be had any more.
    """
    maker = function.maker
    wiring = _wiring_of(function)
    if wiring is None:
        raise InputError(
            "what",
            found="a function that holds only its rewritten graph (unpickled, copied, or compiled before"
            " graphs.inspection was in use) and whose expression is gone from memory",
            allowed="a function whose unrewritten graph can still be had",
            remedy="write `from graphs.inspection import inspect` before compiling, or pass the inputs,"
            " outputs and updates themselves with mode=function.maker.mode",
        )
    return Written(
        *_own(wiring, maker.inputs, maker.outputs),
        get_mode(maker.mode),
        name=maker.name or "",
        accept_inplace=bool(maker.accept_inplace),
        function=function,
    )


def written_expression(
    inputs: Sequence[Any],
    outputs: Any,
    updates: Any = (),
    *,
    mode: str | Mode | None = None,
    givens: Any = (),
    name: str = "",
) -> Written:
    """A graph not compiled yet; arguments as for ``pytensor.function``.

    Raises
    ------
    InputError
        If ``pytensor.function`` would refuse them.
    """
    several = isinstance(outputs, Iterable) and not isinstance(outputs, Variable)
    asked = [] if outputs is None else list(outputs) if several else [outputs]
    try:
        if len(set(inputs)) < len(inputs):
            raise TypeError("an input twice")
        ins, clones = construct_function_ins_and_outs(
            list(inputs), asked, updates=updates or None, givens=givens or None
        )
        undeclared = set(explicit_graph_inputs(clones)) - {spec.variable for spec in ins}
        if undeclared:
            raise TypeError(f"{undeclared.pop()} is no input")
    except Exception as problem:  # PyTensor raises what it likes
        raise InputError(
            "expression",
            found=f"something pytensor.function refuses ({one_line(problem)})",
            allowed="inputs, outputs and updates as pytensor.function takes them",
        ) from problem
    outs = [out if isinstance(out, Out) else Out(out) for out in clones]
    return Written(*_own(_specified(ins, outs), ins, outs), resolve_mode(mode), name=name)


def _specified(ins: Sequence[In], outs: Sequence[Out]) -> Wiring:
    """The graph that specifications name: its outputs are the function's, then the updates."""
    results = [spec.variable for spec in outs]
    results += [spec.update for spec in ins if spec.update is not None]
    return Wiring.of([spec.variable for spec in ins], results)


def _own(wiring: Wiring, ins: Sequence[In], outs: Sequence[Out]) -> tuple[list[In], list[Out], Wiring]:
    """Build a graph anew on variables and storage of its own.

    Its outputs are the function's, then the updates in the order of `ins`; what the specifications say
    (borrow, mutable, strict …) is carried over.
    """
    memo: dict[Variable, Variable] = {}

    def own(variable: Variable) -> Variable:
        if variable not in memo:  # a constant, or a root that is no declared input
            memo[variable] = _twin(variable) if isinstance(variable, Constant) else variable
        return memo[variable]

    values = []
    for spec, variable in zip(ins, wiring.inputs, strict=True):
        root = memo[variable] = _twin(variable)
        value = getattr(spec, "value", None)
        value = value.container if isinstance(value, Variable) else value
        if isinstance(value, Container):
            value = _with(value, storage=[copy.deepcopy(value.storage[0])])
            if isinstance(root, SharedVariable):
                root.container = value
        else:
            value = copy.deepcopy(value)
        values.append(value)
    for node, op, reads, tags in wiring.nodes:
        # Not clone_with_new_inputs: that may build the node anew and narrow its types.
        twin = Apply(_own_op(op), [own(v) for v in reads], [_twin(out) for out in node.outputs])
        twin.tag = copy.copy(node.tag)
        # What another compilation has written there since: rewrites mark nodes that they are done with.
        for mark in {"imported_by", "removed_by", *vars(twin.tag)} - (tags - {"imported_by", "removed_by"}):
            if hasattr(twin.tag, mark):
                delattr(twin.tag, mark)
        memo.update(zip(node.outputs, twin.outputs, strict=True))
    roots = [memo[variable] for variable in wiring.inputs]
    results = [own(variable) for variable in wiring.outputs]
    updates = iter(results[len(outs) :])
    own_ins = []
    for spec, root, value in zip(ins, roots, values, strict=True):
        update = None if spec.update is None else next(updates)
        own_ins.append(_with(spec, variable=root, value=value, update=update))
    own_outs = [_with(spec, variable=new) for spec, new in zip(outs, results, strict=False)]
    return own_ins, own_outs, Wiring.of(roots, results)


def _twin(variable: Variable) -> Variable:
    """A clone whose trace is its own: rewriting makes it longer."""
    twin = variable.clone()
    if twin is variable:  # a constant of PyTensor 3.3
        twin = copy.copy(variable)
    twin.tag = copy.copy(variable.tag)
    if isinstance(trace := getattr(twin.tag, "trace", None), list):
        twin.tag.trace = list(trace)
    return twin


def _with(spec: Any, **changed: Any) -> Any:
    twin = copy.copy(spec)
    vars(twin).update(changed)
    return twin


def _own_op(op: Any) -> Any:
    """An Op that linking may edit without touching the given one."""
    return op.clone() if isinstance(op, HasInnerGraph) else op


# Keyed by the graph and not kept on it, so that pickling a function carries nothing of ours.
_NOTES: WeakKeyDictionary[FunctionGraph, Wiring] = WeakKeyDictionary()


class _NoteUnrewritten(GraphRewriter):  # type: ignore[misc]  # PyTensor's classes are untyped
    """Changes nothing; notes the graph it is shown."""

    def apply(self, fgraph: FunctionGraph) -> None:
        if fgraph not in _NOTES:
            _NOTES[fgraph] = Wiring.of(fgraph.inputs, fgraph.outputs)


if PASS_NAME not in optdb:
    tags = ("fast_run", "fast_compile", "minimum_compile", "merge", "stable")
    optdb.register(PASS_NAME, _NoteUnrewritten(), *tags, position=-1000)


def _wiring_of(function: Any) -> Wiring | None:
    """How the graph that a compiled function was made from is wired; None where it is gone."""
    maker = function.maker
    wiring = _NOTES.get(maker.fgraph)
    if wiring is None and (is_from_cache(function) or _has_no_rewrites(maker)):
        wiring = _specified(maker.inputs, maker.outputs)
    return wiring or _find_in_memory(maker)


def is_from_cache(function: Any) -> bool:
    """Whether the linker knew the graph again and took a whole program from its cache.

    Then the function holds its graph as it was written. `graphs.native`'s linker says so.
    """
    return bool(getattr(function.maker.linker, "from_cache", False))


def _has_no_rewrites(maker: Any) -> bool:
    return not getattr(get_mode(maker.mode).optimizer, "data", [None])


def _find_in_memory(maker: Any) -> Wiring | None:
    """The user's own expression behind a function compiled before notes were taken.

    PyTensor compiles a clone, whose variables share the list of trace frames with the user's.
    """
    clone = _specified(maker.inputs, maker.outputs)
    originals = [v if v.owner is None else _original(v) for v in clone.outputs]
    if any(v is None for v in originals):
        return None
    wiring = Wiring.of(clone.inputs, originals)
    roots = {v for _, _, reads, _ in wiring.nodes for v in reads if v.owner is None}
    declared = all(isinstance(v, Constant) or v in clone.inputs for v in roots)
    return wiring if declared else None


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


def same_graph(first: Any, second: Any) -> bool:
    """Whether two graphs compute the same outputs from the same inputs in the same way.

    Nodes must have equal Ops (the in-place and view maps belong to an Op) and read the same
    variables; inputs correspond by position, constants by type and value.
    """
    parts = ("inputs", "outputs", "apply_nodes")
    if any(len(getattr(first, part)) != len(getattr(second, part)) for part in parts):
        return False
    twins: dict[Variable, Variable] = dict(zip(first.inputs, second.inputs, strict=True))
    if any(a.type != b.type for a, b in twins.items()):
        return False
    waiting = list(zip(first.outputs, second.outputs, strict=True))
    while waiting:
        one, other = waiting.pop()
        if one in twins:
            if twins[one] is not other:
                return False
            continue
        twins[one] = other
        if one.type != other.type:
            return False
        if one.owner is None or other.owner is None:
            constants = isinstance(one, Constant) and isinstance(other, Constant)
            if one is not other and not (constants and one.equals(other)):
                return False
            continue
        if one.index != other.index or not _same_op(one.owner, other.owner):
            return False
        waiting.extend(zip(one.owner.inputs, other.owner.inputs, strict=True))
    return True


def _same_op(one: Any, other: Any) -> bool:
    if len(one.inputs) != len(other.inputs):
        return False
    return one.op == other.op or _same_inner(one.op, other.op) or _nameless(one.op, other.op)


def _nameless(one: Any, other: Any) -> bool:
    """Whether two Ops of one class, which does not say when two of its Ops are equal, hold the same."""
    if type(one) is not type(other) or type(one).__eq__ not in (object.__eq__, Op.__eq__):
        return False
    try:
        return bool(vars(one) == vars(other))
    except Exception:  # what they hold cannot be compared
        return False


def _same_inner(one: Any, other: Any) -> bool:
    """Ops with graphs inside may compare by identity: compare what they hold."""
    if type(one) is not type(other) or str(one) != str(other):
        return False
    maps = ("destroy_map", "view_map")
    if any(getattr(one, m, None) != getattr(other, m, None) for m in maps):
        return False
    inner, twin = getattr(one, "fgraph", None), getattr(other, "fgraph", None)
    return inner is not None and twin is not None and same_graph(inner, twin)
