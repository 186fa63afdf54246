"""What a graph of the corpus is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["Graph", "Make", "by_name"]


class Graph(NamedTuple):
    """What ``pytensor.function`` is given, and what the function is called with."""

    inputs: Sequence[Any]  # variables, or ``In`` with what else is said of one
    outputs: Any  # variables, or ``Out``; one by itself, or None
    updates: Sequence[Any] = ()
    values: Sequence[Any] = ()  # arguments of the call; inputs with a default value have none
    options: Mapping[str, Any] = {}  # what else the function is given: givens, accept_inplace …
    # by how much the problem multiplies rounding: two right ways of computing it differ by that many units more
    condition: float = 1.0


Make = Callable[[], Graph]


def by_name(*makes: Make) -> dict[str, Make]:
    """The functions of a family by their names."""
    return {make.__name__: make for make in makes}
