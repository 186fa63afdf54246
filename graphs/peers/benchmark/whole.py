"""Whole processes: from the interpreter's start to its end, with empty and with warm caches."""

from __future__ import annotations

from pathlib import Path

from graphs import temporary
from graphs.listener import Listener
from graphs.peers import PEERS, YARDSTICK
from graphs.peers.benchmark.plan import Plan
from graphs.peers.benchmark.record import TOLERANCE, Cell
from graphs.peers.benchmark.steps import drawn_data
from graphs.peers.process import environment, whole_process
from graphs.peers.protocol import Build, Failure, Once, State
from graphs.peers.size import Size

__all__ = ["measure_processes"]


def measure_processes(plan: Plan, listener: Listener) -> dict[str, list[Cell]]:
    """Run every peer as a whole process, in turn: import, read the data, build, take steps, end.

    Each ``cold`` run has new and empty compiler caches, each ``warm`` one those that the last cold run left.
    Samples are seconds per process.
    """
    size, dtype, threads, steps = Size.of(plan.sizes[0]), plan.dtypes[0], plan.threads[0], plan.process_steps
    names = [name for name in plan.peers if PEERS[name].whole]
    cold, warm = ([Cell(name, str(size), dtype, threads) for name in names] for _ in range(2))
    for cell in cold:
        cell.drop_absent()
    rounds = {"cold": (plan.process_rounds + 1) // 2, "warm": plan.process_rounds}
    reference: State | None = None
    with (
        drawn_data(size, dtype) as folder,
        temporary.folder("caches") as caches,
    ):
        for kind, number in ((each, number) for each in rounds for number in range(rounds[each])):
            for cell, before in zip({"cold": cold, "warm": warm}[kind], cold, strict=True):
                if not before.stands:
                    cell.drop(before.status, before.reason)
                if not cell.stands:
                    continue
                listener.begins(f"{kind} process {number + 1} of {rounds[kind]}: {PEERS[cell.peer].title}")
                place = Path(caches, cell.peer, str(number if kind == "cold" else rounds["cold"] - 1))
                place.mkdir(parents=True, exist_ok=True)
                request = Once(Build.of(cell.peer, folder, plan.formula), steps)
                try:
                    whole, cost = whole_process(cell.peer, request, environment(threads, place), plan.timeout)
                except Failure as failure:
                    cell.fail(request.do, failure)
                    continue
                cell.add(cost.wall, steps, cost.peak_rss_bytes)
                if cell.peer == YARDSTICK:
                    reference = reference or whole.reached
                cell.judge(whole.reached, reference, 10 * TOLERANCE[dtype])
    return {"cold": cold, "warm": warm}
