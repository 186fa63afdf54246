"""The benchmark of meshes: real devices and processes answer, and what is said of the table follows from it."""

from __future__ import annotations

import pytest

from graphs.listener import Listener
from graphs.peers.benchmark.mesh_table import findings, show_meshes
from graphs.peers.benchmark.meshes import measure_meshes
from graphs.peers.benchmark.plan import Plan
from graphs.peers.benchmark.record import MeshCell
from graphs.terminal import console

pytest.importorskip("jax")


def printed(shown) -> str:
    out = console(width=150)
    with out.capture() as captured:
        out.print(shown)
    return captured.get()


def test_meshes_of_devices_and_processes_answer_and_agree(monkeypatch):
    monkeypatch.setattr("graphs.peers.benchmark.meshes.MESHES", ((1, 1), (3, 1), (2, 2)))
    plan = Plan(
        sizes=("41x6", "20x6"), measure=("sharded",), rounds=2, sample_seconds=0.001, budget=0, timeout=120.0
    )
    found = measure_meshes(plan, Listener())
    meshes = {(cell.peer, cell.size): cell for cell in found if cell.peer.startswith("mesh")}
    assert len(meshes) == 6
    for (peer, _), cell in meshes.items():
        assert cell.status == "ok", cell.reason
        assert len(cell.samples) == 2
        assert cell.deviation < 1e-12
        assert cell.exchanged_bytes == (0 if peer == "mesh 1" else 8 * 7)
        assert (cell.exchange is None) == (peer == "mesh 1")
    assert {(cell.threads, cell.processes) for cell in meshes.values()} == {(1, 1), (3, 1), (2, 2)}
    assert {cell.peer for cell in found} - {peer for peer, _ in meshes} == {"native-many", "jax-loop"}
    text = printed(show_meshes(found))
    assert "mesh 2 of 2 processes" in text
    assert "41 × 6" in text


def cell(peer, rows, seconds, devices=1, exchange=None):
    made = MeshCell(peer, f"{rows}x784", "float64", devices, exchanged_bytes=6280 if exchange else 0)
    made.samples, made.exchange = [seconds] * 3, exchange
    return made


def test_what_is_said_follows_from_the_table():
    cells = [
        *(cell("mesh 1", rows, seconds) for rows, seconds in ((400, 1.0), (800, 2.0), (1600, 4.0))),
        *(cell("mesh 2", rows, seconds, 2, 0.8) for rows, seconds in ((400, 1.5), (800, 1.5), (1600, 2.0))),
        *(cell("mesh 4", rows, seconds, 4, 0.1) for rows, seconds in ((400, 2.5), (800, 2.5), (1600, 4.5))),
        cell("native-many", 400, 0.5),
    ]
    said = list(findings(cells))
    assert (
        "400x784, mesh 2: an all-reduce of 6,280 bytes, alone, takes as long as 53% of a step; it dominates."
        in said
    )
    assert any(
        "400x784, mesh 4" in line and line.endswith("4% of a step; it does not dominate.") for line in said
    )
    assert any(
        line.startswith("mesh 2 pays from 800x784 on (at best 0.50 of its time) against mesh 1")
        for line in said
    )
    assert any(line.startswith("mesh 4 was at no size faster than mesh 1") for line in said)
    assert any("mesh 2" in line and "was at no size faster than native, train_many" in line for line in said)
    assert "weak scaling, 400 rows a device, mesh 2: 1.50 times the step of one device." in said
    assert "weak scaling, 400 rows a device, mesh 4: 4.50 times the step of one device." in said
    cells[4] = cell("mesh 2", 800, 2.5, 2, 0.8)
    cells[5] = cell("mesh 2", 1600, 4.5, 2, 0.8)
    cells[3] = cell("mesh 2", 400, 0.9, 2, 0.8)
    assert any(line.startswith("mesh 2 is faster only at 400x784 than mesh 1") for line in findings(cells))


def test_a_mesh_that_fails_is_named():
    broken = cell("mesh 2", 400, 1.0, 2)
    broken.drop("crashed", "something")
    assert "mesh 2, 400x784: crashed: something" in printed(show_meshes([cell("mesh 1", 400, 1.0), broken]))
