"""Ops about shapes and places: Shape, Reshape, slices read and written, Join."""

from __future__ import annotations

from typing import Any

from graphs.native.lower.state import Lowering, register
from graphs.native.statements import Array, Dim, Index, Literal, Named, Place
from graphs.native.unknown import OpUnknown
from graphs.native.values import Formula, Scalar, Value, Vector, View, is_one
from graphs.native.write.expressions import cast

__all__: list[str] = []


def _extent(dim: Dim) -> Scalar:
    found = dim.find()
    if found.constant is not None:
        return Scalar("int64", [], Literal("int64", found.constant))
    return Scalar("int64", [], Named("int64", found.token))


@register("Shape_i")
def shape_i(state: Lowering, node: Any, number: int) -> None:
    """One length."""
    value = _extent(state.value(node.inputs[0]).dims[node.op.i])
    value.nodes = [number]
    state.values[node.outputs[0]] = value


@register("Shape")
def shape(state: Lowering, node: Any, number: int) -> None:
    """All lengths, as a vector."""
    items: list[Value] = [_extent(dim) for dim in state.value(node.inputs[0]).dims]
    state.values[node.outputs[0]] = Vector("int64", [state.fixed(len(items))], items, nodes=[number])


@register("Reshape")
def reshape(state: Lowering, node: Any, number: int) -> None:
    """The same elements, in C order, along other axes."""
    source = state.value(node.inputs[0])
    dims = _wanted_dims(state, node, source)
    if not source.dims:
        state.keep(
            node.outputs[0], Formula(source.dtype, dims, lambda _: source.at([]), nodes=source.nodes), number
        )
        return
    if not (isinstance(source, View) and source.whole and source.array.kind == "scratch"):
        copy = state.array(None, source.dtype, source.dims, "flat")
        indices = state.indices(source.dims)
        if isinstance(source, Vector):
            source = state.solid(source)
        state.state(
            copy, tuple(Place(i) for i in indices), source.at(indices), "=", indices, [], source.nodes
        )
        source = state.whole(copy)
    seen = Array(
        state.name(node.outputs[0].name),
        source.dtype,
        dims,
        "scratch",
        source.array.memory_of or source.array,
    )
    result = state.whole(seen)
    result.nodes = [number]
    state.values[node.outputs[0]] = result


def _wanted_dims(state: Lowering, node: Any, source: Value) -> list[Dim]:
    wanted = state.value(node.inputs[1])
    if isinstance(wanted, Vector):
        lengths = [item.at([]) for item in wanted.items]
    elif getattr(node.inputs[1], "data", None) is not None:
        lengths = [Literal("int64", int(n)) for n in node.inputs[1].data]
    else:
        raise OpUnknown(f"{node.op} to a shape that depends on the data")
    from graphs.native.write.rendering import plain_text

    total = " * ".join(dim.find().token for dim in source.dims) or "1"
    texts = [plain_text(length, state.helpers) for length in lengths]
    if texts.count("-1") > 1:
        raise OpUnknown(f"{node.op} with two lengths of -1")
    if "-1" in texts:
        others = " * ".join(f"({t})" for t in texts if t != "-1") or "1"
        bad = f"({others}) == 0 || ({total}) % ({others}) != 0"
        state.check(bad, "ValueError", "cannot reshape: the sizes do not divide")
        texts[texts.index("-1")] = f"({total}) / ({others})"
    elif any(not t.isdigit() and not t.startswith("@") for t in texts):
        # a length of -1 may arrive at run time
        others = " * ".join(f"({t})" for t in texts) or "1"
        names = []
        for text in texts:
            name = state.name(None)
            rest = f"({others}) == 0 ? 0 : ({total}) / -({others})"
            state.prologue.append(
                ("line", f"const int64_t {name} = ({text}) == -1 ? {rest} : ({text});", None)
            )
            names.append(name)
        texts = names
    dims = []
    for text in texts:
        if text.isdigit():
            dims.append(state.fixed(int(text)))
        elif text.startswith("@") and text.count("@") == 2 and text.endswith("@"):
            dims.append(state.dims[int(text[1:-1])].find())
        else:
            dims.append(state.dim(text, f"a length given to {node.op}"))
            state.check(f"{dims[-1].token} < 0", "ValueError", "cannot reshape to a negative length")
    product = " * ".join(dim.find().token for dim in dims) or "1"
    state.check(
        f"{product} != {total}", "ValueError", f"cannot reshape: the number of elements differs ({node.op})"
    )
    for dim, length in zip(dims, node.outputs[0].type.shape, strict=True):
        if length is not None and dim.find().constant is None:
            state.unify(state.fixed(length), dim, f"in {node.op}")
    return dims


