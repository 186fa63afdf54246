"""What is known while a graph is lowered: each variable's value, which names are taken, what has been stated.

A value is a view of an array, a formula, a scalar, or several scalars as a vector; only what must be in memory
becomes an array, by a statement.

What a number depends on says where it can be known: before any step, between the steps of the function, or within
the turn of a recurrence (:meth:`Lowering.depth`).
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import graphs.native.statements as ir
from graphs.compiled import outside
from graphs.native.lower.scalars import ScalarOpUnknown, cast, is_float
from graphs.native.program import OpUnknown

__all__ = [
    "Formula",
    "Indices",
    "Kept",
    "Lowering",
    "Scalar",
    "Stream",
    "Value",
    "Vector",
    "View",
    "plus",
    "times",
]

LARGEST_LITERAL = 2**20
# C's own words, names that the file's functions use, functions of C's libraries that may be called.
WORDS = """
auto break case char const continue default do double else enum extern float for goto if inline int long
main register restrict return short signed sizeof static struct switch typedef union unsigned void volatile
while in out want one_step one_call many_steps constants threads team part parts row rows total need memory v e t n NAN
INFINITY y0 y1 yn j0 j1 jn gamma exp log sin cos tan pow sqrt floor ceil rint round trunc erf tanh sinh cosh
fabs fmod index remainder signgam sigmoid softplus power Array THREAD ALIGNED OTHER_SHAPE UNALIGNED
OTHER_RANK NO_MEMORY OTHER_LAYOUT misfit fits share parts_of madd maddf bits_of from_bits slice_start
slice_length floor_div floor_mod floor_modf floor_divf log1mexp log1p_unit log1p expm1 exp2 log2 log10 asin
acos atan atan2 sinh asinh acosh atanh erf fabsf sqrtf copysign isnan isinf memcpy free aligned_alloc size_t
bool typeof asm inline unix linux INLINE share_triangle functions perform code done FAILED multiply dgemm sgemm team_of
RARE lost exp_series power_of_2 exp_times split log_twice
quarter_turns sin_part cos_part sin_far cos_far tan_far erfcx_half erfc_half erf_middle erfc erfcx erfinv_middle
erfcinv_tail erfinv erfcinv lgamma tgamma lgamma_middle stirling lowered lgamma_below gamma_below digamma
digamma_middle digamma_right digamma_below trigamma trigamma_right trigamma_below
count_set find_set oldest_first exchange_rows is_stacked multiplyf cholesky solve_triangle solve_factored convolve
solve_positive solve invert determinant eigen dpotrf dtrsm dgetrf dgetrs dgetri dsyevr spotrf strsm sgetrf sgetrs
sgetri ssyevr sort_rows argsort_rows refused draw_by_one draw_by_two count_by_one count_successes draw_between ANY
i0 i1 jv ive kve gammainc gammaincc gammaincinv gammainccinv betainc betaincinv
NOT_NEGATIVE POSITIVE RANGE CHANCE CHANCE_NOT_0 RATE
"""
# Loop variables, lengths, and what is made from an array's name.
MADE_BY_THE_WRITER = re.compile(
    r"[ijklmopq]\d*|n_\w+|\w+_t|\w+_(parts|block|blocks|mine|out|memory|sum|at|shape|value|first|last|here|even|odd)|\w+_[sr]\d|(team|parts|told|memory|need)_\d+|((arg)?sort|search_sorted|random)_\w+"
)

Indices = Sequence[ir.Index | None]  # None: an axis of length 1
Build = Callable[[Indices], ir.Expression]


@dataclass(eq=False)
class Value:
    """A variable's dtype and axes."""

    dtype: str
    dims: list[ir.Dim]
    nodes: list[int] = field(default_factory=list, kw_only=True)  # that no statement has taken up yet

    def at(self, indices: Indices) -> ir.Expression:
        """The element at these indices."""
        raise NotImplementedError

    def moved(self, dims: list[ir.Dim], axes: dict[int, int]) -> Value:
        """The same elements seen with other axes; `axes` says where each of the present ones that is kept is then."""
        raise NotImplementedError


