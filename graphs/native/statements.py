"""The vocabulary between a graph and its C: extents, indices, arrays, expressions, statements.

A statement says what one array holds, as a formula over named indices::

    z[i]  = Σ_j x[i, j] · w[j]          indices (i), reduced over (j)
    gw[j] = Σ_i x[i, j] · r[i]          indices (j), reduced over (i)

Nothing here knows PyTensor or C's syntax; :mod:`lowering` makes statements from Apply nodes,
:mod:`fusion` arranges them into loop nests, :mod:`writer` writes the nests down.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = [
    "Apply",
    "Array",
    "Dim",
    "Expression",
    "Index",
    "Literal",
    "Named",
    "Place",
    "Position",
    "Read",
    "Statement",
]


class Dim:
    """How long an axis is. Two axes that the graph makes equal share one representative.

    Attributes
    ----------
    constant : int or None
        The length, where the graph knows it.
    source : str
        C expression of the length, in terms of dims met before.
    origin : str
        Where it comes from, in words, for comments and error messages.
    """

    def __init__(self, number: int, source: str, origin: str, constant: int | None = None) -> None:
        self.number = number
        self.source = source
        self.origin = origin
        self.constant = constant
        self.parent: Dim | None = None
        self.merge_error = 0
        self.letter = ""

    def find(self) -> Dim:
        """The representative of all dims known equal to this one."""
        dim = self
        while dim.parent is not None:
            dim = dim.parent
        return dim

    @property
    def token(self) -> str:
        """Stands for the length until it is known which dims are one; the writer replaces it."""
        return f"@{self.number}@" if self.constant is None else str(self.constant)


class Index:
    """One loop variable of one statement; fusion gives several of them the same loop."""

    def __init__(self, dim: Dim) -> None:
        self.dim = dim
        self.nest: object = None


@dataclass(eq=False)
class Array:
    """A block of memory with axes.

    Attributes
    ----------
    kind : str
        ``input`` (strides known at run time), ``output`` or ``scratch`` (both in C order).
    memory_of : Array or None
        Where it has no memory of its own but is another array's seen with other axes.
    layout : str
        ``C``: the last axis is contiguous; ``F``: the first; ``A``: none need be.
    symmetric : bool
        Whether a matrix is known to equal its transpose.
    """

    name: str
    dtype: str
    dims: list[Dim]
    kind: str
    memory_of: Array | None = None
    number: int = 0
    layout: str = "C"
    symmetric: bool = False

    @property
    def fast(self) -> int | None:
        """The axis along which neighbours touch in memory."""
        return {"C": len(self.dims) - 1, "F": 0, "A": None}[self.layout]


@dataclass(frozen=True)
class Place:
    """Where along an array's axis an access falls: ``start + step · index``."""

    index: Index | None = None
    start: str = "0"
    step: str = "1"

    @property
    def plain(self) -> bool:
        """Whether the access is at the index itself."""
        return self.index is not None and self.start == "0" and self.step == "1"


@dataclass(frozen=True, eq=False)
class Expression:
    """A scalar at one point of the index space."""

    dtype: str

    def parts(self) -> tuple[Expression, ...]:
        """The expressions this one is made of."""
        return ()

    def reads(self) -> Iterator[Read]:
        """Every array access in it."""
        if isinstance(self, Read):
            yield self
        for part in self.parts():
            yield from part.reads()


@dataclass(frozen=True, eq=False)
class Literal(Expression):
    """A number written into the C text."""

    value: float | int | bool


@dataclass(frozen=True, eq=False)
class Named(Expression):
    """A scalar that the first lines of the C function have computed already."""

    name: str


@dataclass(frozen=True, eq=False)
class Position(Expression):
    """The value of an index itself."""

    index: Index


@dataclass(frozen=True, eq=False)
class Read(Expression):
    """One element of an array."""

    array: Array
    places: tuple[Place, ...]


@dataclass(frozen=True, eq=False)
class Apply(Expression):
    """A C operator or function applied to expressions.

    ``template`` holds ``{0}``, ``{1}``, …; ``level`` is its precedence (10 for a call).
    """

    template: str
    level: int
    operands: tuple[Expression, ...]
    helper: str = ""

    def parts(self) -> tuple[Expression, ...]:
        return self.operands


@dataclass(eq=False)
class Statement:
    """What an array (or a part of it) holds.

    Attributes
    ----------
    target, places
        The array written, and where.
    expression
        The right-hand side, or what is combined over `reduced`.
    combine : str
        ``=`` for none, else ``+``, ``*``, ``max``, ``min``, ``and``, ``or``, ``dot``, ``argmax``; ``add`` adds to
        what the target holds already; ``symmetric`` is the dot of a symmetric matrix and a vector.
    free, reduced : list of Index
        Indices of the target, and those combined over.
    nodes : list of int
        Apply nodes it computes, by their place in the graph's topological order.
    formula : str
        The same in mathematical words, for the comment.
    """

    target: Array
    places: tuple[Place, ...]
    expression: Expression
    combine: str
    free: list[Index]
    reduced: list[Index]
    nodes: list[int] = field(default_factory=list)
    formula: str = ""

    def indices(self) -> list[Index]:
        """Every index of its loops, the target's first."""
        return [*self.free, *self.reduced]

    def accesses(self) -> Iterator[tuple[Array, tuple[Place, ...]]]:
        """Every array it reads or writes, and where; the target first."""
        yield self.target, self.places
        for read in self.expression.reads():
            yield read.array, read.places
