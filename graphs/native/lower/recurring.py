"""Ops that take turns, each from what the turn before has left: Scan, and sums and products that run along an axis.

The graph inside a Scan is lowered like any other, into the body of a loop over its turns. What it reads of a sequence
is a row of an array; what it remembers are rows of a buffer, which is used in a circle where it is shorter than
all turns; in the end the oldest row comes first again, as PyTensor has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pytensor.tensor.basic import Alloc, AllocEmpty
from pytensor.tensor.subtensor import IncSubtensor

import graphs.native.statements as ir
from graphs.native.lower.scalars import cast
from graphs.native.lower.state import Formula, Indices, Kept, Lowering, Scalar, Value, Vector, View, plus
from graphs.native.program import OpUnknown

__all__: list[str] = []  # reached through the table in lower/__init__.py


def cumulative(state: Lowering, node: Any, number: int) -> None:
    """Sums or products of all elements so far along an axis."""
    op, dtype = node.op, node.outputs[0].type.dtype
    value = state.solid(state.element(node.inputs[0]))
    if op.axis is None:  # PyTensor 3.0: of all elements in C order
        if len(value.dims) != 1:
            raise OpUnknown(f"{op} along no axis")
        axis = 0
    else:
        axis = op.axis % len(value.dims)
    adds = op.mode == "add"
    rest = [dim for k, dim in enumerate(value.dims) if k != axis]
    target = state.array(node.outputs[0].name, dtype, value.dims, "running")
    start = Formula(dtype, rest, lambda _: ir.Literal(dtype, 0 if adds else 1), nodes=[number])
    total = state.hold(start, None, "so_far")
    turn = _turn(state)
    indices = state.indices(rest)
    nodes = [*value.nodes, number]

    def along(other: Indices) -> list[ir.Place]:
        places = [ir.Place(index) for index in other]
        return [*places[:axis], ir.Place(None, turn), *places[axis:]]

    with_turn: dict[int, tuple[ir.Index | None, ir.Expression, ir.Expression]]
    with_turn = {
        k: (index, ir.ZERO, ir.ONE) for k, index in enumerate([*indices[:axis], None, *indices[axis:]])
    }
    with_turn[axis] = (None, turn, ir.ONE)
    element = ir.Read(value.dtype, value.array, value.through(with_turn))
    so_far = total.at(indices)
    joined = so_far + cast(element, dtype) if adds else so_far * cast(element, dtype)
    if dtype == "bool":
        raise OpUnknown(f"{op} of bools")
    state.state(total.array, None, joined, indices, nodes)
    state.state(target, along(indices), so_far, indices, [number])
    word = "sum" if adds else "product"
    _close(
        state,
        turn,
        value.dims[axis].length,
        f"running {word} along axis {axis} of {value.array.name}",
        [number],
    )
    state.values[node.outputs[0]] = state.whole(target)


def _turn(state: Lowering) -> ir.Named:
    """Begin the body of a recurrence: its turn's number."""
    body: list[ir.Step] = []
    state.levels.append(body)
    turn = ir.Named("int64", state.name("turn"))
    state.depths[turn.name] = len(state.levels)
    return turn


def _close(
    state: Lowering,
    turn: ir.Named,
    count: ir.Expression,
    formula: str,
    nodes: list[int],
    until: ir.Expression | None = None,
    done: ir.Named | None = None,
) -> None:
    """End the body, and state the recurrence."""
    body = state.levels.pop()
    if done:
        state.depths[done.name] = len(state.levels)
        state.returned.add(done.name)
    state.levels[-1].append(ir.Recurrence(turn, count, body, formula, nodes, until, done))


@dataclass(frozen=True)
class _Buffer:
    """What a Scan remembers of one of its outputs."""

    array: ir.Array
    first: int  # rows that are there before the first turn
    circular: bool


