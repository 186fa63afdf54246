"""From a graph of Apply nodes to statements over named indices.

This module holds the state and what every Op needs; the Ops themselves are in
:mod:`lower_elementwise`, :mod:`lower_linear` and :mod:`lower_indexing`.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphs.native.lower.names import MADE_BY_THE_WRITER, TAKEN
from graphs.native.statements import (
    Array,
    Dim,
    Expression,
    Index,
    Literal,
    Named,
    Place,
    Statement,
)
from graphs.native.unknown import OpUnknown, ScalarOpUnknown
from graphs.native.values import Formula, Scalar, Value, Vector, View, is_one
from graphs.native.write.expressions import C_TYPES

__all__ = ["Lowering", "lower", "register"]

LARGEST_LITERAL = 2**20


Lower = Callable[["Lowering", Any, int], None]
LOWERINGS: dict[str, Lower] = {}


def register(*names: str) -> Callable[[Lower], Lower]:
    """Make a function the lowering of the Ops with these class names."""

    def keep(function: Lower) -> Lower:
        for name in names:
            LOWERINGS[name] = function
        return function

    return keep


class Lowering:
    """The statements of one FunctionGraph, and what comes before them.

    Attributes
    ----------
    statements : list of Statement
        In an order in which they can be computed.
    prologue : list of tuple
        First lines of the C function: ``("dim", Dim)``, ``("line", text, node)``, ``("check", text, error)``.
    errors : list of tuple of str
        Name of the exception and message, by number.
    """

    def __init__(self, fgraph: Any, layouts: str = "") -> None:
        self.fgraph = fgraph
        self.layouts = layouts or "C" * len(fgraph.inputs)
        self.order = fgraph.toposort()
        self.statements: list[Statement] = []
        self.prologue: list[tuple[Any, ...]] = []
        self.dims: list[Dim] = []
        self.errors: list[tuple[str, str]] = []
        self.inputs: list[Array] = []
        self.outputs: list[Array] = []
        self.constants: list[tuple[str, str, float]] = []  # name, dtype, value
        self.tables: list[tuple[Array, np.ndarray[Any, Any]]] = []
        self.values: dict[Any, Value] = {}
        self.names: set[str] = set(TAKEN)
        self.helpers: set[str] = set()
        self.one = self.dim("1", "", 1)

    # ---- names, dims, errors

    def name(self, wanted: str | None, spare: str = "t") -> str:
        """A C identifier close to `wanted` that nothing else has."""
        base = re.sub(r"\W+", "_", wanted or "").strip("_")
        base = re.sub(r"_{2,}", "_", base)[:24]
        if not base or base[0].isdigit() or not base.isascii():
            base = spare
            found = f"{base}1" if base == "t" else base
        else:
            found = base
        count = 1
        while found in self.names or keyword.iskeyword(found) or MADE_BY_THE_WRITER.fullmatch(found):
            count += 1
            found = f"t{count}" if base == "t" else f"{base}_{count}"
            if MADE_BY_THE_WRITER.fullmatch(found):
                found = f"{base}{count}_"
        self.names.add(found)
        return found

    def dim(self, source: str, origin: str, constant: int | None = None) -> Dim:
        """A new dim with this C expression as its length."""
        dim = Dim(len(self.dims), source, origin, constant)
        self.dims.append(dim)
        if constant is None:
            self.prologue.append(("dim", dim))
        return dim

    def fixed(self, length: int) -> Dim:
        """A dim of known length."""
        return self.one if length == 1 else self.dim(str(length), "", length)

    def error(self, kind: str, message: str) -> int:
        """The number the C function returns for this error."""
        self.errors.append((kind, message))
        return len(self.errors)

    def check(self, bad: str, kind: str, message: str) -> None:
        """Leave the function with an error where `bad` holds."""
        self.prologue.append(("check", bad, self.error(kind, message)))

    def unify(self, a: Dim, b: Dim, what: str) -> Dim:
        """Make two dims one; at run time their lengths are compared where the later is first known."""
        a, b = a.find(), b.find()
        if a is b:
            return a
        if a.constant is not None and b.constant is not None:
            if a.constant != b.constant:
                raise OpUnknown(
                    f"{what}, whose axes have the different lengths {a.constant} and {b.constant}"
                )
            b.parent = a
            return a
        if b.constant is not None or (a.constant is None and b.number < a.number):
            a, b = b, a
        b.parent = a
        b.merge_error = self.error(
            "ValueError",
            f"Input dimension mismatch: {b.origin or b.source} and {a.origin or a.source} differ ({what})",
        )
        return a

    # ---- making statements

    def array(self, name: str | None, dtype: str, dims: Sequence[Dim], spare: str = "t") -> Array:
        """New scratch memory."""
        if dtype not in C_TYPES:
            raise ScalarOpUnknown(f"dtype {dtype}")
        return Array(self.name(name, spare), dtype, list(dims), "scratch")

    def indices(self, dims: Sequence[Dim]) -> list[Index | None]:
        """A fresh index for every axis longer than 1."""
        return [None if is_one(dim) else Index(dim) for dim in dims]

    def whole(self, array: Array) -> View:
        """An array as a value."""
        axes: list[tuple[int | None, str, str]] = [(k, "0", "1") for k in range(len(array.dims))]
        return View(array.dtype, list(array.dims), array, axes)

    def state(
        self,
        target: Array,
        places: tuple[Place, ...],
        expression: Expression,
        combine: str,
        free: Sequence[Index | None],
        reduced: Sequence[Index | None],
        nodes: Sequence[int],
    ) -> None:
        """Add a statement."""
        kept, gone = [i for i in free if i is not None], [i for i in reduced if i is not None]
        if not gone and combine not in ("=", "add", "argmax"):
            combine = "="
        self.statements.append(Statement(target, places, expression, combine, kept, gone, sorted(set(nodes))))

    def solid(self, value: Value, name: str | None = None, spare: str = "t") -> View:
        """`value` held in an array, computed into a new one where it is not."""
        if isinstance(value, View) and not value.nodes:
            return value
        if isinstance(value, View):
            return value
        if isinstance(value, Vector):
            target = self.array(name, value.dtype, value.dims, spare)
            for k, item in enumerate(value.items):
                self.state(
                    target, (Place(None, str(k)),), item.at([]), "=", [], [], [*value.nodes, *item.nodes]
                )
            return self.whole(target)
        target = self.array(name, value.dtype, value.dims, spare)
        indices = self.indices(value.dims)
        places = tuple(Place(i) for i in indices)
        self.state(target, places, value.at(indices), "=", indices, [], value.nodes)
        return self.whole(target)

    def keep(self, variable: Any, value: Value, node: int, spare: str = "t") -> None:
        """Record what a node's output is: held in an array if several things use it, else left a formula."""
        value.nodes = [*value.nodes, node]
        clients = self.fgraph.clients.get(variable, ())
        if isinstance(value, Formula) and not value.cheap and (len(clients) > 1 or variable.name):
            value = self.solid(value, variable.name, spare)
        self.values[variable] = value

    def refresh(self, variable: Any) -> View:
        """A variable's value as an array, from now on for everyone who uses it."""
        value = self.values[variable]
        if not isinstance(value, View):
            value = self.values[variable] = self.solid(value, variable.name)
        return value

    # ---- scalars known before the loops

    def number(self, variable: Any) -> str:
        """C text of a whole number known before any loop.

        Raises
        ------
        OpUnknown
            If it depends on the data.
        """
        from graphs.native.write.rendering import plain_text

        value = self.value(variable)
        if not isinstance(value, Scalar):
            raise OpUnknown("a length or position that depends on the data")
        return plain_text(value.expression, self.helpers)

    def value(self, variable: Any) -> Value:
        """What a variable is; constants are met here for the first time."""
        if variable not in self.values:
            self.values[variable] = self.constant(variable)
        return self.values[variable]

    def constant(self, variable: Any) -> Value:
        """A Constant: a literal, a named run-time number, or a table passed in."""
        data = getattr(variable, "data", None)
        if data is None:
            raise OpUnknown(f"the constant {variable}")
        data = np.asarray(data)
        dtype = data.dtype.name
        if dtype not in C_TYPES:
            raise ScalarOpUnknown(f"dtype {dtype}")
        dims = [self.fixed(n) for n in data.shape]
        if data.size and (data == data.flat[0]).all():
            expression = self.scalar_constant(variable.name, dtype, data.flat[0].item())
            if data.ndim == 0:
                return Scalar(dtype, [], expression)
            return Formula(dtype, dims, lambda _: expression, True)
        array = Array(self.name(variable.name, "table"), dtype, dims, "input")
        self.tables.append((array, np.ascontiguousarray(data)))
        return self.whole(array)

    def scalar_constant(self, name: str | None, dtype: str, value: float) -> Expression:
        """Small round numbers stay literals; the others are given at run time (learning rates and the like)."""
        if not dtype.startswith("float") or (abs(value) <= LARGEST_LITERAL and float(value * 2).is_integer()):
            return Literal(dtype, value)
        for known, kind, number in self.constants:
            if kind == dtype and number == value:
                return Named(dtype, known)
        self.constants.append((self.name(name, f"c{len(self.constants) + 1}"), dtype, value))
        return Named(dtype, self.constants[-1][0])


