"""The shape of x, as both questions and their commands name it."""

from __future__ import annotations

from typing import Any, NamedTuple

from graphs.errors import MOST, InputError, whole_in
from graphs.foreign import quoted

__all__ = ["Size"]


class Size(NamedTuple):
    """Samples and features."""

    samples: int
    features: int

    def __str__(self) -> str:
        return f"{self.samples}x{self.features}"

    @classmethod
    def of(cls, given: Any) -> Size:
        """From a text such as 400x784, or from the two numbers."""
        parts = map(whole_in, given.lower().replace("×", "x").split("x")) if isinstance(given, str) else given
        match list(parts) if isinstance(given, str | tuple) else ():
            case [int(samples), int(features)] if min(samples, features) > 0 and samples * features <= MOST:
                return cls(samples, features)
        allowed = f"samples x features, such as 400x784, no more than {MOST:g} numbers"
        raise InputError("sizes", found=quoted(given), allowed=allowed)

    def nbytes(self, dtype: str) -> int:
        """Bytes of x."""
        return self.samples * self.features * (8 if dtype == "float64" else 4)
