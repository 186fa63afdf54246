"""How well conditioned a graph is on its inputs: what their last digits do to the outputs.

Two ways to compute an ill-conditioned result agree to few digits, and neither is wrong. How many digits there are, the
graph as written says: on inputs moved by a unit in their last place, in several random directions, each entry
of an output moves so far.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphs.inspection.compiling.pipeline import LiveCopy
from graphs.inspection.values.difference import as_array
from graphs.inspection.values.inputs import Inputs
from graphs.inspection.values.perform import quietly
from graphs.inspection.values.replay import Replay

__all__ = ["Conditioning"]

DIRECTIONS = 4


class Conditioning:
    """How far each entry of an output moves with the last digits of what goes in; found out when first asked."""

    def __init__(self, live: LiveCopy, inputs: Inputs) -> None:
        self._live, self._inputs = live, inputs

    def spread(self, output: int) -> NDArray[Any] | None:
        """Of each entry of this output; None where it cannot be told."""
        return self._spreads[output]

    @cached_property
    def _spreads(self) -> list[NDArray[Any] | None]:
        values = self._inputs.with_shared(self._live)
        with quietly():
            exact = self._outputs(values, None)
            moved = [self._outputs(values, np.random.default_rng(seed)) for seed in range(DIRECTIONS)]
        return [_widest(first, others) for first, *others in zip(exact, *moved, strict=True)]

    def _outputs(self, values: Sequence[Any], random: np.random.Generator | None) -> list[Any]:
        def nudged(value: Any) -> Any:
            return value if random is None else _nudged(value, random)

        def constant(value: Any) -> Any:  # one number is part of the formula, several are data
            return nudged(value) if np.size(value) > 1 else value

        replay = Replay(self._live, [nudged(copy.deepcopy(value)) for value in values], constant)
        return replay.outputs(self._live.recording.snapshots[0])


def _nudged(value: Any, random: np.random.Generator) -> Any:
    """An array of floating-point numbers, each moved by at most a unit in the last place; all else as it is."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fc":
        return value
    unit = float(np.finfo(value.dtype).eps)
    return np.asarray(value * (1 + random.uniform(-unit, unit, value.shape)), dtype=value.dtype)


def _widest(first: Any, others: Sequence[Any]) -> NDArray[Any] | None:
    """The largest distance of each entry."""
    arrays = [as_array(value) for value in (first, *others)]
    known = [array for array in arrays if array is not None and array.dtype.kind in "fc"]
    if len(known) < len(arrays) or any(array.shape != known[0].shape for array in known):
        return None
    with np.errstate(all="ignore"):
        distances = np.array([np.abs(array - known[0]) for array in known[1:]])
    widest: NDArray[Any] = np.where(np.isfinite(distances), distances, 0.0).max(axis=0)
    return widest
