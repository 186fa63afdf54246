"""The C compiler works while Python goes on, and never outlives what asked for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from graphs.compiled import compiler
from graphs.compiled.compiler import begin_library, open_library
from graphs.native import NativeLinker, NativeMode

v = pt.dvector("v")
# Says that it has begun and who it is, then waits until it may go on.
WAITING = """#!/bin/sh
echo $$ >> {folder}/begun
until [ -e {folder}/go ]; do sleep 0.01; done
exec gcc "$@"
"""
UNCALLED = """
import os, time, pytensor, pytensor.tensor as pt
from graphs.native import NativeLinker, NativeMode
v = pt.dvector("v")
fn = pytensor.function([v], v * 3.5, mode=NativeMode(NativeLinker(cached=False)))
while not os.path.exists(os.environ["TMPDIR"] + "/begun"):
    time.sleep(0.01)
"""

FORKED = """
child = os.fork()
if not child:
    open(os.environ["TMPDIR"] + "/go", "w").close()
    print("child", fn([2.0]).tolist(), flush=True)
    os._exit(0)
_, status = os.waitpid(child, 0)
print("parent", status, fn([2.0]).tolist())
"""


@pytest.fixture
def waiting(tmp_path, monkeypatch):
    """A compiler that waits for the file ``go``, and where it does."""
    script = tmp_path / "waiting-gcc"
    script.write_text(WAITING.format(folder=tmp_path))
    script.chmod(0o755)
    monkeypatch.setenv("CC", str(script))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    compiler.find_compiler.cache_clear()
    compiler._opening.cache_clear()
    yield tmp_path
    (tmp_path / "go").touch()
    compiler.find_compiler.cache_clear()


def begun(folder: Path, count: int) -> list[int]:
    """The compilers that have begun, once there are so many."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        lines = (folder / "begun").read_text().split() if (folder / "begun").exists() else []
        if len(lines) >= count:
            return [int(line) for line in lines]
        time.sleep(0.01)
    raise AssertionError(f"no {count} compilers began")


def native(factor: float):
    return pytensor.function([v], pt.sin(v) * factor + v, mode=NativeMode(NativeLinker(cached=False)))


def left(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("native-*")]


def test_a_function_is_there_before_its_library(waiting):
    fn = native(1.5)  # would not come back if it waited
    begun(waiting, 1)
    (waiting / "go").touch()
    np.testing.assert_allclose(fn([1.0]), [np.sin(1.0) * 1.5 + 1.0])
    assert not left(waiting)


def test_no_more_compilers_than_cores(waiting, monkeypatch):
    monkeypatch.setattr(compiler, "_under_way", [])
    monkeypatch.setattr(compiler, "usable_cores", lambda: 2)
    rest = "int one_call(void) { return 0; } int many_steps(void) { return 0; }"
    texts = [f"int one_step(void) {{ return {k}; }} {rest}" for k in range(3)]
    for text in texts[:2]:
        begin_library(text, False)
    begun(waiting, 2)
    waited = []

    def let_go(self):
        waited.append(len(begun(waiting, 2)))
        (waiting / "go").touch()
        return real(self)

    real = compiler.Compilation.wait
    monkeypatch.setattr(compiler.Compilation, "wait", let_go)
    begin_library(texts[2], False)
    assert waited == [2], "the third waits for one of the two"
    assert [open_library(text, False).one_step(*[None] * 4, 1, None) for text in texts] == [0, 1, 2]


def test_a_compiler_may_be_named_by_a_path_from_here(waiting, monkeypatch):
    monkeypatch.chdir(waiting)
    monkeypatch.setenv("CC", "./waiting-gcc")
    compiler.find_compiler.cache_clear()
    (waiting / "go").touch()
    np.testing.assert_allclose(native(4.5)([1.0]), [np.sin(1.0) * 4.5 + 1.0])


def test_a_function_that_is_never_called_leaves_nothing(waiting):
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", UNCALLED], cwd=root, check=False, timeout=120)
    assert done.returncode == 0
    (process,) = begun(waiting, 1)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    assert not left(waiting)


def test_ctrl_c_while_waiting_stops_the_compiler(waiting):
    root = Path(__file__).parents[2]
    # A shell starts what it puts into the background with SIGINT ignored, and this may be such a one's child.
    listening = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    command = [sys.executable, "-c", listening + UNCALLED + "fn([1.0])"]
    with subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, text=True) as process:
        (started,) = begun(waiting, 1)
        time.sleep(0.2)  # most likely it waits by now; it must leave nothing anyway
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    assert "KeyboardInterrupt" in said
    with pytest.raises(ProcessLookupError):
        os.kill(started, 0)
    assert not left(waiting)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_compiles_for_itself(waiting):
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", UNCALLED + FORKED],
        cwd=root,
        check=False,
        timeout=120,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "child [7.0]\nparent 0 [7.0]\n"), done.stderr
    begun(waiting, 2)  # the child's own, for its parent's is no child of it
    assert not left(waiting)
