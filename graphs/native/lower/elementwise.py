"""Ops that compute each element from elements at the same place: Elemwise and what moves axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphs.native.lower.state import Lowering, register
from graphs.native.statements import Apply, Expression, Index, Literal, Named, Position
from graphs.native.unknown import OpUnknown
from graphs.native.values import Formula, Scalar, Value, Vector, View, is_one
from graphs.native.write.expressions import C_TYPES, cast, scalar_expression

__all__: list[str] = []

# Scalar Ops whose C text names an operand twice: the operand is held in a variable first.
TWICE = frozenset(
    ("Sqr", "Abs", "Sign", "Clip", "Maximum", "Minimum", "ScalarMaximum", "ScalarMinimum", "IsNan", "IsInf")
)


@register("Elemwise")
def elemwise(state: Lowering, node: Any, number: int) -> None:
    """Elemwise of any scalar Op, Composite included."""
    scalar = getattr(node.op, "scalar_op", node.op)
    values = [state.value(v) for v in node.inputs]
    inner = getattr(scalar, "fgraph", None)
    if inner is None:
        state.keep(node.outputs[0], _apply(state, scalar, values, node.outputs[0].type.dtype, node), number)
        return
    known: dict[Any, Value] = dict(zip(inner.inputs, values, strict=True))
    for step in inner.toposort():
        operands = [known.get(v) or state.value(v) for v in step.inputs]
        result = _apply(state, step.op, operands, step.outputs[0].type.dtype, node)
        if isinstance(result, Formula) and len(inner.clients[step.outputs[0]]) > 1:
            result.nodes = [*result.nodes, number]
            result = state.solid(result)
        known[step.outputs[0]] = result
    for variable, made in zip(node.outputs, inner.outputs, strict=True):
        state.keep(variable, known[made], number)


def _apply(state: Lowering, scalar: Any, values: list[Value], dtype: str, node: Any) -> Value:
    """One scalar Op over values, broadcast against each other."""
    values = [state.solid(v) if isinstance(v, Vector) else v for v in values]
    rank = max((len(v.dims) for v in values), default=0)
    if type(scalar).__name__ == "Second" and isinstance(values[1], Scalar) and not values[0].dims:
        return values[1]
    if all(isinstance(v, Scalar) for v in values):
        return _prologue(state, scalar, values, dtype, node)
    dims = [state.one] * rank
    for value in values:
        for k, dim in enumerate(value.dims, rank - len(value.dims)):
            if not is_one(dim):
                dims[k] = dim if is_one(dims[k]) else state.unify(dims[k], dim, f"in {node.op}")
    loops = sum(not is_one(dim) for dim in dims)
    twice = type(scalar).__name__ in TWICE
    nodes: list[int] = []
    for k, value in enumerate(values):
        narrow = sum(not is_one(dim) for dim in value.dims) < loops
        if isinstance(value, Formula) and not value.cheap and (twice or narrow):
            values[k] = state.solid(value)
        nodes += values[k].nodes

    def build(indices: Sequence[Index | None]) -> Expression:
        return scalar_expression(
            scalar, [v.at(indices[len(indices) - len(v.dims) :] if v.dims else []) for v in values], dtype
        )

    build([None] * rank)  # an Op without C text is refused now, not when the formula is used
    cheap = all(isinstance(v, Scalar) or (isinstance(v, Formula) and v.cheap) for v in values)
    return Formula(
        dtype, dims, build, cheap and type(scalar).__name__ in ("Second", "Cast", "Identity"), nodes=nodes
    )


def _prologue(state: Lowering, scalar: Any, values: list[Value], dtype: str, node: Any) -> Value:
    """A number that depends on shapes and 0-d inputs only: computed once, before the loops."""
    from graphs.native.write.rendering import plain_text

    expression = scalar_expression(scalar, [v.at([]) for v in values], dtype)
    if isinstance(expression, Named):
        return Scalar(dtype, [], expression)
    name = state.name(node.outputs[0].name)
    text = plain_text(expression, state.helpers)
    state.prologue.append(("line", f"const {C_TYPES[dtype]} {name} = {text};", state.order.index(node)))
    return Scalar(dtype, [], Named(dtype, name))


@register("DimShuffle")
def dimshuffle(state: Lowering, node: Any, number: int) -> None:
    """Axes permuted, dropped where of length 1, and new ones of length 1 put in."""
    value = state.value(node.inputs[0])
    order = node.op.new_order
    if isinstance(value, Vector):
        value = state.solid(value)
    for axis, dim in enumerate(value.dims):
        if axis not in order and not is_one(dim):
            state.unify(state.one, dim, f"axis {axis} dropped by {node.op}")
    dims = [state.one if axis == "x" else value.dims[axis] for axis in order]
    place = {axis: k for k, axis in enumerate(order) if axis != "x"}
    result: Value
    if isinstance(value, Scalar):
        expression = value.expression
        result = Formula(value.dtype, dims, lambda _: expression, True, nodes=value.nodes) if dims else value
    elif isinstance(value, View):
        axes = [(place.get(a) if a is not None else None, start, step) for a, start, step in value.axes]
        result = View(value.dtype, dims, value.array, axes, nodes=value.nodes)
    else:
        assert isinstance(value, Formula)
        inner, rank = value, len(value.dims)

        def build(indices: Sequence[Index | None]) -> Expression:
            return inner.at([indices[place[a]] if a in place else None for a in range(rank)])

        result = Formula(value.dtype, dims, build, value.cheap, nodes=value.nodes)
    state.keep(node.outputs[0], result, number)


@register("Alloc", "AllocEmpty")
def alloc(state: Lowering, node: Any, number: int) -> None:
    """A value repeated into a given shape. What AllocEmpty leaves undefined is zero here."""
    empty = type(node.op).__name__ == "AllocEmpty"
    lengths = list(node.inputs) if empty else list(node.inputs[1:])
    value = None if empty else state.value(node.inputs[0])
    if isinstance(value, Vector):
        value = state.solid(value)
    dims = [_length(state, v, node) for v in lengths]
    dtype = node.outputs[0].type.dtype
    if value is None:
        zero = Literal(dtype, 0)
        state.keep(node.outputs[0], Formula(dtype, dims, lambda _: zero, True), number)
        return
    offset = len(dims) - len(value.dims)
    for k, dim in enumerate(value.dims):
        if not is_one(dim):
            dims[offset + k] = state.unify(dim, dims[offset + k], f"in {node.op}")
    if isinstance(value, Formula) and not value.cheap:
        value = state.solid(value)
    source = value

    def build(indices: Sequence[Index | None]) -> Expression:
        return source.at(indices[offset:] if source.dims else [])

    cheap = isinstance(source, Scalar) or (isinstance(source, Formula) and source.cheap)
    state.keep(node.outputs[0], Formula(dtype, dims, build, cheap, nodes=list(source.nodes)), number)


def _length(state: Lowering, variable: Any, node: Any) -> Any:
    """A dim whose length a scalar of the graph gives."""
    text = state.number(variable)
    if text.lstrip("-").isdigit():
        if int(text) < 0:
            raise OpUnknown(f"{node.op} with a negative length")
        return state.fixed(int(text))
    if text.startswith("@") and text.endswith("@") and text.count("@") == 2:
        return state.dims[int(text[1:-1])].find()
    dim = state.dim(text, f"a length given to {node.op}")
    state.check(f"{dim.token} < 0", "ValueError", f"a negative length was given to {node.op}")
    return dim


@register("MakeVector")
def make_vector(state: Lowering, node: Any, number: int) -> None:
    """Several scalars as a vector."""
    dtype = node.outputs[0].type.dtype
    items: list[Value] = []
    nodes = [number]
    for variable in node.inputs:
        value = state.value(variable)
        nodes += value.nodes
        if isinstance(value, Scalar):
            items.append(Scalar(dtype, [], cast(value.expression, dtype)))
        else:
            source = value
            items.append(Formula(dtype, [], lambda _, s=source: cast(s.at([]), dtype)))  # type: ignore[misc]
    state.values[node.outputs[0]] = Vector(dtype, [state.fixed(len(items))], items, nodes=nodes)


@register("ScalarFromTensor", "TensorFromScalar", "ViewOp", "DeepCopyOp", "OutputGuard", "TensorCopy")
def same(state: Lowering, node: Any, number: int) -> None:
    """The value itself. Outputs are always memory of their own, which is all that copies are for."""
    value = state.value(node.inputs[0])
    value.nodes = [*value.nodes, number]
    state.values[node.outputs[0]] = value


@register("SpecifyShape")
def specify_shape(state: Lowering, node: Any, number: int) -> None:
    """The value itself, with some lengths promised."""
    value = state.value(node.inputs[0])
    for dim, wanted, length in zip(value.dims, node.inputs[1:], node.outputs[0].type.shape, strict=True):
        if length is not None:
            state.unify(state.fixed(length), dim, f"in {node.op}")
        elif getattr(wanted.type, "ndim", None) == 0:
            state.unify(dim, _length(state, wanted, node), f"in {node.op}")
    same(state, node, number)


@register("CheckAndRaise", "Assert")
def check_and_raise(state: Lowering, node: Any, number: int) -> None:
    """The value itself; the condition is tested before the loops."""
    from graphs.native.write.rendering import plain_text

    for condition in node.inputs[1:]:
        value = state.value(condition)
        if not isinstance(value, Scalar):
            raise OpUnknown(f"{node.op}, whose condition depends on the data")
        state.check(
            f"!({plain_text(value.expression, state.helpers)})", node.op.exc_type.__name__, node.op.msg
        )
    same(state, node, number)


@register("ARange")
def arange(state: Lowering, node: Any, number: int) -> None:
    """start, start + step, … for whole numbers."""
    dtype = node.outputs[0].type.dtype
    if not dtype.startswith(("int", "uint")):
        raise OpUnknown(f"{node.op}")
    start, stop, step = (state.number(v) for v in node.inputs)
    state.check(f"{step} == 0", "ZeroDivisionError", "arange with a step of zero")
    state.helpers.add("slices")
    dim = state.dim(f"slice_length({start}, {stop}, {step})", "the length of an arange")
    first, by = Named(dtype, f"({start})"), Named(dtype, f"({step})")

    def build(indices: Sequence[Index | None]) -> Expression:
        if indices[0] is None:
            return first
        position = Position("int64", indices[0])
        return cast(Apply("int64", "{0} + {1} * {2}", 6, (first, position, by)), dtype)

    state.keep(node.outputs[0], Formula(dtype, [dim], build, True), number)


@register("Eye")
def eye(state: Lowering, node: Any, number: int) -> None:
    """Ones where column − row is the offset."""
    rows, columns = (_length(state, v, node) for v in node.inputs[:2])
    offset = Named("int64", f"({state.number(node.inputs[2])})")
    dtype = node.outputs[0].type.dtype

    def build(indices: Sequence[Index | None]) -> Expression:
        row, column = (Literal("int64", 0) if i is None else Position("int64", i) for i in indices)
        return cast(Apply("bool", "{0} - {1} == {2}", 4, (column, row, offset)), dtype)

    state.keep(node.outputs[0], Formula(dtype, [rows, columns], build, True), number)
