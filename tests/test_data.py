"""The data sets are the original's, and a user's own file is refused before it does harm."""

from __future__ import annotations

import os
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

import graphs
from graphs import reading
from graphs.data import labels, real_numbers, rounded, targets
from graphs.errors import InputError


def test_random_is_the_original_programs_stream():
    np.random.seed(3)
    x, y = np.random.randn(5, 4), np.random.randint(size=5, low=0, high=2)
    w, unseen = np.random.randn(4), np.random.randn(30, 4)
    data = graphs.load(seed=3, samples=5, features=4)
    for ours, original in ((data.x, x), (data.y, y), (data.initial_w, w), (data.unseen_x, unseen)):
        np.testing.assert_array_equal(ours, original)
    assert data.initial_b == 0.0


@pytest.mark.parametrize("seed", [0, 1])
def test_half_the_targets_of_the_original_are_ones(seed):
    assert graphs.load(seed=seed).y.sum() == 195


def test_random_says_where_it_comes_from_and_in_which_order_it_was_drawn():
    data = graphs.load(seed=3, samples=5, features=4)
    assert (data.name, data.source) == ("random", "numpy.random.RandomState(3)")
    assert data.draw_order == (
        "x = randn(5, 4)",
        "y = randint(size=5, low=0, high=2)",
        "initial w = randn(4)",
        "unseen x = randn(30, 4)",
    )


def test_what_is_left_out_is_the_originals():
    data, original = graphs.load(), graphs.load("random", seed=0, samples=400, features=784, dtype="float64")
    assert data.x.shape == (400, 784)
    assert data.unseen_x.shape == (30, 784)
    for ours, theirs in ((data.x, original.x), (data.y, original.y), (data.initial_w, original.initial_w)):
        assert ours.dtype == theirs.dtype
        assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("dtype", graphs.data.DTYPES)
@pytest.mark.parametrize("name", ["random", "plane", "hours", "four-rows"])
def test_arrays_are_of_the_dtype_asked_for_and_targets_are_whole(name, dtype):
    data = graphs.load(name, dtype=dtype)
    assert data.name == name
    assert {data.x.dtype, data.initial_w.dtype} == {np.dtype(dtype)}
    assert data.unseen_x is None or data.unseen_x.dtype == dtype
    assert data.y.dtype == np.int64
    assert data.x.shape == (len(data.y), len(data.initial_w))
    double = graphs.load(name)
    np.testing.assert_array_equal(data.x, double.x.astype(dtype))
    np.testing.assert_array_equal(data.initial_w, double.initial_w.astype(dtype))
    np.testing.assert_array_equal(data.y, double.y)


def test_the_plane_is_theta_1_2_3_with_noise():
    stream = np.random.RandomState(42)
    x, noise = stream.randn(100, 2), stream.randn(100)
    data = graphs.load("plane")
    np.testing.assert_array_equal(data.x, x)
    np.testing.assert_array_equal(data.y, 1 + 2 * x[:, 0] + 3 * x[:, 1] + 0.2 * noise > 0)
    np.testing.assert_array_equal(data.initial_w, [0, 0])
    assert (data.unseen_x, data.initial_b, data.source) == (None, 0.0, "numpy.random.RandomState(42)")
    assert data.draw_order == ("x = randn(100, 2)", "noise = randn(100)")


def test_hours_are_three_students_and_a_fourth_to_be_judged():
    data = graphs.load("hours")
    np.testing.assert_array_equal(data.x, [[1], [2], [3]])
    np.testing.assert_array_equal(data.y, [0, 0, 1])
    np.testing.assert_array_equal(data.unseen_x, [[4]])
    np.testing.assert_array_equal(data.initial_w, [0])
    assert (data.source, data.draw_order) == ("three students, written down", ())


def test_four_rows_are_autograds():
    data = graphs.load("four-rows")
    np.testing.assert_array_equal(
        data.x, [[0.52, 1.12, 0.77], [0.88, -1.08, 0.15], [0.52, 0.06, -1.3], [0.74, -2.49, 1.39]]
    )
    np.testing.assert_array_equal(data.y, [True, True, False, True])
    np.testing.assert_array_equal(data.initial_w, np.zeros(3))
    assert (data.unseen_x, data.source, data.draw_order) == (None, "Autograd's introduction", ())


