"""What a run is made with, and the check that it can be."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphs.errors import choose, finite_number

if TYPE_CHECKING:
    from graphs.data import Dataset

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """What is run; the defaults are the original's."""

    seed: int = 0  # of the random data; with `data`, of the initial weights alone
    samples: int = 400  # of the random data, like the next; with `data` they are ignored
    features: int = 784
    data: str | None = None  # path of the user's own CSV or NPZ file, or of a folder of shards
    steps: int = 10_000  # full-batch steps, at least 1
    learning_rate: float = 0.1  # η above 0
    weight_decay: float = 0.01  # λ at least 0
    dtype: str = "float64"  # see graphs.data
    mode: str = "NATIVE"  # see graphs.functions.resolve_mode
    formula: str = "textbook"  # see graphs.models.logistic
    every: int = 10  # the history has an entry at every so many steps

    def check(self) -> None:
        """Refuse the first setting that cannot be used, but for the data, of which :meth:`load` does."""
        # Here, for the command line reads the defaults above and must answer --help at once.
        from graphs.data import DTYPES, rounded
        from graphs.training import schedule

        schedule(self.steps, self.every)
        choose("dtype", self.dtype, DTYPES)
        rounded("learning_rate", finite_number("learning_rate", self.learning_rate, above=0), self.dtype)
        rounded("weight_decay", finite_number("weight_decay", self.weight_decay, least=0), self.dtype)
        # PyTensor is imported where it is needed to know what else may be given.
        if self.formula not in ("textbook", "logits"):
            from graphs.models.logistic import FORMULAS

            choose("formula", self.formula, FORMULAS)
        if not (isinstance(self.mode, str) and self.mode.upper() == "NATIVE"):
            from graphs.functions import resolve_mode

            resolve_mode(self.mode)

    def load(self, *, in_files: bool = False) -> Dataset:
        """Check all settings, refuse the first that cannot be used, and return their data set.

        Its rows stay `in_files`, if so asked, where the data are a folder of shards.
        """
        from graphs.data import load
        from graphs.reading import read, shards_of

        self.check()
        if self.data is not None and in_files and os.path.isdir(self.data):
            return shards_of(self.data, seed=self.seed, dtype=self.dtype)
        if self.data is not None:
            return read(self.data, seed=self.seed, dtype=self.dtype)
        return load("random", seed=self.seed, samples=self.samples, features=self.features, dtype=self.dtype)
