"""Real processes on the loopback interface: they come to what one comes to, and end when one of them is killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from graphs.errors import InputError
from graphs.experiment.checkpoints import load_checkpoint
from graphs.sharded.roll_call import RollCall
from graphs.shards import draw_shards
from tests.conftest import ROOT
from tests.figures import EXACT, UNSEEN_SEED_0

pytestmark = pytest.mark.once

pytest.importorskip("jax")

ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "graphs", "reproduce", *map(str, arguments)]


def begin(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*arguments),
        env=ENVIRONMENT | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def ended(*runs: subprocess.Popen[str]) -> list[tuple[int, str, str]]:
    found = []
    for run in runs:
        try:
            out, err = run.communicate(timeout=300)
        finally:
            run.kill()
        found.append((run.returncode, out, err))
    return found


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


def members(number: int, *arguments: object) -> list[subprocess.Popen[str]]:
    place = ("--coordinator", free_address(), "--processes", number)
    return [begin(*arguments, *place, "--process-id", k) for k in range(number)]


def kept(out: Path) -> dict[str, np.ndarray]:
    progress, _ = load_checkpoint(out / "checkpoint.npz")
    return {**progress.state, **vars(progress.history), "step": np.array(float(progress.step))}


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    for name, value in other.items():
        np.testing.assert_allclose(
            one[name], value, rtol=1e-12, atol=1e-12 * np.abs(value).max(), err_msg=name
        )


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """401 rows, which no number of processes divides, in three shards."""
    return draw_shards(tmp_path_factory.mktemp("shards"), samples=401, features=20, seed=1, shards=3)


@pytest.fixture(scope="module")
def alone(data, tmp_path_factory) -> Path:
    """What one process without devices comes to, on the same rows."""
    out = tmp_path_factory.mktemp("alone") / "run"
    assert ended(begin("--data", data, "--steps", 300, "--quiet", "--out", out))[0] == (0, "", "")
    return out


def test_two_processes_come_to_what_one_comes_to(data, alone, tmp_path):
    out = tmp_path / "run"
    ((code, printed, said),) = ended(
        begin("--data", data, "--steps", 300, "--processes", 2, "--mesh", 4, "--out", out, "--json")
    )
    assert (code, said) == (0, "")
    same(kept(out), kept(alone))
    found = json.loads(printed)
    assert found["partition"]["processes"] == 2
    assert found["partition"]["layout"] == "4"
    assert found["partition"]["bytes_per_step"] == 8 * 21
    assert {"jax", "jaxlib"} <= found["versions"].keys()
    assert "optimum" not in json.loads((out / "times.json").read_text())


def child(starter: subprocess.Popen[str], number: int) -> int:
    """The id of the process of that number which this one has started."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            words = (entry / "cmdline").read_text().split("\0")
            if parent == starter.pid and words[words.index("--process-id") + 1] == str(number):
                return int(entry.name)
    raise AssertionError(number)