@pytest.mark.parametrize("name", ["plane", "hours", "four-rows"])
@pytest.mark.parametrize(
    ("argument", "found"),
    [
        ({"seed": 1}, "seed: found 1"),
        ({"samples": 3}, "samples: found 3"),
        ({"features": 1}, "features: found 1"),
    ],
)
def test_a_fixed_data_set_takes_no_seed_and_no_size(name, argument, found):
    with pytest.raises(InputError, match="the data set") as refused:
        graphs.load(name, **argument)
    assert str(refused.value) == f"{found}; allowed: none: the data set {name} is fixed."


@pytest.mark.parametrize("dtype", graphs.data.DTYPES)
def test_what_does_not_fit_in_memory_is_refused_before_it_is_drawn(monkeypatch, dtype):
    """x is drawn in double precision, whatever it is rounded to; the unseen inputs and a copy count too."""
    monkeypatch.setattr("graphs.data._random", lambda *_: "drawn")
    needed = graphs.data.drawn_bytes(40_000, 784, dtype)
    assert needed > 40_030 * 784 * (16 if dtype == "float64" else 12)
    monkeypatch.setattr("graphs.memory.memory_there", lambda: needed)
    assert graphs.load(samples=40_000, dtype=dtype) == "drawn"
    for there in (needed - 1, None):
        monkeypatch.setattr("graphs.memory.memory_there", lambda there=there: there)
        if there is None:  # nobody knows
            assert graphs.load(samples=40_000, dtype=dtype) == "drawn"
            continue
        with pytest.raises(InputError, match=r"^samples × features: found .*GiB"):
            graphs.load(samples=40_000, dtype=dtype)


def test_the_smallest_and_the_largest_that_may_be_asked_for():
    assert graphs.load(seed=2**32 - 1, samples=1, features=1).x.shape == (1, 1)
    for argument in ("seed", "samples", "features", "dtype"):
        with pytest.raises(InputError, match=f"^{argument}: found -1"):
            graphs.load(**{argument: -1})


def test_float32_is_float64_rounded_once():
    np.testing.assert_array_equal(
        graphs.load(samples=3, features=2, dtype="float32").x,
        graphs.load(samples=3, features=2).x.astype("float32"),
    )


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"name": "nosuch"}, ["dataset: found 'nosuch'; allowed: random, plane, hours, four-rows"]),
        ({"samples": 0}, ["samples", "0", "≥ 1"]),
        ({"features": -3}, ["features", "-3"]),
        ({"samples": 2.5}, ["samples", "2.5", "whole number"]),
        ({"samples": True}, ["samples", "True"]),
        ({"seed": -1}, ["seed", "-1"]),
        ({"seed": 2**32}, ["seed", "4294967295"]),
        ({"dtype": "float16"}, ["dtype", "'float16'", "float64, float32"]),
        ({"samples": 10**9, "features": 10**9}, ["GiB"]),
        ({"samples": 10**400}, ["samples", "401 digits"]),
        ({"name": "plane", "samples": 100}, ["samples", "100", "plane is fixed"]),
        ({"name": "hours", "seed": 1}, ["seed", "hours is fixed"]),
        ({"name": "four-rows", "features": 3}, ["features", "four-rows is fixed"]),
    ],
)
def test_bad_arguments_name_what_was_found_and_what_is_allowed(arguments, names):
    with pytest.raises(InputError) as error:
        graphs.load(**arguments)
    for name in names:
        assert name in str(error.value)


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("header", ["", "a,b,target\n", '"a","b","c"\n', "\ufeffa,b,c\n"])
def test_csv_takes_the_last_column_as_target(tmp_path, header):
    data = graphs.read(write(tmp_path / "d.csv", f"{header}1,2.5,0\n3,-4e-1,1\n\n"))
    np.testing.assert_array_equal(data.x, [[1, 2.5], [3, -0.4]])
    np.testing.assert_array_equal(data.y, [0, 1])
    np.testing.assert_array_equal(data.initial_w, np.random.RandomState(0).randn(2))
    assert data.unseen_x is None


