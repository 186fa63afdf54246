"""The folder: whole or refused, executed only where it is whole and for this processor."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import msgspec
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import graphs
from graphs.compiled import compiler
from graphs.errors import InputError
from graphs.frozen import folder as folder_module
from graphs.native import freeze
from tests.conftest import ROOT

ALONE = """
import sys
import numpy as np
import graphs.frozen
frozen = graphs.frozen.load(sys.argv[1])
x = np.linspace(-1, 1, 5 * 784).reshape(5, 784)
frozen.train_many(x, [0, 1, 0, 1, 1], 10)
print(float(frozen.read()["w"].sum()).hex(), frozen.predict(x).tolist())
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"pytensor", "scipy", "numba", "rich"}))
"""


def alone(folder, *, env=None):
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
    )
    return done


def test_it_is_used_in_another_process_without_pytensor_and_without_scipy(classic, native, original):
    done = alone(classic)
    assert done.returncode == 0, done.stderr
    numbers, modules = done.stdout.splitlines()
    assert modules == ""
    native.write({"w": original.initial_w, "b": np.array(0.0)})
    x = np.linspace(-1, 1, 5 * 784).reshape(5, 784)
    native.train_many(x, np.array([0.0, 1, 0, 1, 1]), 10)
    assert numbers == f"{float(native.read()['w'].sum()).hex()} {native.predict(x).tolist()}"


@pytest.fixture
def copy(classic, tmp_path):
    return shutil.copytree(classic, tmp_path / "copy")


def test_any_changed_byte_of_any_file_is_refused_before_anything_runs(copy, monkeypatch):
    def executed(data):
        raise AssertionError("executed")

    monkeypatch.setattr(folder_module, "load_library", executed)
    monkeypatch.setattr(folder_module, "open_library", executed)
    stream = np.random.default_rng(0)
    for path in sorted(copy.iterdir()):
        whole = path.read_bytes()
        for place in stream.integers(0, len(whole), 12):
            changed = bytearray(whole)
            changed[place] ^= 1 << int(stream.integers(0, 8))
            path.write_bytes(bytes(changed))
            with pytest.raises((InputError, AssertionError)) as refusal:
                graphs.frozen.load(copy)
            if refusal.type is AssertionError:  # white space of the manifest, and nothing else
                assert path.name == "manifest.json"
                assert msgspec.json.decode(bytes(changed)) == msgspec.json.decode(whole)
        for damaged in (whole[:-1], b"", whole + b"x"):
            path.write_bytes(damaged)
            with pytest.raises((InputError, AssertionError)) as refusal:
                graphs.frozen.load(copy)
            assert refusal.type is InputError or damaged[:-1] == whole[:-2]
        path.unlink()
        with pytest.raises(InputError, match="cannot be read"):
            graphs.frozen.load(copy)
        path.write_bytes(whole)


def rewritten(folder, **changes):
    """Change the manifest, with a checksum that is right."""
    path = folder / "manifest.json"
    manifest = msgspec.json.decode(path.read_bytes(), type=folder_module._Manifest)
    manifest = msgspec.structs.replace(manifest, **changes)
    manifest = msgspec.structs.replace(manifest, sha256=manifest.checksum())
    path.write_bytes(msgspec.json.encode(manifest))


def test_other_formats_and_versions_are_refused_by_name(copy, tmp_path):
    with pytest.raises(InputError, match=r"manifest.json cannot be read"):
        graphs.frozen.load(tmp_path / "nowhere")
    with pytest.raises(InputError, match="folder: found 3"):
        graphs.frozen.load(3)
    rewritten(copy, version=1)
    with pytest.raises(
        InputError, match=r"of version 1, and this program reads 2; .*freeze the functions again"
    ):
        graphs.frozen.load(copy)
    rewritten(copy, version=2, format="mine")
    with pytest.raises(InputError, match="something else's"):
        graphs.frozen.load(copy)
    rewritten(copy, format=folder_module.FORMAT, files={"../../etc/passwd": "0"})
    with pytest.raises(InputError, match="passwd"):
        graphs.frozen.load(copy)
    (copy / "manifest.json").write_bytes(b"[" * 100_000)
    with pytest.raises(InputError, match="damaged"):
        graphs.frozen.load(copy)


def test_a_manifest_that_does_not_fit_its_functions_is_refused(copy):
    manifest = msgspec.json.decode((copy / "manifest.json").read_bytes(), type=folder_module._Manifest)
    first = manifest.functions[0]
    fewer = msgspec.structs.replace(first.described, arguments=first.described.arguments[1:])
    for changed in (
        {"functions": [msgspec.structs.replace(first, described=fewer)]},
        {"functions": [msgspec.structs.replace(first, constants=[])]},
        {"functions": [first, first]},
        {"shared": {"w": "shared_w"}},
        {"shared": {"w": "shared_b", "b": "shared_w"}},
    ):
        rewritten(copy, **{"functions": manifest.functions, "shared": manifest.shared, **changed})
        with pytest.raises(InputError, match=r"folder: found .*copy: "):
            graphs.frozen.load(copy)


def test_for_another_processor_it_is_compiled_again_from_its_own_c(copy, tmp_path, monkeypatch):
    expected = alone(copy).stdout
    rewritten(copy, target={**compiler.target(), "processor": "another"})
    (copy / "train.so").write_bytes(b"what would run wrong")
    with pytest.raises(InputError, match=r"train.so was changed"):
        graphs.frozen.load(copy)
    sums = msgspec.json.decode((copy / "manifest.json").read_bytes())["files"]
    sums["train.so"] = folder_module.hashlib.sha256(b"what would run wrong").hexdigest()
    rewritten(copy, files=sums)
    done = alone(copy, env={"GRAPHS_NATIVE_CACHE": str(tmp_path / "cache")})
    assert (done.returncode, done.stdout) == (0, expected), done.stderr
    assert len(list((tmp_path / "cache").glob("*.so"))) == 3
    done = alone(copy, env={"GRAPHS_NATIVE_CACHE": str(tmp_path / "none"), "CC": "no-such-compiler"})
    assert done.returncode
    last = done.stderr.splitlines()[-1]
    assert "whose libraries are for another machine, and CC names no-such-compiler" in last
    rewritten(copy, target=compiler.target())  # the right processor, and no library after all
    done = alone(copy, env={"GRAPHS_NATIVE_CACHE": str(tmp_path / "cache")})
    assert (done.returncode, done.stdout) == (0, expected), done.stderr


def test_it_replaces_frozen_functions_and_nothing_else(tmp_path):
    v = pt.dvector("v")
    one, two = (pytensor.function([v], v + k, mode="NATIVE", name=f"f{k}") for k in (1, 2))
    place = tmp_path / "there"
    assert freeze(one, place) == place
    freeze(two, str(place))
    assert graphs.frozen.load(place).f2([1.0]) == [3.0]
    assert not (place / "f1.c").exists()
    (place / "mine.txt").write_text("mine")
    before = sorted(place.iterdir())
    with pytest.raises(InputError, match="in which something else stands"):
        freeze(one, place)
    assert sorted(place.iterdir()) == before
    file = tmp_path / "file"
    file.write_text("mine")
    for other in (file, file / "below", 3, ""):
        with pytest.raises(InputError, match="folder: "):
            freeze(one, other)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "there"]
    empty = tmp_path / "empty"
    empty.mkdir()
    freeze(one, empty)
    assert graphs.frozen.load(empty).f1([1.0]) == [2.0]


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    v = pt.dvector("v")
    one = pytensor.function([v], v + 1, mode="NATIVE", name="f")
    freeze(one, tmp_path / "there")
    written = folder_module.write_whole

    def full(path, data):
        if path.name == "values.npz":
            raise OSError(28, "No space left on device")
        written(path, data)

    monkeypatch.setattr(folder_module, "write_whole", full)
    with pytest.raises(InputError, match="No space left"):
        freeze(one, tmp_path / "there")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    assert graphs.frozen.load(tmp_path / "there").f([1.0]) == [2.0]
