"""Whole processes: from the interpreter's start to its end, with empty and with warm caches."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from graphs.benchmark.cells import Cell, Size, absent, command, deviation
from graphs.benchmark.peers import PEERS, YARDSTICK
from graphs.benchmark.steps import TOLERANCE, Say, data_folder
from graphs.benchmark.worker import write_data
from graphs.comparison.processes import environment
from graphs.timing import fresh_process

__all__ = ["measure_processes"]


def measure_processes(
    size: Size,
    dtype: str,
    threads: int,
    names: Iterable[str],
    *,
    formula: str,
    steps: int,
    cold_rounds: int,
    warm_rounds: int,
    timeout: float,
    say: Say = lambda text: None,
) -> dict[str, list[Cell]]:
    """Run every peer as a whole process, in turn: import, read the data, build, `steps` steps, end.

    Parameters
    ----------
    size, dtype, threads, names, formula, timeout, say
        See :func:`graphs.benchmark.steps.measure_steps`.
    steps : int
        Steps that each process takes.
    cold_rounds : int
        Runs of each with empty compiler caches, a new folder for each.
    warm_rounds : int
        Runs of each with the caches that its last cold run left.

    Returns
    -------
    dict of str to list of Cell
        ``cold`` and ``warm``; samples in seconds per process.
    """
    names = [name for name in names if PEERS[name].whole]
    found = {kind: [Cell(name, str(size), dtype, threads) for name in names] for kind in ("cold", "warm")}
    with (
        data_folder(size.nbytes(dtype)) as folder,
        tempfile.TemporaryDirectory(prefix="graphs-caches-") as caches,
    ):
        write_data(Path(folder), size.samples, size.features, dtype)
        reference: list[float] | None = None
        for kind, rounds in (("cold", cold_rounds), ("warm", warm_rounds)):
            for number in range(rounds):
                for cell in found[kind]:
                    before = next(c for c in found["cold"] if c.peer == cell.peer)
                    if absent(cell) or cell.status != "ok":
                        continue
                    if before.status != "ok":
                        cell.fail(before.status, before.reason)
                        continue
                    say(f"{kind} process {number + 1} of {rounds}: {PEERS[cell.peer].title}")
                    place = Path(caches, cell.peer, str(cold_rounds - 1 if kind == "warm" else number))
                    reached = _run(cell, folder, formula, steps, place, timeout)
                    if cell.peer == YARDSTICK:
                        reference = reference or reached
                    cell.deviation = deviation(reached, reference)
                    if cell.deviation is not None and not cell.deviation <= 10 * TOLERANCE[dtype]:
                        cell.fail("disagrees", f"‖w‖ and b deviate from NumPy's by {cell.deviation:.1e}")
    return found


def _run(
    cell: Cell, folder: str, formula: str, steps: int, caches: Path, timeout: float
) -> list[float] | None:
    caches.mkdir(parents=True, exist_ok=True)
    argv = command(cell.peer, folder, formula, str(steps))
    try:
        cost = fresh_process(argv, env=environment(cell.threads, caches), timeout=timeout)
    except subprocess.TimeoutExpired:
        cell.fail("hung", f"no end after {timeout:g} s")
        return None
    if cost.returncode:
        said = [line.strip() for line in cost.stderr.splitlines() if line.strip()]
        last = said[-1] if said else f"exit status {cost.returncode}"
        applicable = "NotApplicable" not in last and "not applicable" not in last
        cell.fail("failed" if cost.returncode > 0 else "crashed", last) if applicable else cell.fail(
            "not applicable", last.rpartition("NotApplicable: ")[2]
        )
        return None
    cell.samples.append(cost.wall)
    cell.steps_per_sample.append(steps)
    cell.peak_rss_bytes = max(cell.peak_rss_bytes or 0, cost.peak_rss_bytes)
    reached: list[float] = json.loads(cost.stdout.splitlines()[-1])["reached"]
    return reached
