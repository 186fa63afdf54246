"""A whole run of the benchmark as plain data, and its JSON file.

The file holds ``schema`` (1), ``stamp`` (see :func:`graphs.environment.stamp`), ``settings`` (what was asked
for), ``steps`` (one object per cell, see :class:`graphs.benchmark.cells.Cell`; samples are seconds per step),
``processes`` (``cold`` and ``warm``, alike; samples are seconds per process) and ``targets`` (see
:class:`graphs.benchmark.targets.Target`). Summaries are left to the reader: every sample is there.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from graphs.benchmark.cells import Cell
from graphs.benchmark.targets import Target, targets
from graphs.environment import PACKAGES, stamp

__all__ = ["Record", "new_record"]


@dataclass(frozen=True)
class Record:
    """What a run of the benchmark found; see the module."""

    settings: dict[str, Any]
    stamp: dict[str, Any]
    steps: list[Cell]
    processes: dict[str, list[Cell]]

    @property
    def targets(self) -> list[Target]:
        """The ratios set out for, beside those found."""
        return targets(self.steps, self.processes)

    def to_json(self) -> bytes:
        """The file's content."""
        content = {
            "schema": 1,
            "stamp": self.stamp,
            "settings": self.settings,
            "steps": [_plain(cell) for cell in self.steps],
            "processes": {kind: [_plain(cell) for cell in cells] for kind, cells in self.processes.items()},
            "targets": [asdict(target) for target in self.targets],
        }
        return (json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()


def _plain(cell: Cell) -> dict[str, Any]:
    content = asdict(cell)
    if content["deviation"] is not None and not math.isfinite(content["deviation"]):
        content["deviation"] = None  # the reason says it
    return content


def new_record(settings: dict[str, Any]) -> Record:
    """An empty record of this machine."""
    packages = (*PACKAGES, "jax", "jaxlib", "torch", "autograd", "matplotlib")
    return Record(settings, stamp(packages), [], {})