def _entries(node: Any, first: int) -> list[Any]:
    from pytensor.tensor.subtensor import indices_from_subtensor

    return list(indices_from_subtensor(node.inputs[first:], node.op.idx_list))


def _section(state: Lowering, view: View, entries: list[Any], node: Any) -> View:
    """The part of a view that numbers and slices select."""
    dims: list[Dim] = []
    moves: dict[int, tuple[int | None, str, str]] = {}
    for axis, dim in enumerate(view.dims):
        entry = entries[axis] if axis < len(entries) else slice(None)
        length = dim.find().token
        if isinstance(entry, slice):
            start, by, extent = _slice(state, entry, dim, length, node)
            moves[axis] = (len(dims), start, by)
            dims.append(extent)
        else:
            text = state.number(entry)
            name = state.name(None)
            state.prologue.append(
                (
                    "line",
                    f"const int64_t {name} = {text} < 0 ? {text} + {length} : {text};",
                    state.order.index(node),
                )
            )
            state.check(
                f"{name} < 0 || {name} >= {length}", "IndexError", f"index out of bounds in {node.op}"
            )
            moves[axis] = (None, name, "1")
    axes: list[tuple[int | None, str, str]] = []
    for seen, start, step in view.axes:
        if seen is None:
            axes.append((None, start, step))
            continue
        target, offset, by = moves[seen]
        begin = start if offset == "0" else _sum(start, _product(offset, step))
        axes.append((target, begin, _product(by, step)))
    return View(view.dtype, dims, view.array, axes, nodes=view.nodes)


def _sum(a: str, b: str) -> str:
    return b if a == "0" else a if b == "0" else f"({a} + {b})"


def _product(a: str, b: str) -> str:
    return b if a == "1" else a if b == "1" else f"({a} * {b})"


def _slice(state: Lowering, entry: slice, dim: Dim, length: str, node: Any) -> tuple[str, str, Dim]:
    """Start, step and extent of one slice."""
    if entry.start is None and entry.stop is None and entry.step is None:
        return "0", "1", dim
    step = "1" if entry.step is None else state.number(entry.step)
    if not step.lstrip("-").isdigit():
        raise OpUnknown(f"{node.op} with a step that is not constant")
    if int(step) == 0:
        raise OpUnknown(f"{node.op} with a step of zero")
    backwards = int(step) < 0
    state.helpers.add("slices")
    first = (f"{length} - 1" if backwards else "0") if entry.start is None else state.number(entry.start)
    last = ("-1" if backwards else length) if entry.stop is None else state.number(entry.stop)
    begin = state.name(None)
    low = first if entry.start is None else f"slice_start({length}, {first}, {step})"
    state.prologue.append(("line", f"const int64_t {begin} = {low};", state.order.index(node)))
    high = last if entry.stop is None else f"slice_start({length}, {last}, {step})"
    extent = state.dim(f"slice_length({begin}, {high}, {step})", f"the length of a slice in {node.op}")
    return begin, step, extent


@register("Subtensor")
def subtensor(state: Lowering, node: Any, number: int) -> None:
    """Basic indexing: a view, nothing is copied."""
    entries = _entries(node, 1)
    value = state.value(node.inputs[0])
    if isinstance(value, Vector) and len(entries) == 1 and not isinstance(entries[0], slice):
        position = getattr(entries[0], "data", None)
        if position is not None and -len(value.items) <= int(position) < len(value.items):
            state.keep(node.outputs[0], value.items[int(position)], number)
            return
    view = state.refresh(node.inputs[0])
    result = _section(state, view, entries, node)
    for dim, length in zip(result.dims, node.outputs[0].type.shape, strict=True):
        if length is not None and dim.find().constant is None:
            state.unify(state.fixed(length), dim, f"in {node.op}")
    result.nodes = [*result.nodes, number]
    state.values[node.outputs[0]] = result


