"""What a graph becomes before it becomes C: statements over named indices, as data.

A statement says what one array holds, as a formula over indices::

    z[i]  = Σ_j x[i, j] · w[j]          indices (i), reduced over (j)
    gw[j] = Σ_i x[i, j] · r[i]          indices (j), reduced over (i)
    u[i]  = U[at[i]]                    a place may be read from an array

Beside statements there are three other steps: an interlude (lengths and checks that depend on what arrays hold by
then), a call of a function on whole arrays, and a recurrence (steps taken again and again, each from what the turn
before has left). Lengths, starts and steps are expressions like any other. Nothing here knows PyTensor or C's
syntax: :mod:`lower` makes statements from Apply nodes, :mod:`schedule` arranges them into loops, :mod:`write` writes
the loops down.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

__all__ = [
    "DTYPES",
    "ONE",
    "ZERO",
    "Apply",
    "Argument",
    "Array",
    "Call",
    "Check",
    "Computation",
    "Dim",
    "Expression",
    "Generator",
    "Index",
    "Interlude",
    "Length",
    "Let",
    "Literal",
    "Measured",
    "Named",
    "Place",
    "Position",
    "Read",
    "Recurrence",
    "Reduction",
    "Statement",
    "Step",
    "Stride",
    "choose",
    "compare",
    "product",
]

WHOLE = ("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8")
DTYPES = ("float64", "float32", *WHOLE, "bool")  # what there are statements for


# ---- expressions: one number, at one point of the index space


def _operation(symbol: str) -> Callable[[Expression, Expression | int], Expression]:
    def apply(self: Expression, other: Expression | int) -> Expression:
        other = other if isinstance(other, Expression) else Literal(self.dtype, other)
        return Apply(self.dtype, symbol, (self, other))

    return apply


@dataclass(frozen=True)
class Expression:
    """A scalar; equal to another if it is made in the same way from the same."""

    dtype: str

    __add__ = _operation("+")
    __sub__ = _operation("-")
    __mul__ = _operation("*")
    __truediv__ = _operation("/")
    __mod__ = _operation("%")

    def __neg__(self) -> Expression:
        return Apply(self.dtype, "negative", (self,))

    def reads(self) -> Iterator[Read]:
        """Every array access in it, those that say where another is among them."""
        if isinstance(self, Read):
            yield self
            for place in self.places:
                yield from place.start.reads()
        elif isinstance(self, Apply):
            for operand in self.operands:
                yield from operand.reads()


@dataclass(frozen=True)
class Literal(Expression):
    """A number that every call has in common."""

    value: float | int | bool


@dataclass(frozen=True)
class Named(Expression):
    """A number known by name: an input without axes, a constant, what a :class:`Let` computes, a turn's number."""

    name: str


@dataclass(frozen=True)
class Length(Expression):
    """How long an axis is."""

    dim: Dim


@dataclass(frozen=True)
class Measured(Expression):
    """How long an axis of an input is found to be at a call."""

    array: Array
    axis: int


@dataclass(frozen=True)
class Stride(Expression):
    """How many elements lie between neighbours along an axis of an array."""

    array: Array
    axis: int


@dataclass(frozen=True)
class Position(Expression):
    """The value of an index itself."""

    index: Index


@dataclass(frozen=True)
class Read(Expression):
    """One element of an array."""

    array: Array
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Apply(Expression):
    """An operator or a function of expressions.

    ``+ - * / % & | ^ || == != < > <= >=``, ``~`` and ``!`` mean what they mean in C; ``?`` chooses, ``cast``
    changes the type; ``not``, ``negative``, ``absolute``, ``square``, ``sign``, ``clip``, ``maximum`` and
    ``minimum`` are NumPy's (NaN wins). Everything else is the name of a function.
    """

    operator: str
    operands: tuple[Expression, ...]


RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
ZERO, ONE = Literal("int64", 0), Literal("int64", 1)


def compare(a: Expression, relation: str, b: Expression | int) -> Expression:
    """Whether a relation holds; what can be told beforehand is told."""
    b = b if isinstance(b, Expression) else Literal("int64", b)
    if isinstance(a, Literal) and isinstance(b, Literal):
        return Literal("bool", RELATIONS[relation](a.value, b.value))
    if a == b and not a.dtype.startswith("float"):
        return Literal("bool", RELATIONS[relation](0, 0))
    return Apply("bool", relation, (a, b))


