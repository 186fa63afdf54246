"""The folder of frozen functions: written whole, and checked whole before anything in it is executed.

================  ===========================================================
manifest.json     what each function takes, gives and changes; versions; the checksum of every file and its own
NAME.c, NAME.h    the C file of each function, and what a program in C includes
NAME.so           its library, for the processor named in the manifest; on another one the C file is compiled again
values.npz        the values that the functions share, and their constant arrays
================  ===========================================================
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from graphs.compiled.compiler import FLAGS, CompilerMissing, library_bytes, load_library, open_library, target
from graphs.compiled.program import Program
from graphs.errors import InputError
from graphs.files import DamagedFile, file_path, npz_arrays, read_whole, write_whole
from graphs.foreign import plain, quoted
from graphs.frozen.description import NAME, Description
from graphs.frozen.for_c import ending, header
from graphs.frozen.function import Frozen

__all__ = ["ToKeep", "load", "write"]

MANIFEST, VALUES = "manifest.json", "values.npz"
FORMAT, VERSION = "graphs: frozen functions", 2
MOST_TEXT, MOST_VALUES = 2**26, 2**40  # bytes
FILE = re.compile(rf"{NAME.pattern}\.(c|h|so)|{re.escape(VALUES)}")
ALLOWED = "a folder that graphs.native.freeze, or `graphs freeze`, has written"
AGAIN = "freeze the functions again"


class ToKeep(NamedTuple):
    """One function, as it is to be frozen."""

    described: Description
    program: Program


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a manifest says of one function."""

    described: Description
    constants: list[str]  # in hexadecimal, exact
    tables: list[str]  # their names among the values
    errors: list[tuple[str, str]]
    functions: list[str]
    layouts: str


class _Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    version: int
    functions: list[_Kept]
    shared: dict[str, str]  # the name of each shared value, and its name among the values
    target: dict[str, str]  # what the libraries are for
    versions: dict[str, str]  # what made them
    flags: list[str]
    files: dict[str, str]  # SHA-256 of each
    sha256: str  # of this manifest, with nothing here

    def checksum(self) -> str:
        return hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(self, sha256=""))).hexdigest()


class _Head(msgspec.Struct, frozen=True):
    format: str
    version: int


# ---- written


def write(
    folder: str | os.PathLike[str],
    functions: Sequence[ToKeep],
    shared: Mapping[str, NDArray[Any]],
    versions: Mapping[str, str],
) -> Path:
    """Write functions, the values that they share.

    Raises
    ------
    InputError
        If `folder` is none that can be written: something else stands there; or there is no compiler.
    """
    place = _to_write(folder)
    texts = {each.described.name: each.program.text + ending(*each) for each in functions}
    named = {name: f"shared_{name}" for name in shared}
    values = {named[name]: np.asarray(value) for name, value in shared.items()}
    files: dict[str, bytes] = {}
    listed = []
    for described, program in functions:
        name = described.name
        tables = {f"{name}_table_{k}": table for k, table in enumerate(program.table_arrays())}
        values |= tables
        files[f"{name}.c"] = texts[name].encode()
        files[f"{name}.h"] = header(described, program).encode()
        try:
            files[f"{name}.so"] = library_bytes(texts[name])
        except CompilerMissing as why:
            raise InputError("compiler", found=plain(why, 600), allowed="a C compiler that works") from why
        constants = [float(c).hex() for c in program.constants]
        errors = [(kind, message) for kind, message in program.errors]
        listed.append(_Kept(described, constants, list(tables), errors, program.functions, program.layouts))
    npz = io.BytesIO()
    np.savez(npz, **values)  # type: ignore[arg-type]  # names are ours, and none is `file`
    files[VALUES] = npz.getvalue()
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    manifest = _Manifest(
        FORMAT, VERSION, listed, named, target(), dict(versions), list(FLAGS), sums, sha256=""
    )
    manifest = msgspec.structs.replace(manifest, sha256=manifest.checksum())
    files[MANIFEST] = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    _put(place, files)
    return place


def _to_write(folder: str | os.PathLike[str]) -> Path:
    """The folder's path, where it can be written: nothing stands there, or nothing but frozen functions."""
    path = file_path("folder", folder)
    try:
        names = os.listdir(path)
    except FileNotFoundError:
        names = []
    except OSError as error:
        raise InputError("folder", found=f"{path} ({error.strerror})", allowed="a new folder") from error
    if names and not _is_frozen(path, names):
        raise InputError(
            "folder",
            found=f"{path}, in which something else stands",
            allowed="a new or empty folder, or one of frozen functions, which are replaced",
        )
    return Path(os.path.abspath(path))


def _is_frozen(path: Path, names: Sequence[str]) -> bool:
    if MANIFEST not in names or not all(FILE.fullmatch(name) or name == MANIFEST for name in names):
        return False
    with contextlib.suppress(OSError, DamagedFile, msgspec.MsgspecError, RecursionError):
        data = read_whole(path / MANIFEST, MOST_TEXT)
        return msgspec.json.decode(data, type=_Head).format == FORMAT
    return False


