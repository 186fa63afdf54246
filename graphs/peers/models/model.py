"""What every model is: data, parameters, and its cost written for two frameworks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Model", "stream"]

Array = NDArray[Any]


class Model(NamedTuple):
    """A cost of data and parameters, and where to evaluate it.

    Both costs take the data, then the parameters, by position and in the order of the two mappings.
    """

    data: dict[str, Array]
    parameters: dict[str, Array]
    in_pytensor: Callable[..., Any]  # Variables → a scalar Variable
    in_jax: Callable[..., Any]  # JAX's arrays → a scalar

    @property
    def dtype(self) -> str:
        """In which it computes: that of its parameters."""
        return str(next(iter(self.parameters.values())).dtype)

    @property
    def arguments(self) -> dict[str, Array]:
        """Data and parameters, as both costs take them."""
        return {name: np.asarray(value) for name, value in {**self.data, **self.parameters}.items()}


def stream() -> np.random.Generator:
    """Where the numbers of a model come from: the same ones at every call."""
    return np.random.default_rng(0)
