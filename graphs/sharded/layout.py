"""How many devices, and which axis of the samples matrix each axis of them splits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from graphs.errors import InputError, whole_in, whole_number
from graphs.foreign import quoted

__all__ = ["MOST_DEVICES", "Layout"]

MOST_DEVICES = 2**20


@dataclass(frozen=True)
class Layout:
    """Devices as a grid; rows of x are dealt out along its first axis, columns of x and of the weights along its second."""

    samples: int
    features: int = 1  # 1: the parameters are whole on every device

    @property
    def devices(self) -> int:
        """How many there are."""
        return self.samples * self.features

    def __str__(self) -> str:
        return f"{self.samples}x{self.features}" if self.features > 1 else str(self.samples)

    @classmethod
    def of(cls, found: object) -> Self:
        """The layout that a number, or a text such as ``4`` or ``2x2``, says; else an :class:`InputError`."""
        if isinstance(found, cls):
            return found
        if isinstance(found, str):
            parts = [whole_in(part) for part in found.split("x")]
        else:
            parts = [found] if isinstance(found, int) else []
        if len(parts) not in (1, 2) or not all(isinstance(part, int) for part in parts):
            allowed = "a number of devices, such as 4, or devices for samples x features, such as 2x2"
            raise InputError("mesh", found=quoted(found), allowed=allowed)
        layout = cls(*(whole_number("mesh", part, 1, MOST_DEVICES) for part in parts))
        whole_number("mesh", layout.devices, 1, MOST_DEVICES)
        return layout

    def check_features(self, features: int) -> None:
        """Refuse columns that do not divide: unlike rows, which are padded, no weight is made up."""
        if features % self.features:
            raise InputError(
                "mesh",
                found=f"{features} features for {self.features} parts",
                allowed="a number of parts that divides the features",
                remedy="rows need not divide: they are padded with weight zero",
            )

    def check_processes(self, processes: int) -> int:
        """Devices of each process, where they divide; else an :class:`InputError`."""
        if self.devices % processes:
            raise InputError(
                "mesh",
                found=f"{self.devices} devices for {processes} processes",
                allowed="as many devices in every process",
            )
        return self.devices // processes
