"""Seconds per step: every peer in its own process, asked for one sample in turn, round after round."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from graphs import temporary
from graphs.data import load
from graphs.listener import Listener
from graphs.memory import memory_there
from graphs.peers import LIMIT, PEERS, YARDSTICK
from graphs.peers.benchmark.plan import Plan
from graphs.peers.benchmark.record import TOLERANCE, Cell
from graphs.peers.process import Opened, Process, command, environment
from graphs.peers.protocol import Build, Parameters, Sample, State, Train
from graphs.peers.size import Size
from graphs.peers.worker import MAPPED_BYTES, write_data

__all__ = ["drawn_data", "measure_steps"]

CHECKED_STEPS = 20  # after which peers are compared; at the first of them many a framework compiles
PROCESS_BYTES = 4e8  # an interpreter with a framework
MEMORY_SHARE = 0.7
REST = 0.2  # seconds: the threads of OpenBLAS spin for 0.13 after their work, and would disturb the next peer


def measure_steps(size: Size, dtype: str, plan: Plan, listener: Listener) -> list[Cell]:
    """Time all peers of the plan at one size, for every number of threads, in turn."""
    names = [name for name in plan.peers if PEERS[name].stepwise]
    names.sort(key=lambda name: not (PEERS[name].ours or name in (LIMIT, YARDSTICK)))  # stable
    cells = [Cell(name, str(size), dtype, threads) for name in names for threads in plan.threads]
    for cell in cells:
        cell.drop_absent()
    _admit([cell for cell in cells if cell.stands], size, dtype)
    if not any(cell.stands for cell in cells):
        return cells
    where = f"{size} {dtype}"
    listener.begins(f"{where}: drawing x")
    with (
        drawn_data(size, dtype) as folder,
        temporary.folder("caches") as caches,
        Opened[Cell](plan.timeout) as opened,
    ):
        reference: State | None = None
        for cell in cells:
            if not cell.stands:
                continue
            listener.begins(f"{where}: building {PEERS[cell.peer].title}, {cell.threads} threads")
            opened.add(cell, Process(command(cell.peer), environment(cell.threads, caches)))
            built = opened.ask(cell, Build.of(cell.peer, folder, plan.formula))
            took = opened.ask(cell, Train(CHECKED_STEPS))
            if not built or not took:
                continue
            cell.build, cell.reason = built.import_ + built.build + took.seconds, built.note
            reached = None if cell.peer == LIMIT else opened.ask(cell, Parameters())
            if cell.peer == YARDSTICK:
                reference = reference or reached
            if reached:
                cell.judge(reached, reference, TOLERANCE[dtype])
        _rounds(opened, where, plan, listener)
    return cells


def _rounds(opened: Opened[Cell], where: str, plan: Plan, listener: Listener) -> None:
    began = time.monotonic()
    for number in range(plan.rounds):
        if number >= 3 and time.monotonic() - began > plan.budget:
            break
        for cell in opened.standing():
            listener.begins(f"{where}: round {number + 1} of {plan.rounds}, {PEERS[cell.peer].title}")
            if took := opened.ask(cell, Sample(plan.sample_seconds)):
                cell.add(took.seconds / took.steps, took.steps, took.peak_rss_bytes)
                if cell.threads > 1:
                    time.sleep(REST)


def _admit(cells: Iterable[Cell], size: Size, dtype: str) -> None:
    """Skip, from the first that no longer fits, peers that would not fit into memory beside the others."""
    there = memory_there(swap=False)
    if there is None:
        return
    x = size.nbytes(dtype)
    drawn = size.nbytes("float64") + x  # while it is drawn, in float64
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
            cell.drop(
                "skipped",
                f"{max(needed, drawn) / 2**30:.1f} GiB with those before it, {there / 2**30:.1f} GiB free",
            )
        else:
            spent = needed


@contextlib.contextmanager
def drawn_data(size: Size, dtype: str) -> Iterator[Path]:
    """A folder of x, y and w that is gone afterwards; in memory where there is room, which spares the disk."""
    memory = "/dev/shm"
    usable = os.path.isdir(memory) and os.access(memory, os.W_OK)
    roomy = usable and shutil.disk_usage(memory).free > 2 * size.nbytes(dtype)
    with temporary.folder("benchmark", memory if roomy else None) as folder:
        write_data(folder, load(samples=size.samples, features=size.features, dtype=dtype))
        yield folder
