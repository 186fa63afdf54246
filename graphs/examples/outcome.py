"""What came of an example, as plain data: claims with what was found beside them, tables, a graph to look into."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Finding", "Outcome", "Subject", "Table", "apart", "at_most", "close_to", "relatively_apart"]


@dataclass(frozen=True)
class Finding:
    """A claim and what was found."""

    claim: str  # in words
    said: str  # what it says: a number, or a condition
    found: str
    holds: bool


def close_to(claim: str, said: float, found: float, within: float) -> Finding:
    """A finding that holds where `found` is `said` to within so much."""
    return Finding(claim, f"{said:.6g} ± {within:.1g}", f"{found:.6g}", bool(abs(found - said) <= within))


def at_most(claim: str, found: float, limit: float) -> Finding:
    """A finding that holds where `found`, a difference say, is no larger than the limit."""
    return Finding(claim, f"≤ {limit:.1g}", f"{found:.2g}", bool(found <= limit))


def apart(one: ArrayLike, other: ArrayLike) -> float:
    """The largest difference between two arrays."""
    return float(np.max(np.abs(np.subtract(one, other))))


def relatively_apart(one: ArrayLike, other: ArrayLike) -> float:
    """The largest difference, relative to the other's entry."""
    return float(np.max(np.abs(np.subtract(one, other) / np.abs(other))))


@dataclass(frozen=True)
class Table:
    """Rows of numbers and words under their headings."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Subject:
    """The graph of an example, as ``pytensor.function`` takes it, with inputs to look at it on."""

    inputs: Sequence[Any]
    outputs: Sequence[Any]
    updates: Sequence[tuple[Any, Any]] = ()
    values: Mapping[str, Any] = field(default_factory=dict)  # by the inputs' names


@dataclass(frozen=True)
class Outcome:
    """What came of an example."""

    findings: Sequence[Finding]
    formulas: Sequence[str]  # in LaTeX, read off the graph
    subject: Subject
    draw: Callable[[], Figure]
    tables: Sequence[Table] = ()