@dataclass(eq=False)
class View(Value):
    """Elements of an array, found through an affine place on each of the array's axes."""

    array: ir.Array
    # for each axis of the array: which axis of the view moves along it (or None), from where, in what steps
    axes: list[tuple[int | None, ir.Expression, ir.Expression]]

    @property
    def whole(self) -> bool:
        """Whether this is the array itself, axis by axis."""
        return len(self.axes) == len(self.dims) and all(
            (axis == k or (axis is None and self.dims[k].is_one)) and (start, step) == (ir.ZERO, ir.ONE)
            for k, (axis, start, step) in enumerate(self.axes)
        )

    def places(self, indices: Indices) -> tuple[ir.Place, ...]:
        """Where in the array the element at these indices lies."""
        return tuple(
            ir.Place(None, start)
            if axis is None or indices[axis] is None or self.dims[axis].is_one
            else ir.Place(indices[axis], start, step)
            for axis, start, step in self.axes
        )

    def through(
        self, along: Mapping[int, tuple[ir.Index | None, ir.Expression, ir.Expression]]
    ) -> tuple[ir.Place, ...]:
        """Where in the array something lies that is at ``start + step · index`` along each axis of the view."""
        places = []
        for axis, start, step in self.axes:
            if axis is None:
                places.append(ir.Place(None, start))
                continue
            index, offset, by = along[axis]
            begin = plus(start, times(offset, step))
            one = index is None or (self.dims[axis].is_one and offset == ir.ZERO)
            places.append(ir.Place(None, begin) if one else ir.Place(index, begin, times(by, step)))
        return tuple(places)

    def array_at(self, positions: Sequence[ir.Expression]) -> ir.Expression:
        """The element at these positions."""
        along = {axis: (None, position, ir.ONE) for axis, position in enumerate(positions)}
        return ir.Read(self.dtype, self.array, self.through(along))

    def shifted(self, axis: int, offset: ir.Expression, dims: list[ir.Dim]) -> View:
        """What lies further along one axis."""
        axes = [
            (k, plus(start, times(offset, step)), step) if k == axis else (k, start, step)
            for k, start, step in self.axes
        ]
        return View(self.dtype, dims, self.array, axes)

    def row(self, at: ir.Expression) -> View:
        """What lies at one place of the first axis."""
        axes: list[tuple[int | None, ir.Expression, ir.Expression]] = [
            (None, plus(start, times(at, step)), ir.ONE)
            if axis == 0
            else (None if axis is None else axis - 1, start, step)
            for axis, start, step in self.axes
        ]
        return View(self.dtype, self.dims[1:], self.array, axes)

    def at(self, indices: Indices) -> ir.Expression:
        return ir.Read(self.dtype, self.array, self.places(indices))

    def moved(self, dims: list[ir.Dim], axes: dict[int, int]) -> View:
        places = [(None if k is None else axes.get(k), start, step) for k, start, step in self.axes]
        return View(self.dtype, dims, self.array, places, nodes=self.nodes)


@dataclass(eq=False)
class Formula(Value):
    """Not held anywhere: computed where it is used. A ``cheap`` one may be used in many places."""

    build: Build
    cheap: bool = False
    counts: bool = False  # whether each element is its own position: 0, 1, 2, …

    def at(self, indices: Indices) -> ir.Expression:
        return self.build(indices)

    def moved(self, dims: list[ir.Dim], axes: dict[int, int]) -> Formula:
        inner, rank = self.build, len(self.dims)

        def build(indices: Indices) -> ir.Expression:
            return inner([indices[axes[k]] if k in axes else None for k in range(rank)])

        return replace(self, dims=dims, build=build, counts=self.counts and len(dims) == 1)


