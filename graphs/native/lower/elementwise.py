"""Ops that compute each element from elements at the same place: Elemwise and what moves axes."""

from __future__ import annotations

from typing import Any

from pytensor.scalar import basic
from pytensor.tensor.basic import AllocEmpty

import graphs.native.statements as ir
from graphs.native.lower.scalars import SPECIAL_FUNCTIONS, cast, scalar_expression
from graphs.native.lower.state import Formula, Indices, Lowering, Scalar, Value, Vector, plus, times
from graphs.native.program import OpUnknown

__all__: list[str] = []  # reached through the table in lower/__init__.py

# Scalar Ops whose text names an operand twice: the operand is held in a variable first.
TWICE = (basic.Sqr, basic.Abs, basic.Sign, basic.Clip, basic.Maximum, basic.Minimum, basic.IsNan, basic.IsInf)


def elemwise(state: Lowering, node: Any, number: int) -> None:
    """Elemwise of any scalar Op, Composite included, or the scalar Op itself."""
    scalar = getattr(node.op, "scalar_op", node.op)
    values = [state.value(v) for v in node.inputs]
    if not isinstance(scalar, basic.Composite):
        state.keep(node.outputs[0], _apply(state, scalar, values, node, node, number), number)
        return
    inner = scalar.fgraph
    known: dict[Any, Value] = dict(zip(inner.inputs, values, strict=True))
    for step in inner.toposort():
        operands = [known.get(v) or state.value(v) for v in step.inputs]
        result = _apply(state, step.op, operands, step, node, number)
        if isinstance(result, Formula) and len(inner.clients[step.outputs[0]]) > 1:
            result.nodes = [*result.nodes, number]
            result = state.solid(result)
        known[step.outputs[0]] = result
    for variable, made in zip(node.outputs, inner.outputs, strict=True):
        state.keep(variable, known[made], number)


def _apply(state: Lowering, scalar: Any, values: list[Value], step: Any, node: Any, number: int) -> Value:
    """One scalar Op over values, broadcast against each other; `step` is its own Apply node, maybe a Composite's."""
    dtype = step.outputs[0].type.dtype
    if type(scalar) in SPECIAL_FUNCTIONS:
        state.outside(f"scipy.special.cython_special.{SPECIAL_FUNCTIONS[type(scalar)]}")
    items = _item_by_item(values)
    if items:
        made = [_apply(state, scalar, each, step, node, number) for each in items]
        taken_up = [n for v in values for n in v.nodes]
        return Vector(dtype, [state.fixed(len(made))], made, nodes=taken_up)
    values = [state.solid(v) if isinstance(v, Vector) else v for v in values]
    if isinstance(scalar, basic.Pow) and dtype.startswith("int") and values[1].dtype.startswith("int"):
        _refuse_negative(state, values[1], number)
    rank = max((len(v.dims) for v in values), default=0)
    if isinstance(scalar, basic.Second) and isinstance(values[1], Scalar) and not values[0].dims:
        return values[1]
    if all(isinstance(v, Scalar) for v in values):  # computed once, before the loops
        expression = scalar_expression(scalar, [v.at([]) for v in values], dtype)
        if not isinstance(expression, ir.Named):
            expression = state.let(dtype, expression, number, node.outputs[0].name)
        return Scalar(dtype, [], expression)
    dims = [state.one] * rank
    for value in values:
        state.broadcast(dims, value.dims, f"in {node.op}")
    loops = sum(not dim.is_one for dim in dims)
    nodes: list[int] = []
    for k, value in enumerate(values):
        narrow = sum(not dim.is_one for dim in value.dims) < loops
        if isinstance(value, Formula) and not value.cheap and (isinstance(scalar, TWICE) or narrow):
            values[k] = state.solid(value)
        nodes += values[k].nodes

    def build(indices: Indices) -> ir.Expression:
        operands = [v.at(indices[len(indices) - len(v.dims) :] if v.dims else []) for v in values]
        return scalar_expression(scalar, operands, dtype)

    build([None] * rank)  # an Op without a lowering is refused now, not when the formula is used
    cheap = all(isinstance(v, Scalar) or (isinstance(v, Formula) and v.cheap) for v in values)
    cheap = cheap and isinstance(scalar, basic.Second | basic.Cast | basic.Identity)
    return Formula(dtype, dims, build, cheap, nodes=nodes)


