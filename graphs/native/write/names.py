"""What lengths and loop variables are called: given before anything is written."""

from __future__ import annotations

from collections.abc import Sequence

from graphs.native.schedule.fusion import Item, Nest
from graphs.native.statements import Computation, Dim

__all__ = ["Names"]


class Names:
    """A letter for every dim: i, j, k, …; a second loop over the same dim, inside the first, gets a number.

    Apart from the writers because the lines before the loops and the loops themselves ask for the same names.
    """

    def __init__(self, computation: Computation, items: Sequence[Item]) -> None:
        self._free = iter([*"ijklmopq", *(f"i{k}" for k in range(2, 1000))])
        self.letters: dict[Dim, str] = {}
        self.loops: dict[Nest, str] = {}
        # the dims that are measured at a call
        self.measured = [
            dim
            for dim in computation.prologue
            if isinstance(dim, Dim) and dim.find() is dim and dim.constant is None
        ]
        for dim in self.measured:
            self.letters[dim] = next(self._free)
        self._visit(items, [])

    def _visit(self, items: Sequence[Item], around: list[str]) -> None:
        for item in items:
            if isinstance(item, Nest):
                letter = self.letters.get(item.dim) or next(self._free)
                self.letters[item.dim] = letter
                count = around.count(letter)
                self.loops[item] = f"{letter}_{count + 1}" if count else letter
                self._visit(item.body, [*around, letter])

    def length(self, dim: Dim) -> str:
        """A dim's length."""
        dim = dim.find()
        return f"n_{self.letters[dim]}" if dim.constant is None else str(dim.constant)