def test_csv_takes_the_column_named_y_as_target(tmp_path):
    data = graphs.read(write(tmp_path / "d.csv", "y,a,b\n0,1,2\n1,3,4\n"), seed=5)
    np.testing.assert_array_equal(data.x, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(data.y, [0, 1])


@pytest.mark.parametrize("kind", [int, bool, float])
def test_npz_takes_x_and_y_of_any_real_dtype(tmp_path, kind):
    np.savez(tmp_path / "d.npz", x=np.arange(6).reshape(3, 2), y=np.array([0, 1, 1], dtype=kind))
    data = graphs.read(tmp_path / "d.npz", dtype="float32")
    assert data.x.dtype == np.float32
    assert data.y.tolist() == [0, 1, 1]


BAD_CSV = {
    "empty": ("", "empty"),
    "only a header": ("a,b,y\n", "without a sample"),
    "only blank lines": ("\n \n", "without a sample"),
    "text": ("1,2,0\n1,abc,1\n", "abc"),
    "ragged": ("1,2,0\n1,1\n", "columns"),
    "nan": ("1,2,0\n1,nan,1\n", "nan at (1, 1)"),
    "infinity": ("inf,2,0\n1,2,1\n", "inf at (0, 0)"),
    "target 2": ("1,2,0\n1,3,2\n", "target 2.0 in sample 1"),
    "no features": ("0\n1\n", "shape (2, 0)"),
    "not text": (b"\xff\xfe\x00\x01\n", "does not parse"),
    "names missing": ("a,b\n1,2,0\n", "2 names over 3 columns"),
    "two targets": ("y,a,Y\n0,1,0\n", "2 columns y"),
    "NUL": (b"1,2,0\n1,\0,1\n", r"line 2, column 2: '\x00' is no number"),
    "UTF-16": ("1,2,0\n".encode("utf-16"), "no text in UTF-8"),
    "Latin-1": ("größe,y\n1,0\n".encode("latin-1"), "no text in UTF-8"),
    "semicolons": ("1;2;0\n3;4;1\n", "with semicolons where commas should be"),
    "tabs": ("a\ty\n1\t0\n", "with tabs where commas should be"),
    "hexadecimal": ("0x10,0\n", "line 1, column 1: '0x10' is no number"),
    "underscores": ("1_000,0\n", "'1_000' is no number"),
    "full-width digits": ("１,0\n", "'１' is no number"),
    "too large": ("1,1\n1e999,0\n", "inf at (1, 0)"),
    "nothing between": ("a,b,y\n\n1,,0\n", "line 3, column 2: '' is no number"),
    "nothing at the end": ("1,0,\n", "line 1, column 3: '' is no number"),
    "shorter": ("1,2,0\n\n1,2,0\n1,1\n", "line 4 has 2 columns, and those before it 3"),
    "decimal commas": ('"1,5",0\n', "'1,5'"),
    "an open quotation": ('a,y\n"1,0\n2,1\n', "does not parse"),
    "a long name": ("a" * 200_000 + ",y\n1,0\n", "too long"),
    "escapes": ("1,0\n\x1b]0;owned\x07,1\n", r"'\x1b]0;owned\x07' is no number"),
}


@pytest.mark.parametrize(("content", "says"), BAD_CSV.values(), ids=BAD_CSV)
def test_bad_csv(tmp_path, content, says):
    with pytest.raises(InputError, match=r".") as error:
        graphs.read(write(tmp_path / "d.csv", content))
    assert says in str(error.value)
    assert "allowed" in str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        "1,0\r2,1\r",
        "a,y\r\n1,0\r\n2,1\r\n",
        '"1","0"\n"2","1"\n',
        '"a, b","y"\n1,0\n2,1\n',
        "\n\na,y\n\n1,0\n \n2,1",
        "\ufeff1,0\n2,1\n",
        "Y,a\n0,1\n1,2\n",
        " +1.0 ,\t0\n20e-1,1.\n",
    ],
)
def test_csv_as_other_programs_write_it(tmp_path, content):
    data = graphs.read(write(tmp_path / "d.csv", content))
    assert data.x.tolist() == [[1], [2]]
    assert data.y.tolist() == [0, 1]


def test_csv_without_end(tmp_path, monkeypatch):
    """Neither a line nor a file makes more numbers than there is room for."""
    monkeypatch.setattr(reading, "LONGEST_LINE", 1000)
    with pytest.raises(InputError, match="line 2 has more than 1,000 characters"):
        graphs.read(write(tmp_path / "d.csv", "1,0\n" + "1," * 600))
    monkeypatch.setattr(reading, "memory_there", lambda swap: 30)
    with pytest.raises(InputError, match="more numbers than the free memory has room for"):
        graphs.read(tmp_path / "d.csv")


