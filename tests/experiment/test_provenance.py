"""A run goes on in the same bits, or says why it may not."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from graphs.commands.reproduce import main
from graphs.experiment.provenance import COMPILER, changes, provenance
from graphs.experiment.results import RunFolder, to_json
from graphs.experiment.settings import Settings
from graphs.training import Progress, fit

# Large enough for several parts, and for threads that nobody has named; without an optimum, which takes longer.
SHAPE = {"samples": 2750, "features": 784, "steps": 20, "weight_decay": 0.0}


class Cut(BaseException):
    """The end of a process at a bad moment."""


@pytest.fixture(autouse=True)
def unlocked(monkeypatch):
    """Several runs of one process in one folder."""
    monkeypatch.setattr(RunFolder, "_take_lock", lambda self: None)


def run(out: Path, *, resume: bool = False, **settings: object) -> None:
    how = {"out": str(out), "resume": resume, "json": False, "quiet": True, "checkpoint_every": 10}
    assert main(argparse.Namespace(**how, **settings)) == 0


def kept(out: Path) -> list[bytes]:
    return [(out / name).read_bytes() for name in ("parameters.npz", "history.csv")]


def test_any_number_of_threads_gives_the_same_bytes(monkeypatch, tmp_path, capfd):
    for threads in ("1", "2", None):
        if threads is None:
            monkeypatch.delenv("OMP_NUM_THREADS")
        else:
            monkeypatch.setenv("OMP_NUM_THREADS", threads)
        run(tmp_path / f"{threads}", **SHAPE)
    assert kept(tmp_path / "1") == kept(tmp_path / "2") == kept(tmp_path / "None")

    def cut(self, progress, *rest, **more):
        checkpoint(self, progress, *rest, **more)
        if progress.step == 10:
            raise Cut

    checkpoint = RunFolder.checkpoint
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "checkpoint", cut)
        with pytest.raises(Cut):
            run(tmp_path / "cut", **SHAPE)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    run(tmp_path / "cut", resume=True)
    assert kept(tmp_path / "cut") == kept(tmp_path / "1")
    assert capfd.readouterr().err == ""  # other threads are no other bits


@pytest.fixture
def settings_file(tmp_path):
    """``settings_file(settings, **changed)``: a settings.json with some of the versions or machine changed."""

    def write(settings: Settings, **changed: str) -> Path:
        told = provenance(settings)
        for name, value in changed.items():
            told["machine" if name in told["machine"] else "versions"][name] = value
        path = tmp_path / "settings.json"
        path.write_bytes(to_json({"settings": {}, **told}))
        return path

    return write


def test_nothing_has_changed(settings_file):
    for mode in ("NATIVE", "CVM"):
        assert changes(settings_file(Settings(mode=mode)), Settings(mode=mode)) == ""
    assert changes(settings_file(Settings(), rich="0.1"), Settings()) == ""


@pytest.mark.parametrize("name", ["numpy", "pytensor", "cpu", "blas", COMPILER])
def test_what_has_changed_is_named(settings_file, name):
    said = changes(settings_file(Settings(), **{name: "\x1b[1mother"}), Settings())
    assert f"began with {name} \\x1b[1mother (here " in said
    assert "last digits" in said


def test_threads_are_named_where_they_matter(settings_file, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    for mode, matters in (("NATIVE", False), ("native", False), ("NUMBA", True)):
        path = settings_file(Settings(mode=mode))
        with monkeypatch.context() as patch:
            patch.delenv("OMP_NUM_THREADS")
            said = changes(path, Settings(mode=mode))
        assert ("OMP_NUM_THREADS 2 (here not set)" in said) is matters


def test_without_a_compiler_native_is_another_mode(settings_file, monkeypatch):
    path = settings_file(Settings())
    monkeypatch.setattr("graphs.experiment.provenance.compiler_version", lambda: "")
    assert "(here none)" in changes(path, Settings())


@pytest.mark.parametrize(
    "text", [None, b"", b"{}", b"[" * 10**6, b'{"versions": {"numpy": 1}, "machine": 5}', b"\xff\xfe"]
)
def test_a_file_that_does_not_tell(tmp_path, text):
    path = tmp_path / "settings.json"
    if text is not None:
        path.write_bytes(text)
    assert "does not tell" in changes(path, Settings())


def test_a_resumed_run_says_it_and_goes_on(tmp_path, capfd):
    small = {"samples": 40, "features": 16, "steps": 20, "mode": "FAST_COMPILE"}
    run(tmp_path / "a", **small)
    told = json.loads((tmp_path / "a/settings.json").read_text())
    told["versions"]["numpy"] = "1.0"
    (tmp_path / "a/settings.json").write_text(json.dumps(told))
    run(tmp_path / "a", resume=True)
    (said,) = capfd.readouterr().err.splitlines()
    assert said.startswith(f"reproduce: this run began with numpy 1.0 (here {np.__version__}); it goes on")


def test_norms_do_not_ask_blas(monkeypatch):
    """BLAS sums more than 10,000 numbers in an order that depends on its threads."""
    monkeypatch.setattr(np.linalg, "norm", None)
    w = np.random.default_rng(0).normal(size=20_000)

    class Still:
        def train(self, x, y):
            return [y > 0, y]

        def evaluate(self, x, y):
            return [y > 0, y, 1.0, w, 0.0]

        def read(self):
            return {"w": w}

        def write(self, state):
            pass

    progress: Progress = fit(Still(), np.ones((2, 20_000)), np.ones(2), steps=2)
    assert progress.history.w_norm[0] == pytest.approx(np.sqrt((w * w).sum()))
