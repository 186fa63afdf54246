"""What the steps came to is kept and shown, whatever becomes of the optimum and the pictures."""

from __future__ import annotations

import errno
import gc
import json
import os
import signal
import sys

import numpy as np
import pytest

import graphs
from graphs.commands import reproduce as command
from graphs.commands.options import parser
from graphs.experiment import pictures, reproduction
from graphs.experiment.reproduction import prepare
from graphs.experiment.results import RunFolder
from graphs.experiment.settings import Settings
from graphs.interruption import Interrupted

#: Timestamps: what the bias adds to them is lost in rounding.
FAR = "1605543823,0\n1604211888,1\n1606098337,1\n1601059212,0\n"
SMALL = (
    "--samples",
    "20",
    "--features",
    "4",
    "--steps",
    "10",
    "--mode",
    "FAST_COMPILE",
    "--formula",
    "logits",
)
TRAINED = {"parameters.npz", "history.csv", "result.json", "times.json", "settings.json", "checkpoint.npz"}


def run(*arguments: str) -> int:
    return command.main(_given(*arguments))


def _given(*arguments: str):
    given = parser().parse_args(["reproduce", *arguments])
    del given.command
    return given


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_far_features_are_named_and_their_optimum_is_found(tmp_path, capsys):
    data, out = tmp_path / "far.csv", tmp_path / "out"
    data.write_text(FAR)
    arguments = ("--data", str(data), "--mode", "FAST_COMPILE", "--learning-rate", "1e-18", "--steps", "20")
    with pytest.warns(RuntimeWarning, match=r"column 0 \(up to 1\.61e\+09\); standardise each before"):
        assert run(*arguments, "--out", str(out)) == 0
    assert names(out) == TRAINED | {"cost.png", "weights.png"}
    assert "holds" in " ".join(capsys.readouterr().out.split())
    found = json.loads((out / "result.json").read_text())["optimum"]
    assert found["found"]
    assert found["holds"]
    assert found["cost"] == pytest.approx(
        0.569921393838043, rel=1e-12
    )  # by Newton's method, in extended precision


@pytest.mark.parametrize("values", [[2000.0, 1e-4], [1e300, 1.0], [1e-300, 0.5]])
def test_columns_far_from_1_are_named(values, tmp_path):
    np.savez(tmp_path / "far.npz", x=np.outer([1, -0.5, 0.25], values), y=[0, 1, 0])
    settings = Settings(data=str(tmp_path / "far.npz"), mode="FAST_COMPILE")
    far = [column for column, value in enumerate(values) if value in (2000.0, 1e-4, 1e300, 1e-300)]
    with pytest.warns(RuntimeWarning) as told:
        prepare(settings)
    (sentence,) = [str(warning.message) for warning in told]
    assert all(f"{column} (up to {values[column]:.3g})" in sentence for column in far)
    assert sentence.count("up to") == len(far)


def test_ordinary_columns_are_not(tmp_path):
    """Warnings are errors here: pixels, a constant, a column of nothing."""
    x = np.random.RandomState(0).rand(20, 3) * [255, 1, 0] + [0, 1, 0]
    np.savez(tmp_path / "d.npz", x=x, y=np.arange(20) % 2)
    prepare(Settings(data=str(tmp_path / "d.npz"), mode="FAST_COMPILE"))


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ValueError("Jacobian inversion yielded zero vector"), "ValueError: Jacobian"),
        (MemoryError(), "MemoryError"),
        (FloatingPointError("overflow\x1b[2J"), r"FloatingPointError: overflow\\x1b"),
    ],
)
def test_a_search_that_fails_is_named_and_costs_nothing(error, says, tmp_path, monkeypatch, capsys):
    def fails(*arguments):
        assert names(tmp_path) >= {
            "parameters.npz",
            "history.csv",
            "result.json",
        }  # they are there before it begins
        raise type(error)(
            *error.args
        )  # a new one, for what was raised keeps its frames, and those the folder

    monkeypatch.setattr(reproduction, "find_optimum", fails)
    with pytest.warns(RuntimeWarning, match=f"the optimum was not found: {says}"):
        assert run(*SMALL, "--out", str(tmp_path)) == 0
    assert "unknown: not found: " in " ".join(capsys.readouterr().out.split())
    assert names(tmp_path) == TRAINED | {"cost.png", "weights.png"}
    kept = json.loads((tmp_path / "result.json").read_text())
    assert kept["optimum"]["why_not"].startswith("not found: ")


