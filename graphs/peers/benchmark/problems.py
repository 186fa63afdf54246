"""What classifiers are fitted on: samples drawn from the model itself, or the digits, and how strong the penalty is."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from graphs.data import load
from graphs.errors import InputError, number_in, whole_number
from graphs.foreign import quoted
from graphs.memory import refuse_beyond_memory

__all__ = ["PENALTIES", "PROBLEMS", "Problem"]

PROBLEMS = ("100x2x2", "400x784x2", "4000x784x2", "20000x100x2", "digits", "5000x200x5")
#: The default of this project, and that of scikit-learn, which depends on the number of samples.
PENALTIES = ("0.01", "C=1")
_SHAPE = re.compile(r"([0-9]{1,15})x([0-9]{1,15})x([0-9]{1,15})")


class Problem(NamedTuple):
    """Samples of so many features and classes."""

    name: str
    samples: int
    features: int
    classes: int

    @classmethod
    def of(cls, text: str) -> Problem:
        """The one of that name; else an `InputError` about the option."""
        if text == "digits":
            return cls(text, 1797, 64, 10)
        shape = _SHAPE.fullmatch(text) if isinstance(text, str) else None
        if not shape:
            allowed = "SAMPLESxFEATURESxCLASSES, as in 400x784x2, or digits"
            raise InputError("problems", found=quoted(text), allowed=allowed)
        samples, features, classes = map(int, shape.groups())
        whole_number("problems: samples", samples, 10)
        whole_number("problems: features", features, 1)
        whole_number("problems: classes", classes, 2, samples // 5)
        refuse_beyond_memory("problems", text, 16 * samples * (features + classes), "take a smaller one")
        return cls(text, samples, features, classes)

    def weight_decay(self, penalty: str) -> float:
        """λ of a penalty: as it stands, or by scikit-learn's C."""
        strength = number_in(penalty.removeprefix("C=")) if isinstance(penalty, str) else None
        if not isinstance(strength, float) or strength <= 0:
            allowed = "λ as in 0.01, or C as in C=1, above 0"
            raise InputError("penalties", found=quoted(penalty), allowed=allowed)
        return 1 / (2 * strength * self.samples) if penalty.startswith("C=") else strength

    def draw(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Samples, and labels that a softmax regression with random weights has drawn for them."""
        if self.name == "digits":
            digits = load("digits")
            return digits.x, digits.y
        stream: Any = np.random.default_rng(0)
        x = stream.normal(size=(self.samples, self.features))
        w = stream.normal(size=(self.features, self.classes)) * 2 / np.sqrt(self.features)
        y = (x @ w + stream.gumbel(size=(self.samples, self.classes))).argmax(axis=1)
        y[: self.classes] = np.arange(self.classes)  # none is absent
        return x, y
