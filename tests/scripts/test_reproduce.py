"""The command as a user meets it: figures, files, signals, kills, full disks, bad input."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.figures import EXACT, UNSEEN_SEED_0
from tests.forked import Forks, Run

SMALL = ("--samples", "40", "--features", "16", "--mode", "FAST_COMPILE", "--formula", "logits")
RESULTS = ("parameters.npz", "history.csv", "result.json", "settings.json", "checkpoint.npz")


def test_json_holds_the_originals_figures(run_script):
    done = run_script("reproduce", "--json", "--mode", "CVM")
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    result, exact = json.loads(done.stdout), EXACT[0]
    assert result["final"]["b"] == pytest.approx(exact["b"], rel=1e-12)
    assert result["final"]["w"][:5] == pytest.approx(exact["w"], rel=1e-12)
    for name in ("w_norm", "mean_xent", "cost"):
        assert result["final"][name] == pytest.approx(exact[name], rel=1e-12)
    assert result["final"]["accuracy"] == 1
    assert result["initial"]["mean_xent"] == pytest.approx(exact["initial_mean_xent"], rel=1e-12)
    assert result["first_perfect_call"] == exact["first_perfect_call"]
    assert result["unseen_predictions"] == UNSEEN_SEED_0
    assert result["optimum"]["found"]
    assert result["optimum"]["holds"]
    assert {"import", "build", "first_call", "steps"} <= result["times"].keys()
    assert {"settings", "versions", "initial", "final"} <= result.keys()


def test_the_report_shows_what_the_original_prints(run_script):
    done = run_script("reproduce", *SMALL, "--steps", "300", env={"COLUMNS": "100"})
    assert done.returncode == 0, done.stderr
    assert not done.stderr  # no progress bar in a pipe
    assert "\x1b" not in done.stdout
    for words in (
        "initial",
        "final",
        "targets of the 40",
        "predictions on them",
        "30 unseen",
        "certificate",
        "holds",
    ):
        assert words in done.stdout


def test_quiet_says_nothing(run_script):
    done = run_script("reproduce", *SMALL, "--steps", "3", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_progress_bar_on_a_terminal():
    main, terminal = pty.openpty()
    command = [sys.executable, str(ROOT / "scripts/reproduce.py"), *SMALL, "--steps", "400", "--json"]
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=terminal, env=env, text=True)
    os.close(terminal)
    seen = b""
    while True:
        try:
            chunk = os.read(main, 4096)
        except OSError:  # the terminal's last user has left
            break
        if not chunk:
            break
        seen += chunk
    json.loads(process.communicate(timeout=60)[0])
    os.close(main)
    assert b"steps" in seen
    assert b"400" in seen


def test_help_teaches(run_script):
    done = run_script("reproduce", "--help")
    assert done.returncode == 0
    for words in ("--learning-rate", "examples:", "--resume", "exit codes", "default 10000"):
        assert words in done.stdout


def test_out_keeps_everything_and_never_destroys_it(run_script, tmp_path):
    out = tmp_path / "deep" / "run"
    arguments = ("reproduce", *SMALL, "--steps", "50", "--out", str(out), "--quiet")
    assert run_script(*arguments).returncode == 0
    files = {path.name: path.read_bytes() for path in out.iterdir()}
    assert files.keys() == {*RESULTS, "times.json", "cost.png", "weights.png"}
    assert all(files[name].startswith(b"\x89PNG") for name in ("cost.png", "weights.png"))
    history = np.genfromtxt(out / "history.csv", delimiter=",", names=True)
    assert history["steps"].tolist() == [0, 10, 20, 30, 40, 50]
    with np.load(out / "parameters.npz") as parameters:
        assert parameters.files == ["w", "b", "initial_w", "initial_b"]
        assert json.loads(files["result.json"])["final"]["w"] == parameters["w"].tolist()
    again = run_script(*arguments)
    assert again.returncode == 2
    assert "already holds a run" in again.stderr
    assert {path.name: path.read_bytes() for path in out.iterdir()} == files


def test_the_same_run_gives_the_same_bytes(run_script, run_forked, tmp_path):
    for name, run in (("a", run_script), ("b", run_forked)):
        run("reproduce", *SMALL, "--steps", "50", "--out", str(tmp_path / name), "--quiet")
    for name in (*RESULTS, "cost.png", "weights.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def start(out: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "scripts/reproduce.py"), *arguments, "--out", str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


#: Without rewrites it is compiled in a moment, and still does its steps one by one, in Python.
LONG = (*SMALL, "--mode", "none", "--steps", "2000", "--checkpoint-every", "50")


def results(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in RESULTS}


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_between_two_steps_and_resume_goes_on(run_forked, tmp_path, which):
    assert not run_forked("reproduce", *LONG, "--out", str(tmp_path / "whole")).stderr
    out = tmp_path / "run"
    process = start(out, *LONG)
    wait_for(lambda: steps_done(out) > 0)
    process.send_signal(which)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + which, said
    assert said.startswith("reproduce: stopped after step ")
    assert "--resume" in said
    assert not (out / "result.json").exists()
    (out / ".checkpoint.npz.ab12cd34.part").write_bytes(b"PK")  # as a kill while it was written leaves it
    resumed = run_forked("reproduce", "--resume", "--quiet", "--out", str(out))
    assert (resumed.returncode, resumed.stdout, resumed.stderr) == (0, "", "")
    assert results(out) == results(tmp_path / "whole")
    assert not list(out.glob(".*"))


#: Five steps from one checkpoint to the next, so that much of a run's time goes into its files.
KILLED = (*SMALL, "--mode", "none", "--steps", "600", "--checkpoint-every", "5", "--quiet", "--resume")


def test_fifty_kills_at_random_moments_end_in_the_same_bits(tmp_path):
    """Runs killed fifty times and resumed each time, at any moment from the import to the last file.

    Every tenth is a whole process. The others begin where the imports are done and draw no pictures, for
    in neither a process touches a file, and together they are most of its life. They get a third of a
    run's time, so that a run dies several times before its end, and there too. A run that is found with
    all its files goes on undisturbed, and a new one is begun, so that all fifty hit one that has work.
    """
    dice, kills, finished, died_after = random.Random(20), 0, 0, set()
    with Forks(tmp_path, "matplotlib") as forks:

        def begin(out: Path, entire: bool) -> Run | subprocess.Popen[str]:
            return start(out, *KILLED) if entire else forks.start("reproduce", *KILLED, "--out", str(out))

        def undisturbed(out: Path, entire: bool = False) -> dict[str, bytes]:
            with begin(out, entire) as process:
                assert process.wait(120) == 0
            return results(out)

        times = []
        for entire in (True, False):
            began = time.monotonic()
            expected = undisturbed(tmp_path / f"timed{entire}", entire)
            times.append(time.monotonic() - began)
        assert results(tmp_path / "timedTrue") == expected
        out, reached, patience = tmp_path / "killed0", 0, times[1] / 3
        while kills < 50:
            entire = kills % 10 == 9
            with begin(out, entire) as process:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(dice.uniform(0, times[0] if entire else patience))
                kills += process.returncode is None
                process.kill()
            died_after.add(steps_done(out))
            # A machine that has become slower since shall not kill all of them before their first step.
            patience = patience * 1.3 if steps_done(out) == reached else times[1] / 3
            reached = steps_done(out)
            if (out / "result.json").exists():
                assert undisturbed(out) == expected
                assert not list(out.glob(".*.part"))
                finished, reached = finished + 1, 0
                out = tmp_path / f"killed{finished}"
    with start(out, *KILLED) as process:
        assert process.communicate(timeout=120) == ("", "")
    assert results(out) == expected
    assert not list(out.glob(".*.part"))
    assert len(died_after) > 4  # and not always at the same point


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "never happened"
        time.sleep(0.01)


def steps_done(out: Path) -> int:
    from graphs.experiment.checkpoints import load_checkpoint

    path = out / "checkpoint.npz"
    return load_checkpoint(path)[0].step if path.exists() else 0


def test_one_folder_takes_one_process(tmp_path):
    process = start(tmp_path / "run", *LONG)
    wait_for(lambda: (tmp_path / "run" / "checkpoint.npz").exists())
    second = start(tmp_path / "run", "--resume")
    _, said = second.communicate(timeout=60)
    assert second.returncode == 2
    assert "in use by another process" in said
    process.kill()
    process.communicate()


def test_resume_refuses_other_settings_and_damaged_checkpoints(run_forked, tmp_path):
    out = tmp_path / "run"
    run_forked("reproduce", *SMALL, "--steps", "20", "--out", str(out), "--quiet")
    other = run_forked("reproduce", "--resume", "--out", str(out), "--seed", "7")
    assert other.returncode == 2
    assert "seed: found 7 for a run begun with 0" in other.stderr
    (out / "checkpoint.npz").write_bytes(b"PK\x03\x04 nonsense")
    damaged = run_forked("reproduce", "--resume", "--out", str(out))
    assert damaged.returncode == 2
    assert "checkpoint.npz, which is damaged" in damaged.stderr


def test_resume_refuses_other_data(run_forked, tmp_path):
    data, out = tmp_path / "d.csv", tmp_path / "run"
    data.write_text("1,0\n2,1\n3,0\n4,1\n")
    first = ("reproduce", "--mode", "FAST_COMPILE", "--data", str(data), "--steps", "20", "--out", str(out))
    assert run_forked(*first).returncode == 0
    data.write_text("1,0\n2,1\n3,0\n5,1\n")
    changed = run_forked("reproduce", "--resume", "--out", str(out))
    assert changed.returncode == 2
    assert "other samples" in changed.stderr


def test_a_users_own_data_without_an_optimum(run_forked, tmp_path):
    data = tmp_path / "d.csv"
    data.write_text("hours,y\n1,0\n2,0\n3,1\n")
    done = run_forked(
        "reproduce", "--mode", "FAST_COMPILE", "--data", str(data), "--steps", "20", "--weight-decay", "0"
    )
    assert done.returncode == 0, done.stderr
    assert "need not have a minimum" in " ".join(done.stdout.split())
    assert "unseen" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--steps", "0"], "steps: found 0"),
        (["--steps", "-5"], "steps: found -5"),
        (["--steps", "many"], "steps: found 'many'; allowed: a whole number ≥ 1"),
        (["--learning-rate", "0"], "learning_rate: found 0.0"),
        (["--learning-rate", "-1"], "learning_rate: found -1.0"),
        (["--learning-rate", "nan"], "learning_rate: found 'nan'"),
        (["--weight-decay", "-1"], "weight_decay"),
        (["--samples", "0"], "samples: found 0"),
        (["--features", "0"], "features: found 0"),
        (["--seed", "-1"], "seed: found -1"),
        (["--mode", "FASTER"], "mode: found 'FASTER'"),
        (["--dtype", "float8"], "dtype: found 'float8'"),
        (["--formula", "magic"], "formula: found 'magic'"),
        (["--every", "0"], "every: found 0"),
        (["--checkpoint-every", "0"], "checkpoint_every: found 0"),
        (["--data", "/nonexistent/d.csv"], "No such file"),
        (["--resume"], "--out DIR"),
        (["--out", "/proc/none"], "which cannot be written"),
        (["--out", "/dev/null/run"], "which cannot be written"),
        (["--mode", "C"], "cannot compile this graph"),
        (["--nosuch"], "found '--nosuch'"),
    ],
)
def test_bad_input(run_forked, arguments, says):
    done = run_forked("reproduce", *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


def test_bad_input_makes_no_folder(run_forked, tmp_path):
    assert run_forked("reproduce", "--steps", "0", "--out", str(tmp_path / "run")).returncode == 2
    assert not (tmp_path / "run").exists()


def test_a_diverging_run_names_step_and_cause(run_forked):
    done = run_forked(
        "reproduce", "--samples", "40", "--features", "16", "--learning-rate", "1000", "--mode", "CVM"
    )
    assert done.returncode == 1
    assert done.stderr.startswith("reproduce: diverged at step ")
    assert "the learning rate is too large" in done.stderr
    assert not done.stdout


def test_no_rewrites_diverge_at_step_1(run_forked):
    done = run_forked("reproduce", "--mode", "none", "--steps", "5")
    assert done.returncode == 1
    assert "diverged at step 1: 784 of the 784 values of w" in done.stderr


@pytest.fixture
def tiny_disk(tmp_path):
    """A real filesystem of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True)
    if mount.returncode:
        pytest.skip("mounting a filesystem needs privileges that this user lacks")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_found_before_the_work_and_leaves_nothing_half(run_forked, tiny_disk):
    done = run_forked("reproduce", *SMALL, "--every", "1", "--out", str(tiny_disk / "run"))
    assert done.returncode == 2
    assert "no room for the run (No space left on device)" in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout
    assert {path.name for path in (tiny_disk / "run").iterdir()} <= {"settings.json"}