def lower(fgraph: Any, layouts: str = "") -> Lowering:
    """Statements for a whole FunctionGraph.

    Parameters
    ----------
    fgraph : FunctionGraph
        After its rewrites; it is only read.
    layouts : str
        One letter per input, see :class:`graphs.native.statements.Array`; default: ``C`` for all.

    Raises
    ------
    OpUnknown
        If some Op, or dtype, has no lowering.
    """
    from graphs.native.lower import elementwise, indexing, reductions  # noqa: F401  they register themselves

    state = Lowering(fgraph, layouts)
    for variable in fgraph.inputs:
        state.inputs.append(_input(state, variable))
    for number, node in enumerate(state.order):
        name = type(node.op).__name__
        if type(node.op).__module__.startswith("pytensor.scalar"):
            name = "Elemwise"
        if name not in LOWERINGS:
            raise OpUnknown(f"the Op {node.op}")
        if getattr(node.op, "destroy_map", None):
            raise OpUnknown(f"the Op {node.op}, which works in place")
        try:
            LOWERINGS[name](state, node, number)
        except ScalarOpUnknown as unknown:
            raise OpUnknown(f"{unknown} in {node.op}") from None
    for position, variable in enumerate(fgraph.outputs):
        state.outputs.append(_output(state, variable, position))
    return state


