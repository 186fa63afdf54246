"""`graphs run`, as its users run it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graphs.examples import EXAMPLES
from tests.conftest import ROOT

# 15,000 steps, one sample each: long enough to be stopped in its midst.
LONG = ("ascent",)


def test_a_run_shows_the_claims_and_keeps_what_was_found(run_forked, tmp_path):
    out = tmp_path / "deep" / "run"
    done = run_forked("run", "growth", "curve", "--out", str(out))
    assert (done.returncode, done.stderr) == (0, "")
    for words in (
        "the capacity that Pearl gave",
        "663.022",
        r"\mathrm{curve} = \frac{K}{",
        "linker: NativeLinker",
    ):
        assert words in done.stdout
    assert done.stdout.endswith(f"kept in {out}\n")
    names = {
        f"{name}{ending}"
        for name in ("growth", "curve")
        for ending in (".json", ".png", "-least-squares.npz")
    }
    assert {path.name for path in out.iterdir()} == names
    kept = json.loads((out / "growth.json").read_text())
    assert kept["holds"] is True
    assert kept["versions"]["pytensor"]
    again = run_forked("run", "growth", "--out", str(out))
    assert again.returncode == 2
    assert "already holds a run (growth.json, growth-least-squares.npz)" in again.stderr
    assert run_forked("run", "sigmoid", "--out", str(out), "--quiet").stdout == ""  # another may join them
    resumed = run_forked("run", "growth", "--out", str(out), "--resume", "--json")
    assert json.loads(resumed.stdout)["growth"]["findings"] == kept["findings"]


def test_json_is_all_that_is_printed(run_forked):
    done = run_forked("run", "clipping", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found.keys() == {"clipping"}
    assert found["clipping"]["linkers"] == {"the cross-entropies": "NativeLinker"}


def test_its_graph_can_be_looked_into(run_forked):
    done = run_forked("run", "curve", "--inspect", "--mode", "CVM")
    assert done.returncode == 0, done.stderr
    assert "linker: CVMLinker" in done.stdout or "linker: VMLinker" in done.stdout
    for words in ("Residuals and Jacobian", "Rewrites, in order", "What runs in the end"):
        assert words in done.stdout


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_and_resume_goes_on_to_the_same_bytes(run_forked, tmp_path, which):
    assert run_forked("run", *LONG, "--out", str(tmp_path / "whole"), "--quiet").returncode == 0
    out = tmp_path / "run"
    process = begun(out)
    process.send_signal(which)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + which, said
    assert said.startswith("run: ascent stopped after step ")
    assert said.endswith(f"; go on with --out {out} --resume.\n")
    assert not (out / "ascent.json").exists()
    goes_on(run_forked, out, tmp_path / "whole")


def test_a_kill_costs_no_more_than_the_steps_since_the_last_checkpoint(run_forked, tmp_path):
    assert run_forked("run", *LONG, "--out", str(tmp_path / "whole"), "--quiet").returncode == 0
    out = tmp_path / "run"
    process = begun(out)
    process.kill()
    process.communicate(timeout=60)
    goes_on(run_forked, out, tmp_path / "whole")


def begun(out: Path) -> subprocess.Popen[str]:
    """A run of its own, in the midst of its steps."""
    command = [sys.executable, str(ROOT / "scripts/run.py"), *LONG, "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not (out / "ascent-ascent.npz").exists():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)
    return process


def goes_on(run_forked, out, whole):
    resumed = run_forked("run", *LONG, "--out", str(out), "--resume", "--quiet")
    assert (resumed.returncode, resumed.stdout, resumed.stderr) == (0, "", "")
    for name in ("ascent.json", "ascent-ascent.npz", "ascent.png"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("grwoth",), "run: example: found 'grwoth'; allowed: sigmoid, growth, "),
        (("growth", "--mode", "FASTEST"), "run: mode: found 'FASTEST'; allowed: "),
        (("growth", "--resume"), "run: resume: found no folder; allowed: --out DIR"),
        (("growth", "--out", ""), "found ''"),
        (("growth", "--out", "/dev/null/x"), "run: out: found /dev/null/x, which cannot be written"),
        (("growth", "--steps", "3"), "arguments: found '--steps'"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(run_forked, arguments, said):
    done = run_forked("run", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    (sentence,) = done.stderr.splitlines()
    assert said in sentence


def test_a_damaged_stage_is_refused(run_forked, tmp_path):
    out = tmp_path / "run"
    run_forked("run", "growth", "--out", str(out), "--quiet")
    (out / "growth-least-squares.npz").write_bytes(b"PK")
    done = run_forked("run", "growth", "--out", str(out), "--resume")
    assert (done.returncode, done.stdout) == (2, "")
    assert "growth-least-squares.npz, which is damaged or no checkpoint" in done.stderr


def test_without_scikit_learn_the_digits_are_named(tmp_path):
    code = f"""
import sys
sys.modules["sklearn"] = None
sys.argv = [{str(ROOT / "scripts/run.py")!r}, "stopping", "growth", "--json"]
from graphs.commands.entry import enter
enter("run")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    said = (
        "run: stopping: scikit-learn is not installed; pip install 'compiled-graphs[estimators]' brings it."
    )
    assert done.stderr.splitlines() == [said]
    assert json.loads(done.stdout).keys() == {"growth"}


def test_help_lists_every_example(run_forked):
    done = run_forked("run", "--help")
    assert done.returncode == 0
    for name, line in EXAMPLES.summaries().items():
        assert f"  {name} " in done.stdout
        assert line.replace("`", "") in done.stdout