def choose(condition: Expression, then: Expression, otherwise: Expression) -> Expression:
    """The one or the other."""
    return Apply(then.dtype, "?", (condition, then, otherwise))


def product(factors: Iterable[Expression]) -> Expression:
    """All factors multiplied, 1 if there are none."""
    return functools.reduce(operator.mul, list(factors) or [ONE])


# ---- arrays and where their elements are


@dataclass(eq=False)
class Dim:
    """How long an axis is. Two axes that the graph makes equal share one representative."""

    number: int  # in the order in which they were met
    source: Expression  # what gives its length, in terms of dims met before
    origin: str  # where it comes from, in words, for comments and error messages
    constant: int | None = None  # the length, where the graph knows it
    parent: Dim | None = None  # known equal to this one,
    merge_error: int = 0  # and the error where at run time it is not

    def find(self) -> Dim:
        """The representative of all dims known equal to this one."""
        dim = self
        while dim.parent is not None:
            dim = dim.parent
        return dim

    @property
    def is_one(self) -> bool:
        """Whether the axis is known to have length 1, so that it is broadcast rather than looped over."""
        return self.find().constant == 1

    @property
    def length(self) -> Expression:
        """What to write for the length."""
        constant = self.find().constant
        return Length("int64", self.find()) if constant is None else Literal("int64", constant)


@dataclass(eq=False)
class Index:
    """One loop variable of one statement; fusion gives several of them the same loop."""

    dim: Dim


@dataclass(eq=False)
class Array:
    """A block of memory with axes."""

    name: str
    dtype: str
    dims: list[Dim]
    # "input" (strides known at run time), "output" or "scratch" (both in C order), "given" (a call's result, likewise)
    kind: str
    memory_of: Array | None = None  # whose memory it is, where it is another array seen with other axes
    layout: str = "C"  # C: the last axis is contiguous; F: the first; A: none need be
    symmetric: bool = False  # whether a matrix is known to equal its transpose

    @property
    def fast(self) -> int | None:
        """The axis along which neighbours touch in memory."""
        return {"C": len(self.dims) - 1, "F": 0, "A": None}[self.layout]

    @property
    def root(self) -> Array:
        """The array whose memory it is."""
        return self.memory_of or self


@dataclass(frozen=True)
class Place:
    """Where along an array's axis an access falls: ``start + step · index``; an array may hold the start."""

    index: Index | None = None
    start: Expression = ZERO
    step: Expression = ONE

    @property
    def plain(self) -> bool:
        """Whether the access is at the index itself."""
        return self.index is not None and self.start == ZERO and self.step == ONE


# ---- statements


class Reduction(Enum):
    """How the values at all indices that a statement reduces over become one."""

    def __init__(self, word: str, operator: str, first: float, spare: str, remark: str = "") -> None:
        self.word = word  # in a formula: "sum over j of …",
        self.remark = remark  # and what is said after it
        self.operator = operator  # what joins one value more to what has been combined; see Apply
        self.first = first  # before the first value; infinite: the type's largest, or smallest, number
        self.spare = spare  # name of a result that the graph does not name

    SUM = "sum", "+", 0, "sum"
    DOT = "sum", "+", 0, "dot"  # of a product, which is added in one rounding
    # The dot of a symmetric matrix and a vector: each turn of its outer loop adds to every result.
    SYMMETRIC = "sum", "+", 0, "dot", ", whose two halves mirror each other"
    PRODUCT = "product", "*", 1, "product"
    LARGEST = "largest", "maximum", -math.inf, "largest"
    SMALLEST = "smallest", "minimum", math.inf, "smallest"
    ALL = "and", "&", 1, "all_true"
    ANY = "or", "|", 0, "any_true"
    ODD = "xor", "^", 0, "t"
    ARGMAX = "place of largest", "maximum", -math.inf, "argmax"  # the target is where, not what


