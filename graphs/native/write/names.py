"""What lengths and loop variables are called: given before anything is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphs.native.schedule.fusion import Nest, Nests, Part
from graphs.native.statements import Call, Computation, Dim, Interlude, Recurrence, Step

__all__ = ["Names"]


class Names:
    """A letter for every dim: i, j, k, …; a second loop over the same dim, inside the first, gets a number.

    Apart from the writers because the lines before the loops and the loops themselves ask for the same names.
    """

    def __init__(self, computation: Computation, nests: Nests) -> None:
        self._free = iter([*"ijklmopq", *map("i{}".format, range(2, 10_000))])
        self.loops: dict[Nest, str] = {}
        self.nests = nests
        entries = [
            *computation.prologue,
            *(entry for at in _interludes(computation.steps) for entry in at.entries),
        ]
        dims = [entry for entry in entries if isinstance(entry, Dim)]
        self.measured = [dim for dim in dims if dim.find() is dim and dim.constant is None]  # at a call
        self.letters = {dim: next(self._free) for dim in self.measured}
        self._visit(nests.items, [])

    def _visit(self, items: Sequence[Part], around: list[str]) -> None:
        for item in items:
            if isinstance(item, Nest):
                letter = self.letters.get(item.dim) or next(self._free)
                self.letters[item.dim] = letter
                count = around.count(letter)
                self.loops[item] = f"{letter}_{count + 1}" if count else letter
                self._visit(item.body, [*around, letter])
            elif isinstance(item, Recurrence):
                self._visit(self.nests.bodies[item], around)
            elif isinstance(item, Call):
                for dim in item.along:
                    self.letters.setdefault(dim.find(), next(self._free))

    def length(self, dim: Dim) -> str:
        """A dim's length."""
        dim = dim.find()
        return f"n_{self.letters[dim]}" if dim.constant is None else str(dim.constant)


def _interludes(steps: Sequence[Step]) -> Iterator[Interlude]:
    for step in steps:
        if isinstance(step, Interlude):
            yield step
        elif isinstance(step, Recurrence):
            yield from _interludes(step.steps)
