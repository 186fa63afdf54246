"""A checkpoint is read back to the bit, or refused by name."""

from __future__ import annotations

import io
import json
from dataclasses import asdict

import numpy as np
import pytest

from graphs.errors import InputError
from graphs.experiment import checkpoints
from graphs.experiment.checkpoints import load_checkpoint, save_checkpoint
from graphs.experiment.settings import Settings
from graphs.training import Progress


@pytest.fixture
def progress():
    state = {"w": np.array([1.5, -0.0, 5e-324]), "b": np.array(0.25)}
    made = Progress.fresh(state, steps=10, every=3)
    made.step, made.first_perfect_call, made.nonfinite_calls = 4, 2, 3
    made.first_nonfinite_call, made.last_nonfinite_call = 1, 4
    made.history.cost[:2] = 7
    made.history.accuracy[:2] = 0.5
    return made


SETTINGS = {**asdict(Settings(seed=3, features=3, steps=10, every=3)), "data_sha256": "ab"}


@pytest.fixture
def saved(tmp_path, progress):
    path = tmp_path / "checkpoint.npz"
    save_checkpoint(path, progress, SETTINGS)
    return path


def test_saved_and_read_back_equal(saved, progress):
    read, settings = load_checkpoint(saved)
    assert settings == SETTINGS
    for name, array in progress.state.items():
        assert read.state[name].tobytes() == array.tobytes()
        assert read.state[name].dtype == array.dtype
    assert read.history.cost.tobytes() == progress.history.cost.tobytes()
    assert (read.step, read.first_perfect_call, read.nonfinite_calls) == (4, 2, 3)
    assert np.isnan(read.first_mean_xent)


def test_the_same_run_gives_the_same_bytes(saved, progress, tmp_path):
    save_checkpoint(tmp_path / "again.npz", progress, SETTINGS)
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


def forge(path, change):
    """Change header and arrays of a checkpoint, and let the digest fit."""
    with np.load(path) as stored:
        arrays = dict(stored)
    header = json.loads(arrays.pop("header").tobytes())
    del header["digest"]
    change(header, arrays)
    header["digest"] = checkpoints._digest(header, arrays)
    text = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez(path, header=text, **arrays)


HOSTILE = (None, True, -1, 0, 11, 2**53, 10**400, 0.5, "", "x" * 5000, "nan", [], {}, {"a": 1}, [[[]]])


def test_a_header_that_fits_its_digest_is_still_checked(saved):
    whole = saved.read_bytes()
    with np.load(saved) as stored:
        header = json.loads(stored["header"].tobytes())
    places = [(part,) for part in header] + [(p, n) for p in ("settings", "counters") for n in header[p]]
    for place in places:
        for value in (*HOSTILE, KeyError):
            if place == ("digest",):
                continue

            def change(header, arrays, place=place, value=value):
                holder = header[place[0]] if len(place) == 2 else header
                holder.pop(place[-1]) if value is KeyError else holder.__setitem__(place[-1], value)

            saved.write_bytes(whole)
            forge(saved, change)
            try:
                progress, settings = load_checkpoint(saved)
            except InputError:
                continue
            assert type(progress.step) is int
            assert isinstance(Settings(**{k: v for k, v in settings.items() if k != "data_sha256"}), Settings)
            assert settings["steps"] == 10
            assert progress.history.steps[-1] == 10


def other_arrays():
    yield "an array more", {"surprise": np.ones(3)}
    yield "a group more", {"other/w": np.ones(3)}
    for name in ("initial/w", "state/w", "state/b", "history/steps", "history/cost", "history/accuracy"):
        yield f"{name} missing", {name: None}
        for array in (
            np.ones(4),
            np.ones((3, 1)),
            np.ones(3, "f4"),
            np.ones(3, complex),
            np.full(3, np.nan),
            np.full(5, 2.0),
            np.zeros(5, "i8"),
            np.zeros(0),
            np.array(np.inf),
        ):
            yield f"{name} {array.dtype} {array.shape}", {name: array}
    yield "momentum that was not there", {"state/velocity": np.ones(3)}


@pytest.mark.parametrize(("what", "arrays"), list(other_arrays()))
def test_arrays_that_fit_the_digest_are_still_checked(saved, what, arrays):
    def change(header, held):
        held.update({name: array for name, array in arrays.items() if array is not None})
        for name in arrays:
            if arrays[name] is None:
                del held[name]

    forge(saved, change)
    with pytest.raises(InputError, match=r"checkpoint\.npz, which (holds|is)"):
        load_checkpoint(saved)


def test_a_history_without_end_takes_no_memory(saved):
    def change(header, arrays):
        header["settings"]["steps"], header["settings"]["every"] = 10**15, 1

    forge(saved, change)
    with pytest.raises(InputError, match="entries"):
        load_checkpoint(saved)