@dataclass(eq=False)
class Statement:
    """What an array (or a part of it) holds."""

    target: Array
    places: tuple[Place, ...]
    expression: Expression  # the right-hand side, or what is combined over `reduced`
    reduction: Reduction | None
    free: list[Index]  # of the target
    reduced: list[Index]
    nodes: list[int]  # the Apply nodes it computes, by their place in the graph's topological order
    adds: bool = False  # to what the target holds already

    def indices(self) -> list[Index]:
        """Every index of its loops, the target's first."""
        return [*self.free, *self.reduced]

    def reads(self) -> Iterator[Read]:
        """Every array access that is not what it writes."""
        yield from self.expression.reads()
        for place in self.places:
            yield from place.start.reads()

    def accesses(self) -> Iterator[tuple[Array, tuple[Place, ...]]]:
        """Every array it reads or writes, and where; the target first."""
        yield self.target, self.places
        for read in self.reads():
            yield read.array, read.places

    @property
    def scattered(self) -> set[Index]:
        """The indices of which several may fall on the same place, so that their turns have an order."""
        return set(self.free) - {place.index for place in self.places}


# operators with names that are no functions of C
_PLAIN = ("cast", "not", "negative", "absolute", "square", "sign", "clip", "maximum", "minimum")


def calls(statement: Statement) -> bool:
    """Whether a statement's expression calls a function, which is enough for a processor to do at a time."""
    return _calls(statement.expression)


def _calls(expression: Expression) -> bool:
    own = (
        isinstance(expression, Apply)
        and expression.operator.isidentifier()
        and expression.operator not in _PLAIN
    )
    return own or (isinstance(expression, Apply) and any(map(_calls, expression.operands)))


# ---- what stands between statements


@dataclass(frozen=True)
class Let:
    """A number computed outside loops, and known by a name from then on."""

    name: Named
    value: Expression
    node: int | None  # the Apply node it computes


@dataclass(frozen=True)
class Check:
    """The call ends with an error where a condition holds."""

    condition: Expression
    error: int


@dataclass(eq=False)
class Interlude:
    """Lengths, numbers and checks that depend on what arrays hold by then."""

    entries: list[Dim | Let | Check] = field(default_factory=list)

    def reads(self) -> Iterator[Read]:
        """Every array access in it."""
        for entry in self.entries:
            if isinstance(entry, Dim):
                yield from entry.source.reads()
            else:
                yield from (entry.value if isinstance(entry, Let) else entry.condition).reads()


# What a function is handed: a memory, the address of an element, a number; text stands for itself.
Argument = Array | Expression | str | tuple[Array | Expression, ...]


@dataclass(eq=False)
class Call:
    """A function called on whole arrays."""

    # of a C file of write/; "perform": Python's, of the Apply node that the first argument counts
    function: str
    arguments: list[Argument]
    reads: list[Array]
    writes: list[Array]
    formula: str  # what it computes, in words; {0}, {1}, … stand for the letters of `along`
    nodes: list[int]
    result: Named | None = None  # what it returns
    along: list[Dim] = field(default_factory=list)


@dataclass(eq=False)
class Recurrence:
    """Steps taken once for each turn, each from what the turn before has left."""

    turn: Named  # the number of the turn, from 0
    count: Expression  # of turns
    steps: list[Step]
    formula: str  # what it is, in words
    nodes: list[int]
    until: Expression | None = None  # ends them where it is true after a turn,
    done: Named | None = None  # which then says how many were taken


Step = Statement | Interlude | Call | Recurrence


# ---- a whole graph


@dataclass(eq=False)
class Generator:
    """A random generator that C draws from: a copy of what an input is."""

    name: str
    position: int  # of the input
    nodes: list[int] = field(default_factory=list)  # that draw from it, one after the other


@dataclass
class Computation:
    """All that one call computes."""

    title: str
    layouts: str  # one letter for each input, as in Array.layout
    dims: list[Dim] = field(default_factory=list)
    inputs: list[Array | None] = field(default_factory=list)  # None: what Python holds
    tables: list[tuple[Array, Any]] = field(default_factory=list)  # constant arrays, and their NumPy data
    constants: list[tuple[Named, float]] = field(default_factory=list)  # numbers given at run time
    # before any loop: a Dim is measured there
    prologue: list[Dim | Let | Check] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)  # in an order in which they can be taken
    checks: list[Check] = field(default_factory=list)  # of what arrays hold in the end
    functions: list[str] = field(default_factory=list)  # of others, given at run time, by name
    # Apply nodes that Python performs, and why
    performed: list[tuple[int, str]] = field(default_factory=list)
    generators: list[Generator] = field(default_factory=list)
    outputs: list[Array | None] = field(default_factory=list)  # None: what Python holds
    # exception's name and message, by number from 1
    errors: list[tuple[str, str]] = field(default_factory=list)