class _Scan:
    """One Scan being lowered."""

    def __init__(self, state: Lowering, node: Any, number: int) -> None:
        self.state, self.node, self.number, self.op = state, node, number, node.op
        self.what = f"the Scan {node.op}"
        self.count = state.number(node.inputs[0])
        state.check(
            ir.compare(self.count, "<", 0), "IndexError", "Scan was asked for a negative number of steps"
        )

    def sequence(self, variable: Any) -> View:
        """An array whose rows the turns read."""
        view = self.state.refresh(variable)
        short = ir.compare(view.dims[0].length, "<", self.count)
        self.state.check(short, "ValueError", "a sequence is shorter than the number of steps of a Scan")
        return view

    def buffer(self, variable: Any, taps: tuple[int, ...], circular: bool) -> _Buffer:
        """Memory of its own, which begins as `variable`."""
        state, first = self.state, -min(0, *taps)
        value = state.value(variable)
        mine = isinstance(value, View) and value.whole and value.array.kind == "scratch"
        # nobody else looks at it, under another name either
        fresh = variable.owner is not None and isinstance(
            variable.owner.op, IncSubtensor | Alloc | AllocEmpty
        )
        alone = fresh and len(state.clients.get(variable, ())) == 1
        if isinstance(value, View) and mine and alone and value.array.memory_of is None:
            array = value.array
        else:
            array = state.hold(state.element(variable), variable.name, "states").array
        length = array.dims[0].length
        if circular:
            short = ir.compare(length, "<", max(first, 1))
        else:  # a gradient's: each turn reads and adds further on
            last = ir.Literal("int64", first + max(taps))
            short = ir.Apply(
                "bool",
                "&",
                (ir.compare(self.count, ">", 0), ir.compare(plus(self.count, last), ">", length)),
            )
        state.check(short, "ValueError", f"too little room for what {self.what} remembers")
        return _Buffer(array, first, circular)

    def row(self, buffer: _Buffer, turn: ir.Named, tap: int) -> ir.Expression:
        """Which row of a buffer a tap is at in a turn."""
        at = plus(turn, ir.Literal("int64", buffer.first + tap)) if buffer.first + tap else turn
        length = buffer.array.dims[0].length
        if not buffer.circular or (isinstance(length, ir.Length) and length == self.count and at is turn):
            return at
        if isinstance(length, ir.Literal) and length.value == 1:
            return ir.ZERO
        name = f"{buffer.array.name}_{'now' if tap < 0 else 'next'}{'' if tap >= -1 else -tap}"
        return self.state.let("int64", at % length, None, name)

    def write(self, array: ir.Array, at: ir.Expression, value: Value) -> None:
        """State a row of a buffer."""
        state, rest = self.state, array.dims[1:]
        for mine, theirs in zip(rest, value.dims, strict=True):
            state.unify(mine, theirs, f"an output of {self.what} has changed shape")
        indices = state.indices(rest)
        places = [ir.Place(None, at), *(ir.Place(index) for index in indices)]
        state.state(array, places, value.at(indices), indices, [*value.nodes, self.number])