def _put(place: Path, files: Mapping[str, bytes]) -> None:
    """Write the folder beside its place, and give it the place in one rename.

    One that stood there is taken away just before; a process that is killed between the two leaves it beside, under a name
    that begins with a dot.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{place.name[:40]}.", suffix=".part", dir=place.parent))
        try:
            for name, data in files.items():
                write_whole(part / name, data)
            part.chmod(0o777 & ~_umask())
            old = part.with_suffix(".old")
            with contextlib.suppress(FileNotFoundError):
                os.rename(place, old)
            try:
                os.rename(part, place)
            except OSError:
                if old.exists():
                    os.rename(old, place)
                raise
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        found = f"{place} ({error.strerror or error})"
        raise InputError("folder", found=found, allowed="a folder that can be written") from error


def _umask() -> int:
    before = os.umask(0o077)
    os.umask(before)
    return before


# ---- read


def load(folder: str | os.PathLike[str]) -> Frozen:
    """Functions that were frozen, and the values that they share.

    Every file is compared with its checksum before anything of it is used. Where the libraries are for another processor
    than this one, the C files are compiled again. The libraries are code: load only folders that you trust.

    Parameters
    ----------
    folder : path

    Raises
    ------
    InputError
        If there are no frozen functions there, a file is missing, damaged or of another version; or if they must be
        compiled again, and there is no compiler.
    """
    path = file_path("folder", folder)
    manifest = _manifest(path)
    if manifest.checksum() != manifest.sha256:
        raise _refused(path, f"{MANIFEST} was changed")
    files = {}
    for name, expected in manifest.files.items():
        if not FILE.fullmatch(name):
            raise _refused(path, f"{MANIFEST} names {quoted(name)}")
        files[name] = _read(path, name, MOST_VALUES if name == VALUES else MOST_TEXT)
        if hashlib.sha256(files[name]).hexdigest() != expected:
            raise _refused(path, f"{name} was changed, or is damaged")
    try:
        values = npz_arrays(files[VALUES])
        programs = {each.described.name: _program(each, files, values) for each in manifest.functions}
        described = [each.described for each in manifest.functions]
        shared = {name: values[kept] for name, kept in manifest.shared.items()}
        _fit(described, programs, shared)
    except KeyError as missing:
        raise _refused(path, f"{missing} is missing") from missing
    except (ValueError, DamagedFile) as problem:
        raise _refused(path, plain(problem)) from problem
    fits = manifest.target == target()
    libraries = {
        name: _library(path, program.text, files[f"{name}.so"] if fits else None)
        for name, program in programs.items()
    }
    return Frozen(described, programs, libraries, shared)


def _refused(path: Path, why: str) -> InputError:
    return InputError("folder", found=f"{path}: {why}", allowed=ALLOWED, remedy=AGAIN)


def _read(path: Path, name: str, most: int) -> bytes:
    try:
        return read_whole(path / name, most)
    except OSError as error:
        raise _refused(path, f"{name} cannot be read ({error.strerror or error})") from error
    except DamagedFile as error:
        raise _refused(path, f"{name}: {error}") from error


def _manifest(path: Path) -> _Manifest:
    data = _read(path, MANIFEST, MOST_TEXT)
    try:
        head = msgspec.json.decode(data, type=_Head)
        if head.format != FORMAT:
            raise _refused(path, f"{MANIFEST} is something else's")
        if head.version != VERSION:
            raise _refused(path, f"{MANIFEST} is of version {head.version}, and this program reads {VERSION}")
        return msgspec.json.decode(data, type=_Manifest)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise _refused(path, f"{MANIFEST} is damaged ({plain(error, 200)})") from error


def _program(kept: _Kept, files: Mapping[str, bytes], values: Mapping[str, NDArray[Any]]) -> Program:
    tables = [values[name] for name in kept.tables]
    program = Program.of_arrays(
        files[f"{kept.described.name}.c"].decode(),
        inputs=[[each.dtype, len(each.shape)] for each in kept.described.arguments],
        outputs=[[each.dtype, len(each.shape)] for each in kept.described.results],
        constants=[float.fromhex(c) for c in kept.constants],
        tables=tables,
        errors=[list(error) for error in kept.errors],
        layouts=kept.layouts,
        functions=kept.functions,
    )
    program.check()
    kept.described.check(program)
    return program


def _fit(
    described: Sequence[Description],
    programs: Mapping[str, Program],
    shared: Mapping[str, NDArray[Any]],
) -> None:
    """Raise a ValueError unless the values are such as the functions take."""
    if len(programs) != len(described):
        raise ValueError("two functions of one name")
    for each in (argument for function in described for argument in function.arguments):
        if not each.shared:
            continue
        value = shared[each.name]
        lengths = zip(each.shape, value.shape, strict=False)
        if (value.dtype.name, value.ndim) != (each.dtype, len(each.shape)) or any(
            known not in (None, n) for known, n in lengths
        ):
            raise ValueError(f"{each.name} is {value.dtype} of shape {value.shape}")


def _library(path: Path, text: str, data: bytes | None) -> Callable[[], Any]:
    """The library of a C file: from its bytes, where they are for this machine, else compiled."""
    if data is not None:
        with contextlib.suppress(CompilerMissing):  # for another C library after all
            return functools.partial(_same, load_library(data))
    try:
        return functools.partial(_same, open_library(text))
    except CompilerMissing as why:
        raise InputError(
            "folder",
            found=f"{path}, whose libraries are for another machine, and {plain(why, 600)}",
            allowed="libraries for this one, or a C compiler that makes them",
        ) from why


def _same(library: Any) -> Any:
    return library
