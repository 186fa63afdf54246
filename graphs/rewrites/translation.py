"""A graph read from its inputs to its outputs: each Variable known, or a linear form in the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.fg import FunctionGraph
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.math import Dot, Sum
from pytensor.tensor.shape import Shape, Shape_i

from graphs.rewrites.linear_forms import ELEMWISE, LinearForm, NotLinear, Product, SampleSpace, total

__all__ = ["over_features", "translate"]


def over_features(fgraph: FunctionGraph, x: Any, updates: Mapping[Any, Any]) -> list[Any]:
    """Shared Variables that sums and multiples tie to the features of x.

    A shared Variable stands over the features if it, or its next value, adds to what x multiplies,
    to what xᵀ gives, or to another such Variable: w and its velocity do, a bias does not. `fgraph` is
    canonical; `updates` maps each shared Variable to its next value in it, and gives the order of the result.
    """
    is_xt = partial(_is_transposed, x)
    ties = [{s, *_summands(new)} for s, new in updates.items()]
    tied: set[Any] = set()
    for node in fgraph.toposort():
        if isinstance(node.op, Dot):
            first, second = node.inputs
            if first is x or is_xt(second):
                tied |= _summands(second if first is x else first)
            if is_xt(first) or second is x:
                tied |= {node.outputs[0]}
    grown = True
    while grown:
        more = {v for tie in ties if tie & tied for v in tie}
        grown = not more <= tied
        tied |= more
    return [s for s in updates if s in tied and s.dtype == x.dtype and s.ndim in (1, 2)]


def _summands(variable: Any) -> set[Any]:
    """What `variable` is made of by additions, multiplications and dimensions moved about."""
    node = variable.owner
    if all(variable.type.broadcastable):
        return set()  # a factor ties nothing to what it multiplies
    if node is None or not isinstance(node.op, Elemwise | DimShuffle):
        return {variable}
    if isinstance(node.op, Elemwise) and type(node.op.scalar_op) not in ELEMWISE:
        return {variable}
    return {part for v in node.inputs for part in _summands(v)}


def _is_transposed(x: Any, variable: Any) -> bool:
    """Whether a Variable is xᵀ."""
    node = variable.owner
    moved = node is not None and isinstance(node.op, DimShuffle) and tuple(node.op.new_order) == (1, 0)
    return moved and node.inputs[0] is x


def translate(
    fgraph: FunctionGraph, x: Any, shape: tuple[int, int], weights: Mapping[Any, Any], space: SampleSpace
) -> list[Any]:
    """Read a graph from its inputs to its outputs: a `LinearForm`, or the Variable that takes its place, for each.

    The graph is one after PyTensor's phase ``canonicalize`` and is not changed; `shape` is that of x, and `weights`
    maps shared Variables over the features to theirs. Raises :class:`NotLinear` at the first node that has no
    translation.
    """
    reader = _Reader(x, shape, weights, space)
    for node in fgraph.toposort():
        reader.read(node)
    return [reader.output(variable) for variable in fgraph.outputs]


class _Reader:
    def __init__(self, x: Any, shape: tuple[int, int], weights: Mapping[Any, Any], space: SampleSpace):
        self.x, self.space, self.is_xt = x, space, partial(_is_transposed, x)
        self.shapes: dict[Any, tuple[int, ...]] = {x: shape, **weights}
        one = {s: pt.constant(np.ones((), s.dtype)) for s in weights}
        self.found: dict[Any, Any] = {s: LinearForm({s: one[s]}, None, tuple(range(s.ndim))) for s in weights}

    def output(self, variable: Any) -> Any:
        value = self.found.get(variable, variable)
        if value is self.x or self.is_xt(variable) or isinstance(value, Product):
            raise NotLinear(f"{variable} leaves the graph as it is")
        return value

    def read(self, node: Any) -> None:
        values = [self.found.get(v, v) for v in node.inputs]
        special = any(isinstance(v, LinearForm | Product) for v in values)
        if isinstance(node.op, Shape | Shape_i) and (special or values[0] is self.x):
            shape = self._shape(values[0])  # known numbers: neither x nor the weights change shape
            wanted = shape if isinstance(node.op, Shape) else shape[node.op.i]
            result = pt.constant(np.asarray(wanted, dtype="int64"))
        elif isinstance(node.op, Dot):
            result = self._dot(node, *values)
        elif self.is_xt(node.outputs[0]):
            return
        elif special:
            result = self._form(node, values)
        elif any(map(self._reads_x, node.inputs)):
            raise NotLinear(f"{node.op} reads x other than in x·w and xᵀ·r")
        elif all(new is old for new, old in zip(values, node.inputs, strict=True)):
            return
        else:
            for old, new in zip(node.outputs, node.clone_with_new_inputs(values).outputs, strict=True):
                new.name = old.name
                self.found[old] = new
            return
        self.found[node.outputs[0]] = result

    def _shape(self, value: Any) -> tuple[int, ...]:
        if value is self.x:
            return self.shapes[value]
        form = value.pairs[0][0] if isinstance(value, Product) else value
        if not form.terms:
            raise NotLinear("the shape of xᵀ·r is used")
        over = self.shapes[next(iter(form.terms))]
        return tuple(1 if where == "x" else over[where] for where in value.axes)

    def _dot(self, node: Any, left: Any, right: Any) -> Any:
        first, second = node.inputs
        forms = isinstance(left, LinearForm), isinstance(right, LinearForm)
        if first is self.x and forms[1] and right.axes[0] == 0:
            return self.space.image(right).dimshuffle(*right.axes)
        if self.is_xt(second) and forms[0] and left.axes[1] == 0:
            return self.space.image(left).dimshuffle(*left.axes)
        if all(forms) and left.axes == ("x", 0) and right.axes == (0, "x"):
            return self.space.product(left, right).dimshuffle("x", "x")
        if not any(isinstance(v, LinearForm | Product) for v in (left, right)):
            if self.is_xt(first) and not self._reads_x(second):
                column = right.type.broadcastable[1]
                return LinearForm({}, right.dimshuffle(0) if column else right, (0, "x" if column else 1))
            if second is self.x and not self._reads_x(first):
                row = left.type.broadcastable[0]
                return LinearForm({}, left.dimshuffle(1) if row else left.T, ("x" if row else 1, 0))
            if not (self._reads_x(first) or self._reads_x(second)):
                return node.clone_with_new_inputs([left, right]).outputs[0]
        raise NotLinear("a matrix other than x is multiplied by the weights, or x by other than weights")

    def _reads_x(self, variable: Any) -> bool:
        return variable is self.x or self.is_xt(variable)

    def _form(self, node: Any, values: list[Any]) -> Any:
        op = node.op
        if isinstance(op, DimShuffle):
            (form,) = values
            axes = tuple("x" if d == "x" else form.axes[d] for d in op.new_order)
            return replace(form, axes=axes)
        if isinstance(op, Sum) and isinstance(values[0], Product):
            return self._sum(op, values[0], node.outputs[0].ndim)
        pairs = zip(node.inputs, values, strict=True)
        dtypes = {variable.dtype for variable, value in pairs if isinstance(value, LinearForm | Product)}
        if isinstance(op, Elemwise) and dtypes == {node.outputs[0].dtype}:
            rule = ELEMWISE.get(type(op.scalar_op))
            if rule:
                return rule(values)
        raise NotLinear(f"{op} is applied to the weights")

    def _sum(self, op: Any, product: Product, ndim: int) -> Any:
        axes = range(len(product.axes)) if op.axis is None else op.axis
        if any(where != "x" for d, where in enumerate(product.axes) if d not in axes):
            raise NotLinear(f"{op} sums a square of the weights over some of their dimensions only")
        value = total([self.space.product(left, right) for left, right in product.pairs])
        return value.dimshuffle(*["x"] * ndim) if ndim else value
