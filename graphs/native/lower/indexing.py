"""Ops about shapes and places: Shape, Reshape, slices read and written, Join."""

from __future__ import annotations

import functools
import operator
from typing import Any

from pytensor.tensor.subtensor import indices_from_subtensor

import graphs.native.statements as ir
from graphs.native.lower.state import Formula, Indices, Lowering, Scalar, Value, Vector, View, plus, times
from graphs.native.program import OpUnknown

__all__ = ["fit", "place_of_slice"]  # the others are reached through the table in lower/__init__.py


def shape_i(state: Lowering, node: Any, number: int) -> None:
    """One length."""
    length = state.value(node.inputs[0]).dims[node.op.i].length
    state.values[node.outputs[0]] = Scalar("int64", [], length, nodes=[number])


def shape(state: Lowering, node: Any, number: int) -> None:
    """All lengths, as a vector."""
    items: list[Value] = [Scalar("int64", [], dim.length) for dim in state.value(node.inputs[0]).dims]
    state.values[node.outputs[0]] = Vector("int64", [state.fixed(len(items))], items, nodes=[number])


def reshape(state: Lowering, node: Any, number: int) -> None:
    """The same elements, in C order, along other axes."""
    source = state.value(node.inputs[0])
    dims = _wanted_dims(state, node, source)
    if not source.dims:
        formula = Formula(source.dtype, dims, lambda _: source.at([]), nodes=source.nodes)
        state.keep(node.outputs[0], formula, number)
        return
    if not (isinstance(source, View) and source.whole and source.array.kind == "scratch"):
        source = state.solid(source) if isinstance(source, Vector) else source
        source = state.hold(source, None, "flat")
    name = state.name(node.outputs[0].name)
    result = state.whole(ir.Array(name, source.dtype, dims, "scratch", source.array.root))
    result.nodes = [number]
    state.values[node.outputs[0]] = result


def _wanted_dims(state: Lowering, node: Any, source: Value) -> list[ir.Dim]:
    wanted = state.value(node.inputs[1])
    lengths: list[ir.Expression]
    if isinstance(wanted, Vector):
        lengths = [item.at([]) for item in wanted.items]
    elif getattr(node.inputs[1], "data", None) is not None:
        lengths = [ir.Literal("int64", int(n)) for n in node.inputs[1].data]
    else:
        raise OpUnknown(f"{node.op} to a shape that depends on the data")
    total = ir.product(dim.length for dim in source.dims)
    unknown = [k for k, length in enumerate(lengths) if isinstance(length, ir.Literal) and length.value == -1]
    others = ir.product(length for k, length in enumerate(lengths) if k not in unknown)
    if len(unknown) > 1:
        raise OpUnknown(f"{node.op} with two lengths of -1")
    if unknown:
        empty, uneven = ir.compare(others, "==", 0), ir.compare(total % others, "!=", 0)
        wrong = ir.Apply("bool", "||", (empty, uneven))
        state.check(wrong, "ValueError", "cannot reshape: the sizes do not divide")
        lengths[unknown[0]] = total / others
    elif not all(isinstance(length, ir.Literal | ir.Length) for length in lengths):
        # a length of -1 may arrive at run time
        rest = ir.choose(ir.compare(others, "==", 0), ir.ZERO, total / -others)
        lengths = [ir.choose(ir.compare(length, "==", -1), rest, length) for length in lengths]
        lengths = [state.let("int64", length, None) for length in lengths]
    negative = "cannot reshape to a negative length"
    dims = [state.given(length, f"a length given to {node.op}", negative) for length in lengths]
    differs = ir.compare(ir.product(dim.length for dim in dims), "!=", total)
    state.check(differs, "ValueError", f"cannot reshape: the number of elements differs ({node.op})")
    state.promise(dims, node.outputs[0].type.shape, f"in {node.op}")
    return dims


