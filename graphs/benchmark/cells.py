"""What both kinds of measurement share: how a worker is started, and what a peer's row holds."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import graphs
from graphs.benchmark.peers import PEERS, lacking

__all__ = ["Cell", "Size", "absent", "command"]

# Importing `graphs` imports PyTensor. A worker puts empty packages in its place, so that no peer's process
# pays for another's framework.
_BOOT = """
import sys, types
for name in ("graphs", "graphs.benchmark"):
    sys.modules[name] = package = types.ModuleType(name)
    package.__path__ = [sys.argv[1] + name.removeprefix("graphs").replace(".", "/")]
from graphs.benchmark.worker import main
sys.stdout.flush()
code = main(sys.argv[2:])
sys.exit(code)
"""


def command(*arguments: str) -> list[str]:
    """The command line of a worker."""
    return [sys.executable, "-c", _BOOT, os.fspath(Path(graphs.__file__).parent), *arguments]


@dataclass(frozen=True)
class Size:
    """Shape of x."""

    samples: int
    features: int

    def __str__(self) -> str:
        return f"{self.samples}x{self.features}"

    def nbytes(self, dtype: str) -> int:
        """Bytes of x."""
        return self.samples * self.features * (8 if dtype == "float64" else 4)


@dataclass
class Cell:
    """One peer at one size, dtype and number of threads, as it stands in the record.

    Attributes
    ----------
    peer, size, dtype, threads
        What was measured.
    status : str
        ``ok``, or why there are no samples: ``missing``, ``skipped``, ``not applicable``, ``failed``,
        ``crashed``, ``hung``, ``disagrees``.
    reason : str
        What happened, where it is not ok; a note, where it is.
    samples : list of float
        Seconds per step (or per process), in the order taken.
    steps_per_sample : list of int
    build : float or None
        Seconds to import, build and take the first steps.
    peak_rss_bytes : int or None
    deviation : float or None
        Largest relative deviation of (‖w‖, b, w…) from NumPy's after the same steps.
    """

    peer: str
    size: str
    dtype: str
    threads: int
    status: str = "ok"
    reason: str = ""
    samples: list[float] = field(default_factory=list)
    steps_per_sample: list[int] = field(default_factory=list)
    build: float | None = None
    peak_rss_bytes: int | None = None
    deviation: float | None = None

    def fail(self, status: str, reason: str) -> None:
        """Say why there is nothing to see; samples taken so far are dropped."""
        self.status, self.reason, self.samples = status, reason, []


def absent(cell: Cell) -> bool:
    """Mark a cell whose packages are not installed."""
    lack = lacking(cell.peer)
    if lack:
        cell.fail("missing", f"without {', '.join(lack)}: {PEERS[cell.peer].install}")
    return bool(lack)


def deviation(found: list[float] | None, reference: list[float] | None) -> float | None:
    """Largest relative deviation, on the scale of the largest entry; infinite where something is NaN."""
    if found is None or reference is None:
        return None
    scale = max(abs(value) for value in reference)
    worst = max(
        abs(a - b) / scale if a == a else float("inf") for a, b in zip(found, reference, strict=False)
    )
    return worst
