"""``scripts/run benchmark``: what a user types."""

from __future__ import annotations

import json

import pytest


def test_a_small_run_prints_tables_and_keeps_files(run_script, tmp_path):
    done = run_script(
        "benchmark", "--quick", "--sizes", "12x20,24x20", "--only", "limit,numpy,gram", "--rounds", "2",
        "--process-steps", "20", "--process-rounds", "1",
        "--json", str(tmp_path / "b.json"), "--plot", str(tmp_path / "b.png"),
        env={"COLUMNS": "140"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for text in (
        "12 × 20 float64, per step",
        "20 steps at 12 × 20, cold caches",
        "targets",
        "limit: stream x once",
    ):
        assert text in done.stdout
    assert "not applicable: 24 samples against 20 features" in done.stdout
    content = json.loads((tmp_path / "b.json").read_text())
    assert {cell["size"] for cell in content["steps"]} == {"12x20", "24x20"}
    assert content["settings"]["rounds"] == 2
    assert (tmp_path / "b.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.json", "b.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sizes", "400"], "sizes: found '400'"),
        (["--sizes", "0x784"], "sizes: found '0x784'"),
        (["--dtype", "float16"], "dtype: found 'float16'; allowed: float64, float32"),
        (["--threads", "0"], "threads: found 0"),
        (["--threads", "two"], "threads: found 'two'"),
        (["--only", "tensorflow"], "only: found 'tensorflow'; allowed: limit, numpy"),
        (["--skip", "tensorflow"], "skip: found 'tensorflow'"),
        (["--only", "numpy", "--skip", "numpy"], "only: found no peer at all"),
        (["--rounds", "0"], "rounds: found 0"),
        (["--timeout", "nan"], "timeout: found 'nan'"),
        (["--measure", "speed"], "measure: found 'speed'"),
        (["--problems", "400x784"], "problems: found '400x784'; allowed: SAMPLESxFEATURESxCLASSES"),
        (["--problems", "4x4x4"], "problems: samples: found 4"),
        (["--penalties", "C=0"], "penalties: found 'C=0'"),
        (["--model", "nosuch"], "model: found 'nosuch'; allowed: softmax, "),
        (["--models", "--measure", "speed"], "measure: found 'speed'"),
        (["--sharded", "--sizes", "4x3,4x2"], "sizes: found 4x3, 4x2; allowed: sizes of as many features"),
        (["--measure", ","], "measure: found ','; allowed: at least one"),
        (["--sizes="], "sizes: found ''; allowed: a value"),
        (["--threads", "²"], "threads: found '²'"),
        (["--sizes", "4x²"], "sizes: found '4x²'"),
        (["--rounds", "1000000000000"], "rounds: found 1000000000000"),
        (["--plot", "/proc/b.png"], "plot: found /proc/b.png ("),
        (["--plot", "."], "plot: found . (Is a directory)"),
        (["--json", "nowhere/b.json"], "json: found nowhere/b.json (No such file or directory)"),
    ],
)
def test_bad_input_is_refused_before_work(run_forked, arguments, message):
    done = run_forked("benchmark", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(f"benchmark: {message}")
    assert "Traceback" not in done.stderr


def test_help_teaches(run_script):
    done = run_script("benchmark", "--help")
    assert done.returncode == 0
    for text in ("examples:", "how to read it", "jax-loop", "exit codes"):
        assert text in done.stdout
