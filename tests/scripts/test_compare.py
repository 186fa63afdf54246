"""`compare` and `lesson` as a user meets them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graphs.commands import compare
from graphs.commands.options import parser
from graphs.errors import InputError
from tests.conftest import ROOT

QUICK = (
    "--runs",
    "numpy",
    "--samples",
    "30",
    "--features",
    "4",
    "--steps",
    "5",
    "--rounds",
    "1",
    "--starts",
    "0",
)


def test_compare_prints_tables_and_keeps_everything(run_script, tmp_path):
    out = tmp_path / "kept"
    done = run_script("compare", *QUICK, "--sizes", "10x2", "20x2", "--gradients", "--out", str(out))
    assert done.returncode == 0, done.stderr
    for words in (
        "NumPy by hand",
        "What one step does",
        "A step at other sizes",
        "def gradient",
        f"kept in {out}",
    ):
        assert words in done.stdout.replace("\n", "") or words in done.stdout
    kept = {path.name for path in out.iterdir()}
    assert {"compare.json", "compare.txt", "gradients.txt", "steady.png", "sizes.png"} == kept
    assert json.loads((out / "compare.json").read_text())["kind"] == "comparison"


def test_compare_writes_json(run_script):
    done = run_script("compare", *QUICK, "--json", "--quiet", "--dtype", "float32")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["data"]["dtype"] == "float32"
    assert [run["name"] for run in record["runs"]] == ["numpy", "numpy"]


def test_compare_shows_the_code(run_script):
    done = run_script("compare", "--code", "--runs", "numpy", "jax-loop", env={"COLUMNS": "200"})
    assert done.returncode == 0, done.stderr
    assert "fori_loop" in done.stdout


def test_bad_input_ends_with_one_sentence(run_script):
    for script, arguments, said in (
        ("compare", ("--runs", "tensorflow"), "runs: found 'tensorflow'"),
        ("lesson", ("algebra",), "lesson: found 'algebra'"),
    ):
        done = run_script(script, *arguments)
        assert done.returncode == 2
        assert said in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--sizes", "10by2"), "sizes: found '10by2'"),
        (("--steps", "0"), "steps: found 0"),
        (("--data", "none.csv"), "none.csv"),
        (("--out", "/dev/null/there"), "out: found /dev/null/there"),
        (("--resume",), "resume: found no folder"),
        (("--python", "aesara"), "python: found 'aesara'; allowed: RUN=PATH"),
        (("--timeout", "0"), "timeout: found 0.0"),
        (("--code", "--steps", "0"), "steps: found 0"),
        (("--sizes", "４x５"), "sizes: found '４x５'"),
        (("--python", "numpy=a", "numpy=b"), "python: found 'numpy=b'"),
    ],
)
def test_bad_input_is_named(arguments, said, monkeypatch):
    """The same, without a process for each: what `main` raises is what the process says."""
    monkeypatch.setattr(compare, "compare", lambda *args, **more: pytest.fail("it began"))
    with pytest.raises(InputError, match=re.escape(said)):
        compare.main(parser().parse_args(["compare", *arguments]))


def test_lesson_teaches_and_draws(run_script, tmp_path):
    flags = ",".join(
        filter(None, (os.environ.get("PYTENSOR_FLAGS"), "mode=FAST_COMPILE"))
    )  # it compiles quickly
    done = run_script("lesson", "slopes", "shape", "--out", str(tmp_path), env={"PYTENSOR_FLAGS": flags})
    assert done.returncode == 0, done.stderr
    assert "0.419974" in done.stdout
    assert "Everyone refuses" in done.stdout
    assert (tmp_path / "tanh.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "lessons.json").read_text())["slopes"]["PyTensor"]["trained loss"]


SLOW = ("--runs", "numpy", "--samples", "30", "--features", "4", "--steps", "5", "--starts", "0")


@pytest.fixture
def started(tmp_path, tmp_path_factory):
    """``started("--out", …)``: the script in a process of its own, given back once its first run has trained."""
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> tuple[subprocess.Popen[str], list[int]]:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "scripts" / "compare.py"), *SLOW, *arguments, "--out", str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(tmp_path_factory.mktemp("killed"))},  # which kill leaves behind
        )
        running.append(process)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(FileNotFoundError):  # but never a part of a file: that would not parse
                record = json.loads((tmp_path / "compare.json").read_text())
                if "finite" in record["runs"][0]:
                    break
            time.sleep(0.02)
        children = f"/proc/{process.pid}/task/{process.pid}/children"
        return process, [int(pid) for pid in Path(children).read_text().split()]

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads the children in /proc")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_a_signal_leaves_what_was_finished(started, tmp_path, number, code):
    process, workers = started("--rounds", "400")
    process.send_signal(number)
    printed, said = process.communicate(timeout=60)
    assert process.returncode == code
    record = json.loads((tmp_path / "compare.json").read_text())
    assert record["finished"] is False
    assert record["runs"][0]["agreement"]["relative"] < 1e-13
    assert "Traceback" not in said
    if code > 0:
        assert "of 2 runs 1 had taken their steps and 0 had been timed; go on with the same command" in said
        assert "NumPy by hand" in printed
        assert {path.name for path in tmp_path.iterdir()} == {"compare.json", "compare.txt", "gradients.txt"}
    assert len(workers) == 1
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_a_killed_comparison_goes_on(started, run_script, tmp_path):
    process, _ = started("--rounds", "12")
    process.kill()
    process.wait()
    arguments = (*SLOW, "--rounds", "12", "--out", str(tmp_path))
    refused = run_script("compare", *arguments)
    assert (refused.returncode, "already holds a comparison" in refused.stderr) == (2, True)
    before = json.loads((tmp_path / "compare.json").read_text())["runs"][0]
    done = run_script("compare", *arguments, "--resume")
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "compare.json").read_text())
    assert record["finished"] is True
    assert [run["status"] for run in record["runs"]] == ["finished", "finished"]
    assert record["runs"][0]["agreement"] == before["agreement"]
    assert "NumPy by hand, textbook: 5 steps …" not in done.stderr  # those it had
    assert "NumPy by hand, logits: 5 steps …" in done.stderr
