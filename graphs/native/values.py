"""What a variable of the graph is while statements are made from it: a view, a formula, a scalar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from graphs.native.statements import Array, Dim, Expression, Index, Place, Read

__all__ = ["Formula", "Scalar", "Value", "Vector", "View", "is_one"]


def is_one(dim: Dim) -> bool:
    """Whether an axis is known to have length 1, so that it is broadcast rather than looped over."""
    return dim.find().constant == 1


@dataclass(eq=False)
class Value:
    """A variable's dtype and axes; ``nodes`` are Apply nodes that no statement has taken up yet."""

    dtype: str
    dims: list[Dim]
    nodes: list[int] = field(default_factory=list, kw_only=True)

    def at(self, indices: Sequence[Index | None]) -> Expression:
        """The element at these indices (None: an axis of length 1)."""
        raise NotImplementedError


@dataclass(eq=False)
class View(Value):
    """Elements of an array, found through an affine place on each of the array's axes.

    ``axes`` has, for each axis of the *array*: which axis of the view moves along it (or None),
    where it starts, and in what steps.
    """

    array: Array
    axes: list[tuple[int | None, str, str]]

    @property
    def whole(self) -> bool:
        """Whether this is the array itself, axis by axis."""
        return len(self.axes) == len(self.dims) and all(
            (axis == k or (axis is None and is_one(self.dims[k]))) and start == "0" and step == "1"
            for k, (axis, start, step) in enumerate(self.axes)
        )

    def places(self, indices: Sequence[Index | None]) -> tuple[Place, ...]:
        """Where in the array the element at these indices lies."""
        return tuple(
            Place(None, start)
            if axis is None or indices[axis] is None or is_one(self.dims[axis])
            else Place(indices[axis], start, step)
            for axis, start, step in self.axes
        )

    def at(self, indices: Sequence[Index | None]) -> Expression:
        return Read(self.dtype, self.array, self.places(indices))


@dataclass(eq=False)
class Formula(Value):
    """Not held anywhere: computed where it is used. A ``cheap`` one may be used in many places."""

    build: Callable[[Sequence[Index | None]], Expression]
    cheap: bool = False

    def at(self, indices: Sequence[Index | None]) -> Expression:
        return self.build(indices)


@dataclass(eq=False)
class Scalar(Value):
    """A number the first lines of the C function compute, before any loop."""

    expression: Expression

    def at(self, indices: Sequence[Index | None]) -> Expression:
        return self.expression


@dataclass(eq=False)
class Vector(Value):
    """Several scalars as one short vector: a shape, usually."""

    items: list[Value]
