"""A checkpoint is read back to the bit, or refused by name."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from hashlib import sha256

import numpy as np
import pytest

from graphs.errors import InputError
from graphs.experiment import checkpoints
from graphs.experiment.checkpoints import (
    COUNTERS,
    _digest,
    fingerprint,
    load_checkpoint,
    load_stage,
    save_checkpoint,
    save_stage,
)
from graphs.experiment.settings import Settings
from graphs.solving import Search
from graphs.training import HeldOut, Progress

pytestmark = pytest.mark.once


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


def test_everything_of_a_run_is_read_back(tmp_path):
    run = Progress.fresh({"w": np.arange(3.0), "a/b": np.array([1.0, -2.0]), "b": np.array(-0.5)}, 70, 20)
    run.state = {"w": np.array([5e-324, 1e300, -0.0]), "a/b": np.zeros(2), "b": np.array(7.0)}
    run.step = 40
    for k, name in enumerate([name for name in COUNTERS if name != "step"], start=2):
        setattr(run, name, k if isinstance(getattr(run, name), int) else k / 7)
    for k, column in enumerate(vars(run.history).values()):
        if column.dtype == np.float64:
            column[:3] = k / 7 + np.arange(3) / 70
    settings = Settings(seed=3, features=3, steps=70, every=20, data=None)
    kept = {**asdict(settings), "data_sha256": "Größe"}
    save_checkpoint(tmp_path / "c.npz", run, kept)
    read, settings = load_checkpoint(str(tmp_path / "c.npz"))
    assert settings == kept
    assert [getattr(read, name) for name in COUNTERS] == [getattr(run, name) for name in COUNTERS]
    for group in ("initial", "state"):
        assert list(getattr(read, group)) == list(getattr(run, group))
    for ours, theirs in (
        (read.initial, run.initial),
        (read.state, run.state),
        (vars(read.history), vars(run.history)),
    ):
        assert ours.keys() == theirs.keys()
        for name, array in theirs.items():
            assert (ours[name].dtype, ours[name].shape) == (array.dtype, array.shape)
            assert ours[name].tobytes() == array.tobytes()


def test_a_checkpoint_is_an_npz_with_a_header_that_says_what_it_is(saved):
    with np.load(saved, allow_pickle=False) as stored:
        assert {"header", "state/w", "initial/b", "history/cost"} <= set(stored.files)
        assert stored["header"].dtype == np.uint8
        header = json.loads(stored["header"].tobytes().decode())
    assert header.keys() == {"format", "version", "settings", "counters", "digest"}
    assert (header["format"], header["version"]) == ("graphs checkpoint", 1)
    assert header["counters"]["step"] == 4
    assert len(bytes.fromhex(header["digest"])) == 32


def with_header(path, **changes):
    """The file with another header, and the digest that fits it."""
    with np.load(path) as stored:
        arrays = dict(stored)
    header = {**json.loads(arrays.pop("header").tobytes()), **changes}
    header.pop("digest")
    header["digest"] = _digest(header, arrays)
    rewrite(path, header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": "another"}, "which is no checkpoint of this program"),
        ({"format": None}, "which is no checkpoint of this program"),
        ({"version": 2}, "a checkpoint of version 2"),
        ({"version": None}, "a checkpoint of version None"),
    ],
)
def test_another_format_and_another_version_are_refused_though_the_digest_fits(saved, changes, says):
    with_header(saved)
    load_checkpoint(saved)
    with_header(saved, **changes)
    with pytest.raises(InputError, match=r"^checkpoint: found .*checkpoint\.npz, ") as refused:
        load_checkpoint(saved)
    allowed = "a checkpoint of version 1, as this program wrote it; begin anew in another folder."
    assert str(refused.value).endswith(f"checkpoint.npz, {says}; allowed: {allowed}")


@pytest.mark.parametrize(
    "change",
    [
        {"state/w": np.array([1.5, 0.0, np.inf])},  # the sign of a zero
        {"state/b": np.array(0.25, dtype="float32")},
        {"state/w": np.array([[1.5, -0.0, np.inf]])},
        {"history/steps": np.array([0, 3, 6, 9, 11])},
        {"state/more": np.zeros(1)},
    ],
    ids=["value", "dtype", "shape", "history", "another array"],
)
def test_the_digest_is_over_every_name_dtype_shape_and_number(saved, change):
    rewrite(saved, **change)
    with pytest.raises(InputError, match="which was changed or damaged after it was written"):
        load_checkpoint(saved)


@pytest.mark.parametrize("name", ["settings", "counters"])
def test_the_digest_is_over_the_header_too(saved, name):
    with np.load(saved) as stored:
        header = json.loads(stored["header"].tobytes())
    header[name] = {**header[name], "seed": 4, "step": 5}
    rewrite(saved, header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8))
    with pytest.raises(InputError, match="which was changed or damaged after it was written"):
        load_checkpoint(saved)
    del header["digest"]
    rewrite(saved, header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8))
    with pytest.raises(InputError, match="which was changed or damaged after it was written"):
        load_checkpoint(saved)


def test_the_order_of_the_header_means_nothing(saved, progress):
    with np.load(saved) as stored:
        header = json.loads(stored["header"].tobytes())
    turned = dict(
        reversed([(k, dict(reversed(v.items())) if k == "counters" else v) for k, v in header.items()])
    )
    rewrite(saved, header=np.frombuffer(json.dumps(turned).encode(), dtype=np.uint8))
    assert load_checkpoint(saved)[0].step == progress.step


@pytest.mark.parametrize("header", [b"{", b"[1, 2]", b"\xff", b'"text"', b"7"])
def test_a_header_that_is_none_is_no_checkpoint_of_ours(saved, header):
    rewrite(saved, header=np.frombuffer(header, dtype=np.uint8))
    with pytest.raises(InputError, match=r"checkpoint\.npz, "):
        load_checkpoint(saved)


def test_a_file_that_cannot_be_read_says_why(tmp_path):
    with pytest.raises(InputError, match=r"none\.npz, which cannot be read \(No such file or directory\)"):
        load_checkpoint(tmp_path / "none.npz")


def test_the_fingerprint_is_of_the_numbers_their_dtype_and_their_shape():
    x = np.arange(6.0).reshape(2, 3)
    assert fingerprint(x) == fingerprint(x.copy()) == fingerprint(np.asfortranarray(x))
    assert len(bytes.fromhex(fingerprint(x))) == 32
    others = [x.T, x.reshape(3, 2), x.astype("float32"), x * [1, 1, 1 + 1e-15], x.astype("int64")]
    assert len({fingerprint(array) for array in (x, *others)}) == 6
    assert fingerprint(x, x) != fingerprint(x)
    assert fingerprint(x, x + 1) != fingerprint(x + 1, x)
    # What it is, for those who keep one in a file of their own.
    assert fingerprint(np.array([1.0])) == sha256(b"<f8(1,)" + np.array([1.0]).tobytes()).hexdigest()


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


@pytest.mark.parametrize(
    ("step", "perfect", "mistakes", "nonfinite", "fits"),
    [
        (0, 0, 0, (0, 0, 0), True),
        (9, 9, 9, (9, 9, 9), True),
        (9, 0, 0, (1, 4, 4), True),
        (9, 0, 0, (2, 1, 9), True),
        (-1, 0, 0, (0, 0, 0), False),
        (10, 0, 0, (0, 0, 0), False),
        (5, 6, 0, (0, 0, 0), False),
        (5, -1, 0, (0, 0, 0), False),
        (5, 1, 6, (0, 0, 0), False),
        (5, 0, 0, (6, 1, 5), False),
        (5, 0, 0, (2, 1, 6), False),
        (5, 0, 0, (2, 4, 3), False),
        (5, 0, 0, (0, 1, 2), False),
        (5, 0, 0, (0, 0, 2), False),
        (5, 0, 0, (2, 0, 2), False),
        (5, 0, 0, (2, 0, 0), False),
    ],
)
def test_counters_fit_each_other_and_the_steps(step, perfect, mistakes, nonfinite, fits):
    counters = checkpoints._Counters(step, perfect, mistakes, *nonfinite, first_mean_xent=0.5)
    assert counters.fit(9) is fits


def test_the_shortest_run_with_every_prediction_right_is_one(tmp_path):
    run = Progress.fresh({"w": np.ones(3), "b": np.array(0.0)}, steps=1, every=1)
    run.step, run.first_perfect_call = 1, 1
    run.history.accuracy[:] = 0.0, 1.0
    kept = {**SETTINGS, "steps": 1, "every": 1}
    save_checkpoint(tmp_path / "c.npz", run, kept)
    read, settings = load_checkpoint(tmp_path / "c.npz")
    assert (read.step, settings, list(read.history.accuracy)) == (1, kept, [0.0, 1.0])
    with pytest.raises(InputError, match=r"^checkpoint: found 3; allowed"):
        load_checkpoint(3)


# Stages of any training: steps with whatever a rule keeps, and searches.
IDENTITY = {"example": "it", "rate": "0.1"}


def steps():
    state = {
        "t": np.array(4),
        "w": np.arange(6.0).reshape(3, 2),
        "mw": np.full((3, 2), -0.0),
        "b": np.zeros(2),
    }
    made = Progress.fresh({**state, "t": np.array(0)}, steps=10, every=3)
    made.state, made.step = state, 4
    made.history.accuracy[:2] = 0.5
    made.held_out = HeldOut(
        2, np.array([0.9, 0.5, np.nan, np.nan, np.nan]), 1, {**state, "w": np.ones((3, 2))}
    )
    return made


def search():
    found = Search(np.array([1.0, -0.0]))
    for kind, asked, answered in (("cost", 2, 3), ("curvature", 4, 2), ("cost", 2, 3)):
        found.kinds.append(kind)
        found.asked.append(np.arange(asked) + len(found.kinds) / 3)
        found.answered.append(np.full(answered, np.pi * len(found.kinds)))
    return found


@pytest.mark.parametrize("with_held_out", [True, False])
def test_a_stage_of_steps_is_read_back_to_the_bit(tmp_path, with_held_out):
    made = steps()
    if not with_held_out:
        made.held_out = None
    save_stage(tmp_path / "s.npz", made, IDENTITY)
    read = load_stage(tmp_path / "s.npz", IDENTITY)
    assert read.step == 4
    for group in ("initial", "state"):
        ours, theirs = getattr(made, group), getattr(read, group)
        assert list(ours) == list(theirs)
        assert all(theirs[n].tobytes() == a.tobytes() and theirs[n].dtype == a.dtype for n, a in ours.items())
    assert all(getattr(read.history, n).tobytes() == c.tobytes() for n, c in vars(made.history).items())
    if made.held_out is None:
        assert read.held_out is None
    else:
        assert (read.held_out.patience, read.held_out.best_entry) == (2, 1)
        assert read.held_out.xent.tobytes() == made.held_out.xent.tobytes()
        assert read.held_out.best["w"].tobytes() == np.ones((3, 2)).tobytes()


@pytest.mark.parametrize("made", [search(), Search(np.zeros(3))], ids=["some", "none"])
def test_a_search_is_read_back_to_the_bit(tmp_path, made):
    save_stage(tmp_path / "s.npz", made, IDENTITY)
    read = load_stage(tmp_path / "s.npz", IDENTITY)
    assert read.start.tobytes() == made.start.tobytes()
    assert read.kinds == made.kinds
    for group in ("asked", "answered"):
        assert [a.tobytes() for a in getattr(read, group)] == [a.tobytes() for a in getattr(made, group)]


@pytest.mark.parametrize("made", [steps(), search()], ids=["steps", "search"])
def test_a_stage_that_is_cut_or_changed_is_refused_or_the_same(tmp_path, made):
    path = tmp_path / "s.npz"
    save_stage(path, made, IDENTITY)
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"s\.npz"):
            load_stage(path, IDENTITY)
    for place in range(0, len(whole), 41):
        damaged = bytearray(whole)
        damaged[place] ^= 16
        path.write_bytes(damaged)
        try:
            read = load_stage(path, IDENTITY)
        except InputError:
            continue
        save_stage(tmp_path / "again.npz", read, IDENTITY)
        assert (tmp_path / "again.npz").read_bytes() == whole


def test_a_stage_of_another_identity_is_named(tmp_path, saved):
    path = tmp_path / "s.npz"
    save_stage(path, search(), IDENTITY)
    with pytest.raises(InputError, match=r'the rate "0\.1", where "0\.2" is asked for'):
        load_stage(path, {**IDENTITY, "rate": "0.2"})
    with pytest.raises(InputError, match="the steps null, where 3 is asked for"):
        load_stage(path, {**IDENTITY, "steps": 3})
    with pytest.raises(InputError, match="no checkpoint of this program"):
        load_checkpoint(path)
    with pytest.raises(InputError, match="no checkpoint of this program"):
        load_stage(saved, IDENTITY)
    with pytest.raises(InputError, match="cannot be read"):
        load_stage(tmp_path / "none.npz", IDENTITY)


def forged(path, arrays=None, header=None):
    """The file at `path` with other contents, of which the digest is right."""
    with np.load(path) as stored:
        kept = {name: array for name, array in stored.items() if name != "header"}
        head = json.loads(stored["header"].tobytes())
    for name, array in (arrays or {}).items():
        kept.pop(name) if array is None else kept.update({name: array})
    head = {**head, **(header or {})}
    head = {name: value for name, value in head.items() if value != "gone" and name != "digest"}
    head["digest"] = _digest(head, kept)
    np.savez(path, header=np.frombuffer(json.dumps(head).encode(), np.uint8), **kept)


@pytest.mark.parametrize(
    ("arrays", "header"),
    [
        ({"state/w": None}, {}),
        ({"state/w": np.zeros((3, 3))}, {}),
        ({"state/w": np.full((3, 2), np.nan)}, {}),
        ({"state/w": np.zeros((3, 2), complex)}, {}),
        ({"other/w": np.zeros(3)}, {}),
        ({"alone": np.zeros(3)}, {}),
        ({"history/steps": None}, {}),
        ({"history/steps": np.zeros(5, np.int64)}, {}),
        ({"history/steps": np.array([0, 2, 4, 6, 10])}, {}),
        ({"history/steps": np.array([0.0, 3, 6, 9, 10])}, {}),
        ({"history/cost": np.zeros(5)}, {}),
        ({"history/cost": np.zeros(4)}, {}),
        ({"held_out_xent": np.zeros(4)}, {}),
        ({"held_out_xent": None}, {}),
        ({"held_out_xent": np.zeros(5, np.float32)}, {}),
        ({"best/w": None}, {}),
        ({"best/w": np.zeros((2, 2))}, {}),
        ({}, {"held_out": {"patience": 0, "best_entry": 1}}),
        ({}, {"held_out": {"patience": 1, "best_entry": 5}}),
        ({}, {"held_out": {"patience": 1, "best_entry": -2}}),
        ({}, {"held_out": "gone"}),
        ({}, {"counters": "gone"}),
        ({}, {"counters": {}}),
        ({}, {"identity": []}),
        ({}, {"more": 1}),
        ({}, {"version": 2}),
    ],
)
def test_steps_that_none_took_are_refused_though_the_digest_fits(tmp_path, arrays, header):
    path = tmp_path / "s.npz"
    save_stage(path, steps(), IDENTITY)
    load_stage(path, IDENTITY)
    forged(path, arrays, header)
    with pytest.raises(InputError, match=r"^checkpoint: found .*s\.npz, "):
        load_stage(path, IDENTITY)


@pytest.mark.parametrize(
    "arrays",
    [
        {"start": None},
        {"start": np.zeros(2, np.float32)},
        {"start": np.zeros((2, 1))},
        {"start": np.array([np.nan, 0])},
        {"kinds": None},
        {"kinds": np.array([0, 1, 4], np.uint8)},
        {"kinds": np.array([0, 1, 2], np.uint8)},
        {"kinds": np.array([0, 1, 1], np.uint8)},
        {"kinds": np.array([0, 1], np.uint8)},
        {"kinds": np.array([0.0, 1, 0])},
        {"asked/cost": None},
        {"asked/cost": np.zeros((1, 2))},
        {"asked/cost": np.zeros(2)},
        {"asked/cost": np.array(3.0)},
        {"answered/curvature": np.zeros((1, 2), np.float32)},
        {"asked/more": np.zeros((1, 2))},
    ],
)
def test_searches_that_none_made_are_refused_though_the_digest_fits(tmp_path, arrays):
    path = tmp_path / "s.npz"
    save_stage(path, search(), IDENTITY)
    forged(path, arrays)
    with pytest.raises(InputError, match=r"^checkpoint: found .*s\.npz, which holds what no run leaves"):
        load_stage(path, IDENTITY)
