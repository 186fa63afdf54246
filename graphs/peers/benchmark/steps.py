"""Seconds per step: every peer in its own process, asked for one sample in turn, round after round."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from graphs.benchmark.cells import Cell, Size, absent, command, deviation
from graphs.benchmark.peers import LIMIT, PEERS, YARDSTICK
from graphs.benchmark.worker import MAPPED_BYTES, write_data
from graphs.comparison.processes import Failure, Process, environment

__all__ = ["TOLERANCE", "available_memory", "data_folder", "measure_steps"]

TOLERANCE = {"float64": 1e-9, "float32": 1e-3}
PROCESS_BYTES = 4e8  # an interpreter with a framework
MEMORY_SHARE = 0.7
REST = 0.05  # threads of BLAS and OpenMP spin for a while after their work, and would disturb the next peer

Say = Callable[[str], None]


def measure_steps(
    size: Size,
    dtype: str,
    threads: Sequence[int],
    names: Iterable[str],
    *,
    formula: str,
    rounds: int,
    sample_seconds: float,
    timeout: float,
    budget: float,
    say: Say = lambda text: None,
) -> list[Cell]:
    """Time all peers at one size, for every number of threads, in turn.

    Parameters
    ----------
    size : Size
    dtype : {"float64", "float32"}
    threads : sequence of int
    names : iterable of str
        Keys of :data:`graphs.benchmark.peers.PEERS`.
    formula : str
        See :mod:`graphs.frameworks`.
    rounds : int
        Samples of each, fewer where `budget` is spent; at least 3.
    sample_seconds : float
        Length of one sample, or one step where that takes longer.
    timeout : float
        Seconds after which a peer that does not answer is ended.
    budget : float
        Seconds for all rounds together.
    say : callable
        Told what is going on.

    Returns
    -------
    list of Cell
    """
    cells = [Cell(name, str(size), dtype, n) for name in names if PEERS[name].stepwise for n in threads]
    cells.sort(key=lambda cell: not (PEERS[cell.peer].ours or cell.peer in (LIMIT, YARDSTICK)))  # stable
    waiting = [cell for cell in cells if not absent(cell)]
    _admit(waiting, size, dtype)
    open_cells: list[tuple[Cell, Process]] = []
    with (
        data_folder(size.nbytes(dtype)) as folder,
        tempfile.TemporaryDirectory(prefix="graphs-caches-") as caches,
    ):
        try:
            say(f"{size} {dtype}: drawing x")
            write_data(Path(folder), size.samples, size.features, dtype)
            reference = None
            for cell in waiting:
                if cell.status != "ok":
                    continue
                say(f"{size} {dtype}: building {PEERS[cell.peer].title}, {cell.threads} threads")
                process = Process(cell.peer, environment(cell.threads, caches), command(cell.peer))
                reached = _build(cell, process, folder, formula, timeout)
                if cell.status != "ok":
                    continue
                open_cells.append((cell, process))
                if cell.peer == YARDSTICK:
                    reference = reference or reached
                cell.deviation = deviation(reached, reference)
                if cell.deviation is not None and not cell.deviation <= TOLERANCE[dtype]:
                    cell.fail("disagrees", f"w and b deviate from NumPy's by {cell.deviation:.1e}")
            _rounds(open_cells, f"{size} {dtype}", rounds, sample_seconds, timeout, budget, say)
        finally:
            for _, process in open_cells:
                process.close(at_once=True)
    return cells


def _build(cell: Cell, process: Process, folder: str, formula: str, timeout: float) -> list[float] | None:
    try:
        answer = process.ask("build", timeout, folder=folder, formula=formula)
    except Failure as failure:
        process.close(at_once=True)
        status = "not applicable" if "NotApplicable" in failure.happened else failure.status
        if "not applicable: " in failure.happened:
            status = "not applicable"
        cell.fail(
            status,
            failure.happened.removeprefix("NotApplicable: ").removeprefix("ValueError: not applicable: "),
        )
        return None
    cell.build, cell.reason = answer["build"], answer["note"]
    reached: list[float] | None = answer["reached"]
    return reached


def _rounds(
    open_cells: list[tuple[Cell, Process]],
    where: str,
    rounds: int,
    sample_seconds: float,
    timeout: float,
    budget: float,
    say: Say,
) -> None:
    began = time.monotonic()
    for number in range(rounds):
        if number >= 3 and time.monotonic() - began > budget:
            break
        for cell, process in open_cells:
            if cell.status != "ok":
                continue
            say(f"{where}: round {number + 1} of {rounds}, {PEERS[cell.peer].title}")
            try:
                answer = process.ask("sample", timeout, seconds=sample_seconds)
            except Failure as failure:
                cell.fail(failure.status, failure.happened)
                continue
            if cell.threads > 1:
                time.sleep(REST)
            cell.samples.append(answer["seconds"])
            cell.steps_per_sample.append(answer["steps"])
    for cell, process in open_cells:
        if cell.status == "ok":
            cell.peak_rss_bytes = process.ask("memory", timeout)["peak_rss_bytes"]


def _admit(cells: Iterable[Cell], size: Size, dtype: str) -> None:
    """Skip, from the first that no longer fits, peers that would not fit into memory beside the others."""
    there = available_memory()
    if there is None:
        return
    x = size.nbytes(dtype)
    drawn = size.samples * size.features * 8 + x  # while it is drawn, in float64
    spent = float(x if x > MAPPED_BYTES else 0)
    for cell in cells:
        peer = PEERS[cell.peer]
        own = peer.copies + (x <= MAPPED_BYTES)
        if peer.gram and size.samples <= size.features:
            own += size.samples / size.features
        elif peer.gram:
            own = 0  # it will say that it does not apply
        needed = spent + PROCESS_BYTES + own * x
        if max(needed, drawn) > MEMORY_SHARE * there:
            cell.fail(
                "skipped",
                f"{max(needed, drawn) / 2**30:.1f} GiB with those before it, {there / 2**30:.1f} GiB free",
            )
        else:
            spent = needed


def available_memory() -> int | None:
    """Bytes that can be had without swapping; None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")), None)


def data_folder(nbytes: int) -> tempfile.TemporaryDirectory[str]:
    """A folder for x that is gone afterwards; in memory where there is room, which spares the disk."""
    memory = "/dev/shm"
    roomy = (
        os.path.isdir(memory) and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2 * nbytes
    )
    return tempfile.TemporaryDirectory(prefix="graphs-benchmark-", dir=memory if roomy else None)