def scan(state: Lowering, node: Any, number: int) -> None:
    """A Scan: a loop whose body is its inner graph, after its own rewrites."""
    op, info = node.op, node.op.info
    inner = state.inside(op)
    made = _Scan(state, node, number)
    outer_in, inner_in = node.inputs, inner.inputs
    inner_out = list(inner.outputs)
    sequences = [made.sequence(v) for v in op.outer_seqs(outer_in)]
    shared: list[tuple[Any, Value]] = []
    for outside, within in zip(op.outer_non_seqs(outer_in), op.inner_non_seqs(inner_in), strict=True):
        value = state.value(outside)
        if isinstance(value, Vector) or (isinstance(value, Formula) and not value.cheap):
            value = state.refresh(outside)
        shared.append((within, value))
    totals = [
        made.buffer(v, (*taps, *outs), circular=False)
        for v, taps, outs in zip(
            op.outer_mitmot(outer_in), info.mit_mot_in_slices, info.mit_mot_out_slices, strict=True
        )
    ]
    states = [
        made.buffer(v, taps, circular=True)
        for v, taps in zip(
            [*op.outer_mitsot(outer_in), *op.outer_sitsot(outer_in)],
            [*info.mit_sot_in_slices, *info.sit_sot_in_slices],
            strict=True,
        )
    ]
    carried = []
    for variable in op.outer_untraced_sit_sot(outer_in):
        if isinstance(state.value(variable), Kept):
            raise OpUnknown(f"{made.what}, which carries something that is no array of numbers")
        carried.append(state.hold(state.element(variable), variable.name, "carried"))
    lengths = [state.number(v) for v in op.outer_nitsot(outer_in)]
    level = len(state.levels)

    before = dict(state.values), dict(state.shared)
    turn = _turn(state)
    for within, view in zip(op.inner_seqs(inner_in), sequences, strict=True):
        state.values[within] = view.row(turn)
    state.values |= dict(shared)
    groups = [*op.inner_mitmot_grouped(inner_in), *op.inner_mitsot_grouped(inner_in)]
    groups += [[each] for each in op.inner_sitsot(inner_in)]
    taps_of = [*info.mit_mot_in_slices, *info.mit_sot_in_slices, *info.sit_sot_in_slices]
    for buffer, variables, taps in zip([*totals, *states], groups, taps_of, strict=True):
        whole = state.whole(buffer.array)
        for variable, tap in zip(variables, taps, strict=True):
            state.values[variable] = whole.row(made.row(buffer, turn, tap))
    state.values |= zip(op.inner_untraced_sit_sot(inner_in), carried, strict=True)
    outer_clients, state.clients = state.clients, inner.clients
    for inner_node in inner.toposort():
        state.lower_node(state, inner_node, number)
    state.clients = outer_clients

    # What the turn leaves: all of it is computed before any of it takes the place of what it was computed from.
    new_totals = op.inner_mitmot_outs(inner_out)
    new_states = [*op.inner_mitsot_outs(inner_out), *op.inner_sitsot_outs(inner_out)]
    new_carried = op.inner_untraced_sit_sot_outs(inner_out)
    kept = {v: _own(state, v) for v in (*new_totals, *new_states, *new_carried)}
    until, done = None, None
    if info.as_while:  # of what the turn began with, and before any of that is overwritten
        last = _own(state, inner_out[-1])
        until, done = last.at([None] * len(last.dims)), ir.Named("int64", state.name("done"))
    results = []
    for variable, length in zip(op.inner_nitsot_outs(inner_out), lengths, strict=True):
        value = state.element(variable)
        dims = [dim.find() for dim in value.dims]
        if any(state.depth(dim.length) > level for dim in dims):
            raise OpUnknown(f"{made.what}, whose outputs differ in length")
        array = ir.Array(
            state.name(variable.name, "results"),
            value.dtype,
            [_given(state, length, made.what), *dims],
            "scratch",
        )
        state.depths[array] = level
        buffer = _Buffer(array, 0, circular=True)
        made.write(array, made.row(buffer, turn, 0), value)
        results.append(buffer)
    for outs, buffer in zip(info.mit_mot_out_slices, totals, strict=True):
        for tap in outs:
            made.write(buffer.array, made.row(buffer, turn, tap), kept[new_totals.pop(0)])
    for variable, buffer in zip(new_states, states, strict=True):
        made.write(buffer.array, made.row(buffer, turn, 0), kept[variable])
    for variable, held in zip(new_carried, carried, strict=True):
        for mine, theirs in zip(held.dims, kept[variable].dims, strict=True):
            state.unify(mine, theirs, f"what {made.what} carries has changed shape")
        indices = state.indices(held.dims)
        state.state(held.array, None, kept[variable].at(indices), indices, [*kept[variable].nodes, number])
    _close(state, turn, made.count, f"{_titled(op)}: turn by turn", [number], until, done)
    # What was computed in a turn is no more: a constant, say, that is used in there and out here.
    state.values, state.shared = before
    _finish(state, made, [*states, *results], done)

    outputs = list(node.outputs)
    for variable, buffer in zip(outputs, [*totals, *states, *results], strict=False):
        whole = state.whole(buffer.array)
        if done and buffer.circular:
            full = buffer.array.dims[0].length
            taken = plus(done, ir.Literal("int64", buffer.first)) if buffer.first else done
            shorter = ir.choose(ir.compare(taken, "<", full), full - (made.count - done), full)
            whole.dims[0] = state.dim(shorter, f"the turns that {made.what} took")
        state.promise(whole.dims, variable.type.shape, f"in {made.what}")
        state.values[variable] = whole
    for variable, held in zip(op.outer_untraced_sit_sot_outs(outputs), carried, strict=True):
        state.values[variable] = held


def _own(state: Lowering, variable: Any) -> Value:
    """A value that later statements of the same turn cannot change."""
    value = state.value(variable)
    if isinstance(value, Scalar):
        return value
    level = len(state.levels)
    mine = isinstance(value, View) and value.whole and value.array.kind == "scratch"
    if isinstance(value, View) and mine and state.depths.get(value.array.root) == level > 1:
        return value
    return state.hold(state.element(variable), variable.name)


def _given(state: Lowering, length: ir.Expression, what: str) -> ir.Dim:
    return state.given(
        length, f"the steps that {what} keeps", f"{what} is to keep a negative number of steps"
    )


def _finish(state: Lowering, made: _Scan, buffers: list[_Buffer], done: ir.Named | None) -> None:
    """The oldest row first again, and zeros where no turn has been."""
    for buffer in buffers:
        array = buffer.array
        length = array.dims[0].length
        turns = done or made.count
        taken = plus(turns, ir.Literal("int64", buffer.first)) if buffer.first else turns
        if taken == length:
            continue
        size = ir.product(dim.length for dim in array.dims[1:])
        arguments: list[ir.Argument] = [array, length, size, f"sizeof *{array.name}", taken]
        formula = f"{array.name}: the oldest first, and zeros where no turn has been"
        state.call(ir.Call("oldest_first", arguments, [array], [array], formula, [made.number]))


def _titled(op: Any) -> str:
    """What a Scan is called in a comment."""
    return " ".join(str(op.name or "a Scan").replace("*/", "* /").split())
