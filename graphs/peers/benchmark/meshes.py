"""Seconds per step with the samples on many devices and in many processes, beside ours and JAX's step on one.

Each mesh is started once, takes all sizes, and ends before the next begins: they share the cores of one machine. So the
times are not taken in turn, as those of peers are.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import msgspec

from graphs import temporary
from graphs.environment import usable_cores
from graphs.errors import InputError, install_command
from graphs.listener import Listener
from graphs.peers.benchmark.plan import Plan
from graphs.peers.benchmark.record import TOLERANCE, Cell, MeshCell, deviation
from graphs.peers.benchmark.steps import measure_steps
from graphs.peers.mesh_worker import MeshAnswer, MeshRequest
from graphs.peers.size import Size
from graphs.shards import draw_shards
from graphs.timing import fresh_process

__all__ = ["ALONE", "MESHES", "measure_meshes"]

#: Devices and processes.
MESHES = ((1, 1), (2, 1), (4, 1), (8, 1), (2, 2), (4, 4))
#: What they stand beside, on one device with as many threads as there are cores, at most 2.
ALONE = ("native-many", "jax-loop")


def measure_meshes(plan: Plan, listener: Listener) -> list[MeshCell]:
    """Time every mesh at every size of the plan, in float64; first, at each size, our own step and plain JAX's."""
    sizes = [Size.of(size) for size in plan.sizes]
    if len({size.features for size in sizes}) > 1:
        raise InputError(
            "sizes", found=", ".join(plan.sizes), allowed="sizes of as many features, with --sharded"
        )
    threads = min(2, usable_cores())
    beside = msgspec.structs.replace(plan, peers=ALONE, threads=(threads,), dtypes=("float64",))
    found = [_alone(cell) for size in sizes for cell in measure_steps(size, "float64", beside, listener)]
    with temporary.folder("shards") as folder:
        listener.begins("drawing shards")
        rows = tuple(size.samples for size in sizes)
        draw_shards(folder, samples=max(rows), features=sizes[0].features)
        reference: dict[int, list[float]] = {}
        for devices, processes in MESHES:
            listener.begins(f"{devices} devices, {processes} processes")
            request = MeshRequest(
                str(folder), rows, devices, processes, plan.formula, plan.rounds, plan.sample_seconds
            )
            cells = [
                MeshCell(_name(devices, processes), str(size), "float64", devices, processes=processes)
                for size in sizes
            ]
            found += cells
            _ask(request, cells, plan, reference)
    return found


def _alone(cell: Cell) -> MeshCell:
    return MeshCell(**msgspec.structs.asdict(cell))


def _name(devices: int, processes: int) -> str:
    return f"mesh {devices}" + (f" of {processes} processes" if processes > 1 else "")


def _ask(request: MeshRequest, cells: list[MeshCell], plan: Plan, reference: dict[int, list[float]]) -> None:
    if find_spec("jax") is None:
        for cell in cells:
            cell.drop("missing", f"without jax: {install_command('jax')}")
        return
    program = [sys.executable, "-m", "graphs.peers.mesh_worker", msgspec.json.encode(request).decode()]
    try:
        cost = fresh_process(program, env=None, timeout=plan.timeout * len(cells))
    except subprocess.TimeoutExpired:
        for cell in cells:
            cell.drop("hung", f"no answer after {plan.timeout * len(cells):g} s")
        return
    if cost.returncode:
        last = [line for line in cost.stderr.splitlines() if line.strip()][-1:] or ["no reason given"]
        for cell in cells:
            cell.drop("crashed", last[0])
        return
    for cell, each in zip(cells, msgspec.json.decode(cost.stdout, type=list[MeshAnswer]), strict=True):
        for seconds in each.samples:
            cell.add(seconds, each.steps, None)
        cell.build, cell.exchanged_bytes, cell.exchange = each.build, each.bytes, each.exchange
        cell.deviation = deviation(each.reached, reference.setdefault(each.rows, each.reached))
        if cell.deviation is not None and not cell.deviation <= TOLERANCE["float64"]:
            cell.drop("disagrees", f"w and b deviate from those of one device by {cell.deviation:.1e}")
