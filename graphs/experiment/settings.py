"""What a run is made with, and the check that it can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphs.errors import choose, finite_number, whole_number

if TYPE_CHECKING:
    from graphs.data import Dataset

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """What is run; the defaults are the original's.

    Attributes
    ----------
    seed, samples, features : int
        Of the random data; with `data`, `seed` draws the initial weights and the others are ignored.
    data : str or None
        Path of the user's own CSV or NPZ file.
    steps : int
        Full-batch steps, at least 1.
    learning_rate, weight_decay : float
        η above 0, λ at least 0.
    dtype, mode, formula : str
        See :mod:`graphs.data`, :func:`graphs.functions.resolve_mode`, :mod:`graphs.models.logistic`.
    every : int
        The history has an entry at every so many steps.
    """

    seed: int = 0
    samples: int = 400
    features: int = 784
    data: str | None = None
    steps: int = 10_000
    learning_rate: float = 0.1
    weight_decay: float = 0.01
    dtype: str = "float64"
    mode: str = "NATIVE"
    formula: str = "textbook"
    every: int = 10

    def load(self) -> Dataset:
        """Check all settings and return their data set.

        Raises
        ------
        InputError
            For the first setting that cannot be used.
        """
        # Here, for the command line reads the defaults above and must answer --help at once.
        from graphs.data import load
        from graphs.functions import resolve_mode
        from graphs.models.logistic import FORMULAS
        from graphs.reading import read

        whole_number("steps", self.steps, 1)
        whole_number("every", self.every, 1)
        finite_number("learning_rate", self.learning_rate, above=0)
        finite_number("weight_decay", self.weight_decay, least=0)
        choose("formula", self.formula, FORMULAS)
        resolve_mode(self.mode)
        if self.data is not None:
            dataset = read(self.data, seed=self.seed, dtype=self.dtype)
        else:
            dataset = load(
                "random", seed=self.seed, samples=self.samples, features=self.features, dtype=self.dtype
            )
        return dataset
