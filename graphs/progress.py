"""A run so far: its history, the state to go on from, and how it may end before its time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Diverged", "History", "Progress", "Stopped"]

Array = NDArray[Any]


@dataclass(frozen=True)
class History:
    """The run at every k-th step; entry i is the model after ``steps[i]`` updates.

    Attributes
    ----------
    steps : ndarray of int64, shape (entries,)
    cost, mean_xent, accuracy, gw_norm, w_norm : ndarray of float64, shape (entries,)
        Cost and mean cross-entropy in nats, share of right predictions, ‖∂cost/∂w‖₂ and ‖w‖₂;
        NaN where the run has not come yet.
    """

    steps: NDArray[np.int64]
    cost: NDArray[np.float64]
    mean_xent: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    gw_norm: NDArray[np.float64]
    w_norm: NDArray[np.float64]

    @classmethod
    def empty(cls, steps: int, every: int) -> History:
        """Room for a whole run from the beginning, so that a checkpoint has its final size at once."""
        recorded = np.unique(np.append(np.arange(0, steps + 1, every), steps)).astype(np.int64)
        return cls(recorded, *(np.full(len(recorded), np.nan) for _ in range(5)))


@dataclass
class Progress:
    """A run so far: all that is needed to go on to the bit.

    Attributes
    ----------
    step : int
        Updates made.
    initial, state : dict of str to ndarray
        Parameters before the first update, and now.
    history : History
    first_perfect_call : int
        First call of `train`, counted from 1, whose predictions were all right; 0 if none was.
    mistakes_since : int
        Calls after that one with a wrong prediction.
    nonfinite_calls, first_nonfinite_call, last_nonfinite_call : int
        Calls whose cross-entropy held NaN or infinity; 0 if none did.
    first_mean_xent : float
        Mean cross-entropy that the first call returned, in nats.
    """

    step: int
    initial: dict[str, Array]
    state: dict[str, Array]
    history: History
    first_perfect_call: int = 0
    mistakes_since: int = 0
    nonfinite_calls: int = 0
    first_nonfinite_call: int = 0
    last_nonfinite_call: int = 0
    first_mean_xent: float = float("nan")

    @classmethod
    def fresh(cls, state: dict[str, Array], steps: int, every: int) -> Progress:
        """A run of `steps` that has not begun, standing at `state`."""
        return cls(0, initial=state, state=state, history=History.empty(steps, every))

    def note(self, predictions: Array, xents: Array, y: Array) -> None:
        """Count what the calls from ``step + 1`` on returned: arrays of shape (calls, samples)."""
        perfect = (predictions == y.astype(bool)).all(axis=1)
        finite = np.isfinite(xents).all(axis=1)
        if self.step == 0:
            self.first_mean_xent = float(xents[0].mean())
        if not self.first_perfect_call and perfect.any():
            self.first_perfect_call = self.step + 1 + int(perfect.argmax())
        if self.first_perfect_call:
            self.mistakes_since += int((~perfect[max(self.first_perfect_call - self.step, 0) :]).sum())
        bad = self.step + 1 + np.flatnonzero(~finite)
        if bad.size:
            self.nonfinite_calls += len(bad)
            self.first_nonfinite_call = self.first_nonfinite_call or int(bad[0])
            self.last_nonfinite_call = int(bad[-1])


class Diverged(ArithmeticError):
    """The run left the numbers that mean anything.

    Attributes
    ----------
    step : int
        The update that did it, counted from 1.
    quantity, cause : str
        What broke, and why most likely.
    """

    def __init__(self, step: int, quantity: str, cause: str) -> None:
        self.step, self.quantity, self.cause = step, quantity, cause
        super().__init__(f"diverged at step {step}: {quantity}. Likely cause: {cause}.")


class Stopped(Exception):
    """The run was asked to stop, and did, between two steps; `progress` can be resumed."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        super().__init__(f"stopped after step {progress.step}")
