"""C text becomes a loaded library: from the cache, or through a C compiler that works while Python goes on."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import itertools
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator, Sequence
from importlib import util
from pathlib import Path
from typing import NamedTuple

from graphs import fork, temporary
from graphs.compiled import cache
from graphs.compiled.team import short_waits
from graphs.environment import usable_cores
from graphs.errors import install_command
from graphs.foreign import plain, quoted

__all__ = [
    "CompilerMissing",
    "begin_library",
    "compiler_version",
    "library_bytes",
    "load_library",
    "load_text",
    "open_library",
    "seconds_waited",
    "target",
]

# Contraction would make x*x - x*x differ from 0; products in dots ask for it themselves. Neither errno
# nor floating-point traps are looked at, and giving them up costs no NaN or infinity.
FLAGS = [
    "-std=gnu11",
    "-O2",
    "-march=native",
    "-fPIC",
    "-shared",
    "-Wl,-Bsymbolic",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=off",
    "-fwrapv",
]
FLAGS_VARIABLE = "GRAPHS_NATIVE_CFLAGS"
THREADS: tuple[tuple[str, ...], ...] = (("-fopenmp",), ("-fopenmp-simd",), ())
MORE_ROOM = "free some room there, or name another folder in TMPDIR"
REMEDY = f"install gcc or clang, or `{install_command('native')}`, which brings ziglang, a C compiler"


class CompilerMissing(Exception):
    """No C compiler, or one that does not work, or no place for what it makes; the message says what to do."""


def begin_library(text: str, cached: bool = True) -> None:
    """Start to make the library of a C text, unless it is at hand; Python need not wait for it.

    Raises :class:`CompilerMissing` if there is no compiler to start.
    """
    _opening(text, cached)


def open_library(text: str, cached: bool = True) -> ctypes.CDLL:
    """The library of a C text, with ``one_step``, ``one_call`` and ``many_steps``; waits until it is made.

    Raises :class:`CompilerMissing` if it must be compiled and cannot be.
    """
    return _opening(text, cached).library()


def seconds_waited(text: str, cached: bool = True) -> float:
    """How long Python has waited for the compiler in :func:`open_library`: nothing where the cache had the library."""
    return _opening(text, cached).waited


def library_bytes(text: str) -> bytes:
    """The library of a C text as the bytes of a file, for somebody to keep: compiled now."""
    return _begun(text).library()


def load_library(data: bytes) -> ctypes.CDLL:
    """Load a library from these very bytes.

    Raises :class:`CompilerMissing` where they are none for this system, or there is no place from which to load them.
    """
    try:
        return _declared(_loaded(data))
    except AttributeError as problem:
        raise CompilerMissing(f"a library without its functions ({plain(problem)})") from None


def target() -> dict[str, str]:
    """What machine a library that is compiled here is for."""
    return {"system": platform.system(), "machine": platform.machine(), "processor": _processor()}


def load_text(text: str) -> ctypes.CDLL:
    """The library of any C text, compiled now and not kept.

    Raises :class:`CompilerMissing` if there is no compiler, or it refuses the text even without threads.
    """
    return _loaded(Compilation(text).library())


class _Opening:
    """A library that is loaded, or being made."""

    def __init__(self, text: str, cached: bool) -> None:
        self.text, self.cached = text, cached
        # Comments say the numbers that a call is given: another learning rate is the same library.
        without_comments = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
        self.key = cache.digest("library", without_comments, _toolchain())
        self.lock = fork.open_lock()
        self.compilation: Compilation | None = None
        self.waited = 0.0  # seconds
        self.loaded = self._kept() if cached else None
        if self.loaded is None:
            self.compilation = _begun(text)

    def _kept(self) -> ctypes.CDLL | None:
        temporary.remove_left()  # also where nothing is compiled
        found = cache.load(self.key, ".so")
        try:
            return _declared(_loaded(found[1])) if found else None
        except (CompilerMissing, AttributeError):  # made for another machine after all, or something else
            return None

    def library(self) -> ctypes.CDLL:
        """The library, as soon as it is made."""
        with self.lock:
            if self.loaded is None:
                compilation, self.compilation = self.compilation or _begun(self.text), None
                started = time.perf_counter()
                data = compilation.library()
                self.waited += time.perf_counter() - started
                self.loaded = _declared(_loaded(data))
                if self.cached:
                    cache.store(self.key, ".so", data)
            return self.loaded


_opening = functools.lru_cache(maxsize=256)(_Opening)


def _loaded(data: bytes) -> ctypes.CDLL:
    """Load a library from these very bytes: from memory, or from a file that is gone again afterwards.

    Raises :class:`CompilerMissing` where neither can be done.
    """
    try:
        with short_waits():  # OpenMP may come with it
            return _from_memory(data)
    except OSError as problem:
        first = problem
    try:
        with temporary.folder("library") as folder:
            path = folder / "step.so"
            path.write_bytes(data)
            with short_waits():
                return ctypes.CDLL(os.fspath(path))
    except OSError as problem:
        raise CompilerMissing(
            f"a library can be loaded neither from memory ({plain(first)}) nor from the temporary folder "
            f"({plain(problem)}): name a folder in TMPDIR that has room and is not mounted noexec"
        ) from None


_loads = itertools.count(1)


def _from_memory(data: bytes) -> ctypes.CDLL:
    """Load a library through a file that no folder holds, so that no mount can forbid it; Linux has these."""
    if not hasattr(os, "memfd_create"):
        raise OSError("this system loads none from there")
    descriptor = os.memfd_create("graphs")
    try:
        with open(descriptor, "wb", closefd=False) as stream:
            stream.write(data)
        # The loader knows libraries by name, and the next one may get this very descriptor: each is spelled in
        # another way, with the bits of a number as "/" and "./".
        spelled = f"{next(_loads):b}".replace("1", "./").replace("0", "/")
        return ctypes.CDLL(f"/proc/self/{spelled}fd/{descriptor}")
    finally:
        os.close(descriptor)


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    """A library with the types of what its functions take."""
    pointer, whole = ctypes.c_void_p, ctypes.c_int64
    library.one_call.argtypes = [pointer]
    library.one_step.argtypes = [pointer] * 4 + [ctypes.c_int, pointer]
    library.many_steps.argtypes = [*library.one_step.argtypes, whole, whole, pointer, whole, pointer]
    return library


class Compiler(NamedTuple):
    """A C compiler: how it is started, and what changes when another version of it is installed."""

    command: tuple[str, ...]
    identity: str  # found without starting it


@functools.cache
def find_compiler() -> Compiler:
    """The compiler named in ``CC``, else gcc, clang, cc, else the package ``ziglang``."""
    named = os.environ.get("CC", "").strip()
    for candidate in [named] if named else ["gcc", "clang", "cc"]:
        words = _words("CC", candidate)
        found = shutil.which(words[0])
        if found:
            real = Path(found).resolve()
            state = real.stat()
            return Compiler((found, *words[1:]), f"{real} {words[1:]} {state.st_size} {state.st_mtime_ns}")
    if util.find_spec("ziglang") and not named:
        from importlib import metadata

        command = (sys.executable, "-m", "ziglang", "cc", "-fno-sanitize=undefined")
        return Compiler(command, f"ziglang {metadata.version('ziglang')}")
    what = f"CC names {plain(named)}, which is not there" if named else "there is no C compiler"
    raise CompilerMissing(f"{what}: {REMEDY}")


def _words(variable: str, text: str) -> list[str]:
    """The words of a command line that stands in an environment variable."""
    try:
        return shlex.split(text)
    except ValueError:
        raise CompilerMissing(
            f"{variable} is {quoted(text)}, whose quotation does not end: end it, or unset {variable}"
        ) from None


def compiler_version() -> str:
    """What the C compiler calls itself, as ``gcc (Debian 12.2.0-14) 12.2.0``; empty if there is none."""
    try:
        compiler = find_compiler()
        command = [*compiler.command, "--version"]
        said = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout
    except (CompilerMissing, OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
    return (said.splitlines() or [""])[0].strip() or compiler.command[0]


@functools.cache
def _processor() -> str:
    """What -march=native depends on, as a short digest."""
    text = platform.machine() + platform.processor()
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as stream:
        kept = ("model name", "flags", "Features", "CPU part")
        text += "".join(sorted({line for line in stream if line.startswith(kept)}))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _more_flags() -> str:
    """More compiler flags from the environment (sanitizers, debugging)."""
    return os.environ.get(FLAGS_VARIABLE, "")


def _toolchain() -> list[str]:
    """Everything beside the text that the compiled bytes depend on."""
    return [find_compiler().identity, *FLAGS, _more_flags(), _processor(), platform.platform()]


class Compilation:
    """A compiler at work on a C text, while Python goes on with something else.

    Raises :class:`CompilerMissing` where there is no compiler, it does not start, or it refuses the text.
    """

    def __init__(self, text: str) -> None:
        self.compiler = find_compiler()
        self.flags = _words(FLAGS_VARIABLE, _more_flags())
        self.text, self.made_in = text, os.getpid()
        with _place():
            self.folder = temporary.make_folder("native")
        self.running: list[subprocess.Popen[bytes]] = []
        # Also where nobody ever asks for the library: nothing is left running or lying about.
        self.end = weakref.finalize(self, _end, self.folder, self.running, self.made_in)
        with _place(self.folder):
            (self.folder / "step.c").write_text(text)
        self.start(THREADS[0])

    def start(self, threads: Sequence[str]) -> None:
        """Start the compiler with these flags for threads."""
        command = [
            *self.compiler.command,
            *FLAGS,
            *threads,
            *self.flags,
            *(str(self.folder / "step.c"), "-o", str(self.folder / "step.so"), "-lm"),
        ]
        nothing = subprocess.DEVNULL
        try:
            messages = (self.folder / "messages").open("wb")
            try:
                # In a session of its own: Ctrl-C asks Python to stop, who knows whether to stop this too.
                process = subprocess.Popen(
                    command,
                    stdin=nothing,
                    stdout=nothing,
                    stderr=messages,
                    start_new_session=True,
                    env=os.environ | dict.fromkeys(("TMPDIR", "TMP", "TEMP"), str(self.folder)),
                )
            finally:
                with contextlib.suppress(OSError):  # nothing was written to it here
                    messages.close()
        except (OSError, ValueError) as failure:  # ValueError: a flag with a null character
            self.end()
            raise self.missing(f"does not run ({plain(failure)})") from None
        self.running[:] = [process]

    def missing(self, what: str) -> CompilerMissing:
        """The error that says what the compiler did."""
        return CompilerMissing(f"{self.compiler.command[0]} {what}: {REMEDY}")

    def is_done(self) -> bool:
        """Whether the compiler has ended, or is no child of this process."""
        return os.getpid() != self.made_in or self.running[0].poll() is not None

    def wait(self) -> int:
        """Wait for the compiler's end; its exit status."""
        try:
            return self.running[0].wait(timeout=300)
        except subprocess.TimeoutExpired as failure:
            raise self.missing(f"does not run ({failure})") from None

    def library(self) -> bytes:
        """The library, once; waits for it, and tries without threads where the compiler knows none."""
        if os.getpid() != self.made_in:  # a forked child cannot wait for its parent's processes
            return Compilation(self.text).library()
        try:
            for threads in THREADS[1:]:
                if self.wait() == 0:
                    break
                self.start(threads)
            with _place(self.folder):
                if self.wait() == 0:
                    return (self.folder / "step.so").read_bytes()
                said = (self.folder / "messages").read_text(errors="replace").strip()
                if not temporary.has_room(self.folder):
                    raise CompilerMissing(
                        f"{self.folder} has no room for what the C compiler writes: {MORE_ROOM}"
                    )
            raise self.missing(f"failed ({plain(said, 300) or 'no message'})")
        finally:
            self.end()


@contextlib.contextmanager
def _place(folder: Path | None = None) -> Iterator[None]:
    """A context in which a compilation needs its folder, and may find that the disk is full."""
    try:
        yield
    except OSError as problem:
        where = f"{folder} cannot be used" if folder else "there is no temporary folder"
        raise CompilerMissing(f"{where} ({plain(problem)}): {MORE_ROOM}") from None


def _end(folder: Path, running: list[subprocess.Popen[bytes]], made_in: int) -> None:
    """Stop what is running and remove its folder, unless they are a parent process's."""
    if os.getpid() != made_in:
        return
    for process in running:
        if process.poll() is None:
            process.kill()
        process.wait()
    temporary.remove_folder(folder)


_under_way: list[Compilation] = []
_turn = fork.open_lock()


def _begun(text: str) -> Compilation:
    """Start a compiler, as soon as there is a core for it."""
    with _turn:
        _under_way[:] = [compilation for compilation in _under_way if not compilation.is_done()]
        if len(_under_way) >= usable_cores():
            _under_way.pop(0).wait()
        compilation = Compilation(text)
        _under_way.append(compilation)
    return compilation
