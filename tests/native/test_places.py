"""Where a library can neither be written nor run: another place is found, or the default mode runs and says why."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from graphs import temporary
from graphs.compiled import cache, compiler
from graphs.native import NativeLinker, NativeMode, NotNative

v = pt.dvector("v")


@pytest.fixture(autouse=True)
def plain_default():
    """PyTensor's default mode compiles through Numba; its Python linker does for these tests."""
    compiler.find_compiler.cache_clear()
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        yield
    compiler.find_compiler.cache_clear()


@pytest.fixture
def mount(tmp_path):
    """``mount(options)``: an empty file system of its own in memory."""
    with contextlib.ExitStack() as mounted:

        def mount(options: str) -> Path:
            place = tmp_path / options
            place.mkdir()
            command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
            try:
                done = subprocess.run(command, capture_output=True, text=True, check=False)
            except OSError as problem:
                pytest.skip(f"nothing can be mounted here: {problem}")
            if done.returncode:
                pytest.skip(f"nothing can be mounted here: {done.stderr}")
            mounted.callback(subprocess.run, ["umount", "-l", str(place)], check=True)
            return place

        yield mount


def no_memory_files(monkeypatch) -> None:
    def refuse(name):
        raise PermissionError(1, "not here")

    monkeypatch.setattr(os, "memfd_create", refuse, raising=False)


def use(folder: Path, monkeypatch, *, others: tuple[str, ...] = ()) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setattr(temporary, "OTHERS", others)
    monkeypatch.setattr(temporary, "_owned", {})
    monkeypatch.setenv(cache.VARIABLE, str(folder / "kept"))


def call(factor: float, warns: str = "") -> None:
    compiler._opening.cache_clear()
    with pytest.warns(NotNative, match=warns) if warns else contextlib.nullcontext() as caught:
        fn = pytensor.function([v], v * factor + 1, mode=NativeMode(NativeLinker()))
        for _ in range(2):
            np.testing.assert_array_equal(fn([1.0, 2.0]), [1 + factor, 1 + 2 * factor])
    if caught:
        assert len([w for w in caught if w.category is NotNative]) == 1


def test_a_folder_without_programs_is_no_obstacle(mount, monkeypatch):
    folder = mount("noexec")
    use(folder, monkeypatch)
    call(2.5)
    assert list((folder / "kept").glob("*.so"))
    call(2.5)


def test_where_nothing_can_be_loaded_it_says_so(mount, monkeypatch):
    folder = mount("noexec")
    use(folder, monkeypatch)
    no_memory_files(monkeypatch)
    call(3.5, "neither from memory .* nor from the temporary folder .* name a folder in TMPDIR")
    assert not list((folder / "kept").glob("*.so"))


@pytest.mark.parametrize("size", ["4k", "64k"])
def test_a_full_folder_is_passed_by_or_named(mount, monkeypatch, tmp_path, size):
    folder = mount(f"size={size}")
    with contextlib.suppress(OSError):
        (folder / "fill").write_bytes(bytes(60_000))
    use(folder, monkeypatch, others=(str(tmp_path),))
    call(4.5)
    use(folder, monkeypatch)
    call(5.5, f"{folder}.*(No space left|no room).*free some room there, or name another folder in TMPDIR")


def test_two_ways_to_load_the_same_bytes(monkeypatch):
    rest = "int one_call(void) { return 0; } int many_steps(void) { return 0; }"
    texts = [f"int one_step(void) {{ return {k}; }} {rest}" for k in range(3)]
    for _ in range(2):
        libraries = [compiler.load_text(text) for text in texts]
        assert [library.one_step() for library in libraries] == [0, 1, 2]
        no_memory_files(monkeypatch)


def test_a_library_of_something_else_is_made_anew(tmp_path, monkeypatch):
    use(tmp_path, monkeypatch)
    call(6.5)
    (library,) = (tmp_path / "kept").glob("*.so")
    other = compiler.Compilation("int something_else(void) { return 1; }").library()
    for data in (other, b"", b"\x7fELF" + bytes(100)):
        cache.store(library.stem, ".so", data)
        call(6.5)


@pytest.mark.parametrize("variable", ["CC", "GRAPHS_NATIVE_CFLAGS"])
def test_a_quotation_that_does_not_end_is_named(tmp_path, monkeypatch, variable):
    use(tmp_path, monkeypatch)
    monkeypatch.setenv(variable, 'gcc "')
    call(7.5, f"{variable} is 'gcc \"', whose quotation does not end: end it, or unset {variable}")


@pytest.mark.parametrize("value", ["", "  ", "\t\n"])
def test_blanks_name_no_compiler_and_no_flag(tmp_path, monkeypatch, value):
    use(tmp_path, monkeypatch)
    for variable in ("CC", "GRAPHS_NATIVE_CFLAGS"):
        monkeypatch.setenv(variable, value)
    call(8.5)


@pytest.mark.parametrize("value", ['""', "/", "no-such 'thing'", "\x1b]0;x\x07"])
def test_what_is_no_compiler_is_named(tmp_path, monkeypatch, value):
    use(tmp_path, monkeypatch)
    monkeypatch.setenv("CC", value)
    with pytest.warns(NotNative, match="CC names") as caught:
        pytensor.function([v], v * 9.5, mode=NativeMode(NativeLinker()))
    assert str(caught[0].message).isprintable()


def test_libraries_are_apart_though_their_descriptors_are_not():
    """The loader takes two files of one name for the same."""
    numbers = [compiler.load_text(f"int f(void) {{ return {k}; }}") for k in range(4)]
    assert [library.f() for library in numbers] == [0, 1, 2, 3]
    assert isinstance(numbers[0], ctypes.CDLL)
    assert sys.platform != "linux" or not [
        link for link in os.listdir("/proc/self/fd") if "memfd:graphs" in _target(link)
    ]


def _target(link: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{link}")
    except OSError:
        return ""
