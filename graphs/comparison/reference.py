"""What every framework is measured against: the same steps in NumPy's widest floating point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphs.data import Dataset
from graphs.frameworks import in_numpy

__all__ = ["Agreement", "Reference"]


@dataclass(frozen=True)
class Agreement:
    """How far a framework's w and b, taken as one vector, are from the reference.

    Attributes
    ----------
    relative : float
        ‖difference‖₂ / ‖reference‖₂.
    ulp : float
        Largest difference of an entry, in units in the last place of the largest entry, in the
        framework's dtype.
    worst_entry_ulp : float
        Largest difference of an entry in units of its own last place. An entry that happens to
        be near zero makes it large without harm.
    """

    relative: float
    ulp: float
    worst_entry_ulp: float


class Reference:
    """Gradient descent from the logits, by hand, in `numpy.longdouble`.

    On x86 under Linux that is 64 bits of mantissa, eleven more than float64; where `longdouble`
    is float64 (Windows, ARM), the reference is no better than what it judges, and `dtype` says so.

    Attributes
    ----------
    dtype : str
        Its floating point and the bits of its mantissa.
    """

    def __init__(self, data: Dataset) -> None:
        self._judged = data.x.dtype
        wide = replace(
            data,
            x=data.x.astype(np.longdouble),
            initial_w=data.initial_w.astype(np.longdouble),
        )
        self._training = in_numpy.build(wide, "logits")
        self.dtype = f"numpy.longdouble ({np.finfo(np.longdouble).nmant + 1}-bit mantissa)"

    def advance(self, steps: int, progress: Callable[[int], object] = lambda done: None) -> None:
        """Take `steps` steps; call `progress` with the number done every hundred."""
        for done in range(0, steps, 100):
            self._training.train_many(min(100, steps - done))
            progress(min(done + 100, steps))

    def parameters(self) -> NDArray[Any]:
        """w and b behind each other, in the reference's own dtype."""
        return np.append(self._training.w, self._training.b)

    def agreement(self, w: NDArray[Any], b: float) -> Agreement:
        """Compare with w and b after as many steps."""
        exact = self.parameters()
        difference = np.abs(np.append(w, b).astype(np.longdouble) - exact)
        units = np.spacing(np.abs(exact).astype(self._judged)).astype(np.longdouble)
        return Agreement(
            relative=float(np.sqrt((difference**2).sum() / (exact**2).sum())),
            ulp=float(difference.max() / units.max()),
            worst_entry_ulp=float((difference / units).max()),
        )
