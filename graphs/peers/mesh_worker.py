"""A process of the benchmark of meshes: ``python -m graphs.peers.mesh_worker REQUEST`` answers in one line of JSON.

The request names a folder of shards and numbers of rows, of which the first so many are taken, and a number of processes:
this one starts them, and process 0 answers for all (:mod:`graphs.sharded`).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import msgspec
import numpy as np

from graphs.environment import own_warnings_only
from graphs.models.logistic import logistic_graph
from graphs.reading import shards_of
from graphs.sharded.cluster import Cluster, joined
from graphs.sharded.layout import Layout
from graphs.sharded.local import run_processes
from graphs.sharded.membership import Membership
from graphs.updates import gradient_descent

__all__ = ["MeshAnswer", "MeshRequest", "answer", "main"]

CHECKED_STEPS = 20


class MeshRequest(msgspec.Struct, frozen=True):
    """What is to be timed."""

    folder: str  # of shards
    rows: tuple[int, ...]  # one size after the other
    devices: int
    processes: int
    formula: str
    rounds: int
    seconds: float  # of one sample


class MeshAnswer(msgspec.Struct, frozen=True):
    """What was found at one size."""

    rows: int
    build: float  # seconds from the graph to the first steps
    samples: list[float]  # seconds per step
    steps: int  # of a sample
    bytes: int  # exchanged at a step
    exchange: float | None  # seconds of one all-reduce of so many; None where nothing is exchanged
    reached: list[float]  # ‖w‖, b and the first weights, after `CHECKED_STEPS`


def answer(request: MeshRequest, cluster: Cluster) -> list[MeshAnswer]:
    """Time all sizes; in every process of the cluster."""
    layout = cluster.start(Layout(request.devices))
    from graphs.sharded.functions import compile_functions

    data = shards_of(request.folder)
    found = []
    for rows in request.rows:
        start = time.perf_counter()
        graph = logistic_graph(data.initial_w, formula=request.formula)
        functions = compile_functions(graph, gradient_descent(graph.cost, [graph.w, graph.b]), layout)
        x, y = functions.place(*(replace(a, shape=(rows, *a.shape[1:])) for a in (data.x, data.y)))
        functions.calls(x, y, CHECKED_STEPS)
        build = time.perf_counter() - start
        state = functions.read()
        reached = [float(np.linalg.norm(state["w"])), float(state["b"]), *state["w"][:8].tolist()]

        samples, n = _sampled(partial(functions.calls, x, y), request, cluster)
        bytes_ = functions.partitioned(x, y).bytes_per_step
        exchange = None
        if bytes_:
            exchange = float(np.median(_sampled(functions.exchange(bytes_ // 8), request, cluster)[0]))
        found.append(MeshAnswer(rows, build, samples, n, bytes_, exchange, reached))
    return found


def _sampled(
    call: Callable[[int], object], request: MeshRequest, cluster: Cluster
) -> tuple[list[float], int]:
    """Seconds of one of the `n` steps of each call; and `n`, which process 0 finds."""

    def timed(n: int) -> float:
        start = time.perf_counter()
        call(n)
        return (time.perf_counter() - start) / n

    timed(2)
    n = cluster.tell(int(np.clip(request.seconds / timed(2), 1, 1000)))
    timed(n)  # compiles
    return [timed(n) for _ in range(request.rounds)], n


def main(arguments: list[str]) -> int:
    """Parse, start the others or be one of them, answer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("request")
    parser.add_argument("--coordinator")
    for name in ("--processes", "--process-id"):
        parser.add_argument(name, type=int)
    given = parser.parse_args(arguments)
    request = msgspec.json.decode(given.request, type=MeshRequest)
    if request.processes > 1 and given.coordinator is None:
        program = [sys.executable, "-m", "graphs.peers.mesh_worker", given.request]
        return run_processes("mesh_worker", program, request.processes)
    membership = Membership(given.processes, given.coordinator, given.process_id)
    with joined(membership, "mesh_worker") as cluster, own_warnings_only():
        found = answer(request, cluster)
        cluster.goes_on_alone()
        if cluster.leads:
            print(msgspec.json.encode(found).decode(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