@register("IncSubtensor")
def inc_subtensor(state: Lowering, node: Any, number: int) -> None:
    """A copy with one part set or added to."""
    source = state.value(node.inputs[0])
    if isinstance(source, Vector):
        source = state.solid(source)
    part = state.value(node.inputs[1])
    if isinstance(part, Vector) or (isinstance(part, Formula) and not part.cheap):
        part = state.refresh(node.inputs[1])
    dtype = node.outputs[0].type.dtype
    copy = state.array(node.outputs[0].name, dtype, source.dims)
    indices = state.indices(source.dims)
    state.state(
        copy,
        tuple(Place(i) for i in indices),
        cast(source.at(indices), dtype),
        "=",
        indices,
        [],
        source.nodes,
    )
    section = _section(state, state.whole(copy), _entries(node, 2), node)
    if len(part.dims) > len(section.dims):
        raise OpUnknown(f"{node.op} of a part with more axes than the place for it")
    for dim, mine in zip(part.dims, section.dims[len(section.dims) - len(part.dims) :], strict=True):
        if not is_one(dim):
            state.unify(mine, dim, f"in {node.op}")
    where = state.indices(section.dims)
    shown: list[Index | None] = where[len(where) - len(part.dims) :] if part.dims else []
    how = "=" if node.op.set_instead_of_inc else "add"
    state.state(
        copy, section.places(where), cast(part.at(shown), dtype), how, where, [], [*part.nodes, number]
    )
    state.values[node.outputs[0]] = state.whole(copy)


@register("Join")
def join(state: Lowering, node: Any, number: int) -> None:
    """Arrays put one after the other along an axis."""
    if hasattr(node.op, "axis"):
        axis, parts = node.op.axis, list(node.inputs)
    else:
        axis, parts = getattr(node.inputs[0], "data", None), list(node.inputs[1:])
    if axis is None:
        raise OpUnknown("Join along an axis that is not constant")
    values = [state.value(v) for v in parts]
    values = [state.solid(v) if isinstance(v, Vector) else v for v in values]
    rank = len(values[0].dims)
    axis = int(axis) % rank
    dims = list(values[0].dims)
    for value in values[1:]:
        for k in range(rank):
            if k != axis:
                state.unify(
                    dims[k], value.dims[k], "all the input array dimensions except for the joined one in Join"
                )
    lengths = [value.dims[axis].find().token for value in values]
    if all(t.isdigit() for t in lengths):
        dims[axis] = state.fixed(sum(int(t) for t in lengths))
    else:
        dims[axis] = state.dim(" + ".join(lengths), "the length of a Join")
    dtype = node.outputs[0].type.dtype
    target = state.array(node.outputs[0].name, dtype, dims, "joined")
    start = "0"
    for value, length in zip(values, lengths, strict=True):
        indices = state.indices(value.dims)
        places = tuple(Place(i, start if k == axis else "0") for k, i in enumerate(indices))
        state.state(target, places, cast(value.at(indices), dtype), "=", indices, [], [*value.nodes, number])
        start = length if start == "0" else f"{start} + {length}"
    state.values[node.outputs[0]] = state.whole(target)


@register("ExtractDiag")
def extract_diagonal(state: Lowering, node: Any, number: int) -> None:
    """The diagonal of a matrix, as a view."""
    view = state.refresh(node.inputs[0])
    if node.op.offset != 0 or len(view.dims) != 2:
        raise OpUnknown(f"the Op {node.op} off the main diagonal")
    rows, columns = (dim.find().token for dim in view.dims)
    length = state.dim(f"{rows} < {columns} ? {rows} : {columns}", "the length of a diagonal")
    axes = [(None if a is None else 0, start, step) for a, start, step in view.axes]
    state.values[node.outputs[0]] = View(view.dtype, [length], view.array, axes, nodes=[*view.nodes, number])
