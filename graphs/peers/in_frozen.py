"""The experiment frozen: a process that finds the folder in its cache imports no PyTensor; one that does not makes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphs.compiled import cache
from graphs.compiled.sources import source_digest
from graphs.errors import InputError
from graphs.frozen.folder import load
from graphs.frozen.function import Frozen
from graphs.peers.contract import Data, NotApplicable, Training

__all__ = ["build"]

Array = NDArray[Any]
AT_ONCE = 100  # steps a call, as of native-many


class FrozenTraining(Training):
    """Steps of a frozen function. The folder holds what was compiled for these shapes, rates and formula."""

    name, how = "train", "NATIVE"

    def __init__(self, data: Data, formula: str, learning_rate: float, weight_decay: float) -> None:
        self.x, self.y = data.x, data.y.astype(data.x.dtype)
        asked = [self.how, formula, data.x.dtype.name, *data.x.shape, learning_rate.hex(), weight_decay.hex()]
        key = cache.digest("frozen peer", source_digest(Path(__file__).parents[1]), *asked)
        folder = cache.folder().parent / f"frozen-{key}"
        try:
            self.frozen = load(folder)
        except InputError:  # nothing there
            self.freeze(data, formula, learning_rate, weight_decay, folder)
            self.frozen = load(folder)
        self.begin(data, self.frozen)

    def freeze(self, data: Data, formula: str, rate: float, decay: float, folder: Path) -> None:
        """Compile by PyTensor, and write the folder."""
        from graphs.native import freeze
        from graphs.peers.in_pytensor import build as compiled

        folder.parent.mkdir(parents=True, exist_ok=True)
        freeze({self.name: compiled(data, formula, self.how, rate, decay).function}, folder)

    def begin(self, data: Data, frozen: Frozen) -> None:
        """Put the values in place at which training begins."""
        frozen.write({"w": data.initial_w, "b": data.initial_b})

    def arguments(self) -> list[Array]:
        """What each step is given."""
        return [self.x, self.y]

    def train(self) -> tuple[Any, Any]:
        prediction, xent = self.frozen.functions[self.name](*self.arguments())
        return prediction, xent

    def train_many(self, steps: int) -> tuple[Any, Any]:
        function = self.frozen.functions[self.name]
        for done in range(0, steps, AT_ONCE):
            predictions, xents = function.repeat(min(AT_ONCE, steps - done), self.arguments())
        return predictions[-1], xents[-1]

    def parameters(self) -> tuple[Array, float]:
        state = self.frozen.read()
        return state["w"], float(state["b"])


class FrozenGram(FrozenTraining):
    """The same with Gram state, which NumPy computes anew from x and the initial weights."""

    name, how = "step", "Gram"

    def begin(self, data: Data, frozen: Frozen) -> None:
        if data.x.shape[0] > data.x.shape[1]:
            raise NotApplicable(f"{data.x.shape[0]} samples against {data.x.shape[1]} features")
        self.w_0 = data.initial_w
        image = self.x @ self.w_0
        state = {
            "K": self.x @ self.x.T,
            "u_w": image,
            "u0_w": image,
            "a_w": np.zeros_like(image),
            "c_w_w": np.ones_like(image[0]),
            "w0_w0": (self.w_0 * self.w_0).sum(),
            "b": np.asarray(data.initial_b, self.x.dtype),
        }
        frozen.write({name: state[name] for name in frozen.read()})

    def arguments(self) -> list[Array]:
        return [self.y]

    def parameters(self) -> tuple[Array, float]:
        """Present w and b, w recovered."""
        state = self.frozen.read()
        return self.x.T @ state["a_w"] + state["c_w_w"] * self.w_0, float(state["b"])


def build(data: Data, formula: str, how: str, learning_rate: float, weight_decay: float) -> FrozenTraining:
    """Make the experiment ready, with Gram state where `how` says so."""
    kind = FrozenGram if how == "Gram" else FrozenTraining
    return kind(data, formula, learning_rate, weight_decay)