def wait_for_step(out: Path, step: int, run: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 200
    while time.monotonic() < until and run.poll() is None:
        with contextlib.suppress(ValueError):
            if load_checkpoint(out / "checkpoint.npz")[0].step >= step:
                return
        time.sleep(0.05)
    raise AssertionError(run.communicate()[1] if run.poll() is not None else "no step")


LONG = ("--steps", 5000, "--checkpoint-every", 20, "--every", 500)


@pytest.mark.long
@pytest.mark.parametrize(("killed", "processes", "then"), [(1, 3, ["--processes", 2]), (0, 2, ["--mesh", 3])])
def test_a_killed_process_ends_the_others_and_fewer_go_on(data, tmp_path, killed, processes, then):
    out = tmp_path / "run"
    run = begin("--data", data, *LONG, "--processes", processes, "--out", out)
    wait_for_step(out, 40, run)
    os.kill(child(run, killed), signal.SIGKILL)
    at = time.monotonic()
    ((code, printed, said),) = ended(run)
    assert time.monotonic() - at < 30  # what is promised; it takes a tenth of a second
    assert (code, printed) == (1, "")
    assert said.count("\n") == 1, said
    assert said.startswith(f"reproduce: process {killed} of {processes} (pid ")
    assert "is gone: its connection was closed; go on with --out " in said
    before = load_checkpoint(out / "checkpoint.npz")[0].step
    assert 40 <= before < 5000
    (again,) = ended(begin("--resume", "--out", out, "--quiet", *then))
    assert again == (0, "", "")
    whole = tmp_path / "whole"
    assert ended(begin("--data", data, *LONG, "--mode", "CVM", "--quiet", "--out", whole))[0][0] == 0
    same(kept(out), kept(whole))


@pytest.mark.long
def test_a_signal_stops_all_at_one_step(data, alone, tmp_path):
    out = tmp_path / "run"
    run = begin("--data", data, "--steps", 300, "--checkpoint-every", 10, "--processes", 2, "--out", out)
    wait_for_step(out, 20, run)
    run.send_signal(signal.SIGTERM)
    ((code, _, said),) = ended(run)
    if code == 0:
        pytest.skip("it was done before the signal came")
    assert code == 143
    assert said.startswith("reproduce: stopped after step ")
    assert said.count("\n") == 1, said
    assert ended(begin("--resume", "--out", out, "--quiet", "--processes", 3))[0] == (0, "", "")
    same(kept(out), kept(alone))


def test_they_end_with_the_process_that_started_them(data, tmp_path):
    out = tmp_path / "run"
    run = begin("--data", data, *LONG, "--processes", 2, "--out", out)
    wait_for_step(out, 20, run)
    children = [child(run, number) for number in (0, 1)]
    run.kill()
    run.communicate()
    until = time.monotonic() + 30
    while any(alive(pid) for pid in children):
        assert time.monotonic() < until
        time.sleep(0.05)


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_two_with_one_id_are_refused_before_any_work(tmp_path):
    place = ("--coordinator", free_address(), "--processes", 3, "--out", tmp_path / "run")
    for code, printed, said in ended(*(begin(*place, "--process-id", k) for k in (0, 1, 1))):
        assert (code, printed) == (2, "")
        assert said.startswith("reproduce: process_id: found 1 twice (pid ")
    assert not (tmp_path / "run").exists()


def test_another_number_of_processes_or_settings_is_refused():
    address = free_address()
    for code, _, said in ended(
        begin("--coordinator", address, "--processes", 2, "--process-id", 0),
        begin("--coordinator", address, "--processes", 3, "--process-id", 1),
    ):
        assert (code, said.partition(";")[0]) == (
            2,
            "reproduce: processes: found 3 in process 1, and 2 in process 0",
        )


@pytest.mark.parametrize(
    ("features", "dtype", "says"), [(19, "float64", "shape (401, 19)"), (20, "float32", "(401, 20), float32")]
)
def test_shards_that_differ_between_machines_are_refused(data, tmp_path, features, dtype, says):
    """The same name on two machines, as two current folders here."""
    there = draw_shards(tmp_path / "there" / data.name, samples=401, features=features, seed=1, shards=3)
    for path in there.glob("x-*.npy"):
        np.save(path, np.load(path).astype(dtype))
    place = ["--data", data.name, "--steps", 5, "--coordinator", free_address(), "--processes", 2]
    runs = [
        subprocess.Popen(
            command(*place, "--process-id", k),
            cwd=folder,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for k, folder in enumerate((data.parent, there.parent))
    ]
    for code, _, said in ended(*runs):
        assert code == 2
        assert said.startswith("reproduce: data: found x of shape (401, ")
        assert says in said


@pytest.mark.long
def test_rows_that_are_no_numbers_end_all_with_the_refusal_of_who_read_them(tmp_path):
    there = draw_shards(tmp_path / "data", samples=40, features=3, shards=2)
    x = np.load(there / "x-00001.npy")
    x[-1, 0] = np.inf
    np.save(there / "x-00001.npy", x)
    began = time.monotonic()
    for code, _, said in ended(*members(2, "--data", there, "--steps", 5)):
        assert code == 2
        assert said.startswith("reproduce: data, x from row 20 on: found inf at (19, 0)")
        assert said.count("\n") == 1, said
    assert time.monotonic() - began < 60  # JAX's own end would wait for two minutes


def test_a_coordinator_that_cannot_be_reached(monkeypatch):
    with pytest.raises(InputError, match=r"coordinator: found 127.0.0.1:\d+, which does not answer"):
        RollCall(1, 2).meet("127.0.0.1", int(free_address().rpartition(":")[2]), patience=0.5)
    with pytest.raises(InputError, match=r"processes: found process 1, 2 of 3 not there after 0.5 s"):
        RollCall(0, 3).meet("127.0.0.1", int(free_address().rpartition(":")[2]), patience=0.5)


def test_on_one_machine_nobody_else_can_come(monkeypatch):
    """Where process 0 is asked for by a name of this machine's own, it listens at no other."""
    host, _, port = free_address().rpartition(":")
    create, listening = socket.create_server, []

    def watched(*args, **options):
        listening.append(create(*args, **options))
        names.append(listening[-1].getsockname()[0])
        return listening[-1]

    names: list[str] = []
    monkeypatch.setattr(socket, "create_server", watched)
    with pytest.raises(InputError, match="not there"):
        RollCall(0, 2).meet(host, int(port), patience=0.1)
    assert names == ["127.0.0.1"]
    assert [listener.fileno() for listener in listening] == [-1]  # closed, when it is given up


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("--mesh 0", "mesh: found 0"),
        ("--mesh 2x3", "mesh: found 784 features for 3 parts"),
        ("--mesh 3 --processes 2", "mesh: found 3 devices for 2 processes"),
        ("--mode NUMBA --mesh 2", "mode: found 'NUMBA'"),
        ("--process-id 1", "process_id: found 1, and no address"),
        ("--coordinator here", "coordinator: found 'here'"),
        ("--coordinator here:99 --processes 2", "process_id: found nothing"),
        ("--coordinator here:99 --processes 2 --process-id 2", "process_id: found 2"),
        ("--coordinator auto --processes 2", "processes: found 2 with --coordinator auto"),
        ("--coordinator auto", "coordinator: found auto, where JAX finds no cluster"),
        ("--processes 0", "processes: found 0"),
    ],
)
def test_bad_input(arguments, says, tmp_path):
    ((code, printed, said),) = ended(begin(*arguments.split(), "--out", tmp_path / "run"))
    assert (code, printed) == (2, "")
    assert said.startswith(f"reproduce: {says}"), said
    assert not (tmp_path / "run").exists()