def test_a_search_that_failed_is_begun_again_by_resume(tmp_path, monkeypatch, run_forked):
    monkeypatch.setattr(reproduction, "find_optimum", lambda *arguments: 1 / 0)
    with pytest.warns(RuntimeWarning, match="ZeroDivisionError"):
        assert run(*SMALL, "--out", str(tmp_path / "run"), "--quiet") == 0
    gc.collect()  # the folder is this process's as long as it is held
    resumed = run_forked("reproduce", "--out", str(tmp_path / "run"), "--resume", "--quiet")
    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert json.loads((tmp_path / "run" / "result.json").read_text())["optimum"]["found"]


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_is_looked_for_keeps_and_shows_the_rest(which, tmp_path, monkeypatch, capsys):
    def interrupted(*arguments):
        raise Interrupted(which)

    monkeypatch.setattr(reproduction, "find_optimum", interrupted)
    assert run(*SMALL, "--out", str(tmp_path)) == 128 + which
    told = capsys.readouterr()
    assert "unknown: it has not been looked for" in " ".join(told.out.split())
    (sentence,) = told.err.splitlines()
    assert sentence.startswith(f"reproduce: {Interrupted(which)} when all steps were done; go on with --out ")
    assert names(tmp_path) == TRAINED
    kept = {name: (tmp_path / name).read_bytes() for name in TRAINED}
    monkeypatch.undo()
    assert run("--out", str(tmp_path), "--resume", "--quiet") == 0
    assert (tmp_path / "parameters.npz").read_bytes() == kept["parameters.npz"]
    assert names(tmp_path) == TRAINED | {"cost.png", "weights.png"}


def test_a_request_that_came_too_late_for_the_steps_is_answered_before_the_optimum(tmp_path, monkeypatch):
    real = reproduction.fit

    def fit(*arguments, **options):
        progress = real(*arguments, **options)
        signal.raise_signal(signal.SIGTERM)
        return progress

    monkeypatch.setattr(reproduction, "fit", fit)
    monkeypatch.setattr(reproduction, "find_optimum", lambda *arguments: pytest.fail("looked for"))
    assert run(*SMALL, "--out", str(tmp_path), "--quiet") == 143
    assert names(tmp_path) == TRAINED


@pytest.mark.parametrize("fails", ["draw_history", "draw_weights"])
def test_a_picture_that_fails_costs_no_other(fails, tmp_path, monkeypatch, capsys):
    def broken(result):
        raise ValueError("\n$\\foo{$\n^\nExpected end of text")

    monkeypatch.setattr(pictures, fails, broken)
    lost = {"draw_history": "cost.png", "draw_weights": "weights.png"}[fails]
    assert run(*SMALL, "--out", str(tmp_path), "--quiet") == 1
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith(f"reproduce: {lost} could not be kept in {tmp_path}: ValueError: ")
    assert names(tmp_path) == (TRAINED | {"cost.png", "weights.png"}) - {lost}


@pytest.mark.parametrize("full_from", ["checkpoint.npz", "parameters.npz", "result.json", "cost.png"])
def test_no_room_for_a_file_costs_none_that_has_room(full_from, tmp_path, monkeypatch, capsys):
    write, save = RunFolder.write, RunFolder.checkpoint

    def no_room(self, name, data):
        if name == full_from:
            raise OSError(errno.ENOSPC, "No space left on device", name)
        write(self, name, data)

    def no_room_at_the_end(self, progress, *identity):
        if full_from == "checkpoint.npz" and progress.step == 10:
            raise OSError(errno.ENOSPC, "No space left on device", full_from)
        save(self, progress, *identity)

    monkeypatch.setattr(RunFolder, "write", no_room)
    monkeypatch.setattr(RunFolder, "checkpoint", no_room_at_the_end)
    assert run(*SMALL, "--out", str(tmp_path)) == 1
    told = capsys.readouterr()
    why = "the disk is full; free some room"
    assert told.err == f"reproduce: {full_from} could not be kept in {tmp_path}: {why}.\n"
    assert "first call of train" in told.out  # the report is shown
    kept = TRAINED | {"cost.png", "weights.png"}
    assert names(tmp_path) == (kept if full_from == "checkpoint.npz" else kept - {full_from})


def test_a_file_system_without_locks_will_do(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(pytest.importorskip("fcntl"), "flock", refuse)
    assert run(*SMALL, "--out", str(tmp_path), "--quiet") == 0
    assert names(tmp_path) >= TRAINED


def test_a_lock_that_cannot_be_closed_is_no_error_at_the_end(tmp_path, monkeypatch):
    close, descriptors = os.close, []

    def fail(descriptor):
        close(descriptor)
        descriptors.append(descriptor)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    folder = RunFolder(tmp_path, resume=True)
    monkeypatch.setattr(os, "close", fail)
    del folder  # what a finalizer raises, pytest shows as a warning
    gc.collect()
    assert descriptors


def test_without_scipys_optimizers_the_rest_goes_on(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.warns(RuntimeWarning, match="the optimum was not found: ModuleNotFoundError"):
        assert run(*SMALL, "--out", str(tmp_path), "--quiet") == 0
    assert names(tmp_path) == TRAINED | {"cost.png", "weights.png"}


def test_the_run_as_a_library_warns(monkeypatch):
    monkeypatch.setattr(reproduction, "find_optimum", lambda *arguments: 1 / 0)
    settings = Settings(samples=20, features=4, steps=5, mode="FAST_COMPILE", formula="logits")
    with pytest.warns(RuntimeWarning, match="ZeroDivisionError"):
        result = reproduction.reproduce(settings)
    assert isinstance(result.progress, graphs.Progress)
    assert result.optimum is result.certificate is None