def fill(path: Path) -> None:
    """Write until nothing more goes."""
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    with pytest.raises(OSError, match="No space left"):
        os.write(descriptor, b"x" * 2**20) and os.write(descriptor, b"x")
    os.close(descriptor)


def test_a_disk_that_fills_later_keeps_the_checkpoint(tiny_disk):
    from graphs.experiment.checkpoints import load_checkpoint

    out = tiny_disk / "run"
    process = start(out, *SMALL, "--steps", "4000", "--every", "100")
    wait_for(lambda: steps_done(out) > 0)
    fill(tiny_disk / "filler")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the disk is full" in said
    assert load_checkpoint(out / "checkpoint.npz")[0].step > 0


def test_a_home_that_cannot_be_written(run_script):
    flags = {"HOME": "/proc/none", "PYTENSOR_FLAGS": ""}
    done = run_script("reproduce", *SMALL, "--steps", "3", "--quiet", env=flags)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_compiler_that_fails_is_named_once_and_the_default_mode_runs(run_script, tmp_path):
    flags = f"{os.environ.get('PYTENSOR_FLAGS', '')},mode=FAST_COMPILE".strip(",")
    env = {"CC": "false", "GRAPHS_NATIVE_CACHE": str(tmp_path / "native"), "PYTENSOR_FLAGS": flags}
    done = run_script("reproduce", "--steps", "2", env=env)
    assert done.returncode == 0
    (told,) = done.stderr.splitlines()  # though three functions found it out
    assert "runs in PyTensor's default mode" in told
    assert "install gcc or clang" in told
    assert "textbook, NATIVE, " in done.stdout
    assert "NativeLinker" not in done.stdout