@pytest.mark.long
def test_slurm_is_found_by_jax(data, alone, tmp_path):
    """What srun sets, on this machine."""
    job = str(int(free_address().rpartition(":")[2]) % 4096)
    said = {"SLURM_JOB_ID": job, "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2"}
    out = tmp_path / "run"
    runs = [
        begin(
            *("--data", data, "--steps", 300, "--coordinator", "auto", "--out", out, "--quiet"),
            **said,
            SLURM_PROCID=str(k),
            SLURM_LOCALID=str(k),
        )
        for k in (0, 1)
    ]
    assert ended(*runs) == [(0, "", "")] * 2
    same(kept(out), kept(alone))


@pytest.mark.parametrize(
    "processes", [pytest.param(n, marks=pytest.mark.long(everywhere=n == 2)) for n in (1, 2, 4)]
)
def test_the_classics_figures(processes):
    ((code, printed, said),) = ended(begin("--processes", processes, "--mesh", processes, "--json"))
    assert (code, said) == (0, "")
    found, exact = json.loads(printed), EXACT[0]
    for name in ("b", "w_norm", "mean_xent", "cost"):
        np.testing.assert_allclose(found["final"][name], exact[name], rtol=1e-12)
    np.testing.assert_allclose(found["final"]["w"][:5], exact["w"], rtol=1e-12)
    assert found["first_perfect_call"] == exact["first_perfect_call"]
    assert found["unseen_predictions"] == UNSEEN_SEED_0
    assert found["partition"]["processes"] == processes