def _section(state: Lowering, view: View, entries: list[Any], node: Any, number: int) -> View:
    """The part of a view that numbers and slices select."""
    dims: list[ir.Dim] = []
    moves: dict[int, tuple[int | None, ir.Expression, ir.Expression]] = {}
    for axis, dim in enumerate(view.dims):
        entry = entries[axis] if axis < len(entries) else slice(None)
        if isinstance(entry, slice):
            start, by, extent = place_of_slice(state, entry, dim, node, number)
            moves[axis] = (len(dims), start, by)
            dims.append(extent)
        else:
            at, length = state.number(entry), dim.length
            from_start = ir.choose(ir.compare(at, "<", 0), at + length, at)
            place = state.let("int64", from_start, number)
            outside = ir.Apply("bool", "||", (ir.compare(place, "<", 0), ir.compare(place, ">=", length)))
            state.check(outside, "IndexError", f"index out of bounds in {node.op}")
            moves[axis] = (None, place, ir.ONE)
    axes: list[tuple[int | None, ir.Expression, ir.Expression]] = []
    for seen, start, step in view.axes:
        if seen is None:
            axes.append((None, start, step))
            continue
        target, offset, by = moves[seen]
        axes.append((target, plus(start, times(offset, step)), times(by, step)))
    return View(view.dtype, dims, view.array, axes, nodes=view.nodes)


def place_of_slice(
    state: Lowering, entry: slice, dim: ir.Dim, node: Any, number: int
) -> tuple[ir.Expression, ir.Expression, ir.Dim]:
    """Start, step and extent of one slice."""
    if entry.start is None and entry.stop is None and entry.step is None:
        return ir.ZERO, ir.ONE, dim
    step = ir.ONE if entry.step is None else state.number(entry.step)
    if not isinstance(step, ir.Literal):
        raise OpUnknown(f"{node.op} with a step that is not constant")
    if step.value == 0:
        raise OpUnknown(f"{node.op} with a step of zero")
    length, backwards = dim.length, step.value < 0
    step = ir.Literal("int64", step.value)

    def within(end: Any, otherwise: ir.Expression) -> ir.Expression:
        if end is None:
            return otherwise
        return ir.Apply("int64", "slice_start", (length, state.number(end), step))

    begin = within(entry.start, length - 1 if backwards else ir.ZERO)
    end = within(entry.stop, ir.Literal("int64", -1) if backwards else length)
    first = state.let("int64", begin, number)
    extent = ir.Apply("int64", "slice_length", (first, end, step))
    return first, step, state.dim(extent, f"the length of a slice in {node.op}")


def subtensor(state: Lowering, node: Any, number: int) -> None:
    """Basic indexing: a view, nothing is copied."""
    entries = list(indices_from_subtensor(node.inputs[1:], node.op.idx_list))
    value = state.value(node.inputs[0])
    if isinstance(value, Vector) and len(entries) == 1 and not isinstance(entries[0], slice):
        position = getattr(entries[0], "data", None)
        if position is not None and -len(value.items) <= int(position) < len(value.items):
            state.keep(node.outputs[0], value.items[int(position)], number)
            return
    result = _section(state, state.refresh(node.inputs[0]), entries, node, number)
    state.promise(result.dims, node.outputs[0].type.shape, f"in {node.op}")
    result.nodes = [*result.nodes, number]
    state.values[node.outputs[0]] = result


def fit(state: Lowering, part: Value, dims: list[ir.Dim], node: Any) -> None:
    """Let a part that is put into a place of these dims have their lengths, but for those it is repeated along."""
    if len(part.dims) > len(dims):
        raise OpUnknown(f"{node.op} of a part with more axes than the place for it")
    for dim, mine in zip(part.dims, dims[len(dims) - len(part.dims) :], strict=True):
        if not dim.is_one:
            state.unify(mine, dim, f"in {node.op}")


def inc_subtensor(state: Lowering, node: Any, number: int) -> None:
    """A copy with one part set or added to."""
    source = state.element(node.inputs[0])
    part = state.value(node.inputs[1])
    if isinstance(part, Vector) or (isinstance(part, Formula) and not part.cheap):
        part = state.refresh(node.inputs[1])
    copy = state.hold(source, node.outputs[0].name, dtype=node.outputs[0].type.dtype)
    entries = list(indices_from_subtensor(node.inputs[2:], node.op.idx_list))
    section = _section(state, copy, entries, node, number)
    fit(state, part, section.dims, node)
    where = state.indices(section.dims)
    shown: Indices = where[len(where) - len(part.dims) :] if part.dims else []
    nodes, adds = [*part.nodes, number], not node.op.set_instead_of_inc
    result = state.state(copy.array, section.places(where), part.at(shown), where, nodes, adds=adds)
    state.values[node.outputs[0]] = result


