"""Advanced indexing: places that are read from arrays, set and added to; what is not zero; parts split off.

An index is made a place first: counted from the end where it is negative, and refused where it is outside. What is
known of an index without looking at it (that it counts, that it is constant) is used for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pytensor.graph.basic import Constant
from pytensor.tensor.subtensor import indices_from_subtensor

import graphs.native.statements as ir
from graphs.native.lower.indexing import fit, place_of_slice
from graphs.native.lower.scalars import cast
from graphs.native.lower.state import Formula, Indices, Lowering, Scalar, Value, Vector, View, plus
from graphs.native.program import OpUnknown

__all__: list[str] = []  # reached through the table in lower/__init__.py


class _Selection:
    """Which elements of an array some indices select: their dims, and where each of them is."""

    def __init__(self, state: Lowering, view: View, entries: list[Any], node: Any, number: int) -> None:
        self.view, self.nodes = view, list[int]()
        entries = [*entries, *[slice(None)] * (len(view.dims) - len(entries))]
        if len(entries) > len(view.dims):
            raise OpUnknown(f"{node.op} with more indices than axes")
        # of each axis: where a slice begins, its step and its place among the dims of the result; or the places
        self.slices: dict[int, tuple[ir.Expression, ir.Expression, int]] = {}
        self.places: dict[int, Value] = {}
        sections: list[tuple[int, ir.Dim]] = []
        common: list[ir.Dim] = []
        starts: dict[int, tuple[ir.Expression, ir.Expression]] = {}
        unsure: list[tuple[ir.Expression, str]] = []
        for axis, (entry, dim) in enumerate(zip(entries, view.dims, strict=True)):
            if isinstance(entry, slice):
                start, step, extent = place_of_slice(state, entry, dim, node, number)
                starts[axis] = start, step
                sections.append((axis, extent))
            else:
                key = "places", entry, dim.find()
                if isinstance(entry, View):  # what a mask has found
                    state.shared[key] = entry
                elif key not in state.shared:
                    state.shared[key] = _places(state, entry, dim, node, number, unsure)
                value = self.places[axis] = state.shared[key]
                self.nodes += value.nodes
                common = [state.one] * (len(value.dims) - len(common)) + common
                state.broadcast(common, value.dims, f"indices of {node.op}")
        for bad, what in unsure:  # after all of them are there, so that one loop can look for all
            state.check(bad, "IndexError", what)
        axes = list(self.places)
        together = axes == list(range(axes[0], axes[-1] + 1))
        self.first = sum(axis < axes[0] for axis, _ in sections) if together else 0
        self.rank = len(common)
        self.dims = [dim for _, dim in sections]
        self.dims[self.first : self.first] = common
        for k, (axis, _) in enumerate(sections):
            self.slices[axis] = (*starts[axis], k if k < self.first else k + self.rank)

    def at(self, indices: Indices) -> tuple[ir.Place, ...]:
        """Where in the array the element of the result at these indices lies."""
        chosen = indices[self.first : self.first + self.rank]
        along: dict[int, tuple[ir.Index | None, ir.Expression, ir.Expression]] = {}
        for axis, (start, step, k) in self.slices.items():
            along[axis] = indices[k], start, step
        for axis, value in self.places.items():
            place = cast(value.at(chosen[len(chosen) - len(value.dims) :] if value.dims else []), "int64")
            counted = place.index if isinstance(place, ir.Position) else None  # the loop's own index
            along[axis] = (counted, ir.ZERO, ir.ONE) if counted else (None, place, ir.ONE)
        return self.view.through(along)


def _places(
    state: Lowering,
    variable: Any,
    dim: ir.Dim,
    node: Any,
    number: int,
    unsure: list[tuple[ir.Expression, str]],
) -> Value:
    """An index as places along an axis of this length; what must not be so, to be checked, is put into `unsure`."""
    value, length = state.value(variable), dim.length
    if value.dtype == "bool" or not value.dtype.startswith(("int", "uint")):
        raise OpUnknown(f"{node.op} with indices of {value.dtype}")
    what = f"index out of bounds in {node.op}"

    def outside(place: ir.Expression) -> ir.Expression:
        return ir.Apply("bool", "||", (ir.compare(place, "<", 0), ir.compare(place, ">=", length)))

    def from_start(index: ir.Expression) -> ir.Expression:
        index = cast(index, "int64")
        return ir.choose(ir.compare(index, "<", 0), index + length, index)

    if isinstance(variable, Constant):
        data = np.asarray(variable.data)
        if data.size == 0:
            return state.element(variable)
        smallest, largest = int(data.min()), int(data.max())
        if largest >= 0:
            state.check(ir.compare(length, "<=", largest), "IndexError", what)
        if smallest >= 0:
            return state.element(variable)
        state.check(ir.compare(length, "<", -smallest), "IndexError", what)
        known = state.element(variable)
        if not known.dims:
            return Scalar("int64", [], state.let("int64", length + smallest, number))
        return Formula("int64", known.dims, lambda i: from_start(known.at(i)), nodes=[number])
    if isinstance(value, Formula) and value.counts:
        state.check(ir.compare(value.dims[0].length, ">", length), "IndexError", what)
        return value
    if isinstance(value, Scalar):
        place = state.let("int64", from_start(value.expression), number)
        state.check(outside(place), "IndexError", what)
        return Scalar("int64", [], place, nodes=value.nodes)
    if isinstance(value, Vector) or (isinstance(value, Formula) and not value.cheap):
        value = state.solid(value)  # the text names it more than once
    wrapped = Formula("int64", value.dims, lambda i: from_start(value.at(i)), nodes=[*value.nodes, number])
    held = state.hold(wrapped, f"at_{variable.name}" if variable.name else None, "place")
    indices = state.indices(held.dims)
    target = state.array(None, "bool", [], "outside")
    if any(indices):
        bad = state.state(target, None, outside(held.at(indices)), [], [number], ir.Reduction.ANY, indices)
    else:
        bad = state.state(target, None, outside(held.at(indices)), [], [number])
    unsure.append((ir.compare(bad.at([]), "!=", 0), what))
    return held


def _entries(node: Any, first: int) -> list[Any]:
    """What an Op of advanced indexing has for each axis: a slice of Variables, or a Variable."""
    idx_list = getattr(node.op, "idx_list", None)
    if idx_list is None:  # AdvancedSubtensor1, which PyTensor 3.3 has no more
        return [node.inputs[first]]
    return list(indices_from_subtensor(node.inputs[first:], idx_list))


def _selection(state: Lowering, view: View, entries: list[Any], node: Any, number: int) -> _Selection:
    """What indices select; a mask stands for the places where it is set."""
    found: list[Any] = []
    for entry in entries:
        if isinstance(entry, slice) or entry.type.dtype != "bool":
            found.append(entry)
            continue
        mask = state.element(entry)
        if not mask.dims:
            raise OpUnknown(f"{node.op} with one truth value")
        lengths = view.dims[len(found) : len(found) + len(mask.dims)]
        for mine, theirs in zip(lengths, mask.dims, strict=True):
            state.unify(mine, theirs, f"a mask in {node.op}", kind="IndexError")
        key = "set", entry
        if key not in state.shared:
            state.shared[key] = _where(state, mask, ["place"] * len(mask.dims), number)
        found += state.shared[key]
    return _Selection(state, view, found, node, number)


def advanced_subtensor(state: Lowering, node: Any, number: int) -> None:
    """Elements at places that arrays give."""
    view = state.refresh(node.inputs[0])
    chosen = _selection(state, view, _entries(node, 1), node, number)
    dtype = node.outputs[0].type.dtype
    nodes = [*view.nodes, *chosen.nodes]

    def build(indices: Indices) -> ir.Expression:
        return ir.Read(dtype, view.array, chosen.at(indices))

    state.promise(chosen.dims, node.outputs[0].type.shape, f"in {node.op}")
    state.keep(
        node.outputs[0], Formula(dtype, [dim.find() for dim in chosen.dims], build, nodes=nodes), number
    )


def advanced_inc_subtensor(state: Lowering, node: Any, number: int) -> None:
    """A copy with elements at places that arrays give set or added to, one after the other."""
    op = node.op
    if getattr(op, "ignore_duplicates", False) and not op.set_instead_of_inc:
        raise OpUnknown(f"{op} that ignores duplicates")
    part = state.value(node.inputs[1])
    if isinstance(part, Vector) or (isinstance(part, Formula) and not part.cheap):
        part = state.refresh(node.inputs[1])
    copy = state.hold(state.element(node.inputs[0]), node.outputs[0].name, dtype=node.outputs[0].type.dtype)
    chosen = _selection(state, copy, _entries(node, 2), node, number)
    fit(state, part, chosen.dims, node)
    where = state.indices(chosen.dims)
    shown: Indices = where[len(where) - len(part.dims) :] if part.dims else []
    nodes, adds = [*part.nodes, *chosen.nodes, number], not op.set_instead_of_inc
    places = chosen.at(where)
    result = state.state(copy.array, places, part.at(shown), where, nodes, adds=adds)
    state.values[node.outputs[0]] = result


def nonzero(state: Lowering, node: Any, number: int) -> None:
    """Where something is not zero, an index for each axis."""
    found = _where(state, state.element(node.inputs[0]), [v.name for v in node.outputs], number)
    state.values |= zip(node.outputs, found, strict=True)


def _where(state: Lowering, value: Value, names: Sequence[str | None], number: int) -> list[View]:
    """The places where `value` is not zero, one array for each axis: counted first, then written down."""
    held = state.hold(
        Formula("bool", value.dims, lambda i: cast(value.at(i), "bool"), nodes=value.nodes), None, "set"
    )
    mask = held.array
    lengths = tuple(dim.length for dim in value.dims)
    count = ir.Named("int64", state.name("found"))
    arguments: list[ir.Argument] = [mask, ir.product(lengths)]
    state.call(
        ir.Call("count_set", arguments, [mask], [], f"how many of {mask.name} are set", [number], count)
    )
    dim = state.dim(count, f"how many of {mask.name} are set")
    places = [state.array(name, "int64", [dim], "place") for name in names]
    arguments = [mask, ir.Literal("int64", len(lengths)), lengths, tuple(places)]
    formula = f"{', '.join(array.name for array in places)} = where {mask.name} is set"
    state.call(ir.Call("find_set", arguments, [mask], places, formula, [number]))
    return [state.whole(array) for array in places]


def split(state: Lowering, node: Any, number: int) -> None:
    """Parts that follow one another along an axis, as views."""
    view, sizes = state.refresh(node.inputs[0]), node.inputs[-1]
    if hasattr(node.op, "axis"):
        axis = node.op.axis
    else:
        chosen = getattr(node.inputs[1], "data", None)
        if chosen is None:
            raise OpUnknown(f"{node.op} along an axis that is not constant")
        axis = int(chosen) % len(view.dims)
    count, start, given = node.op.len_splits, ir.ZERO, state.value(sizes)
    if isinstance(sizes, Constant):
        lengths: list[ir.Expression] = [ir.Literal("int64", int(n)) for n in np.asarray(sizes.data).ravel()]
    elif isinstance(given, Vector):
        lengths = [item.at([]) for item in given.items]
    else:
        held = state.refresh(sizes)
        differs = ir.compare(held.dims[0].length, "!=", count)
        state.check(differs, "ValueError", f"{node.op} is given another number of lengths")
        read = [held.array_at([ir.Literal("int64", k)]) for k in range(count)]
        lengths = [state.let("int64", cast(length, "int64"), number) for length in read]
    if len(lengths) != count:
        raise OpUnknown(f"{node.op} with another number of lengths")
    first: ir.Expression = start
    for variable, length in zip(node.outputs, lengths, strict=True):
        dim = state.given(length, f"a length given to {node.op}", f"a negative length was given to {node.op}")
        dims = [dim if k == axis else other for k, other in enumerate(view.dims)]
        part = view.shifted(axis, first, dims)
        state.promise(dims, variable.type.shape, f"in {node.op}")
        part.nodes = [*view.nodes, number]
        state.values[variable] = part
        first = plus(first, dim.length)
    uneven = ir.compare(first, "!=", view.dims[axis].length)
    state.check(uneven, "ValueError", f"the lengths given to {node.op} do not add up to that of the axis")