def _item_by_item(values: list[Value]) -> list[list[Value]]:
    """The operands of each item, where short vectors of numbers known outside loops meet: shapes, mostly."""
    lengths = {len(v.items) for v in values if isinstance(v, Vector)}
    if len(lengths) != 1:
        return []
    (length,) = lengths
    columns: list[list[Value]] = []
    for value in values:
        if isinstance(value, Vector):
            items = value.items
        else:  # one number for all, where it is no longer than they are
            if [dim for dim in value.dims if not dim.is_one and dim.find().constant != length]:
                return []
            known = isinstance(value, Scalar) or (isinstance(value, Formula) and value.cheap)
            number = (
                value.at([None if dim.is_one else ir.Index(dim) for dim in value.dims]) if known else None
            )
            if len(value.dims) > 1 or not isinstance(number, ir.Literal | ir.Named):
                return []
            items = [Scalar(value.dtype, [], number)] * length
        if not all(isinstance(item, Scalar) for item in items):
            return []
        columns.append(items)
    return [list(row) for row in zip(*columns, strict=True)]


def _refuse_negative(state: Lowering, exponents: Value, number: int) -> None:
    """Whole numbers have no negative whole powers."""
    said = "Integers to negative integer powers are not allowed."
    if isinstance(exponents, Scalar):
        if not (isinstance(exponents.expression, ir.Literal) and exponents.expression.value >= 0):
            state.check_at_last(ir.compare(exponents.expression, "<", 0), "ValueError", said)
        return
    indices = state.indices(exponents.dims)
    target = state.array(None, "bool", [], "negative")
    reduction = ir.Reduction.ANY if any(indices) else None
    negative = ir.compare(exponents.at(indices), "<", 0)
    found = state.state(target, None, negative, [], [number], reduction, indices)
    state.check_at_last(ir.compare(found.at([]), "!=", 0), "ValueError", said)


def dimshuffle(state: Lowering, node: Any, number: int) -> None:
    """Axes permuted, dropped where of length 1, and new ones of length 1 put in."""
    value, order = state.element(node.inputs[0]), node.op.new_order
    for axis, dim in enumerate(value.dims):
        if axis not in order and not dim.is_one:
            state.unify(state.one, dim, f"axis {axis} dropped by {node.op}")
    dims = [state.one if axis == "x" else value.dims[axis] for axis in order]
    moved = value.moved(dims, {axis: k for k, axis in enumerate(order) if axis != "x"})
    state.keep(node.outputs[0], moved, number)


def alloc(state: Lowering, node: Any, number: int) -> None:
    """A value repeated into a given shape. What AllocEmpty leaves undefined is zero here."""
    dtype = node.outputs[0].type.dtype
    value: Value = Scalar(dtype, [], ir.Literal(dtype, 0))
    lengths = list(node.inputs)
    if not isinstance(node.op, AllocEmpty):
        value = state.element(lengths.pop(0))
    dims = [_length(state, v, node) for v in lengths]
    offset = len(dims) - len(value.dims)
    for k, dim in enumerate(value.dims):
        if not dim.is_one:
            dims[offset + k] = state.unify(dim, dims[offset + k], f"in {node.op}")
    if isinstance(value, Formula) and not value.cheap:
        value = state.solid(value)

    def build(indices: Indices) -> ir.Expression:
        return value.at(indices[offset:] if value.dims else [])

    cheap = isinstance(value, Scalar | Formula)
    state.keep(node.outputs[0], Formula(dtype, dims, build, cheap, nodes=list(value.nodes)), number)


