"""`compare` and `lesson` where nothing but the core's own packages can be imported."""

from __future__ import annotations

import json
import os

import pytest

from graphs.peers import COMPARED
from tests.conftest import ROOT

#: Loaded by every Python that starts with its folder on the path, the workers' included.
BLOCKER = """
from importlib.machinery import PathFinder

BLOCKED = {"autograd", "jax", "jaxlib", "torch", "functorch", "theano", "aesara", "matplotlib", "jsonschema"}
real = PathFinder.find_spec

def find_spec(name, path=None, target=None):
    return None if name.partition(".")[0] in BLOCKED else real(name, path, target)

PathFinder.find_spec = find_spec
"""


@pytest.fixture
def bare(tmp_path) -> dict[str, str]:
    """An environment in which no other framework can be found."""
    (tmp_path / "sitecustomize.py").write_text(BLOCKER)
    flags = ",".join(
        filter(None, (os.environ.get("PYTENSOR_FLAGS"), "mode=FAST_COMPILE"))
    )  # it compiles quickly
    return {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "PYTENSOR_FLAGS": flags}


def test_numpy_and_pytensor_are_compared_all_the_same(run_script, bare, tmp_path):
    slow = {"pytensor", "pytensor-cvm"}  # minutes of compiling with cold caches, and the same file
    names = [name for name in COMPARED if name not in slow]
    done = run_script(
        "compare", "--runs", *names, "--formulas", "logits", "--samples", "30", "--features", "4",
        "--steps", "20", "--rounds", "1", "--starts", "0", "--sizes", "10x3", "--json", "--out", str(tmp_path / "kept"), env=bare,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "compare: pictures need matplotlib: pip install" in done.stderr
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {
        "compare.json",
        "compare.txt",
        "gradients.txt",
    }
    record = json.loads(done.stdout)
    status = {run["name"]: run["status"] for run in record["runs"]}
    present = {"numpy", "pytensor-none", "pytensor-fast-compile", "pytensor-native", "pytensor-native-loop"}
    assert status == {name: "finished" if name in present else "missing" for name in names}
    for run in record["runs"]:
        if run["name"] in present:
            assert run["agreement"]["relative"] < 1e-13
            assert run["steady"]["seconds"][0] > 0
            assert run["per_step"]["ops"] > 0
        else:
            assert "pip install" in run["happened"]
    assert set(record["sweep"][0]["steady"]) == present
    assert "5 of the 5 runs with finite weights agree" in record["verdicts"][0]


def test_lessons_teach_with_what_there_is(run_script, bare):
    done = run_script("lesson", "shape", "missing", "labels", "accuracy", "optimizer", "--json", env=bare)
    assert done.returncode == 0, done.stderr
    taught = json.loads(done.stdout)
    assert set(taught["shape"]) == {"NumPy by hand", "PyTensor default"}
    assert set(taught["labels"]) == {"NumPy", "PyTensor"}
    assert len(taught["accuracy"]) == 3
    assert taught["optimizer"] == {}