def _is_symmetric(variable: Any) -> bool:
    """Whether whoever made a matrix promises that it equals its transpose, to the bit."""
    return variable.type.ndim == 2 and getattr(variable.tag, "symmetric", False) is True


def _input(state: Lowering, variable: Any) -> Array:
    kind = variable.type
    if type(kind).__name__ not in ("TensorType", "ScalarType") or kind.dtype not in C_TYPES:
        raise OpUnknown(f"an input of type {kind}")
    if type(kind).__name__ == "ScalarType":
        raise OpUnknown(f"an input of type {kind}")
    name = state.name(variable.name, f"input{len(state.inputs)}")
    array = Array(name, kind.dtype, [], "input", layout=state.layouts[len(state.inputs)])
    array.symmetric = _is_symmetric(variable)
    for axis, length in enumerate(kind.shape):
        dim = state.dim(f"{name}_shape[{axis}]", f"axis {axis} of {name}")
        if length is not None:
            state.unify(state.fixed(length), dim, f"the static shape of {name}")
        array.dims.append(dim.find())
    state.values[variable] = (
        state.whole(array) if array.dims else Scalar(kind.dtype, [], Named(kind.dtype, name))
    )
    return array


def _updated(state: Lowering, position: int) -> str | None:
    """A name for an output that becomes the value of an input."""
    target = (getattr(state.fgraph, "update_mapping", None) or {}).get(position)
    return None if target is None else f"new_{state.inputs[target].name}"


def _output(state: Lowering, variable: Any, position: int) -> Array:
    value = state.value(variable)
    name = variable.name or _updated(state, position)
    if (
        isinstance(value, View)
        and value.whole
        and value.array.kind == "scratch"
        and value.array.memory_of is None
    ):
        array = value.array
    else:
        target = state.array(name, value.dtype, value.dims, f"out{position}")
        indices = state.indices(value.dims)
        if isinstance(value, Vector):
            value = state.solid(value)
        state.state(
            target, tuple(Place(i) for i in indices), value.at(indices), "=", indices, [], value.nodes
        )
        array = target
    array.kind, array.number = "output", position
    return array
