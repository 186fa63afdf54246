"""The shape of x, as both questions and their commands name it."""

from __future__ import annotations

from typing import NamedTuple

from graphs.errors import InputError

__all__ = ["Size"]


class Size(NamedTuple):
    """Samples and features."""

    samples: int
    features: int

    def __str__(self) -> str:
        return f"{self.samples}x{self.features}"

    @classmethod
    def of(cls, text: str) -> Size:
        """From a text such as 400x784."""
        samples, _, features = text.lower().replace("×", "x").partition("x")
        if not (samples.isdecimal() and features.isdecimal() and int(samples) and int(features)):
            raise InputError("sizes", found=repr(text), allowed="samples x features, such as 400x784")
        return cls(int(samples), int(features))

    def nbytes(self, dtype: str) -> int:
        """Bytes of x."""
        return self.samples * self.features * (8 if dtype == "float64" else 4)
