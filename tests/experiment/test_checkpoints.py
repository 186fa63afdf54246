"""A checkpoint is read back to the bit, or refused by name."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from graphs.errors import InputError
from graphs.experiment.checkpoints import load_checkpoint, save_checkpoint
from graphs.training import Progress


@pytest.fixture
def progress():
    state = {"w": np.array([1.5, -0.0, np.inf]), "b": np.array(0.25, dtype="float32")}
    made = Progress.fresh(state, steps=10, every=3)
    made.step, made.first_perfect_call, made.nonfinite_calls = 4, 2, 3
    made.history.cost[:2] = 7
    return made


@pytest.fixture
def saved(tmp_path, progress):
    path = tmp_path / "checkpoint.npz"
    save_checkpoint(path, progress, {"seed": 3})
    return path


def test_saved_and_read_back_equal(saved, progress):
    read, settings = load_checkpoint(saved)
    assert settings == {"seed": 3}
    for name, array in progress.state.items():
        assert read.state[name].tobytes() == array.tobytes()
        assert read.state[name].dtype == array.dtype
    assert read.history.cost.tobytes() == progress.history.cost.tobytes()
    assert (read.step, read.first_perfect_call, read.nonfinite_calls) == (4, 2, 3)
    assert np.isnan(read.first_mean_xent)


def test_the_same_run_gives_the_same_bytes(saved, progress, tmp_path):
    save_checkpoint(tmp_path / "again.npz", progress, {"seed": 3})
    assert (tmp_path / "again.npz").read_bytes() == saved.read_bytes()


def test_every_truncation_is_refused(saved):
    whole = saved.read_bytes()
    for length in range(0, len(whole), 97):
        saved.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"checkpoint\.npz"):
            load_checkpoint(saved)


def test_flipped_bits_never_load_as_something_else(saved, progress):
    whole = saved.read_bytes()
    for place in range(0, len(whole), 41):
        damaged = bytearray(whole)
        damaged[place] ^= 16
        saved.write_bytes(damaged)
        try:
            read, _ = load_checkpoint(saved)
        except InputError:
            continue
        assert (
            read.state["w"].tobytes() == progress.state["w"].tobytes()
        )  # the bit meant nothing (zip padding)


def rewrite(path, **changes):
    with np.load(path) as stored:
        arrays = {**stored, **changes}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    path.write_bytes(buffer.getvalue())


def test_changed_parameters_do_not_fit_the_digest(saved):
    rewrite(saved, **{"state/w": np.zeros(3)})
    with pytest.raises(InputError, match="digest"):
        load_checkpoint(saved)


def test_another_version_is_named(saved):
    with np.load(saved) as stored:
        header = json.loads(stored["header"].tobytes())
    header["version"] = 99
    rewrite(saved, header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8))
    with pytest.raises(InputError, match="version 99"):
        load_checkpoint(saved)


def test_foreign_files_are_refused(tmp_path):
    path = tmp_path / "foreign.npz"
    np.savez(path, x=np.ones(3))
    with pytest.raises(InputError, match="no checkpoint of this program"):
        load_checkpoint(path)
    np.savez(path, header=np.array([object()]))
    with pytest.raises(InputError, match="damaged or no checkpoint"):
        load_checkpoint(path)
    with path.open("wb") as stream:
        np.save(stream, np.ones(3))
    with pytest.raises(InputError, match="no named arrays"):
        load_checkpoint(path)
    with pytest.raises(InputError, match="cannot be read"):
        load_checkpoint(tmp_path / "none.npz")
