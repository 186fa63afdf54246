"""`compare` and `lesson` as a user meets them."""

from __future__ import annotations

import json

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


def test_bad_input_ends_with_one_sentence(run_script, tmp_path):
    for arguments, said in (
        (("--sizes", "10by2"), "sizes: found '10by2'"),
        (("--runs", "tensorflow"), "framework: found 'tensorflow'"),
        (("--steps", "0"), "steps: found 0"),
        (("--data", str(tmp_path / "none.csv")), "none.csv"),
        (("--out", "/dev/null/there"), "out: found /dev/null/there"),
    ):
        done = run_script("compare", *arguments)
        assert done.returncode == 2
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_lesson_teaches_and_draws(run_script, tmp_path):
    done = run_script("lesson", "slopes", "shape", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "0.419974" in done.stdout
    assert "Everyone refuses" in done.stdout
    assert (tmp_path / "tanh.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "lessons.json").read_text())["slopes"]["PyTensor"]["trained loss"]
    done = run_script("lesson", "algebra")
    assert done.returncode == 2
    assert "lesson: found 'algebra'" in done.stderr