def _length(state: Lowering, variable: Any, node: Any) -> ir.Dim:
    """A dim whose length a scalar of the graph gives."""
    length = state.number(variable)
    if isinstance(length, ir.Literal) and length.value < 0:
        raise OpUnknown(f"{node.op} with a negative length")
    return state.given(length, f"a length given to {node.op}", f"a negative length was given to {node.op}")


def make_vector(state: Lowering, node: Any, number: int) -> None:
    """Several scalars as a vector."""
    dtype = node.outputs[0].type.dtype
    items: list[Value] = []
    nodes = [number]
    for value in map(state.value, node.inputs):
        nodes += value.nodes
        if isinstance(value, Scalar):
            items.append(Scalar(dtype, [], cast(value.expression, dtype)))
        else:
            items.append(Formula(dtype, [], lambda _, v=value: cast(v.at([]), dtype)))  # type: ignore[misc]
    state.values[node.outputs[0]] = Vector(dtype, [state.fixed(len(items))], items, nodes=nodes)


def same(state: Lowering, node: Any, number: int) -> None:
    """The value itself. Outputs are always memory of their own, which is all that copies are for."""
    value = state.value(node.inputs[0])
    value.nodes = [*value.nodes, number]
    state.values[node.outputs[0]] = value


def specify_shape(state: Lowering, node: Any, number: int) -> None:
    """The value itself, with some lengths promised."""
    value = state.value(node.inputs[0])
    for dim, wanted, length in zip(value.dims, node.inputs[1:], node.outputs[0].type.shape, strict=True):
        if length is not None:
            state.unify(state.fixed(length), dim, f"in {node.op}")
        elif getattr(wanted.type, "ndim", None) == 0:
            state.unify(dim, _length(state, wanted, node), f"in {node.op}")
    same(state, node, number)


def check_and_raise(state: Lowering, node: Any, number: int) -> None:
    """The value itself; a condition is tested as soon as it is known, one of the data in the end."""
    kind = node.op.exc_type
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    for condition in node.inputs[1:]:
        value = state.element(condition)
        if not isinstance(value, Scalar):
            value = state.refresh(condition)
        failed = ir.Apply("bool", "not", (value.at([None] * len(value.dims)),))
        state.check_at_last(failed, name, str(node.op.msg))
    same(state, node, number)


def arange(state: Lowering, node: Any, number: int) -> None:
    """start, start + step, … for whole numbers."""
    dtype = node.outputs[0].type.dtype
    if not dtype.startswith(("int", "uint")):
        raise OpUnknown(f"{node.op}")
    start, stop, step = (state.number(v) for v in node.inputs)
    counts = [getattr(at, "value", None) for at in (start, step)] == [0, 1]
    state.check(ir.compare(step, "==", 0), "ZeroDivisionError", "arange with a step of zero")
    if counts and isinstance(stop, ir.Length):
        dim = stop.dim.find()
    else:
        dim = state.dim(ir.Apply("int64", "slice_length", (start, stop, step)), "the length of an arange")

    def build(indices: Indices) -> ir.Expression:
        if indices[0] is None:
            return cast(start, dtype)
        first, by = cast(start, "int64"), cast(step, "int64")
        return cast(plus(first, times(ir.Position("int64", indices[0]), by)), dtype)

    state.keep(node.outputs[0], Formula(dtype, [dim], build, True, counts), number)


def eye(state: Lowering, node: Any, number: int) -> None:
    """Ones where column − row is the offset."""
    rows, columns = (_length(state, v, node) for v in node.inputs[:2])
    offset = state.number(node.inputs[2])
    dtype = node.outputs[0].type.dtype

    def build(indices: Indices) -> ir.Expression:
        row, column = (ir.ZERO if i is None else ir.Position("int64", i) for i in indices)
        return cast(ir.compare(column - row, "==", offset), dtype)

    state.keep(node.outputs[0], Formula(dtype, [rows, columns], build, True), number)