@pytest.mark.parametrize("path", [None, 3, b"d.csv", ["d.csv"], "a\0.csv", "\ud800.csv"])
def test_a_path_that_is_none(path):
    with pytest.raises(InputError, match="path of a file"):
        graphs.read(path)


@pytest.mark.parametrize("path", ["a" * 5000 + ".csv", "a/" * 3000 + "d.npz"])
def test_a_path_that_is_too_long(path):
    with pytest.raises(InputError, match="cannot be read"):
        graphs.read(path)


@pytest.mark.parametrize("name", ["d.csv", "d.npz"])
@pytest.mark.parametrize("device", ["/dev/zero", "/proc/self/status", ""])
def test_what_is_no_file_of_samples_is_not_waited_for(tmp_path, name, device):
    (tmp_path / name).symlink_to(device) if device else os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=r"no ordinary file|an empty file"):
        graphs.read(tmp_path / name)


@pytest.mark.parametrize("kind", ["float16", "longdouble", ">f4", "uint64", "bool", ">i2"])
def test_npz_takes_what_is_a_number(tmp_path, kind):
    x = np.asfortranarray(np.array([[1, 0], [0, 1], [1, 1]], kind))
    np.savez_compressed(tmp_path / "d.npz", X=x, y=[[0, 1, 1]][0])
    data = graphs.read(tmp_path / "d.npz")
    np.testing.assert_array_equal(data.x, [[1, 0], [0, 1], [1, 1]])
    assert data.x.dtype == np.float64
    assert data.x.flags.c_contiguous


BAD_NPZ = {
    "x twice": ({"x": np.ones((2, 2)), "X": np.ones((2, 2)), "y": np.ones(2)}, "the arrays x, X, y"),
    "dates": ({"x": np.ones((2, 2), "M8[s]"), "y": np.ones(2)}, "no real numbers"),
    "a number": ({"x": np.array(1.0), "y": np.ones(1)}, "shape ()"),
    "three axes": ({"x": np.ones((2, 2, 1)), "y": np.ones(2)}, "shape (2, 2, 1)"),
    "y a column": ({"x": np.ones((2, 2)), "y": np.ones((2, 1))}, "shape (2, 1)"),
    "transposed": ({"x": np.ones((3, 2)), "y": np.ones(2)}, "shape (3, 2)"),
    "beyond float64": (
        {"x": np.full((2, 2), np.longdouble("1e4000")), "y": np.ones(2)},
        "inf" if np.finfo(np.longdouble).max > 1e308 else "",
    ),
    "no y": ({"x": np.ones((2, 2))}, "arrays named x and y"),
    "lengths differ": ({"x": np.ones((2, 2)), "y": np.ones(3)}, "(2, 2)"),
    "no samples": ({"x": np.ones((0, 2)), "y": np.ones(0)}, "shape (0, 2)"),
    "vector": ({"x": np.ones(4), "y": np.ones(4)}, "shape (4,)"),
    "complex": ({"x": np.ones((2, 2), complex), "y": np.ones(2)}, "complex"),
    "strings": ({"x": np.array([["a"]]), "y": np.ones(1)}, "real numbers"),
    "pickled objects": ({"x": np.array([[object()]]), "y": np.ones(1)}, "damaged, truncated or no NPZ"),
}


@pytest.mark.parametrize(("arrays", "says"), BAD_NPZ.values(), ids=BAD_NPZ)
def test_bad_npz(tmp_path, arrays, says):
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(InputError) as error:
        graphs.read(tmp_path / "d.npz")
    assert says in str(error.value)


@pytest.mark.parametrize("keep", [1, 60, 300])
def test_truncated_npz(tmp_path, keep):
    np.savez(tmp_path / "whole.npz", x=np.ones((9, 9)), y=np.ones(9))
    cut = write(tmp_path / "cut.npz", (tmp_path / "whole.npz").read_bytes()[:keep])
    with pytest.raises(InputError, match="damaged"):
        graphs.read(cut)


def test_npz_with_a_flipped_byte(tmp_path):
    np.savez(tmp_path / "d.npz", x=np.ones((9, 9)), y=np.ones(9))
    with zipfile.ZipFile(tmp_path / "d.npz") as archive:
        place = archive.getinfo("x.npy").header_offset + 200
    damaged = bytearray((tmp_path / "d.npz").read_bytes())
    damaged[place] ^= 255
    with pytest.raises(InputError, match="damaged"):
        graphs.read(write(tmp_path / "d.npz", bytes(damaged)))