def join(state: Lowering, node: Any, number: int) -> None:
    """Arrays put one after the other along an axis."""
    if hasattr(node.op, "axis"):
        axis, parts = node.op.axis, list(node.inputs)
    else:
        axis, parts = getattr(node.inputs[0], "data", None), list(node.inputs[1:])
    if axis is None:
        raise OpUnknown("Join along an axis that is not constant")
    values = [state.element(v) for v in parts]
    axis = int(axis) % len(values[0].dims)
    dims = list(values[0].dims)
    what = "all the input array dimensions except for the joined one in Join"
    for value in values[1:]:
        for k, (mine, theirs) in enumerate(zip(dims, value.dims, strict=True)):
            if k != axis:
                state.unify(mine, theirs, what)
    lengths = [value.dims[axis].length for value in values]
    known = [length.value for length in lengths if isinstance(length, ir.Literal)]
    if len(known) == len(lengths):
        dims[axis] = state.fixed(int(sum(known)))
    else:
        dims[axis] = state.dim(functools.reduce(operator.add, lengths), "the length of a Join")
    target = state.array(node.outputs[0].name, node.outputs[0].type.dtype, dims, "joined")
    start: ir.Expression = ir.ZERO
    for value, length in zip(values, lengths, strict=True):
        indices = state.indices(value.dims)
        places = [ir.Place(i, start if k == axis else ir.ZERO) for k, i in enumerate(indices)]
        state.state(target, places, value.at(indices), indices, [*value.nodes, number])
        start = plus(start, length)
    state.values[node.outputs[0]] = state.whole(target)


def extract_diagonal(state: Lowering, node: Any, number: int) -> None:
    """A diagonal, as a view; its axis comes last."""
    view, op = state.refresh(node.inputs[0]), node.op
    first, second = getattr(op, "axis1", 0), getattr(op, "axis2", 1)
    rows, columns = (view.dims[axis].length for axis in (first, second))
    offset = ir.Literal("int64", abs(op.offset))
    if op.offset > 0:
        columns = columns - offset
    elif op.offset:
        rows = rows - offset
    shorter = ir.choose(ir.compare(rows, "<", columns), rows, columns)
    if op.offset:
        shorter = ir.choose(ir.compare(shorter, "<", 0), ir.ZERO, shorter)
        view = view.shifted(second if op.offset > 0 else first, offset, view.dims)
    rest = [axis for axis in range(len(view.dims)) if axis not in (first, second)]
    dims = [*(view.dims[axis] for axis in rest), state.dim(shorter, f"the length of a diagonal in {op}")]
    moved = {axis: k for k, axis in enumerate(rest)} | {first: len(rest), second: len(rest)}
    result = view.moved(dims, moved)
    state.promise(result.dims, node.outputs[0].type.shape, f"in {op}")
    result.nodes = [*view.nodes, number]
    state.values[node.outputs[0]] = result


def alloc_diagonal(state: Lowering, node: Any, number: int) -> None:
    """Zeros with a vector along a diagonal."""
    op, value = node.op, state.element(node.inputs[0])
    if len(value.dims) != 1:
        raise OpUnknown(f"{op} of more than a vector")
    if isinstance(value, Formula) and not value.cheap:
        value = state.refresh(node.inputs[0])
    dtype, offset = node.outputs[0].type.dtype, ir.Literal("int64", abs(op.offset))
    side = value.dims[0] if not op.offset else state.dim(value.dims[0].length + offset, f"a side of {op}")
    zeros = Formula(dtype, [side, side], lambda _: ir.Literal(dtype, 0), nodes=[number])
    target = state.hold(zeros, node.outputs[0].name)
    index = state.indices(value.dims)[0]
    right = op.offset > 0
    starts = (ir.ZERO if right else offset, offset if right else ir.ZERO)
    places = [ir.Place(index, start) for start in starts]
    nodes = [*value.nodes, number]
    state.values[node.outputs[0]] = state.state(target.array, places, value.at([index]), [index], nodes)
