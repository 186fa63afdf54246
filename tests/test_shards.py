"""Samples in files: the same numbers in however many, and only those that are asked for are read."""

from __future__ import annotations

import numpy as np
import pytest

import graphs
from graphs.errors import InputError
from graphs.reading import shards_of
from graphs.shards import draw_shards, open_shards

SIZE = {"samples": 23, "features": 5, "seed": 3}


@pytest.mark.parametrize("shards", [None, 1, 4, 23])
def test_the_numbers_are_those_that_are_loaded_at_once(tmp_path, shards):
    told = []
    draw_shards(tmp_path, **SIZE, shards=shards, told=lambda *done: told.append(done))
    assert told[-1] == (shards or 1, shards or 1)
    data, read, stored = graphs.load("random", **SIZE), graphs.read(tmp_path), shards_of(tmp_path)
    for found in (read, stored):
        for name in ("x", "y", "initial_w", "unseen_x"):
            np.testing.assert_array_equal(getattr(found, name)[:], getattr(data, name))
    assert read.y.dtype == np.int64
    assert len(stored.x) == 23
    np.testing.assert_array_equal(stored.x[7:16], data.x[7:16])
    assert stored.x[23:].shape == (0, 5)


def test_only_the_files_of_the_rows_asked_for_are_read(tmp_path):
    stored = shards_of(draw_shards(tmp_path, **SIZE, shards=4)).x
    expected = stored[6:12]
    for gone in ("x-00000.npy", "x-00002.npy", "x-00003.npy"):
        (tmp_path / gone).unlink()
    np.testing.assert_array_equal(stored[6:12], expected)
    with pytest.raises(OSError, match="x-00002"):
        stored[6:13]


def test_a_folder_of_ones_own(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(9, 2)).astype("float32"), rng.integers(0, 2, 9)
    for name, rows in (("a", slice(4)), ("b", slice(4, 5)), ("c", slice(5, None))):
        np.save(tmp_path / f"x-{name}.npy", x[rows])
        np.save(tmp_path / f"y-{name}.npy", y[rows])
    found = graphs.read(tmp_path, seed=2, dtype="float32")
    np.testing.assert_array_equal(found.x, x)
    np.testing.assert_array_equal(found.y, y)
    np.testing.assert_array_equal(found.initial_w, np.random.RandomState(2).randn(2).astype("float32"))
    assert found.unseen_x is None
    assert found.source == f"3 shards in {tmp_path.name}"


def test_the_digest_tells_other_shards(tmp_path):
    one = open_shards(draw_shards(tmp_path / "one", **SIZE, shards=2)).x.digest
    again = open_shards(draw_shards(tmp_path / "again", **SIZE, shards=2)).x.digest
    other = open_shards(draw_shards(tmp_path / "other", **{**SIZE, "seed": 4}, shards=2)).x.digest
    assert one == again != other


DAMAGE = {
    "no y": (lambda f: (f / "y-00001.npy").unlink(), "as many rows for every"),
    "nothing": (lambda f: [p.unlink() for p in f.iterdir()], "no x-….npy"),
    "columns": (lambda f: np.save(f / "x-00002.npy", np.zeros((6, 4))), "x-00002.npy of shape (6, 4)"),
    "dtype": (lambda f: np.save(f / "x-00001.npy", np.zeros((6, 5), "f4")), "x-00001.npy of float32"),
    "rows": (lambda f: np.save(f / "y-00000.npy", np.zeros(5, "i1")), "as many rows for every"),
    "text": (lambda f: np.save(f / "x-00000.npy", np.array([["a"] * 5] * 6)), "no real numbers"),
    "damaged": (lambda f: (f / "x-00001.npy").write_bytes(b"\x93NUMPY"), "damaged or no NPY file"),
    "short": (
        lambda f: (f / "x-00001.npy").write_bytes((f / "x-00001.npy").read_bytes()[:-8]),
        "has 232 bytes",
    ),
    "weights": (
        lambda f: np.save(f / "initial_w.npy", np.zeros(4)),
        "initial_w.npy: found an array of shape (4,)",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_what_does_not_fit_together_is_refused(tmp_path, name):
    damage, says = DAMAGE[name]
    damage(draw_shards(tmp_path, **SIZE, shards=4))
    for read in (graphs.read, shards_of):
        with pytest.raises(InputError) as refused:
            read(tmp_path)
        assert says in str(refused.value)


def test_what_is_read_is_checked(tmp_path):
    draw_shards(tmp_path, **SIZE)
    np.save(tmp_path / "y-00000.npy", np.full(23, 2))
    stored = shards_of(tmp_path)
    with pytest.raises(InputError, match="from row 7 on: found 2 in sample 0"):
        stored.y.checked(7, stored.y[7:9])
    with pytest.raises(InputError, match="found target 2 in sample 0"):
        graphs.read(tmp_path)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"samples": 0}, "rows: found 0"),
        ({"features": 0}, "features: found 0"),
        ({"seed": -1}, "seed: found -1"),
        ({"shards": 24}, "shards: found 24"),
        ({"samples": 10**12, "shards": 1}, "take more shards"),
    ],
)
def test_bad_input_writes_nothing(tmp_path, given, says):
    with pytest.raises(InputError) as refused:
        draw_shards(tmp_path / "new", **{**SIZE, **given})
    assert says in str(refused.value)
    assert not (tmp_path / "new").exists()


def test_a_folder_that_holds_shards_is_left_alone(tmp_path):
    draw_shards(tmp_path, **SIZE)
    with pytest.raises(InputError, match="holds NPY files"):
        draw_shards(tmp_path, **SIZE)