def test_a_value_too_large_for_float32(tmp_path):
    with pytest.raises(InputError, match="float32"):
        graphs.read(write(tmp_path / "d.csv", "1e300,0\n1,1\n"), dtype="float32")


def test_missing_unreadable_and_foreign_files(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(InputError):
            graphs.read(path)
    with pytest.raises(InputError, match=r"\.csv or \.npz"):
        graphs.read(write(tmp_path / "d.xlsx", "x"))
    with pytest.raises(InputError, match=r"nothing named .*rows; allowed: a folder of shards, or a name"):
        graphs.read(tmp_path / "rows")
    os.mkdir(tmp_path / "folder.csv")
    with pytest.raises(InputError, match="cannot be read"):
        graphs.read(tmp_path / "folder.csv")


@pytest.mark.parametrize(
    ("found", "shape", "options", "said"),
    [
        (
            [1.0, 2.0],
            (3,),
            {},
            r"found an array of shape \(2,\); allowed: an array of shape \(3,\), of real numbers",
        ),
        (
            [1.0],
            ("rows", 2),
            {},
            r"found an array of shape \(1,\); allowed: an array of shape \(rows, 2\), of",
        ),
        (
            [[1.0, 2.0]],
            ("rows", 3),
            {},
            r"found an array of shape \(1, 2\); allowed: an array of shape \(rows, 3\)",
        ),
        (np.zeros((0, 2)), ("rows", 2), {}, r"found an array of shape \(0, 2\)"),
        (
            [[1.0], [2.0, 3.0]],
            (2,),
            {},
            r"found \[\[1.0\], \[2.0, 3.0\]\]; allowed: an array of shape \(2,\)",
        ),
        (True, (), {}, "found True; allowed: a real number"),
        ([True], (1,), {}, "found an array of dtype bool; allowed: an array"),
        (1j, (), {}, "found 1j"),
        ("1", (), {"kinds": "fiub"}, "found '1'"),
        ([1, 2], (2,), {"kinds": "f"}, "found an array of dtype int64"),
        (np.nan, (), {}, "found nan; allowed: finite numbers"),
        (
            [[1, np.inf], [np.nan, 2]],
            (2, 2),
            {},
            r"found inf at \(0, 1\) \(2 such in all\); allowed: finite numbers\.",
        ),
        (
            [0.0, 1e39],
            (2,),
            {"dtype": "float32"},
            r"found inf at \(1,\) .*; allowed: finite numbers, as float32 too",
        ),
    ],
)
def test_what_is_no_array_of_real_numbers_is_refused_by_name(found, shape, options, said):
    with pytest.raises(InputError, match="^size: " + said):
        real_numbers("size", found, shape, **options)


def test_real_numbers_are_taken_as_they_are_or_in_the_dtype_asked_for():
    mine = np.array([[1, 2, 3]])
    assert real_numbers("size", mine, ("rows", 3)) is mine
    np.testing.assert_array_equal(real_numbers("size", [[1], [2]], ("rows", "columns")), [[1], [2]])
    single = real_numbers("size", mine, (1, 3), dtype="float32")
    assert (single.dtype, single.tolist()) == ("float32", [[1, 2, 3]])
    assert real_numbers("size", 1.5, ()).shape == ()
    assert real_numbers("size", True, (), kinds="b")
    with warnings.catch_warnings(action="error"):
        assert real_numbers("size", [1e39, np.nan], (2,), dtype="float32", finite=False)[0] == np.inf


@pytest.mark.parametrize("y", [[0, 1, 1], [0.0, 1.0, 1.0], np.array([False, True, True])])
def test_targets_are_zeros_and_ones_of_any_kind(y):
    np.testing.assert_array_equal(targets("y", y, 3), [0, 1, 1])
    with pytest.raises(
        InputError, match=r"^y: found an array of shape \(3,\); allowed: an array of shape \(4,\)"
    ):
        targets("y", y, 4)


@pytest.mark.parametrize(
    ("y", "said"),
    [
        ([0, 2, 1, 3], r"^labels: found 2 in sample 1 \(2 such in all\); allowed: 0 and 1"),
        ([0.5, 1, 1, 1], r"^labels: found 0.5 in sample 0 \(1 such in all\)"),
        ([0, 1, np.nan, 1], r"^labels: found nan at \(2,\)"),
        (["0", "1", "1", "1"], "^labels: found an array of dtype"),
    ],
)
def test_targets_that_are_none_are_shown(y, said):
    with pytest.raises(InputError, match=said):
        targets("labels", y, 4)


@pytest.mark.parametrize(
    ("dtype", "smallest", "largest"), [("float32", 2e-45, 3e38), ("float64", 5e-324, 1e308)]
)
def test_a_number_is_rounded_where_that_keeps_it_one(dtype, smallest, largest):
    for number in (0, 0.1, smallest, largest, -largest):
        kept = rounded("rate", number, dtype)
        assert (kept.dtype, kept.shape, kept) == (dtype, (), np.dtype(dtype).type(number))
    for number in (1e-60, 1e300, -1e300) if dtype == "float32" else ():
        with (
            pytest.raises(
                InputError, match=r"^rate: found .*1e.*float32 can hold, from 1\.4e-45 to 3\.4e\+38"
            ),
            warnings.catch_warnings(action="error"),
        ):
            rounded("rate", number, dtype)


def test_what_the_random_data_take_while_they_are_drawn():
    # 3 samples, 30 unseen and the weights, of 5 features: in float64 and in what is asked for; and the targets, twice.
    assert graphs.data.drawn_bytes(3, 5, "float64") == 34 * 5 * 16 + 48
    assert graphs.data.drawn_bytes(3, 5, "float32") == 34 * 5 * 12 + 48


def test_the_digits_are_scikit_learns_brought_between_0_and_1():
    datasets = pytest.importorskip("sklearn.datasets")
    theirs, data = datasets.load_digits(), graphs.load("digits")
    np.testing.assert_array_equal(data.x * 16, theirs.data)
    np.testing.assert_array_equal(data.y, theirs.target)
    assert data.initial_w.shape == (64, 10)
    assert data.initial_b.shape == (10,)
    assert graphs.load("digits", dtype="float32").x.dtype == "float32"
    with pytest.raises(InputError, match="seed: found 1; allowed: none: the data set digits is fixed"):
        graphs.load("digits", seed=1)


def test_measurements_are_what_was_written_down():
    yeast, response = graphs.measurements("yeast"), graphs.measurements("response")
    assert (yeast.x[0], yeast.x[-1], yeast.y[0], yeast.y[7], yeast.y[-1]) == (0, 18, 9.6, 257.3, 661.8)
    assert len(yeast.x) == len(yeast.y) == 19
    noise = response.y - ((0.5 - 7.3) / (1 + (response.x / 8) ** 2.5) + 7.3)
    np.testing.assert_allclose(noise, 0.2 * np.random.RandomState(0).randn(20), atol=1e-14)
    assert (response.x[0], response.x[-1]) == (1, 20)
    with pytest.raises(InputError, match="measurements: found 'x'; allowed: yeast, response"):
        graphs.measurements("x")


@pytest.mark.parametrize("share", [0.05, 0.25, 0.9])
def test_a_split_takes_every_sample_once(share):
    data = graphs.load("plane")
    training, testing = graphs.split(data, share, seed=3)
    assert len(testing) == round(share * 100)
    assert sorted([*training, *testing]) == list(range(100))
    again = graphs.split(data, share, seed=3)
    np.testing.assert_array_equal(again[0], training)
    assert list(graphs.split(data, share, seed=4)[0]) != list(training)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"share": 0.0}, "share: found 0.0"),
        ({"share": 1.0}, "share: found 1.0"),
        ({"share": 0.5, "seed": -1}, "seed: found -1"),
        ({"share": 0.3, "seed": 0}, "share: found 0.3 of 3 samples, which leaves class 1 out of the "),
    ],
)
def test_a_split_without_a_class_is_refused(arguments, said):
    with pytest.raises(InputError, match=said):
        graphs.split(graphs.load("hours"), **arguments)
    with pytest.raises(InputError, match="data: found 'x'"):
        graphs.split("x")


@pytest.mark.parametrize("found", [[0, 1, 2, 2], [0.0, 1.0, 2.0, 0.0], [True, False, True, True]])
def test_labels_become_whole_numbers(found):
    y = labels("y", found, 4, 3)
    assert y.dtype == "int64"
    np.testing.assert_array_equal(y, found)
