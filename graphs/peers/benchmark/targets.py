"""What the project set out for, beside what was measured: ratios within one run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from graphs.peers import LIMIT, PEERS, REPRODUCE, YARDSTICK
from graphs.peers.benchmark.record import Cell, Record

__all__ = ["Target", "targets", "to_json"]

OURS = tuple(name for name, peer in PEERS.items() if peer.ours)

ORIGINAL, STEPS = "400x784", 10_000
JAX = ("jax-loop", "jax-jit")
NUMPY, BOUND, GRAM, SAME = (YARDSTICK,), (LIMIT,), ("numpy-gram",), ("numpy-reproduce",)
_AGAINST: dict[tuple[str, ...], str] = {
    NUMPY: "NumPy",
    JAX: "best JAX",
    BOUND: "limit, 1 thread",
    GRAM: "NumPy, Gram",
    SAME: "NumPy, the same",
}

# row, ours, threads, largest ratios to others with as many threads, and to the limit with one
_STEPS: tuple[tuple[str, str, int, dict[tuple[str, ...], float]], ...] = (
    ("single call, 1 thread", "native", 1, {NUMPY: 0.48, JAX: 0.85}),
    ("train_many, 1 thread", "native-many", 1, {NUMPY: 0.42, JAX: 0.52, BOUND: 1.75}),
    ("train_many, 2 threads", "native-many", 2, {NUMPY: 0.30, JAX: 0.35, BOUND: 0.9}),
    ("Gram state, 1 thread", "gram-many", 1, {NUMPY: 0.09, GRAM: 0.35}),
)
_PROCESSES = (
    ("warm", "process, warm", ("native", "native-many"), NUMPY, 0.65),
    ("warm", "process, warm", ("native", "native-many"), JAX, 0.4),
    ("warm", "process, warm, Gram", ("gram", "gram-many"), NUMPY, 0.40),
    ("cold", "process, cold", ("native", "native-many"), NUMPY, 1.0),
    ("cold", "process, cold", ("native", "native-many"), JAX, 0.6),
    ("warm", "process, frozen", ("frozen",), NUMPY, 0.65),
    ("warm", "process, frozen, Gram", ("frozen-gram",), GRAM, 0.6),
    ("warm", "reproduce, warm", (REPRODUCE,), SAME, 0.7),
    ("cold", "reproduce, cold", (REPRODUCE,), SAME, 1.0),
)


class Target(msgspec.Struct, frozen=True):
    """One ratio that was set out for."""

    row: str  # what of ours, and where
    against: str  # what it is divided by
    limit: float  # the largest ratio that was wanted
    ratio: float | None  # what was measured, from medians; None where one of the two was not
    hit: bool | None


def targets(cells: Sequence[Cell], processes: Mapping[str, Sequence[Cell]]) -> list[Target]:
    """Compare a record with the targets, which are in float64.

    The best of several peers, or of one and two threads, is the one with the smallest median.
    """
    cells = [cell for cell in cells if cell.dtype == "float64"]
    found = []
    here = [cell for cell in cells if cell.size == ORIGINAL]
    for row, peer, threads, limits in _STEPS:
        for against, limit in limits.items():
            best = _best(here, (peer,), (threads,))
            other = _best(here, against, (1 if against == BOUND else threads,))
            found.append(_target(f"{ORIGINAL}: {row}", _AGAINST[against], limit, best, other))
    for size in dict.fromkeys(cell.size for cell in cells if cell.size != ORIGINAL):
        here = [cell for cell in cells if cell.size == size]
        for against, limit in ((NUMPY, 0.75), (JAX, 1.0)):
            best, other = _best(here, OURS, (1, 2)), _best(here, against, (1, 2))
            found.append(_target(f"{size}: best, 1–2 threads", _AGAINST[against], limit, best, other))
    for kind, row, ours, against, limit in _PROCESSES:
        here = [
            c for c in processes.get(kind, ()) if c.size == ORIGINAL and set(c.steps_per_sample) == {STEPS}
        ]
        best, other = _best(here, ours), _best(here, against)
        found.append(_target(f"{ORIGINAL}: {row}", _AGAINST[against], limit, best, other))
    return found


def _best(cells: Iterable[Cell], names: Sequence[str], threads: Sequence[int] = ()) -> float | None:
    chosen = [c for c in cells if c.peer in names and (not threads or c.threads in threads) and c.samples]
    return min((c.spread.median for c in chosen), default=None)


def _target(row: str, against: str, limit: float, ours: float | None, theirs: float | None) -> Target:
    ratio = None if ours is None or theirs is None else ours / theirs
    return Target(row, against, limit, ratio, None if ratio is None else ratio <= limit)


def to_json(record: Record) -> bytes:
    """The file of a record; a deviation that is infinite becomes null, and the reason says it."""
    content = {**msgspec.structs.asdict(record), "targets": targets(record.steps, record.processes)}
    return msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n"