@dataclass(eq=False)
class Scalar(Value):
    """A number that is known before any loop."""

    expression: ir.Expression

    def at(self, indices: Indices) -> ir.Expression:
        return self.expression

    def moved(self, dims: list[ir.Dim], axes: dict[int, int]) -> Value:
        return Formula(self.dtype, dims, self.at, True, nodes=self.nodes) if dims else self


@dataclass(eq=False)
class Vector(Value):
    """Several scalars as one short vector: a shape, usually."""

    items: list[Value]


class Kept(Value):
    """Something that Python holds: no array, or one of numbers that there are no statements for."""

    def at(self, indices: Indices) -> ir.Expression:
        raise OpUnknown("something that is no array of numbers")


@dataclass(eq=False)
class Stream(Kept):
    """A random generator that an input is, or what becomes of it by draws in C."""

    generator: ir.Generator
    generators: list[ir.Generator]  # of the function: those that C draws from

    @property
    def name(self) -> str:
        """Its name in C."""
        return self.generator.name

    def drawn_by(self, number: int) -> str:
        """Its name in C, for a node that draws from it."""
        if self.generator not in self.generators:
            self.generators.append(self.generator)
        self.generator.nodes.append(number)
        return self.generator.name


class Lowering:
    """The state of one lowering; `made` is what comes of it."""

    def __init__(
        self,
        fgraph: Any,
        made: ir.Computation,
        lower_node: Callable[[Lowering, Any, int], None],
        inside: Callable[[Any], Any],
    ) -> None:
        self.fgraph = fgraph
        self.made = made
        self.lower_node = lower_node  # states what an Apply node computes, for Ops with graphs of their own
        self.inside = inside  # such an Op → its graph, rewritten
        self.order = fgraph.toposort()
        self.values: dict[Any, Value] = {}
        self.shared: dict[Any, Any] = {}  # what several nodes would compute alike, by what it is
        self.names: set[str] = set(WORDS.split())
        self.levels: list[list[ir.Step]] = [
            made.steps
        ]  # of the function, of the recurrence at hand, of one in it
        self.depths: dict[Any, int] = {}  # of names, dims and arrays, where it is not 0
        self.returned: set[str] = set()  # names of what calls return
        self.clients = fgraph.clients
        self.one = self.dim(ir.ONE, "", 1)

    # ---- where something is known

    def depth(self, *expressions: ir.Expression) -> int:
        """0 if all of them are known before any step, else the number of the level where the last becomes known."""
        found = 0
        for expression in expressions:
            if isinstance(expression, ir.Named):
                found = max(found, self.depths.get(expression.name, 0))
            elif isinstance(expression, ir.Length):
                found = max(found, self.depths.get(expression.dim.find(), 0))
            elif isinstance(expression, ir.Measured | ir.Read):
                found = max(found, self.depths.get(expression.array.root, 0))
                for place in getattr(expression, "places", ()):
                    found = max(found, self.depth(place.start, place.step))
            elif isinstance(expression, ir.Apply):
                found = max(found, self.depth(*expression.operands))
        return found

    def enter(self, entry: ir.Dim | ir.Let | ir.Check, *needs: ir.Expression) -> int:
        """Put an entry where all that it needs is known for the first time; which level that is."""
        depth = self.depth(*needs)
        if not depth:
            self.made.prologue.append(entry)
            return 0
        steps = self.levels[depth - 1]
        there = next((step for step in reversed(steps) if isinstance(step, ir.Interlude)), None)
        measures = any(self._is_new(need) for need in needs)  # what may have come after that interlude
        if there is None or (measures and steps[-1] is not there):
            steps.append(there := ir.Interlude())
        there.entries.append(entry)
        return depth

    def _is_new(self, expression: ir.Expression) -> bool:
        """Whether an expression looks at an array, or at what a call has returned."""
        if isinstance(expression, ir.Apply):
            return any(self._is_new(operand) for operand in expression.operands)
        returned = isinstance(expression, ir.Named) and expression.name in self.returned
        return returned or isinstance(expression, ir.Measured | ir.Read)

    # ---- names, dims, errors

    def name(self, wanted: str | None, spare: str = "t") -> str:
        """A C identifier close to `wanted` that nothing else has."""
        base = re.sub(r"\W+", "_", wanted or "").strip("_")
        base = re.sub(r"_{2,}", "_", base)[:24]
        found = base
        if not base or base[0].isdigit() or not base.isascii():
            base, found = spare, "t1" if spare == "t" else spare
        count = 1
        while found in self.names or keyword.iskeyword(found) or MADE_BY_THE_WRITER.fullmatch(found):
            count += 1
            found = f"t{count}" if base == "t" else f"{base}_{count}"
            if MADE_BY_THE_WRITER.fullmatch(found):
                found = f"{base}{count}_"
            if MADE_BY_THE_WRITER.fullmatch(found):  # as n_fail is, whatever follows
                found = f"of_{base}_{count}"
        self.names.add(found)
        return found

    def let(self, dtype: str, value: ir.Expression, node: int | None, name: str | None = None) -> ir.Named:
        """`value` under a name, computed outside loops; for which Apply node, if for one."""
        named = ir.Named(dtype, self.name(name))
        self.depths[named.name] = self.enter(ir.Let(named, value, node), value)
        return named

    def dim(self, source: ir.Expression, origin: str, constant: int | None = None) -> ir.Dim:
        """A new dim of this length."""
        dim = ir.Dim(len(self.made.dims), source, origin, constant)
        self.made.dims.append(dim)
        if constant is None:
            self.depths[dim] = self.enter(dim, source)
        return dim

    def fixed(self, length: int) -> ir.Dim:
        """A dim of known length."""
        return self.one if length == 1 else self.dim(ir.Literal("int64", length), "", length)

    def given(self, length: ir.Expression, origin: str, negative: str) -> ir.Dim:
        """The dim whose length an expression gives; `negative` is said at run time where that is below 0."""
        if isinstance(length, ir.Literal) and length.value >= 0:
            return self.fixed(int(length.value))
        if isinstance(length, ir.Length):
            return length.dim.find()
        dim = self.dim(length, origin)
        self.check(ir.compare(dim.length, "<", 0), "ValueError", negative)
        return dim

    def error(self, kind: str, message: str) -> int:
        """The number the C function returns for this error."""
        self.made.errors.append((kind, message))
        return len(self.made.errors)

    def check(self, bad: ir.Expression, kind: str, message: str) -> None:
        """Leave the function with an error where `bad` holds."""
        if isinstance(bad, ir.Literal) and not bad.value:
            return
        self.enter(ir.Check(bad, self.error(kind, message)), bad)

    def check_at_last(self, bad: ir.Expression, kind: str, message: str) -> None:
        """The same, but where `bad` depends on arrays only in the end: nothing else depends on it."""
        if self.depth(bad) == 1 and len(self.levels) == 1:
            self.made.checks.append(ir.Check(bad, self.error(kind, message)))
        else:
            self.check(bad, kind, message)

    def unify(self, a: ir.Dim, b: ir.Dim, what: str, kind: str = "ValueError") -> ir.Dim:
        """Make two dims one; at run time their lengths are compared where the later is first known."""
        a, b = a.find(), b.find()
        if a is b:
            return a
        if a.constant is not None and b.constant is not None:
            if a.constant != b.constant:
                lengths = f"{a.constant} and {b.constant}"
                raise OpUnknown(f"{what}, whose axes have the different lengths {lengths}")
            b.parent = a
            return a
        if b.constant is not None or (a.constant is None and self._known_before(b, a)):
            a, b = b, a
        b.parent = a
        first, second = (dim.origin or dim.constant for dim in (a, b))
        message = f"Input dimension mismatch: {second} and {first} differ ({what})"
        b.merge_error = self.error(kind, message)
        return a

    def _known_before(self, a: ir.Dim, b: ir.Dim) -> bool:
        return (self.depths.get(a, 0), a.number) < (self.depths.get(b, 0), b.number)

    def promise(self, dims: Sequence[ir.Dim], shape: Sequence[int | None], what: str) -> None:
        """Lengths that a Type knows."""
        for dim, length in zip(dims, shape, strict=True):
            if length is not None and dim.find().constant is None:
                self.unify(self.fixed(length), dim, what)

    def broadcast(self, dims: list[ir.Dim], others: Sequence[ir.Dim], what: str) -> None:
        """Let the last of `dims` be the others, where those are longer than 1."""
        for k, dim in enumerate(others, len(dims) - len(others)):
            if not dim.is_one:
                dims[k] = dim if dims[k].is_one else self.unify(dims[k], dim, what)

    # ---- making statements

    def array(self, name: str | None, dtype: str, dims: Sequence[ir.Dim], spare: str = "t") -> ir.Array:
        """New scratch memory."""
        if dtype not in ir.DTYPES:
            raise ScalarOpUnknown(f"dtype {dtype}")
        return ir.Array(self.name(name, spare), dtype, list(dims), "scratch")

    def indices(self, dims: Sequence[ir.Dim]) -> list[ir.Index | None]:
        """A fresh index for every axis longer than 1."""
        return [None if dim.is_one else ir.Index(dim) for dim in dims]

    def whole(self, array: ir.Array) -> View:
        """An array as a value."""
        axes = [(k, ir.ZERO, ir.ONE) for k in range(len(array.dims))]
        return View(array.dtype, list(array.dims), array, [*axes])

    def state(
        self,
        target: ir.Array,
        places: Sequence[ir.Place] | None,
        expression: ir.Expression,
        free: Indices,
        nodes: Sequence[int],
        reduction: ir.Reduction | None = None,
        reduced: Indices = (),
        *,
        adds: bool = False,
    ) -> View:
        """Add a statement; `places` None: at the free indices themselves. Gives the whole target back."""
        kept, gone = [i for i in free if i is not None], [i for i in reduced if i is not None]
        if reduction is not ir.Reduction.ARGMAX:
            expression = cast(expression, target.dtype)
            reduction = reduction if gone else None
        where = tuple(map(ir.Place, free) if places is None else places)
        taken_up = sorted(set(nodes))
        self.depths.setdefault(target.root, len(self.levels))
        self.levels[-1] += [ir.Statement(target, where, expression, reduction, kept, gone, taken_up, adds)]
        return self.whole(target)

    def outside(self, function: str) -> str:
        """The name under which C has a function of others; raises :class:`OpUnknown` if those do not offer it."""
        try:
            outside.address(function)
        except ImportError as problem:
            raise OpUnknown(str(problem)) from None
        if function not in self.made.functions:
            self.made.functions.append(function)
        return function.rpartition(".")[2]

    def call(self, call: ir.Call) -> None:
        """Add a call."""
        for array in call.writes:
            self.depths.setdefault(array.root, len(self.levels))
        if call.result:
            self.depths[call.result.name] = len(self.levels)
            self.returned.add(call.result.name)
        self.levels[-1].append(call)

    def hold(self, value: Value, name: str | None = None, spare: str = "t", dtype: str | None = None) -> View:
        """`value` computed into a new array."""
        target = self.array(name, dtype or value.dtype, value.dims, spare)
        if isinstance(value, Vector):
            for k, item in enumerate(value.items):
                place = ir.Place(None, ir.Literal("int64", k))
                self.state(target, [place], item.at([]), [], [*value.nodes, *item.nodes])
            return self.whole(target)
        indices = self.indices(value.dims)
        return self.state(target, None, value.at(indices), indices, value.nodes)

    def solid(self, value: Value, name: str | None = None) -> View:
        """`value` held in an array."""
        return value if isinstance(value, View) else self.hold(value, name)

    def keep(self, variable: Any, value: Value, node: int) -> None:
        """Record what a node's output is: held in an array if several things use it, else left a formula."""
        value.nodes = [*value.nodes, node]
        clients = self.clients.get(variable, ())
        if isinstance(value, Formula) and not value.cheap and (len(clients) > 1 or variable.name):
            value = self.solid(value, variable.name)
        self.values[variable] = value

    def refresh(self, variable: Any) -> View:
        """A variable's value as an array, from now on for everyone who uses it."""
        view = self.values[variable] = self.solid(self.value(variable), variable.name)
        return view

    # ---- what a variable is

    def number(self, variable: Any) -> ir.Expression:
        """A number outside loops; one that depends on the data is read where it is there, and known by name then."""
        value = self.value(variable)
        if not isinstance(value, Scalar):
            held = self.refresh(variable)
            named = self.let(held.dtype, held.at([None] * len(held.dims)), None, variable.name)
            value = self.values[variable] = Scalar(held.dtype, [], named, nodes=held.nodes)
        return value.expression

    def value(self, variable: Any) -> Value:
        """What a variable is; constants are met here for the first time."""
        if variable not in self.values:
            self.values[variable] = self.constant(variable)
        return self.values[variable]

    def element(self, variable: Any) -> Value:
        """What a variable is, as something that has an element at each index."""
        value = self.value(variable)
        if isinstance(value, Kept):
            value.at([])
        return self.solid(value) if isinstance(value, Vector) else value

    def block(self, variable: Any) -> ir.Array:
        """A variable as memory that holds it all, in C order."""
        value = self.value(variable)
        if not (isinstance(value, View) and value.whole and value.array.kind in ("scratch", "given")):
            value = self.hold(self.element(variable), variable.name)
            self.values[variable] = value
        return value.array

    def constant(self, variable: Any) -> Value:
        """A Constant: a literal, a named run-time number, or a table passed in."""
        data = getattr(variable, "data", None)
        if data is None:
            raise OpUnknown(f"the constant {variable}")
        data = np.asarray(data)
        if data.dtype.hasobject:
            raise OpUnknown(f"the constant {variable}")
        dtype = data.dtype.name
        if dtype not in ir.DTYPES:
            raise ScalarOpUnknown(f"dtype {dtype}")
        dims = [self.fixed(n) for n in data.shape]
        first = data.flat[0] if data.size else None
        if not data.ndim or (data.size and ((data == first) | ((data != data) & (first != first))).all()):
            number = self.scalar_constant(variable.name, dtype, data.flat[0].item())
            return Scalar(dtype, [], number).moved(dims, {})
        array = ir.Array(self.name(variable.name, "table"), dtype, dims, "input")
        self.made.tables.append((array, np.ascontiguousarray(data)))
        return self.whole(array)

    def scalar_constant(self, name: str | None, dtype: str, value: float) -> ir.Expression:
        """Small round numbers stay literals; others, as learning rates, are given at run time."""
        if not is_float(dtype) or not math.isfinite(value):
            return ir.Literal(dtype, value)
        if abs(value) <= LARGEST_LITERAL and float(value * 2).is_integer():
            return ir.Literal(dtype, value)
        constants = self.made.constants
        for known, number in constants:
            if known.dtype == dtype and number == value:
                return known
        constants.append((ir.Named(dtype, self.name(name, f"c{len(constants) + 1}")), value))
        return constants[-1][0]


def plus(a: ir.Expression, b: ir.Expression) -> ir.Expression:
    """Their sum, without zeros."""
    return b if a == ir.ZERO else a if b == ir.ZERO else a + b


def times(a: ir.Expression, b: ir.Expression) -> ir.Expression:
    """Their product, without zeros and ones."""
    if ir.ZERO in (a, b):
        return ir.ZERO
    return b if a == ir.ONE else a if b == ir.ONE else a * b
