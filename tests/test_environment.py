"""What the tools find around PyTensor, and what they do where it is not as it should be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings

import pytest

import graphs
from graphs.environment import (
    drop_odd_thread_counts,
    own_warnings_only,
    prepare_compile_folder,
    stabilizing_rewrites_fire,
    stamp,
)


def test_the_stamp_is_plain_data_with_versions_and_machine():
    made = stamp()
    assert json.loads(json.dumps(made)) == made
    assert {"python", "pytensor", "numpy", "scipy"} <= made["versions"].keys()
    assert {"system", "cpu", "cores", "blas", "threads"} == made["machine"].keys()


def test_the_stabilizing_rewrites_fire_here():
    assert stabilizing_rewrites_fire()


WITHOUT_PACKAGING = """
import sys
sys.modules["packaging"] = None  # importing it now fails, as where it is not installed
sys.modules["packaging.version"] = None
from graphs.environment import stabilizing_rewrites_fire
print(stabilizing_rewrites_fire())
"""


def test_they_are_found_missing_where_packaging_is():
    import pytensor

    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PACKAGING], capture_output=True, text=True, timeout=120
    )
    fixed_since = tuple(int(part) for part in pytensor.__version__.split(".")[:2]) >= (3, 2)
    assert done.stdout.strip() == str(fixed_since), done.stderr


@pytest.mark.parametrize("home", ["/proc/none", "/dev/null"])
def test_a_home_that_cannot_be_written_is_no_obstacle(home):
    """/proc and /dev/null take no folder from anyone, root included."""
    env = {k: v for k, v in os.environ.items() if k != "PYTENSOR_FLAGS"} | {"HOME": home}
    code = "import graphs, pytensor; print(pytensor.config.base_compiledir)"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    assert home not in done.stdout


def test_a_folder_that_others_can_write_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("HOME", "/proc/none")
    monkeypatch.setenv("PYTENSOR_FLAGS", "floatX=float64")
    planted = tmp_path / f"pytensor-{os.getuid()}"
    planted.mkdir()
    planted.chmod(0o777)
    chosen = prepare_compile_folder()
    assert chosen != planted
    assert os.environ["PYTENSOR_FLAGS"] == f"floatX=float64,base_compiledir={chosen}"
    planted.chmod(0o700)
    monkeypatch.setenv("PYTENSOR_FLAGS", "")
    assert prepare_compile_folder() == planted


def test_a_folder_named_by_the_user_is_left_alone(monkeypatch):
    monkeypatch.setenv("HOME", "/proc/none")
    monkeypatch.setenv("PYTENSOR_FLAGS", "base_compiledir=/somewhere")
    assert prepare_compile_folder() is None


def test_only_the_named_warnings_are_hidden():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with own_warnings_only():
            warnings.warn("PyTensor could not link to a BLAS installation. …", stacklevel=1)
            warnings.warn("something else", stacklevel=1)
    assert [str(w.message) for w in seen] == ["something else"]


LIGHT = """
import sys, types
graphs = sys.modules["graphs"] = types.ModuleType("graphs")  # without what the package itself imports
graphs.__path__ = [sys.argv[1]]
before = {*sys.modules}
import graphs.environment, graphs.errors, graphs.files, graphs.interruption, graphs.listener
graphs.environment.prepare_compile_folder()
new = {name.split(".")[0] for name in {*sys.modules} - before}
print(*sorted(new - sys.stdlib_module_names), *sorted(new & {"tempfile", "platform", "subprocess"}))
"""


def test_what_a_command_imports_before_it_knows_what_to_do_is_light():
    command = [sys.executable, "-c", LIGHT, os.path.dirname(graphs.__file__)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["graphs"]


@pytest.mark.parametrize(
    ("value", "kept"), [("2", "2"), ("2,2", "2"), (" 3 , 1", "3"), ("007", "007"), ("", ""), ("  ", "")]
)
def test_a_number_of_threads_is_a_number(monkeypatch, value, kept):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    drop_odd_thread_counts()
    assert os.environ.get("OMP_NUM_THREADS", "") == kept


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"])
@pytest.mark.parametrize("value", ["abc", "0", "-1", "2,abc", "²", "1e3", "9" * 5000, "\x1b]0;owned\x07"])
def test_a_number_of_threads_that_is_none_is_said_and_dropped(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.warns(UserWarning, match=f"{name}: found .*; allowed: a whole number ≥ 1") as caught:
        drop_odd_thread_counts()
    assert name not in os.environ
    assert str(caught[0].message).isprintable()
    assert len(str(caught[0].message)) < 200


def test_a_command_says_it_in_a_sentence(run_script):
    done = run_script("cache", env={"OMP_NUM_THREADS": "abc"})
    told = "graphs: OMP_NUM_THREADS: found 'abc'; allowed: a whole number ≥ 1. It is taken as not set.\n"
    assert (done.returncode, done.stderr) == (0, told)


@pytest.mark.parametrize("value", ["2,2", "abc"])
def test_pytensor_can_be_imported_whatever_the_number_of_threads(value):
    env = os.environ | {"OMP_NUM_THREADS": value}
    code = "import graphs, pytensor, numba; print(pytensor.config.openmp)"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("options", ["noexec", "size=4k"])
def test_a_home_that_cannot_hold_code_is_passed_by(tmp_path, monkeypatch, options):
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr}")
    try:
        monkeypatch.setattr("tempfile.tempdir", str(temporary))
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setenv("PYTENSOR_FLAGS", "")
        assert prepare_compile_folder() == temporary / f"pytensor-{os.getuid()}"
    finally:
        subprocess.run(["umount", "-l", str(home)], check=True)


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"HOME": "/tmp/nowhere at all"},
        {"PYTENSOR_FLAGS": "floatX=float32, base_compiledir = ~/there,base_compiledir=~/here"},
        {"PYTENSOR_FLAGS": "base_compiledir='/tmp/a,b'"},
        {"PYTENSORRC": "{rc}"},
    ],
)
def test_the_compile_folder_is_pytensors_own(env, tmp_path):
    """Found without importing PyTensor, where that can be."""
    (tmp_path / "rc").write_text(f"[global]\nbase_compiledir = {tmp_path}/set\n")
    code = (
        "import sys\nfrom graphs.environment import base_compile_folder\nfound = base_compile_folder()\n"
        "early = 'pytensor' in sys.modules\nimport pytensor\n"
        "assert found == base_compile_folder() == pytensor.config.base_compiledir, found\nprint(early)"
    )
    given = {name: value.format(rc=tmp_path / "rc") for name, value in env.items()}
    whole = {name: value for name, value in os.environ.items() if name != "PYTENSOR_FLAGS"} | given
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=whole, timeout=60)
    assert done.returncode == 0, done.stderr
    asked = any(mark in f"{given}" for mark in ("PYTENSORRC", "a,b"))
    assert done.stdout.split() == [str(asked)]
