"""What every peer is measured against: the same steps in NumPy's widest floating point."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from graphs.data import Dataset
from graphs.listener import Listener
from graphs.peers import LEARNING_RATE, WEIGHT_DECAY, in_numpy
from graphs.peers.contract import Data

__all__ = ["MARK", "Agreement", "Reference"]

MARK = 50
"""Steps between two states that the reference remembers."""


class Agreement(msgspec.Struct, frozen=True):
    """How far a peer's w and b, taken as one vector, are from the reference."""

    relative: float  # ‖difference‖₂ / ‖reference‖₂
    #: Largest difference of an entry, in units in the last place of the largest entry, in the peer's dtype.
    ulp: float
    #: Largest difference of an entry in units of its own last place. An entry that happens to be
    #: near zero makes it large without harm.
    worst_entry_ulp: float


class Reference:
    """Gradient descent from the logits, by hand, in `numpy.longdouble`.

    On x86 under Linux that is 64 bits of mantissa, eleven more than float64; where `longdouble`
    is float64 (Windows, ARM), the reference is no better than what it judges, and `dtype` says so.
    """

    dtype = f"numpy.longdouble ({np.finfo(np.longdouble).nmant + 1}-bit mantissa)"

    def __init__(self, data: Dataset) -> None:
        self._judged = data.x.dtype
        wide = Data(
            data.x.astype(np.longdouble), data.y, data.initial_w.astype(np.longdouble), data.initial_b
        )
        self._training = in_numpy.build(wide, "logits", "", LEARNING_RATE, WEIGHT_DECAY)
        self.steps = 0  # taken so far
        self._passed = {0: self._state()}

    def advance(self, steps: int, listener: Listener | None = None) -> None:
        """Take `steps` steps; the listener is told every now and then how many of them are done."""
        listener = listener or Listener()
        end = self.steps + steps
        while self.steps < end:
            until = min(end, (self.steps // MARK + 1) * MARK)
            self._training.train_many(until - self.steps)
            self.steps = until
            self._passed[until] = self._state()
            listener.progress(steps - (end - until), steps)

    def _state(self) -> NDArray[Any]:
        return np.append(self._training.w, self._training.b)

    def parameters(self, steps: int | None = None) -> NDArray[Any]:
        """w and b behind each other, in the reference's own dtype.

        As they are now, or were after so many steps: a multiple of `MARK`, or where it stopped.
        """
        return self._passed[self.steps if steps is None else steps]

    def agreement(self, w: NDArray[Any], b: float, steps: int | None = None) -> Agreement:
        """Compare with w and b after as many steps (default: as many as were taken)."""
        exact = self.parameters(steps)
        difference = np.abs(np.append(w, b).astype(np.longdouble) - exact)
        units = np.spacing(np.abs(exact).astype(self._judged)).astype(np.longdouble)
        return Agreement(
            relative=float(np.sqrt((difference**2).sum() / (exact**2).sum())),
            ulp=float(difference.max() / units.max()),
            worst_entry_ulp=float((difference / units).max()),
        )
