"""`scripts/run` on machines that lack something: one sentence each, exit code 2.

The set-up itself is proved by whoever runs these tests through `scripts/run test`, and by .ci/run in
an empty home.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT

COPIED = ("scripts", "setup.cfg", "pyproject.toml", "graphs", "README.md", "LICENSE")


@pytest.fixture
def clone(tmp_path):
    """The project without an environment."""
    for name in COPIED:
        source, target = ROOT / name, tmp_path / "clone" / name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return tmp_path / "clone"


def run(clone: Path, *arguments: str, prefix: tuple[str, ...] = (), **env: str):
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHON", "EXTRAS", "PYTHONPATH")}
    return subprocess.run(
        [*prefix, str(clone / "scripts/run"), *arguments],
        env={**clean, **env},
        capture_output=True,
        text=True,
        timeout=240,
    )


def refused(done, *words):
    assert done.returncode == 2, done.stderr
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_help_lists_the_commands(clone):
    done = run(clone, "help")
    assert done.returncode == 0
    for command in ("reproduce", "test"):
        assert f"  {command} " in done.stdout


def test_no_command_and_an_unknown_one(clone):
    refused(run(clone), "usage: scripts/run COMMAND")
    refused(run(clone, "nosuch"), "there is no command 'nosuch'")


def fake_python(folder: Path, version: str) -> Path:
    """An interpreter that answers with another version."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("version", ["3.10", "3.8", "3.15"])
def test_an_unsupported_python_is_named(clone, tmp_path, version):
    refused(
        run(clone, "reproduce", PYTHON=str(fake_python(tmp_path, version))),
        f"is Python {version}; Python 3.11, 3.12, 3.13 or 3.14 is needed",
    )
    assert not (clone / ".venv").exists()


def test_a_missing_python_is_named(clone):
    refused(run(clone, "test", PYTHON="no-such-python"), "there is no 'no-such-python' here")


def test_a_broken_environment_is_named(clone):
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "bin" / "python").symlink_to("/nonexistent/python")
    refused(run(clone, "reproduce"), ".venv is broken", "rm -r .venv")


def test_an_environment_of_another_python_is_named(clone, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(clone / ".venv")], check=True)
    mine = ".".join(map(str, sys.version_info[:2]))
    other = "3.12" if mine != "3.12" else "3.11"
    refused(
        run(clone, "test", PYTHON=str(fake_python(tmp_path, other))), "was made with another Python", other
    )


@pytest.mark.parametrize("environment", ["there", pytest.param("made", marks=pytest.mark.long)])
def test_no_network_is_said_in_one_sentence(clone, environment):
    """In a network namespace without so much as a loopback.

    Making an environment takes no network, but half a minute of a slow machine: the first case finds one
    with everything but the packages, as an earlier try without a network leaves it.
    """
    alone = ("unshare", "--net", "--map-root-user")
    if not shutil.which("unshare") or subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("this system lets no user make a network namespace")
    if environment == "there":
        pip = pytest.importorskip("pip")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(clone / ".venv")], check=True)
        (packages,) = (clone / ".venv").glob("lib/python*/site-packages")
        (packages / "pip").symlink_to(Path(pip.__file__).parent)
        (clone / ".venv/bin/pip").symlink_to("python")
    done = run(clone, "reproduce", prefix=alone, PYTHON=sys.executable)
    refused(done, "setting up needs the network once, and there is none")
    assert len(done.stderr.strip().splitlines()) == 2  # what it does, and why it could not


@pytest.mark.parametrize(("which", "says"), [("SIGINT", "interrupted"), ("SIGTERM", "terminated")])
def test_a_signal_while_it_sets_up_is_said_and_leaves_nothing(clone, tmp_path, which, says):
    python, begun = tmp_path / "python", tmp_path / "begun"
    python.write_text(
        f'#!/bin/sh\n[ "$1" = -m ] || {{ echo 3.13; exit; }}\nmkdir "$3"; sleep 60 & echo $! >{begun}; wait\n'
    )
    python.chmod(0o755)
    (tmp_path / "temporary").mkdir()
    env = {**os.environ, "PYTHON": str(python), "TMPDIR": str(tmp_path / "temporary")}
    command = [str(clone / "scripts/run"), "reproduce"]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as process:
        while not (begun.exists() and begun.read_text().strip()):
            time.sleep(0.01)
        number = getattr(signal, which)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert said.splitlines()[1:] == [f"scripts/run: {says}."]
    assert not (clone / ".venv").exists()
    assert not list((tmp_path / "temporary").iterdir())
    what_it_began, end = Path("/proc", begun.read_text().strip(), "cmdline"), time.monotonic() + 10
    with contextlib.suppress(FileNotFoundError):  # it was told to end, and does so when its turn comes
        while "sleep" in what_it_began.read_text():
            assert time.monotonic() < end
            time.sleep(0.01)
